"""A message log and its file: restarts, a disk that is full or slow, files of somebody else."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kowloon.core.errors import ConfigurationError
from kowloon.engines.messages import log as log_module
from kowloon.engines.messages.file import MessageFile
from kowloon.engines.messages.log import Kept, MessageLog

from .saying import DEADLINE_S, say, texts, until


@contextmanager
def _full_disk(*paths: Path) -> Iterator[None]:
    """No file of this process grows beyond the largest of these."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(path.stat().st_size for path in paths), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    log = MessageLog(path)
    kept = await say(log, "cid", "one", "two", "three")
    log.mark_read("cid", "wong", 2, 9.5)
    on_the_way = log.append("cid", at=2.0, sender="lin", body=b"four")
    log.close()
    log.close()
    kept.append(await on_the_way)
    assert path.stat().st_mode & 0o777 == 0o600
    log = MessageLog(path)
    assert log.last("cid") == 4
    assert log.read("cid") == kept
    assert log.find(kept[1].id) == kept[1]
    assert log.marks("cid") == {"wong": (2, 9.5)}
    assert (log.unread("cid", "wong"), log.unread("cid", "chan")) == (2, 4)
    assert [each.sequence for each in await say(log, "cid", "five")] == [5]
    log.close()
    with pytest.raises(RuntimeError, match="the message log is closed"):
        log.append("cid", at=1.0, sender="lin", body=b"late")


async def test_a_mark_alone_is_written_a_moment_later(tmp_path: Path) -> None:
    log = MessageLog(tmp_path / "messages.db")
    await say(log, "cid", "1")
    log.mark_read("cid", "wong", 1, 5.0)
    other = MessageFile(tmp_path / "messages.db")
    await until(lambda: other.marks(1) == {"wong": (1, 5.0)})
    other.close()
    log.close()


async def test_a_restart_in_the_middle_of_dropping_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    log = MessageLog(path)
    (old, *_) = await say(log, "cid", *(str(n) for n in range(300)))
    log.drop("cid")
    log.close()
    log = MessageLog(path)
    assert log.last("cid") == 0
    assert log.find(old.id) is None
    (new,) = await say(log, "cid", "anew")
    assert new.id != old.id
    await until(lambda: log._file.count() == 1)
    log.close()
    # A key is never given twice, also when the conversation that had the highest is gone.
    log = MessageLog(path)
    log.drop("cid")
    await log.flush()
    await until(lambda: log._file.conversations() == [])
    log.close()
    log = MessageLog(path)
    (newest,) = await say(log, "cid", "again")
    assert newest.id not in (old.id, new.id)
    log.close()


async def test_a_full_disk_keeps_nothing_of_a_turn_and_later_ones_work(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    log = MessageLog(path)
    heard: list[Kept] = []
    log.listen(heard.append)
    (first,) = await say(log, "cid", "before")
    body = b"x" * 50_000
    with _full_disk(path, tmp_path / "messages.db-wal"):
        log.mark_read("cid", "wong", 1, 7.0)
        refused = [log.append("cid", at=1.0, sender="lin", body=body, unique="u") for _ in range(2)]
        refused += [log.append("begun", at=1.0, sender="lin", body=body)]
        edit = log.replace(first.id, b"edited")
        results = await asyncio.gather(*refused, edit, return_exceptions=True)
        assert [type(each) for each in results] == [sqlite3.OperationalError] * 4
        with pytest.raises(sqlite3.OperationalError):
            await log.flush()
    assert (log.last("cid"), log.last("begun"), log.known("cid", "u")) == (1, 0, False)
    assert log.read("cid") == heard == [first]
    second = await log.append("cid", at=1.0, sender="lin", body=b"after", unique="u")
    assert second.sequence == 2
    assert (await say(log, "begun", "after"))[0].sequence == 1
    # What nobody waits for is kept when there is room again.
    await log.flush()
    log.close()
    log = MessageLog(path)
    assert log.marks("cid") == {"wong": (1, 7.0)}
    assert texts(log.read("cid")) == ["before", "after"]
    log.close()


async def test_a_mark_and_a_drop_that_were_refused_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log_module, "_RETRY_S", 0.01)
    log = MessageLog(tmp_path / "messages.db")
    await say(log, "cid", "1")
    await say(log, "gone", "1")
    write, tries = log._file.write, 0

    def refuses(batch: object) -> None:
        nonlocal tries
        tries += 1
        raise sqlite3.OperationalError("disk I/O error")

    log._file.write = refuses  # type: ignore[method-assign,assignment]
    log.mark_read("cid", "wong", 1, 7.0)
    log.drop("gone")
    await until(lambda: tries > 3)
    assert caplog.text.count("messages cannot be kept: disk I/O error") == 1
    assert (log.last("gone"), log.marks("cid")) == (0, {"wong": (1, 7.0)})
    log._file.write = write  # type: ignore[method-assign]
    other = MessageFile(tmp_path / "messages.db")
    await until(lambda: other.marks(1) == {"wong": (1, 7.0)} and other.count() == 1)
    other.close()
    log.close()


