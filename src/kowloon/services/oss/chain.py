"""The way of an object call: one ordered list of steps, and one place where exceptions become bytes.

OSS speaks a protocol of its own (calls are told by host, path and query, bodies are streams, errors are its own XML),
so it has a chain of its own, with the same order as that of the other APIs.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any, Final

import msgspec

from kowloon.actions.ports import ANONYMOUS as ANONYMOUS_PRINCIPAL
from kowloon.actions.ports import AccessKey, Principal
from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.core.events import RequestEvent
from kowloon.engines.blob.base import BlobError, ZoneReadOnly, ZoneUnavailable
from kowloon.services.oss import keys
from kowloon.services.oss.access import access
from kowloon.services.oss.access.access_point_policy import ALIAS_SUFFIX, enter
from kowloon.services.oss.actions import oss
from kowloon.services.oss.buckets.transfer_acceleration import check_endpoint
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import check_body_hash, check_digest, content_of
from kowloon.services.oss.errors import (
    ACCESS_KEY_DISABLED,
    ACCESS_KEY_UNKNOWN,
    BUSY,
    INTERNAL_ERROR,
    INVALID_BUCKET_NAME,
    INVALID_OBJECT_NAME,
    METHOD_NOT_ALLOWED,
    MISSING_LENGTH,
    NO_SUCH_BUCKET,
    NOT_BUILT,
    NOT_YET_VALID,
    READ_ONLY,
    REQUEST_EXPIRED,
    SERVICE_UNAVAILABLE,
    TIME_SKEWED,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_MISSING,
    WRONG_ENDPOINT,
)
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.product import Answer, Later, Level, Operation
from kowloon.services.oss.published import not_built
from kowloon.services.oss.receiver import UploadReceiver
from kowloon.services.oss.resources import Bucket, Domain
from kowloon.services.oss.runs.access_logs import AccessLogs
from kowloon.services.oss.sites import cors, site
from kowloon.services.oss.zones import storage_share
from kowloon.wire.http import BodyReceiver, Deferred, HttpRequest, HttpResponse
from kowloon.wire.oss.addressing import locate, parse_query, valid_bucket_name, valid_object_name
from kowloon.wire.oss.answers import common_lines, error_response
from kowloon.wire.oss.claims import ANONYMOUS, UNSIGNED_PAYLOAD, Claim
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.identify import identify
from kowloon.wire.oss.signatures import KeyCache, verify, verify_policy

log = logging.getLogger("kowloon.oss")

_DRAFTS_KEPT: Final = 1024


class ObjectChain:
    """Answers object calls. A call that needs nothing to be waited for is answered at once, without a task."""

    def __init__(self, parts: Parts, access_logs: AccessLogs) -> None:
        self._parts = parts
        self._access_logs = access_logs
        self._keys = KeyCache()
        self._drafts: dict[tuple[str, Operation], tuple[Principal, RequestEvent]] = {}
        self._regions = parts.board.topology.regions

    def handle(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """A whole request. Bodies too large to be held come through `receive`."""
        call = Call(request, self._parts, self._parts.ids.hex(24))
        try:
            self._enter(call)
            operation = call.operation
            if operation.receives is not None:
                receiver = operation.receives(call, self)
                receiver.write(request.body)
                return receiver.finish()
            answer: Answer
            if operation.takes_object and len(request.body) > self._parts.storage.small_bytes:
                answer = self._write_held(call)
            else:
                if call.body_hash:
                    check_body_hash(call.body_hash, request.body)
                if operation.takes_object:
                    content = content_of(request.body)
                    check_digest(call.headers, content)
                    answer = operation.handler(call, content)
                else:
                    answer = operation.handler(call)
        except Exception as problem:
            return self._instead(call, problem)
        return self.complete(call, answer)

    def _instead(self, call: Call, problem: Exception) -> HttpResponse | Awaitable[HttpResponse]:
        """A website's answer to what failed, where there is one."""
        try:
            answer = site.instead(call, problem)
        except Exception as other:
            return self._failed(call, other)
        if answer is not None:
            return self.complete(call, answer)
        if isinstance(problem, ApiError) and problem.status == 404 and _is_unsettled(call):
            return self._fail_settled(call, problem)
        return self._failed(call, problem)

    async def _fail_settled(self, call: Call, problem: ApiError) -> HttpResponse:
        """An absence that a crash could take back is not shown before it cannot."""
        await call.space.volume.settled()
        return self._failed(call, problem)

    def receive(self, request: HttpRequest) -> BodyReceiver | HttpResponse | None:
        """A request whose body is large or of unknown length, before the body. None: documents are gathered whole."""
        call = Call(request, self._parts, self._parts.ids.hex(24))
        try:
            self._identify(call)
            if not call.operation.takes_object:
                return None
            self._enter(call)
            receives = call.operation.receives
            return UploadReceiver(call, self.complete) if receives is None else receives(call, self)
        except Exception as problem:
            return self._failed(call, problem)

    def serves(self, host: str) -> bool:
        return self._bucket_of_cname(host) is not None

    def _bucket_of_cname(self, host: str) -> str | None:
        """The bucket of a custom domain."""
        domain = self._parts.store.get(Domain, host)
        return domain.bucket if domain is not None else None

    def _enter(self, call: Call) -> None:
        """The chain, in order. Each step adds to the call or raises ApiError."""
        self._identify(call)
        self._find_bucket(call)
        self._front_door(call)
        self._authenticate(call)
        site.direct(call)
        self._authorise(call)
        self._throttle(call)
        if call.operation.check is not None:
            call.operation.check(call)

    async def _write_held(self, call: Call) -> HttpResponse:
        """A held body that is too large to go with its entry."""
        receiver = UploadReceiver(call, self.complete)
        receiver.write(call.request.body)
        return await receiver.stored()

    # --- the steps ---

    def _identify(self, call: Call) -> None:
        request = call.request
        call.address = address = locate(request, bucket_of_cname=self._bucket_of_cname)
        level: Level = "object" if address.key else "bucket" if address.bucket else "service"
        if request.query:
            call.query = parse_query(request.query)
        operation = oss.find(level, request.method, call.query, call.headers)
        if call.query:
            unknown = not_built(request.method, call.query, operation)
            if unknown:
                raise NOT_BUILT.error(name=unknown)
        if operation is None:
            raise METHOD_NOT_ALLOWED.error(extra={"Method": request.method, "ResourceType": level.capitalize()})
        call.operation = operation
        if address.bucket and not valid_bucket_name(address.bucket):
            raise INVALID_BUCKET_NAME.error(extra={"BucketName": address.bucket})
        if address.key and not valid_object_name(address.key):
            raise INVALID_OBJECT_NAME.error(extra={"ObjectName": address.key})
        headers = call.headers
        if operation.takes_object and "content-length" not in headers and "transfer-encoding" not in headers:
            raise MISSING_LENGTH.error()

    def _find_bucket(self, call: Call) -> None:
        address = call.address
        if address.region and address.region in self._regions:
            call.region = address.region
        if not address.bucket:
            return
        bucket = self._parts.store.get(Bucket, address.bucket)
        if bucket is None and address.bucket.endswith(ALIAS_SUFFIX):
            bucket = enter(call)
        call.found = bucket
        if bucket is None:
            return
        if address.region and address.region != bucket.region and call.operation.name != "PutBucket":
            endpoint = f"{bucket.location}.aliyuncs.com"
            raise WRONG_ENDPOINT.error(extra={"Bucket": address.bucket, "Endpoint": endpoint})
        if address.style == "virtual":
            check_endpoint(self._parts.store, call.request.host, bucket)
        call.region = bucket.region

    def _front_door(self, call: Call) -> None:
        board = self._parts.board
        if board.is_calm:
            # Then all front ends serve.
            return
        state = board.view(call.now).service(oss.node(call.region))
        call.share = state.share
        if state.share < 1.0:
            call.fault = ",".join(state.because)
        if state.share <= 0.0:
            raise SERVICE_UNAVAILABLE.error()

    def _authenticate(self, call: Call) -> None:
        operation = call.operation
        if operation.receives is not None:
            # The body says it.
            return
        # Who asks whether he may ask has not signed for that, whatever his address says.
        claim = ANONYMOUS if operation.open_to_all else identify(call.request, call.query)
        if claim is ANONYMOUS:
            call.anonymous = True
        else:
            key = self._key_of(claim)
            verdict = verify(claim, call.request, call.query, call.address, key.secret, self._keys)
            if not verdict.matched:
                raise verdict.error(claim)
            _check_time(claim, call.wall)
            if key.token or claim.security_token:
                _check_token(key, claim.security_token, call.wall)
            call.principal = key.principal
            call.access_key_id = key.id
            if claim.in_query:
                call.signed_in_query = True
            if operation.creates and not call.address.region and claim.region in self._regions:
                call.region = claim.region
                self._front_door(call)
            if claim.payload_hash != UNSIGNED_PAYLOAD:
                call.body_hash = claim.payload_hash
        _check_found(call)

    def _key_of(self, claim: Claim) -> AccessKey:
        key = self._parts.credentials.find(claim.access_key_id)
        if key is None:
            raise ACCESS_KEY_UNKNOWN.error(extra={"OSSAccessKeyId": claim.access_key_id})
        if not key.active:
            raise ACCESS_KEY_DISABLED.error(extra={"OSSAccessKeyId": claim.access_key_id})
        return key

    def _authorise(self, call: Call) -> None:
        if call.operation.receives is None:
            access.authorise(call)

    def admit(self, call: Call, claim: Claim, policy: str) -> None:
        """The two steps above for a posted form. Until when it may be used, its policy says."""
        if claim is ANONYMOUS:
            call.anonymous = True
        else:
            key = self._key_of(claim)
            verdict = verify_policy(claim, policy, key.secret, self._keys)
            if not verdict.matched:
                raise verdict.error(claim)
            _check_token(key, claim.security_token, call.wall)
            call.principal, call.access_key_id = key.principal, key.id
        _check_found(call)
        access.authorise(call)

    def _throttle(self, call: Call) -> None:
        """Front ends, and the storage behind them, with less capacity than demand serve their share of the calls and
        refuse the rest."""
        board = self._parts.board
        if call.found is not None and not board.is_calm:
            share = storage_share(self._parts.storage, board.view(call.now), call.found.layout)
            call.share = min(call.share, share)
        if call.share < 1.0 and self._parts.ids.random.random() >= call.share:
            raise BUSY.error()

    # --- the end ---

    def complete(self, call: Call, answer: Answer) -> HttpResponse | Awaitable[HttpResponse]:
        found, storage = call.found, self._parts.storage
        if found is not None and storage.modes:
            delay_s = storage.delay_s(found.layout)
            if delay_s > 0.0:
                return self._answer_late(call, answer, delay_s)
        if isinstance(answer, HttpResponse):
            return self._finish(call, answer)
        if isinstance(answer, Later):
            return self._after(call, answer)
        return self._answer(call, answer)

    async def _answer_late(self, call: Call, answer: Answer, delay_s: float) -> HttpResponse:
        """Slow storage."""
        await self._parts.clock.sleep(delay_s)
        if isinstance(answer, HttpResponse):
            return self._finish(call, answer)
        return await (self._after(call, answer) if isinstance(answer, Later) else self._answer(call, answer))

    def _after(self, call: Call, later: Later) -> Deferred:
        def make(done: asyncio.Future[None]) -> HttpResponse:
            problem = done.exception() if not done.cancelled() else BlobError("the store was closed")
            return self._finish(call, later.response) if problem is None else self._failed(call, problem)

        return Deferred(later.done, make)

    async def _answer(self, call: Call, work: Coroutine[Any, Any, HttpResponse]) -> HttpResponse:
        try:
            return self._finish(call, await work)
        except Exception as problem:
            return self._failed(call, problem)

    def _finish(self, call: Call, response: HttpResponse) -> HttpResponse:
        taken_s = self._parts.clock.wall() - call.wall
        response.lines = common_lines(call.request_id, int(taken_s * 1000)) + response.lines
        self._say_more(call, response)
        self._record(call, response, None, taken_s)
        return response

    def _say_more(self, call: Call, response: HttpResponse) -> None:
        """What steps of the chain have to say in the answer, and what scripts of other sites may do with it."""
        if call.more_headers:
            response.headers += call.more_headers
        if call.found is not None and call.has_settings:
            said = cors.headers_for(call, call.found)
            if said:
                response.headers += said

    def _failed(self, call: Call, problem: BaseException) -> HttpResponse:
        error = _as_error(call, problem)
        taken_s = self._parts.clock.wall() - call.wall
        response = error_response(
            error,
            method=call.request.method,
            request_id=call.request_id,
            host_id=call.request.host,
            server_time_ms=int(taken_s * 1000),
        )
        self._say_more(call, response)
        self._record(call, response, error, taken_s)
        return response

    def _record(self, call: Call, response: HttpResponse, error: ApiError | None, taken_s: float) -> None:
        request = call.request
        event = msgspec.structs.replace(
            self._draft_of(call),
            at=call.now,
            wall=call.wall,
            request_id=call.request_id,
            source=request.peer,
            host=request.host,
            scheme=request.scheme,
            user_agent=call.headers.get("user-agent", ""),
            region=call.region,
            resources=(call.resource,) if call.found is not None else (),
            status=response.status,
            decision=call.reason,
            latency_ms=taken_s * 1000.0,
        )
        if error is not None or call.fault:
            code, message = (error.code, error.message) if error is not None else ("", "")
            event = msgspec.structs.replace(event, code=code, message=message, fault=call.fault)
        if call.found is not None and call.has_settings:
            self._access_logs.note(call, call.found, response, event.code, taken_s)
        self._parts.bus.emit(event)

    def _draft_of(self, call: Call) -> RequestEvent:
        """What is the same in the events of all calls by that key for that operation, so that it is filled in once."""
        caller, operation = call.principal or ANONYMOUS_PRINCIPAL, call.operation
        kept = self._drafts.get((call.access_key_id, operation))
        # Whose key it is can change; then it is another principal.
        if kept is not None and kept[0] is caller:
            return kept[1]
        draft = RequestEvent(
            at=0.0,
            wall=0.0,
            request_id="",
            account=caller.account,
            **caller.told,
            access_key_id=call.access_key_id,
            product=oss.code,
            version=oss.version,
            action=operation.name,
            data=operation.level == "object",
            reads=operation.access == "read",
        )
        if len(self._drafts) >= _DRAFTS_KEPT:
            self._drafts.clear()
        self._drafts[call.access_key_id, operation] = (caller, draft)
        return draft


