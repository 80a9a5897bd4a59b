"""Answers of OpenAPI calls as bytes: JSON and XML, success and error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpResponse
from kowloon.wire.identify import Format

# Clients compare these texts, so no space after the semicolon.
JSON_TYPE: Final = "application/json;charset=utf-8"
XML_TYPE: Final = "text/xml;charset=utf-8"
_XML_HEAD: Final = "<?xml version='1.0' encoding='UTF-8'?>"
# Everything that XML 1.0 does not allow in a document, however escaped.
_FORBIDDEN_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")
_JSON_ENCODER: Final = msgspec.json.Encoder()


def encode_success(action: str, body: object, request_id: str, body_format: Format = Format.JSON) -> HttpResponse:
    """200 with `body` (a struct or mapping without RequestId) and its RequestId."""
    if body_format is Format.XML:
        payload = {"RequestId": request_id, **_mapping(body)}
        return _response(200, xml_document(f"{action}Response", payload), XML_TYPE, request_id)
    encoded = _JSON_ENCODER.encode(body)
    if not encoded.startswith(b"{"):
        raise TypeError(f"the answer of {action} must be an object, not {type(body).__name__}")
    separator = b"" if encoded == b"{}" else b","
    content = b'{"RequestId":' + _JSON_ENCODER.encode(request_id) + separator + encoded[1:]
    return _response(200, content, JSON_TYPE, request_id)


def encode_error(
    error: ApiError, *, request_id: str, host_id: str, product: str = "", body_format: Format = Format.JSON
) -> HttpResponse:
    """The vendor's error body. `Code` is never empty: one provider takes an empty code for every code."""
    code = error.code or "InternalError"
    recommend = f"https://api.aliyun.com/troubleshoot?q={_quoted(code)}&product={_quoted(product)}"
    fields: dict[str, object] = {
        "RequestId": request_id,
        "HostId": _encodable(host_id),
        "Code": _encodable(code),
        "Message": _encodable(error.message),
        "Recommend": recommend,
    }
    if error.detail:
        fields["AccessDeniedDetail"] = error.detail
    if body_format is Format.XML:
        response = _response(error.status, _error_document(fields, recommend), XML_TYPE, request_id)
    else:
        response = _response(error.status, _JSON_ENCODER.encode(fields), JSON_TYPE, request_id)
    response.headers.extend(error.headers.items())
    return response


def xml_document(root: str, payload: Mapping[str, object]) -> bytes:
    """A well-formed document whatever strings are inside; lists are repeated elements, None is left out."""
    parts = [_XML_HEAD]
    _append_element(parts, root, payload)
    return "".join(parts).encode()


def _error_document(fields: Mapping[str, object], recommend: str) -> bytes:
    parts = [_XML_HEAD, "<Error>"]
    for name, value in fields.items():
        if name == "Recommend":
            # The address is percent-encoded, so it cannot end the section.
            parts.append(f"<Recommend><![CDATA[{recommend}]]></Recommend>")
        else:
            _append_element(parts, name, value)
    parts.append("</Error>")
    return "".join(parts).encode()


def _append_element(parts: list[str], name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            _append_element(parts, name, item)
        return
    tag = _tag(name)
    parts.append(f"<{tag}>")
    if isinstance(value, Mapping):
        for key, child in value.items():
            _append_element(parts, str(key), child)
    else:
        parts.append(_text(value))
    parts.append(f"</{tag}>")


def _tag(name: str) -> str:
    """`name` when it is one, else the nearest element name: keys of maps can be anything."""
    safe = _NOT_IN_A_NAME.sub("_", name)
    return safe if safe[:1].isalpha() or safe[:1] == "_" else f"_{safe}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = _FORBIDDEN_IN_XML.sub("", str(value))
    # A bare carriage return would come back as a line feed.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _mapping(body: object) -> dict[str, Any]:
    plain = msgspec.to_builtins(body, str_keys=True)
    if not isinstance(plain, dict):
        raise TypeError(f"an answer must be an object, not {type(body).__name__}")
    return plain


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _quoted(text: str) -> str:
    return quote(_encodable(text), safe="")


def _response(status: int, content: bytes, content_type: str, request_id: str) -> HttpResponse:
    headers = [("Content-Type", content_type), ("x-acs-request-id", request_id)]
    return HttpResponse(status, content, headers=headers)
