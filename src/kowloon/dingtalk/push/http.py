"""Events by HTTP: encrypted and signed; whoever takes one answers `success`, encrypted and signed as well."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.dingtalk.contacts.resources import Application, corp_id
from kowloon.dingtalk.push.names import CHECK_URL, pascal
from kowloon.engines.dialler import DialError, Dialler
from kowloon.wire.dingtalk_crypto import decrypt, encrypt, signature
from kowloon.wire.encode import JSON_TYPE

TIMEOUT_S: Final = 1.5
_MOST_ANSWER_BYTES: Final = 64 * 1024
_SUCCESS: Final = "success"


class Target(msgspec.Struct, frozen=True):
    """`owner`: the corp id when set by the older call, the appKey when set in the console."""

    url: str
    token: str
    aes_key: str
    owner: str


class NotTaken(Exception):
    """Nobody has taken it; the message is for people."""


class NotReached(NotTaken):
    """Nobody has answered at all."""


class _Answer(msgspec.Struct):
    msg_signature: str
    nonce: str
    encrypt: str
    # Opaque: seconds or milliseconds, a text or a number.
    timestamp: str | int = msgspec.field(name="timeStamp")


def target_of(application: Application) -> Target:
    return Target(
        url=application.callback_url,
        token=application.callback_token,
        aes_key=application.callback_aes_key,
        owner=application.callback_owner,
    )


class HttpPush:
    def __init__(self, clock: Clock, ids: Ids, dialler: Dialler) -> None:
        self._clock = clock
        self._ids = ids
        self._dialler = dialler

    async def check(self, target: Target) -> None:
        """Raises NotTaken for an address that does not answer as it should."""
        await self._post(target, {"EventType": CHECK_URL})

    async def send(self, application: Application, name: str, data: dict[str, Any]) -> None:
        """Raises NotTaken."""
        fields = {pascal(field): value for field, value in data.items()}
        fields["TimeStamp"] = str(fields.get("TimeStamp", ""))
        told = {"EventType": name, "CorpId": corp_id(application.account), **fields}
        await self._post(target_of(application), told)

    async def _post(self, target: Target, told: dict[str, Any]) -> None:
        encrypted = encrypt(
            msgspec.json.encode(told).decode(), target.owner, target.aes_key, self._ids.secret(16).encode()
        )
        timestamp, nonce = str(int(self._clock.wall() * 1000)), self._ids.token(8)
        signed = signature(target.token, timestamp, nonce, encrypted)
        query = urlencode({"signature": signed, "msg_signature": signed, "timestamp": timestamp, "nonce": nonce})
        try:
            reply = await self._dialler.post(
                _with_query(target.url, query),
                {"content-type": JSON_TYPE},
                msgspec.json.encode({"encrypt": encrypted}),
                timeout_s=TIMEOUT_S,
                most_bytes=_MOST_ANSWER_BYTES,
            )
        except (DialError, ValueError) as problem:
            raise NotReached(str(problem)) from None
        if reply.status != 200:
            raise NotTaken(f"it answered {reply.status}")
        _check_answer(target, reply.body)


def _check_answer(target: Target, body: bytes) -> None:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotTaken("its answer is not msg_signature, timeStamp, nonce and encrypt in JSON") from None
    # Over the exact text: official samples have line breaks in it, and sign them.
    if signature(target.token, str(answer.timestamp), answer.nonce, answer.encrypt) != answer.msg_signature:
        raise NotTaken("its answer is not signed with the token")
    try:
        said = decrypt(answer.encrypt, target.aes_key).message
    except ValueError as problem:
        raise NotTaken(f"its answer cannot be decrypted: {problem}") from None
    if said != _SUCCESS:
        raise NotTaken(f"it answered {said[:100]!r}, not {_SUCCESS!r}")


def _with_query(url: str, query: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query, fragment=""))
