"""Which host names this cloud serves, and what a name says about product and region. Nothing else is ever answered."""

from __future__ import annotations

import ipaddress
from typing import Final

from kowloon.wire.identify import METADATA_HOST
from kowloon.wire.names import is_vendor_name

_EXACT: Final = frozenset({"", "localhost", METADATA_HOST})


class Hosts:
    """`extra`: further names the user lets this cloud answer to (an address it was told to listen on)."""

    def __init__(self, extra: frozenset[str] = frozenset()) -> None:
        self._extra = extra

    def serves(self, host: str) -> bool:
        """Loopback addresses, the vendor's names, and what the user added. Lower case, no port."""
        if host in _EXACT or host in self._extra or host.endswith(".localhost") or is_vendor_name(host):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def is_local(host: str) -> bool:
    """A name that only this machine's own programs use: not one that a web page could be served from."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def region_label(host: str, regions: dict[str, object]) -> str:
    """The region that an endpoint name carries: `ecs.cn-hongkong.aliyuncs.com`, `ecs-cn-hangzhou.aliyuncs.com`."""
    labels = host.split(".")
    for label in labels[:-2]:
        if label in regions:
            return label
    first = labels[0]
    while "-" in first:
        first = first.split("-", 1)[1]
        if first in regions:
            return first
    return ""
