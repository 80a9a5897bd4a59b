"""Signing in with a password, as on the vendor's console: what comes out is a session of the user, in a cookie. Calls
that carry it go through the same chain as everybody's (gateway/json_calls.py)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from kowloon.actions.browser import SESSION_COOKIE, check_host, check_page, cookie_value, session_of
from kowloon.actions.context import Context
from kowloon.actions.ports import ANONYMOUS, AccessKey, CredentialSource, Principal
from kowloon.actions.routes import Routes, json_body
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.errors import ApiError
from kowloon.core.events import RequestEvent
from kowloon.core.ids import Ids
from kowloon.services.ram.logic import passwords
from kowloon.services.ram.logic.sign_in import Asked, account_of, sign_in, split, vouched
from kowloon.store.identity import Account, StoredKey
from kowloon.store.store import Store, Transaction
from kowloon.topology.health import HealthBoard
from kowloon.wire.cookies import set_cookie
from kowloon.wire.encode import JSON_TYPE
from kowloon.wire.http import HttpRequest, HttpResponse

# As ActionTrail names where users of an account log on.
_PRODUCT = "AasSub"
_HOST = "signin.aliyun.com"
# Hashes are made beside the loop, and so many at once that they leave it a core.
_HASHING = 2


class SignInBody(msgspec.Struct, forbid_unknown_fields=True):
    """`code`: of the user's MFA device. `new_password`: where the old one must be changed."""

    name: str
    password: str
    code: str = ""
    new_password: str = ""


