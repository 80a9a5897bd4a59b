"""What calls about todo, calendars and attendance are refused with. Of todo the codes and texts are the vendor's; of
the others few are published."""

from __future__ import annotations

from kowloon.dingtalk.platform.errors import Refusal

WRONG_TASK = Refusal(400002, "todo.task{verb}.paramError", "{problem}")
NO_EVENT = Refusal(400002, "invalidParameter.event.notFound", "日程不存在", 404)
NO_CALENDAR = Refusal(400002, "invalidParameter.calendarId.invalid", "calendarId 只能是 primary")
NOT_ORGANIZER = Refusal(400002, "forbidden.organizer", "只有日程组织者可以操作", 403)
TOO_MANY = Refusal(400002, "invalidParameter.{name}.overMax", "参数 {name} 超过最大限制 {most}")
NO_UNION_ID = Refusal(400002, "invalidParameter.unionId.notFound", "用户不存在")
FULL = Refusal(400002, "overLimit.{name}", "{name} 已达上限 {most}")
DUPLICATE_TOKEN = Refusal(400002, "invalidRequest.duplicateClientToken", "重复的 x-client-token", 409)
NO_USER = Refusal(60121, "invalidParameter.userid.notFound", "找不到该用户")
NO_SHIFT = Refusal(400002, "invalidParameter.shift.notFound", "班次不存在")
NO_GROUP = Refusal(400002, "invalidParameter.group.notFound", "考勤组不存在")
WRONG = Refusal(400002, "invalidParameter.{name}.invalid", "参数 {name} 不合法")
NOT_TURN = Refusal(400002, "invalidParameter.group.type", "只有排班制考勤组可以排班")
NOT_IN_GROUP = Refusal(400002, "invalidParameter.userid.notInGroup", "用户 {userid} 不在考勤组中")
NAME_TAKEN = Refusal(400002, "invalidParameter.name.exists", "名称已存在")
SHIFT_IN_USE = Refusal(400002, "invalidParameter.shift.inUse", "班次正在使用，不允许删除")
