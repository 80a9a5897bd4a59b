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
    headers = [("x-oss-ec", ec)] if ec else []
    headers.extend(error.headers.items())
    lines = common_lines(request_id, server_time_ms)
    if error.status == 304:
        return HttpResponse(304, headers=headers, lines=lines)
    content = error_document(error.code, error.message, request_id, host_id, ec, extra)
    if method == "HEAD":
        headers.append(("x-oss-err", base64.b64encode(content).decode("ascii")))
        content = b""
    return HttpResponse(error.status, content, headers=headers, lines=lines, content_type=XML_TYPE)


def common_lines(request_id: str, server_time_ms: int) -> str:
    """The headers that every answer carries besides the transport's own, rendered."""
    return f"Server: AliyunOSS\r\nx-oss-request-id: {request_id}\r\nx-oss-server-time: {server_time_ms}\r\n"
