"""Policies, the vendor's and the account's own, and what they are attached to."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import (
    ATTACHED_ALREADY,
    INCORRECT,
    INVALID_LENGTH,
    MALFORMED_POLICY,
    NOT_ATTACHED,
    POLICY_EXISTS,
    POLICY_HAS_VERSIONS,
    POLICY_IN_USE,
    POLICY_NOT_FOUND,
    TOO_MANY,
    TOO_MANY_POLICIES,
    VERSION_IS_DEFAULT,
    VERSION_NOT_FOUND,
)
from kowloon.services.ram.logic import names, users
from kowloon.services.ram.system_policies import SystemPolicy, system_policies
from kowloon.store.identity import Policy, PolicyAttachment, PolicyVersion, attachment_id
from kowloon.wire.policy.document import parse_policy
from kowloon.wire.policy.syntax import PolicyError

TYPES = ("System", "Custom")
ROTATE = "DeleteOldestNonDefaultVersionWhenLimitExceeded"


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """A policy of either type, as answers show it; times are seconds."""

    name: str
    type: str
    description: str
    default_version: str
    created_at: float
    updated_at: float
    versions: tuple[PolicyVersion, ...]
    tags: dict[str, str]

    def version(self, id: str) -> PolicyVersion:
        for version in self.versions:
            if version.id == id:
                return version
        raise VERSION_NOT_FOUND.error(name=id)


def view(policy: Policy) -> PolicyView:
    return PolicyView(
        name=policy.name,
        type="Custom",
        description=policy.description,
        default_version=policy.default_version,
        created_at=policy.created_at,
        updated_at=policy.updated_at,
        versions=policy.versions,
        tags=policy.tags,
    )


def system_views() -> list[PolicyView]:
    return [_system_view(policy) for policy in system_policies().values()]


def _system_view(policy: SystemPolicy) -> PolicyView:
    return PolicyView(
        name=policy.name,
        type="System",
        description=policy.description,
        default_version=policy.version,
        created_at=policy.created_at,
        updated_at=policy.updated_at,
        versions=(PolicyVersion(id=policy.version, document=policy.document, created_at=policy.updated_at),),
        tags={},
    )


def check_type(policy_type: str) -> None:
    if policy_type not in TYPES:
        raise INCORRECT.error(name="PolicyType")


def look_up(ctx: Context, policy_type: str, name: str) -> PolicyView:
    check_type(policy_type)
    if policy_type == "Custom":
        return view(find(ctx, name))
    policy = system_policies().get(name)
    if policy is None:
        raise POLICY_NOT_FOUND.error(name=name)
    return _system_view(policy)


def find(ctx: Context, name: str) -> Policy:
    """A custom one."""
    policy = ctx.tx.get(Policy, f"{ctx.account}:{name}")
    if policy is None:
        raise POLICY_NOT_FOUND.error(name=name)
    return policy


def check_document(document: str) -> None:
    if not 1 <= len(document) <= quotas.POLICY_CHARACTERS:
        raise INVALID_LENGTH.error(name="PolicyDocument")
    try:
        parse_policy(document)
    except PolicyError as problem:
        raise MALFORMED_POLICY.error(why=problem) from None


def create(ctx: Context, name: str, document: str, description: str, tags: dict[str, str]) -> Policy:
    names.check(name, "PolicyName", names.POLICY, names.POLICY_NAME_CHARACTERS)
    names.check_text(description, "Description", names.DESCRIPTION_CHARACTERS)
    check_document(document)
    id = f"{ctx.account}:{name}"
    if ctx.tx.get(Policy, id) is not None:
        raise POLICY_EXISTS.error(name=name)
    if len(ctx.tx.list(Policy, account=ctx.account)) >= quotas.POLICIES:
        raise TOO_MANY.error(kind="Policy", entities="policy")
    policy = Policy(
        id=id,
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        tags=tags,
        name=name,
        description=description,
        versions=(PolicyVersion(id="v1", document=document, created_at=ctx.now),),
    )
    ctx.tx.put(policy)
    return policy


def add_version(ctx: Context, policy: Policy, document: str, *, as_default: bool, rotate: str) -> PolicyVersion:
    """`rotate`: when there are as many versions as there may be, the oldest that is not the default goes."""
    check_document(document)
    if rotate not in ("None", ROTATE):
        raise INCORRECT.error(name="RotateStrategy")
    kept = policy.versions
    if len(kept) >= quotas.VERSIONS_PER_POLICY:
        if rotate != ROTATE:
            raise TOO_MANY.error(kind="Policy.Version", entities="policy version")
        oldest = next(version for version in kept if version.id != policy.default_version)
        kept = tuple(version for version in kept if version is not oldest)
    number = policy.last_version + 1
    version = PolicyVersion(id=f"v{number}", document=document, created_at=ctx.now)
    changed = msgspec.structs.replace(
        policy,
        versions=(*kept, version),
        last_version=number,
        default_version=version.id if as_default else policy.default_version,
        updated_at=ctx.now,
    )
    ctx.tx.put(changed)
    return version


def set_default(ctx: Context, policy: Policy, version_id: str) -> None:
    view(policy).version(version_id)
    ctx.tx.put(msgspec.structs.replace(policy, default_version=version_id, updated_at=ctx.now))


def delete_version(ctx: Context, policy: Policy, version_id: str) -> None:
    view(policy).version(version_id)
    if version_id == policy.default_version:
        raise VERSION_IS_DEFAULT.error(name=version_id)
    kept = tuple(version for version in policy.versions if version.id != version_id)
    ctx.tx.put(msgspec.structs.replace(policy, versions=kept, updated_at=ctx.now))


def delete(ctx: Context, policy: Policy, *, cascading: bool) -> None:
    """`cascading`: its versions go with it. What it is attached to must let it go first."""
    for attachment in attachments_of(ctx, "Custom", policy.name):
        entity = attachment.entity.partition("/")[0]
        raise POLICY_IN_USE.error(kind=entity.capitalize(), entity=entity, name=policy.name)
    if len(policy.versions) > 1 and not cascading:
        raise POLICY_HAS_VERSIONS.error(name=policy.name)
    ctx.tx.delete(policy)


# --- attachments ---


def attachments_of(ctx: Context, policy_type: str, name: str) -> list[PolicyAttachment]:
    """What a policy is attached to, in this account."""
    return [
        item
        for item in ctx.tx.list(PolicyAttachment, account=ctx.account)
        if (item.policy_type, item.policy_name) == (policy_type, name)
    ]


def attachment_counts(ctx: Context) -> dict[tuple[str, str], int]:
    """By type and name of the policy."""
    counts: dict[tuple[str, str], int] = {}
    for item in ctx.tx.list(PolicyAttachment, account=ctx.account):
        policy = (item.policy_type, item.policy_name)
        counts[policy] = counts.get(policy, 0) + 1
    return counts


def _kind(entity: str) -> dict[str, str]:
    word = entity.partition("/")[0]
    return {"kind": word.capitalize(), "entity": word}


def attach(ctx: Context, entity: str, policy_type: str, name: str, scope: str = "") -> None:
    """`entity` and `scope` as PolicyAttachment has them."""
    policy = look_up(ctx, policy_type, name)
    id = attachment_id(ctx.account, entity, policy.type, policy.name, scope)
    if ctx.tx.get(PolicyAttachment, id) is not None:
        raise ATTACHED_ALREADY.error(**_kind(entity), name=name)
    system = policy_type == "System"
    most = quotas.SYSTEM_POLICIES_PER_ENTITY if system else quotas.CUSTOM_POLICIES_PER_ENTITY
    held = [item for item in users.attachments(ctx, entity) if item.scope == scope]
    if sum(item.policy_type == policy_type for item in held) >= most:
        raise TOO_MANY_POLICIES.error(**_kind(entity))
    ctx.tx.put(
        PolicyAttachment(
            id=id,
            account=ctx.account,
            created_at=ctx.now,
            entity=entity,
            policy_type=policy.type,
            policy_name=policy.name,
            scope=scope,
        )
    )


def detach(ctx: Context, entity: str, policy_type: str, name: str, scope: str = "") -> None:
    check_type(policy_type)
    item = ctx.tx.get(PolicyAttachment, attachment_id(ctx.account, entity, policy_type, name, scope))
    if item is None:
        raise NOT_ATTACHED.error(**_kind(entity), name=name)
    ctx.tx.delete(item)
