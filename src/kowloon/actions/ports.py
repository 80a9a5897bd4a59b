"""What the gateway needs from identity. Implemented by products, wired by app.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from kowloon.wire.http import BodyReceiver, HttpRequest, HttpResponse


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls. `type` is the vendor's IdentityType: Account, RAMUser or AssumedRoleUser; `arn` as RAM writes it. What
    only a session has: its role, policy and SourceIdentity, when it began (cloud time), and of one that came by an
    identity provider, the provider's ARN and whom it knows; of a user's, whether an MFA device vouched. One of a role
    that `post_user` has by a post (`post_role`) lasts no longer than that."""

    account: str
    type: str
    arn: str
    id: str
    name: str = ""
    role_id: str = ""
    policy: str = ""
    began_at: float | None = None
    source_identity: str = ""
    provider: str = ""
    subject: str = ""
    mfa: bool = False
    post_user: str = ""
    post_role: str = ""

    @property
    def is_root(self) -> bool:
        return self.type == "Account"

    @property
    def told(self) -> dict[str, Any]:
        """What a RequestEvent says of its caller."""
        return {
            "principal": self.arn,
            "principal_type": self.type,
            "principal_id": self.id,
            "principal_name": self.name,
            "session_began_at": self.began_at,
            "source_identity": self.source_identity,
            "provider": self.provider,
            "subject": self.subject,
            "mfa": self.mfa,
        }


ANONYMOUS = Principal(account="", type="Anonymous", arn="", id="")


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` signs. A temporary key has `token` and `expires_at` (wall time)."""

    id: str
    secret: str
    principal: Principal
    active: bool = True
    token: str = ""
    expires_at: float | None = None


class CredentialSource(Protocol):
    """Owns the access keys."""

    def find(self, access_key_id: str) -> AccessKey | None: ...


def no_group() -> str:
    """Of what is in no resource group."""
    return ""


class AccessRequest(msgspec.Struct, frozen=True):
    """Who wants to do what with what. `action` as in RAM (`ecs:RunInstances`), `resource` an ARN. `value_of` gives the
    value of a condition key, its name in lower case but for the name of a tag (`acs:sourceip`,
    `acs:resourcetag/Team`); None when the call has none. `group_of` looks up the id of the resource's group."""

    principal: Principal
    action: str
    resource: str
    value_of: Callable[[str], str | None]
    request_id: str = ""
    group_of: Callable[[], str] = no_group


class Standing(Protocol):
    """Who holds which post of an organisation now; posts give roles."""

    def post_of(self, user: str, role: str) -> str:
        """The post by which the RAM user (`<account>:<name>`) has the role (`<account>:<name in lower case>`) at this
        moment; '' when there is none."""
        ...


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is for the audit and for people: which rule decided. `final`: a denial that no policy of the resource
    overrules."""

    allowed: bool
    reason: str
    final: bool = False
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


class Authorizer(Protocol):
    """May this principal do this to that, and why."""

    def decide(self, asked: AccessRequest) -> Decision: ...

    def granted(self, principal: Principal, action: str, resource: str, request_id: str) -> Decision | None:
        """The same where the action is allowed whatever the resource and the request are; else None, and `decide` has
        to be asked. For who is asked thousands of times a second."""
        ...


class RoleRefused(Exception):
    """The role does not exist, or does not trust the product that wants to act as it."""


class InternalClient(Protocol):
    """Calls of one product to another, through the whole chain. Never to be called inside a transaction."""

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
        """`service` (`actiontrail.aliyuncs.com`) acts as the role, on an object or, without a key, a bucket; on the
        endpoint of a region where that counts. Raises RoleRefused; what the call itself answers is returned, whatever
        it is, and its files are the caller's to close."""
        ...


class Answered(NamedTuple):
    """What a call of somebody's answered: its body as the vendor's clients see it."""

    status: int
    body: dict[str, Any]

    @property
    def refusal(self) -> str:
        """`Code: message`, or '' where it went well."""
        return "" if self.status < 400 else f"{self.body.get('Code', self.status)}: {self.body.get('Message', '')}"


class PersonalClient(Protocol):
    """Calls of a product on behalf of a RAM user whom it has made sure of, through the whole chain: with that user's
    rights, limits and name in the audit. Never to be called inside a transaction."""

    async def call(
        self, service: str, account: str, user: str, product: str, action: str, parameters: dict[str, Any]
    ) -> Answered:
        """`service` (`dingtalk.aliyuncs.com`) is where the audit says that it came from. ApiError for what is no call
        at all."""
        ...

    async def may(self, service: str, account: str, user: str, action: str, resource: str) -> bool:
        """Whether the user may do what is no API action (`kowloon:InjectFault`)."""
        ...


class ConsoleSessions(Protocol):
    """Opens the console to people of whom something else knows who they are."""

    async def open(self, request: HttpRequest, account: str, user: str) -> tuple[str, str]:
        """The header that sets the cookie of a session of that RAM user. ApiError where the user may not log on, or
        would have to prove more than that."""
        ...


class OwnProtocol(Protocol):
    """A product whose calls are no API actions: it answers whole requests and takes large bodies in pieces."""

    def handle(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]: ...

    def receive(self, request: HttpRequest) -> BodyReceiver | HttpResponse | None:
        """Before the body of a request that has a large one. None: gather it and call `handle`."""
        ...

    def serves(self, host: str) -> bool:
        """Whether a host name beside the vendor's belongs to it (a custom domain)."""
        ...
