"""How one product calls another: as a service role, signed, through the same front as everybody's calls. So
permissions, faults, limits and the audit hold between products, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from kowloon.actions.ports import RoleRefused
from kowloon.actions.sessions import keep_session, open_session, trusts_service
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.store.identity import Role, StoredKey
from kowloon.store.store import Store
from kowloon.wire.http import HttpRequest, HttpResponse
from kowloon.wire.oss.dates import http_date
from kowloon.wire.oss.signing import sign

_SESSION_S = 3600
# A session that ends sooner is not begun with.
_LEFT_S = 300.0


class InternalCalls:
    """An InternalClient. `handle` is the front's."""

    def __init__(
        self,
        handle: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]],
        store: Store,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._handle = handle
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sessions: dict[tuple[str, str], str] = {}

    async def object_call(
        self,
        service: str,
        role_arn: str,
        method: str,
        bucket: str,
        key: str = "",
        *,
        body: bytes = b"",
        region: str = "",
    ) -> HttpResponse:
        session = await self._session(service, role_arn)
        token = {"x-oss-security-token": session.token}
        signed = sign(session.id, session.secret, method, bucket, key, token, http_date(int(self._clock.wall())))
        path = quote(key, safe="/~")
        host, target = (
            (f"{bucket}.oss-{region}.aliyuncs.com", f"/{path}") if region else ("localhost", f"/{bucket}/{path}")
        )
        sent = [("host", host), ("content-length", str(len(body))), ("user-agent", service), *signed.items()]
        answer = self._handle(HttpRequest(method=method, target=target, headers=sent, body=body, peer=service))
        return answer if isinstance(answer, HttpResponse) else await answer

    async def _session(self, service: str, role_arn: str) -> StoredKey:
        role = self._role(role_arn)
        if role is None or not trusts_service(role, service):
            raise RoleRefused(role_arn)
        kept = self._sessions.get((service, role_arn))
        key = self._store.get(StoredKey, kept) if kept is not None else None
        lasts = key is not None and (key.expires_at or 0.0) > self._clock.wall() + _LEFT_S
        # Those of an earlier role of that name have ended.
        if key is not None and lasts and key.role_id == role.role_id:
            return key
        name = service.partition(".")[0]
        now, wall = self._clock.now(), self._clock.wall()
        fresh = open_session(self._ids, role, name, _SESSION_S, now=now, wall=wall, service=service)
        await self._store.run(lambda tx: keep_session(tx, fresh, wall))
        self._sessions[service, role_arn] = fresh.id
        return fresh

    def _role(self, arn: str) -> Role | None:
        parts = arn.split(":", 4)
        if len(parts) != 5 or not parts[4].startswith("role/"):
            return None
        return self._store.get(Role, f"{parts[3]}:{parts[4].removeprefix('role/').lower()}")
