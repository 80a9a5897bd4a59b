from __future__ import annotations

import base64

import pytest

from kowloon.core.errors import ApiError
from kowloon.wire.oss.answers import common_lines, error_document, error_response
from kowloon.wire.oss.errors import OssErrorSpec
from kowloon.wire.oss.xml import parse

REQUEST_ID = "5C3D9175B6FC201293AD4890"
NO_SUCH_KEY = OssErrorSpec("NoSuchKey", 404, "The specified key {what} not exist.", "0026-00000001")


def test_the_document() -> None:
    text = error_document("NoSuchKey", "No <key>.", REQUEST_ID, "b.oss", "0026-00000001", {"Key": "a&b"}).decode()
    assert text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>No &lt;key&gt;.</Message>'
        f"<RequestId>{REQUEST_ID}</RequestId><HostId>b.oss</HostId><Key>a&amp;b</Key><EC>0026-00000001</EC>"
        "<RecommendDoc>https://api.aliyun.com/troubleshoot?q=0026-00000001</RecommendDoc></Error>"
    )


def test_the_response() -> None:
    error = NO_SUCH_KEY.error(what="does", extra={"Key": "k"}, headers={"x-oss-delete-marker": "true"})
    response = error_response(error, method="GET", request_id=REQUEST_ID, host_id="b.oss", server_time_ms=7)
    assert response.status == 404
    assert response.lines.split("\r\n") == [
        "Server: AliyunOSS",
        f"x-oss-request-id: {REQUEST_ID}",
        "x-oss-server-time: 7",
        "",
    ]
    assert dict(response.headers) == {
        "x-oss-ec": "0026-00000001",
        "x-oss-delete-marker": "true",
        "Content-Type": "application/xml",
    }
    root = parse(response.body)
    assert (root.name, root.text("Code"), root.text("Key")) == ("Error", "NoSuchKey", "k")
    assert root.text("Message") == "The specified key does not exist."


def test_head_has_the_document_in_a_header() -> None:
    error = NO_SUCH_KEY.error(what="does")
    response = error_response(error, method="HEAD", request_id=REQUEST_ID, host_id="b.oss")
    assert (response.status, response.body) == (404, b"")
    root = parse(base64.b64decode(dict(response.headers)["x-oss-err"]))
    assert (root.text("Code"), root.text("EC"), root.text("RequestId")) == ("NoSuchKey", "0026-00000001", REQUEST_ID)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_not_modified_has_none(method: str) -> None:
    error = ApiError("NotModified", 304, "Not Modified", headers={"ETag": '"A"'})
    response = error_response(error, method=method, request_id=REQUEST_ID, host_id="b.oss")
    assert (response.status, response.body) == (304, b"")
    assert (response.lines, response.headers) == (common_lines(REQUEST_ID, 0), [("ETag", '"A"')])


def test_errors_of_other_layers_have_no_ec() -> None:
    error = ApiError("InternalError", 500, "We encountered an internal error.")
    response = error_response(error, method="PUT", request_id=REQUEST_ID, host_id="h")
    assert "x-oss-ec" not in dict(response.headers)
    assert parse(response.body).child("EC") is None
