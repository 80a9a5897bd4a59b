"""TLS of a server as a filter between bytes and bytes, so that it can sit on a socket or inside a tunnel. No I/O."""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

RECORD_TYPE_HANDSHAKE: Final = 0x16
# The alert handshake_failure, unencrypted: what a client understands when there is no TLS here.
HANDSHAKE_REFUSED: Final = bytes.fromhex("15030300020228")
_READ_BYTES: Final = 64 * 1024


class TlsLayer:
    """One server-side TLS session. After any call, `take_output` has what must be sent to the peer."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.established = False
        # The peer has said that it sends no more.
        self.ended = False

    def receive(self, data: bytes) -> bytes:
        """The plain bytes that `data` completes; raises ssl.SSLError when the peer does not speak TLS as it should."""
        self._incoming.write(data)
        if not self.established:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                return b""
            self.established = True
        pieces: list[bytes] = []
        while not self.ended:
            try:
                piece = self._session.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                piece = b""
            if not piece:
                self.ended = True
                break
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def send(self, data: bytes) -> bytes:
        """`data` as records for the peer, with whatever else waited to be sent."""
        self._session.write(data)
        return self._outgoing.read()

    def take_output(self) -> bytes:
        return self._outgoing.read()

    def close(self) -> bytes:
        """The records that tell the peer that no more follows."""
        # The peer's own farewell has not come yet, or the handshake never ended; ours is written if it can be.
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._session.unwrap()
        return self._outgoing.read()


class TlsStack:
    """The TLS sessions of one connection, outermost first: none, one, or a second inside a tunnel of the first."""

    def __init__(self) -> None:
        self.depth = 0
        self._layers: list[TlsLayer] = []

    def push(self, context: ssl.SSLContext) -> None:
        self._layers.append(TlsLayer(context))
        self.depth += 1

    @property
    def ended(self) -> bool:
        return any(layer.ended for layer in self._layers)

    def receive(self, data: bytes, *, from_depth: int = 0) -> bytes:
        """Through every session from `from_depth` inwards; raises ssl.SSLError."""
        for layer in self._layers[from_depth:]:
            data = layer.receive(data)
            if not data:
                break
        return data

    def send(self, data: bytes) -> bytes:
        """Through every session outwards; raises ssl.SSLError."""
        for layer in reversed(self._layers):
            data = layer.send(data)
        return data

    def take_output(self) -> bytes:
        """What the sessions themselves have to say: handshakes and alerts."""
        output = b""
        for layer in reversed(self._layers):
            output = layer.send(output) if output else layer.take_output()
        return output

    def close(self) -> bytes:
        output = b""
        for layer in reversed(self._layers):
            output = (layer.send(output) if output else b"") + layer.close()
        return output
