"""The duty's organisation in the messenger: its units are departments, its people members, its posts roles of the group
值班 that are held by whoever is on duty; departments are managed by who holds the post that heads them.

What was changed by hand stays as it is, but for who has those roles and manages those departments; what was deleted by
hand comes again. Whatever this made goes with the unit, the person or the post; departments only when they are empty.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from kowloon.actions.people import People, Person, PostHolders, Unit
from kowloon.core import limits
from kowloon.dingtalk.contacts.directory import (
    Directory,
    check_room,
    end_role_sessions,
    leave,
    next_number,
    union_id_of,
)
from kowloon.dingtalk.contacts.people import MOBILE, MOST_NAME_CHARACTERS, USERID
from kowloon.dingtalk.contacts.resources import ROOT_DEPARTMENT, Department, Member, Role, RoleGroup
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.call import Call, by_itself, own_id
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction

GROUP: Final = "值班"
_MOST_CHARACTERS: Final = 64
# People in one turn of the loop.
_AT_ONCE: Final = 25
# Of a member that nobody has filled in yet.
_BLANK: Final[dict[str, Any]] = {"email": "", "mobile": "", "departments": [ROOT_DEPARTMENT], "user": ""}
_VISIBLE: Final = ("name", "email", "mobile", "departments")
# No department's name has these.
_LEGAL: Final = str.maketrans({"-": "–", ",": "，"})


class DutyFollower:
    """A Reconciler by account."""

    name = "dingtalk-people"
    workers = 1

    def __init__(self, parts: Parts, people: People) -> None:
        self._parts = parts
        self._people = people

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        if key.kind == "duty-organisation":
            return (key.id,)
        if key.kind == "duty-holding":
            return (key.id.partition(":")[0],)
        if item is None:
            kinds = (Department.kind, Member.kind, Role.kind)
            return (key.id.partition("/")[0],) if key.kind in kinds else ()
        if (
            key.kind == "duty-tenure"
            or (isinstance(item, Role) and item.post)
            or (isinstance(item, Department | Member) and item.followed)
        ):
            return (item.account,)
        return ()

    def all_keys(self) -> Iterable[str]:
        return self._people.accounts()

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        people, units, holders = self._people.people(key), self._people.units(key), self._people.holders(key)
        call = by_itself(self._parts, key)
        numbers = await call.write(lambda tx: _Departments(call, tx).settle(units))
        everybody = {person.id for person in people}
        await call.write(lambda tx: _Members(call, tx, numbers).drop(everybody))
        userids: dict[str, str] = {}
        for first in range(0, len(people), _AT_ONCE):
            some = people[first : first + _AT_ONCE]
            userids |= await call.write(functools.partial(_settle_members, call=call, numbers=numbers, people=some))
            await asyncio.sleep(0)
        await call.write(lambda tx: _settle_roles(call, tx, holders, userids, numbers))
        await call.write(lambda tx: _settle_managers(call, tx, holders, userids, numbers))
        await call.write(lambda tx: _Departments(call, tx).clear({unit.id for unit in units}))
        return None


def _settle_members(tx: Transaction, call: Call, numbers: dict[str, int], people: list[Person]) -> dict[str, str]:
    return _Members(call, tx, numbers).settle(people)


class _Departments:
    def __init__(self, call: Call, tx: Transaction) -> None:
        self._call = call
        self._tx = tx
        self._directory = Directory(tx, call.account)

    def settle(self, units: list[Unit]) -> dict[str, int]:
        """The department's number of each unit."""
        known = {each.followed["unit"]: each for each in self._directory.all(Department) if each.followed}
        numbers: dict[str, int] = {}
        for unit in units:
            parent = numbers.get(unit.parent, ROOT_DEPARTMENT)
            department = known.get(unit.id) or self._meant(unit)
            numbers[unit.id] = self._add(unit, parent) if department is None else self._change(department, unit, parent)
        return numbers

    def clear(self, units: set[str]) -> None:
        """Of units that there are no more: the lowest first."""
        gone = [
            each for each in self._directory.all(Department) if each.followed and each.followed["unit"] not in units
        ]
        gone.sort(key=lambda each: len(self._directory.ancestors(each.number)), reverse=True)
        for department in gone:
            number = department.number
            in_use = self._directory.children(number) or self._directory.in_department(number)
            if in_use or not department.followed["made"]:
                self._tx.put(msgspec.structs.replace(department, followed={}))
            else:
                self._tx.delete(department)
                self._call.emit("org_dept_remove", deptId=[number])

    def _meant(self, unit: Unit) -> Department | None:
        """One that was there before: by its number, or by what it says that it comes from."""
        for each in self._directory.all(Department):
            is_it = str(each.number) == unit.department or each.settings.get("source_identifier") == unit.id
            if is_it and not each.followed and each.number != ROOT_DEPARTMENT:
                return each
        return None

    def _add(self, unit: Unit, parent: int) -> int:
        check_room(self._tx, self._call.account, Department, "department")
        number = next_number(self._tx, self._call.account, "department")
        name = self._name(unit, parent, number)
        self._tx.put(
            Department(
                id=own_id(self._call.account, number),
                account=self._call.account,
                created_at=self._call.now,
                number=number,
                name=name,
                parent=parent,
                followed={"unit": unit.id, "made": True, "title": unit.title, "name": name, "parent": parent},
                settings={"source_identifier": unit.id},
            )
        )
        self._call.emit("org_dept_create", deptId=[number])
        return number

    def _change(self, department: Department, unit: Unit, parent: int) -> int:
        followed = department.followed
        # One that was there before keeps its name and place until the organisation says others.
        known = followed or {"made": False, "title": unit.title, "parent": parent, "name": ""}
        name, place, wanted = department.name, department.parent, known["name"]
        if unit.title != known["title"]:
            wanted = self._name(unit, place, department.number)
            name = wanted if name == known["name"] else name
        if place == known["parent"] and department.number not in self._directory.ancestors(parent):
            place = parent
        told = {"unit": unit.id, "made": known["made"], "title": unit.title, "name": wanted, "parent": parent}
        changed = msgspec.structs.replace(department, name=name, parent=place, followed=told)
        if changed != department:
            self._tx.put(changed)
        if (name, place) != (department.name, department.parent):
            self._call.emit("org_dept_modify", deptId=[department.number])
        return department.number

    def _name(self, unit: Unit, parent: int, number: int) -> str:
        name = unit.title.translate(_LEGAL)[:_MOST_CHARACTERS]
        taken = {each.name for each in self._directory.children(parent) if each.number != number}
        return name if name not in taken else f"{name[: _MOST_CHARACTERS - 12]} ({number})"


