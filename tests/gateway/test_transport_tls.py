"""TLS by the first byte, certificates by name, and CONNECT tunnels that end here."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kowloon.core.clock import Clock
from kowloon.gateway.certificates import CertificateAuthority

from .sockets import SHORT, Client, Running, eventually, serving

GET = b"GET /%b HTTP/1.1\r\nHost: ecs.aliyuncs.com\r\n\r\n"
CONNECT = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"), Clock())


@pytest.fixture
async def running(authority: CertificateAuthority) -> AsyncIterator[Running]:
    async with serving(authority=authority) as server:
        yield server


class Tunnelled:
    """TLS in memory over an open client, to put TLS inside a tunnel or inside TLS."""

    def __init__(self, client: Client, context: ssl.SSLContext, name: str | None) -> None:
        self.client = client
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)

    async def handshake(self) -> None:
        await self._until_done(self.session.do_handshake)

    async def exchange(self, data: bytes) -> bytes:
        self.session.write(data)
        return bytes(await self._until_done(lambda: self.session.read(65536)))

    async def _until_done(self, step):  # type: ignore[no-untyped-def]
        async with asyncio.timeout(10):
            while True:
                try:
                    result = step()
                except ssl.SSLWantReadError:
                    self.client.send(self.outgoing.read())
                    self.incoming.write(await self.client.reader.read(65536))
                    continue
                self.client.send(self.outgoing.read())
                return result


@pytest.mark.parametrize(
    "name", ["ecs.cn-hangzhou.aliyuncs.com", "my-bucket.oss-cn-hangzhou.aliyuncs.com", "localhost"]
)
async def test_leaf_for_the_name_that_is_asked_for(running: Running, name: str) -> None:
    client = await running.connect(ssl=running.client_context(), server_hostname=name)
    client.send(GET % b"a")
    assert (await client.response())[2] == b"GET /a "
    assert running.seen.requests[0].scheme == "https"
    client.close()


async def test_leaf_for_an_address(running: Running) -> None:
    client = await running.connect(ssl=running.client_context(), server_hostname="127.0.0.1")
    client.send(GET % b"a")
    assert (await client.response())[0] == 200


async def test_http_and_https_on_one_port(running: Running) -> None:
    plain = await running.connect()
    encrypted = await running.connect(ssl=running.client_context(), server_hostname="ecs.aliyuncs.com")
    for client in (plain, encrypted, plain, encrypted):
        client.send(GET % b"a")
        assert (await client.response())[0] == 200
    assert [request.scheme for request in running.seen.requests] == ["http", "https", "http", "https"]


async def test_large_bodies_both_ways_over_tls(running: Running) -> None:
    client = await running.connect(ssl=running.client_context(), server_hostname="ecs.aliyuncs.com")
    body = bytes(range(256)) * 20_000
    client.send(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert (await client.response())[2] == b"PUT /a " + body


async def test_client_that_does_not_trust_us_leaves_nothing_behind(running: Running) -> None:
    with pytest.raises(ssl.SSLError):
        await running.connect(ssl=ssl.create_default_context(), server_hostname="ecs.aliyuncs.com")
    await eventually(lambda: running.server.connections == 0)


async def test_broken_handshakes_end(authority: CertificateAuthority) -> None:
    async with serving(SHORT, authority) as running:
        for garbage in (b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16" * 100_000):
            assert b"HTTP" not in await running.exchange(garbage)
        assert running.seen.requests == []


async def test_tls_is_not_looked_for_inside_tls(running: Running) -> None:
    client = await running.connect(ssl=running.client_context(), server_hostname="ecs.aliyuncs.com")
    client.send(b"\x16\x03\x01\x00\x05hello")
    assert (await client.rest()).startswith(b"HTTP/1.1 400 ")


async def open_tunnel(client: Client, authority: bytes, after: bytes = b"") -> int:
    client.send(CONNECT % (authority, authority) + after)
    return int((await client.until(b"\r\n\r\n")).split()[1])


async def test_connect_then_tls(running: Running) -> None:
    client = await running.connect()
    assert await open_tunnel(client, b"ecs.aliyuncs.com:443") == 200
    inner = Tunnelled(client, running.client_context(), "ecs.aliyuncs.com")
    await inner.handshake()
    for _ in range(2):
        assert (await inner.exchange(GET % b"a")).endswith(b"GET /a ")
    assert running.seen.requests[0].scheme == "https"


async def test_connect_with_the_hello_already_sent(running: Running) -> None:
    client = await running.connect()
    inner = Tunnelled(client, running.client_context(), "ecs.aliyuncs.com")
    with pytest.raises(ssl.SSLWantReadError):
        inner.session.do_handshake()
    assert await open_tunnel(client, b"ecs.aliyuncs.com:443", inner.outgoing.read()) == 200
    await inner.handshake()
    assert (await inner.exchange(GET % b"a")).endswith(b"GET /a ")


async def test_connect_then_plain(running: Running) -> None:
    client = await running.connect()
    assert await open_tunnel(client, b"ecs.aliyuncs.com:80", GET % b"a") == 200
    assert (await client.response())[2] == b"GET /a "


async def test_connect_inside_tls_then_tls(running: Running) -> None:
    client = await running.connect(ssl=running.client_context(), server_hostname="localhost")
    assert await open_tunnel(client, b"ecs.aliyuncs.com:443") == 200
    inner = Tunnelled(client, running.client_context(), "ecs.aliyuncs.com")
    await inner.handshake()
    assert (await inner.exchange(GET % b"a")).endswith(b"GET /a ")


async def test_connect_without_sni_gets_the_leaf_of_the_tunnel(running: Running) -> None:
    client = await running.connect()
    assert await open_tunnel(client, b"ecs.aliyuncs.com:443") == 200
    context = running.client_context()
    context.check_hostname = False
    inner = Tunnelled(client, context, None)
    await inner.handshake()
    certificate = inner.session.getpeercert()
    assert certificate is not None
    assert certificate["subjectAltName"] == (("DNS", "ecs.aliyuncs.com"),)


async def test_connect_waits_for_its_turn(running: Running) -> None:
    client = await running.connect()
    client.send(GET % b"slow" + CONNECT % (b"ecs.aliyuncs.com:80", b"h") + GET % b"a")
    await eventually(lambda: running.seen.requests)
    client.send(GET % b"b")
    running.seen.release.set()
    assert (await client.response())[2] == b"GET /slow "
    assert b" 200 " in await client.until(b"\r\n\r\n")
    assert [(await client.response())[2] for _ in range(2)] == [b"GET /a ", b"GET /b "]


@pytest.mark.parametrize("target", [b"example.com:443", b"[::1]:22", b"ecs.aliyuncs.com.evil.net:443"])
async def test_foreign_tunnels_are_refused(running: Running, target: bytes) -> None:
    answer = await running.exchange(CONNECT % (target, target) + GET % b"a")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert running.seen.requests == []


async def test_tunnel_in_a_tunnel_is_refused(running: Running) -> None:
    client = await running.connect()
    assert await open_tunnel(client, b"ecs.aliyuncs.com:80") == 200
    assert await open_tunnel(client, b"ecs.aliyuncs.com:80") == 403


async def test_silent_tunnel_is_closed(authority: CertificateAuthority) -> None:
    async with serving(SHORT, authority) as running:
        client = await running.connect()
        assert await open_tunnel(client, b"ecs.aliyuncs.com:443") == 200
        assert await client.rest() == b""


def test_bundle_trusts_public_roots_and_us(authority: CertificateAuthority, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    authority.write_bundle(bundle)
    context = ssl.create_default_context(cafile=str(bundle))
    assert len(context.get_ca_certs()) > 50
    assert authority.certificate_path.read_bytes() in bundle.read_bytes()
