"""Kill a serving cloud while objects are written to it, again and again, and look whether it kept its word.

Each worker owns its keys, so what it was promised is known exactly: the last acknowledged state of a key, and the one
that was on its way when the server died. One of the two must be there, whole; nothing else may be.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import random
import re
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, unquote

from tests.cli.parts import Served

PLAIN, VERSIONED, SPREAD = "plain", "versioned", "spread"
BUCKETS = (PLAIN, VERSIONED, SPREAD)
_WORKERS = 3
_KEYS_EACH = 6
_PART_BYTES = 100 * 1024
_MANY_PARTS = 17
_LOST_ZONE = "cn-hongkong-d"

Digest = str | None


class Client:
    """Object calls of one connection, signed by V1."""

    def __init__(self, served: Served) -> None:
        self._keys = served.keys
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30.0)

    def ask(
        self, method: str, path: str, query: str = "", body: bytes = b"", *, signed: str = "", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """`signed`: the part of the query that the signature covers."""
        date = formatdate(usegmt=True)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        extra = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
        resource = path if path.count("/") > 1 else f"{path}/"
        text = f"{method}\n\n\n{date}\n{extra}{resource}{f'?{signed}' if signed else ''}"
        mac = hmac.digest(self._keys["access_key_secret"].encode(), text.encode(), "sha1")
        authorization = f"OSS {self._keys['access_key_id']}:{base64.b64encode(mac).decode()}"
        target = quote(path) + (f"?{query or signed}" if query or signed else "")
        self._connection.request(method, target, body, {**sent, "Date": date, "Authorization": authorization})
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()

    def close(self) -> None:
        self._connection.close()


class Promises:
    """What was acknowledged of each key, and what was on its way: digests of whole objects, None for absence."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Digest] = {}
        self.underway: dict[tuple[str, str], Digest] = {}
        self.versions: dict[tuple[str, str], str] = {}
        self.acknowledged = 0
        self.refusals: list[bytes] = []


