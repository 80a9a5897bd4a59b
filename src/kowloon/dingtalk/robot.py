"""The custom robot's webhook, `POST /robot/send`: security settings, limits, all message types.

Answers HTTP 200 with `errcode`, as the vendor's. Order of checks is a design choice where it is not published:
method, JSON, token, robot state, address, signature, keyword, type and fields, size, rate.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import string
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from kowloon.actions.routes import Routes
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.dingtalk import messages
from kowloon.dingtalk.plane import MessengerPlane
from kowloon.dingtalk.resources import Message, MessageId, Refusal, Robot
from kowloon.store.store import Store, Transaction
from kowloon.wire.http import HttpRequest, HttpResponse

PER_MINUTE = 20
MUTED_S = 600.0
SIGNED_WITHIN_S = 3600.0
MESSAGES_KEPT = 2_000
_JSON = "application/json;charset=utf-8"


class RobotWebhook:
    def __init__(self, store: Store, clock: Clock, ids: Ids, plane: MessengerPlane) -> None:
        self._plane = plane
        self._store = store
        self._clock = clock
        self._ids = ids
        # Per robot: when it posted within the last minute, and until when it is muted. Cloud time.
        self._recent: dict[str, deque[float]] = {}
        self._muted_until: dict[str, float] = {}

    def register(self, routes: Routes) -> None:
        routes.add("GET POST PUT DELETE HEAD PATCH OPTIONS", "/robot/send", self.send, "own")

    async def send(self, request: HttpRequest) -> HttpResponse:
        if not self._plane.serves():
            return HttpResponse(503, b"", content_type=_JSON)
        try:
            robot, body = self._admit(request)
            await self.post(robot, body, size_bytes=len(request.body))
        except Refusal as refusal:
            return _answer(refusal.code, refusal.message)
        return _answer(0, "ok")

    def _admit(self, request: HttpRequest) -> tuple[Robot, dict[str, Any]]:
        if request.method != "POST":
            raise Refusal(43002, "需要POST请求")
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        token = query.get("access_token", "")
        if not token:
            raise Refusal(40035, "缺少参数 access_token")
        if "json" not in (request.header("content-type") or "").lower():
            raise Refusal(43004, "无效的HTTP HEADER Content-Type")
        try:
            body = msgspec.json.decode(request.body)
        except (msgspec.DecodeError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise Refusal(40035, "缺少参数 json")
        robot = self._store.get(Robot, token)
        if robot is None:
            raise Refusal(300005, "token is not exist")
        if robot.stopped:
            raise Refusal(400102, "机器人已停用")
        _check_address(robot, request.peer)
        _check_signature(robot, query, self._clock.wall())
        return robot, body

    async def post(self, robot: Robot, body: dict[str, Any], *, size_bytes: int) -> None:
        """Content, size and rate, then the message stands in the group. Refusal when it does not."""
        if not self._plane.serves():
            raise Refusal(-1, "系统繁忙")
        content = messages.parse(body)
        if robot.keywords and not any(word in content.title + content.text for word in robot.keywords):
            raise Refusal(
                310000,
                "错误描述:关键词不匹配;解决方案:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;",
            )
        if size_bytes > messages.MOST_BYTES:
            raise Refusal(460101, "message too long, exceed 20000 bytes")
        repeated = self._repeated(robot, body)
        if not repeated:
            self._count(robot)
            await self._store.run(lambda tx: self._write(tx, robot, body, content))

    def _repeated(self, robot: Robot, body: dict[str, Any]) -> bool:
        uuid = body.get("msgUuid")
        return bool(uuid) and self._store.get(MessageId, f"{robot.id}/{uuid}") is not None

    def _count(self, robot: Robot) -> None:
        now = self._clock.now()
        recent = self._recent.setdefault(robot.id, deque())
        while recent and recent[0] <= now - 60.0:
            recent.popleft()
        if now < self._muted_until.get(robot.id, 0.0) or len(recent) >= PER_MINUTE:
            self._muted_until.setdefault(robot.id, now + MUTED_S)
            if self._muted_until[robot.id] <= now:
                self._muted_until[robot.id] = now + MUTED_S
            raise Refusal(130101, f"send too fast, exceed {PER_MINUTE} times per minute")
        self._muted_until.pop(robot.id, None)
        recent.append(now)

    def _write(self, tx: Transaction, robot: Robot, body: dict[str, Any], content: messages.Content) -> None:
        kept = tx.list(Message)
        sequence = kept[-1].sequence + 1 if kept else 1
        for old in kept[: max(len(kept) + 1 - MESSAGES_KEPT, 0)]:
            tx.delete(old)
        now = self._clock.now()
        tx.put(
            Message(
                id=f"{sequence:012d}",
                created_at=now,
                sequence=sequence,
                robot_id=robot.id,
                group=robot.group,
                message_type=content.message_type,
                title=content.title,
                text=content.text,
                body=body,
                at_user_ids=content.at.user_ids,
                at_mobiles=content.at.mobiles,
                at_all=content.at.everyone,
            )
        )
        uuid = body.get("msgUuid")
        if uuid:
            seen = tx.list(MessageId)
            for old_id in seen[: max(len(seen) + 1 - MESSAGES_KEPT, 0)]:
                tx.delete(old_id)
            tx.put(MessageId(id=f"{robot.id}/{uuid}", created_at=now))

    async def create(
        self,
        *,
        name: str,
        group: str,
        keywords: tuple[str, ...] = (),
        signed: bool = False,
        addresses: tuple[str, ...] = (),
    ) -> Robot:
        """A new robot in a group. ValueError without any security setting, as the vendor refuses."""
        if not (keywords or signed or addresses):
            raise ValueError("a robot needs keywords, a signature or addresses")
        if not all(keywords):
            raise ValueError("an empty keyword is in every message")
        for block in addresses:
            ipaddress.ip_network(block, strict=False)
        robot = Robot(
            id=self._ids.secret(64, string.hexdigits[:16]),
            created_at=self._clock.now(),
            name=name,
            group=group,
            keywords=keywords[:10],
            secret="SEC" + self._ids.secret(64, string.hexdigits[:16]) if signed else "",
            addresses=addresses,
        )
        await self._store.run(lambda tx: tx.put(robot))
        return robot


def _answer(code: int, message: str) -> HttpResponse:
    return HttpResponse(200, msgspec.json.encode({"errcode": code, "errmsg": message}), content_type=_JSON)


def _check_address(robot: Robot, peer: str) -> None:
    if not robot.addresses:
        return
    caller = ipaddress.ip_address(peer)
    if not any(caller in ipaddress.ip_network(block, strict=False) for block in robot.addresses):
        raise Refusal(310000, "description:ip 不在白名单中;solution:请联系对应群的管理员，设置机器人安全ip地址段")


def signature(timestamp: str, secret: str) -> str:
    """What the vendor's clients send as `sign`, before it is percent-encoded."""
    digest = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def _check_signature(robot: Robot, query: dict[str, str], wall: float) -> None:
    if not robot.secret:
        return
    timestamp = query.get("timestamp", "")
    if not timestamp.isdigit() or len(timestamp) > 16 or abs(int(timestamp) / 1000.0 - wall) > SIGNED_WITHIN_S:
        raise Refusal(310000, "invalid timestamp")
    # A sender that does not percent-encode delivers plus signs as spaces.
    given = query.get("sign", "").replace(" ", "+")
    if not hmac.compare_digest(signature(timestamp, robot.secret).encode(), given.encode()):
        raise Refusal(
            310000,
            "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中，"
            "请确认机器人的密钥加密和填写正确;link:请参考本接口对应文档获得具体要求，"
            "或者在https://open.dingtalk.com/document/  搜索相关文档;",
        )
