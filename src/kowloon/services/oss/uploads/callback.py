"""Callbacks: once an upload is stored, a server that its sender names is told, and what it answers is the answer.

They are asked for in a header, in the query, or in a form; PutObject, PostObject and CompleteMultipartUpload know them.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

import msgspec

from kowloon.engines.dialler import check_url
from kowloon.services.oss import answers
from kowloon.services.oss.call import Call
from kowloon.services.oss.images.processing import image_info
from kowloon.services.oss.product import Answer, Later, oss
from kowloon.services.oss.resources import BucketSetting, Meta
from kowloon.services.oss.uploads.callback_sender import (
    PUBLIC_KEY_HOST,
    PUBLIC_KEY_PATH,
    CallbackFailed,
    CallbackSender,
    Posting,
)
from kowloon.services.oss.uploads.post_errors import (
    CALLBACK_BODY,
    CALLBACK_BODY_TYPE,
    CALLBACK_FAILED,
    CALLBACK_HOST,
    CALLBACK_NOT_BASE64,
    CALLBACK_NOT_JSON,
    CALLBACK_POLICY,
    CALLBACK_TOO_LONG,
    CALLBACK_URL,
    CALLBACK_URLS,
    CALLBACK_VARIABLE,
)
from kowloon.wire.http import HttpResponse

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"
_MOST_URLS = 5
_MOST_BYTES = 5 * 1024
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_HOST = re.compile(r"[A-Za-z0-9._\[\]:-]+")


class Callback(NamedTuple):
    """`variables` by their whole name, `x:…`."""

    urls: tuple[str, ...]
    host: str
    body: str
    body_type: str
    send_sni: bool
    variables: dict[str, str]


class NamedCallback(msgspec.Struct, frozen=True, array_like=True):
    """One that uploads ask for by its name; as it was put, which is as an upload would send it."""

    name: str
    callback: str
    variables: str


class CallbackPolicy(BucketSetting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "oss-callback-policy"

    items: tuple[NamedCallback, ...]


oss.setting(CallbackPolicy)


def check_callback(call: Call) -> None:
    """Refuses an upload whose callback cannot be understood, before its bytes come."""
    wanted_callback(call)


def wanted_callback(call: Call) -> Callback | None:
    """What the call asks for, itself or by the name of one that its bucket keeps; None when it asks for none.
    400 InvalidArgument."""
    text = call.form.get("callback") or call.headers.get("x-oss-callback") or call.query.get("callback")
    if not text:
        return None
    name = _decoded("callback", text).get("callbackPolicy")
    if name is None:
        return read_callback(text, _variables(call))
    setting = call.parts.store.get(CallbackPolicy, call.bucket.id)
    kept = next((item for item in setting.items if item.name == name), None) if setting is not None else None
    if kept is None:
        raise _refused(CALLBACK_POLICY, "callback", text, name=name)
    return read_callback(kept.callback, read_variables(kept.variables) | _variables(call))


def read_callback(text: str, variables: dict[str, str]) -> Callback | None:
    """A callback as it is sent: base64 of JSON; None for one without a URL. 400 InvalidArgument."""
    document = _decoded("callback", text)
    url = document.get("callbackUrl") or ""
    if not isinstance(url, str):
        raise _refused(CALLBACK_URL, "callback", text, url=url)
    if not url.strip(" ;"):
        return None
    body, body_type = document.get("callbackBody"), document.get("callbackBodyType") or FORM_TYPE
    host, sni = document.get("callbackHost") or "", document.get("callbackSNI", False)
    if not isinstance(body, str) or not body:
        raise _refused(CALLBACK_BODY, "callback", text)
    if body_type not in (FORM_TYPE, JSON_TYPE):
        raise _refused(CALLBACK_BODY_TYPE, "callback", text, type=body_type)
    if not isinstance(host, str) or (host and _HOST.fullmatch(host) is None):
        raise _refused(CALLBACK_HOST, "callback", text)
    return Callback(_urls(url, text), host, body, body_type, str(sni).lower() == "true", variables)


def _urls(text: str, argument: str) -> tuple[str, ...]:
    urls = []
    for piece in filter(None, (piece.strip() for piece in text.split(";"))):
        url = piece if "://" in piece else f"http://{piece}"
        try:
            check_url(url)
        except ValueError:
            raise _refused(CALLBACK_URL, "callback", argument, url=piece) from None
        urls.append(url)
    if len(urls) > _MOST_URLS:
        raise _refused(CALLBACK_URLS, "callback", argument, most=_MOST_URLS)
    return tuple(urls)


def _variables(call: Call) -> dict[str, str]:
    """Of a form its own fields, of other uploads a document beside the callback."""
    if call.form:
        return {name: value for name, value in call.form.items() if name.startswith("x:")}
    return read_variables(call.headers.get("x-oss-callback-var") or call.query.get("callback-var") or "")


def read_variables(text: str) -> dict[str, str]:
    """Variables as they are sent, by their whole names. 400 InvalidArgument."""
    if not text:
        return {}
    found = _decoded("callback-var", text)
    for name in found:
        if not name.startswith("x:") or name != name.lower():
            raise _refused(CALLBACK_VARIABLE, "callback-var", text, name=name)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def _decoded(name: str, text: str) -> dict[str, Any]:
    if len(text) > _MOST_BYTES:
        raise _refused(CALLBACK_TOO_LONG, name, text[:100], name=name, most_bytes=_MOST_BYTES)
    try:
        raw = base64.b64decode(text.encode(), altchars=b"-_" if "-" in text or "_" in text else None, validate=True)
    except ValueError:
        raise _refused(CALLBACK_NOT_BASE64, name, text, name=name) from None
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _refused(CALLBACK_NOT_JSON, name, text, name=name)
    return document


def _refused(spec: Any, argument: str, value: str, **fields: object) -> Exception:
    error: Exception = spec.error(extra={"ArgumentName": argument, "ArgumentValue": value}, **fields)
    return error


# Once it is stored ----------------------------------------------------------------------------------------------------


def called_back(call: Call, meta: Meta, later: Later) -> Answer:
    """The answer to an upload: what its callback is answered with, if it asks for one. 203 CallbackFailed when that
    fails; the object is stored nevertheless."""
    callback = wanted_callback(call) if call.may_ask_for_callback else None
    return later if callback is None else _call_back(call, callback, meta, later)


async def _call_back(call: Call, callback: Callback, meta: Meta, later: Later) -> HttpResponse:
    await later.done
    stored = later.response
    headers = [pair for pair in stored.headers if pair[0] not in ("Content-Type", "Location")]
    teller = Teller(call.parts.callbacks, key_url(call), call.request_id, call.bucket.id)
    try:
        answer = await teller.tell(callback, await _values(call, callback, meta))
    except CallbackFailed as problem:
        raise CALLBACK_FAILED.error(why=str(problem), headers=dict(headers)) from None
    return HttpResponse(200, answer, headers=headers, content_type=JSON_TYPE)


class Teller(NamedTuple):
    """Calls back about one request on one bucket."""

    sender: CallbackSender
    key_url: str
    request_id: str
    bucket: str

    async def tell(self, callback: Callback, values: dict[str, str | int]) -> bytes:
        """What the first of its servers says that takes it. Raises CallbackFailed, of the last one."""
        body = _filled(callback, values).encode()
        failed = CallbackFailed("No server is named.")
        for url in callback.urls:
            posting = Posting(url, callback.host, callback.body_type, body, callback.send_sni, *self[1:])
            try:
                return await self.sender.post(posting)
            except CallbackFailed as problem:
                failed = problem
        raise failed


def key_url(call: Call) -> str:
    """Where the public key is: at the vendor's host for those who reach this cloud as if it were the vendor's, at
    this cloud's own address for those who name that."""
    request = call.request
    vendors = request.host.endswith(".aliyuncs.com")
    return f"{f'{request.scheme}://{PUBLIC_KEY_HOST}' if vendors else request.origin}{PUBLIC_KEY_PATH}"


