"""Cookies as browsers send and take them (RFC 6265)."""

from __future__ import annotations

from kowloon.wire.http import HttpRequest


def cookie(request: HttpRequest, name: str) -> str:
    """The value of a cookie, empty when the request has none of that name. The first one counts."""
    for header, value in request.headers:
        if header != "cookie":
            continue
        for pair in value.split(";"):
            found, separator, content = pair.strip().partition("=")
            if separator and found == name:
                return content
    return ""


def set_cookie(name: str, value: str, *, lasts_s: int, secure: bool) -> tuple[str, str]:
    """A header that no script reads and no other site has sent. `lasts_s` 0 takes the cookie away."""
    text = f"{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={lasts_s}"
    return "Set-Cookie", f"{text}; Secure" if secure else text
