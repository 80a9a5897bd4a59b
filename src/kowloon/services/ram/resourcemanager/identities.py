"""Roles and policies: RAM's own, of which this API differs only in how it lists."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram import actions as ram_actions
from kowloon.services.ram.errors import TASK_NOT_FOUND
from kowloon.services.ram.logic import policies
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.roles import RoleItem, shown
from kowloon.store.identity import Policy, Role, RoleDeletion

_SHARED: Final = """
    CreatePolicy GetPolicy DeletePolicy
    CreatePolicyVersion GetPolicyVersion ListPolicyVersions DeletePolicyVersion SetDefaultPolicyVersion
    CreateRole GetRole UpdateRole DeleteRole
    CreateServiceLinkedRole DeleteServiceLinkedRole
""".split()

for name in _SHARED:
    action = ram_actions.ram.actions[name]
    resourcemanager.action(resource=action.resources)(action.handler)


class ListRolesRequest(Request):
    PageNumber: int = 1
    PageSize: int = 10


class ListedRole(RoleItem, kw_only=True):
    RolePrincipalName: str
    IsServiceLinkedRole: bool


class RoleList(msgspec.Struct, kw_only=True):
    Role: list[ListedRole]


class ListRolesResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    Roles: RoleList


@resourcemanager.action(resource="acs:ram:*:{account}:role/*")
def list_roles(ctx: Context, req: ListRolesRequest) -> ListRolesResponse:
    page = pages.by_number(ctx.tx.list(Role, account=ctx.account), req.PageNumber, req.PageSize)
    rows = [msgspec.structs.asdict(shown(ctx, role)) for role in page.items]
    for row in rows:
        del row["AssumeRolePolicyDocument"]
    return ListRolesResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        Roles=RoleList(Role=[ListedRole(**row) for row in rows]),
    )


class ListPoliciesRequest(Request):
    PolicyType: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class ListedPolicy(msgspec.Struct, kw_only=True):
    PolicyName: str
    PolicyType: str
    Description: str
    DefaultVersion: str
    AttachmentCount: int
    CreateDate: str
    UpdateDate: str


class PolicyList(msgspec.Struct, kw_only=True):
    Policy: list[ListedPolicy]


class ListPoliciesResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    Policies: PolicyList


@resourcemanager.action(resource="acs:ram:*:{account}:policy/*")
def list_policies(ctx: Context, req: ListPoliciesRequest) -> ListPoliciesResponse:
    if req.PolicyType:
        policies.check_type(req.PolicyType)
    custom = [policies.view(policy) for policy in ctx.tx.list(Policy, account=ctx.account)]
    wanted = [each for each in (*custom, *policies.system_views()) if req.PolicyType in ("", each.type)]
    page = pages.by_number(wanted, req.PageNumber, req.PageSize)
    counts = policies.attachment_counts(ctx)
    rows = [
        ListedPolicy(
            PolicyName=policy.name,
            PolicyType=policy.type,
            Description=policy.description,
            DefaultVersion=policy.default_version,
            AttachmentCount=counts.get((policy.type, policy.name), 0),
            CreateDate=iso_seconds(policy.created_at),
            UpdateDate=iso_seconds(policy.updated_at),
        )
        for policy in page.items
    ]
    return ListPoliciesResponse(
        TotalCount=page.total, PageNumber=page.number, PageSize=page.size, Policies=PolicyList(Policy=rows)
    )


class GetServiceLinkedRoleDeletionStatusRequest(Request):
    DeletionTaskId: str


class GetServiceLinkedRoleDeletionStatusResponse(Response):
    Status: str


@resourcemanager.action()
def get_service_linked_role_deletion_status(
    ctx: Context, req: GetServiceLinkedRoleDeletionStatusRequest
) -> GetServiceLinkedRoleDeletionStatusResponse:
    """Roles go at once: a task that there is has succeeded."""
    if ctx.mine(RoleDeletion, req.DeletionTaskId) is None:
        raise TASK_NOT_FOUND.error(name=req.DeletionTaskId)
    return GetServiceLinkedRoleDeletionStatusResponse(Status="SUCCEEDED")
