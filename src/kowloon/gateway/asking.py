"""What a call asks RAM for: the resources that it touches, and the values of condition keys."""

from __future__ import annotations

import functools
import itertools
import string
from collections.abc import Iterable, Mapping

import msgspec

from kowloon.actions import arns
from kowloon.actions.declare import Registry
from kowloon.core.clock import iso_seconds
from kowloon.gateway.exchange import Exchange
from kowloon.store.resources import default_group_id
from kowloon.store.store import Store

# The vendor's older names of acs:ResourceTag in some products.
_RESOURCE_TAGS = frozenset({"acs:resourcetag", "ecs:tag", "rds:resourcetag"})


def resources_of(exchange: Exchange, store: Store) -> tuple[str, ...]:
    """The RAM resources of a call, each of which must be allowed. The first one declared is always there, `*` for what
    the call does not say; of the others those that it names."""
    known = _known(exchange, store)
    found: dict[str, None] = {}
    for number, template in enumerate(exchange.declared.resources):
        for resource in _filled(template, exchange, known, optional=number > 0):
            found[resource] = None
    return tuple(found)


def asked_beside(exchange: Exchange, store: Store) -> list[tuple[str, str]]:
    """Actions of other products that the caller must be allowed as well, each with its resource."""
    also = exchange.declared.also
    if not also:
        return []
    known = _known(exchange, store)
    return [
        (name, resource)
        for name, template in also.items()
        for resource in _filled(template, exchange, known, optional=True)
    ]


def _known(exchange: Exchange, store: Store) -> Mapping[str, str | list[str]]:
    """Fields of templates that are no parameters."""
    known: dict[str, str | list[str]] = {"region": exchange.region or "*", "account": exchange.caller.account}
    for names in exchange.declared.product.naming:
        known.update(names(store, exchange.parameters, exchange.caller))
    return known


def _filled(
    template: str, exchange: Exchange, known: Mapping[str, str | list[str]], *, optional: bool
) -> Iterable[str]:
    """A field that is a list gives one resource per value."""
    parts: list[list[str]] = []
    for text, name in _pieces(template):
        parts.append([text])
        if name is None:
            continue
        values = _texts(known[name] if name in known else _value_of(exchange, name))
        if not values and optional:
            return []
        parts.append(values or ["*"])
    return ["".join(combination) for combination in itertools.product(*parts)]


@functools.lru_cache(maxsize=4096)
def _pieces(template: str) -> tuple[tuple[str, str | None], ...]:
    return tuple([(text, name) for text, name, _, _ in string.Formatter().parse(template)])


def _value_of(exchange: Exchange, name: str) -> object:
    """As the action reads it, or of a parameter that it does not read as it came."""
    value = getattr(exchange.input, name, None)
    return exchange.parameters.get(name) if value is None else value


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
                # Nobody logs on to a console here: all calls are signed by a key.
                return "false"
            case "acs:service":
                return self._service
        parameter = exchange.declared.product.condition_keys.get(key)
        if parameter is not None:
            return exchange.parameters.get(parameter)
        prefix, _, tag = key.partition("/")
        if prefix == "acs:requesttag":
            return _request_tags(exchange.parameters).get(tag)
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
        told = self._exchange.parameters.get("ResourceGroupId", "")
        reads = self._exchange.declared.access == "read"
        return told if told or reads else default_group_id(self._exchange.account)

    def _resource_tags(self) -> Mapping[str, str]:
        """Of a list of resources those that it asks for: who may see some only has to ask for these."""
        arn = arns.parse(self._resource)
        if arn is None:
            return {}
        if arn.id == "*":
            return _request_tags(self._exchange.parameters) if self._exchange.declared.access == "read" else {}
        found = self._found(arn)
        return found.item.tags if found is not None else {}

    def _found(self, arn: arns.Arn) -> arns.Found | None:
        """What the caller's account has by that name."""
        return arns.find(self._registry, self._store, arn) if arn.account == self._exchange.account else None


class _Tag(msgspec.Struct):
    key: str = msgspec.field(default="", name="Key")
    value: str = msgspec.field(default="", name="Value")


def _request_tags(parameters: Mapping[str, str]) -> dict[str, str]:
    """`Tag.1.Key=team`, `Tag.1.Value=dev` as {team: dev}; some clients write `key` and `value`, others all of it as
    JSON: `Tag=[{"Key":"team","Value":"dev"}]`; Tag and RDS have `Tags={"team":"dev"}`."""
    tags: dict[str, str] = {}
    for name, key in parameters.items():
        head, _, tail = name.rpartition(".")
        if tail in ("Key", "key") and head.startswith("Tag."):
            value = parameters.get(f"{head}.Value", parameters.get(f"{head}.value", ""))
            tags[key] = value
    try:
        listed = msgspec.json.decode(parameters.get("Tag") or "[]", type=list[_Tag])
        mapped = msgspec.json.decode(parameters.get("Tags") or "{}", type=dict[str, str])
    except msgspec.DecodeError:
        # The action that takes tags has refused it by now; to others it is nothing.
        return tags
    return tags | mapped | {tag.key: tag.value for tag in listed if tag.key}
