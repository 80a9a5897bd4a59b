"""The message log of the messenger: conversations, each in order without gaps, and how far each reader is.

All that comes in one turn of the loop is one transaction, at its end. A write takes some tens of microseconds because
it does not flush to disk; a thread copies and flushes what was written, and only for its last moment writes wait.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from kowloon.engines.messages.file import Batch, MessageFile, StoredMessage
from kowloon.engines.messages.places import id_of, key_and_sequence, place_of, place_of_id

MOST_MESSAGES: Final = 1_000_000
MOST_BODY_BYTES: Final = 1024 * 1024
# The first message after a pause is written at the end of its turn, others wait so long behind the last transaction.
PAUSE_S: Final = 0.005
# Marks wait so long for a message to be written with.
MARKS_WAIT_S: Final = 0.02
# What was written is copied into the file when it is so much.
LOG_BYTES: Final = 128 * 1024 * 1024

# So many old messages go at once, and so long until the next.
_SLICE: Final = 32
_SLICE_WAIT_S: Final = 0.01
_RETRY_S: Final = 1.0

_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """One message. `sequence`: 1, 2, ... in its conversation; `id`: unique in the log, opaque; `body`: its owner's."""

    conversation: str
    sequence: int
    at: float
    id: str
    sender: str
    body: bytes


class _Conversation:
    """`last` is kept, `given` not yet; both below 0 until they are asked for. `gone`: up to here they were trimmed."""

    __slots__ = ("given", "gone", "key", "last", "marks", "name", "stored")

    def __init__(self, key: int, name: str, *, gone: int = 0, stored: bool) -> None:
        self.key = key
        self.name = name
        self.gone = gone
        self.stored = stored
        self.last = self.given = -1 if stored else 0
        self.marks: dict[str, tuple[int, float]] | None = None if stored else {}


class _Append(NamedTuple):
    conversation: _Conversation
    kept: Kept
    place: int
    unique: str
    futures: list[asyncio.Future[Kept]]


class _Replace(NamedTuple):
    body: bytes
    place: int
    future: asyncio.Future[None]


