"""The page's files: served to everybody, strictly typed, and nothing else of this machine."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import kowloon.duty
from kowloon.wire.http import HttpRequest, HttpResponse
from tests.core.parts import Caller, answer, get, paper_cloud, told

FILES = resources.files("kowloon.duty.page") / "files"
# Those that all pages have.
SHARED = resources.files("kowloon.data") / "page"


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        yield caller


async def _fetch(caller: Caller, path: str, **headers: str) -> HttpResponse:
    return await answer(caller.cloud, get(path, *[(name.replace("_", "-"), text) for name, text in headers.items()]))


async def test_the_page_and_what_it_loads_are_there(caller: Caller) -> None:
    page = await _fetch(caller, "/duty")
    assert page.status == 200
    assert (await _fetch(caller, "/duty/")).body == page.body
    seen = set[str]()
    waiting = set(re.findall(r'(?:href|src)="(/duty/[^"]+)"', page.body.decode()))
    while waiting:
        path = waiting.pop()
        seen.add(path)
        file = await _fetch(caller, path)
        assert file.status == 200, path
        kind = dict(file.headers)["Content-Type"]
        if path.endswith(".js"):
            assert kind == "text/javascript; charset=utf-8"
            folder = path.rpartition("/")[0]
            for name in re.findall(r'from "(\.[^"]+)"', file.body.decode()):
                target = f"{folder}/{name}"
                while "/../" in target:
                    target = re.sub(r"/[^/]+/\.\./", "/", target, count=1)
                target = target.replace("/./", "/")
                waiting |= {target} - seen
    assert "/duty/views/rota.js" in seen
    # All at once, not each when the one that needs it has come.
    ahead = set(re.findall(r'rel="modulepreload" href="([^"]+)"', page.body.decode()))
    assert ahead == {path for path in seen if path.endswith(".js")} - {"/duty/main.js"}
    # Nothing is shipped that the page does not use.
    assert {f"/duty/{name}" for name in _all_names()} - seen == {"/duty/index.html"}


def _names(folder: Any, path: str) -> list[str]:
    found = []
    for entry in folder.iterdir():
        found += _names(entry, f"{path}{entry.name}/") if entry.is_dir() else [f"{path}{entry.name}"]
    return found


def _all_names() -> dict[str, Any]:
    return {name: folder.joinpath(name) for folder in (SHARED, FILES) for name in _names(folder, "")}


async def test_nothing_inline_and_nothing_from_elsewhere(caller: Caller) -> None:
    page = await _fetch(caller, "/duty")
    headers = dict(page.headers)
    assert headers["Content-Security-Policy"] == (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    text = page.body.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text) == []
    for name, file in _all_names().items():
        body = file.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[\w./-]+", body))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name
        if name.endswith(".js"):
            assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", body) == []


async def test_what_has_not_changed_is_not_sent_again(caller: Caller) -> None:
    first = await _fetch(caller, "/duty/main.js")
    etag = dict(first.headers)["ETag"]
    again = await _fetch(caller, "/duty/main.js", if_none_match=f'W/"x", {etag}')
    assert (again.status, again.body, dict(again.headers)["ETag"]) == (304, b"", etag)
    assert (await _fetch(caller, "/duty/main.js", if_none_match='"other"')).status == 200


@pytest.mark.parametrize("name", ["nothing.js", "../serving.py", "..%2Fserving.py", "views", "views/", "words.js/"])
async def test_no_other_file_is_served(caller: Caller, name: str) -> None:
    status, code, message = told(await _fetch(caller, f"/duty/{name}"))
    assert (status, code) == (404, "NotFound")
    assert message == f"The page of duty has no file {name!r}."


async def test_it_is_only_looked_at(caller: Caller) -> None:
    request = HttpRequest(method="POST", target="/duty", headers=[("host", "127.0.0.1:8520")])
    assert told(await answer(caller.cloud, request))[:2] == (405, "MethodNotAllowed")


def _dictionary(language: str) -> dict[str, str]:
    text = FILES.joinpath(f"words.{language}.js").read_text(encoding="utf-8")
    pairs = re.findall(r'^  "([^"]+)": "((?:[^"\\]|\\.)*)",$', text, re.MULTILINE)
    assert len(pairs) == len(dict(pairs)) == len(re.findall(r"^  \"", text, re.MULTILINE))
    return dict(pairs)


def test_both_languages_say_everything_with_the_same_names_in_it() -> None:
    english, chinese = _dictionary("en"), _dictionary("zh")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        names = {name for name, _ in re.findall(r"\{(\w+)(\|[^}]*)?\}", text)}
        theirs = {name for name, _ in re.findall(r"\{(\w+)(\|[^}]*)?\}", chinese[key])}
        # A number that only chooses between one and many is not said in Chinese.
        assert theirs <= names, key
        assert names - theirs <= {"n"}, key


def test_every_word_that_is_used_is_in_the_dictionaries() -> None:
    known = _dictionary("en")
    used = set[str]()
    for name, file in _all_names().items():
        if name.endswith(".js"):
            body = file.read_text(encoding="utf-8")
            used |= set(re.findall(r'\bt\("([^"]+)"', body))
            used |= set(re.findall(r'\bt\([^()]*\? "([^"]+)" : "[^"]+"\)', body))
            used |= set(re.findall(r'\bt\([^()]*\? "[^"]+" : "([^"]+)"\)', body))
    assert used - known.keys() == set()


def test_whatever_can_happen_has_words() -> None:
    """Of the history and of a page's story: what duty's own code writes there."""
    known = _dictionary("en")
    code = "".join(path.read_text(encoding="utf-8") for path in Path(kowloon.duty.__file__).parent.rglob("*.py"))
    happened = set(re.findall(r'happened\(\s*"([a-z-]+)"', code))
    story = set(re.findall(r'Entry\([^()]*what="([a-z-]+)"', code))
    assert len(happened) > 20
    assert len(story) > 8
    assert {f"happened.{each}" for each in happened} | {f"story.{each}" for each in story} <= known.keys()
