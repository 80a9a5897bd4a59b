"""Styles of images: named pipelines of a bucket, for `x-oss-process=style/NAME`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Final

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import bucket_as_it_is, new_setting
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import INVALID_ARGUMENT
from kowloon.services.oss.images.errors import NO_SUCH_STYLE, TOO_MANY_STYLES
from kowloon.services.oss.images.pipeline import parse_pipeline
from kowloon.services.oss.product import Answer, Body, oss
from kowloon.services.oss.resources import BucketSetting
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import http_date
from kowloon.wire.oss.xml import Content, document, elements

MOST_STYLES: Final = 50
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,63}")


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """Times are cloud seconds."""

    content: str
    category: str = ""
    created: float
    modified: float


class Styles(BucketSetting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "oss-styles"

    styles: dict[str, Style] = {}


oss.setting(Styles)


@oss.operation("PutStyle", "bucket", "PUT", "style&styleName", body=Body.DOCUMENT)
def put_style(call: Call) -> Answer:
    name = call.query["styleName"]
    if _NAME.fullmatch(name) is None:
        raise INVALID_ARGUMENT.error(
            why="The value of styleName is not valid.", extra={"ArgumentName": "styleName", "ArgumentValue": name}
        )
    content = call.document("Style").text("Content").strip()
    if not content.startswith("image/"):
        raise INVALID_ARGUMENT.error(
            why="The content of the style must begin with image/.",
            extra={"ArgumentName": "Content", "ArgumentValue": content},
        )
    parse_pipeline(content.removeprefix("image/"))

    def change(styles: dict[str, Style]) -> dict[str, Style]:
        former = styles.get(name)
        if former is None and len(styles) >= MOST_STYLES:
            raise TOO_MANY_STYLES.error(most=MOST_STYLES)
        style = Style(
            content=content,
            category=call.query.get("category", "image"),
            created=call.now if former is None else former.created,
            modified=call.now,
        )
        return {**styles, name: style}

    return _changed(call, change, 200)


@oss.operation("DeleteStyle", "bucket", "DELETE", "style&styleName")
def delete_style(call: Call) -> Answer:
    """204 where there was none, too."""
    name = call.query["styleName"]
    return _changed(call, lambda styles: {key: style for key, style in styles.items() if key != name}, 204)


async def _changed(call: Call, change: Callable[[dict[str, Style]], dict[str, Style]], status: int) -> HttpResponse:
    def body(tx: Transaction) -> None:
        bucket_as_it_is(call, tx)
        former = tx.get(Styles, call.bucket.id) or new_setting(call, Styles)
        tx.put(msgspec.structs.replace(former, styles=change(former.styles)))

    await call.parts.store.run(body)
    return HttpResponse(status)


@oss.operation("GetStyle", "bucket", "GET", "style&styleName")
def get_style(call: Call) -> Answer:
    name = call.query["styleName"]
    return answers.document(document("Style", elements(_shown(name, _style(call, name)))))


@oss.operation("ListStyle", "bucket", "GET", "style")
def list_style(call: Call) -> Answer:
    styles = sorted(_styles(call).items())
    return answers.document(document("StyleList", elements({"Style": [_shown(name, style) for name, style in styles]})))


def style_content(call: Call, name: str) -> str:
    """What the style stands for. 404 NoSuchStyle."""
    return _style(call, name).content


def _style(call: Call, name: str) -> Style:
    style = _styles(call).get(name)
    if style is None:
        raise NO_SUCH_STYLE.error(extra={"StyleName": name})
    return style


def _styles(call: Call) -> dict[str, Style]:
    setting = call.parts.store.get(Styles, call.bucket.id)
    return {} if setting is None else setting.styles


def _shown(name: str, style: Style) -> dict[str, Content]:
    return {
        "Name": name,
        "Content": style.content,
        "CreateTime": http_date(int(style.created)),
        "LastModifyTime": http_date(int(style.modified)),
        "Category": style.category,
    }
