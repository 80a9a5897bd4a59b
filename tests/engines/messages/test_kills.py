"""kill -9 in the middle of everything: what was acknowledged is there, in order, and nothing is there by half."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kowloon.engines.messages.log import Kept, MessageLog
from tests.engines.messages import killed
from tests.engines.messages.killed import text_and_version


def _lines_until_killed(path: Path, run: int, rolls: random.Random) -> list[list[Any]]:
    """What one process was told before it was killed, behind so many lines."""
    command = [sys.executable, killed.__file__, str(path), str(run), str(rolls.randrange(2**32))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(rolls.randrange(1, 1500))]
        finally:
            os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
    assert lines[0], "it did not even begin"
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


class _Expected:
    """All that any of the killed processes was told."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        self.kept: dict[str, tuple[str, int, str]] = {}
        self.versions: dict[str, int] = {}
        self.read: dict[tuple[str, str], int] = {}
        self.dropped: set[str] = set()

    def add(self, line: list[Any]) -> None:
        match line:
            case ["told", id, conversation]:
                self.told[id] = conversation
            case ["kept", id, conversation, sequence, text]:
                assert id in self.told, "listeners are told first"
                self.kept[id] = (conversation, sequence, text)
            case ["replaced", id, version]:
                self.versions[id] = version
            case ["read", conversation, reader, sequence]:
                self.read[conversation, reader] = sequence
            case ["dropped", conversation]:
                self.dropped.add(conversation)

    def check(self, log: MessageLog) -> None:
        there: dict[str, Kept] = {}
        for number in range(killed.CONVERSATIONS):
            conversation = f"cid{number}"
            messages = log.read(conversation, most=10**9)
            assert [each.sequence for each in messages] == list(range(1, log.last(conversation) + 1))
            there |= {each.id: each for each in messages}
        for id, (conversation, sequence, text) in self.kept.items():
            assert (there[id].conversation, there[id].sequence) == (conversation, sequence)
            assert text_and_version(there[id].body)[0] == text
        # Also those that nobody was told of are whole, and none is there twice.
        said = [text_and_version(each.body) for each in there.values()]
        assert len({text for text, _ in said}) == len(said)
        for id, version in self.versions.items():
            assert text_and_version(there[id].body)[1] == version
        for (conversation, reader), sequence in self.read.items():
            assert log.marks(conversation)[reader][0] >= sequence
        assert {id for id, conversation in self.told.items() if conversation.startswith("cid")} <= there.keys()
        assert [log.last(conversation) for conversation in self.dropped] == [0] * len(self.dropped)
        assert there.keys() <= {each.id for _, each in log.everything(most=10**9)}


def _kill_again_and_again(path: Path, kills: int, seed: int) -> int:
    rolls, expected = random.Random(seed), _Expected()
    for run in range(kills):
        for line in _lines_until_killed(path, run, rolls):
            expected.add(line)
        log = MessageLog(path)
        assert log._file._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        expected.check(log)
        log.close()
    return len(expected.kept)


def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert _kill_again_and_again(tmp_path / "messages.db", kills=5, seed=1) > 100


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(8))
def test_two_hundred_kills(tmp_path: Path, seed: int) -> None:
    acknowledged = _kill_again_and_again(tmp_path / "messages.db", kills=25, seed=100 + seed)
    print(f"25 kills, {acknowledged} messages acknowledged, none lost")
