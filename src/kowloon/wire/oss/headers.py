"""Header values with a syntax of their own: conditions, ranges, tagging, copy sources, user metadata, encoded names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple
from urllib.parse import quote

from kowloon.core.errors import ApiError
from kowloon.wire.oss.dates import parse_http_date
from kowloon.wire.oss.errors import (
    DUPLICATE_TAG_KEY,
    INVALID_COPY_SOURCE,
    INVALID_RANGE,
    INVALID_TAG_KEY,
    INVALID_TAG_VALUE,
    INVALID_TAGGING,
    METADATA_TOO_LARGE,
    TOO_MANY_TAGS,
)
from kowloon.wire.parameters import decode_pairs, decode_percent

MOST_OBJECT_TAGS: Final = 10
MOST_METADATA_BYTES: Final = 8 * 1024
METADATA_PREFIX: Final = "x-oss-meta-"

_MOST_TAG_KEY_CHARACTERS: Final = 128
_MOST_TAG_VALUE_CHARACTERS: Final = 256
# Letters and digits of any script.
_TAG_TEXT: Final = re.compile(r"[\w +\-=.:/]*")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.~/-]*")
COPY_SOURCE_PREFIX: Final = "x-oss-copy-source-"

_RANGE: Final = re.compile(r"\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)
# More digits than any size has.
_MOST_DIGITS: Final = 19


# Conditions and ranges ------------------------------------------------------------------------------------------------


def etag_value(text: str) -> str:
    """An ETag as it is compared: no quotes, no weakness mark, upper case."""
    return text.strip().removeprefix("W/").strip('"').upper()


class Outcome(Enum):
    PROCEED = "proceed"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


# What nearly every request has; to look a member up in its class takes longer than all else here.
PROCEED: Final = Outcome.PROCEED


def evaluate_conditions(headers: Mapping[str, str], etag: str, last_modified: float, prefix: str = "") -> Outcome:
    """What the preconditions among `headers` (by lower-case name) say of an object: 304, 412, or neither.

    `prefix` is COPY_SOURCE_PREFIX for those about the source of a copy. As HTTP has it: a date is not asked where an
    ETag was, dates count in whole seconds, and a date that is none is as if it were absent.
    """
    if not prefix and not (
        "if-match" in headers
        or "if-none-match" in headers
        or "if-modified-since" in headers
        or "if-unmodified-since" in headers
    ):
        return PROCEED
    if_match, if_none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    if if_match is not None:
        if not _lists(if_match, etag):
            return Outcome.FAILED
    else:
        limit = _date(headers, f"{prefix}if-unmodified-since")
        if limit is not None and int(last_modified) > limit:
            return Outcome.FAILED
    if if_none_match is not None:
        return Outcome.NOT_MODIFIED if _lists(if_none_match, etag) else Outcome.PROCEED
    since = _date(headers, f"{prefix}if-modified-since")
    return Outcome.NOT_MODIFIED if since is not None and int(last_modified) <= since else Outcome.PROCEED


def _date(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name)
    return None if text is None else parse_http_date(text)


def _lists(tags: str, etag: str) -> bool:
    """Whether a list of ETags, or `*`, names this one."""
    wanted = etag_value(etag)
    return any(tag.strip() == "*" or etag_value(tag) == wanted for tag in tags.split(","))


def parse_range(text: str, size_bytes: int, *, standard: bool = False) -> tuple[int, int] | None:
    """First and last byte that `Range: text` asks of `size_bytes`, both included; None when all is to be sent.

    OSS ignores a range that is malformed or reaches beyond the end. `standard` (`x-oss-range-behavior: standard`)
    cuts at the end as HTTP has it, and refuses with 416 InvalidRange what begins beyond. Of several only the first
    counts.
    """
    unit, _, ranges = text.partition("=")
    match = _RANGE.fullmatch(ranges.partition(",")[0])
    if unit.strip() != "bytes" or match is None:
        return None
    first_text, last_text = match[1], match[2]
    if len(first_text) > _MOST_DIGITS or len(last_text) > _MOST_DIGITS or not (first_text or last_text):
        return None
    if not first_text:
        first, last = size_bytes - int(last_text), size_bytes - 1
        beyond, cut = int(last_text) == 0 or size_bytes == 0, first < 0
    else:
        first, last = int(first_text), int(last_text) if last_text else size_bytes - 1
        if last_text and last < first:
            return None
        beyond, cut = first >= size_bytes, last >= size_bytes
    if beyond and standard:
        raise INVALID_RANGE.error(headers={"Content-Range": f"bytes */{size_bytes}"})
    if beyond or (cut and not standard):
        return None
    return max(first, 0), min(last, size_bytes - 1)


# Tags, copies, metadata, names ----------------------------------------------------------------------------------------


def url_encode(name: str) -> str:
    """A name as `encoding-type=url` asks for it. No space becomes a plus: clients differ in how they read one."""
    return name if _PLAIN_NAME.fullmatch(name) else quote(name, safe="/~", errors="surrogatepass")


def parse_tagging(text: str) -> dict[str, str]:
    """The tags of `x-oss-tagging: a=1&b=2`, url-encoded. 400 InvalidArgument when malformed, else as `checked_tags`."""
    pieces = text.split("&") if text else []
    if any(piece.count("=") > 1 for piece in pieces):
        raise INVALID_TAGGING.error(extra={"ArgumentName": "x-oss-tagging", "ArgumentValue": text})
    try:
        pairs = decode_pairs(text)
    except ApiError:
        raise INVALID_TAGGING.error(extra={"ArgumentName": "x-oss-tagging", "ArgumentValue": text}) from None
    return checked_tags(pairs)


def checked_tags(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tags of an object within their limits: at most 10, keys unique. 400 InvalidTag otherwise."""
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not 1 <= len(key) <= _MOST_TAG_KEY_CHARACTERS or _TAG_TEXT.fullmatch(key) is None:
            raise INVALID_TAG_KEY.error(extra={"TagKey": key})
        if len(value) > _MOST_TAG_VALUE_CHARACTERS or _TAG_TEXT.fullmatch(value) is None:
            raise INVALID_TAG_VALUE.error(extra={"TagValue": value})
        if key in tags:
            raise DUPLICATE_TAG_KEY.error(extra={"TagKey": key})
        tags[key] = value
    if len(tags) > MOST_OBJECT_TAGS:
        raise TOO_MANY_TAGS.error(most=MOST_OBJECT_TAGS)
    return tags


