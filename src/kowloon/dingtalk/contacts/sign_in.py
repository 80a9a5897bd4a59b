"""Signing in to the messenger itself, for members with a password; and from there to the console."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

import msgspec

from kowloon.actions.browser import SIGN_IN_NEEDED, check_host, check_page
from kowloon.actions.ports import ConsoleSessions
from kowloon.actions.routes import Routes, json_body
from kowloon.actions.sessions import keep_session, open_session, trusts_service
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import ApiError, ErrorSpec
from kowloon.dingtalk.contacts import passwords
from kowloon.dingtalk.contacts.directory import Directory, session_name
from kowloon.dingtalk.contacts.people import MEMBER_COOKIE, SignedInPeople, digest
from kowloon.dingtalk.contacts.resources import FailedSignIns, Member, MemberSession, corp_id
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.call import make_room, own_id
from kowloon.dingtalk.platform.record import SERVICE, record
from kowloon.store.identity import Account, Role, StoredKey
from kowloon.store.store import Transaction
from kowloon.wire.cookies import set_cookie
from kowloon.wire.encode import JSON_TYPE
from kowloon.wire.http import HttpRequest, HttpResponse

SESSION_S: Final = 12 * 3600
LOCKED_S: Final = 3600
MOST_FAILURES: Final = 5
# The oldest session of a member gives way.
_MOST_SESSIONS: Final = 16
# Names that nobody has are counted, too: the oldest of an account go.
_MOST_NAMES: Final = 1000
_ROLE_SESSION_S: Final = 3600
# Hashes are made beside the loop, and so many at once that they leave it a core.
_HASHING: Final = 2
_MOST_CHARACTERS: Final = 256

FAILED: Final = ErrorSpec(
    "SignInFailed", 401, "The name or the password is wrong, or this member may not sign in with one."
)
LOCKED: Final = ErrorSpec(
    "SignInLocked", 403, "Too many wrong passwords: this name is locked until {until} (cloud time)."
)
DOWN: Final = ErrorSpec("ServiceUnavailable", 503, "The messenger is down.")
NO_CONSOLE: Final = ErrorSpec(
    "NoConsoleAccess", 403, "This member is no RAM user, and no department of theirs has a role {name}in the cloud."
)
NOT_TRUSTED: Final = ErrorSpec("RoleNotTrusting", 403, "The role {name} does not exist, or does not trust {service}.")


class SignInBody(msgspec.Struct, forbid_unknown_fields=True):
    """`login`: the login id, or the mobile number. The organisation by its `corp_id`, or its account's id or alias."""

    login: str
    password: str
    corp_id: str = ""
    account: str = ""


class ConsoleBody(msgspec.Struct, forbid_unknown_fields=True):
    """`role`: that of a department, by name, instead of what the member is by themselves."""

    role: str = ""


