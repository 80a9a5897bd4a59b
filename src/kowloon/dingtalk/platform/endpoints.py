"""Declaring the platform's endpoints. One decorated function is one call; its form, its token and its audit follow."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

from kowloon.core import limits
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import Decoder

Req = TypeVar("Req")
Res = TypeVar("Res")
# app: an application's token; any: also that of a person who signed in; none: the handler looks at credentials itself.
Auth = Literal["app", "any", "none"]
Handler = Callable[[Call, Any], Any]


class Endpoint:
    """`older`: of the host `oapi`, whose errors come with HTTP 200. `scope`: the permission that an application needs.
    A handler that is a plain function is one store transaction (`call.tx`) and may run again; a coroutine function
    runs outside, and writes by `call.write`."""

    def __init__(
        self,
        handler: Handler,
        request: type[Any],
        *,
        older: bool,
        methods: tuple[str, ...],
        path: str,
        auth: Auth,
        scope: str,
        reads: bool,
        body_bytes: int,
    ) -> None:
        self.handler = handler
        self.decoder = Decoder(request)
        self.older = older
        self.methods = methods
        self.path = path
        self.auth = auth
        self.scope = scope
        self.reads = reads
        self.body_bytes = body_bytes
        self.waits = inspect.iscoroutinefunction(handler)
        self.segments = tuple(path.split("/"))

    @property
    def name(self) -> str:
        """As the audit and its answers call it."""
        return f"{'/'.join(self.methods)} {self.path}"

    def variables(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """Those of the path, when it is this endpoint's."""
        if len(segments) != len(self.segments):
            return None
        found: dict[str, str] = {}
        for own, given in zip(self.segments, segments, strict=True):
            if own.startswith("{"):
                found[own[1:-1]] = given
            elif own != given:
                return None
        return found


class Nothing(msgspec.Struct):
    """A request without fields."""


class Endpoints:
    """All that is declared. Of two that fit a path, the one without variables goes first."""

    def __init__(self) -> None:
        self.all: list[Endpoint] = []
        self._exact: dict[str, list[Endpoint]] = {}
        self._patterns: dict[int, list[Endpoint]] = {}

    def older(
        self,
        path: str,
        *,
        methods: str = "POST GET",
        auth: Auth = "app",
        scope: str = "",
        reads: bool = False,
        body_bytes: int = limits.MAX_BODY_BYTES,
    ) -> Callable[[Callable[[Call, Req], Res]], Callable[[Call, Req], Res]]:
        """Of `oapi.dingtalk.com`: parameters in the query, as JSON or as a form. The handler's answer goes beside
        `errcode`, `errmsg` and `request_id`."""
        return self._declare(path, methods, auth, scope, older=True, reads=reads, body_bytes=body_bytes)

    def newer(
        self, methods: str, path: str, *, auth: Auth = "app", scope: str = "", reads: bool | None = None
    ) -> Callable[[Callable[[Call, Req], Res]], Callable[[Call, Req], Res]]:
        """Of `api.dingtalk.com`: JSON, and parameters in the path and the query. The handler's answer is the body."""
        is_read = methods == "GET" if reads is None else reads
        return self._declare(path, methods, auth, scope, older=False, reads=is_read, body_bytes=limits.MAX_BODY_BYTES)

    def _declare(
        self, path: str, methods: str, auth: Auth, scope: str, *, older: bool, reads: bool, body_bytes: int
    ) -> Callable[[Callable[[Call, Req], Res]], Callable[[Call, Req], Res]]:
        def declare(handler: Callable[[Call, Req], Res]) -> Callable[[Call, Req], Res]:
            request = typing.get_type_hints(handler)["req"]
            endpoint = Endpoint(
                handler,
                request,
                older=older,
                methods=tuple(methods.split()),
                path=path,
                auth=auth,
                scope=scope,
                reads=reads,
                body_bytes=body_bytes,
            )
            if any(each.path == path and set(each.methods) & set(endpoint.methods) for each in self.all):
                raise ValueError(f"{endpoint.name} is declared twice")
            self.all.append(endpoint)
            if "{" in path:
                self._patterns.setdefault(len(endpoint.segments), []).append(endpoint)
            else:
                self._exact.setdefault(path, []).append(endpoint)
            return handler

        return declare

    def find(self, path: str) -> list[tuple[Endpoint, dict[str, str]]]:
        """All of that path, whatever their method, each with the variables."""
        exact = self._exact.get(path)
        if exact:
            return [(each, {}) for each in exact]
        segments = tuple(path.split("/"))
        found: list[tuple[Endpoint, dict[str, str]]] = []
        for endpoint in self._patterns.get(len(segments), ()):
            variables = endpoint.variables(segments)
            if variables is not None:
                found.append((endpoint, variables))
        return found


#: Modules declare theirs here when they are imported, as products do with their actions.
endpoints = Endpoints()
