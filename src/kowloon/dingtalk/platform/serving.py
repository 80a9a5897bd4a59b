"""The way of a call of the open platform: find it, whose token, may it, how often, decode, run, encode, record."""

from __future__ import annotations

import logging
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from kowloon.actions.routes import Routes, answer_json
from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.core.masking import MASK, masked
from kowloon.dingtalk.contacts.resources import AccessToken, Application, Member
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform import errors
from kowloon.dingtalk.platform.addresses import is_from
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.decode import MOST_BODY_BYTES, MOST_FIELDS, read_body
from kowloon.dingtalk.platform.endpoints import Endpoint, Endpoints
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.platform.published import published_name
from kowloon.dingtalk.platform.recent import Recent
from kowloon.dingtalk.platform.record import record
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpRequest, HttpResponse
from kowloon.wire.parameters import FORM_TYPE

log = logging.getLogger("kowloon.dingtalk")

_TOKEN_HEADER: Final = "x-acs-dingtalk-access-token"
_METHODS: Final = "GET POST PUT DELETE"
_NEWER: Final = ("/v1.0/", "/v2.0/")
_TOPAPI: Final = "/topapi/"
# What is said to people: for them, and for nobody who may read the audit.
_WORDS: Final = frozenset({"msg", "msgParam", "content", "cardData", "privateData", "userIdPrivateDataMap"})


class OpenPlatform:
    """Both hosts of the platform on one port, told apart by path."""

    def __init__(self, endpoints: Endpoints, parts: Parts) -> None:
        self._endpoints = endpoints
        self._parts = parts
        # Calls of an application to an endpoint. Wall time.
        self._recent = Recent(limits.DINGTALK_CALLS_PER_S, 1.0)

    def register(self, routes: Routes) -> None:
        for prefix in (*_NEWER, _TOPAPI):
            routes.add(_METHODS, prefix, self.handle, "own")
        others = [each for each in self._endpoints.all if not each.path.startswith((*_NEWER, _TOPAPI))]
        for path, body_bytes in sorted({(each.path, each.body_bytes) for each in others}):
            routes.add(_METHODS, path, self.handle, "own", body_bytes=body_bytes)

    def forget(self) -> None:
        self._recent.forget()

    async def handle(self, request: HttpRequest) -> HttpResponse:
        older = not request.path.startswith(_NEWER)
        request_id = self._parts.ids.request_id()
        started = self._parts.clock.wall()
        call = Call(
            request=request, request_id=request_id, parts=self._parts, now=self._parts.clock.now(), wall=started
        )
        endpoint: Endpoint | None = None
        given: dict[str, Any] = {}
        failure: PlatformError | None = None
        answer: Any = None
        try:
            if not self._parts.plane.serves():
                raise errors.SYSTEM_BUSY.error()
            endpoint, given = self._find(request)
            self._identify(call, endpoint, given)
            answer = await self._run(call, endpoint, endpoint.decoder.decode(given))
        except PlatformError as error:
            failure = error
        except ApiError as error:
            failure = PlatformError(-1, error.code, error.message, status=error.status)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            failure = errors.INTERNAL.error()
        if isinstance(answer, HttpResponse):
            response = answer
        else:
            encode = _older if older else _newer
            response = encode(request, request_id, answer, failure)
        if endpoint is not None and call.account:
            record(
                self._parts,
                endpoint.name,
                account=call.account,
                application=call.application,
                member=call.member,
                request=request,
                request_id=request_id,
                began=started,
                reads=endpoint.reads,
                parameters=masked({name: MASK if name in _WORDS else value for name, value in given.items()}),
                failure=failure,
                status=response.status,
            )
        return response

    # --- steps ---

    def _find(self, request: HttpRequest) -> tuple[Endpoint, dict[str, Any]]:
        found = self._endpoints.find(request.path)
        for endpoint, variables in found:
            if request.method in endpoint.methods:
                return endpoint, {**_parameters(request, endpoint), **variables}
        if found:
            raise errors.WRONG_METHOD.error()
        name = published_name(request.method, request.path)
        if name:
            raise errors.NOT_BUILT.error(name=name)
        if request.path.startswith(_TOPAPI):
            method = "dingtalk.oapi." + request.path.removeprefix(_TOPAPI).replace("/", ".")
            raise PlatformError(22, "InvalidMethod", f"不合法ApiName，ApiName = {method}", wrapped=True)
        raise errors.NO_SUCH_URI.error()

    def _identify(self, call: Call, endpoint: Endpoint, given: dict[str, Any]) -> None:
        """Whose token it is, whether it may, and whether it calls too often."""
        if endpoint.auth == "none":
            return
        parts, request = self._parts, call.request
        text = str(given.get("access_token") or "") if endpoint.older else request.header(_TOKEN_HEADER) or ""
        if not text:
            raise (
                errors.TOKEN_BLANK.error()
                if not endpoint.older
                else PlatformError(40000, "", "access_token is blank", wrapped=True)
            )
        token = parts.store.get(AccessToken, text)
        if token is None or token.refresh or token.expires_at <= call.wall:
            raise errors.TOKEN_INVALID.error()
        application = parts.store.get(Application, token.application)
        if application is None or (endpoint.auth == "app" and token.userid):
            raise errors.TOKEN_INVALID.error()
        if token.userid:
            call.member = parts.store.get(Member, own_id(token.account, token.userid))
            if call.member is None:
                raise errors.TOKEN_INVALID.error()
        call.application, call.account = application, token.account
        if application.addresses and not is_from(request.peer, application.addresses):
            raise errors.ADDRESS_REFUSED.error()
        call.need(endpoint.scope)
        if not self._recent.count((application.id, endpoint.name), parts.clock.wall()):
            raise errors.TOO_FAST.error()

    async def _run(self, call: Call, endpoint: Endpoint, asked: Any) -> Any:
        if endpoint.waits:
            return await endpoint.handler(call, asked)

        def body(tx: Transaction) -> Any:
            return endpoint.handler(call, asked)

        return await call.write(body)


