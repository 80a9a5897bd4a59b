"""The two clocks."""

from __future__ import annotations

import asyncio

import pytest

from kowloon.core.clock import Clock, iso_minutes, iso_seconds, parse_iso_seconds
from tests.core.parts import START_S, Wall


async def test_a_skip_runs_due_timers_in_order_each_at_its_own_moment() -> None:
    clock = Clock(Wall())
    seen: list[tuple[str, float]] = []
    for name, delay in (("c", 30.0), ("a", 10.0), ("b", 20.0), ("late", 61.0)):
        clock.call_later(delay, lambda name=name: seen.append((name, clock.now() - START_S)))  # type: ignore[misc]
    await clock.skip(60.0)
    assert seen == [("a", 10.0), ("b", 20.0), ("c", 30.0)]
    assert clock.now() == START_S + 60.0
    await clock.skip(1.0)
    assert seen[-1] == ("late", 61.0)
    clock.close()


async def test_timers_set_during_a_skip_run_in_the_same_skip_when_due() -> None:
    clock = Clock(Wall())
    seen: list[float] = []

    def again() -> None:
        seen.append(clock.now() - START_S)
        if len(seen) < 5:
            clock.call_later(10.0, again)

    clock.call_later(10.0, again)
    await clock.skip(35.0)
    assert seen == [10.0, 20.0, 30.0]
    clock.close()


async def test_timers_of_one_moment_run_in_the_order_they_were_set() -> None:
    clock = Clock(Wall())
    seen: list[int] = []
    for number in range(20):
        clock.call_at(START_S + 5.0, lambda number=number: seen.append(number))  # type: ignore[misc]
    await clock.skip(5.0)
    assert seen == list(range(20))
    clock.close()


async def test_a_cancelled_timer_never_runs() -> None:
    clock = Clock(Wall())
    seen: list[str] = []
    kept = clock.call_later(5.0, lambda: seen.append("kept"))
    gone = clock.call_later(4.0, lambda: seen.append("gone"))
    gone.cancel()
    gone.cancel()
    await clock.skip(10.0)
    kept.cancel()
    assert seen == ["kept"]
    clock.close()


async def test_sleepers_wake_in_a_skip_and_see_their_own_moment() -> None:
    clock = Clock(Wall())
    woke: list[float] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woke.append(clock.now() - START_S)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (50.0, 5.0, 500.0)]
    await asyncio.sleep(0)
    await clock.skip(100.0)
    assert woke == [5.0, 50.0]
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert tasks[2].cancelled()
    clock.close()


async def test_a_timer_fires_by_itself_when_wall_time_passes() -> None:
    clock = Clock()
    fired = asyncio.Event()
    clock.call_later(0.01, fired.set)
    await asyncio.wait_for(fired.wait(), 10.0)
    clock.close()


async def test_time_never_goes_back() -> None:
    wall = Wall()
    clock = Clock(wall, offset_s=100.0)
    with pytest.raises(ValueError, match="cloud time never goes back"):
        await clock.skip(-0.001)
    assert clock.now() == START_S + 100.0
    before = clock.now()
    wall.now += 3.0
    assert clock.now() == before + 3.0
    assert clock.wall() == START_S + 3.0


async def test_a_skip_moves_cloud_time_alone_and_tells_its_listeners_the_offset() -> None:
    clock = Clock(Wall())
    offsets: list[float] = []
    clock.on_skip(offsets.append)
    await clock.skip(3600.0)
    await clock.skip(0.0)
    assert clock.wall() == START_S
    assert offsets == [3600.0, 3600.0]
    assert clock.offset_s == 3600.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2025-01-01T00:00:00Z", 1_735_689_600.0),
        ("2024-02-29T23:59:59Z", 1_709_251_199.0),
        ("2025-02-29T00:00:00Z", None),
        ("2025-01-01T00:00:00", None),
        ("2025-01-01 00:00:00Z", None),
        ("2025-01-01T00:00:60Z", None),
        ("2025-W01-1T00:00:00Z", None),
        ("2025-01-01T00:00:0XZ", None),
        ("", None),
        ("Z" * 20, None),
        ("２０２５-01-01T00:00:00Z", None),
    ],
)
def test_iso_time_is_read_as_the_vendor_writes_it_and_nothing_else(text: str, seconds: float | None) -> None:
    assert parse_iso_seconds(text) == seconds


def test_iso_time_is_written_with_and_without_seconds() -> None:
    assert iso_seconds(1_735_689_661.9) == "2025-01-01T00:01:01Z"
    assert iso_minutes(1_735_689_661.9) == "2025-01-01T00:01Z"
