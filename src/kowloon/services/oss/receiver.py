"""An upload whose body is too large to be held: its bytes go to the zones as they arrive."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from kowloon.engines.blob.base import BlobWriter
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import check_digest, content_of_blob
from kowloon.services.oss.errors import CONTENT_HASH_MISMATCH, ENTITY_TOO_LARGE
from kowloon.services.oss.product import Answer, Later
from kowloon.wire.http import HttpResponse

MOST_OBJECT_BYTES = 5 * 1024**3


class UploadReceiver:
    """A BodyReceiver for one call that has passed the chain. `complete` is the chain's end."""

    def __init__(self, call: Call, complete: Callable[[Call, Answer], HttpResponse | Awaitable[HttpResponse]]) -> None:
        declared = call.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > MOST_OBJECT_BYTES:
            raise ENTITY_TOO_LARGE.error(extra={"ProposedSize": declared, "MaxSizeAllowed": str(MOST_OBJECT_BYTES)})
        self._call = call
        self._complete = complete
        self._writer: BlobWriter = call.space.volume.writer()
        self._sha256 = hashlib.sha256() if call.body_hash else None
        self._size_bytes = 0
        # What went wrong before the end: the rest is read and forgotten, and then it is the answer.
        self._problem: Exception | None = None

    def write(self, piece: bytes) -> None:
        if self._problem is not None:
            return
        try:
            self._keep(piece)
        except Exception as problem:
            self._problem = problem
            self._writer.abort()

    def _keep(self, piece: bytes) -> None:
        self._size_bytes += len(piece)
        if self._size_bytes > MOST_OBJECT_BYTES:
            raise ENTITY_TOO_LARGE.error(extra={"MaxSizeAllowed": str(MOST_OBJECT_BYTES)})
        if self._sha256 is not None:
            self._sha256.update(piece)
        self._writer.write(piece)

    def room(self) -> Awaitable[None] | None:
        return self._writer.room() if self._problem is None else None

    def finish(self) -> HttpResponse | Awaitable[HttpResponse]:
        return self._complete(self._call, self.stored())

    def abort(self) -> None:
        if self._problem is None:
            self._writer.abort()

    async def stored(self) -> HttpResponse:
        """The operation's own answer, once all bytes are kept and what it changed is acknowledged."""
        call = self._call
        if self._problem is not None:
            raise self._problem
        try:
            content = content_of_blob(await self._writer.finish())
            check_digest(call.headers, content)
            if self._sha256 is not None and self._sha256.hexdigest() != call.body_hash.lower():
                raise CONTENT_HASH_MISMATCH.error()
            # What was right before the body may be wrong after it.
            call.look_again()
            if call.operation.check is not None:
                call.operation.check(call)
            answer = call.operation.handler(call, content)
        except BaseException:
            self._writer.abort()
            raise
        return await answered(answer)


async def answered(answer: Answer) -> HttpResponse:
    """An operation's answer once what it changed is acknowledged."""
    if isinstance(answer, HttpResponse):
        return answer
    if isinstance(answer, Later):
        await answer.done
        return answer.response
    return await answer
