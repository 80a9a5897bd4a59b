"""Events that come again: checked, and told apart into single ones. Pure, and bounded: a window shows so many at most,
and what was long before it is passed over in one step where that is possible."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from dateutil import rrule
from dateutil.relativedelta import relativedelta

MOST_OCCURRENCES: Final = 500
MOST_INTERVAL: Final = 400
_DAYS: Final = {
    "monday": rrule.MO,
    "tuesday": rrule.TU,
    "wednesday": rrule.WE,
    "thursday": rrule.TH,
    "friday": rrule.FR,
    "saturday": rrule.SA,
    "sunday": rrule.SU,
}
_INDEXES: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}


class WrongRecurrence(Exception):
    """The message names the field."""


class Pattern(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`days_of_week`: names with commas. `index`: which of them in a month."""

    type: str
    interval: int = 1
    days_of_week: str = ""
    day_of_month: int = 0
    index: str = "first"
    first_day_of_week: str = "sunday"


class Range(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    type: str = "noEnd"
    end_date: str = ""
    number_of_occurrences: int = 0


class Recurrence(msgspec.Struct, frozen=True, kw_only=True):
    pattern: Pattern
    range: Range = Range()


def read(given: Mapping[str, Any]) -> Recurrence:
    """Raises WrongRecurrence."""
    try:
        found = msgspec.convert(given, Recurrence, strict=False)
    except msgspec.ValidationError as problem:
        raise WrongRecurrence(str(problem)) from None
    rule_of(found, datetime.datetime(2024, 1, 1), datetime.UTC)
    return found


def rule_of(recurrence: Recurrence, start: datetime.datetime, zone: datetime.tzinfo) -> rrule.rrule:
    """By the clock on the wall of the zone; `start` does not name it. Raises WrongRecurrence."""
    pattern, bounds = recurrence.pattern, recurrence.range
    if not 1 <= pattern.interval <= MOST_INTERVAL:
        raise WrongRecurrence("recurrence.pattern.interval")
    given: dict[str, Any] = {"dtstart": start, "interval": pattern.interval, **_frequency(pattern, start)}
    if bounds.type == "numbered":
        if not 1 <= bounds.number_of_occurrences <= MOST_OCCURRENCES:
            raise WrongRecurrence("recurrence.range.numberOfOccurrences")
        given["count"] = bounds.number_of_occurrences
    elif bounds.type == "endDate":
        given["until"] = _last_moment(bounds.end_date, zone)
    elif bounds.type != "noEnd":
        raise WrongRecurrence("recurrence.range.type")
    return rrule.rrule(**given)


def occurrences(
    recurrence: Recurrence, start: datetime.datetime, length_s: float, since: float, until: float, most: int
) -> list[float]:
    """When those begin that are going on at some moment of the window, in seconds since the epoch; at most so many.
    `start` has a time zone, and each begins at the same time of day there, summer or winter."""
    zone = start.tzinfo or datetime.UTC
    first = start.replace(tzinfo=None)
    earliest = datetime.datetime.fromtimestamp(max(since - length_s, 0.0), zone).replace(tzinfo=None)
    earliest -= datetime.timedelta(hours=3)  # summer time
    found: list[float] = []
    for local in rule_of(_fixed(recurrence, first), _later(recurrence, first, earliest), zone).xafter(
        earliest, inc=True
    ):
        begins_at = local.replace(tzinfo=zone).timestamp()
        if begins_at >= until or len(found) >= most:
            break
        if begins_at + length_s > since or (length_s == 0.0 and begins_at == since):
            found.append(begins_at)
    return found


def _fixed(recurrence: Recurrence, first: datetime.datetime) -> Recurrence:
    """With the day of the month that it begins on, where it names none."""
    if recurrence.pattern.day_of_month:
        return recurrence
    pattern = msgspec.structs.replace(recurrence.pattern, day_of_month=first.day)
    return msgspec.structs.replace(recurrence, pattern=pattern)


def _later(recurrence: Recurrence, first: datetime.datetime, earliest: datetime.datetime) -> datetime.datetime:
    """The same series begun by whole periods later, so that what is long over need not be counted through."""
    pattern = recurrence.pattern
    if recurrence.range.type == "numbered" or earliest <= first:
        return first
    # The period before may have begun earlier than its own first day.
    if pattern.type in ("daily", "weekly"):
        period_days = (7 if pattern.type == "weekly" else 1) * pattern.interval
        return first + datetime.timedelta(days=max(0, (earliest - first).days // period_days - 1) * period_days)
    period_months = (12 if pattern.type == "absoluteYearly" else 1) * pattern.interval
    passed = (earliest.year - first.year) * 12 + earliest.month - first.month
    months = max(0, passed // period_months - 1) * period_months
    return first.replace(day=1) + relativedelta(months=months) if months else first


def _frequency(pattern: Pattern, start: datetime.datetime) -> dict[str, Any]:
    if pattern.type == "daily":
        return {"freq": rrule.DAILY}
    if pattern.type == "weekly":
        days = _weekdays(pattern) or [list(_DAYS.values())[start.weekday()]]
        first = _DAYS.get(pattern.first_day_of_week.lower())
        if first is None:
            raise WrongRecurrence("recurrence.pattern.firstDayOfWeek")
        return {"freq": rrule.WEEKLY, "byweekday": days, "wkst": first}
    if pattern.type == "relativeMonthly":
        days, place = _weekdays(pattern), _INDEXES.get(pattern.index)
        if place is None:
            raise WrongRecurrence("recurrence.pattern.index")
        if not days:
            raise WrongRecurrence("recurrence.pattern.daysOfWeek")
        return {"freq": rrule.MONTHLY, "byweekday": days, "bysetpos": place}
    if pattern.type in ("absoluteMonthly", "absoluteYearly"):
        day = pattern.day_of_month or start.day
        if not 1 <= day <= 31:
            raise WrongRecurrence("recurrence.pattern.dayOfMonth")
        if pattern.type == "absoluteMonthly":
            return {"freq": rrule.MONTHLY, "bymonthday": day}
        return {"freq": rrule.YEARLY, "bymonth": start.month, "bymonthday": day}
    raise WrongRecurrence("recurrence.pattern.type")


def _weekdays(pattern: Pattern) -> list[Any]:
    names = [each.strip().lower() for each in pattern.days_of_week.split(",") if each.strip()]
    if any(each not in _DAYS for each in names):
        raise WrongRecurrence("recurrence.pattern.daysOfWeek")
    return [_DAYS[each] for each in names]


def _last_moment(text: str, zone: datetime.tzinfo) -> datetime.datetime:
    """By the clock on the wall of the zone; a day counts whole."""
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise WrongRecurrence("recurrence.range.endDate") from None
    return moment + datetime.timedelta(days=1, seconds=-1) if len(text) == 10 else moment


def zone_of(name: str) -> ZoneInfo:
    """KeyError where there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):
        raise KeyError(name) from None