class CopySource(NamedTuple):
    """`version_id` is empty when the current version is meant."""

    bucket: str
    key: str
    version_id: str = ""


def parse_copy_source(text: str) -> CopySource:
    """The source in `x-oss-copy-source: /bucket/key[?versionId=id]`, encoded with or without its slashes.

    400 InvalidArgument when it names no bucket or no object.
    """
    path, _, query = text.partition("?")
    # One client writes a space as a plus; none leaves a plus unencoded.
    raw_bucket, separator, raw_key = path.replace("+", "%20").removeprefix("/").partition("/")
    try:
        bucket, key = decode_percent(raw_bucket), decode_percent(raw_key)
        version_id = dict(decode_pairs(query)).get("versionId", "")
    except (ApiError, UnicodeEncodeError):
        bucket = key = version_id = ""
    if not separator:
        bucket, _, key = bucket.removeprefix("/").partition("/")
    if not (bucket and key):
        raise INVALID_COPY_SOURCE.error(extra={"ArgumentName": "x-oss-copy-source", "ArgumentValue": text})
    return CopySource(bucket, key, version_id)


def user_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """`x-oss-meta-*` by full lower-case name. 400 InvalidArgument when names without the prefix and
    values are over 8 KB together."""
    metadata = {name: value for name, value in headers.items() if name.startswith(METADATA_PREFIX)}
    if metadata:
        size_bytes = sum(
            len(name) - len(METADATA_PREFIX) + len(value.encode("utf-8", "surrogatepass"))
            for name, value in metadata.items()
        )
        if size_bytes > MOST_METADATA_BYTES:
            raise METADATA_TOO_LARGE.error()
    return metadata
