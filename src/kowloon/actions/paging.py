"""Reaching people: the port by which duty calls them, whatever carries it."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the same when it is sent again, so that a channel can show it once. `person` is whom it is for, of the
    organisation of `account`."""

    id: str
    account: str
    person: str
    title: str
    text: str
    urgent: bool = False


class NotDelivered(Exception):
    """It has not arrived; the message is for people."""


class Pager(Protocol):
    """One kind of channel. `address` is what it takes: a group, a mail address, a URL."""

    async def send(self, address: str, message: Outgoing) -> None:
        """Returns once the channel has taken it. Raises NotDelivered."""
        ...
