"""A robot in a paper cloud and what its webhook answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from kowloon.dingtalk.resources import Message, Robot
from tests.core.parts import Caller, get

TEXT = {"msgtype": "text", "text": {"content": "告警 CPU 95%"}}
Answer = tuple[int, str]
OK: Answer = (0, "ok")


async def robot(caller: Caller, **settings: Any) -> Robot:
    return await caller.cloud.webhook.create(name="alarms", group="ops", **(settings or {"keywords": ("告警",)}))


async def post(
    caller: Caller,
    token: str,
    body: object,
    *,
    query: dict[str, str] | None = None,
    content_type: str = "application/json",
    method: str = "POST",
    peer: str = "127.0.0.1",
) -> Answer:
    """The webhook's errcode and errmsg; it answers HTTP 200 to everything."""
    fields = {"access_token": token, **(query or {})}
    target = "/robot/send?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())
    request = get(target, ("content-type", content_type), host="oapi.dingtalk.com", method=method)
    request.body = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    request.peer = peer
    response = await caller.cloud.front.handle(request)
    assert response.status == 200
    assert dict(response.headers)["Content-Type"] == "application/json;charset=utf-8"
    answer = json.loads(response.body)
    assert set(answer) == {"errcode", "errmsg"}
    return answer["errcode"], answer["errmsg"]


def messages(caller: Caller, group: str = "ops") -> list[Message]:
    return [message for message in caller.cloud.store.list(Message) if message.group == group]
