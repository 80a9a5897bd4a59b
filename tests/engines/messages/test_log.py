"""A message log: in order without gaps, once, kept before it is told; it trims, forgets and refuses."""

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
from kowloon.engines.messages.log import MOST_BODY_BYTES, Kept, MessageLog

DEADLINE_S = 60.0


@pytest.fixture(params=["file", "memory"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "messages.db" if request.param == "file" else None


async def _say(log: MessageLog, conversation: str, *texts: str) -> list[Kept]:
    return await asyncio.gather(*(log.append(conversation, at=1.5, sender="lin", body=text.encode()) for text in texts))


def _texts(messages: list[Kept]) -> list[str]:
    return [each.body.decode() for each in messages]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@contextmanager
def _full_disk(*paths: Path) -> Iterator[None]:
    """No file of this process grows beyond the largest of these."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(path.stat().st_size for path in paths), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_each_conversation_counts_without_gaps(path: Path | None) -> None:
    log = MessageLog(path)
    futures = [log.append(f"cid{n % 3}", at=float(n), sender=f"user{n}", body=b'{"text": %d}' % n) for n in range(30)]
    assert log.last("cid0") == 0
    kept = await asyncio.gather(*futures)
    assert kept[7] == Kept("cid1", 3, 7.0, kept[7].id, "user7", b'{"text": 7}')
    for conversation in ("cid0", "cid1", "cid2"):
        mine = [each for each in kept if each.conversation == conversation]
        assert [each.sequence for each in mine] == list(range(1, 11))
        assert log.read(conversation) == mine
        assert log.last(conversation) == 10
    assert len({each.id for each in kept}) == 30
    assert [log.find(each.id) for each in kept] == kept
    assert [each for _, each in log.everything()] == kept
    assert log.last("nobody") == 0
    assert log.read("nobody") == []
    log.close()


async def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    log = MessageLog(path)
    kept = await _say(log, "cid", "one", "two", "three")
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
    assert [each.sequence for each in await _say(log, "cid", "five")] == [5]
    log.close()
    with pytest.raises(RuntimeError, match="the message log is closed"):
        log.append("cid", at=1.0, sender="lin", body=b"late")


async def test_pages_both_ways(path: Path | None) -> None:
    log = MessageLog(path)
    await _say(log, "other", "not this one")
    await _say(log, "cid", *(str(n) for n in range(1, 121)))
    await _say(log, "another", "nor this one")

    def pages(**asked: int) -> list[int]:
        return [each.sequence for each in log.read("cid", **asked)]

    assert pages() == list(range(1, 51))
    assert pages(after=50) == list(range(51, 101))
    assert pages(after=100) == list(range(101, 121))
    assert pages(after=120) == pages(after=10**30) == []
    assert pages(before=121) == pages(before=10**30) == list(range(71, 121))
    assert pages(before=71, most=20) == list(range(51, 71))
    assert pages(before=3) == [1, 2]
    assert pages(before=1) == []
    assert pages(after=10, before=20, most=4) == [16, 17, 18, 19]
    assert pages(after=10, before=14) == [11, 12, 13]
    assert pages(after=14, before=10) == []
    assert pages(after=-5, most=2) == [1, 2]
    assert pages(most=0) == pages(most=-1) == []
    assert pages(most=10**30) == list(range(1, 121))
    log.close()


async def test_everything_goes_on_by_its_number(path: Path | None) -> None:
    log = MessageLog(path)
    for n in range(10):
        await _say(log, f"cid{n % 2}", str(n))
    log.drop("cid1")
    found, after = [], 0
    while page := log.everything(after=after, most=2):
        found += [each for _, each in page]
        after = page[-1][0]
    assert _texts(found) == ["0", "2", "4", "6", "8"]
    assert log.everything(after=10**30) == log.everything(most=-1) == []
    log.close()


async def test_listeners_hear_it_when_it_is_kept_and_before_its_appender(
    path: Path | None, caplog: pytest.LogCaptureFixture
) -> None:
    log = MessageLog(path)
    heard: list[str] = []

    def fails(_: Kept) -> None:
        raise ZeroDivisionError("a listener's own")

    def hears(kept: Kept) -> None:
        assert log.find(kept.id) == kept
        assert log.read(kept.conversation, before=kept.sequence + 1, most=1) == [kept]
        assert log.last(kept.conversation) >= kept.sequence
        heard.append(kept.body.decode())
        if kept.sequence == 2:
            log.append(kept.conversation, at=1.0, sender="robot", body=b"an answer")

    log.listen(fails)
    log.listen(hears)
    futures = [log.append("cid", at=1.0, sender="lin", body=f"{n}".encode()) for n in range(4)]
    for n, future in enumerate(futures):
        future.add_done_callback(lambda _, n=n: heard.append(f"told {n}"))
    await asyncio.gather(*futures)
    await log.flush()
    assert heard.index("0") < heard.index("told 0")
    assert [each for each in heard if "told" not in each] == ["0", "1", "2", "3", "an answer"]
    assert [each for each in heard if "told" in each] == [f"told {n}" for n in range(4)]
    assert caplog.text.count("a listener failed at message msg") == 5
    log.close()


async def test_the_same_again_answers_the_first(path: Path | None) -> None:
    log = MessageLog(path)
    heard: list[Kept] = []
    log.listen(heard.append)

    def once(conversation: str, text: str) -> asyncio.Future[Kept]:
        return log.append(conversation, at=1.0, sender="lin", body=text.encode(), unique="u1")

    assert not log.known("cid", "u1")
    given_up, again, elsewhere = once("cid", "first"), once("cid", "in the same turn"), once("else", "another")
    assert log.known("cid", "u1")
    given_up.cancel()
    first = await again
    assert first.body == b"first"
    assert (await elsewhere).body == b"another"
    assert await once("cid", "later") == first
    if path is not None:
        log.close()
        log = MessageLog(path)
    assert log.known("cid", "u1")
    assert await once("cid", "after a restart") == first
    assert _texts(heard) == ["first", "another"]
    assert [each.sequence for each in await _say(log, "cid", "next")] == [2]
    log.close()


async def test_a_body_is_replaced_in_order(path: Path | None) -> None:
    log = MessageLog(path)
    (first,) = await _say(log, "cid", "said")
    await asyncio.gather(log.replace(first.id, b"edited"), log.replace(first.id, b"recalled"))
    assert log.find(first.id) == first._replace(body=b"recalled")
    for stranger in ("", "msg", "hello", "msg!", first.id + "A", first.id[:-1], first.id[3:], "msgAAAAAAAAAAAA", "é"):
        assert log.find(stranger) is None
        with pytest.raises(KeyError):
            log.replace(stranger, b"x")
    second = log.append("cid", at=1.0, sender="lin", body=b"two")
    # Ids are made of what they name, so that of the next one can be told.
    next_id = first.id[:-1] + chr(ord(first.id[-1]) + 1)
    await log.replace(next_id, b"two, edited at once")
    assert (await second).id == next_id
    assert log.read("cid", after=1)[0].body == b"two, edited at once"
    log.close()


async def test_marks_never_go_back_nor_beyond(path: Path | None) -> None:
    log = MessageLog(path)
    log.mark_read("cid", "wong", 3, 1.0)
    assert log.marks("cid") == {}
    await _say(log, "cid", "1", "2", "3", "4")
    for sequence, at in ((2, 10.0), (1, 11.0), (2, 12.0)):
        log.mark_read("cid", "wong", sequence, at)
    log.mark_read("cid", "chan", 10**30, 13.0)
    expected = {"wong": (2, 10.0), "chan": (4, 13.0)}
    assert log.marks("cid") == expected
    assert [log.unread("cid", reader) for reader in ("wong", "chan", "lau")] == [2, 0, 4]
    assert log.unread("nobody", "wong") == 0
    await log.flush()
    if path is not None:
        # Another one looks into the file: they are there without a close.
        other = MessageFile(path)
        assert other.marks(other.conversations()[0].key) == expected
        other.close()
    log.close()


async def test_a_mark_alone_is_written_a_moment_later(tmp_path: Path) -> None:
    log = MessageLog(tmp_path / "messages.db")
    await _say(log, "cid", "1")
    log.mark_read("cid", "wong", 1, 5.0)
    other = MessageFile(tmp_path / "messages.db")
    await _until(lambda: other.marks(1) == {"wong": (1, 5.0)})
    other.close()
    log.close()


async def test_what_is_dropped_is_gone_and_begins_anew(path: Path | None) -> None:
    log = MessageLog(path)
    old = await _say(log, "cid", *(str(n) for n in range(200)))
    other = await _say(log, "other", "stays")
    for n in range(150):
        log.mark_read("cid", f"user{n}", n + 1, 1.0)
    on_the_way = log.append("cid", at=1.0, sender="lin", body=b"on the way", unique="u")
    log.drop("cid")
    log.drop("nobody")
    assert (log.last("cid"), log.read("cid"), log.marks("cid"), log.known("cid", "u")) == (0, [], {}, False)
    assert [log.find(each.id) for each in old] == [None] * 200
    with pytest.raises(KeyError):
        log.replace(old[0].id, b"x")
    begun = log.append("cid", at=1.0, sender="lin", body=b"a new one", unique="u")
    assert (await on_the_way).sequence == 201
    new = await begun
    assert new.sequence == 1
    assert new.id not in {each.id for each in old}
    # One that came and went in the same turn.
    fleeting = log.append("fleeting", at=1.0, sender="lin", body=b"x")
    log.drop("fleeting")
    assert (await fleeting).sequence == 1
    # Only what can be seen is left, also in the file.
    await _until(lambda: log._file.count() == 2)
    await _until(lambda: [each.name for each in log._file.conversations()] == ["other", "cid"])
    assert log.read("cid") == [new]
    assert log.read("other") == other
    assert log._file._connection.execute("SELECT count(*) FROM mark").fetchone() == (0,)
    log.close()


async def test_a_restart_in_the_middle_of_dropping_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    log = MessageLog(path)
    (old, *_) = await _say(log, "cid", *(str(n) for n in range(300)))
    log.drop("cid")
    log.close()
    log = MessageLog(path)
    assert log.last("cid") == 0
    assert log.find(old.id) is None
    (new,) = await _say(log, "cid", "anew")
    assert new.id != old.id
    await _until(lambda: log._file.count() == 1)
    log.close()
    # A key is never given twice, also when the conversation that had the highest is gone.
    log = MessageLog(path)
    log.drop("cid")
    await log.flush()
    await _until(lambda: log._file.conversations() == [])
    log.close()
    log = MessageLog(path)
    (newest,) = await _say(log, "cid", "again")
    assert newest.id not in (old.id, new.id)
    log.close()


async def test_the_oldest_go_and_sequences_go_on(path: Path | None) -> None:
    log = MessageLog(path, most_messages=100)
    quiet = await _say(log, "quiet", *(str(n) for n in range(5)))
    log.mark_read("quiet", "wong", 3, 1.0)
    busy = await _say(log, "busy", *(str(n) for n in range(400)))
    await _until(lambda: log._file.count() == 100)
    assert log.read("quiet") == log.read("quiet", before=10) == []
    assert log.find(quiet[0].id) is None
    assert (log.last("quiet"), log.unread("quiet", "wong"), log.unread("quiet", "chan")) == (5, 0, 0)
    assert log.read("busy", most=200) == busy[300:]
    assert log.read("busy", after=5, most=2) == busy[300:302]
    assert (log.last("busy"), log.unread("busy", "wong")) == (400, 100)
    with pytest.raises(KeyError):
        log.replace(quiet[0].id, b"x")
    if path is not None:
        log.close()
        log = MessageLog(path, most_messages=100)
        assert (log.last("quiet"), log.unread("quiet", "chan")) == (5, 0)
    assert [each.sequence for each in await _say(log, "quiet", "next")] == [6]
    await _until(lambda: log._file.count() == 100)
    log.close()


async def test_clear_forgets_all(path: Path | None) -> None:
    log = MessageLog(path)
    heard: list[Kept] = []
    log.listen(heard.append)
    (old,) = await _say(log, "cid", "old")
    log.mark_read("cid", "wong", 1, 1.0)
    on_the_way = log.append("cid", at=1.0, sender="lin", body=b"on the way", unique="u")
    log.clear()
    assert (await on_the_way).sequence == 2
    assert _texts(heard) == ["old", "on the way"]
    assert (log.last("cid"), log.marks("cid"), log.find(old.id), log.everything()) == (0, {}, None, [])
    if path is not None:
        log.close()
        log = MessageLog(path)
        assert log.last("cid") == 0
    (new,) = await _say(log, "cid", "new")
    assert (new.sequence, new.id == old.id) == (1, False)
    await _until(lambda: log._file.count() == 1)
    log.close()


async def test_a_full_disk_keeps_nothing_of_a_turn_and_later_ones_work(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    log = MessageLog(path)
    heard: list[Kept] = []
    log.listen(heard.append)
    (first,) = await _say(log, "cid", "before")
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
    assert (await _say(log, "begun", "after"))[0].sequence == 1
    # What nobody waits for is kept when there is room again.
    await log.flush()
    log.close()
    log = MessageLog(path)
    assert log.marks("cid") == {"wong": (1, 7.0)}
    assert _texts(log.read("cid")) == ["before", "after"]
    log.close()


async def test_a_mark_and_a_drop_that_were_refused_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log_module, "_RETRY_S", 0.01)
    log = MessageLog(tmp_path / "messages.db")
    await _say(log, "cid", "1")
    await _say(log, "gone", "1")
    write, tries = log._file.write, 0

    def refuses(batch: object) -> None:
        nonlocal tries
        tries += 1
        raise sqlite3.OperationalError("disk I/O error")

    log._file.write = refuses  # type: ignore[method-assign,assignment]
    log.mark_read("cid", "wong", 1, 7.0)
    log.drop("gone")
    await _until(lambda: tries > 3)
    assert caplog.text.count("messages cannot be kept: disk I/O error") == 1
    assert (log.last("gone"), log.marks("cid")) == (0, {"wong": (1, 7.0)})
    log._file.write = write  # type: ignore[method-assign]
    other = MessageFile(tmp_path / "messages.db")
    await _until(lambda: other.marks(1) == {"wong": (1, 7.0)} and other.count() == 1)
    other.close()
    log.close()


async def test_what_cannot_be_kept_is_refused_alone(path: Path | None) -> None:
    log = MessageLog(path)
    good = log.append("cid", at=1.0, sender="lin", body=b"good")
    for changes, message in (
        ({"body": b"x" * (MOST_BODY_BYTES + 1)}, f"a message of {MOST_BODY_BYTES + 1} bytes cannot be kept"),
        ({"at": float("nan")}, "nan is no moment"),
        ({"sender": "\ud800"}, "surrogates not allowed"),
        ({"unique": "\ud800"}, "surrogates not allowed"),
    ):
        with pytest.raises(ValueError, match=message):
            log.append("cid", **{"at": 1.0, "sender": "lin", "body": b"bad", **changes})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a conversation has a name"):
        log.append("", at=1.0, sender="lin", body=b"bad")
    with pytest.raises(ValueError, match="surrogates not allowed"):
        log.mark_read("cid", "\ud800", 1, 1.0)
    assert (await good).sequence == 1
    largest = await log.append("cid'; --\0", at=-1.0, sender="林\0", body=b"\0" * MOST_BODY_BYTES, unique="\0")
    assert log.read("cid'; --\0") == [largest]
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
            said += await _say(log, "cid", *(f"{len(said) + n} ".zfill(2000) for n in range(20)))
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
    await _say(log, "cid", "1")
    await _until(cutting.is_set)
    later = log.append("cid", at=1.0, sender="lin", body=b"2")
    flushed = asyncio.ensure_future(log.flush())
    await asyncio.sleep(0.05)
    assert not later.done()
    assert not flushed.done()
    assert log.last("cid") == 1
    go_on.set()
    async with asyncio.timeout(DEADLINE_S):
        await flushed
    assert later.done()
    assert _texts(log.read("cid")) == ["1", "2"]
    log.close()


async def test_two_logs_in_one_process(tmp_path: Path) -> None:
    one, two, memory = MessageLog(tmp_path / "1.db"), MessageLog(tmp_path / "2.db"), MessageLog(None)
    for log, text in ((one, "one"), (two, "two"), (memory, "memory")):
        await _say(log, "cid", text)
    for log, text in ((one, "one"), (two, "two"), (memory, "memory")):
        assert _texts(log.read("cid")) == [text]
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
