"""Mutated requests: each is answered or the connection closed, never a 5xx of ours, never a hang.

KOWLOON_FUZZ_REQUESTS says how many; KOWLOON_FUZZ_SEED which.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Awaitable
from pathlib import Path

from kowloon.core.clock import Clock
from kowloon.gateway.certificates import CertificateAuthority
from kowloon.gateway.transport import Receive
from kowloon.gateway.transport_settings import TransportSettings
from kowloon.wire.framing_limits import FramingLimits
from kowloon.wire.http import HttpRequest, HttpResponse

from .sockets import Running, serving

REQUESTS = int(os.environ.get("KOWLOON_FUZZ_REQUESTS", "2000"))
SEED = int(os.environ.get("KOWLOON_FUZZ_SEED", "1"))
AT_ONCE = 50
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

SEEDS = (
    b"GET /?Action=DescribeRegions&Version=2014-05-26 HTTP/1.1\r\nHost: ecs.aliyuncs.com\r\nAccept: */*\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h:80\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 7\r\n\r\na=1&b=2",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5;x=y\r\n01234\r\n0\r\nX: y\r\n\r\n",
    b"PUT /k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
    b"CONNECT ecs.aliyuncs.com:443 HTTP/1.1\r\nHost: ecs.aliyuncs.com:443\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET http://ecs.aliyuncs.com:80/?a=b HTTP/1.1\r\nHost: ecs.aliyuncs.com\r\nConnection: close\r\n\r\n",
    b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    bytes.fromhex("16030100c8010000c40303") + bytes(range(200)),
)
PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b" ",
    b":",
    b"\xff",
    b"chunked",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: x\r\n",
    b"Connection: close\r\n",
    b"Upgrade: x\r\nConnection: upgrade\r\n",
    b"99999999999999999999",
    b"-1",
    b"0\r\n\r\n",
    b"HTTP/1.1",
    b"x" * 70_000,
    b"\x16\x03\x01",
)


def mutated(source: random.Random) -> bytes:
    data = bytearray(source.choice(SEEDS))
    if source.random() < 0.3:
        data += source.choice(SEEDS)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(data) + 1)
        kind = source.random()
        if kind < 0.4:
            data[at:at] = source.choice(PIECES)
        elif kind < 0.6:
            del data[at : at + source.randint(1, 8)]
        elif kind < 0.8 and at < len(data):
            data[at] = source.randrange(256)
        else:
            data[at:at] = data[at : at + source.randint(1, 60)]
    return bytes(data)


async def answer_of(running: Running, data: bytes, cut_at: int) -> bytes:
    client = await running.connect()
    client.send(data[:cut_at])
    await asyncio.sleep(0)
    client.send(data[cut_at:])
    # Whatever was meant, nothing more comes.
    client.writer.write_eof()
    answer = await client.rest()
    client.close()
    return answer


class Taker:
    """A receiver that notes its end."""

    def __init__(self, ends: list[str]) -> None:
        self.ends = ends
        self.size_bytes = 0

    def write(self, piece: bytes) -> None:
        assert piece
        assert self.ends == []
        self.size_bytes += len(piece)

    def room(self) -> Awaitable[None] | None:
        return asyncio.sleep(0) if self.size_bytes % 2 else None

    def finish(self) -> HttpResponse:
        self.ends.append("finished")
        return HttpResponse(200, b"%d" % self.size_bytes)

    def abort(self) -> None:
        self.ends.append("aborted")


async def test_mutated_requests_with_bodies_in_pieces(tmp_path: Path) -> None:
    ends: list[list[str]] = []

    def receive(request: HttpRequest) -> Taker | HttpResponse | None:
        if request.path == "/":
            return None
        ends.append([])
        return Taker(ends[-1])

    await fuzz(tmp_path, REQUESTS // 2, FramingLimits(gather_bytes=2), receive)
    assert ends
    assert all(len(end) == 1 for end in ends)


async def test_mutated_requests(tmp_path: Path) -> None:
    await fuzz(tmp_path, REQUESTS, FramingLimits(), None)


async def fuzz(tmp_path: Path, requests: int, framing: FramingLimits, receive: Receive | None) -> None:
    source = random.Random(SEED)
    unexpected: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
    settings = TransportSettings(
        framing=framing, header_timeout_s=1, body_timeout_s=1, keep_alive_timeout_s=1, linger_s=0.5, drain_s=1
    )
    async with serving(settings, CertificateAuthority(tmp_path, Clock()), receive) as running:
        for start in range(0, requests, AT_ONCE):
            batch = [mutated(source) for _ in range(min(AT_ONCE, requests - start))]
            cuts = [source.randrange(len(data) + 1) for data in batch]
            answers = await asyncio.gather(*map(answer_of, [running] * len(batch), batch, cuts))
            for data, answer in zip(batch, answers, strict=True):
                statuses = {int(status) for status in STATUS.findall(answer)}
                assert statuses <= {100, 200, 400, 403, 408, 413, 414, 417, 431}, data
            running.seen.requests.clear()
        client = await running.connect()
        client.send(SEEDS[0])
        assert (await client.response())[0] == 200
        client.close()
    assert unexpected == []
