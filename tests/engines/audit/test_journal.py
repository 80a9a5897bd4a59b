"""A journal: whole records in order, also after a kill, and no more of them than fit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.core.errors import ConfigurationError
from kowloon.engines.audit.journal import MOST_RECORD_BYTES, Journal

SEGMENT_BYTES = 4096


def _open(folder: Path, **changes: int) -> Journal:
    return Journal(folder, **{"segment_bytes": SEGMENT_BYTES, "most_bytes": 16 * SEGMENT_BYTES, **changes})


def _records(journal: Journal, position: int = 0) -> list[bytes]:
    return [record for _, record in journal.read(position)]


@settings(max_examples=60, deadline=None)
@given(records=st.lists(st.binary(min_size=1, max_size=900), max_size=40), reopen_every=st.integers(1, 9))
def test_records_come_back_in_order_over_segments_and_restarts(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], reopen_every: int
) -> None:
    folder = tmp_path_factory.mktemp("journal") / "audit"
    journal = _open(folder)
    for number, record in enumerate(records, 1):
        journal.append(record)
        if number % reopen_every == 0:
            journal.close()
            journal = _open(folder)
    assert _records(journal) == records
    positions = [position for position, _ in journal.read(0)]
    assert positions == sorted(set(positions))
    if records:
        assert positions[-1] == journal.end
    for number, position in enumerate(positions, 1):
        assert _records(journal, position) == records[number:]
    journal.close()


def test_without_a_folder_it_is_memory() -> None:
    journal = Journal(None, segment_bytes=SEGMENT_BYTES)
    journal.append(b"one")
    journal.append(b"two")
    assert _records(journal) == [b"one", b"two"]
    journal.close()


def test_old_files_go_and_positions_go_on(tmp_path: Path) -> None:
    journal = _open(tmp_path / "audit", most_bytes=2 * SEGMENT_BYTES)
    for number in range(40):
        journal.append(bytes([number]) * 500)
    kept = _records(journal)
    assert 7 <= len(kept) < 40
    assert kept[-1] == bytes([39]) * 500
    assert journal.first > 0
    assert len(list((tmp_path / "audit").iterdir())) == 2
    end = journal.end
    journal.clear()
    assert _records(journal) == []
    journal.append(b"afterwards")
    assert journal.end > end
    assert _records(journal, end) == [b"afterwards"]
    journal.close()


def test_a_record_that_is_torn_or_changed_is_none(tmp_path: Path) -> None:
    journal = _open(tmp_path / "audit")
    for text in (b"first", b"second", b"third"):
        journal.append(text)
    journal.close()
    (path,) = (tmp_path / "audit").iterdir()
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"third", b"thirX"))
    journal = _open(tmp_path / "audit")
    assert _records(journal) == [b"first", b"second"]
    journal.append(b"instead")
    assert _records(journal) == [b"first", b"second", b"instead"]
    journal.close()


def test_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    journal = _open(tmp_path / "audit")
    for record in (b"", b"x" * (MOST_RECORD_BYTES + 1), b"x" * SEGMENT_BYTES):
        with pytest.raises(ValueError, match=f"a record of {len(record)} bytes cannot be kept"):
            journal.append(record)
    journal.close()
    (tmp_path / "audit" / "notes.journal").write_text("dear diary")
    with pytest.raises(ConfigurationError, match=r"notes\.journal is not a journal of kowloon"):
        _open(tmp_path / "audit")


def test_a_file_that_was_never_finished_is_nothing(tmp_path: Path) -> None:
    journal = _open(tmp_path / "audit")
    journal.append(b"before")
    journal.close()
    (tmp_path / "audit" / "0000000000001000.new").touch()
    journal = _open(tmp_path / "audit")
    assert _records(journal) == [b"before"]
    assert len(list((tmp_path / "audit").iterdir())) == 1
    journal.close()


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    journal = _open(tmp_path / "audit")
    (path,) = (tmp_path / "audit").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    journal.close()


_APPENDS = """
import sys
from pathlib import Path
from kowloon.engines.audit.journal import Journal
journal = Journal(Path(sys.argv[1]), segment_bytes=4096)
number = 0
while True:
    journal.append(b"%d " % number * 20)
    print(number, flush=True)
    number += 1
"""


def test_a_killed_process_leaves_all_that_it_had_appended(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    for stop_at in (1, 37, 400):
        before = len(_records(Journal(folder, segment_bytes=SEGMENT_BYTES))) if folder.exists() else 0
        process = subprocess.Popen([sys.executable, "-c", _APPENDS, str(folder)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(stop_at):
            line = process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        process.stdout.close()
        journal = Journal(folder, segment_bytes=SEGMENT_BYTES)
        numbers = [int(record.split()[0]) for record in _records(journal)[before:]]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > int(line)
        journal.close()
