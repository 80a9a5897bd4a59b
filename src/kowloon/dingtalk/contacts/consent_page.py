"""What the page of consent shows. Pure: whatever people typed is escaped, and there is no script that could run."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final, NamedTuple

from kowloon.wire.http import HttpResponse

_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}"
    "h1{font-size:1.3rem}button{font:inherit;padding:.5rem 1.5rem;margin-right:.5rem}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_SCOPES: Final = {
    "openid": "知道你是谁 · who you are",
    "corpid": "知道你所在的组织 · which organisation you are in",
}


class Asked(NamedTuple):
    """What is to be agreed to. `origin`: where an answer leads."""

    application: str
    organisation: str
    person: str
    scopes: tuple[str, ...]
    origin: str
    ticket: str


def consent(asked: Asked) -> HttpResponse:
    wanted = "".join([f"<li>{escape(_SCOPES.get(each, each))}</li>" for each in asked.scopes])
    body = (
        f"<h1>登录 {escape(asked.application)} · Sign in to {escape(asked.application)}</h1>"
        f"<p>{escape(asked.person)}, {escape(asked.organisation)}</p>"
        f"<p>它将 · It will learn:</p><ul>{wanted}</ul>"
        f"<p>然后前往 · Then you go to <strong>{escape(asked.origin)}</strong></p>"
        '<form method="post" action="/oauth2/auth">'
        f'<input type="hidden" name="ticket" value="{escape(asked.ticket)}">'
        '<button name="decision" value="allow">同意 · Allow</button>'
        '<button name="decision" value="refuse">拒绝 · Refuse</button></form>'
    )
    # Browsers hold the redirect that follows a form to `form-action`, too.
    return page(200, asked.application, body, form_action=f"'self' {asked.origin}")


def told(status: int, chinese: str, english: str) -> HttpResponse:
    """Why there is nothing to agree to."""
    return page(status, english, f"<h1>{escape(chinese)}</h1><p>{escape(english)}</p>")


def sign_in_first(target: str) -> HttpResponse:
    again = escape(target)
    body = (
        "<h1>请先登录 · Sign in first</h1>"
        '<p><a href="/dingtalk" target="_blank" rel="noopener">登录 · Sign in</a></p>'
        f'<p><a href="{again}">继续 · Continue</a></p>'
    )
    return page(401, "Sign in first", body)


def once_more(target: str) -> HttpResponse:
    """The cookie of who is signed in does not come with a visit from another site; from this page it does."""
    return page(200, "…", "", head=f'<meta http-equiv="refresh" content="0;url={escape(target)}">')


def page(status: int, title: str, body: str, *, head: str = "", form_action: str = "'none'") -> HttpResponse:
    """`body` and `head` are HTML already."""
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        f"form-action {form_action}; frame-ancestors 'none'"
    )
    text = (
        '<!doctype html><html lang="zh"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"{head}<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
    headers = [("Content-Security-Policy", policy), *HEADERS]
    return HttpResponse(status, text.encode(), headers=headers, content_type="text/html; charset=utf-8")


#: Of every answer. With no referrer at all browsers would say nothing of where a form is from.
HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
