"""Shifts of attendance: when a day's work begins and ends. Times are of Asia/Shanghai."""

from __future__ import annotations

import datetime
from typing import Any, Final

import msgspec

from kowloon.dingtalk.contacts.directory import next_number
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.dates import SHANGHAI
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.work import errors
from kowloon.dingtalk.work.pages import whole_number
from kowloon.dingtalk.work.resources import AttendanceGroup, Check, Shift

READ, WRITE = "qyapi_attendance_group_read", "qyapi_attendance_group_manage"
_MOST_SHIFTS: Final = 1_000
_MOST_NAME_CHARACTERS: Final = 64
_MOST_SECTIONS: Final = 3
_PAGE: Final = 200
_DAY_MINUTES: Final = 24 * 60
_TYPES: Final = ("OnDuty", "OffDuty")


class Time(msgspec.Struct, kw_only=True):
    """`check_time`: only its time of day counts; `across`: it is on the next day."""

    check_type: str
    check_time: str
    across: int = 0


class Section(msgspec.Struct, kw_only=True):
    times: list[Time]


class ShiftFields(msgspec.Struct, kw_only=True):
    """With `id`: that shift is changed."""

    name: str
    sections: list[Section]
    id: int = 0
    owner: str = ""
    setting: dict[str, Any] = msgspec.field(default_factory=dict)


class AddShift(msgspec.Struct, kw_only=True):
    op_user_id: str
    shift: ShiftFields


class ListShifts(msgspec.Struct, kw_only=True):
    op_user_id: str
    cursor: int = 0


class OfShift(msgspec.Struct, kw_only=True):
    op_user_id: str
    shift_id: int


@endpoints.older("/topapi/attendance/shift/add", scope=WRITE)
def add_shift(call: Call, req: AddShift) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    given = req.shift
    if not 0 < len(given.name) <= _MOST_NAME_CHARACTERS:
        raise errors.WRONG.error(name="name")
    found = shift_of(call, given.id) if given.id else None
    shifts = call.all(Shift)
    if any(each.name == given.name for each in shifts if found is None or each.number != found.number):
        raise errors.NAME_TAKEN.error()
    if found is None and len(shifts) >= _MOST_SHIFTS:
        raise errors.FULL.error(name="shifts", most=_MOST_SHIFTS)
    number = found.number if found is not None else next_number(call.tx, call.account, "shift")
    call.tx.put(
        Shift(
            id=own_id(call.account, number),
            account=call.account,
            created_at=found.created_at if found is not None else call.now,
            number=number,
            name=given.name,
            owner=given.owner or req.op_user_id,
            sections=_sections(given.sections),
            settings=given.setting,
        )
    )
    return {"result": {"id": number, "name": given.name}, "success": True}


@endpoints.older("/topapi/attendance/shift/list", scope=READ, reads=True)
def list_shifts(call: Call, req: ListShifts) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    if req.cursor < 0:
        raise errors.WRONG.error(name="cursor")
    shifts = call.all(Shift)
    following = req.cursor + _PAGE
    rows = [{"id": each.number, "name": each.name} for each in shifts[req.cursor : following]]
    more = {"cursor": following} if following < len(shifts) else {}
    return {"result": {"has_more": bool(more), "result": rows, **more}, "success": True}


@endpoints.older("/topapi/attendance/shift/query", scope=READ, reads=True)
def query_shift(call: Call, req: OfShift) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    shift = shift_of(call, req.shift_id)
    result = {"id": shift.number, "name": shift.name, "owner": shift.owner, "sections": shown_sections(shift)}
    return {"result": {**result, "shift_setting": shift.settings}, "success": True}


@endpoints.older("/topapi/attendance/shift/delete", scope=WRITE)
def delete_shift(call: Call, req: OfShift) -> dict[str, Any]:
    """Not one that a group has; rosters that name it keep its number, and show nothing for it."""
    check_member(call, req.op_user_id)
    shift = shift_of(call, req.shift_id)
    if any(shift.number in (*each.shifts, *each.week) for each in call.all(AttendanceGroup)):
        raise errors.SHIFT_IN_USE.error()
    call.tx.delete(shift)
    return {"success": True}


def check_member(call: Call, userid: str) -> None:
    if call.mine(Member, userid) is None:
        raise errors.NO_USER.error()


def shift_of(call: Call, number: int) -> Shift:
    found = call.mine(Shift, str(number))
    if found is None:
        raise errors.NO_SHIFT.error()
    return found


def shown_sections(shift: Shift) -> list[dict[str, Any]]:
    """Times are on a day that does not matter, the vendor's."""
    return [{"times": [_shown(each) for each in section]} for section in shift.sections]


def moment(day: datetime.date, check: Check) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), SHANGHAI) + datetime.timedelta(minutes=check.minutes)


def _shown(check: Check) -> dict[str, Any]:
    across, minutes = divmod(check.minutes, _DAY_MINUTES)
    time = f"1970-01-01 {minutes // 60:02d}:{minutes % 60:02d}:00"
    return {"check_type": check.type, "check_time": time, "across": across}


def _sections(given: list[Section]) -> tuple[tuple[Check, ...], ...]:
    """Each begins with OnDuty and ends with OffDuty, one after the other."""
    if not 0 < len(given) <= _MOST_SECTIONS:
        raise errors.WRONG.error(name="sections")
    sections = []
    last = -1
    for section in given:
        checks = tuple([_check(each) for each in section.times])
        if tuple([each.type for each in checks]) != _TYPES:
            raise errors.WRONG.error(name="times")
        for check in checks:
            if check.minutes <= last:
                raise errors.WRONG.error(name="check_time")
            last = check.minutes
        sections.append(checks)
    return tuple(sections)


def _check(given: Time) -> Check:
    if given.across not in (0, 1):
        raise errors.WRONG.error(name="across")
    try:
        moment_ms = whole_number(given.check_time)
        if moment_ms is not None:
            time = datetime.datetime.fromtimestamp(moment_ms / 1000, SHANGHAI).time()
        elif len(given.check_time) > 10:
            time = datetime.datetime.fromisoformat(given.check_time).time()
        else:
            time = datetime.time.fromisoformat(given.check_time)
    except (ValueError, OverflowError, OSError):
        raise errors.WRONG.error(name="check_time") from None
    return Check(type=given.check_type, minutes=given.across * _DAY_MINUTES + time.hour * 60 + time.minute)
