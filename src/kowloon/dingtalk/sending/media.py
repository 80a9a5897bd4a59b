"""Files in messages. They are kept in object storage, by the messenger's own role and in its own region: what breaks
that storage takes the files with it.

Deviation: the vendor's messenger has a store of its own; here the bucket is the home account's, where it can be seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import Callable
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, quote

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import create_form_parser

from kowloon.actions import service_roles
from kowloon.actions.ports import InternalClient, RoleRefused
from kowloon.actions.routes import Routes
from kowloon.core import limits
from kowloon.core.clock import Clock
from kowloon.core.errors import ApiError
from kowloon.core.ids import Ids
from kowloon.dingtalk.plane import REGION
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import MISSING, SYSTEM_BUSY, PlatformError, Refusal
from kowloon.dingtalk.platform.record import SERVICE
from kowloon.dingtalk.sending.files import MIB, MOST_BYTES, type_of
from kowloon.dingtalk.sending.robots import SEND, check_robot
from kowloon.store.resources import Resource
from kowloon.store.store import Store, Transaction
from kowloon.wire.http import HttpRequest, HttpResponse

UPLOAD: Final = "/media/upload"
DOWNLOADS: Final = "/dingtalk/media/"
# A file, and the form around it.
MOST_UPLOAD_BYTES: Final = 21 * MIB
_LINK_LIFE_S: Final = 3600
_CREATE: Final = (
    b"<CreateBucketConfiguration><StorageClass>Standard</StorageClass>"
    b"<DataRedundancyType>ZRS</DataRedundancyType></CreateBucketConfiguration>"
)

WRONG_TYPE = Refusal(40004, "invalidParameter.type.invalid", "不合法的媒体文件类型")
TOO_LARGE = Refusal(40006, "invalidParameter.media.tooLarge", "不合法的文件大小，不能超过 {most} 字节")
EMPTY = Refusal(40005, "invalidParameter.media.invalid", "不合法的文件类型")
NO_MEDIA = Refusal(40007, "invalidParameter.mediaId.invalid", "不合法的媒体文件id")
NO_DOWNLOAD = Refusal(40007, "invalidParameter.downloadCode.invalid", "downloadCode 不存在")


class MediaFile(Resource, frozen=True, kw_only=True):
    """id is its media_id. The bytes are an object of that name."""

    kind: ClassVar[str] = "dingtalk-media"
    type: str
    name: str
    content_type: str
    shown: bool
    size_bytes: int


class MediaStore:
    """`client` acts as the messenger in the account of `home`, a function because resets change it; `secret` signs the
    links by which files are fetched."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        client: InternalClient,
        home: Callable[[], str],
        secret: Callable[[], str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._client = client
        self._home = home
        self._secret = secret
        # The bucket was there; of which account.
        self._made_for = ""

    def register(self, routes: Routes) -> None:
        routes.add("GET HEAD", DOWNLOADS, self.download, "own")

    def forget(self) -> None:
        self._made_for = ""

    def find(self, account: str, media_id: str) -> MediaFile | None:
        found = self._store.get(MediaFile, media_id)
        return found if found is not None and found.account == account else None

    async def keep(self, account: str, kind: str, name: str, content: bytes) -> MediaFile:
        """Raises PlatformError for what it does not take, and where the storage does not answer."""
        most = MOST_BYTES.get(kind)
        if most is None:
            raise WRONG_TYPE.error()
        if len(content) > most:
            raise TOO_LARGE.error(most=most)
        found = type_of(kind, content) if content else None
        if found is None:
            raise EMPTY.error()
        file = MediaFile(
            id="@l" + self._ids.secret(40),
            account=account,
            created_at=self._clock.now(),
            type=kind,
            name=name[:255],
            content_type=found.content_type,
            shown=found.shown,
            size_bytes=len(content),
        )
        answer = await self._call("PUT", file.id, content)
        if answer.status == 404:
            # Somebody removed the bucket.
            self._made_for = ""
            answer = await self._call("PUT", file.id, content)
        if answer.status != 200:
            raise SYSTEM_BUSY.error()
        for old in await self._store.run(lambda tx: self._write(tx, file)):
            # One that the storage keeps now is nobody's any more.
            with contextlib.suppress(PlatformError):
                await self._call("DELETE", old.id, b"")
        return file

    def _write(self, tx: Transaction, file: MediaFile) -> list[MediaFile]:
        """Kept. The oldest of the organisation that gave way to it, whose objects are still there."""
        kept = tx.list(MediaFile, account=file.account)
        count, size_bytes = len(kept) + 1, file.size_bytes + sum([each.size_bytes for each in kept])
        gone: list[MediaFile] = []
        for old in kept:
            if count <= limits.DINGTALK_RECORDS and size_bytes <= limits.DINGTALK_MEDIA_BYTES:
                break
            count, size_bytes = count - 1, size_bytes - old.size_bytes
            tx.delete(old)
            gone.append(old)
        tx.put(file)
        return gone

    async def open(self, file: MediaFile) -> HttpResponse:
        """The file as a browser may have it: shown where it is an image, else saved; never a page with rights here.
        503 where the storage does not answer."""
        answer = await self._call("GET", file.id, b"")
        if answer.status != 200:
            return HttpResponse(503 if answer.status >= 500 else 404, b"")
        how = "inline" if file.shown else "attachment"
        answer.lines = ""
        answer.headers = [
            ("Content-Type", file.content_type),
            ("Content-Disposition", f"{how}; filename*=UTF-8''{quote(file.name, safe='')}"),
            ("Content-Security-Policy", "sandbox; default-src 'none'"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cache-Control", "private, max-age=3600"),
        ]
        return answer

    def link(self, file: MediaFile) -> str:
        """A path that opens the file for an hour, for whoever has it."""
        until = int(self._clock.wall()) + _LINK_LIFE_S
        return f"{DOWNLOADS}{quote(file.id, safe='')}?until={until}&sign={self._sign(file.id, until)}"

    async def download(self, request: HttpRequest) -> HttpResponse:
        media_id = request.path.removeprefix(DOWNLOADS).replace("%40", "@")
        asked = parse_qs(request.query)
        until, sign = asked.get("until", ["0"])[-1], asked.get("sign", [""])[-1]
        good = until.isascii() and until.isdigit() and len(until) < 12
        if not good or not hmac.compare_digest(self._sign(media_id, int(until)).encode(), sign.encode()):
            return HttpResponse(403, b"")
        file = self._store.get(MediaFile, media_id)
        if file is None or int(until) <= self._clock.wall():
            return HttpResponse(404 if file is None else 403, b"")
        return await self.open(file)

    def _sign(self, media_id: str, until: int) -> str:
        text = f"dingtalk-media\n{media_id}\n{until}"
        return hmac.digest(self._secret().encode(), text.encode(), hashlib.sha256).hex()

    async def _call(self, method: str, key: str, body: bytes) -> HttpResponse:
        account = self._home()
        bucket = f"dingtalk-media-{account}"
        role = await self._store.run(
            lambda tx: service_roles.ensured(tx, self._ids, SERVICE, account, self._clock.now())
        )
        try:
            if self._made_for != account:
                made = await self._client.object_call(SERVICE, role.arn, "PUT", bucket, body=_CREATE, region=REGION)
                if made.status not in (200, 409):
                    return made
                self._made_for = account
            return await self._client.object_call(SERVICE, role.arn, method, bucket, key, body=body, region=REGION)
        except (RoleRefused, ApiError):
            raise SYSTEM_BUSY.error() from None


class Upload(msgspec.Struct, kw_only=True):
    type: str = ""


class OfMedia(msgspec.Struct, kw_only=True):
    media_id: str = ""


class OfCode(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    download_code: str


@endpoints.older(UPLOAD, methods="POST", body_bytes=MOST_UPLOAD_BYTES)
async def upload(call: Call, req: Upload) -> dict[str, Any]:
    parts = await asyncio.to_thread(form_of, call.request)
    kind = req.type or parts.get("type", ("", b""))[1].decode("utf-8", "replace")
    if "media" not in parts:
        raise MISSING.error(name="media")
    name, content = parts["media"]
    file = await call.parts.media.keep(call.account, kind, name, content)
    return {"type": kind, "media_id": file.id, "created_at": int(file.created_at * 1000)}


@endpoints.older("/media/downloadFile", methods="GET POST", reads=True)
async def download(call: Call, req: OfMedia) -> HttpResponse:
    file = call.parts.media.find(call.account, req.media_id)
    if file is None:
        raise NO_MEDIA.error()
    return await call.parts.media.open(file)


@endpoints.newer("POST", "/v1.0/robot/messageFiles/download", scope=SEND, reads=True)
def link(call: Call, req: OfCode) -> dict[str, Any]:
    """A download code is the file's media_id here."""
    check_robot(call, req.robot_code)
    file = call.parts.media.find(call.account, req.download_code)
    if file is None:
        raise NO_DOWNLOAD.error()
    return {"downloadUrl": f"{call.request.origin}{call.parts.media.link(file)}"}


def form_of(request: HttpRequest) -> dict[str, tuple[str, bytes]]:
    """The parts of a multipart body by name: each its file name and content."""
    found: dict[str, tuple[str, bytes]] = {}

    def field(part: Any) -> None:
        found[part.field_name.decode("utf-8", "replace")] = ("", part.value or b"")

    def file(part: Any) -> None:
        part.file_object.seek(0)
        name = (part.file_name or b"").decode("utf-8", "replace").rpartition("/")[2].rpartition("\\")[2]
        found[part.field_name.decode("utf-8", "replace")] = (name, part.file_object.read())

    headers = {"Content-Type": (request.header("content-type") or "").encode()}
    try:
        parser = create_form_parser(headers, field, file, config={"MAX_MEMORY_FILE_SIZE": MOST_UPLOAD_BYTES})
        parser.write(request.body)
        parser.finalize()
        parser.close()
    except (FormParserError, ValueError):
        raise EMPTY.error() from None
    return found


RESOURCES: tuple[type[Resource], ...] = (MediaFile,)
