"""What operators ask of the messenger: the robots there are, new ones, the messages in the groups."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec

from kowloon.actions.routes import Routes
from kowloon.core.errors import ApiError
from kowloon.dingtalk.resources import Message, Robot
from kowloon.dingtalk.robot import RobotWebhook
from kowloon.store.store import Store
from kowloon.wire.http import HttpRequest, HttpResponse

_JSON = "application/json;charset=utf-8"


class RobotBody(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    group: str
    keywords: tuple[str, ...] = ()
    signed: bool = False
    addresses: tuple[str, ...] = ()


class DingTalkAdmin:
    def __init__(self, store: Store, webhook: RobotWebhook) -> None:
        self._store = store
        self._webhook = webhook

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/_kowloon/dingtalk/messages", self.messages, "admin")
        routes.add("GET", "/_kowloon/dingtalk/robots", self.robots, "admin")
        routes.add("POST", "/_kowloon/dingtalk/robots", self.create, "admin")

    def messages(self, request: HttpRequest) -> HttpResponse:
        """The messages after `?after=SEQUENCE`, oldest first; of one `?group=` if given."""
        asked = parse_qs(request.query)
        after, group = asked.get("after", ["0"])[-1], asked.get("group", [""])[-1]
        if not after.isdigit():
            raise ApiError("InvalidParameter.after", 400, "after is the sequence number of a message.")
        rows = [
            {
                "sequence": message.sequence,
                "at": message.created_at,
                "group": message.group,
                "type": message.message_type,
                "title": message.title,
                "text": message.text,
                "at_all": message.at_all,
            }
            for message in self._store.list(Message)
            if message.sequence > int(after) and group in ("", message.group)
        ]
        return _json({"messages": rows})

    def robots(self, request: HttpRequest) -> HttpResponse:
        return _json({"robots": [_shown(robot) for robot in self._store.list(Robot)]})

    async def create(self, request: HttpRequest) -> HttpResponse:
        try:
            body = msgspec.json.decode(request.body, type=RobotBody)
            robot = await self._webhook.create(
                name=body.name, group=body.group, keywords=body.keywords, signed=body.signed, addresses=body.addresses
            )
        except (msgspec.DecodeError, ValueError, RecursionError) as problem:
            raise ApiError("InvalidBody", 400, f"The robot is not as expected: {problem}.") from None
        return _json(_shown(robot), 201)


def _shown(robot: Robot) -> dict[str, Any]:
    return {
        "name": robot.name,
        "group": robot.group,
        "webhook": f"/robot/send?access_token={robot.id}",
        "secret": robot.secret,
        "keywords": list(robot.keywords),
        "addresses": list(robot.addresses),
    }


def _json(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, msgspec.json.encode(body), content_type=_JSON)
