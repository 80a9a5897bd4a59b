"""Who is who in the duty's organisations: the port by which the messenger knows people, units and who is on duty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """`parent` is a unit's id, or empty. `department`: its number in the messenger, where somebody has said so."""

    id: str
    title: str
    parent: str = ""
    department: str = ""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """`user`: the RAM user of the account, by name. `units`: those that are overseen by posts that the person is
    chosen for or appointed to."""

    id: str
    name: str
    user: str = ""
    email: str = ""
    mobile: str = ""
    units: tuple[str, ...] = ()


class PostHolders(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a post now: `people` is empty where nobody does. `oversees`: units; `heads`: those of them that no
    superior post oversees, too. `since`: when the tenure or turn began, cloud time."""

    post: str
    title: str
    oversees: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    acting: bool = False
    since: float = 0.0


class People(Protocol):
    """Of an account without an organisation all is empty."""

    def accounts(self) -> Iterator[str]:
        """Those that have an organisation."""
        ...

    def people(self, account: str) -> list[Person]: ...

    def units(self, account: str) -> list[Unit]:
        """Each after its parent."""
        ...

    def holders(self, account: str) -> list[PostHolders]:
        """Of every post, at this moment."""
        ...
