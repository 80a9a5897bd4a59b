"""Shifts from calendar rules, where clocks are put forward and back, and what they cost whoever serves."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest

from kowloon.duty.planning.calendar import burden, daily, moment, public_holidays, shifts
from kowloon.duty.planning.problem import Layer, Person, Post, Rotation, Shift, Span, Window

from .small import DAY_S, HOUR_S, at, layer, post, span


def turns(
    repeats: str, time_zone: str, start: str, end: str, starts: str = "2026-01-05T00:00", **more: object
) -> list[Shift]:
    of = post("q", layer(repeats, starts, **more), time_zone=time_zone)
    return shifts(of, at(start, time_zone), at(end, time_zone))


def hours(found: list[Shift]) -> list[float]:
    return [shift.hours for shift in found]


def names(found: list[Shift]) -> list[str]:
    return [shift.id.rpartition("/")[2] for shift in found]


def test_a_week_is_an_hour_shorter_when_clocks_go_forward_and_longer_when_back() -> None:
    forward = turns("FREQ=WEEKLY;BYDAY=MO", "Europe/Berlin", "2026-03-16T00:00", "2026-04-06T00:00")
    assert names(forward) == ["20260316T0000", "20260323T0000", "20260330T0000"]
    assert hours(forward) == [168.0, 167.0, 168.0]
    back = turns("FREQ=WEEKLY;BYDAY=SU", "America/New_York", "2026-10-26T00:00", "2026-11-08T00:00")
    assert hours(back) == [168.0, 169.0]


def test_half_an_hour_in_lord_howe() -> None:
    found = turns("FREQ=DAILY", "Australia/Lord_Howe", "2026-04-04T00:00", "2026-04-07T00:00")
    assert hours(found) == [24.0, 24.5, 24.0]
    found = turns("FREQ=DAILY", "Australia/Lord_Howe", "2026-10-03T00:00", "2026-10-06T00:00")
    assert hours(found) == [24.0, 23.5, 24.0]


def test_a_hand_over_that_the_clock_skips_is_at_the_end_of_the_gap() -> None:
    found = turns("FREQ=DAILY", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T12:00", starts="2026-01-05T02:30")
    # 02:30 is not there: from 03:00 summer time, which is 01:00 UTC.
    assert [shift.start for shift in found] == [at("2026-03-28T01:30"), at("2026-03-29T01:00")]
    assert names(found) == ["20260328T0230", "20260329T0300"]
    assert hours(found) == [23.5, 23.5]


def test_a_hand_over_that_the_clock_shows_twice_is_at_the_first() -> None:
    found = turns("FREQ=DAILY", "Europe/Berlin", "2026-10-25T00:00", "2026-10-26T12:00", starts="2026-01-05T02:30")
    assert [shift.start for shift in found][1] == at("2026-10-25T00:30")
    assert names(found) == ["20261024T0230", "20261025T0030Z", "20261026T0230"]
    assert hours(found) == [24.0, 25.0, 24.0]


def test_hours_that_are_not_there_have_no_shift_and_repeated_ones_a_long_one() -> None:
    found = turns("FREQ=HOURLY", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T05:00")
    assert names(found) == ["20260329T0000", "20260329T0100", "20260329T0300", "20260329T0400"]
    assert hours(found) == [1.0] * 4
    found = turns("FREQ=HOURLY", "Europe/Berlin", "2026-10-25T01:00", "2026-10-25T04:00")
    assert names(found) == ["20261025T0100", "20261025T0000Z", "20261025T0300"]
    assert hours(found) == [1.0, 2.0, 1.0]


def test_every_moment_of_a_year_is_covered_once() -> None:
    for time_zone in ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"):
        for repeats in ("FREQ=DAILY;BYHOUR=2,10,18", "FREQ=HOURLY;INTERVAL=6", "FREQ=MONTHLY;BYMONTHDAY=-1"):
            found = turns(repeats, time_zone, "2028-01-01T00:00", "2029-01-01T00:00")
            assert all(one.end == other.start for one, other in itertools.pairwise(found))
            assert found[0].start <= at("2028-01-01T00:00", time_zone)
            assert found[-1].end >= at("2029-01-01T00:00", time_zone)


def test_leap_days() -> None:
    found = turns("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "UTC", "2028-03-01T00:00", "2028-03-02T00:00")
    assert names(found) == ["20280229T0000"]
    assert found[0].end == at("2032-02-29T00:00")
    daily_turns = turns("FREQ=DAILY", "UTC", "2028-02-28T00:00", "2028-03-02T00:00")
    assert names(daily_turns) == ["20280228T0000", "20280229T0000", "20280301T0000"]
    months = turns("FREQ=MONTHLY;BYMONTHDAY=1", "UTC", "2028-02-01T00:00", "2028-03-01T00:00")
    assert hours(months) == [29 * 24.0]


def test_first_and_last_shifts_are_whole_and_keep_their_names() -> None:
    of = post("q", layer("FREQ=WEEKLY;BYDAY=MO"), time_zone="Asia/Shanghai")
    year = shifts(of, at("2026-01-05T00:00"), at("2027-01-01T00:00"))
    for shift in year:
        middle = (shift.start + shift.end) / 2
        assert shift in shifts(of, middle, middle + 1)
    assert shifts(of, year[0].start - DAY_S, year[0].start) == []


def test_it_begins_with_starts_even_between_two_turns() -> None:
    found = turns("FREQ=WEEKLY;BYDAY=MO", "UTC", "2026-01-01T00:00", "2026-01-13T00:00", starts="2026-01-07T09:00")
    assert names(found) == ["20260107T0900", "20260112T0900"]


def test_windows_cover_nights_across_midnight_and_no_others() -> None:
    nights = Window(from_time="22:00", to_time="06:00", days=("FR", "SA"))
    (week,) = turns("FREQ=WEEKLY;BYDAY=MO", "UTC", "2026-01-12T00:00", "2026-01-19T00:00", only=(nights,))
    assert week.spans == (
        span("2026-01-16T22:00", "2026-01-17T06:00"),
        span("2026-01-17T22:00", "2026-01-18T06:00"),
    )
    assert week.id == "q/l/20260116T2200"
    days = turns("FREQ=DAILY", "UTC", "2026-01-16T00:00", "2026-01-19T00:00", only=(nights,))
    # Each day has what of the nights is in it; Monday has none, and no shift.
    assert hours(days) == [2.0, 8.0, 6.0]
    overlapping = (Window(from_time="08:00", to_time="12:00"), Window(from_time="11:00", to_time="24:00"))
    (day,) = turns("FREQ=DAILY", "UTC", "2026-01-16T00:00", "2026-01-17T00:00", only=overlapping)
    assert day.spans == (span("2026-01-16T08:00", "2026-01-17T00:00"),)


def test_layers_and_posts_are_in_order_of_start() -> None:
    of = post("q", layer("FREQ=DAILY", "2026-01-05T12:00", id="b"), layer("FREQ=DAILY", id="a"))
    found = shifts(of, at("2026-01-06T00:00"), at("2026-01-07T00:00"))
    assert [shift.id for shift in found] == ["q/b/20260105T1200", "q/a/20260106T0000", "q/b/20260106T1200"]


@pytest.mark.parametrize(
    ("rotation", "message"),
    [
        (Rotation(starts="soon", repeats="FREQ=DAILY"), "starts: 'soon' is no local time such as 2026-01-05T09:00"),
        (Rotation(starts="2026-01-05T09:00Z", repeats="FREQ=DAILY"), "without a zone"),
        (Rotation(starts="2026-01-05T09:00:30", repeats="FREQ=DAILY"), "to the minute"),
        (Rotation(starts="2026-01-05", repeats="FREQ=OFTEN"), "'FREQ=OFTEN' is no RRULE of RFC 5545"),
        (Rotation(starts="2026-01-05", repeats=""), "is no RRULE of RFC 5545"),
        (Rotation(starts="2026-01-05", repeats="FREQ=MINUTELY"), "FREQ from YEARLY to HOURLY"),
        (Rotation(starts="2026-01-05", repeats="FREQ=DAILY;INTERVAL=0"), "INTERVAL from 1"),
        (Rotation(starts="2026-01-05", repeats="FREQ=DAILY;COUNT=3"), "COUNT and UNTIL have no meaning here"),
        (Rotation(starts="2026-01-05", repeats="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "names no hand-over"),
        (
            Rotation(starts="2026-01-05", repeats="FREQ=DAILY", only=(Window(from_time="8", to_time="12:00"),)),
            "'8' is no time of day such as 08:00",
        ),
        (
            Rotation(starts="2026-01-05", repeats="FREQ=DAILY", only=(Window(from_time="08:00", to_time="08:00"),)),
            "08:00 to 08:00 is no part of a day",
        ),
        (
            Rotation(
                starts="2026-01-05",
                repeats="FREQ=DAILY",
                only=(Window(from_time="08:00", to_time="09:00", days=("Monday",)),),
            ),
            "'Monday' is no day; those are MO, TU, WE, TH, FR, SA, SU",
        ),
    ],
)
def test_what_cannot_be_read_is_told(rotation: Rotation, message: str) -> None:
    of = Post(id="q", time_zone="UTC", layers=(Layer(id="l", rotation=rotation),))
    with pytest.raises(ValueError) as refused:
        shifts(of, at("2026-02-01T00:00"), at("2026-03-01T00:00"))
    assert message in str(refused.value)


def test_zones_countries_and_hours_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="there is no time zone 'Asia/Nowhere'"):
        shifts(post("q", time_zone="Asia/Nowhere"), 0.0, 1.0)
    with pytest.raises(ValueError, match="no public holidays are known of the country 'ZZ'"):
        public_holidays("ZZ", 2026)
    with pytest.raises(ValueError, match="'08:00' is no part of a day, such as 08:00-22:00"):
        daily("08:00")
    assert daily("22:00-06:00") == (22 * 60, 30 * 60)


def test_a_moment_that_is_not_twice_is_what_it_says() -> None:
    assert moment(datetime(2026, 6, 1, 12), "Europe/Berlin") == at("2026-06-01T10:00")


def serving(time_zone: str, country: str, *spans: Span) -> tuple[float, ...]:
    shift = Shift(id="q/l/x", post="q", layer="l", spans=spans)
    return tuple(burden(shift, Person(id="p", time_zone=time_zone, country=country)))


def test_a_burden_is_on_the_clock_of_the_person() -> None:
    # A Wednesday in March without holidays: the same hours are day in Berlin and night in New York.
    hours_of = span("2026-03-04T05:00", "2026-03-04T13:00")
    assert serving("Europe/Berlin", "DE", hours_of) == (8.0, 0.0, 0.0, 0.0)
    assert serving("America/New_York", "US", hours_of) == (8.0, 6.0, 0.0, 0.0)
    # Friday evening in Berlin is Saturday in Shanghai.
    friday = span("2026-03-06T17:00", "2026-03-06T23:00")
    assert serving("Europe/Berlin", "DE", friday) == (6.0, 2.0, 0.0, 0.0)
    assert serving("Asia/Shanghai", "CN", friday) == (6.0, 5.0, 6.0, 0.0)


def test_nights_are_as_long_as_the_clock_makes_them() -> None:
    forward = span("2026-03-28T12:00", "2026-03-29T12:00", "Europe/Berlin")
    assert serving("Europe/Berlin", "DE", forward)[:2] == (23.0, 7.0)
    back = span("2026-10-24T12:00", "2026-10-25T12:00", "Europe/Berlin")
    assert serving("Europe/Berlin", "DE", back)[:2] == (25.0, 9.0)


def test_holidays_are_those_of_the_country_across_new_year() -> None:
    new_year = span("2026-12-31T12:00", "2027-01-01T12:00", "Asia/Shanghai")
    assert serving("Asia/Shanghai", "CN", new_year)[3] == 12.0
    assert serving("Europe/Berlin", "DE", span("2026-10-03T00:00", "2026-10-04T00:00", "Europe/Berlin"))[3] == 24.0
    assert serving("America/New_York", "US", span("2026-10-03T00:00", "2026-10-04T00:00"))[3] == 0.0


def test_a_year_adds_up() -> None:
    year = span("2026-01-01T00:00", "2027-01-01T00:00", "Europe/Berlin")
    found = serving("Europe/Berlin", "DE", year)
    # 365 nights of eight hours, one an hour shorter, one longer; 104 days of weekends.
    assert found[:3] == (8760.0, 365 * 8.0, 104 * 24.0)
    halves = [
        serving("Europe/Berlin", "DE", Span(year.start, year.start + 4000.5 * HOUR_S)),
        serving("Europe/Berlin", "DE", Span(year.start + 4000.5 * HOUR_S, year.end)),
    ]
    assert [sum(parts) for parts in zip(*halves, strict=True)] == pytest.approx(list(found))
