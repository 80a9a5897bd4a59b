"""Fetches: what the service gets from elsewhere for a bucket, how tasks end, and who is told."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import oss2
import pytest
from oss2.models import AsyncFetchTaskConfiguration

from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from kowloon.services.oss.uploads.async_fetch import MOST_UNDER_WAY, FetchTask
from kowloon.services.oss.uploads.async_fetch_run import FetchRuns
from kowloon.store.store import Transaction
from tests.helpers import eventually
from tests.services.oss.callers import policy, role, same, stranger
from tests.services.oss.parts import Owner, refused
from tests.services.oss.test_callback import CallbackServer, as_text, server

__all__ = ["server"]

LARGE = bytes(range(256)) * 12_000


class Source:
    """A server that objects are fetched from, on loopback; `held` ones are answered once they are let go."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.let_go = threading.Event()
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                source.asked.append((self.path, self.headers["Host"]))
                body = LARGE if self.path.startswith("/large") else b"123"
                if self.path.startswith("/held"):
                    source.let_go.wait(20)
                self.send_response(404 if self.path == "/missing" else 302 if self.path == "/moved" else 200)
                if self.path == "/moved":
                    self.send_header("Location", "/small")
                self.send_header("Content-Type", "text/x-source")
                self.send_header("Content-Length", str(len(body) + (5 if self.path == "/cut" else 0)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.let_go.set()
    source.http.shutdown()
    source.http.server_close()


def put(bucket: oss2.Bucket, url: str, key: str = "got", **more: Any) -> str:
    return bucket.put_async_fetch_task(AsyncFetchTaskConfiguration(url, key, **more)).task_id


def until(bucket: oss2.Bucket, task_id: str, holds: Callable[[str], bool]) -> Any:
    def look() -> Any:
        task = bucket.get_async_fetch_task(task_id)
        assert holds(task.task_state), (task.task_state, task.error_msg)
        return task

    return eventually(look)


def ended(bucket: oss2.Bucket, task_id: str) -> Any:
    return until(bucket, task_id, lambda state: state not in ("Running", "Retry"))


def outcome(bucket: oss2.Bucket, url: str, **more: Any) -> tuple[str, str]:
    task = ended(bucket, put(bucket, url, **more))
    return task.task_state, task.error_msg


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


@pytest.mark.parametrize(("path", "body"), [("/small", b"123"), ("/large", LARGE)], ids=["small", "large"])
@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_what_is_fetched_is_an_object(owner: Owner, source: Source, path: str, body: bytes, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    task_id = put(bucket, source.url + path, "a/got", content_md5=md5(body), host="its.name")
    task = ended(bucket, task_id)
    assert (task.task_id, task.task_state, task.error_msg) == (task_id, "Success", "")
    wanted = task.task_config
    assert (wanted.url, wanted.object_name, wanted.host) == (source.url + path, "a/got", "its.name")
    assert (wanted.content_md5, wanted.callback, wanted.ignore_same_key) == (md5(body), "", True)
    assert source.asked == [(path, "its.name")]
    found = bucket.get_object("a/got")
    assert found.read() == body
    assert found.headers["Content-Type"] == "text/x-source"
    assert found.headers["ETag"] == f'"{hashlib.md5(body).hexdigest().upper()}"'


def test_what_is_there_stays_unless_it_may_be_replaced(bucket: oss2.Bucket, source: Source) -> None:
    bucket.put_object("got", b"before")
    message = "The object you specified already exists."
    refused(lambda: put(bucket, f"{source.url}/small"), 400, "ObjectAlreadyExists", message)
    with pytest.raises(oss2.exceptions.ObjectAlreadyExists):
        put(bucket, f"{source.url}/small", ignore_same_key=True)
    assert outcome(bucket, f"{source.url}/small", ignore_same_key=False) == ("Success", "")
    assert bucket.get_object("got").read() == b"123"


def test_what_comes_while_it_is_fetched_stays(bucket: oss2.Bucket, source: Source) -> None:
    task_id = put(bucket, f"{source.url}/held")
    assert bucket.get_async_fetch_task(task_id).task_state == "Running"
    bucket.put_object("got", b"first")
    source.let_go.set()
    task = ended(bucket, task_id)
    assert (task.task_state, task.error_msg) == ("Failed", "The object already exists.")
    assert bucket.get_object("got").read() == b"first"


def test_versions_are_kept(bucket: oss2.Bucket, source: Source) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    bucket.put_object("got", b"before")
    assert outcome(bucket, f"{source.url}/small", ignore_same_key=False) == ("Success", "")
    assert len(bucket.list_object_versions().versions) == 2
    bucket.delete_object("got")
    assert outcome(bucket, f"{source.url}/small") == ("Success", "")


FAILURES = [
    ("/missing", {}, "The source answered with status 404."),
    ("/moved", {}, "The source answered with status 302."),
    ("/cut", {}, "The source cannot be fetched: no answer"),
    ("/small", {"content_md5": md5(b"other")}, "The content of the source does not match the ContentMD5 of the task."),
    ("/large", {"content_md5": md5(b"other")}, "The content of the source does not match the ContentMD5 of the task."),
]


@pytest.mark.parametrize(("path", "more", "message"), FAILURES, ids=[f"{p} {bool(m)}" for p, m, _ in FAILURES])
def test_a_task_says_why_it_failed(
    bucket: oss2.Bucket, source: Source, path: str, more: dict[str, Any], message: str
) -> None:
    state, error = outcome(bucket, source.url + path, **more)
    assert state == "Failed"
    assert error.startswith(message)
    assert not bucket.object_exists("got")


def test_what_is_out_of_bounds_is_not_called(owner: Owner, bucket: oss2.Bucket) -> None:
    for host in (owner.cloud.endpoint, "100.100.100.200", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]"):
        state, error = outcome(bucket, f"http://{host}/")
        assert (state, "is not an address that may be called" in error) == ("Failed", True), host
    state, error = outcome(bucket, "http://name.invalid/")
    assert (state, error) == ("Failed", "The source cannot be fetched: name.invalid is not known.")


BODY = "object=${object}&etag=${etag}&size=${size}&operation=${operation}&bucket=${bucket}"


def test_who_is_named_is_told(bucket: oss2.Bucket, source: Source, server: CallbackServer) -> None:
    callback = as_text({"callbackUrl": f"{server.url}/told", "callbackBody": BODY})
    task = ended(bucket, put(bucket, f"{source.url}/small", callback=callback))
    assert (task.task_state, task.task_config.callback) == ("Success", callback)
    [told] = server.told
    assert told.form == {
        "object": "got",
        "etag": hashlib.md5(b"123").hexdigest().upper(),
        "size": "3",
        "operation": "PutAsyncFetchTask",
        "bucket": bucket.bucket_name,
    }
    assert told.headers["x-oss-bucket"] == bucket.bucket_name
    # Who is not there is not told, but the object is.
    server.status = 500
    state, error = outcome(bucket, f"{source.url}/small", key="other", callback=callback)
    assert (state, error) == ("FetchSuccessCallbackFailed", "Error status : 500.")
    assert bucket.get_object("other").read() == b"123"


def test_of_failures_who_asked_for_it_is_told(bucket: oss2.Bucket, source: Source, server: CallbackServer) -> None:
    callback = as_text({"callbackUrl": server.url, "callbackBody": BODY})
    assert outcome(bucket, f"{source.url}/missing", callback=callback)[0] == "Failed"
    assert server.told == []
    assert outcome(bucket, f"{source.url}/missing", callback=callback, callback_when_failed=True)[0] == "Failed"
    [told] = server.told
    assert (told.form["object"], told.form["etag"]) == ("got", "")


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"url": "ftp://host/"}, "InvalidArgument", "The value of Url is not valid."),
    ({"url": ""}, "InvalidArgument", "The value of Url is not valid."),
    ({"url": "http://a:b@host/"}, "InvalidArgument", "The value of Url is not valid."),
    ({"key": ""}, "InvalidObjectName", "The specified object is not valid."),
    ({"key": "/a"}, "InvalidObjectName", "The specified object is not valid."),
    ({"key": "x" * 1024}, "InvalidObjectName", "The specified object is not valid."),
    ({"host": "a\nb"}, "InvalidArgument", "The value of Host is not valid."),
    ({"content_md5": "abc"}, "InvalidArgument", "The value of ContentMD5 is not valid."),
    ({"callback": "%"}, "InvalidArgument", "The callback configuration is not base64 encoded."),
    ({"callback": as_text({})}, "InvalidArgument", "The callback names no URL."),
    ({"ignore_same_key": "perhaps"}, "MalformedXML", "The XML you provided was not well-formed"),
]


