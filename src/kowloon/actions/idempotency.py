"""ClientToken, once for all products: the same token and request answers as the first time, another is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Action
from kowloon.actions.errors import TOKEN_REUSED, invalid
from kowloon.core import limits
from kowloon.store.resources import Resource

# Parameters that differ between two sendings of one request.
_TRANSIENT = frozenset(
    "AccessKeyId Action Version Format Signature SignatureMethod SignatureVersion SignatureNonce SignatureType "
    "Timestamp SecurityToken ClientToken RegionId AcceptLanguage".split()
)


class ClientTokenRecord(Resource, frozen=True, kw_only=True):
    """What a token answered, written in the same transaction as what it created."""

    kind: ClassVar[str] = "client-token"
    fingerprint: str
    answer: msgspec.Raw
    expires_at: float


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


class ClientToken:
    """One use of a token by one caller for one action."""

    def __init__(self, action: Action, account: str, region: str, token: str, parameters: Mapping[str, str]) -> None:
        # The vendor's rule: up to 64 ASCII characters.
        if len(token) > 64 or not token.isascii():
            raise invalid("ClientToken", "It can be up to 64 ASCII characters in length.")
        self._account = account
        self._region = region
        self._id = _digest(action.product.code, action.product.version, action.name, account, region, token)
        kept = sorted(f"{name}={value}" for name, value in parameters.items() if name not in _TRANSIENT)
        self._fingerprint = _digest(*kept)

    def earlier_answer(self, ctx: Context) -> bytes | None:
        record = ctx.tx.get(ClientTokenRecord, self._id)
        if record is None or record.expires_at <= ctx.now:
            return None
        if record.fingerprint != self._fingerprint:
            raise TOKEN_REUSED.error()
        return bytes(record.answer)

    def remember(self, ctx: Context, answer: bytes) -> None:
        if ctx.tx.count(ClientTokenRecord) >= limits.CLIENT_TOKENS_KEPT:
            for oldest in sorted(ctx.tx.list(ClientTokenRecord), key=lambda record: record.created_at)[
                : limits.CLIENT_TOKENS_KEPT // 10
            ]:
                ctx.tx.delete(oldest)
        ctx.tx.put(
            ClientTokenRecord(
                id=self._id,
                account=self._account,
                region=self._region,
                created_at=ctx.now,
                fingerprint=self._fingerprint,
                answer=msgspec.Raw(answer),
                expires_at=ctx.now + limits.CLIENT_TOKEN_LIFETIME_S,
            )
        )
