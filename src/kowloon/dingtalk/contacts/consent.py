"""`/oauth2/auth` of the login host: a person who is signed in lets an application know who that is. It always asks,
also who agreed before. Nobody is sent anywhere but to an address that is registered for the application."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from kowloon.actions.browser import ORIGIN_REFUSED, check_host, is_foreign
from kowloon.actions.routes import Routes
from kowloon.dingtalk.contacts import consent_page
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.login import new_code
from kowloon.dingtalk.contacts.people import SignedInPeople
from kowloon.dingtalk.contacts.resources import ROOT_DEPARTMENT, Application, Member, corp_id
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.record import record
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpRequest, HttpResponse
from kowloon.wire.parameters import FORM_TYPE

PATH: Final = "/oauth2/auth"
_TICKET_LIFE_S: Final = 600
# Pages that wait for an answer: of one person, and of all. The oldest give way.
_MOST_OF_ONE: Final = 16
_MOST: Final = 10_000
_MOST_STATE_CHARACTERS: Final = 2048
_SCOPE: Final = re.compile(r"[A-Za-z0-9._]{1,64}")
_MOST_SCOPES: Final = 16
_MOST_FORM_BYTES: Final = 1024


class _Wanted(NamedTuple):
    application: Application
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str

    def back(self, **answer: str) -> HttpResponse:
        """To the application, with that."""
        if self.state:
            answer["state"] = self.state
        joint = "&" if "?" in self.redirect_uri else "?"
        location = f"{self.redirect_uri}{joint}{urlencode(answer, quote_via=quote)}"
        return HttpResponse(303, headers=[("Location", location), *consent_page.HEADERS])


class _Waiting(NamedTuple):
    member: str
    wanted: _Wanted
    until: float


class _Told(Exception):
    """The page that says why not."""

    def __init__(self, status: int, chinese: str, english: str) -> None:
        super().__init__(english)
        self.page = consent_page.told(status, chinese, english)


class Consent:
    def __init__(self, parts: Parts, people: SignedInPeople) -> None:
        self._parts = parts
        self._people = people
        # By the one-time ticket of its form. A page that was open at a restart is asked for again.
        self._waiting: dict[str, _Waiting] = {}

    def register(self, routes: Routes) -> None:
        routes.add("GET", PATH, self.ask, "own")
        routes.add("POST", PATH, self.decide, "own")

    def forget(self) -> None:
        self._waiting.clear()

    async def ask(self, request: HttpRequest) -> HttpResponse:
        check_host(request)
        try:
            self._check_plane()
            query = {name: values[-1] for name, values in parse_qs(request.query, keep_blank_values=True).items()}
            wanted = self._wanted(query)
            if query.get("response_type") != "code":
                return wanted.back(error="unsupported_response_type")
            if "openid" not in wanted.scopes or not all(_SCOPE.fullmatch(each) for each in wanted.scopes):
                return wanted.back(error="invalid_scope")
            member = await self._people.person_of(request)
            if member is None:
                if request.header("sec-fetch-site") == "cross-site":
                    return consent_page.once_more(request.target)
                return consent_page.sign_in_first(request.target)
            self._check_organisation(wanted.application, member, query.get("corpId", ""))
            return self._page(wanted, member)
        except _Told as told:
            return told.page

    async def decide(self, request: HttpRequest) -> HttpResponse:
        """Only from the page itself: of this origin, with a ticket that this person was given, once."""
        check_host(request)
        # Browsers say where a request is from in either way; what is no browser has no cookie to be abused.
        if is_foreign(request) or request.header("sec-fetch-site") not in (None, "same-origin"):
            raise ORIGIN_REFUSED.error()
        try:
            self._check_plane()
            form = _form(request)
            member = await self._people.person_of(request)
            waiting = self._take(form.get("ticket", ""), member)
            decision = form.get("decision", "")
            if member is None or waiting is None or decision not in ("allow", "refuse"):
                raise _Told(400, "页面已失效", "This page has been answered, is too old, or is somebody else's.")
            action = "Consent" if decision == "allow" else "RefuseConsent"
            record(
                self._parts,
                action,
                account=member.account,
                member=member,
                request=request,
                parameters={"ClientId": waiting.wanted.application.id},
            )
            if decision == "refuse":
                return waiting.wanted.back(error="access_denied")
            code = await self._parts.store.run(lambda tx: self._agree(tx, waiting.wanted, member))
            if code is None:
                raise _Told(400, "应用已变更", "The application has changed meanwhile.")
            return waiting.wanted.back(authCode=code)
        except _Told as told:
            return told.page

    def _agree(self, tx: Transaction, wanted: _Wanted, member: Member) -> str | None:
        application = tx.get(Application, wanted.application.id)
        if application is None or wanted.redirect_uri not in application.redirect_uris:
            return None
        scope = " ".join(wanted.scopes)
        return new_code(tx, self._parts, application, member, scope=scope, redirect_uri=wanted.redirect_uri)

    # --- parts ---

    def _check_plane(self) -> None:
        if not self._parts.plane.serves():
            raise _Told(503, "系统繁忙", "The messenger is down.")

    def _wanted(self, query: dict[str, str]) -> _Wanted:
        """Before these are known to be right nobody is sent anywhere."""
        application = self._parts.store.get(Application, query.get("client_id", ""))
        if application is None:
            raise _Told(400, "应用不存在", "There is no application with this client_id.")
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri not in application.redirect_uris:
            raise _Told(400, "回调地址未登记", "This redirect_uri is not registered for the application.")
        state = query.get("state", "")
        if len(state) > _MOST_STATE_CHARACTERS:
            raise _Told(400, "state 过长", f"A state has {_MOST_STATE_CHARACTERS} characters at most.")
        scopes = tuple(dict.fromkeys(query.get("scope", "").split()))
        return _Wanted(application, redirect_uri, scopes[:_MOST_SCOPES], state)

    @staticmethod
    def _check_organisation(application: Application, member: Member, corp: str) -> None:
        if member.account != application.account or corp not in ("", corp_id(application.account)):
            raise _Told(
                403, "不在该组织中", "The application belongs to an organisation that you are not signed in to."
            )

    def _page(self, wanted: _Wanted, member: Member) -> HttpResponse:
        place = urlsplit(wanted.redirect_uri)
        ticket = self._parts.ids.secret(40)
        mine = [key for key, waiting in self._waiting.items() if waiting.member == member.id]
        for key in mine[: max(len(mine) + 1 - _MOST_OF_ONE, 0)]:
            del self._waiting[key]
        while len(self._waiting) >= _MOST:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[ticket] = _Waiting(member.id, wanted, self._parts.clock.wall() + _TICKET_LIFE_S)
        return consent_page.consent(
            consent_page.Asked(
                application=wanted.application.name,
                organisation=Directory(self._parts.store, member.account).department(ROOT_DEPARTMENT).name,
                person=member.name,
                scopes=wanted.scopes,
                origin=f"{place.scheme}://{place.netloc}",
                ticket=ticket,
            )
        )

    def _take(self, ticket: str, member: Member | None) -> _Waiting | None:
        waiting = self._waiting.get(ticket)
        if waiting is None or member is None or waiting.member != member.id:
            return None
        del self._waiting[ticket]
        return waiting if waiting.until > self._parts.clock.wall() else None


def _form(request: HttpRequest) -> dict[str, str]:
    content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type != FORM_TYPE:
        return {}
    if len(request.body) > _MOST_FORM_BYTES:
        return {}
    fields = parse_qs(request.body.decode("utf-8", "replace"))
    return {name: values[-1] for name, values in fields.items()}
