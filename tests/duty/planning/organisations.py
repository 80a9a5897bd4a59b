"""Small organisations, made from a seed; and what can be said of them by trying everything."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from datetime import datetime

from kowloon.duty.planning.calendar import merged, moment, shifts
from kowloon.duty.planning.checker import check
from kowloon.duty.planning.fairness import Fairness
from kowloon.duty.planning.ground import Ground
from kowloon.duty.planning.problem import (
    Coverage,
    Eligibility,
    Layer,
    Limits,
    Person,
    Post,
    Problem,
    Rotation,
    RuleName,
    Separation,
    Shift,
    Span,
    Weights,
    Window,
)

from .standings import balance

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
ZONES = (("Asia/Shanghai", "CN"), ("Europe/Berlin", "DE"), ("America/New_York", "US"), ("Australia/Lord_Howe", "AU"))
REPEATS = (
    ("FREQ=DAILY;BYHOUR=1,9,17", 1.0),
    ("FREQ=HOURLY;INTERVAL=12", 1.5),
    ("FREQ=DAILY", 4.0),
    ("FREQ=WEEKLY;BYDAY=MO", 24.0),
    ("FREQ=WEEKLY;BYDAY=MO,TH", 14.0),
    ("FREQ=MONTHLY;BYMONTHDAY=1", 120.0),
    ("FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=1", 1300.0),
)
NIGHTS = Window(from_time="22:00", to_time="06:00")


def organisation(seed: int, most_assignments: int = 100_000) -> Problem:
    """Whether it has a plan is left to chance."""
    luck = random.Random(seed)
    people = tuple(_person(luck, number) for number in range(luck.randint(2, 6)))
    posts = tuple(_post(luck, number) for number in range(luck.randint(1, 3)))
    start = moment(datetime(2026, luck.choice([1, 3, 9, 10, 12]), luck.randint(1, 28), luck.choice([0, 9])), "UTC")
    found: list[Shift] = []
    for post in posts:
        to = start + max(REPEATS_DAYS[layer.rotation.repeats] for layer in post.layers) * DAY_S
        found += [shift for shift in shifts(post, start, to) if shift.start < to][: luck.randint(1, 4)]
    while len(found) > 1 and len(people) ** len(found) > most_assignments:
        found.pop(luck.randrange(len(found)))
    found.sort(key=lambda shift: (shift.start, shift.id))
    ids = [person.id for person in people]
    names = [post.id for post in posts]
    had = {shift.id: luck.choice([*ids, "gone"]) for shift in found if luck.random() < 0.8}
    return Problem(
        people=tuple(_away(luck, person, found) for person in people),
        posts=posts,
        shifts=tuple(found),
        separations=tuple(_separations(luck, ids, names)),
        coverage=tuple(_coverage(luck, names)),
        weights=Weights(moved=luck.choice([0, 1, 1000])),
        fixed={shift.id: luck.choice([*ids, "gone"]) for shift in found if luck.random() < 0.1},
        before=had if luck.random() < 0.3 else {},
        past=tuple(_past(luck, posts, found[0].start, ids)),
        served_h={
            id: {"hours": luck.randint(0, 200), "nights": luck.randint(0, 60)} for id in ids if luck.random() < 0.2
        },
        frozen=(Span(found[-1].start - HOUR_S, found[-1].start + HOUR_S),) if luck.random() < 0.3 else (),
        seed=seed & 0xFFFF,
    )


REPEATS_DAYS = dict(REPEATS)


def assignments(problem: Problem, *, partial: bool = False) -> Iterator[dict[str, str]]:
    """All there are of the shifts that are not fixed; `partial`: also those that leave shifts to nobody."""
    open_ = [shift.id for shift in problem.shifts if shift.id not in problem.fixed]
    people: list[str | None] = [person.id for person in problem.people]
    for chosen in itertools.product([*people, None] if partial else people, repeat=len(open_)):
        yield {shift: person for shift, person in zip(open_, chosen, strict=True) if person is not None}


def cost(problem: Problem, served: Mapping[str, str]) -> float:
    """Of the shifts that are not fixed, with what is."""
    return sum(standing.cost for standing in balance(problem, served)) + moves(problem, served) * problem.weights.moved


def moves(problem: Problem, served: Mapping[str, str]) -> int:
    return sum(problem.before.get(shift, who) != who for shift, who in served.items() if shift not in problem.fixed)


def best(problem: Problem) -> float | None:
    """The least cost there is; None when nothing keeps the rules."""
    ground = Ground(problem)
    fairness = Fairness(ground)
    least: float | None = None
    for served in assignments(problem):
        if not check(problem, served):
            loads = fairness.loads({ground.by_shift[shift]: ground.number[who] for shift, who in served.items()})
            found = fairness.cost(loads) / 60 + moves(problem, served) * problem.weights.moved
            least = found if least is None else min(least, found)
    return least


def can_hold(problem: Problem, rules: frozenset[RuleName]) -> bool:
    """Is there anything, shifts that nobody has included, that breaks none of these?"""
    return any(
        rules.isdisjoint([violation.rule for violation in check(problem, served)])
        for served in assignments(problem, partial=True)
    )


def _person(luck: random.Random, number: int) -> Person:
    time_zone, country = luck.choice(ZONES)
    return Person(
        id=f"p{number}",
        time_zone=time_zone,
        country=country,
        pools=tuple(pool for pool in ("a", "b") if luck.random() < 0.8),
        skills={"sql": luck.randint(0, 3)},
        seniority=luck.randint(0, 3),
        share=luck.choice([1.0, 1.0, 0.5]),
    )


def _away(luck: random.Random, person: Person, found: list[Shift]) -> Person:
    spans = []
    for shift in found:
        if luck.random() < 0.07:
            start = shift.start + luck.choice([-6, 0, 6]) * HOUR_S
            spans.append(Span(start, start + luck.choice([2, 24, 100]) * HOUR_S))
    return Person(**{**{name: getattr(person, name) for name in person.__struct_fields__}, "away": merged(spans)})


def _post(luck: random.Random, number: int) -> Post:
    layers = tuple(
        Layer(
            id=f"l{layer}",
            rotation=Rotation(
                starts="2025-01-06T09:00",
                repeats=luck.choice(REPEATS)[0],
                only=(NIGHTS,) if luck.random() < 0.15 else (),
            ),
            eligible=Eligibility(seniority=1) if luck.random() < 0.15 else None,
        )
        for layer in range(luck.choice([1, 1, 2]))
    )

    def sometimes(chance: float, *values: float) -> float:
        return luck.choice(values) if luck.random() < chance else 0.0

    return Post(
        id=f"q{number}",
        time_zone=luck.choice(ZONES)[0],
        layers=layers,
        eligible=Eligibility(
            pools=("a",) if luck.random() < 0.3 else (), skills={"sql": 1} if luck.random() < 0.2 else {}
        ),
        limits=Limits(
            rest_h=sometimes(0.35, 4, 11, 36),
            most_h_per_week=sometimes(0.15, 40, 100) or 168.0,
            turns_between=int(sometimes(0.4, 1, 2)),
            everyone_serves=luck.random() < 0.08,
            overlap_h=sometimes(0.3, 0.5, 2),
            daylight=luck.choice(["08:00-22:00", "20:00-10:00"]) if luck.random() < 0.04 else "",
            free_on_holidays=luck.random() < 0.06,
            most_away_h=sometimes(0.2, 12, 48),
        ),
        exclusive=luck.random() < 0.8,
        neighbours=tuple(f"q{other}" for other in range(3) if other != number and luck.random() < 0.2),
    )


def _separations(luck: random.Random, people: list[str], posts: list[str]) -> Iterator[Separation]:
    if luck.random() < 0.25:
        yield Separation(
            id="kin", kind="kin", people=tuple(people[:2]), posts=tuple(posts[:1]) if luck.random() < 0.5 else ()
        )
    if len(posts) > 1 and luck.random() < 0.3:
        yield Separation(id="apart", kind="together", posts=tuple(posts))
    if len(posts) > 1 and luck.random() < 0.3:
        yield Separation(id="audit", kind="follows", posts=tuple(posts[:2]), within_days=luck.choice([0.5, 5, 40]))


def _coverage(luck: random.Random, posts: list[str]) -> Iterator[Coverage]:
    if luck.random() < 0.25:
        yield Coverage(id="senior", posts=tuple(posts[:2]), eligible=Eligibility(seniority=2))


def _past(luck: random.Random, posts: tuple[Post, ...], start: float, people: list[str]) -> Iterator[tuple[str, Shift]]:
    for post in posts:
        if luck.random() < 0.4:
            for shift in shifts(post, start - 3 * DAY_S, start)[-2:]:
                if shift.end <= start:
                    yield luck.choice([*people, "gone"]), shift
