"""Organisations of a few people, as tests write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from kowloon.duty.planning.calendar import shifts
from kowloon.duty.planning.problem import Layer, Limits, Outcome, Person, Plan, Post, Problem, Rotation, Shift, Span
from kowloon.duty.planning.solve import solve

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def at(text: str, time_zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(time_zone)).timestamp()


def span(start: str, end: str, time_zone: str = "UTC") -> Span:
    return Span(at(start, time_zone), at(end, time_zone))


def people(names: str, **same: Any) -> tuple[Person, ...]:
    return tuple(
        Person(id=name, time_zone=same.get("time_zone", "UTC"), **without(same, "time_zone")) for name in names
    )


def without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def layer(repeats: str = "FREQ=DAILY", starts: str = "2026-01-05T00:00", id: str = "l", **more: Any) -> Layer:
    rotation = Rotation(starts=starts, repeats=repeats, only=more.pop("only", ()))
    return Layer(id=id, rotation=rotation, **more)


def post(id: str = "q", *layers: Layer, time_zone: str = "UTC", **more: Any) -> Post:
    limits = Limits(**more.pop("limits", {}))
    return Post(id=id, time_zone=time_zone, layers=layers or (layer(),), limits=limits, **more)


def problem(
    who: tuple[Person, ...], posts: list[Post], start: str, end: str, *, only: int | None = None, **more: Any
) -> Problem:
    """Of the shifts that begin in the horizon; `only`: so many of each post."""
    begins, ends = at(start), at(end)
    found: list[Shift] = []
    for each in posts:
        found += [shift for shift in shifts(each, begins, ends) if begins <= shift.start][:only]
    found.sort(key=lambda shift: (shift.start, shift.id))
    return Problem(people=who, posts=tuple(posts), shifts=tuple(found), **more)


def away(who: tuple[Person, ...], **spans: Span) -> tuple[Person, ...]:
    return tuple(msgspec.structs.replace(one, away=(spans[one.id],)) if one.id in spans else one for one in who)


def planned(of: Problem, seconds: float = 20.0) -> Plan:
    outcome = solve(of, seconds)
    assert isinstance(outcome, Plan), outcome
    return outcome


def outcome_of(of: Problem, seconds: float = 20.0) -> Outcome:
    return solve(of, seconds)
