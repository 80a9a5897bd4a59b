"""Processing of objects: images on their way out (GetObject with `x-oss-process`), and kept (ProcessObject)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from kowloon.core.errors import ApiError
from kowloon.engines.blob.base import Volume
from kowloon.engines.jobs import JobError, JobRefused, JobsBusy
from kowloon.services.oss.access import access
from kowloon.services.oss.assembled import pieces
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content, content_of, content_of_blob
from kowloon.services.oss.errors import BUSY, INVALID_ARGUMENT, INVALID_OBJECT_NAME, NO_SUCH_BUCKET, NOT_BUILT
from kowloon.services.oss.images.errors import (
    MISSING_PARAMETER,
    PROCESSING_FAILED,
    REFUSALS,
    TOO_LARGE_FILE,
    WATERMARK_FAILED,
)
from kowloon.services.oss.images.pipeline import Step, decode_name, parse_pipeline
from kowloon.services.oss.images.styles import style_content
from kowloon.services.oss.objects.reading import (
    check_conditions,
    check_readable,
    described,
    followed,
    isolated,
    overrides,
    seen,
    settled,
    wanted,
)
from kowloon.services.oss.objects.writing import check_write, new_meta
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket
from kowloon.services.oss.space import Stored
from kowloon.wire.http import FileSlice, HttpResponse
from kowloon.wire.oss.addressing import valid_object_name

MOST_SOURCE_BYTES: Final = 20 * 1024 * 1024
TIMEOUT_S: Final = 30.0
_WORK: Final = "kowloon.services.oss.images.work:process"
_PROCESS: Final = "x-oss-process"
_SAVE: Final = "sys/saveas"
# Blobs of at most this many bytes go to a job as they are.
_HELD_BYTES: Final = 64 * 1024
# Headers of an object that are not those of what is made of it.
_OF_THE_SOURCE: Final = ("Content-Type", "Content-MD5", "x-oss-hash-crc64ecma", "Accept-Ranges", "Content-Encoding")


class Made(NamedTuple):
    content_type: str
    body: bytes


@oss.operation("GetObject", "object", "GET", _PROCESS, acl="read")
async def get_processed_object(call: Call) -> HttpResponse:
    """Ranges are of the object, not of what is made of it, and are not asked about."""
    steps = _steps(call, call.query[_PROCESS])
    link = wanted(call)
    stored = followed(call, link)
    check_readable(call, stored.meta, call.key)
    meta = seen(link, stored)
    check_conditions(call.headers, meta)
    changed = overrides(call)
    made = await _made(call, stored, steps)
    headers = [pair for pair in described(call, meta) if pair[0] not in _OF_THE_SOURCE and pair[0] not in changed]
    headers += [("Content-Type", made.content_type)] if "Content-Type" not in changed else []
    return HttpResponse(200, made.body, headers=[*headers, *changed.items(), *isolated(call)])


@oss.operation("ProcessObject", "object", "POST", _PROCESS, action="PostProcessTask", body=Body.DOCUMENT)
async def process_object(call: Call) -> HttpResponse:
    """What is made of an image becomes an object: `image/resize,w_100|sys/saveas,o_...,b_...`."""
    # As clients send it, nothing in it is encoded.
    asked = call.request.body.decode("utf-8", "replace").strip()
    process, _, save = asked.removeprefix(f"{_PROCESS}=").partition("|")
    access.check(call, "GetObject", call.bucket, call.key, "read")
    target = _target(call, save)
    steps = _steps(call, process)
    stored = followed(call, wanted(call))
    check_readable(call, stored.meta, call.key)
    made = await _made(call, stored, steps)
    target.headers = {"content-type": made.content_type}
    content = await _kept(target, made.body)
    target.look_again()
    check_write(target)
    changes, meta = target.space.write(target.key, new_meta(target, content), content.blobs)
    await target.space.commit(changes)
    result = {"bucket": target.bucket.id, "fileSize": meta.size_bytes, "object": target.key, "status": "OK"}
    return HttpResponse(200, msgspec.json.encode(result), content_type="application/json")


def _target(call: Call, save: str) -> Call:
    """A call that writes what is made: into the bucket that is named, or the source's own."""
    name, *parameters = save.split(",")
    if name != _SAVE:
        raise MISSING_PARAMETER.error(name=_SAVE)
    values = dict([parameter.partition("_")[::2] for parameter in parameters])
    if not values.get("o"):
        raise MISSING_PARAMETER.error(name="o")
    key = decode_name(values["o"])
    if not valid_object_name(key):
        raise INVALID_OBJECT_NAME.error(extra={"ObjectName": key})
    bucket_name = decode_name(values["b"]) if values.get("b") else call.bucket.id
    bucket = call.parts.store.get(Bucket, bucket_name)
    if bucket is None:
        raise NO_SUCH_BUCKET.error(extra={"BucketName": bucket_name})
    if bucket.region != call.bucket.region:
        raise INVALID_ARGUMENT.error(
            why="The bucket must be in the region of the image.",
            extra={"ArgumentName": "b", "ArgumentValue": bucket_name},
        )
    access.check(call, "PutObject", bucket, key, "write", version_id="")
    target = call.about(bucket, key)
    check_write(target)
    return target


