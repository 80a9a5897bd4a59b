"""What the tests of jobs run in processes of their own."""

from __future__ import annotations

import os
import signal
import threading
from typing import BinaryIO

from kowloon.engines.job_worker import Emit, JobRefused


def echo(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    emit(argument)
    while piece := source.read(1 << 20):
        emit(piece)


def refuse(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    emit(b"before")
    raise JobRefused(argument)


def fail(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    print("a library prints")
    raise RuntimeError("a mistake")


def die(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    emit(str(os.getpid()).encode())
    threading.Event().wait(60)


def swell(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    emit(bytes(5 << 30))


def pid(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    emit(str(os.getpid()).encode())
