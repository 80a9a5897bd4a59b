"""What operators ask of the messenger: robots and applications, new ones, the messages in the groups."""

from __future__ import annotations

import ipaddress
import string
from typing import Any
from urllib.parse import parse_qs

import msgspec

from kowloon.actions.routes import Routes, answer_json
from kowloon.core.errors import ApiError
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.contacts.login import check_redirect_uri
from kowloon.dingtalk.contacts.operators import account_of
from kowloon.dingtalk.contacts.resources import Application, corp_id
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.resources import Robot
from kowloon.dingtalk.robot import RobotWebhook
from kowloon.engines.dialler import check_url
from kowloon.wire.http import HttpRequest, HttpResponse

_MOST = 2_000


class RobotBody(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    group: str
    keywords: tuple[str, ...] = ()
    signed: bool = False
    addresses: tuple[str, ...] = ()


class ApplicationBody(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    account: str = ""
    scopes: tuple[str, ...] = ("*",)
    addresses: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    robot_url: str = ""


class DingTalkAdmin:
    def __init__(self, parts: Parts, webhook: RobotWebhook) -> None:
        self._parts = parts
        self._webhook = webhook

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/_kowloon/dingtalk/messages", self.messages, "admin")
        routes.add("GET", "/_kowloon/dingtalk/robots", self.robots, "admin")
        routes.add("POST", "/_kowloon/dingtalk/robots", self.create, "admin")
        routes.add("GET", "/_kowloon/dingtalk/applications", self.applications, "admin")
        routes.add("POST", "/_kowloon/dingtalk/applications", self.create_application, "admin")

    def messages(self, request: HttpRequest) -> HttpResponse:
        """Messages after `?after=SEQUENCE`, oldest first, so many at a time; of one `?group=` if given."""
        asked = parse_qs(request.query)
        after, group = asked.get("after", ["0"])[-1], asked.get("group", [""])[-1]
        if not (after.isascii() and after.isdigit() and len(after) <= 19):
            raise ApiError("InvalidParameter.after", 400, "after is the sequence number of a message.")
        rows: list[dict[str, Any]] = []
        messenger = self._parts.messenger
        for position, kept in messenger.log.everything(after=int(after), most=_MOST):
            conversation = self._parts.store.get(Conversation, kept.conversation)
            if conversation is None or group not in ("", conversation.title):
                continue
            said = messenger.read(kept)
            rows.append(
                {
                    "sequence": position,
                    "at": kept.at,
                    "group": conversation.title,
                    "sender": said.sender.name,
                    "type": said.type,
                    "title": said.title,
                    "text": said.text,
                    "at_all": said.at_all,
                }
            )
        return answer_json({"messages": rows})

    def robots(self, request: HttpRequest) -> HttpResponse:
        return answer_json({"robots": [_shown(robot) for robot in self._parts.store.list(Robot)]})

    async def create(self, request: HttpRequest) -> HttpResponse:
        try:
            body = msgspec.json.decode(request.body, type=RobotBody)
            robot = await self._webhook.create(
                name=body.name, group=body.group, keywords=body.keywords, signed=body.signed, addresses=body.addresses
            )
        except (msgspec.DecodeError, ValueError, RecursionError) as problem:
            raise ApiError("InvalidBody", 400, f"The robot is not as expected: {problem}.") from None
        return answer_json(_shown(robot), 201)

    def applications(self, request: HttpRequest) -> HttpResponse:
        return answer_json({"applications": [_application(each) for each in self._parts.store.list(Application)]})

    async def create_application(self, request: HttpRequest) -> HttpResponse:
        """An internal application of an organisation, with its robot: what the developer console gives."""
        try:
            body = msgspec.json.decode(request.body, type=ApplicationBody)
            for block in body.addresses:
                ipaddress.ip_network(block, strict=False)
            for uri in body.redirect_uris:
                check_redirect_uri(uri)
            if body.robot_url:
                check_url(body.robot_url)
        except (msgspec.DecodeError, ValueError, RecursionError) as problem:
            raise ApiError("InvalidBody", 400, f"The application is not as expected: {problem}.") from None
        account = account_of(self._parts, body.account)
        ids = self._parts.ids
        application = Application(
            id="ding" + ids.secret(16, string.ascii_lowercase + string.digits),
            account=account,
            created_at=self._parts.clock.now(),
            name=body.name,
            secret=ids.secret(64),
            agent_id=int(ids.digits(10)),
            scopes=body.scopes,
            addresses=body.addresses,
            redirect_uris=body.redirect_uris,
            robot_url=body.robot_url,
        )
        await self._parts.store.run(lambda tx: tx.put(application))
        return answer_json(_application(application), 201)


def _application(application: Application) -> dict[str, Any]:
    return {
        "name": application.name,
        "account": application.account,
        "corp_id": corp_id(application.account),
        "app_key": application.id,
        "app_secret": application.secret,
        "agent_id": application.agent_id,
        "scopes": list(application.scopes),
        "redirect_uris": list(application.redirect_uris),
        "robot_url": application.robot_url,
    }


def _shown(robot: Robot) -> dict[str, Any]:
    return {
        "name": robot.name,
        "group": robot.group,
        "webhook": f"/robot/send?access_token={robot.id}",
        "secret": robot.secret,
        "keywords": list(robot.keywords),
        "addresses": list(robot.addresses),
    }
