"""Declaring products and actions. One decorated function is one API operation; everything else is derived from it."""

from __future__ import annotations

import functools
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from importlib import resources
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.decode import Decoder, Request
from kowloon.actions.ports import Principal
from kowloon.core.errors import ErrorSpec
from kowloon.store.resources import Resource
from kowloon.store.store import Store
from kowloon.topology.services import Edge, ServiceNode

Req = TypeVar("Req", bound=Request)
Res = TypeVar("Res", bound="Response")


# What an action makes, or waits for, before its transaction: of the cloud's ports and the request.
Prepare = Callable[[Mapping[type, object], Any], Awaitable[object]]


class Named(NamedTuple):
    """A call that is asked for its names. `told`: what its action reads of it, by field, as plain data; nothing else
    that came counts, or a call could be about one resource and name another."""

    store: Store
    registry: Registry
    told: Mapping[str, Any]
    caller: Principal
    region: str

    def text(self, field: str) -> str:
        value = self.told.get(field)
        return value if isinstance(value, str) else ""

    def texts(self, field: str) -> list[str]:
        value = self.told.get(field)
        return [each for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []


# What the RAM resources of a call may name beside the fields of its action, which come first.
Naming = Callable[[Named], Mapping[str, str | list[str]]]


class ResourceType(msgspec.Struct, frozen=True, kw_only=True):
    """What a product's resources of one kind are called by others: by Tag, ResourceManager and RAM. `name` is the
    vendor's ResourceType in lower case; `arn_name` the one in RAM's ARNs, where that is another. `stored_id` and
    `shown_id` turn the id that people use into the one that is kept, given account and region, and back. `grouped`: it
    can be moved between resource groups; if not, it is where the resource of the kind `follows` is that it needs."""

    name: str
    kind: type[Resource]
    arn_name: str = ""
    stored_id: Callable[[str, str, str], str] = lambda account, region, id: id
    shown_id: Callable[[Resource], str] = lambda item: item.id
    grouped: bool = False
    follows: str = ""

    def is_named(self, name: str) -> bool:
        return name.lower() in (self.name, self.arn_name)


class Response(msgspec.Struct, kw_only=True):
    """Base of typed outputs, fields as the vendor names them. The gateway adds the RequestId."""


class Action:
    """One declared operation."""

    def __init__(
        self,
        product: Product,
        handler: Callable[[Context, Any], Response],
        request: type[Request],
        resources: tuple[str, ...],
        access: Literal["read", "write"],
        anonymous: bool,
        prepare: Prepare | None,
        also: Mapping[str, str],
    ) -> None:
        self.product = product
        self.handler = handler
        self.request = request
        self.name = request.__name__.removesuffix("Request")
        self.resources = resources
        self.access = access
        self.anonymous = anonymous
        self.prepare = prepare
        self.also = also
        fields = request.__struct_fields__
        self.takes_client_token = "ClientToken" in fields
        self.takes_dry_run = "DryRun" in fields

    @functools.cached_property
    def decoder(self) -> Decoder:
        return Decoder(self.request)


class Product:
    """One product at one API version. `hosts`: first labels of its endpoint names. `code` is the vendor's, as in RAM
    (`ecs:RunInstances` is `ram_code:action`). `denied`: what a RAM denial answers there. `published`: all its
    operations, where the vendor's tables of actions do not have them. `resources`: what it stores; `types`: those of
    them that have tags or resource groups. `plane`: the nodes and edges of its control plane in a region, for the
    health model. `names`: what the RAM resources of its actions may name beside the parameters of a call.
    `condition_keys`: the product's own keys of policies, in lower case, and the parameters that have their values.
    `errors`: what its actions refuse with, where that is described nowhere else."""

    def __init__(
        self,
        code: str,
        version: str,
        *,
        ram_code: str,
        hosts: tuple[str, ...],
        resources: Iterable[type[Resource]] = (),
        central: bool = False,
        denied: ErrorSpec,
        published: frozenset[str] = frozenset(),
        plane: Callable[[str, tuple[str, ...]], tuple[list[ServiceNode], list[Edge]]] | None = None,
        names: Naming | None = None,
        types: Iterable[ResourceType] = (),
        condition_keys: Mapping[str, str] | None = None,
        errors: Iterable[ErrorSpec] = (),
    ) -> None:
        self.code = code
        self.version = version
        self.ram_code = ram_code
        self.hosts = hosts
        self.resources = tuple(resources)
        self.types = tuple(types)
        self.central = central
        self.denied = denied
        self.published = published
        self.plane = plane
        self.naming = [names] if names is not None else []
        self.condition_keys = dict(condition_keys or {})
        self.errors = tuple(errors)
        self.actions: dict[str, Action] = {}

    def action(
        self,
        *,
        resource: str | tuple[str, ...] = "*",
        access: Literal["read", "write"] | None = None,
        anonymous: bool = False,
        prepare: Prepare | None = None,
        also: Mapping[str, str] | None = None,
    ) -> Callable[[Callable[[Context, Req], Res]], Callable[[Context, Req], Res]]:
        """Declare an operation. Its name is that of the request type without `Request`; `resource` is the RAM
        resource, fields in braces taken from the request (`acs:vpc:{region}:{account}:vswitch/{VSwitchId}`); or
        several, of which all but the first count only where the request has their fields. `also`: actions of other
        products that the caller must be allowed as well, and their resource, where the request has its fields.
        `prepare` makes what costs too much for the loop (a key), or waits for what must be there: it is given the
        request and the cloud's ports, besides its Store, its Ids and the Principal who calls; it runs before the
        transaction, and what it made is `ctx.prepared`."""

        def declare(handler: Callable[[Context, Req], Res]) -> Callable[[Context, Req], Res]:
            request = typing.get_type_hints(handler)["req"]
            name = request.__name__
            reads = name.startswith(("Describe", "Get", "List", "Query"))
            kind = access or ("read" if reads else "write")
            templates = (resource,) if isinstance(resource, str) else resource
            declared = Action(self, handler, request, templates, kind, anonymous, prepare, also or {})
            if declared.name in self.actions:
                raise ValueError(f"{self.code} {declared.name} is declared twice")
            self.actions[declared.name] = declared
            return handler

        return declare

    @property
    def built(self) -> list[str]:
        """The names of its operations."""
        return sorted(self.actions)

    def node(self, region: str) -> str:
        """The name of its control plane in the health model."""
        return f"{self.code.lower()}@{'global' if self.central else region}"


class Registry:
    """Products by version, then action, then host: never by action alone (61 actions are both ECS's and VPC's)."""

    def __init__(self, products: Iterable[Product]) -> None:
        self.products = tuple(products)
        self._by_version: dict[str, list[Product]] = {}
        for product in self.products:
            self._by_version.setdefault(product.version, []).append(product)

    @functools.cached_property
    def known(self) -> dict[str, dict[str, frozenset[str]]]:
        """version -> product code -> action names: all that the vendor publishes, built here or not."""
        raw = resources.files("kowloon.data").joinpath("action_names.json").read_bytes()
        table: dict[str, dict[str, str]] = msgspec.json.decode(raw)
        return {
            version: {code: frozenset(names.split()) for code, names in products.items()}
            for version, products in table.items()
        }

    def find(self, version: str, action: str, host: str) -> Action | None:
        """The built action, or None; among several products of a version the one whose host it is."""
        candidates = [product for product in self._by_version.get(version, ()) if action in product.actions]
        if len(candidates) > 1:
            label = host.split(".", 1)[0]
            candidates = [product for product in candidates if label in product.hosts] or candidates
        return candidates[0].actions[action] if candidates else None

    def published_by(self, product: Product) -> frozenset[str]:
        """All operations that the vendor publishes for a product, built here or not."""
        if product.published:
            return product.published
        known = self.known.get(product.version, {})
        return next((names for code, names in known.items() if code.lower() == product.code.lower()), frozenset())

    def published(self, version: str, action: str) -> str | None:
        """The product that has this action in the vendor's tables, or None."""
        for code, names in self.known.get(version, {}).items():
            if action in names:
                return code
        return next((each.code for each in self._by_version.get(version, ()) if action in each.published), None)

    def knows_version(self, version: str) -> bool:
        return version in self._by_version or version in self.known

    def types_of(self, service: str, name: str) -> Iterator[tuple[Product, ResourceType]]:
        """By the names that ARNs have (`ecs`, `instance`); empty ones mean all."""
        for product in self.products:
            for kind in product.types:
                if service.lower() in ("", product.ram_code) and (not name or kind.is_named(name)):
                    yield product, kind

    def resource_types(self) -> Iterator[type[Resource]]:
        for product in self.products:
            yield from product.resources
