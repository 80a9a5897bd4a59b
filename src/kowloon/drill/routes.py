"""Drills over the admin API, under /_kowloon/drills."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec

from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.core.errors import ApiError
from kowloon.drill.service import Drills
from kowloon.faults.scenario import Provider
from kowloon.wire.http import HttpRequest, HttpResponse

_PREFIX = "/_kowloon/drills/"


class CreateBody(msgspec.Struct, forbid_unknown_fields=True):
    """`scenario`: the name of a shipped one; with `text`, the name that complaints give to the YAML in it."""

    scenario: str = ""
    text: str = ""
    provider: Provider = "recorded"


class AdvanceBody(msgspec.Struct, forbid_unknown_fields=True):
    to_minute: float


class DrillRoutes:
    def __init__(self, drills: Drills) -> None:
        self._drills = drills

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/_kowloon/drills", self.all, "admin")
        routes.add("POST", "/_kowloon/drills", self.create, "admin")
        routes.add("GET POST", _PREFIX, self.one, "admin")

    def all(self, request: HttpRequest) -> HttpResponse:
        return answer_json({"drills": self._drills.all()})

    async def create(self, request: HttpRequest) -> HttpResponse:
        body = json_body(request, CreateBody)
        if not body.scenario and not body.text:
            raise ApiError("MissingParameter.scenario", 400, "Give the name of a scenario, or one as `text`.")
        return answer_json(await self._drills.create(body.scenario, body.provider, text=body.text), 201)

    async def one(self, request: HttpRequest) -> HttpResponse:
        """GET ID, GET ID/record, POST ID/advance, ID/heartbeat, ID/finish, ID/abort."""
        id, _, verb = request.path.removeprefix(_PREFIX).partition("/")
        match request.method, verb:
            case "GET", "":
                if "heartbeat" in parse_qs(request.query, keep_blank_values=True):
                    return answer_json(await self._drills.heartbeat(id))
                return answer_json(self._drills.get(id))
            case "GET", "record":
                return answer_json(self._drills.record(id))
            case "POST", "advance":
                return answer_json(await self._drills.advance(id, json_body(request, AdvanceBody).to_minute))
            case "POST", "heartbeat":
                return answer_json(await self._drills.heartbeat(id))
            case "POST", "finish":
                return answer_json(await self._drills.finish(id))
            case "POST", "abort":
                return answer_json(await self._drills.abort(id))
        raise ApiError(
            "NotFound", 404, "Use GET ID, GET ID/record, or POST ID/advance, ID/heartbeat, ID/finish, ID/abort."
        )
