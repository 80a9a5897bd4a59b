"""The vendor's names: what official clients call, and so what must lead here."""

from __future__ import annotations

from typing import Final

_DOMAINS: Final = ("aliyuncs.com", "dingtalk.com")
# Where receivers of callbacks fetch the key that signs them.
_OTHERS: Final = frozenset({"gosspublic.alicdn.com"})
_UNDER: Final = tuple("." + domain for domain in _DOMAINS)


def is_vendor_name(host: str) -> bool:
    """Whether a name, in lower case and without port, is under one of the vendor's domains: buckets' own are, too."""
    return host in _DOMAINS or host.endswith(_UNDER) or host in _OTHERS
