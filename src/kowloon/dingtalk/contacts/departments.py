"""Departments: the older host's v2 calls, and the newer search."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.dingtalk.contacts import errors
from kowloon.dingtalk.contacts.directory import Directory, check_room, next_number
from kowloon.dingtalk.contacts.resources import ROOT_DEPARTMENT, Department
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import endpoints

READ = "qyapi_get_department_list"
WRITE = "qyapi_manage_addresslist"
_MOST_CHARACTERS = 64
# What is only kept and shown: names as they are written and as they are read.
_SHOWN: dict[str, Any] = {
    "hide_dept": False,
    "create_dept_group": False,
    "auto_add_user": False,
    "auto_approve_apply": False,
    "outer_dept": False,
    "group_contain_sub_dept": False,
    "org_dept_owner": "",
    "source_identifier": "",
    "brief": "",
    "code": "",
    "extension": "",
    "dept_permits": [],
    "user_permits": [],
    "outer_permit_users": [],
    "outer_permit_depts": [],
}


class Settings(msgspec.Struct, kw_only=True):
    """What both writing calls take; what was not sent is None."""

    order: int | None = None
    hide_dept: bool | None = None
    create_dept_group: bool | None = None
    auto_add_user: bool | None = None
    auto_approve_apply: bool | None = None
    outer_dept: bool | None = None
    group_contain_sub_dept: bool | None = None
    org_dept_owner: str | None = None
    source_identifier: str | None = None
    brief: str | None = None
    code: str | None = None
    extension: str | None = None
    dept_permits: Commas[list[int]] | None = None
    user_permits: Commas[list[str]] | None = None
    outer_permit_users: Commas[list[str]] | None = None
    outer_permit_depts: Commas[list[int]] | None = None


class Create(Settings, kw_only=True):
    name: str
    parent_id: int = ROOT_DEPARTMENT


class Update(Settings, kw_only=True):
    dept_id: int
    name: str | None = None
    parent_id: int | None = None
    dept_manager_userid_list: Commas[list[str]] | None = None
    force_update_fields: Commas[list[str]] = msgspec.field(default_factory=list)


class OfDepartment(msgspec.Struct, kw_only=True):
    dept_id: int


class OrRoot(msgspec.Struct, kw_only=True):
    dept_id: int = ROOT_DEPARTMENT


class OfUser(msgspec.Struct, kw_only=True):
    userid: str


class Search(msgspec.Struct, kw_only=True, rename="camel"):
    query_word: str
    offset: int
    size: int


@endpoints.older("/topapi/v2/department/create", scope=WRITE)
def create(call: Call, req: Create) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    _check_name(directory, req.name, directory.department(req.parent_id).number)
    check_room(call.tx, call.account, Department, "department")
    number = next_number(call.tx, call.account, "department")
    department = Department(
        id=own_id(call.account, number),
        account=call.account,
        created_at=call.now,
        number=number,
        name=req.name,
        parent=req.parent_id,
        order=req.order or 0,
        settings=_given(req),
    )
    call.tx.put(department)
    call.emit("org_dept_create", deptId=[number])
    return {"result": {"dept_id": number}}


@endpoints.older("/topapi/v2/department/update", scope=WRITE)
def update(call: Call, req: Update) -> None:
    directory = Directory(call.tx, call.account)
    department = directory.department(req.dept_id)
    parent = department.parent if req.parent_id is None else directory.department(req.parent_id).number
    if req.parent_id is not None and (
        req.dept_id == ROOT_DEPARTMENT or req.dept_id in directory.ancestors(req.parent_id)
    ):
        raise errors.DEPARTMENT_PARENT.error()
    if req.name is not None and req.name != department.name:
        _check_name(directory, req.name, parent)
    changed = msgspec.structs.replace(
        department,
        name=req.name if req.name is not None else department.name,
        parent=parent,
        order=req.order if req.order is not None else department.order,
        managers=_managers(directory, department, req),
        settings={**department.settings, **_given(req)},
    )
    call.tx.put(changed)
    call.emit("org_dept_modify", deptId=[department.number])


@endpoints.older("/topapi/v2/department/get", scope=READ, reads=True)
def get(call: Call, req: OfDepartment) -> dict[str, Any]:
    department = Directory(call.tx, call.account).department(req.dept_id)
    return {
        "result": {
            **_SHOWN,
            **department.settings,
            "dept_id": department.number,
            "name": department.name,
            "parent_id": department.parent,
            "order": department.order,
            "dept_manager_userid_list": list(department.managers),
            "dept_group_chat_id": department.group,
            "from_union_org": False,
            "tags": "",
            "outer_dept_only_self": False,
        }
    }


@endpoints.older("/topapi/v2/department/listsub", scope=READ, reads=True)
def list_sub(call: Call, req: OrRoot) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    directory.department(req.dept_id)
    return {
        "result": [
            {
                "dept_id": each.number,
                "name": each.name,
                "parent_id": each.parent,
                "create_dept_group": each.settings.get("create_dept_group", False),
                "auto_add_user": each.settings.get("auto_add_user", False),
            }
            for each in directory.children(req.dept_id)
        ]
    }


@endpoints.older("/topapi/v2/department/listsubid", scope=READ, reads=True)
def list_sub_id(call: Call, req: OfDepartment) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    directory.department(req.dept_id)
    return {"result": {"dept_id_list": [each.number for each in directory.children(req.dept_id)]}}


@endpoints.older("/topapi/v2/department/listparentbydept", scope=READ, reads=True)
def list_parents(call: Call, req: OfDepartment) -> dict[str, Any]:
    return {"result": {"parent_id_list": Directory(call.tx, call.account).ancestors(req.dept_id)}}


@endpoints.older("/topapi/v2/department/listparentbyuser", scope=READ, reads=True)
def list_parents_of_user(call: Call, req: OfUser) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    member = directory.member(req.userid)
    lines = [{"parent_dept_id_list": directory.ancestors(number)} for number in member.departments]
    return {"result": {"parent_list": lines}}


@endpoints.older("/topapi/v2/department/delete", scope=WRITE)
def delete(call: Call, req: OfDepartment) -> None:
    directory = Directory(call.tx, call.account)
    department = directory.department(req.dept_id)
    if department.number == ROOT_DEPARTMENT:
        raise errors.DEPARTMENT_ROOT.error()
    if directory.children(department.number):
        raise errors.DEPARTMENT_HAS_CHILDREN.error()
    if directory.in_department(department.number):
        raise errors.DEPARTMENT_HAS_MEMBERS.error()
    call.tx.delete(department)
    call.emit("org_dept_remove", deptId=[department.number])


@endpoints.newer("POST", "/v1.0/contact/departments/search", scope=READ, reads=True)
def search(call: Call, req: Search) -> dict[str, Any]:
    check_page(req.offset, req.size, 100)
    directory = Directory(call.tx, call.account)
    every = [directory.department(ROOT_DEPARTMENT)]
    every += [each for each in directory.all(Department) if each.number != ROOT_DEPARTMENT]
    found = [each.number for each in every if req.query_word.lower() in each.name.lower()]
    page = found[req.offset : req.offset + req.size]
    return {"hasMore": req.offset + len(page) < len(found), "totalCount": len(found), "list": page}


def check_page(offset: int, size: int, most: int, *, name: str = "offset") -> None:
    """`name`: that the call has for the offset."""
    if offset < 0:
        raise errors.OFFSET.error(name=name)
    if not 1 <= size <= most:
        raise errors.PAGE_SIZE.error(most=most)


def _check_name(directory: Directory, name: str, parent: int) -> None:
    if not 1 <= len(name) <= _MOST_CHARACTERS or "-" in name or "," in name:
        raise errors.DEPARTMENT_NAME.error()
    if any(each.name == name for each in directory.children(parent)):
        raise errors.DEPARTMENT_EXISTS.error()


def _managers(directory: Directory, department: Department, req: Update) -> tuple[str, ...]:
    """An empty list counts only where the caller says that it is meant."""
    given = req.dept_manager_userid_list
    if given is None or (not given and "dept_manager_userid_list" not in req.force_update_fields):
        return department.managers
    return tuple(dict.fromkeys([directory.member(userid).userid for userid in given]))


def _given(req: Settings) -> dict[str, Any]:
    return {name: value for name in _SHOWN if (value := getattr(req, name)) is not None}
