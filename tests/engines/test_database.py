"""PostgreSQL nodes as units: replication, failover, fencing, power cuts. Real servers, real SIGKILLs."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kowloon.engines.base import EngineError, UnitReport, UnitState
from kowloon.engines.database.base import NodeStatus
from kowloon.engines.database.process import ProcessDatabase
from kowloon.engines.fabric import InProcessFabric
from kowloon.engines.supervisor.client import SupervisorClient

from .balancer_parts import Addresses
from .database_parts import CONNECTION_ENDED, Pair

Until = Callable[[Callable[[], object], float], Awaitable[None]]


@pytest.fixture(scope="module")
def addresses() -> Addresses:
    return Addresses()


@pytest.fixture
async def pair(host: SupervisorClient, database_folder: Path, addresses: Addresses) -> AsyncIterator[Pair]:
    engine = ProcessDatabase(host, InProcessFabric(), data_dir=database_folder)
    yield Pair(engine, {"a": addresses(), "b": addresses()})
    engine.close()


async def write_rows(pair: Pair, node: str, acknowledged: list[int]) -> None:
    """Inserts until the connection ends; what was acknowledged is in the list."""
    async with pair.login(node) as connection:
        for number in itertools.count(len(acknowledged)):
            await connection.execute("INSERT INTO rows VALUES ($1)", number)
            acknowledged.append(number)


async def rows(pair: Pair, node: str) -> list[int]:
    async with pair.login(node) as connection:
        return [row["n"] for row in await connection.fetch("SELECT n FROM rows ORDER BY n")]


async def test_acknowledged_rows_survive_a_power_cut_and_the_old_primary_returns(
    pair: Pair, host: SupervisorClient, until: Until
) -> None:
    engine = pair.engine
    reports: list[UnitReport] = []
    engine.on_report(reports.append)
    await pair.start_both()
    status = await pair.ready("a")
    assert (status.in_recovery, status.streaming, status.synchronous) == (False, True, True)
    async with pair.login("a") as connection:
        await connection.execute("CREATE TABLE rows (n bigint)")
    acknowledged: list[int] = []
    writing = asyncio.create_task(write_rows(pair, "a", acknowledged))
    await until(lambda: len(acknowledged) > 50, 10)

    os.kill(host.running()["a"].pid, signal.SIGKILL)
    with pytest.raises(CONNECTION_ENDED):
        await writing
    await until(lambda: engine.state("a") is UnitState.FAILED, 5)
    assert reports[-1].detail == "Its process was ended by signal 9."
    assert await engine.status("a") == NodeStatus(reachable=False)
    await engine.stop("a")

    await engine.promote("b", generation=2)
    await engine.promote("b", generation=2)
    # The primary may have kept one row more than it could acknowledge.
    survived = await rows(pair, "b")
    assert survived[: len(acknowledged)] == acknowledged
    assert len(survived) <= len(acknowledged) + 1
    status = await pair.ready("b")
    assert (status.in_recovery, status.synchronous) == (False, False)
    await engine.configure("b", pair.spec("b", "primary", 2).payload)

    with pytest.raises(EngineError, match="a promotion to generation 1 is stale and refused"):
        await engine.promote("b", generation=1)
    await engine.start(pair.spec("a", "standby", 2))
    await pair.until("a", lambda status: status.streaming)
    await engine.set_synchronous("b", "a")
    async with pair.login("b") as connection:
        await connection.execute("INSERT INTO rows VALUES (-1)")
    await until_rows(pair, "a", [-1, *survived])
    await engine.stop("a")
    with pytest.raises(EngineError, match="an order to be primary of generation 1 is stale and refused"):
        await engine.start(pair.spec("a", "primary", 1))
    with pytest.raises(EngineError, match="it becomes primary only by a promotion to a newer one"):
        await engine.start(pair.spec("a", "primary", 2))
    await engine.stop("b")
    with pytest.raises(EngineError, match="an order to be standby of generation 1 is stale"):
        await engine.start(pair.spec("b", "standby", 1))


async def until_rows(pair: Pair, node: str, expected: list[int]) -> None:
    deadline = time.monotonic() + 5
    while (seen := await rows(pair, node)) != expected:
        assert time.monotonic() < deadline, (seen[-3:], expected[-3:])
        await asyncio.sleep(0.02)


async def test_commits_wait_for_a_lost_standby_until_the_primary_is_let_go(pair: Pair) -> None:
    engine = pair.engine
    await pair.start_both()
    async with pair.login("a") as connection:
        await connection.execute("CREATE TABLE rows (n bigint)")
        # Cut off, its process lives: what it received until now is all it gets.
        await engine.cut("b")
        assert await engine.status("b") == NodeStatus(reachable=False)
        await pair.until("a", lambda status: not status.streaming)
        commit = asyncio.create_task(connection.execute("INSERT INTO rows VALUES (0)"))
        done, _ = await asyncio.wait([commit], timeout=0.5)
        assert not done
        status = await engine.status("a")
        assert (status.streaming, status.synchronous) == (False, True)
        await engine.set_synchronous("a", None)
        await asyncio.wait_for(commit, 5)
        assert not (await engine.status("a")).synchronous
    await engine.heal("b")
    await pair.until("b", lambda status: status.streaming)
    await until_rows(pair, "b", [0])
    # Whom commits wait for holds over a restart.
    await engine.set_synchronous("a", "b")
    await engine.stop("a", grace_s=5)
    assert engine.state("a") is UnitState.STOPPED
    await engine.start(pair.spec("a", "primary"))
    assert (await pair.ready("a")).synchronous
    await pair.until("b", lambda status: status.streaming)


async def test_a_frozen_primary_is_unreachable_in_time_and_goes_on_after(pair: Pair) -> None:
    engine = pair.engine
    await engine.start(pair.spec("a", "primary"))
    before = await pair.ready("a")
    await engine.freeze("a")
    began = time.monotonic()
    assert await engine.status("a", timeout_s=0.4) == NodeStatus(reachable=False)
    with pytest.raises(EngineError, match="The node a cannot be reached: its network is cut off"):
        await engine.drop_account("a", "nobody_there", timeout_s=0.4)
    assert time.monotonic() - began < 1
    engine.fabric.heal(pair.addresses["a"])
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"The node a did not answer within 0\.4 s"):
        await engine.drop_account("a", "nobody_there", timeout_s=0.4)
    assert time.monotonic() - began < 1
    await engine.thaw("a")
    assert (await pair.ready("a")).wal_position >= before.wal_position
    await engine.freeze("a")
    await engine.stop("a")
    assert not engine.fabric.is_cut(pair.addresses["a"])
    await engine.start(pair.spec("a", "primary"))
    await pair.ready("a")


async def test_power_cuts_restarts_and_adoption(pair: Pair, host: SupervisorClient, open_folder: Path) -> None:
    engine = pair.engine
    assert engine.state("a") is UnitState.ABSENT
    with pytest.raises(EngineError, match=r"pg_basebackup failed: .*Connection refused"):
        await engine.start(pair.spec("b", "standby"))
    await engine.start(pair.spec("a", "primary"))
    await engine.stop("a")
    pid_file = open_folder / "db/nodes/a/data/postmaster.pid"
    # As if the old pid were another process now.
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split("\n")[0], str(os.getpid()), 1))
    await engine.start(pair.spec("a", "primary"))
    await pair.ready("a")
    pid = host.running()["a"].pid
    engine.close()

    adopting = ProcessDatabase(host, InProcessFabric(), data_dir=open_folder / "db")
    later = Pair(adopting, pair.addresses)
    assert (await later.ready("a")).reachable
    await adopting.configure("a", pair.spec("a", "primary").payload)
    await adopting.start(pair.spec("a", "primary"))
    assert host.running()["a"].pid == pid
    with pytest.raises(EngineError, match="must be restarted for a new max_connections"):
        await adopting.configure("a", pair.spec("a", "primary", max_connections=50).payload)
    with pytest.raises(EngineError, match="must be promoted or restarted to be standby of generation 2"):
        await adopting.configure("a", pair.spec("a", "standby", 2).payload)
    await adopting.delete("a")
    assert adopting.state("a") is UnitState.ABSENT
    assert not pid_file.parent.parent.exists()
    adopting.close()


async def test_a_promotion_that_a_power_cut_interrupts_is_finished_or_undone(pair: Pair, open_folder: Path) -> None:
    engine = pair.engine
    await pair.start_both()
    await engine.stop("b")
    marker = open_folder / "db/nodes/b/node.json"
    marker.write_text(
        marker.read_text().replace('"standby"', '"promoting"').replace('"generation":1', '"generation":2')
    )
    # The move was given up: it is a standby again, of the generation that still holds.
    await engine.start(pair.spec("b", "standby", 1))
    await pair.until("b", lambda status: status.streaming)
    await engine.stop("b")
    await engine.stop("a")
    # The order stands: a standby's folder becomes primary of a newer generation by a promotion, on a new timeline.
    await engine.start(pair.spec("b", "primary", 2))
    status = await pair.ready("b")
    assert not status.in_recovery
    await engine.start(pair.spec("a", "standby", 2))
    with pytest.raises(EngineError, match="only a primary waits for one"):
        await engine.set_synchronous("a", "b")


async def test_no_socket_file_and_no_foreign_owner(pair: Pair, host: SupervisorClient, open_folder: Path) -> None:
    await pair.engine.start(pair.spec("a", "primary"))
    status: Any = await pair.ready("a")
    assert status.wal_position > 0
    owners = {path.stat().st_uid for path in (open_folder / "db/nodes/a").rglob("*") if path.suffix != ".log"}
    assert owners == {host.uid}
    assert (open_folder / "db/nodes/a").stat().st_mode & 0o777 == 0o700
