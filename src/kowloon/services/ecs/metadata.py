"""The metadata service at 100.100.100.200, and the same credentials at an address of our own.

A real instance is known by the network that it asks from. Here many programs ask from one machine, so each request says
on whose behalf it comes: an *identity*, a word that only this cloud can make, as user of the proxy that leads here.
`kowloon run` puts it there. It names a role, an instance or both, and stands for as long as the cloud's secret does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

import msgspec

from kowloon.actions.routes import Routes
from kowloon.actions.sessions import keep_session, open_session, trusts_service
from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.errors import ApiError
from kowloon.core.ids import Ids
from kowloon.services.ecs.errors import INSTANCE_NOT_FOUND
from kowloon.services.ecs.instance_roles import SERVICE, role_of
from kowloon.services.ecs.metadata_tree import document, of_instance, of_role, read
from kowloon.services.ecs.resources import Instance
from kowloon.store.identity import Role, StoredKey
from kowloon.store.store import Store
from kowloon.wire.http import HttpRequest, HttpResponse

_LONGEST_TOKEN_S: Final = 21_600
_SESSION_S: Final = 21_600
# Programs fetch new ones when the old are near their end.
_RENEWED_S: Final = 3_600
_CREDENTIALS: Final = "/_kowloon/ecs/credentials/"
_FOLDER: Final = "ram/security-credentials/"
_UNKNOWN: Final = (
    "Nobody knows on whose behalf this is asked: run the program under "
    "`kowloon run --instance ID` or `kowloon run --ecs-role ROLE`.\n"
)


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """On whose behalf: `role` overrules that of the instance; one of the two may be empty."""

    account: str
    role: str
    instance: str


class IdentityBody(msgspec.Struct, forbid_unknown_fields=True):
    """`role`: its name or ARN."""

    role: str = ""
    instance: str = ""


class Metadata:
    """`secret` signs identities and tokens. `account` tells whose roles are meant by a bare name; `region` is where a
    program is that has no instance."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, *, secret: str, account: Callable[[], str], region: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secret = secret.encode()
        self._account = account
        self._region = region

    def register(self, routes: Routes) -> None:
        routes.add("POST", "/_kowloon/ecs/identities", self.make_identity, "admin")
        routes.add("GET", _CREDENTIALS, self.credentials, "own")

    # Our own routes -----------------------------------------------------------------------------------------------

    def make_identity(self, request: HttpRequest) -> HttpResponse:
        """The word for a role, an instance or both; refused when there is no such thing, or instances may not be it."""
        try:
            body = msgspec.json.decode(request.body, type=IdentityBody)
        except msgspec.DecodeError as problem:
            raise ApiError("InvalidBody", 400, f"The body is not what is asked for: {problem}.") from None
        account, name = _role_named(body.role, self._account())
        if body.instance:
            instance = self._store.get(Instance, body.instance)
            if instance is None:
                raise INSTANCE_NOT_FOUND.error()
            account = instance.account if not body.role.startswith("acs:") else account
        elif not name:
            raise ApiError("MissingParameter", 400, "Name a role, an instance or both.")
        role = self._usable(account, name).name if name else ""
        identity = Identity(account, role, body.instance)
        return HttpResponse(200, msgspec.json.encode({"identity": self._sealed(msgspec.json.encode(identity))}))

    async def credentials(self, request: HttpRequest) -> HttpResponse:
        """What ALIBABA_CLOUD_CREDENTIALS_URI is answered."""
        identity = self._opened(request.path.removeprefix(_CREDENTIALS))
        if identity is None:
            raise ApiError("InvalidIdentity", 403, "This address is none that `kowloon env --ecs-role` gave.")
        return await self._session(identity)

    # The vendor's -------------------------------------------------------------------------------------------------

    async def handle(self, request: HttpRequest) -> HttpResponse:
        identity = self._asker(request)
        if identity is None:
            return _text(403, _UNKNOWN)
        if request.path == "/latest/api/token":
            return self._token(request)
        if request.method not in ("GET", "HEAD"):
            return _text(405, "This address takes GET.\n")
        token = request.header("x-aliyun-ecs-metadata-token")
        if token is not None and not self._holds(token):
            return _text(403, "The token is not valid, or not any more.\n")
        return await self._read(identity, request.path)

    def _token(self, request: HttpRequest) -> HttpResponse:
        if request.method != "PUT":
            return _text(405, "This address takes PUT.\n")
        told = request.header("x-aliyun-ecs-metadata-token-ttl-seconds") or ""
        if not (len(told) <= 9 and told.isascii() and told.isdigit() and 1 <= int(told) <= _LONGEST_TOKEN_S):
            return _text(400, f"X-aliyun-ecs-metadata-token-ttl-seconds is from 1 to {_LONGEST_TOKEN_S}.\n")
        ends_at = self._clock.wall() + int(told)
        return _text(200, self._sealed(msgspec.json.encode(ends_at)))

    def _holds(self, token: str) -> bool:
        content = self._unsealed(token)
        try:
            return content is not None and self._clock.wall() < msgspec.json.decode(content, type=float)
        except msgspec.DecodeError:
            return False

    async def _read(self, identity: Identity, path: str) -> HttpResponse:
        instance = self._store.get(Instance, identity.instance) if identity.instance else None
        if identity.instance and instance is None:
            return _text(404, "The instance is released.\n")
        role = identity.role or (instance.ram_role if instance is not None else "")
        area, _, below = path.removeprefix("/latest/").partition("/")
        if not path.startswith("/latest/"):
            return _text(404, "")
        if area == "meta-data":
            if role and below.lower() == (_FOLDER + role).lower():
                return await self._session(identity)
            if instance is not None:
                tree = of_instance(self._store, instance, role)
            else:
                tree = of_role(identity.account, self._region, role)
            return _found(read(tree, below))
        if instance is not None and area == "user-data" and instance.user_data:
            return HttpResponse(200, base64.b64decode(instance.user_data), content_type="text/plain")
        if instance is not None and (area, below) == ("dynamic", "instance-identity/document"):
            return HttpResponse(200, document(self._store, instance), content_type="application/json")
        return _found(None)

    # Credentials --------------------------------------------------------------------------------------------------

    async def _session(self, identity: Identity) -> HttpResponse:
        """Of the role as it is now: the same keys for a while, then new ones."""
        instance = self._store.get(Instance, identity.instance) if identity.instance else None
        name = identity.role or (instance.ram_role if instance is not None else "")
        try:
            role = self._usable(identity.account, name)
        except ApiError as refused:
            return _text(404, f"{refused.code}: {refused.message}\n")
        policy = instance.ram_role_policy if instance is not None and not identity.role else ""
        session_name = f"vm-ram-{identity.instance or 'kowloon'}"
        key = self._kept(role, session_name, policy)
        if key is None:
            now, wall = self._clock.now(), self._clock.wall()
            key = fresh = open_session(
                self._ids, role, session_name, _SESSION_S, now=now, wall=wall, policy=policy, service=SERVICE
            )
            await self._store.run(lambda tx: keep_session(tx, fresh, wall))
        ends_at = key.expires_at or 0.0
        shown = {
            "AccessKeyId": key.id,
            "AccessKeySecret": key.secret,
            "Expiration": iso_seconds(ends_at),
            "SecurityToken": key.token,
            "LastUpdated": iso_seconds(ends_at - _SESSION_S),
            "Code": "Success",
        }
        return HttpResponse(200, msgspec.json.encode(shown), content_type="application/json")

    def _kept(self, role: Role, session_name: str, policy: str) -> StoredKey | None:
        until = self._clock.wall() + _RENEWED_S
        for key in self._store.list(StoredKey, account=role.account):
            begun = (key.service, key.role_id, key.session_name, key.policy)
            if begun == (SERVICE, role.role_id, session_name, policy) and (key.expires_at or 0.0) > until:
                return key
        return None

    def _usable(self, account: str, name: str) -> Role:
        role = role_of(self._store, account, name)
        if not trusts_service(role, SERVICE):
            raise ApiError(
                "InvalidRamRole.NotEcsRole",
                404,
                f"The role {role.name} does not trust instances; its trust policy needs "
                f'"Principal": {{"Service": ["{SERVICE}"]}}.',
            )
        return role

    # Words that only we can make ----------------------------------------------------------------------------------

    def _asker(self, request: HttpRequest) -> Identity | None:
        scheme, _, given = (request.header("proxy-authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user = base64.b64decode(given, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return None
        return self._opened(user.partition(":")[2])

    def _opened(self, word: str) -> Identity | None:
        content = self._unsealed(word)
        try:
            return msgspec.json.decode(content, type=Identity) if content is not None else None
        except msgspec.DecodeError:
            return None

    def _sealed(self, content: bytes) -> str:
        """Only what an address may carry: letters, digits, - and _."""
        return base64.urlsafe_b64encode(self._mac(content) + content).decode().rstrip("=")

    def _unsealed(self, word: str) -> bytes | None:
        try:
            raw = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        except (binascii.Error, ValueError):
            return None
        return raw[16:] if hmac.compare_digest(raw[:16], self._mac(raw[16:])) else None

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, b"metadata:" + content, hashlib.sha256)[:16]


def _role_named(role: str, account: str) -> tuple[str, str]:
    """Account and name of a role that is given as an ARN or by its name alone."""
    head, _, name = role.rpartition("/")
    parts = head.split(":")
    return (parts[3], name) if len(parts) == 5 and parts[:2] == ["acs", "ram"] else (account, role)


def _found(text: str | None) -> HttpResponse:
    return _text(404, "") if text is None else _text(200, text)


def _text(status: int, text: str) -> HttpResponse:
    return HttpResponse(status, text.encode(), content_type="text/plain;charset=utf-8")