class MemberSignIn:
    """`POST /dingtalk/sign-in`, `POST /dingtalk/sign-out`, `GET /dingtalk/signed-in`, `POST /dingtalk/console`."""

    def __init__(self, parts: Parts, people: SignedInPeople, console: ConsoleSessions) -> None:
        self._parts = parts
        self._people = people
        self._console = console
        self._hashing = asyncio.Semaphore(_HASHING)

    def register(self, routes: Routes) -> None:
        routes.add("POST", "/dingtalk/sign-in", self.sign_in, "own")
        routes.add("POST", "/dingtalk/sign-out", self.sign_out, "own")
        routes.add("GET", "/dingtalk/signed-in", self.signed_in, "own")
        routes.add("POST", "/dingtalk/console", self.to_console, "own")

    async def sign_in(self, request: HttpRequest) -> HttpResponse:
        """The session's cookie, and who that is. Whatever is wrong with a name, it looks and takes the same."""
        self._check(request)
        body = json_body(request, SignInBody)
        if max(len(body.login), len(body.password)) > _MOST_CHARACTERS:
            raise FAILED.error()
        account = self._account(body)
        member = _named(Directory(self._parts.store, account), body.login) if account else None
        async with self._hashing:
            is_right = await passwords.matches(body.password, member.password if member is not None else "")
        known = member if is_right else None
        secret = self._parts.ids.secret(48)

        def write(tx: Transaction) -> ApiError | None:
            return self._begin(tx, account, body.login, member, known, digest(secret))

        error = await self._parts.store.run(write) if account else FAILED.error()
        record(self._parts, "SignIn", account=account, member=member, request=request, failure=error)
        if error is not None:
            raise error
        assert member is not None
        return _answer(self._told(member), request, secret, SESSION_S)

    def _begin(
        self, tx: Transaction, account: str, login: str, whose: Member | None, proven: Member | None, session: str
    ) -> ApiError | None:
        """The session, kept; or why not: an answer and no exception, so that what failed is counted."""
        now, wall = self._parts.clock.now(), self._parts.clock.wall()
        # A member's other name has no other count; names that nobody has do not become members' by being guessed.
        id = own_id(account, f"member/{whose.userid}" if whose is not None else f"nobody/{digest(login)}")
        failed = tx.get(FailedSignIns, id) or FailedSignIns(id=id, account=account, created_at=now)
        if failed.locked_until > now:
            return LOCKED.error(until=iso_seconds(failed.locked_until))
        if proven is None or tx.get(Member, proven.id) != proven:
            _count(tx, failed, now)
            return FAILED.error()
        if failed.at or failed.locked_until:
            tx.delete(failed)
        mine: list[MemberSession] = []
        for each in tx.list(MemberSession, account=account):
            if each.expires_at <= wall:
                tx.delete(each)
            elif each.userid == proven.userid:
                mine.append(each)
        make_room(tx, mine, _MOST_SESSIONS)
        tx.put(
            MemberSession(
                id=session, account=account, created_at=now, userid=proven.userid, expires_at=wall + SESSION_S
            )
        )
        return None

    async def sign_out(self, request: HttpRequest) -> HttpResponse:
        """The messenger's own session ends, and its cookie goes; the console's is ended there (POST /sign-out)."""
        check_page(request)
        found = self._people.signed_in(request)
        if found is not None and found.session:
            session = found.session

            def end(tx: Transaction) -> None:
                kept = tx.get(MemberSession, session)
                if kept is not None:
                    tx.delete(kept)

            await self._parts.store.run(end)
            record(self._parts, "SignOut", account=found.member.account, member=found.member, request=request)
        return _answer({"signed_in": False}, request, "", 0)

    async def signed_in(self, request: HttpRequest) -> HttpResponse:
        check_host(request)
        member = await self._people.person_of(request)
        told = self._told(member) if member is not None else {"signed_in": False}
        return HttpResponse(200, msgspec.json.encode(told), headers=_headers())

    async def to_console(self, request: HttpRequest) -> HttpResponse:
        """A member's session of the console; or of a department's role, as temporary keys."""
        self._check(request)
        body = json_body(request, ConsoleBody)
        found = self._people.signed_in(request)
        if found is None:
            raise SIGN_IN_NEEDED.error()
        member = found.member
        if member.user and not body.role:
            header = await self._console.open(request, member.account, member.user)
            told = {"user": member.user, "account": member.account}
            return HttpResponse(200, msgspec.json.encode(told), headers=[*_headers(), header])
        key = await self._parts.store.run(lambda tx: self._role_session(tx, member, body.role))
        record(self._parts, "AssumeDepartmentRole", account=member.account, member=member, request=request)
        told = {
            "role": key.role.partition(":")[2],
            "access_key_id": key.id,
            "access_key_secret": key.secret,
            "security_token": key.token,
            "expiration": iso_seconds(key.expires_at or 0.0),
        }
        return HttpResponse(200, msgspec.json.encode(told), headers=_headers())

    def _role_session(self, tx: Transaction, member: Member, wanted: str) -> StoredKey:
        directory = Directory(tx, member.account)
        if tx.get(Member, member.id) != member:
            raise SIGN_IN_NEEDED.error()
        departments = [directory.department(number) for number in member.departments]
        own = [each.ram_role for each in departments if each.ram_role]
        ids = [each for each in own if not wanted or each == own_role(member.account, wanted)]
        if not ids:
            raise NO_CONSOLE.error(name=f"{wanted} " if wanted else "")
        role = tx.get(Role, ids[0])
        if role is None or not trusts_service(role, SERVICE):
            raise NOT_TRUSTED.error(name=ids[0].partition(":")[2], service=SERVICE)
        now, wall = self._parts.clock.now(), self._parts.clock.wall()
        lasts_s = min(role.max_session_s, _ROLE_SESSION_S)
        name = session_name(member)
        key = open_session(self._parts.ids, role, name, lasts_s, now=now, wall=wall, service=SERVICE)
        keep_session(tx, key, wall)
        return key

    # --- parts ---

    def _check(self, request: HttpRequest) -> None:
        check_page(request)
        if not self._parts.plane.serves():
            raise DOWN.error()

    def _account(self, body: SignInBody) -> str:
        """Empty for an organisation that there is not; the operators' own where none is named."""
        wanted = body.corp_id or body.account
        if not wanted:
            return self._parts.home()
        accounts = self._parts.store.list(Account)
        if body.corp_id:
            return next((each.id for each in accounts if corp_id(each.id) == wanted), "")
        return next((each.id for each in accounts if wanted in (each.id, each.alias)), "")

    def _told(self, member: Member) -> dict[str, Any]:
        return {
            "signed_in": True,
            "corp": corp_id(member.account),
            "account": member.account,
            "userid": member.userid,
            "name": member.name,
            "user": member.user,
            "admin": member.admin,
        }


def own_role(account: str, name: str) -> str:
    """How a RAM role is kept, by its name."""
    return f"{account}:{name.lower()}"


def _named(directory: Directory, login: str) -> Member | None:
    wanted = login.strip()
    if not wanted:
        return None
    found = directory.by_login_id(wanted)
    return found if found is not None else directory.by_mobile(re.sub(r"^\+?86-", "", wanted))


def _count(tx: Transaction, failed: FailedSignIns, now: float) -> None:
    """One more failure; five within an hour close the name for an hour."""
    at = (*[each for each in failed.at if each > now - LOCKED_S], now)
    is_locked = len(at) >= MOST_FAILURES
    changed = msgspec.structs.replace(
        failed, at=() if is_locked else at, locked_until=now + LOCKED_S if is_locked else 0.0
    )
    made_up = [
        each
        for each in tx.list(FailedSignIns, account=failed.account)
        if each.id.startswith(own_id(failed.account, "nobody/")) and each.id != failed.id
    ]
    make_room(tx, made_up, _MOST_NAMES)
    tx.put(changed)


def _headers() -> list[tuple[str, str]]:
    return [("Content-Type", JSON_TYPE), ("Cache-Control", "no-store")]


def _answer(told: dict[str, Any], request: HttpRequest, value: str, lasts_s: int) -> HttpResponse:
    cookie = set_cookie(MEMBER_COOKIE, value, lasts_s=lasts_s, secure=request.scheme == "https")
    return HttpResponse(200, msgspec.json.encode(told), headers=[*_headers(), cookie])
