"""Serves the page of duty. It holds no data: these come by /api, with the cookie of who signed in."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import msgspec

from kowloon.actions.routes import Routes
from kowloon.core.errors import ErrorSpec
from kowloon.wire.http import HttpRequest, HttpResponse

_PATH: Final = "/duty"
_FIRST: Final = "index.html"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}
# Nothing inline, nothing from elsewhere, in nobody's frame: what people typed cannot become a script.
_HEADERS: Final = (
    (
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    # Asked for every time, and answered in a few bytes while nothing has changed.
    ("Cache-Control", "no-cache"),
)
NOT_FOUND: Final = ErrorSpec("NotFound", 404, "The page of duty has no file {name!r}.")


class PageFile(msgspec.Struct, frozen=True):
    body: bytes
    content_type: str
    etag: str


class DutyPage:
    def register(self, routes: Routes) -> None:
        routes.add("GET HEAD", _PATH, self.answer, "open")
        routes.add("GET HEAD", f"{_PATH}/", self.answer, "open")

    @functools.cached_property
    def files(self) -> dict[str, PageFile]:
        """By path. Read once; only these are ever served."""
        return dict(_files(resources.files("kowloon.duty.page") / "files", ""))

    def answer(self, request: HttpRequest) -> HttpResponse:
        name = request.path.removeprefix(_PATH).lstrip("/") or _FIRST
        file = self.files.get(name)
        if file is None:
            raise NOT_FOUND.error(name=name)
        headers = [*_HEADERS, ("ETag", file.etag)]
        if file.etag in (request.header("if-none-match") or ""):
            return HttpResponse(304, headers=headers)
        return HttpResponse(200, file.body, headers=headers, content_type=file.content_type)


def _files(folder: Traversable, path: str) -> list[tuple[str, PageFile]]:
    found: list[tuple[str, PageFile]] = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            found += _files(entry, f"{path}{entry.name}/")
            continue
        content_type = _TYPES.get(entry.name.rpartition(".")[2])
        if content_type is not None:
            body = entry.read_bytes()
            etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
            found.append((f"{path}{entry.name}", PageFile(body, content_type, etag)))
    return found
