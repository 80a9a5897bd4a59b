"""Answers the names that a command inside its own network asks for: the vendor's lead here, all others nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dnslib import QTYPE, RCODE, RR, A, DNSError, DNSHeader, DNSRecord

from kowloon.wire.names import is_vendor_name

# An address that is nobody's on the Internet (RFC 2544): only the namespace has it.
VENDOR_ADDRESS: Final = "198.18.0.1"
_LOOPBACK: Final = "127.0.0.1"
_TTL_S: Final = 5
_NAMES_KEPT: Final = 1000


class Resolver:
    """`refused(name)` is called once for each name that leads nowhere."""

    def __init__(self, refused: Callable[[str], None]) -> None:
        self._refused = refused
        self._named: set[str] = set()

    def answer(self, packet: bytes) -> bytes:
        """The answer to one query; empty when there is nobody to answer."""
        try:
            query = DNSRecord.parse(packet)
        except DNSError:
            return _malformed(packet)
        if query.header.qr or not query.questions:
            return b""
        answer = query.reply(ra=1)
        name = str(query.q.qname).rstrip(".").lower()
        address = self._address(name)
        if address is None:
            answer.header.rcode = RCODE.NXDOMAIN
            if query.q.qtype in (QTYPE.A, QTYPE.AAAA):
                self._refuse(name)
        elif query.q.qtype in (QTYPE.A, QTYPE.ANY):
            answer.add_answer(RR(query.q.qname, QTYPE.A, rdata=A(address), ttl=_TTL_S))
        packed: bytes = answer.pack()
        return packed

    def _address(self, name: str) -> str | None:
        if is_vendor_name(name):
            return VENDOR_ADDRESS
        return _LOOPBACK if name == "localhost" or name.endswith(".localhost") else None

    def _refuse(self, name: str) -> None:
        # A word without a dot is somebody's short name for a neighbour, not an address on the Internet.
        if name in self._named or len(self._named) >= _NAMES_KEPT:
            return
        self._named.add(name)
        self._refused(name)


def _malformed(packet: bytes) -> bytes:
    if len(packet) < 2:
        return b""
    header = DNSHeader(id=int.from_bytes(packet[:2], "big"), qr=1, rcode=RCODE.FORMERR)
    packed: bytes = DNSRecord(header).pack()
    return packed
