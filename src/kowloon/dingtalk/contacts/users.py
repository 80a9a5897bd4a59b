"""People: the older host's v2 calls, and the newer host's profiles and search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kowloon.dingtalk.contacts import errors
from kowloon.dingtalk.contacts.departments import READ as READ_DEPARTMENTS
from kowloon.dingtalk.contacts.departments import WRITE, OfDepartment, OfUser, check_page
from kowloon.dingtalk.contacts.directory import Directory, check_room, end_role_sessions, leave, union_id_of
from kowloon.dingtalk.contacts.passwords import hashed
from kowloon.dingtalk.contacts.people import MOBILE, MOST_NAME_CHARACTERS, USERID
from kowloon.dingtalk.contacts.resources import ROOT_DEPARTMENT, Member, RoleGroup
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import Nothing, endpoints

READ = "qyapi_get_member"
READ_OF_DEPARTMENT = "qyapi_get_department_member"
# Of a person who signed in.
READ_SELF = "Contact.User.Read"
READ_MOBILE = "Contact.User.mobile"
_MOST_DEPARTMENTS = 100
# What is only kept and shown, with what an empty profile has.
_SHOWN: dict[str, Any] = {
    "telephone": "",
    "job_number": "",
    "org_email": "",
    "work_place": "",
    "remark": "",
    "extension": "",
    "hide_mobile": False,
    "senior_mode": False,
    "hired_date": 0,
    "login_id": "",
    "exclusive_account": False,
    "dept_order_list": [],
    "dept_title_list": [],
}


class Profile(msgspec.Struct, kw_only=True):
    """What both writing calls take; what was not sent is None."""

    mobile: str | None = None
    email: str | None = None
    title: str | None = None
    manager_userid: str | None = None
    dept_id_list: Commas[list[int]] | None = None
    telephone: str | None = None
    job_number: str | None = None
    org_email: str | None = None
    work_place: str | None = None
    remark: str | None = None
    extension: str | None = None
    hide_mobile: bool | None = None
    senior_mode: bool | None = None
    hired_date: int | None = None
    login_id: str | None = None
    exclusive_account: bool | None = None
    dept_order_list: list[dict[str, int]] | None = None
    dept_title_list: list[dict[str, Any]] | None = None


class Create(Profile, kw_only=True):
    name: str
    userid: str = ""
    init_password: str = ""


class Update(Profile, kw_only=True):
    userid: str
    name: str | None = None
    force_update_fields: Commas[list[str]] = msgspec.field(default_factory=list)


class Listing(msgspec.Struct, kw_only=True):
    dept_id: int
    cursor: int
    size: int
    order_field: str = "custom"


class ByMobile(msgspec.Struct, kw_only=True):
    mobile: str


class ByUnionId(msgspec.Struct, kw_only=True):
    unionid: str


class Count(msgspec.Struct, kw_only=True):
    only_active: bool = False


class OfProfile(msgspec.Struct, kw_only=True, rename="camel"):
    union_id: str


class Search(msgspec.Struct, kw_only=True, rename="camel"):
    query_word: str
    offset: int
    size: int
    full_match_field: int | None = None


@endpoints.older("/topapi/v2/user/create", scope=WRITE)
async def create(call: Call, req: Create) -> dict[str, Any]:
    password = await hashed(req.init_password, call.ids) if req.init_password else ""

    def body(tx: object) -> dict[str, Any]:
        return _create(call, req, password)

    return await call.write(body)


def _create(call: Call, req: Create, password: str) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    userid = req.userid or call.ids.digits(16)
    if USERID.fullmatch(userid) is None:
        raise errors.INVALID_USERID.error()
    if directory.find_member(userid) is not None:
        raise errors.USER_EXISTS.error()
    if not req.dept_id_list:
        raise errors.EMPTY.error(name="dept_id_list")
    check_room(call.tx, call.account, Member, "user")
    _check_login_id(directory, req.login_id, userid)
    member = Member(
        id=own_id(call.account, userid),
        account=call.account,
        created_at=call.now,
        userid=userid,
        union_id=union_id_of(call.account, userid),
        name=_name(req.name),
        mobile=_mobile(directory, req.mobile or "", userid),
        email=req.email or "",
        title=req.title or "",
        departments=_departments(directory, req.dept_id_list),
        manager=directory.member(req.manager_userid).userid if req.manager_userid else "",
        password=password,
        settings=_given(req),
    )
    call.tx.put(member)
    call.emit("user_add_org", userId=[userid])
    return {"result": {"userid": userid, "unionId": member.union_id}}


@endpoints.older("/topapi/v2/user/update", scope=WRITE)
def update(call: Call, req: Update) -> None:
    directory = Directory(call.tx, call.account)
    member = directory.member(req.userid)
    _check_login_id(directory, req.login_id, member.userid)
    manager = member.manager
    if req.manager_userid:
        manager = directory.member(req.manager_userid).userid
    elif req.manager_userid == "" and "manager_userid" in req.force_update_fields:
        manager = ""
    departments = _departments(directory, req.dept_id_list) if req.dept_id_list else member.departments
    call.tx.put(
        msgspec.structs.replace(
            member,
            name=_name(req.name) if req.name is not None else member.name,
            mobile=_mobile(directory, req.mobile, member.userid) if req.mobile is not None else member.mobile,
            email=req.email if req.email is not None else member.email,
            title=req.title if req.title is not None else member.title,
            manager=manager,
            departments=departments,
            settings={**member.settings, **_given(req)},
        )
    )
    call.emit("user_modify_org", userId=[member.userid])
    if set(departments) != set(member.departments):
        end_role_sessions(call.tx, member)
        call.emit("user_dept_change", userId=[member.userid])


@endpoints.older("/topapi/v2/user/delete", scope=WRITE)
def delete(call: Call, req: OfUser) -> None:
    leave(call.tx, Directory(call.tx, call.account).member(req.userid))
    call.emit("user_leave_org", userId=[req.userid])


@endpoints.older("/topapi/v2/user/get", scope=READ, reads=True)
def get(call: Call, req: OfUser) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    member = directory.member(req.userid)
    groups = {each.number: each.name for each in directory.all(RoleGroup)}
    heads = {each: member.userid in directory.department(each).managers for each in member.departments}
    return {
        "result": {
            **_SHOWN,
            **member.settings,
            **_shown(member),
            "dept_id_list": list(member.departments),
            "leader_in_dept": [{"dept_id": each, "leader": leads} for each, leads in heads.items()],
            "role_list": [
                {"id": role.number, "name": role.name, "group_name": groups.get(role.group, "")}
                for role in directory.roles_of(member.userid)
            ],
            "manager_userid": member.manager,
            "senior": member.settings.get("senior_mode", False),
            "boss": False,
            "real_authed": True,
            "union_emp_ext": {},
        }
    }


@endpoints.older("/topapi/v2/user/list", scope=READ_OF_DEPARTMENT, reads=True)
def list_users(call: Call, req: Listing) -> dict[str, Any]:
    def row(member: Member, leads: bool) -> dict[str, Any]:
        return {
            **_SHOWN,
            **member.settings,
            **_shown(member),
            "leader": leads,
            "dept_id_list": list(member.departments),
        }

    return _page(call, req, row)


@endpoints.older("/topapi/user/listsimple", scope=READ_OF_DEPARTMENT, reads=True)
def list_simple(call: Call, req: Listing) -> dict[str, Any]:
    return _page(call, req, lambda member, leads: {"userid": member.userid, "name": member.name})


@endpoints.older("/topapi/user/listid", scope=READ_OF_DEPARTMENT, reads=True)
def list_id(call: Call, req: OfDepartment) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    directory.department(req.dept_id)
    return {"result": {"userid_list": [each.userid for each in directory.in_department(req.dept_id)]}}


@endpoints.older("/topapi/v2/user/getbymobile", scope=READ, reads=True)
def get_by_mobile(call: Call, req: ByMobile) -> dict[str, Any]:
    member = Directory(call.tx, call.account).by_mobile(req.mobile)
    if member is None:
        raise errors.USER_NOT_FOUND.error()
    return {"result": {"userid": member.userid}}


@endpoints.older("/topapi/user/getbyunionid", scope=READ, reads=True)
def get_by_union_id(call: Call, req: ByUnionId) -> dict[str, Any]:
    member = Directory(call.tx, call.account).by_union_id(req.unionid)
    if member is None:
        raise errors.USER_NOT_FOUND.error()
    return {"result": {"contact_type": 0, "userid": member.userid}}


@endpoints.older("/topapi/user/count", scope=READ, reads=True)
def count(call: Call, req: Count) -> dict[str, Any]:
    """All are active here: there is no invitation that somebody has still to accept."""
    return {"result": {"count": len(call.all(Member))}}


@endpoints.older("/topapi/user/listadmin", scope=READ, reads=True)
def list_admin(call: Call, req: Nothing) -> dict[str, Any]:
    return {"result": [{"userid": each.userid, "sys_level": 1} for each in call.all(Member) if each.admin]}


@endpoints.older("/topapi/user/get_admin_scope", scope=READ, reads=True)
def get_admin_scope(call: Call, req: OfUser) -> dict[str, Any]:
    """An administrator's is the whole organisation."""
    member = Directory(call.tx, call.account).member(req.userid)
    return {"dept_ids": [ROOT_DEPARTMENT] if member.admin else []}


