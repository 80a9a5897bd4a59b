"""The generation before v2, which scripts still use: the same directory under other paths and names."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.dingtalk.contacts import departments, users
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.resources import ROOT_DEPARTMENT, Department, Member
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import endpoints

_MOST_AT_ONCE = 100


class OfUser(msgspec.Struct, kw_only=True):
    userid: str


class UserId(msgspec.Struct, kw_only=True, rename="camel"):
    user_id: str


class OfDepartment(msgspec.Struct, kw_only=True):
    id: int


class OrRoot(msgspec.Struct, kw_only=True):
    id: int = ROOT_DEPARTMENT
    fetch_child: bool = False


class DeptId(msgspec.Struct, kw_only=True, rename="camel"):
    dept_id: int


class Listing(msgspec.Struct, kw_only=True):
    department_id: int
    offset: int = 0
    size: int = _MOST_AT_ONCE


class UserFields(msgspec.Struct, kw_only=True, rename="camel"):
    mobile: str | None = None
    email: str | None = None
    position: str | None = None
    department: Commas[list[int]] | None = None
    tel: str | None = None
    jobnumber: str | None = None
    org_email: str | None = None
    work_place: str | None = None
    remark: str | None = None
    is_hide: bool | None = None
    is_senior: bool | None = None
    hired_date: int | None = None

    def profile(self) -> dict[str, Any]:
        """Under the names that v2 has."""
        return {
            "mobile": self.mobile,
            "email": self.email,
            "title": self.position,
            "dept_id_list": self.department,
            "telephone": self.tel,
            "job_number": self.jobnumber,
            "org_email": self.org_email,
            "work_place": self.work_place,
            "remark": self.remark,
            "hide_mobile": self.is_hide,
            "senior_mode": self.is_senior,
            "hired_date": self.hired_date,
        }


class NewUser(UserFields, kw_only=True, rename="camel"):
    name: str
    userid: str = ""


class ChangedUser(UserFields, kw_only=True, rename="camel"):
    userid: str
    name: str | None = None


class NewDepartment(msgspec.Struct, kw_only=True, rename="camel"):
    name: str
    parentid: int = ROOT_DEPARTMENT
    order: int | None = None
    create_dept_group: bool | None = None
    dept_hiding: bool | None = None
    source_identifier: str | None = None


class ChangedDepartment(msgspec.Struct, kw_only=True, rename="camel"):
    """`deptManagerUseridList` has `|` between userids; an empty one clears it."""

    id: int
    name: str | None = None
    parentid: int | None = None
    order: int | None = None
    create_dept_group: bool | None = None
    auto_add_user: bool | None = None
    dept_hiding: bool | None = None
    dept_manager_userid_list: Commas[list[str]] | None = None
    org_dept_owner: str | None = None


# --- people ---


@endpoints.older("/user/get", methods="GET", scope=users.READ, reads=True)
def get_user(call: Call, req: OfUser) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    member = directory.member(req.userid)
    found = users.get(call, departments.OfUser(userid=req.userid))["result"]
    roles = [{"id": each["id"], "name": each["name"], "groupName": each["group_name"]} for each in found["role_list"]]
    return {**_user(directory, member), "roles": roles, "isBoss": False, "realAuthed": True}


@endpoints.older("/user/create", methods="POST", scope=departments.WRITE)
async def create_user(call: Call, req: NewUser) -> dict[str, Any]:
    made = await users.create(call, users.Create(name=req.name, userid=req.userid, **req.profile()))
    return {"userid": made["result"]["userid"]}


@endpoints.older("/user/update", methods="POST", scope=departments.WRITE)
def update_user(call: Call, req: ChangedUser) -> None:
    users.update(call, users.Update(userid=req.userid, name=req.name, **req.profile()))


@endpoints.older("/user/delete", methods="GET", scope=departments.WRITE)
def delete_user(call: Call, req: OfUser) -> None:
    users.delete(call, departments.OfUser(userid=req.userid))


@endpoints.older("/user/simplelist", methods="GET", scope=users.READ_OF_DEPARTMENT, reads=True)
def list_simple(call: Call, req: Listing) -> dict[str, Any]:
    page, has_more = _page(call, req)
    return {"hasMore": has_more, "userlist": [{"userid": each.userid, "name": each.name} for each in page]}


@endpoints.older("/user/list", methods="GET", scope=users.READ_OF_DEPARTMENT, reads=True)
def list_users(call: Call, req: Listing) -> dict[str, Any]:
    page, has_more = _page(call, req)
    directory = Directory(call.tx, call.account)
    managers = directory.department(req.department_id).managers
    rows = [{**_user(directory, each), "isLeader": each.userid in managers} for each in page]
    return {"hasMore": has_more, "userlist": rows}


@endpoints.older("/user/getDeptMember", methods="GET", scope=users.READ_OF_DEPARTMENT, reads=True)
def list_ids(call: Call, req: DeptId) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    directory.department(req.dept_id)
    return {"userIds": [each.userid for each in directory.in_department(req.dept_id)]}


@endpoints.older("/user/getUseridByUnionid", methods="GET", scope=users.READ, reads=True)
def by_union_id(call: Call, req: users.ByUnionId) -> dict[str, Any]:
    return {"contactType": 0, "userid": users.get_by_union_id(call, req)["result"]["userid"]}


# --- departments ---


@endpoints.older("/department/list", methods="GET", scope=departments.READ, reads=True)
def list_departments(call: Call, req: OrRoot) -> dict[str, Any]:
    """One level, or with `fetch_child` all that is below."""
    directory = Directory(call.tx, call.account)
    directory.department(req.id)
    found = directory.below(req.id) if req.fetch_child else directory.children(req.id)
    return {"department": [_row(each) for each in found]}


@endpoints.older("/department/get", methods="GET", scope=departments.READ, reads=True)
def get_department(call: Call, req: OfDepartment) -> dict[str, Any]:
    department = Directory(call.tx, call.account).department(req.id)
    settings = department.settings
    return {
        **_row(department),
        "order": department.order,
        "deptHiding": settings.get("hide_dept", False),
        "deptPermits": "|".join(map(str, settings.get("dept_permits", []))),
        "userPermits": "|".join(settings.get("user_permits", [])),
        "outerDept": settings.get("outer_dept", False),
        "outerPermitDepts": "|".join(map(str, settings.get("outer_permit_depts", []))),
        "outerPermitUsers": "|".join(settings.get("outer_permit_users", [])),
        "orgDeptOwner": settings.get("org_dept_owner", ""),
        "deptManagerUseridList": "|".join(department.managers),
        "sourceIdentifier": settings.get("source_identifier", ""),
        "groupContainSubDept": settings.get("group_contain_sub_dept", False),
    }


@endpoints.older("/department/create", methods="POST", scope=departments.WRITE)
def create_department(call: Call, req: NewDepartment) -> dict[str, Any]:
    made = departments.create(
        call,
        departments.Create(
            name=req.name,
            parent_id=req.parentid,
            order=req.order,
            create_dept_group=req.create_dept_group,
            hide_dept=req.dept_hiding,
            source_identifier=req.source_identifier,
        ),
    )
    return {"id": made["result"]["dept_id"]}


@endpoints.older("/department/update", methods="POST", scope=departments.WRITE)
def update_department(call: Call, req: ChangedDepartment) -> dict[str, Any]:
    departments.update(
        call,
        departments.Update(
            dept_id=req.id,
            name=req.name,
            parent_id=req.parentid,
            order=req.order,
            create_dept_group=req.create_dept_group,
            auto_add_user=req.auto_add_user,
            hide_dept=req.dept_hiding,
            org_dept_owner=req.org_dept_owner,
            dept_manager_userid_list=req.dept_manager_userid_list,
            force_update_fields=["dept_manager_userid_list"],
        ),
    )
    return {"id": req.id}


@endpoints.older("/department/delete", methods="GET", scope=departments.WRITE)
def delete_department(call: Call, req: OfDepartment) -> None:
    departments.delete(call, departments.OfDepartment(dept_id=req.id))


@endpoints.older("/department/list_ids", methods="GET", scope=departments.READ, reads=True)
def list_department_ids(call: Call, req: OfDepartment) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    directory.department(req.id)
    return {"sub_dept_id_list": [each.number for each in directory.children(req.id)]}


@endpoints.older("/department/list_parent_depts", methods="GET", scope=departments.READ, reads=True)
def parents_of_user(call: Call, req: UserId) -> dict[str, Any]:
    directory = Directory(call.tx, call.account)
    member = directory.member(req.user_id)
    return {"department": [directory.ancestors(number) for number in member.departments]}


@endpoints.older("/department/list_parent_depts_by_dept", methods="GET", scope=departments.READ, reads=True)
def parents_of_department(call: Call, req: OfDepartment) -> dict[str, Any]:
    return {"parentIds": Directory(call.tx, call.account).ancestors(req.id)}


def _page(call: Call, req: Listing) -> tuple[list[Member], bool]:
    departments.check_page(req.offset, req.size, _MOST_AT_ONCE)
    directory = Directory(call.tx, call.account)
    directory.department(req.department_id)
    found = directory.in_department(req.department_id)
    page = found[req.offset : req.offset + req.size]
    return page, req.offset + len(page) < len(found)


def _user(directory: Directory, member: Member) -> dict[str, Any]:
    settings = member.settings
    leads = [
        f"{each}:{'true' if member.userid in directory.department(each).managers else 'false'}"
        for each in member.departments
    ]
    hidden = bool(settings.get("hide_mobile"))
    return {
        "userid": member.userid,
        "unionid": member.union_id,
        "name": member.name,
        "mobile": "" if hidden else member.mobile,
        "email": member.email,
        "orgEmail": settings.get("org_email", ""),
        "tel": settings.get("telephone", ""),
        "workPlace": settings.get("work_place", ""),
        "remark": settings.get("remark", ""),
        "position": member.title,
        "jobnumber": settings.get("job_number", ""),
        "department": list(member.departments),
        "isLeaderInDepts": "{" + ",".join(leads) + "}",
        "isAdmin": member.admin,
        "isHide": hidden,
        "isSenior": settings.get("senior_mode", False),
        "hiredDate": settings.get("hired_date", 0),
        "active": True,
        "avatar": "",
        "stateCode": "86",
    }


def _row(department: Department) -> dict[str, Any]:
    return {
        "id": department.number,
        "name": department.name,
        "parentid": department.parent,
        "createDeptGroup": department.settings.get("create_dept_group", False),
        "autoAddUser": department.settings.get("auto_add_user", False),
    }