class SignIn:
    """`POST /sign-in`, `POST /sign-out`, `GET /signed-in`. Also the ConsoleSessions of who is known elsewhere."""

    def __init__(
        self,
        store: Store,
        board: HealthBoard,
        clock: Clock,
        ids: Ids,
        bus: EventBus,
        credentials: CredentialSource,
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._ids = ids
        self._bus = bus
        self._credentials = credentials
        self._hashing = asyncio.Semaphore(_HASHING)
        # What names that nobody has are hashed with, so that they take as long.
        self._salt = ids.secret(22)

    def register(self, routes: Routes) -> None:
        routes.add("POST", "/sign-in", self.sign_in, "own")
        routes.add("POST", "/sign-out", self.sign_out, "own")
        routes.add("GET", "/signed-in", self.signed_in, "own")

    async def sign_in(self, request: HttpRequest) -> HttpResponse:
        """The session's cookie, and who that is. Every attempt under an account is an event of it."""
        check_page(request)
        body = json_body(request, SignInBody)
        started, request_id = self._clock.wall(), self._ids.request_id()
        user, label = split(body.name)
        account = account_of(self._store, label)
        outcome = await self._try(request, request_id, account, user, body)
        key = self._credentials.find(outcome.id) if isinstance(outcome, StoredKey) else None
        error = outcome if isinstance(outcome, ApiError) else None
        who = key.principal if key is not None else _unproven(account, user)
        self._record("ConsoleSignin", request, request_id, who, started, error, body.name)
        if error is not None:
            raise error
        assert key is not None
        lasts_s = int((key.expires_at or 0.0) - started)
        return _answer(self._told(key), request, cookie_value(key.id, key.token), lasts_s)

    async def _try(
        self, request: HttpRequest, request_id: str, account: Account | None, user: str, body: SignInBody
    ) -> StoredKey | ApiError:
        # No account, no user, no password to sign in with: all take the same way, and the same time.
        profile = passwords.profile_of(self._store, account.id if account is not None else "", user)
        async with self._hashing:
            hashes = await passwords.hashes_of(
                {body.password, body.new_password or body.password}, profile.salt if profile is not None else self._salt
            )
        asked = Asked(user, body.password, body.code.strip(), body.new_password, request.peer, hashes)
        whose = _unproven(account, user)
        try:
            return await self._store.run(lambda tx: sign_in(self._context(tx, request, request_id, whose), asked))
        except ApiError as refused:
            return refused

    async def open(self, request: HttpRequest, account: str, user: str) -> tuple[str, str]:
        started, request_id = self._clock.wall(), self._ids.request_id()
        whose = Principal(account=account, type="RAMUser", arn="", id="", name=user)
        try:
            session = await self._store.run(
                lambda tx: vouched(self._context(tx, request, request_id, whose), user, request.peer)
            )
        except ApiError as refused:
            self._record("ConsoleSignin", request, request_id, whose, started, refused)
            raise
        key = self._credentials.find(session.id)
        self._record("ConsoleSignin", request, request_id, key.principal if key is not None else whose, started, None)
        lasts_s = int((session.expires_at or 0.0) - started)
        value = cookie_value(session.id, session.token)
        return set_cookie(SESSION_COOKIE, value, lasts_s=lasts_s, secure=request.scheme == "https")

    def _context(self, tx: Transaction, request: HttpRequest, request_id: str, principal: Principal) -> Context:
        now = self._clock.now()
        return Context(
            tx=tx,
            principal=principal,
            region="",
            now=now,
            wall=self._clock.wall(),
            ids=self._ids,
            health=self._board.view(now),
            request_id=request_id,
            host=request.host_header,
            ports={},
            value_of=lambda key: None,
        )

    async def sign_out(self, request: HttpRequest) -> HttpResponse:
        """The session ends, and its cookie goes. Who is not signed in is told so, too."""
        check_page(request)
        started, request_id = self._clock.wall(), self._ids.request_id()
        key = session_of(request, self._credentials, started)
        if key is not None:
            await self._store.run(lambda tx: _end(tx, key.id))
            self._record("ConsoleSignout", request, request_id, key.principal, started, None)
        return _answer({"signed_in": False}, request, "", 0)

    def signed_in(self, request: HttpRequest) -> HttpResponse:
        check_host(request)
        key = session_of(request, self._credentials, self._clock.wall())
        told = self._told(key) if key is not None else {"signed_in": False}
        return HttpResponse(200, msgspec.json.encode(told), headers=_headers())

    def _told(self, key: AccessKey) -> dict[str, Any]:
        account = self._store.get(Account, key.principal.account) or Account(id=key.principal.account)
        return {
            "signed_in": True,
            "account": account.id,
            "name": f"{key.principal.name}@{account.domain}",
            "user": key.principal.name,
            "arn": key.principal.arn,
            "mfa": key.principal.mfa,
            "until": iso_seconds(key.expires_at or 0.0),
        }

    def _record(
        self,
        action: str,
        request: HttpRequest,
        request_id: str,
        principal: Principal,
        started: float,
        error: ApiError | None,
        name: str = "",
    ) -> None:
        self._bus.emit(
            RequestEvent(
                at=self._clock.now(),
                wall=started,
                request_id=request_id,
                event_type=action,
                account=principal.account,
                **principal.told,
                source=request.peer,
                host=_HOST,
                scheme=request.scheme,
                user_agent=request.header("user-agent") or "",
                product=_PRODUCT,
                action=action,
                parameters={"LogonName": name} if name else {},
                status=error.status if error is not None else 200,
                code=error.code if error is not None else "",
                message=error.message if error is not None else "",
                latency_ms=(self._clock.wall() - started) * 1000.0,
            )
        )


def _unproven(account: Account | None, user: str) -> Principal:
    """Who it says that it is. Of no account: nobody, and nobody's event."""
    if account is None:
        return ANONYMOUS
    return Principal(account=account.id, type="RAMUser", arn="", id="", name=user)


def _end(tx: Transaction, id: str) -> None:
    session = tx.get(StoredKey, id)
    if session is not None:
        tx.delete(session)


def _headers() -> list[tuple[str, str]]:
    return [("Content-Type", JSON_TYPE), ("Cache-Control", "no-store")]


def _answer(told: dict[str, Any], request: HttpRequest, value: str, lasts_s: int) -> HttpResponse:
    cookie = set_cookie(SESSION_COOKIE, value, lasts_s=lasts_s, secure=request.scheme == "https")
    return HttpResponse(200, msgspec.json.encode(told), headers=[*_headers(), cookie])
