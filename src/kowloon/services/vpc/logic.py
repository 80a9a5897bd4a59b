"""Pure rules of addressing."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from kowloon.services.vpc.errors import CIDR_OVERLAPPED, INVALID_CIDR, NAME_INVALID

_PRIVATE = tuple(ipaddress.IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
DEFAULT_VPC_CIDR = "172.16.0.0/12"


def network(cidr: str) -> ipaddress.IPv4Network:
    """The network of a CIDR text whose host bits are zero, or InvalidCidrBlock."""
    try:
        return ipaddress.IPv4Network(cidr)
    except ValueError:
        raise INVALID_CIDR.error() from None


def check_vpc_cidr(cidr: str) -> str:
    """A private range with a mask of 8 to 28 bits."""
    block = network(cidr)
    if not 8 <= block.prefixlen <= 28 or not any(block.subnet_of(private) for private in _PRIVATE):
        raise INVALID_CIDR.error()
    return str(block)


def check_vswitch_cidr(cidr: str, vpc_cidr: str, others: Iterable[str]) -> str:
    """Within the VPC, a mask of 16 to 29 bits, apart from its other vSwitches."""
    block = network(cidr)
    if not 16 <= block.prefixlen <= 29 or not block.subnet_of(network(vpc_cidr)):
        raise INVALID_CIDR.error()
    if any(block.overlaps(network(other)) for other in others):
        raise CIDR_OVERLAPPED.error()
    return str(block)


def check_name(name: str) -> str:
    if len(name) > 128 or name.startswith(("http://", "https://")):
        raise NAME_INVALID.error()
    return name
