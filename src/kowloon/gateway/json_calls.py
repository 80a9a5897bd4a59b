"""API actions as JSON over HTTP: for the page of somebody who signed in, and for the operator's own commands. What is
asked becomes a signed call that goes through the chain, so that rights, faults, limits and the audit hold for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec

from kowloon.actions.browser import SIGN_IN_NEEDED, check_page, session_of
from kowloon.actions.declare import Action, Product, Registry
from kowloon.actions.openapi import describe
from kowloon.actions.ports import CredentialSource
from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.errors import ErrorSpec
from kowloon.core.ids import Ids
from kowloon.gateway.chain import Chain
from kowloon.wire.http import HttpRequest, HttpResponse
from kowloon.wire.parameters import FORM_TYPE, flatten
from kowloon.wire.signatures import encode, sign_acs3

_BY_SESSION = "/api/"
_BY_ADMINISTRATOR = "/_kowloon/call/"

_ADDRESS = ErrorSpec("NotFound", 404, "Use POST {prefix}PRODUCT/ACTION.")
_PRODUCT = ErrorSpec("ProductNotFound", 404, "There is no product {name!r} here; the products are {known}.")
_UNKNOWN = ErrorSpec("UnknownParameter", 400, "{product} {action} has no parameter {name!r}.")


class Signer(NamedTuple):
    """A key that calls are signed with. `token`: of a session's."""

    id: str
    secret: str
    token: str = ""


class JsonCalls:
    """`POST /api/PRODUCT/ACTION` by who signed in, `POST /_kowloon/call/PRODUCT/ACTION` by the home account's
    administrator, and `GET /api/openapi.json?product=` to say what there is. Answers are the chain's."""

    def __init__(
        self,
        chain: Chain,
        registry: Registry,
        credentials: CredentialSource,
        clock: Clock,
        ids: Ids,
        administrator: Callable[[], Signer],
    ) -> None:
        self._chain = chain
        self._registry = registry
        self._credentials = credentials
        self._clock = clock
        self._ids = ids
        self._administrator = administrator
        # Making one takes milliseconds, and anybody may ask.
        self._described: dict[str, dict[str, Any]] = {}

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/api/openapi.json", self.description, "open")
        routes.add("POST", _BY_SESSION, self.by_session, "own")
        routes.add("POST", _BY_ADMINISTRATOR, self.by_administrator, "admin")

    def description(self, request: HttpRequest) -> HttpResponse:
        product = product_of(self._registry, parse_qs(request.query).get("product", [""])[-1])
        described = self._described.get(product.code)
        if described is None:
            described = self._described[product.code] = describe(product)
        return answer_json(described)

    async def by_session(self, request: HttpRequest) -> HttpResponse:
        check_page(request)
        key = session_of(request, self._credentials, self._clock.wall())
        if key is None:
            raise SIGN_IN_NEEDED.error()
        answer = await self._call(request, _BY_SESSION, Signer(key.id, key.secret, key.token))
        answer.headers.append(("Cache-Control", "no-store"))
        return answer

    async def by_administrator(self, request: HttpRequest) -> HttpResponse:
        return await self._call(request, _BY_ADMINISTRATOR, self._administrator())

    async def _call(self, request: HttpRequest, prefix: str, signer: Signer) -> HttpResponse:
        code, _, action = request.path.removeprefix(prefix).partition("/")
        if not code or not action or "/" in action:
            raise _ADDRESS.error(prefix=prefix)
        given = json_body(request, dict[str, Any])
        asked = signed_request(
            product_of(self._registry, code),
            action,
            given,
            signer,
            self._clock,
            self._ids,
            agent=request.header("user-agent") or "",
            scheme=request.scheme,
            peer=request.peer,
        )
        return await self._chain.handle(asked)


def signed_request(
    product: Product,
    action: str,
    given: dict[str, Any],
    signer: Signer,
    clock: Clock,
    ids: Ids,
    *,
    agent: str,
    scheme: str,
    peer: str,
) -> HttpRequest:
    """The call as an official client would send it. ApiError for a parameter that the action does not have."""
    parameters = _parameters(product, action, given)
    body = "&".join([f"{encode(name)}={encode(value)}" for name, value in parameters.items()]).encode()
    headers = {
        "host": f"{product.hosts[0]}.aliyuncs.com",
        "content-type": FORM_TYPE,
        "user-agent": agent,
        "x-acs-action": action,
        "x-acs-version": product.version,
        "x-acs-date": iso_seconds(clock.wall()),
        "x-acs-signature-nonce": ids.request_id(),
    }
    signed = sign_acs3(signer.id, signer.secret, headers, body, signer.token)
    return HttpRequest(method="POST", target="/", headers=signed, body=body, scheme=scheme, peer=peer)


def product_of(registry: Registry, code: str) -> Product:
    """By its code in any letters; of several versions the first. OSS has operations of its own, no actions."""
    products = [product for product in registry.products if product.actions]
    found = next((product for product in products if product.code.lower() == code.lower()), None)
    if found is None:
        raise _PRODUCT.error(name=code, known=", ".join([product.code for product in products]))
    return found


def _parameters(product: Product, name: str, given: dict[str, Any]) -> dict[str, str]:
    """As an official client sends them. Of an action that is not there the chain says so."""
    action = product.actions.get(name)
    if action is None:
        return {}
    known = {*action.request.__struct_fields__, *(() if product.central else ("RegionId",))}
    for field in given:
        if field not in known:
            raise _UNKNOWN.error(product=product.code, action=name, name=field)
    return dict(pair for field, value in given.items() for pair in _flat(action, field, value))


def _flat(action: Action, field: str, value: Any) -> list[tuple[str, str]]:
    style = action.decoder.styles.get(field, "")
    if value is None:
        return []
    if style == "json" and not isinstance(value, str):
        return [(field, msgspec.json.encode(value).decode())]
    if style == "simple" and isinstance(value, list):
        return [(field, ",".join([str(item) for item in value]))]
    return list(flatten(field, value))
