"""Reads and checks an organisation's file. Everything that is wrong is told at once, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

import msgspec

from kowloon.core.located import Located, Path, Problem, Reading, nearest
from kowloon.duty.channels import check_address
from kowloon.duty.organisation import Ladder, Organisation, PagingRule, Person, Post, Rules, Unit
from kowloon.duty.planning import calendar, problem
from kowloon.duty.planning.problem import Eligibility, Layer, Value

_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_MOST_BYTES = 1 << 20
_WEEK_S = 7 * 86400.0
_MOST_TURNS_A_WEEK = 7 * 24 + 1
_MOST_WAIT_MIN = 7 * 24 * 60.0
_MOST_ROUNDS = 100
_MOST_ACTING_DAYS = 3660.0
_LISTS: dict[str, type[Value]] = {
    "units": Unit,
    "people": Person,
    "posts": Post,
    "ladders": Ladder,
    "paging": PagingRule,
}
_SOMEBODY = ("post", "pool")


class OrganisationError(Exception):
    """Each of `problems` is `file:line: message`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def parse(text: str, file: str = "organisation") -> Organisation:
    """Raises OrganisationError."""
    if len(text.encode()) > _MOST_BYTES:
        raise OrganisationError([f"{file}:1: a file has at most {_MOST_BYTES} bytes"])
    try:
        located = Located(text)
    except Problem as mistake:
        raise OrganisationError([f"{file}:{mistake.line}: {mistake.message}"]) from mistake
    reader = _Reader(located)
    organisation = reader.read()
    if reader.problems or organisation is None:
        raise OrganisationError(reader.report(file))
    return organisation


class _Head(Value, frozen=True, kw_only=True):
    title: str
    time_zone: str = "Asia/Shanghai"
    rules: Rules = Rules()


