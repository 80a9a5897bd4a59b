"""WebSockets as clients speak them: the library that vendors' SDKs use, Node's own, plain, in TLS and in tunnels."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator

import pytest
from playwright._impl._driver import compute_driver_executable
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kowloon.core.clock import Clock
from kowloon.gateway.certificates import CertificateAuthority
from kowloon.gateway.transport_settings import TransportSettings
from tests.core.parts import paper_cloud

from .sockets import PATIENCE_S, Running, eventually, serving
from .talking import HANDSHAKE, TEXT, Talks, client_frame, echo, frame, goodbye, opened
from .test_transport_tls import Tunnelled, open_tunnel

HOST = "im.aliyuncs.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"), Clock())


@pytest.fixture
async def running(authority: CertificateAuthority) -> AsyncIterator[Running]:
    async with serving(TransportSettings(drain_s=0.1), authority) as server:
        yield server


def ways_in(running: Running) -> dict[str, connect]:
    """`proxy` is a tunnel by CONNECT."""
    proxy, trust = f"http://127.0.0.1:{running.port}", running.client_context()
    return {
        "plain": connect(f"ws://127.0.0.1:{running.port}/talk", proxy=None),
        "tls": connect(f"wss://{HOST}/talk", host="127.0.0.1", port=running.port, ssl=trust, proxy=None),
        "tunnel": connect(f"ws://{HOST}/talk", proxy=proxy),
        "tls in a tunnel": connect(f"wss://{HOST}/talk", ssl=trust, proxy=proxy),
    }


@pytest.mark.parametrize("way", ["plain", "tls", "tunnel", "tls in a tunnel"])
async def test_the_python_library(running: Running, way: str) -> None:
    talks = Talks(running, echo)
    async with asyncio.timeout(PATIENCE_S), ways_in(running)[way] as client:
        assert client.protocol.extensions == []
        assert client.subprotocol is None
        for message in ("hello", "早上好", "", "x" * 300_000):
            await client.send(message)
            assert await client.recv() == f"echo {message}"
        await client.send(["in ", "fragments"])
        assert await client.recv() == "echo in fragments"
        await (await client.ping(b"there?"))
        await client.close(4000, "done")
        assert client.close_code == 4000
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    await eventually(lambda: running.server.connections == 0)


async def test_the_library_sees_our_goodbyes(running: Running) -> None:
    talks = Talks(running)
    async with asyncio.timeout(PATIENCE_S), ways_in(running)["tls"] as client:
        talks.last.open_socket.close(4001, "signed out")
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "signed out")
    async with asyncio.timeout(PATIENCE_S), ways_in(running)["plain"] as client:
        await client.send(b"binary")
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (1003, "Only text is understood here.")
    async with asyncio.timeout(PATIENCE_S), ways_in(running)["tls in a tunnel"] as client:
        await running.server.close()
        await client.wait_closed()
        assert client.close_code == 1001


async def test_the_library_sees_refusals(running: Running) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{running.port}/elsewhere", proxy=None)
    assert (refused.value.response.status_code, refused.value.response.body) == (200, b"GET /elsewhere ")


async def test_frames_behind_a_request_in_a_tunnel(running: Running) -> None:
    Talks(running, echo)
    client = await running.connect()
    assert await open_tunnel(client, HOST.encode() + b":443") == 200
    inner = Tunnelled(client, running.client_context(), HOST)
    await inner.handshake()
    answer = await inner.exchange(HANDSHAKE + client_frame(TEXT, b"early") + goodbye(1000))
    while b"\x88\x02" not in answer:
        answer += await inner.exchange(b"")
    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert frames == b"\x81\x0aecho early\x88\x02\x03\xe8"


async def test_a_broken_tls_session_ends_the_socket(running: Running) -> None:
    talks = Talks(running)
    client = await running.connect()
    inner = Tunnelled(client, running.client_context(), HOST)
    await inner.handshake()
    assert (await inner.exchange(HANDSHAKE)).startswith(b"HTTP/1.1 101 ")
    client.send(b"\x17\x03\x03\x00\x20" + b"x" * 32)
    await client.rest()
    await eventually(lambda: talks.last.calls == ["opened", "closed"])


async def test_the_end_of_tls_is_the_end_of_the_socket(running: Running) -> None:
    talks = Talks(running)
    client = await running.connect()
    inner = Tunnelled(client, running.client_context(), HOST)
    await inner.handshake()
    assert (await inner.exchange(HANDSHAKE)).startswith(b"HTTP/1.1 101 ")
    with pytest.raises(ssl.SSLWantReadError):
        inner.session.unwrap()
    client.send(inner.outgoing.read())
    await client.rest()
    client.close()
    await eventually(lambda: talks.last.calls == ["opened", "closed"])


SCRIPT = """
const socket = new WebSocket(process.argv[1]), heard = [];
socket.onopen = () => { heard.push(socket.protocol, socket.extensions); socket.send("早上好"); };
socket.onmessage = (event) => {
  heard.push(event.data);
  if (heard.length < 4) socket.send("x".repeat(70000)); else socket.close(4000, "done");
};
socket.onclose = (event) => console.log(JSON.stringify([...heard, event.code, event.wasClean]));
"""


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_the_socket_of_node(running: Running, scheme: str) -> None:
    talks = Talks(running, echo)
    assert running.authority is not None
    node = compute_driver_executable()[0]
    process = await asyncio.create_subprocess_exec(
        node,
        "-e",
        SCRIPT,
        f"{scheme}://127.0.0.1:{running.port}/talk",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(running.authority.certificate_path)},
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 6 * PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert json.loads(output) == ["", "", "echo 早上好", "echo " + "x" * 70_000, 4000, True]
    await eventually(lambda: talks.last.calls == ["opened", "closed"])


async def test_the_front_of_a_cloud_opens_its_routes_and_refuses_other_hosts_as_ever(running: Running) -> None:
    async with paper_cloud() as caller:
        talks, front = Talks(running, echo), caller.cloud.front
        caller.cloud.routes.add("GET", "/talk", talks, "own")
        running.server.handler, running.server.serves_host = front.handle, front.serves_host
        client = await opened(await running.connect(), client_frame(TEXT, b"a"))
        assert await frame(client) == (TEXT, b"echo a")
        for host in (b"evil.example", b"im.dingtalk.com.evil.example"):
            other = await running.connect()
            other.send(HANDSHAKE.replace(b"im.dingtalk.com", host))
            status, _, body = await other.response()
            assert (status, json.loads(body)["Code"]) == (421, "HostNotServed")
            other.close()
        post = await running.connect()
        post.send(HANDSHAKE.replace(b"GET", b"POST"))
        assert (await post.response())[0] == 405
        assert len(talks.all) == 1
