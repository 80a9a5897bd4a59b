"""Todo tasks, events of calendars, shifts, attendance groups and rosters, as they are kept."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from kowloon.store.resources import Resource


class Todo(Resource, frozen=True, kw_only=True):
    """id is `<account>/<number>`. People are union ids. `done`: which executors have done theirs, and when. `source`:
    the sender's own id, unique for each of them."""

    kind: ClassVar[str] = "dingtalk-todo"
    number: str
    application: str
    subject: str
    creator: str
    description: str = ""
    due_ms: int = 0
    executors: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()
    detail_url: dict[str, str] = msgspec.field(default_factory=dict)
    only_executors: bool = False
    priority: int = 10
    notify: dict[str, str] = msgspec.field(default_factory=dict)
    source: str = ""
    type: str = "TODO"
    done: dict[str, float] = msgspec.field(default_factory=dict)
    modified_at: float = 0.0
    modifier: str = ""

    @property
    def finished_at(self) -> float:
        """When the last executor had done it; 0: somebody has not."""
        return max(self.done.values()) if self.executors and len(self.done) == len(self.executors) else 0.0

    def concerns(self, union_id: str) -> bool:
        return union_id == self.creator or union_id in self.executors or union_id in self.participants


class Moment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Of an event's beginning or end: a day where it takes whole days, else ISO 8601 with a time zone."""

    date: str = ""
    date_time: str = ""
    time_zone: str = ""


class Attendee(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`id` is a union id."""

    id: str
    is_optional: bool = False
    response_status: str = "needsAction"


class Event(Resource, frozen=True, kw_only=True):
    """id is `<account>/<number>`. `starts_at` and `ends_at` are of the first of a series; seconds since the epoch.
    `recurrence` as it was sent. `deleted`: kept for those who ask what has changed."""

    kind: ClassVar[str] = "dingtalk-event"
    number: str
    organizer: str
    summary: str
    description: str = ""
    start: Moment
    end: Moment
    all_day: bool = False
    starts_at: float
    ends_at: float
    recurrence: dict[str, Any] = msgspec.field(default_factory=dict)
    attendees: tuple[Attendee, ...] = ()
    location: str = ""
    reminders: tuple[dict[str, Any], ...] = ()
    meeting: dict[str, Any] = msgspec.field(default_factory=dict)
    client_token: str = ""
    changed_at: float = 0.0
    deleted: bool = False

    def concerns(self, union_id: str) -> bool:
        return union_id == self.organizer or any(each.id == union_id for each in self.attendees)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """When somebody has to be there, or may go: minutes after midnight of the day of work."""

    type: str
    minutes: int


class Shift(Resource, frozen=True, kw_only=True):
    """id is `<account>/<number>`. `sections`: each has checks, in order."""

    kind: ClassVar[str] = "dingtalk-shift"
    number: int
    name: str
    owner: str = ""
    sections: tuple[tuple[Check, ...], ...]
    settings: dict[str, Any] = msgspec.field(default_factory=dict)


class AttendanceGroup(Resource, frozen=True, kw_only=True):
    """id is `<account>/<number>`. FIXED: `week` has a shift for each day from Sunday on, 0 for none. TURN: by roster.
    NONE: as people like."""

    kind: ClassVar[str] = "dingtalk-attendance-group"
    number: int
    name: str
    type: str
    owner: str = ""
    members: tuple[str, ...] = ()
    shifts: tuple[int, ...] = ()
    week: tuple[int, ...] = ()


class Planned(msgspec.Struct, frozen=True):
    """Of one day. `shift` is 0 on a day of rest."""

    group: int
    shift: int


class RosterMonth(Resource, frozen=True, kw_only=True):
    """One member's days of a month; id is `<account>/<userid>/<yyyy-MM>`, `days` is by the day's number as a text."""

    kind: ClassVar[str] = "dingtalk-roster-month"
    userid: str
    month: str
    days: dict[str, Planned] = msgspec.field(default_factory=dict)


RESOURCES: tuple[type[Resource], ...] = (Todo, Event, Shift, AttendanceGroup, RosterMonth)
