"""A robot in a paper cloud and what its webhook answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from kowloon.app import Cloud
from kowloon.dingtalk.chat.resources import Said
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import own_id
from kowloon.dingtalk.resources import Robot
from kowloon.engines.messages.log import Kept
from kowloon.store.store import Transaction
from tests.core.parts import Caller, get

TEXT = {"msgtype": "text", "text": {"content": "告警 CPU 95%"}}
Answer = tuple[int, str]
OK: Answer = (0, "ok")


async def robot(caller: Caller, **settings: Any) -> Robot:
    return await caller.cloud.dingtalk.webhook.create(
        name="alarms", group="ops", **(settings or {"keywords": ("告警",)})
    )


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


async def members(caller: Caller, mobiles: dict[str, str]) -> None:
    """People of the home account's organisation, each with a mobile."""
    account = caller.cloud.identity.account_id

    def body(tx: Transaction) -> None:
        for userid, mobile in mobiles.items():
            tx.put(
                Member(
                    id=own_id(account, userid),
                    account=account,
                    userid=userid,
                    union_id=f"union-{userid}",
                    name=userid.title(),
                    mobile=mobile,
                )
            )

    await caller.cloud.store.run(body)


def standing(cloud: Cloud, group: str) -> list[Said]:
    """What stands in the group of that title."""
    return [said for _, said in kept_in(cloud, group)]


def kept_in(cloud: Cloud, group: str) -> list[tuple[Kept, Said]]:
    messenger = cloud.dingtalk.messenger
    found = [each for each in messenger.conversations(cloud.identity.account_id) if each.title == group]
    return [(kept, messenger.read(kept)) for each in found for kept in messenger.log.read(each.id, most=10_000)]


def messages(caller: Caller, group: str = "ops") -> list[Said]:
    return standing(caller.cloud, group)
