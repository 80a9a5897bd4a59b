"""What every write of an object has in common: headers that are checked, and the metadata that they make."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.encryption import default_encryption, encryption_fields
from kowloon.services.oss.buckets.overwrite_config import check_rules
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content
from kowloon.services.oss.errors import FILE_EXISTS, invalid
from kowloon.services.oss.objects.guards import check_replaceable
from kowloon.services.oss.objects.object_worm import default_retention
from kowloon.services.oss.resources import DEFAULT_ACL, Meta
from kowloon.wire.oss.headers import parse_tagging

STORAGE_CLASSES: Final = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
ARCHIVED: Final = ("Archive", "ColdArchive", "DeepColdArchive")
OBJECT_ACLS: Final = (DEFAULT_ACL, "private", "public-read", "public-read-write")


def check_write(call: Call) -> None:
    """Refuses a write for what its headers say or what is there already; asked before the body and again after it."""
    call.written = meta_fields(call)
    check_overwrite(call)


def check_overwrite(call: Call) -> None:
    """409 FileAlreadyExists where the client forbids to replace what is there, FileImmutable where it must stay."""
    if call.has_settings:
        check_replaceable(call, call.key)
        check_rules(call)
    forbid = call.headers.get("x-oss-forbid-overwrite", "").lower()
    if not forbid:
        return
    if forbid not in ("true", "false"):
        raise invalid("x-oss-forbid-overwrite", forbid)
    # Where versions are kept nothing is overwritten, and the vendor ignores the header.
    if forbid == "true" and not call.bucket.versioning and call.space.current(call.key) is not None:
        raise FILE_EXISTS.error(extra={"Key": call.key})


def new_meta(call: Call, content: Content, **changes: Any) -> Meta:
    """The metadata of an object with that content, from the call's headers and `changes`."""
    written = call.written if call.written is not None else meta_fields(call)
    meta = Meta(
        etag=content.etag,
        size_bytes=content.size_bytes,
        crc64=content.crc64,
        md5=content.md5_base64,
        modified=call.now,
        order=call.space.next_order(),
        storage_class=written["storage_class"],
        content_type=written["content_type"],
    )
    retention = default_retention(call) if call.has_settings else {}
    if len(written) == 2 and not retention and not changes:
        return meta
    return msgspec.structs.replace(meta, **{**written, **retention, **changes})


def meta_fields(call: Call) -> dict[str, Any]:
    """The fields of Meta that a writer's headers set: storage_class and content_type, of others what is not the
    default."""
    headers = call.headers
    kept = answers.kept_headers(headers)
    if not kept and not any(name.startswith("x-oss-") for name in headers):
        # Most writers say nothing of the rest.
        plain = {"storage_class": call.bucket.storage_class, "content_type": headers.get("content-type", "")}
        return {**plain, **default_encryption(call.parts.store, call.bucket)} if call.has_settings else plain
    fields: dict[str, Any] = {"storage_class": storage_class(call), "content_type": headers.get("content-type", "")}
    if kept:
        fields["headers"] = kept
    user = answers.user_headers(headers)
    if user:
        fields["user"] = user
    acl = object_acl(call)
    if acl:
        fields["acl"] = acl
    tagging = headers.get("x-oss-tagging")
    if tagging:
        fields["tags"] = parse_tagging(tagging)
    fields.update(encryption_fields(call))
    return fields


def object_acl(call: Call) -> str:
    """The ACL that the call asks for; empty where it asks for none."""
    acl = call.headers.get("x-oss-object-acl", "")
    if acl and acl not in OBJECT_ACLS:
        raise invalid("x-oss-object-acl", acl)
    return acl


def storage_class(call: Call) -> str:
    wanted = call.headers.get("x-oss-storage-class")
    if not wanted:
        return call.bucket.storage_class
    if wanted not in STORAGE_CLASSES:
        raise invalid("x-oss-storage-class", wanted)
    return wanted
