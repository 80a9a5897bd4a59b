"""The front of the gateway: which host is meant, which route or API call, and who may use the admin routes."""

from __future__ import annotations

import hmac
import inspect
import logging
from collections.abc import Awaitable
from typing import Final

from kowloon.actions.browser import is_foreign
from kowloon.actions.ports import OwnProtocol
from kowloon.actions.routes import Handler, Route, Routes
from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.gateway.chain import Chain
from kowloon.gateway.explanations import Explanations, why_host_refused
from kowloon.gateway.hosts import Hosts, is_local
from kowloon.gateway.receiving import Gatherer
from kowloon.wire.encode import encode_error
from kowloon.wire.http import BodyReceiver, HttpRequest, HttpResponse
from kowloon.wire.identify import METADATA_HOST, Format, is_object_call, is_presigned_object_call
from kowloon.wire.oss.addressing import names_bucket

log = logging.getLogger("kowloon.gateway")

HOST_REFUSED: Final = "HostNotServed"


class Front:
    """`admin_token` opens the admin routes, on loopback too: any web page can reach a loopback port. `metadata`
    answers what is asked of the metadata service's address; `explanations` says in the log what callers set wrong."""

    def __init__(
        self,
        chain: Chain,
        objects: OwnProtocol,
        routes: Routes,
        hosts: Hosts,
        metadata: Handler,
        explanations: Explanations,
        admin_token: str,
    ) -> None:
        self._chain = chain
        self._objects = objects
        self._routes = routes
        self._hosts = hosts
        self._metadata = Route((), "/", metadata, "own")
        self._explanations = explanations
        self._token = admin_token.encode()

    def serves_host(self, host: str) -> bool:
        return self._hosts.serves(host) or self._objects.serves(host)

    def handle(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if not self.serves_host(request.host):
            return self._not_served(request)
        if request.host == METADATA_HOST:
            return self._run(self._metadata, request)
        if self._is_object_call(request):
            return self._objects.handle(request)
        candidates = self._routes.candidates(request.path)
        if not candidates:
            return self._chain.handle(request)
        for route in candidates:
            if request.method in route.methods:
                return self._run(route, request)
        methods = ", ".join(sorted({method for route in candidates for method in route.methods}))
        return self._refuse(request, ApiError("MethodNotAllowed", 405, f"This address takes {methods}."))

    def receive(self, request: HttpRequest) -> BodyReceiver | HttpResponse | None:
        """Who takes a large body in pieces; None: it is gathered."""
        if not self.serves_host(request.host):
            return self._not_served(request)
        if self._is_object_call(request):
            return self._objects.receive(request)
        most_bytes = max([route.body_bytes for route in self._routes.candidates(request.path)], default=0)
        return Gatherer(request, self.handle, most_bytes) if most_bytes > limits.MAX_BODY_BYTES else None

    def _is_object_call(self, request: HttpRequest) -> bool:
        if request.fields.get("authorization", "").startswith("OSS"):
            return True
        # Our own routes come before what anonymous callers may mean by the same path, but a bucket's own host has none.
        if self._routes.candidates(request.path) and not is_presigned_object_call(request):
            return names_bucket(request.host) or self._objects.serves(request.host)
        return is_object_call(request) or self._objects.serves(request.host)

    async def _run(self, route: Route, request: HttpRequest) -> HttpResponse:
        try:
            if route.access == "admin":
                self._check_admin(request)
            response = route.handler(request)
            if inspect.isawaitable(response):
                response = await response
            return response
        except ApiError as error:
            return self._refuse(request, error)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return self._refuse(request, ApiError("InternalError", 500, "This is a mistake in Kowloon; see its log."))

    def _check_admin(self, request: HttpRequest) -> None:
        """The token always; never from a web page of another origin; never under a name that resolves to us by
        somebody else's DNS."""
        if not is_local(request.host):
            raise ApiError("HostNotLocal", 403, "Admin routes answer to localhost and loopback addresses only.")
        if is_foreign(request):
            raise ApiError("OriginRefused", 403, "Admin routes refuse requests of other origins.")
        scheme, _, given = (request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            raise ApiError(
                "AdminTokenRequired",
                401,
                "Admin routes need the token kept in KOWLOON_HOME as `Authorization: Bearer TOKEN`.",
            )

    def _not_served(self, request: HttpRequest) -> HttpResponse:
        self._explanations.host_refused(request.host)
        return self._refuse(request, ApiError(HOST_REFUSED, 421, why_host_refused(request.host)))

    @staticmethod
    def _refuse(request: HttpRequest, error: ApiError) -> HttpResponse:
        return encode_error(error, request_id="", host_id=request.host, body_format=Format.JSON)
