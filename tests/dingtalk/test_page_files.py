"""The chat page's files: all there and used, nothing inline, the same words in both languages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any

import pytest

from kowloon.wire.http import HttpResponse
from tests.core.parts import Caller, answer, get, paper_cloud, told

FILES = resources.files("kowloon.dingtalk.page") / "files"
# Those that all pages have.
SHARED = resources.files("kowloon.data") / "page"


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        yield caller


async def _fetch(caller: Caller, path: str) -> HttpResponse:
    return await answer(caller.cloud, get(path))


def _names(folder: Any, path: str = "") -> list[str]:
    found = []
    for entry in folder.iterdir():
        found += _names(entry, f"{path}{entry.name}/") if entry.is_dir() else [f"{path}{entry.name}"]
    return found


def _all() -> dict[str, str]:
    """Every file by its path."""
    return {name: folder.joinpath(name).read_text("utf-8") for folder in (SHARED, FILES) for name in _names(folder)}


async def test_the_page_and_what_it_loads_are_there(caller: Caller) -> None:
    page = await _fetch(caller, "/dingtalk")
    assert page.status == 200
    assert (await _fetch(caller, "/dingtalk/")).body == page.body
    scripts = {name for name in _all() if name.endswith(".js")}
    ahead = set(re.findall(r'rel="modulepreload" href="/dingtalk/([^"]+)"', page.body.decode()))
    # All at once, not each when the one that needs it has come.
    assert ahead == scripts - {"main.js"}
    for name in [*scripts, *re.findall(r'(?:href|src)="/dingtalk/([^"]+)"', page.body.decode())]:
        file = await _fetch(caller, f"/dingtalk/{name}")
        assert file.status == 200, name
    assert dict((await _fetch(caller, "/dingtalk/main.js")).headers)["Content-Type"] == "text/javascript; charset=utf-8"


async def test_nothing_inline_and_nothing_from_elsewhere(caller: Caller) -> None:
    page = await _fetch(caller, "/dingtalk")
    headers = dict(page.headers)
    assert headers["Content-Security-Policy"] == (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page.body.decode()) == []
    for name, body in _all().items():
        assert set(re.findall(r"https?://[\w./-]+", body)) <= {"http://www.w3.org/2000/svg"}, name
        if name.endswith(".js"):
            assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", body) == []


@pytest.mark.parametrize("name", ["nothing.js", "../serving.py", "..%2Flive.py", "views", "words.js/"])
async def test_no_other_file_is_served(caller: Caller, name: str) -> None:
    status, code, message = told(await _fetch(caller, f"/dingtalk/{name}"))
    assert (status, code, message) == (404, "NotFound", f"The page of dingtalk has no file {name!r}.")


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
        assert {name for name, _ in re.findall(r"\{(\w+)(\|[^}]*)?\}", chinese[key])} <= names, key


def test_every_word_is_in_the_dictionaries_and_each_of_them_is_used() -> None:
    known = _dictionary("en")
    scripts = "".join(body for name, body in _all().items() if name.endswith(".js") and not name.startswith("words."))
    used = set(re.findall(r'\bt\("([^"]+)"', scripts))
    assert used - known.keys() == set()
    # Those whose names are put together.
    composed = ("refused.", "next.", "form.", "status.", "ding.", "state.", "heard.", "list.")
    unused = {key for key in known.keys() - used if not key.startswith(composed) and f'"{key}"' not in scripts}
    assert unused == set()
