"""Events of members' own calendars: made, changed, listed, expanded where they come again.

Deviations: every member has one calendar, `primary`; only the organizer changes or deletes an event; a list shows a
series once, when any of it is in the window, and `eventsview` and `seriesMasterId` each of it; invitations are told to
nobody but by the calendar itself.
"""

from __future__ import annotations

import datetime
import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from kowloon.core import limits
from kowloon.core.clock import iso_seconds
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.resources import Member, corp_id
from kowloon.dingtalk.platform.call import Call, make_room_of_ended, own_id
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.work import errors, recurrence
from kowloon.dingtalk.work.pages import whole_number
from kowloon.dingtalk.work.recurrence import WrongRecurrence, zone_of
from kowloon.dingtalk.work.resources import Attendee, Event, Moment

READ, WRITE = "Calendar.Event.Read", "Calendar.Event.Write"
_EVENTS: Final = "/v1.0/calendar/users/{userId}/calendars/{calendarId}/events"
_PRIMARY: Final = "primary"
_MOST_SUMMARY, _MOST_DESCRIPTION, _MOST_LOCATION, _MOST_ATTENDEES, _MOST_REMINDERS = 2048, 5000, 500, 500, 20
_MOST_PAGE: Final = 100
_DAY_S: Final = 24 * 3600.0
_WINDOW_S: Final = 366 * _DAY_S
_MOST_LENGTH_S: Final = 366 * _DAY_S
_TOKEN_LIVES_S: Final = _DAY_S
_DEFAULT_ZONE: Final = "Asia/Shanghai"
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


class Invited(msgspec.Struct, kw_only=True, rename="camel"):
    id: str
    is_optional: bool = False


class Place(msgspec.Struct, kw_only=True, rename="camel"):
    display_name: str = ""


class NewEvent(msgspec.Struct, kw_only=True, rename="camel"):
    """`user_id` is the organizer's union id."""

    user_id: str
    calendar_id: str
    summary: str
    start: Moment
    end: Moment | None = None
    description: str = ""
    is_all_day: bool = False
    recurrence: dict[str, Any] = msgspec.field(default_factory=dict)
    attendees: list[Invited] = msgspec.field(default_factory=list)
    location: Place = msgspec.field(default_factory=Place)
    reminders: list[dict[str, Any]] = msgspec.field(default_factory=list)
    online_meeting_info: dict[str, Any] = msgspec.field(default_factory=dict)


class ChangedEvent(msgspec.Struct, kw_only=True, rename="camel"):
    """None leaves what was there."""

    user_id: str
    calendar_id: str
    event_id: str
    summary: str | None = None
    start: Moment | None = None
    end: Moment | None = None
    description: str | None = None
    is_all_day: bool | None = None
    recurrence: dict[str, Any] | None = None
    attendees: list[Invited] | None = None
    location: Place | None = None
    reminders: list[dict[str, Any]] | None = None
    online_meeting_info: dict[str, Any] | None = None


class OfEvent(msgspec.Struct, kw_only=True, rename="camel"):
    user_id: str
    calendar_id: str
    event_id: str
    max_attendees: int = _MOST_ATTENDEES


class Listing(msgspec.Struct, kw_only=True, rename="camel"):
    """`time_min`, `time_max`: ISO 8601. `sync_token`: what has changed since the list that gave it."""

    user_id: str
    calendar_id: str
    time_min: str = ""
    time_max: str = ""
    max_results: int = _MOST_PAGE
    next_token: str = ""
    max_attendees: int = _MOST_ATTENDEES
    show_deleted: bool = False
    series_master_id: str = ""
    sync_token: str = ""


@endpoints.newer("POST", _EVENTS, scope=WRITE)
def create_event(call: Call, req: NewEvent) -> dict[str, Any]:
    organizer = _person(call, req.user_id, req.calendar_id)
    kept = call.all(Event)
    token = call.request.header("x-client-token") or ""
    since = call.now - _TOKEN_LIVES_S
    if token and any(each.client_token == token and each.created_at > since for each in kept):
        raise errors.DUPLICATE_TOKEN.error()
    event = Event(
        id="",
        account=call.account,
        created_at=call.now,
        number=call.ids.token(26),
        organizer=organizer,
        summary=req.summary,
        description=req.description,
        start=req.start,
        end=req.end or Moment(),
        all_day=req.is_all_day,
        starts_at=0.0,
        ends_at=0.0,
        recurrence=req.recurrence,
        attendees=_attendees(organizer, req.attendees),
        location=req.location.display_name,
        reminders=tuple(req.reminders),
        meeting=req.online_meeting_info,
        client_token=token,
        changed_at=call.now,
    )
    event = _checked(call, msgspec.structs.replace(event, id=own_id(call.account, event.number)))
    _make_room(call, kept)
    call.tx.put(event)
    return _shown(_names(call), event, organizer)


