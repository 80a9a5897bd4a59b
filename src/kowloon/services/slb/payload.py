"""What the balancer unit of a load balancer is told, worked out anew from listeners, groups and servers."""

from __future__ import annotations

import msgspec

from kowloon.engines.balancer import base
from kowloon.services.slb.resources import Listener, LoadBalancer, Server, ServerGroup
from kowloon.store.resources import Key
from kowloon.store.store import Transaction
from kowloon.store.units import Unit


def listeners_of(tx: Transaction, balancer_id: str) -> list[Listener]:
    """In order of port."""
    held = [item for item in tx.referrers(Key(LoadBalancer.kind, balancer_id)) if isinstance(item, Listener)]
    return sorted(held, key=lambda listener: (listener.port, listener.protocol))


def groups_of(tx: Transaction, balancer_id: str) -> list[ServerGroup]:
    """In order of creation."""
    held = [item for item in tx.referrers(Key(LoadBalancer.kind, balancer_id)) if isinstance(item, ServerGroup)]
    return sorted(held, key=lambda group: (group.created_at, group.id))


def servers_of(tx: Transaction, listener: Listener, balancer: LoadBalancer) -> list[Server]:
    """Who gets the listener's traffic, each with a port."""
    if listener.group_id:
        group = tx.get(ServerGroup, listener.group_id)
        return list(group.servers) if group is not None else []
    return [msgspec.structs.replace(server, port=listener.backend_port) for server in balancer.servers]


def refresh(tx: Transaction, balancer_id: str) -> None:
    """Bring the unit's payload in line, in the transaction that changed what it is made of."""
    balancer, unit = tx.get(LoadBalancer, balancer_id), tx.get(Unit, balancer_id)
    if balancer is None or unit is None:
        return
    payload = msgspec.to_builtins(_payload(tx, balancer))
    if payload != unit.payload:
        tx.put(msgspec.structs.replace(unit, payload=payload))


def _payload(tx: Transaction, balancer: LoadBalancer) -> base.BalancerPayload:
    if balancer.status != "active":
        return base.BalancerPayload()
    running = [listener for listener in listeners_of(tx, balancer.id) if listener.status == "running"]
    return base.BalancerPayload(listeners=tuple(_listener(tx, listener, balancer) for listener in running))


def _listener(tx: Transaction, listener: Listener, balancer: LoadBalancer) -> base.Listener:
    return base.Listener(
        protocol=listener.protocol,
        port=listener.port,
        backends=tuple(
            base.Backend(id=f"{server.id}:{server.port}", address=unit.address, port=server.port, weight=server.weight)
            for server in servers_of(tx, listener, balancer)
            if (unit := tx.get(Unit, server.id)) is not None
        ),
        check=_check(listener) if listener.check == "on" else None,
        scheduler=listener.scheduler,
        idle_timeout_s=float(listener.established_timeout if listener.protocol == "tcp" else listener.idle_timeout),
        request_timeout_s=float(listener.request_timeout),
        forwarded_for=listener.forwarded_for == "on",
        sticky_cookie=_cookie(listener),
        sticky_timeout_s=float(listener.cookie_timeout),
    )


def _cookie(listener: Listener) -> str:
    if listener.sticky != "on":
        return ""
    return listener.cookie if listener.sticky_type == "server" else "SERVERID"


def _check(listener: Listener) -> base.HealthCheck:
    return base.HealthCheck(
        kind="http" if listener.protocol == "http" else listener.check_type,
        interval_s=float(listener.check_interval),
        timeout_s=float(listener.check_timeout),
        rise=listener.healthy,
        fall=listener.unhealthy,
        port=listener.check_port or None,
        path=listener.check_uri or "/",
        domain="" if listener.check_domain == "$_ip" else listener.check_domain,
        method=listener.check_method,
        expect=tuple(listener.check_codes.split(",")),
    )
