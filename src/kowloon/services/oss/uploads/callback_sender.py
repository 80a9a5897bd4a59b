"""Posts callbacks to the servers of users, signed by a key of this cloud that they can fetch."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from urllib.parse import unquote, urlsplit

from kowloon.actions.routes import Routes
from kowloon.core.clock import Clock
from kowloon.engines.dialler import AddressForbidden, AnswerTooLarge, DialError, Dialler, DialTimeout
from kowloon.services.oss.product import oss
from kowloon.store.resources import Resource
from kowloon.store.store import Store, Transaction
from kowloon.wire.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

TIMEOUT_S = 5.0
MOST_ANSWER_BYTES = 3 * 1024 * 1024
MOST_AT_ONCE = 200
# Servers that check where the key is from check for this host; clients that use this cloud as their proxy reach it.
PUBLIC_KEY_HOST = "gosspublic.alicdn.com"
PUBLIC_KEY_PATH = "/_oss/callback_pub_key_v1.pem"
_KEY_ID = "callback-key"


class CallbackKey(Resource, frozen=True, kw_only=True):
    """The one key that signs callbacks, made when it is first needed; PEM."""

    kind: ClassVar[str] = "oss-callback-key"

    private: str


oss.keeps(CallbackKey)


class Posting(NamedTuple):
    """What is posted. `key_url`: where the receiver is told to find the public key."""

    url: str
    host: str
    content_type: str
    body: bytes
    send_sni: bool
    key_url: str
    request_id: str
    bucket: str


class CallbackFailed(Exception):
    """The message is the vendor's."""


class CallbackSender:
    def __init__(self, store: Store, clock: Clock, dialler: Dialler) -> None:
        self._store = store
        self._clock = clock
        self._dialler = dialler
        self._under_way = 0
        # The PEM that it was loaded from tells whether the key is still the cloud's.
        self._loaded: tuple[str, RSAPrivateKey] | None = None

    def register(self, routes: Routes) -> None:
        routes.add("GET HEAD", PUBLIC_KEY_PATH, self._public_key, "open")

    async def post(self, posting: Posting) -> bytes:
        """The JSON that the server answered with. Raises CallbackFailed."""
        if self._under_way >= MOST_AT_ONCE:
            raise CallbackFailed("Too many callback requests.")
        self._under_way += 1
        try:
            return await self._post(posting)
        finally:
            self._under_way -= 1

    async def _post(self, posting: Posting) -> bytes:
        headers = {
            "host": posting.host or urlsplit(posting.url).netloc,
            "user-agent": "aliyun-oss-callback",
            "content-type": posting.content_type,
            "authorization": await self._signature(posting),
            "x-oss-pub-key-url": base64.b64encode(posting.key_url.encode()).decode(),
            "x-oss-request-id": posting.request_id,
            "x-oss-requester": "aliyun-oss",
            "x-oss-signature-version": "1.0",
            "x-oss-tag": "CALLBACK",
            "x-oss-bucket": posting.bucket,
        }
        try:
            reply = await self._dialler.post(
                posting.url,
                headers,
                posting.body,
                timeout_s=TIMEOUT_S,
                most_bytes=MOST_ANSWER_BYTES,
                send_sni=posting.send_sni,
            )
        except AddressForbidden:
            raise CallbackFailed("Private address is forbidden to callback.") from None
        except DialTimeout:
            raise CallbackFailed("Cost too long time.") from None
        except AnswerTooLarge:
            raise CallbackFailed("Error status : 400.User server return too long content-length value.") from None
        except DialError:
            raise CallbackFailed("Error status : 502.") from None
        if reply.status != 200:
            raise CallbackFailed(f"Error status : {reply.status}.")
        try:
            json.loads(reply.body)
        except (ValueError, RecursionError):
            raise CallbackFailed("Response body is not valid json format.") from None
        return reply.body

    # --- the key ---

    async def _signature(self, posting: Posting) -> str:
        """Of the path as it reads, the query as it stands, and the body."""
        parts = urlsplit(posting.url)
        query = f"?{parts.query}" if parts.query else ""
        signed = f"{unquote(parts.path or '/')}{query}\n".encode() + posting.body
        key = await self._key()
        # A signature takes about a millisecond.
        return base64.b64encode(await asyncio.to_thread(_sign, key, signed)).decode()

    async def _key(self) -> RSAPrivateKey:
        stored = self._store.get(CallbackKey, _KEY_ID)
        if stored is None:
            made = await asyncio.to_thread(_new_private)

            def body(tx: Transaction) -> CallbackKey:
                # Another call may have made one meanwhile.
                found = tx.get(CallbackKey, _KEY_ID)
                if found is not None:
                    return found
                key = CallbackKey(id=_KEY_ID, created_at=self._clock.now(), private=made)
                tx.put(key)
                return key

            stored = await self._store.run(body)
        if self._loaded is None or self._loaded[0] != stored.private:
            self._loaded = stored.private, await asyncio.to_thread(_load, stored.private)
        return self._loaded[1]

    async def _public_key(self, request: HttpRequest) -> HttpResponse:
        pem = await asyncio.to_thread(_public_pem, await self._key())
        return HttpResponse(200, pem, content_type="application/x-pem-file")


def _new_private() -> str:
    from kowloon.core.keys import new_rsa_key

    return new_rsa_key().private


def _load(private: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _sign(key: RSAPrivateKey, signed: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import MD5

    # MD5 is what the vendor's receivers check with.
    return key.sign(signed, PKCS1v15(), MD5())


def _public_pem(key: RSAPrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
