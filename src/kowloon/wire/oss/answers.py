"""Answers of OSS that every call shares: the common headers, and errors as the document that clients read."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.errors import OssError
from kowloon.wire.oss.xml import Content, document, elements

XML_TYPE: Final = "application/xml"
_TROUBLESHOOT: Final = "https://api.aliyun.com/troubleshoot?q="


def error_document(
    code: str, message: str, request_id: str, host_id: str, ec: str = "", extra: Mapping[str, Content] | None = None
) -> bytes:
    """The `Error` document. Elements of `extra` stand between HostId and EC."""
    fields: dict[str, Content] = {
        "Code": code,
        "Message": message,
        "RequestId": request_id,
        "HostId": host_id,
        **(extra or {}),
    }
    if ec:
        fields |= {"EC": ec, "RecommendDoc": _TROUBLESHOOT + ec}
    return document("Error", elements(fields))


def error_response(
    error: ApiError, *, method: str, request_id: str, host_id: str, server_time_ms: int = 0
) -> HttpResponse:
    """The answer to a request that failed: the document in the body, for HEAD in `x-oss-err`, for 304 nowhere.

    `request_id`: 24 upper-case hex digits; `host_id`: the host name asked; `server_time_ms`: how long it took.
    """
    ec = error.ec if isinstance(error, OssError) else ""
    extra = error.extra if isinstance(error, OssError) else {}
    headers = common_headers(request_id, server_time_ms)
    if ec:
        headers.append(("x-oss-ec", ec))
    headers.extend(error.headers.items())
    if error.status == 304:
        return HttpResponse(304, headers=headers)
    content = error_document(error.code, error.message, request_id, host_id, ec, extra)
    if method == "HEAD":
        headers.append(("x-oss-err", base64.b64encode(content).decode("ascii")))
        content = b""
    return HttpResponse(error.status, content, headers=headers, content_type=XML_TYPE)


def common_headers(request_id: str, server_time_ms: int) -> list[tuple[str, str]]:
    """What every answer carries besides the transport's own."""
    return [("Server", "AliyunOSS"), ("x-oss-request-id", request_id), ("x-oss-server-time", str(server_time_ms))]
