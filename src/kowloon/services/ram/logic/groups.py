"""Groups and who is in them."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import (
    GROUP_EXISTS,
    GROUP_HAS_POLICY,
    GROUP_HAS_USER,
    GROUP_NOT_FOUND,
    MEMBER_ALREADY,
    NOT_A_MEMBER,
    TOO_MANY,
    TOO_MANY_GROUPS,
)
from kowloon.services.ram.logic import names, users
from kowloon.store.identity import Group, Membership, User


def entity_of(group: Group) -> str:
    """How attachments name it."""
    return f"group/{group.name}"


def find(ctx: Context, name: str) -> Group:
    group = ctx.tx.get(Group, f"{ctx.account}:{name}")
    if group is None:
        raise GROUP_NOT_FOUND.error(name=name)
    return group


def create(ctx: Context, name: str, *, display_name: str, comments: str) -> Group:
    names.check(name, "GroupName", names.GROUP)
    names.check_title(display_name, "DisplayName", 24)
    names.check_text(comments, "Comments", names.COMMENT_CHARACTERS)
    id = f"{ctx.account}:{name}"
    if ctx.tx.get(Group, id) is not None:
        raise GROUP_EXISTS.error(name=name)
    if len(ctx.tx.list(Group, account=ctx.account)) >= quotas.GROUPS:
        raise TOO_MANY.error(kind="Group", entities="groups")
    group = Group(
        id=id,
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        name=name,
        group_id="g-" + ctx.ids.token(16),
        display_name=display_name,
        comments=comments,
    )
    ctx.tx.put(group)
    return group


def update(
    ctx: Context, group: Group, *, new_name: str | None, display_name: str | None, comments: str | None
) -> Group:
    """None leaves a field as it is."""
    changed = msgspec.structs.replace(
        group,
        updated_at=ctx.now,
        display_name=names.check_title(display_name or "", "NewDisplayName", 24)
        if display_name is not None
        else group.display_name,
        comments=names.check_text(comments or "", "NewComments", names.COMMENT_CHARACTERS)
        if comments is not None
        else group.comments,
    )
    if new_name is not None and new_name != group.name:
        names.check(new_name, "NewGroupName", names.GROUP)
        changed = _rename(ctx, group, msgspec.structs.replace(changed, id=f"{ctx.account}:{new_name}", name=new_name))
    ctx.tx.put(changed)
    return changed


def _rename(ctx: Context, group: Group, renamed: Group) -> Group:
    if ctx.tx.get(Group, renamed.id) is not None:
        raise GROUP_EXISTS.error(name=renamed.name)
    for attachment in users.attachments(ctx, entity_of(group)):
        ctx.tx.delete(attachment)
        ctx.tx.put(users.moved(attachment, entity_of(renamed)))
    for membership in members(ctx, group):
        ctx.tx.delete(membership)
        id = f"{ctx.account}:{renamed.name}/{membership.user}"
        ctx.tx.put(msgspec.structs.replace(membership, id=id, group=renamed.name))
    ctx.tx.delete(group)
    return renamed


def delete(ctx: Context, group: Group) -> None:
    if members(ctx, group):
        raise GROUP_HAS_USER.error(name=group.name)
    if users.attachments(ctx, entity_of(group)):
        raise GROUP_HAS_POLICY.error(name=group.name)
    ctx.tx.delete(group)


def members(ctx: Context, group: Group) -> list[Membership]:
    return [item for item in ctx.tx.list(Membership, account=ctx.account) if item.group == group.name]


def add(ctx: Context, group: Group, user: User) -> None:
    id = f"{ctx.account}:{group.name}/{user.name}"
    if ctx.tx.get(Membership, id) is not None:
        raise MEMBER_ALREADY.error(name=group.name)
    if len(users.memberships(ctx, user)) >= quotas.GROUPS_PER_USER:
        raise TOO_MANY_GROUPS.error()
    ctx.tx.put(Membership(id=id, account=ctx.account, created_at=ctx.now, group=group.name, user=user.name))


def remove(ctx: Context, group: Group, user: User) -> None:
    membership = ctx.tx.get(Membership, f"{ctx.account}:{group.name}/{user.name}")
    if membership is None:
        raise NOT_A_MEMBER.error(name=group.name)
    ctx.tx.delete(membership)
