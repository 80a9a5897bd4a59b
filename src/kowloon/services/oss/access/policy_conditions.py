"""Conditions of bucket policies: the keys that are known, and which of them tie a statement to a fixed place."""

from __future__ import annotations

import ipaddress
from typing import Any

from kowloon.wire.policy.conditions import Condition, condition_key, parse_conditions
from kowloon.wire.policy.syntax import PolicyError

_KEYS = frozenset(
    """
    acs:sourceip acs:sourcevpc acs:sourcevpcid acs:useragent acs:referer acs:currenttime acs:securetransport
    acs:accessid acs:mfapresent oss:prefix oss:delimiter oss:maxkeys oss:x-oss-acl oss:x-oss-object-acl
    oss:dataaccesspointarn oss:dataaccesspointaccount oss:accesspointnetworkorigin
    """.split()
)
_TAG_KEYS = ("oss:existingobjecttag/", "oss:requestobjecttag/", "oss:buckettag/")
# Where these are fixed, a statement about everyone is about somebody.
_PINNING_KEYS = ("acs:sourcevpc", "acs:sourcevpcid", "acs:accessid")
# Networks that are wider than these are nowhere in particular.
_WIDEST_PREFIX = {4: 8, 6: 32}


def parse_known_conditions(conditions: Any) -> tuple[Condition, ...]:
    """Raises PolicyError, also for a key that is not known: a condition that is never met would silently weaken the
    policy."""
    for keys in conditions.values() if isinstance(conditions, dict) else ():
        for name in keys if isinstance(keys, dict) else ():
            key = condition_key(name)
            if key not in _KEYS and not any(key.startswith(tags) and len(key) > len(tags) for tags in _TAG_KEYS):
                raise PolicyError(f"there is no condition key {name!r}.")
    return parse_conditions(conditions)


def pins(condition: Condition) -> bool:
    """Whether it ties the statement to a fixed place."""
    key, operator, wanted = condition.key, condition.operator, condition.wanted
    if condition.negative:
        return False
    if operator == "IpAddress":
        return key == "acs:sourceip" and all(_is_narrow(text) for text in wanted)
    fixed = operator.startswith("StringEquals") or (
        operator == "StringLike" and not any("*" in text or "?" in text for text in wanted)
    )
    return fixed and key in _PINNING_KEYS


def _is_narrow(text: str) -> bool:
    network = ipaddress.ip_network(text, strict=False)
    return network.prefixlen >= _WIDEST_PREFIX[network.version]
