"""WebSockets on the one port, by the byte: silent peers, slow readers, a server that closes."""

from __future__ import annotations

import asyncio
import socket

import msgspec

from kowloon.gateway.transport_settings import TransportSettings
from kowloon.wire.websocket import text_frame

from .sockets import SHORT, Client, Running, eventually, serving
from .talking import (
    CLOSE,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    SlowTalk,
    Talks,
    client_frame,
    frame,
    goodbye,
    opened,
    said_goodbye,
)


async def test_silent_peers_are_asked_and_kept_while_they_answer() -> None:
    settings = msgspec.structs.replace(SHORT, ping_interval_s=0.2, max_unanswered_pings=4)
    async with serving(settings) as running:
        talks = Talks(running)
        answering, speaking = [await opened(await running.connect()) for _ in range(2)]
        # Longer than any timeout of a request, and than unanswered pings would last.
        for _ in range(6):
            assert await frame(answering) == (PING, b"")
            answering.send(client_frame(PONG))
            assert await frame(speaking) == (PING, b"")
            speaking.send(client_frame(TEXT, b"I am"))
        assert [talk.calls for talk in talks.all] == [["opened"], ["opened"]]


async def test_who_does_not_answer_three_pings_is_dropped() -> None:
    async with serving(msgspec.structs.replace(SHORT, ping_interval_s=0.1)) as running:
        talks = Talks(running)
        client = await opened(await running.connect())
        assert await client.rest() == b"\x89\x00" * 3
        await eventually(lambda: talks.last.calls == ["opened", "closed"])
        assert running.server.connections == 0


async def test_who_does_not_read_is_dropped_and_others_are_not() -> None:
    async with serving(TransportSettings(max_unsent_bytes=1_000_000, drain_s=0.1)) as running:
        talks = Talks(running)
        with socket.create_connection(("127.0.0.1", running.port)) as lazy:
            lazy.sendall(HANDSHAKE)
            await eventually(lambda: talks.all and talks.last.calls)
            slow = talks.last
            reader = await opened(await running.connect())
            once, sent = text_frame("x" * 100_000), 0
            while slow.calls == ["opened"]:
                for talk in talks.all:
                    talk.open_socket.send_frame(once)
                sent += 1
                assert slow.open_socket.unsent_bytes <= 1_000_000 + len(once)
                assert (await frame(reader))[0] == TEXT
            assert slow.calls == ["opened", "closed"]
            # What the kernel holds has been sent; the rest was not kept for ever.
            assert 1_000_000 < sent * len(once) < 100_000_000
        assert talks.last.calls == ["opened"]


async def test_too_much_at_once_is_too_much(running: Running) -> None:
    talks = Talks(running)
    client = await opened(await running.connect())
    once = text_frame("x" * 100_000)
    for _ in range(1000):
        talks.last.open_socket.send_frame(once)
    assert talks.last.open_socket.unsent_bytes <= TransportSettings().max_unsent_bytes + len(once)
    # Nothing of it is called while it is sent to.
    assert talks.last.calls == ["opened"]
    await client.rest()
    await eventually(lambda: talks.last.calls == ["opened", "closed"])


async def test_answers_to_a_peer_that_does_not_read_are_bounded_too() -> None:
    async with serving(TransportSettings(max_unsent_bytes=100_000, drain_s=0.1)) as running:
        talks = Talks(running, lambda socket, message: socket.send("x" * 50_000))
        with socket.create_connection(("127.0.0.1", running.port)) as lazy:
            lazy.sendall(HANDSHAKE + client_frame(TEXT, b"more") * 1000)
            await eventually(lambda: talks.all and talks.last.calls == ["opened", "closed"])
            assert len(talks.last.heard) < 1000


async def test_closing_the_server_says_goodbye() -> None:
    async with serving(TransportSettings(drain_s=5)) as running:
        talks = Talks(running)
        clients = [await opened(await running.connect()) for _ in range(3)]
        closing = asyncio.create_task(running.server.close())
        for client in clients:
            assert await frame(client) == (CLOSE, b"\x03\xe9The server is closing.")
            client.send(goodbye(1001))
            assert await client.rest() == b""
            client.close()
        await closing
        assert [talk.calls for talk in talks.all] == [["opened", "closed"]] * 3


async def test_closing_the_server_waits_for_nobody_for_ever() -> None:
    async with serving(SHORT) as running:
        talks = Talks(running)
        client = await opened(await running.connect())
        await running.server.close()
        await eventually(lambda: talks.last.calls == ["opened", "closed"])
        assert await said_goodbye(client) == (1001, "The server is closing.")


async def test_no_socket_is_opened_while_the_server_closes() -> None:
    async with serving(TransportSettings(drain_s=5)) as running:
        slow = SlowTalk(running)
        client = await running.connect()
        client.send(HANDSHAKE)
        await slow.asked()
        closing = asyncio.create_task(running.server.close())
        await eventually(lambda: running.server.closing)
        slow.release.set()
        status, _, body = await client.response()
        assert (status, msgspec.json.decode(body)["Code"]) == (503, "ServerClosing")
        client.close()
        await closing
        assert slow.talk.calls == []


async def test_sockets_count_as_connections() -> None:
    async with serving(TransportSettings(max_connections=2, drain_s=0.1)) as running:
        Talks(running)
        clients: list[Client] = [await opened(await running.connect()) for _ in range(2)]
        assert (await running.exchange(b"")).startswith(b"HTTP/1.1 503 ")
        clients[0].send(goodbye(1000))
        assert await said_goodbye(clients[0]) == (1000, "")
        await eventually(lambda: running.server.connections == 1)
        await opened(await running.connect())
