"""The official Go client of the object store: an upload in parts, a listing by pages, a signed URL, a refused HEAD."""

from __future__ import annotations

import json
import re

import pytest

from tests.ways_in import installs
from tests.ways_in.way import Way

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_go(way: Way, version: str) -> None:
    done = way.start([*installs.go_oss(), version, f"go-{version}"], way.environment("oss"))
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["Read"] == report["Signed"] == "Hello, Kowloon"
    assert report["Names"] == ["letters/香港 a+b.txt", "parts"]
    assert report["Uploaded"] == "Multipart"
    # A refused HEAD has no body: the client reads the header that stands for it.
    assert (report["Status"], report["Code"]) == (404, "NoSuchKey")
    assert report["Message"] == "The specified key does not exist."
    assert re.fullmatch("[0-9A-F]{24}", report["Request"])
