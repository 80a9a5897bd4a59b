"""Where callers may call from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def is_from(peer: str, addresses: Iterable[str]) -> bool:
    """Whether it is one of these IPs, or in one of these CIDR blocks."""
    caller = ipaddress.ip_address(peer)
    return any(caller in ipaddress.ip_network(block, strict=False) for block in addresses)
