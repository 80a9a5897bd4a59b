"""Trust in certificates by their fingerprints, for servers whose own certificate no public root vouches for."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Collection, Iterable, Iterator

from kowloon.engines.dialler import CertificateRefused, Dialler


class NoSuchFingerprint(CertificateRefused):
    """None of the certificates has one of the fingerprints."""


async def pinned(
    dialler: Dialler, host: str, port: int, fingerprints: Collection[str], *, timeout_s: float
) -> ssl.SSLContext:
    """What the server's certificate is to be checked with: it has to be, or to rest on, one that has a fingerprint
    (SHA-1 or SHA-256, in hex), be it a public root or one that the server shows. Raises DialError."""
    shown = await dialler.certificates_of(host, port, timeout_s=timeout_s)
    # Reading the public roots takes some 20 ms.
    return await asyncio.to_thread(_context, shown, frozenset(text.lower() for text in fingerprints))


def _context(shown: Iterable[bytes], fingerprints: frozenset[str]) -> ssl.SSLContext:
    anchors = [der for der in (*shown, *_public_roots()) if not fingerprints.isdisjoint(_fingerprints(der))]
    if not anchors:
        raise NoSuchFingerprint("no certificate has one of the fingerprints")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # An anchor need not be a root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=b"".join(anchors))
    return context


def _fingerprints(der: bytes) -> tuple[str, str]:
    return hashlib.sha1(der, usedforsecurity=False).hexdigest(), hashlib.sha256(der).hexdigest()


def _public_roots() -> Iterator[bytes]:
    import certifi

    end = "-----END CERTIFICATE-----"
    for piece in certifi.contents().split(end)[:-1]:
        yield ssl.PEM_cert_to_DER_cert(piece[piece.index("-----BEGIN CERTIFICATE-----") :] + end)