@endpoints.newer("GET", "/v1.0/contact/users/{unionId}", auth="any")
def profile(call: Call, req: OfProfile) -> dict[str, Any]:
    """`me` is the person whose token it is; others only an application sees that may read members."""
    call.need(READ_SELF if call.member is not None else READ)
    member = call.person if req.union_id == "me" else Directory(call.tx, call.account).by_union_id(req.union_id)
    if member is None or (call.member is not None and call.member.userid != member.userid):
        raise errors.USER_NOT_FOUND.error()
    return {
        "nick": member.name,
        "avatarUrl": "",
        "mobile": member.mobile if call.app.may(READ_MOBILE) else "",
        "openId": union_id_of(call.app.id, member.userid),
        "unionId": member.union_id,
        "email": member.email,
        "stateCode": "86",
        "visitor": False,
    }


@endpoints.newer("POST", "/v1.0/contact/users/search", scope=READ_DEPARTMENTS, reads=True)
def search(call: Call, req: Search) -> dict[str, Any]:
    """By name; `fullMatchField` 1: the whole name."""
    check_page(req.offset, req.size, 100)
    word = req.query_word.lower()
    whole = req.full_match_field == 1
    found = [
        each.userid for each in call.all(Member) if (each.name.lower() == word if whole else word in each.name.lower())
    ]
    page = found[req.offset : req.offset + req.size]
    return {"hasMore": req.offset + len(page) < len(found), "totalCount": len(found), "list": page}


