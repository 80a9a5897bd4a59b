"""`make bench-oss`: the object store beside moto, s3rver and nginx in one run, measured by wrk from outside.

Each server is one process on the first core, wrk is on the last. A figure is the median of three rounds after a
warm-up; in a round the servers take turns. The record is build/bench/object_store.json. Exit code: 1 when a target is
missed, a server cannot be had or refuses a request, 2 when wrk cannot.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import million
import targets
import tools
import typer
from loads import KIB, MIB, RUNS, WARM_UP_S, Memory, Sample, digests_per_s, fsync_per_file_per_s, middle, run
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from servers import DurableKowloon, Kowloon, Moto, Nginx, Refused, Request, S3rver, Server

SERVERS: dict[str, type[Server]] = {each.name: each for each in (Kowloon, Moto, S3rver, Nginx)}
ALL, NATIVE = ("kowloon", "moto", "s3rver", "nginx"), ("kowloon", "nginx")
# More than any server here stores in one run.
NEW_KEYS_PER_S = 40_000
SOAK_ROUND_S = 60
RECORD = tools.FETCHED / "object_store.json"


@dataclass(frozen=True)
class Workload:
    """`keys` are used in turn; 0: every key is new."""

    name: str
    method: str
    size_bytes: int
    keys: int
    connections: int
    servers: tuple[str, ...] = ALL
    memory: bool = False

    def requests(self, run: str, most: int = 0) -> list[Request]:
        """`run` names the new keys, of which there are `most`."""
        numbers, folder = (range(self.keys), self.size_bytes) if self.keys else (range(most), run)
        size_bytes = self.size_bytes if self.method == "PUT" else 0
        return [Request(self.method, f"{folder}/{number}", size_bytes=size_bytes) for number in numbers]


WORKLOADS = [
    Workload("PUT 4 KiB", "PUT", 4 * KIB, 500, 32),
    Workload("PUT 4 KiB, new keys", "PUT", 4 * KIB, 0, 32, NATIVE),
    Workload("GET 4 KiB", "GET", 4 * KIB, 500, 32),
    Workload("PUT 1 MiB", "PUT", MIB, 16, 4),
    Workload("GET 1 MiB", "GET", MIB, 16, 4),
    Workload("PUT 64 MiB", "PUT", 64 * MIB, 4, 2, NATIVE, memory=True),
    Workload("GET 64 MiB", "GET", 64 * MIB, 4, 2, NATIVE, memory=True),
]
DURABLE = Workload("PUT 4 KiB, durable", "PUT", 4 * KIB, 500, 128)
# Loops of this program beside a workload: rates of the same unit.
LOOPS: dict[str, Callable[[Path, float], float]] = {
    "PUT 1 MiB": lambda _, seconds: digests_per_s(MIB, seconds),
    DURABLE.name: lambda folder, seconds: fsync_per_file_per_s(folder, 4 * KIB, DURABLE.connections, seconds),
}
MILLION, SOAK = "a million objects", "soak"


class Bench:
    def __init__(self, seconds: float, keys: int, only: list[str], progress: Progress, folder: Path) -> None:
        self.figures = targets.Figures()
        self._seconds, self._keys, self._only = seconds, keys, only
        self._progress, self._folder = progress, folder

    def wants(self, name: str) -> bool:
        return not self._only or any(each.lower() in name.lower() for each in self._only)

    def compare(self, names: list[str]) -> None:
        """The workloads that are the same for every server."""
        workloads = [each for each in WORKLOADS if self.wants(each.name)]
        needed = [name for name in names if any(name in each.servers for each in workloads)]
        with ExitStack() as stack:
            servers = self._start(stack, [SERVERS[name] for name in needed])
            for server in servers:
                if server.name == Kowloon.name:
                    self.figures.idle_mib = _settled_mib(server)
            for workload in workloads:
                self._measure([each for each in servers if each.name in workload.servers], workload)
        for name in needed:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def durable(self, names: list[str]) -> None:
        if not self.wants(DURABLE.name):
            return
        with ExitStack() as stack:
            servers = self._start(stack, [DurableKowloon] if Kowloon.name in names else [])
            self._measure(servers, DURABLE)

    def _start(self, stack: ExitStack, kinds: Sequence[type[Server]]) -> list[Server]:
        """Those that can be had; of the others a note."""
        found = []
        for kind in kinds:
            try:
                found.append(stack.enter_context(closing(kind(self._folder / kind.name))))
            except tools.Missing as problem:
                self.figures.notes.append(f"{kind.name} is not measured: {problem}")
        return found

    def _measure(self, servers: list[Server], workload: Workload) -> None:
        """In rounds, one server after the other, so that a busy moment of the machine meets them all."""
        loop = LOOPS.get(workload.name)
        task = self._progress.add_task(workload.name, total=RUNS * (len(servers) + (loop is not None)))
        self.figures.sizes_bytes[workload.name] = workload.size_bytes
        samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
        memory: dict[str, list[float]] = {server.name: [] for server in servers}
        rates = []
        for server in servers:
            if workload.method == "GET":
                _store(server, workload.requests("stored"), workload.size_bytes)
            self._once(server, workload, "warm-up", WARM_UP_S)
        for number in range(RUNS):
            for server in servers:
                with Memory(server) as watched:
                    samples[server.name].append(self._once(server, workload, f"{number}", self._seconds))
                memory[server.name] += watched.samples_mib
                self._progress.advance(task)
            if loop is not None:
                rates.append(loop(self._folder, self._seconds))
                self._progress.advance(task)
        for name, those in samples.items():
            self.figures.samples.setdefault(workload.name, {})[_shown(name)] = middle(those)
            if workload.memory:
                growth = max(memory[name]) - memory[name][0]
                self.figures.growth_mib.setdefault(workload.name, {})[name] = growth
        if rates:
            self.figures.loops_per_s[workload.name] = statistics.median(rates)

    def _once(self, server: Server, workload: Workload, name: str, seconds: float) -> Sample:
        # What was written before is on the disk before this is timed.
        os.sync()
        size_bytes = workload.size_bytes if workload.method == "PUT" else 0
        heads = server.heads(workload.requests(name, round(seconds * NEW_KEYS_PER_S)))
        return run(server, heads, size_bytes, workload.connections, seconds)

    def million(self) -> None:
        if not self.wants(MILLION):
            return
        task = self._progress.add_task(f"{self._keys:,} objects", total=self._keys)
        with closing(Kowloon(self._folder / "million")) as server:
            self.figures.stages = million.grow(
                server, self._keys, self._seconds, lambda portion: self._progress.advance(task, portion)
            )
        shutil.rmtree(self._folder / "million")

    def soak(self, minutes: int) -> None:
        """Steady mixed load; growth is from the most of the second quarter to the most of the last one."""
        task = self._progress.add_task(SOAK, total=minutes * 60 // SOAK_ROUND_S)
        with closing(Kowloon(self._folder / "soak")) as server:
            keys = [f"{number}" for number in range(5_000)]
            puts = [Request("PUT", key, size_bytes=4 * KIB) for key in keys]
            _store(server, puts, 4 * KIB)
            with Memory(server) as memory:
                for _ in range(minutes * 60 // SOAK_ROUND_S):
                    self._soak_round(server, puts)
                    self._progress.advance(task)
        quarter = len(memory.samples_mib) // 4
        second, last = memory.samples_mib[quarter : 2 * quarter], memory.samples_mib[3 * quarter :]
        self.figures.soak_growth_mib = max(last) - max(second)

    def _soak_round(self, server: Server, puts: list[Request]) -> None:
        """Two thirds of the time writes, the rest reads and lists, signed anew: a signature is good for 15 minutes."""
        reads = [Request("GET", each.key) for each in puts]
        reads[::50] = [Request("GET", query="max-keys=100") for _ in reads[::50]]
        run(server, server.heads(puts), 4 * KIB, 32, SOAK_ROUND_S * 2 / 3)
        run(server, server.heads(reads), 0, 32, SOAK_ROUND_S / 3)


def _shown(name: str) -> str:
    """Kowloon under one name, whatever it was started with."""
    return Kowloon.name if name == DurableKowloon.name else name


def _store(server: Server, requests: list[Request], size_bytes: int) -> None:
    body = b"0123456789abcdef" * (size_bytes // 16)
    for each in requests:
        server.ask(Request("PUT", each.key, size_bytes=size_bytes), body)
    if server.ask(Request("GET", requests[0].key)) != body:
        raise Refused(f"{server.name} does not give back what it was given")


def _settled_mib(server: Server) -> float:
    """The same twice in a row, a quarter of a second apart."""
    seen = -1.0
    for _ in range(20):
        if (now := server.anonymous_mib()) == seen:
            break
        seen = now
        time.sleep(0.25)
    return seen


def main(
    only: Annotated[list[str] | None, typer.Option(help="Only workloads with this in their names.")] = None,
    server: Annotated[list[str] | None, typer.Option(help=f"Only these of {', '.join(SERVERS)}.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Runs of 1 s, at most 20,000 objects.")] = False,
    keys: Annotated[int, typer.Option(min=10_000, help="How many objects the big bucket gets.")] = 1_000_000,
    soak_minutes: Annotated[int, typer.Option(min=0, help="Also a steady mixed load, so long.")] = 0,
    chart: Annotated[Path | None, typer.Option(help="Draw the cost over the number of keys, as SVG.")] = None,
) -> None:
    """Measure the object store beside its peers."""
    # Ended like this, too, it takes its servers and their data along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Output into a file gets whole lines.
    console = Console(width=None if sys.stdout.isatty() else 110)
    wanted = server or list(SERVERS)
    if unknown := set(wanted) - set(SERVERS):
        raise typer.BadParameter(f"no server {', '.join(sorted(unknown))}")
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tools.FETCHED.mkdir(parents=True, exist_ok=True)
    try:
        tools.program("wrk")
    except tools.Missing as problem:
        console.print(str(problem), markup=False)
        raise typer.Exit(2) from None
    with (
        Progress(*columns, console=console) as progress,
        # Not the system's temporary folder: it may be memory.
        tempfile.TemporaryDirectory(prefix="run-", dir=tools.FETCHED) as folder,
    ):
        bench = Bench(1 if quick else 3, min(keys, 20_000) if quick else keys, only or [], progress, Path(folder))
        try:
            bench.compare(wanted)
            bench.durable(wanted)
            if Kowloon.name in wanted:
                bench.million()
                if soak_minutes:
                    bench.soak(soak_minutes)
        except Refused as problem:
            bench.figures.notes.append(f"ended early: {problem}")
    targets.show(bench.figures, console)
    targets.write(bench.figures, RECORD)
    if chart is not None and bench.figures.stages:
        targets.draw(bench.figures, chart)
    missed = [each for each in targets.verdicts(bench.figures) if not each.met]
    raise typer.Exit(1 if missed or bench.figures.notes else 0)


if __name__ == "__main__":
    sys.exit(typer.run(main))
