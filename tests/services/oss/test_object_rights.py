"""Who may do what with objects: every kind of call by strangers, by roles, and by people without a key."""

from __future__ import annotations

from collections.abc import Iterator

import oss2
import pytest

from kowloon.testing.cloud import LocalCloud
from tests.services.oss.callers import role, stranger
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.oss.stock import CALLS, CALLS_V2, Stock

READS = {name for name in (*CALLS, *CALLS_V2) if name.startswith(("Get", "Head", "List"))}


class Callers:
    def __init__(self, owner: Owner) -> None:
        self.stock = Stock(owner, "LRS")
        self.stranger = self.stock.seen_by(stranger(owner))
        self.nobody = self.stock.seen_by(role(owner, "Nobody"))
        self.reader = self.stock.seen_by(role(owner, "Reader", "AliyunOSSReadOnlyAccess"))


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    with LocalCloud() as cloud:
        yield Callers(Owner(cloud))


def denied(name: str, at: Stock) -> None:
    if name in CALLS:
        refused(lambda: CALLS[name](at), 403, "AccessDenied")
    else:
        refused_v2(lambda: CALLS_V2[name](at), 403, "AccessDenied", "You have no right to access this object because")


@pytest.mark.parametrize("name", [*CALLS, *CALLS_V2])
def test_without_a_right_nothing_is_done(callers: Callers, name: str) -> None:
    denied(name, callers.stranger)
    denied(name, callers.nobody)
    if name not in READS:
        denied(name, callers.reader)


@pytest.mark.parametrize("name", sorted(READS & set(CALLS)))
def test_who_may_read_may_do_nothing_else(callers: Callers, name: str) -> None:
    CALLS[name](callers.reader)


def test_nothing_of_what_was_refused_happened(callers: Callers) -> None:
    """After all of the calls above."""
    bucket = callers.stock.bucket
    assert [each.key for each in bucket.list_objects().object_list] == [
        *("cold", "held", "large", "link", "log", "o", "sealed", "source", "tagged")
    ]
    assert len(bucket.list_multipart_uploads().upload_list) == 3
    assert bucket.head_object("log").content_length == 3
    assert bucket.get_object_acl("o").acl == "default"
    assert bucket.get_object_tagging("tagged").tag_set.tagging_rule == {}


@pytest.mark.parametrize("acl", ["public-read", "public-read-write"])
def test_a_public_bucket_lets_anyone_at_its_objects_only(owner: Owner, acl: str) -> None:
    stock = Stock(owner, "LRS")
    stock.bucket.put_bucket_acl(acl)
    anyone = stock.seen_by(owner)
    anyone.bucket = oss2.Bucket(oss2.AnonymousAuth(), owner.url, stock.bucket.bucket_name)
    # The source of a copy needs to be readable, and here everything is.
    open_to_read = {"GetObject", "GetObject, large", "GetObject, range", "GetObject, link", "HeadObject"}
    open_to_read |= {"GetObjectMeta", "GetSymlink"}
    open_to_write = {"PutObject", "PutObject, large", "AppendObject", "DeleteObject", "DeleteMultipleObjects"}
    allowed = open_to_read | (open_to_write if acl == "public-read-write" else set())
    never = {"PutObjectAcl", "GetObjectAcl", "PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging"}
    never |= {"RestoreObject", "ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"}
    for name in [*CALLS]:
        if name in allowed:
            CALLS[name](anyone)
        elif name in never or acl == "public-read":
            denied(name, anyone)
