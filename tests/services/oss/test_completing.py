"""Uploads of very many parts are completed and given up in small steps, whatever goes on meanwhile."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import oss2
import pytest
from oss2.models import PartInfo

from kowloon.core.config import Settings
from kowloon.engines.blob.base import Change, Delete, Volume, ZoneMode
from kowloon.engines.blob.volume import CopiedVolume
from kowloon.services.oss import keys
from kowloon.services.oss.content import content_of
from kowloon.services.oss.objects import completing
from kowloon.services.oss.objects.completing import BLOCK, Gathering
from kowloon.services.oss.resources import Bucket
from kowloon.services.oss.runs import leftover_runs
from kowloon.services.oss.runs.leftover_runs import AT_ONCE
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import eventually
from tests.services.oss.many_parts import (
    ALL,
    LEAST,
    MANY,
    assembled,
    begun,
    body_of,
    part_put,
    parts_left,
    until_left,
    volume_of,
)
from tests.services.oss.parts import Owner, refused

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
    details = refused(
        lambda: bucket.complete_multipart_upload("k", upload_id, parts),
        400,
        "InvalidPart",
        "One or more of the specified parts could not be found or the specified",
    )
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
        refused(call, 404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or")
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
