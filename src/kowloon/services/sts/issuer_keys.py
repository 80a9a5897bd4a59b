"""The keys that issuers sign with: fetched from where their discovery document says, kept for an hour of wall time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import msgspec

from kowloon.core.clock import Clock
from kowloon.core.errors import ApiError
from kowloon.engines.dialler import CertificateRefused, DialError, Dialler
from kowloon.engines.pinning import NoSuchFingerprint, pinned
from kowloon.services.sts.errors import ISSUER_BROKEN, ISSUER_FINGERPRINT, ISSUER_NOT_TRUSTED
from kowloon.services.sts.oidc_tokens import Key, keys_of
from kowloon.store.identity import OidcProvider

_KEPT_S: Final = 3600.0
# Issuers that changed their keys, or were down, are asked again after that long, whoever comes with whatever token.
_AGAIN_S: Final = 5.0
_MOST_ISSUERS: Final = 200
_FETCH_S: Final = 5.0
_MOST_BYTES: Final = 256 * 1024


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _Issuer:
    """What is known of one; `lock`: it is asked once at a time. `failure` makes the error of the last time that it was
    asked in vain; until `keys` are an hour old they are good, whatever happens."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.keys: tuple[Key, ...] = ()
        self.keys_at = float("-inf")
        self.asked_at = float("-inf")
        self.failure: Callable[[], ApiError] | None = None


class IssuerKeys:
    def __init__(self, clock: Clock, dialler: Dialler) -> None:
        self._clock = clock
        self._dialler = dialler
        self._issuers: dict[tuple[str, tuple[str, ...]], _Issuer] = {}

    async def of(self, provider: OidcProvider, key_id: str) -> tuple[Key, ...]:
        """Asked for anew when `key_id` is none of them. Raises ApiError."""
        name = (provider.issuer, provider.fingerprints)
        issuer = self._issuers.get(name)
        if issuer is None:
            if len(self._issuers) >= _MOST_ISSUERS:
                # The one that has been known longest.
                del self._issuers[next(iter(self._issuers))]
            issuer = self._issuers[name] = _Issuer()
        async with issuer.lock:
            complete = self._are_good(issuer) and (not key_id or any(key.id == key_id for key in issuer.keys))
            if not complete and self._clock.wall() - issuer.asked_at >= _AGAIN_S:
                await self._ask(issuer, provider)
            if issuer.failure is not None and not self._are_good(issuer):
                raise issuer.failure()
            return issuer.keys

    def _are_good(self, issuer: _Issuer) -> bool:
        return self._clock.wall() - issuer.keys_at < _KEPT_S

    async def _ask(self, issuer: _Issuer, provider: OidcProvider) -> None:
        issuer.failure = None
        try:
            issuer.keys = await self._fetch(provider)
            issuer.keys_at = self._clock.wall()
        except NoSuchFingerprint:
            issuer.failure = partial(ISSUER_FINGERPRINT.error, issuer=provider.issuer)
        except CertificateRefused:
            issuer.failure = ISSUER_NOT_TRUSTED.error
        except (DialError, ValueError):
            issuer.failure = partial(ISSUER_BROKEN.error, issuer=provider.issuer)
        issuer.asked_at = self._clock.wall()

    async def _fetch(self, provider: OidcProvider) -> tuple[Key, ...]:
        """Raises DialError, ValueError."""
        url = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            discovery = msgspec.json.decode(await self._read(url, provider), type=_Discovery)
        except msgspec.DecodeError as problem:
            raise ValueError(f"no discovery document: {problem}") from None
        if discovery.issuer != provider.issuer:
            raise ValueError("the document is of another issuer")
        place, issuer = urlsplit(discovery.jwks_uri), urlsplit(provider.issuer)
        # An issuer without TLS is on this machine, and so are its keys.
        if place.scheme != "https" and (place.scheme, place.hostname) != (issuer.scheme, issuer.hostname):
            raise ValueError("anybody could say what the keys are")
        document = await self._read(discovery.jwks_uri, provider)
        return await asyncio.to_thread(keys_of, document)

    async def _read(self, url: str, provider: OidcProvider) -> bytes:
        """What is on the issuer's host rests on its fingerprints, what is elsewhere on the public roots."""
        place, issuer = urlsplit(url), urlsplit(provider.issuer)
        trust = None
        if provider.fingerprints and place.scheme == "https" and place.hostname == issuer.hostname:
            port = place.port or 443
            trust = await pinned(self._dialler, place.hostname or "", port, provider.fingerprints, timeout_s=_FETCH_S)
        reply = await self._dialler.read(url, timeout_s=_FETCH_S, most_bytes=_MOST_BYTES, trust=trust)
        if reply.status != 200:
            raise ValueError(f"{url} answers {reply.status}")
        return reply.body
