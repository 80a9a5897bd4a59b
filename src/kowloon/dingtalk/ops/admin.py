"""What operators ask of rules."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec

from kowloon.actions.routes import Routes, json_body
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.ops.rules import Kind, Rule, Rules
from kowloon.dingtalk.parts import Parts
from kowloon.wire.http import HttpRequest, HttpResponse

_PATH = "/_kowloon/dingtalk/rules"
_JSON = "application/json;charset=utf-8"


class RuleBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    conversation: str
    account: str = ""
    events: tuple[Kind, ...] = ()
    about: tuple[str, ...] = ()
    level: Literal["INFO", "WARN", "CRITICAL"] = "WARN"
    at_all: bool = False


class RuleRoutes:
    def __init__(self, parts: Parts, rules: Rules) -> None:
        self._parts = parts
        self._rules = rules

    def register(self, routes: Routes) -> None:
        routes.add("GET", _PATH, self.list, "admin")
        routes.add("POST", _PATH, self.add, "admin")
        routes.add("DELETE", f"{_PATH}/", self.remove, "admin")

    def list(self, request: HttpRequest) -> HttpResponse:
        return _answer({"rules": [self._shown(each) for each in self._rules.all(self._account(request))]})

    async def add(self, request: HttpRequest) -> HttpResponse:
        body = json_body(request, RuleBody)
        rule = await self._rules.add(
            body.account or self._parts.home(),
            name=body.name,
            conversation=body.conversation,
            events=body.events,
            about=body.about,
            level=body.level,
            at_all=body.at_all,
        )
        return _answer(self._shown(rule), 201)

    async def remove(self, request: HttpRequest) -> HttpResponse:
        await self._rules.remove(self._account(request), request.path.removeprefix(f"{_PATH}/"))
        return _answer({})

    def _account(self, request: HttpRequest) -> str:
        return parse_qs(request.query).get("account", [""])[-1] or self._parts.home()

    def _shown(self, rule: Rule) -> dict[str, Any]:
        conversation = self._parts.store.get(Conversation, rule.conversation)
        return {
            "id": rule.id,
            "name": rule.name,
            "conversation": rule.conversation,
            "title": conversation.title if conversation is not None else "",
            "events": rule.events,
            "about": rule.about,
            "level": rule.level,
            "at_all": rule.at_all,
        }


def _answer(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, msgspec.json.encode(body), content_type=_JSON)
