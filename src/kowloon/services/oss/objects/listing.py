"""ListObjects, ListObjectsV2, ListObjectVersions: pages over a bucket in byte order, folders skipped by seeking."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from kowloon.engines.blob.base import Entry, Volume
from kowloon.services.oss import answers, keys
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import invalid
from kowloon.services.oss.product import Answer, Later, oss
from kowloon.services.oss.resources import Meta
from kowloon.services.oss.space import Stored, read_meta
from kowloon.wire.oss.dates import iso_milliseconds, iso_second
from kowloon.wire.oss.headers import url_encode
from kowloon.wire.oss.xml import document, elements, escape

MOST_KEYS: Final = 1000
_DEFAULT_KEYS: Final = 100


class Asked(NamedTuple):
    """What all listings have in common. `shown` encodes names as the client asked for."""

    prefix: str
    delimiter: str
    most: int
    encoding: str
    shown: Callable[[str], str]

    def shown_in_elements(self, name: str) -> str:
        """For what is escaped later."""
        return url_encode(name) if self.encoding else name


class Page(NamedTuple):
    """`prefixes` and `rows`, the elements of objects, are in byte order; `last` is the key or common prefix that the
    page ends with."""

    rows: list[str]
    prefixes: list[str]
    truncated: bool
    last: str


def asked_of(call: Call, count: str = "max-keys", default: int = _DEFAULT_KEYS) -> Asked:
    """`count`: the name of the parameter that says how many."""
    query, encoding = call.query, encoding_of(call)
    return Asked(
        query.get("prefix", ""),
        query.get("delimiter", ""),
        number_of(call, count, default, least=1, most=MOST_KEYS),
        encoding,
        url_encode if encoding else escape,
    )


def encoding_of(call: Call) -> str:
    encoding = call.query.get("encoding-type", "")
    if encoding not in ("", "url"):
        raise invalid("encoding-type", encoding)
    return encoding


def number_of(call: Call, name: str, default: int, *, least: int, most: int) -> int:
    """A whole number of the query; empty counts as absent."""
    text = call.query.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 12) or not least <= int(text) <= most:
        raise invalid(name, text)
    return int(text)


Row = Callable[[str, Meta], str]


def page_of(volume: Volume, asked: Asked, after: str, row: Row) -> Page:
    """The first page of current objects behind `after`, a key or a common prefix of an earlier page. `row` renders
    each at once: a thousand objects that are there together cost more than twice as much."""
    prefix, delimiter = asked.prefix.encode(), asked.delimiter.encode()
    stem = keys.CURRENT + prefix
    end = keys.after_prefix(stem)
    start = stem
    if after and after.encode() >= prefix:
        start = max(stem, _behind(after.encode(), prefix, delimiter))
    if not delimiter:
        return _plain_page(volume, start, end, asked.most, row)
    rows: list[str] = []
    prefixes: list[str] = []
    last = ""
    cut = len(stem)
    while start < end:
        skip_to = b""
        for key, value in volume.values(start, end):
            meta = read_meta(value)
            if meta.marker:
                continue
            at = key.find(delimiter, cut)
            if len(rows) + len(prefixes) == asked.most:
                return Page(rows, prefixes, True, last)
            if at < 0:
                last = key[1:].decode()
                rows.append(row(last, meta))
                continue
            common = key[: at + len(delimiter)]
            last = common[1:].decode()
            prefixes.append(last)
            skip_to = keys.after_prefix(common)
            break
        if not skip_to:
            break
        start = skip_to
    return Page(rows, prefixes, False, last)


def _plain_page(volume: Volume, start: bytes, end: bytes, most: int, row: Row) -> Page:
    """Without a delimiter: the commonest list, and the longest."""
    rows: list[str] = []
    last = ""
    for key, value in volume.values(start, end):
        meta = read_meta(value)
        if meta.marker:
            continue
        if len(rows) == most:
            return Page(rows, [], True, last)
        last = key[1:].decode()
        rows.append(row(last, meta))
    return Page(rows, [], False, "")


def _behind(after: bytes, prefix: bytes, delimiter: bytes) -> bytes:
    """Where a page goes on: behind a key, or behind everything under a common prefix."""
    if delimiter:
        at = after.find(delimiter, len(prefix))
        if at >= 0 and at + len(delimiter) == len(after):
            return keys.after_prefix(keys.CURRENT + after)
    return keys.CURRENT + after + b"\x00"


# Answers --------------------------------------------------------------------------------------------------------------


@oss.operation("ListObjects", "bucket", "GET")
def list_objects(call: Call) -> Answer:
    asked = asked_of(call)
    marker = call.query.get("marker", "")
    page = page_of(call.space.volume, asked, marker, _row_of(call, asked, with_owner=True))
    head = [
        f"<Name>{call.bucket.id}</Name>",
        f"<Prefix>{asked.shown(asked.prefix)}</Prefix><Marker>{asked.shown(marker)}</Marker>",
        f"<MaxKeys>{asked.most}</MaxKeys><Delimiter>{asked.shown(asked.delimiter)}</Delimiter>",
        *_encoding(asked),
        f"<IsTruncated>{str(page.truncated).lower()}</IsTruncated>",
    ]
    if page.truncated:
        head.append(f"<NextMarker>{asked.shown(page.last)}</NextMarker>")
    return acknowledged(call, "".join(head) + _contents(asked, page))


@oss.operation("ListObjectsV2", "bucket", "GET", "list-type=2", action="ListObjects")
def list_objects_v2(call: Call) -> Answer:
    asked, query = asked_of(call), call.query
    start_after, token = query.get("start-after", ""), query.get("continuation-token", "")
    row = _row_of(call, asked, with_owner=query.get("fetch-owner", "") == "true")
    page = page_of(call.space.volume, asked, _from_token(token) if token else start_after, row)
    head = [
        f"<Name>{call.bucket.id}</Name>",
        f"<Prefix>{asked.shown(asked.prefix)}</Prefix><StartAfter>{asked.shown(start_after)}</StartAfter>",
        f"<MaxKeys>{asked.most}</MaxKeys><Delimiter>{asked.shown(asked.delimiter)}</Delimiter>",
        *_encoding(asked),
        f"<IsTruncated>{str(page.truncated).lower()}</IsTruncated>",
        f"<KeyCount>{len(page.rows) + len(page.prefixes)}</KeyCount>",
    ]
    if token:
        head.append(f"<ContinuationToken>{escape(token)}</ContinuationToken>")
    if page.truncated:
        next_token = base64.b64encode(page.last.encode()).decode()
        head.append(f"<NextContinuationToken>{next_token}</NextContinuationToken>")
    return acknowledged(call, "".join(head) + _contents(asked, page))


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError:
        raise invalid("continuation-token", token) from None


def _encoding(asked: Asked) -> list[str]:
    return [f"<EncodingType>{asked.encoding}</EncodingType>"] if asked.encoding else []


def _contents(asked: Asked, page: Page) -> str:
    prefixes = [f"<CommonPrefixes><Prefix>{asked.shown(prefix)}</Prefix></CommonPrefixes>" for prefix in page.prefixes]
    return "".join([*page.rows, *prefixes])


def _row_of(call: Call, asked: Asked, *, with_owner: bool) -> Row:
    owner = elements({"Owner": answers.owner(call.bucket.account)}) if with_owner else ""
    shown = asked.shown
    now = call.now

    def row(key: str, meta: Meta) -> str:
        return (
            f"<Contents><Key>{shown(key)}</Key><LastModified>{iso_second(int(meta.modified))}</LastModified>"
            f'<ETag>"{meta.etag}"</ETag><Type>{meta.type}</Type><Size>{meta.size_bytes}</Size>'
            f"<StorageClass>{meta.storage_class}</StorageClass>"
            f"{_restore_info(meta, now) if meta.restore_ready_at else ''}{owner}</Contents>"
        )

    return row


def _restore_info(meta: Meta, now: float) -> str:
    return "".join([f"<RestoreInfo>{state}</RestoreInfo>" for _, state in answers.restored(meta, now)])


def acknowledged(call: Call, content: str, root: str = "ListBucketResult") -> Answer:
    """A list shows no write that a crash could take back."""
    response = answers.document(document(root, content))
    waiting = call.space.volume.settled()
    return response if waiting.done() else Later(waiting, response)


# Versions -------------------------------------------------------------------------------------------------------------


@oss.operation("ListObjectVersions", "bucket", "GET", "versions")
def list_object_versions(call: Call) -> Answer:
    asked, query = asked_of(call), call.query
    key_marker, version_marker = query.get("key-marker", ""), query.get("version-id-marker", "")
    if version_marker and not key_marker:
        raise invalid("version-id-marker", version_marker)
    owner = elements({"Owner": answers.owner(call.bucket.account)})
    rows: list[str] = []
    prefixes: list[str] = []
    truncated, last_key, last_version = False, "", ""
    for key, stored, latest in _versions(call.space.volume, asked, key_marker, version_marker):
        if len(rows) + len(prefixes) == asked.most:
            truncated = True
            break
        last_key = key
        if stored is None:
            prefixes.append(key)
            last_version = ""
        else:
            last_version = stored.version_id
            rows.append(_version_row(call, asked, key, stored, latest, owner))
    head = [
        f"<Name>{call.bucket.id}</Name>",
        f"<Prefix>{asked.shown(asked.prefix)}</Prefix><KeyMarker>{asked.shown(key_marker)}</KeyMarker>",
        f"<VersionIdMarker>{escape(version_marker)}</VersionIdMarker>",
        f"<MaxKeys>{asked.most}</MaxKeys><Delimiter>{asked.shown(asked.delimiter)}</Delimiter>",
        *_encoding(asked),
        f"<IsTruncated>{str(truncated).lower()}</IsTruncated>",
    ]
    if truncated:
        head.append(f"<NextKeyMarker>{asked.shown(last_key)}</NextKeyMarker>")
        head.append(f"<NextVersionIdMarker>{last_version}</NextVersionIdMarker>")
    folders = [f"<CommonPrefixes><Prefix>{asked.shown(each)}</Prefix></CommonPrefixes>" for each in prefixes]
    return acknowledged(call, "".join([*head, *rows, *folders]), "ListVersionsResult")


def _version_row(call: Call, asked: Asked, key: str, stored: Stored, latest: bool, owner: str) -> str:
    meta = stored.meta
    common = (
        f"<Key>{asked.shown(key)}</Key><VersionId>{stored.version_id}</VersionId><IsLatest>{str(latest).lower()}</IsLatest>"
        f"<LastModified>{iso_milliseconds(meta.modified)}</LastModified>"
    )
    if meta.marker:
        return f"<DeleteMarker>{common}{owner}</DeleteMarker>"
    return (
        f'<Version>{common}<ETag>"{meta.etag}"</ETag><Type>{meta.type}</Type><Size>{meta.size_bytes}</Size>'
        f"<StorageClass>{meta.storage_class}</StorageClass>"
        f"{_restore_info(meta, call.now) if meta.restore_ready_at else ''}{owner}</Version>"
    )


def _versions(
    volume: Volume, asked: Asked, key_marker: str, version_marker: str
) -> Iterator[tuple[str, Stored | None, bool]]:
    """Every version behind the markers, keys in byte order, newest first; a common prefix once, with no version.

    The third item: whether it is the current one."""
    prefix, delimiter = asked.prefix.encode(), asked.delimiter.encode()
    if version_marker:
        yield from _rest_of_key(volume, key_marker, version_marker, asked)
    after = key_marker.encode()
    behind = b""
    if key_marker and after >= prefix:
        behind = _behind(after, prefix, delimiter)[1:]
    while True:
        key = _next_key(volume, prefix, behind)
        if key is None:
            return
        raw = key.encode()
        at = raw.find(delimiter, len(prefix)) if delimiter else -1
        if at >= 0:
            common = raw[: at + len(delimiter)]
            yield common.decode(), None, False
            behind = keys.after_prefix(keys.CURRENT + common)[1:]
            continue
        for stored, latest in _versions_of(volume, key):
            yield key, stored, latest
        behind = raw + b"\x00"


def _rest_of_key(volume: Volume, key: str, version_marker: str, asked: Asked) -> Iterator[tuple[str, Stored, bool]]:
    if not key.startswith(asked.prefix):
        return
    passed = False
    for stored, latest in _versions_of(volume, key):
        if passed:
            yield key, stored, latest
        passed = passed or stored.version_id == version_marker


def _versions_of(volume: Volume, key: str) -> Iterator[tuple[Stored, bool]]:
    newest = volume.get(keys.current(key))
    if newest is not None:
        yield Stored(read_meta(newest.value), newest), True
    for entry in volume.scan(*keys.older_of(key)):
        yield Stored(read_meta(entry.value), entry), False


def _next_key(volume: Volume, prefix: bytes, behind: bytes) -> str | None:
    """The first key from `behind` on that has any version. An older version always has a current one beside it."""
    stem = keys.CURRENT + prefix
    entry: Entry | None = next(volume.scan(max(stem, keys.CURRENT + behind), keys.after_prefix(stem)), None)
    return None if entry is None else keys.key_of_current(entry.key)
