"""Every kind of call on objects, and a bucket that has something for each of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss_v2
from oss2.models import PartInfo, Tagging, TaggingRule

from tests.services.oss.parts import Owner

LARGE = b"x" * 400_000


class Stock:
    """A bucket with something of everything in it."""

    def __init__(self, owner: Owner, redundancy: str) -> None:
        self.client = owner.v2()
        self.bucket = bucket = owner.bucket(storage_class="Standard", data_redundancy_type=redundancy)
        for key in ("o", "tagged", "held", "source"):
            bucket.put_object(key, b"small")
        bucket.put_object("large", LARGE)
        bucket.put_object("cold", b"1", headers={"x-oss-storage-class": "ColdArchive"})
        bucket.append_object("log", 0, b"abc")
        bucket.append_object("sealed", 0, b"abc")
        bucket.put_symlink("o", "link")
        self.uploads = {name: bucket.init_multipart_upload(name).upload_id for name in ("kept", "done", "gone")}
        self.part = PartInfo(1, bucket.upload_part("done", self.uploads["done"], 1, b"part").etag)

    def seen_by(self, who: Owner) -> Stock:
        """The same, asked by somebody else."""
        other = copy.copy(self)
        other.client = who.v2()
        other.bucket = who.bucket(self.bucket.bucket_name, create=False)
        return other

    def asked(self, kind: type, **fields: Any) -> Any:
        return kind(bucket=self.bucket.bucket_name, **fields)


def tagging() -> Tagging:
    rule = TaggingRule()
    rule.add("a", "1")
    return Tagging(rule)


CALLS: dict[str, Callable[[Stock], Any]] = {
    "PutObject": lambda at: at.bucket.put_object("new", b"1"),
    "PutObject, large": lambda at: at.bucket.put_object("new", LARGE),
    "GetObject": lambda at: at.bucket.get_object("o").read(),
    "GetObject, large": lambda at: at.bucket.get_object("large").read(),
    "GetObject, range": lambda at: at.bucket.get_object("large", byte_range=(5, 9)).read(),
    "GetObject, link": lambda at: at.bucket.get_object("link").read(),
    "HeadObject": lambda at: at.bucket.head_object("o"),
    "GetObjectMeta": lambda at: at.bucket.get_object_meta("o"),
    "CopyObject": lambda at: at.bucket.copy_object(at.bucket.bucket_name, "source", "copy"),
    "CopyObject, large": lambda at: at.bucket.copy_object(at.bucket.bucket_name, "large", "copy"),
    "AppendObject": lambda at: at.bucket.append_object("log", 3, b"def"),
    "PutSymlink": lambda at: at.bucket.put_symlink("o", "other"),
    "GetSymlink": lambda at: at.bucket.get_symlink("link"),
    "PutObjectAcl": lambda at: at.bucket.put_object_acl("o", "private"),
    "GetObjectAcl": lambda at: at.bucket.get_object_acl("o"),
    "PutObjectTagging": lambda at: at.bucket.put_object_tagging("tagged", tagging()),
    "GetObjectTagging": lambda at: at.bucket.get_object_tagging("tagged"),
    "DeleteObjectTagging": lambda at: at.bucket.delete_object_tagging("tagged"),
    "RestoreObject": lambda at: at.bucket.restore_object("cold"),
    "InitiateMultipartUpload": lambda at: at.bucket.init_multipart_upload("begun"),
    "UploadPart": lambda at: at.bucket.upload_part("kept", at.uploads["kept"], 1, b"1"),
    "UploadPart, large": lambda at: at.bucket.upload_part("kept", at.uploads["kept"], 2, LARGE),
    "UploadPartCopy": lambda at: at.bucket.upload_part_copy(
        at.bucket.bucket_name, "large", (0, 300_000), "kept", at.uploads["kept"], 3
    ),
    "ListParts": lambda at: at.bucket.list_parts("kept", at.uploads["kept"]),
    "ListMultipartUploads": lambda at: at.bucket.list_multipart_uploads(),
    "CompleteMultipartUpload": lambda at: at.bucket.complete_multipart_upload("done", at.uploads["done"], [at.part]),
    "AbortMultipartUpload": lambda at: at.bucket.abort_multipart_upload("gone", at.uploads["gone"]),
    "ListObjects": lambda at: at.bucket.list_objects(),
    "ListObjectsV2": lambda at: at.bucket.list_objects_v2(),
    "ListObjectVersions": lambda at: at.bucket.list_object_versions(),
    "DeleteMultipleObjects": lambda at: at.bucket.batch_delete_objects(["source", "none"]),
    "DeleteObject": lambda at: at.bucket.delete_object("o"),
}

CALLS_V2: dict[str, Callable[[Stock], Any]] = {
    "SealAppendObject": lambda at: at.client.seal_append_object(
        at.asked(oss_v2.SealAppendObjectRequest, key="sealed", position=3)
    ),
    "PutObjectLegalHold": lambda at: at.client.put_object_legal_hold(
        at.asked(oss_v2.PutObjectLegalHoldRequest, key="held", legal_hold=oss_v2.LegalHold(status="ON"))
    ),
    "GetObjectLegalHold": lambda at: at.client.get_object_legal_hold(
        at.asked(oss_v2.GetObjectLegalHoldRequest, key="held")
    ),
    "PutObjectRetention": lambda at: at.client.put_object_retention(
        at.asked(
            oss_v2.PutObjectRetentionRequest,
            key="held",
            retention=oss_v2.Retention(mode="GOVERNANCE", retain_until_date="2199-01-01T00:00:00.000Z"),
        )
    ),
    "GetObjectRetention": lambda at: at.client.get_object_retention(
        at.asked(oss_v2.GetObjectRetentionRequest, key="held")
    ),
}
