"""OSS errors: their form, and those that the wire itself refuses with. Products have catalogues of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from kowloon.core.errors import ApiError

if TYPE_CHECKING:
    from kowloon.wire.oss.xml import Content


class OssError(ApiError):
    """An error with what OSS adds to it: `ec`, the detailed code, and `extra` elements of the document by name."""

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        ec: str = "",
        extra: Mapping[str, Content] | None = None,
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
        self, *, extra: Mapping[str, Content] | None = None, headers: Mapping[str, str] | None = None, **fields: object
    ) -> OssError:
        message = self.message.format(**fields)
        return OssError(self.code, self.status, message, ec=self.ec, extra=extra, headers=headers)


INVALID_BUCKET_NAME = OssErrorSpec("InvalidBucketName", 400, "The specified bucket is not valid.", "0016-00000001")
INVALID_OBJECT_NAME = OssErrorSpec("InvalidObjectName", 400, "The specified object is not valid.", "0016-00000005")
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
INVALID_TAGGING = OssErrorSpec(
    "InvalidArgument", 400, "The tagging of the request is not well formed.", "0010-00000219"
)
INVALID_TAG_KEY = OssErrorSpec("InvalidTag", 400, "The TagKey you have provided is invalid.")
INVALID_TAG_VALUE = OssErrorSpec("InvalidTag", 400, "The TagValue you have provided is invalid.")
DUPLICATE_TAG_KEY = OssErrorSpec("InvalidTag", 400, "Cannot provide multiple Tags with the same key.")
TOO_MANY_TAGS = OssErrorSpec("InvalidTag", 400, "The number of tags cannot be greater than {most}.")
INVALID_COPY_SOURCE = OssErrorSpec("InvalidArgument", 400, "The copy source is not of the form /bucket/object.")
METADATA_TOO_LARGE = OssErrorSpec(
    "InvalidArgument", 400, "The size of your user metadata headers exceeds 8 KB.", "0011-00000002"
)
INVALID_RANGE = OssErrorSpec("InvalidRange", 416, "The requested range cannot be satisfied")
