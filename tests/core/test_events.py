"""The event bus."""

from __future__ import annotations

from kowloon.core import limits
from kowloon.core.bus import EventBus
from kowloon.core.events import DrillEvent, Event, FaultEvent, to_plain


def event(number: int) -> DrillEvent:
    return DrillEvent(at=float(number), drill_id="d", state=str(number))


def test_listeners_hear_in_order_until_they_leave_and_recent_is_bounded() -> None:
    bus = EventBus()
    heard: list[Event] = []
    leave = bus.subscribe(heard.append)
    for number in range(limits.RECENT_EVENTS + 10):
        bus.emit(event(number))
    leave()
    leave()
    bus.emit(event(-1))
    assert [item.at for item in heard] == [float(number) for number in range(limits.RECENT_EVENTS + 10)]
    assert len(bus.recent) == limits.RECENT_EVENTS
    assert bus.recent[-1].at == -1.0


def test_listeners_hear_of_the_kinds_that_they_want() -> None:
    bus = EventBus()
    faults: list[Event] = []
    everything: list[Event] = []
    leave = bus.subscribe(faults.append, FaultEvent)
    bus.subscribe(everything.append)
    fault = FaultEvent(at=1.0, fault_id="f", kind="k", phase="injected", scope=())
    bus.emit(event(1))
    bus.emit(fault)
    leave()
    bus.emit(fault)
    assert faults == [fault]
    assert everything == [event(1), fault, fault]


def test_plain_events_say_what_they_are() -> None:
    assert to_plain(event(3)) == {
        "event": "DrillEvent",
        "at": 3.0,
        "drill_id": "d",
        "state": "3",
        "text": "",
        "scenario_minute": 0.0,
    }
