"""The log against a model of it in plain Python: any order of what can be asked, with restarts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.engines.messages.log import Kept, MessageLog

_CONVERSATIONS = ("a", "b", "c")
_READERS = ("lin", "wong")
_conversation = st.sampled_from(_CONVERSATIONS)
_number = st.integers(-1, 12)
_step = st.one_of(
    st.tuples(st.just("append"), _conversation, st.sampled_from(("", "", "u1", "u2"))),
    st.tuples(st.just("append"), _conversation, st.sampled_from(("", "", "u1", "u2"))),
    st.tuples(st.just("replace"), st.integers(0, 30)),
    st.tuples(st.just("mark"), _conversation, st.sampled_from(_READERS), _number),
    st.tuples(st.just("read"), _conversation, _number, _number, _number),
    st.tuples(st.just("drop"), _conversation),
    st.tuples(st.sampled_from(("turn", "turn", "flush", "restart", "clear"))),
)


@dataclass
class _Talk:
    said: list[Kept] = field(default_factory=list)
    unique: dict[str, int] = field(default_factory=dict)
    marks: dict[str, tuple[int, float]] = field(default_factory=dict)


class _Model:
    """What is there at once, as if each step were kept as it comes."""

    def __init__(self) -> None:
        self.talks: dict[str, _Talk] = {}
        self.told: list[tuple[str, int, bytes]] = []

    def append(self, conversation: str, body: bytes, unique: str) -> tuple[int, bytes]:
        talk = self.talks.setdefault(conversation, _Talk())
        if unique in talk.unique:
            sequence = talk.unique[unique]
            return sequence, talk.said[sequence - 1].body
        sequence = len(talk.said) + 1
        talk.said.append(Kept(conversation, sequence, 1.0, "", "lin", body))
        if unique:
            talk.unique[unique] = sequence
        self.told.append((conversation, sequence, body))
        return sequence, body

    def read(self, conversation: str, after: int, before: int, most: int) -> list[tuple[int, bytes]]:
        said = [(each.sequence, each.body) for each in self.talks.get(conversation, _Talk()).said]
        found = [each for each in said if each[0] > after and (before <= 0 or each[0] < before)]
        if most <= 0:
            return []
        return found[-most:] if before > 0 else found[:most]


async def _run(path: Path | None, steps: list[tuple[object, ...]]) -> None:
    log, model = MessageLog(path), _Model()
    told: list[Kept] = []
    log.listen(told.append)
    waiting: list[tuple[asyncio.Future[Kept], tuple[int, bytes]]] = []
    settled: list[Kept] = []

    async def settle() -> None:
        for future, expected in waiting:
            kept = await future
            assert (kept.sequence, kept.body) == expected
            settled.append(kept)
        waiting.clear()
        assert [(each.conversation, each.sequence, each.body) for each in told] == model.told

    for number, step in enumerate(steps):
        match step:
            case ("append", str(conversation), str(unique)):
                # The first one's body is answered as it was, or as it is now: they settle before a replace.
                body = b"%d" % number
                future = log.append(conversation, at=1.0, sender="lin", body=body, unique=unique)
                waiting.append((future, model.append(conversation, body, unique)))
            case ("replace", int(index)):
                await settle()
                if settled:
                    kept = settled[index % len(settled)]
                    there = log.find(kept.id)
                    if there is None:
                        with pytest.raises(KeyError):
                            log.replace(kept.id, b"x")
                    else:
                        await log.replace(kept.id, b"edited %d" % number)
                        said = model.talks[kept.conversation].said
                        said[kept.sequence - 1] = said[kept.sequence - 1]._replace(body=b"edited %d" % number)
                        assert log.find(kept.id) == kept._replace(body=b"edited %d" % number)
            case ("mark", str(conversation), str(reader), int(sequence)):
                await settle()
                log.mark_read(conversation, reader, sequence, float(number))
                talk = model.talks.get(conversation, _Talk())
                sequence = min(sequence, len(talk.said))
                if sequence > talk.marks.get(reader, (0, 0.0))[0]:
                    talk.marks[reader] = (sequence, float(number))
            case ("read", str(conversation), int(after), int(before), int(most)):
                await settle()
                page = log.read(conversation, after=after, before=before, most=most)
                assert [(each.sequence, each.body) for each in page] == model.read(conversation, after, before, most)
                assert all(log.find(each.id) == each for each in page)
            case ("drop", str(conversation)):
                log.drop(conversation)
                model.talks.pop(conversation, None)
            case ("turn",):
                await asyncio.sleep(0)
            case ("flush",):
                await log.flush()
                await settle()
            case ("restart",):
                log.close()
                await settle()
                if path is None:
                    # Another memory: what was there has no id in it.
                    model.talks.clear()
                    settled.clear()
                log = MessageLog(path)
                log.listen(told.append)
            case ("clear",):
                log.clear()
                await settle()
                model.talks.clear()
    await settle()
    for conversation in _CONVERSATIONS:
        talk = model.talks.get(conversation, _Talk())
        assert log.last(conversation) == len(talk.said)
        assert [(each.sequence, each.body) for each in log.read(conversation, most=1000)] == model.read(
            conversation, 0, 0, 1000
        )
        assert log.marks(conversation) == talk.marks
        for reader in _READERS:
            assert log.unread(conversation, reader) == len(talk.said) - talk.marks.get(reader, (0, 0.0))[0]
    everything = [each for _, each in log.everything()]
    assert len(everything) == sum(len(talk.said) for talk in model.talks.values())
    assert len({each.id for each in everything}) == len(everything)
    log.close()


@settings(max_examples=80, deadline=None)
@given(steps=st.lists(_step, max_size=40), in_memory=st.booleans())
def test_it_is_as_its_model(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]], in_memory: bool
) -> None:
    path = None if in_memory else tmp_path_factory.mktemp("log") / "messages.db"
    asyncio.run(_run(path, steps))
