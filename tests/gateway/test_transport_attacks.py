"""Requests that two readers could understand differently: refused, and nothing behind them is ever seen."""

from __future__ import annotations

import pytest

from .sockets import serving

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY_CHUNKED = b"\r\n0\r\n\r\n"


def post(*lines: bytes, host: bytes = b"Host: h\r\n") -> bytes:
    return b"POST / HTTP/1.1\r\n" + host + b"".join(lines)


ATTACKS = {
    "length and chunked": post(b"Content-Length: 5\r\n", CHUNKED, EMPTY_CHUNKED),
    "chunked and length": post(CHUNKED, b"Content-Length: 5\r\n", EMPTY_CHUNKED),
    "two different lengths": post(b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n"),
    "the same length twice": post(b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
    "list of lengths": post(b"Content-Length: 0, 0\r\n\r\n"),
    "signed length": post(b"Content-Length: +0\r\n\r\n"),
    "negative length": post(b"Content-Length: -1\r\n\r\n"),
    "hexadecimal length": post(b"Content-Length: 0x0\r\n\r\n"),
    "length with a space inside": post(b"Content-Length: 0 0\r\n\r\n"),
    "empty length": post(b"Content-Length: \r\n\r\n"),
    "length that overflows": post(b"Content-Length: 18446744073709551616\r\n\r\n"),
    "folded header": post(b"X: a\r\n b\r\n\r\n"),
    "folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", EMPTY_CHUNKED),
    "bare LF after the request line": b"POST / HTTP/1.1\nHost: h\r\n\r\n",
    "bare LF after a header": post(b"X: a\nY: b\r\n\r\n"),
    "bare LF at the end of the headers": post(b"X: a\r\n\n"),
    "bare CR in a header": post(b"X: a\rY: b\r\n\r\n"),
    "space before the colon": post(b"Content-Length : 0\r\n\r\n"),
    "tab before the colon": post(b"Content-Length\t: 0\r\n\r\n"),
    "space before the first header": b"POST / HTTP/1.1\r\n X: a\r\nHost: h\r\n\r\n",
    "empty header name": post(b": a\r\n\r\n"),
    "header without a colon": post(b"abc\r\n\r\n"),
    "NUL in a value": post(b"X: a\x00b\r\n\r\n"),
    "NUL in a name": post(b"X\x00: a\r\n\r\n"),
    "unknown coding": post(b"Transfer-Encoding: xchunked\r\n", EMPTY_CHUNKED),
    "chunked not last": post(b"Transfer-Encoding: chunked, identity\r\n", EMPTY_CHUNKED),
    "chunked behind another": post(b"Transfer-Encoding: gzip, chunked\r\n", EMPTY_CHUNKED),
    "coding twice": post(CHUNKED, CHUNKED, EMPTY_CHUNKED),
    "coding and its negation": post(CHUNKED, b"Transfer-Encoding: identity\r\n", EMPTY_CHUNKED),
    "vertical tab before the coding": post(b"Transfer-Encoding: \x0bchunked\r\n", EMPTY_CHUNKED),
    "quoted coding": post(b'Transfer-Encoding: "chunked"\r\n', EMPTY_CHUNKED),
    "empty coding": post(b"Transfer-Encoding:\r\n", EMPTY_CHUNKED),
    "coding in HTTP/1.0": b"POST / HTTP/1.0\r\nConnection: keep-alive\r\n" + CHUNKED + EMPTY_CHUNKED,
    "bare LF after a chunk size": post(CHUNKED, b"\r\n0\n\r\n"),
    "chunk longer than it says": post(CHUNKED, b"\r\n1\r\nabc\r\n0\r\n\r\n"),
    "chunk size with a prefix": post(CHUNKED, b"\r\n0x1\r\na\r\n0\r\n\r\n"),
    "signed chunk size": post(CHUNKED, b"\r\n+1\r\na\r\n0\r\n\r\n"),
    "chunk size with a space": post(CHUNKED, b"\r\n1 \r\na\r\n0\r\n\r\n"),
    "chunk size that overflows": post(CHUNKED, b"\r\nfffffffffffffffff\r\na\r\n0\r\n\r\n"),
    "length in a trailer": post(CHUNKED, b"\r\n0\r\nContent-Length: 5\r\n\r\n"),
    "oversized chunk extension": post(CHUNKED, b"\r\n1;" + b"x" * 100_000 + b"\r\na\r\n0\r\n\r\n"),
    "many large chunk extensions": post(CHUNKED, b"\r\n", (b"1;" + b"x" * 1000 + b"\r\na\r\n") * 100, b"0\r\n\r\n"),
    "endless trailer": post(CHUNKED, b"\r\n0\r\n", b"X: y\r\n" * 1000, b"\r\n"),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": post(b"Host: h\r\n\r\n"),
    "two hosts in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: h\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: h\r\n\r\n",
    "target that is no path": b"GET smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
    "target with another scheme": b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
    "target without a host": b"GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n",
    "asterisk for GET": b"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
    "control character in the target": b"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
    "raw bytes in the target": b"GET /\xe4\xb8\xad HTTP/1.1\r\nHost: h\r\n\r\n",
    "target over 64 KiB": b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "header over 64 KiB": post(b"X: " + b"a" * 65_536 + b"\r\n\r\n"),
    "unfinished header": post(b"X: " + b"a" * 400_000),
    "too many headers": post(b"X: a\r\n" * 128, b"\r\n"),
    "unknown expectation": post(b"Expect: 200-ok\r\nContent-Length: 0\r\n\r\n"),
    "two expectations": post(b"Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n"),
    "CONNECT with a length": b"CONNECT ecs.aliyuncs.com:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 44\r\n\r\n",
    "CONNECT with a coding": b"CONNECT ecs.aliyuncs.com:443 HTTP/1.1\r\nHost: h\r\n" + CHUNKED + EMPTY_CHUNKED,
    "upgrade that hides a length twice": post(
        b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_attack_is_refused_and_the_connection_ends(attack: bytes) -> None:
    async with serving() as running:
        answer = await running.exchange(attack + SMUGGLED)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert answer[9:12] in (b"400", b"413", b"414", b"417", b"431")
        assert b"\r\nConnection: close\r\n" in answer
        assert b'{"Code":"' in answer
        assert running.seen.requests == []


async def test_tls_to_a_plain_server_is_refused_as_tls_clients_understand_it() -> None:
    async with serving() as running:
        assert await running.exchange(b"\x16\x03\x01\x00\x05hello" + SMUGGLED) == bytes.fromhex("15030300020228")
        assert running.seen.requests == []


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_what_came_before_is_answered_first(attack: bytes) -> None:
    async with serving() as running:
        answer = await running.exchange(b"GET /before HTTP/1.1\r\nHost: h\r\n\r\n" + attack + SMUGGLED)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b"HTTP/1.1 ") == 2
        assert running.seen.targets() == ["/before"]


async def test_body_that_looks_like_a_request_is_a_body() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(post(b"Content-Length: %d\r\n\r\n" % len(SMUGGLED), SMUGGLED))
        assert (await client.response())[2] == b"POST / " + SMUGGLED
        client.send(post(b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED), SMUGGLED))
        assert (await client.response())[2] == b"POST / " + SMUGGLED
        assert running.seen.targets() == ["/", "/"]