@endpoints.newer("GET", _EVENTS + "/{eventId}", scope=READ)
def get_event(call: Call, req: OfEvent) -> dict[str, Any]:
    """Also one of a series."""
    number, _, begins = req.event_id.partition("_")
    event = _find(call, req.user_id, req.calendar_id, number)
    if not begins:
        return _shown(_names(call), event, req.user_id, most_attendees=req.max_attendees)
    starts_at = whole_number(begins)
    if starts_at is None or not event.recurrence or starts_at not in _starts(event, starts_at, starts_at + 1.0):
        raise errors.NO_EVENT.error()
    return _shown(_names(call), event, req.user_id, most_attendees=req.max_attendees, starts_at=starts_at)


@endpoints.newer("PUT", _EVENTS + "/{eventId}", scope=WRITE)
def change_event(call: Call, req: ChangedEvent) -> dict[str, Any]:
    event = _find(call, req.user_id, req.calendar_id, req.event_id)
    _must_organize(event, req.user_id)
    changed = msgspec.structs.replace(
        event,
        summary=event.summary if req.summary is None else req.summary,
        description=event.description if req.description is None else req.description,
        start=req.start or event.start,
        end=req.end or event.end,
        all_day=event.all_day if req.is_all_day is None else req.is_all_day,
        recurrence=event.recurrence if req.recurrence is None else req.recurrence,
        location=event.location if req.location is None else req.location.display_name,
        reminders=event.reminders if req.reminders is None else tuple(req.reminders),
        meeting=event.meeting if req.online_meeting_info is None else req.online_meeting_info,
        attendees=event.attendees if req.attendees is None else _attendees(event.organizer, req.attendees),
        changed_at=call.now,
    )
    changed = _checked(call, changed)
    call.tx.put(changed)
    return _shown(_names(call), changed, req.user_id)


@endpoints.newer("DELETE", _EVENTS + "/{eventId}", scope=WRITE)
def delete_event(call: Call, req: OfEvent) -> dict[str, Any]:
    event = _find(call, req.user_id, req.calendar_id, req.event_id)
    _must_organize(event, req.user_id)
    call.tx.put(msgspec.structs.replace(event, deleted=True, changed_at=call.now))
    return {}


@endpoints.newer("GET", _EVENTS, scope=READ)
def list_events(call: Call, req: Listing) -> dict[str, Any]:
    """Each series once; or, by `seriesMasterId`, each of one."""
    person = _person(call, req.user_id, req.calendar_id)
    if req.series_master_id:
        master = _find(call, req.user_id, req.calendar_id, req.series_master_id)
        return _page(call, req, _each_of(call, req, [master]), {})
    changed_since = _synced_at(req.sync_token)
    since, until = _window(call, req) if req.time_min or req.time_max else (0.0, float("inf"))
    found = [
        each
        for each in call.all(Event)
        if each.concerns(person)
        and (not each.deleted or req.show_deleted or req.sync_token)
        and each.changed_at >= changed_since
        and (each.deleted or _is_in(each, since, until))
    ]
    return _page(call, req, [(each, each.starts_at) for each in found], {"syncToken": str(int(call.now * 1000))})


@endpoints.newer("GET", "/v1.0/calendar/users/{userId}/calendars/{calendarId}/eventsview", scope=READ)
def view_events(call: Call, req: Listing) -> dict[str, Any]:
    """Each of what comes again by itself, in the order of time."""
    person = _person(call, req.user_id, req.calendar_id)
    found = [each for each in call.all(Event) if each.concerns(person) and not each.deleted]
    return _page(call, req, _each_of(call, req, found), {})


# --- checking ---


