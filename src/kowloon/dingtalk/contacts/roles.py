"""Roles: in groups, held by members, limited to departments where a scope says so. The group 默认 is built in."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.dingtalk.contacts import errors
from kowloon.dingtalk.contacts.departments import READ, WRITE, check_page
from kowloon.dingtalk.contacts.directory import Directory, check_room, next_number
from kowloon.dingtalk.contacts.resources import Department, Member, Role, RoleGroup
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import endpoints

BUILT_IN_GROUP = 1
_MAIN_ADMINISTRATOR, _SUB_ADMINISTRATOR, _HEAD, _MANAGER = 11, 12, 13, 14
_BUILT_IN = {_HEAD: "负责人", _MANAGER: "主管", _MAIN_ADMINISTRATOR: "主管理员", _SUB_ADMINISTRATOR: "子管理员"}
_MOST_ROLES, _MOST_GRANTED, _MOST_REVOKED, _MOST_SCOPES = 20, 20, 100, 50


class Paging(msgspec.Struct, kw_only=True):
    offset: int = 0
    size: int = 20


class OfRole(msgspec.Struct, kw_only=True):
    role_id: int
    offset: int = 0
    size: int = 20


class ById(msgspec.Struct, kw_only=True, rename="camel"):
    role_id: int


class ByGroup(msgspec.Struct, kw_only=True):
    group_id: int


class Deleting(msgspec.Struct, kw_only=True):
    role_id: int


class Holders(msgspec.Struct, kw_only=True, rename="camel"):
    role_ids: Commas[list[int]]
    user_ids: Commas[list[str]]


class Scope(msgspec.Struct, kw_only=True):
    userid: str
    role_id: int
    dept_ids: Commas[list[int]] = msgspec.field(default_factory=list)


class NewRole(msgspec.Struct, kw_only=True, rename="camel"):
    role_name: str
    group_id: int


class Renamed(msgspec.Struct, kw_only=True, rename="camel"):
    role_id: int
    role_name: str


class NewGroup(msgspec.Struct, kw_only=True):
    name: str


@endpoints.older("/topapi/role/list", scope=READ, reads=True)
def list_roles(call: Call, req: Paging) -> dict[str, Any]:
    check_page(req.offset, req.size, 200)
    groups = [(BUILT_IN_GROUP, "默认", list(_BUILT_IN.items()))]
    roles = call.all(Role)
    for group in call.all(RoleGroup):
        groups.append(
            (group.number, group.name, [(each.number, each.name) for each in roles if each.group == group.number])
        )
    page = groups[req.offset : req.offset + req.size]
    rows = [
        {"groupId": number, "name": name, "roles": [{"id": id, "name": role} for id, role in held]}
        for number, name, held in page
    ]
    return {"result": {"hasMore": req.offset + len(page) < len(groups), "list": rows}}


@endpoints.older("/topapi/role/simplelist", scope=READ, reads=True)
def members_of_role(call: Call, req: OfRole) -> dict[str, Any]:
    check_page(req.offset, req.size, 100)
    rows = _holders(call, req.role_id)
    page = rows[req.offset : req.offset + req.size]
    result: dict[str, Any] = {"hasMore": req.offset + len(page) < len(rows), "list": page}
    if result["hasMore"]:
        result["nextCursor"] = req.offset + len(page)
    return {"result": result}


@endpoints.older("/topapi/role/getrole", scope=READ, reads=True)
def get_role(call: Call, req: ById) -> dict[str, Any]:
    if req.role_id in _BUILT_IN:
        return {"role": {"name": _BUILT_IN[req.role_id], "groupId": BUILT_IN_GROUP}}
    role = _role(call, req.role_id)
    return {"role": {"name": role.name, "groupId": role.group}}


@endpoints.older("/topapi/role/getrolegroup", scope=READ, reads=True)
def get_role_group(call: Call, req: ByGroup) -> dict[str, Any]:
    group = _group(call, req.group_id)
    held = [{"role_id": each.number, "role_name": each.name} for each in call.all(Role) if each.group == group.number]
    return {"role_group": {"group_name": group.name, "roles": held}}


@endpoints.older("/topapi/role/addrolesforemps", scope=WRITE)
def grant(call: Call, req: Holders) -> None:
    _check_count("userIds", req.user_ids, _MOST_GRANTED)
    _change_holders(call, req, add=True)


@endpoints.older("/topapi/role/removerolesforemps", scope=WRITE)
def revoke(call: Call, req: Holders) -> None:
    _check_count("userIds", req.user_ids, _MOST_REVOKED)
    _change_holders(call, req, add=False)


@endpoints.older("/topapi/role/deleterole", scope=WRITE)
def delete_role(call: Call, req: Deleting) -> None:
    role = _role(call, req.role_id)
    if role.members:
        raise errors.ROLE_HAS_MEMBERS.error()
    call.tx.delete(role)
    call.emit("label_conf_del", labelIdList=[role.number])


@endpoints.older("/topapi/role/scope/update", scope=WRITE)
def update_scope(call: Call, req: Scope) -> None:
    """Without departments the role is the member's everywhere again."""
    if len(req.dept_ids) > _MOST_SCOPES:
        raise errors.TOO_MANY.error(name="dept_ids", most=_MOST_SCOPES)
    directory = Directory(call.tx, call.account)
    role = _role(call, req.role_id)
    if directory.member(req.userid).userid not in role.members:
        raise errors.USER_NOT_FOUND.error()
    scopes = {**role.scopes, req.userid: tuple([directory.department(each).number for each in req.dept_ids])}
    call.tx.put(msgspec.structs.replace(role, scopes={userid: scope for userid, scope in scopes.items() if scope}))


