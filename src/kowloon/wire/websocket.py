"""WebSockets (RFC 6455, version 13) as a server speaks them: the handshake, frames out, messages in. No I/O.

No extension and no subprotocol is negotiated; messages are text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

import msgspec

from kowloon.core import limits
from kowloon.wire.framing import Framed, Refusal, asks_for_websocket

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
NOT_ACCEPTED: Final = 1003
NOT_UTF_8: Final = 1007
TOO_LARGE: Final = 1009
INTERNAL_ERROR: Final = 1011

_VERSION: Final = "13"
_KEY_BYTES: Final = 16
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FINAL: Final = 0x80
_RESERVED: Final = 0x70
_OPCODE: Final = 0x0F
_CONTROL: Final = 0x08
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
# Lengths up to this one are in the second byte; the two values above it announce 2 or 8 bytes of length.
_SHORT_BYTES: Final = 125
_LENGTH_OF_2_BYTES: Final = 126
_MOST_IN_2_BYTES: Final = 0xFFFF
_HIGHEST_LENGTH: Final = 2**63 - 1
_MASK_BYTES: Final = 4
_MOST_REASON_BYTES: Final = _SHORT_BYTES - 2


# Handshake ----------------------------------------------------------------------------------------------------------


def accept_key(item: Framed) -> str:
    """The Sec-WebSocket-Accept of a request that asks for a WebSocket as it should; raises Refusal."""
    request = item.request
    if not asks_for_websocket(request):
        raise Refusal(426, "UpgradeRequired", "Only a WebSocket is served here.")
    if not item.upgrades:
        raise _bad_handshake("it is a GET of HTTP/1.1 with `Connection: Upgrade` and without a body")
    if request.fields.get("sec-websocket-version") != _VERSION:
        raise Refusal(426, "WebSocketVersionNotSupported", f"Version {_VERSION} of WebSocket is spoken here.")
    keys = [value for name, value in request.headers if name == "sec-websocket-key"]
    if len(keys) != 1 or not _is_key(keys[0]):
        raise _bad_handshake(f"it has one Sec-WebSocket-Key, {_KEY_BYTES} bytes in base64")
    return base64.b64encode(hashlib.sha1(keys[0].encode() + _GUID, usedforsecurity=False).digest()).decode()


def _is_key(key: str) -> bool:
    try:
        return len(binascii.a2b_base64(key, strict_mode=True)) == _KEY_BYTES
    except ValueError:
        return False


def _bad_handshake(what_it_is: str) -> Refusal:
    return Refusal(400, "InvalidWebSocketHandshake", f"The handshake is not a WebSocket's: {what_it_is}.")


# Out ----------------------------------------------------------------------------------------------------------------


def text_frame(text: str) -> bytes:
    """One message, ready for any number of sockets. What UTF-8 cannot say (half a surrogate pair) goes as `?`."""
    return _frame(_TEXT, text.encode("utf-8", "replace"))


def ping_frame(payload: bytes = b"") -> bytes:
    return _frame(_PING, payload)


def pong_frame(payload: bytes) -> bytes:
    return _frame(_PONG, payload)


def close_frame(code: int | None, reason: str = "") -> bytes:
    """Without a code it says nothing but goodbye. The reason is cut to what a frame has room for."""
    if code is None:
        return _frame(_CLOSE, b"")
    said = reason.encode("utf-8", "replace")[:_MOST_REASON_BYTES].decode("utf-8", "ignore").encode()
    return _frame(_CLOSE, code.to_bytes(2, "big") + said)


def _frame(opcode: int, payload: bytes) -> bytes:
    size_bytes = len(payload)
    if size_bytes <= _SHORT_BYTES:
        return bytes((_FINAL | opcode, size_bytes)) + payload
    if size_bytes <= _MOST_IN_2_BYTES:
        return b"%c%c%b%b" % (_FINAL | opcode, _LENGTH_OF_2_BYTES, size_bytes.to_bytes(2, "big"), payload)
    return b"%c%c%b%b" % (_FINAL | opcode, _LENGTH, size_bytes.to_bytes(8, "big"), payload)


# In -----------------------------------------------------------------------------------------------------------------


class Violation(Exception):
    """The peer broke the protocol or a bound: `code` and `reason` are what the socket is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Ping(msgspec.Struct, frozen=True):
    """To be answered with a pong of the same payload."""

    payload: bytes


class Closing(msgspec.Struct, frozen=True):
    """The peer's goodbye; None when it said no code."""

    code: int | None
    reason: str


