"""Routes beside the API actions: admin calls, the robot's webhook. Packages register them; the gateway dispatches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import msgspec

from kowloon.core import limits
from kowloon.core.errors import ErrorSpec
from kowloon.wire.encode import JSON_TYPE
from kowloon.wire.http import HttpRequest, HttpResponse

B = TypeVar("B")
Handler = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]
# open: anyone who reaches the port. admin: the token of KOWLOON_HOME. own: the handler checks its callers itself.
Access = Literal["open", "admin", "own"]


_INVALID_BODY = ErrorSpec("InvalidBody", 400, "The body is not as expected: {problem}.")


class Route(msgspec.Struct, frozen=True):
    """`path` is exact, or a prefix when it ends with `/`. Bodies have at most `body_bytes`."""

    methods: tuple[str, ...]
    path: str
    handler: Handler
    access: Access
    body_bytes: int = limits.MAX_BODY_BYTES


class Routes:
    def __init__(self) -> None:
        self._exact: dict[str, list[Route]] = {}
        self._prefixes: list[Route] = []

    def add(
        self, methods: str, path: str, handler: Handler, access: Access, *, body_bytes: int = limits.MAX_BODY_BYTES
    ) -> None:
        """`methods`: separated by spaces."""
        route = Route(tuple(methods.split()), path, handler, access, body_bytes)
        if path.endswith("/"):
            self._prefixes.append(route)
            self._prefixes.sort(key=lambda prefix: -len(prefix.path))
        else:
            self._exact.setdefault(path, []).append(route)

    def candidates(self, path: str) -> list[Route]:
        """Routes of that path, whatever their method; empty when the path is none of ours."""
        exact = self._exact.get(path)
        if exact:
            return exact
        longest = next((prefix.path for prefix in self._prefixes if path.startswith(prefix.path)), None)
        return [prefix for prefix in self._prefixes if prefix.path == longest] if longest else []


def json_body(request: HttpRequest, kind: type[B]) -> B:
    """The body as that type; nothing at all counts as an empty object. ApiError for what is none, whatever it is."""
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _INVALID_BODY.error(problem=problem) from None


def answer_json(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, msgspec.json.encode(body), content_type=JSON_TYPE)
