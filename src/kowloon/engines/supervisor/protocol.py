"""What the server and its supervisor say to each other: JSON lines over a unix socket, both directions typed.

`Hello` is the first line of a connection; the newest connection is the server, an older one is told `Taken` and
closed. Every order is answered by one `Reply` with its `request`; `Report` comes unasked.
"""

from __future__ import annotations

import msgspec

from kowloon.engines.processes import ProcessReport, ProcessSpec

# Grows when a message changes its meaning: a supervisor of another version is stopped, not talked to.
VERSION = 1


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    version: int
    lease_s: float


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    pass


class Spawn(msgspec.Struct, frozen=True, tag="spawn"):
    request: int
    spec: ProcessSpec


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    request: int
    unit_id: str
    grace_s: float


class Freeze(msgspec.Struct, frozen=True, tag="freeze"):
    request: int
    unit_id: str


class Thaw(msgspec.Struct, frozen=True, tag="thaw"):
    request: int
    unit_id: str


class Shutdown(msgspec.Struct, frozen=True, tag="shutdown"):
    """End all units, then the supervisor. The answer is the end of the connection."""


Order = Hello | Beat | Spawn | Kill | Freeze | Thaw | Shutdown


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    version: int
    supervisor_pid: int
    units: list[ProcessReport]


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    pass


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """`error` is a sentence for people, empty when it was done."""

    request: int
    pid: int = 0
    error: str = ""


class Report(msgspec.Struct, frozen=True, tag="report"):
    report: ProcessReport


Answer = Welcome | Taken | Reply | Report
