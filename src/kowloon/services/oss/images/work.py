"""Runs in a process of its own (`engines/jobs`): opens an image, applies the steps, writes it. Pillow does the work."""

from __future__ import annotations

import io
import json
from typing import Any, BinaryIO, Final

import msgspec
from PIL import ExifTags, Image, ImageSequence, UnidentifiedImageError

from kowloon.engines.job_worker import Emit, JobRefused
from kowloon.services.oss.images.operations import Canvas, apply, average_color
from kowloon.services.oss.images.pipeline import Step

MOST_SIDE: Final = 30_000
MOST_PIXELS: Final = 250_000_000
_READABLE: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
_NAMES: Final = {kind: kind.lower() for kind in _READABLE} | {"JPEG": "jpg"}
_WRITTEN: Final = {**{name: kind for kind, name in _NAMES.items()}, "jpeg": "JPEG"}
_TYPES: Final = {kind: f"image/{kind.lower()}" for kind in _READABLE}
_MOVING: Final = ("GIF", "WEBP")
_MOST_FRAMES: Final = 500
_DEFAULT_QUALITY: Final = 75
# The decompression of what is too large is refused before it begins, by its header.
Image.MAX_IMAGE_PIXELS = None


class Task(msgspec.Struct, frozen=True):
    """`sizes`: of the image and of each watermark image, one after the other in the source; watermark images have
    steps of their own."""

    steps: list[Step]
    sizes: list[int]
    marks: list[list[Step]] = []


class Made(msgspec.Struct, frozen=True):
    """The line before the bytes of the answer."""

    content_type: str


def process(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    task = msgspec.json.decode(argument, type=Task)
    files = [source.read(size_bytes) for size_bytes in task.sizes]
    try:
        content_type, body = _process(task, files)
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, Image.DecompressionBombError):
        # What Pillow raises for images that are not what their first bytes say.
        raise JobRefused(b"damaged") from None
    emit(msgspec.json.encode(Made(content_type)) + b"\n")
    emit(body)


def _process(task: Task, files: list[bytes]) -> tuple[str, bytes]:
    image = _open(files[0])
    action = task.steps[0].action
    if action == "info":
        return "application/json", json.dumps(_info(image, len(files[0]))).encode()
    if action == "average-hue":
        return "application/json", json.dumps({"RGB": "0x" + average_color(image)}).encode()
    marks = [_marked(data, steps) for data, steps in zip(files[1:], task.marks, strict=True)]
    source_kind = image.format or "JPEG"
    kind, options = _output(task.steps, source_kind)
    frames = [image]
    if kind in _MOVING and source_kind in _MOVING and getattr(image, "n_frames", 1) > 1:
        frames = _frames(image)
    made = []
    for frame in frames:
        canvas = Canvas(frame, marks=list(marks))
        for step in task.steps:
            apply(canvas, step)
        made.append(canvas.image)
    return _TYPES[kind], _encoded(made, image, kind, options)


def _open(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=_READABLE)
    except UnidentifiedImageError:
        raise JobRefused(b"format") from None
    if max(image.size) > MOST_SIDE or image.width * image.height > MOST_PIXELS:
        raise JobRefused(b"size")
    return image


def _marked(data: bytes, steps: list[Step]) -> Image.Image:
    try:
        canvas = Canvas(_open(data))
        for step in steps:
            apply(canvas, step)
        return canvas.image.convert("RGBA")
    except JobRefused:
        raise JobRefused(b"watermark") from None


def _frames(image: Image.Image) -> list[Image.Image]:
    count = getattr(image, "n_frames", 1)
    if count > _MOST_FRAMES or count * image.width * image.height > MOST_PIXELS:
        raise JobRefused(b"size")
    return [frame.convert("RGBA") for frame in ImageSequence.Iterator(image)]


# Writing --------------------------------------------------------------------------------------------------------------


def _output(steps: list[Step], source_kind: str) -> tuple[str, dict[str, Any]]:
    """The format of the answer, and what its writer is told."""
    kind = source_kind
    options: dict[str, Any] = {}
    quality = _DEFAULT_QUALITY
    for step in steps:
        if step.action == "format":
            kind = _WRITTEN[step.text("")]
        elif step.action == "quality":
            # The relative one is of the source's own, which most files do not say: it is taken for the whole.
            quality = step.number("Q") or step.number("q")
        elif step.action == "interlace" and step.number(""):
            options["progressive"] = True
    if kind == "JPEG":
        return kind, {**options, "quality": quality, "optimize": True}
    return kind, {"quality": quality} if kind in ("WEBP", "AVIF") else {}


def _encoded(frames: list[Image.Image], source: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    first, *rest = [_suited(frame, kind) for frame in frames]
    if rest:
        options = {
            **options,
            "save_all": True,
            "append_images": rest,
            "duration": source.info.get("duration", 100),
            "loop": source.info.get("loop", 0),
        }
        if kind == "GIF":
            options["disposal"] = 2
    out = io.BytesIO()
    first.save(out, kind, **options)
    return out.getvalue()


def _suited(image: Image.Image, kind: str) -> Image.Image:
    """In a mode that the format can keep; where it keeps no transparency, white is behind it."""
    if kind in ("JPEG", "BMP"):
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            flat = Image.new("RGB", image.size, "white")
            flat.paste(rgba, mask=rgba.getchannel("A"))
            return flat
        return image if image.mode in ("RGB", "L") else image.convert("RGB")
    if kind in ("WEBP", "AVIF"):
        return image if image.mode in ("RGB", "RGBA") else image.convert("RGBA")
    if kind == "PNG" and image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "F"):
        return image.convert("RGB")
    if kind == "GIF" and image.mode not in ("RGB", "RGBA", "L", "P"):
        return image.convert("RGBA")
    return image


# Looking --------------------------------------------------------------------------------------------------------------


def _info(image: Image.Image, size_bytes: int) -> dict[str, dict[str, str]]:
    """As the vendor tells it: every value a text, tags of Exif by their names."""
    found = {
        "FileSize": str(size_bytes),
        "Format": _NAMES[image.format or ""],
        "FrameCount": str(getattr(image, "n_frames", 1)),
        "ImageHeight": str(image.height),
        "ImageWidth": str(image.width),
    }
    exif = image.getexif()
    for tags in (exif, exif.get_ifd(ExifTags.IFD.Exif)):
        for number, value in tags.items():
            name = ExifTags.TAGS.get(number)
            if name is not None and name not in found and isinstance(value, int | float | str):
                found[name] = str(value).strip("\x00")
    return {name: {"value": value} for name, value in sorted(found.items())}
