"""The death of any one of our processes leaves no unit 2 s after the lease, whatever state the units are in."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

import kowloon
from kowloon.engines.base import EngineError
from kowloon.engines.processes import ProcessSpec, ProcessState
from kowloon.engines.supervisor import folders, tree
from kowloon.engines.supervisor.client import SupervisorClient
from kowloon.engines.supervisor.sweep import marked_processes, supervising_processes

from .conftest import AFTER_LEASE_S, LEASE_S

Script = Callable[..., ProcessSpec]
Until = Callable[[Callable[[], object], float], Awaitable[None]]

SERVER = Path(__file__).with_name("supervised_server.py")
UNITS = ("one:running", "two:frozen", "three:running")
# Per unit: the shell, two children, and a daemon of two that left the session.
PROCESSES_PER_UNIT = 5


def everything(mark: str) -> list[int]:
    """Units, keepers and supervisor."""
    return marked_processes(mark) + supervising_processes(mark)


class Server:
    """A server in another process, its supervisor and what they run."""

    def __init__(self, process: asyncio.subprocess.Process, supervisor_pid: int, mark: str) -> None:
        self.process = process
        self.supervisor_pid = supervisor_pid
        self.mark = mark

    def keepers(self) -> list[int]:
        return tree.children(self.supervisor_pid)


@pytest.fixture
async def server(open_folder: Path, until: Until) -> AsyncIterator[Server]:
    home = open_folder / "home"
    source = str(Path(kowloon.__file__).parent.parent)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SERVER), str(home), str(LEASE_S), *UNITS),
        env={"PYTHONPATH": os.pathsep.join((source, *sys.path))},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    started = Server(process, int(await process.stdout.readline()), folders.cloud_mark(home))
    try:
        expected = 1 + len(UNITS) * (1 + PROCESSES_PER_UNIT)
        await until(lambda: len(everything(started.mark)) == expected, 5)
        yield started
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await until(lambda: not everything(started.mark), 10)


async def test_the_death_of_the_server_ends_everything_after_the_lease(server: Server, until: Until) -> None:
    server.process.kill()
    died_at = time.monotonic()
    await until(lambda: not everything(server.mark), LEASE_S + AFTER_LEASE_S)
    assert time.monotonic() - died_at > LEASE_S * 0.5


async def test_a_server_that_stands_still_counts_as_dead(server: Server, until: Until) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    await until(lambda: not everything(server.mark), LEASE_S + AFTER_LEASE_S)


async def test_the_death_of_the_supervisor_ends_everything(server: Server, until: Until) -> None:
    os.kill(server.supervisor_pid, signal.SIGKILL)
    await until(lambda: not everything(server.mark), LEASE_S + AFTER_LEASE_S)


@pytest.mark.parametrize("index", range(len(UNITS)))
async def test_the_death_of_a_keeper_ends_its_unit_and_no_other(server: Server, until: Until, index: int) -> None:
    keeper = server.keepers()[index]
    members = tree.descendants(keeper)
    assert len(members) == PROCESSES_PER_UNIT
    os.kill(keeper, signal.SIGKILL)
    await until(lambda: not any(tree.process_state(pid) for pid in (keeper, *members)), LEASE_S + AFTER_LEASE_S)
    assert len(everything(server.mark)) == 1 + (len(UNITS) - 1) * (1 + PROCESSES_PER_UNIT)


async def test_a_keeper_that_stands_still_does_not_save_its_unit(server: Server, until: Until) -> None:
    os.kill(server.keepers()[0], signal.SIGSTOP)
    server.process.kill()
    await until(lambda: not everything(server.mark), LEASE_S + AFTER_LEASE_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_the_terminals_signals_do_not_end_the_supervisor(server: Server, number: signal.Signals) -> None:
    os.kill(server.supervisor_pid, number)
    await asyncio.sleep(0.2)
    assert len(server.keepers()) == len(UNITS)


async def test_the_next_server_adopts_within_the_lease(server: Server, open_folder: Path, until: Until) -> None:
    server.process.kill()
    await server.process.wait()
    successor = SupervisorClient(open_folder / "home", lease_s=LEASE_S)
    await successor.connect()
    assert {name: report.state for name, report in successor.running().items()} == {
        "one": ProcessState.RUNNING,
        "two": ProcessState.FROZEN,
        "three": ProcessState.RUNNING,
    }
    await asyncio.sleep(LEASE_S * 1.5)
    assert len(server.keepers()) == len(UNITS)
    await successor.shutdown()
    assert everything(server.mark) == []


async def test_a_client_whose_supervisor_died_reports_it_and_starts_another(
    host: SupervisorClient, script: Script, until: Until
) -> None:
    await host.spawn(script("a", "sleep 3000"))
    first = host.supervisor_pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: host.state("a") == ProcessState.EXITED, 5)
    await host.spawn(script("a", "sleep 3000"))
    assert host.supervisor_pid != first
    assert host.state("a") == ProcessState.RUNNING
    assert len(tree.children(host.supervisor_pid)) == 1


async def test_a_killed_keeper_is_reported_as_an_exit(host: SupervisorClient, script: Script, until: Until) -> None:
    await host.spawn(script("a", "sleep 3000"))
    os.kill(tree.children(host.supervisor_pid)[0], signal.SIGKILL)
    await until(lambda: host.state("a") == ProcessState.EXITED, 5)
    with pytest.raises(EngineError):
        await host.thaw("a")
