"""Objects of so many parts that they are assembled: what clients see of them, and that nothing is left of them."""

from __future__ import annotations

import hashlib
import io
import shutil
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import BucketVersioningConfig, PartInfo, ReplicationRule

from kowloon.core.config import Settings
from kowloon.engines.blob.base import Change, Delete, Put, Volume, ZoneMode
from kowloon.engines.blob.volume import CopiedVolume
from kowloon.services.oss import keys
from kowloon.services.oss.content import content_of
from kowloon.services.oss.objects import completing
from kowloon.services.oss.objects.completing import BLOCK, MOST_OWN_PARTS, Gathering
from kowloon.services.oss.objects.multipart import encode
from kowloon.services.oss.resources import Bucket, Part
from kowloon.services.oss.runs import leftover_runs
from kowloon.services.oss.runs.leftover_runs import AT_ONCE
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import eventually
from tests.services.oss.parts import Owner, refused

LEAST = 100 * 1024
MANY = MOST_OWN_PARTS + 4
ALL = {"x-oss-complete-all": "yes"}


def body_of(number: int) -> bytes:
    return b"%05d " % number * (LEAST // 6 + 1)


def part_put(upload_id: str, number: int, body: bytes, *, size_bytes: int = 0) -> Put:
    """A part as it is kept. `size_bytes`: what is said of it where that is more than there is."""
    content = content_of(body)
    part = Part(number=number, etag=content.etag, size_bytes=size_bytes or len(body), crc64=content.crc64, modified=0.0)
    return Put(keys.part(upload_id, number), encode(part), (body,))


def volume_of(cloud: LocalCloud, name: str) -> Volume:
    stored = cloud.cloud.store.get(Bucket, name)
    assert stored is not None
    return cloud.cloud.storage.volume(stored.volume, stored.layout)


def fill(owner: Owner, bucket: oss2.Bucket, upload_id: str, numbers: Sequence[int], *, real: bool = True) -> None:
    """Written straight into the store: sending them would take the test's time. If not `real`, they are a few bytes
    that are said to be more."""

    async def body() -> None:
        volume = volume_of(owner.cloud, bucket.bucket_name)
        for first in range(0, len(numbers), 100):
            some = numbers[first : first + 100]
            if real:
                await volume.commit([part_put(upload_id, number, body_of(number)) for number in some])
            else:
                await volume.commit([part_put(upload_id, number, b"%d" % number, size_bytes=LEAST) for number in some])

    owner.cloud.run(body())


def begun(owner: Owner, bucket: oss2.Bucket, key: str, numbers: Sequence[int], *, real: bool = True) -> str:
    upload_id: str = bucket.init_multipart_upload(key).upload_id
    fill(owner, bucket, upload_id, numbers, real=real)
    return upload_id


def assembled(owner: Owner, bucket: oss2.Bucket, key: str, numbers: Sequence[int] = range(1, MANY + 1)) -> bytes:
    """Makes the object; its bytes."""
    upload_id = begun(owner, bucket, key, numbers)
    parts = [PartInfo(number, content_of(body_of(number)).etag) for number in numbers]
    bucket.complete_multipart_upload(key, upload_id, parts)
    return b"".join(map(body_of, numbers))


def parts_left(owner: Owner, bucket: oss2.Bucket) -> tuple[int, int]:
    """How many parts there are in the bucket, and uploads whose parts are still to be removed."""

    def look() -> tuple[int, int]:
        volume = volume_of(owner.cloud, bucket.bucket_name)
        return len(list(volume.values(*keys.span(keys.PART)))), len(list(volume.values(*keys.span(keys.GONE))))

    return owner.cloud.call(look)


def until_left(owner: Owner, bucket: oss2.Bucket, parts: int) -> None:
    eventually(lambda: parts_left(owner, bucket) == (parts, 0))


# The object -----------------------------------------------------------------------------------------------------------


def test_it_is_an_object_as_any_other(owner: Owner) -> None:
    bucket = owner.bucket()
    numbers = [*range(1, MANY), 9_999]
    whole = assembled(owner, bucket, "k", numbers)
    found = bucket.get_object("k")
    assert found.read() == whole
    digests = b"".join(hashlib.md5(body_of(number)).digest() for number in numbers)
    assert found.headers["ETag"] == f'"{hashlib.md5(digests).hexdigest().upper()}-{MANY}"'
    assert found.headers["x-oss-object-type"] == "Multipart"
    assert int(found.headers["x-oss-hash-crc64ecma"]) == content_of(whole).crc64
    assert bucket.head_object("k").content_length == len(whole)
    size = len(body_of(1))
    ranges = [(0, 0), (size - 1, size), (size, size * 3), (5, 70_000), (len(whole) - 1, len(whole) - 1)]
    for first, last in ranges:
        assert bucket.get_object("k", byte_range=(first, last)).read() == whole[first : last + 1]
    bucket.put_symlink("k", "link")
    assert bucket.get_object("link").read() == whole
    bucket.put_object_tagging("k", oss2.models.Tagging(_tags(a="1")))
    assert bucket.get_object("k").read() == whole
    stat = bucket.get_bucket_stat()
    assert (stat.object_count, stat.storage_size_in_bytes, stat.multi_part_upload_count) == (2, len(whole), 0)
    assert stat.multipart_part_count == 0
    bucket.delete_object("k")
    until_left(owner, bucket, 0)
    refused(lambda: bucket.get_object("k"), 404, "NoSuchKey")


def _tags(**tags: str) -> Any:
    rule = oss2.models.TaggingRule()
    for key, value in tags.items():
        rule.add(key, value)
    return rule


def test_parts_that_are_not_listed_go(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 3 * AT_ONCE + 1), real=False)
    chosen = range(2, 3 * AT_ONCE, 10)
    parts = [PartInfo(number, content_of(b"%d" % number).etag) for number in chosen]
    bucket.complete_multipart_upload("k", upload_id, parts)
    until_left(owner, bucket, len(chosen))
    bucket.delete_object("k")
    until_left(owner, bucket, 0)


