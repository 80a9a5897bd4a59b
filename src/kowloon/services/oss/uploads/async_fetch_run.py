"""Fetches at work: what tasks name is got through the guarded dialler and stored as it comes.

A task that a restart cut off is done again from its beginning; what it had stored by then it knows again by its hash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from kowloon.core.waits import RealSeconds
from kowloon.engines.blob.base import BlobWriter, ZoneUnavailable
from kowloon.engines.dialler import DialError, Dialler, Reply
from kowloon.services.oss import answers
from kowloon.services.oss.buckets.encryption import default_encryption
from kowloon.services.oss.content import Content, content_of, content_of_blob
from kowloon.services.oss.objects.guards import is_immutable
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.receiver import MOST_OBJECT_BYTES
from kowloon.services.oss.resources import Bucket, Meta
from kowloon.services.oss.space import Space
from kowloon.services.oss.uploads.async_fetch import CALLBACK_FAILED, FAILED, RETRY, SUCCESS, FetchTask
from kowloon.services.oss.uploads.callback import Teller, read_callback
from kowloon.services.oss.uploads.callback_sender import CallbackFailed
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction

_TIMEOUT_S: Final = 3600.0
_IDLE_S: Final = 10.0
_AGAIN_S: Final = RealSeconds(1.0)
# How long it is known how a task ended.
_KEPT_S: Final = 3 * 24 * 3600.0
_AGENT: Final = "aliyun-oss-async-fetch"


class _Failed(Exception):
    """The task cannot be done; the message is for who put it."""


class FetchRuns:
    """One loop per task, in the zones of its bucket's region."""

    name = "async fetch"
    workers = 8

    def __init__(self, parts: Parts, dialler: Dialler) -> None:
        self._parts = parts
        self._dialler = dialler

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.id,) if isinstance(item, FetchTask) else ()

    def all_keys(self) -> Iterable[str]:
        return [task.id for task in self._parts.store.list(FetchTask)]

    def zones(self, key: str) -> tuple[str, ...]:
        task = self._parts.store.get(FetchTask, key)
        return self._parts.board.topology.zone_ids(task.region) if task is not None else ()

    async def reconcile(self, key: str) -> float | None:
        task = self._parts.store.get(FetchTask, key)
        if task is None:
            return None
        left_s = task.ended_at + _KEPT_S - self._parts.clock.now()
        if self._bucket(task) is None or (task.ended_at and left_s <= 0.0):
            await self._parts.store.run(lambda tx: _remove(tx, task))
            return None
        if task.ended_at:
            return left_s
        try:
            meta = await self._fetched(task)
        except ZoneUnavailable:
            if task.state != RETRY:
                await self._note(task, state=RETRY)
            return _AGAIN_S
        except _Failed as problem:
            if task.callback_when_failed:
                await self._told(task, None)
            await self._note(task, state=FAILED, error=str(problem), ended_at=self._parts.clock.now())
            return None
        error = await self._told(task, meta)
        state = CALLBACK_FAILED if error else SUCCESS
        await self._note(task, state=state, error=error, ended_at=self._parts.clock.now())
        return None

    def _bucket(self, task: FetchTask) -> Bucket | None:
        """The bucket as it is; None once the one that the task was put for is gone."""
        bucket = self._parts.store.get(Bucket, task.bucket)
        return bucket if bucket is not None and bucket.volume == task.volume else None

    async def _note(self, task: FetchTask, **changes: Any) -> None:
        def body(tx: Transaction) -> None:
            if tx.get(FetchTask, task.id) is not None:
                tx.put(msgspec.structs.replace(task, **changes))

        await self._parts.store.run(body)

    # --- the object ---

    def _space(self, task: FetchTask) -> Space:
        bucket = self._bucket(task)
        if bucket is None:
            raise _Failed("The bucket is gone.")
        return self._parts.spaces.of(bucket)

    async def _fetched(self, task: FetchTask) -> Meta:
        incoming = _Incoming(self._space(task), self._parts.storage.small_bytes)
        try:
            reply, content = await self._got(task, incoming)
            done, meta = self._stored(task, content, reply)
        except BaseException:
            incoming.abort()
            raise
        if done is None:
            incoming.abort()
        else:
            await done
        return meta

    async def _got(self, task: FetchTask, incoming: _Incoming) -> tuple[Reply, Content]:
        headers = {"host": task.host or urlsplit(task.url).netloc, "user-agent": _AGENT, "accept": "*/*"}
        try:
            reply = await self._dialler.fetch(
                task.url, headers, incoming.take, timeout_s=_TIMEOUT_S, idle_s=_IDLE_S, most_bytes=MOST_OBJECT_BYTES
            )
        except DialError as problem:
            raise _Failed(f"The source cannot be fetched: {problem}.") from None
        if reply.status != 200:
            raise _Failed(f"The source answered with status {reply.status}.")
        content = await incoming.content()
        if task.content_md5 and task.content_md5 != content.md5_base64:
            raise _Failed("The content of the source does not match the ContentMD5 of the task.")
        return reply, content

    def _stored(self, task: FetchTask, content: Content, reply: Reply) -> tuple[asyncio.Future[None] | None, Meta]:
        """A write of the bucket as it is by now, under way; none where an earlier run has stored it."""
        parts, space = self._parts, self._space(task)
        current = space.current(task.object_name)
        if current is not None and not current.meta.marker and task.ignore_same_key:
            if current.meta.etag == content.etag and current.meta.modified >= task.created_at:
                return None, current.meta
            raise _Failed("The object already exists.")
        overwritten, now = space.overwritten(task.object_name), parts.clock.now()
        if overwritten is not None and is_immutable(parts.store, space.bucket, overwritten.meta, now):
            raise _Failed("The object is immutable.")
        meta = Meta(
            etag=content.etag,
            size_bytes=content.size_bytes,
            crc64=content.crc64,
            md5=content.md5_base64,
            modified=now,
            order=space.next_order(),
            storage_class=space.bucket.storage_class,
            content_type=reply.headers.get("content-type", ""),
            **default_encryption(parts.store, space.bucket),
        )
        changes, meta = space.write(task.object_name, meta, content.blobs)
        return space.commit(changes), meta

    # --- who is told ---

    async def _told(self, task: FetchTask, meta: Meta | None) -> str:
        """Why nobody could be told; empty when all is well. Of a fetch that failed nothing is said of an object."""
        callback = read_callback(task.callback, {}) if task.callback else None
        if callback is None:
            return ""
        values: dict[str, str | int] = {
            "bucket": task.bucket,
            "object": task.object_name,
            "reqId": task.request_id,
            "operation": "PutAsyncFetchTask",
        }
        if meta is not None:
            values |= {
                "etag": meta.etag,
                "size": meta.size_bytes,
                "mimeType": meta.content_type or answers.DEFAULT_TYPE,
                "crc64": str(meta.crc64),
                "contentMd5": meta.md5,
            }
        teller = Teller(self._parts.callbacks, task.key_url, task.request_id, task.bucket)
        try:
            await teller.tell(callback, values)
        except CallbackFailed as problem:
            return str(problem)
        return ""


def _remove(tx: Transaction, task: FetchTask) -> None:
    if tx.get(FetchTask, task.id) is not None:
        tx.delete(task)


class _Incoming:
    """Bytes as they come: held while they are few, else written to the zones."""

    def __init__(self, space: Space, small_bytes: int) -> None:
        self._space = space
        self._small_bytes = small_bytes
        self._held = bytearray()
        self._writer: BlobWriter | None = None

    def take(self, piece: bytes) -> Awaitable[None] | None:
        if self._writer is None:
            self._held += piece
            if len(self._held) <= self._small_bytes:
                return None
            self._writer, piece = self._space.volume.writer(), bytes(self._held)
            self._held.clear()
        self._writer.write(piece)
        return self._writer.room()

    async def content(self) -> Content:
        if self._writer is None:
            return content_of(bytes(self._held))
        return content_of_blob(await self._writer.finish())

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.abort()
