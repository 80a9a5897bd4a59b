"""The way out: what may be reached, how long and how much is waited for, and that names cannot be used against it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from kowloon.core.clock import Clock
from kowloon.engines.dialler import AddressForbidden, AnswerTooLarge, DialError, Dialler, DialTimeout, check_url
from kowloon.gateway.certificates import CertificateAuthority

OWN_PORT = 8520
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\n{}"
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """One server on loopback; `seen` are the heads of its requests, `names` what its clients' handshakes said."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.names: list[str | None] = []
        self.answer = OK
        self.port = 0
        self.silent = asyncio.Event()
        self.silent.set()

    async def serve(self, context: ssl.SSLContext | None = None) -> asyncio.Server:
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.seen.append(head)
            await self.silent.wait()
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    server = await listener.serve()
    yield listener
    listener.silent.set()
    server.close()


@pytest.fixture
def dialler() -> Dialler:
    return Dialler(lambda: {OWN_PORT})


async def test_a_post_and_its_answer(dialler: Dialler, listener: Listener) -> None:
    url = f"http://127.0.0.1:{listener.port}/a/b?c=d"
    reply = await dialler.post(url, {"host": "elsewhere.example", "x": "y"}, b"body", timeout_s=5, most_bytes=100)
    assert (reply.status, reply.headers["x-a"], reply.body) == (200, "b", b"{}")
    head = listener.seen[0].lower()
    assert head.startswith(b"post /a/b?c=d http/1.1\r\n")
    assert b"host: elsewhere.example\r\n" in head
    assert b"content-length: 4\r\n" in head


async def test_redirects_are_answers_like_others(dialler: Dialler, listener: Listener) -> None:
    listener.answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    reply = await dialler.post(f"http://localhost:{listener.port}/", {}, b"", timeout_s=5, most_bytes=100)
    assert reply.status == 302
    assert len(listener.seen) == 1


async def test_answers_are_bounded_in_size_and_time(dialler: Dialler, listener: Listener) -> None:
    url = f"http://127.0.0.1:{listener.port}/"
    listener.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
    with pytest.raises(AnswerTooLarge, match="longer than 100 bytes"):
        await dialler.post(url, {}, b"", timeout_s=5, most_bytes=100)
    listener.silent.clear()
    with pytest.raises(DialTimeout, match=r"within 0\.2 s"):
        await dialler.post(url, {}, b"", timeout_s=0.2, most_bytes=100)


async def test_what_is_no_answer(dialler: Dialler, listener: Listener) -> None:
    listener.answer = b"nonsense\r\n\r\n"
    with pytest.raises(DialError, match="no answer"):
        await dialler.post(f"http://127.0.0.1:{listener.port}/", {}, b"", timeout_s=5, most_bytes=100)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(DialError, match="no answer"):
            await dialler.post(url, {}, b"", timeout_s=5, most_bytes=100)


@pytest.mark.parametrize(
    "address",
    [
        "100.100.100.200",
        "::ffff:100.100.100.200",
        "169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "240.0.0.1",
    ],
)
async def test_out_of_bounds(dialler: Dialler, address: str) -> None:
    assert not dialler.allows(ipaddress.ip_address(address), 80)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressForbidden, match="not an address that may be called"):
        await dialler.post(f"http://{host}/", {}, b"", timeout_s=5, most_bytes=100)


def test_within_bounds(dialler: Dialler) -> None:
    for address in ("127.0.0.1", "127.9.8.7", "::1", "8.8.8.8", "2001:4860:4860::8888", "::ffff:127.0.0.1"):
        assert dialler.allows(ipaddress.ip_address(address), 80), address
    private = Dialler(lambda: (), [ipaddress.ip_network("10.0.0.0/8")])
    assert private.allows(ipaddress.ip_address("10.1.2.3"), 80)
    assert not private.allows(ipaddress.ip_address("192.168.0.1"), 80)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
def test_never_this_cloud_itself(dialler: Dialler, address: str) -> None:
    assert not dialler.allows(ipaddress.ip_address(address), OWN_PORT)


async def test_a_name_is_connected_to_as_it_was_checked(
    dialler: Dialler, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of DNS changes between two questions: the second one is never asked."""
    asked: list[str] = []

    async def rebinding(host: str, port: int, **options: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebinding)
    url = f"http://rebinding.example:{listener.port}/"
    reply = await dialler.post(url, {}, b"", timeout_s=5, most_bytes=100)
    assert (reply.status, asked) == (200, ["rebinding.example"])
    with pytest.raises(AddressForbidden):
        await dialler.post(url, {}, b"", timeout_s=5, most_bytes=100)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a/", "gopher://a/", "http://", "http:///a", "http://a b/", "http://u:p@a/", "a/b"],
)
def test_what_is_no_url_of_http(url: str) -> None:
    with pytest.raises(ValueError, match="not a URL"):
        check_url(url)


async def test_certificates_are_checked(listener: Listener, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, Clock())
    context = authority.context("localhost")
    context.sni_callback = lambda connection, name, base: listener.names.append(name)
    server = await listener.serve(context)
    trusting = Dialler(lambda: (), trust=lambda: ssl.create_default_context(cafile=str(authority.certificate_path)))
    try:
        url = f"https://localhost:{listener.port}/"
        assert (await trusting.post(url, {}, b"", timeout_s=5, most_bytes=100)).status == 200
        assert (await trusting.post(url, {}, b"", timeout_s=5, most_bytes=100, send_sni=False)).status == 200
        assert listener.names == ["localhost", None]
        with pytest.raises(DialError, match="certificate"):
            await Dialler(lambda: ()).post(url, {}, b"", timeout_s=5, most_bytes=100)
    finally:
        server.close()
