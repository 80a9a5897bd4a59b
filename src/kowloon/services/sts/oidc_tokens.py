"""Tokens of OpenID Connect issuers: what they say, and whether the issuer said so. Pure; verifying is not for the loop:
its first use loads a library."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import msgspec

from kowloon.services.sts.errors import (
    AUDIENCE_MISMATCH,
    ISSUER_MISMATCH,
    TOKEN_ALGORITHM,
    TOKEN_BASE64,
    TOKEN_CONTENT,
    TOKEN_EARLY,
    TOKEN_EXPIRED,
    TOKEN_OLD,
    TOKEN_PARTS,
    TOKEN_SIGNATURE,
)
from kowloon.store.identity import OidcProvider

if TYPE_CHECKING:
    from jwt import PyJWK

# Kind and curve of a key -> the algorithm that it is for.
_KINDS: Final = {("RSA", ""): "RS256", ("EC", "P-256"): "ES256"}
_MOST_KEYS: Final = 50
# How much an issuer's clock may be ahead.
_AHEAD_S: Final = 60.0

_Moment = Annotated[float, msgspec.Meta(ge=0, lt=1e11)]


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Header(msgspec.Struct):
    alg: str
    kid: str = ""


class Claims(msgspec.Struct):
    """Moments are wall time."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: _Moment
    iat: _Moment
    nbf: _Moment = 0.0

    @property
    def audiences(self) -> list[str]:
        return [self.aud] if isinstance(self.aud, str) else self.aud


class Key(NamedTuple):
    """One that an issuer signs with."""

    id: str
    algorithm: str
    key: PyJWK


class Unverified(NamedTuple):
    """A token that anybody may have made. `key_id`: which key of its issuer it says to be signed with, '' if none."""

    text: str
    algorithm: str
    key_id: str
    claims: Claims


def read(text: str) -> Unverified:
    """Raises ApiError for what is no token."""
    parts = text.split(".")
    if len(parts) != 3:
        raise TOKEN_PARTS.error()
    try:
        header, claims, _ = (base64.b64decode(_padded(part), altchars=b"-_", validate=True) for part in parts)
    except (ValueError, binascii.Error):
        raise TOKEN_BASE64.error() from None
    try:
        head = msgspec.json.decode(header, type=_Header)
        if head.alg not in _KINDS.values():
            raise TOKEN_ALGORITHM.error(name=head.alg[:32])
        return Unverified(text, head.alg, head.kid, msgspec.json.decode(claims, type=Claims))
    except msgspec.DecodeError:
        raise TOKEN_CONTENT.error() from None


def _padded(part: str) -> bytes:
    return part.encode() + b"=" * (-len(part) % 4)


def keys_of(document: bytes) -> tuple[Key, ...]:
    """Of a JSON Web Key Set those that can sign tokens. Raises ValueError for what is none."""
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    try:
        listed = msgspec.json.decode(document, type=_KeySet).keys
    except msgspec.DecodeError as problem:
        raise ValueError(f"no key set: {problem}") from None
    keys: list[Key] = []
    for item in listed[:_MOST_KEYS]:
        algorithm = _KINDS.get((str(item.get("kty")), str(item.get("crv", ""))))
        if algorithm is None or item.get("use", "sig") != "sig":
            continue
        try:
            keys.append(Key(str(item.get("kid", "")), algorithm, PyJWK(item, algorithm)))
        except (PyJWTError, ValueError, TypeError, LookupError, AttributeError):
            # Something is wrong with it: no token can be signed with it.
            continue
    return tuple(keys)


def check_issuer(token: Unverified, provider: OidcProvider) -> None:
    if token.claims.iss != provider.issuer:
        raise ISSUER_MISMATCH.error()


def verify(token: Unverified, provider: OidcProvider, keys: Sequence[Key], wall: float) -> Claims:
    """What the provider's issuer says, whose keys these are. Raises ApiError."""
    wanted = [key for key in keys if key.algorithm == token.algorithm and token.key_id in ("", key.id)]
    if not any(_is_signed(token, key) for key in wanted):
        raise TOKEN_SIGNATURE.error()
    claims = token.claims
    if set(provider.client_ids).isdisjoint(claims.audiences):
        raise AUDIENCE_MISMATCH.error()
    if claims.exp <= wall:
        raise TOKEN_EXPIRED.error()
    if max(claims.nbf, claims.iat) > wall + _AHEAD_S:
        raise TOKEN_EARLY.error()
    if claims.iat < wall - provider.issuance_limit_h * 3600:
        raise TOKEN_OLD.error(hours=provider.issuance_limit_h)
    return claims


def _is_signed(token: Unverified, key: Key) -> bool:
    import jwt

    try:
        jwt.PyJWS().decode(token.text, key.key, algorithms=[token.algorithm])
    except jwt.PyJWTError:
        return False
    return True
