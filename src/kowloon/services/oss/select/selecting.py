"""SelectObject and CreateSelectObjectMeta: SQL over one object of CSV or JSON.

Ranges of lines and splits are told without metadata made before: what the vendor keeps from CreateSelectObjectMeta is
worked out each time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from kowloon.engines.jobs import Job, JobError, JobRefused, JobsBusy
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import BUSY
from kowloon.services.oss.images.processing import source_of
from kowloon.services.oss.objects.reading import check_readable, followed, settled, wanted
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.select import frames
from kowloon.services.oss.select.errors import SelectError
from kowloon.services.oss.select.request import Format, Task, parse_meta, parse_select
from kowloon.services.oss.space import Stored
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.errors import OssError
from kowloon.wire.oss.headers import parse_range
from kowloon.wire.oss.xml import parse

TIMEOUT_S: Final = 120.0
_WORK: Final = "kowloon.services.oss.select.work"
_TYPE: Final = "application/octet-stream"


@oss.operation("SelectObject", "object", "POST", "x-oss-process=csv/select", body=Body.DOCUMENT, acl="read")
@oss.operation("SelectObject", "object", "POST", "x-oss-process=json/select", body=Body.DOCUMENT, acl="read")
async def select_object(call: Call) -> HttpResponse:
    """206 once the statement is understood; what is wrong with the object's bytes says the last frame."""
    stored = await _stored(call)
    asked = call.headers.get("range")
    byte_range = None if asked is None else parse_range(asked, stored.meta.size_bytes, standard=True)
    try:
        task = parse_select(parse(call.request.body), _format(call), byte_range)
        job = await _started(call, "select", task, stored)
        # The statement was understood.
        await anext(aiter(job))
    except SelectError as problem:
        raise _refused(problem) from None
    except JobRefused as refused:
        raise _refused(SelectError(*msgspec.json.decode(refused.payload))) from None
    except JobError:
        raise _refused(_FAILED) from None
    headers = [("x-oss-select-output-raw", "true" if task.output.raw else "false")]
    return HttpResponse(206, headers=headers, content_type=_TYPE, stream=_rest(job, task, stored.meta.size_bytes))


@oss.operation(
    "CreateSelectObjectMeta",
    "object",
    "POST",
    "x-oss-process=csv/meta",
    body=Body.DOCUMENT,
    action="PutObject",
    acl="write",
)
@oss.operation(
    "CreateSelectObjectMeta",
    "object",
    "POST",
    "x-oss-process=json/meta",
    body=Body.DOCUMENT,
    action="PutObject",
    acl="write",
)
async def create_select_object_meta(call: Call) -> HttpResponse:
    stored = await _stored(call)
    try:
        task = parse_meta(parse(call.request.body), _format(call))
        async with await _started(call, "meta", task, stored) as job:
            body = b"".join([piece async for piece in job])
    except SelectError as problem:
        raise _refused(problem) from None
    except JobRefused as refused:
        raise _refused(SelectError(*msgspec.json.decode(refused.payload))) from None
    except JobError:
        raise _refused(_FAILED) from None
    return HttpResponse(200, body, content_type=_TYPE)


_FAILED: Final = SelectError("SqlUnsupportedSql", "The statement takes too much time or memory.")


def _format(call: Call) -> Format:
    return "csv" if call.query["x-oss-process"].startswith("csv/") else "json"


async def _stored(call: Call) -> Stored:
    stored = followed(call, wanted(call))
    check_readable(call, stored.meta, call.key)
    waiting = settled(call, stored)
    if waiting is not None:
        await waiting
    return stored


async def _started(call: Call, function: str, task: Task, stored: Stored) -> Job:
    source = source_of(call.space.volume, stored)
    try:
        return await call.parts.select_jobs.start(f"{_WORK}:{function}", msgspec.json.encode(task), source, TIMEOUT_S)
    except JobsBusy:
        raise BUSY.error() from None


async def _rest(job: Job, task: Task, size_bytes: int) -> AsyncIterator[bytes]:
    """What follows; of a job that fails after all, a last frame that says so. Without frames the answer breaks off."""
    async with job:
        try:
            async for piece in job:
                yield piece
        except JobError:
            if task.output.raw:
                raise
            message = f"{_FAILED.code}.{_FAILED.message}"
            yield frames.end(size_bytes, 400, message, checksums=task.output.checksums)


def _refused(problem: SelectError) -> OssError:
    return OssError(problem.code, 400, problem.message)
