"""Who was called and who led: the report's section of one drill."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from markupsafe import Markup

from kowloon.drill.duty import Called, DutyResult, Room
from kowloon.drill.report.duty_chart import duty_chart
from kowloon.drill.result import DrillResult, duration


class CalledLine(msgspec.Struct, frozen=True, kw_only=True):
    """`story`: when, what, who and about what."""

    post: str
    title: str
    sent: str
    late: str
    answered: str
    story: tuple[tuple[str, str, str], ...]


class RoomLine(msgspec.Struct, frozen=True, kw_only=True):
    """An incident's room. `led`: who, as what, from when to when; `story`: when, what, who and what about."""

    opened: str
    late: str
    answered: str
    people: str
    closed: str
    led: tuple[tuple[str, str, str], ...]
    story: tuple[tuple[str, str, str], ...]


class DutySection(msgspec.Struct, frozen=True, kw_only=True):
    """`led`: post, person, capacity, time; `moved`: turn, who had it, who has it."""

    wide: Markup
    narrow: Markup
    called: tuple[CalledLine, ...]
    led: tuple[tuple[str, str, str, str], ...]
    replanned: str
    moved: tuple[tuple[str, str, str], ...]
    rooms: tuple[RoomLine, ...]


def duty_section(result: DrillResult) -> DutySection:
    """Of a result that has a duty part."""
    duty = result.duty
    assert duty is not None
    names = _names(duty)
    again = duty.replanned
    without = ", ".join([names.get(person, person) for person in again.without]) if again is not None else ""
    moved = again.moved if again is not None else ()
    return DutySection(
        wide=Markup(duty_chart(result)),
        narrow=Markup(duty_chart(result, narrow=True)),
        called=tuple([_called(page, result, duty, names) for page in duty.called]),
        led=tuple(_led(result, duty, names)),
        replanned=f"{again.text}, without {without}" if again is not None else "",
        rooms=tuple([_room(room, result, names) for room in duty.rooms]),
        moved=tuple([(shift, names.get(was, was) or "nobody", names.get(now, now)) for shift, was, now in moved]),
    )


def _names(duty: DutyResult) -> dict[str, str]:
    """By id; of namesakes with their ids."""
    known = list(duty.names.values())
    return {id: name if known.count(name) == 1 else f"{name} ({id})" for id, name in duty.names.items()}


def _called(page: Called, result: DrillResult, duty: DutyResult, names: Mapping[str, str]) -> CalledLine:
    by = names.get(page.answered_by, page.answered_by)
    story = [(event, f"{names.get(event.person, event.person)} {event.text}".strip()) for event in page.story]
    return CalledLine(
        post=duty.posts.get(page.post, page.post),
        title=page.title,
        sent=f"T+{page.opened_min:.1f} ({result.local(page.opened_min)})",
        late="before any customer saw it" if (page.late_s or 0.0) < 0.0 else _length(page.late_s),
        answered=f"{_length(page.answered_s)}, {by}" if page.answered_s is not None else "never",
        story=tuple([(f"T+{event.minute:.1f}", event.what, text) for event, text in story]),
    )


def _room(room: Room, result: DrillResult, names: Mapping[str, str]) -> RoomLine:
    by = names.get(room.answered_by, room.answered_by)
    closed = room.closed_min
    return RoomLine(
        opened=f"T+{room.opened_min:.1f} ({result.local(room.opened_min)})",
        late="before any customer saw it" if (room.late_s or 0.0) < 0.0 else _length(room.late_s),
        answered=f"{_length(room.answered_s)}, {by}" if room.answered_s is not None else "never",
        people=", ".join([names.get(person, person) for person in room.members]) or "nobody",
        closed=f"T+{closed:.0f} ({result.local(closed)})" if closed is not None else "still open at the end",
        led=tuple(
            [
                (names.get(person, person), capacity, f"T+{start:.1f} to T+{end:.1f}")
                for person, capacity, start, end in room.led
            ]
        ),
        story=tuple(
            [
                (f"T+{each.minute:.1f}", each.what, f"{names.get(each.person, each.person)} {each.text}".strip())
                for each in room.story
            ]
        ),
    )


def _led(result: DrillResult, duty: DutyResult, names: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    return [
        (
            duty.posts.get(each.post, each.post),
            names.get(each.person, "nobody"),
            each.capacity if each.person else "",
            f"T+{each.from_min:.0f} to T+{each.to_min:.0f} "
            f"({result.local(each.from_min)} to {result.local(each.to_min)})",
        )
        for each in duty.led
    ]


def _length(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)