@endpoints.older("/role/add_role", scope=WRITE)
def add_role(call: Call, req: NewRole) -> dict[str, Any]:
    group = _group(call, req.group_id)
    _check_role_name(call, req.role_name, group.number)
    check_room(call.tx, call.account, Role, "role")
    number = next_number(call.tx, call.account, "role")
    role = Role(
        id=own_id(call.account, number),
        account=call.account,
        created_at=call.now,
        number=number,
        name=req.role_name,
        group=group.number,
    )
    call.tx.put(role)
    call.emit("label_conf_add", labelIdList=[number])
    return {"roleId": number}


@endpoints.older("/role/update_role", scope=WRITE)
def update_role(call: Call, req: Renamed) -> None:
    role = _role(call, req.role_id)
    if role.name != req.role_name:
        _check_role_name(call, req.role_name, role.group)
        call.tx.put(msgspec.structs.replace(role, name=req.role_name))
    call.emit("label_conf_modify", labelIdList=[role.number])


@endpoints.older("/role/add_role_group", scope=WRITE)
def add_role_group(call: Call, req: NewGroup) -> dict[str, Any]:
    if not req.name:
        raise errors.EMPTY.error(name="name")
    if any(each.name == req.name for each in call.all(RoleGroup)):
        raise errors.ROLE_EXISTS.error()
    check_room(call.tx, call.account, RoleGroup, "role group")
    number = next_number(call.tx, call.account, "role-group")
    call.tx.put(
        RoleGroup(
            id=own_id(call.account, number), account=call.account, created_at=call.now, number=number, name=req.name
        )
    )
    return {"groupId": number}


def _holders(call: Call, number: int) -> list[dict[str, Any]]:
    """Of a built-in role: who heads a department, or administers the organisation."""
    directory = Directory(call.tx, call.account)
    if number in _BUILT_IN:
        return [{"userid": each.userid, "name": each.name} for each in _built_in_holders(directory, number)]
    role = _role(call, number)
    rows: list[dict[str, Any]] = []
    for userid in role.members:
        scopes = [directory.department(each) for each in role.scopes.get(userid, ())]
        row: dict[str, Any] = {"userid": userid, "name": directory.member(userid).name}
        if scopes:
            row["manageScopes"] = [{"dept_id": each.number, "name": each.name} for each in scopes]
        rows.append(row)
    return rows


def _built_in_holders(directory: Directory, number: int) -> list[Member]:
    """Nobody is a sub administrator: there are only whole ones here."""
    if number == _MAIN_ADMINISTRATOR:
        return [each for each in directory.all(Member) if each.admin]
    if number == _SUB_ADMINISTRATOR:
        return []
    heads = {userid for each in directory.all(Department) for userid in each.managers}
    return [each for each in directory.all(Member) if each.userid in heads]


def _change_holders(call: Call, req: Holders, *, add: bool) -> None:
    _check_count("roleIds", req.role_ids, _MOST_ROLES)
    directory = Directory(call.tx, call.account)
    userids = [directory.member(userid).userid for userid in req.user_ids]
    for number in req.role_ids:
        role = _role(call, number)
        rest = tuple([each for each in role.members if each not in userids])
        members = tuple(dict.fromkeys([*role.members, *userids])) if add else rest
        if members == role.members:
            continue
        scopes = {userid: scope for userid, scope in role.scopes.items() if userid in members}
        call.tx.put(msgspec.structs.replace(role, members=members, scopes=scopes))
        call.emit("label_user_change", labelIdList=[number], userIdList=userids, action="add" if add else "remove")


def _role(call: Call, number: int) -> Role:
    """One that may be changed."""
    if number in _BUILT_IN:
        raise errors.ROLE_BUILT_IN.error()
    role = call.mine(Role, number)
    if role is None:
        raise errors.ROLE_NOT_FOUND.error()
    return role


def _group(call: Call, number: int) -> RoleGroup:
    if number == BUILT_IN_GROUP:
        raise errors.ROLE_BUILT_IN.error()
    group = call.mine(RoleGroup, number)
    if group is None:
        raise errors.ROLE_GROUP_NOT_FOUND.error()
    return group


def _check_role_name(call: Call, name: str, group: int) -> None:
    if not name:
        raise errors.EMPTY.error(name="roleName")
    if any(each.name == name and each.group == group for each in call.all(Role)):
        raise errors.ROLE_EXISTS.error()


def _check_count(name: str, given: list[Any], most: int) -> None:
    if not given:
        raise errors.EMPTY.error(name=name)
    if len(given) > most:
        raise errors.TOO_MANY.error(name=name, most=most)
