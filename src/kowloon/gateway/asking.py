"""What a call asks RAM for: the resources that it touches, and the values of condition keys."""

from __future__ import annotations

import functools
import itertools
import string
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kowloon.actions import arns
from kowloon.actions.declare import Named, Registry
from kowloon.core.clock import iso_seconds
from kowloon.gateway.exchange import Exchange
from kowloon.store.resources import default_group_id
from kowloon.store.store import Store

# The vendor's older names of acs:ResourceTag in some products.
_RESOURCE_TAGS = frozenset({"acs:resourcetag", "ecs:tag", "rds:resourcetag"})


def resources_of(exchange: Exchange, store: Store, registry: Registry) -> tuple[str, ...]:
    """The RAM resources of a call, each of which must be allowed. The first one declared is always there, `*` for what
    the call does not say; of the others those that it names."""
    known = _known(exchange, store, registry)
    found: dict[str, None] = {}
    for number, template in enumerate(exchange.declared.resources):
        for resource in _filled(template, exchange, known, optional=number > 0):
            found[resource] = None
    return tuple(found)


def asked_beside(exchange: Exchange, store: Store, registry: Registry) -> list[tuple[str, str]]:
    """Actions of other products that the caller must be allowed as well, each with its resource."""
    also = exchange.declared.also
    if not also:
        return []
    known = _known(exchange, store, registry)
    return [
        (name, resource)
        for name, template in also.items()
        for resource in _filled(template, exchange, known, optional=True)
    ]


def _known(exchange: Exchange, store: Store, registry: Registry) -> Mapping[str, str | list[str]]:
    """The fields of templates: the action's own, as it reads them, and what its product names beside them."""
    told: dict[str, Any] = msgspec.to_builtins(exchange.input)
    region = exchange.region or "*"
    known: dict[str, str | list[str]] = {}
    for names in exchange.declared.product.naming:
        known.update(names(Named(store, registry, told, exchange.caller, region)))
    known |= {name: _texts(value) for name, value in told.items()}
    # Where the call is taken to, whatever its parameter says.
    return known | {"region": region, "account": exchange.caller.account}


def _filled(
    template: str, exchange: Exchange, known: Mapping[str, str | list[str]], *, optional: bool
) -> Iterable[str]:
    """A field that is a list gives one resource per value."""
    parts: list[list[str]] = []
    for text, name in _pieces(template):
        parts.append([text])
        if name is None:
            continue
        values = _texts(known.get(name))
        if not values and optional:
            return []
        parts.append(values or ["*"])
    return ["".join(combination) for combination in itertools.product(*parts)]


@functools.lru_cache(maxsize=4096)
def _pieces(template: str) -> tuple[tuple[str, str | None], ...]:
    return tuple([(text, name) for text, name, _, _ in string.Formatter().parse(template)])


def _texts(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [item for item in value if isinstance(item, str) and item]
    return [str(value)] if value not in (None, "") else []


class ConditionValues:
    """The values of condition keys for one call and one of its resources. The resource is looked up only when a policy
    asks for its tags or its group. `service`: the product that is let act on it (`ecs.aliyuncs.com`)."""

    __slots__ = ("_exchange", "_registry", "_resource", "_service", "_store")

    def __init__(
        self, exchange: Exchange, resource: str, store: Store, registry: Registry, service: str | None = None
    ) -> None:
        self._exchange = exchange
        self._resource = resource
        self._store = store
        self._registry = registry
        self._service = service

    def __call__(self, key: str) -> str | None:
        exchange = self._exchange
        match key:
            case "acs:sourceip":
                return exchange.request.peer
            case "acs:securetransport":
                return "true" if exchange.request.scheme == "https" else "false"
            case "acs:currenttime":
                return iso_seconds(exchange.now)
            case "acs:mfapresent":
                return "true" if exchange.caller.mfa else "false"
            case "acs:service":
                return self._service
        parameter = exchange.declared.product.condition_keys.get(key)
        if parameter is not None:
            value = getattr(exchange.input, parameter, None)
            return str(value) if value not in (None, "") else None
        prefix, _, tag = key.partition("/")
        if prefix == "acs:requesttag":
            return _request_tags(exchange).get(tag)
        if prefix in _RESOURCE_TAGS:
            return self._resource_tags().get(tag)
        return None

    def resource_group(self) -> str:
        """The resource group that the resource is in. One that is not there, or is no account's, counts as being where
        the call puts what is new; of a list those count that it asks for."""
        arn = arns.parse(self._resource)
        if arn is None:
            return ""
        found = self._found(arn)
        if found is not None:
            return arns.group_of(self._store, found)
        types = self._registry.types_of(arn.service, arn.type) if arn.type else ()
        if not any(type.grouped or type.follows for _, type in types):
            return ""
        told = getattr(self._exchange.input, "ResourceGroupId", None) or ""
        reads = self._exchange.declared.access == "read"
        return told if told or reads else default_group_id(self._exchange.account)

    def _resource_tags(self) -> Mapping[str, str]:
        """Of a list of resources those that it asks for: who may see some only has to ask for these."""
        arn = arns.parse(self._resource)
        if arn is None:
            return {}
        if arn.id == "*":
            return _request_tags(self._exchange) if self._exchange.declared.access == "read" else {}
        found = self._found(arn)
        return found.item.tags if found is not None else {}

    def _found(self, arn: arns.Arn) -> arns.Found | None:
        """What the caller's account has by that name."""
        return arns.find(self._registry, self._store, arn) if arn.account == self._exchange.account else None


def _request_tags(exchange: Exchange) -> dict[str, str]:
    """The tags that the action reads: a list of keys and values under Tag, or an object under Tags, which some actions
    read as text."""
    tags: dict[str, str] = {}
    for name in ("Tag", "Tags"):
        given = msgspec.to_builtins(getattr(exchange.input, name, None))
        if isinstance(given, str):
            given = _object(given)
        if isinstance(given, dict):
            tags |= given
        elif isinstance(given, list):
            tags |= {tag["Key"]: tag["Value"] for tag in given if tag.get("Key")}
    return tags


def _object(text: str) -> dict[str, str]:
    """What is none is the action's to refuse."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, str])
    except msgspec.DecodeError:
        return {}
