"""Policies of the account and their versions; the vendor's can be read."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.logic import names, policies
from kowloon.services.ram.logic.policies import PolicyView
from kowloon.services.ram.product import ram
from kowloon.store.identity import Policy, PolicyVersion


class PolicyItem(msgspec.Struct, kw_only=True):
    PolicyName: str
    PolicyType: str
    Description: str
    DefaultVersion: str
    CreateDate: str
    UpdateDate: str


class CountedPolicy(PolicyItem, kw_only=True):
    AttachmentCount: int
    PolicyDocument: str


class ListedPolicy(PolicyItem, kw_only=True):
    AttachmentCount: int
    Tags: tags.TagList


class VersionItem(msgspec.Struct, kw_only=True):
    VersionId: str
    IsDefaultVersion: bool
    PolicyDocument: str
    CreateDate: str


def _fields(policy: PolicyView) -> dict[str, str]:
    return {
        "PolicyName": policy.name,
        "PolicyType": policy.type,
        "Description": policy.description,
        "DefaultVersion": policy.default_version,
        "CreateDate": iso_seconds(policy.created_at),
        "UpdateDate": iso_seconds(policy.updated_at),
    }


def _version(policy: PolicyView, version: PolicyVersion) -> VersionItem:
    return VersionItem(
        VersionId=version.id,
        IsDefaultVersion=version.id == policy.default_version,
        PolicyDocument=version.document,
        CreateDate=iso_seconds(version.created_at),
    )


class PolicyResponse(Response):
    Policy: PolicyItem


class VersionResponse(Response):
    PolicyVersion: VersionItem


class CreatePolicyRequest(Request):
    PolicyName: str
    PolicyDocument: str
    Description: str = ""
    Tag: AsJson[list[tags.TagParam]] = []


@ram.action(resource="acs:ram:*:{account}:policy/*")
def create_policy(ctx: Context, req: CreatePolicyRequest) -> PolicyResponse:
    policy = policies.create(ctx, req.PolicyName, req.PolicyDocument, req.Description, tags.checked(req.Tag))
    return PolicyResponse(Policy=PolicyItem(**_fields(policies.view(policy))))


class GetPolicyRequest(Request):
    PolicyName: str
    PolicyType: str


class GetPolicyResponse(Response):
    Policy: CountedPolicy
    DefaultPolicyVersion: VersionItem


@ram.action(resource="acs:ram:*:{PolicyOwner}:policy/{PolicyName}")
def get_policy(ctx: Context, req: GetPolicyRequest) -> GetPolicyResponse:
    policy = policies.look_up(ctx, req.PolicyType, req.PolicyName)
    default = policy.version(policy.default_version)
    return GetPolicyResponse(
        Policy=CountedPolicy(
            **_fields(policy),
            AttachmentCount=len(policies.attachments_of(ctx, policy.type, policy.name)),
            PolicyDocument=default.document,
        ),
        DefaultPolicyVersion=_version(policy, default),
    )


class ListPoliciesRequest(Request):
    PolicyType: str = ""
    Marker: str = ""
    MaxItems: int = 100
    Tag: AsJson[list[tags.TagParam]] = []


class PolicyList(msgspec.Struct, kw_only=True):
    Policy: list[ListedPolicy]


class ListPoliciesResponse(Response):
    IsTruncated: bool
    Marker: str
    Policies: PolicyList


@ram.action(resource="acs:ram:*:{account}:policy/*")
def list_policies(ctx: Context, req: ListPoliciesRequest) -> ListPoliciesResponse:
    if req.PolicyType:
        policies.check_type(req.PolicyType)
    custom = [policies.view(policy) for policy in ctx.tx.list(Policy, account=ctx.account)]
    wanted = [
        policy
        for policy in (*custom, *policies.system_views())
        if req.PolicyType in ("", policy.type) and tags.matches(policy.tags, req.Tag)
    ]
    page = pages.by_marker(wanted, req.Marker, req.MaxItems)
    counts = policies.attachment_counts(ctx)
    rows = [
        ListedPolicy(
            **_fields(policy),
            AttachmentCount=counts.get((policy.type, policy.name), 0),
            Tags=tags.shown(policy.tags),
        )
        for policy in page.items
    ]
    return ListPoliciesResponse(
        IsTruncated=bool(page.next_token), Marker=page.next_token, Policies=PolicyList(Policy=rows)
    )


class UpdatePolicyDescriptionRequest(Request):
    PolicyName: str
    NewDescription: str


@ram.action(resource="acs:ram:*:{PolicyOwner}:policy/{PolicyName}")
def update_policy_description(ctx: Context, req: UpdatePolicyDescriptionRequest) -> PolicyResponse:
    names.check_text(req.NewDescription, "NewDescription", names.DESCRIPTION_CHARACTERS)
    policy = policies.find(ctx, req.PolicyName)
    changed = msgspec.structs.replace(policy, description=req.NewDescription, updated_at=ctx.now)
    ctx.tx.put(changed)
    return PolicyResponse(Policy=PolicyItem(**_fields(policies.view(changed))))


class DeletePolicyRequest(Request):
    PolicyName: str
    CascadingDelete: bool = False


@ram.action(resource="acs:ram:*:{PolicyOwner}:policy/{PolicyName}")
def delete_policy(ctx: Context, req: DeletePolicyRequest) -> Response:
    policies.delete(ctx, policies.find(ctx, req.PolicyName), cascading=req.CascadingDelete)
    return Response()


# --- versions ---


class CreatePolicyVersionRequest(Request):
    PolicyName: str
    PolicyDocument: str
    SetAsDefault: bool = False
    RotateStrategy: str = "None"


@ram.action(resource="acs:ram:*:{PolicyOwner}:policy/{PolicyName}")
def create_policy_version(ctx: Context, req: CreatePolicyVersionRequest) -> VersionResponse:
    version = policies.add_version(
        ctx,
        policies.find(ctx, req.PolicyName),
        req.PolicyDocument,
        as_default=req.SetAsDefault,
        rotate=req.RotateStrategy,
    )
    return VersionResponse(PolicyVersion=_version(policies.look_up(ctx, "Custom", req.PolicyName), version))


class GetPolicyVersionRequest(Request):
    PolicyName: str
    PolicyType: str
    VersionId: str


@ram.action(resource="acs:ram:*:{PolicyOwner}:policy/{PolicyName}")
def get_policy_version(ctx: Context, req: GetPolicyVersionRequest) -> VersionResponse:
    policy = policies.look_up(ctx, req.PolicyType, req.PolicyName)
    return VersionResponse(PolicyVersion=_version(policy, policy.version(req.VersionId)))


class ListPolicyVersionsRequest(Request):
    PolicyName: str
    PolicyType: str


class VersionList(msgspec.Struct, kw_only=True):
    PolicyVersion: list[VersionItem]


class ListPolicyVersionsResponse(Response):
    PolicyVersions: VersionList


@ram.action(resource="acs:ram:*:{PolicyOwner}:policy/{PolicyName}")
def list_policy_versions(ctx: Context, req: ListPolicyVersionsRequest) -> ListPolicyVersionsResponse:
    policy = policies.look_up(ctx, req.PolicyType, req.PolicyName)
    rows = [_version(policy, version) for version in reversed(policy.versions)]
    return ListPolicyVersionsResponse(PolicyVersions=VersionList(PolicyVersion=rows))


class SetDefaultPolicyVersionRequest(Request):
    PolicyName: str
    VersionId: str


@ram.action(resource="acs:ram:*:{PolicyOwner}:policy/{PolicyName}")
def set_default_policy_version(ctx: Context, req: SetDefaultPolicyVersionRequest) -> Response:
    policies.set_default(ctx, policies.find(ctx, req.PolicyName), req.VersionId)
    return Response()


class DeletePolicyVersionRequest(Request):
    PolicyName: str
    VersionId: str


@ram.action(resource="acs:ram:*:{PolicyOwner}:policy/{PolicyName}")
def delete_policy_version(ctx: Context, req: DeletePolicyVersionRequest) -> Response:
    policies.delete_version(ctx, policies.find(ctx, req.PolicyName), req.VersionId)
    return Response()