@pytest.mark.parametrize(("asked", "code", "message"), WRONG, ids=[str(each[0])[:40] for each in WRONG])
def test_what_is_no_task_is_refused(bucket: oss2.Bucket, asked: dict[str, Any], code: str, message: str) -> None:
    wanted = {"url": "http://127.0.0.1:1/", "key": "got", **asked}
    refused(lambda: put(bucket, wanted.pop("url"), **wanted), 400, code, message)


def test_tasks_are_known_to_their_bucket_only(owner: Owner, bucket: oss2.Bucket, source: Source) -> None:
    task_id = put(bucket, f"{source.url}/small")
    message = "The specified async fetch task does not exist."
    refused(lambda: owner.bucket().get_async_fetch_task(task_id), 404, "NoSuchAsyncFetchTask", message)
    refused(lambda: bucket.get_async_fetch_task("0" * 32), 404, "NoSuchAsyncFetchTask", message)
    refused(lambda: bucket.get_async_fetch_task(""), 400, "MissingArgument", "Missing Some Required Arguments.")
    ended(bucket, task_id)


def test_only_who_may_write_the_object_has_it_fetched(owner: Owner, bucket: oss2.Bucket, source: Source) -> None:
    who = stranger(owner)
    other = same(bucket, who)
    for each in (other, same(bucket, role(owner, "fetch-nobody"))):
        refused(lambda each=each: put(each, f"{source.url}/small"), 403, "AccessDenied", "The bucket you access does")
        refused(
            lambda each=each: each.get_async_fetch_task("0" * 32),
            403,
            "AccessDenied",
            "The bucket you access does not belong to you.",
        )
    allowed = {"Effect": "Allow", "Action": ["oss:PutAsyncFetchTask", "oss:GetAsyncFetchTask"], "Principal": ["*"]}
    resources = [f"acs:oss:*:*:{bucket.bucket_name}", f"acs:oss:*:*:{bucket.bucket_name}/*"]
    bucket.put_bucket_policy(policy({**allowed, "Resource": resources}))
    refused(lambda: put(other, f"{source.url}/small"), 403, "AccessDenied", "You have no right to access this object")
    allowed["Action"].append("oss:PutObject")
    bucket.put_bucket_policy(policy({**allowed, "Resource": resources}))
    assert outcome(other, f"{source.url}/small") == ("Success", "")


