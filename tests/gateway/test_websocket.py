"""WebSockets on the one port, by the byte: messages, violations, ends."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from kowloon.wire.http import HttpResponse, WebSocket
from kowloon.wire.websocket import text_frame

from .sockets import SHORT, Running, eventually, serving
from .talking import (
    BINARY,
    CLOSE,
    CONTINUATION,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    Talk,
    Talks,
    client_frame,
    echo,
    frame,
    goodbye,
    opened,
    reset,
    said_goodbye,
)

# Messages -----------------------------------------------------------------------------------------------------------


async def test_fragments_are_joined_and_pings_answered_in_between(running: Running) -> None:
    talks = Talks(running)
    client = await opened(
        await running.connect(),
        client_frame(TEXT, "早上".encode()[:4], final=False)
        + client_frame(PING, b"still there?")
        + client_frame(CONTINUATION, final=False)
        + client_frame(PONG, b"unasked")
        + client_frame(CONTINUATION, "早上".encode()[4:])
        + client_frame(TEXT),
    )
    assert await frame(client) == (PONG, b"still there?")
    await eventually(lambda: talks.last.heard == ["早上", ""])


async def test_any_split_of_the_bytes(running: Running) -> None:
    talks, source = Talks(running, echo), random.Random(6)
    messages = [source.choice("a早😀") * source.choice([0, 1, 125, 126, 70_000]) for _ in range(20)]
    stream = HANDSHAKE + b"".join(client_frame(TEXT, message.encode()) for message in messages)
    client = await running.connect()
    while stream:
        cut = source.choice([1, 2, 7, 100, 40_000])
        client.send(stream[:cut])
        stream = stream[cut:]
        await asyncio.sleep(0)
    assert (await client.response(head_only=True))[0] == 101
    for message in messages:
        assert await frame(client) == (TEXT, f"echo {message}".encode())
    assert talks.last.heard == messages


async def test_large_messages_both_ways(running: Running) -> None:
    Talks(running, echo)
    client = await opened(await running.connect())
    message = b"x" * 1024 * 1024
    client.send(client_frame(TEXT, message))
    assert await frame(client) == (TEXT, b"echo " + message)
    client.send(client_frame(TEXT, message + b"x")[:14])
    assert await said_goodbye(client) == (1009, "A message is over 1048576 bytes.")


async def test_one_frame_for_many(running: Running) -> None:
    talks = Talks(running)
    clients = [await opened(await running.connect()) for _ in range(20)]
    once = text_frame("to all")
    for talk in talks.all:
        talk.open_socket.send_frame(once)
        talk.open_socket.send("to you")
    for client in clients:
        assert [await frame(client) for _ in range(2)] == [(TEXT, b"to all"), (TEXT, b"to you")]


@pytest.mark.parametrize("eager", [client_frame(TEXT, b"a"), client_frame(PONG)])
async def test_an_eager_peer_lets_others_have_their_turn(running: Running, eager: bytes) -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(count)

    def begin(socket: WebSocket, message: str) -> None:
        if message == "begin":
            count()

    talks = Talks(running, begin)
    client = await opened(await running.connect(), client_frame(TEXT, b"begin"))
    await eventually(lambda: turns)
    before = turns
    client.send(eager * 10_000 + client_frame(TEXT, b"end") + goodbye(1000))
    await eventually(lambda: talks.last.heard[-1] == "end")
    # Not each turn of the others falls between two of this one.
    assert turns - before >= 10_000 // 64 // 2
    assert talks.last.heard.count("a") == (10_000 if eager[0] & 0x0F == TEXT else 0)
    assert await said_goodbye(client) == (1000, "")


# Violations and ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x05Hello", 1002),
        (client_frame(TEXT, b"a", reserved=1), 1002),
        (client_frame(CONTINUATION, b"a"), 1002),
        (client_frame(PING, b"x" * 126), 1002),
        (client_frame(CLOSE, b"1"), 1002),
        (goodbye(1005), 1002),
        (client_frame(BINARY, b"a"), 1003),
        (client_frame(TEXT, b"\xff"), 1007),
        (client_frame(TEXT, b"x" * 2_000_000)[:14], 1009),
    ],
)
async def test_violations_end_it(running: Running, data: bytes, code: int) -> None:
    talks = Talks(running)
    client = await opened(await running.connect(), client_frame(TEXT, b"fine") + data + client_frame(TEXT, b"nobody's"))
    assert (await said_goodbye(client))[0] == code
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    assert talks.last.heard == ["fine"]


@pytest.mark.parametrize(
    ("said", "answer"),
    [(goodbye(1000, b"bye"), (1000, "")), (goodbye(4999), (4999, "")), (client_frame(CLOSE), (0, ""))],
)
async def test_a_goodbye_is_answered(running: Running, said: bytes, answer: tuple[int, str]) -> None:
    talks = Talks(running)
    client = await opened(await running.connect(), client_frame(TEXT, b"last") + said + client_frame(TEXT, b"late"))
    assert await said_goodbye(client) == answer
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    assert talks.last.heard == ["last"]
    assert running.server.connections == 0


async def test_our_own_goodbye(running: Running) -> None:
    talks = Talks(running)
    client = await opened(await running.connect())
    ours = talks.last.open_socket
    ours.send("before")
    ours.close(4000, "reason")
    ours.close(4001)
    ours.send("after")
    ours.send_frame(text_frame("after"))
    client.send(client_frame(TEXT, b"crossed it") + client_frame(PING))
    assert await frame(client) == (TEXT, b"before")
    assert await frame(client) == (CLOSE, b"\x0f\xa0reason")
    assert talks.last.calls == ["opened"]
    client.send(goodbye(4000))
    assert await client.rest() == b""
    client.close()
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    assert talks.last.heard == []
    ours.send("after")
    ours.close()


async def test_a_goodbye_that_is_not_answered_is_enough_after_a_while() -> None:
    async with serving(SHORT) as running:
        talks = Talks(running)
        client = await opened(await running.connect())
        talks.last.open_socket.close()
        await eventually(lambda: talks.last.calls == ["opened", "closed"])
        assert await said_goodbye(client) == (1000, "")


@pytest.mark.parametrize("how", ["reset", "end", "in a frame"])
async def test_a_peer_that_disappears(running: Running, how: str) -> None:
    talks = Talks(running, echo)
    client = await opened(await running.connect())
    if how == "reset":
        reset(client)
    else:
        client.send(client_frame(TEXT, b"a") + (client_frame(TEXT, b"b")[:3] if how == "in a frame" else b""))
        client.writer.write_eof()
        assert await frame(client) == (TEXT, b"echo a")
        assert await client.rest() == b""
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    talks.last.open_socket.send("to nobody")
    assert talks.last.open_socket.unsent_bytes == 0
    assert running.server.connections == 0


class Broken(Talk):
    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def opened(self, socket: WebSocket) -> None:
        super().opened(socket)
        self.fail("opened")

    def text(self, message: str) -> None:
        super().text(message)
        self.fail("text")

    def closed(self) -> None:
        super().closed()
        self.fail("closed")

    def fail(self, where: str) -> None:
        if where == self.where:
            raise RuntimeError("on purpose")


@pytest.mark.parametrize("where", ["opened", "text", "closed"])
async def test_handlers_that_fail(running: Running, where: str, caplog: pytest.LogCaptureFixture) -> None:
    talk = Broken(where)
    running.server.handler = lambda request: HttpResponse(101, websocket=talk)
    client = await opened(await running.connect(), client_frame(TEXT, b"a") + client_frame(TEXT, b"b") + goodbye(1000))
    expected = (1000, "") if where == "closed" else (1011, "The handler failed.")
    assert await said_goodbye(client) == expected
    await eventually(lambda: talk.calls == ["opened", "closed"])
    assert talk.heard == {"opened": [], "text": ["a"], "closed": ["a", "b"]}[where]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info[1].args for record in errors if record.exc_info and record.exc_info[1]] == [("on purpose",)]
