"""Which control policies folders and members are under."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import control_policies, tree
from kowloon.services.ram.resourcemanager.control import FULL_ACCESS
from kowloon.services.ram.resourcemanager.errors import (
    CONTROL_ATTACHED_ALREADY,
    CONTROL_DISABLED,
    CONTROL_NOT_ATTACHED,
    LAST_CONTROL_POLICY,
    TOO_MANY_CONTROL_ATTACHMENTS,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import ControlAttachment, Directory, Folder, Member

MOST_POLICIES_PER_TARGET: Final = 10
_POLICY: Final = "acs:resourcemanager:*:{account}:policy/controlpolicy/{PolicyId}"


def attach_full_access(ctx: Context, directory: Directory, target_id: str) -> None:
    """To what is new, where control policies count."""
    if directory.control_policies_enabled:
        _put(ctx, directory, FULL_ACCESS.id, target_id)


def detach_all(ctx: Context, target_id: str) -> None:
    for attachment in _of_target(ctx, target_id):
        ctx.tx.delete(attachment)


def _put(ctx: Context, directory: Directory, policy_id: str, target_id: str) -> None:
    ctx.tx.put(
        ControlAttachment(
            id=f"{policy_id}:{target_id}",
            account=directory.account,
            created_at=ctx.now,
            policy_id=policy_id,
            target_id=target_id,
        )
    )


def _of_target(ctx: Context, target_id: str, account: str | None = None) -> list[ControlAttachment]:
    found = ctx.tx.list(ControlAttachment, account=account or ctx.account)
    return [item for item in found if item.target_id == target_id]


class AttachControlPolicyRequest(Request):
    PolicyId: str
    TargetId: str


@resourcemanager.action(resource=_POLICY)
def attach_control_policy(ctx: Context, req: AttachControlPolicyRequest) -> Response:
    directory = tree.managed(ctx)
    policy = control_policies.find(ctx, directory, req.PolicyId)
    target = tree.target(ctx, directory, req.TargetId)
    if not directory.control_policies_enabled:
        raise CONTROL_DISABLED.error()
    held = _of_target(ctx, target.id)
    if any(item.policy_id == policy.id for item in held):
        raise CONTROL_ATTACHED_ALREADY.error()
    if len(held) >= MOST_POLICIES_PER_TARGET:
        raise TOO_MANY_CONTROL_ATTACHMENTS.error()
    _put(ctx, directory, policy.id, target.id)
    return Response()


class DetachControlPolicyRequest(Request):
    PolicyId: str
    TargetId: str


@resourcemanager.action(resource=_POLICY)
def detach_control_policy(ctx: Context, req: DetachControlPolicyRequest) -> Response:
    """Something must be left: under nothing at all a target could do nothing."""
    directory = tree.managed(ctx)
    policy = control_policies.find(ctx, directory, req.PolicyId)
    held = _of_target(ctx, tree.target(ctx, directory, req.TargetId).id)
    attachment = next((item for item in held if item.policy_id == policy.id), None)
    if attachment is None:
        raise CONTROL_NOT_ATTACHED.error()
    if len(held) == 1:
        raise LAST_CONTROL_POLICY.error()
    ctx.tx.delete(attachment)
    return Response()


class ListControlPolicyAttachmentsForTargetRequest(Request):
    TargetId: str


class AttachedControlPolicy(msgspec.Struct, kw_only=True):
    PolicyId: str
    PolicyName: str
    PolicyType: str
    Description: str
    EffectScope: str
    AttachDate: str


class AttachedControlPolicyList(msgspec.Struct, kw_only=True):
    ControlPolicyAttachment: list[AttachedControlPolicy]


class ListControlPolicyAttachmentsForTargetResponse(Response):
    ControlPolicyAttachments: AttachedControlPolicyList


@resourcemanager.action()
def list_control_policy_attachments_for_target(
    ctx: Context, req: ListControlPolicyAttachmentsForTargetRequest
) -> ListControlPolicyAttachmentsForTargetResponse:
    directory = tree.readable(ctx)
    target = tree.target(ctx, directory, req.TargetId)
    rows = []
    for item in _of_target(ctx, target.id, directory.account):
        policy = control_policies.find(ctx, directory, item.policy_id)
        row = AttachedControlPolicy(
            PolicyId=policy.id,
            PolicyName=policy.name,
            PolicyType=control_policies.type_of(policy),
            Description=policy.description,
            EffectScope=control_policies.scope_of(policy),
            AttachDate=iso_seconds(item.created_at),
        )
        rows.append(row)
    return ListControlPolicyAttachmentsForTargetResponse(
        ControlPolicyAttachments=AttachedControlPolicyList(ControlPolicyAttachment=rows)
    )


class ListTargetAttachmentsForControlPolicyRequest(Request):
    PolicyId: str
    PageNumber: int = 1
    PageSize: int = 10


class TargetAttachment(msgspec.Struct, kw_only=True):
    TargetId: str
    TargetName: str
    TargetType: str
    AttachDate: str


class TargetAttachmentList(msgspec.Struct, kw_only=True):
    TargetAttachment: list[TargetAttachment]


class ListTargetAttachmentsForControlPolicyResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    TargetAttachments: TargetAttachmentList


def _shown(ctx: Context, directory: Directory, item: ControlAttachment) -> TargetAttachment:
    target = tree.target(ctx, directory, item.target_id)
    return TargetAttachment(
        TargetId=target.id,
        TargetName=target.display_name if isinstance(target, Member) else target.name,
        TargetType=_target_type(target),
        AttachDate=iso_seconds(item.created_at),
    )


def _target_type(target: Folder | Member) -> str:
    if isinstance(target, Member):
        return "Account"
    return "Folder" if target.parent_id else "Root"


@resourcemanager.action(resource=_POLICY)
def list_target_attachments_for_control_policy(
    ctx: Context, req: ListTargetAttachmentsForControlPolicyRequest
) -> ListTargetAttachmentsForControlPolicyResponse:
    directory = tree.readable(ctx)
    policy = control_policies.find(ctx, directory, req.PolicyId)
    found = control_policies.attachments_of(ctx, directory, policy)
    page = pages.by_number(found, req.PageNumber, req.PageSize)
    return ListTargetAttachmentsForControlPolicyResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        TargetAttachments=TargetAttachmentList(TargetAttachment=[_shown(ctx, directory, item) for item in page.items]),
    )
