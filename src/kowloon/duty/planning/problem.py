"""What a plan is made of, and what comes out. Times are seconds since the epoch of cloud time; `*_h` are hours.

All structs can be written as JSON: a plan is made in a process of its own.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec


class Span(NamedTuple):
    """From `start` on, until before `end`."""

    start: float
    end: float


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written in files, too: unknown keys are mistakes."""


class Window(Value, frozen=True, kw_only=True):
    """Part of each day on the clock of the post, such as a night: `from_time` `22:00`, `to_time` `06:00` the day after.
    `days`: those it begins on, as RFC 5545 has them (`MO`); all when empty."""

    from_time: str
    to_time: str
    days: tuple[str, ...] = ()


class Rotation(Value, frozen=True, kw_only=True):
    """When a layer changes hands: from `starts` (local time, `2026-01-05T09:00`) on, by an RRULE of RFC 5545 in
    `repeats` (`FREQ=WEEKLY;BYDAY=MO`; hours, days, months and years likewise). A time that the clock skips is taken as
    the moment after the gap; one that it shows twice as the first. `only`: the parts of the day that the layer
    covers; all when empty."""

    starts: str
    repeats: str
    only: tuple[Window, ...] = ()


class Eligibility(Value, frozen=True, kw_only=True):
    """Who may hold: in any of the `pools` (everybody when empty), with every one of the `skills` at that level or
    above, of that `seniority` or above."""

    pools: tuple[str, ...] = ()
    skills: dict[str, int] = {}
    seniority: int = 0


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """`country` (ISO 3166, such as CN) has the public holidays; `share` is what counts as fair for this person (0.5:
    half of what others do); `away`: absences, merged and in order."""

    id: str
    time_zone: str = "Asia/Shanghai"
    country: str = "CN"
    pools: tuple[str, ...] = ()
    skills: dict[str, int] = {}
    seniority: int = 0
    share: float = 1.0
    away: tuple[Span, ...] = ()


class Limits(Value, frozen=True, kw_only=True):
    """What holds for whoever serves in a post. `rest_h` free before each shift of it, after whatever the person served
    last (a turn of one's own just before it, too); `most_h_per_week` of all posts together in any 7 days, for whoever
    has a shift of the post in the horizon (168 and more: no limit); `turns_between`: this many shifts of the layer go
    to others before one returns; `everyone_serves`: each one eligible (and there for at least one shift) at least once
    in the horizon; `overlap_h`: the outgoing holder stays this long beside the next (there, and free of what excludes
    it; it is no burden); `daylight`: only within these local hours of the person, such as `08:00-22:00` (follow the
    sun); `free_on_holidays`: never on a public holiday of the person; `most_away_h`: absences of so many hours within a
    shift do not matter (somebody acts then), as in posts that are held for a year."""

    rest_h: float = 0.0
    most_h_per_week: float = 168.0
    turns_between: int = 0
    everyone_serves: bool = False
    overlap_h: float = 0.0
    daylight: str = ""
    free_on_holidays: bool = False
    most_away_h: float = 0.0


class Layer(Value, frozen=True, kw_only=True):
    """One line of a post's schedule. Later layers cover earlier ones where both have somebody. `eligible`: instead of
    the post's."""

    id: str
    rotation: Rotation
    eligible: Eligibility | None = None


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """As far as planning goes. `exclusive`: who serves here serves nowhere else at that time, in no other layer either.
    `neighbours`: posts whose substantive change of hands may not fall into the same ISO week (of `time_zone`) as this
    one's. Hands change where a shift of a layer is another person's than the one before it. `left`: since when people
    who resigned serve here no more."""

    id: str
    time_zone: str = "Asia/Shanghai"
    layers: tuple[Layer, ...]
    eligible: Eligibility = Eligibility()
    limits: Limits = Limits()
    exclusive: bool = True
    neighbours: tuple[str, ...] = ()
    left: dict[str, float] = {}


