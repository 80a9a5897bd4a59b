"""The way of a call: one ordered list of steps, and one place where exceptions become bytes."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kowloon.actions import errors
from kowloon.actions.context import Context
from kowloon.actions.declare import Registry, Response
from kowloon.actions.idempotency import ClientToken
from kowloon.actions.ports import ANONYMOUS, AccessRequest, Authorizer, CredentialSource, Principal
from kowloon.core import limits
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.errors import ApiError
from kowloon.core.events import RequestEvent
from kowloon.core.ids import Ids
from kowloon.core.masking import masked
from kowloon.gateway.asking import ConditionValues, asked_beside, resources_of
from kowloon.gateway.exchange import Exchange
from kowloon.gateway.hosts import region_label
from kowloon.gateway.nonces import Nonces
from kowloon.store.store import Store, Transaction
from kowloon.topology.health import HealthBoard
from kowloon.wire.encode import encode_error, encode_success
from kowloon.wire.http import HttpRequest, HttpResponse
from kowloon.wire.identify import Format, Style, recognise
from kowloon.wire.parameters import request_parameters
from kowloon.wire.signatures import Variant, identify, parse_timestamp, verify

log = logging.getLogger("kowloon.gateway")


class Chain:
    """Answers API calls. Everything it needs is given to it; it imports no product."""

    def __init__(
        self,
        *,
        registry: Registry,
        store: Store,
        board: HealthBoard,
        clock: Clock,
        ids: Ids,
        bus: EventBus,
        credentials: CredentialSource,
        authorizer: Authorizer,
        default_region: str,
        ports: Mapping[type, object],
    ) -> None:
        self._ports = ports
        self._registry = registry
        self._store = store
        self._board = board
        self._clock = clock
        self._ids = ids
        self._bus = bus
        self._credentials = credentials
        self._authorizer = authorizer
        self._default_region = default_region
        self._nonces = Nonces()
        # The chain, in order. Each step adds to the exchange or raises ApiError.
        self._steps: tuple[Callable[[Exchange], None], ...] = (
            self._identify,
            self._front_door,
            self._authenticate,
            self._decode,
            self._authorise,
            self._throttle,
        )

    async def handle(self, request: HttpRequest) -> HttpResponse:
        started = self._clock.wall()
        exchange = Exchange(request, self._ids.request_id(), self._clock.now(), started)
        error: ApiError | None = None
        try:
            for step in self._steps:
                step(exchange)
            await self._dispatch(exchange)
        except ApiError as refused:
            error = refused
        except Exception:
            # A mistake of ours: never the caller's traceback, always findable by its request id.
            log.exception("request %s %s failed", exchange.request_id, exchange.call.action)
            error = errors.INTERNAL_ERROR.error()
        response = self._encode(exchange, error)
        self._record(exchange, error, response, started)
        return response

    # --- the steps ---

    def _identify(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.method not in ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"):
            raise errors.METHOD_UNSUPPORTED.error()
        exchange.parameters = request_parameters(request)
        exchange.call = call = recognise(request, exchange.parameters)
        if call.style is not Style.RPC:
            self._refuse_style(exchange)
        if request.method not in ("GET", "POST"):
            raise errors.METHOD_UNSUPPORTED.error()
        if not call.action:
            raise errors.MISSING.error(name="Action")
        if not call.version:
            raise errors.MISSING.error(name="Version")
        exchange.action = self._registry.find(call.version, call.action, request.host)
        if exchange.action is None:
            self._refuse_action(exchange)
        exchange.region = self._region(exchange)

    def _refuse_style(self, exchange: Exchange) -> None:
        style = exchange.call.style
        if style is Style.UNKNOWN:
            raise errors.MISSING_PARAMETER.error(name="Action")
        if style is Style.ROA:
            version, action = exchange.call.version, exchange.call.action
            product = self._registry.published(version, action)
            if product is None and not self._registry.knows_version(version):
                raise errors.VERSION_INVALID.error()
            if product is None and action:
                raise errors.ACTION_NOT_FOUND.error()
            raise errors.NOT_BUILT.error(
                product=product or "ROA", version=version, action=action or exchange.request.path
            )
        raise errors.NOT_BUILT.error(product=str(style), version="", action=exchange.request.method)

    def _refuse_action(self, exchange: Exchange) -> None:
        call = exchange.call
        if not self._registry.knows_version(call.version):
            raise errors.VERSION_INVALID.error()
        product = self._registry.published(call.version, call.action)
        if product is None:
            raise errors.ACTION_NOT_FOUND.error()
        raise errors.NOT_BUILT.error(product=product, version=call.version, action=call.action)

    def _region(self, exchange: Exchange) -> str:
        """Told by parameter, header or endpoint name; else by the resources that are named; else the default."""
        if exchange.declared.product.central:
            return ""
        regions: dict[str, Any] = self._board.topology.regions
        told = exchange.parameters.get("RegionId") or exchange.request.header("x-acs-region-id") or ""
        if told:
            if told not in regions:
                raise errors.REGION_NOT_FOUND.error()
            return told
        by_host = region_label(exchange.request.host, regions)
        if by_host:
            return by_host
        for value in exchange.parameters.values():
            scope = self._store.scope_of(value)
            if scope is not None and scope[1]:
                return scope[1]
        return self._default_region

    def _front_door(self, exchange: Exchange) -> None:
        state = self._board.view(exchange.now).service(exchange.declared.product.node(exchange.region))
        if state.share <= 0.0:
            exchange.fault = ",".join(state.because)
            raise errors.SERVICE_UNAVAILABLE.error()

    def _authenticate(self, exchange: Exchange) -> None:
        exchange.credentials = credentials = identify(exchange.request, exchange.parameters)
        if credentials.variant is Variant.ANONYMOUS or credentials.variant is Variant.BEARER:
            if not exchange.declared.anonymous:
                raise errors.MISSING.error(name="AccessKeyId")
            exchange.principal = ANONYMOUS
            return
        key = self._credentials.find(credentials.access_key_id)
        if key is None:
            raise errors.ACCESS_KEY_NOT_FOUND.error()
        if not key.active:
            raise errors.ACCESS_KEY_INACTIVE.error()
        self._check_time(credentials.timestamp, exchange.wall)
        verdict = verify(credentials, exchange.request, exchange.parameters, key.secret)
        if not verdict.matched:
            raise verdict.error()
        # After the signature: a nonce that nobody signed cannot use up the real caller's.
        if credentials.nonce and not self._nonces.fresh(key.id, credentials.nonce, exchange.wall):
            raise errors.NONCE_USED.error()
        self._check_token(key.token, key.expires_at, credentials.security_token, exchange.wall)
        exchange.principal = key.principal
        exchange.account = key.principal.account

    @staticmethod
    def _check_time(timestamp: str, wall: float) -> None:
        moment = parse_timestamp(timestamp)
        if moment is None:
            raise errors.TIMESTAMP_FORMAT.error()
        if abs(moment - wall) > limits.TIMESTAMP_WINDOW_S:
            raise errors.TIMESTAMP_EXPIRED.error()

    @staticmethod
    def _check_token(token: str, expires_at: float | None, given: str, wall: float) -> None:
        if not token:
            if given:
                raise errors.TOKEN_MISMATCH.error()
            return
        if not given:
            raise errors.TOKEN_MISSING.error()
        if not hmac.compare_digest(token.encode(), given.encode()):
            raise errors.TOKEN_MISMATCH.error()
        if expires_at is not None and wall >= expires_at:
            raise errors.TOKEN_EXPIRED.error()

    def _decode(self, exchange: Exchange) -> None:
        exchange.input = exchange.declared.decoder.decode(exchange.parameters)

    def _authorise(self, exchange: Exchange) -> None:
        action = exchange.declared
        if action.anonymous:
            return
        name = f"{action.product.ram_code}:{action.name}"
        exchange.resources = resources_of(exchange, self._store, self._registry)
        for resource in exchange.resources:
            self._ask(exchange, name, resource)
        for other, resource in asked_beside(exchange, self._store, self._registry):
            self._ask(exchange, other, resource, f"{action.product.ram_code}.aliyuncs.com")

    def _ask(self, exchange: Exchange, name: str, resource: str, service: str | None = None) -> None:
        values = ConditionValues(exchange, resource, self._store, self._registry, service)
        asked = AccessRequest(exchange.caller, name, resource, values, exchange.request_id, values.resource_group)
        decision = self._authorizer.decide(asked)
        exchange.decision = decision.reason
        if not decision.allowed:
            refused = exchange.declared.product.denied.error()
            refused.detail = decision.detail
            raise refused

    def _throttle(self, exchange: Exchange) -> None:
        """A control plane with less capacity than demand serves its share of the calls and refuses the rest."""
        state = self._board.view(exchange.now).service(exchange.declared.product.node(exchange.region))
        if state.share < 1.0 and self._ids.random.random() >= state.share:
            exchange.fault = ",".join(state.because)
            raise errors.THROTTLING.error()

    async def _dispatch(self, exchange: Exchange) -> None:
        action, request = exchange.declared, exchange.input
        token = ""
        if action.takes_client_token:
            token = getattr(request, "ClientToken", "") or ""
        contexts: list[Context] = []
        prepared = None
        if action.prepare is not None:
            ports = {**self._ports, Store: self._store, Ids: self._ids, Principal: exchange.caller}
            prepared = await action.prepare(ports, request)

        def body(transaction: Transaction) -> object:
            ctx = self._context(exchange, transaction, prepared)
            contexts.append(ctx)
            client_token = (
                ClientToken(action, exchange.account, exchange.region, token, exchange.parameters) if token else None
            )
            earlier = client_token.earlier_answer(ctx) if client_token else None
            if earlier is not None:
                return msgspec.Raw(earlier)
            answer: Response = action.handler(ctx, request)
            if action.takes_dry_run and action.access == "write" and getattr(request, "DryRun", False):
                raise errors.DRY_RUN_PASSED.error()
            if client_token:
                client_token.remember(ctx, msgspec.json.encode(answer))
            return answer

        try:
            exchange.answer = await self._store.run(body)
        finally:
            if contexts:
                # Of an unsigned call only the action knows whose it is.
                exchange.principal, exchange.account = contexts[-1].principal, contexts[-1].account
        for event in contexts[-1].events:
            self._bus.emit(event)

    def _context(self, exchange: Exchange, transaction: Transaction, prepared: object) -> Context:
        return Context(
            tx=transaction,
            principal=exchange.caller,
            region=exchange.region,
            now=exchange.now,
            wall=exchange.wall,
            ids=self._ids,
            health=self._board.view(exchange.now),
            request_id=exchange.request_id,
            host=exchange.request.host_header,
            ports=self._ports,
            value_of=ConditionValues(exchange, "*", self._store, self._registry),
            prepared=prepared,
        )

    # --- the end ---

    def _encode(self, exchange: Exchange, error: ApiError | None) -> HttpResponse:
        if error is None:
            answer = exchange.answer
            if exchange.format is Format.XML and isinstance(answer, msgspec.Raw):
                answer = msgspec.json.decode(answer)
            return encode_success(exchange.declared.name, answer, exchange.request_id, exchange.format)
        if error.status == 501 and "terraform" in (exchange.request.header("user-agent") or "").lower():
            # Its provider tries again, for minutes, whatever fails with `code: 5..`; this will not get better.
            error.status = 400
        product = exchange.action.product.code if exchange.action else ""
        return encode_error(
            error,
            request_id=exchange.request_id,
            host_id=exchange.request.host,
            product=product,
            body_format=exchange.format,
        )

    def _record(self, exchange: Exchange, error: ApiError | None, response: HttpResponse, started: float) -> None:
        principal = exchange.principal or ANONYMOUS
        request, action = exchange.request, exchange.action
        reads = action is not None and action.access == "read"
        self._bus.emit(
            RequestEvent(
                at=exchange.now,
                wall=started,
                request_id=exchange.request_id,
                account=exchange.account,
                **principal.told,
                access_key_id=exchange.credentials.access_key_id if exchange.credentials is not None else "",
                source=request.peer,
                host=request.host,
                scheme=request.scheme,
                user_agent=request.header("user-agent") or "",
                product=action.product.code if action else "",
                version=exchange.call.version,
                action=exchange.call.action,
                region=exchange.region,
                resources=exchange.resources,
                reads=reads,
                parameters=_told(exchange.parameters),
                response=None if error or reads else _answered(exchange.answer),
                status=response.status,
                code=error.code if error else "",
                message=error.message if error else "",
                decision=exchange.decision,
                fault=exchange.fault,
                latency_ms=(self._clock.wall() - started) * 1000.0,
            )
        )


# Of every call, and told by the record's own fields.
_SYSTEM_PARAMETERS = frozenset(
    """
    AccessKeyId Action Format SecurityToken Signature SignatureMethod SignatureNonce SignatureType SignatureVersion
    Timestamp Version
    """.split()
)


def _told(parameters: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = masked({name: parameters[name] for name in parameters if name not in _SYSTEM_PARAMETERS})
    return told


def _answered(answer: object) -> dict[str, Any]:
    plain = msgspec.json.decode(answer) if isinstance(answer, msgspec.Raw) else msgspec.to_builtins(answer)
    shown: dict[str, Any] = masked(plain)
    return shown
