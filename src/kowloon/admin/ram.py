"""What operators ask about permissions: why a call was decided as it was, what would be, and which rights were used."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec

from kowloon.actions import arns
from kowloon.actions.declare import Registry
from kowloon.actions.ports import AccessRequest
from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.errors import ApiError
from kowloon.services.ram.explanation import explain
from kowloon.services.ram.generation import generate
from kowloon.services.ram.policies import AttachedPolicies
from kowloon.services.ram.principals import principal_of
from kowloon.store.store import Store
from kowloon.wire.http import HttpRequest, HttpResponse
from kowloon.wire.policy.conditions import condition_key


class SimulateBody(msgspec.Struct, forbid_unknown_fields=True):
    principal: str
    action: str
    resource: str = "*"
    context: dict[str, str] = {}


class RamRoutes:
    def __init__(self, store: Store, registry: Registry, clock: Clock, authorizer: AttachedPolicies) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._authorizer = authorizer

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/_kowloon/ram/explain", self.explain, "admin")
        routes.add("POST", "/_kowloon/ram/simulate", self.simulate, "admin")
        routes.add("GET", "/_kowloon/ram/generate", self.generate, "admin")

    def explain(self, request: HttpRequest) -> HttpResponse:
        """The decisions of `?request=ID`: one per resource that the call touched."""
        id = _asked(request, "request")
        records = self._authorizer.log.of_request(id)
        if not records:
            raise ApiError(
                "NotFound",
                404,
                f"No decision of request {id!r} is known: it made none, or too many were made since.",
            )
        return answer_json({"decisions": [explain(record) for record in records]})

    def simulate(self, request: HttpRequest) -> HttpResponse:
        """What would be decided, without a call. The resource counts as being in the group that it is in."""
        body = json_body(request, SimulateBody)
        principal = principal_of(self._store, body.principal)
        if principal is None:
            raise ApiError("NotFound", 404, f"There is no user, role or account {body.principal!r}.")
        known = {"acs:currenttime": iso_seconds(self._clock.now())}
        known.update({condition_key(name): value for name, value in body.context.items()})
        asked = AccessRequest(
            principal, body.action, body.resource, known.get, group_of=lambda: self._group_of(body.resource)
        )
        return answer_json({"decisions": [explain(self._authorizer.weigh(asked))]})

    def _group_of(self, resource: str) -> str:
        arn = arns.parse(resource)
        found = arns.find(self._registry, self._store, arn) if arn is not None else None
        return arns.group_of(self._store, found) if found is not None else ""

    def generate(self, request: HttpRequest) -> HttpResponse:
        """Policies out of the calls that were seen; of one `?principal=ARN` if given."""
        return answer_json(msgspec.to_builtins(generate(self._authorizer.log, _asked(request, "principal"))))


def _asked(request: HttpRequest, name: str) -> str:
    values: list[Any] = parse_qs(request.query).get(name, [""])
    return str(values[-1])
