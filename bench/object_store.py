"""`make bench-oss`: the object store beside moto, s3rver and nginx in one run, measured by wrk from outside.

Each server is one process on the first core, wrk is on the last; one server runs at a time. A figure is the median of
three runs after a warm-up. The record is build/bench/object_store.json. Exit code: 1 when a target is missed, 2 when
something to measure with cannot be had.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import million
import targets
import tools
import typer
from loads import KIB, MIB, WARM_UP_S, Memory, Sample, bare_loop_mib_per_s, fsync_per_file_per_s, median, run
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from servers import DurableKowloon, Kowloon, Moto, Nginx, Request, S3rver, Server

SERVERS: dict[str, type[Server]] = {each.name: each for each in (Kowloon, Moto, S3rver, Nginx)}
ALL, NATIVE = ("kowloon", "moto", "s3rver", "nginx"), ("kowloon", "nginx")
# More than any server here stores in one run.
NEW_KEYS_PER_S = 40_000
DURABLE_CONNECTIONS = 128
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


WORKLOADS = [
    Workload("PUT 4 KiB", "PUT", 4 * KIB, 500, 32),
    Workload("PUT 4 KiB, new keys", "PUT", 4 * KIB, 0, 32, NATIVE),
    Workload("GET 4 KiB", "GET", 4 * KIB, 500, 32),
    Workload("PUT 1 MiB", "PUT", MIB, 16, 4),
    Workload("GET 1 MiB", "GET", MIB, 16, 4),
    Workload("PUT 64 MiB", "PUT", 64 * MIB, 4, 2, NATIVE, memory=True),
    Workload("GET 64 MiB", "GET", 64 * MIB, 4, 2, NATIVE, memory=True),
]
DURABLE, MILLION, SOAK = "PUT 4 KiB, durable", "a million objects", "soak"
LOOPS = "bare loops"


class Bench:
    def __init__(self, seconds: float, keys: int, only: list[str], progress: Progress, folder: Path) -> None:
        self.figures = targets.Figures()
        self._seconds, self._keys, self._only = seconds, keys, only
        self._progress, self._folder = progress, folder

    def wants(self, name: str) -> bool:
        return not self._only or any(each.lower() in name.lower() for each in self._only)

    def compare(self, kind: type[Server]) -> None:
        """The workloads that are the same for every server."""
        workloads = [each for each in WORKLOADS if kind.name in each.servers and self.wants(each.name)]
        if not workloads:
            return
        task = self._progress.add_task(kind.name, total=len(workloads))
        with closing(kind(self._folder / kind.name)) as server:
            if kind is Kowloon:
                self.figures.idle_mib = _settled_mib(server)
            for workload in workloads:
                sample, growth_mib = self._measure(server, workload)
                self.figures.sizes_bytes[workload.name] = workload.size_bytes
                self.figures.samples.setdefault(workload.name, {})[kind.name] = sample
                if workload.memory:
                    self.figures.growth_mib.setdefault(workload.name, {})[kind.name] = growth_mib
                self._progress.advance(task)
        shutil.rmtree(self._folder / kind.name)

    def _measure(self, server: Server, workload: Workload) -> tuple[Sample, float]:
        stem = f"{workload.size_bytes}"
        size_bytes = workload.size_bytes if workload.method == "PUT" else 0
        requests = [
            Request(workload.method, f"{stem}/{number}", size_bytes=size_bytes) for number in range(workload.keys)
        ]
        if workload.method == "GET":
            _store(server, requests, workload.size_bytes)
        # What the runs before have written is on the disk before this one is timed.
        os.sync()

        def once(name: str, seconds: float) -> Sample:
            these = requests or [
                Request("PUT", f"{name}/{number}", size_bytes=size_bytes)
                for number in range(round(seconds * NEW_KEYS_PER_S))
            ]
            return run(server, server.heads(these), size_bytes, workload.connections, seconds)

        names = iter(("first", "second", "third"))
        once("warm-up", WARM_UP_S)
        with Memory(server) as memory:
            sample = median(lambda: once(next(names), self._seconds))
        return sample, memory.growth_mib

    def loops(self) -> None:
        if not self.wants(LOOPS):
            return
        task = self._progress.add_task(LOOPS, total=2)
        self.figures.bare_loop_mib_per_s = bare_loop_mib_per_s(self._seconds)
        self._progress.advance(task)
        folder = self._folder / "fsync"
        self.figures.fsync_per_s = fsync_per_file_per_s(folder, 4 * KIB, DURABLE_CONNECTIONS, self._seconds)
        shutil.rmtree(folder)
        self._progress.advance(task)

    def durable(self) -> None:
        if not self.wants(DURABLE):
            return
        task = self._progress.add_task(DURABLE, total=1)
        workload = Workload(DURABLE, "PUT", 4 * KIB, 500, DURABLE_CONNECTIONS)
        with closing(DurableKowloon(self._folder / "durable")) as server:
            sample, _ = self._measure(server, workload)
        self.figures.sizes_bytes[DURABLE] = workload.size_bytes
        self.figures.samples[DURABLE] = {Kowloon.name: sample}
        self._progress.advance(task)

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
        reads[1::50] = [Request("HEAD", each.key) for each in reads[1::50]]
        run(server, server.heads(puts), 4 * KIB, 32, SOAK_ROUND_S * 2 / 3)
        run(server, server.heads(reads), 0, 32, SOAK_ROUND_S / 3)


def _store(server: Server, requests: list[Request], size_bytes: int) -> None:
    body = b"0123456789abcdef" * (size_bytes // 16)
    for each in requests:
        server.ask(Request("PUT", each.key, size_bytes=size_bytes), body)
    if server.ask(Request("GET", requests[0].key)) != body:
        raise SystemExit(f"{server.name} does not give back what it was given")


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
        bench.loops()
        for name in wanted:
            try:
                bench.compare(SERVERS[name])
            except tools.Missing as problem:
                bench.figures.notes.append(f"{name} is not measured: {problem}")
        ours: list[Callable[[], None]] = [bench.durable, bench.million]
        for measure in ours if Kowloon.name in wanted else ():
            measure()
        if soak_minutes and Kowloon.name in wanted:
            bench.soak(soak_minutes)
    targets.show(bench.figures, console)
    targets.write(bench.figures, RECORD)
    if chart is not None and bench.figures.stages:
        targets.draw(bench.figures, chart)
    missed = [each for each in targets.verdicts(bench.figures) if not each.met]
    raise typer.Exit(1 if missed else 0)


if __name__ == "__main__":
    sys.exit(typer.run(main))
