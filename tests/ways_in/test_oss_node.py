"""ali-oss over real sockets, under V1 and V4, with the bucket in the path and in the official host's name."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import REGION
from tests.ways_in import installs
from tests.ways_in.way import Way

pytestmark = pytest.mark.timeout(300)
PART = 100 * 1024
WAYS = [(scheme, style) for scheme in ("v1", "v4") for style in ("path", "host")]


class Refused(Exception):
    """What the client threw, as it told it."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.code, self.status = error.get("code"), error.get("status")
        self.message, self.request_id = error["message"], error.get("requestId")


class AliOss:
    """An ali-oss client in a Node process of its own; its methods by their own names."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, method: str, *args: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"method": method, "args": [_sent(each) for each in args]})
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline(), object_hook=_received)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["value"]


def _sent(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _received(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value


@contextmanager
def ali_oss(way: Way, scheme: str, style: str, **changes: Any) -> Iterator[AliOss]:
    keys = way.environment("oss")
    options: dict[str, Any] = {
        "accessKeyId": keys["OSS_ACCESS_KEY_ID"],
        "accessKeySecret": keys["OSS_ACCESS_KEY_SECRET"],
        "region": f"oss-{REGION}",
        "authorizationV4": scheme == "v4",
        "timeout": 15000,
    }
    if style == "path":
        options |= {"endpoint": keys["KOWLOON_URL"].replace("127.0.0.1", "localhost"), "sldEnable": True}
    else:
        options |= {"endpoint": f"http://oss-{REGION}.aliyuncs.com", "via": keys["KOWLOON_URL"].rpartition(":")[2]}
    process = subprocess.Popen(
        [*installs.node("oss.js"), json.dumps({**options, **changes})],
        env={"PATH": os.environ["PATH"], "HOME": str(way.home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield AliOss(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()


@pytest.fixture(scope="module", params=WAYS, ids=["-".join(each) for each in WAYS])
def oss(request: pytest.FixtureRequest, way: Way) -> Iterator[AliOss]:
    """A client with a bucket of its own."""
    scheme, style = request.param
    name = f"node-{scheme}-{style}"
    with ali_oss(way, scheme, style) as client:
        assert client.call("putBucket", name)["bucket"] == name
        client.call("useBucket", name)
        yield client


def test_put_get_head_and_delete(oss: AliOss) -> None:
    key = "folder/香港 a+b&c=d%e.txt"
    put = oss.call("put", key, b"Hello", {"meta": {"author": "kowloon"}, "mime": "text/plain"})
    assert put["res"]["headers"]["etag"] == '"8B1A9953C4611296A827ABF8C47804D7"'
    got = oss.call("get", key)
    assert got["content"] == b"Hello"
    assert got["res"]["headers"]["content-type"] == "text/plain"
    head = oss.call("head", key)
    assert head["meta"] == {"author": "kowloon"}
    assert head["res"]["headers"]["content-length"] == "5"
    assert head["res"]["headers"]["x-oss-object-type"] == "Normal"
    assert oss.call("delete", key)["res"]["status"] == 204
    with pytest.raises(Refused) as refused:
        oss.call("get", key)
    assert (refused.value.status, refused.value.code) == (404, "NoSuchKey")
    assert refused.value.message == "The specified key does not exist."
    assert re.fullmatch("[0-9A-F]{24}", refused.value.request_id or "")


def test_a_range_and_a_condition(oss: AliOss) -> None:
    oss.call("put", "ranged", b"0123456789")
    got = oss.call("get", "ranged", {"headers": {"Range": "bytes=2-4"}})
    assert (got["res"]["status"], got["content"]) == (206, b"234")
    with pytest.raises(Refused) as refused:
        oss.call("get", "ranged", {"headers": {"If-Match": '"0"'}})
    assert (refused.value.status, refused.value.code) == (412, "PreconditionFailed")


def test_both_ways_to_list(oss: AliOss) -> None:
    for name in ("list/a", "list/b b", "list/c/d", "list/c/e"):
        oss.call("put", name, b"x")
    first = oss.call("list", {"prefix": "list/", "delimiter": "/", "max-keys": 2})
    assert [each["name"] for each in first["objects"]] == ["list/a", "list/b b"]
    assert first["isTruncated"]
    rest = oss.call("list", {"prefix": "list/", "delimiter": "/", "marker": first["nextMarker"]})
    assert (rest["objects"], rest["prefixes"], rest["isTruncated"]) == ([], ["list/c/"], False)
    page = oss.call("listV2", {"prefix": "list/", "max-keys": 3})
    assert page["keyCount"] == 3
    last = oss.call("listV2", {"prefix": "list/", "continuation-token": page["nextContinuationToken"]})
    assert [each["name"] for each in last["objects"]] == ["list/c/e"]


def test_copy(oss: AliOss) -> None:
    oss.call("put", "copied/from ü", b"copy me")
    oss.call("copy", "copied/to", "copied/from ü")
    assert oss.call("get", "copied/to")["content"] == b"copy me"


def test_delete_many(oss: AliOss) -> None:
    oss.call("put", "gone/a ü", b"x")
    oss.call("put", "gone/b", b"x")
    gone = oss.call("deleteMulti", ["gone/a ü", "gone/b", "gone/never was"])
    assert {each["Key"] for each in gone["deleted"]} >= {"gone/a ü", "gone/b"}
    assert oss.call("list", {"prefix": "gone/"})["objects"] == []


def test_a_multipart_upload_goes_on_where_it_was_interrupted(oss: AliOss, tmp_path: Path) -> None:
    body = os.urandom(3 * PART + 17)
    (tmp_path / "body").write_bytes(body)
    kept = oss.call("interruptedUpload", "parts", str(tmp_path / "body"), {"partSize": PART})
    assert 1 <= len(kept["doneParts"]) < 4
    assert [each["uploadId"] for each in oss.call("listUploads", {})["uploads"]] == [kept["uploadId"]]
    listed = oss.call("listParts", "parts", kept["uploadId"])
    # Of a single part this client makes no list.
    parts = listed["parts"] if isinstance(listed["parts"], list) else [listed["parts"]]
    assert {int(each["PartNumber"]) for each in parts} >= {each["number"] for each in kept["doneParts"]}
    done = oss.call("multipartUpload", "parts", str(tmp_path / "body"), {"checkpoint": kept})
    assert done["etag"].endswith('-4"')
    assert oss.call("get", "parts")["content"] == body
    assert not oss.call("listUploads", {})["uploads"]


def test_a_signed_url_is_good_for_anyone(oss: AliOss, way: Way, request: pytest.FixtureRequest) -> None:
    scheme, _ = request.node.callspec.params["oss"]
    oss.call("put", "signed/a b", b"for all")
    if scheme == "v4":
        url = oss.call("signatureUrlV4", "GET", 60, {}, "signed/a b")
    else:
        url = oss.call("signatureUrl", "signed/a b", {"expires": 60})
    # As a browser whose hosts file leads here.
    asked = httpx.URL(url)
    here = asked.copy_with(host="127.0.0.1")
    answer = httpx.get(here, headers={"Host": f"{asked.host}:{asked.port}"})
    assert (answer.status_code, answer.content) == (200, b"for all")
    stripped = httpx.get(here.copy_with(query=None), headers={"Host": f"{asked.host}:{asked.port}"})
    assert stripped.status_code == 403
    assert "<Code>AccessDenied</Code>" in stripped.text


def test_append(oss: AliOss) -> None:
    first = oss.call("append", "log", b"one ")
    assert first["nextAppendPosition"] == "4"
    oss.call("append", "log", b"two", {"position": 4})
    assert oss.call("get", "log")["content"] == b"one two"
    with pytest.raises(Refused) as refused:
        oss.call("append", "log", b"late", {"position": 4})
    assert (refused.value.status, refused.value.code) == (409, "PositionNotEqualToLength")


def test_a_symlink(oss: AliOss) -> None:
    oss.call("put", "real ü", b"real")
    oss.call("putSymlink", "link", "real ü")
    assert oss.call("getSymlink", "link")["targetName"] == "real ü"
    assert oss.call("get", "link")["content"] == b"real"


def test_tags(oss: AliOss) -> None:
    oss.call("put", "tagged", b"x")
    oss.call("putObjectTagging", "tagged", {"way in": "a+b=c", "team": "ops"})
    assert oss.call("getObjectTagging", "tagged")["tag"] == {"way in": "a+b=c", "team": "ops"}
    oss.call("deleteObjectTagging", "tagged")
    assert oss.call("getObjectTagging", "tagged")["tag"] == {}


def test_access_control_of_objects_and_buckets(oss: AliOss, request: pytest.FixtureRequest) -> None:
    name = f"node-{'-'.join(request.node.callspec.params['oss'])}"
    oss.call("put", "open", b"x")
    assert oss.call("getACL", "open")["acl"] == "default"
    oss.call("putACL", "open", "public-read")
    assert oss.call("getACL", "open")["acl"] == "public-read"
    assert oss.call("getBucketACL", name)["acl"] == "private"
    assert name in {each["name"] for each in oss.call("listBuckets")["buckets"]}


def test_a_bucket_that_is_not_there(oss: AliOss) -> None:
    with pytest.raises(Refused) as refused:
        oss.call("getBucketInfo", "node-was-never-made")
    assert (refused.value.status, refused.value.code) == (404, "NoSuchBucket")
    assert refused.value.message == "The specified bucket does not exist."


@pytest.mark.parametrize("scheme", ["v1", "v4"])
def test_a_wrong_secret(way: Way, scheme: str) -> None:
    with ali_oss(way, scheme, "path", accessKeySecret="wrong") as client, pytest.raises(Refused) as refused:
        client.call("listBuckets")
    assert (refused.value.status, refused.value.code) == (403, "SignatureDoesNotMatch")