def _is_unsettled(call: Call) -> bool:
    return call.found is not None and bool(call.key) and call.space.volume.pending(keys.current(call.key))


def _check_found(call: Call) -> None:
    """Not before it is known who asks: who may not know a bucket's name learns nothing about it. A new bucket has none
    yet."""
    if call.found is None and call.address.bucket and not call.operation.creates:
        raise NO_SUCH_BUCKET.error(extra={"BucketName": call.address.bucket})


def _check_time(claim: Claim, wall: float) -> None:
    """A header's signature is good for a quarter of an hour around its date, a query's until it expires."""
    window_s = limits.TIMESTAMP_WINDOW_S
    if claim.expires_at is not None:
        if claim.signed_at is not None and claim.signed_at > wall + window_s:
            raise NOT_YET_VALID.error()
        if wall > claim.expires_at:
            extra = {"Expires": iso_milliseconds(claim.expires_at), "ServerTime": iso_milliseconds(wall)}
            raise REQUEST_EXPIRED.error(extra=extra)
    elif claim.signed_at is None or abs(claim.signed_at - wall) > window_s:
        extra = {
            "MaxAllowedSkewMilliseconds": str(window_s * 1000),
            "RequestTime": claim.date if claim.signed_at is None else iso_milliseconds(claim.signed_at),
            "ServerTime": iso_milliseconds(wall),
        }
        raise TIME_SKEWED.error(extra=extra)


def _check_token(key: AccessKey, given: str, wall: float) -> None:
    if not key.token:
        if given:
            raise TOKEN_INVALID.error()
        return
    if not given:
        raise TOKEN_MISSING.error()
    if not hmac.compare_digest(key.token.encode(), given.encode()):
        raise TOKEN_INVALID.error()
    if key.expires_at is not None and wall >= key.expires_at:
        raise TOKEN_EXPIRED.error()


def _as_error(call: Call, problem: BaseException) -> ApiError:
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, ZoneReadOnly):
        call.fault = call.fault or str(problem)
        return READ_ONLY.error()
    if isinstance(problem, ZoneUnavailable):
        call.fault = call.fault or str(problem)
        return SERVICE_UNAVAILABLE.error()
    # A mistake of ours, or a broken disk: never the caller's traceback, always findable by its request id.
    log.error("object call %s failed", call.request_id, exc_info=problem)
    return INTERNAL_ERROR.error()
