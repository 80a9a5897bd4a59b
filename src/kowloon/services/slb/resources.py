"""What CLB stores."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from kowloon.store.resources import Reference, Resource

INSTANCE = "instance"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a group. `port` 0: the listener's own BackendServerPort (the default group)."""

    id: str
    port: int = 0
    weight: int = 100
    description: str = ""


def server_references(servers: tuple[Server, ...]) -> tuple[Reference, ...]:
    """A released server is dropped from its groups, so nothing refuses its deletion."""
    return tuple(Reference(kind=INSTANCE, id=id) for id in dict.fromkeys(server.id for server in servers))


class LoadBalancer(Resource, frozen=True, kw_only=True):
    """`place` is where it is active now; `master_zone` and `slave_zone` stay as created. The real part is the balancer
    unit of the same id.

    `missing_since`: when its checker first found no running part. `servers` is the default group.
    """

    kind: ClassVar[str] = "load-balancer"
    name: str = ""
    address: str
    address_type: Literal["internet", "intranet"]
    spec: str = ""
    bandwidth: int = 5120
    internet_charge_type: str = "paybytraffic"
    instance_charge_type: str = "PayBySpec"
    status: Literal["active", "inactive"] = "active"
    master_zone: str
    slave_zone: str
    delete_protection: bool = False
    modification_protection: str = "NonProtection"
    modification_reason: str = ""
    servers: tuple[Server, ...] = ()
    missing_since: float | None = None


class ServerGroup(Resource, frozen=True, kw_only=True):
    """A vServer group: members with a port each."""

    kind: ClassVar[str] = "vserver-group"
    name: str = ""
    servers: tuple[Server, ...] = ()


class Listener(Resource, frozen=True, kw_only=True):
    """id is `<load balancer>_<protocol>_<port>`, as the vendor's tags name listeners."""

    kind: ClassVar[str] = "slb-listener"
    protocol: Literal["tcp", "http"]
    port: int
    status: Literal["running", "stopped"] = "stopped"
    backend_port: int = 0
    group_id: str = ""
    description: str = ""
    bandwidth: int = -1
    scheduler: Literal["wrr", "rr", "wlc"] = "wrr"
    check: str = "on"
    check_type: Literal["tcp", "http"] = "tcp"
    check_port: int = 0
    check_interval: int = 2
    check_timeout: int = 5
    healthy: int = 3
    unhealthy: int = 3
    check_domain: str = ""
    check_uri: str = "/"
    check_codes: str = "http_2xx"
    check_method: Literal["head", "get"] = "head"
    established_timeout: int = 900
    idle_timeout: int = 15
    request_timeout: int = 60
    gzip: str = "on"
    forwarded_for: str = "on"
    sticky: str = "off"
    sticky_type: str = ""
    cookie: str = ""
    cookie_timeout: int = 0


class ServerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: normal, abnormal or unavailable, as the balancer's own checks say."""

    listener_port: int
    protocol: str
    server_id: str
    port: int
    status: str


class BalancerHealth(Resource, frozen=True, kw_only=True):
    """The last health that the load balancer of the same id was heard to report."""

    kind: ClassVar[str] = "slb-health"
    servers: tuple[ServerHealth, ...] = ()
