"""Roles: who may take them (the trust policy), for how long, and their life."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import (
    INVALID_DURATION,
    INVALID_LENGTH,
    MALFORMED_POLICY,
    NOT_FOR_SERVICE_LINKED_ROLES,
    ROLE_EXISTS,
    ROLE_HAS_POLICY,
    ROLE_NOT_FOUND,
    TOO_MANY,
)
from kowloon.services.ram.logic import names, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import Account, Role
from kowloon.wire.policy.document import parse_trust
from kowloon.wire.policy.syntax import PolicyError

SHORTEST_SESSION_S = 3600
LONGEST_SESSION_S = 43200


def entity_of(role: Role) -> str:
    """How attachments name it."""
    return f"role/{role.name.lower()}"


def find(ctx: Context, name: str) -> Role:
    role = ctx.tx.get(Role, f"{ctx.account}:{name.lower()}")
    if role is None:
        raise ROLE_NOT_FOUND.error(name=name)
    return role


def find_own(ctx: Context, name: str) -> Role:
    """One that the account's people may change: not a service's."""
    role = find(ctx, name)
    if role.service:
        raise NOT_FOR_SERVICE_LINKED_ROLES.error(name=role.name)
    return role


def put_new(ctx: Context, role: Role) -> None:
    if ctx.tx.get(Role, role.id) is not None:
        raise ROLE_EXISTS.error(name=role.name)
    ctx.tx.put(role)


def _check_trust(document: str, parameter: str) -> None:
    if not 1 <= len(document) <= quotas.TRUST_CHARACTERS:
        raise INVALID_LENGTH.error(name=parameter)
    try:
        parse_trust(document)
    except PolicyError as problem:
        raise MALFORMED_POLICY.error(why=problem) from None


def _check_duration(seconds: int) -> None:
    if not SHORTEST_SESSION_S <= seconds <= LONGEST_SESSION_S:
        raise INVALID_DURATION.error()


# --- answers ---


class RoleItem(msgspec.Struct, kw_only=True):
    RoleId: str
    RoleName: str
    Arn: str
    Description: str
    CreateDate: str
    UpdateDate: str
    MaxSessionDuration: int
    AllowConsoleLogin: bool


class ListedRole(RoleItem, kw_only=True):
    Tags: tags.TagList


class RoleWithTrust(RoleItem, kw_only=True):
    AssumeRolePolicyDocument: str
    RolePrincipalName: str
    IsServiceLinkedRole: bool


class RoleResponse(Response):
    Role: RoleWithTrust


def _fields(role: Role) -> dict[str, Any]:
    return {
        "RoleId": role.role_id,
        "RoleName": role.name,
        "Arn": role.arn,
        "Description": role.description,
        "CreateDate": iso_seconds(role.created_at),
        "UpdateDate": iso_seconds(role.updated_at),
        "MaxSessionDuration": role.max_session_s,
        "AllowConsoleLogin": role.console_login,
    }


def shown(ctx: Context, role: Role) -> RoleWithTrust:
    account = ctx.tx.get(Account, ctx.account)
    alias = account.alias if account is not None else ""
    return RoleWithTrust(
        **_fields(role),
        AssumeRolePolicyDocument=role.trust,
        RolePrincipalName=f"{role.name}@role.{alias or ctx.account}.onaliyunservice.com",
        IsServiceLinkedRole=bool(role.service),
    )


# --- actions ---


class CreateRoleRequest(Request):
    RoleName: str
    AssumeRolePolicyDocument: str
    Description: str = ""
    MaxSessionDuration: int = SHORTEST_SESSION_S
    AllowConsoleLogin: bool = False
    Tag: AsJson[list[tags.TagParam]] = []


@ram.action(resource="acs:ram:*:{account}:role/*")
def create_role(ctx: Context, req: CreateRoleRequest) -> RoleResponse:
    names.check(req.RoleName, "RoleName", names.ROLE)
    names.check_text(req.Description, "Description", names.DESCRIPTION_CHARACTERS)
    _check_duration(req.MaxSessionDuration)
    _check_trust(req.AssumeRolePolicyDocument, "AssumeRolePolicyDocument")
    if len(ctx.tx.list(Role, account=ctx.account)) >= quotas.ROLES:
        raise TOO_MANY.error(kind="Role", entities="roles")
    role = Role(
        id=f"{ctx.account}:{req.RoleName.lower()}",
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        tags=tags.checked(req.Tag),
        name=req.RoleName,
        role_id="3" + ctx.ids.digits(17),
        description=req.Description,
        trust=req.AssumeRolePolicyDocument,
        max_session_s=req.MaxSessionDuration,
        console_login=req.AllowConsoleLogin,
    )
    put_new(ctx, role)
    return RoleResponse(Role=shown(ctx, role))


class GetRoleRequest(Request):
    RoleName: str


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def get_role(ctx: Context, req: GetRoleRequest) -> RoleResponse:
    return RoleResponse(Role=shown(ctx, find(ctx, req.RoleName)))


class ListRolesRequest(Request):
    Marker: str = ""
    MaxItems: int = 100
    Tag: AsJson[list[tags.TagParam]] = []


class RoleList(msgspec.Struct, kw_only=True):
    Role: list[ListedRole]


class ListRolesResponse(Response):
    IsTruncated: bool
    Marker: str
    Roles: RoleList


@ram.action(resource="acs:ram:*:{account}:role/*")
def list_roles(ctx: Context, req: ListRolesRequest) -> ListRolesResponse:
    wanted = [role for role in ctx.tx.list(Role, account=ctx.account) if tags.matches(role.tags, req.Tag)]
    page = pages.by_marker(wanted, req.Marker, req.MaxItems)
    rows = [ListedRole(**_fields(role), Tags=tags.shown(role.tags)) for role in page.items]
    return ListRolesResponse(IsTruncated=bool(page.next_token), Marker=page.next_token, Roles=RoleList(Role=rows))


class UpdateRoleRequest(Request):
    RoleName: str
    NewAssumeRolePolicyDocument: str | None = None
    NewDescription: str | None = None
    NewMaxSessionDuration: int | None = None
    NewAllowConsoleLogin: bool | None = None


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def update_role(ctx: Context, req: UpdateRoleRequest) -> RoleResponse:
    role = find_own(ctx, req.RoleName)
    changes: dict[str, object] = {}
    if req.NewAssumeRolePolicyDocument is not None:
        _check_trust(req.NewAssumeRolePolicyDocument, "NewAssumeRolePolicyDocument")
        changes["trust"] = req.NewAssumeRolePolicyDocument
    if req.NewDescription is not None:
        names.check_text(req.NewDescription, "NewDescription", names.DESCRIPTION_CHARACTERS)
        changes["description"] = req.NewDescription
    if req.NewMaxSessionDuration is not None:
        _check_duration(req.NewMaxSessionDuration)
        changes["max_session_s"] = req.NewMaxSessionDuration
    if req.NewAllowConsoleLogin is not None:
        changes["console_login"] = req.NewAllowConsoleLogin
    changed = msgspec.structs.replace(role, updated_at=ctx.now, **changes)
    ctx.tx.put(changed)
    return RoleResponse(Role=shown(ctx, changed))


class DeleteRoleRequest(Request):
    RoleName: str


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def delete_role(ctx: Context, req: DeleteRoleRequest) -> Response:
    role = find_own(ctx, req.RoleName)
    if users.attachments(ctx, entity_of(role)):
        raise ROLE_HAS_POLICY.error(name=role.name)
    ctx.tx.delete(role)
    return Response()
