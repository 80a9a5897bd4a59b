"""OSS errors: what the wire refuses, and any error as the XML answer that clients read."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

import msgspec

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import HEAD, element

XML_TYPE: Final = "application/xml"
_TROUBLESHOOT: Final = "https://api.aliyun.com/troubleshoot?q="


class OssError(ApiError):
    """An error with what OSS adds to it: `ec`, the detailed code, and `extra` elements of the document by name."""

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        ec: str = "",
        extra: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, status, message, headers=headers)
        self.ec = ec
        self.extra = dict(extra or {})


class OssErrorSpec(msgspec.Struct, frozen=True):
    """A row of an OSS error catalogue; `message` is a format template, fields are given when it is raised."""

    code: str
    status: int
    message: str
    ec: str = ""

    def error(
        self, *, extra: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **fields: object
    ) -> OssError:
        message = self.message.format(**fields)
        return OssError(self.code, self.status, message, ec=self.ec, extra=extra, headers=headers)


INVALID_BUCKET_NAME = OssErrorSpec("InvalidBucketName", 400, "The specified bucket is not valid.", "0016-00000001")
INVALID_OBJECT_NAME = OssErrorSpec("InvalidObjectName", 400, "The specified object is not valid.", "0016-00000005")
OBJECT_NAME_TOO_LONG = OssErrorSpec("InvalidObjectName", 400, "The Length of Object name must be less than 1024.")
INVALID_URI = OssErrorSpec("InvalidURI", 400, "Couldn't parse the specified URI.")
INVALID_QUERY = OssErrorSpec("InvalidArgument", 400, "The query string of the request is not well formed.")
TWO_SIGNATURES = OssErrorSpec(
    "InvalidArgument", 400, "Only one auth mechanism allowed: sign in the Authorization header or in the query string."
)
INVALID_AUTHORIZATION = OssErrorSpec("InvalidArgument", 400, "Authorization header is invalid.")
INVALID_CREDENTIAL = OssErrorSpec("InvalidArgument", 400, "The credential of the signature is invalid.")
INCOMPLETE_QUERY_SIGNATURE = OssErrorSpec(
    "AccessDenied", 403, "Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters."
)
INCOMPLETE_FORM_SIGNATURE = OssErrorSpec(
    "InvalidArgument", 400, "A signed form requires the OSSAccessKeyId and Signature fields."
)
INCOMPLETE_V4_QUERY = OssErrorSpec("InvalidArgument", 400, "Query-string authentication requires {name}.")
INVALID_DATE = OssErrorSpec("AccessDenied", 403, "OSS authentication requires a valid Date.", "0002-00000503")
INVALID_V4_DATE = OssErrorSpec("InvalidArgument", 400, "x-oss-date is invalid.", "0002-00000223")
INVALID_EXPIRES = OssErrorSpec("AccessDenied", 403, "Invalid date (should be seconds since epoch): {value}")
MISSING_V4_EXPIRES = OssErrorSpec(
    "InvalidArgument", 400, "x-oss-expires is required in query-string authentication.", "0002-00000215"
)
INVALID_V4_EXPIRES = OssErrorSpec("InvalidArgument", 400, "x-oss-expires should be between 1 and 604800 seconds.")
SIGNATURE_MISMATCH = OssErrorSpec(
    "SignatureDoesNotMatch",
    403,
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    "0002-00000040",
)
MALFORMED_XML = OssErrorSpec(
    "MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema."
)


def error_document(
    code: str, message: str, request_id: str, host_id: str, ec: str = "", extra: Mapping[str, str] | None = None
) -> bytes:
    """The `Error` document. Elements of `extra` stand between HostId and EC."""
    fields = {"Code": code, "Message": message, "RequestId": request_id, "HostId": host_id, **(extra or {})}
    if ec:
        fields |= {"EC": ec, "RecommendDoc": _TROUBLESHOOT + ec}
    return f"{HEAD}<Error>{''.join([element(*field) for field in fields.items()])}</Error>".encode()


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
    document = error_document(error.code, error.message, request_id, host_id, ec, extra)
    if method == "HEAD":
        headers.append(("x-oss-err", base64.b64encode(document).decode("ascii")))
        document = b""
    return HttpResponse(error.status, document, headers=headers, content_type=XML_TYPE)


def common_headers(request_id: str, server_time_ms: int) -> list[tuple[str, str]]:
    """What every answer carries besides the transport's own."""
    return [("Server", "AliyunOSS"), ("x-oss-request-id", request_id), ("x-oss-server-time", str(server_time_ms))]