class Separation(Value, frozen=True, kw_only=True):
    """Independence. `together`: no one holds two of these `posts` at one time. `follows`: nobody begins a shift of the
    second of two posts while, or within `within_days` after, having one of the first that began earlier (who approved
    does not audit). `kin`: no two of these `people` serve in `posts` (any of them; all posts when empty) at one time,
    or follow each other directly in a layer of one."""

    id: str
    kind: Literal["together", "follows", "kin"]
    posts: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    within_days: float = 0.0


class Coverage(Value, frozen=True, kw_only=True):
    """Of those who serve in `posts` at any time, one at least is `eligible` (a senior beside the juniors)."""

    id: str
    posts: tuple[str, ...]
    eligible: Eligibility


class Weights(Value, frozen=True, kw_only=True):
    """What a plan costs, per hour by which someone is above or below the fair share of hours, nights, weekends and
    holidays; and per shift that a re-plan gives to somebody else than before."""

    hours: int = 1
    nights: int = 3
    weekends: int = 3
    holidays: int = 5
    moved: int = 1000


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a layer: `spans` within it that are covered, in order. id: `<post>/<layer>/<start as YYYYMMDDTHHMM of
    the post's own clock>`, with `Z` and UTC where that clock shows the time twice."""

    id: str
    post: str
    layer: str
    spans: tuple[Span, ...]

    @property
    def start(self) -> float:
        return self.spans[0].start

    @property
    def end(self) -> float:
        return self.spans[-1].end

    @property
    def hours(self) -> float:
        return sum([span.end - span.start for span in self.spans]) / 3600


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`shifts`: those of the horizon, in order of start. `fixed`: shifts that stay with whom they are (they have begun,
    are overridden or swapped by consent): what only they break is nobody's fault; `before`: whom the others had in the
    plan that is being remade. `past`: what people served before the horizon, for rest, returns and separation (person
    and shift). `served_h`: hours, nights, weekends and holidays that count for fairness from earlier periods.
    `frozen`: no substantive change of hands of a post with `neighbours` (its own, or another's that names it) may fall
    into these (an open incident)."""

    people: tuple[Person, ...]
    posts: tuple[Post, ...]
    shifts: tuple[Shift, ...]
    separations: tuple[Separation, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    weights: Weights = Weights()
    fixed: dict[str, str] = {}
    before: dict[str, str] = {}
    past: tuple[tuple[str, Shift], ...] = ()
    served_h: dict[str, dict[str, float]] = {}
    frozen: tuple[Span, ...] = ()
    seed: int = 0


class RuleName(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One rule as people call it: `rule` is a field of Limits, `eligible`, `absence`, `exclusive`, `neighbours`,
    `frozen`, `covered` (each shift has somebody), `fixed`, or the id of a separation or coverage; `about` is the post
    that it is a limit of, the person of an absence, the shift that has to be covered or is fixed, else empty."""

    rule: str
    about: str = ""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """What the checker found, with the shifts and people that it is about."""

    rule: RuleName
    text: str
    shifts: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag_field="outcome", tag="plan"):
    """`served`: person by shift. `cost` and the proven lower `bound` of it, in the units of Weights; `gap` between
    them, as a part of `cost` (0: optimal); `moved`: the shifts that went to somebody else than `before`; at least
    `moved_bound` have to in any plan."""

    served: dict[str, str]
    cost: float
    bound: float
    gap: float
    moved: tuple[str, ...] = ()
    moved_bound: int = 0
    took_s: float = 0.0


class Conflict(msgspec.Struct, frozen=True, kw_only=True, tag_field="outcome", tag="conflict"):
    """There is no plan: these rules cannot all hold, and without any one of them the rest could (not `minimal`: time
    was over before all were tried). `text` says it to people; `shifts` are those that it is about. `smallest`: proven
    that no fewer rules about these conflict; else only that none can be left out."""

    rules: tuple[RuleName, ...]
    text: str
    shifts: tuple[str, ...] = ()
    minimal: bool = True
    smallest: bool = False
    took_s: float = 0.0


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag_field="outcome", tag="unknown"):
    """Neither a plan nor a proof that there is none was found in the time given."""

    text: str
    took_s: float = 0.0


Outcome = Plan | Conflict | Unknown
