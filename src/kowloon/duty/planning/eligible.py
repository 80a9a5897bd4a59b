"""Who may serve, and if not, why: what can be said of one person and one time, whatever others do."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import msgspec

from kowloon.duty.planning import calendar
from kowloon.duty.planning.problem import Eligibility, Layer, Person, Post, RuleName, Span

_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody may not; `text` goes on from the person's name: "is away"."""

    rule: RuleName
    text: str


def why_not(person: Person, post: Post, layer: Layer | None, spans: Sequence[Span]) -> list[Reason]:
    """All reasons that keep the person from serving then; empty when there is none. `layer`: None for the post as such,
    as an acting holder has it."""
    reasons = [
        Reason(rule=RuleName(rule="eligible", about=post.id), text=text)
        for text in lacks(person, eligibility(post, layer))
    ]
    return reasons + unfit_then(person, post, spans)


def eligibility(post: Post, layer: Layer | None) -> Eligibility:
    return layer.eligible if layer is not None and layer.eligible is not None else post.eligible


def lacks(person: Person, wanted: Eligibility) -> list[str]:
    """What of it the person has not, whatever the time."""
    reasons = []
    if wanted.pools and not set(wanted.pools) & set(person.pools):
        reasons.append(f"is not in {' or '.join(wanted.pools)}")
    for skill, level in wanted.skills.items():
        if person.skills.get(skill, 0) < level:
            reasons.append(f"has {skill} {person.skills.get(skill, 0)}, not {level}")
    if person.seniority < wanted.seniority:
        reasons.append(f"has seniority {person.seniority}, not {wanted.seniority}")
    return reasons


def unfit_then(person: Person, post: Post, spans: Sequence[Span]) -> list[Reason]:
    """Resignation, absence, hours of the day and holidays. A hand-over after the last span is part of it."""
    reasons = []
    limits = post.limits
    if spans[-1].end > post.left.get(person.id, math.inf):
        reasons.append(Reason(rule=RuleName(rule="eligible", about=post.id), text="has left the post"))
    if _away_s(person, spans) > limits.most_away_h * _HOUR_S:
        reasons.append(Reason(rule=RuleName(rule="absence", about=person.id), text="is away"))
    elif limits.overlap_h and _away_s(person, [Span(spans[-1].end, spans[-1].end + limits.overlap_h * _HOUR_S)]):
        rule = RuleName(rule="overlap_h", about=post.id)
        reasons.append(Reason(rule=rule, text=f"is away in the {limits.overlap_h:g} h beside the next holder"))
    return reasons + unfit_there(person.time_zone, person.country, post, spans)


def unfit_there(time_zone: str, country: str, post: Post, spans: Sequence[Span]) -> list[Reason]:
    """Hours of the day and holidays, alike for all who live there."""
    reasons = []
    limits = post.limits
    if limits.daylight and not all(in_daylight(span, limits.daylight, time_zone) for span in spans):
        rule = RuleName(rule="daylight", about=post.id)
        reasons.append(Reason(rule=rule, text=f"would serve outside of {limits.daylight}, {time_zone}"))
    if limits.free_on_holidays and has_holiday(tuple(spans), time_zone, country):
        rule = RuleName(rule="free_on_holidays", about=post.id)
        reasons.append(Reason(rule=rule, text="has a public holiday"))
    return reasons


@functools.lru_cache(maxsize=65536)
def in_daylight(span: Span, daylight: str, time_zone: str) -> bool:
    """Is the span, on the clock there, within these hours of one day (`20:00-04:00`: and the next)?"""
    begins, ends = calendar.daily(daylight)
    if ends - begins == 24 * 60:
        return True
    if span.end - span.start > _DAY_S:
        return False
    first, last = calendar.local_time(span.start, time_zone), calendar.local_time(span.end - 60, time_zone)
    first_min = first.hour * 60 + first.minute
    last_min = (last.date() - first.date()).days * 24 * 60 + last.hour * 60 + last.minute
    return any(begins + day <= first_min and last_min < ends + day for day in (0, -24 * 60))


@functools.lru_cache(maxsize=65536)
def has_holiday(spans: tuple[Span, ...], time_zone: str, country: str) -> bool:
    return calendar.local_burden(spans, time_zone, country).holidays > 0


def _away_s(person: Person, spans: Sequence[Span]) -> float:
    pieces = (min(gone.end, span.end) - max(gone.start, span.start) for gone in person.away for span in spans)
    return sum([piece for piece in pieces if piece > 0])
