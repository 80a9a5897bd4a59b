"""Health of backend servers: what the load balancer's own checks say, heard by a loop and read by the action."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import Clock
from kowloon.core.waits import RealSeconds
from kowloon.engines.balancer.base import BackendStatus, BalancerEngine
from kowloon.services.slb.listeners import find
from kowloon.services.slb.load_balancers import mine as my_balancer
from kowloon.services.slb.payload import listeners_of, servers_of
from kowloon.services.slb.product import slb
from kowloon.services.slb.resources import BalancerHealth, LoadBalancer, ServerHealth
from kowloon.services.slb.servers import private_ip
from kowloon.services.slb.zones import homes
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction
from kowloon.store.units import Unit
from kowloon.topology.map import Topology

ASK_EVERY_S = 2.0


class HealthItem(msgspec.Struct, kw_only=True):
    ListenerPort: int
    Protocol: str
    ServerId: str
    ServerIp: str
    Port: int
    ServerHealthStatus: str
    Type: str = "ecs"


class HealthList(msgspec.Struct, kw_only=True):
    BackendServer: list[HealthItem]


class DescribeHealthStatusRequest(Request):
    LoadBalancerId: str
    ListenerPort: int | None = None
    ListenerProtocol: str = ""


class DescribeHealthStatusResponse(Response):
    BackendServers: HealthList


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def describe_health_status(ctx: Context, req: DescribeHealthStatusRequest) -> DescribeHealthStatusResponse:
    """A row for each server of each running listener; `unavailable` until its balancer has said otherwise. While the
    balancer is not heard, the last word stays."""
    balancer = my_balancer(ctx, req.LoadBalancerId)
    if req.ListenerPort is None:
        listeners = listeners_of(ctx.tx, balancer.id)
    else:
        listeners = [find(ctx, balancer.id, req.ListenerPort, req.ListenerProtocol)]
    heard = ctx.tx.get(BalancerHealth, balancer.id)
    known = {(row.listener_port, row.protocol, row.server_id, row.port): row.status for row in _rows(heard)}
    rows = [
        HealthItem(
            ListenerPort=listener.port,
            Protocol=listener.protocol,
            ServerId=server.id,
            ServerIp=private_ip(ctx, server.id),
            Port=server.port,
            ServerHealthStatus=known.get((listener.port, listener.protocol, server.id, server.port), "unavailable"),
        )
        for listener in listeners
        if listener.status == "running"
        for server in servers_of(ctx.tx, listener, balancer)
    ]
    return DescribeHealthStatusResponse(BackendServers=HealthList(BackendServer=rows))


def _rows(heard: BalancerHealth | None) -> tuple[ServerHealth, ...]:
    return heard.servers if heard is not None else ()


class HealthListener:
    """Asks running balancers for their checks and writes what changed."""

    name = "load-balancer-health"
    workers = 8

    def __init__(self, store: Store, topology: Topology, clock: Clock, engine: BalancerEngine) -> None:
        self._store = store
        self._topology = topology
        self._clock = clock
        self._engine = engine

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        if isinstance(item, Unit) and item.owner_kind == LoadBalancer.kind:
            return (item.owner_id,)
        return ()

    def all_keys(self) -> Iterable[str]:
        return [balancer.id for balancer in self._store.list(LoadBalancer)]

    def zones(self, key: str) -> tuple[str, ...]:
        balancer = self._store.get(LoadBalancer, key)
        return homes(balancer, self._topology) if balancer is not None else ()

    async def reconcile(self, key: str) -> float | None:
        unit = self._store.get(Unit, key)
        if unit is None or unit.desired == "deleted" or not unit.payload.get("listeners"):
            return None
        if unit.observed == "running":
            statuses = await self._engine.health(key)
            if statuses:
                await self._store.run(lambda tx: self._write(tx, key, statuses))
        return RealSeconds(ASK_EVERY_S)

    def _write(self, tx: Transaction, key: str, statuses: list[BackendStatus]) -> None:
        balancer = tx.get(LoadBalancer, key)
        if balancer is None:
            return
        servers = tuple(_heard(status) for status in statuses)
        known = tx.get(BalancerHealth, key)
        if known is None or known.servers != servers:
            tx.put(
                BalancerHealth(
                    id=key,
                    account=balancer.account,
                    region=balancer.region,
                    created_at=self._clock.now() if known is None else known.created_at,
                    servers=servers,
                )
            )


def _heard(status: BackendStatus) -> ServerHealth:
    server_id, _, port = status.backend_id.rpartition(":")
    return ServerHealth(
        listener_port=status.listener_port,
        protocol=status.protocol,
        server_id=server_id,
        port=int(port),
        status=status.status,
    )
