"""Buckets under real faults: single-zone data goes with its zone, three-zone data stays and is mended."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import httpx
import oss2
import pytest

from kowloon.core.config import Settings
from kowloon.engines.blob.base import ScrubReport, ZoneMode, ZoneReport
from kowloon.testing.cloud import LocalCloud
from tests.helpers import eventually
from tests.services.oss.parts import Owner, refused, refused_v2

ZONE, OTHER = "cn-hongkong-c", "cn-hongkong-b"
STORAGE = f"oss-storage@{ZONE}"
DOWN = (503, "ServiceUnavailable", "The service is unavailable. Please try again later.")


def inject(owner: Owner, kind: str, scope: str = ZONE, **parameters: Any) -> str:
    return owner.cloud.run(owner.cloud.cloud.faults.inject(kind, [scope], parameters)).id


def recover(owner: Owner, fault_id: str) -> None:
    owner.cloud.run(owner.cloud.cloud.faults.recover(fault_id))


def pair(owner: Owner) -> tuple[oss2.Bucket, oss2.Bucket]:
    """One bucket in zone C alone, one in three zones; an object in each."""
    single = owner.bucket()
    redundant = owner.bucket(data_redundancy_type="ZRS", storage_class="Standard")
    for bucket in (single, redundant):
        bucket.put_object("kept", b"before")
    return single, redundant


def report(owner: Owner, zone: str = ZONE) -> ZoneReport:
    found = owner.cloud.call(owner.cloud.cloud.storage.report)
    return next(each for each in found if each.zone == zone)


def scrub(owner: Owner, zone: str = ZONE) -> ScrubReport:
    return owner.cloud.run(owner.cloud.cloud.storage.scrub(zone))


def whole(bucket: oss2.Bucket, key: str, content: bytes) -> None:
    """The bytes, the ETag and the CRC-64 (which oss2 checks itself) are what they were."""
    found = bucket.get_object(key)
    assert found.read() == content
    assert found.etag == hashlib.md5(content).hexdigest().upper()
    assert found.server_crc == found.client_crc


@pytest.mark.parametrize(
    ("kind", "scope", "parameters"),
    [
        ("zone_power_loss", ZONE, {}),
        ("zone_network_partition", ZONE, {}),
        ("zone_hang", ZONE, {}),
        ("service_stop", STORAGE, {}),
        ("load_shed", ZONE, {"order": ["storage"], "share_per_step": 1.0}),
        ("storage_fault", ZONE, {"mode": "stopped"}),
        ("storage_fault", STORAGE, {"mode": "unreadable"}),
    ],
)
def test_a_zone_that_is_out(alone: Owner, kind: str, scope: str, parameters: dict[str, Any]) -> None:
    single, redundant = pair(alone)
    fault = inject(alone, kind, scope, **parameters)
    # From the first call on, not some seconds later.
    refused(lambda: single.get_object("kept"), *DOWN)
    refused(lambda: single.put_object("new", b"x"), *DOWN)
    refused(lambda: single.list_objects(), *DOWN)
    refused(lambda: single.head_object("kept"), 503, "ServiceUnavailable", "The service is unavailable. Please try")
    assert redundant.get_object("kept").read() == b"before"
    redundant.put_object("new", b"written by two")
    redundant.delete_object("kept")
    assert report(alone).behind > 0
    recover(alone, fault)
    assert single.get_object("kept").read() == b"before"
    eventually(lambda: report(alone).behind == 0)
    assert scrub(alone).damaged == 0
    other = inject(alone, "storage_fault", OTHER, mode="stopped")
    assert redundant.get_object("new").read() == b"written by two"
    refused(lambda: redundant.get_object("kept"), 404, "NoSuchKey", "The specified key does not exist.")
    recover(alone, other)


def test_the_second_generation_client_and_its_retries(alone: Owner) -> None:
    import alibabacloud_oss_v2 as oss_v2

    single, _ = pair(alone)
    fault = inject(alone, "zone_power_loss")
    request = oss_v2.GetObjectRequest(bucket=single.bucket_name, key="kept")
    refused_v2(lambda: alone.v2().get_object(request), *DOWN)
    recover(alone, fault)
    assert alone.v2().get_object(request).body.content == b"before"


def test_cooling_lost_takes_the_storage_with_its_last_hall(alone: Owner) -> None:
    single, redundant = pair(alone)
    fault = inject(alone, "zone_cooling_loss", host_trip_spread_c=0.0, rise_c_per_min=1.0)
    assert single.get_object("kept").read() == b"before"
    alone.cloud.run(alone.cloud.cloud.clock.skip(3600.0))
    refused(lambda: single.get_object("kept"), *DOWN)
    whole(redundant, "kept", b"before")
    recover(alone, fault)
    whole(single, "kept", b"before")


def test_two_zones_out_leave_copies_without_a_quorum(alone: Owner) -> None:
    _, redundant = pair(alone)
    first, second = inject(alone, "zone_power_loss"), inject(alone, "zone_power_loss", OTHER)
    whole(redundant, "kept", b"before")
    refused(lambda: redundant.put_object("new", b"x"), 503, "ServiceUnavailable", "takes no writes at the moment")
    recover(alone, first)
    redundant.put_object("new", b"two of three again")
    recover(alone, second)
    eventually(lambda: report(alone, OTHER).behind == 0)


def test_read_only_storage(alone: Owner) -> None:
    single, redundant = pair(alone)
    fault = inject(alone, "storage_fault", mode="read_only")
    whole(single, "kept", b"before")
    message = "The storage takes no writes at the moment. Please try again later."
    refused(lambda: single.put_object("new", b"x"), 503, "ServiceUnavailable", message)
    refused(lambda: single.delete_object("kept"), 503, "ServiceUnavailable", message)
    redundant.put_object("new", b"two write")
    recover(alone, fault)
    single.put_object("new", b"x")
    eventually(lambda: report(alone).behind == 0)


def test_slow_storage_is_slow_on_the_cloud_clock(alone: Owner) -> None:
    single, redundant = pair(alone)
    fault = inject(alone, "storage_fault", mode="slow", delay_ms=300)
    began = time.monotonic()
    single.get_object("kept").read()
    assert 0.3 <= time.monotonic() - began < 3.0
    began = time.monotonic()
    redundant.get_object("kept").read()
    assert time.monotonic() - began < 0.25
    assert report(alone).delay_s == 0.3
    recover(alone, fault)
    assert (report(alone).mode, report(alone).delay_s) == (ZoneMode.SERVING, 0.0)


def test_front_ends_without_capacity_refuse_their_share(alone: Owner) -> None:
    single, redundant = pair(alone)
    for scope, concerned, spared in (
        ("oss@cn-hongkong", (single, redundant), ()),
        (STORAGE, (single,), (redundant,)),
    ):
        fault = inject(alone, "control_plane_brownout", scope, error_share=0.5)
        for bucket in concerned:
            served = [answered(bucket) for _ in range(60)]
            assert 10 <= served.count("") <= 50
            assert set(served) == {"", "Busy"}
        for bucket in spared:
            assert [answered(bucket) for _ in range(20)] == [""] * 20
        recover(alone, fault)
    fault = inject(alone, "service_stop", "oss@cn-hongkong")
    refused(lambda: redundant.get_object("kept"), *DOWN)
    recover(alone, fault)


def answered(bucket: oss2.Bucket) -> str:
    """The code of the refusal, if it is one."""
    try:
        bucket.get_object("kept").read()
        return ""
    except oss2.exceptions.ServerError as problem:
        return str(problem.code) if problem.status == 503 else str(problem)


def test_a_lost_zone_loses_what_was_in_it_alone(alone: Owner) -> None:
    """While the disks are gone nobody can say what was on them: 503. With new ones in, the names are gone as well,
    because they were on the same disks: 404 NoSuchKey for what the customer once wrote, and an empty list."""
    single, redundant = pair(alone)
    large = bytes(range(256)) * 8192
    redundant.put_object("large", large)
    redundant.put_object("overwritten", b"old")
    fault = inject(alone, "storage_fault", mode="lost")
    refused(lambda: single.get_object("kept"), *DOWN)
    refused(lambda: single.put_object("kept", b"again"), *DOWN)
    whole(redundant, "large", large)
    redundant.put_object("overwritten", b"while it was lost")
    redundant.put_object("added", large[::-1])
    redundant.delete_object("kept")
    recover(alone, fault)
    refused(lambda: single.get_object("kept"), 404, "NoSuchKey", "The specified key does not exist.")
    assert single.list_objects().object_list == []
    assert single.get_bucket_location().location == "oss-cn-hongkong"
    single.put_object("kept", b"restored by its owner")
    whole(single, "kept", b"restored by its owner")
    eventually(lambda: report(alone).behind == 0)
    found = scrub(alone)
    # Three objects in three zones and one in this zone alone.
    assert (found.checked, found.damaged, found.lost) == (4, 0, 0)
    # The proof: with both other zones gone only the mended copies can answer.
    for zone in (OTHER, "cn-hongkong-d"):
        inject(alone, "storage_fault", zone, mode="unreadable")
    whole(redundant, "large", large)
    whole(redundant, "overwritten", b"while it was lost")
    whole(redundant, "added", large[::-1])
    refused(lambda: redundant.get_object("kept"), 404, "NoSuchKey", "The specified key does not exist.")


def test_a_lost_zone_leaves_nothing_of_it_on_disk(tmp_path: Path) -> None:
    with LocalCloud(Settings(home=tmp_path, engine="paper", port=0)) as cloud:
        owner = Owner(cloud)
        owner.bucket().put_object("kept", b"a secret of zone C")

        def holds() -> bool:
            try:
                files = [path for path in tmp_path.rglob("*") if path.is_file()]
                return any(b"a secret of zone C" in path.read_bytes() for path in files)
            except FileNotFoundError:
                # It is going just now.
                return True

        assert holds()
        inject(owner, "storage_fault", mode="lost")
        eventually(lambda: not holds())


def test_modes_follow_again_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, engine="paper", port=0)
    with LocalCloud(settings) as cloud:
        owner = Owner(cloud)
        single, redundant = pair(owner)
        names = (single.bucket_name, redundant.bucket_name)
        fault = inject(owner, "storage_fault", mode="stopped")
        redundant.put_object("kept", b"by two")
    with LocalCloud(settings) as cloud:
        owner = Owner(cloud)
        single, redundant = (owner.bucket(name, create=False) for name in names)
        refused(lambda: single.get_object("kept"), *DOWN)
        whole(redundant, "kept", b"by two")
        recover(owner, fault)
        whole(single, "kept", b"before")
        eventually(lambda: report(owner).behind == 0)
        lost = inject(owner, "storage_fault", mode="lost")
    with LocalCloud(settings) as cloud:
        owner = Owner(cloud)
        single, redundant = (owner.bucket(name, create=False) for name in names)
        refused(lambda: single.get_object("kept"), *DOWN)
        whole(redundant, "kept", b"by two")
        recover(owner, lost)
        refused(lambda: single.get_object("kept"), 404, "NoSuchKey", "The specified key does not exist.")
        eventually(lambda: report(owner).behind == 0)
        assert scrub(owner).lost == 0


def test_a_reset_mends_everything(alone: Owner) -> None:
    pair(alone)
    inject(alone, "storage_fault", mode="unreadable")
    alone.cloud.run(alone.cloud.cloud.reset())
    single, redundant = pair(alone)
    whole(single, "kept", b"before")
    whole(redundant, "kept", b"before")


def test_the_status_shows_storage_by_zone(alone: Owner) -> None:
    pair(alone)
    inject(alone, "storage_fault", mode="slow", delay_ms=250)
    headers = {"Authorization": f"Bearer {alone.cloud.admin_token}"}
    answer = httpx.get(f"{alone.url}/_kowloon/status", headers=headers, trust_env=False).json()
    shown = {zone["zone"]: zone for zone in answer["storage"]}
    assert sorted(shown) == ["cn-hongkong-b", "cn-hongkong-c", "cn-hongkong-d"]
    assert (shown[ZONE]["mode"], shown[ZONE]["delay_s"], shown[ZONE]["entries"]) == ("slow", 0.25, 2)
    assert (shown[OTHER]["mode"], shown[OTHER]["behind"]) == ("serving", 0)
