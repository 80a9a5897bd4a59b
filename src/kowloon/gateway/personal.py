"""How a product calls on behalf of a person: with a session of that RAM user, signed, through the same chain as
everybody's calls."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.actions.declare import Registry
from kowloon.actions.ports import AccessRequest, Answered, Authorizer, CredentialSource
from kowloon.actions.sessions import keep_session
from kowloon.core.clock import Clock
from kowloon.core.errors import ErrorSpec
from kowloon.core.ids import Ids
from kowloon.gateway.chain import Chain
from kowloon.gateway.json_calls import Signer, product_of, signed_request
from kowloon.store.identity import StoredKey, User
from kowloon.store.store import Store

_SESSION_S: Final = 900
# A session that ends sooner is not begun with.
_LEFT_S: Final = 120.0

NO_USER: Final = ErrorSpec("EntityNotExist.User", 404, "The account has no RAM user {name!r}.")


class PersonalCalls:
    """A PersonalClient."""

    def __init__(
        self,
        chain: Chain,
        registry: Registry,
        store: Store,
        credentials: CredentialSource,
        authorizer: Authorizer,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._chain = chain
        self._registry = registry
        self._store = store
        self._credentials = credentials
        self._authorizer = authorizer
        self._clock = clock
        self._ids = ids
        self._sessions: dict[str, str] = {}

    async def call(
        self, service: str, account: str, user: str, product: str, action: str, parameters: dict[str, Any]
    ) -> Answered:
        declared = product_of(self._registry, product)
        session = await self._session(service, account, user)
        signer = Signer(session.id, session.secret, session.token)
        asked = signed_request(
            declared,
            action,
            parameters,
            signer,
            self._clock,
            self._ids,
            agent=service,
            scheme="https",
            peer=service,
        )
        answer = await self._chain.handle(asked)
        body = msgspec.json.decode(answer.body or b"{}")
        return Answered(answer.status, body if isinstance(body, dict) else {})

    async def may(self, service: str, account: str, user: str, action: str, resource: str) -> bool:
        key = self._credentials.find((await self._session(service, account, user)).id)
        if key is None:
            return False
        asked = AccessRequest(key.principal, action, resource, lambda name: None, self._ids.request_id())
        return self._authorizer.decide(asked).allowed

    async def _session(self, service: str, account: str, user: str) -> StoredKey:
        id, wall = f"{account}:{user}", self._clock.wall()
        kept = self._store.get(StoredKey, self._sessions.get(id, ""))
        if kept is not None and (kept.expires_at or 0.0) > wall + _LEFT_S:
            return kept
        if self._store.get(User, id) is None:
            raise NO_USER.error(name=user)
        fresh = StoredKey(
            id="STS." + self._ids.token(26),
            account=account,
            created_at=self._clock.now(),
            secret=self._ids.secret(44),
            user=id,
            service=service,
            token="CAIS" + self._ids.secret(200),
            expires_at=float(int(wall)) + _SESSION_S,
        )
        await self._store.run(lambda tx: keep_session(tx, fresh, wall))
        self._sessions[id] = fresh.id
        return fresh
