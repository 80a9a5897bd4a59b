"""Requests that were right once: mutated by a seed, in process through parser, decoder and chain."""

from __future__ import annotations

import random
import time

from kowloon.gateway.chain import Chain
from kowloon.wire.framing import Framed, RequestParser
from kowloon.wire.framing_limits import FramingLimits
from tests.core.parts import Caller, query_of, signed_fields

_NASTY = (
    "",
    "0",
    "-1",
    "1e999",
    "NaN",
    "99999999999999999999",
    "true",
    "null",
    "[]",
    "{}",
    '["a"]',
    "[" * 2000,
    '{"a":' * 500,
    "\x00",
    "\ud7ff",
    "中文" * 10,
    "%",
    "%zz",
    "a" * 300,
    "*",
    "../../etc/passwd",
    "' OR 1=1 --",
    "10.0.0.0/8",
    "10.0.0.0/33",
    "::1/128",
    "300.0.0.1",
    "cn-hongkong-b",
    "cn-atlantis",
    "i-1",
    "2025-01-01T00:00:00Z",
    "-2147483649",
    "１２",
)
_BYTES = bytes(range(256))


class Mutator:
    """Half of the requests are signed properly, so that they reach the products; the rest is damaged on the wire."""

    def __init__(self, caller: Caller, seed: int) -> None:
        self.caller = caller
        self.chosen = random.Random(seed)
        self.actions = [
            (product.version, name, action.request.__struct_fields__)
            for product in caller.cloud.registry.products
            for name, action in product.actions.items()
        ]
        self.ids: list[str] = []

    def request(self) -> bytes:
        chosen = self.chosen
        version, name, fields = chosen.choice(self.actions)
        given = {field: self._value() for field in chosen.sample(fields, min(len(fields), chosen.randrange(0, 6)))}
        for field in list(given):
            if chosen.random() < 0.2:
                given[self._bent(field)] = given.pop(field)
        given = {field: value for field, value in given.items() if field not in ("Action", "Version")}
        region = chosen.choice(("cn-hongkong", "cn-hangzhou", "-", self._value() or "-"))
        signed = signed_fields(
            self.caller.key_id,
            self.caller.secret,
            name,
            wall=self.caller.wall.now,
            **{"Version": version, "RegionId": region, "Format": chosen.choice(("JSON", "XML", "-")), **given},
        )
        raw = f"GET /?{query_of(signed)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        return raw if chosen.random() < 0.5 else self._damaged(raw)

    def _value(self) -> str:
        chosen = self.chosen
        if self.ids and chosen.random() < 0.3:
            return chosen.choice(self.ids)
        return chosen.choice(_NASTY)

    def _bent(self, field: str) -> str:
        number = self.chosen.choice(("1", "0", "2.Key", "1.1", "x", "#3#a.b", "999999999999", "1.1.1.1.1.1.1.1.1.1"))
        return f"{field}.{number}"

    def _damaged(self, raw: bytes) -> bytes:
        chosen = self.chosen
        damaged = bytearray(raw)
        for _ in range(chosen.randrange(1, 4)):
            if len(damaged) < 2:
                break
            at = chosen.randrange(len(damaged))
            match chosen.randrange(5):
                case 0:
                    damaged[at] = chosen.choice(_BYTES)
                case 1:
                    del damaged[at : at + chosen.randrange(1, 20)]
                case 2:
                    damaged[at:at] = bytes(chosen.choices(_BYTES, k=chosen.randrange(1, 8)))
                case 3:
                    piece = damaged[at : at + chosen.randrange(1, 40)]
                    damaged[at:at] = piece
                case _:
                    damaged[at:at] = chosen.choice((b"%", b"&", b"=", b"%00", b"\r\n", b"+", b".1", b";", b"?", b" "))
        return bytes(damaged)


async def run(caller: Caller, count: int, seed: int, progress_every: int = 0) -> dict[str, int]:
    """Send `count` of them. How many of which status; AssertionError for the first 5xx that is not meant."""
    mutator = Mutator(caller, seed)
    seen: dict[str, int] = {}
    chain: Chain = caller.cloud.chain
    began = time.monotonic()
    for number in range(count):
        raw = mutator.request()
        if number % 500 == 0:
            await renew(caller, mutator)
        parser = RequestParser(scheme="http", peer="127.0.0.1", bounds=FramingLimits())
        parser.feed(raw)
        if not parser.ready:
            note(seen, "incomplete")
            continue
        item = parser.ready.popleft()
        if not isinstance(item, Framed):
            assert item.status < 500, (item, raw)
            note(seen, f"framing {item.status}")
            continue
        if item.tunnel:
            note(seen, "tunnel")
            continue
        response = await chain.handle(item.request)
        # 501 is the answer for what is not built; nothing else of ours may fail.
        assert response.status < 500 or response.status == 501, (response.status, response.body[:300], raw)
        note(seen, str(response.status))
        if progress_every and (number + 1) % progress_every == 0:
            took = time.monotonic() - began
            print(f"mutated: {number + 1} in {took:.0f} s, {seen}", flush=True)
    return seen


async def renew(caller: Caller, mutator: Mutator) -> None:
    """A fresh cloud from time to time, with something in it that ids can name."""
    await caller.cloud.reset()
    vpc = (await caller.ask("CreateVpc", CidrBlock="10.0.0.0/8"))["VpcId"]
    vswitch = (await caller.ask("CreateVSwitch", VpcId=vpc, ZoneId="cn-hongkong-b", CidrBlock="10.0.0.0/24"))[
        "VSwitchId"
    ]
    group = (await caller.ask("CreateSecurityGroup", Version="2014-05-26", VpcId=vpc))["SecurityGroupId"]
    eip = (await caller.ask("AllocateEipAddress"))["AllocationId"]
    image = (await caller.ask("DescribeImages", Version="2014-05-26"))["Images"]["Image"][0]["ImageId"]
    instance = await caller.ask(
        "RunInstances", VSwitchId=vswitch, SecurityGroupId=group, ImageId=image, InstanceType="ecs.g6.large"
    )
    mutator.ids = [vpc, vswitch, group, eip, image, "ecs.g6.large", *instance["InstanceIdSets"]["InstanceIdSet"]]


def note(seen: dict[str, int], name: str) -> None:
    seen[name] = seen.get(name, 0) + 1
