"""Whose page is open: open connections by member."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from kowloon.dingtalk.chat.resources import Conversation

if TYPE_CHECKING:
    from kowloon.dingtalk.page.live import OpenPage


class OpenPages:
    def __init__(self) -> None:
        self._all: dict[OpenPage, None] = {}
        self._of_member: dict[str, dict[OpenPage, None]] = {}
        self._of_account: dict[str, dict[OpenPage, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[OpenPage]:
        return iter(tuple(self._all))

    def add(self, page: OpenPage) -> None:
        self._all[page] = None
        self._of_member.setdefault(page.member.id, {})[page] = None
        self._of_account.setdefault(page.member.account, {})[page] = None

    def remove(self, page: OpenPage) -> None:
        self._all.pop(page, None)
        for index, id in ((self._of_member, page.member.id), (self._of_account, page.member.account)):
            pages = index.get(id, {})
            pages.pop(page, None)
            if not pages:
                index.pop(id, None)

    def of_member(self, member_id: str) -> Collection[OpenPage]:
        return self._of_member.get(member_id, ())

    def of(self, conversation: Conversation) -> Collection[OpenPage]:
        """Of all who are in it now."""
        if conversation.dissolved:
            return ()
        account, of_member = conversation.account, self._of_member
        if conversation.everyone:
            return self._of_account.get(account, ())
        # Members' ids as own_id makes them.
        found = [of_member.get(f"{account}/{userid}", ()) for userid in conversation.members]
        return [page for pages in found for page in pages]
