"""Attendance groups: who works by the same rules. A member is in one of them at most; who comes into another leaves
the one before.

Deviations: any member may be the operator; departments as members are taken as those who are in them then.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.dingtalk.contacts.directory import Directory, next_number
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.work import errors
from kowloon.dingtalk.work.pages import whole_number
from kowloon.dingtalk.work.resources import AttendanceGroup, Shift
from kowloon.dingtalk.work.shifts import READ, WRITE, check_member, shift_of, shown_sections

_MOST_GROUPS: Final = 500
_MOST_NAME_CHARACTERS: Final = 64
_MOST_SIMPLE, _PAGE = 10, 200
_TYPES: Final = frozenset({"FIXED", "TURN", "NONE"})
_WEEK_DAYS: Final = 7


class GroupMember(msgspec.Struct, kw_only=True):
    """`user_id`: of a StaffMember a userid, of a Department its number."""

    user_id: str
    type: str = "StaffMember"
    role: str = "Attendance"


class ShiftOfGroup(msgspec.Struct, kw_only=True):
    id: int


class GroupFields(msgspec.Struct, kw_only=True):
    """`workday_class_list`: of FIXED, from Sunday on; 0 is a day of rest. With `default_class_id` alone: Monday to
    Friday are its days."""

    name: str
    type: str
    members: list[GroupMember] = msgspec.field(default_factory=list)
    shift_ids: list[int] = msgspec.field(default_factory=list)
    shift_vo_list: list[ShiftOfGroup] = msgspec.field(default_factory=list)
    workday_class_list: list[int] = msgspec.field(default_factory=list)
    default_class_id: int = 0
    owner: str = ""


class AddGroup(msgspec.Struct, kw_only=True):
    op_user_id: str
    top_group: GroupFields


class OfGroup(msgspec.Struct, kw_only=True):
    op_user_id: str
    group_id: int
    cursor: int = 0


class OfUser(msgspec.Struct, kw_only=True):
    userid: str


class Simple(msgspec.Struct, kw_only=True):
    offset: int = 0
    size: int = _MOST_SIMPLE


@endpoints.older("/topapi/attendance/group/add", scope=WRITE)
def add_group(call: Call, req: AddGroup) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    given = req.top_group
    if not 0 < len(given.name) <= _MOST_NAME_CHARACTERS:
        raise errors.WRONG.error(name="name")
    if given.type not in _TYPES:
        raise errors.WRONG.error(name="type")
    groups = call.all(AttendanceGroup)
    if any(each.name == given.name for each in groups):
        raise errors.NAME_TAKEN.error()
    if len(groups) >= _MOST_GROUPS:
        raise errors.FULL.error(name="groups", most=_MOST_GROUPS)
    shifts = tuple(dict.fromkeys([*given.shift_ids, *[each.id for each in given.shift_vo_list]]))
    week = _week(given) if given.type == "FIXED" else ()
    for number in {*shifts, *week} - {0}:
        shift_of(call, number)
    members = _members(call, given.members)
    for other in groups:
        rest = tuple([each for each in other.members if each not in members])
        if rest != other.members:
            call.tx.put(msgspec.structs.replace(other, members=rest))
    number = next_number(call.tx, call.account, "attendance-group")
    call.tx.put(
        AttendanceGroup(
            id=own_id(call.account, number),
            account=call.account,
            created_at=call.now,
            number=number,
            name=given.name,
            type=given.type,
            owner=given.owner or req.op_user_id,
            members=members,
            shifts=shifts or tuple(dict.fromkeys([each for each in week if each])),
            week=week,
        )
    )
    return {"result": {"id": number, "name": given.name}, "success": True}


@endpoints.older("/topapi/attendance/group/query", scope=READ, reads=True)
def query_group(call: Call, req: OfGroup) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    group = group_of(call, req.group_id)
    return {
        "result": {
            "id": group.number,
            "name": group.name,
            "type": group.type,
            "owner_user_id": group.owner,
            "member_count": len(group.members),
            "shift_ids": list(group.shifts),
            "workday_class_list": list(group.week),
        },
        "success": True,
    }


@endpoints.older("/topapi/attendance/getsimplegroups", scope=READ, reads=True)
def simple_groups(call: Call, req: Simple) -> dict[str, Any]:
    if not 0 < req.size <= _MOST_SIMPLE:
        raise errors.TOO_MANY.error(name="size", most=_MOST_SIMPLE)
    if req.offset < 0:
        raise errors.WRONG.error(name="offset")
    groups = call.all(AttendanceGroup)
    following = req.offset + req.size
    rows = [_simple(call, each) for each in groups[req.offset : following]]
    return {"result": {"groups": rows, "has_more": following < len(groups)}}


@endpoints.older("/topapi/attendance/getusergroup", scope=READ, reads=True)
def user_group(call: Call, req: OfUser) -> dict[str, Any]:
    """Without a group: nothing but the name of none."""
    check_member(call, req.userid)
    group = group_of_member(call, req.userid)
    if group is None:
        return {"result": {"group_id": 0, "name": "", "type": "NONE", "classes": []}}
    classes = [
        {"class_id": each.number, "name": each.name, "sections": shown_sections(each)}
        for each in _shifts_of(call, group)
    ]
    return {"result": {"group_id": group.number, "name": group.name, "type": group.type, "classes": classes}}


@endpoints.older("/topapi/attendance/group/memberusers/list", scope=READ, reads=True)
def group_users(call: Call, req: OfGroup) -> dict[str, Any]:
    check_member(call, req.op_user_id)
    if req.cursor < 0:
        raise errors.WRONG.error(name="cursor")
    members = present(call, group_of(call, req.group_id))
    following = req.cursor + _PAGE
    more = {"cursor": following} if following < len(members) else {}
    page = list(members[req.cursor : following])
    return {"result": {"result": page, "has_more": bool(more), **more}, "success": True}


def group_of(call: Call, number: int) -> AttendanceGroup:
    found = call.mine(AttendanceGroup, str(number))
    if found is None:
        raise errors.NO_GROUP.error()
    return found


def group_of_member(call: Call, userid: str) -> AttendanceGroup | None:
    return next((each for each in call.all(AttendanceGroup) if userid in each.members), None)


def present(call: Call, group: AttendanceGroup) -> tuple[str, ...]:
    """Those of its members who have not left the organisation."""
    return tuple([each for each in group.members if call.mine(Member, each) is not None])


def _simple(call: Call, group: AttendanceGroup) -> dict[str, Any]:
    shifts = _shifts_of(call, group)
    return {
        "group_id": group.number,
        "group_name": group.name,
        "type": group.type,
        "owner_user_id": group.owner,
        "member_count": len(group.members),
        "is_default": False,
        "default_class_id": group.shifts[0] if group.shifts else 0,
        "work_day_list": [str(each) for each in group.week],
        "classes_list": [each.name for each in shifts],
        "selected_class": [
            {"class_id": each.number, "class_name": each.name, "sections": shown_sections(each)} for each in shifts
        ],
    }


def _shifts_of(call: Call, group: AttendanceGroup) -> list[Shift]:
    found = [call.mine(Shift, str(each)) for each in group.shifts]
    return [each for each in found if each is not None]


def _week(given: GroupFields) -> tuple[int, ...]:
    week = tuple(given.workday_class_list)
    if not week:
        week = (0, *[given.default_class_id] * 5, 0)
    if len(week) != _WEEK_DAYS or not any(week):
        raise errors.WRONG.error(name="workday_class_list")
    return week


def _members(call: Call, given: list[GroupMember]) -> tuple[str, ...]:
    directory = Directory(call.tx, call.account)
    found: list[str] = []
    for each in given:
        if each.type == "Department":
            number = whole_number(each.user_id)
            if number is None or not directory.has_department(number):
                raise errors.WRONG.error(name="members")
            found += [member.userid for member in directory.in_department(number)]
        elif each.type != "StaffMember":
            raise errors.WRONG.error(name="members")
        elif directory.find_member(each.user_id) is None:
            raise errors.NO_USER.error()
        elif each.role == "Attendance":
            found.append(each.user_id)
    return tuple(dict.fromkeys(found))
