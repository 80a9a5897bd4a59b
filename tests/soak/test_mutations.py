"""No request, however damaged, is answered with an error of ours: a sample always, a million in the soak."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from tests.cli.parts import Served
from tests.core.parts import paper_cloud
from tests.soak.mutations import Mutator, run


async def test_some_mutated_requests_are_answered_or_refused() -> None:
    async with paper_cloud() as caller:
        seen = await run(caller, 6_000, seed=1)
    assert sum(seen.values()) == 6_000
    # They are not all stopped at the door.
    assert seen["200"] > 100
    assert seen["400"] > 1000


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_million_mutated_requests_are_answered_or_refused() -> None:
    async with paper_cloud() as caller:
        seen = await run(caller, 1_000_000, seed=2025, progress_every=100_000)
    print(f"\nmutated in process: {seen}")
    assert sum(seen.values()) == 1_000_000


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_20_000_mutated_requests_over_a_socket_leave_a_server_that_serves(tmp_path: Path) -> None:
    with Served(tmp_path / "home", "--quiet") as served:
        async with paper_cloud() as caller:
            caller.key_id, caller.secret = served.keys["access_key_id"], served.keys["access_key_secret"]
            mutator = Mutator(caller, seed=77)
            statuses: dict[int, int] = {}
            for batch in range(100):
                caller.wall.now = time.time()
                requests = [mutator.request() for _ in range(200)]
                for status in await asyncio.gather(*(send(served.port, raw) for raw in requests)):
                    statuses[status] = statuses.get(status, 0) + 1
                    assert status < 500 or status == 501, (batch, status)
        assert served.admin("GET", "status")[0] == 200
        assert served.process.poll() is None
        assert "Traceback" not in served.log.read_text()
    print(f"\nmutated over sockets (0: nothing came back): {statuses}")
    assert sum(statuses.values()) == 20_000


async def send(port: int, raw: bytes) -> int:
    """The status of the first answer; 0 when the server rightly waits for more or hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        with contextlib.suppress(OSError):
            writer.write_eof()
        line = b""
        with contextlib.suppress(ConnectionError):
            line = await asyncio.wait_for(reader.readline(), 30.0)
        return int(line.split()[1]) if line.startswith(b"HTTP/1.1 ") else 0
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