async def test_the_log_is_copied_in_a_thread_while_messages_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "LOG_BYTES", 200_000)
    log = MessageLog(tmp_path / "messages.db")
    log._copy_at_bytes = 200_000
    cut, threads = log._file.restart_log, []

    def cuts() -> None:
        threads.append(threading.current_thread())
        cut()

    log._file.restart_log = cuts  # type: ignore[method-assign]
    said: list[Kept] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(threads) < 4:
            said += await say(log, "cid", *(f"{len(said) + n} ".zfill(2000) for n in range(20)))
            log.mark_read("cid", "wong", len(said), 1.0)
    assert threading.main_thread() not in threads
    await log.flush()
    assert log.read("cid", most=len(said)) == said
    assert [each.sequence for each in said] == list(range(1, len(said) + 1))
    # It does not grow without end.
    assert (tmp_path / "messages.db-wal").stat().st_size < 2_000_000
    log.close()
    log = MessageLog(tmp_path / "messages.db")
    assert log.read("cid", most=len(said)) == said
    log.close()


async def test_while_the_log_begins_anew_messages_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = MessageLog(tmp_path / "messages.db")
    log._copy_at_bytes = 0
    cut, cutting, go_on = log._file.restart_log, threading.Event(), threading.Event()

    def cuts() -> None:
        cutting.set()
        assert go_on.wait(DEADLINE_S)
        cut()

    log._file.restart_log = cuts  # type: ignore[method-assign]
    await say(log, "cid", "1")
    await until(cutting.is_set)
    later = log.append("cid", at=1.0, sender="lin", body=b"2")
    flushed = asyncio.ensure_future(log.flush())
    for _ in range(100):
        await asyncio.sleep(0)
    assert not later.done()
    assert not flushed.done()
    assert log.last("cid") == 1
    go_on.set()
    async with asyncio.timeout(DEADLINE_S):
        await flushed
    assert later.done()
    assert texts(log.read("cid")) == ["1", "2"]
    log.close()


async def test_two_logs_in_one_process(tmp_path: Path) -> None:
    one, two, memory = MessageLog(tmp_path / "1.db"), MessageLog(tmp_path / "2.db"), MessageLog(None)
    for log, text in ((one, "one"), (two, "two"), (memory, "memory")):
        await say(log, "cid", text)
    for log, text in ((one, "one"), (two, "two"), (memory, "memory")):
        assert texts(log.read("cid")) == [text]
        log.close()


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE diary (day TEXT)")
    connection.close()


def _newer(path: Path) -> None:
    MessageLog(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=9")
    connection.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_foreign, "is not a message log of kowloon \\(it has other tables\\); move it away"),
        (_newer, "has message format 9, this version of kowloon reads 1; start it with the version that wrote it"),
        (lambda path: path.write_text("dear diary " * 100), "is not a message log of kowloon .*; move it away"),
    ],
)
def test_a_file_of_somebody_else_is_refused_untouched(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "messages.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=message):
        MessageLog(path)
    assert path.read_bytes() == before
