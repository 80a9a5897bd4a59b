"""Rosters: who works in which shift on which day. Of groups by turns they are written; of fixed groups they follow from
the week.

Deviations: `async` has happened when it is answered; of a fixed group the next days are shown however far away; the
ids of plans follow from the person, the day and the check.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.dates import SHANGHAI
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.work import errors
from kowloon.dingtalk.work.groups import group_of, group_of_member, present
from kowloon.dingtalk.work.pages import whole_number
from kowloon.dingtalk.work.resources import AttendanceGroup, Check, Planned, RosterMonth, Shift
from kowloon.dingtalk.work.shifts import READ, WRITE, check_member, moment, shift_of

_REST, _CLEAR = 1, -2
_MOST_ROWS, _MOST_USERS, _MOST_DAYS, _MOST_PAGE = 200, 50, 8, 200
_FURTHEST_DAYS: Final = 180


class Row(msgspec.Struct, kw_only=True):
    """`shift_id`: 1 is a day of rest, -2 takes away what was written."""

    userid: str
    work_date: int
    shift_id: int
    is_rest: bool = False


class Write(msgspec.Struct, kw_only=True):
    op_user_id: str
    group_id: int
    schedules: list[Row]


class Clear(msgspec.Struct, kw_only=True):
    """Of all members where nobody is named, of all days where none is."""

    op_user_id: str
    group_id: int
    userids: Commas[list[str]] = msgspec.field(default_factory=list)
    from_date_time: int | None = None
    to_date_time: int | None = None


class OfUsers(msgspec.Struct, kw_only=True):
    op_user_id: str
    userids: Commas[list[str]]
    from_date_time: int
    to_date_time: int


class OfDay(msgspec.Struct, kw_only=True):
    op_user_id: str
    user_id: str
    date_time: int


class OfOrganisation(msgspec.Struct, kw_only=True, rename="camel"):
    """`work_date`: a day, whatever its time."""

    work_date: str
    offset: int = 0
    size: int = _MOST_PAGE


@endpoints.older("/topapi/attendance/group/schedule/async", scope=WRITE)
def write_roster(call: Call, req: Write) -> dict[str, Any]:
    """All of it, or nothing. Months that nobody has been able to write for long go."""
    check_member(call, req.op_user_id)
    group = group_of(call, req.group_id)
    if group.type != "TURN":
        raise errors.NOT_TURN.error()
    if not 0 < len(req.schedules) <= _MOST_ROWS:
        raise errors.TOO_MANY.error(name="schedules", most=_MOST_ROWS)
    today = _day(call.now * 1000, "work_date")
    told = []
    for row in req.schedules:
        if row.userid not in group.members:
            raise errors.NOT_IN_GROUP.error(userid=row.userid)
        day = _day(row.work_date, "work_date")
        if abs((day - today).days) > _FURTHEST_DAYS:
            raise errors.WRONG.error(name="work_date")
        planned = _planned(call, group, row)
        _put(call, row.userid, day, planned)
        told.append(_told(group, row.userid, day, planned))
    oldest = f"{today - datetime.timedelta(days=2 * _FURTHEST_DAYS):%Y-%m}"
    for month in call.all(RosterMonth):
        if month.month < oldest:
            call.tx.delete(month)
    call.emit("attendance_schedule_change", dataList=told)
    return {"success": True}


@endpoints.older("/topapi/attendance/group/schedule/clear", scope=WRITE)
def clear_roster(call: Call, req: Clear) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    group = group_of(call, req.group_id)
    if group.type != "TURN":
        raise errors.NOT_TURN.error()
    first = datetime.date.min if req.from_date_time is None else _day(req.from_date_time, "from_date_time")
    last = datetime.date.max if req.to_date_time is None else _day(req.to_date_time, "to_date_time")
    people = set(req.userids or group.members)
    told = []
    for month in call.all(RosterMonth):
        if month.userid not in people:
            continue
        gone = {
            day
            for day, planned in month.days.items()
            if planned.group == group.number and first <= _date(month, day) <= last
        }
        if gone:
            _keep(call, msgspec.structs.replace(month, days=_without(month, gone)))
            told += [_told(group, month.userid, _date(month, day), None) for day in sorted(gone)]
    if told:
        call.emit("attendance_schedule_change", dataList=told)
    return {"success": True}


@endpoints.older("/topapi/attendance/schedule/listbyusers", scope=READ, reads=True)
def roster_of_users(call: Call, req: OfUsers) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    if not 0 < len(req.userids) <= _MOST_USERS:
        raise errors.TOO_MANY.error(name="userids", most=_MOST_USERS)
    first, last = _day(req.from_date_time, "from_date_time"), _day(req.to_date_time, "to_date_time")
    days = (last - first).days + 1
    if not 0 < days <= _MOST_DAYS:
        raise errors.TOO_MANY.error(name="to_date_time", most=_MOST_DAYS - 1)
    rows = []
    for userid in dict.fromkeys(req.userids):
        check_member(call, userid)
        for place in range(days):
            rows += _rows(call, userid, first + datetime.timedelta(days=place))
    return {"result": rows}


@endpoints.older("/topapi/attendance/schedule/listbyday", scope=READ, reads=True)
def roster_of_day(call: Call, req: OfDay) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    check_member(call, req.user_id)
    return {"result": _rows(call, req.user_id, _day(req.date_time, "date_time"))}


@endpoints.older("/topapi/attendance/listschedule", scope=READ, reads=True)
def roster_of_organisation(call: Call, req: OfOrganisation) -> dict[str, Any]:
    """Who works that day, group by group."""
    if not 0 < req.size <= _MOST_PAGE:
        raise errors.TOO_MANY.error(name="size", most=_MOST_PAGE)
    if req.offset < 0:
        raise errors.WRONG.error(name="offset")
    day = _day_of_text(req.work_date)
    found = [
        {
            "plan_id": _plan_id(call, userid, day, place),
            "check_type": check.type,
            "userid": userid,
            "class_id": shift.number,
            "class_setting_id": shift.number,
            "plan_check_time": _text(moment(day, check)),
            "group_id": group.number,
        }
        for group in call.all(AttendanceGroup)
        for userid in present(call, group)
        for shift, place, check in _checks(call, group, userid, day)
    ]
    following = req.offset + req.size
    return {"result": {"schedules": found[req.offset : following], "has_more": following < len(found)}}


# --- reading ---


def _plan_of(call: Call, group: AttendanceGroup, userid: str, day: datetime.date) -> Planned | None:
    """None: nothing is planned."""
    if group.type == "FIXED":
        return Planned(group.number, group.week[day.isoweekday() % 7])
    month = call.mine(RosterMonth, f"{userid}/{day:%Y-%m}") if group.type == "TURN" else None
    planned = month.days.get(str(day.day)) if month is not None else None
    return planned if planned is not None and planned.group == group.number else None


def _checks(call: Call, group: AttendanceGroup, userid: str, day: datetime.date) -> Iterator[tuple[Shift, int, Check]]:
    planned = _plan_of(call, group, userid, day)
    shift = call.mine(Shift, str(planned.shift)) if planned is not None else None
    if shift is not None:
        checks = [check for section in shift.sections for check in section]
        for place, check in enumerate(checks):
            yield shift, place, check


def _rows(call: Call, userid: str, day: datetime.date) -> list[dict[str, Any]]:
    group = group_of_member(call, userid)
    planned = _plan_of(call, group, userid, day) if group is not None else None
    if group is None or planned is None:
        return []
    common = {"userid": userid, "group_id": group.number, "work_date": f"{day:%Y-%m-%d} 00:00:00"}
    if not planned.shift:
        return [{"id": _plan_id(call, userid, day, 0), **common, "shift_id": _REST, "is_rest": "Y"}]
    return [
        {
            "id": _plan_id(call, userid, day, place),
            **common,
            "shift_id": shift.number,
            "is_rest": "N",
            "check_type": check.type,
            "plan_check_time": _text(moment(day, check)),
        }
        for shift, place, check in _checks(call, group, userid, day)
    ]


def _plan_id(call: Call, userid: str, day: datetime.date, place: int) -> int:
    digest = hashlib.blake2b(f"{call.account}/{userid}/{day}/{place}".encode(), digest_size=6).digest()
    return int.from_bytes(digest)


# --- writing ---


def _planned(call: Call, group: AttendanceGroup, row: Row) -> Planned | None:
    if row.shift_id == _CLEAR:
        return None
    if row.is_rest or row.shift_id == _REST:
        return Planned(group.number, 0)
    shift = shift_of(call, row.shift_id)
    if group.shifts and shift.number not in group.shifts:
        raise errors.NO_SHIFT.error()
    return Planned(group.number, shift.number)


def _put(call: Call, userid: str, day: datetime.date, planned: Planned | None) -> None:
    id = f"{userid}/{day:%Y-%m}"
    month = call.mine(RosterMonth, id)
    if month is None:
        month = RosterMonth(
            id=own_id(call.account, id),
            account=call.account,
            created_at=call.now,
            userid=userid,
            month=f"{day:%Y-%m}",
        )
    days = _without(month, {str(day.day)})
    if planned is not None:
        days[str(day.day)] = planned
    _keep(call, msgspec.structs.replace(month, days=days))


def _keep(call: Call, month: RosterMonth) -> None:
    if month.days:
        call.tx.put(month)
    elif call.mine(RosterMonth, f"{month.userid}/{month.month}") is not None:
        call.tx.delete(month)


def _without(month: RosterMonth, gone: set[str]) -> dict[str, Planned]:
    return {day: planned for day, planned in month.days.items() if day not in gone}


def _told(group: AttendanceGroup, userid: str, day: datetime.date, planned: Planned | None) -> dict[str, Any]:
    told: dict[str, Any] = {"userId": userid, "groupId": group.number, "workDate": f"{day:%Y-%m-%d}"}
    if planned is None:
        return {**told, "cleared": True}
    return {**told, "shiftId": planned.shift or _REST, "isRest": not planned.shift}


# --- days ---


def _day(moment_ms: float, name: str) -> datetime.date:
    try:
        return datetime.datetime.fromtimestamp(moment_ms / 1000, SHANGHAI).date()
    except (ValueError, OverflowError, OSError):
        raise errors.WRONG.error(name=name) from None


def _day_of_text(text: str) -> datetime.date:
    moment_ms = whole_number(text)
    if moment_ms is not None:
        return _day(moment_ms, "workDate")
    try:
        return datetime.date.fromisoformat(text[:10])
    except ValueError:
        raise errors.WRONG.error(name="workDate") from None


def _date(month: RosterMonth, day: str) -> datetime.date:
    return datetime.date.fromisoformat(f"{month.month}-{int(day):02d}")


def _text(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
