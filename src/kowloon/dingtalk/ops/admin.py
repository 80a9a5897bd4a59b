"""What operators ask of rules."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec

from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.news import Kind
from kowloon.dingtalk.ops.rules import Rule, Rules
from kowloon.dingtalk.parts import Parts
from kowloon.wire.http import HttpRequest, HttpResponse

_PATH = "/_kowloon/dingtalk/rules"


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
        return answer_json({"rules": [self._shown(each) for each in self._rules.all(self._account(request))]})

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
        return answer_json(self._shown(rule), 201)

    async def remove(self, request: HttpRequest) -> HttpResponse:
        await self._rules.remove(self._account(request), request.path.removeprefix(f"{_PATH}/"))
        return answer_json({})

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
