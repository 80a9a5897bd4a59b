"""What VPC stores."""

from __future__ import annotations

from typing import ClassVar

from kowloon.store.resources import Resource


class Vpc(Resource, frozen=True, kw_only=True):
    kind: ClassVar[str] = "vpc"
    name: str = ""
    description: str = ""
    cidr: str
    router_id: str
    route_table_id: str


class VSwitch(Resource, frozen=True, kw_only=True):
    """Its `place` is a zone, its `pool` hands out the private addresses of whatever lives in it."""

    kind: ClassVar[str] = "vswitch"
    name: str = ""
    description: str = ""
    cidr: str
    is_default: bool = False


class Eip(Resource, frozen=True, kw_only=True):
    """A public address. While bound, a balancer unit of the same id shows the target's ports on it."""

    kind: ClassVar[str] = "eip"
    name: str = ""
    description: str = ""
    address: str
    bandwidth: str = "5"
    charge_type: str = "PayByTraffic"
    isp: str = "BGP"
    bound_type: str = ""
    bound_id: str = ""
