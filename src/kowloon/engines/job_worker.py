"""The other end of `jobs`: a process that works on bytes of others, job after job, until its input ends.

Frames in: a function's name (`module:function`), its argument, pieces of its source, an empty one for the end. Frames
out: one byte that says what it is, and the payload. Each frame has its length before it, four bytes.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import struct
import tempfile
import traceback
from collections.abc import Callable
from typing import IO, BinaryIO, cast

PIECE = b"D"
DONE = b"E"
REFUSED = b"R"
FAILED = b"X"
LENGTH = struct.Struct(">I")
MOST_FRAME_BYTES = 1 << 20

_MOST_ADDRESSES_BYTES = 4 << 30
# No job takes longer, whatever became of who asked for it.
_LONGEST_S = 600
_NICE = 5

Emit = Callable[[bytes], None]
#: Works on an argument and a seekable source; gives its answer in pieces.
Function = Callable[[bytes, BinaryIO, Emit], None]


class JobRefused(Exception):
    """What a function raises where the input is to blame; `payload` is for its caller."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload)
        self.payload = payload


def main() -> None:
    # What a library prints is no frame.
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    requests = os.fdopen(0, "rb", buffering=1 << 18)
    _restrict()
    while True:
        name = _frame(requests)
        if name is None:
            return
        signal.alarm(_LONGEST_S)
        _work(name.decode(), requests, replies)
        signal.alarm(0)


def _restrict() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ADDRESSES_BYTES, _MOST_ADDRESSES_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)


def _work(name: str, requests: BinaryIO, replies: IO[bytes]) -> None:
    def emit(piece: bytes) -> None:
        for start in range(0, len(piece), MOST_FRAME_BYTES):
            _reply(replies, PIECE, piece[start : start + MOST_FRAME_BYTES])

    try:
        argument = _frame(requests) or b""
        with cast(BinaryIO, tempfile.TemporaryFile()) as source:
            while piece := _frame(requests):
                source.write(piece)
            source.seek(0)
            _function(name)(argument, source, emit)
        _reply(replies, DONE)
    except JobRefused as refused:
        _reply(replies, REFUSED, refused.payload)
    except BrokenPipeError:
        raise SystemExit(0) from None
    except Exception:
        _reply(replies, FAILED, traceback.format_exc().encode())


def _function(name: str) -> Function:
    module, _, attribute = name.partition(":")
    function: Function = getattr(importlib.import_module(module), attribute)
    return function


def _frame(requests: BinaryIO) -> bytes | None:
    """None at the end of the input."""
    head = requests.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return requests.read(LENGTH.unpack(head)[0])


def _reply(replies: IO[bytes], kind: bytes, payload: bytes = b"") -> None:
    data = memoryview(kind + LENGTH.pack(len(payload)) + payload)
    while data:
        data = data[replies.write(data) :]