class Heard(msgspec.Struct, frozen=True):
    """Nothing to answer: a pong, or a fragment of what is not complete."""


HEARD: Final = Heard()


class MessageReader:
    """Feed bytes, take what they say. Fragments are joined."""

    def __init__(self, *, most_bytes: int = limits.MAX_MESSAGE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._unread: bytes | bytearray = b""
        self._at = 0
        # The fragments so far of a message that is not complete.
        self._fragments: bytearray | None = None

    def feed(self, data: bytes) -> None:
        unread, at = self._unread, self._at
        self._at = 0
        if at == len(unread):
            # Most packets are whole frames: nothing is copied.
            self._unread = data
            return
        if isinstance(unread, bytearray):
            del unread[:at]
        else:
            self._unread = unread = bytearray(unread[at:])
        unread += data

    def next(self) -> str | Ping | Closing | Heard | None:
        """What one frame says, in order: a text is a whole message. None when that takes more bytes. Raises Violation,
        after which there is nothing more to take."""
        frame = self._next_frame()
        if frame is None:
            return None
        first, payload = frame
        opcode = first & _OPCODE
        if opcode & _CONTROL:
            if opcode == _PING:
                return Ping(payload)
            return _closing(payload) if opcode == _CLOSE else HEARD
        if self._fragments is None and first & _FINAL:
            return _text(payload)
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += payload
        if not first & _FINAL:
            return HEARD
        whole, self._fragments = self._fragments, None
        return _text(whole)

    def _next_frame(self) -> tuple[int, bytes] | None:
        """The first byte and the unmasked payload."""
        data, at = self._unread, self._at
        have_bytes = len(data) - at
        if have_bytes < 2:
            return None
        first, second = data[at], data[at + 1]
        size_bytes = second & _LENGTH
        self._check(first, second, size_bytes)
        at += 2
        if size_bytes > _SHORT_BYTES:
            width = 2 if size_bytes == _LENGTH_OF_2_BYTES else 8
            if have_bytes < 2 + width:
                return None
            size_bytes = int.from_bytes(data[at : at + width], "big")
            at += width
            if not (_SHORT_BYTES if width == 2 else _MOST_IN_2_BYTES) < size_bytes <= _HIGHEST_LENGTH:
                raise Violation(PROTOCOL_ERROR, "A length is not written as it should be.")
        if not first & _CONTROL and size_bytes + len(self._fragments or b"") > self._most_bytes:
            raise Violation(TOO_LARGE, f"A message is over {self._most_bytes} bytes.")
        end = at + _MASK_BYTES + size_bytes
        if len(data) < end:
            return None
        self._at = end
        return first, _unmasked(data[at + _MASK_BYTES : end], data[at : at + _MASK_BYTES])

    def _check(self, first: int, second: int, size_bytes: int) -> None:
        """What two bytes tell about a frame."""
        if first & _RESERVED:
            raise Violation(PROTOCOL_ERROR, "Reserved bits are set; no extension was agreed on.")
        if not second & _MASKED:
            raise Violation(PROTOCOL_ERROR, "A client masks its frames.")
        opcode = first & _OPCODE
        if opcode in (_TEXT, _CONTINUATION):
            if (opcode == _CONTINUATION) != (self._fragments is not None):
                raise Violation(PROTOCOL_ERROR, "Fragments of messages do not follow each other.")
        elif opcode == _BINARY:
            raise Violation(NOT_ACCEPTED, "Only text is understood here.")
        elif opcode not in (_CLOSE, _PING, _PONG):
            raise Violation(PROTOCOL_ERROR, "The opcode is not known.")
        elif not first & _FINAL or size_bytes > _SHORT_BYTES:
            raise Violation(PROTOCOL_ERROR, f"A control frame is one of at most {_SHORT_BYTES} bytes.")


def _unmasked(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """All bytes at once, as one large number."""
    size_bytes = len(payload)
    key = (mask * (size_bytes // _MASK_BYTES + 1))[:size_bytes]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size_bytes, "little")


def _text(payload: bytes | bytearray) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation(NOT_UTF_8, "A text is not UTF-8.") from None


def _closing(payload: bytes) -> Closing:
    if not payload:
        return Closing(None, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not _may_be_said(code):
        raise Violation(PROTOCOL_ERROR, "The code of a close frame is none.")
    return Closing(code, _text(payload[2:]))


def _may_be_said(code: int) -> bool:
    """Codes of the protocol that go over the wire, registered ones, private ones."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