def test_what_is_kept_forever_is_not_replaced(bucket: oss2.Bucket, source: Source) -> None:
    bucket.put_object("got", b"kept")
    bucket.init_bucket_worm(1)
    refused(
        lambda: put(bucket, f"{source.url}/small", ignore_same_key=False),
        409,
        "FileImmutable",
        "The object you specified is immutable.",
    )
    bucket.abort_bucket_worm()
    assert outcome(bucket, f"{source.url}/small", ignore_same_key=False) == ("Success", "")


# Time and zones -------------------------------------------------------------------------------------------------------


def zone_of(alone: Owner, bucket: oss2.Bucket) -> str:
    found = alone.cloud.cloud.store.get(Bucket, bucket.bucket_name)
    assert found is not None
    return found.zones[0]


def test_a_task_waits_for_its_zone(alone: Owner, source: Source) -> None:
    bucket = alone.bucket()
    storage, zone = alone.cloud.cloud.storage, zone_of(alone, bucket)
    task_id = put(bucket, f"{source.url}/held")
    alone.cloud.call(lambda: storage.set_mode(zone, ZoneMode.READ_ONLY))
    source.let_go.set()
    until(bucket, task_id, lambda state: state == "Retry")
    alone.cloud.call(lambda: storage.set_mode(zone, ZoneMode.SERVING))
    assert ended(bucket, task_id).task_state == "Success"
    assert bucket.get_object("got").read() == b"123"


def test_tasks_are_forgotten_after_three_days_and_with_their_bucket(alone: Owner, source: Source) -> None:
    bucket, other = alone.bucket(), alone.bucket()
    task_id = put(bucket, f"{source.url}/small")
    ended(bucket, task_id)
    put(other, f"{source.url}/held")
    other.delete_bucket()
    source.let_go.set()
    store = alone.cloud.cloud.store
    alone.cloud.run(alone.cloud.cloud.clock.skip(3 * 24 * 3600.0 + 60))
    eventually(lambda: not store.list(FetchTask))
    refused(lambda: bucket.get_async_fetch_task(task_id), 404, "NoSuchAsyncFetchTask", "The specified async fetch")


def test_so_many_may_be_under_way(alone: Owner, source: Source) -> None:
    bucket = alone.bucket()
    store, busy = alone.cloud.cloud.store, FetchRuns.workers
    tasks = [put(bucket, f"{source.url}/held", key=f"held-{number}") for number in range(busy)]
    eventually(lambda: len(source.asked) >= busy)
    task = store.get(FetchTask, tasks[0])
    assert task is not None

    def body(tx: Transaction) -> None:
        """What nobody is free for."""
        for number in range(MOST_UNDER_WAY - busy):
            tx.put(msgspec.structs.replace(task, id=f"t{number}", url="http://127.0.0.1:1/"))

    alone.cloud.run(store.run(body))
    message = f"The number of async fetch tasks under way is beyond the limit of {MOST_UNDER_WAY}."
    refused(lambda: put(bucket, f"{source.url}/held", key="more"), 400, "TooManyAsyncFetchTasks", message)
    source.let_go.set()
