"""Files: taken, kept in object storage, fetched; and gone when that is gone."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from kowloon.core import limits
from kowloon.dingtalk.plane import REGION
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office, office_of

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MIB = 1024 * 1024


def upload(
    office: Office, content: bytes, kind: str = "image", *, name: str = "a.png", token: str = "", in_query: bool = True
) -> dict[str, Any]:
    query = {"access_token": token or office.token, **({"type": kind} if in_query else {})}
    answer: dict[str, Any] = requests.post(
        f"http://{office.cloud.endpoint}/media/upload",
        params=query,
        files={"media": (name, content)},
        data={} if in_query else {"type": kind},
        timeout=60,
    ).json()
    return answer


def fetch(office: Office, media_id: str) -> requests.Response:
    query = {"access_token": office.token, "media_id": media_id}
    return requests.get(f"http://{office.cloud.endpoint}/media/downloadFile", query, timeout=30)


def test_a_picture_is_kept_and_fetched_both_ways(cloud: LocalCloud, office: Office) -> None:
    kept = upload(office, PNG)
    assert (kept["errcode"], kept["type"], kept["media_id"][:2]) == (0, "image", "@l")
    got = fetch(office, kept["media_id"])
    assert (got.content, got.headers["content-type"]) == (PNG, "image/png")
    body = {"robotCode": office.app_key, "downloadCode": kept["media_id"]}
    link = office.post("/v1.0/robot/messageFiles/download", body)["downloadUrl"]
    assert link.startswith(f"http://{cloud.endpoint}/dingtalk/media/")
    got = requests.get(link, timeout=30)
    assert (got.status_code, got.content) == (200, PNG)
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"].startswith("inline")
    assert requests.get(link.replace("sign=", "sign=0"), timeout=30).status_code == 403
    assert requests.get(link.partition("?")[0], timeout=30).status_code == 403


def test_what_is_a_page_is_only_saved(office: Office) -> None:
    kept = upload(office, b"<script>alert(1)</script>", "file", name='../"x\r\ny.html', in_query=False)
    got = fetch(office, kept["media_id"])
    assert (got.status_code, got.headers["content-type"]) == (200, "application/octet-stream")
    assert got.headers["content-disposition"].startswith("attachment")
    assert "\n" not in got.headers["content-disposition"]


def test_twenty_mebibytes_are_taken_and_more_is_not(office: Office) -> None:
    large = PNG + bytes(20 * MIB - len(PNG))
    kept = upload(office, large)
    assert fetch(office, kept["media_id"]).content == large
    refused = upload(office, large + b"x")
    assert (refused["errcode"], refused["errmsg"]) == (40006, "不合法的文件大小，不能超过 20971520 字节")


@pytest.mark.parametrize(
    ("content", "kind", "errcode"),
    [
        (b"<svg/>", "image", 40005),
        (b"", "file", 40005),
        (PNG, "voice", 40005),
        (PNG, "video", 40005),
        (PNG, "smoke", 40004),
        (b"#!AMR" + bytes(2 * MIB), "voice", 40006),
    ],
)
def test_what_is_not_taken(office: Office, content: bytes, kind: str, errcode: int) -> None:
    assert upload(office, content, kind)["errcode"] == errcode


def test_broken_forms(office: Office) -> None:
    url = f"http://{office.cloud.endpoint}/media/upload?access_token={office.token}&type=image"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert requests.post(url, data=b"no form", headers=headers, timeout=30).json()["errcode"] in (40005, 40035)
    assert requests.post(url, json={"media": "x"}, timeout=30).json()["errcode"] == 40005
    empty = b"--x--\r\n"
    assert requests.post(url, data=empty, headers=headers, timeout=30).json()["errcode"] in (40005, 40035)


def test_the_oldest_give_way_and_leave_nothing_behind(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DINGTALK_MEDIA_BYTES", 250)
    first = upload(office, b"a" * 100, "file")["media_id"]
    media = office.cloud.cloud.dingtalk.parts.media
    file = office.cloud.call(lambda: media.find(office.account, first))
    assert file is not None
    later = [upload(office, b"b" * 100, "file")["media_id"] for _ in range(2)]
    assert fetch(office, first).json()["errcode"] == 40007
    assert office.cloud.run(media.open(file)).status == 404, "its object is there"
    assert [fetch(office, each).content for each in later] == [b"b" * 100] * 2


def test_files_of_another_organisation_are_as_good_as_absent(cloud: LocalCloud, office: Office) -> None:
    kept = upload(office, PNG)
    stranger = office_of(cloud, cloud.as_account("stranger").account_id)
    assert fetch(stranger, kept["media_id"]).json()["errcode"] == 40007
    body = {"robotCode": stranger.app_key, "downloadCode": kept["media_id"]}
    status, code, message = stranger.refused("POST", "/v1.0/robot/messageFiles/download", body)
    assert (status, code, message) == (400, "invalidParameter.downloadCode.invalid", "downloadCode 不存在")
    assert upload(office, PNG, token="no")["errcode"] == 40014
    assert fetch(office, "@lno").json()["errmsg"] == "不合法的媒体文件id"


def test_files_fall_with_object_storage_and_come_again(cloud: LocalCloud, office: Office) -> None:
    kept = upload(office, PNG)
    with cloud.fault("storage", *cloud.cloud.board.topology.zone_ids(REGION), mode="unreadable"):
        assert fetch(office, kept["media_id"]).status_code == 503
    assert fetch(office, kept["media_id"]).content == PNG
