"""Events of calendars by the official client: made, seen by who is invited, changed, listed, expanded, gone."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_dingtalk.calendar_1_0 import models as m
from alibabacloud_dingtalk.calendar_1_0.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from kowloon.core import limits
from kowloon.dingtalk.work.calendar import READ, WRITE
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office
from tests.dingtalk.work.people import check_doors, join, other_office, union_id
from tests.helpers import refused

ADA, BOB, CYD = (union_id(each) for each in ("ada", "bob", "cyd"))
SHANGHAI = "Asia/Shanghai"
ABSENT = ("invalidParameter.event.notFound", "日程不存在", 404)


class Calendar:
    """Calls by the official client."""

    def __init__(self, cloud: LocalCloud, office: Office) -> None:
        self.cloud = cloud
        self._client = Client(Config(protocol="http", endpoint=cloud.endpoint))
        self._token = office.token

    def create(self, summary: str = "Standup", person: str = ADA, calendar: str = "primary", **fields: Any) -> Any:
        token = fields.pop("client_token", None)
        headers = m.CreateEventHeaders(x_acs_dingtalk_access_token=self._token, x_client_token=token)
        fields.setdefault("start", at("2026-01-05T09:00:00+08:00"))
        fields.setdefault("end", at("2026-01-05T10:00:00+08:00"))
        request = m.CreateEventRequest(summary=summary, **fields)
        return self._client.create_event_with_options(person, calendar, request, headers, RuntimeOptions()).body

    def get(self, id: str, person: str = ADA, **fields: Any) -> Any:
        headers = m.GetEventHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.GetEventRequest(**fields)
        return self._client.get_event_with_options(person, "primary", id, request, headers, RuntimeOptions()).body

    def change(self, id: str, person: str = ADA, **fields: Any) -> Any:
        headers = m.PatchEventHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.PatchEventRequest(id=id, **fields)
        return self._client.patch_event_with_options(person, "primary", id, request, headers, RuntimeOptions()).body

    def delete(self, id: str, person: str = ADA) -> Any:
        headers = m.DeleteEventHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.DeleteEventRequest()
        return self._client.delete_event_with_options(person, "primary", id, request, headers, RuntimeOptions())

    def list(self, person: str = ADA, **fields: Any) -> Any:
        headers = m.ListEventsHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.ListEventsRequest(**fields)
        return self._client.list_events_with_options(person, "primary", request, headers, RuntimeOptions()).body

    def view(self, person: str = ADA, **fields: Any) -> Any:
        headers = m.ListEventsViewHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.ListEventsViewRequest(**fields)
        return self._client.list_events_view_with_options(person, "primary", request, headers, RuntimeOptions()).body


def at(moment: str, zone: str = SHANGHAI) -> Any:
    return m.CreateEventRequestStart(date_time=moment, time_zone=zone)


def day(date: str) -> Any:
    return m.CreateEventRequestStart(date=date)


def weekly(**bounds: Any) -> Any:
    return m.CreateEventRequestRecurrence(
        pattern=m.CreateEventRequestRecurrencePattern(type="weekly", days_of_week="monday", interval=1),
        range=m.CreateEventRequestRecurrenceRange(**(bounds or {"type": "noEnd"})),
    )


@pytest.fixture
def calendar(cloud: LocalCloud, office: Office) -> Calendar:
    join(cloud, office, "ada", "bob", "cyd")
    return Calendar(cloud, office)


def test_made_and_seen_by_who_is_invited(calendar: Calendar) -> None:
    made = calendar.create(
        description="every day",
        attendees=[m.CreateEventRequestAttendees(id=BOB, is_optional=True), m.CreateEventRequestAttendees(id=ADA)],
        location=m.CreateEventRequestLocation(display_name="Room 1"),
        reminders=[m.CreateEventRequestReminders(method="dingtalk", minutes=15)],
        online_meeting_info=m.CreateEventRequestOnlineMeetingInfo(type="dingtalk"),
    )
    shown = calendar.get(made.id, BOB)
    assert (shown.summary, shown.description, shown.is_all_day) == ("Standup", "every day", False)
    assert (shown.start.date_time, shown.start.time_zone) == ("2026-01-05T09:00:00+08:00", SHANGHAI)
    assert (shown.organizer.id, shown.organizer.display_name, shown.organizer.self_) == (ADA, "Ada", False)
    assert [(each.id, each.is_optional, each.self_) for each in shown.attendees] == [(BOB, True, True)]
    assert (shown.location.display_name, shown.online_meeting_info.type) == ("Room 1", "dingtalk")
    assert [(each.method, each.minutes) for each in shown.reminders] == [("dingtalk", "15")]
    assert calendar.get(made.id, BOB, max_attendees=0).attendees == []
    refused(lambda: calendar.get(made.id, CYD), *ABSENT)
    assert [each.id for each in calendar.list(BOB).events] == [made.id]
    assert calendar.list(CYD).events == []


def test_changed_and_deleted_by_the_organizer_alone(calendar: Calendar) -> None:
    id = calendar.create(attendees=[m.CreateEventRequestAttendees(id=BOB)]).id
    only = ("forbidden.organizer", "只有日程组织者可以操作", 403)
    refused(lambda: calendar.change(id, BOB, summary="x"), *only)
    refused(lambda: calendar.delete(id, BOB), *only)
    end = m.PatchEventRequestEnd(date_time="2026-01-05T11:00:00+08:00", time_zone=SHANGHAI)
    changed = calendar.change(id, summary="Review", end=end, attendees=[m.PatchEventRequestAttendees(id=CYD)])
    assert (changed.summary, changed.end.date_time) == ("Review", "2026-01-05T11:00:00+08:00")
    assert changed.start.date_time == "2026-01-05T09:00:00+08:00"
    refused(lambda: calendar.get(id, BOB), *ABSENT)
    assert calendar.get(id, CYD).summary == "Review"
    early = m.PatchEventRequestEnd(date_time="2026-01-05T08:00:00+08:00", time_zone=SHANGHAI)
    refused(lambda: calendar.change(id, end=early), "invalidParameter.end.invalid", "参数 end 不合法", 400)
    calendar.delete(id)
    refused(lambda: calendar.get(id), *ABSENT)
    refused(lambda: calendar.delete(id), *ABSENT)


def test_what_has_changed_since(calendar: Calendar) -> None:
    first, second = calendar.create().id, calendar.create().id
    calendar.cloud.skip(seconds=5)
    token = calendar.list().sync_token
    assert calendar.list(sync_token=token).events == []
    calendar.cloud.skip(seconds=5)
    calendar.change(first, summary="Changed")
    calendar.delete(second)
    rows = [(each.id, each.status) for each in calendar.list(sync_token=token).events]
    assert rows == [(first, "confirmed"), (second, "cancelled")]
    assert [each.id for each in calendar.list().events] == [first]
    assert len(calendar.list(show_deleted=True).events) == 2


def test_a_series_is_listed_once_and_viewed_one_by_one(calendar: Calendar) -> None:
    series = calendar.create(recurrence=weekly(), attendees=[m.CreateEventRequestAttendees(id=BOB)])
    assert series.recurrence.pattern.days_of_week == "monday"
    single = calendar.create("Once", start=at("2026-01-13T09:00:00+08:00"), end=at("2026-01-13T10:00:00+08:00")).id
    window = {"time_min": "2026-01-06T00:00:00+08:00", "time_max": "2026-01-20T00:00:00+08:00"}
    assert [each.id for each in calendar.list(**window).events] == [series.id, single]
    rows = calendar.view(**window).events
    assert [(each.summary, each.start.date_time) for each in rows] == [
        ("Standup", "2026-01-12T09:00:00+08:00"),
        ("Once", "2026-01-13T09:00:00+08:00"),
        ("Standup", "2026-01-19T09:00:00+08:00"),
    ]
    assert (rows[0].series_master_id, rows[0].end.date_time) == (series.id, "2026-01-12T10:00:00+08:00")
    assert [each.id for each in calendar.view(BOB, **window).events] == [rows[0].id, rows[2].id]
    assert [each.id for each in calendar.list(series_master_id=series.id, **window).events] == [rows[0].id, rows[2].id]
    assert calendar.get(rows[0].id).start.date_time == "2026-01-12T09:00:00+08:00"
    refused(lambda: calendar.get(rows[0].id + "1"), *ABSENT)
    refused(lambda: calendar.delete(rows[0].id), *ABSENT)
    none = {"time_min": "2026-01-06T00:00:00Z", "time_max": "2026-01-11T00:00:00Z"}
    assert calendar.list(**none).events == []


def test_whole_days_and_other_zones(calendar: Calendar) -> None:
    id = calendar.create(
        "Fair", start=day("2026-01-10"), end=day("2026-01-12"), is_all_day=True, recurrence=weekly()
    ).id
    shown = calendar.get(id)
    assert (shown.start.date, shown.end.date, shown.is_all_day) == ("2026-01-10", "2026-01-12", True)
    rows = calendar.view(time_min="2026-01-12T00:00:00+08:00", time_max="2026-01-20T00:00:00+08:00").events
    assert [(each.start.date, each.end.date) for each in rows] == [
        ("2026-01-12", "2026-01-14"),
        ("2026-01-19", "2026-01-21"),
    ]
    berlin = calendar.create(
        "Call", start=at("2026-07-01T09:00:00", "Europe/Berlin"), end=at("2026-07-01T07:30:00Z")
    ).id
    window = {"time_min": "2026-07-01T07:00:00Z", "time_max": "2026-07-01T07:01:00Z"}
    assert [each.id for each in calendar.list(**window).events] == [berlin]


def test_page_by_page(calendar: Calendar) -> None:
    ids = [calendar.create().id for _ in range(5)]
    first = calendar.list(max_results=2)
    assert (len(first.events), first.next_token, first.sync_token) == (2, "2", None)
    rest = calendar.list(max_results=3, next_token="2")
    assert [each.id for each in first.events + rest.events] == ids
    assert (rest.next_token, rest.sync_token is not None) == (None, True)
    for fields, name in (({"max_results": 101}, "maxResults"), ({"next_token": "x"}, "nextToken")):
        code = "overMax" if name == "maxResults" else "invalid"
        refused(lambda fields=fields: calendar.list(**fields), f"invalidParameter.{name}.{code}", name, 400)
    for token in ("x", "9" * 5000, "-1"):
        wrong = "invalidParameter.syncToken.invalid"
        refused(lambda token=token: calendar.list(sync_token=token), wrong, "参数 syncToken 不合法", 400)
    wrong = "invalidParameter.timeMax.invalid"
    refused(
        lambda: calendar.view(time_min="2026-01-01T00:00:00Z", time_max="2028-01-01T00:00:00Z"),
        wrong,
        "参数 timeMax 不合法",
        400,
    )
    refused(lambda: calendar.view(time_min="soon"), "invalidParameter.timeMin.invalid", "参数 timeMin 不合法", 400)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"summary": ""}, "invalidParameter.summary.invalid", "参数 summary 不合法"),
        ({"summary": "s" * 2049}, "invalidParameter.summary.overMax", "参数 summary 超过最大限制 2048"),
        ({"description": "d" * 5001}, "invalidParameter.description.overMax", "参数 description 超过最大限制 5000"),
        ({"start": at("soon")}, "invalidParameter.start.dateTime.invalid", "参数 start.dateTime 不合法"),
        ({"start": at("0001-01-01T00:00:00")}, "invalidParameter.start.dateTime.invalid", "参数 start.dateTime 不合法"),
        (
            {"start": at("2026-01-05T09:00:00", "Mars/One")},
            "invalidParameter.start.timeZone.invalid",
            "参数 start.timeZone 不合法",
        ),
        (
            {"start": at("2026-01-05T09:00:00", "../etc")},
            "invalidParameter.start.timeZone.invalid",
            "参数 start.timeZone 不合法",
        ),
        ({"is_all_day": True}, "invalidParameter.start.date.invalid", "参数 start.date 不合法"),
        ({"end": at("2026-01-04T00:00:00")}, "invalidParameter.end.invalid", "参数 end 不合法"),
        ({"end": at("2028-01-04T00:00:00")}, "invalidParameter.end.invalid", "参数 end 不合法"),
        (
            {"attendees": [m.CreateEventRequestAttendees(id="no")]},
            "invalidParameter.unionId.notFound",
            "用户不存在",
        ),
        (
            {"attendees": [m.CreateEventRequestAttendees(id=f"u{place}") for place in range(501)]},
            "invalidParameter.attendees.overMax",
            "参数 attendees 超过最大限制 500",
        ),
        (
            {"recurrence": weekly(type="numbered", number_of_occurrences=501)},
            "invalidParameter.recurrence.range.numberOfOccurrences.invalid",
            "参数 recurrence.range.numberOfOccurrences 不合法",
        ),
        ({"person": "no"}, "invalidParameter.unionId.notFound", "用户不存在"),
        ({"calendar": "other"}, "invalidParameter.calendarId.invalid", "calendarId 只能是 primary"),
    ],
)
def test_refused(calendar: Calendar, fields: dict[str, Any], code: str, message: str) -> None:
    refused(lambda: calendar.create(**fields), code, message, 400)


def test_the_same_request_again_is_refused_for_a_day(calendar: Calendar) -> None:
    calendar.create(client_token="t1")
    refused(
        lambda: calendar.create(client_token="t1"), "invalidRequest.duplicateClientToken", "重复的 x-client-token", 409
    )
    calendar.cloud.skip(hours=25)
    calendar.create(client_token="t1")
    assert len(calendar.list().events) == 2


def test_room(calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DINGTALK_RECORDS", 2)
    first, second = calendar.create().id, calendar.create().id
    refused(calendar.create, "overLimit.events", "events 已达上限 2", 400)
    calendar.delete(first)
    calendar.create()
    assert calendar.get(second).id == second


BODY = {"summary": "x", "start": {"dateTime": "2026-01-05T09:00:00Z"}}
NO_PERSON = (400, "invalidParameter.unionId.notFound", "用户不存在")


@pytest.mark.parametrize(
    ("method", "path", "body", "scope"),
    [
        ("POST", "events", BODY, WRITE),
        ("GET", "events", None, READ),
        ("GET", "events/{id}", None, READ),
        ("PUT", "events/{id}", {"summary": "y"}, WRITE),
        ("DELETE", "events/{id}", None, WRITE),
        ("GET", "eventsview", None, READ),
    ],
)
def test_of_every_call(
    cloud: LocalCloud, office: Office, calendar: Calendar, method: str, path: str, body: Any, scope: str
) -> None:
    """Another organisation's people and events are as good as absent."""
    other = other_office(cloud)
    at = f"/v1.0/calendar/users/{ADA}/calendars/primary/{path}".format(id=calendar.create().id)
    assert other.refused(method, at, body) == NO_PERSON
    if "{id}" in path:
        own = at.replace(ADA, union_id("zed"))
        status, code, message = other.refused(method, own, body)
        assert (code, message, status) == ABSENT
    check_doors(office, other, method, at, body, scope)