def _checked(call: Call, event: Event) -> Event:
    """With its moments. PlatformError."""
    sizes = [
        ("summary", len(event.summary), _MOST_SUMMARY),
        ("description", len(event.description), _MOST_DESCRIPTION),
        ("location", len(event.location), _MOST_LOCATION),
        ("attendees", len(event.attendees), _MOST_ATTENDEES),
        ("reminders", len(event.reminders), _MOST_REMINDERS),
    ]
    for name, size, most in sizes:
        if size > most:
            raise errors.TOO_MANY.error(name=name, most=most)
    if not event.summary:
        raise errors.WRONG.error(name="summary")
    if len(msgspec.json.encode((event.reminders, event.meeting, event.recurrence))) > _MOST_DESCRIPTION:
        raise errors.TOO_MANY.error(name="reminders", most=_MOST_REMINDERS)
    known = {each.union_id for each in call.all(Member)}
    if any(each.id not in known for each in event.attendees):
        raise errors.NO_UNION_ID.error()
    starts_at = moment_of(event.start, event.all_day, "start").timestamp()
    # An event without an end takes no time; a day without one takes that day.
    ends_at = starts_at + (_DAY_S if event.all_day else 0.0)
    if event.end.date or event.end.date_time:
        ends_at = moment_of(event.end, event.all_day, "end").timestamp()
    if not starts_at <= ends_at <= starts_at + _MOST_LENGTH_S:
        raise errors.WRONG.error(name="end")
    if event.recurrence:
        try:
            recurrence.read(event.recurrence)
        except WrongRecurrence as problem:
            raise errors.WRONG.error(name=str(problem)) from None
    return msgspec.structs.replace(event, starts_at=starts_at, ends_at=ends_at)


def moment_of(moment: Moment, all_day: bool, name: str) -> datetime.datetime:
    """With its time zone: of a day its beginning in Asia/Shanghai. PlatformError."""
    try:
        zone = zone_of(moment.time_zone or _DEFAULT_ZONE)
    except KeyError:
        raise errors.WRONG.error(name=f"{name}.timeZone") from None
    text, field = (moment.date, "date") if all_day else (moment.date_time, "dateTime")
    try:
        if all_day and len(text) != 10:
            raise ValueError
        found = datetime.datetime.fromisoformat(text)
        if not _FIRST_YEAR <= found.year < _LAST_YEAR:
            raise ValueError
        return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)
    except (ValueError, OverflowError):
        raise errors.WRONG.error(name=f"{name}.{field}") from None


def _attendees(organizer: str, invited: list[Invited]) -> tuple[Attendee, ...]:
    made = {each.id: Attendee(id=each.id, is_optional=each.is_optional) for each in invited if each.id != organizer}
    return tuple(made.values())


def _make_room(call: Call, kept: list[Event]) -> None:
    most = limits.DINGTALK_RECORDS
    make_room_of_ended(call.tx, kept, lambda each: each.deleted, most, errors.FULL.error(name="events", most=most))


def _person(call: Call, union_id: str, calendar: str) -> str:
    if calendar != _PRIMARY:
        raise errors.NO_CALENDAR.error()
    if Directory(call.tx, call.account).by_union_id(union_id) is None:
        raise errors.NO_UNION_ID.error()
    return union_id


def _find(call: Call, union_id: str, calendar: str, number: str) -> Event:
    person = _person(call, union_id, calendar)
    event = call.mine(Event, number)
    if event is None or event.deleted or not event.concerns(person):
        raise errors.NO_EVENT.error()
    return event


def _must_organize(event: Event, union_id: str) -> None:
    if event.organizer != union_id:
        raise errors.NOT_ORGANIZER.error()


# --- listing ---


def _window(call: Call, req: Listing) -> tuple[float, float]:
    """From now on for a year, where nothing is said."""
    since = _parsed(req.time_min, "timeMin") if req.time_min else call.now
    until = _parsed(req.time_max, "timeMax") if req.time_max else since + _WINDOW_S
    if not since < until <= since + _WINDOW_S:
        raise errors.WRONG.error(name="timeMax")
    return since, until


def _parsed(text: str, name: str) -> float:
    try:
        # A plus sign is a blank in a query that was not encoded.
        found = datetime.datetime.fromisoformat(text.replace(" ", "+"))
        if not _FIRST_YEAR <= found.year < _LAST_YEAR:
            raise ValueError
    except ValueError:
        raise errors.WRONG.error(name=name) from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone_of(_DEFAULT_ZONE))).timestamp()


def _synced_at(token: str) -> float:
    moment_ms = whole_number(token or "0")
    if moment_ms is None:
        raise errors.WRONG.error(name="syncToken")
    return moment_ms / 1000


def _is_in(event: Event, since: float, until: float) -> bool:
    return until == float("inf") or next(_starts(event, since, until), None) is not None


