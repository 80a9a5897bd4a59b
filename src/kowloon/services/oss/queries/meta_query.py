"""Queries over the metadata of a bucket's objects: OpenMetaQuery, GetMetaQueryStatus, DoMetaQuery, CloseMetaQuery.

Known deviation: there is no index that lags behind; a query reads the bucket as it is, a slice at a time, so each page
costs what reading the bucket costs unless it is sorted by name.
"""

from __future__ import annotations

import asyncio
import base64
import heapq
import json
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import ClassVar, Final, NamedTuple, TypeVar

from kowloon.services.oss import answers, keys
from kowloon.services.oss.buckets.settings import bucket_as_it_is, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.queries.meta_query_language import (
    Aggregation,
    Field,
    File,
    Query,
    QueryError,
    Value,
    moment_text,
    parse_query,
    quoted,
    sort_field,
)
from kowloon.services.oss.resources import BucketSetting
from kowloon.services.oss.runs.effect_errors import META_QUERY_EXISTS, NO_SUCH_META_QUERY, SEMANTIC_QUERY_NOT_BUILT
from kowloon.services.oss.space import read_meta
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import HEAD, Content, Node, document, elements

# Conditions that are tested, and steps to test one file, before others get a turn.
_WORK_AT_ONCE: Final = 800
_WORK_PER_FILE: Final = 4
# Files that are shown, groups that are sorted or shown before others get a turn.
_SHOWN_AT_ONCE: Final = 20
_SORTED_AT_ONCE: Final = 2000
_GROUPS_AT_ONCE: Final = 200
_USUAL_RESULTS: Final = 100
_MOST_RESULTS: Final = 200
_MOST_AGGREGATIONS: Final = 5
_BASIC: Final = "basic"


class MetaQuery(BucketSetting, frozen=True, kw_only=True):
    """There while metadata can be queried."""

    kind: ClassVar[str] = "oss-meta-query"


oss.setting(MetaQuery)


def _check_mode(call: Call) -> None:
    mode = call.query.get("mode") or _BASIC
    if mode == "semantic":
        raise SEMANTIC_QUERY_NOT_BUILT.error()
    if mode != _BASIC:
        raise invalid("mode", mode)


def _opened(call: Call) -> MetaQuery:
    setting = setting_of(call, MetaQuery, call.bucket)
    if setting is None:
        raise NO_SUCH_META_QUERY.error(extra={"BucketName": call.bucket.id})
    return setting


@oss.operation("OpenMetaQuery", "bucket", "POST", "metaQuery&comp=add")
async def open_meta_query(call: Call) -> HttpResponse:
    _check_mode(call)
    setting = new_setting(call, MetaQuery)

    def body(tx: Transaction) -> None:
        bucket_as_it_is(call, tx)
        if tx.get(MetaQuery, setting.id) is not None:
            raise META_QUERY_EXISTS.error(extra={"BucketName": setting.id})
        tx.put(setting)

    await call.parts.store.run(body)
    return HttpResponse(200)


@oss.operation("GetMetaQueryStatus", "bucket", "GET", "metaQuery")
def get_meta_query_status(call: Call) -> HttpResponse:
    content: dict[str, Content] = {
        "State": "Running",
        "Phase": "IncrementalScanning",
        "CreateTime": moment_text(_opened(call).created_at),
        "UpdateTime": moment_text(call.now),
        "MetaQueryMode": _BASIC,
    }
    return answers.document(document("MetaQueryStatus", elements(content)))


@oss.operation("CloseMetaQuery", "bucket", "POST", "metaQuery&comp=delete")
async def close_meta_query(call: Call) -> HttpResponse:
    await call.parts.store.run(lambda tx: tx.delete(tx.get(MetaQuery, call.bucket.id) or _opened(call)))
    return HttpResponse(200)


# Asking ---------------------------------------------------------------------------------------------------------------

T = TypeVar("T")

Place = tuple[Value, str]


class _Asked(NamedTuple):
    """`after`: the place of the last file of the page before, where there was one."""

    query: Query
    sort: Field
    descending: bool
    most: int
    after: Place | None
    aggregations: list[Aggregation]

    @property
    def files_at_once(self) -> int:
        """So many are looked at before others get a turn."""
        return _WORK_AT_ONCE // (_WORK_PER_FILE + self.query.conditions + len(self.aggregations))

    def place(self, file: File) -> Place:
        return self.sort.position(file), file.key

    def comes_later(self, file: File) -> bool:
        """Whether it is not on an earlier page."""
        if self.after is None:
            return True
        place = self.place(file)
        return place < self.after if self.descending else place > self.after

    @property
    def by_name(self) -> bool:
        """In the order of the bucket itself."""
        return self.sort.name == "Filename" and not self.descending


@oss.operation("DoMetaQuery", "bucket", "POST", "metaQuery&comp=query", body=Body.DOCUMENT)
async def do_meta_query(call: Call) -> HttpResponse:
    _check_mode(call)
    _opened(call)
    node = call.document("MetaQuery")
    try:
        asked = _asked(node)
        files = await _found(call, asked)
    except QueryError as problem:
        raise invalid("MetaQuery", "", str(problem)) from None
    page, truncated = files[: asked.most], len(files) > asked.most
    token = _token(asked.place(page[-1])) if truncated else ""
    pieces = [HEAD, "<MetaQuery>", elements({"NextToken": token}), "<Files>"]
    async for file in _in_turns(page, _SHOWN_AT_ONCE):
        pieces.append(elements({"File": _shown(call.bucket.id, file)}))
    pieces.append("</Files>")
    if asked.aggregations:
        pieces.append("<Aggregations>")
        for aggregation in asked.aggregations:
            pieces += [piece async for piece in _aggregated(aggregation)]
        pieces.append("</Aggregations>")
    pieces.append("</MetaQuery>")
    return answers.document("".join(pieces).encode())


