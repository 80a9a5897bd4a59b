"""What the tests of the control plane share: a wall clock by hand, signed calls, a cloud without a socket."""

from __future__ import annotations

import base64
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from kowloon.app import Cloud
from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.config import Settings
from kowloon.wire.http import HttpRequest, HttpResponse

START_S = 1_760_000_000.0
REGION = "cn-hongkong"
VERSIONS = {
    "DescribeInstances": "2014-05-26",
    "DescribeRegions": "2014-05-26",
    "RunInstances": "2014-05-26",
    "DescribeZones": "2014-05-26",
    "GetCallerIdentity": "2015-04-01",
    "AssumeRole": "2015-04-01",
    "CreateRole": "2015-05-01",
}
_VPC = "2016-04-28"
_nonces = itertools.count(1)


class Wall:
    """Wall time that moves when told."""

    def __init__(self, now: float = START_S) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def signed_fields(
    key_id: str, secret: str, action: str, *, wall: float, method: str = "GET", **fields: str
) -> dict[str, str]:
    """Parameters of one RPC v1 call with its signature; a field given as `-` is left out."""
    complete = {
        "Action": action,
        "Version": VERSIONS.get(action, _VPC),
        "Format": "JSON",
        "RegionId": REGION,
        "AccessKeyId": key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": f"nonce-{next(_nonces)}",
        "Timestamp": iso_seconds(wall),
        **fields,
    }
    complete = {name: value for name, value in complete.items() if value != "-"}
    canonical = quote(query_of(dict(sorted(complete.items()))), safe="~")
    digest = hmac.digest(f"{secret}&".encode(), f"{method}&%2F&{canonical}".encode(), "sha1")
    return {**complete, "Signature": base64.b64encode(digest).decode()}


def query_of(fields: dict[str, str]) -> str:
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in fields.items())


def get(target: str, *headers: tuple[str, str], host: str = "127.0.0.1:8520", method: str = "GET") -> HttpRequest:
    return HttpRequest(method=method, target=target, headers=[("host", host), *headers])


class Caller:
    """Calls one cloud in its own process with its first account's key."""

    def __init__(self, cloud: Cloud, wall: Wall) -> None:
        self.cloud = cloud
        self.wall = wall
        self.key_id = cloud.identity.access_key_id
        self.secret = cloud.identity.access_key_secret

    def request(self, action: str, *, host: str = "127.0.0.1:8520", **fields: str) -> HttpRequest:
        signed = signed_fields(self.key_id, self.secret, action, wall=self.wall.now, **fields)
        return get(f"/?{query_of(signed)}", host=host)

    async def send(self, action: str, **fields: str) -> HttpResponse:
        return await self.cloud.front.handle(self.request(action, **fields))

    async def ask(self, action: str, **fields: str) -> dict[str, Any]:
        """The answer of a call that succeeds."""
        response = await self.send(action, **fields)
        assert response.status == 200, response.body
        answer: dict[str, Any] = json.loads(response.body)
        return answer

    async def refused(self, action: str, **fields: str) -> tuple[int, str, str]:
        """Status, code and message of a call that fails."""
        return told(await self.send(action, **fields))

    def key(self, key_id: str, secret: str) -> Caller:
        other = Caller(self.cloud, self.wall)
        other.key_id, other.secret = key_id, secret
        return other


def told(response: HttpResponse) -> tuple[int, str, str]:
    answer = json.loads(response.body)
    return response.status, answer["Code"], answer["Message"]


@asynccontextmanager
async def paper_cloud(settings: Settings | None = None) -> AsyncIterator[Caller]:
    """A paper cloud without a socket, its wall clock by hand."""
    wall = Wall()
    cloud = Cloud(settings or Settings(engine="paper", port=0, seed=7), clock=Clock(wall))
    await cloud.start(listen=False)
    try:
        await cloud.ready()
        yield Caller(cloud, wall)
    finally:
        await cloud.stop(end_units=True)


async def answer(cloud: Cloud, request: HttpRequest) -> HttpResponse:
    """What the front answers, at once or later."""
    answered = cloud.front.handle(request)
    return answered if isinstance(answered, HttpResponse) else await answered
