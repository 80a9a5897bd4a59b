"""From calendar rules to shifts, and what a shift costs whoever serves it. All rules are read on a local clock."""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import HOURLY, rrule, rruleset, rrulestr

from kowloon.duty.planning.problem import Layer, Person, Post, Rotation, Shift, Span, Window

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = timedelta(days=1)
_DAY_MIN = 24 * 60
# From one 29 February to the next may be eight years.
_LONGEST_TURN = timedelta(days=366 * 9)
# Clocks have been put forward by a day.
_FURTHEST_JUMP = timedelta(days=2)
_NIGHT_ENDS, _NIGHT_BEGINS = timedelta(hours=6), timedelta(hours=22)
_SATURDAY = 5


class Burden(NamedTuple):
    """Hours, and how many of them are nights, weekends and public holidays where the person is."""

    hours: float = 0.0
    nights: float = 0.0
    weekends: float = 0.0
    holidays: float = 0.0


def shifts(post: Post, from_: float, to: float) -> list[Shift]:
    """Those that touch [`from_`, `to`), whole, in order of start. ValueError: a rotation that cannot be read."""
    found = [shift for layer in post.layers for shift in _layer_shifts(post, layer, from_, to)]
    return sorted(found, key=lambda shift: (shift.start, shift.id))


def burden(shift: Shift, person: Person) -> Burden:
    """On the person's own clock; a night is from 22:00 to 06:00."""
    return local_burden(shift.spans, person.time_zone, person.country)


@functools.lru_cache(maxsize=65536)
def local_burden(spans: tuple[Span, ...], time_zone: str, country: str) -> Burden:
    """As `burden`, of whoever lives there."""
    hours = nights = weekends = days_off = 0.0
    for start, end in spans:
        hours += end - start
        for year in range(_local_year(start, time_zone), _local_year(end - 1, time_zone) + 1):
            marks = _marks(time_zone, country, year)
            until, since = marks.at(end), marks.at(start)
            nights += until[0] - since[0]
            weekends += until[1] - since[1]
            days_off += until[2] - since[2]
    return Burden(hours / 3600, nights / 3600, weekends / 3600, days_off / 3600)


@functools.lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """ValueError: there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None


@functools.lru_cache(maxsize=256)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """ValueError: no holidays are known of such a country."""
    # It takes a sixth of a second to load.
    import holidays

    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        raise ValueError(f"no public holidays are known of the country {country!r}; two letters such as CN") from None


def moment(local: datetime, time_zone: str) -> float:
    """Of a local time: the first of two, the end of the gap for one that is skipped."""
    place = zone(time_zone)
    first = local.replace(tzinfo=place, fold=0).timestamp()
    second = local.replace(tzinfo=place, fold=1).timestamp()
    if second >= first:
        return first
    # Skipped: the clock changes somewhere between what its two offsets say.
    before, after = int(second), int(first)
    offset = _offset_s(before, place)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset_s(middle, place) == offset else (before, middle)
    return float(after)


def local_time(when: float, time_zone: str) -> datetime:
    """Without a zone."""
    return datetime.fromtimestamp(when, zone(time_zone)).replace(tzinfo=None)


def daily(text: str) -> tuple[int, int]:
    """`22:00-06:00`, in minutes of the day; the second is after the first, so that it may be of the next day."""
    begins, dash, ends = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is no part of a day, such as 08:00-22:00")
    return _part_of_day(begins, ends)


def _layer_shifts(post: Post, layer: Layer, from_: float, to: float) -> Iterator[Shift]:
    # Two on the clock may be one moment where it is put forward.
    turns = sorted({moment(local, post.time_zone) for local in _turns(layer.rotation, from_, to, post.time_zone)})
    for start, end in itertools.pairwise(turns):
        if end > from_ and start < to:
            spans = _covered(layer.rotation.only, start, end, post.time_zone)
            if spans and spans[-1].end > from_ and spans[0].start < to:
                id = f"{post.id}/{layer.id}/{_stamp(spans[0].start, post.time_zone)}"
                yield Shift(id=id, post=post.id, layer=layer.id, spans=spans)


def _turns(rotation: Rotation, from_: float, to: float, time_zone: str) -> Iterator[datetime]:
    """Local times of hand-over: the last that is surely before `from_`, and those until the first surely after `to`."""
    starts, rule = _rule(rotation)
    early, late = local_time(from_, time_zone) - _FURTHEST_JUMP, local_time(to, time_zone) + _FURTHEST_JUMP
    last = starts
    for turn in rule.replace(until=max(late, starts) + _LONGEST_TURN):
        if turn > early:
            yield last
        if turn > late and turn > starts:
            yield turn
            return
        last = turn
    raise ValueError(
        f"repeats: {rotation.repeats!r} names no hand-over in the years after {max(late, starts):%Y-%m-%d}"
    )


@functools.lru_cache(maxsize=256)
def _rule(rotation: Rotation) -> tuple[datetime, rrule]:
    starts = _starts(rotation.starts)
    text = rotation.repeats.strip().removeprefix("RRULE:")
    keys = {part.partition("=")[0].strip().upper() for part in text.split(";")}
    if keys & {"COUNT", "UNTIL"}:
        raise ValueError("repeats: COUNT and UNTIL have no meaning here: a layer ends when it is taken out")
    try:
        rule = rrulestr(text, dtstart=starts)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as problem:
        raise ValueError(f"repeats: {rotation.repeats!r} is no RRULE of RFC 5545: {problem}") from None
    if isinstance(rule, rruleset) or rule._freq > HOURLY or "BYSECOND" in keys or rule._interval < 1:
        raise ValueError("repeats: one rule, FREQ from YEARLY to HOURLY, INTERVAL from 1, to the minute")
    return starts, rule


def _starts(text: str) -> datetime:
    try:
        starts = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"starts: {text!r} is no local time such as 2026-01-05T09:00") from None
    if starts.tzinfo is not None or starts.second or starts.microsecond:
        raise ValueError(f"starts: {text!r} has to be a local time to the minute, without a zone")
    return starts


def _covered(only: tuple[Window, ...], start: float, end: float, time_zone: str) -> tuple[Span, ...]:
    """What of a turn the windows cover, in order, merged."""
    if not only:
        return (Span(start, end),)
    pieces = []
    first, last = local_time(start, time_zone).date() - _DAY, local_time(end, time_zone).date()
    for window in only:
        begins, ends = _window(window)
        for number in range((last - first).days + 1):
            day = datetime.combine(first + number * _DAY, datetime.min.time())
            if window.days and DAYS[day.weekday()] not in window.days:
                continue
            opens = max(start, moment(day + timedelta(minutes=begins), time_zone))
            closes = min(end, moment(day + timedelta(minutes=ends), time_zone))
            if opens < closes:
                pieces.append(Span(opens, closes))
    return merged(pieces)


def merged(spans: list[Span]) -> tuple[Span, ...]:
    """In order, those that touch made one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


