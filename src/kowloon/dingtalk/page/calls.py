"""The way of a call of the chat page: from a page of ours, of whom, what is asked, who is told. Answers are JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from kowloon.actions.browser import ORIGIN_REFUSED, SIGN_IN_NEEDED, check_host, check_page, is_foreign
from kowloon.actions.routes import Routes
from kowloon.core.errors import ApiError
from kowloon.dingtalk.contacts.people import SignedInPeople
from kowloon.dingtalk.page import errors
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import MOST_BODY_BYTES
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.platform.record import record
from kowloon.wire.encode import JSON_TYPE
from kowloon.wire.http import HttpRequest, HttpResponse

PREFIX: Final = "/dingtalk/api/"
FILE_TYPE: Final = "application/octet-stream"
Handler = Callable[[Call, dict[str, str]], Awaitable[object] | object]


class PageCall(NamedTuple):
    """`path` behind the prefix, with `{variables}`. `name`: under which the audit has it; what has none is not kept
    there: reading, and what only concerns the reader. `body_bytes`: not JSON but a file of so many bytes at most."""

    method: str
    path: str
    handler: Handler
    name: str = ""
    body_bytes: int = 0


class PageCalls:
    def __init__(self, parts: Parts, people: SignedInPeople, calls: list[PageCall]) -> None:
        self._parts = parts
        self._people = people
        self._calls = [(each, each.path.split("/")) for each in calls]

    def register(self, routes: Routes) -> None:
        routes.add("GET POST", PREFIX, self.handle, "own")
        for call, _ in self._calls:
            if call.body_bytes:
                routes.add("GET POST", PREFIX + call.path, self.handle, "own", body_bytes=call.body_bytes)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """ApiErrors are the front's to answer."""
        check_host(request)
        if is_foreign(request):
            raise ORIGIN_REFUSED.error()
        page_call, given = self._find(request)
        if page_call.body_bytes:
            # A type that no form has: other pages cannot send it without asking.
            if (request.header("content-type") or "") != FILE_TYPE:
                raise errors.FILE_NEEDED.error(type=FILE_TYPE)
        elif request.method == "POST":
            check_page(request)
            if len(request.body) > MOST_BODY_BYTES:
                raise errors.BODY_TOO_LARGE.error(most=MOST_BODY_BYTES)
        member = await self._people.person_of(request)
        if member is None:
            raise SIGN_IN_NEEDED.error()
        if not self._parts.plane.serves():
            raise errors.UNAVAILABLE.error()
        call = Call(
            request=request,
            request_id=self._parts.ids.request_id(),
            parts=self._parts,
            now=self._parts.clock.now(),
            wall=self._parts.clock.wall(),
            account=member.account,
            member=member,
        )
        failure: ApiError | None = None
        try:
            answer = page_call.handler(call, given)
            if isinstance(answer, Awaitable):
                answer = await answer
        except PlatformError as refused:
            failure = ApiError(refused.code, max(refused.status, 400), refused.message)
        except ApiError as refused:
            failure = refused
        if page_call.name:
            record(
                self._parts,
                page_call.name,
                account=call.account,
                member=call.member,
                request=call.request,
                request_id=call.request_id,
                began=call.wall,
                parameters=dict(given),
                failure=failure,
            )
        if failure is not None:
            raise failure
        if isinstance(answer, HttpResponse):
            return answer
        headers = [("Content-Type", JSON_TYPE), ("Cache-Control", "no-store")]
        return HttpResponse(200, msgspec.json.encode(answer), headers=headers)

    def _find(self, request: HttpRequest) -> tuple[PageCall, dict[str, str]]:
        name = request.path.removeprefix(PREFIX)
        segments = name.split("/")
        found: dict[str, tuple[PageCall, dict[str, str]]] = {}
        for call, pattern in self._calls:
            given = _variables(pattern, segments)
            if given is not None:
                found.setdefault(call.method, (call, given))
        if not found:
            raise errors.NO_SUCH_CALL.error(name=name)
        if request.method not in found:
            raise errors.WRONG_METHOD.error(methods=", ".join(sorted(found)))
        return found[request.method]


def _variables(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    given: dict[str, str] = {}
    for own, segment in zip(pattern, segments, strict=True):
        if own.startswith("{"):
            given[own[1:-1]] = unquote(segment)
        elif own != segment:
            return None
    return given


def asked_number(call: Call, name: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
    """A number of the query."""
    text = asked_text(call, name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and least <= int(text) <= most):
        raise errors.RANGE.error(name=name, least=least, most=most)
    return int(text)


def asked_text(call: Call, name: str) -> str:
    return parse_qs(call.request.query).get(name, [""])[-1]