def _page(call: Call, req: Listing, row: Callable[[Member, bool], dict[str, Any]]) -> dict[str, Any]:
    check_page(req.cursor, req.size, 100, name="cursor")
    directory = Directory(call.tx, call.account)
    department = directory.department(req.dept_id)
    found = directory.in_department(req.dept_id)
    if req.order_field.endswith("_desc"):
        found.reverse()
    page = found[req.cursor : req.cursor + req.size]
    more = req.cursor + len(page) < len(found)
    result: dict[str, Any] = {
        "has_more": more,
        "list": [row(each, each.userid in department.managers) for each in page],
    }
    if more:
        result["next_cursor"] = req.cursor + len(page)
    return {"result": result}


def _shown(member: Member) -> dict[str, Any]:
    hidden = bool(member.settings.get("hide_mobile"))
    return {
        "userid": member.userid,
        "unionid": member.union_id,
        "name": member.name,
        "avatar": "",
        "state_code": "86",
        "mobile": "" if hidden else member.mobile,
        "email": member.email,
        "title": member.title,
        "active": True,
        "admin": member.admin,
    }


def _name(name: str) -> str:
    if not 1 <= len(name) <= MOST_NAME_CHARACTERS:
        raise errors.NAME_TOO_LONG.error(most=MOST_NAME_CHARACTERS)
    return name


def _check_login_id(directory: Directory, login_id: str | None, userid: str) -> None:
    other = directory.by_login_id(login_id) if login_id else None
    if other is not None and other.userid != userid:
        raise errors.LOGIN_ID_EXISTS.error()


def _mobile(directory: Directory, mobile: str, userid: str) -> str:
    if mobile and MOBILE.fullmatch(mobile) is None:
        raise errors.INVALID_MOBILE.error()
    other = directory.by_mobile(mobile)
    if other is not None and other.userid != userid:
        raise errors.MOBILE_EXISTS.error()
    return mobile


def _departments(directory: Directory, given: list[int]) -> tuple[int, ...]:
    if len(given) > _MOST_DEPARTMENTS:
        raise errors.TOO_MANY.error(name="dept_id_list", most=_MOST_DEPARTMENTS)
    return tuple(dict.fromkeys([directory.department(number).number for number in given]))


def _given(req: Profile) -> dict[str, Any]:
    return {name: value for name in _SHOWN if (value := getattr(req, name)) is not None}