async def _in_turns(items: Iterable[T], at_once: int) -> AsyncIterator[T]:
    for number, item in enumerate(items, 1):
        yield item
        if number % at_once == 0:
            await asyncio.sleep(0)


async def _aggregated(aggregation: Aggregation) -> AsyncIterator[str]:
    """Groups that were found more often come first."""
    yield f"<Aggregation>{elements(aggregation.content())}"
    groups = aggregation.groups
    if groups is not None:
        found = list(groups.items())
        slices = range(0, len(found), _SORTED_AT_ONCE)
        in_order = [sorted(found[first : first + _SORTED_AT_ONCE], key=_rarity) async for first in _in_turns(slices, 1)]
        yield "<Groups>"
        async for text, count in _in_turns(heapq.merge(*in_order, key=_rarity), _GROUPS_AT_ONCE):
            yield elements({"Group": {"Value": text, "Count": count}})
        yield "</Groups>"
    yield "</Aggregation>"


def _rarity(group: tuple[str, int]) -> int:
    return -group[1]


def _asked(node: Node) -> _Asked:
    order = node.text("Order") or "asc"
    if order not in ("asc", "desc"):
        raise QueryError("Order must be asc or desc.")
    most = node.text("MaxResults") or "0"
    if not most.isdecimal() or int(most) > _MOST_RESULTS:
        raise QueryError(f"MaxResults must be an integer between 0 and {_MOST_RESULTS}.")
    sort = sort_field(node.text("Sort") or "Filename")
    wanted = node.child("Aggregations")
    nodes = wanted.children("Aggregation") if wanted is not None else []
    if len(nodes) > _MOST_AGGREGATIONS:
        raise QueryError(f"A query has at most {_MOST_AGGREGATIONS} aggregations.")
    return _Asked(
        query=parse_query(node.text("Query")),
        sort=sort,
        descending=order == "desc",
        most=int(most) or _USUAL_RESULTS,
        after=_after(node.text("NextToken"), sort),
        aggregations=[Aggregation(each.text("Field"), each.text("Operation")) for each in nodes],
    )


async def _found(call: Call, asked: _Asked) -> list[File]:
    """One page of files in order, and one more where there are more. Every file is seen where aggregations ask."""
    files: list[File] = []
    start = asked.after[1] if asked.by_name and asked.after is not None and not asked.aggregations else ""
    async for file in _files(call, start, asked.files_at_once):
        if not asked.query.test(file):
            continue
        for aggregation in asked.aggregations:
            aggregation.add(file)
        if not asked.comes_later(file):
            continue
        if asked.by_name and len(files) > asked.most:
            if not asked.aggregations:
                break
            continue
        files.append(file)
        if len(files) >= 4 * _MOST_RESULTS:
            files = _in_order(asked, files)
    return _in_order(asked, files)


def _in_order(asked: _Asked, files: list[File]) -> list[File]:
    return sorted(files, key=asked.place, reverse=asked.descending)[: asked.most + 1]


async def _files(call: Call, start_key: str, at_once: int) -> AsyncIterator[File]:
    """The objects as they are by then, from that name on, others' turns between slices."""
    start, end = keys.current(start_key), keys.span(keys.CURRENT)[1]
    while True:
        entries = list(islice(call.space.volume.values(start, end), at_once))
        for key, value in entries:
            meta = read_meta(value)
            if not meta.marker:
                yield File(keys.key_of_current(key), meta)
        if len(entries) < at_once:
            return
        start = entries[-1][0] + b"\x00"
        await asyncio.sleep(0)
        call.look_again()


def _token(place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _after(token: str, sort: Field) -> Place | None:
    if not token:
        return None
    try:
        value, key = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise QueryError("NextToken is not valid.") from None
    if not isinstance(key, str) or not isinstance(value, type(sort.kind.least)):
        raise QueryError("NextToken is not valid.")
    return value, key


def _shown(bucket: str, file: File) -> dict[str, Content]:
    meta = file.meta
    headers = {name.lower(): value for name, value in meta.headers}
    tags: list[Content] = [{"Key": key, "Value": value} for key, value in meta.tags.items()]
    user: list[Content] = [{"Key": key, "Value": value} for key, value in meta.user]
    return {
        "URI": f"oss://{bucket}/{file.key}",
        "Filename": file.key,
        "Size": meta.size_bytes,
        "FileModifiedTime": moment_text(meta.modified),
        "OSSObjectType": meta.type,
        "OSSStorageClass": meta.storage_class,
        "ObjectACL": meta.acl,
        "ETag": quoted(meta.etag),
        "OSSCRC64": None if meta.crc64 is None else str(meta.crc64),
        "ContentType": meta.content_type or answers.DEFAULT_TYPE,
        "CacheControl": headers.get("cache-control"),
        "ContentDisposition": headers.get("content-disposition"),
        "ContentEncoding": headers.get("content-encoding"),
        "ContentLanguage": headers.get("content-language"),
        "ServerSideEncryption": meta.encryption or None,
        "ServerSideEncryptionKeyId": meta.encryption_key or None,
        "OSSTaggingCount": len(meta.tags),
        "OSSTagging": {"Tagging": tags} if tags else None,
        "OSSUserMeta": {"UserMeta": user} if user else None,
    }
