"""What users of identity providers come with, verified before the transaction: the keys of an issuer have to be
fetched, and signatures take their time."""

from __future__ import annotations

import asyncio

from kowloon.core.clock import Clock
from kowloon.engines.dialler import Dialler
from kowloon.services.sts import oidc_tokens, saml_assertions
from kowloon.services.sts.errors import INVALID_OIDC_PROVIDER, NO_OIDC_PROVIDER, NO_SAML_PROVIDER
from kowloon.services.sts.issuer_keys import IssuerKeys
from kowloon.services.sts.oidc_tokens import Claims
from kowloon.services.sts.saml_assertions import Assertion
from kowloon.store.identity import OidcProvider, SamlProvider
from kowloon.store.store import Store


class Federation:
    """A port of the cloud's. Both raise ApiError for whom nobody vouches for."""

    def __init__(self, store: Store, clock: Clock, dialler: Dialler) -> None:
        self._store = store
        self._clock = clock
        self._keys = IssuerKeys(clock, dialler)

    async def oidc(self, provider_arn: str, token: str) -> tuple[OidcProvider, Claims]:
        id = id_of(provider_arn, "oidc-provider")
        if id is None:
            raise INVALID_OIDC_PROVIDER.error()
        provider = self._store.get(OidcProvider, id)
        if provider is None:
            raise NO_OIDC_PROVIDER.error()
        unverified = oidc_tokens.read(token)
        oidc_tokens.check_issuer(unverified, provider)
        keys = await self._keys.of(provider, unverified.key_id)
        claims = await asyncio.to_thread(oidc_tokens.verify, unverified, provider, keys, self._clock.wall())
        return provider, claims

    async def saml(self, provider_arn: str, response: str) -> tuple[SamlProvider, Assertion]:
        id = id_of(provider_arn, "saml-provider")
        provider = self._store.get(SamlProvider, id) if id is not None else None
        if provider is None:
            raise NO_SAML_PROVIDER.error()
        return provider, await asyncio.to_thread(saml_assertions.verify, response, provider, self._clock.wall())


def id_of(arn: str, kind: str) -> str | None:
    """`acs:ram::1234:oidc-provider/name` is kept as `1234:name`; None for other ARNs."""
    head, _, name = arn.partition("/")
    parts = head.split(":")
    if len(parts) != 5 or parts[:3] != ["acs", "ram", ""] or parts[4] != kind or not name:
        return None
    return f"{parts[3]}:{name}"
