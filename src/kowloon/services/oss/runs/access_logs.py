"""Access logs of a bucket: every call to it as a line, delivered as objects to another bucket once an hour.

Hours are those of the cloud's clock; times and names of log objects are the vendor's (UTC+8). What an hour has
gathered is in memory until it is delivered: an orderly stop delivers it, a crash loses it (the vendor does not promise
every record either). User-defined fields come last in a line, as JSON; the vendor's own form of them in these objects
is not published.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar, Final, NamedTuple
from urllib.parse import quote

import msgspec

from kowloon.core.waits import RealSeconds
from kowloon.engines.blob.base import BlobError, ZoneUnavailable
from kowloon.services.oss import answers, keys
from kowloon.services.oss.buckets.settings import bucket_as_it_is, forget, keep, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.services.oss.runs.delivery import deliver
from kowloon.services.oss.runs.effect_errors import INVALID_LOG_TARGET, NO_SUCH_LOG_FIELDS
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, Node, document, elements

_HOUR_S: Final = 3600.0
_BEIJING: Final = timezone(timedelta(hours=8))
_MOST_PREFIX: Final = 32
_MOST_HEADERS: Final = 5
_MOST_PARAMETERS: Final = 5
# An hour with more than this is delivered in several objects.
_MOST_OBJECT_BYTES: Final = 4 * 1024**2
_LOOP: Final = "access logs"


class Logging(BucketSetting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "oss-logging"

    target: str
    prefix: str = ""
    role: str = ""

    def in_bucket_info(self) -> dict[str, Content]:
        return {"BucketPolicy": {"LogBucket": self.target, "LogPrefix": self.prefix}}


class LogFields(BucketSetting, frozen=True, kw_only=True):
    """What the owner wants in the logs beside what is always there. Names of headers are in lower case."""

    kind: ClassVar[str] = "oss-log-fields"

    headers: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


oss.setting(Logging)
oss.setting(LogFields)


@oss.operation("PutBucketLogging", "bucket", "PUT", "logging", body=Body.DOCUMENT)
async def put_bucket_logging(call: Call) -> HttpResponse:
    """To a bucket of the same owner and region, the bucket itself if wanted; off without a target."""
    node = call.document("BucketLoggingStatus").child("LoggingEnabled")
    if node is None or not list(node):
        await forget(call, Logging)
        return HttpResponse(200)
    prefix = node.text("TargetPrefix")
    setting = new_setting(call, Logging, target=node.text("TargetBucket").strip(), prefix=prefix)
    if not setting.target:
        raise MALFORMED_XML.error()
    if len(prefix) > _MOST_PREFIX:
        raise invalid("TargetPrefix", prefix)
    setting = msgspec.structs.replace(setting, role=node.text("LoggingRole").strip())

    def body(tx: Transaction) -> None:
        bucket, target = bucket_as_it_is(call, tx), tx.get(Bucket, setting.target)
        if target is None or (target.account, target.region) != (bucket.account, bucket.region):
            raise INVALID_LOG_TARGET.error(extra={"TargetBucket": setting.target})
        tx.put(setting)

    await call.parts.store.run(body)
    return HttpResponse(200)


@oss.operation("GetBucketLogging", "bucket", "GET", "logging")
def get_bucket_logging(call: Call) -> HttpResponse:
    setting = setting_of(call, Logging, call.bucket)
    content: dict[str, Content] = {}
    if setting is not None:
        enabled: dict[str, Content] = {"TargetBucket": setting.target, "TargetPrefix": setting.prefix}
        content["LoggingEnabled"] = {**enabled, "LoggingRole": setting.role or None}
    return answers.document(document("BucketLoggingStatus", elements(content)))


@oss.operation("DeleteBucketLogging", "bucket", "DELETE", "logging")
async def delete_bucket_logging(call: Call) -> HttpResponse:
    return await forget(call, Logging)


_FIELDS_ROOT: Final = "UserDefinedLogFieldsConfiguration"


@oss.operation("PutUserDefinedLogFieldsConfig", "bucket", "PUT", "userDefinedLogFieldsConfig", body=Body.DOCUMENT)
async def put_user_defined_log_fields_config(call: Call) -> HttpResponse:
    node = call.document(_FIELDS_ROOT)
    headers = tuple(name.lower() for name in _names(node, "HeaderSet", "header"))
    parameters = _names(node, "ParamSet", "parameter")
    if not (headers or parameters) or len(headers) > _MOST_HEADERS or len(parameters) > _MOST_PARAMETERS:
        raise MALFORMED_XML.error()
    return await keep(call, new_setting(call, LogFields, headers=headers, parameters=parameters))


def _names(node: Node, group: str, name: str) -> tuple[str, ...]:
    found = node.child(group)
    return tuple(each.value.strip() for each in found.children(name) if each.value.strip()) if found is not None else ()


@oss.operation("GetUserDefinedLogFieldsConfig", "bucket", "GET", "userDefinedLogFieldsConfig")
def get_user_defined_log_fields_config(call: Call) -> HttpResponse:
    setting = setting_of(call, LogFields, call.bucket)
    if setting is None:
        raise NO_SUCH_LOG_FIELDS.error(extra={"BucketName": call.bucket.id})
    content: dict[str, Content] = {
        "HeaderSet": {"header": setting.headers},
        "ParamSet": {"parameter": setting.parameters},
    }
    return answers.document(document(_FIELDS_ROOT, elements(content)))


@oss.operation("DeleteUserDefinedLogFieldsConfig", "bucket", "DELETE", "userDefinedLogFieldsConfig")
async def delete_user_defined_log_fields_config(call: Call) -> HttpResponse:
    return await forget(call, LogFields)


# Lines ----------------------------------------------------------------------------------------------------------------


class Hour(NamedTuple):
    """Where the lines of one hour of one bucket go. `start` is a moment of cloud time."""

    start: float
    source: str
    target: str
    prefix: str

    def key(self, number: int) -> str:
        stamp = datetime.fromtimestamp(self.start, UTC).astimezone(_BEIJING).strftime("%Y-%m-%d-%H-%M-%S")
        return f"{self.prefix}{self.source}{stamp}-{number:04}"


class AccessLogs:
    """Gathers lines and delivers them; a Reconciler with one loop, that of the front ends."""

    name = _LOOP
    workers = 1

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lines: dict[Hour, list[str]] = {}

    def note(self, call: Call, bucket: Bucket, response: HttpResponse, code: str, taken_s: float) -> None:
        """One call that was answered, whatever became of it."""
        setting = self._parts.store.get(Logging, bucket.id)
        if setting is None:
            return
        hour = Hour(math.floor(call.now / _HOUR_S) * _HOUR_S, bucket.id, setting.target, setting.prefix)
        self._lines.setdefault(hour, []).append(_line(call, bucket, response, code, taken_s))

    # --- delivery ---

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (_LOOP,) if isinstance(item, Logging) else ()

    def all_keys(self) -> Iterable[str]:
        return (_LOOP,)

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        if not self._lines and not self._parts.store.count(Logging):
            return None
        now = self._parts.clock.now()
        current = math.floor(now / _HOUR_S) * _HOUR_S
        done = await self._deliver([hour for hour in self._lines if hour.start < current])
        return current + _HOUR_S - now if done else RealSeconds(1.0)

    async def flush(self) -> None:
        """Everything now, before the storage is closed."""
        await self._deliver(list(self._lines))

    def forget(self) -> None:
        self._lines.clear()

    async def _deliver(self, hours: list[Hour]) -> bool:
        """False when a zone that is out keeps some from being delivered; they stay for the next time."""
        done = True
        for hour in hours:
            lines = self._lines.pop(hour)
            try:
                while lines:
                    count = _fitting(lines)
                    body = "".join(lines[:count]).encode()
                    if not await deliver(self._parts, hour.target, self._free_key(hour), body, "text/plain"):
                        break
                    lines = lines[count:]
            except BlobError:
                done = False
                self._lines[hour] = lines + self._lines.get(hour, [])
        return done

    def _free_key(self, hour: Hour) -> str:
        bucket = self._parts.store.get(Bucket, hour.target)
        if bucket is None:
            return hour.key(1)
        volume = self._parts.spaces.of(bucket).volume
        stem = hour.key(0)[:-4]
        last = next(volume.scan(*keys.span(keys.current(stem)), reverse=True), None)
        number = keys.key_of_current(last.key)[len(stem) :] if last is not None else "0"
        return hour.key(int(number) + 1 if number.isdecimal() else 1)


def _fitting(lines: list[str]) -> int:
    """How many of them one object takes; at least one."""
    size_bytes = 0
    for count, line in enumerate(lines):
        size_bytes += len(line)
        if size_bytes > _MOST_OBJECT_BYTES:
            return max(count, 1)
    return len(lines)


def _line(call: Call, bucket: Bucket, response: HttpResponse, code: str, taken_s: float) -> str:
    """The vendor's fields, in order, by spaces."""
    request, headers = call.request, call.headers
    moment = datetime.fromtimestamp(call.now, UTC).astimezone(_BEIJING)
    size_bytes, storage_class = _object(call)
    head_bytes = (
        len(request.method) + len(request.target) + sum(len(name) + len(value) for name, value in request.headers)
    )
    spent_ms = int(taken_s * 1000)
    fields = [
        request.peer,
        "-",
        "-",
        moment.strftime("[%d/%b/%Y:%H:%M:%S +0800]"),
        _quoted(f"{request.method} {request.target} HTTP/1.1"),
        str(response.status),
        str(response.size_bytes),
        str(spent_ms),
        _quoted(headers.get("referer", "")),
        _quoted(headers.get("user-agent", "")),
        _quoted(request.host),
        _quoted(call.request_id),
        _quoted("true"),
        _quoted(call.principal.id if call.principal is not None else ""),
        _quoted(call.operation.name),
        _quoted(bucket.id),
        _quoted(quote(call.key, safe="/")),
        size_bytes,
        str(spent_ms),
        _quoted(code),
        str(head_bytes + _length(headers.get("content-length", ""))),
        _quoted(bucket.account),
        "-",
        _quoted(""),
        _quoted(storage_class),
        _quoted(""),
        _quoted(""),
        _quoted(""),
    ]
    own = setting_of(call, LogFields, bucket)
    if own is not None:
        fields.append(_own_fields(call, own))
    return " ".join(fields) + "\n"


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text or "-"}"'


def _length(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _object(call: Call) -> tuple[str, str]:
    """Size and class of the object that the call was about, if there is one."""
    if call.key:
        try:
            stored = call.space.current(call.key)
        except ZoneUnavailable:
            stored = None
        if stored is not None and not stored.meta.marker:
            return str(stored.meta.size_bytes), stored.meta.storage_class
    return "-", ""


def _own_fields(call: Call, own: LogFields) -> str:
    found = {
        "headers": {name: call.headers[name] for name in own.headers if name in call.headers},
        "querys": {name: call.query[name] for name in own.parameters if name in call.query},
    }
    return _quoted(msgspec.json.encode(found).decode())
