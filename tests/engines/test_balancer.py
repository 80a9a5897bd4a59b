"""Balancers as units: the layer 4 proxy, health checks, cut-off, mirroring, and what a worker's death tells."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kowloon.engines.balancer import mirror
from kowloon.engines.balancer.base import HealthCheck, Listener
from kowloon.engines.balancer.process import ProcessBalancer
from kowloon.engines.base import EngineError, UnitReport, UnitState
from kowloon.engines.processes import ProcessSpec
from kowloon.engines.supervisor.client import SupervisorClient

from .balancer_parts import (
    FAST_CHECK,
    Addresses,
    Balancer,
    CutSet,
    HttpBackend,
    connected,
    eventually,
    get,
    http_answer,
    refuses,
)

Until = Callable[[Callable[[], object], float], Awaitable[None]]
Pair = tuple[HttpBackend, HttpBackend]

PORT = 3306


@pytest.fixture(scope="module")
def addresses() -> Addresses:
    return Addresses()


@pytest.fixture
async def balancer(host: SupervisorClient, open_folder: Path, addresses: Addresses) -> AsyncIterator[Balancer]:
    engine = ProcessBalancer(host, CutSet(), socket_dir=open_folder / "s", data_dir=open_folder / "b")
    yield Balancer(engine, addresses(), "lb-1")
    await engine.close()


@pytest.fixture
async def backends(addresses: Addresses) -> AsyncIterator[Pair]:
    pair = HttpBackend(addresses(), "a"), HttpBackend(addresses(), "b")
    for backend in pair:
        await backend.start()
    yield pair
    for backend in pair:
        await backend.stop()


def tcp(*backends: HttpBackend, weights: tuple[int, ...] = (100, 100), **options: object) -> Listener:
    specs = tuple(backend.spec(weight) for backend, weight in zip(backends, weights, strict=False))
    return Listener(protocol="tcp", port=PORT, backends=specs, **options)  # type: ignore[arg-type]


async def names(balancer: Balancer, count: int) -> Counter[bytes]:
    return Counter([(await get(balancer.address, PORT))[2] for _ in range(count)])


@asynccontextmanager
async def echo_server(address: str, port: int) -> AsyncIterator[None]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome ")
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write(b" goodbye")
        writer.close()

    server = await asyncio.start_server(serve, address, port)
    yield
    server.close()


# Layer 4


async def test_bytes_pass_both_ways_and_each_end_can_finish_first(balancer: Balancer, addresses: Addresses) -> None:
    backend = HttpBackend(addresses(), "echo")
    async with echo_server(backend.address, backend.port):
        await balancer.start(tcp(backend))
        async with connected(balancer.address, PORT) as client:
            assert await client.reader.readexactly(8) == b"welcome "
            big = os.urandom(1 << 20) * 8
            sending = asyncio.create_task(send(client.writer, big))
            assert await client.reader.readexactly(len(big)) == big
            await sending
            client.writer.write_eof()
            assert await client.reader.read() == b" goodbye"


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


@pytest.mark.parametrize(
    ("scheduler", "weights", "expected"),
    [("wrr", (100, 50), {b"a": 8, b"b": 4}), ("rr", (100, 50), {b"a": 6, b"b": 6}), ("wrr", (0, 10), {b"b": 12})],
)
async def test_weights_share_the_connections(
    balancer: Balancer, backends: Pair, scheduler: str, weights: tuple[int, int], expected: dict[bytes, int]
) -> None:
    await balancer.start(tcp(*backends, weights=weights, scheduler=scheduler))
    assert await names(balancer, 12) == expected


async def test_least_connections_go_where_there_is_room(balancer: Balancer, backends: Pair) -> None:
    await balancer.start(tcp(*backends, scheduler="wlc"))
    async with connected(balancer.address, PORT) as first, connected(balancer.address, PORT) as second:
        one, two = (await first.ask())[2], (await second.ask())[2]
        assert {one, two} == {b"a", b"b"}


async def test_a_refused_connect_goes_to_another_backend(balancer: Balancer, backends: Pair) -> None:
    await balancer.start(tcp(*backends))
    await backends[0].stop()
    assert await names(balancer, 6) == {b"b": 6}
    await backends[1].stop()
    assert await refuses(balancer.address, PORT)


async def test_idle_connections_end(balancer: Balancer, backends: Pair) -> None:
    await balancer.start(tcp(backends[0], idle_timeout_s=0.3))
    async with connected(balancer.address, PORT) as client:
        assert (await client.ask())[0] == 200
        began = time.monotonic()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        assert 0.2 < time.monotonic() - began < 3


# Configuration


async def test_connections_outlive_a_reconfiguration_but_not_the_listener(balancer: Balancer, backends: Pair) -> None:
    await balancer.start(tcp(*backends))
    async with connected(balancer.address, PORT) as client:
        _, _, name = await client.ask()
        gone, stays = (0, 1) if name == b"a" else (1, 0)
        await balancer.configure(tcp(backends[stays]))
        assert (await client.ask())[2] == name
        assert await names(balancer, 3) == {backends[stays].name.encode(): 3}
        assert gone != stays
        await balancer.configure()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
    assert await refuses(balancer.address, PORT)


async def test_an_endpoint_cuts_connections_to_a_backend_that_leaves(balancer: Balancer, backends: Pair) -> None:
    await balancer.start(tcp(backends[0]), drop_on_change=True)
    async with connected(balancer.address, PORT) as client:
        assert (await client.ask())[2] == b"a"
        await balancer.configure(tcp(backends[1]), drop_on_change=True)
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
    assert await names(balancer, 2) == {b"b": 2}


async def test_what_cannot_be_configured_is_said(balancer: Balancer, backends: Pair) -> None:
    await balancer.start(tcp(backends[0]))
    taken = Listener(protocol="tcp", port=backends[1].port, backends=())
    server = await asyncio.start_server(lambda _r, _w: None, balancer.address, taken.port)
    with pytest.raises(
        EngineError, match=rf"{balancer.address}:{taken.port} cannot be listened on: Address already in use\."
    ):
        await balancer.configure(tcp(backends[0]), taken)
    server.close()
    assert await names(balancer, 1) == {b"a": 1}
    with pytest.raises(EngineError, match="two listeners have the same port"):
        await balancer.configure(tcp(backends[0]), tcp(backends[1]))
    with pytest.raises(EngineError, match="lb-none was never started here; start it first"):
        await balancer.engine.configure("lb-none", {})
    with pytest.raises(EngineError, match=r"cannot be configured: .*protocol"):
        await balancer.engine.configure("lb-1", {"listeners": [{"protocol": "udp", "port": 1}]})


# Health


async def test_checks_see_a_backend_die_and_come_back(balancer: Balancer, backends: Pair) -> None:
    await balancer.start(tcp(*backends, check=FAST_CHECK))
    assert await balancer.until_status("a", "normal") < 1
    await backends[0].stop()
    await balancer.until_status("a", "abnormal")
    assert await names(balancer, 4) == {b"b": 4}
    await backends[1].stop()
    await balancer.until_status("b", "abnormal")
    assert await refuses(balancer.address, PORT)
    await backends[0].start()
    await balancer.until_status("a", "normal")
    assert await names(balancer, 2) == {b"a": 2}


async def test_http_checks_want_their_status(balancer: Balancer, backends: Pair) -> None:
    backend = backends[0]
    check = HealthCheck(
        kind="http", interval_s=0.05, timeout_s=0.2, rise=2, fall=2, path="/up", domain="d.test", expect=("http_3xx",)
    )
    await balancer.start(tcp(backend, check=check), Listener(protocol="http", port=8080, backends=(backend.spec(),)))
    backend.answer = lambda _h, _b: http_answer(b"", "204 No Content")
    await balancer.until_status("a", "unavailable")
    assert {status.status for status in await balancer.engine.health("lb-1")} == {"abnormal", "unavailable"}
    backend.answer = lambda _h, _b: http_answer(b"", "302 Found")

    async def normal() -> bool:
        return "normal" in {status.status for status in await balancer.engine.health("lb-1")}

    await eventually(normal)
    assert backend.requests[-1][0] == b"HEAD /up HTTP/1.0\r\nHost: d.test\r\nConnection: close\r\n\r\n"


async def test_a_frozen_backend_that_is_cut_off_is_a_black_hole(
    balancer: Balancer, host: SupervisorClient, addresses: Addresses, open_folder: Path
) -> None:
    backend = HttpBackend(addresses(), "real")
    argv = (sys.executable, "-m", "http.server", "--bind", backend.address, str(backend.port))
    await host.spawn(
        ProcessSpec(
            unit_id="i-1",
            argv=argv,
            environment={"PATH": os.defpath},
            cwd=str(open_folder),
            log=str(open_folder / "i-1.log"),
            drop_privileges=False,
        )
    )
    check = HealthCheck(kind="http", interval_s=0.05, timeout_s=0.2, rise=1, fall=1)
    options = {"connect_timeout_s": 0.5, "request_timeout_s": 0.5}
    http = Listener(protocol="http", port=8080, backends=(backend.spec(),), check=check, **options)  # type: ignore[arg-type]
    await balancer.start(http, tcp(backend, check=check))
    await balancer.until_status("real", "normal")
    async with connected(balancer.address, PORT) as stalled:
        stalled.writer.write(b"GET / HTTP/1.1\r\n")
        await host.freeze("i-1")
        balancer.engine.fabric.cut(backend.address)
        began = time.monotonic()
        statuses = {status.backend_id: status.status for status in await balancer.engine.health("lb-1")}
        assert set(statuses) == {"real"}

        async def unhealthy() -> bool:
            return (await get(balancer.address, 8080))[0] == 503

        await eventually(unhealthy)
        assert time.monotonic() - began < 3
        stalled.writer.write(b"Host: t\r\n\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await stalled.reader.read(1)
        await host.thaw("i-1")
        balancer.engine.fabric.heal(backend.address)
        assert (await stalled.answer_head()).startswith(b"HTTP/1.0 200 OK")

    async def healthy() -> bool:
        return (await get(balancer.address, 8080))[0] == 200

    await eventually(healthy)
    await host.kill("i-1")


async def test_a_cut_backend_times_out_as_504(balancer: Balancer, backends: Pair) -> None:
    specs = (backends[0].spec(),)
    await balancer.start(
        Listener(protocol="http", port=8080, backends=specs, connect_timeout_s=0.3, request_timeout_s=0.3)
    )
    async with connected(balancer.address, 8080) as client:
        assert (await client.ask())[0] == 200
        balancer.engine.fabric.cut(backends[0].address)
        began = time.monotonic()
        await pushed(balancer)
        assert (await client.ask())[0] == 504
        assert time.monotonic() - began > 0.25
        assert backends[0].requests[1:] == []
        balancer.engine.fabric.heal(backends[0].address)
        assert (await client.ask())[0] in (200, 504)


async def pushed(balancer: Balancer) -> None:
    """Workers hear of a change of the fabric a moment after it."""
    await asyncio.gather(*balancer.engine._pushers.values())


# The unit's life


async def test_a_frozen_balancer_is_dark_and_goes_on(balancer: Balancer, backends: Pair) -> None:
    engine = balancer.engine
    reports: list[UnitReport] = []
    engine.on_report(reports.append)
    await balancer.start(tcp(backends[0]))
    async with connected(balancer.address, PORT) as client:
        assert (await client.ask())[0] == 200
        await engine.freeze("lb-1")
        assert engine.state("lb-1") is UnitState.FROZEN
        assert engine.fabric.is_cut(balancer.address)
        assert await engine.health("lb-1") == []
        await balancer.configure(tcp(backends[1]))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.ask()
        await engine.thaw("lb-1")
        assert (await client.answer())[2] == b"a"

    async def moved() -> bool:
        return (await get(balancer.address, PORT))[2] == b"b"

    await eventually(moved)
    assert [report.state.value for report in reports] == ["running", "frozen", "running"]


async def test_a_balancer_that_is_cut_answers_nothing(balancer: Balancer, backends: Pair) -> None:
    await balancer.start(tcp(backends[0]))
    async with connected(balancer.address, PORT) as client:
        assert (await client.ask())[0] == 200
        await balancer.engine.cut("lb-1")
        await pushed(balancer)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.ask()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await get(balancer.address, PORT)
        await balancer.engine.heal("lb-1")
        assert (await client.answer())[2] == b"a"
    assert balancer.engine.state("lb-1") is UnitState.RUNNING


async def test_a_killed_worker_is_reported_and_starts_again(
    balancer: Balancer, backends: Pair, host: SupervisorClient, until: Until
) -> None:
    reports: list[UnitReport] = []
    balancer.engine.on_report(reports.append)
    await balancer.start(tcp(backends[0]))
    os.kill(host.running()["lb-1"].pid, signal.SIGKILL)
    await until(lambda: len(reports) == 2, 5)
    assert reports[1] == UnitReport(unit_id="lb-1", state=UnitState.FAILED, detail="Its process was ended by signal 9.")
    assert await balancer.engine.health("lb-1") == []
    await balancer.start(tcp(backends[0]))
    assert await names(balancer, 1) == {b"a": 1}
    await balancer.engine.stop("lb-1")
    assert balancer.engine.state("lb-1") is UnitState.STOPPED
    assert await refuses(balancer.address, PORT)
    await balancer.engine.delete("lb-1")
    assert balancer.engine.state("lb-1") is UnitState.ABSENT


async def test_the_next_server_adopts_a_running_balancer(
    balancer: Balancer, backends: Pair, host: SupervisorClient, open_folder: Path
) -> None:
    await balancer.start(tcp(backends[0]))
    pid = host.running()["lb-1"].pid
    await balancer.engine.close()
    engine = ProcessBalancer(host, CutSet(), socket_dir=open_folder / "s", data_dir=open_folder / "b")
    assert engine.state("lb-1") is UnitState.RUNNING
    await Balancer(engine, balancer.address, "lb-1").start(tcp(backends[1]))
    assert host.running()["lb-1"].pid == pid
    assert await names(balancer, 2) == {b"b": 2}
    await engine.close()


@pytest.mark.skipif(not mirror.available(), reason="needs /proc/net/tcp")
async def test_a_mirror_listens_where_its_target_does(balancer: Balancer, addresses: Addresses) -> None:
    target = HttpBackend(addresses(), "target")
    await balancer.start(mirror=target.address)
    assert await refuses(balancer.address, target.port)
    await target.start()

    async def shows() -> bool:
        return not await refuses_at_once(balancer.address, target.port)

    await eventually(shows)
    async with connected(balancer.address, target.port) as client:
        assert (await client.ask())[2] == b"target"
        await target.stop()

        async def hides() -> bool:
            return await refuses_at_once(balancer.address, target.port)

        await eventually(hides)


async def refuses_at_once(address: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(address, port)
    except ConnectionError:
        return True
    writer.close()
    return False


async def test_a_low_port_is_served_or_refused_in_words(balancer: Balancer, backends: Pair) -> None:
    listener = Listener(protocol="http", port=80, backends=(backends[0].spec(),))
    if balancer.engine.capabilities()["low_ports"]:
        await balancer.start(listener)
        assert (await get(balancer.address, 80))[0] == 200
    else:
        with pytest.raises(EngineError, match=r":80 cannot be listened on: Permission denied"):
            await balancer.start(listener)
