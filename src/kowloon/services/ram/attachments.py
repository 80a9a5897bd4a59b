"""Which policies users, groups and roles carry. Those that count in a resource group only are ResourceManager's."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram import roles
from kowloon.services.ram.logic import groups, policies, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import Group, PolicyAttachment, Role, User

_POLICY = "acs:ram:*:{PolicyOwner}:policy/{PolicyName}"


class PolicyOfEntity(Request):
    PolicyType: str
    PolicyName: str


# --- users ---


class AttachPolicyToUserRequest(PolicyOfEntity):
    UserName: str


@ram.action(resource=("acs:ram:*:{account}:user/{User}", _POLICY))
def attach_policy_to_user(ctx: Context, req: AttachPolicyToUserRequest) -> Response:
    policies.attach(ctx, users.entity_of(users.find(ctx, req.UserName)), req.PolicyType, req.PolicyName)
    return Response()


class DetachPolicyFromUserRequest(PolicyOfEntity):
    UserName: str


@ram.action(resource=("acs:ram:*:{account}:user/{User}", _POLICY))
def detach_policy_from_user(ctx: Context, req: DetachPolicyFromUserRequest) -> Response:
    policies.detach(ctx, users.entity_of(users.find(ctx, req.UserName)), req.PolicyType, req.PolicyName)
    return Response()


# --- groups ---


class AttachPolicyToGroupRequest(PolicyOfEntity):
    GroupName: str


@ram.action(resource=("acs:ram:*:{account}:group/{GroupName}", _POLICY))
def attach_policy_to_group(ctx: Context, req: AttachPolicyToGroupRequest) -> Response:
    policies.attach(ctx, groups.entity_of(groups.find(ctx, req.GroupName)), req.PolicyType, req.PolicyName)
    return Response()


class DetachPolicyFromGroupRequest(PolicyOfEntity):
    GroupName: str


@ram.action(resource=("acs:ram:*:{account}:group/{GroupName}", _POLICY))
def detach_policy_from_group(ctx: Context, req: DetachPolicyFromGroupRequest) -> Response:
    policies.detach(ctx, groups.entity_of(groups.find(ctx, req.GroupName)), req.PolicyType, req.PolicyName)
    return Response()


# --- roles ---


class AttachPolicyToRoleRequest(PolicyOfEntity):
    RoleName: str


@ram.action(resource=("acs:ram:*:{account}:role/{RoleName}", _POLICY))
def attach_policy_to_role(ctx: Context, req: AttachPolicyToRoleRequest) -> Response:
    policies.attach(ctx, roles.entity_of(roles.find_own(ctx, req.RoleName)), req.PolicyType, req.PolicyName)
    return Response()


class DetachPolicyFromRoleRequest(PolicyOfEntity):
    RoleName: str


@ram.action(resource=("acs:ram:*:{account}:role/{RoleName}", _POLICY))
def detach_policy_from_role(ctx: Context, req: DetachPolicyFromRoleRequest) -> Response:
    policies.detach(ctx, roles.entity_of(roles.find_own(ctx, req.RoleName)), req.PolicyType, req.PolicyName)
    return Response()


# --- what an entity carries ---


class AttachedPolicy(msgspec.Struct, kw_only=True):
    PolicyName: str
    PolicyType: str
    DefaultVersion: str
    Description: str
    AttachDate: str


class AttachedPolicyList(msgspec.Struct, kw_only=True):
    Policy: list[AttachedPolicy]


class AttachedPoliciesResponse(Response):
    Policies: AttachedPolicyList


def _carried(ctx: Context, entity: str) -> AttachedPoliciesResponse:
    rows = []
    for item in users.attachments(ctx, entity):
        if item.scope:
            continue
        policy = policies.look_up(ctx, item.policy_type, item.policy_name)
        row = AttachedPolicy(
            PolicyName=policy.name,
            PolicyType=policy.type,
            DefaultVersion=policy.default_version,
            Description=policy.description,
            AttachDate=iso_seconds(item.created_at),
        )
        rows.append(row)
    return AttachedPoliciesResponse(Policies=AttachedPolicyList(Policy=rows))


class ListPoliciesForUserRequest(Request):
    UserName: str


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def list_policies_for_user(ctx: Context, req: ListPoliciesForUserRequest) -> AttachedPoliciesResponse:
    return _carried(ctx, users.entity_of(users.find(ctx, req.UserName)))


class ListPoliciesForGroupRequest(Request):
    GroupName: str


@ram.action(resource="acs:ram:*:{account}:group/{GroupName}")
def list_policies_for_group(ctx: Context, req: ListPoliciesForGroupRequest) -> AttachedPoliciesResponse:
    return _carried(ctx, groups.entity_of(groups.find(ctx, req.GroupName)))


class ListPoliciesForRoleRequest(Request):
    RoleName: str


@ram.action(resource="acs:ram:*:{account}:role/{RoleName}")
def list_policies_for_role(ctx: Context, req: ListPoliciesForRoleRequest) -> AttachedPoliciesResponse:
    return _carried(ctx, roles.entity_of(roles.find(ctx, req.RoleName)))


# --- what carries a policy ---


class ListEntitiesForPolicyRequest(Request):
    PolicyType: str
    PolicyName: str


class UserWithPolicy(msgspec.Struct, kw_only=True):
    UserId: str
    UserName: str
    DisplayName: str
    AttachDate: str


class GroupWithPolicy(msgspec.Struct, kw_only=True):
    GroupName: str
    Comments: str
    AttachDate: str


class RoleWithPolicy(msgspec.Struct, kw_only=True):
    RoleId: str
    RoleName: str
    Arn: str
    Description: str
    AttachDate: str


class UsersWithPolicy(msgspec.Struct, kw_only=True):
    User: list[UserWithPolicy]


class GroupsWithPolicy(msgspec.Struct, kw_only=True):
    Group: list[GroupWithPolicy]


class RolesWithPolicy(msgspec.Struct, kw_only=True):
    Role: list[RoleWithPolicy]


class ListEntitiesForPolicyResponse(Response):
    Users: UsersWithPolicy
    Groups: GroupsWithPolicy
    Roles: RolesWithPolicy


@ram.action(resource=_POLICY)
def list_entities_for_policy(ctx: Context, req: ListEntitiesForPolicyRequest) -> ListEntitiesForPolicyResponse:
    policy = policies.look_up(ctx, req.PolicyType, req.PolicyName)
    carriers: dict[str, list[tuple[str, PolicyAttachment]]] = {"user": [], "group": [], "role": []}
    for item in policies.attachments_of(ctx, policy.type, policy.name):
        kind, _, name = item.entity.partition("/")
        if not item.scope:
            carriers[kind].append((name, item))
    return ListEntitiesForPolicyResponse(
        Users=UsersWithPolicy(User=[_user(users.find(ctx, name), item) for name, item in carriers["user"]]),
        Groups=GroupsWithPolicy(Group=[_group(groups.find(ctx, name), item) for name, item in carriers["group"]]),
        Roles=RolesWithPolicy(Role=[_role(roles.find(ctx, name), item) for name, item in carriers["role"]]),
    )


def _user(user: User, item: PolicyAttachment) -> UserWithPolicy:
    return UserWithPolicy(
        UserId=user.user_id,
        UserName=user.name,
        DisplayName=user.display_name,
        AttachDate=iso_seconds(item.created_at),
    )


def _group(group: Group, item: PolicyAttachment) -> GroupWithPolicy:
    return GroupWithPolicy(GroupName=group.name, Comments=group.comments, AttachDate=iso_seconds(item.created_at))


def _role(role: Role, item: PolicyAttachment) -> RoleWithPolicy:
    return RoleWithPolicy(
        RoleId=role.role_id,
        RoleName=role.name,
        Arn=role.arn,
        Description=role.description,
        AttachDate=iso_seconds(item.created_at),
    )