@functools.lru_cache(maxsize=256)
def _window(window: Window) -> tuple[int, int]:
    for day in window.days:
        if day not in DAYS:
            raise ValueError(f"only: {day!r} is no day; those are {', '.join(DAYS)}")
    return _part_of_day(window.from_time, window.to_time)


def _part_of_day(begins: str, ends: str) -> tuple[int, int]:
    first, second = _minutes(begins), _minutes(ends)
    if first in (second, _DAY_MIN):
        raise ValueError(f"{begins} to {ends} is no part of a day; all of it is 00:00 to 24:00")
    return first, second if second > first else second + _DAY_MIN


def _minutes(text: str) -> int:
    hours, _, minutes = text.strip().partition(":")
    if not (len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()):
        raise ValueError(f"{text!r} is no time of day such as 08:00")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > _DAY_MIN:
        raise ValueError(f"{text!r} is no time of day such as 08:00")
    return total


def _stamp(when: float, time_zone: str) -> str:
    local = datetime.fromtimestamp(when, zone(time_zone))
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return local.strftime("%Y%m%dT%H%M")
    return datetime.fromtimestamp(when, UTC).strftime("%Y%m%dT%H%MZ")


def _offset_s(when: float, place: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(when, place).utcoffset()
    assert offset is not None
    return offset.total_seconds()


def _local_year(when: float, time_zone: str) -> int:
    return datetime.fromtimestamp(when, zone(time_zone)).year


class _Marks(NamedTuple):
    """Moments of a year at which a night, weekend or holiday begins or ends; `sums`: seconds of each until then."""

    moments: list[float]
    sums: list[tuple[float, float, float]]
    kinds: list[tuple[bool, bool, bool]]

    def at(self, when: float) -> tuple[float, float, float]:
        """Seconds of nights, weekends and holidays of the year until then; of times outside of it, at its ends."""
        index = bisect.bisect_right(self.moments, when) - 1
        if index < 0:
            return self.sums[0]
        passed = when - self.moments[index]
        nights, weekends, days_off = self.sums[index]
        night, weekend, day_off = self.kinds[index]
        return (nights + passed * night, weekends + passed * weekend, days_off + passed * day_off)


@functools.lru_cache(maxsize=512)
def _marks(time_zone: str, country: str, year: int) -> _Marks:
    days_off = public_holidays(country, year)
    marks = _Marks([], [], [])
    total = (0.0, 0.0, 0.0)

    def mark(local: datetime, kinds: tuple[bool, bool, bool]) -> None:
        nonlocal total
        when = moment(local, time_zone)
        if marks.moments:
            passed = when - marks.moments[-1]
            total = tuple(sum_ + passed * on for sum_, on in zip(total, marks.kinds[-1], strict=True))  # type: ignore[assignment]
        marks.moments.append(when)
        marks.sums.append(total)
        marks.kinds.append(kinds)

    day = datetime(year, 1, 1)
    while day.year == year:
        weekend, day_off = day.weekday() >= _SATURDAY, day.date() in days_off
        mark(day, (True, weekend, day_off))
        mark(day + _NIGHT_ENDS, (False, weekend, day_off))
        mark(day + _NIGHT_BEGINS, (True, weekend, day_off))
        day += _DAY
    mark(day, (False, False, False))
    return marks
