"""The way out: HTTP requests to addresses that users of the cloud name, such as where an upload calls back.

A name is resolved first, each of its addresses is checked, and the connection is made to an address that was checked,
so that a name cannot mean one thing to the check and another to the connection. Redirects are not followed, proxies
of the environment are not used, and answers are bounded in size and time.

What may be reached: the Internet; this machine's loopback, where users run what they test, but not the ports that
this cloud itself listens on; and the private networks that the user has allowed. Never the metadata service.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpcore

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_METADATA = ipaddress.ip_address("100.100.100.200")
# Of IPv6: what is translated to an IPv4 address that the check would not see.
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class DialError(Exception):
    """No answer came; the message is for people."""


class AddressForbidden(DialError):
    """All that the name means is out of bounds."""


class DialTimeout(DialError):
    """No whole answer within the time."""


class AnswerTooLarge(DialError):
    """More bytes than the caller takes."""


class CertificateRefused(DialError):
    """Who answers has no certificate that is trusted for that name."""


class Reply(NamedTuple):
    """`headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Asked(NamedTuple):
    """One request. `step_s`: for each step of it, such as to connect, or the next piece of the answer."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    step_s: float
    most_bytes: int


class Dialler:
    """`own_ports`: those that this cloud listens on now. `networks`: private ones that may be reached, besides loopback
    and the Internet. `trust` makes what certificates are checked with, the public roots by default."""

    def __init__(
        self,
        own_ports: Callable[[], Collection[int]],
        networks: Iterable[IpNetwork] = (),
        trust: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._own_ports = own_ports
        self._networks = tuple(networks)
        self._trust = trust or _public_roots
        self._contexts: dict[bool, ssl.SSLContext] = {}

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        timeout_s: float,
        most_bytes: int,
        send_sni: bool = True,
    ) -> Reply:
        """`timeout_s`: for all of it. A `host` header may be given; it changes nothing about where is connected to.
        Without `send_sni` the handshake does not say which name is meant, and so the certificate's is not compared.
        Raises DialError."""
        pieces: list[bytes] = []
        asked = _Asked("POST", url, {"content-length": str(len(body)), **headers}, body, timeout_s, most_bytes)
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._exchange(asked, pieces.append, send_sni)
        except TimeoutError:
            raise DialTimeout(f"no answer within {timeout_s:g} s") from None
        return reply._replace(body=b"".join(pieces))

    async def fetch(
        self,
        url: str,
        headers: Mapping[str, str],
        take: Callable[[bytes], Awaitable[None] | None],
        *,
        timeout_s: float,
        idle_s: float,
        most_bytes: int,
        trust: ssl.SSLContext | None = None,
    ) -> Reply:
        """GET. The body goes to `take` as it comes, which says what to wait for before the next piece; the reply's own
        is empty. Of an answer other than 200 nothing is read, and redirects are not followed. `idle_s`: for each step
        of it. `trust`: what its certificate is checked with, if not with the dialler's. Raises DialError, and what
        `take` does."""
        asked = _Asked("GET", url, headers, b"", idle_s, most_bytes)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(asked, take, send_sni=True, trust=trust)
        except TimeoutError:
            raise DialTimeout(f"not all of the answer within {timeout_s:g} s") from None

    async def read(self, url: str, *, timeout_s: float, most_bytes: int, trust: ssl.SSLContext | None = None) -> Reply:
        """GET of what fits into memory; of an answer other than 200 there is no body. Raises DialError."""
        pieces: list[bytes] = []
        limits = {"timeout_s": timeout_s, "idle_s": timeout_s}
        reply = await self.fetch(url, {}, pieces.append, **limits, most_bytes=most_bytes, trust=trust)
        return reply._replace(body=b"".join(pieces))

    async def certificates_of(self, host: str, port: int, *, timeout_s: float) -> list[bytes]:
        """What the server shows when it is asked for `host`: its certificate, then those that it rests on, as DER.
        Nobody has checked them. Raises DialError."""
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        try:
            async with asyncio.timeout(timeout_s):
                address = await self.resolve(host, port)
                _, writer = await asyncio.open_connection(address, port, ssl=unchecked, server_hostname=host)
                shown = _shown_certificates(writer.get_extra_info("ssl_object"))
                writer.close()
                return shown
        except TimeoutError:
            raise DialTimeout(f"no answer within {timeout_s:g} s") from None
        except OSError as problem:
            raise DialError(f"no answer: {problem}") from problem

    async def _exchange(
        self,
        asked: _Asked,
        take: Callable[[bytes], Awaitable[None] | None],
        send_sni: bool,
        trust: ssl.SSLContext | None = None,
    ) -> Reply:
        import httpcore

        check_url(asked.url)
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), asked.step_s)}
        context = trust or await self._context(send_sni)
        try:
            backend = _guarded(self, send_sni)
            async with httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend) as pool:
                headers, body = list(asked.headers.items()), asked.body or None
                async with pool.stream(
                    asked.method, asked.url, headers=headers, content=body, extensions=extensions
                ) as answer:
                    if asked.method == "GET" and answer.status != 200:
                        return Reply(answer.status, {}, b"")
                    return await _read(answer, take, asked.most_bytes)
        except httpcore.TimeoutException:
            raise DialTimeout(f"no answer within {asked.step_s:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as problem:
            if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(problem)):
                raise CertificateRefused(f"its certificate is not trusted: {problem}") from problem
            raise DialError(f"no answer: {problem}") from problem

    async def _context(self, send_sni: bool) -> ssl.SSLContext:
        context = self._contexts.get(send_sni)
        if context is None:
            # Reading the public roots takes some 20 ms.
            context = await asyncio.to_thread(self._trust)
            context.check_hostname = send_sni
            self._contexts[send_sni] = context
        return context

    async def resolve(self, host: str, port: int) -> str:
        """An address of `host` that may be connected to. Raises DialError, AddressForbidden when it has none."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise DialError(f"{host} is not known") from None
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        allowed = [address for address in addresses if self.allows(address, port)]
        if not allowed:
            raise AddressForbidden(f"{host} is not an address that may be called")
        return str(allowed[0])

    def allows(self, address: IpAddress, port: int) -> bool:
        meant = _meant(address)
        if meant is None or meant == _METADATA or meant.is_unspecified or meant.is_multicast or meant.is_link_local:
            return False
        if port in self._own_ports() and _is_of_this_machine(meant):
            return False
        if meant.is_loopback or any(meant in network for network in self._networks):
            return True
        return meant.is_global and not meant.is_reserved


def check_url(url: str) -> None:
    """ValueError for what is no URL of HTTP: another scheme, no host, a port that is none, a user name."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("not a URL of http or https")
    if parts.port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("not a URL")


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """What it came of, through all that passed it on."""
    cause: BaseException | None = problem
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _shown_certificates(connection: Any) -> list[bytes]:
    if hasattr(connection, "get_unverified_chain"):
        return list(connection.get_unverified_chain())
    # Before Python 3.13 it is there, but has no public name; 2 is DER.
    return [certificate.public_bytes(2) for certificate in connection._sslobj.get_unverified_chain()]


def _meant(address: IpAddress) -> IpAddress | None:
    """The address that is reached by it; None where that cannot be told."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None or address.teredo is not None:
            return None
        if any(address in network for network in _TRANSLATED):
            return None
    return address


def _is_of_this_machine(address: IpAddress) -> bool:
    """Whether packets to it stay here: only then can it be bound."""
    if address.is_loopback:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _public_roots() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _guarded(dialler: Dialler, send_sni: bool) -> httpcore.AsyncNetworkBackend:
    """What httpcore connects with: to addresses that were checked."""
    import httpcore

    class Nameless(httpcore.AsyncNetworkStream):
        """A connection whose handshake says no name."""

        def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
            self._stream = stream

        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
            return await self._stream.read(max_bytes, timeout)

        async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
            await self._stream.write(buffer, timeout)

        async def aclose(self) -> None:
            await self._stream.aclose()

        async def start_tls(
            self,
            ssl_context: ssl.SSLContext,
            server_hostname: str | None = None,
            timeout: float | None = None,  # noqa: ASYNC109
        ) -> httpcore.AsyncNetworkStream:
            return await self._stream.start_tls(ssl_context, None, timeout)

        def get_extra_info(self, info: str) -> Any:
            return self._stream.get_extra_info(info)

    class Guarded(httpcore.AsyncNetworkBackend):
        def __init__(self) -> None:
            self._plain = httpcore.AnyIOBackend()

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.AsyncNetworkStream:
            address = await dialler.resolve(host, port)
            stream = await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            return stream if send_sni else Nameless(stream)

    return Guarded()


async def _read(answer: httpcore.Response, take: Callable[[bytes], Awaitable[None] | None], most_bytes: int) -> Reply:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    size_bytes = 0
    async for piece in answer.aiter_stream():
        size_bytes += len(piece)
        if size_bytes > most_bytes:
            raise AnswerTooLarge(f"the answer is longer than {most_bytes} bytes")
        room = take(piece)
        if room is not None:
            await room
    return Reply(answer.status, headers, b"")