class _Members:
    """Never two for one RAM user; and who has a password in the messenger is made a RAM user by nobody but operators,
    as whoever set the password may sign in."""

    def __init__(self, call: Call, tx: Transaction, numbers: dict[str, int]) -> None:
        self._call = call
        self._tx = tx
        self._numbers = numbers
        members = Directory(tx, call.account).all(Member)
        self._by_userid = {each.userid: each for each in members}
        self._by_person = {each.person: each for each in members if each.person}
        self._by_user = {each.user: each for each in members if each.user}
        self._mobiles = {each.mobile: each.userid for each in members if each.mobile}

    def drop(self, people: set[str]) -> None:
        """Whoever is none of these persons any more."""
        for person, member in self._by_person.items():
            if person not in people:
                self._remove(member)

    def settle(self, people: list[Person]) -> dict[str, str]:
        """The userid of each person."""
        userids: dict[str, str] = {}
        for each in people:
            known = self._by_person.get(each.id) or self._meant(each)
            if known is not None:
                userids[each.id] = self._change(known, each)
            elif len(self._by_userid) < limits.DINGTALK_PEOPLE:
                userids[each.id] = self._add(each)
        return userids

    def _meant(self, person: Person) -> Member | None:
        """One that was there before, and is nobody else: the RAM user, or who is called like that."""
        of_user = self._by_user.get(person.user) if person.user else None
        of_userid = self._by_userid.get(person.id)
        if of_user is not None and not of_user.person:
            return of_user
        return of_userid if of_userid is not None and not of_userid.person else None

    def _add(self, person: Person) -> str:
        is_free = USERID.fullmatch(person.id) is not None and person.id not in self._by_userid
        userid = person.id if is_free else self._call.ids.digits(16)
        blank = Member(
            id=own_id(self._call.account, userid),
            account=self._call.account,
            created_at=self._call.now,
            userid=userid,
            union_id=union_id_of(self._call.account, userid),
            name=person.name[:MOST_NAME_CHARACTERS],
        )
        wanted = self._wanted(blank, person)
        member = _filled(blank, wanted, {**wanted, "made": True}, person.id)
        self._put(member)
        self._call.emit("user_add_org", userId=[userid])
        return userid

    def _change(self, member: Member, person: Person) -> str:
        wanted = self._wanted(member, person)
        followed = member.followed or {"made": False, **_BLANK}
        current = _current(member)
        kept = {name: value if followed.get(name) == current[name] else current[name] for name, value in wanted.items()}
        changed = _filled(member, kept, {**wanted, "made": followed["made"]}, person.id)
        if changed == member:
            return member.userid
        self._put(changed, before=member)
        if any(kept[name] != current[name] for name in _VISIBLE):
            self._call.emit("user_modify_org", userId=[member.userid])
        if kept["departments"] != current["departments"]:
            end_role_sessions(self._tx, member)
            self._call.emit("user_dept_change", userId=[member.userid])
        return member.userid

    def _wanted(self, member: Member, person: Person) -> dict[str, Any]:
        holder = self._by_user.get(person.user)
        may_be_user = (holder is None or holder.id == member.id) and (member.user or not member.password)
        is_free = self._mobiles.get(person.mobile, member.userid) == member.userid
        departments = [self._numbers[unit] for unit in person.units if unit in self._numbers]
        return {
            "name": person.name[:MOST_NAME_CHARACTERS],
            "email": person.email,
            "mobile": person.mobile if is_free and MOBILE.fullmatch(person.mobile) else "",
            "departments": departments or [ROOT_DEPARTMENT],
            "user": person.user if may_be_user else "",
        }

    def _put(self, member: Member, before: Member | None = None) -> None:
        self._tx.put(member)
        if before is not None and before.user and self._by_user.get(before.user) == before:
            del self._by_user[before.user]
        if before is not None and before.mobile:
            self._mobiles.pop(before.mobile, None)
        self._by_userid[member.userid] = self._by_person[member.person] = member
        if member.user:
            self._by_user[member.user] = member
        if member.mobile:
            self._mobiles[member.mobile] = member.userid

    def _remove(self, member: Member) -> None:
        if not member.followed.get("made"):
            self._tx.put(msgspec.structs.replace(member, person="", followed={}))
            return
        leave(self._tx, member)
        self._call.emit("user_leave_org", userId=[member.userid])