class Worker(threading.Thread):
    """Writes to keys of its own until the server is gone."""

    def __init__(self, served: Served, promises: Promises, number: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._client = Client(served)
        self._promises = promises
        self._number = number
        self._random = random.Random(seed)

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(self._client):
            while self._step():
                pass

    def _step(self) -> bool:
        chosen = self._random
        bucket = chosen.choice(BUCKETS)
        key = f"w{self._number}/k{chosen.randrange(_KEYS_EACH)}"
        write = chosen.choice(
            (self._put, self._put, self._put_large, self._parts, self._many_parts, self._remove, self._copy)
        )
        return write(bucket, key)

    def _change(self, bucket: str, key: str, digest: Digest, ask: tuple[str, str, str, bytes], **headers: str) -> bool:
        """One call that makes the key what `digest` says; False ends the worker."""
        promises, name = self._promises, (bucket, key)
        promises.underway[name] = digest
        method, path, signed, body = ask
        status, answered, text = self._client.ask(method, path, "", body, signed=signed, **headers)
        if status not in (200, 204):
            promises.refusals.append(text)
            return False
        promises.kept[name] = digest
        del promises.underway[name]
        promises.acknowledged += 1
        version = answered.get("x-oss-version-id")
        if version and digest is not None:
            promises.versions[key, version] = digest
        return True

    def _bytes(self, least: int, most: int) -> bytes:
        return self._random.randbytes(self._random.randrange(least, most))

    def _put(self, bucket: str, key: str) -> bool:
        body = self._bytes(0, 40_000)
        return self._change(bucket, key, _digest(body), ("PUT", f"/{bucket}/{key}", "", body))

    def _put_large(self, bucket: str, key: str) -> bool:
        body = self._bytes(200_000, 600_000)
        return self._change(bucket, key, _digest(body), ("PUT", f"/{bucket}/{key}", "", body))

    def _remove(self, bucket: str, key: str) -> bool:
        return self._change(bucket, key, None, ("DELETE", f"/{bucket}/{key}", "", b""))

    def _copy(self, bucket: str, key: str) -> bool:
        sources = [name for (place, name), digest in list(self._promises.kept.items()) if place == bucket and digest]
        mine = [name for name in sources if name.startswith(f"w{self._number}/")]
        if not mine:
            return True
        source = self._random.choice(mine)
        digest = self._promises.kept[bucket, source]
        ask = ("PUT", f"/{bucket}/{key}", "", b"")
        return self._change(bucket, key, digest, ask, x_oss_copy_source=f"/{bucket}/{source}")

    def _parts(self, bucket: str, key: str) -> bool:
        return self._upload(bucket, key, [self._random.randbytes(_PART_BYTES), self._bytes(1, _PART_BYTES)])

    def _many_parts(self, bucket: str, key: str) -> bool:
        """So many that the object is assembled."""
        return self._upload(bucket, key, [self._random.randbytes(_PART_BYTES)] * _MANY_PARTS + [self._bytes(1, 100)])

    def _upload(self, bucket: str, key: str, parts: list[bytes]) -> bool:
        path = f"/{bucket}/{key}"
        _, _, text = self._client.ask("POST", path, signed="uploads")
        found = re.search(rb"<UploadId>(.+?)</UploadId>", text)
        if found is None:
            self._promises.refusals.append(text)
            return False
        upload = found[1].decode()
        for number, part in enumerate(parts, 1):
            status, _, text = self._client.ask("PUT", path, body=part, signed=f"partNumber={number}&uploadId={upload}")
            if status != 200:
                self._promises.refusals.append(text)
                return False
        ask = ("POST", path, f"uploadId={upload}", b"")
        return self._change(bucket, key, _digest(b"".join(parts)), ask, x_oss_complete_all="yes")


def _digest(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


class Breaker(threading.Thread):
    """Takes one zone's storage away and gives it back, so that kills fall into repairs."""

    def __init__(self, served: Served, promises: Promises, seed: int) -> None:
        super().__init__(daemon=True)
        self._served = served
        self._promises = promises
        self._random = random.Random(seed)
        self._pause = threading.Event()

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                mode = self._random.choice(("stopped", "stopped", "lost"))
                body = {"kind": "storage_fault", "scope": [_LOST_ZONE], "parameters": {"mode": mode}}
                status, answer = self._served.admin("POST", "faults", body)
                if status != 201:
                    self._promises.refusals.append(repr(answer).encode())
                    return
                self._pause.wait(self._random.uniform(0.0, 0.05))
                recover(self._served)
                self._pause.wait(self._random.uniform(0.0, 0.15))


def recover(served: Served) -> None:
    assert served.admin("POST", "faults/recover")[0] == 200


def prepare(served: Served) -> None:
    client = Client(served)
    for bucket in BUCKETS:
        redundancy = "ZRS" if bucket == SPREAD else "LRS"
        body = (
            f"<CreateBucketConfiguration><DataRedundancyType>{redundancy}</DataRedundancyType>"
            "<LocationConstraint>oss-cn-hongkong</LocationConstraint></CreateBucketConfiguration>"
        )
        assert client.ask("PUT", f"/{bucket}", body=body.encode())[0] == 200
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert client.ask("PUT", f"/{VERSIONED}", body=enabled, signed="versioning")[0] == 200
    client.close()


def check(served: Served, promises: Promises) -> None:
    """What was promised is there and whole, and nothing else is; what was on its way is settled either way."""
    recover(served)
    with contextlib.closing(Client(served)) as client:
        for name in sorted({*promises.kept, *promises.underway}):
            allowed = {promises.kept.get(name)}
            if name in promises.underway:
                allowed.add(promises.underway[name])
            found = _found(client, *name)
            assert found in allowed, (name, found, allowed)
            promises.kept[name] = found
        promises.underway.clear()
        for bucket in BUCKETS:
            there = {key for (place, key), digest in promises.kept.items() if place == bucket and digest is not None}
            assert set(_listed(client, bucket)) == there
        for (key, version), digest in promises.versions.items():
            status, _, body = client.ask("GET", f"/{VERSIONED}/{key}", signed=f"versionId={version}")
            assert (status, _digest(body)) == (200, digest), (key, version, status)


def _found(client: Client, bucket: str, key: str) -> Digest:
    status, headers, body = client.ask("GET", f"/{bucket}/{key}")
    if status == 404:
        return None
    assert status == 200, body
    digest = _digest(body)
    if "-" not in headers["ETag"]:
        assert headers["ETag"] == f'"{digest.upper()}"'
    return digest


def _listed(client: Client, bucket: str) -> Iterator[str]:
    status, _, body = client.ask("GET", f"/{bucket}", "max-keys=1000&encoding-type=url")
    assert status == 200, body
    return (unquote(key.decode()) for key in re.findall(rb"<Key>(.+?)</Key>", body))


def kill_repeatedly(home: Path, rounds: int, seed: int, *options: str, progress_every: int = 0) -> Promises:
    """Each round: start on what the last one left, check it, load it, kill it. AssertionError for a broken promise."""
    chosen = random.Random(seed)
    promises = Promises()
    began = time.monotonic()
    for number in range(rounds + 1):
        served = Served(home, "--quiet", *options)
        threads: list[threading.Thread] = []
        try:
            if number == 0:
                prepare(served)
            check(served, promises)
            if number == rounds:
                break
            if len(promises.versions) > 300:
                # So that checking stays as long as it is.
                assert served.admin("POST", "reset")[0] == 200
                promises.kept, promises.versions = {}, {}
                prepare(served)
            threads = [Worker(served, promises, worker, chosen.getrandbits(32)) for worker in range(_WORKERS)]
            threads.append(Breaker(served, promises, chosen.getrandbits(32)))
            for thread in threads:
                thread.start()
            threading.Event().wait(chosen.uniform(0.02, 0.4))
        finally:
            served.kill()
        for thread in threads:
            thread.join(30.0)
            assert not thread.is_alive()
        assert promises.refusals == []
        if progress_every and (number + 1) % progress_every == 0:
            elapsed_s = time.monotonic() - began
            print(f"kill -9: {number + 1} kills, {promises.acknowledged} acknowledged, {elapsed_s:.0f} s", flush=True)
    return promises
