"""Callbacks: what users' servers are told of uploads, how it is signed, and what uploaders get back."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import MD5
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.services.oss.parts import Owner, refused
from tests.services.oss.test_post_object import encoded, error_of, post, signed_v1


class Told(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        parsed = parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=True)
        return {name: values[0] for name, values in parsed.items()}


class CallbackServer:
    """A user's server on loopback, as the vendor's examples have it."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.status = 200
        self.answer = b'{"Status":"OK"}'
        self.before: Callable[[], None] = lambda: None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.told.append(Told(self.path, headers, body))
                server.before()
                self.send_response(404 if self.path.startswith("/missing") else server.status)
                self.send_header("Content-Length", str(len(server.answer)))
                self.end_headers()
                self.wfile.write(server.answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Of clients that have gone nothing is said."""

        self.http = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def server() -> Iterator[CallbackServer]:
    server = CallbackServer()
    yield server
    server.http.shutdown()
    server.http.server_close()


def as_text(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


BODY = (
    "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}&crc64=${crc64}"
    "&contentMd5=${contentMd5}&clientIp=${clientIp}&reqId=${reqId}&operation=${operation}&vpcId=${vpcId}"
    "&mine=${x:mine}&none=${x:none}"
)


def asking(url: str, **changes: Any) -> dict[str, str]:
    callback = {"callbackUrl": url, "callbackBody": BODY, **changes}
    return {"x-oss-callback": as_text(callback), "x-oss-callback-var": as_text({"x:mine": "a b&c/ä"})}


def is_signed(told: Told) -> bool:
    """As the vendor's examples check it, with the key from where the callback says."""
    key_url = base64.b64decode(told.headers["x-oss-pub-key-url"]).decode()
    key = load_pem_public_key(httpx.get(key_url, trust_env=False).content)
    assert isinstance(key, RSAPublicKey)
    path, mark, query = told.path.partition("?")
    signed = f"{unquote(path)}{mark}{query}\n".encode() + told.body
    key.verify(base64.b64decode(told.headers["authorization"]), signed, PKCS1v15(), MD5())
    return True


def test_a_put_is_told_and_its_answer_passed_on(owner: Owner, server: CallbackServer) -> None:
    bucket = owner.bucket()
    server.answer = '{"Status": "接收"}'.encode()
    headers = {**asking(f"{server.url}/cb/%E4%B8%AD?a=1&b=%20", callbackHost="app.example.com"), "Content-Type": "a/b"}
    result = bucket.put_object("k/ä b", b"hello", headers=headers)
    assert (result.status, result.resp.read()) == (200, server.answer)
    assert result.headers["Content-Type"] == "application/json"
    (told,) = server.told
    assert told.path == "/cb/%E4%B8%AD?a=1&b=%20"
    assert told.headers["host"] == "app.example.com"
    assert told.headers["content-type"] == "application/x-www-form-urlencoded"
    assert told.headers["user-agent"] == "aliyun-oss-callback"
    assert told.form == {
        "bucket": bucket.bucket_name,
        "object": "k/ä b",
        "etag": result.etag,
        "size": "5",
        "mimeType": "a/b",
        "crc64": str(result.crc),
        "contentMd5": result.headers["Content-MD5"],
        "clientIp": "127.0.0.1",
        "reqId": result.request_id,
        "operation": "PutObject",
        "vpcId": "",
        "mine": "a b&c/ä",
        "none": "",
    }
    assert is_signed(told)
    assert bucket.get_object("k/ä b").read() == b"hello"


def test_bodies_as_json(owner: Owner, server: CallbackServer) -> None:
    bucket = owner.bucket()
    template = '{"object":${object},"size":${size},"mime":${mimeType},"mine":${x:mine},"h":${imageInfo.height}}'
    headers = asking(server.url, callbackBody=template, callbackBodyType="application/json")
    bucket.put_object('a"b', b"hello", headers=headers)
    (told,) = server.told
    assert told.headers["content-type"] == "application/json"
    assert json.loads(told.body) == {
        "object": 'a"b',
        "size": 5,
        "mime": "application/octet-stream",
        "mine": "a b&c/ä",
        "h": "",
    }
    assert is_signed(told)


def test_the_second_generation_and_queries(owner: Owner, server: CallbackServer) -> None:
    bucket = owner.bucket()
    client = owner.v2()
    callback = {"callbackUrl": server.url, "callbackBody": "o=${object}&m=${x:mine}"}
    variables = as_text({"x:mine": "1"})
    result = client.put_object(
        oss_v2.PutObjectRequest(
            bucket=bucket.bucket_name, key="k", body=b"1", callback=as_text(callback), callback_var=variables
        )
    )
    assert json.loads(result.callback_result) == {"Status": "OK"}
    params = {"callback": as_text(callback), "callback-var": variables}
    url = bucket.sign_url("PUT", "q", 60, params=params, slash_safe=True)
    response = httpx.put(url, content=b"1", trust_env=False)
    assert (response.status_code, response.json()) == (200, {"Status": "OK"})
    assert [told.body for told in server.told] == [b"o=k&m=1", b"o=q&m=1"]


def test_a_completed_upload_is_told(owner: Owner, server: CallbackServer) -> None:
    bucket = owner.bucket()
    upload = bucket.init_multipart_upload("k", headers={"Content-Type": "a/b"}).upload_id
    part = bucket.upload_part("k", upload, 1, b"x" * 300_000)
    parts = [oss2.models.PartInfo(1, part.etag)]
    result = bucket.complete_multipart_upload("k", upload, parts, headers=asking(server.url))
    assert result.resp.response.content == b'{"Status":"OK"}'
    form = server.told[0].form
    assert (form["operation"], form["size"], form["mimeType"]) == ("CompleteMultipartUpload", "300000", "a/b")
    assert form["etag"] == bucket.head_object("k").etag


def test_a_form_is_told_with_its_own_fields(owner: Owner, server: CallbackServer) -> None:
    bucket = owner.bucket()
    fields = {
        "key": "k",
        **signed_v1(owner, encoded([])),
        "callback": asking(server.url)["x-oss-callback"],
        "x:mine": "1",
        "success_action_status": "201",
    }
    response = post(owner, bucket.bucket_name, fields)
    assert (response.status_code, response.json()) == (200, {"Status": "OK"})
    form = server.told[0].form
    assert (form["operation"], form["mine"], form["object"], form["mimeType"]) == ("PostObject", "1", "k", "text/plain")


def failed(owner: Owner, bucket: oss2.Bucket, headers: dict[str, str]) -> str:
    """The message of a callback that fails after an upload that does not."""
    url = bucket.sign_url("PUT", "failed", 60, headers=headers, slash_safe=True)
    response = httpx.put(url, content=b"stored", headers=headers, trust_env=False)
    status, code, message = error_of(response)
    assert (status, code) == (203, "CallbackFailed")
    assert response.headers["ETag"] == f'"{bucket.head_object("failed").etag}"'
    assert bucket.get_object("failed").read() == b"stored"
    return message


def test_when_the_server_fails_the_object_is_stored(owner: Owner, server: CallbackServer) -> None:
    bucket = owner.bucket()
    server.status = 500
    assert failed(owner, bucket, asking(server.url)) == "Error status : 500."
    server.status = 302
    assert failed(owner, bucket, asking(server.url)) == "Error status : 302."
    server.status, server.answer = 200, b"OK"
    assert failed(owner, bucket, asking(server.url)) == "Response body is not valid json format."
    server.answer = b'"' + b"x" * (3 * 1024 * 1024) + b'"'
    assert failed(owner, bucket, asking(server.url)).startswith("Error status : 400.User server return too long")
    assert failed(owner, bucket, asking("http://127.0.0.1:1/")) == "Error status : 502."
    # What is on TLS is not.
    assert failed(owner, bucket, asking(server.url.replace("http", "https"))) == "Error status : 502."


def test_a_server_that_is_silent(owner: Owner, server: CallbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.services.oss.uploads.callback_sender.TIMEOUT_S", 0.2)
    silence = threading.Event()
    server.before = lambda: silence.wait(10) and None
    try:
        assert failed(owner, owner.bucket(), asking(server.url)) == "Cost too long time."
    finally:
        silence.set()


@pytest.mark.parametrize("host", ["100.100.100.200", "169.254.169.254", "10.1.2.3", "[fe80::1]", "0.0.0.0"])
def test_addresses_that_are_never_called(owner: Owner, host: str) -> None:
    assert failed(owner, owner.bucket(), asking(f"http://{host}/")) == "Private address is forbidden to callback."


def test_this_cloud_is_never_called(owner: Owner) -> None:
    for url in (owner.url, f"http://localhost:{owner.cloud.cloud.port}/_admin/reset", f"{owner.cloud.endpoint}/x"):
        assert failed(owner, owner.bucket(), asking(url)) == "Private address is forbidden to callback."


def test_urls_are_tried_in_turn(owner: Owner, server: CallbackServer) -> None:
    bucket = owner.bucket()
    urls = f"http://127.0.0.1:1/;{server.url}/missing;{server.url[7:]}/there;{server.url}/never"
    result = bucket.put_object("k", b"1", headers=asking(urls))
    assert result.resp.read() == b'{"Status":"OK"}'
    assert [told.path for told in server.told] == ["/missing", "/there"]


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        ("%%%", "The callback configuration is not base64 encoded."),
        (base64.b64encode(b"{").decode(), "The callback configuration is not json format."),
        (as_text([1]), "The callback configuration is not json format."),
        (as_text({"callbackUrl": "http://a:test/", "callbackBody": "a"}), "The callbackUrl is not valid"),
        (as_text({"callbackUrl": "ftp://a/", "callbackBody": "a"}), "The callbackUrl is not valid"),
        (as_text({"callbackUrl": "http://a/\r\nX: 1", "callbackBody": "a"}), "The callbackUrl is not valid"),
        (as_text({"callbackUrl": "a;" * 6, "callbackBody": "a"}), "more than 5 URLs"),
        (as_text({"callbackUrl": "http://a/", "callbackBody": ""}), "The callbackBody is empty."),
        (as_text({"callbackUrl": "http://a/", "callbackBody": "a", "callbackBodyType": "a/b"}), "callbackBodyType"),
        (as_text({"callbackUrl": "http://a/", "callbackBody": "a", "callbackHost": "a\r\nb"}), "callbackHost"),
        (as_text({"callbackUrl": "http://a/", "callbackBody": "a" * 6000}), "longer than 5120 bytes"),
    ],
)
def test_what_cannot_be_understood_stops_the_upload(owner: Owner, callback: str, message: str) -> None:
    bucket = owner.bucket()
    for size_bytes in (1, 1_000_000):
        details = refused(
            lambda size_bytes=size_bytes: bucket.put_object(
                "k", b"1" * size_bytes, headers={"x-oss-callback": callback}
            ),
            400,
            "InvalidArgument",
            message,
        )
        assert details["ArgumentName"] == "callback"
    fields = {"key": "k", **signed_v1(owner, encoded([])), "callback": callback}
    status, code, found = error_of(post(owner, bucket.bucket_name, fields))
    assert (status, code) == (400, "InvalidArgument")
    assert message in found
    assert not bucket.object_exists("k")


