"""Frames and messages of WebSockets, as RFC 6455 has them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.wire.websocket import (
    Closing,
    Heard,
    MessageReader,
    Ping,
    Violation,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)
from tests.gateway.talking import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame, goodbye

Read = str | Ping | Closing


def read(*pieces: bytes, most_bytes: int = 1000) -> list[Read]:
    reader = MessageReader(most_bytes=most_bytes)
    taken: list[Read] = []
    for piece in pieces:
        reader.feed(piece)
        while (message := reader.next()) is not None:
            if not isinstance(message, Heard):
                taken.append(message)
    return taken


def test_frames_are_those_of_the_rfc() -> None:
    assert text_frame("Hello") == bytes.fromhex("810548656c6c6f")
    assert ping_frame(b"Hello") == bytes.fromhex("890548656c6c6f")
    assert pong_frame(b"Hello") == bytes.fromhex("8a0548656c6c6f")
    assert close_frame(1000, "bye") == bytes.fromhex("880503e8627965")
    assert close_frame(None) == bytes.fromhex("8800")
    assert read(bytes.fromhex("818537fa213d7f9f4d5158")) == ["Hello"]


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (125, "817d"),
        (126, "817e007e"),
        (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
    ],
)
def test_lengths_are_written_the_shortest_way_and_read_so_only(size: int, head: str) -> None:
    assert text_frame("x" * size) == bytes.fromhex(head) + b"x" * size
    assert read(client_frame(TEXT, b"x" * size), most_bytes=size) == ["x" * size]
    for longer in (b"\x81\xfe\x00\x7d", b"\x81\xff" + (65_535).to_bytes(8, "big"), b"\x81\xff" + b"\xff" * 8):
        with pytest.raises(Violation, match=r"^A length is not written as it should be\.$"):
            read(longer)


def test_half_a_surrogate_pair_does_not_stop_a_message() -> None:
    assert text_frame("a\ud83d") == b"\x81\x02a?"


def test_reasons_are_cut_between_characters() -> None:
    frame = close_frame(4000, "早" * 60)
    assert len(frame) == 2 + 2 + 123
    assert frame[4:].decode() == "早" * 41
    assert len(close_frame(4000, "é" * 62)) == 2 + 2 + 122


@given(st.text(max_size=300), st.binary(max_size=125), st.data())
@settings(max_examples=200, derandomize=True, deadline=None, database=None)
def test_messages_are_the_same_however_they_are_split(text: str, payload: bytes, data: st.DataObject) -> None:
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=4)))
    parts = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    frames = [
        client_frame(TEXT if at == 0 else CONTINUATION, part, final=at == len(parts) - 1)
        for at, part in enumerate(parts)
    ]
    # Control frames may come in between.
    frames.insert(data.draw(st.integers(0, len(frames))), client_frame(PING, payload))
    frames.insert(data.draw(st.integers(0, len(frames))), client_frame(PONG, payload))
    stream = b"".join(frames) + client_frame(TEXT, b"next") + goodbye(4321, b"why")
    ends = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    taken = read(*[stream[start:end] for start, end in zip([0, *ends], [*ends, len(stream)], strict=True)])
    assert [message for message in taken if not isinstance(message, Ping)] == [text, "next", Closing(4321, "why")]
    assert [message for message in taken if isinstance(message, Ping)] == [Ping(payload)]
    assert read(*[stream[at : at + 1] for at in range(len(stream))]) == taken


@given(st.lists(st.binary(max_size=40), max_size=10))
@settings(max_examples=500, derandomize=True, deadline=None, database=None)
def test_garbage_is_a_violation_or_waits_for_more(pieces: list[bytes]) -> None:
    code, taken = 0, []
    try:
        taken = read(*pieces)
    except Violation as violation:
        code = violation.code
    assert code in (0, 1002, 1003, 1007, 1009)
    assert all(isinstance(message, str | Ping | Closing) for message in taken)


FRAGMENT = client_frame(TEXT, b"a", final=False)
CONTROL = "A control frame is one of at most 125 bytes."
ORDER = "Fragments of messages do not follow each other."
VIOLATIONS = {
    "not masked": (b"\x81\x05Hello", 1002, "A client masks its frames."),
    "a reserved bit": (
        client_frame(TEXT, b"a", reserved=4),
        1002,
        "Reserved bits are set; no extension was agreed on.",
    ),
    "an unknown opcode": (client_frame(3), 1002, "The opcode is not known."),
    "an unknown control opcode": (client_frame(11), 1002, "The opcode is not known."),
    "a fragmented ping": (client_frame(PING, final=False), 1002, CONTROL),
    "a long ping": (client_frame(PING, b"x" * 126), 1002, CONTROL),
    "a long goodbye": (goodbye(1000, b"x" * 124), 1002, CONTROL),
    "a continuation of nothing": (client_frame(CONTINUATION, b"a"), 1002, ORDER),
    "a message in a message": (FRAGMENT + client_frame(TEXT, b"b"), 1002, ORDER),
    "binary": (client_frame(BINARY, b"a"), 1003, "Only text is understood here."),
    "binary fragments": (client_frame(BINARY, b"a", final=False), 1003, "Only text is understood here."),
    "no UTF-8": (client_frame(TEXT, b"a\xff"), 1007, "A text is not UTF-8."),
    "half a character": (client_frame(TEXT, "早".encode()[:2]), 1007, "A text is not UTF-8."),
    "a surrogate": (client_frame(TEXT, b"\xed\xa0\x80"), 1007, "A text is not UTF-8."),
    "fragments that make no UTF-8": (FRAGMENT + client_frame(CONTINUATION, b"\xe6"), 1007, "A text is not UTF-8."),
    "a reason that is no UTF-8": (goodbye(1000, b"\xff"), 1007, "A text is not UTF-8."),
    "too large": (client_frame(TEXT, b"x" * 1001)[:8], 1009, "A message is over 1000 bytes."),
    "too large together": (
        client_frame(TEXT, b"x" * 600, final=False) + client_frame(CONTINUATION, b"x" * 401)[:8],
        1009,
        "A message is over 1000 bytes.",
    ),
    "half a code": (client_frame(CLOSE, b"\x03"), 1002, "The code of a close frame is none."),
    **{
        f"code {code}": (goodbye(code), 1002, "The code of a close frame is none.")
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
    },
}


@pytest.mark.parametrize("what", VIOLATIONS)
def test_violations(what: str) -> None:
    data, code, reason = VIOLATIONS[what]
    with pytest.raises(Violation) as caught:
        read(data)
    assert (caught.value.code, caught.value.reason) == (code, reason)


def test_what_comes_before_a_violation_is_read() -> None:
    reader = MessageReader()
    reader.feed(client_frame(TEXT, b"a") + client_frame(BINARY))
    assert reader.next() == "a"
    with pytest.raises(Violation):
        reader.next()


def test_the_bounds_themselves_are_fine() -> None:
    assert read(client_frame(TEXT, b"x" * 1000)) == ["x" * 1000]
    assert read(client_frame(PING, b"x" * 125)) == [Ping(b"x" * 125)]
    assert read(client_frame(TEXT, b"", final=False) + client_frame(CONTINUATION)) == [""]
    assert read(client_frame(CLOSE)) == [Closing(None, "")]
    for code in (1000, 1003, 1007, 1014, 3000, 4999):
        assert read(goodbye(code, "早".encode())) == [Closing(code, "早")]
