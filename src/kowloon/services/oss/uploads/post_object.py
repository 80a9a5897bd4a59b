"""PostObject: an object uploaded by a form, as browsers send it. Who sends it, and what it may be, its fields say."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from urllib.parse import urlencode, urlsplit

from kowloon.engines.blob.base import BlobWriter
from kowloon.services.oss import answers
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content, check_digest, content_of, content_of_blob
from kowloon.services.oss.errors import ENTITY_TOO_LARGE, INVALID_OBJECT_NAME
from kowloon.services.oss.objects.writing import check_write, new_meta
from kowloon.services.oss.product import Answer, Body, Gate, Later, oss
from kowloon.services.oss.receiver import MOST_OBJECT_BYTES, answered
from kowloon.services.oss.uploads.callback import called_back, check_callback
from kowloon.services.oss.uploads.forms import FileHead, Form
from kowloon.services.oss.uploads.post_errors import INVALID_FIELD, NO_FILE, NO_KEY, NO_POLICY
from kowloon.services.oss.uploads.post_policy import PostPolicy, parse_policy
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.addressing import valid_object_name
from kowloon.wire.oss.claims import ANONYMOUS
from kowloon.wire.oss.headers import url_encode
from kowloon.wire.oss.identify import identify_form
from kowloon.wire.oss.xml import document, elements

_FILENAME = "${filename}"
# Of the request's own headers these are still asked about; all others come from fields.
_OF_THE_REQUEST = ("host", "origin", "referer", "user-agent")
# Fields of a signature as `identify_form` knows them; forms spell them in any case of letters.
_SIGNED_AS = {"ossaccesskeyid": "OSSAccessKeyId", "signature": "Signature"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z:-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class FormReceiver:
    """A BodyReceiver for a form. The chain has looked at the call but for who sends it; that is done between the
    last field and the first byte of the file. What goes wrong is answered once the body is through: browsers read no
    answer before."""

    def __init__(self, call: Call, gate: Gate) -> None:
        self._call = call
        self._gate = gate
        self._form = Form(call.headers.get("content-type", ""), self._begin_file, self._take)
        self._policy: PostPolicy | None = None
        self._held = bytearray()
        self._writer: BlobWriter | None = None
        self._size_bytes = 0
        self._problem: Exception | None = None

    def write(self, piece: bytes) -> None:
        if self._problem is None:
            try:
                self._form.write(piece)
            except Exception as problem:
                self._problem = problem
                self.abort()

    def room(self) -> Awaitable[None] | None:
        return None if self._writer is None else self._writer.room()

    def finish(self) -> HttpResponse | Awaitable[HttpResponse]:
        return self._gate.complete(self._call, self.stored())

    def abort(self) -> None:
        self._held.clear()
        if self._writer is not None:
            self._writer.abort()
            self._writer = None

    async def stored(self) -> HttpResponse:
        call = self._call
        try:
            if self._problem is not None:
                raise self._problem
            self._form.finish()
            if not self._form.has_file:
                raise NO_FILE.error()
            if self._policy is not None:
                self._policy.check_size(self._size_bytes, complete=True)
            content = await self._content()
            check_digest(call.headers, content)
            call.look_again()
            check_write(call)
            answer = call.operation.handler(call, content)
        except BaseException:
            self.abort()
            raise
        return await answered(answer)

    async def _content(self) -> Content:
        if self._writer is None:
            return content_of(bytes(self._held))
        return content_of_blob(await self._writer.finish())

    def _begin_file(self, head: FileHead) -> None:
        """All fields are there: who sends this, whether he may, and whether it is what his policy says."""
        call, fields = self._call, self._form.fields
        key = fields.get("key", "").replace(_FILENAME, head.name)
        if not key:
            raise NO_KEY.error(extra={"ArgumentName": "key", "ArgumentValue": ""})
        if not valid_object_name(key):
            raise INVALID_OBJECT_NAME.error(extra={"ObjectName": key})
        call.address = call.address.with_key(key)
        call.form = fields
        call.headers = _headers(call, fields, head)
        claim = identify_form({_SIGNED_AS.get(name, name): value for name, value in fields.items()})
        policy = fields.get("policy", "")
        if claim is not ANONYMOUS and not policy:
            raise NO_POLICY.error(extra={"ArgumentName": "policy", "ArgumentValue": ""})
        self._gate.admit(call, claim, policy)
        if policy:
            self._policy = parse_policy(policy)
            self._policy.check({**fields, "key": key, "bucket": call.bucket.id}, call.wall)
        check_write(call)
        check_callback(call)

    def _take(self, piece: bytes) -> None:
        self._size_bytes += len(piece)
        if self._size_bytes > MOST_OBJECT_BYTES:
            raise ENTITY_TOO_LARGE.error(extra={"MaxSizeAllowed": str(MOST_OBJECT_BYTES)})
        if self._policy is not None:
            self._policy.check_size(self._size_bytes, complete=False)
        if self._writer is not None:
            self._writer.write(piece)
            return
        self._held += piece
        if len(self._held) > self._call.parts.storage.small_bytes:
            self._writer = self._call.space.volume.writer()
            self._writer.write(bytes(self._held))
            self._held.clear()


@oss.operation("PostObject", "bucket", "POST", action="PutObject", body=Body.OBJECT, acl="write", receives=FormReceiver)
def post_object(call: Call, content: Content) -> Answer:
    changes, meta = call.space.write(call.key, new_meta(call, content), content.blobs)
    headers = [
        ("ETag", f'"{meta.etag}"'),
        ("x-oss-hash-crc64ecma", str(meta.crc64)),
        ("Content-MD5", meta.md5),
        *answers.version_headers(call.bucket, meta),
        *answers.encrypted(meta),
    ]
    later = Later(call.space.commit(changes), _success(call, f'"{meta.etag}"', headers))
    return called_back(call, meta, later)


def _success(call: Call, etag: str, headers: list[tuple[str, str]]) -> HttpResponse:
    """As the form asks for it; without a wish that can be met, 204."""
    redirect = _redirect(call, etag)
    if redirect:
        return HttpResponse(303, headers=[*headers, ("Location", redirect)])
    status = call.form.get("success_action_status")
    if status != "201":
        return HttpResponse(200 if status == "200" else 204, headers=headers)
    location = f"http://{call.bucket.id}.{call.bucket.location}.aliyuncs.com/{url_encode(call.key)}"
    content = elements({"Bucket": call.bucket.id, "Location": location, "Key": call.key, "ETag": etag})
    body = document("PostResponse", content)
    return HttpResponse(201, body, headers=[*headers, ("Location", location)], content_type=answers.XML_TYPE)


def _redirect(call: Call, etag: str) -> str:
    """Where the browser is sent; empty when no address, or none that a header can carry, was given."""
    wanted = call.form.get("success_action_redirect", "")
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc or not wanted.isascii() or not wanted.isprintable():
        return ""
    told = urlencode({"bucket": call.bucket.id, "key": call.key, "etag": etag})
    return parts._replace(query=f"{parts.query}&{told}" if parts.query else told).geturl()


def _headers(call: Call, fields: dict[str, str], head: FileHead) -> dict[str, str]:
    """The headers that a PutObject would have had. 400 InvalidArgument for what no header can be."""
    headers = {name: call.headers[name] for name in _OF_THE_REQUEST if name in call.headers}
    for name, value in fields.items():
        if name.startswith("x-oss-") or name in answers.KEPT_HEADERS or name in ("content-type", "content-md5"):
            if _TOKEN.fullmatch(name) is None or _CONTROL.search(value) is not None:
                raise INVALID_FIELD.error(name=name, extra={"ArgumentName": name, "ArgumentValue": value})
            headers[name] = value
    content_type = fields.get("x-oss-content-type") or fields.get("content-type") or head.content_type
    if _CONTROL.search(content_type) is not None:
        raise INVALID_FIELD.error(name="content-type", extra={"ArgumentName": "content-type"})
    return {**headers, "content-type": content_type} if content_type else headers
