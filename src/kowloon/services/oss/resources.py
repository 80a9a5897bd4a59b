"""What OSS keeps: buckets in the store of the cloud, objects as entries of the bucket's volume."""

from __future__ import annotations

import functools
from typing import ClassVar

import msgspec

from kowloon.engines.blob.base import Layout
from kowloon.store.resources import Resource
from kowloon.wire.oss.xml import Content

VERSIONING_ENABLED = "Enabled"
VERSIONING_SUSPENDED = "Suspended"
NULL_VERSION = "null"
DEFAULT_ACL = "default"


# There are a few, and every call asks for one.
_layout_of = functools.lru_cache(maxsize=1024)(Layout)


class Bucket(Resource, frozen=True, kw_only=True):
    """`id` is the bucket's name, unique over all accounts. `volume` names its space in the object store, and is
    never used again. `zones`: one for LRS, three for ZRS. `versioning` is empty until it is first set. `noted_for`:
    the replication rules that must know of every change."""

    kind: ClassVar[str] = "oss-bucket"

    volume: int
    zones: tuple[str, ...]
    storage_class: str = "Standard"
    acl: str = "private"
    versioning: str = ""
    noted_for: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        return _layout_of(self.zones)

    @property
    def redundancy(self) -> str:
        return "LRS" if len(self.zones) == 1 else "ZRS"

    @property
    def location(self) -> str:
        """The region as OSS writes it: `oss-cn-hangzhou`."""
        return f"oss-{self.region}"


class Domain(Resource, frozen=True, kw_only=True):
    """A custom domain (CNAME) of a bucket; `id` is the domain."""

    kind: ClassVar[str] = "oss-domain"

    bucket: str
    certificate: str = ""


class DomainToken(Resource, frozen=True, kw_only=True):
    """Made to prove one domain for one bucket; `id` is both."""

    kind: ClassVar[str] = "oss-domain-token"

    bucket: str
    domain: str
    token: str
    expires_at: float


class BucketSetting(Resource, frozen=True, kw_only=True):
    """One configured thing of a bucket (its CORS rules, its policy ...); `id` is the bucket's name. Each kind of
    setting is a subclass in the module that reads it; all of them go with their bucket."""

    def in_bucket_info(self) -> dict[str, Content]:
        """What GetBucketInfo says of it, by element, in place of the default."""
        return {}


class Meta(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """What is kept of one version of an object beside its bytes. Times are cloud seconds.

    `etag` is upper-case hex without quotes. `order` grows with each write of the cloud and orders versions.
    `headers`: standard response headers that the writer set. `marker`: a delete marker. `upload_id`: of an assembled
    object, the upload whose parts are its bytes.
    """

    etag: str
    size_bytes: int
    modified: float
    order: int
    crc64: int | None = None
    type: str = "Normal"
    storage_class: str = "Standard"
    content_type: str = ""
    md5: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    user: tuple[tuple[str, str], ...] = ()
    acl: str = DEFAULT_ACL
    tags: dict[str, str] = {}
    version_id: str = ""
    marker: bool = False
    encryption: str = ""
    encryption_key: str = ""
    symlink_target: str = ""
    restore_ready_at: float = 0.0
    restore_until: float = 0.0
    accessed: float = 0.0
    transitioned: float = 0.0
    sealed_at: float = 0.0
    retention_mode: str = ""
    retain_until: float = 0.0
    legal_hold: bool = False
    replica: bool = False
    restore_priority: str = ""
    upload_id: str = ""


class Upload(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A multipart upload that is not complete. `meta` is what its object will be; its size and hashes come last."""

    key: str
    upload_id: str
    started: float
    meta: Meta
    sequential: bool = False


class Part(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    number: int
    etag: str
    size_bytes: int
    crc64: int
    modified: float
