"""Roles and the policies attached to them."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.errors import (
    ALREADY_ATTACHED,
    INVALID_DURATION,
    INVALID_POLICY_TYPE,
    INVALID_ROLE_NAME,
    NOT_ATTACHED,
    POLICY_NOT_FOUND,
    ROLE_EXISTS,
    ROLE_HAS_POLICY,
    ROLE_NOT_FOUND,
)
from kowloon.services.ram.policies import ROLE_NAME, SYSTEM_POLICIES, parse_trust
from kowloon.services.ram.product import ram
from kowloon.store.identity import PolicyAttachment, Role


class RoleItem(msgspec.Struct, kw_only=True):
    RoleId: str
    RoleName: str
    Arn: str
    Description: str
    CreateDate: str
    UpdateDate: str
    MaxSessionDuration: int
    AssumeRolePolicyDocument: str


class RoleResponse(Response):
    Role: RoleItem


def _shown(role: Role) -> RoleItem:
    return RoleItem(
        RoleId=role.role_id,
        RoleName=role.name,
        Arn=role.arn,
        Description=role.description,
        CreateDate=iso_seconds(role.created_at),
        UpdateDate=iso_seconds(role.created_at),
        MaxSessionDuration=role.max_session_s,
        AssumeRolePolicyDocument=role.trust,
    )


def _role(ctx: Context, name: str) -> Role:
    role = ctx.tx.get(Role, f"{ctx.account}:{name.lower()}")
    if role is None:
        raise ROLE_NOT_FOUND.error(name=name)
    return role


def _attachments(ctx: Context, role: Role) -> list[PolicyAttachment]:
    entity = f"role/{role.name.lower()}"
    return [item for item in ctx.tx.list(PolicyAttachment, account=ctx.account) if item.entity == entity]


class CreateRoleRequest(Request):
    RoleName: str
    AssumeRolePolicyDocument: str
    Description: str = ""
    MaxSessionDuration: int = 3600


@ram.action(resource="acs:ram:*:{account}:role/*")
def create_role(ctx: Context, req: CreateRoleRequest) -> RoleResponse:
    if not ROLE_NAME.fullmatch(req.RoleName):
        raise INVALID_ROLE_NAME.error(name=req.RoleName)
    if not 3600 <= req.MaxSessionDuration <= 43200:
        raise INVALID_DURATION.error()
    parse_trust(req.AssumeRolePolicyDocument)
    id = f"{ctx.account}:{req.RoleName.lower()}"
    if ctx.tx.get(Role, id) is not None:
        raise ROLE_EXISTS.error(name=req.RoleName)
    role = Role(
        id=id,
        account=ctx.account,
        created_at=ctx.now,
        name=req.RoleName,
        role_id=ctx.ids.digits(18),
        description=req.Description,
        trust=req.AssumeRolePolicyDocument,
        max_session_s=req.MaxSessionDuration,
    )
    ctx.tx.put(role)
    return RoleResponse(Role=_shown(role))


class GetRoleRequest(Request):
    RoleName: str


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def get_role(ctx: Context, req: GetRoleRequest) -> RoleResponse:
    return RoleResponse(Role=_shown(_role(ctx, req.RoleName)))


class ListRolesRequest(Request):
    Marker: str = ""
    MaxItems: int = 100


class RoleList(msgspec.Struct, kw_only=True):
    Role: list[RoleItem]


class ListRolesResponse(Response):
    IsTruncated: bool
    Marker: str
    Roles: RoleList


@ram.action(resource="acs:ram:*:{account}:role/*")
def list_roles(ctx: Context, req: ListRolesRequest) -> ListRolesResponse:
    page = pages.by_token(ctx.tx.list(Role, account=ctx.account), req.Marker, req.MaxItems, most=1000)
    return ListRolesResponse(
        IsTruncated=bool(page.next_token),
        Marker=page.next_token,
        Roles=RoleList(Role=[_shown(role) for role in page.items]),
    )


class DeleteRoleRequest(Request):
    RoleName: str


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def delete_role(ctx: Context, req: DeleteRoleRequest) -> Response:
    role = _role(ctx, req.RoleName)
    if _attachments(ctx, role):
        raise ROLE_HAS_POLICY.error(name=req.RoleName)
    ctx.tx.delete(role)
    return Response()


class AttachPolicyToRoleRequest(Request):
    PolicyType: str
    PolicyName: str
    RoleName: str


def _attachment_id(ctx: Context, role: Role, policy_type: str, policy_name: str) -> str:
    if policy_type not in ("System", "Custom"):
        raise INVALID_POLICY_TYPE.error()
    return f"{ctx.account}:role/{role.name.lower()}:{policy_type}/{policy_name}"


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def attach_policy_to_role(ctx: Context, req: AttachPolicyToRoleRequest) -> Response:
    role = _role(ctx, req.RoleName)
    id = _attachment_id(ctx, role, req.PolicyType, req.PolicyName)
    if req.PolicyType != "System" or req.PolicyName not in SYSTEM_POLICIES:
        raise POLICY_NOT_FOUND.error(name=req.PolicyName)
    if ctx.tx.get(PolicyAttachment, id) is not None:
        raise ALREADY_ATTACHED.error(name=req.PolicyName)
    ctx.tx.put(
        PolicyAttachment(
            id=id,
            account=ctx.account,
            created_at=ctx.now,
            entity=f"role/{role.name.lower()}",
            policy_type=req.PolicyType,
            policy_name=req.PolicyName,
        )
    )
    return Response()


class DetachPolicyFromRoleRequest(AttachPolicyToRoleRequest):
    pass


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def detach_policy_from_role(ctx: Context, req: DetachPolicyFromRoleRequest) -> Response:
    role = _role(ctx, req.RoleName)
    item = ctx.tx.get(PolicyAttachment, _attachment_id(ctx, role, req.PolicyType, req.PolicyName))
    if item is None:
        raise NOT_ATTACHED.error(name=req.PolicyName)
    ctx.tx.delete(item)
    return Response()


class ListPoliciesForRoleRequest(Request):
    RoleName: str


class PolicyItem(msgspec.Struct, kw_only=True):
    PolicyName: str
    PolicyType: str
    AttachDate: str
    DefaultVersion: str = "v1"
    Description: str = ""


class PolicyList(msgspec.Struct, kw_only=True):
    Policy: list[PolicyItem]


class ListPoliciesForRoleResponse(Response):
    Policies: PolicyList


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def list_policies_for_role(ctx: Context, req: ListPoliciesForRoleRequest) -> ListPoliciesForRoleResponse:
    rows = [
        PolicyItem(PolicyName=item.policy_name, PolicyType=item.policy_type, AttachDate=iso_seconds(item.created_at))
        for item in _attachments(ctx, _role(ctx, req.RoleName))
    ]
    return ListPoliciesForRoleResponse(Policies=PolicyList(Policy=rows))
