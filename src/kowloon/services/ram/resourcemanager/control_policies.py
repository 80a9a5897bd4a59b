"""Control policies: what the accounts under a resource directory may do at most."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import tree
from kowloon.services.ram.resourcemanager.control import FULL_ACCESS
from kowloon.services.ram.resourcemanager.errors import (
    CONTROL_POLICY_EXISTS,
    CONTROL_POLICY_IN_USE,
    CONTROL_POLICY_NOT_FOUND,
    INVALID,
    MALFORMED_POLICY,
    SYSTEM_CONTROL_POLICY,
    TOO_MANY_CONTROL_POLICIES,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import ControlAttachment, ControlPolicy, Directory
from kowloon.wire.policy.document import parse_policy
from kowloon.wire.policy.syntax import PolicyError

MOST_POLICIES: Final = 1500
MOST_CHARACTERS: Final = 4096
_NAME: Final = re.compile(r"[\w-]{1,128}")
_ALL: Final = "acs:resourcemanager:*:{account}:policy/controlpolicy/*"
_POLICY: Final = "acs:resourcemanager:*:{account}:policy/controlpolicy/{PolicyId}"


class ControlPolicyItem(msgspec.Struct, kw_only=True):
    PolicyId: str
    PolicyName: str
    PolicyType: str
    Description: str
    EffectScope: str
    AttachmentCount: str
    CreateDate: str
    UpdateDate: str


class ControlPolicyWithDocument(ControlPolicyItem, kw_only=True):
    PolicyDocument: str


class ControlPolicyResponse(Response):
    ControlPolicy: ControlPolicyItem


def type_of(policy: ControlPolicy) -> str:
    return "System" if policy.id == FULL_ACCESS.id else "Custom"


def scope_of(policy: ControlPolicy) -> str:
    """Whom it binds: FullAliyunAccess everybody, which denies nobody anything; others the identities of an account."""
    return "All" if policy.id == FULL_ACCESS.id else "RAM"


def find(ctx: Context, directory: Directory, id: str) -> ControlPolicy:
    """The vendor's or the directory's own."""
    if id == FULL_ACCESS.id:
        return FULL_ACCESS
    policy = ctx.tx.get(ControlPolicy, id)
    if policy is None or policy.account != directory.account:
        raise CONTROL_POLICY_NOT_FOUND.error()
    return policy


def attachments_of(ctx: Context, directory: Directory, policy: ControlPolicy) -> list[ControlAttachment]:
    found = ctx.tx.list(ControlAttachment, account=directory.account)
    return [item for item in found if item.policy_id == policy.id]


def _fields(ctx: Context, directory: Directory, policy: ControlPolicy) -> dict[str, Any]:
    created_at = policy.created_at or directory.created_at
    return {
        "PolicyId": policy.id,
        "PolicyName": policy.name,
        "PolicyType": type_of(policy),
        "Description": policy.description,
        "EffectScope": scope_of(policy),
        "AttachmentCount": str(len(attachments_of(ctx, directory, policy))),
        "CreateDate": iso_seconds(created_at),
        "UpdateDate": iso_seconds(policy.updated_at or created_at),
    }


def _check_name(ctx: Context, name: str, parameter: str) -> None:
    if not _NAME.fullmatch(name):
        raise INVALID.error(name=parameter)
    taken = [FULL_ACCESS, *ctx.tx.list(ControlPolicy, account=ctx.account)]
    if any(policy.name == name for policy in taken):
        raise CONTROL_POLICY_EXISTS.error()


def _check_document(text: str, parameter: str) -> None:
    if not 1 <= len(text) <= MOST_CHARACTERS:
        raise INVALID.error(name=f"{parameter}.Length")
    try:
        parse_policy(text)
    except PolicyError as problem:
        raise MALFORMED_POLICY.error(why=problem) from None


def _check_description(text: str, parameter: str) -> None:
    if len(text) > 1024:
        raise INVALID.error(name=parameter)


class CreateControlPolicyRequest(Request):
    PolicyName: str
    PolicyDocument: str
    EffectScope: str
    Description: str = ""


@resourcemanager.action(resource=_ALL)
def create_control_policy(ctx: Context, req: CreateControlPolicyRequest) -> ControlPolicyResponse:
    directory = tree.managed(ctx)
    if req.EffectScope != "RAM":
        raise INVALID.error(name="EffectScope")
    _check_name(ctx, req.PolicyName, "PolicyName")
    _check_document(req.PolicyDocument, "PolicyDocument")
    _check_description(req.Description, "Description")
    if len(ctx.tx.list(ControlPolicy, account=ctx.account)) >= MOST_POLICIES:
        raise TOO_MANY_CONTROL_POLICIES.error()
    policy = ControlPolicy(
        id="cp-" + ctx.ids.token(16),
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        name=req.PolicyName,
        description=req.Description,
        document=req.PolicyDocument,
    )
    ctx.tx.put(policy)
    return ControlPolicyResponse(ControlPolicy=ControlPolicyItem(**_fields(ctx, directory, policy)))


class GetControlPolicyRequest(Request):
    PolicyId: str


class GetControlPolicyResponse(Response):
    ControlPolicy: ControlPolicyWithDocument


@resourcemanager.action(resource=_POLICY)
def get_control_policy(ctx: Context, req: GetControlPolicyRequest) -> GetControlPolicyResponse:
    directory = tree.readable(ctx)
    policy = find(ctx, directory, req.PolicyId)
    return GetControlPolicyResponse(
        ControlPolicy=ControlPolicyWithDocument(**_fields(ctx, directory, policy), PolicyDocument=policy.document)
    )


class UpdateControlPolicyRequest(Request):
    PolicyId: str
    NewPolicyName: str = ""
    NewDescription: str | None = None
    NewPolicyDocument: str = ""


@resourcemanager.action(resource=_POLICY)
def update_control_policy(ctx: Context, req: UpdateControlPolicyRequest) -> ControlPolicyResponse:
    directory = tree.managed(ctx)
    policy = _find_own(ctx, directory, req.PolicyId)
    changes: dict[str, object] = {}
    if req.NewPolicyName and req.NewPolicyName != policy.name:
        _check_name(ctx, req.NewPolicyName, "NewPolicyName")
        changes["name"] = req.NewPolicyName
    if req.NewPolicyDocument:
        _check_document(req.NewPolicyDocument, "NewPolicyDocument")
        changes["document"] = req.NewPolicyDocument
    if req.NewDescription is not None:
        _check_description(req.NewDescription, "NewDescription")
        changes["description"] = req.NewDescription
    changed = msgspec.structs.replace(policy, updated_at=ctx.now, **changes)
    ctx.tx.put(changed)
    return ControlPolicyResponse(ControlPolicy=ControlPolicyItem(**_fields(ctx, directory, changed)))


def _find_own(ctx: Context, directory: Directory, id: str) -> ControlPolicy:
    if id == FULL_ACCESS.id:
        raise SYSTEM_CONTROL_POLICY.error()
    return find(ctx, directory, id)


class DeleteControlPolicyRequest(Request):
    PolicyId: str


@resourcemanager.action(resource=_POLICY)
def delete_control_policy(ctx: Context, req: DeleteControlPolicyRequest) -> Response:
    directory = tree.managed(ctx)
    policy = _find_own(ctx, directory, req.PolicyId)
    if attachments_of(ctx, directory, policy):
        raise CONTROL_POLICY_IN_USE.error()
    ctx.tx.delete(policy)
    return Response()


class ListControlPoliciesRequest(Request):
    PolicyType: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class ControlPolicyList(msgspec.Struct, kw_only=True):
    ControlPolicy: list[ControlPolicyItem]


class ListControlPoliciesResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    ControlPolicies: ControlPolicyList


@resourcemanager.action(resource=_ALL)
def list_control_policies(ctx: Context, req: ListControlPoliciesRequest) -> ListControlPoliciesResponse:
    directory = tree.readable(ctx)
    if req.PolicyType not in ("", "System", "Custom"):
        raise INVALID.error(name="PolicyType")
    found = [FULL_ACCESS, *ctx.tx.list(ControlPolicy, account=directory.account)]
    wanted = [policy for policy in found if req.PolicyType in ("", type_of(policy))]
    page = pages.by_number(wanted, req.PageNumber, req.PageSize)
    rows = [ControlPolicyItem(**_fields(ctx, directory, policy)) for policy in page.items]
    return ListControlPoliciesResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        ControlPolicies=ControlPolicyList(ControlPolicy=rows),
    )
