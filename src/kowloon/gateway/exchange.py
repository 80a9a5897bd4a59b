"""One call on its way through the chain: each step reads what earlier steps found and adds its own."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions.declare import Action
from kowloon.actions.decode import Request
from kowloon.actions.ports import Principal
from kowloon.wire.http import HttpRequest
from kowloon.wire.identify import Call, Format, Style
from kowloon.wire.signatures import Credentials

_UNKNOWN = Call(Style.UNKNOWN)


class Exchange:
    __slots__ = (
        "account",
        "action",
        "answer",
        "call",
        "credentials",
        "decision",
        "fault",
        "input",
        "now",
        "parameters",
        "principal",
        "region",
        "request",
        "request_id",
        "resources",
        "wall",
    )

    def __init__(self, request: HttpRequest, request_id: str, now: float, wall: float) -> None:
        self.request = request
        self.request_id = request_id
        self.now = now
        self.wall = wall
        self.parameters: Mapping[str, str] = {}
        self.call: Call = _UNKNOWN
        self.action: Action | None = None
        self.region = ""
        self.credentials: Credentials | None = None
        self.principal: Principal | None = None
        self.account = ""
        self.input: Request | None = None
        self.decision = ""
        self.resources: tuple[str, ...] = ()
        self.fault = ""
        self.answer: object = None

    @property
    def declared(self) -> Action:
        assert self.action is not None
        return self.action

    @property
    def caller(self) -> Principal:
        assert self.principal is not None
        return self.principal

    @property
    def format(self) -> Format:
        return self.call.format