def _current(member: Member) -> dict[str, Any]:
    return {
        "name": member.name,
        "email": member.email,
        "mobile": member.mobile,
        "departments": list(member.departments),
        "user": member.user,
    }


def _filled(member: Member, fields: dict[str, Any], followed: dict[str, Any], person: str) -> Member:
    departments = tuple(fields["departments"])
    return msgspec.structs.replace(member, **{**fields, "departments": departments}, followed=followed, person=person)


def _settle_roles(
    call: Call, tx: Transaction, holders: list[PostHolders], userids: dict[str, str], numbers: dict[str, int]
) -> None:
    roles = {each.post: each for each in tx.list(Role, account=call.account) if each.post}
    for post, role in roles.items():
        if not any(each.post == post for each in holders):
            tx.delete(role)
            call.emit("label_conf_del", labelIdList=[role.number])
    for each in holders:
        role = roles.get(each.post) or _new_role(call, tx, each)
        members = tuple([userids[person] for person in each.people if person in userids])
        scope = tuple([numbers[unit] for unit in each.oversees if unit in numbers])
        name = role.name
        if each.title != role.title:
            name = each.title if role.name == role.title else role.name
        scopes = dict.fromkeys(members, scope) if scope else {}
        changed = msgspec.structs.replace(role, name=name, title=each.title, members=members, scopes=scopes)
        if changed == tx.get(Role, role.id):
            continue
        tx.put(changed)
        if name != role.name:
            call.emit("label_conf_modify", labelIdList=[role.number])
        for action, some, others in (("remove", role.members, members), ("add", members, role.members)):
            different = [userid for userid in some if userid not in others]
            if different:
                call.emit("label_user_change", labelIdList=[role.number], userIdList=different, action=action)


def _new_role(call: Call, tx: Transaction, holders: PostHolders) -> Role:
    """Nobody has it yet; it is kept with who does."""
    group = next((each for each in tx.list(RoleGroup, account=call.account) if each.name == GROUP), None)
    if group is None:
        number = next_number(tx, call.account, "role-group")
        group = RoleGroup(
            id=own_id(call.account, number), account=call.account, created_at=call.now, number=number, name=GROUP
        )
        tx.put(group)
    check_room(tx, call.account, Role, "role")
    number = next_number(tx, call.account, "role")
    taken = {each.name for each in tx.list(Role, account=call.account) if each.group == group.number}
    name = holders.title if holders.title not in taken else f"{holders.title} ({holders.post})"
    call.emit("label_conf_add", labelIdList=[number])
    return Role(
        id=own_id(call.account, number),
        account=call.account,
        created_at=call.now,
        number=number,
        name=name,
        group=group.number,
        post=holders.post,
        title=holders.title,
    )


def _settle_managers(
    call: Call, tx: Transaction, holders: list[PostHolders], userids: dict[str, str], numbers: dict[str, int]
) -> None:
    """A department that no post heads has the managers that somebody gave it."""
    directory = Directory(tx, call.account)
    for unit, number in numbers.items():
        heads = [each for each in holders if unit in each.heads]
        people = dict.fromkeys([userids[person] for each in heads for person in each.people if person in userids])
        department = directory.department(number)
        if heads and department.managers != tuple(people):
            tx.put(msgspec.structs.replace(department, managers=tuple(people)))
            call.emit("org_dept_modify", deptId=[number])
