"""With --durable, nobody sees what a loss of power could still take back."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from urllib.parse import urlsplit

import oss2
import pytest

from kowloon.core.config import Settings
from kowloon.testing.cloud import LocalCloud
from kowloon.wire.http import HttpRequest, HttpResponse
from tests.services.oss.parts import Owner


def signed(bucket: oss2.Bucket, method: str, key: str, body: bytes = b"") -> HttpRequest:
    url = urlsplit(bucket.sign_url(method, key, 60, slash_safe=True))
    headers = [("host", url.netloc), ("content-length", str(len(body)))]
    return HttpRequest(method=method, target=f"{url.path}?{url.query}", headers=headers, body=body)


@pytest.mark.parametrize(("method", "seen"), [("DELETE", 404), ("PUT", 200)])
def test_a_change_is_seen_once_it_is_safe(tmp_path: Path, method: str, seen: int) -> None:
    with LocalCloud(Settings(engine="paper", port=0, home=tmp_path, durable=True)) as cloud:
        bucket = Owner(cloud).bucket(signature="v1")
        if method == "DELETE":
            bucket.put_object("key", b"1")
        change, look = signed(bucket, method, "key", b"2" * (method == "PUT")), signed(bucket, "GET", "key")

        async def race() -> None:
            changing, looking = cloud.cloud.front.handle(change), cloud.cloud.front.handle(look)
            assert inspect.isawaitable(changing)
            assert inspect.isawaitable(looking)
            changed, looked = asyncio.ensure_future(changing), asyncio.ensure_future(looking)
            await asyncio.wait((changed, looked), return_when=asyncio.FIRST_COMPLETED)
            assert changed.done()
            answer: HttpResponse = await looked
            assert (answer.status, (await changed).status) == (seen, 204 if method == "DELETE" else 200)

        cloud.run(race())
