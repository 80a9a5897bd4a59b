"""Policies on users, groups and roles, which count in a resource group or in the whole account."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram import roles
from kowloon.services.ram.errors import GROUP_NOT_FOUND, ROLE_NOT_FOUND
from kowloon.services.ram.logic import groups, login_names, policies, settings, users
from kowloon.services.ram.resourcemanager import group_contents
from kowloon.services.ram.resourcemanager.errors import INVALID
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.store.identity import PolicyAttachment

_TYPES: Final = {"user": "IMSUser", "group": "IMSGroup", "role": "ServiceRole"}
_POLICY: Final = "acs:ram:*:{PolicyOwner}:policy/{PolicyName}"


def _entity(ctx: Context, kind: str, principal: str) -> str:
    """Of `alice@1234.onaliyun.com`, `ops@group.1234.onaliyun.com`, `build@role.1234.onaliyunservice.com`; what follows
    the @ may be the account's alias."""
    name, _, domain = principal.partition("@")
    match kind:
        case "IMSUser":
            return users.entity_of(login_names.find(ctx, principal))
        case "IMSGroup":
            if not login_names.is_domain(ctx, domain.removeprefix("group.")):
                raise GROUP_NOT_FOUND.error(name=principal)
            return groups.entity_of(groups.find(ctx, name))
        case "ServiceRole":
            own = domain.removeprefix("role.").removesuffix(".onaliyunservice.com")
            if own not in (ctx.account, settings.account(ctx).alias or ctx.account):
                raise ROLE_NOT_FOUND.error(name=principal)
            return roles.entity_of(roles.find_own(ctx, name))
        case _:
            raise INVALID.error(name="PrincipalType")


def _principal(ctx: Context, entity: str) -> str:
    kind, _, name = entity.partition("/")
    account = settings.account(ctx)
    match kind:
        case "user":
            return f"{name}@{account.domain}"
        case "group":
            return f"{name}@group.{account.domain}"
        case _:
            return f"{roles.find(ctx, name).name}@role.{account.alias or ctx.account}.onaliyunservice.com"


def _scope(ctx: Context, id: str) -> str:
    """As PolicyAttachment has it. `id`: a resource group, or the account for all of it."""
    return "" if id == ctx.account else group_contents.find(ctx, id).id


class AttachPolicyRequest(Request):
    ResourceGroupId: str
    PolicyType: str
    PolicyName: str
    PrincipalType: str
    PrincipalName: str


@resourcemanager.action(resource=_POLICY)
def attach_policy(ctx: Context, req: AttachPolicyRequest) -> Response:
    scope = _scope(ctx, req.ResourceGroupId)
    entity = _entity(ctx, req.PrincipalType, req.PrincipalName)
    policies.attach(ctx, entity, req.PolicyType, req.PolicyName, scope)
    return Response()


class DetachPolicyRequest(AttachPolicyRequest):
    pass


@resourcemanager.action(resource=_POLICY)
def detach_policy(ctx: Context, req: DetachPolicyRequest) -> Response:
    scope = _scope(ctx, req.ResourceGroupId)
    entity = _entity(ctx, req.PrincipalType, req.PrincipalName)
    policies.detach(ctx, entity, req.PolicyType, req.PolicyName, scope)
    return Response()


class ListPolicyAttachmentsRequest(Request):
    ResourceGroupId: str = ""
    PolicyType: str = ""
    PolicyName: str = ""
    PrincipalType: str = ""
    PrincipalName: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class AttachmentItem(msgspec.Struct, kw_only=True):
    ResourceGroupId: str
    PolicyName: str
    PolicyType: str
    PrincipalName: str
    PrincipalType: str
    Description: str
    AttachDate: str


class AttachmentList(msgspec.Struct, kw_only=True):
    PolicyAttachment: list[AttachmentItem]


class ListPolicyAttachmentsResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    PolicyAttachments: AttachmentList


@resourcemanager.action(resource="acs:ram:*:{account}:policy/*")
def list_policy_attachments(ctx: Context, req: ListPolicyAttachmentsRequest) -> ListPolicyAttachmentsResponse:
    """Those that count in the whole account are in the group whose id is the account's."""
    if req.ResourceGroupId:
        _scope(ctx, req.ResourceGroupId)
    if req.PolicyType:
        policies.check_type(req.PolicyType)
    if req.PrincipalType not in ("", *_TYPES.values()):
        raise INVALID.error(name="PrincipalType")
    wanted = [
        item
        for item in ctx.tx.list(PolicyAttachment, account=ctx.account)
        if req.ResourceGroupId in ("", item.scope or ctx.account)
        and req.PolicyType in ("", item.policy_type)
        and req.PolicyName in ("", item.policy_name)
        and req.PrincipalType in ("", _TYPES[item.entity.partition("/")[0]])
        and req.PrincipalName in ("", _principal(ctx, item.entity))
    ]
    page = pages.by_number(wanted, req.PageNumber, req.PageSize)
    return ListPolicyAttachmentsResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        PolicyAttachments=AttachmentList(PolicyAttachment=[_shown(ctx, item) for item in page.items]),
    )


def _shown(ctx: Context, item: PolicyAttachment) -> AttachmentItem:
    return AttachmentItem(
        ResourceGroupId=item.scope or ctx.account,
        PolicyName=item.policy_name,
        PolicyType=item.policy_type,
        PrincipalName=_principal(ctx, item.entity),
        PrincipalType=_TYPES[item.entity.partition("/")[0]],
        Description=policies.look_up(ctx, item.policy_type, item.policy_name).description,
        AttachDate=iso_seconds(item.created_at),
    )
