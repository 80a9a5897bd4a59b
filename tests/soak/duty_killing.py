"""Kill a serving cloud while it pages, again and again, and look whether every step was taken once."""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.cli.parts import Served

_DUTY = {"Version": "2026-11-22"}
_PEOPLE = ("wei", "lin", "ada")
# After 200 kills some ten thousand messages have still to go out.
_SETTLED_S = 600.0


class Phones:
    """A web server that takes pages: by id, who was called, how often."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        phones = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                content = self.rfile.read(length)
                if len(content) < length:
                    # Who called was killed.
                    return
                body = json.loads(content)
                id = self.headers["idempotency-key"]
                phones.calls[id] += 1
                known = phones.bodies.setdefault(id, body)
                assert known == body, "one id, two messages"
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/page"


@contextmanager
def phones() -> Iterator[Phones]:
    found = Phones()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
        thread.join(30.0)


def organisation(url: str) -> str:
    """Everybody at once, twice, a fifth of a second apart, and nobody answers but by hand."""
    people = "".join(
        f"  - {{id: {each}, name: {each}, pools: [all], reach: [{{by: webhook, at: '{url}'}}]}}\n" for each in _PEOPLE
    )
    step = "{notify: ['pool:all'], wait_min: 0.003}"
    return (
        f"title: Kills\npeople:\n{people}posts:\n  - {{id: ic, title: IC, ladder: all}}\n"
        f"ladders:\n  - {{id: all, repeat: 1, steps: [{step}]}}\n"
    )


class Toll(dict[str, int]):
    """Rounds, pages and messages."""


class Caller:
    """Pages and answers until the server is gone, and notes what it was promised."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.pages: list[str] = []
        self.acknowledged: list[str] = []
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for number in range(1000):
                made = self._ask("CreatePage", PostId="ic", Title=f"page {number}")
                self.pages.append(made["Page"]["PageId"])
                if number % 3 == 0:
                    self._ask("AcknowledgePage", PageId=self.pages[-1], PersonId="lin")
                    self.acknowledged.append(self.pages[-1])
        except (OSError, http.client.HTTPException):
            return

    def _ask(self, action: str, **fields: str) -> dict[str, Any]:
        return self.served.ask(action, **_DUTY, **fields)

    def join(self) -> None:
        self._thread.join(30.0)
        assert not self._thread.is_alive()


def kill_repeatedly(home: Path, rounds: int, seed: int) -> Toll:
    """Each round: start on what the last one left, page, kill. In the end everything is as if there had been none."""
    chosen, toll = random.Random(seed), Toll(rounds=0, pages=0, messages=0)
    pages: list[str] = []
    acknowledged: list[str] = []
    with phones() as called:
        for number in range(rounds):
            served = Served(home, "--quiet")
            try:
                if number == 0:
                    served.ask("ApplyOrganisation", File=organisation(called.url), **_DUTY)
                caller = Caller(served)
                threading.Event().wait(chosen.uniform(0.0, 0.4))
            finally:
                served.kill()
            caller.join()
            pages += caller.pages
            acknowledged += caller.acknowledged
            toll["rounds"] += 1
        with Served(home, "--quiet") as served:
            check(settle(served), pages, acknowledged)
        toll["pages"] = len(pages)
        toll["messages"] = check_messages(home, called)
    return toll


def settle(served: Served) -> list[dict[str, Any]]:
    """All pages, once none has a step to come and every message has gone out."""
    deadline = time.monotonic() + _SETTLED_S
    while True:
        pages = listed(served)
        open_ = [page for page in pages if page["State"] == "open"]
        waiting = [page for page in pages if _count(page, "paged") != _count(page, "delivered")]
        if not open_ and not waiting:
            return pages
        assert time.monotonic() < deadline, (len(open_), waiting[:1])
        threading.Event().wait(0.1)


def _count(page: dict[str, Any], what: str) -> int:
    return sum(entry["What"] == what for entry in page["Story"])


def listed(served: Served) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = []
    token = ""
    while True:
        answer = served.ask("ListPages", MaxResults="100", NextToken=token, **_DUTY)
        pages += answer["Pages"]
        token = answer["NextToken"]
        if not token:
            return pages


def check(found: list[dict[str, Any]], pages: list[str], acknowledged: list[str]) -> None:
    """What was promised is there, and each page's story has each step once."""
    kept = {page["PageId"]: page for page in found}
    assert set(pages) <= set(kept), "an acknowledged page is gone"
    for id in acknowledged:
        assert (kept[id]["State"], kept[id]["AcknowledgedBy"]) == ("acknowledged", "lin")
    for page in kept.values():
        steps = Counter(entry["PersonId"] for entry in page["Story"] if entry["What"] == "paged")
        assert set(steps) == set(_PEOPLE), page
        assert len(set(steps.values())) == 1, "a step was taken for some and not for others"
        most = 2 if page["State"] == "exhausted" else page["Step"]
        assert set(steps.values()) == {most}, page


def check_messages(home: Path, called: Phones) -> int:
    """Every step has one message for each; each was sent, under its own id alone."""
    messages = [each for each in stored(home, "duty-message") if each.get("page")]
    steps = Counter((each["page"], each["person"]) for each in messages)
    story: Counter[tuple[str, str]] = Counter()
    for page in stored(home, "duty-page"):
        story.update((page["id"], entry["person"]) for entry in page["story"] if entry["what"] == "paged")
    assert steps == story, "a step has not exactly one message"
    ids = {each["id"] for each in messages}
    assert ids <= set(called.calls), "a message was never sent"
    assert {id for id, body in called.bodies.items() if body["urgent"]} <= ids, "what was sent is not kept"
    return len(messages)


def stored(home: Path, kind: str) -> list[dict[str, Any]]:
    """As the cloud keeps it."""
    with sqlite3.connect(home / "state.db", timeout=30.0) as database:
        rows = database.execute("SELECT body FROM resource WHERE kind = ?", (kind,)).fetchall()
    return [json.loads(body) for (body,) in rows]
