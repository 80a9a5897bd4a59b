"""People as the chat page shows them: who looks at it, who there is, who somebody is."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.actions.routes import json_body
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.login import login_code
from kowloon.dingtalk.contacts.resources import Application, Member, Role, corp_id
from kowloon.dingtalk.page import errors
from kowloon.dingtalk.page.calls import PageCall, asked_text
from kowloon.dingtalk.page.shown import name_row
from kowloon.dingtalk.platform.call import Call

_MOST_FOUND = 50


def me(call: Call, given: dict[str, str]) -> dict[str, Any]:
    return {**profile(call, call.person), "admin": call.person.admin, "corp": corp_id(call.account)}


def person(call: Call, given: dict[str, str]) -> dict[str, Any]:
    found = call.mine(Member, given["userid"])
    if found is None:
        raise errors.NO_PERSON.error(userid=given["userid"])
    return profile(call, found)


def profile(call: Call, member: Member) -> dict[str, Any]:
    directory = Directory(call.store, call.account)
    return {
        **name_row(member),
        "email": member.email,
        "user": member.user,
        "departments": [directory.department(each).name for each in member.departments],
        "roles": [role_row(each) for each in directory.roles_of(member.userid)],
    }


def role_row(role: Role) -> dict[str, Any]:
    """`duty`: whoever holds a post of the duty has it."""
    return {"name": role.name, "duty": bool(role.post)}


def search(call: Call, given: dict[str, str]) -> dict[str, Any]:
    """People and robots by a part of their name or id; all of them, up to a number, when nothing is asked for."""
    word = asked_text(call, "query").strip().lower()
    people = [each for each in call.all(Member) if word in each.name.lower() or word in each.userid.lower()]
    robots = [each for each in call.all(Application) if word in each.name.lower()]
    return {
        "people": [name_row(each) for each in people[:_MOST_FOUND]],
        "robots": [{"id": each.id, "name": each.name} for each in robots[:_MOST_FOUND]],
        "more": len(people) > _MOST_FOUND or len(robots) > _MOST_FOUND,
    }


class ApplicationBody(msgspec.Struct, forbid_unknown_fields=True):
    """`application`: its appKey."""

    application: str


async def login(call: Call, given: dict[str, str]) -> dict[str, str]:
    """A code by which an application knows who opens it: `/topapi/v2/user/getuserinfo` takes it, once."""
    asked = json_body(call.request, ApplicationBody)
    code = await login_code(call.parts, call.account, call.person.userid, asked.application)
    if code is None:
        raise errors.NO_ROBOT.error(id=asked.application)
    return {"code": code}


CALLS = [
    PageCall("GET", "me", me),
    PageCall("POST", "me/login-code", login, "LoginCode"),
    PageCall("GET", "people", search),
    PageCall("GET", "people/{userid}", person),
]
