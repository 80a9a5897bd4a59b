"""Serves the files of a page. They hold no data: these come by calls, with the cookie of who signed in."""

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

_FIRST: Final = "index.html"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
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
NOT_FOUND: Final = ErrorSpec("NotFound", 404, "The page of {page} has no file {name!r}.")


class PageFile(msgspec.Struct, frozen=True):
    body: bytes
    content_type: str
    etag: str


class WebPage:
    """The page `/<name>`: the files of its package, with those that all pages have."""

    def __init__(self, name: str, package: str) -> None:
        self._name = name
        self._path = f"/{name}"
        self._package = package

    def register(self, routes: Routes) -> None:
        routes.add("GET HEAD", self._path, self.answer, "open")
        routes.add("GET HEAD", f"{self._path}/", self.answer, "open")

    @functools.cached_property
    def files(self) -> dict[str, PageFile]:
        """By path. Read once; only these are ever served."""
        shared = resources.files("kowloon.data") / "page"
        own = resources.files(self._package) / "files"
        return {**dict(_files(shared, "")), **dict(_files(own, ""))}

    def answer(self, request: HttpRequest) -> HttpResponse:
        name = request.path.removeprefix(self._path).lstrip("/") or _FIRST
        file = self.files.get(name)
        if file is None:
            raise NOT_FOUND.error(page=self._name, name=name)
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
