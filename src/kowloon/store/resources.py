"""What stored things have in common: the typed facets through which products meet without importing each other."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from typing import ClassVar, NamedTuple

import msgspec

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


class Key(NamedTuple):
    """Names one resource in the whole cloud."""

    kind: str
    id: str


class Place(msgspec.Struct, frozen=True):
    """Where a resource is: a zone always, a host once it is placed."""

    zone: str
    host: str = ""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """This resource needs another one. Deleting the other is refused with `code` and `message` (the vendor's) while
    this one exists; an empty `code` lets it go. `address`: taken from the other's pool for as long as this lives."""

    kind: str
    id: str
    code: str = ""
    message: str = ""
    address: str = ""

    @property
    def key(self) -> Key:
        return Key(self.kind, self.id)


class AddressPool(msgspec.Struct, frozen=True):
    """Addresses that others take by a `Reference`. The vendor keeps the first and the last three of a vSwitch."""

    cidr: str
    skip_first: int = 1
    skip_last: int = 4

    def addresses(self) -> range:
        """The usable addresses as integers."""
        network = ipaddress.ip_network(self.cidr)
        first = int(network.network_address)
        return range(first + self.skip_first, first + network.num_addresses - self.skip_last + 1)


@functools.lru_cache(maxsize=1024)
def default_group_id(account: str) -> str:
    """The id of the resource group of all that an account puts in no other; always the same."""
    number = int.from_bytes(hashlib.blake2b(account.encode(), digest_size=8).digest())
    return "rg-acfm" + "".join([_BASE36[number // 36**place % 36] for place in range(11)])


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is unique per kind in the cloud; `account` and `region` ('' = account-wide) scope it; times are cloud.
    `resource_group_id` is empty in the account's default group."""

    kind: ClassVar[str] = ""

    id: str
    account: str = ""
    region: str = ""
    created_at: float = 0.0
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    resource_group_id: str = ""
    references: tuple[Reference, ...] = ()
    place: Place | None = None
    pool: AddressPool | None = None

    @property
    def key(self) -> Key:
        return Key(self.kind, self.id)

    def refers_to(self, kind: str) -> str:
        """The id of the one resource of that kind which this one needs, or ''."""
        for reference in self.references:
            if reference.kind == kind:
                return reference.id
        return ""

    @property
    def resource_group(self) -> str:
        """The id of its resource group as the vendor shows it; empty for what is no account's."""
        return self.resource_group_id or (default_group_id(self.account) if self.account else "")

    @property
    def zone(self) -> str:
        return self.place.zone if self.place else ""


class Counter(Resource, frozen=True, kw_only=True):
    """A small number that must survive, such as the clock's offset."""

    kind: ClassVar[str] = "counter"
    value: float = 0.0
