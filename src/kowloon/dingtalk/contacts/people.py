"""Who a person is: whoever a browser's session is of, the console's or the messenger's own, as a member."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kowloon.actions.browser import session_of
from kowloon.actions.ports import AccessKey, CredentialSource
from kowloon.core import limits
from kowloon.core.errors import ErrorSpec
from kowloon.dingtalk.contacts.directory import Directory, union_id_of
from kowloon.dingtalk.contacts.resources import Member, MemberSession
from kowloon.dingtalk.platform.call import by_itself, own_id
from kowloon.store.identity import PolicyAttachment, User, attachment_id
from kowloon.store.store import Transaction
from kowloon.wire.cookies import cookie
from kowloon.wire.http import HttpRequest

if TYPE_CHECKING:
    from kowloon.dingtalk.parts import Parts

MEMBER_COOKIE: Final = "dingtalk_session"
USERID: Final = re.compile(r"[^\s/]{1,64}")
MOBILE: Final = re.compile(r"\+?[0-9]{1,4}-[0-9]{5,15}|[0-9]{5,15}")
MOST_NAME_CHARACTERS: Final = 80

FULL: Final = ErrorSpec("OrganisationFull", 403, "The organisation has {most} members already.")


class SignedIn(NamedTuple):
    """`until`: wall time. `session`: of the messenger's own, its id; empty: the console's."""

    member: Member
    until: float
    session: str = ""


class SignedInPeople:
    def __init__(self, parts: Parts, credentials: CredentialSource) -> None:
        self._parts = parts
        self._credentials = credentials
        self._watch = parts.store.watch(Member)
        # The members of RAM users, by account and name.
        self._by_user: dict[tuple[str, str], str] = {}

    def signed_in(self, request: HttpRequest) -> SignedIn | None:
        """Who it is now, without making a member of anybody: also to ask whether a session that was good still is."""
        own = self._own(request)
        if own is not None:
            return own
        key = session_of(request, self._credentials, self._parts.clock.wall())
        member = self.of_user(key.principal.account, key.principal.name) if key is not None else None
        if key is None or member is None:
            return None
        return SignedIn(member, key.expires_at or 0.0)

    async def person_of(self, request: HttpRequest) -> Member | None:
        """None: nobody is signed in. A RAM user who is no member yet becomes one."""
        found = self.signed_in(request)
        if found is not None:
            return found.member
        key = session_of(request, self._credentials, self._parts.clock.wall())
        return await self._join(key) if key is not None else None

    def of_user(self, account: str, user: str) -> Member | None:
        """The member who is this RAM user."""
        if self._watch.changed():
            members = [each for each in self._parts.store.list(Member) if each.user]
            self._by_user = {(each.account, each.user): each.id for each in members}
        id = self._by_user.get((account, user))
        return self._parts.store.get(Member, id) if id is not None else None

    def _own(self, request: HttpRequest) -> SignedIn | None:
        given = cookie(request, MEMBER_COOKIE)
        session = self._parts.store.get(MemberSession, digest(given)) if given else None
        if session is None or session.expires_at <= self._parts.clock.wall():
            return None
        member = self._parts.store.get(Member, own_id(session.account, session.userid))
        return SignedIn(member, session.expires_at, session.id) if member is not None else None

    async def _join(self, key: AccessKey) -> Member:
        account, name = key.principal.account, key.principal.name
        call = by_itself(self._parts, account)

        def body(tx: Transaction) -> Member:
            directory = Directory(tx, account)
            known = next((each for each in directory.all(Member) if each.user == name), None)
            if known is not None:
                return known
            if len(directory.all(Member)) >= limits.DINGTALK_PEOPLE:
                raise FULL.error(most=limits.DINGTALK_PEOPLE)
            member = _member_of(tx, directory, name, self._parts.ids.digits(16), call.now)
            tx.put(member)
            call.emit("user_add_org", userId=[member.userid])
            return member

        return await call.write(body)


def _member_of(tx: Transaction, directory: Directory, name: str, number: str, now: float) -> Member:
    """A RAM user as a new member. Whoever has the name as a userid already may be somebody else: then by number."""
    account = directory.account
    user = tx.get(User, f"{account}:{name}")
    shown = (user.display_name if user is not None else "") or name
    userid = name if USERID.fullmatch(name) and directory.find_member(name) is None else number
    policy = attachment_id(account, f"user/{name}", "System", "AdministratorAccess")
    return Member(
        id=own_id(account, userid),
        account=account,
        created_at=now,
        userid=userid,
        union_id=union_id_of(account, userid),
        name=shown[:MOST_NAME_CHARACTERS],
        email=user.email if user is not None else "",
        admin=tx.get(PolicyAttachment, policy) is not None,
        user=name,
    )


def digest(secret: str) -> str:
    """Under which something is kept that whoever shows it owns."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
