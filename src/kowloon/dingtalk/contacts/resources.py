"""The organisation. Every account has one; ids that people use are unique in it, and kept as `<account>/<id>`."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import msgspec

from kowloon.store.resources import Resource

ROOT_DEPARTMENT = 1


def corp_id(account: str) -> str:
    """Of the account's organisation; always the same."""
    return "ding" + hashlib.blake2b(account.encode(), digest_size=16, person=b"dingtalk-corp").hexdigest()


class Application(Resource, frozen=True, kw_only=True):
    """An internal application and its robot; id is its appKey, which is also the clientId and the robotCode.
    `scopes`: the permissions that it was given, `*` for all. `addresses`: who may use its tokens, IPs or CIDR blocks;
    empty: anybody. `callback_*`: where events go by HTTP, signed and encrypted; `robot_url`: where messages to its
    robot go by HTTP; both go by Stream while a client of the application is connected that way. `stream_events`: one
    was, and asked for events; they wait for the next one."""

    kind: ClassVar[str] = "dingtalk-application"
    name: str
    secret: str
    agent_id: int
    scopes: tuple[str, ...] = ("*",)
    addresses: tuple[str, ...] = ()
    callback_url: str = ""
    callback_token: str = ""
    callback_aes_key: str = ""
    callback_events: tuple[str, ...] = ()
    # The owner in what is encrypted: the corp id when set by the older call, else the appKey.
    callback_owner: str = ""
    robot_url: str = ""
    stream_events: bool = False
    # Where people who sign in to it may be sent back to, exactly.
    redirect_uris: tuple[str, ...] = ()

    def may(self, scope: str) -> bool:
        return not scope or "*" in self.scopes or scope in self.scopes


class AccessToken(Resource, frozen=True, kw_only=True):
    """Of an application (`userid` empty) or of a person who signed in to it. id is the token; it ends by the wall's
    clock. `refresh`: it only serves to get another."""

    kind: ClassVar[str] = "dingtalk-access-token"
    application: str
    userid: str = ""
    refresh: bool = False
    scope: str = ""
    expires_at: float


class Department(Resource, frozen=True, kw_only=True):
    kind: ClassVar[str] = "dingtalk-department"
    number: int
    name: str
    parent: int = ROOT_DEPARTMENT
    order: int = 0
    managers: tuple[str, ...] = ()
    # The conversation of its own group, when it has one.
    group: str = ""
    # The role (`<account>:<name in lower case>`) that its members may use in the cloud.
    ram_role: str = ""
    # What the duty's organisation said of it last; what differs was changed by hand since.
    followed: dict[str, Any] = msgspec.field(default_factory=dict)
    settings: dict[str, Any] = msgspec.field(default_factory=dict)


class Member(Resource, frozen=True, kw_only=True):
    """`user`: the RAM user of the account who is this person, by name. `settings`: fields that are only shown.
    `banner`: the status that others see. `person`: who of the duty's organisation this is, and `followed` what that
    said last; what differs was changed by hand since."""

    kind: ClassVar[str] = "dingtalk-member"
    userid: str
    union_id: str
    name: str
    mobile: str = ""
    email: str = ""
    title: str = ""
    departments: tuple[int, ...] = (ROOT_DEPARTMENT,)
    manager: str = ""
    admin: bool = False
    user: str = ""
    password: str = ""
    person: str = ""
    followed: dict[str, Any] = msgspec.field(default_factory=dict)
    banner: dict[str, Any] = msgspec.field(default_factory=dict)
    settings: dict[str, Any] = msgspec.field(default_factory=dict)


class RoleGroup(Resource, frozen=True, kw_only=True):
    kind: ClassVar[str] = "dingtalk-role-group"
    number: int
    name: str


class Role(Resource, frozen=True, kw_only=True):
    """`scopes`: the departments that a member's role is limited to, by userid. `post`: the post of the duty whose
    holders have it, and `title` what that was called last; its members then follow by themselves."""

    kind: ClassVar[str] = "dingtalk-role"
    number: int
    name: str
    group: int
    members: tuple[str, ...] = ()
    scopes: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)
    post: str = ""
    title: str = ""


class MemberSession(Resource, frozen=True, kw_only=True):
    """Somebody signed in to the messenger; id is the digest of what the cookie says. Ends by the wall's clock."""

    kind: ClassVar[str] = "dingtalk-session"
    userid: str
    expires_at: float


class FailedSignIns(Resource, frozen=True, kw_only=True):
    """When passwords of a member were wrong; also of names that nobody has, so that nobody is told who is there."""

    kind: ClassVar[str] = "dingtalk-failed-sign-ins"
    at: tuple[float, ...] = ()
    locked_until: float = 0.0


class LoginCode(Resource, frozen=True, kw_only=True):
    """Proves once to an application who somebody is; id is the digest of the code. `redirect_uri`: of the page that
    consent was given for; empty: asked for inside of the messenger. Ends by the wall's clock."""

    kind: ClassVar[str] = "dingtalk-login-code"
    application: str
    userid: str
    scope: str = ""
    redirect_uri: str = ""
    expires_at: float


class JsapiTicket(Resource, frozen=True, kw_only=True):
    """Of an application, whose id is its id. Ends by the wall's clock."""

    kind: ClassVar[str] = "dingtalk-jsapi-ticket"
    text: str
    expires_at: float


class Sequence(Resource, frozen=True, kw_only=True):
    """The last number given to departments, roles and the like of an organisation; id is `<account>/<of what>`."""

    kind: ClassVar[str] = "dingtalk-sequence"
    last: int


RESOURCES: tuple[type[Resource], ...] = (
    Application,
    AccessToken,
    Department,
    Member,
    RoleGroup,
    Role,
    MemberSession,
    FailedSignIns,
    LoginCode,
    JsapiTicket,
    Sequence,
)