def _parameters(request: HttpRequest, endpoint: Endpoint) -> dict[str, Any]:
    """Of the query, and of a body as JSON or as a form. The query loses where both name something."""
    given: dict[str, Any] = _form(request.query)
    if not request.body or request.method == "GET":
        return given
    content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        return given
    if content_type == FORM_TYPE and endpoint.older:
        return {**given, **_form(request.body)}
    return {**given, **read_body(request.body)}


def _form(raw: str | bytes) -> dict[str, str]:
    try:
        if len(raw) > MOST_BODY_BYTES:
            raise ValueError("it is too long")
        text = raw if isinstance(raw, str) else raw.decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise errors.NOT_JSON.error() from None


def _older(request: HttpRequest, request_id: str, answer: Any, failure: PlatformError | None) -> HttpResponse:
    body: dict[str, Any]
    if failure is None:
        body = {"errcode": 0, "errmsg": "ok", **(msgspec.to_builtins(answer) if answer is not None else {})}
    elif failure.status in (501, 503):
        # No client of it retries what has another status than 200, and none takes it for an answer.
        return answer_json({"errcode": failure.errcode, "errmsg": failure.message}, failure.status)
    elif failure.wrapped and request.path.startswith(_TOPAPI):
        body = _wrapped(failure)
    else:
        body = {"errcode": failure.errcode, "errmsg": failure.message}
    return answer_json({**body, "request_id": request_id.lower().replace("-", "")[:12]})


def _wrapped(failure: PlatformError) -> dict[str, Any]:
    if failure.errcode == 22:
        return {"errcode": 22, "sub_msg": failure.message, "errmsg": f"Invalid method[submsg={failure.message}]"}
    return {
        "errcode": 88,
        "sub_code": str(failure.errcode),
        "sub_msg": failure.message,
        "errmsg": f"ding talk error[subcode={failure.errcode},submsg={failure.message}]",
    }


def _newer(request: HttpRequest, request_id: str, answer: Any, failure: PlatformError | None) -> HttpResponse:
    if failure is None:
        return answer_json(answer if answer is not None else {})
    told = {"code": failure.code, "message": failure.message, "requestid": request_id, **failure.detail}
    return answer_json(told, failure.status)
