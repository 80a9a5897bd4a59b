"""What a machine without the tools gets: a skip by name, or a failure by name where the gate allows no skips."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ways_in import installs

FAMILIES = {"Node": (installs.node, "npm"), "Go": (installs.go, "go"), "Java": (installs.java, "mvn")}


@pytest.fixture(params=FAMILIES)
def lacking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Callable[[], list[str]], str]:
    """A family's entry on a machine that has everything but one tool, and what has to be said."""
    entry, tool = FAMILIES[request.param]
    monkeypatch.setattr(shutil, "which", lambda name: None if name == tool else f"/usr/bin/{name}")
    return entry, f"{request.param} clients are not tested: {tool} not found"


def test_a_missing_tool_skips_by_name(
    lacking: tuple[Callable[[], list[str]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, reason = lacking
    monkeypatch.delenv("KOWLOON_TEST_ALLOW_SKIPS", raising=False)
    with pytest.raises(pytest.skip.Exception, match=reason):
        entry()


def test_a_missing_tool_fails_by_name_in_the_gate(
    lacking: tuple[Callable[[], list[str]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, reason = lacking
    monkeypatch.setenv("KOWLOON_TEST_ALLOW_SKIPS", "0")
    with pytest.raises(pytest.fail.Exception, match=reason):
        entry()


def test_what_cannot_be_fetched_is_tried_once_and_skipped_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KOWLOON_TEST_ALLOW_SKIPS", raising=False)
    monkeypatch.setattr(installs, "CACHE", tmp_path)
    monkeypatch.setattr(installs, "_missed", {})
    tried: list[list[str]] = []

    def unreachable(argv: list[str], *_: object) -> tuple[int, str]:
        tried.append(argv)
        return 1, "no route to host"

    monkeypatch.setattr(installs, "_run", unreachable)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match=r"npm ci .* failed .* no route to host"):
            installs.node()
    assert len(tried) == 1
