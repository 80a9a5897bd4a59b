"""What goes over a Stream connection: frames out, their acknowledgements in. Pure.

Values of headers are texts, all of them, and `data` is JSON in a text: the SDKs rely on both.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.dingtalk.platform.decode import check_plain, read_json

EVENT: Final = "EVENT"
CALLBACK: Final = "CALLBACK"
SYSTEM: Final = "SYSTEM"
TYPES: Final = (EVENT, CALLBACK, SYSTEM)
ALL_EVENTS: Final = "*"
ROBOT_MESSAGES: Final = "/v1.0/im/bot/messages/get"
CARD_CALLBACKS: Final = "/v1.0/card/instances/callback"
PING: Final = "ping"
DISCONNECT: Final = "disconnect"

OK: Final = 200


class Subscription(msgspec.Struct, frozen=True):
    """What a connection takes. `topic`: of callbacks a path, of events `*`."""

    type: str
    topic: str


class Ack(msgspec.Struct, frozen=True):
    """`data`: what the text in it says; None when it says nothing, or nothing in JSON."""

    message_id: str
    code: int
    data: Any = None

    @property
    def takes_event(self) -> bool:
        """The Python SDK says nothing of a status; the others say SUCCESS or LATER."""
        later = isinstance(self.data, dict) and self.data.get("status") == "LATER"
        return self.code == OK and not later


def frame(type: str, headers: dict[str, str], data: dict[str, Any]) -> str:
    body = {"specVersion": "1.0", "type": type, "headers": headers, "data": msgspec.json.encode(data).decode()}
    return msgspec.json.encode(body).decode()


class _Headers(msgspec.Struct, rename="camel"):
    message_id: str = ""


class _Sent(msgspec.Struct):
    headers: _Headers
    code: int = 0
    data: Any = None


_acks = msgspec.json.Decoder(_Sent, strict=False)


def read_ack(text: str) -> Ack | None:
    """None for what is no acknowledgement."""
    try:
        sent = _acks.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not sent.headers.message_id:
        return None
    data = sent.data
    try:
        if isinstance(data, str):
            data = read_json(data)
        check_plain(data)
    except ValueError:
        data = None
    return Ack(sent.headers.message_id, sent.code, data)
