"""The examples of docs/guides/oss.md, run as a user runs them: after `kowloon env --for oss`, nothing else set."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import oss2
import pytest

from tests.conftest import REGION
from tests.ways_in import installs
from tests.ways_in.way import Way

pytestmark = pytest.mark.timeout(300)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "oss"
REFUSED = "refused: 404 NoSuchKey The specified key does not exist."


def run(way: Way, argv: list[str], **extra: str) -> list[str]:
    done = way.start(argv, {**way.environment("oss"), **extra})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def schemes(way: Way) -> set[str]:
    """What stood before the key id in the requests that signed by a header."""
    return {value.split()[0] for request in way.requests if (value := request.header("authorization"))}


@pytest.fixture
def bucket(way: Way) -> Callable[[str], None]:
    """Makes a bucket for clients that cannot."""

    def make(name: str) -> None:
        keys = way.environment("oss")
        auth = oss2.AuthV4(keys["OSS_ACCESS_KEY_ID"], keys["OSS_ACCESS_KEY_SECRET"])
        oss2.Bucket(auth, keys["KOWLOON_URL"], name, region=REGION).create_bucket()

    return make


@pytest.mark.parametrize(("version", "scheme"), [("v1", "OSS"), ("v4", "OSS4-HMAC-SHA256")])
@pytest.mark.parametrize("script", ["with_oss2.py", "with_oss_v2.py", "with_ali_oss.js"])
def test_the_vendors_clients(way: Way, script: str, version: str, scheme: str) -> None:
    if script.endswith(".js"):
        argv, extra = [installs.node()[0]], {"NODE_PATH": str(installs.node_modules())}
    else:
        argv, extra = [sys.executable], {}
    lines = run(way, [*argv, str(EXAMPLES / script)], OSS_SIGNATURE_VERSION=version, **extra)
    assert lines == ["read: Hello, Kowloon", "names: letters/hello.txt", "signed: Hello, Kowloon", REFUSED]
    assert schemes(way) == {scheme}


@pytest.mark.parametrize("script", ["with_oss2.py", "with_oss_v2.py"])
def test_python_over_https(way: Way, script: str) -> None:
    exports = way.environment("oss", "--https")
    # Python's own client reads the signed URL.
    argv, told = [sys.executable, str(EXAMPLES / script)], {**exports, "SSL_CERT_FILE": exports["KOWLOON_CA_BUNDLE"]}
    done = way.start(argv, told)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == REFUSED
    assert {request.scheme for request in way.requests} == {"https"}
    del told["REQUESTS_CA_BUNDLE"]
    refused = way.start(argv, told)
    assert refused.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr
    assert not way.requests


def test_ossfs(way: Way, bucket: Callable[[str], None]) -> None:
    bucket("greetings-ossfs")
    lines = run(way, [*installs.ossfs(), str(EXAMPLES / "with_ossfs.py")])
    names = "names: greetings-ossfs/letters/hello.txt"
    assert lines == ["read: Hello, Kowloon", names, "refused: FileNotFoundError"]


def test_opendal(way: Way, bucket: Callable[[str], None]) -> None:
    bucket("greetings-opendal")
    lines = run(way, [sys.executable, str(EXAMPLES / "with_opendal.py")])
    assert lines == ["read: Hello, Kowloon", "names: letters/hello.txt", "refused: NotFound"]
    assert schemes(way) == {"OSS"}