async def _kept(call: Call, body: bytes) -> Content:
    if len(body) <= call.parts.storage.small_bytes:
        return content_of(body)
    writer = call.space.volume.writer()
    try:
        writer.write(body)
        return content_of_blob(await writer.finish())
    except BaseException:
        writer.abort()
        raise


# The work -------------------------------------------------------------------------------------------------------------


def _steps(call: Call, process: str) -> list[Step]:
    kind, _, rest = process.partition("/")
    if kind == "style":
        process = style_content(call, rest)
        kind, _, rest = process.partition("/")
    if kind != "image":
        raise NOT_BUILT.error(name=f"{_PROCESS}={kind}/{rest.partition('/')[0].partition(',')[0]}")
    return parse_pipeline(rest)


async def _made(call: Call, stored: Stored, steps: list[Step]) -> Made:
    """What is made of an object by the steps. Raises the errors of images."""
    volume = call.space.volume
    waiting = settled(call, stored)
    if waiting is not None:
        await waiting
    marks = [_mark(call, step) for step in steps if step.action == "watermark" and "text" not in step.values]
    sources = [stored, *(mark for mark, _ in marks)]
    for source in sources:
        if source.meta.size_bytes > MOST_SOURCE_BYTES:
            raise TOO_LARGE_FILE.error(most_bytes=MOST_SOURCE_BYTES)
    task = {
        "steps": steps,
        "sizes": [source.meta.size_bytes for source in sources],
        "marks": [mark_steps for _, mark_steps in marks],
    }
    given = [piece for source in sources for piece in source_of(volume, source)]
    body = await run_image_job(call, msgspec.json.encode(task), given)
    head, _, content = body.partition(b"\n")
    return Made(msgspec.json.decode(head)["content_type"], content)


def _mark(call: Call, step: Step) -> tuple[Stored, list[Step]]:
    """A watermark image: an object of the same bucket, with steps of its own. 400 WatermarkError."""
    key, _, query = step.text("image").partition("?")
    process = query.removeprefix(f"{_PROCESS}=")
    access.check(call, "GetObject", call.bucket, key, "read", version_id="")
    found = call.space.current(key)
    if found is None or found.meta.marker:
        raise WATERMARK_FAILED.error()
    stored = followed(call, found)
    check_readable(call, stored.meta, key)
    steps = parse_pipeline(process.removeprefix("image/")) if process else []
    if any(each.action == "watermark" for each in steps):
        raise WATERMARK_FAILED.error()
    return stored, steps


async def run_image_job(call: Call, task: bytes, pieces: Sequence[bytes | list[FileSlice]]) -> bytes:
    """The answer of `images.work`. Raises the errors of images."""
    try:
        return await call.parts.image_jobs.run(_WORK, task, pieces, TIMEOUT_S)
    except JobRefused as refused:
        raise REFUSALS[refused.payload.decode()].error() from None
    except JobsBusy:
        raise BUSY.error() from None
    except JobError:
        raise PROCESSING_FAILED.error() from None


async def image_info(call: Call, stored: Stored) -> dict[str, str | int]:
    """`height`, `width` and `format` of an image; nothing for what is none."""
    if stored.meta.size_bytes > MOST_SOURCE_BYTES:
        return {}
    try:
        made = await _made(call, stored, [Step("info")])
    except ApiError:
        return {}
    told = msgspec.json.decode(made.body)
    values = {name: told[name]["value"] for name in ("ImageHeight", "ImageWidth", "Format")}
    return {"height": int(values["ImageHeight"]), "width": int(values["ImageWidth"]), "format": values["Format"]}


def source_of(volume: Volume, stored: Stored) -> Iterator[bytes | list[FileSlice]]:
    """The bytes of an object for a job: small ones as they are, large ones as files."""
    for piece in pieces(volume, stored, 0, stored.meta.size_bytes):
        if piece[0].size_bytes <= _HELD_BYTES:
            yield volume.read(*piece)
        else:
            yield volume.slices(*piece)
