"""Which bucket and object a request is about: the host name, the raw path, and the query. Nothing is normalised."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.errors import INVALID_BUCKET_NAME, INVALID_QUERY, INVALID_URI
from kowloon.wire.parameters import decode_pairs, decode_percent

MOST_OBJECT_NAME_BYTES: Final = 1023

_MOST_BUCKET_NAME: Final = 63
_BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
# `b.oss-cn-x.…`, `b.s3.oss-cn-x.…`, `b.oss-cn-x-internal.…`, `b.oss-accelerate.…`, `b.oss.…`, each also without `b`.
_ENDPOINT: Final = re.compile(r"(?:(?P<bucket>.+)\.)?(?P<endpoint>(?:vpc\d+-)?oss(?:-[a-z0-9-]+)?)\.(?P<base>.+)")
# The endpoints of both IP versions put the region before the product: `b.cn-hangzhou.oss.aliyuncs.com`.
_REGION_LABEL: Final = re.compile(r"(?:cn|ap|us|eu|me|na|sa)-[a-z]+(?:-[a-z0-9]+)*")
_VENDOR_BASE: Final = ".aliyuncs.com"
_LOCAL_BASE: Final = ".localhost"

Style = Literal["path", "virtual", "cname"]


class Address:
    """`bucket` is empty for calls to the service, `key` for calls to a bucket. `region` is what the host name says,
    empty when it says none. `bucket` and `key` are decoded and as sent: their validity is the product's question."""

    def __init__(self, bucket: str, key: str, style: Style, region: str = "") -> None:
        self.bucket: Final = bucket
        self.key: Final = key
        self.style: Final = style
        self.region: Final = region

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._values == other._values

    def __repr__(self) -> str:
        return f"Address{self._values}"

    @property
    def _values(self) -> tuple[str, str, str, str]:
        return self.bucket, self.key, self.style, self.region

    def with_key(self, key: str) -> Address:
        return Address(self.bucket, key, self.style, self.region)


def locate(request: HttpRequest, *, bucket_of_cname: Callable[[str], str | None]) -> Address:
    """The address of a request. `bucket_of_cname` tells the bucket of a custom domain, None when it has none.

    400 InvalidURI when the path is not percent-encoded UTF-8, InvalidBucketName for `//key` where a bucket must stand.
    """
    host = _read_host(request.host)
    path = request.path
    if host.custom:
        named = bucket_of_cname(request.host)
        if named is not None:
            return Address(named, _decoded(path[1:]), "cname", "")
    region = host.region
    if host.bucket:
        return Address(host.bucket, _decoded(path[1:]), "virtual", region)
    # The first literal slash separates; those that are encoded belong to a name.
    raw_bucket, _, raw_key = path[1:].partition("/")
    if not raw_bucket:
        if raw_key:
            raise INVALID_BUCKET_NAME.error(extra={"BucketName": ""})
        return Address("", "", "path", region)
    return Address(_decoded(raw_bucket), _decoded(raw_key), "path", region)


def names_bucket(host: str) -> bool:
    """Whether a host name is a bucket's own, as it stands: without asking for custom domains."""
    return _read_host(host).bucket != ""


class _Host(NamedTuple):
    """What a host name says by itself. `custom`: it may as well be somebody's domain."""

    bucket: str = ""
    region: str = ""
    custom: bool = False


@functools.lru_cache(maxsize=4096)
def _read_host(host: str) -> _Host:
    if host in ("localhost", "") or _is_ip(host):
        return _Host()
    custom = not host.endswith((_VENDOR_BASE, _LOCAL_BASE))
    match = _ENDPOINT.fullmatch(host)
    if match is not None:
        return _Host(*_of_endpoint(match["bucket"] or "", match["endpoint"], match["base"]), custom)
    return _Host(host.removesuffix(_LOCAL_BASE) if host.endswith(_LOCAL_BASE) else "", "", custom)


def _of_endpoint(bucket: str, endpoint: str, base: str) -> tuple[str, str]:
    bucket = "" if bucket == "s3" else bucket.removesuffix(".s3")
    region = endpoint.partition("oss")[2].removeprefix("-").removesuffix("-internal")
    if region.startswith("accelerate"):
        region = ""
    if not region and base == _VENDOR_BASE[1:]:
        rest, _, label = bucket.rpartition(".")
        if _REGION_LABEL.fullmatch(label):
            return rest, label
    return bucket, region


def _is_ip(host: str) -> bool:
    if not (host[-1].isdigit() or ":" in host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _decoded(raw: str) -> str:
    if "%" not in raw and raw.isascii():
        return raw
    try:
        return decode_percent(raw)
    except (ApiError, UnicodeEncodeError):
        raise INVALID_URI.error() from None


def parse_query(raw: str) -> dict[str, str]:
    """Name to value, decoded; `+` is a space, of a name given twice the first value counts. 400 when malformed."""
    if not raw:
        return {}
    try:
        pairs = decode_pairs(raw)
    except ApiError:
        raise INVALID_QUERY.error() from None
    query = dict(pairs)
    return query if len(query) == len(pairs) else dict(reversed(pairs))


def valid_bucket_name(name: str) -> bool:
    """3 to 63 of `a-z0-9-`, no hyphen at either end."""
    return len(name) <= _MOST_BUCKET_NAME and _is_bucket_name(name)


@functools.lru_cache(maxsize=4096)
def _is_bucket_name(name: str) -> bool:
    return _BUCKET_NAME.fullmatch(name) is not None


def valid_object_name(name: str) -> bool:
    """1 to 1023 bytes of UTF-8 that do not start with a slash or a backslash. Control characters are legal."""
    if not name or name[0] in "/\\":
        return False
    return len(name) <= MOST_OBJECT_NAME_BYTES and (
        name.isascii() or len(name.encode("utf-8", "surrogatepass")) <= MOST_OBJECT_NAME_BYTES
    )
