"""One account's duty as a transaction sees it, and what every change leaves behind: history, messages, events."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from kowloon.core import limits
from kowloon.core.errors import ApiError
from kowloon.core.events import DutyEvent, Event
from kowloon.core.ids import Ids
from kowloon.core.located import nearest
from kowloon.duty import errors
from kowloon.duty.organisation import Ladder, Organisation, Person, Post
from kowloon.duty.planning.problem import Shift, Span
from kowloon.duty.resources import Absence, Asking, Happening, Message, Note, Page, Rota, StoredOrganisation, Tenure
from kowloon.duty.roster import PostRoster
from kowloon.duty.rosters import Rosters
from kowloon.store.store import Transaction

_GO_AT_ONCE = 200
_Growing = Happening | Message | Page | Tenure | Absence | Asking | Note


def post_of(whole: Organisation, id: str) -> Post:
    found = whole.post(id)
    if found is None:
        hint = nearest(id, (post.id for post in whole.posts))
        raise errors.POST_NOT_FOUND.error(id=repr(id), hint=hint)
    return found


class Committed:
    """One account's duty as it is committed, for answers that are too long for the loop: may be read by a thread."""

    def __init__(self, rosters: Rosters, account: str) -> None:
        whole = rosters.organisation(account)
        if whole is None:
            raise errors.NO_ORGANISATION.error()
        self.account = account
        self.now = rosters.now
        self.since = rosters.since(account)
        self.whole: Organisation = whole
        self.rosters = rosters.of(account)

    def posts(self, id: str) -> Sequence[Post]:
        """The one of that id; all when it is empty."""
        return [post_of(self.whole, id)] if id else self.whole.posts


