"""Schedules as iCalendar (RFC 5545): out for people's own calendars, absences in from them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import ApiError
from kowloon.duty import errors
from kowloon.duty.actions.calls import ON_BEHALF, acting_person, answered_beside, horizon, state_of
from kowloon.duty.logic import changes
from kowloon.duty.logic.state import Committed
from kowloon.duty.organisation import Person, Post
from kowloon.duty.planning import calendar
from kowloon.duty.planning.problem import Span
from kowloon.duty.product import duty
from kowloon.duty.roster import FOREVER, Holder, PostRoster, Segment

_MOST_BYTES = 1 << 20
_MOST_EVENTS = 500
_MOST_LINE_BYTES = 75


class ExportCalendarRequest(Request):
    """90 days from now when no time is given; of one post, one person, or both."""

    PostId: str = ""
    PersonId: str = ""
    From: str = ""
    To: str = ""


class ExportCalendarResponse(Response):
    Calendar: str
    Events: int


def _calendar(duty: Committed, req: ExportCalendarRequest) -> ExportCalendarResponse:
    start, end = horizon(duty, req.From, req.To, 90.0)
    # Written by hand: a library takes six seconds for a year of sixty posts.
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Kowloon//Duty//EN", _line("X-WR-CALNAME", duty.whole.title)]
    count, names = 0, {person.id: person.name for person in duty.whole.people}
    for post in duty.posts(req.PostId):
        roster = duty.rosters[post.id]
        for segment in roster.segments(start, end):
            if segment.holder is not None and req.PersonId in ("", segment.holder.person):
                # What the asked time cuts off keeps the id that it has as a whole.
                began = segment.start if segment.start > start else _beginning(roster, segment.holder, start)
                uid = f"{post.id}-{int(began)}@duty.{duty.account}"
                lines += _event(duty.now, uid, post, segment, names.get(segment.holder.person, segment.holder.person))
                count += 1
    return ExportCalendarResponse(Calendar="\r\n".join([*lines, "END:VCALENDAR", ""]), Events=count)


@duty.action(resource="acs:duty:*:{account}:post/{PostId}", access="read", prepare=answered_beside(_calendar))
def export_calendar(ctx: Context, req: ExportCalendarRequest) -> ExportCalendarResponse:
    """The final schedule; acting holders are marked. Events keep their ids, so that an import anew replaces them."""
    answer: ExportCalendarResponse = ctx.prepared
    return answer


def _beginning(roster: PostRoster, holder: Holder, moment: float) -> float:
    """Since when that one has had it without a break."""
    segments = roster.segments(min(holder.since, moment), moment + 1.0)
    return max([segment.start for segment in segments if segment.start <= moment])


def _event(now: float, uid: str, post: Post, segment: Segment, name: str) -> list[str]:
    acting = segment.holder is not None and segment.holder.capacity == "acting"
    return [
        "BEGIN:VEVENT",
        _line("UID", uid),
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(segment.start)}",
        f"DTEND:{_utc(segment.end)}",
        _line("SUMMARY", f"{post.title}: {name}" + (" (acting)" if acting else "")),
        "END:VEVENT",
    ]


def _utc(moment: float) -> str:
    return iso_seconds(moment).replace("-", "").replace(":", "")


def _line(name: str, text: str) -> str:
    """A property of text, its marks escaped and no line longer than 75 bytes."""
    for mark, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n"), ("\r", "\\n")):
        text = text.replace(mark, escaped)
    line = f"{name}:{text}"
    if len(line.encode()) <= _MOST_LINE_BYTES:
        return line
    folded, length = [], 0
    for letter in line:
        size = len(letter.encode())
        if length + size > _MOST_LINE_BYTES:
            folded.append("\r\n ")
            length = 1
        folded.append(letter)
        length += size
    return "".join(folded)


class _Event(NamedTuple):
    """Days without a time are dates; times without a zone are the person's."""

    start: date | datetime
    end: date | datetime
    title: str


class ImportCalendarRequest(Request):
    """`Calendar`: the text of an .ics file whose events are times at which the person is away."""

    Calendar: str
    PersonId: str = ""


class ImportCalendarResponse(Response):
    Absences: int
    Skipped: int


async def _read(ports: Mapping[type, Any], req: ImportCalendarRequest) -> list[_Event] | ApiError:
    """A refusal waits: first it is seen who asks."""
    try:
        return await asyncio.to_thread(_events, req.Calendar)
    except ApiError as refusal:
        return refusal


@duty.action(resource="acs:duty:*:{account}:person/{Person}", also=ON_BEHALF, prepare=_read)
def import_calendar(ctx: Context, req: ImportCalendarRequest) -> ImportCalendarResponse:
    """Each event to come is an absence; days without a time are whole days where the person is. Events that are over,
    are free time or are known already are skipped."""
    state = state_of(ctx)
    person = acting_person(ctx, state, req.PersonId)
    known = list(state.away(person.id))
    if isinstance(ctx.prepared, ApiError):
        raise ctx.prepared
    events: list[_Event] = ctx.prepared
    found = [(_moment(event.start, person), _moment(event.end, person), event.title) for event in events]
    if any(end > FOREVER for _, end, _ in found):
        raise errors.NO_CALENDAR.error(why="an event ends too far in the future")
    if any(end < start for start, end, _ in found):
        raise errors.NO_CALENDAR.error(why="an event ends before it begins")
    taken: list[tuple[float, float, str]] = []
    for start, end, title in found:
        start = max(start, ctx.now)
        if start < end and not any(since <= start and end <= until for since, until in known):
            taken.append((start, end, title))
            known.append(Span(start, end))
    changes.add_absences(state, person, taken)
    return ImportCalendarResponse(Absences=len(taken), Skipped=len(events) - len(taken))


def _events(text: str) -> list[_Event]:
    """All but free time."""
    import icalendar

    if len(text.encode()) > _MOST_BYTES:
        raise errors.NO_CALENDAR.error(why=f"it has more than {_MOST_BYTES} bytes")
    try:
        parts = icalendar.Calendar.from_ical(text).walk("VEVENT")
        events = [part for part in parts if isinstance(part, icalendar.Event)]
        found = [
            _Event(event.start, event.end, str(event.get("summary", "")))
            for event in events
            if str(event.get("transp", "OPAQUE")).upper() != "TRANSPARENT"
        ]
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, icalendar.error.InvalidCalendar) as problem:
        raise errors.NO_CALENDAR.error(why=str(problem) or type(problem).__name__) from None
    if any("rrule" in event for event in events):
        raise errors.NO_CALENDAR.error(why="it has repeating events; absences are given one by one")
    if len(found) > _MOST_EVENTS:
        raise errors.NO_CALENDAR.error(why=f"it has more than {_MOST_EVENTS} events")
    return found


def _moment(value: date | datetime, person: Person) -> float:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if value.tzinfo is None:
        return calendar.moment(value, person.time_zone)
    return value.timestamp()
