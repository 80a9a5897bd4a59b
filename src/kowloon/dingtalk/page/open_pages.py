"""Whose page is open: open connections by member, and by what they hang on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from kowloon.actions.browser import SESSION_COOKIE
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.contacts.people import MEMBER_COOKIE, digest
from kowloon.wire.cookies import cookie

if TYPE_CHECKING:
    from kowloon.dingtalk.page.live import OpenPage


class OpenPages:
    def __init__(self) -> None:
        self._all: dict[OpenPage, None] = {}
        self._of_member: dict[str, dict[OpenPage, None]] = {}
        self._of_account: dict[str, dict[OpenPage, None]] = {}
        # Those whose right to be open hangs on a resource, by its id.
        self._by_id: dict[str, dict[OpenPage, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[OpenPage]:
        return iter(tuple(self._all))

    def add(self, page: OpenPage) -> None:
        self._all[page] = None
        for index, id in self._places(page):
            index.setdefault(id, {})[page] = None

    def remove(self, page: OpenPage) -> None:
        self._all.pop(page, None)
        for index, id in self._places(page):
            pages = index.get(id, {})
            pages.pop(page, None)
            if not pages:
                index.pop(id, None)

    def _places(self, page: OpenPage) -> Iterator[tuple[dict[str, dict[OpenPage, None]], str]]:
        yield self._of_member, page.member.id
        yield self._of_account, page.member.account
        for id in _hangs_on(page):
            yield self._by_id, id

    def count_of(self, member_id: str) -> int:
        return len(self._of_member.get(member_id, ()))

    def hanging_on(self, id: str) -> Iterable[OpenPage]:
        found = self._by_id.get(id)
        return tuple(found) if found else ()

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


def _hangs_on(page: OpenPage) -> set[str]:
    """Ids of the member, of the RAM user that it is, and of the sessions that its cookies name."""
    member = page.member
    ids = {member.id}
    if member.user:
        ids.add(f"{member.account}:{member.user}")
    ids.add(cookie(page.request, SESSION_COOKIE).partition(":")[0])
    ids.add(digest(cookie(page.request, MEMBER_COOKIE)))
    return ids - {""}