def test_variables_have_names_of_their_own(owner: Owner, server: CallbackServer) -> None:
    headers = {**asking(server.url), "x-oss-callback-var": as_text({"mine": "1"})}
    message = "The names of callback variables must begin with x: in lower case: mine"
    refused(lambda: owner.bucket().put_object("k", b"1", headers=headers), 400, "InvalidArgument", message)


def test_no_url_is_no_callback(owner: Owner) -> None:
    bucket = owner.bucket()
    result = bucket.put_object("k", b"1", headers=asking(""))
    assert (result.status, result.resp.read()) == (200, b"")


def test_who_reaches_the_vendors_names_is_told_the_vendors_key_host(owner: Owner, server: CallbackServer) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_acl("public-read-write")
    host = f"{bucket.bucket_name}.oss-cn-hongkong.aliyuncs.com"
    response = httpx.put(f"{owner.url}/k", content=b"1", headers={"Host": host, **asking(server.url)}, trust_env=False)
    assert response.json() == {"Status": "OK"}
    key_url = base64.b64decode(server.told[0].headers["x-oss-pub-key-url"]).decode()
    assert key_url.startswith("http://gosspublic.alicdn.com/")
    through = httpx.Client(proxy=owner.url, trust_env=False)
    assert b"BEGIN PUBLIC KEY" in through.get(key_url).content