async def _values(call: Call, callback: Callback, meta: Meta) -> dict[str, str | int]:
    """What placeholders stand for, by name."""
    values: dict[str, str | int] = {
        **callback.variables,
        "bucket": call.bucket.id,
        "object": call.key,
        "etag": meta.etag,
        "size": meta.size_bytes,
        "mimeType": meta.content_type or answers.DEFAULT_TYPE,
        "crc64": "" if meta.crc64 is None else str(meta.crc64),
        "contentMd5": meta.md5,
        "vpcId": "",
        "clientIp": call.request.peer,
        "reqId": call.request_id,
        "operation": call.operation.name,
    }
    if "${imageInfo." in callback.body:
        values |= {f"imageInfo.{name}": value for name, value in (await _image_info(call, meta)).items()}
    return values


async def _image_info(call: Call, meta: Meta) -> dict[str, str | int]:
    stored = call.space.current(call.key)
    if stored is None or stored.meta.order != meta.order:
        return {}
    return await image_info(call, stored)


def _filled(callback: Callback, values: dict[str, str | int]) -> str:
    """The body with its placeholders filled: as its type has it encoded. Of an unknown one nothing is left."""
    as_json = callback.body_type == JSON_TYPE

    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1], "")
        if as_json:
            return json.dumps(value, ensure_ascii=False)
        return quote(str(value), safe="")

    return _PLACEHOLDER.sub(fill, callback.body)
