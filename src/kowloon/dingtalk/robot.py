"""The custom robot's webhook, `POST /robot/send`: security settings, limits, all message types.

Answers HTTP 200 with `errcode`, as the vendor's. Order of checks is a design choice where it is not published:
method, JSON, token, robot state, address, signature, keyword, type and fields, size, rate.
"""

from __future__ import annotations

import hmac
import ipaddress
import string
from typing import Any
from urllib.parse import parse_qsl

from kowloon.actions.routes import Routes, answer_json
from kowloon.dingtalk import messages
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.addresses import is_from
from kowloon.dingtalk.platform.decode import read_body
from kowloon.dingtalk.platform.errors import MISSING, SYSTEM_BUSY, WRONG_METHOD, PlatformError, Refusal
from kowloon.dingtalk.platform.recent import Recent
from kowloon.dingtalk.resources import Robot
from kowloon.store.store import Transaction
from kowloon.wire.dingtalk_crypto import robot_signature
from kowloon.wire.encode import JSON_TYPE
from kowloon.wire.http import HttpRequest, HttpResponse

PER_MINUTE = 20
MUTED_S = 600.0
SIGNED_WITHIN_S = 3600.0

WRONG_TYPE = Refusal(43004, "UnsupportedMediaType", "无效的HTTP HEADER Content-Type", 415)
NO_ROBOT = Refusal(300005, "resource.unavailable", "token is not exist")
STOPPED = Refusal(400102, "resource.unavailable", "机器人已停用")
DISSOLVED = Refusal(400013, "invalid.openConversationId", "群已被解散")
NO_KEYWORD = Refusal(
    310000,
    "keywords.notMatched",
    "错误描述:关键词不匹配;解决方案:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;",
)
WRONG_TIME = Refusal(310000, "invalidParameter.timestamp.invalid", "invalid timestamp")
WRONG_SIGN = Refusal(
    310000,
    "invalidParameter.sign.invalid",
    "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中，"
    "请确认机器人的密钥加密和填写正确;link:请参考本接口对应文档获得具体要求，"
    "或者在https://open.dingtalk.com/document/  搜索相关文档;",
)
WRONG_ADDRESS = Refusal(
    310000,
    "Forbidden.AccessDenied.IpNotInWhiteList",
    "description:ip 不在白名单中;solution:请联系对应群的管理员，设置机器人安全ip地址段",
)
TOO_LONG = Refusal(460101, "invalidParameter.msgParam.invalid", f"message too long, exceed {messages.MOST_BYTES} bytes")
TOO_FAST = Refusal(130101, "send.too.fast", f"send too fast, exceed {PER_MINUTE} times per minute")


class RobotWebhook:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Per robot: what it posted, and until when it is muted. Cloud time.
        self._recent = Recent(PER_MINUTE, 60.0)
        self._muted_until: dict[str, float] = {}

    def register(self, routes: Routes) -> None:
        routes.add("GET POST PUT DELETE HEAD PATCH OPTIONS", "/robot/send", self.send, "own")

    async def send(self, request: HttpRequest) -> HttpResponse:
        if not self._parts.plane.serves():
            return HttpResponse(503, b"", content_type=JSON_TYPE)
        try:
            robot, body = self._admit(request)
            await self.post(robot, body, size_bytes=len(request.body))
        except PlatformError as refusal:
            return answer(refusal.errcode, refusal.message)
        return answer(0, "ok")

    def _admit(self, request: HttpRequest) -> tuple[Robot, dict[str, Any]]:
        if request.method != "POST":
            raise WRONG_METHOD.error()
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        token = query.get("access_token", "")
        if not token:
            raise MISSING.error(name="access_token")
        if "json" not in (request.header("content-type") or "").lower():
            raise WRONG_TYPE.error()
        body = read_body(request.body)
        robot = self._parts.store.get(Robot, token)
        if robot is None:
            raise NO_ROBOT.error()
        if robot.stopped:
            raise STOPPED.error()
        if robot.addresses and not is_from(request.peer, robot.addresses):
            raise WRONG_ADDRESS.error()
        _check_signature(robot, query, self._parts.clock.wall())
        return robot, body

    async def post(self, robot: Robot, body: dict[str, Any], *, size_bytes: int) -> None:
        """Content, size and rate, then the message stands in the group. Refusal when it does not."""
        if not self._parts.plane.serves():
            raise SYSTEM_BUSY.error()
        content = messages.parse(body)
        if robot.keywords and not any(word in content.title + content.text for word in robot.keywords):
            raise NO_KEYWORD.error()
        if size_bytes > messages.MOST_BYTES:
            raise TOO_LONG.error()
        conversation = self._parts.store.get(Conversation, robot.conversation)
        if conversation is None or conversation.dissolved:
            raise DISSOLVED.error()
        unique = f"{robot.sender_id}/{body['msgUuid']}" if body.get("msgUuid") else ""
        if not unique or not self._parts.messenger.log.known(conversation.id, unique):
            self._count(robot)
        sender = Sender("robot", robot.sender_id, robot.name)
        await self._parts.messenger.post(conversation, sender, content, unique=unique)

    def _count(self, robot: Robot) -> None:
        now = self._parts.clock.now()
        if now < self._muted_until.get(robot.id, 0.0):
            raise TOO_FAST.error()
        if not self._recent.count(robot.id, now):
            self._muted_until[robot.id] = now + MUTED_S
            raise TOO_FAST.error()
        self._muted_until.pop(robot.id, None)

    def forget(self) -> None:
        self._recent.forget()
        self._muted_until.clear()

    async def create(
        self,
        *,
        name: str,
        group: str,
        account: str = "",
        keywords: tuple[str, ...] = (),
        signed: bool = False,
        addresses: tuple[str, ...] = (),
    ) -> Robot:
        """A new robot in a group, which is a conversation's id, or a title: then in the one that operators have by
        it. ValueError without any security setting, as the vendor refuses."""
        if not (keywords or signed or addresses):
            raise ValueError("a robot needs keywords, a signature or addresses")
        if not all(keywords):
            raise ValueError("an empty keyword is in every message")
        for block in addresses:
            ipaddress.ip_network(block, strict=False)
        token = self._parts.ids.secret(64, string.hexdigits[:16])
        secret = "SEC" + self._parts.ids.secret(64, string.hexdigits[:16]) if signed else ""
        owner = account or self._parts.home()

        def body(tx: Transaction) -> Robot:
            conversation = tx.get(Conversation, group)
            if conversation is None or conversation.account != owner:
                conversation = self._parts.messenger.named_group(tx, owner, group)
            robot = Robot(
                id=token,
                account=owner,
                created_at=self._parts.clock.now(),
                name=name,
                group=conversation.title,
                conversation=conversation.id,
                keywords=keywords[:10],
                secret=secret,
                addresses=addresses,
            )
            tx.put(robot)
            return robot

        return await self._parts.store.run(body)


def answer(code: int, message: str) -> HttpResponse:
    return answer_json({"errcode": code, "errmsg": message})


def _check_signature(robot: Robot, query: dict[str, str], wall: float) -> None:
    if not robot.secret:
        return
    timestamp = query.get("timestamp", "")
    if not timestamp.isdecimal() or len(timestamp) > 16 or abs(int(timestamp) / 1000.0 - wall) > SIGNED_WITHIN_S:
        raise WRONG_TIME.error()
    # A sender that does not percent-encode delivers plus signs as spaces.
    given = query.get("sign", "").replace(" ", "+")
    if not hmac.compare_digest(robot_signature(robot.secret, timestamp).encode(), given.encode()):
        raise WRONG_SIGN.error()
