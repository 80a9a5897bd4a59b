"""What calls about cards are refused with. The vendor's codes begin with `param.`; most are not published."""

from __future__ import annotations

from kowloon.dingtalk.platform.errors import Refusal

NO_CARD = Refusal(400002, "param.cardNotExist", "卡片不存在")
TAKEN = Refusal(400002, "param.outTrackId.exists", "outTrackId 已被其他应用使用")
TRACK_TOO_LONG = Refusal(400002, "param.outTrackId.tooLong", "outTrackId 超过最大长度 {most}")
DATA_TOO_LONG = Refusal(400002, "param.cardData.tooLong", "卡片数据超过最大长度 {most} 字节")
NOT_JSON = Refusal(400002, "param.{name}.invalid", "参数 {name} 不是合法的 JSON 对象")
WRONG_CALLBACK = Refusal(400002, "param.callbackType.invalid", "callbackType 只能是 STREAM 或 HTTP")
NO_ROUTE = Refusal(400002, "param.callbackRouteKey.notExist", "callbackRouteKey 未注册")
ROUTE_EXISTS = Refusal(400002, "param.callbackRouteKey.exists", "callbackRouteKey 已注册其他回调地址")
TOO_MANY_ROUTES = Refusal(400002, "param.callbackRouteKey.overMax", "callbackRouteKey 超过最大限制 {most}")
WRONG_URL = Refusal(400002, "param.callbackUrl.invalid", "callbackUrl 不是合法的地址")
WRONG_SPACE = Refusal(400002, "param.openSpaceId.invalid", "openSpaceId 不合法")
NOT_BUILT_SPACE = Refusal(501, "NotImplemented", "The space {kind} is not built in Kowloon.", 501)
WRONG_CONVERSATION_TYPE = Refusal(400002, "param.conversationType.invalid", "conversationType 只能是 0 或 1")
WRONG_RECEIVER = Refusal(400002, "param.receiver.invalid", "接收者不合法")
NO_ACTION = Refusal(400002, "param.actionId.invalid", "卡片上没有该按钮")
NOT_ANSWERED = Refusal(400002, "card.callback.failed", "应用未响应：{problem}", 504)
