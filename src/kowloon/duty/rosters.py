"""The rosters of all posts over the store: what "who is on duty now" costs is one look-up."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence

from kowloon.core.clock import Clock
from kowloon.duty.organisation import Organisation, Post
from kowloon.duty.planning import calendar
from kowloon.duty.planning.problem import Shift
from kowloon.duty.resources import Absence, PlanRun, Rota, StoredOrganisation, Tenure, Turn
from kowloon.duty.roster import Away, Holder, Planned, PostRoster
from kowloon.store.store import Store, Transaction

_MOST_HORIZONS = 1024


class Rosters:
    """Each is kept while nothing of it changes. Also the Standing that roles ask: whose posts give them, at this
    moment."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._watch = store.watch(StoredOrganisation, Rota, Tenure, Absence)
        self._now: dict[str, dict[str, PostRoster]] = {}
        self._away: dict[str, Away] = {}
        # By account and post: what was made last, of the store or of a transaction.
        self._made: dict[tuple[str, str], PostRoster] = {}
        # By account, post and horizon: of which post it is, and its shifts.
        self._shifts: dict[tuple[str, str, float, float], tuple[Post, list[Shift]]] = {}

    @property
    def now(self) -> float:
        return self._clock.now()

    def organisation(self, account: str) -> Organisation | None:
        stored = self._store.get(StoredOrganisation, account)
        return stored.whole if stored is not None else None

    def since(self, account: str) -> float:
        """When it had its first one."""
        stored = self._store.get(StoredOrganisation, account)
        return stored.created_at if stored is not None else 0.0

    def of(self, account: str) -> dict[str, PostRoster]:
        if self._watch.changed():
            self._now.clear()
        kept = self._now.get(account)
        if kept is None:
            whole = self.organisation(account)
            kept = self._now[account] = self.read(self._store, account, whole) if whole is not None else {}
        return kept

    def read(self, source: Store | Transaction, account: str, whole: Organisation) -> dict[str, PostRoster]:
        """By post. Of a transaction: with what it has written so far."""
        away = self.away(source, account)
        tenures: defaultdict[str, list[Tenure]] = defaultdict(list)
        for tenure in source.list(Tenure, account=account):
            tenures[tenure.post].append(tenure)
        rotas = {rota.post: rota.turns for rota in source.list(Rota, account=account)}
        return {
            post.id: self._roster(account, post, rotas.get(post.id, ()), tenures[post.id], away) for post in whole.posts
        }

    def away(self, source: Store | Transaction, account: str) -> Away:
        absences = source.list(Absence, account=account)
        kept = self._away.get(account)
        if kept is None or kept.absences != absences:
            kept = self._away[account] = Away(absences)
        return kept

    def _roster(self, account: str, post: Post, turns: Sequence[Turn], tenures: list[Tenure], away: Away) -> PostRoster:
        kept = self._made.get((account, post.id))
        planned = kept.planned if kept is not None else None
        if planned is None or planned.post is not post or planned.turns is not turns:
            planned = Planned(post, turns)
        if kept is None or kept.planned is not planned or kept.away is not away or kept.tenures != tenures:
            kept = self._made[account, post.id] = PostRoster(planned, tenures, away)
        return kept

    def shifts(self, account: str, post: Post, from_at: float, to_at: float) -> list[Shift]:
        """Those of a horizon, as its calendar rules say. Kept: those of a year take a second."""
        key = (account, post.id, from_at, to_at)
        kept = self._shifts.get(key)
        if kept is None or kept[0] is not post:
            kept = (post, calendar.shifts(post.planned(), from_at, to_at))
            if len(self._shifts) >= _MOST_HORIZONS:
                self._shifts.clear()
            self._shifts[key] = kept
        return kept[1]

    async def expand(self, run: PlanRun) -> None:
        """Has the shifts of a plan ready, beside the loop."""
        whole = run.supposed or self.organisation(run.account)
        posts = [post for post in whole.posts if not run.posts or post.id in run.posts] if whole is not None else []

        def each() -> None:
            for post in posts:
                self.shifts(run.account, post, run.from_at, run.to_at)

        await asyncio.to_thread(each)

    def who(self, account: str, post: str, moment: float | None = None) -> Holder | None:
        roster = self.of(account).get(post)
        return roster.at(self._clock.now() if moment is None else moment) if roster is not None else None

    def accounts(self) -> Iterator[str]:
        for stored in self._store.list(StoredOrganisation):
            yield stored.account

    def post_of(self, user: str, role: str) -> str:
        """The post by which the RAM user (`<account>:<name>`) has the role (`<account>:<name in lower case>`) now; ''
        when there is none."""
        account, _, name = user.partition(":")
        role_account, _, role_name = role.partition(":")
        whole = self.organisation(account) if account == role_account else None
        person = next((each.id for each in whole.people if each.user == name), "") if whole is not None else ""
        if whole is None or not person:
            return ""
        for post in whole.posts:
            if post.role and post.role.lower() == role_name:
                holder = self.who(account, post.id)
                if holder is not None and holder.person == person:
                    return post.id
        return ""