def test_an_overwritten_one_leaves_nothing(owner: Owner) -> None:
    bucket = owner.bucket()
    assembled(owner, bucket, "k")
    whole = assembled(owner, bucket, "k", range(101, 101 + MANY))
    until_left(owner, bucket, MANY)
    assert bucket.get_object("k").read() == whole
    bucket.put_object("k", b"small")
    until_left(owner, bucket, 0)
    assert bucket.get_object("k").read() == b"small"


def test_each_version_has_its_own_parts(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    bodies = {}
    for first in (1, 101, 201):
        body = assembled(owner, bucket, "k", range(first, first + MANY))
        bodies[bucket.head_object("k").headers["x-oss-version-id"]] = body
    oldest, middle, newest = bodies
    bucket.delete_object("k", params={"versionId": middle})
    until_left(owner, bucket, 2 * MANY)
    # The one before takes its place.
    bucket.delete_object("k", params={"versionId": newest})
    until_left(owner, bucket, MANY)
    assert bucket.get_object("k").read() == bodies[oldest]
    marker = bucket.delete_object("k")
    assert bucket.get_object("k", params={"versionId": oldest}).read() == bodies[oldest]
    assert parts_left(owner, bucket) == (MANY, 0)
    bucket.put_bucket_versioning(BucketVersioningConfig("Suspended"))
    assembled(owner, bucket, "k")
    bucket.put_object("k", b"the null version, again")
    until_left(owner, bucket, MANY)
    assert bucket.get_object("k", params={"versionId": oldest}).read() == bodies[oldest]
    assert marker.delete_marker


def test_copies_have_parts_of_their_own(owner: Owner) -> None:
    bucket, other = owner.bucket(), owner.bucket()
    whole = assembled(owner, bucket, "k")
    other.copy_object(bucket.bucket_name, "k", "copy")
    bucket.copy_object(
        bucket.bucket_name, "k", "k", headers={"x-oss-metadata-directive": "REPLACE", "x-oss-meta-a": "1"}
    )
    assert bucket.get_object("k").headers["x-oss-meta-a"] == "1"
    assert bucket.get_object("k").read() == whole
    until_left(owner, bucket, MANY)
    upload_id = other.init_multipart_upload("part").upload_id
    done = other.upload_part_copy(bucket.bucket_name, "k", (LEAST, 5 * LEAST), "part", upload_id, 1)
    other.complete_multipart_upload("part", upload_id, [PartInfo(1, done.etag)])
    bucket.delete_object("k")
    until_left(owner, bucket, 0)
    assert other.get_object("part").read() == whole[LEAST : 5 * LEAST + 1]
    assert other.get_object("copy").read() == whole
    until_left(owner, other, MANY)
    other.delete_object("copy")
    until_left(owner, other, 0)


def test_a_copy_that_fails_leaves_nothing(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, other = owner.bucket(), owner.bucket()
    whole = assembled(owner, bucket, "k")
    duplicate, asked = CopiedVolume.duplicate, 0

    async def fails(self: CopiedVolume, *args: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == MANY - 1:
            raise OSError("the disk is full")
        return await duplicate(self, *args)

    monkeypatch.setattr(CopiedVolume, "duplicate", fails)
    refused(lambda: other.copy_object(bucket.bucket_name, "k", "copy"), 500, "InternalError")
    monkeypatch.undo()
    until_left(owner, other, 0)
    assert not other.object_exists("copy")
    assert bucket.get_object("k").read() == whole


def test_it_is_replicated(owner: Owner) -> None:
    source = owner.bucket()
    target = oss2.Bucket(owner.auth(), owner.url, f"{source.bucket_name}-far", region="cn-hangzhou")
    target.create_bucket()
    whole = assembled(owner, source, "k")
    source.put_bucket_replication(
        ReplicationRule(rule_id="rule", target_bucket_name=target.bucket_name, target_bucket_location="oss-cn-hangzhou")
    )
    eventually(lambda: target.object_exists("k"))
    assert target.get_object("k").read() == whole
    # Once is enough.
    source.put_object("last", b"")
    eventually(lambda: target.object_exists("last"))
    until_left(owner, target, MANY)
    source.delete_object("k")
    eventually(lambda: not target.object_exists("k"))
    until_left(owner, target, 0)


def test_what_is_in_it_is_selected(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("k").upload_id
    rows = b"".join(b"row %05d\n" % number for number in range(LEAST // 10 + 1))

    async def body() -> None:
        puts = [part_put(upload_id, number, rows) for number in range(1, MANY + 1)]
        await volume_of(owner.cloud, bucket.bucket_name).commit(puts)

    owner.cloud.run(body())
    bucket.complete_multipart_upload("k", upload_id, None, headers=ALL)
    answer = bucket.select_object("k", "select count(*) from ossobject").read()
    assert int(answer) == MANY * (LEAST // 10 + 1)


def test_who_reads_it_gets_all_of_it_though_it_is_deleted(owner: Owner) -> None:
    bucket = owner.bucket()
    # More than are opened at once, and than fit into the sockets.
    numbers = range(1, 131)
    whole = assembled(owner, bucket, "k", numbers)
    url = bucket.sign_url("GET", "k", 60)
    path = url.split("/", 3)[3]
    host = owner.cloud.endpoint
    with socket.create_connection((host.rpartition(":")[0], int(host.rpartition(":")[2])), timeout=30.0) as connection:
        connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n\r\n".encode())
        received = connection.recv(4096)
        assert received.startswith(b"HTTP/1.1 200"), received
        bucket.delete_object("k")
        refused(lambda: bucket.get_object("k"), 404, "NoSuchKey")
        assert parts_left(owner, bucket) == (len(numbers), 1)
        while len(received) < len(whole):
            received += connection.recv(1 << 20)
        assert received.endswith(whole)
    until_left(owner, bucket, 0)


def test_a_reader_who_leaves_holds_nothing(owner: Owner) -> None:
    bucket = owner.bucket()
    numbers = range(1, 131)
    assembled(owner, bucket, "k", numbers)
    reader = bucket.get_object("k")
    assert reader.read(10) == body_of(1)[:10]
    bucket.delete_object("k")
    reader.resp.response.close()
    until_left(owner, bucket, 0)


# Completing while others go on ----------------------------------------------------------------------------------------


def during(monkeypatch: pytest.MonkeyPatch, block: int, act: Callable[[Gathering], None]) -> list[int]:
    """`act` is called once, after a block was looked at. The blocks, as they are looked at."""
    look = Gathering._look
    looked: list[int] = []

    def spied(self: Gathering, number: int) -> None:
        look(self, number)
        looked.append(number)
        if looked.count(block) == 1 and number == block:
            act(self)

    monkeypatch.setattr(Gathering, "_look", spied)
    return looked


def test_a_part_that_is_sent_again_meanwhile(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 3 * BLOCK + 1), real=False)

    def send(gathering: Gathering) -> None:
        puts = [part_put(upload_id, 1, body_of(7)), part_put(upload_id, 9_000, body_of(8))]
        volume_of(owner.cloud, bucket.bucket_name).commit(puts)

    looked = during(monkeypatch, 1, send)
    done = bucket.complete_multipart_upload("k", upload_id, None, headers=ALL)
    # The object has what is there at the end; only what changed was looked at again.
    assert done.etag.endswith(f"-{3 * BLOCK + 1}")
    assert bucket.get_object("k", byte_range=(0, LEAST)).read() == body_of(7)[: LEAST + 1]
    assert (looked.count(0), looked.count(1), looked.count(2)) == (2, 1, 1)


def test_a_part_that_is_not_what_was_listed_any_more(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = owner.bucket()
    numbers = range(1, 2 * BLOCK + 1)
    upload_id = begun(owner, bucket, "k", numbers, real=False)
    put = part_put(upload_id, 3, body_of(7))
    during(monkeypatch, 1, lambda gathering: _commit(owner, bucket, put))
    parts = [PartInfo(number, content_of(b"%d" % number).etag) for number in numbers]
    details = refused(lambda: bucket.complete_multipart_upload("k", upload_id, parts), 400, "InvalidPart")
    assert details["PartNumber"] == "3"
    # That changed nothing.
    parts[2] = PartInfo(3, content_of(body_of(7)).etag)
    assert bucket.complete_multipart_upload("k", upload_id, parts).etag.endswith(f"-{2 * BLOCK}")


def _commit(owner: Owner, bucket: oss2.Bucket, *changes: Change) -> None:
    volume_of(owner.cloud, bucket.bucket_name).commit(changes)


def test_an_upload_that_is_given_up_meanwhile(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 2 * BLOCK), real=False)
    during(monkeypatch, 1, lambda gathering: _commit(owner, bucket, Delete(keys.upload("k", upload_id))))
    complete = lambda: bucket.complete_multipart_upload("k", upload_id, None, headers=ALL)  # noqa: E731
    refused(complete, 404, "NoSuchUpload", "does not exist")
    assert not bucket.object_exists("k")


def test_completed_twice_at_once(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them wins; the other one finds no upload."""
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 4 * BLOCK), real=False)
    both = threading.Barrier(2)
    statuses: list[int] = []

    def complete() -> None:
        mine = oss2.Bucket(owner.auth(), owner.url, bucket.bucket_name, region=REGION)
        both.wait(30.0)
        try:
            statuses.append(mine.complete_multipart_upload("k", upload_id, None, headers=ALL).status)
        except oss2.exceptions.NoSuchUpload as problem:
            statuses.append(problem.status)

    threads = [threading.Thread(target=complete) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 404]
    assert bucket.head_object("k").content_length == (4 * BLOCK - 1) * LEAST
    until_left(owner, bucket, 4 * BLOCK - 1)


def test_others_who_never_stop_do_not_keep_it_from_ending(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 2 * BLOCK + 1), real=False)
    look, sent = Gathering._look, 0

    def spied(self: Gathering, number: int) -> None:
        nonlocal sent
        look(self, number)
        if sent < 5000:
            sent += 1
            _commit(owner, bucket, part_put(upload_id, sent % 100 + 1, b"%d" % sent, size_bytes=LEAST))

    monkeypatch.setattr(Gathering, "_look", spied)
    done = bucket.complete_multipart_upload("k", upload_id, None, headers=ALL)
    assert done.etag.endswith(f"-{2 * BLOCK}")


def test_a_zone_that_stops_meanwhile(alone: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one answers: everything is looked at again, there."""
    bucket = alone.bucket(storage_class="Standard", data_redundancy_type="ZRS")
    storage = alone.cloud.cloud.storage
    upload_id = begun(alone, bucket, "k", range(1, 2 * BLOCK + 1), real=False)
    stored = alone.cloud.cloud.store.get(Bucket, bucket.bucket_name)
    assert stored is not None
    looked = during(monkeypatch, 1, lambda gathering: storage.set_mode(stored.zones[0], ZoneMode.STOPPED))
    bucket.complete_multipart_upload("k", upload_id, None, headers=ALL)
    assert (looked.count(0), looked.count(1)) == (2, 2)
    assert bucket.head_object("k").content_length == 2 * BLOCK * LEAST


# A little at a time ---------------------------------------------------------------------------------------------------


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many changes each commit has."""
    found: list[int] = []
    commit = CopiedVolume.commit

    def counted(self: CopiedVolume, changes: Sequence[Change]) -> Any:
        found.append(len(changes))
        return commit(self, changes)

    monkeypatch.setattr(CopiedVolume, "commit", counted)
    return found


def test_however_many_parts_every_step_is_small(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, commits: list[int]
) -> None:
    bucket = owner.bucket()
    numbers = range(1, 3 * AT_ONCE + 51)
    looked: list[int] = []
    block = completing._block

    def counted(upload: Any, listed: Any, parts: Any) -> Any:
        found = list(parts)
        looked.append(len(found))
        return block(upload, listed, found)

    monkeypatch.setattr(completing, "_block", counted)
    first, second, third = (begun(owner, bucket, key, numbers, real=False) for key in ("a", "b", "a"))
    commits.clear()
    bucket.complete_multipart_upload("a", first, [PartInfo(n, content_of(b"%d" % n).etag) for n in numbers])
    assert sum(looked) == len(numbers)
    assert max(looked) <= BLOCK
    assert commits == [2]
    bucket.abort_multipart_upload("b", second)
    assert commits[1] == 2
    until_left(owner, bucket, 2 * len(numbers))
    bucket.complete_multipart_upload("a", third, None, headers=ALL)
    until_left(owner, bucket, len(numbers))
    bucket.delete_object("a")
    until_left(owner, bucket, 0)
    assert max(commits) <= AT_ONCE + 1


def test_an_upload_given_up_is_gone_at_once_and_its_parts_soon(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 2 * AT_ONCE), real=False)
    bucket.abort_multipart_upload("k", upload_id)
    for call in (
        lambda: bucket.list_parts("k", upload_id),
        lambda: bucket.upload_part("k", upload_id, 1, b"x"),
        lambda: bucket.complete_multipart_upload("k", upload_id, None, headers=ALL),
    ):
        refused(call, 404, "NoSuchUpload")
    stat = bucket.get_bucket_stat()
    assert (stat.storage_size_in_bytes, stat.multipart_part_count) == (0, 0)
    until_left(owner, bucket, 0)


@pytest.mark.parametrize("rebuilt", [False, True], ids=["index", "rebuilt"])
def test_what_a_crash_interrupts_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rebuilt: bool) -> None:
    step, steps = leftover_runs._step, 0

    def dies(volume: Volume, note: bytes, value: bytes) -> list[Change]:
        nonlocal steps
        steps += 1
        if steps > 2:
            raise OSError("the process is dead")
        return step(volume, note, value)

    monkeypatch.setattr(leftover_runs, "_step", dies)
    home, copy = tmp_path / "home", tmp_path / "copy"
    with LocalCloud(Settings(engine="paper", port=0, home=home)) as cloud:
        owner = Owner(cloud)
        bucket = owner.bucket("crashed")
        whole = assembled(owner, bucket, "kept")
        given_up = begun(owner, bucket, "given-up", range(1, 4 * AT_ONCE + 1), real=False)
        some = begun(owner, bucket, "some", range(1, 4 * AT_ONCE + 1), real=False)
        chosen = [PartInfo(number, content_of(b"%d" % number).etag) for number in range(1, 4 * AT_ONCE, 4)]
        bucket.complete_multipart_upload("some", some, chosen)
        bucket.abort_multipart_upload("given-up", given_up)
        eventually(lambda: steps > 2)
        left, noted = parts_left(owner, bucket)
        assert noted == 2
        assert left == MANY + 6 * AT_ONCE
        shutil.copytree(home, copy, ignore=lambda folder, names: [name for name in names if name.endswith(".sock")])
    monkeypatch.undo()
    if rebuilt:
        for index in copy.glob("**/index"):
            shutil.rmtree(index)
    with LocalCloud(Settings(engine="paper", port=0, home=copy)) as cloud:
        owner = Owner(cloud)
        bucket = owner.bucket("crashed", create=False)
        until_left(owner, bucket, MANY + AT_ONCE)
        assert bucket.get_object("kept").read() == whole
        assert bucket.head_object("some").content_length == AT_ONCE * LEAST


# Long lists -----------------------------------------------------------------------------------------------------------

_PART = '<Part><PartNumber>{0}</PartNumber><ETag>"{1}"</ETag></Part>'


@pytest.mark.parametrize(
    ("head", "part", "tail"),
    [
        ("<CompleteMultipartUpload>", _PART, "</CompleteMultipartUpload>"),
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n<CompleteMultipartUpload xmlns="http://doc.oss">\n',
            "  <Part>\n<PartNumber> {0} </PartNumber>\n<ETag>&quot;{1}&quot;</ETag>\n</Part>\n",
            "</CompleteMultipartUpload>\n",
        ),
        ("<CompleteMultipartUpload>", "<Part><ETag>{1}</ETag><PartNumber>{0}</PartNumber></Part>", None),
        (
            "<CompleteMultipartUpload><!-- all -->",
            '<Part a="b"><PartNumber>{0}</PartNumber><ETag>{1}</ETag></Part>',
            None,
        ),
        ("<o:CompleteMultipartUpload xmlns:o='x'>", _PART, "</o:CompleteMultipartUpload>"),
    ],
    ids=["usual", "spaced", "other-order", "attributes", "prefixed"],
)
def test_long_lists_as_clients_write_them(owner: Owner, head: str, part: str, tail: str | None) -> None:
    bucket = owner.bucket()
    numbers = range(1, 401)
    upload_id = begun(owner, bucket, "k", numbers, real=False)
    listed = [part.format(number, content_of(b"%d" % number).etag) for number in numbers]
    end = tail or "</CompleteMultipartUpload>"

    def complete(*pieces: str) -> Any:
        body = "".join(pieces).encode()
        assert len(body) > 16 * 1024
        return bucket._do("POST", bucket.bucket_name, "k", params={"uploadId": upload_id}, data=body)

    swapped = [*listed[:300], listed[301], listed[300], *listed[302:]]
    refused(lambda: complete(head, *swapped, end), 400, "InvalidPartOrder", "ascending")
    for pieces in ((head, *listed), (head, *listed, "<Part>", end), (head, *listed, end, "x"), (*listed, end)):
        refused(lambda pieces=pieces: complete(*pieces), 400, "MalformedXML", "not well-formed")
    too_many = [part.format(number, "A" * 32) for number in range(1, 10_002)]
    refused(lambda: complete(head, *too_many, end), 400, "MalformedXML")
    missing = part.format(99_999, "A" * 32)
    details = refused(lambda: complete(head, *listed, missing, end), 400, "InvalidPart")
    assert details["PartNumber"] == "99999"
    assert complete(head, *listed, end).status == 200
    assert bucket.head_object("k").content_length == 400 * LEAST


def test_small_parts_are_refused_wherever_they_are(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 3 * BLOCK), real=False)
    for small in (2 * BLOCK, 1):
        _commit_now(owner, bucket, part_put(upload_id, small, b"small"))
        details = refused(
            lambda: bucket.complete_multipart_upload("k", upload_id, None, headers=ALL), 400, "EntityTooSmall"
        )
        assert (details["PartNumber"], details["ProposedSize"]) == (str(small), "5")
        _commit_now(owner, bucket, part_put(upload_id, small, b"x", size_bytes=LEAST))
    # The last one may be.
    _commit_now(owner, bucket, part_put(upload_id, 3 * BLOCK, b"small"))
    bucket.complete_multipart_upload("k", upload_id, None, headers=ALL)
    assert bucket.head_object("k").content_length == (3 * BLOCK - 1) * LEAST + 5


def _commit_now(owner: Owner, bucket: oss2.Bucket, *changes: Change) -> None:
    async def body() -> None:
        await volume_of(owner.cloud, bucket.bucket_name).commit(changes)

    owner.cloud.run(body())


def test_the_second_generation_uploads_many_parts(owner: Owner) -> None:
    bucket, client = owner.bucket().bucket_name, owner.v2()
    body = bytes(range(256)) * 400 * (MANY + 1)
    uploader = client.uploader(part_size=LEAST, parallel_num=3)
    uploader.upload_from(oss_v2.PutObjectRequest(bucket=bucket, key="up"), io.BytesIO(body))
    found = client.get_object(oss_v2.GetObjectRequest(bucket=bucket, key="up"))
    assert found.body is not None
    assert found.body.content == body
    assert found.etag is not None
    assert found.etag.strip('"').endswith(f"-{MANY + 1}")
