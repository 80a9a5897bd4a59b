"""Reading and changing the directory of one organisation. Pure but for the transaction: no call, no request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from kowloon.core import limits
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.contacts import errors
from kowloon.dingtalk.contacts.resources import (
    ROOT_DEPARTMENT,
    AccessToken,
    Department,
    LoginCode,
    Member,
    MemberSession,
    Role,
    Sequence,
)
from kowloon.dingtalk.platform.call import own_id
from kowloon.dingtalk.platform.record import SERVICE
from kowloon.store.identity import Account, StoredKey
from kowloon.store.resources import Resource
from kowloon.store.store import Store, Transaction

R = TypeVar("R", bound=Resource)

_FIRST_NUMBER = 100_000
_SESSION_NAME = re.compile(r"[A-Za-z0-9.@_-]{2,32}")


class Directory:
    """Of one account, over a transaction or, only to read, over the store."""

    def __init__(self, reader: Transaction | Store, account: str) -> None:
        self._reader = reader
        self.account = account

    def all(self, kind: type[R]) -> list[R]:
        return self._reader.list(kind, account=self.account)

    # --- departments ---

    def department(self, number: int) -> Department:
        """The root one is there before anybody has changed it. 60003 for what is not."""
        found = self._reader.get(Department, own_id(self.account, number))
        if found is not None:
            return found
        if number != ROOT_DEPARTMENT:
            raise errors.DEPARTMENT_NOT_FOUND.error()
        account = self._reader.get(Account, self.account)
        name = (account.name if account is not None else "") or self.account
        return Department(
            id=own_id(self.account, ROOT_DEPARTMENT), account=self.account, number=ROOT_DEPARTMENT, name=name, parent=0
        )

    def has_department(self, number: int) -> bool:
        return number == ROOT_DEPARTMENT or self._reader.get(Department, own_id(self.account, number)) is not None

    def children(self, number: int) -> list[Department]:
        """One level, by their order, and then as they came."""
        found = [each for each in self.all(Department) if each.parent == number and each.number != number]
        return sorted(found, key=lambda each: each.order)

    def below(self, number: int) -> list[Department]:
        """All levels, the nearest first, each as `children` has it."""
        by_parent: dict[int, list[Department]] = {}
        for each in sorted(self.all(Department), key=lambda each: each.order):
            if each.parent != each.number:
                by_parent.setdefault(each.parent, []).append(each)
        found = by_parent.get(number, [])[:]
        for each in found:
            found += by_parent.get(each.number, [])
        return found

    def ancestors(self, number: int) -> list[int]:
        """Itself first, the root last."""
        line: list[int] = []
        while number and number not in line:
            line.append(number)
            number = self.department(number).parent
        return line

    # --- members ---

    def find_member(self, userid: str) -> Member | None:
        return self._reader.get(Member, own_id(self.account, userid))

    def member(self, userid: str) -> Member:
        """60121 for who is not there."""
        found = self.find_member(userid)
        if found is None:
            raise errors.USER_NOT_FOUND.error()
        return found

    def in_department(self, number: int) -> list[Member]:
        return [each for each in self.all(Member) if number in each.departments]

    def by_mobile(self, mobile: str) -> Member | None:
        return next((each for each in self.all(Member) if mobile and each.mobile == mobile), None)

    def by_login_id(self, login_id: str) -> Member | None:
        return next((each for each in self.all(Member) if each.settings.get("login_id") == login_id), None)

    def by_union_id(self, union_id: str) -> Member | None:
        return next((each for each in self.all(Member) if each.union_id == union_id), None)

    def userids_of(self, people: Iterable[str]) -> dict[str, str]:
        """The members who are these persons of the duty, by person; whoever is called like that counts while they are
        nobody else. Who is no member is left out."""
        by_person: dict[str, str] = {}
        free: set[str] = set()
        for each in self.all(Member):
            if each.person:
                by_person[each.person] = each.userid
            else:
                free.add(each.userid)
        return {each: by_person.get(each, each) for each in people if each in by_person or each in free}

    def roles_of(self, userid: str) -> list[Role]:
        return [each for each in self.all(Role) if userid in each.members]


def next_number(tx: Transaction, account: str, of: str) -> int:
    """The next number of departments, roles and the like; never given twice."""
    id = own_id(account, of)
    last = tx.get(Sequence, id)
    number = (last.last if last is not None else _FIRST_NUMBER) + 1
    tx.put(Sequence(id=id, account=account, last=number))
    return number


def union_id_of(account: str, userid: str) -> str:
    """The same for the same person of an organisation, always; 22 characters and `iE` as the vendor's end."""
    return hashlib.blake2b(f"{account}/{userid}".encode(), digest_size=11, person=b"dingtalk-union").hexdigest() + "iE"


def check_room(tx: Transaction, account: str, kind: type[Resource], name: str) -> None:
    """One organisation does not take the room of others."""
    if len(tx.list(kind, account=account)) >= limits.DINGTALK_PEOPLE:
        raise errors.QUOTA.error(name=name, most=limits.DINGTALK_PEOPLE)


def session_name(member: Member) -> str:
    """Of the member's sessions of departments' roles."""
    return member.userid if _SESSION_NAME.fullmatch(member.userid) else member.union_id


def end_role_sessions(tx: Transaction, member: Member) -> None:
    """What the member got by departments ends, as nobody knows by which of them."""
    name = session_name(member)
    for key in tx.list(StoredKey, account=member.account):
        if key.service == SERVICE and key.session_name == name:
            tx.delete(key)


def end_proofs(tx: Transaction, member: Member) -> None:
    """Nothing says any more that somebody is this member: no session, no token, no code."""
    end_role_sessions(tx, member)
    proofs: list[MemberSession | AccessToken | LoginCode] = [
        *tx.list(MemberSession, account=member.account),
        *tx.list(AccessToken, account=member.account),
        *tx.list(LoginCode, account=member.account),
    ]
    for proof in proofs:
        if proof.userid == member.userid:
            tx.delete(proof)


def leave(tx: Transaction, member: Member) -> None:
    """Gone from conversations, from roles, and from the head of departments; who comes later under the same userid is
    not taken for this one."""
    end_proofs(tx, member)
    for conversation in tx.list(Conversation, account=member.account):
        if member.userid not in conversation.members:
            continue
        rest = tuple([each for each in conversation.members if each != member.userid])
        if conversation.form != "group":
            # Whoever is left sees with whom it was.
            tx.put(msgspec.structs.replace(conversation, members=rest, title=member.name))
        else:
            admins = tuple([each for each in conversation.sub_admins if each != member.userid])
            owner = conversation.owner if conversation.owner != member.userid else next(iter((*admins, *rest)), "")
            tx.put(msgspec.structs.replace(conversation, members=rest, sub_admins=admins, owner=owner))
    for role in tx.list(Role, account=member.account):
        if member.userid in role.members:
            scopes = {each: scope for each, scope in role.scopes.items() if each != member.userid}
            members = tuple([each for each in role.members if each != member.userid])
            tx.put(msgspec.structs.replace(role, members=members, scopes=scopes))
    for department in tx.list(Department, account=member.account):
        if member.userid in department.managers:
            managers = tuple([each for each in department.managers if each != member.userid])
            tx.put(msgspec.structs.replace(department, managers=managers))
    tx.delete(member)
