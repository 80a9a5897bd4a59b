"""What calls of web pages must be: of a page of ours, under an address of ours, and of somebody who signed in."""

from __future__ import annotations

import hmac
import ipaddress
from typing import Final

from kowloon.actions.ports import AccessKey, CredentialSource
from kowloon.core.errors import ErrorSpec
from kowloon.wire.cookies import cookie
from kowloon.wire.http import HttpRequest

SESSION_COOKIE: Final = "kowloon_session"

# The one name of the vendor's that leads people to a page of ours.
LOGIN_HOST: Final = "login.dingtalk.com"

HOST_REFUSED: Final = ErrorSpec(
    "HostNotLocal", 403, "This answers to localhost and to addresses only: a name may lead here by somebody else's DNS."
)
ORIGIN_REFUSED: Final = ErrorSpec("OriginRefused", 403, "Pages of other origins may not call this.")
JSON_NEEDED: Final = ErrorSpec("JsonRequired", 415, "Send JSON, as `Content-Type: application/json`.")
SIGN_IN_NEEDED: Final = ErrorSpec(
    "SignInRequired", 401, "Nobody is signed in, or the session has ended: sign in (POST /sign-in)."
)


def is_foreign(request: HttpRequest) -> bool:
    """Whether a page of another origin sends it. What is no browser says nothing of where it is from."""
    origin = request.header("origin")
    return origin is not None and (origin.partition("://")[2] or "null") != request.host_header


def check_host(request: HttpRequest) -> None:
    if request.host in ("localhost", LOGIN_HOST):
        return
    try:
        ipaddress.ip_address(request.host)
    except ValueError:
        raise HOST_REFUSED.error() from None


def check_page(request: HttpRequest) -> None:
    """Of what changes something: the cookie alone says nothing of which page asks. Other sites' forms cannot send
    JSON, and their scripts not without asking first."""
    check_host(request)
    if is_foreign(request):
        raise ORIGIN_REFUSED.error()
    if (request.header("content-type") or "").partition(";")[0].strip().lower() != "application/json":
        raise JSON_NEEDED.error()


def cookie_value(id: str, token: str) -> str:
    return f"{id}:{token}"


def session_of(request: HttpRequest, credentials: CredentialSource, wall: float) -> AccessKey | None:
    """The key of the session that the cookie names, while it lasts. Sessions of roles are not begun here."""
    id, _, token = cookie(request, SESSION_COOKIE).partition(":")
    key = credentials.find(id) if id else None
    if key is None or key.expires_at is None or key.principal.type != "RAMUser":
        return None
    # As bytes: what comes is not always ASCII.
    same = hmac.compare_digest(key.token.encode(), token.encode("utf-8", "replace"))
    return key if same and wall < key.expires_at else None
