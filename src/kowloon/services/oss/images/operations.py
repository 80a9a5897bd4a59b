"""What each step does to an image. Runs where `work` runs; sizes and positions as the vendor describes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps, ImageStat

from kowloon.engines.job_worker import JobRefused
from kowloon.services.oss.images.pipeline import MOST_SIDE, Step

MOST_RESULT_PIXELS: Final = 16_777_216


class Canvas:
    """The image on its way through the steps, and the watermark images that they use, in order."""

    def __init__(self, image: Image.Image, marks: list[Image.Image] | None = None) -> None:
        self.image = image
        self.marks = marks or []

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    def full(self) -> Image.Image:
        """In a mode in which colours can be mixed."""
        if self.image.mode not in ("RGB", "RGBA"):
            clear = self.image.mode in ("LA", "PA") or "transparency" in self.image.info
            self.image = self.image.convert("RGBA" if clear else "RGB")
        return self.image


def apply(canvas: Canvas, step: Step) -> None:
    """Steps about the answer's format change nothing here."""
    operation = _OPERATIONS.get(step.action)
    if operation is not None:
        operation(canvas, step)


def average_color(image: Image.Image) -> str:
    """Six hexadecimal digits."""
    means = ImageStat.Stat(Canvas(image).full().convert("RGB")).mean
    return "".join(f"{round(mean):02x}" for mean in means)


# Size -----------------------------------------------------------------------------------------------------------------


def _resize(canvas: Canvas, step: Step) -> None:
    mode = step.text("m", "lfit")
    width, height = _wanted(canvas, step)
    scaled = _scaled(canvas, mode, width, height)
    limited = step.number("limit", 1) == 1 and "p" not in step.values
    if limited and (scaled[0] > canvas.width or scaled[1] > canvas.height):
        return
    for size in (scaled, (width, height) if mode == "pad" else scaled):
        if max(size) > MOST_SIDE or size[0] * size[1] > MOST_RESULT_PIXELS:
            raise JobRefused(b"size")
    image = canvas.full().resize(scaled, Image.Resampling.LANCZOS)
    if mode == "fill":
        left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
        image = image.crop((left, top, left + width, top + height))
    elif mode == "pad":
        padded = Image.new("RGB", (width, height), f"#{step.text('color', 'FFFFFF')}")
        place = ((width - scaled[0]) // 2, (height - scaled[1]) // 2)
        padded.paste(image, place, image if image.mode == "RGBA" else None)
        image = padded
    canvas.image = image


def _wanted(canvas: Canvas, step: Step) -> tuple[int, int]:
    """Width and height that are asked for; a side that is not follows from the other."""
    if "p" in step.values:
        share = step.number("p") / 100
        return _side(canvas.width * share), _side(canvas.height * share)
    width, height = step.number("w"), step.number("h")
    if not (width or height):
        long, short = step.number("l"), step.number("s")
        wide = canvas.width >= canvas.height
        width, height = (long, short) if wide else (short, long)
    if not height:
        height = _side(canvas.height * width / canvas.width)
    if not width:
        width = _side(canvas.width * height / canvas.height)
    return width, height


def _scaled(canvas: Canvas, mode: str, width: int, height: int) -> tuple[int, int]:
    """What the whole image is scaled to."""
    if mode == "fixed":
        return width, height
    shares = width / canvas.width, height / canvas.height
    share = min(shares) if mode in ("lfit", "pad") else max(shares)
    return _side(canvas.width * share), _side(canvas.height * share)


def _side(length: float) -> int:
    return max(1, math.floor(length + 0.5))


def _crop(canvas: Canvas, step: Step) -> None:
    width = min(step.number("w") or canvas.width, canvas.width)
    height = min(step.number("h") or canvas.height, canvas.height)
    left, top = _placed(step.text("g", "nw"), canvas.image.size, (width, height))
    left, top = left + step.number("x"), top + step.number("y")
    if left >= canvas.width or top >= canvas.height:
        raise JobRefused(b"outside")
    right, bottom = min(left + width, canvas.width), min(top + height, canvas.height)
    canvas.image = canvas.image.crop((left, top, right, bottom))


def _placed(gravity: str, outer: tuple[int, int], inner: tuple[int, int]) -> tuple[int, int]:
    """Where the inner one begins in the outer one."""
    rows = {"n": 0, "s": 2}
    row = rows.get(gravity[0], 1)
    if gravity in ("nw", "west", "sw"):
        column = 0
    elif gravity in ("ne", "east", "se"):
        column = 2
    else:
        column = 1
    if gravity == "center":
        row = column = 1
    return (outer[0] - inner[0]) * column // 2, (outer[1] - inner[1]) * row // 2


def _index_crop(canvas: Canvas, step: Step) -> None:
    """One of the strips of that width or height; the whole image where there are not so many."""
    index = step.number("i")
    width, height = step.number("x") or canvas.width, step.number("y") or canvas.height
    left, top = (index * width, 0) if "x" in step.values else (0, index * height)
    if left < canvas.width and top < canvas.height:
        box = (left, top, min(left + width, canvas.width), min(top + height, canvas.height))
        canvas.image = canvas.image.crop(box)


def _rotate(canvas: Canvas, step: Step) -> None:
    angle = step.number("") % 360
    if angle in (90, 180, 270):
        turn = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}[angle]
        canvas.image = canvas.image.transpose(turn)
    elif angle:
        image = canvas.full()
        behind = (255, 255, 255, 0) if image.mode == "RGBA" else (255, 255, 255)
        canvas.image = image.rotate(-angle, Image.Resampling.BICUBIC, expand=True, fillcolor=behind)