class MessageLog:
    """Used on one loop. Without a path it lives as long as the process. Raises ConfigurationError for a file that is
    something else, or of another format."""

    def __init__(self, path: Path | None, *, most_messages: int = MOST_MESSAGES) -> None:
        self._file = MessageFile(path)
        self._most_messages = most_messages
        self._listeners: list[Callable[[Kept], None]] = []
        self._conversations: dict[str, _Conversation] = {}
        self._by_key: dict[int, _Conversation] = {}
        # Keys whose messages and marks are still to be removed.
        self._to_sweep: list[int] = []
        for key, name, gone in self._file.conversations():
            if name is None:
                self._to_sweep.append(key)
            else:
                self._add(_Conversation(key, name, gone=gone, stored=True))
        self._last_key = self._file.last_key()
        self._last_number = self._file.last_number()
        self._count = self._file.count()

        # What the next transaction takes.
        self._appends: list[_Append] = []
        self._by_unique: dict[tuple[int, str], _Append] = {}
        self._replaces: list[_Replace] = []
        self._marks: dict[tuple[int, str], tuple[int, float]] = {}
        self._dropped: list[int] = []

        self._soon: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None
        # The last transaction failed.
        self._refused = False
        # In the loop's time.
        self._written_at = -math.inf
        self._tidy_later: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, "message-log")
        self._copying: asyncio.Task[None] | None = None
        self._copy_at_bytes = LOG_BYTES
        # The thread begins the log anew: nobody writes.
        self._restarting = False
        self._closed = False

    def listen(self, callback: Callable[[Kept], None]) -> None:
        """Called for each message in order of append, once it is kept and before its appender is told."""
        self._listeners.append(callback)

    def append(
        self, conversation: str, *, at: float, sender: str, body: bytes, unique: str = ""
    ) -> asyncio.Future[Kept]:
        """Done once it is kept. The same `unique` again in the same conversation answers the first one, as long as that
        is there. Where the disk refuses, it fails with its error, and nothing was kept. ValueError for what cannot be
        kept at all."""
        self._check_open()
        if not conversation:
            raise ValueError("a conversation has a name")
        _check(at, conversation, sender, unique)
        _check_body(body)
        future: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        to = self._of(conversation)
        if unique and to is not None:
            waiting = self._by_unique.get((to.key, unique))
            if waiting is not None:
                waiting.futures.append(future)
                return future
            first = self._file.find_once(to.key, unique) if to.stored else None
            if first is not None:
                future.set_result(_kept(to, first))
                return future
        if to is None:
            to = self._begin(conversation)
        to.given += 1
        place = place_of(to.key, to.given)
        append = _Append(to, Kept(conversation, to.given, at, id_of(place), sender, body), place, unique, [future])
        self._appends.append(append)
        if unique:
            self._by_unique[to.key, unique] = append
        self._write_soon()
        return future

    def replace(self, id: str, body: bytes) -> asyncio.Future[None]:
        """Another body for a message, in order with appends. KeyError for one that is not there."""
        self._check_open()
        _check_body(body)
        place = place_of_id(id)
        key, sequence = key_and_sequence(place)
        to = self._by_key.get(key)
        if to is None or not to.gone < sequence <= self._loaded(to).given:
            raise KeyError(id)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._replaces.append(_Replace(body, place, future))
        self._write_soon()
        return future

    def find(self, id: str) -> Kept | None:
        """A message that is kept."""
        place = place_of_id(id)
        of = self._by_key.get(key_and_sequence(place)[0])
        found = self._file.find(place) if of is not None else None
        return _kept(of, found) if of is not None and found is not None else None

    def read(self, conversation: str, *, after: int = 0, before: int = 0, most: int = 50) -> list[Kept]:
        """Messages that are kept, ascending, at most so many: the first ones behind `after`, or the last ones before
        `before` where that is given."""
        of = self._of(conversation)
        if of is None or most <= 0:
            return []
        # Within what is there: a number that a client made up may be any.
        first = max(after, of.gone)
        end = min(before, of.last + 1) if before > 0 else of.last + 1
        if first + 1 >= end:
            return []
        rows = self._file.read(place_of(of.key, first), place_of(of.key, end), min(most, end), newest=before > 0)
        return [_kept(of, row) for row in rows]

    def everything(self, *, after: int = 0, most: int = 1000) -> list[tuple[int, Kept]]:
        """Messages of all conversations that are kept, in order, each with a number by which to go on."""
        if most <= 0 or after >= self._last_number:
            return []
        found = []
        for number, row in self._file.everything(max(after, 0), most):
            of = self._by_key.get(key_and_sequence(row.place)[0])
            if of is not None:
                found.append((number, _kept(of, row)))
        return found

    def known(self, conversation: str, unique: str) -> bool:
        """Whether one of that `unique` is there, or on its way."""
        of = self._of(conversation)
        if of is None:
            return False
        return (of.key, unique) in self._by_unique or (of.stored and self._file.find_once(of.key, unique) is not None)

    def last(self, conversation: str) -> int:
        """The sequence of the last message that is kept; 0: none."""
        of = self._of(conversation)
        return of.last if of is not None else 0

    def mark_read(self, conversation: str, reader: str, sequence: int, at: float) -> None:
        """Read up to there, never back, and no further than the last message. Kept a moment later."""
        self._check_open()
        _check(at, reader)
        of = self._of(conversation)
        if of is None:
            return
        marks = self._marks_of(of)
        sequence = min(sequence, of.last)
        if sequence <= marks.get(reader, (0, 0.0))[0]:
            return
        marks[reader] = self._marks[of.key, reader] = (sequence, at)
        self._write_later(MARKS_WAIT_S)

    def marks(self, conversation: str) -> dict[str, tuple[int, float]]:
        """How far each reader is: sequence, and when that was marked."""
        of = self._of(conversation)
        return dict(self._marks_of(of)) if of is not None else {}

    def unread(self, conversation: str, reader: str) -> int:
        """Messages that are there behind a reader's mark, whoever sent them."""
        of = self._of(conversation)
        if of is None:
            return 0
        return of.last - max(of.gone, self._marks_of(of).get(reader, (0, 0.0))[0])

    def drop(self, conversation: str) -> None:
        """The conversation and its marks are gone at once; another of that name begins anew. Messages that are on the
        way are still kept and told, then gone as well."""
        self._check_open()
        dropped = self._conversations.pop(conversation, None)
        if dropped is None:
            return
        del self._by_key[dropped.key]
        for mark in [mark for mark in self._marks if mark[0] == dropped.key]:
            del self._marks[mark]
        self._dropped.append(dropped.key)
        self._write_soon()

    async def flush(self) -> None:
        """All until now is kept, or this raises the disk's error."""
        while self._restarting and self._copying is not None:
            await asyncio.wait([self._copying])
        self._write()
        self._tidy_if_due()

    def clear(self) -> None:
        """Forget everything, after what is on the way was told. The file lets go of it by and by."""
        self._write_all()
        for conversation in tuple(self._conversations):
            self.drop(conversation)
        self._write_all()

    def close(self) -> None:
        """What is on the way is kept or refused first. A second time is nothing."""
        if self._closed:
            return
        self._closed = True
        # Nobody copies from here on.
        self._thread.shutdown(wait=True)
        self._write_all()
        for handle in (self._soon, self._later, self._tidy_later):
            if handle is not None:
                handle.cancel()
        self._file.close()

    # -- conversations --

    def _of(self, name: str) -> _Conversation | None:
        found = self._conversations.get(name)
        return self._loaded(found) if found is not None else None

    def _loaded(self, found: _Conversation) -> _Conversation:
        if found.last < 0:
            found.last = found.given = max(found.gone, self._file.last(found.key))
        return found

    def _begin(self, name: str) -> _Conversation:
        self._last_key += 1
        begun = _Conversation(self._last_key, name, stored=False)
        self._add(begun)
        return begun

    def _add(self, conversation: _Conversation) -> None:
        self._conversations[conversation.name] = self._by_key[conversation.key] = conversation

    def _marks_of(self, of: _Conversation) -> dict[str, tuple[int, float]]:
        if of.marks is None:
            of.marks = self._file.marks(of.key)
        return of.marks

    # -- writing --

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the message log is closed")

    def _write_soon(self) -> None:
        if self._soon is None:
            loop = asyncio.get_running_loop()
            wait_s = self._written_at + PAUSE_S - loop.time()
            self._soon = loop.call_later(wait_s, self._on_soon) if wait_s > 0 else loop.call_soon(self._on_soon)

    def _write_later(self, delay_s: float) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(delay_s, self._on_later)

    def _on_soon(self) -> None:
        self._soon = None
        self._try_to_write()

    def _on_later(self) -> None:
        self._later = None
        self._try_to_write()

    def _try_to_write(self) -> None:
        if self._closed or self._restarting:
            return
        try:
            self._write()
        except Exception as problem:
            # Appenders know. What nobody waits for is tried again.
            if not self._refused:
                _log.warning("messages cannot be kept: %s", problem)
            self._refused = True
            if self._marks or self._dropped:
                self._write_later(_RETRY_S)
        self._written_at = asyncio.get_running_loop().time()
        self._copy_if_due()
        self._tidy_if_due()

    def _write_all(self) -> None:
        """Also what comes from listeners that are told of it."""
        try:
            while self._waits:
                self._write()
        except Exception as problem:
            _log.warning("messages cannot be kept: %s", problem)

    @property
    def _waits(self) -> bool:
        return bool(self._appends or self._replaces or self._marks or self._dropped)

    def _write(self) -> None:
        """One transaction of all that waits, then listeners and appenders are told. Raises what the disk does."""
        if not self._waits:
            return
        appends, self._appends = self._appends, []
        replaces, self._replaces = self._replaces, []
        self._by_unique = {}
        begun = {each.conversation.key: each.conversation for each in appends if not each.conversation.stored}
        batch = Batch(
            dropped=self._dropped,
            # One that was dropped meanwhile has no name.
            conversations=[(key, each.name if key in self._by_key else None) for key, each in begun.items()],
            messages=[
                (StoredMessage(each.place, each.kept.at, each.kept.sender, each.kept.body), number, each.unique or None)
                for number, each in enumerate(appends, self._last_number + 1)
            ],
            bodies=[(each.body, each.place) for each in replaces],
            marks=[(key, reader, sequence, at) for (key, reader), (sequence, at) in self._marks.items()],
        )
        try:
            self._file.write(batch)
        except Exception as problem:
            self._undo(appends, replaces, problem)
            raise
        self._refused = False
        self._to_sweep += self._dropped
        self._dropped = []
        self._marks = {}
        self._count += len(appends)
        self._last_number += len(appends)
        for conversation in begun.values():
            conversation.stored = True
        for each in appends:
            each.conversation.last = each.kept.sequence
        self._tell(appends, replaces)

    def _undo(self, appends: list[_Append], replaces: list[_Replace], problem: Exception) -> None:
        for each in appends:
            conversation = each.conversation
            conversation.given = conversation.last
            if not conversation.stored and conversation.key in self._by_key:
                del self._conversations[conversation.name], self._by_key[conversation.key]
            for future in each.futures:
                if not future.done():
                    future.set_exception(problem)
        for replace in replaces:
            if not replace.future.done():
                replace.future.set_exception(problem)

    def _tell(self, appends: list[_Append], replaces: list[_Replace]) -> None:
        for each in appends:
            for listener in tuple(self._listeners):
                try:
                    listener(each.kept)
                except Exception:
                    _log.exception("a listener failed at message %s", each.kept.id)
            for future in each.futures:
                if not future.done():
                    future.set_result(each.kept)
        for replace in replaces:
            if not replace.future.done():
                replace.future.set_result(None)

    # -- what is done by the way --

    def _copy_if_due(self) -> None:
        if self._copying is None and self._file.log_bytes >= self._copy_at_bytes:
            self._copying = asyncio.get_running_loop().create_task(self._copy())

    async def _copy(self) -> None:
        in_thread = asyncio.get_running_loop().run_in_executor
        try:
            # Twice: what came meanwhile is little, so there is next to nothing left to flush while writes wait.
            for _ in range(2):
                await in_thread(self._thread, self._file.copy_log)
                if self._closed:
                    return
            self._restarting = True
            await in_thread(self._thread, self._file.restart_log)
        except sqlite3.Error as problem:
            _log.warning("the log of messages cannot be copied: %s", problem)
        finally:
            self._restarting = False
            self._copying = None
            self._copy_at_bytes = self._file.log_bytes + LOG_BYTES
            self._try_to_write()

    def _tidy_if_due(self, delay_s: float = _SLICE_WAIT_S) -> None:
        if self._tidy_later is None and (self._to_sweep or self._count > self._most_messages):
            self._tidy_later = asyncio.get_running_loop().call_later(delay_s, self._tidy)

    def _tidy(self) -> None:
        """A slice of what may go: below a millisecond or two."""
        self._tidy_later = None
        if self._closed:
            return
        delay_s = _SLICE_WAIT_S
        try:
            if not self._restarting:
                self._tidy_slice()
        except sqlite3.Error as problem:
            _log.warning("old messages cannot be removed: %s", problem)
            delay_s = _RETRY_S
        self._copy_if_due()
        self._tidy_if_due(delay_s)

    def _tidy_slice(self) -> None:
        if self._to_sweep:
            removed, over = self._file.sweep(self._to_sweep[-1], _SLICE)
            self._count -= removed
            if over:
                self._to_sweep.pop()
        elif self._count > self._most_messages:
            removed, gone = self._file.trim(min(_SLICE, self._count - self._most_messages))
            self._count -= removed
            for key, sequence in gone.items():
                if key in self._by_key:
                    self._by_key[key].gone = sequence


def _check(at: float, *texts: str) -> None:
    if not math.isfinite(at):
        raise ValueError(f"{at} is no moment")
    for text in texts:
        # A lone surrogate is no text: it would spoil all that is written with it.
        text.encode()


def _check_body(body: bytes) -> None:
    if len(body) > MOST_BODY_BYTES:
        raise ValueError(f"a message of {len(body)} bytes cannot be kept")


def _kept(of: _Conversation, row: StoredMessage) -> Kept:
    return Kept(of.name, key_and_sequence(row.place)[1], row.at, id_of(row.place), row.sender, row.body)
