"""What kind of call a request is: protocol style, and for OpenAPI calls action, version and answer format."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from kowloon.wire.http import HttpRequest

METADATA_HOST: Final = "100.100.100.200"


class Style(StrEnum):
    RPC = "RPC"
    ROA = "ROA"
    OSS = "OSS"
    SLS = "SLS"
    MNS = "MNS"
    OTS = "OTS"
    FC = "FC"
    METADATA = "METADATA"
    # No marker at all: nothing here can be called.
    UNKNOWN = "UNKNOWN"


class Format(StrEnum):
    JSON = "JSON"
    XML = "XML"


class Call(msgspec.Struct, frozen=True):
    """`action` and `version` are empty when the request does not name them."""

    style: Style
    action: str = ""
    version: str = ""
    format: Format = Format.JSON


_STYLE_OF_SCHEME: Final = {
    "OSS": Style.OSS,
    "OSS2": Style.OSS,
    "OSS4-HMAC-SHA256": Style.OSS,
    "LOG": Style.SLS,
    "SLS4-HMAC-SHA256": Style.SLS,
    "MNS": Style.MNS,
    "FC": Style.FC,
}
_OPENAPI_HEADERS: Final = ("x-acs-action", "x-acs-version", "x-acs-bearer-token")
_BUCKET_HOSTS: Final = ".localhost"
_VENDOR_HOSTS: Final = (".aliyuncs.com", ".dingtalk.com")
_OSS_QUERY_MARKERS: Final = ("x-oss-signature-version", "x-oss-credential")


def recognise(request: HttpRequest, params: Mapping[str, str]) -> Call:
    """The call that `request` is, `params` being its query and form. Never fails: what has no marker is UNKNOWN."""
    headers = request.fields
    style = _style(request, params, headers)
    if style is not Style.RPC and style is not Style.ROA:
        return Call(style)
    return Call(
        style,
        params.get("Action") or headers.get("x-acs-action", ""),
        params.get("Version") or headers.get("x-acs-version", ""),
        answer_format(params, headers),
    )


def is_object_call(request: HttpRequest) -> bool:
    """Whether a request is for the object store, told without decoding anything: signed for it, sent to one of its
    hosts, or without any marker of another style and with a path, as anonymous calls come to an address."""
    headers = request.fields
    authorization = headers.get("authorization")
    if authorization is not None:
        return authorization.startswith("OSS")
    query = request.query
    if is_presigned_object_call(request):
        return True
    if "Action=" in query or request.host == METADATA_HOST or any(name in headers for name in _OPENAPI_HEADERS):
        return False
    by_host = _style_of_host(request.host)
    if by_host is Style.UNKNOWN:
        on_bucket_host = request.host.endswith(_BUCKET_HOSTS)
        # No bucket's name begins with an underscore, but our own routes do.
        names_bucket = request.path not in ("", "/") and not request.path.startswith("/_")
        return on_bucket_host or (names_bucket and not request.host.endswith(_VENDOR_HOSTS))
    return by_host is Style.OSS


def is_presigned_object_call(request: HttpRequest) -> bool:
    """Whether the query says who signed, as the object store's URLs do."""
    query = request.query
    return "OSSAccessKeyId=" in query or any(f"{name}=" in query for name in _OSS_QUERY_MARKERS)


def answer_format(params: Mapping[str, str], headers: Mapping[str, str]) -> Format:
    """XML when asked for, and for RPC v1 calls that ask for nothing; JSON otherwise."""
    asked = params.get("Format")
    if asked is None:
        # A call named by parameter and not signed by header is the oldest style, whose default is XML.
        return Format.XML if "Action" in params and "authorization" not in headers else Format.JSON
    return Format.XML if asked.upper() == "XML" else Format.JSON


def _style(request: HttpRequest, params: Mapping[str, str], headers: Mapping[str, str]) -> Style:
    if request.host == METADATA_HOST:
        return Style.METADATA
    scheme = headers.get("authorization", "").lstrip().partition(" ")[0]
    if scheme.startswith("ACS3-") or scheme == "acs":
        return _openapi_style(request)
    by_scheme = _STYLE_OF_SCHEME.get(scheme)
    if by_scheme is not None:
        return by_scheme
    if "x-ots-apiversion" in headers or any(name.startswith("x-ots-signature") for name in headers):
        return Style.OTS
    if _is_presigned(params):
        return Style.OSS
    by_host = _style_of_host(request.host)
    named = "Action" in params and ("Version" in params or by_host is not Style.OSS)
    if named or any(name in headers for name in _OPENAPI_HEADERS):
        return _openapi_style(request)
    if by_host is Style.UNKNOWN and _is_post_object(request, headers):
        return Style.OSS
    return by_host


def _openapi_style(request: HttpRequest) -> Style:
    return Style.RPC if request.path in ("", "/") else Style.ROA


def _is_presigned(params: Mapping[str, str]) -> bool:
    return ("OSSAccessKeyId" in params and "Signature" in params) or any(name in params for name in _OSS_QUERY_MARKERS)


def _is_post_object(request: HttpRequest, headers: Mapping[str, str]) -> bool:
    return request.method == "POST" and headers.get("content-type", "").lower().startswith("multipart/form-data")


def _style_of_host(host: str) -> Style:
    """By a product's label anywhere in the name: `bucket.oss-cn-hangzhou.aliyuncs.com`, `project.cn-x.log.local`."""
    for label in host.split("."):
        if label == "oss" or label.startswith("oss-"):
            return Style.OSS
        if label in ("log", "sls"):
            return Style.SLS
        if label == "mns":
            return Style.MNS
        if label == "ots":
            return Style.OTS
    return Style.UNKNOWN