def _starts(event: Event, since: float, until: float) -> Iterator[float]:
    length_s = event.ends_at - event.starts_at
    if event.recurrence:
        start = moment_of(event.start, event.all_day, "start")
        yield from recurrence.occurrences(recurrence.read(event.recurrence), start, length_s, since, until)
    elif event.starts_at < until and (event.ends_at > since or event.starts_at >= since):
        yield event.starts_at


def _each_of(call: Call, req: Listing, events: list[Event]) -> Iterator[tuple[Event, float]]:
    """In the order of time. A year of many series is long: none is looked for that no page shows."""
    since, until = _window(call, req)

    def rows(event: Event) -> Iterator[tuple[float, str, Event]]:
        for starts_at in _starts(event, since, until):
            yield starts_at, event.number, event

    for starts_at, _, event in heapq.merge(*[rows(each) for each in events], key=lambda row: row[:2]):
        yield event, starts_at


def _page(call: Call, req: Listing, rows: Iterable[tuple[Event, float]], at_end: dict[str, str]) -> dict[str, Any]:
    """`at_end` belongs to the last page."""
    if not 0 < req.max_results <= _MOST_PAGE:
        raise errors.TOO_MANY.error(name="maxResults", most=_MOST_PAGE)
    start = whole_number(req.next_token or "0")
    if start is None:
        raise errors.WRONG.error(name="nextToken")
    following = start + req.max_results
    found = list(itertools.islice(rows, start, following + 1))
    names = _names(call)
    page = [
        _shown(names, event, req.user_id, most_attendees=req.max_attendees, starts_at=begins)
        for event, begins in found[: req.max_results]
    ]
    more = {"nextToken": str(following)} if len(found) > req.max_results else at_end
    return {"events": page, **more}


def _names(call: Call) -> dict[str, str]:
    """Of members, by union id."""
    return {each.union_id: each.name for each in call.all(Member)}


def _shown(
    names: Mapping[str, str],
    event: Event,
    person: str,
    *,
    most_attendees: int = _MOST_ATTENDEES,
    starts_at: float | None = None,
) -> dict[str, Any]:
    """`starts_at`: of the one of a series that is shown."""
    shown: dict[str, Any] = {
        "id": event.number,
        "summary": event.summary,
        "description": event.description,
        "start": event.start,
        "end": event.end,
        "isAllDay": event.all_day,
        "status": "cancelled" if event.deleted else "confirmed",
        "organizer": {
            "id": event.organizer,
            "displayName": names.get(event.organizer, ""),
            "responseStatus": "accepted",
            "self": person == event.organizer,
        },
        "attendees": [
            {
                "id": each.id,
                "displayName": names.get(each.id, ""),
                "isOptional": each.is_optional,
                "responseStatus": each.response_status,
                "self": person == each.id,
            }
            for each in event.attendees[: max(0, most_attendees)]
        ],
        "location": {"displayName": event.location},
        "reminders": [{name: str(value) for name, value in each.items()} for each in event.reminders],
        "extendedProperties": {"sharedProperties": {"belongCorpId": corp_id(event.account), "sourceOpenCid": ""}},
        "createTime": iso_seconds(event.created_at),
        "updateTime": iso_seconds(event.changed_at),
    }
    if event.meeting:
        shown["onlineMeetingInfo"] = event.meeting
    if event.recurrence:
        shown["recurrence"] = event.recurrence
    if event.recurrence and starts_at is not None and starts_at != event.starts_at:
        shown |= _moved(event, starts_at)
    return shown


def _moved(event: Event, starts_at: float) -> dict[str, Any]:
    """What differs of a later one of a series."""
    zone = moment_of(event.start, event.all_day, "start").tzinfo
    name = event.start.time_zone or _DEFAULT_ZONE
    begins = datetime.datetime.fromtimestamp(starts_at, zone)
    ends = datetime.datetime.fromtimestamp(starts_at + event.ends_at - event.starts_at, zone)
    if event.all_day:
        start, end = Moment(date=f"{begins:%Y-%m-%d}"), Moment(date=f"{ends:%Y-%m-%d}")
    else:
        start = Moment(date_time=begins.isoformat(), time_zone=name)
        end = Moment(date_time=ends.isoformat(), time_zone=name)
    return {
        "id": f"{event.number}_{int(starts_at)}",
        "seriesMasterId": event.number,
        "originStart": {"dateTime": begins.isoformat()},
        "start": start,
        "end": end,
    }
