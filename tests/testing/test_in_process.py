"""Clients answered without sockets: bodies both ways, hosts that are refused, and nothing left behind."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator

import oss2
import pytest
import requests
from alibabacloud_ecs20140526 import models as ecs
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.vendored.requests.adapters import HTTPAdapter as OlderAdapter

from kowloon.testing import LocalCloud
from tests.conftest import REGION


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    def no_sockets(*_: object) -> None:
        raise AssertionError("a socket was connected")

    with LocalCloud(sockets=False) as cloud:
        monkeypatch.setattr(socket.socket, "connect", no_sockets)
        yield cloud


@pytest.fixture
def bucket(local: LocalCloud) -> oss2.Bucket:
    bucket: oss2.Bucket = local.administrator.bucket("streams", region=REGION)
    bucket.create_bucket()
    return bucket


def test_official_host_names_lead_here(local: LocalCloud) -> None:
    # No endpoint is given: the client finds the vendor's, and https needs no authority.
    client = EcsClient(
        Config(access_key_id=local.access_key_id, access_key_secret=local.access_key_secret, region_id=REGION)
    )
    answer = client.describe_zones(ecs.DescribeZonesRequest(region_id=REGION)).body
    assert {zone.zone_id for zone in answer.zones.zone} >= {"cn-hongkong-b", "cn-hongkong-c"}


def test_other_hosts_are_refused_with_a_sentence(local: LocalCloud) -> None:
    with pytest.raises(requests.ConnectionError) as caught:
        requests.get("https://example.com/x", timeout=5)
    assert str(caught.value) == (
        "example.com is not one of this cloud's names, and nothing else is reached from here; "
        "LocalCloud(let_through=...) names what may be"
    )


def test_what_is_let_through_is_the_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    went: list[str] = []
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda adapter, request, *_: went.append(request.url))
    with LocalCloud(sockets=False, let_through=["127.0.0.1:5000"]):
        adapter = requests.adapters.HTTPAdapter()
        adapter.send(requests.Request("GET", "http://127.0.0.1:5000/mine").prepare())
        assert went == ["http://127.0.0.1:5000/mine"]
        response = adapter.send(requests.Request("GET", "http://127.0.0.1/_kowloon/health").prepare())
        assert response.json()["status"] == "serving"
    assert len(went) == 1


def test_one_cloud_at_a_time(local: LocalCloud) -> None:
    with pytest.raises(RuntimeError, match="another cloud answers in process already"), LocalCloud(sockets=False):
        pass
    with LocalCloud() as beside:
        assert beside.endpoint != local.endpoint


def test_nothing_is_left_behind() -> None:
    before = requests.adapters.HTTPAdapter.send, OlderAdapter.send
    with LocalCloud(sockets=False):
        assert requests.adapters.HTTPAdapter.send is not before[0]
        assert OlderAdapter.send is not before[1]
    assert (requests.adapters.HTTPAdapter.send, OlderAdapter.send) == before


LARGE = bytes(range(256)) * 12_000


@pytest.mark.parametrize(
    "body",
    [b"", b"small", LARGE, io.BytesIO(LARGE), iter([LARGE[:100_000], b"", LARGE[100_000:]])],
    ids=["empty", "small", "large", "file", "iterator"],
)
def test_bodies_both_ways(bucket: oss2.Bucket, body: object) -> None:
    put = bucket.put_object("thing", body)
    expected = body if isinstance(body, bytes) else LARGE
    assert put.status == 200
    head = bucket.head_object("thing")
    assert head.content_length == len(expected)
    got = bucket.get_object("thing")
    assert int(got.headers["Content-Length"]) == len(expected)
    pieces = iter(lambda: got.read(70_000), b"")
    assert b"".join(pieces) == expected
    assert bucket.get_object("thing", byte_range=(1, 3)).read() == expected[1:4]


def test_an_object_of_many_parts(bucket: oss2.Bucket) -> None:
    upload = bucket.init_multipart_upload("thing").upload_id
    parts = [
        oss2.models.PartInfo(number, bucket.upload_part("thing", upload, number, LARGE[:200_000]).etag)
        for number in range(1, 6)
    ]
    bucket.complete_multipart_upload("thing", upload, parts)
    assert bucket.get_object("thing").read() == LARGE[:200_000] * 5
    bucket.get_object("thing").close()


def test_an_answer_that_is_not_read_leaves_no_file_open(local: LocalCloud, bucket: oss2.Bucket) -> None:
    import psutil

    bucket.put_object("thing", LARGE)
    before = psutil.Process().num_fds()
    for _ in range(20):
        bucket.get_object("thing").close()
    answer = bucket.get_object("thing")
    assert answer.read(10) == LARGE[:10]
    del answer
    assert psutil.Process().num_fds() <= before + 1


@pytest.mark.parametrize("kind", ["object", "listing"])
def test_garbage_may_be_collected_on_the_clouds_own_thread(local: LocalCloud, bucket: oss2.Bucket, kind: str) -> None:
    bucket.put_object("thing", LARGE)
    if kind == "object":
        answer = requests.get(bucket.sign_url("GET", "thing", 60), stream=True, timeout=5)
    else:
        token = {"Authorization": f"Bearer {local.admin_token}"}
        answer = requests.get(f"http://{local.endpoint}/_kowloon/events/live", headers=token, stream=True, timeout=5)
    assert answer.status_code == 200

    async def collect() -> None:
        answer.raw.close()

    local.run(collect(), timeout_s=5)
    assert bucket.object_exists("thing")


def test_an_answer_may_outlive_its_cloud() -> None:
    with LocalCloud(sockets=False) as cloud:
        token = {"Authorization": f"Bearer {cloud.admin_token}"}
        answer = requests.get(f"http://{cloud.endpoint}/_kowloon/events/live", headers=token, stream=True, timeout=5)
    answer.close()
    assert answer.raw.closed


def test_a_sender_that_breaks_off_stores_nothing(bucket: oss2.Bucket) -> None:
    def breaks() -> Iterator[bytes]:
        yield LARGE
        raise OSError("the disk of the client is gone")

    with pytest.raises(OSError, match="the disk of the client is gone"):
        bucket.put_object("thing", breaks())
    assert not bucket.object_exists("thing")


def test_an_upload_that_is_refused_at_once(local: LocalCloud) -> None:
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        local.administrator.bucket("nowhere", region=REGION).put_object("thing", LARGE)


def test_a_body_that_is_too_large_for_a_call_is_refused(local: LocalCloud) -> None:
    answer = requests.post("https://ecs.aliyuncs.com/", data=iter([LARGE] * 4), timeout=10)
    assert answer.status_code == 413
    assert "Code" in answer.json()


def test_redirects_and_errors_are_as_over_sockets(local: LocalCloud) -> None:
    refused = requests.get(f"http://{local.endpoint}/_kowloon/status", timeout=5)
    assert (refused.status_code, refused.json()["Code"]) == (401, "AdminTokenRequired")
    assert refused.headers["Date"]