class _Reader(Reading):
    def read(self) -> Organisation | None:
        data = self.located.data
        if not isinstance(data, dict):
            self.complain((), f"an organisation is a mapping of keys: title, rules, {', '.join(_LISTS)}")
            return None
        head = self.convert({key: value for key, value in data.items() if key not in _LISTS}, _Head, (), tuple(_LISTS))
        lists = {key: self._all(data.get(key), kind, key) for key, kind in _LISTS.items()}
        if head is None or self.problems:
            return None
        organisation = msgspec.convert({**msgspec.structs.asdict(head), **lists}, Organisation, from_attributes=True)
        organisation = _with_time_zones(organisation)
        self._check(organisation)
        return organisation

    def _all(self, items: Any, kind: type[Value], key: str) -> list[Value]:
        if items is None:
            return []
        if not isinstance(items, list):
            self.complain((key,), f"{key} is a list")
            return []
        found = [self.convert(item, kind, (key, index)) for index, item in enumerate(items)]
        return [item for item in found if item is not None]

    def _check(self, whole: Organisation) -> None:
        for key in ("units", "people", "posts", "ladders", "paging"):
            self._check_ids(key, getattr(whole, key))
        self._zone(whole.time_zone, ("time_zone",))
        self._check_units(whole)
        self._check_people(whole)
        self._check_posts(whole)
        self._check_paging(whole)
        self._check_rules(whole)

    def _check_ids(self, key: str, items: Sequence[Any]) -> None:
        seen: set[str] = set()
        for index, item in enumerate(items):
            if not _ID.fullmatch(item.id):
                self.complain((key, index, "id"), f"{item.id!r} is no id: a-z, 0-9, dots and dashes, 63 at most")
            if item.id in seen:
                self.complain((key, index, "id"), f"the id {item.id!r} is used already")
            seen.add(item.id)

    def _known(self, name: str, known: Iterable[str], what: str, where: Path) -> bool:
        known = list(known)
        if name in known:
            return True
        self.complain(where, f"there is no {what} {name!r}{nearest(name, known)}")
        return False

    def _zone(self, name: str, where: Path) -> None:
        try:
            calendar.zone(name)
        except ValueError:
            self.complain(where, f"there is no time zone {name!r}{nearest(name, available_timezones())}")

    def _check_units(self, whole: Organisation) -> None:
        parents = {unit.id: unit.parent for unit in whole.units}
        for index, unit in enumerate(whole.units):
            if not unit.parent:
                continue
            where: Path = ("units", index, "parent")
            if not self._known(unit.parent, parents, "unit", where):
                continue
            above, seen = unit.parent, {unit.id}
            while above and above not in seen:
                seen.add(above)
                above = parents.get(above, "")
            if above == unit.id:
                self.complain(where, f"{unit.id!r} is above itself")

    def _check_people(self, whole: Organisation) -> None:
        users: set[str] = set()
        for index, person in enumerate(whole.people):
            where: Path = ("people", index)
            self._zone(person.time_zone, (*where, "time_zone"))
            self._hours(person.quiet, (*where, "quiet"))
            if person.user and person.user in users:
                self.complain((*where, "user"), f"the RAM user {person.user!r} is somebody else already")
            users.add(person.user)
            for position, reach in enumerate(person.reach):
                try:
                    check_address(reach.by, reach.at)
                except ValueError as mistake:
                    self.complain((*where, "reach", position, "at"), str(mistake))
            self._country(person.country, (*where, "country"))
            if not 0 < person.share <= 10:
                self.complain((*where, "share"), "share is above 0 and at most 10; who serves nowhere is in no pool")

    def _hours(self, text: str, where: Path) -> None:
        try:
            if text:
                calendar.daily(text)
        except ValueError as mistake:
            self.complain(where, str(mistake))

    def _country(self, country: str, where: Path) -> None:
        try:
            calendar.public_holidays(country, 2026)
        except ValueError as mistake:
            self.complain(where, str(mistake))

    def _check_posts(self, whole: Organisation) -> None:
        posts = [post.id for post in whole.posts]
        for index, post in enumerate(whole.posts):
            where: Path = ("posts", index)
            self._zone(post.time_zone, (*where, "time_zone"))
            for position, unit in enumerate(post.oversees):
                self._known(unit, (each.id for each in whole.units), "unit", (*where, "oversees", position))
            for position, other in enumerate(post.neighbours):
                self._known(other, posts, "post", (*where, "neighbours", position))
            if post.manager:
                self._known(post.manager, posts, "post", (*where, "manager"))
            if post.ladder:
                self._known(post.ladder, (each.id for each in whole.ladders), "ladder", (*where, "ladder"))
            self._eligible(post.eligible, whole, (*where, "eligible"))
            for position, name in enumerate(post.acting.succession):
                self._somebody(name, whole, (*where, "acting", "succession", position))
            if not 0 < post.acting.most_days <= _MOST_ACTING_DAYS:
                self.complain((*where, "acting", "most_days"), "most_days is above 0, and ten years at most")
            self._hours(post.limits.daylight, (*where, "limits", "daylight"))
            self._check_layers(post, whole, where)

    def _check_layers(self, post: Post, whole: Organisation, where: Path) -> None:
        seen: set[str] = set()
        for index, layer in enumerate(post.layers):
            if not _ID.fullmatch(layer.id) or layer.id in seen:
                self.complain((*where, "layers", index, "id"), f"{layer.id!r} is no id, or that of a layer before")
            seen.add(layer.id)
            if layer.eligible is not None:
                self._eligible(layer.eligible, whole, (*where, "layers", index, "eligible"))
            try:
                _check_rotation(layer, post.time_zone)
            except ValueError as mistake:
                self.complain((*where, "layers", index, "rotation"), str(mistake))

    def _eligible(self, eligible: Eligibility, whole: Organisation, where: Path) -> None:
        pools = {pool for person in whole.people for pool in person.pools}
        for position, pool in enumerate(eligible.pools):
            self._known(pool, pools, "pool that anybody is in", (*where, "pools", position))
        skills = {skill for person in whole.people for skill in person.skills}
        for skill in eligible.skills:
            self._known(skill, skills, "skill that anybody has", (*where, "skills", skill))

    def _somebody(self, name: str, whole: Organisation, where: Path, roles: tuple[str, ...] = ()) -> None:
        """A person, `post:ID`, `pool:ID`, or one of the `roles`."""
        kind, _, id = name.partition(":")
        if not id or kind not in _SOMEBODY:
            self._known(name, [*roles, *(person.id for person in whole.people)], "person", where)
        elif kind == "post":
            self._known(id, (post.id for post in whole.posts), "post", where)
        else:
            pools = {pool for person in whole.people for pool in person.pools}
            self._known(id, pools, "pool that anybody is in", where)

    def _check_paging(self, whole: Organisation) -> None:
        for index, ladder in enumerate(whole.ladders):
            for number, step in enumerate(ladder.steps):
                where: Path = ("ladders", index, "steps", number)
                if not 0 < step.wait_min <= _MOST_WAIT_MIN:
                    self.complain((*where, "wait_min"), "wait_min is above 0, and a week at most")
                if not step.notify:
                    self.complain((*where, "notify"), "a step notifies somebody")
                for position, name in enumerate(step.notify):
                    self._somebody(name, whole, (*where, "notify", position), ("holder", "manager"))
            if not ladder.steps:
                self.complain(("ladders", index), "a ladder has at least one step")
            if not 0 <= ladder.repeat <= _MOST_ROUNDS:
                self.complain(("ladders", index, "repeat"), f"repeat is 0 to {_MOST_ROUNDS}")
        for index, rule in enumerate(whole.paging):
            self._known(rule.post, (post.id for post in whole.posts), "post", ("paging", index, "post"))
            post = whole.post(rule.post)
            if post is not None and not post.ladder:
                self.complain(("paging", index, "post"), f"the post {post.id!r} has no ladder to page by")
            if not 0 <= rule.once_in_min <= _MOST_WAIT_MIN:
                self.complain(("paging", index, "once_in_min"), "once_in_min is 0 to a week")

    def _check_rules(self, whole: Organisation) -> None:
        posts = [post.id for post in whole.posts]
        people = [person.id for person in whole.people]
        for index, separation in enumerate(whole.rules.separations):
            where: Path = ("rules", "separations", index)
            for position, post in enumerate(separation.posts):
                self._known(post, posts, "post", (*where, "posts", position))
            for position, person in enumerate(separation.people):
                self._known(person, people, "person", (*where, "people", position))
            if separation.kind == "follows" and len(separation.posts) != 2:
                self.complain(
                    (*where, "posts"), "follows is about two posts: the first, and what may not come after it"
                )
            if separation.kind == "together" and len(separation.posts) < 2:
                self.complain((*where, "posts"), "together is about two posts at least")
            if separation.kind == "kin" and len(separation.people) < 2:
                self.complain((*where, "people"), "kin is about two people at least")
        for name in whole.rules.weights.__struct_fields__:
            if getattr(whole.rules.weights, name) < 0:
                self.complain(("rules", "weights", name), "a weight is 0 or above")
        for index, coverage in enumerate(whole.rules.coverage):
            for position, post in enumerate(coverage.posts):
                self._known(post, posts, "post", ("rules", "coverage", index, "posts", position))
            self._eligible(coverage.eligible, whole, ("rules", "coverage", index, "eligible"))


def _check_rotation(layer: Layer, time_zone: str) -> None:
    """ValueError: it names no turns."""
    alone = problem.Post(id="any", time_zone=time_zone, layers=(layer,))
    # Before its beginning nothing is asked of it but that it can be read.
    calendar.shifts(alone, 0.0, 1.0)
    starts = calendar.moment(datetime.fromisoformat(layer.rotation.starts), time_zone)
    if len(calendar.shifts(alone, starts, starts + _WEEK_S)) > _MOST_TURNS_A_WEEK:
        raise ValueError("repeats: a layer changes hands once an hour at most")


def _with_time_zones(whole: Organisation) -> Organisation:
    """Who names none has the organisation's."""
    replace = msgspec.structs.replace
    return replace(
        whole,
        people=tuple([replace(each, time_zone=each.time_zone or whole.time_zone) for each in whole.people]),
        posts=tuple([replace(each, time_zone=each.time_zone or whole.time_zone) for each in whole.posts]),
    )
