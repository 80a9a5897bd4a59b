"""The example exchange when its database leaves at the worst moment: between two statements of a kept connection."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest

APP = Path(__file__).parents[2] / "examples" / "exchange" / "app.py"
BALANCE = 7
GOODBYE = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0"


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


READY = message(b"Z", b"I")
WELCOME = (
    message(b"R", struct.pack("!i", 0)) + message(b"S", b"server_version\x0018.0\0") + message(b"K", bytes(8)) + READY
)
# One parameter of type text; one column `balance` of type int8.
DESCRIPTION = (
    message(b"1")
    + message(b"t", struct.pack("!hi", 1, 25))
    + message(b"T", struct.pack("!h", 1) + b"balance\0" + struct.pack("!ihihih", 0, 0, 20, 8, -1, 1))
)
ROW = message(b"2") + message(b"D", struct.pack("!hiq", 1, 8, BALANCE)) + message(b"C", b"SELECT 1\0") + READY


class LeavingDatabase:
    """Speaks as much of PostgreSQL's protocol as one query needs, and says goodbye right behind an answer.

    `patience` is the number of answers that a connection gives before; the welcome is the first. The connection is
    left open behind the goodbye, so that nothing but the goodbye can have been noticed.
    """

    def __init__(self, patience: int) -> None:
        self.patience, self.connections = patience, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        left = self.patience
        answers = {b"": WELCOME, b"D": DESCRIPTION, b"E": ROW}
        try:
            while True:
                kind = b"" if left == self.patience else await reader.readexactly(1)
                (size,) = struct.unpack("!i", await reader.readexactly(4))
                await reader.readexactly(size - 4)
                if kind in answers:
                    left -= kind != b"D"
                    writer.write(answers[kind] + (b"" if left else message(b"E", GOODBYE)))
        except asyncio.IncompleteReadError:
            writer.close()


@pytest.fixture
async def leaving(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LeavingDatabase]:
    database = LeavingDatabase(request.param)
    server = await asyncio.start_server(database.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("EXCHANGE_DSN", f"postgresql://app@127.0.0.1:{port}/shop?sslmode=disable")
    monkeypatch.setenv("EXCHANGE_STATEMENT_PUT_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("KOWLOON_BIND_ADDRESS", "127.0.0.1")
    yield database
    server.close()


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("exchange_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def ask(app: ModuleType, database: object) -> tuple[int, dict[str, object]]:
    reader = asyncio.StreamReader()
    reader.feed_data(b"GET /accounts/alice HTTP/1.1\r\nHost: exchange\r\n\r\n")
    status, content, stays = await app.one_request(database, reader)
    assert stays
    return status, json.loads(content)


@pytest.mark.parametrize("leaving", [2], indirect=True)
async def test_a_kept_connection_that_was_left_is_replaced_and_no_customer_notices(leaving: LeavingDatabase) -> None:
    app = load()
    database = app.Database()
    for connections in (1, 2, 3):
        assert await ask(app, database) == (200, {"account": "alice", "balance": BALANCE})
        assert leaving.connections == connections


@pytest.mark.parametrize("leaving", [1], indirect=True)
async def test_a_database_that_leaves_everybody_is_said_with_503(leaving: LeavingDatabase) -> None:
    app = load()
    assert await ask(app, app.Database()) == (
        503,
        {"error": f"the database does not answer: {asyncpg.InternalClientError.__name__}"},
    )
    assert leaving.connections == 2
