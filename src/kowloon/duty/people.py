"""The organisations as others see them: the People of actions/people.py over the rosters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from kowloon.actions import people as seen
from kowloon.core.clock import Clock
from kowloon.duty.organisation import Organisation, Person, Post
from kowloon.duty.planning.eligible import eligibility, lacks
from kowloon.duty.planning.problem import Eligibility
from kowloon.duty.rosters import Rosters

_EVERYBODY = Eligibility()


class DutyPeople:
    def __init__(self, rosters: Rosters, clock: Clock) -> None:
        self._rosters = rosters
        self._clock = clock
        # By account: of which organisation it is, and the posts that people are chosen for.
        self._chosen: dict[str, tuple[Organisation, dict[str, set[str]]]] = {}

    def accounts(self) -> Iterator[str]:
        return self._rosters.accounts()

    def people(self, account: str) -> list[seen.Person]:
        whole = self._rosters.organisation(account)
        if whole is None:
            return []
        chosen, appointed = self._chosen_for(account, whole), self._appointed(account)
        return [
            seen.Person(
                id=person.id,
                name=person.name,
                user=person.user,
                email=next((reach.at for reach in person.reach if reach.by == "email"), ""),
                units=_units_of(whole, chosen[person.id] | appointed.get(person.id, set())),
            )
            for person in whole.people
        ]

    def units(self, account: str) -> list[seen.Unit]:
        whole = self._rosters.organisation(account)
        waiting = {unit.id: unit for unit in whole.units} if whole is not None else {}
        found: list[seen.Unit] = []
        while waiting:
            # An organisation's file has no circles.
            for unit in [each for each in waiting.values() if each.parent not in waiting]:
                del waiting[unit.id]
                found.append(seen.Unit(id=unit.id, title=unit.title, parent=unit.parent, department=unit.department))
        return found

    def holders(self, account: str) -> list[seen.PostHolders]:
        whole = self._rosters.organisation(account)
        return [self._holders(account, whole, post) for post in whole.posts] if whole is not None else []

    def _holders(self, account: str, whole: Organisation, post: Post) -> seen.PostHolders:
        holder = self._rosters.who(account, post.id)
        return seen.PostHolders(
            post=post.id,
            title=post.title,
            oversees=post.oversees,
            heads=_heads(whole, post),
            people=(holder.person,) if holder is not None else (),
            acting=holder is not None and holder.capacity == "acting",
            since=holder.since if holder is not None else 0.0,
        )

    def _chosen_for(self, account: str, whole: Organisation) -> dict[str, set[str]]:
        """Kept while the organisation stays as it is."""
        kept = self._chosen.get(account)
        if kept is None or kept[0] is not whole:
            wanted = {post.id: _wanted(post) for post in whole.posts}
            kept = (whole, {person.id: _meets(person, wanted) for person in whole.people})
            self._chosen[account] = kept
        return kept[1]

    def _appointed(self, account: str) -> dict[str, set[str]]:
        """The posts that people are appointed to now, by person."""
        now = self._clock.now()
        found: defaultdict[str, set[str]] = defaultdict(set)
        for post, roster in self._rosters.of(account).items():
            for tenure in roster.tenures:
                if tenure.why == "appointed" and tenure.covers(now):
                    found[tenure.person].add(post)
        return found


def _units_of(whole: Organisation, posts: set[str]) -> tuple[str, ...]:
    units = {unit for post in whole.posts if post.id in posts for unit in post.oversees}
    return tuple([unit.id for unit in whole.units if unit.id in units])


def _wanted(post: Post) -> list[Eligibility]:
    """Who may hold it, by layer. A post that everybody may hold says nothing of where somebody belongs."""
    planned = post.planned()
    return [each for layer in (None, *post.layers) if (each := eligibility(planned, layer)) != _EVERYBODY]


def _meets(person: Person, wanted: dict[str, list[Eligibility]]) -> set[str]:
    planned = person.planned(())
    return {post for post, each in wanted.items() if any(not lacks(planned, one) for one in each)}


def _heads(whole: Organisation, post: Post) -> tuple[str, ...]:
    above: set[str] = set()
    manager = whole.post(post.manager)
    while manager is not None and manager.id not in above and manager.id != post.id:
        above.add(manager.id)
        manager = whole.post(manager.manager)
    superiors = {unit for each in whole.posts if each.id in above for unit in each.oversees}
    return tuple([unit for unit in post.oversees if unit not in superiors])
