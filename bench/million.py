"""Many objects: how they are loaded over HTTP, and what an operation costs as they become more."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from loads import RUNS, Sample, middle, run
from servers import Refused, Request, Server

CONNECTIONS = 32
SIZE_BYTES = 16
AT_ONCE = 100_000
PAGE = 1_000
# Requests signed per measured operation: keys drawn from all that there are.
DRAWN = 5_000
# No HEAD: wrk waits for the body that its answer announces.
OPERATIONS = ("PUT", "GET", "LIST")


@dataclass(frozen=True)
class Stage:
    keys: int
    samples: dict[str, Sample]
    anonymous_mib: float


def key(number: int) -> str:
    """A thousand folders; the order of writing is not the order of the names."""
    scattered = number * 0x9E3779B1 % 2**32
    return f"{scattered % 1000:03d}/{scattered:010d}"


def stages(most: int) -> list[int]:
    """10 thousand, 100 thousand, a million, as far as `most`."""
    return [each for each in (10_000, 100_000, 1_000_000) if each < most] + [most]


def grow(server: Server, most: int, seconds: float, advance: Callable[[int], None]) -> list[Stage]:
    """Load up to each stage and measure there. `advance` is told of every portion of keys."""
    measured, there = [], 0
    for keys in stages(most):
        while there < keys:
            portion = range(there, min(there + AT_ONCE, keys))
            _load(server, portion)
            advance(len(portion))
            there = portion.stop
        samples = {name: _measure(server, name, keys, seconds) for name in OPERATIONS}
        measured.append(Stage(keys, samples, server.anonymous_mib()))
    return measured


def _load(server: Server, numbers: range) -> None:
    """Each of the numbers is stored at the end: a run begins with what may have been under way as the last ended."""
    done = 0
    while done < len(numbers):
        heads = server.heads(Request("PUT", key(number), size_bytes=SIZE_BYTES) for number in numbers)
        sample = run(server, heads, SIZE_BYTES, CONNECTIONS, 5, first=max(0, done - CONNECTIONS))
        done += sample.requests - CONNECTIONS


def _measure(server: Server, operation: str, keys: int, seconds: float) -> Sample:
    drawn = [key(number) for number in random.Random(keys).choices(range(keys), k=DRAWN)]
    if operation == "LIST":
        # The marker is no part of what V1 signs; its slash is encoded.
        requests = [
            Request("GET", query=f"marker={each.replace('/', '%2F')}&max-keys={PAGE}") for each in sorted(drawn)
        ]
        # The last pages of the bucket would be short.
        requests = requests[: len(requests) * 4 // 5]
        answer = server.ask(requests[0])
        if answer.count(b"<Key>") != PAGE:
            raise Refused(f"{server.name}: not a page of {PAGE}: {answer[:300]!r}")
        random.Random(keys).shuffle(requests)
    else:
        size_bytes = SIZE_BYTES if operation == "PUT" else 0
        requests = [Request(operation, each, size_bytes=size_bytes) for each in drawn]
    heads = server.heads(requests)
    body_bytes = requests[0].size_bytes
    run(server, heads, body_bytes, CONNECTIONS, 1)
    return middle([run(server, heads, body_bytes, CONNECTIONS, seconds) for _ in range(RUNS)])
