"""Events that come again: when, whatever the season, and no more than can be shown."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.dingtalk.work import recurrence
from kowloon.dingtalk.work.recurrence import Recurrence, WrongRecurrence

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY_S = 86_400.0


def rule(type: str, bounds: dict[str, Any] | None = None, **pattern: Any) -> Recurrence:
    return recurrence.read({"pattern": {"type": type, **pattern}, "range": bounds or {"type": "noEnd"}})


def shown(
    found: Recurrence, start: datetime.datetime, days: int = 60, *, first: str = "", most: int = 500
) -> list[str]:
    since = datetime.datetime.fromisoformat(first).replace(tzinfo=start.tzinfo) if first else start
    begins = recurrence.occurrences(found, start, 3600.0, since.timestamp(), since.timestamp() + days * DAY_S, most)
    return [f"{datetime.datetime.fromtimestamp(each, start.tzinfo):%m-%d %H:%M}" for each in begins]


MONDAY = datetime.datetime(2026, 1, 5, 9, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("found", "days", "expected"),
    [
        (rule("daily", interval=3), 8, ["01-05 09:00", "01-08 09:00", "01-11 09:00"]),
        (rule("daily", {"type": "numbered", "numberOfOccurrences": 2}), 60, ["01-05 09:00", "01-06 09:00"]),
        (rule("daily", {"type": "endDate", "endDate": "2026-01-06"}), 60, ["01-05 09:00", "01-06 09:00"]),
        (rule("daily", {"type": "endDate", "endDate": "2026-01-06T00:59:59Z"}), 60, ["01-05 09:00"]),
        (rule("daily", {"type": "endDate", "endDate": "2026-01-06T01:00:00Z"}), 60, ["01-05 09:00", "01-06 09:00"]),
        (
            rule("weekly", interval=2, daysOfWeek="monday,friday", firstDayOfWeek="monday"),
            21,
            ["01-05 09:00", "01-09 09:00", "01-19 09:00", "01-23 09:00"],
        ),
        (rule("weekly"), 14, ["01-05 09:00", "01-12 09:00"]),
        (rule("absoluteMonthly", dayOfMonth=31), 90, ["01-31 09:00", "03-31 09:00"]),
        (rule("relativeMonthly", index="last", daysOfWeek="friday"), 60, ["01-30 09:00", "02-27 09:00"]),
        (rule("relativeMonthly", index="second", daysOfWeek="tuesday"), 60, ["01-13 09:00", "02-10 09:00"]),
        (rule("absoluteYearly", dayOfMonth=5), 366, ["01-05 09:00", "01-05 09:00"]),
    ],
)
def test_patterns(found: Recurrence, days: int, expected: list[str]) -> None:
    assert shown(found, MONDAY, days) == expected


def test_the_same_time_of_day_in_summer_and_winter() -> None:
    start = datetime.datetime(2026, 3, 27, 9, tzinfo=ZoneInfo("Europe/Berlin"))
    assert shown(rule("daily"), start, 3) == ["03-27 09:00", "03-28 09:00", "03-29 09:00", "03-30 09:00"]


def test_what_is_going_on_when_the_window_begins() -> None:
    assert shown(rule("daily"), MONDAY, 1, first="2026-01-07T09:30") == ["01-07 09:00", "01-08 09:00"]
    assert shown(rule("daily"), MONDAY, 1, first="2026-01-07T10:00") == ["01-08 09:00"]
    assert shown(rule("daily"), MONDAY, most=3) == ["01-05 09:00", "01-06 09:00", "01-07 09:00"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly"]),
    st.integers(1, 5),
    st.lists(st.sampled_from(["monday", "wednesday", "sunday"]), unique=True),
    st.sampled_from(["sunday", "monday"]),
    st.integers(0, 4000),
    st.integers(0, 40),
)
def test_passing_over_what_is_long_before_changes_nothing(
    type: str, interval: int, days: list[str], first: str, later: int, further: int
) -> None:
    found = rule(type, interval=interval, daysOfWeek=",".join(days or ["friday"]), firstDayOfWeek=first)
    start = MONDAY + datetime.timedelta(days=further)
    since = (start + datetime.timedelta(days=later)).timestamp() + 7200.0
    whole = recurrence.occurrences(found, start, 0.0, start.timestamp(), since + 500 * DAY_S, 10_000)
    part = recurrence.occurrences(found, start, 0.0, since, since + 500 * DAY_S, 10_000)
    assert part == [each for each in whole if each >= since]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "pattern"),
        ({"pattern": {"type": "hourly"}}, "recurrence.pattern.type"),
        ({"pattern": {"type": "daily", "interval": 0}}, "recurrence.pattern.interval"),
        ({"pattern": {"type": "weekly", "daysOfWeek": "noday"}}, "recurrence.pattern.daysOfWeek"),
        ({"pattern": {"type": "weekly", "firstDayOfWeek": "x"}}, "recurrence.pattern.firstDayOfWeek"),
        ({"pattern": {"type": "relativeMonthly"}}, "recurrence.pattern.daysOfWeek"),
        ({"pattern": {"type": "relativeMonthly", "index": "9th"}}, "recurrence.pattern.index"),
        ({"pattern": {"type": "absoluteMonthly", "dayOfMonth": 32}}, "recurrence.pattern.dayOfMonth"),
        ({"pattern": {"type": "daily"}, "range": {"type": "ever"}}, "recurrence.range.type"),
        ({"pattern": {"type": "daily"}, "range": {"type": "endDate", "endDate": "x"}}, "recurrence.range.endDate"),
        (
            {"pattern": {"type": "daily"}, "range": {"type": "numbered", "numberOfOccurrences": 501}},
            "recurrence.range.numberOfOccurrences",
        ),
    ],
)
def test_wrong(given: dict[str, Any], name: str) -> None:
    with pytest.raises(WrongRecurrence, match=name):
        recurrence.read(given)
