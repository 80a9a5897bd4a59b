"""What only operators say of members: which RAM user somebody is, and which role a department has in the cloud."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec

from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.actions.sessions import trusts_service
from kowloon.core.errors import ErrorSpec
from kowloon.dingtalk.contacts.directory import Directory, end_role_sessions
from kowloon.dingtalk.contacts.resources import ROOT_DEPARTMENT, Department, Member, corp_id
from kowloon.dingtalk.contacts.sign_in import own_role
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.platform.record import SERVICE
from kowloon.store.identity import Account, Role, User
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpRequest, HttpResponse

NO_ACCOUNT = ErrorSpec("AccountNotFound", 404, "There is no account {account}.")
NO_MEMBER = ErrorSpec("MemberNotFound", 404, "There is no member {userid!r} in the organisation of {account}.")
NO_USER = ErrorSpec("UserNotFound", 404, "The account {account} has no RAM user {user!r}.")
NO_DEPARTMENT = ErrorSpec(
    "DepartmentNotFound", 404, "There is no department {number} in the organisation of {account}."
)
TAKEN = ErrorSpec("UserAlreadyLinked", 409, "The RAM user {user!r} is the member {userid!r} already.")
NO_ROLE = ErrorSpec(
    "RoleNotTrusting", 400, "The account {account} has no role {role!r}, or its trust policy does not name {service}."
)


class LinkBody(msgspec.Struct, forbid_unknown_fields=True):
    """An empty `user`: no RAM user."""

    userid: str
    user: str
    account: str = ""


class RoleBody(msgspec.Struct, forbid_unknown_fields=True):
    """An empty `role`: none."""

    department: int
    role: str
    account: str = ""


class MemberAdmin:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/_kowloon/dingtalk/members", self.members, "admin")
        routes.add("POST", "/_kowloon/dingtalk/members/link", self.link, "admin")
        routes.add("POST", "/_kowloon/dingtalk/departments/role", self.give_role, "admin")

    def members(self, request: HttpRequest) -> HttpResponse:
        """Of `?account=`, with the departments of its organisation."""
        account = account_of(self._parts, parse_qs(request.query).get("account", [""])[-1])
        directory = Directory(self._parts.store, account)
        departments = [each for each in directory.all(Department) if each.number != ROOT_DEPARTMENT]
        return answer_json(
            {
                "account": account,
                "corp_id": corp_id(account),
                "members": [_member(each) for each in directory.all(Member)],
                "departments": [_department(each) for each in (directory.department(ROOT_DEPARTMENT), *departments)],
            }
        )

    async def link(self, request: HttpRequest) -> HttpResponse:
        body = json_body(request, LinkBody)
        account = account_of(self._parts, body.account)

        def write(tx: Transaction) -> Member:
            directory = Directory(tx, account)
            member = directory.find_member(body.userid)
            if member is None:
                raise NO_MEMBER.error(userid=body.userid, account=account)
            if body.user and tx.get(User, f"{account}:{body.user}") is None:
                raise NO_USER.error(account=account, user=body.user)
            other = next((each for each in directory.all(Member) if body.user and each.user == body.user), None)
            if other is not None and other.id != member.id:
                raise TAKEN.error(user=body.user, userid=other.userid)
            changed = msgspec.structs.replace(member, user=body.user)
            tx.put(changed)
            return changed

        return answer_json(_member(await self._parts.store.run(write)))

    async def give_role(self, request: HttpRequest) -> HttpResponse:
        """Whoever had another one by that department has it no longer."""
        body = json_body(request, RoleBody)
        account = account_of(self._parts, body.account)

        def write(tx: Transaction) -> Department:
            directory = Directory(tx, account)
            try:
                department = directory.department(body.department)
            except PlatformError:
                raise NO_DEPARTMENT.error(number=body.department, account=account) from None
            role = tx.get(Role, own_role(account, body.role)) if body.role else None
            if body.role and (role is None or not trusts_service(role, SERVICE)):
                raise NO_ROLE.error(account=account, role=body.role, service=SERVICE)
            if department.ram_role:
                for member in directory.in_department(department.number):
                    end_role_sessions(tx, member)
            changed = msgspec.structs.replace(department, ram_role=role.id if role is not None else "")
            tx.put(changed)
            return changed

        return answer_json(_department(await self._parts.store.run(write)))


def account_of(parts: Parts, wanted: str) -> str:
    """The operators' own where none is named."""
    account = wanted or parts.home()
    if parts.store.get(Account, account) is None:
        raise NO_ACCOUNT.error(account=account)
    return account


def _member(member: Member) -> dict[str, Any]:
    return {
        "userid": member.userid,
        "name": member.name,
        "user": member.user,
        "departments": list(member.departments),
        "admin": member.admin,
        "person": member.person,
    }


def _department(department: Department) -> dict[str, Any]:
    return {
        "number": department.number,
        "name": department.name,
        "parent": department.parent,
        "managers": list(department.managers),
        "role": department.ram_role.partition(":")[2],
    }
