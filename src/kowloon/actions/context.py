"""What an action may use: everything is a parameter, so that it can run again and can be simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from kowloon.actions.errors import REGION_NOT_FOUND
from kowloon.actions.ports import Principal
from kowloon.core.events import Event
from kowloon.core.ids import Ids
from kowloon.store.resources import Key
from kowloon.store.store import R, Transaction
from kowloon.topology.health import HealthView
from kowloon.topology.map import Topology

P = TypeVar("P")


class Context:
    """One call of one action. `now` is cloud time, `wall` is wall time; `events` go out after the commit; `prepared` is
    what the action's `prepare` made before the transaction, the same at every re-run; `ports` are the parts of this
    cloud beside the store that actions may read; `host` is the Host header as it came; `value_of` gives the values of
    condition keys of policies."""

    __slots__ = (
        "account",
        "events",
        "health",
        "host",
        "ids",
        "now",
        "ports",
        "prepared",
        "principal",
        "region",
        "request_id",
        "topology",
        "tx",
        "value_of",
        "wall",
    )

    def __init__(
        self,
        *,
        tx: Transaction,
        principal: Principal,
        region: str,
        now: float,
        wall: float,
        ids: Ids,
        health: HealthView,
        request_id: str,
        host: str,
        ports: Mapping[type, object],
        value_of: Callable[[str], str | None],
        prepared: Any = None,
    ) -> None:
        self.tx = tx
        self.principal = principal
        self.account = principal.account
        self.region = region
        self.now = now
        self.wall = wall
        self.ids = ids
        self.health = health
        self.topology: Topology = health.topology
        self.request_id = request_id
        self.host = host
        self.ports = ports
        self.value_of = value_of
        self.prepared = prepared
        self.events: list[Event] = []

    def comes_from(self, principal: Principal) -> None:
        """Who calls, once what an unsigned call carries has said so: for the audit."""
        self.principal = principal
        self.account = principal.account

    def port(self, kind: type[P]) -> P:
        """The part of that type which app.py gave."""
        return cast(P, self.ports[kind])

    def mine(self, kind: type[R], id: str) -> R | None:
        """The caller's resource of that id in this region, or None: another account's is as good as absent."""
        item = self.tx.get(kind, id)
        if item is None or item.account != self.account or item.region not in ("", self.region):
            return None
        return item

    def all(self, kind: type[R]) -> list[R]:
        """The caller's resources of a kind in this region, in order of creation."""
        return self.tx.list(kind, account=self.account, region=self.region)

    def reference(self, kind: str, id: str) -> bool:
        """Whether a resource of another product exists for this caller here."""
        item = self.tx.find(Key(kind, id))
        return item is not None and item.account == self.account and item.region in ("", self.region)

    def require_region(self) -> None:
        if self.region not in self.topology.regions:
            raise REGION_NOT_FOUND.error()
