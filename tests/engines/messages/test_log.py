"""A message log: in order without gaps, once, kept before it is told; it trims, forgets and refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kowloon.engines.messages.file import MessageFile
from kowloon.engines.messages.log import MOST_BODY_BYTES, Kept, MessageLog

from .saying import say, texts, until


@pytest.fixture(params=["file", "memory"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "messages.db" if request.param == "file" else None


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


async def test_pages_both_ways(path: Path | None) -> None:
    log = MessageLog(path)
    await say(log, "other", "not this one")
    await say(log, "cid", *(str(n) for n in range(1, 121)))
    await say(log, "another", "nor this one")

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
        await say(log, f"cid{n % 2}", str(n))
    log.drop("cid1")
    found, after = [], 0
    while page := log.everything(after=after, most=2):
        found += [each for _, each in page]
        after = page[-1][0]
    assert texts(found) == ["0", "2", "4", "6", "8"]
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
    assert texts(heard) == ["first", "another"]
    assert [each.sequence for each in await say(log, "cid", "next")] == [2]
    log.close()


async def test_a_body_is_replaced_in_order(path: Path | None) -> None:
    log = MessageLog(path)
    (first,) = await say(log, "cid", "said")
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
    await say(log, "cid", "1", "2", "3", "4")
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


async def test_what_is_dropped_is_gone_and_begins_anew(path: Path | None) -> None:
    log = MessageLog(path)
    old = await say(log, "cid", *(str(n) for n in range(200)))
    other = await say(log, "other", "stays")
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
    await until(lambda: log._file.count() == 2)
    await until(lambda: [each.name for each in log._file.conversations()] == ["other", "cid"])
    assert log.read("cid") == [new]
    assert log.read("other") == other
    assert log._file._connection.execute("SELECT count(*) FROM mark").fetchone() == (0,)
    log.close()


async def test_the_oldest_go_and_sequences_go_on(path: Path | None) -> None:
    log = MessageLog(path, most_messages=100)
    quiet = await say(log, "quiet", *(str(n) for n in range(5)))
    log.mark_read("quiet", "wong", 3, 1.0)
    busy = await say(log, "busy", *(str(n) for n in range(400)))
    await until(lambda: log._file.count() == 100)
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
    assert [each.sequence for each in await say(log, "quiet", "next")] == [6]
    await until(lambda: log._file.count() == 100)
    log.close()


async def test_clear_forgets_all(path: Path | None) -> None:
    log = MessageLog(path)
    heard: list[Kept] = []
    log.listen(heard.append)
    (old,) = await say(log, "cid", "old")
    log.mark_read("cid", "wong", 1, 1.0)
    on_the_way = log.append("cid", at=1.0, sender="lin", body=b"on the way", unique="u")
    log.clear()
    assert (await on_the_way).sequence == 2
    assert texts(heard) == ["old", "on the way"]
    assert (log.last("cid"), log.marks("cid"), log.find(old.id), log.everything()) == (0, {}, None, [])
    if path is not None:
        log.close()
        log = MessageLog(path)
        assert log.last("cid") == 0
    (new,) = await say(log, "cid", "new")
    assert (new.sequence, new.id == old.id) == (1, False)
    await until(lambda: log._file.count() == 1)
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
