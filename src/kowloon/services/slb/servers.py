"""Backend servers: the JSON text that names them, and the default group of a load balancer.

Deviation: only ECS instances can be members; elastic interfaces and container instances are refused.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import invalid
from kowloon.services.slb.errors import (
    SERVER_NOT_FOUND,
    SERVERS_MALFORMED,
    SERVERS_PORT,
    SERVERS_TOO_MANY,
    WEIGHT_MALFORMED,
)
from kowloon.services.slb.load_balancers import mine, with_servers
from kowloon.services.slb.payload import refresh
from kowloon.services.slb.product import BALANCER_AND_SERVERS, slb
from kowloon.services.slb.resources import INSTANCE, LoadBalancer, Server
from kowloon.store.resources import Key

# The vendor's bound on one call.
MOST_SERVERS = 20


class ServerParam(msgspec.Struct, kw_only=True):
    """One entry of `BackendServers`; numbers come as numbers or as text."""

    ServerId: str
    Port: int = 0
    Weight: int = 100
    Type: str = "ecs"
    Description: str = ""
    ServerIp: str = ""


def parse(text: str) -> list[ServerParam]:
    """The entries of a `BackendServers` text; empty text names none."""
    if not text:
        return []
    try:
        given = msgspec.convert(msgspec.json.decode(text), list[ServerParam | str], strict=False)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise SERVERS_MALFORMED.error() from None
    # Older clients remove servers by a list of bare ids.
    entries = [ServerParam(ServerId=entry) if isinstance(entry, str) else entry for entry in given]
    if len(entries) > MOST_SERVERS:
        raise SERVERS_TOO_MANY.error()
    for entry in entries:
        if not 0 <= entry.Weight <= 100:
            raise WEIGHT_MALFORMED.error()
        if entry.Type.lower() not in ("", "ecs"):
            raise invalid("Type", "Kowloon takes ECS instances (ecs) as backend servers.")
    return entries


def members(ctx: Context, entries: Iterable[ServerParam], *, ports: bool) -> list[Server]:
    """Entries as servers that exist and are the caller's; `ports`: each needs one."""
    servers = []
    for entry in entries:
        if not ctx.reference(INSTANCE, entry.ServerId):
            raise SERVER_NOT_FOUND.error()
        if ports and not 1 <= entry.Port <= 65535:
            raise SERVERS_PORT.error()
        port = entry.Port if ports else 0
        servers.append(Server(id=entry.ServerId, port=port, weight=entry.Weight, description=entry.Description))
    return servers


def merged(held: Iterable[Server], given: Iterable[Server]) -> tuple[Server, ...]:
    """The held servers and the given ones; of two with the same id and port the given one."""
    by_key = {(server.id, server.port): server for server in (*held, *given)}
    return tuple(by_key.values())


def private_ip(ctx: Context, server_id: str) -> str:
    """The address that the server took from its vSwitch."""
    instance = ctx.tx.find(Key(INSTANCE, server_id))
    references = instance.references if instance is not None else ()
    return next((reference.address for reference in references if reference.kind == "vswitch"), "")


class DefaultServerItem(msgspec.Struct, kw_only=True):
    """`Weight` is text in two of the three answers, as the vendor has it."""

    ServerId: str
    Weight: str | int
    Type: str = "ecs"
    Description: str = ""


class DefaultServerList(msgspec.Struct, kw_only=True):
    BackendServer: list[DefaultServerItem]


class BackendServersResponse(Response):
    LoadBalancerId: str
    BackendServers: DefaultServerList


def _answer(item: LoadBalancer, *, text: bool) -> BackendServersResponse:
    rows = [
        DefaultServerItem(
            ServerId=server.id,
            Weight=str(server.weight) if text else server.weight,
            Description=server.description,
        )
        for server in item.servers
    ]
    return BackendServersResponse(LoadBalancerId=item.id, BackendServers=DefaultServerList(BackendServer=rows))


def _store(ctx: Context, item: LoadBalancer, servers: tuple[Server, ...]) -> LoadBalancer:
    changed = with_servers(item, servers)
    ctx.tx.put(changed)
    refresh(ctx.tx, item.id)
    return changed


class AddBackendServersRequest(Request):
    LoadBalancerId: str
    BackendServers: str = ""


@slb.action(resource=BALANCER_AND_SERVERS)
def add_backend_servers(ctx: Context, req: AddBackendServersRequest) -> BackendServersResponse:
    """A server that is in the group already gets the given weight."""
    item = mine(ctx, req.LoadBalancerId)
    given = members(ctx, parse(req.BackendServers), ports=False)
    return _answer(_store(ctx, item, merged(item.servers, given)), text=True)


class SetBackendServersRequest(AddBackendServersRequest):
    pass


@slb.action(resource=BALANCER_AND_SERVERS)
def set_backend_servers(ctx: Context, req: SetBackendServersRequest) -> BackendServersResponse:
    """New weights for servers of the group; a server that is not in it is refused."""
    item = mine(ctx, req.LoadBalancerId)
    given = members(ctx, parse(req.BackendServers), ports=False)
    held = {server.id for server in item.servers}
    if any(server.id not in held for server in given):
        raise SERVER_NOT_FOUND.error()
    return _answer(_store(ctx, item, merged(item.servers, given)), text=True)


class RemoveBackendServersRequest(Request):
    LoadBalancerId: str
    BackendServers: str


@slb.action(resource=BALANCER_AND_SERVERS)
def remove_backend_servers(ctx: Context, req: RemoveBackendServersRequest) -> BackendServersResponse:
    """Servers that are not in the group are passed over."""
    item = mine(ctx, req.LoadBalancerId)
    gone = {entry.ServerId for entry in parse(req.BackendServers)}
    kept = tuple(server for server in item.servers if server.id not in gone)
    return _answer(_store(ctx, item, kept), text=False)
