"""Load on a server, by wrk on a core of its own, and what it cost; the loops that a store is measured against."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import fastcrc
import psutil
import tools
from servers import GENERATOR_CORE, SERVER_CORE, Refused, Server

KIB, MIB = 1024, 1024 * 1024
WARM_UP_S = 1.0
RUNS = 3


@dataclass(frozen=True)
class Sample:
    """One run. `others` is how many cores all other programs of the machine took meanwhile."""

    requests: int
    per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    others: float

    def mib_per_s(self, size_bytes: int) -> float:
        return self.per_s * size_bytes / MIB


def run(
    server: Server, heads: list[bytes], size_bytes: int, connections: int, seconds: float, first: int = 0
) -> Sample:
    """Heads in order from the `first`, then from the start again. Refused: any request, or a connection that broke."""
    with tempfile.NamedTemporaryFile(dir=server.folder) as file:
        file.write(b"\0".join(heads))
        file.flush()
        script = str(Path(__file__).with_name("replay.lua"))
        # wrk takes whole seconds.
        duration_s = max(1, round(seconds))
        command = ["taskset", "-c", str(GENERATOR_CORE), tools.program("wrk")]
        command += ["-t1", f"-c{connections}", f"-d{duration_s}s", "--timeout", "30s", "--latency", "-s", script]
        command += [f"http://127.0.0.1:{server.port}", "--", file.name, str(size_bytes), str(first)]
        before, generator, machine = server.cpu_s(), _children_cpu_s(), _machine_cpu_s()
        began = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, timeout=duration_s + 90, env=tools.environment(), check=False
        )
        took = time.perf_counter() - began
        cpu, generator, machine = (
            server.cpu_s() - before,
            _children_cpu_s() - generator,
            _machine_cpu_s() - machine,
        )
    if done.returncode != 0:
        raise Refused(f"wrk: {(done.stdout + done.stderr).decode()[-1000:]}")
    report = json.loads(done.stdout.decode().splitlines()[-1])
    if report["refused"] or report["broken"] or not report["requests"]:
        raise Refused(f"{server.name}: {heads[0].split(b'HTTP')[0].decode()}: {report}")
    return Sample(
        requests=report["requests"],
        per_s=report["requests"] / report["took_us"] * 1e6,
        cpu_us=cpu / report["requests"] * 1e6,
        p50_ms=report["p50_us"] / 1000,
        p99_ms=report["p99_us"] / 1000,
        others=max(0.0, (machine - cpu - generator) / took),
    )


def middle(samples: list[Sample]) -> Sample:
    """The run of the median rate, whole: its figures belong together."""
    return sorted(samples, key=lambda each: each.per_s)[len(samples) // 2]


class Memory:
    """The most RssAnon of a server while entered, above what it was on entering; read ten times a second."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.samples_mib: list[float] = []

    @property
    def growth_mib(self) -> float:
        return max(self.samples_mib) - self.samples_mib[0]

    def __enter__(self) -> Memory:
        self.samples_mib.append(self._server.anonymous_mib())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.samples_mib.append(self._server.anonymous_mib())


def digests_per_s(size_bytes: int, seconds: float) -> float:
    """MD5 and CRC-64 over a buffer, on the server's core: the least that a checked PUT costs."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        buffer, count, began = os.urandom(size_bytes), 0, time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            hashlib.md5(buffer, usedforsecurity=False).digest()
            fastcrc.crc64.xz(buffer)
            count += 1
        return count / took
    finally:
        os.sched_setaffinity(0, allowed)


def fsync_per_file_per_s(folder: Path, size_bytes: int, writers: int, seconds: float) -> float:
    """Files written and synced one by one by concurrent writers, with no server in front of them."""
    body, counts, end = os.urandom(size_bytes), [0] * writers, time.perf_counter() + seconds
    fresh = tempfile.mkdtemp(dir=folder)

    def write(writer: int) -> None:
        while time.perf_counter() < end:
            file = os.open(f"{fresh}/{writer}-{counts[writer]}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            os.write(file, body)
            os.fsync(file)
            os.close(file)
            counts[writer] += 1

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def _children_cpu_s() -> float:
    """The generator's, as the only child that is waited for, and this program's own."""
    ours = (resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    return sum(each.ru_utime + each.ru_stime for each in ours)


def _machine_cpu_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times[:8]) - times.idle - times.iowait)
