"""Parts that neither an upload nor an object has any more.

What ends them (an upload is given up, or completed without some of them; an object of many parts goes) only notes that
upload, in the same commit. They are removed later, a few at a time (`runs/leftover_runs.py`), but not while somebody
still reads or makes them.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from kowloon.engines.blob.base import Put, Volume
from kowloon.services.oss import keys

_ALL: Final = b"*"


def all_gone(upload_id: str) -> Put:
    """The note that all parts of an upload are to go."""
    return Put(keys.gone(upload_id), _ALL)


def some_gone(upload_id: str, numbers: Sequence[int]) -> Put:
    """The note that only those parts are to go."""
    return Put(keys.gone(upload_id), struct.pack(f">{len(numbers)}H", *numbers))


def numbers_gone(note: bytes) -> tuple[int, ...] | None:
    """What such a note's value says; None for all parts."""
    return None if note == _ALL else struct.unpack(f">{len(note) // 2}H", note)


class Hold:
    """Keeps the parts of one upload until `release`, or the end of the `with`."""

    def __init__(self, leftovers: Leftovers, bucket: str, upload_id: str) -> None:
        self._leftovers = leftovers
        self._bucket = bucket
        self._upload_id = upload_id
        self._released = False

    def release(self) -> None:
        """Once; again does nothing."""
        if not self._released:
            self._released = True
            self._leftovers.released(self._bucket, self._upload_id)

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *raised: object) -> None:
        self.release()

    def __del__(self) -> None:
        # Of an answer that nobody began to send.
        self.release()


class Leftovers:
    """Of one cloud. `poke` hears of each bucket where parts are to be removed."""

    def __init__(self, poke: Callable[[str], None]) -> None:
        self.poke = poke
        self._held: Counter[str] = Counter()
        self._waited_for: set[str] = set()
        self._volumes: dict[int, bool] = {}

    def hold(self, bucket: str, upload_id: str) -> Hold:
        self._held[upload_id] += 1
        return Hold(self, bucket, upload_id)

    def released(self, bucket: str, upload_id: str) -> None:
        self._held[upload_id] -= 1
        if self._held[upload_id]:
            return
        del self._held[upload_id]
        if upload_id in self._waited_for:
            self._waited_for.discard(upload_id)
            self.poke(bucket)

    def must_wait(self, upload_id: str) -> bool:
        """Whether somebody holds it; then the bucket is poked once nobody does."""
        held = upload_id in self._held
        if held:
            self._waited_for.add(upload_id)
        return held

    def look_again(self) -> None:
        """What was known of volumes may not hold any more."""
        self._volumes.clear()

    def assembled_in(self, volume: Volume) -> None:
        """From now on the volume may have an object that is made of parts."""
        self._volumes[volume.id] = True

    def may_have_assembled(self, volume: Volume) -> bool:
        """So that writes to all other buckets need not look at what they replace."""
        found = self._volumes.get(volume.id)
        if found is None:
            there = next(volume.values(*keys.span(keys.PART)), None)
            found = self._volumes[volume.id] = there is not None
        return found