class DutyState:
    """`by`: who makes the change, for the history; `events` are for the bus, once the transaction is committed."""

    def __init__(self, tx: Transaction, account: str, now: float, ids: Ids, rosters: Rosters, by: str = "") -> None:
        self.tx = tx
        self.account = account
        self.now = now
        self.ids = ids
        self._rosters = rosters
        self.by = by
        self.events: list[Event] = []
        # By kind, once that was looked at.
        self._too_many: dict[str, int] = {}
        stored = tx.get(StoredOrganisation, account)
        if stored is None:
            raise errors.NO_ORGANISATION.error()
        self.version = stored.version
        self.since = stored.created_at
        self.whole: Organisation = stored.whole

    def supposing(self, whole: Organisation) -> DutyState:
        """The same with another organisation, to look at: nothing of it is kept."""
        other = DutyState(self.tx, self.account, self.now, self.ids, self._rosters, self.by)
        other.whole = whole
        return other

    @functools.cached_property
    def rosters(self) -> dict[str, PostRoster]:
        """As they are with what is written so far; `changed` after writing what they are made of."""
        return self._rosters.read(self.tx, self.account, self.whole)

    def shifts(self, post: Post, from_at: float, to_at: float) -> list[Shift]:
        return self._rosters.shifts(self.account, post, from_at, to_at)

    def changed(self) -> None:
        self.__dict__.pop("rosters", None)

    def post(self, id: str) -> Post:
        return post_of(self.whole, id)

    def person(self, id: str) -> Person:
        found = self.whole.person(id)
        if found is None:
            hint = nearest(id, (person.id for person in self.whole.people))
            raise errors.PERSON_NOT_FOUND.error(id=repr(id), hint=hint)
        return found

    def ladder(self, post: Post) -> Ladder:
        found = self.whole.ladder(post.ladder)
        if found is None:
            raise errors.NO_LADDER.error(post=post.id)
        return found

    def holder(self, post: str) -> str:
        """The person who holds it now; '' for nobody."""
        roster = self.rosters.get(post)
        holder = roster.at(self.now) if roster is not None else None
        return holder.person if holder is not None else ""

    def rota(self, post: str) -> Rota:
        """An empty one where nothing was planned."""
        id = f"{self.account}:{post}"
        return self.tx.get(Rota, id) or Rota(id=id, account=self.account, created_at=self.now, post=post)

    def members(self, pool: str) -> list[str]:
        return [person.id for person in self.whole.people if pool in person.pools]

    def away(self, person: str) -> tuple[Span, ...]:
        return self._rosters.away(self.tx, self.account).spans(person)

    def acting_in(self, person: str) -> list[Tenure]:
        """The acting tenures of that person that run now."""
        running = [tenure for roster in self.rosters.values() for tenure in roster.acting(self.now)]
        return [tenure for tenure in running if tenure.person == person]

    def has_open_page(self, post: str) -> bool:
        pages = self.tx.list(Page, account=self.account)
        return any(page.post == post and page.state != "resolved" for page in pages)

    def open_pages(self, person: str) -> int:
        """Those that this person is expected to deal with."""
        pages = [page for page in self.tx.list(Page, account=self.account) if page.state != "resolved"]
        return sum([person == (page.assigned_to or self.holder(page.post)) for page in pages])

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{self.ids.token(16)}"

    def happened(
        self, what: str, *, post: str = "", person: str = "", text: str = "", page: str = "", capacity: str = ""
    ) -> None:
        """Into the history and onto the bus."""
        self.make_room(Happening)
        self.tx.put(
            Happening(
                id=self.new_id("dh"),
                account=self.account,
                created_at=self.now,
                what=what,
                post=post,
                person=person,
                text=text,
                by=self.by,
            )
        )
        self.events.append(
            DutyEvent(
                at=self.now,
                account=self.account,
                what=what,
                post=post,
                person=person,
                capacity=capacity,
                page=page,
                text=text,
            )
        )

    def make_room(self, kind: type[_Growing]) -> int:
        """Of what only grows the account's oldest go, a few at a time; what goes on or is to come stays. Each account
        has its share. By how many it has more than that, as none of them may go."""
        most = limits.DUTY_RECORDS_KEPT // max(self.tx.count(StoredOrganisation), 1)
        if self.tx.count(kind) < most:
            return 0
        if kind.kind not in self._too_many:
            mine = self.tx.list(kind, account=self.account)
            over = [each for each in mine if _is_over(each, self.now)][:_GO_AT_ONCE] if len(mine) >= most else []
            for old in over:
                self.tx.delete(old)
            self._too_many[kind.kind] = 0 if over else max(len(mine) + 1 - most, 0)
        return self._too_many[kind.kind]

    def require_room(self, kind: type[_Growing]) -> None:
        """For what people make as many of as they like: `QuotaExceeded` where none may go."""
        if self.make_room(kind):
            most = limits.DUTY_RECORDS_KEPT // max(self.tx.count(StoredOrganisation), 1)
            raise ApiError("QuotaExceeded", 400, f"An account keeps at most {most} of {kind.kind} that are not over.")

    def tell(self, people: Iterable[str], title: str, text: str, *, page: str = "", not_before: float = 0.0) -> None:
        """Each of them once; who cannot be reached is left out, which the page's story says."""
        self.make_room(Message)
        for id in dict.fromkeys(people):
            person = self.whole.person(id)
            if person is not None and person.reach:
                self.tx.put(
                    Message(
                        id=self.new_id("dm"),
                        account=self.account,
                        created_at=self.now,
                        person=id,
                        reach=tuple([(reach.by, reach.at) for reach in person.reach]),
                        title=title,
                        text=text,
                        page=page,
                        not_before=not_before,
                    )
                )


def _is_over(item: _Growing, now: float) -> bool:
    if isinstance(item, Page):
        return item.state == "resolved"
    if isinstance(item, Message):
        return item.state != "waiting"
    if isinstance(item, Asking):
        return item.state != "open"
    if isinstance(item, Tenure | Absence):
        return item.to_at is not None and item.to_at <= now
    return True