def _auto_orient(canvas: Canvas, step: Step) -> None:
    if step.number(""):
        canvas.image = ImageOps.exif_transpose(canvas.image)


# Shape ----------------------------------------------------------------------------------------------------------------


def _circle(canvas: Canvas, step: Step) -> None:
    radius = min(step.number("r"), canvas.width // 2, canvas.height // 2) or 1
    left, top = canvas.width // 2 - radius, canvas.height // 2 - radius
    image = canvas.full().crop((left, top, left + 2 * radius, top + 2 * radius))
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse((0, 0, image.width - 1, image.height - 1), fill=255)
    canvas.image = _cut_out(image, mask)


def _rounded_corners(canvas: Canvas, step: Step) -> None:
    image = canvas.full()
    radius = min(step.number("r"), canvas.width // 2, canvas.height // 2)
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, image.width - 1, image.height - 1), radius, fill=255)
    canvas.image = _cut_out(image, mask)


def _cut_out(image: Image.Image, mask: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(ImageChops.multiply(image.getchannel("A"), mask))
    return image


# Colour ---------------------------------------------------------------------------------------------------------------


def _blur(canvas: Canvas, step: Step) -> None:
    canvas.image = canvas.full().filter(ImageFilter.GaussianBlur(step.number("s")))


def _sharpen(canvas: Canvas, step: Step) -> None:
    canvas.image = canvas.full().filter(ImageFilter.UnsharpMask(percent=step.number("")))


def _bright(canvas: Canvas, step: Step) -> None:
    canvas.image = ImageEnhance.Brightness(canvas.full()).enhance(1 + step.number("") / 100)


def _contrast(canvas: Canvas, step: Step) -> None:
    canvas.image = ImageEnhance.Contrast(canvas.full()).enhance(1 + step.number("") / 100)


# Watermarks -----------------------------------------------------------------------------------------------------------


def _watermark(canvas: Canvas, step: Step) -> None:
    mark = _written(step) if "text" in step.values else _scaled_mark(canvas, step)
    opacity = step.number("t", 100)
    if opacity < 100:
        mark.putalpha(mark.getchannel("A").point(lambda value: value * opacity // 100))
    layer = Image.new("RGBA", canvas.image.size)
    if step.number("fill"):
        for top in range(0, canvas.height, mark.height + step.number("y", 10)):
            for left in range(0, canvas.width, mark.width + step.number("x", 10)):
                layer.paste(mark, (left, top))
    else:
        layer.paste(mark, _mark_place(canvas, step, mark))
    image = canvas.full()
    mixed = Image.alpha_composite(image.convert("RGBA"), layer)
    canvas.image = mixed if image.mode == "RGBA" else mixed.convert("RGB")


def _mark_place(canvas: Canvas, step: Step, mark: Image.Image) -> tuple[int, int]:
    gravity = step.text("g", "se")
    left, top = _placed(gravity, canvas.image.size, mark.size)
    x, y = step.number("x", 10), step.number("y", 10)
    left += {"w": x, "e": -x}.get(gravity[-1] if len(gravity) == 2 else gravity[0], 0)
    if gravity[0] in "ns":
        top += y if gravity[0] == "n" else -y
    else:
        top += step.number("voffset")
    return left, top


def _written(step: Step) -> Image.Image:
    """The text alone. The one font is that which comes with Pillow, whatever `type` names: it has no Chinese."""
    font = ImageFont.load_default(step.number("size", 40))
    text, shadow = step.text("text"), step.number("shadow")
    left, top, right, bottom = font.getbbox(text)
    gap = max(1, step.number("size", 40) // 20) if shadow else 0
    image = Image.new("RGBA", (max(1, math.ceil(right - left)) + gap, max(1, math.ceil(bottom - top)) + gap))
    draw = ImageDraw.Draw(image)
    if shadow:
        draw.text((gap - left, gap - top), text, font=font, fill=(0, 0, 0, 255 * shadow // 100))
    draw.text((-left, -top), text, font=font, fill=f"#{step.text('color', '000000')}")
    angle = step.number("rotate") % 360
    return image.rotate(-angle, Image.Resampling.BICUBIC, expand=True) if angle else image


def _scaled_mark(canvas: Canvas, step: Step) -> Image.Image:
    mark = canvas.marks.pop(0)
    if "P" in step.values:
        width = _side(canvas.width * step.number("P") / 100)
        mark = mark.resize((width, _side(mark.height * width / mark.width)), Image.Resampling.LANCZOS)
    return mark.copy()


_OPERATIONS: Final[dict[str, Callable[[Canvas, Step], None]]] = {
    "resize": _resize,
    "crop": _crop,
    "indexcrop": _index_crop,
    "rotate": _rotate,
    "auto-orient": _auto_orient,
    "circle": _circle,
    "rounded-corners": _rounded_corners,
    "blur": _blur,
    "sharpen": _sharpen,
    "bright": _bright,
    "contrast": _contrast,
    "watermark": _watermark,
}
