"""Users: found by name, id or key; made, changed, renamed with all that is theirs, deleted."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.core.errors import ErrorSpec
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import (
    TOO_MANY,
    USER_EXISTS,
    USER_HAS_DEVICE,
    USER_HAS_KEY,
    USER_HAS_POLICY,
    USER_HAS_PROFILE,
    USER_IN_GROUP,
    USER_NOT_FOUND,
)
from kowloon.services.ram.logic import names
from kowloon.store.identity import (
    LoginProfile,
    Membership,
    MfaDevice,
    PolicyAttachment,
    StoredKey,
    User,
    attachment_id,
)


class Details(msgspec.Struct, kw_only=True):
    """What a caller says of a user; None is not said."""

    display_name: str | None = None
    mobile_phone: str | None = None
    email: str | None = None
    comments: str | None = None

    def check(self, prefix: str, title_characters: int) -> None:
        """`prefix` and the field give the parameter that a refusal names (`NewEmail`)."""
        names.check_title(self.display_name or "", f"{prefix}DisplayName", title_characters)
        names.check_phone(self.mobile_phone or "", f"{prefix}MobilePhone")
        names.check_email(self.email or "", f"{prefix}Email")
        names.check_text(self.comments or "", f"{prefix}Comments", names.COMMENT_CHARACTERS)

    def given(self) -> dict[str, str]:
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


def entity_of(user: User) -> str:
    """How attachments name it."""
    return f"user/{user.name}"


def find(ctx: Context, name: str) -> User:
    user = ctx.tx.get(User, f"{ctx.account}:{name}")
    if user is None:
        raise USER_NOT_FOUND.error(name=name)
    return user


def find_by_id(ctx: Context, user_id: str) -> User:
    return _only(ctx, user_id, [user for user in ctx.tx.list(User, account=ctx.account) if user.user_id == user_id])


def find_by_key(ctx: Context, key_id: str) -> User:
    key = ctx.tx.get(StoredKey, key_id)
    is_ours = key is not None and key.account == ctx.account and not key.token
    user = ctx.tx.get(User, key.user) if key is not None and is_ours else None
    return _only(ctx, key_id, [user] if user is not None else [])


def _only(ctx: Context, wanted: str, found: list[User]) -> User:
    if not found:
        raise USER_NOT_FOUND.error(name=wanted)
    return found[0]


def caller(ctx: Context) -> User | None:
    """The user who calls; None for the root of the account and for sessions of roles."""
    return ctx.tx.get(User, f"{ctx.account}:{ctx.principal.name}") if ctx.principal.type == "RAMUser" else None


def caller_or_root(ctx: Context) -> User | None:
    """Whose a call is that names no user: the caller's; None is the root of the account. A role has nothing."""
    if ctx.principal.is_root:
        return None
    user = caller(ctx)
    if user is None:
        raise USER_NOT_FOUND.error(name=ctx.principal.name)
    return user


def create(ctx: Context, name: str, details: Details) -> User:
    id = f"{ctx.account}:{name}"
    if ctx.tx.get(User, id) is not None:
        raise USER_EXISTS.error(name=name)
    if len(ctx.tx.list(User, account=ctx.account)) >= quotas.USERS:
        raise TOO_MANY.error(kind="User", entities="users")
    bare = User(id=id, account=ctx.account, created_at=ctx.now, name=name, user_id="2" + ctx.ids.digits(17))
    user = msgspec.structs.replace(bare, updated_at=ctx.now, **details.given())
    ctx.tx.put(user)
    return user


def update(ctx: Context, user: User, new_name: str | None, details: Details) -> User:
    changed = msgspec.structs.replace(user, updated_at=ctx.now, **details.given())
    if new_name is not None and new_name != user.name:
        changed = _rename(ctx, user, msgspec.structs.replace(changed, id=f"{ctx.account}:{new_name}", name=new_name))
    ctx.tx.put(changed)
    return changed


def _rename(ctx: Context, user: User, renamed: User) -> User:
    """All that names a user by name follows; what knows its user_id need not."""
    if ctx.tx.get(User, renamed.id) is not None:
        raise USER_EXISTS.error(name=renamed.name)
    for attachment in attachments(ctx, entity_of(user)):
        ctx.tx.delete(attachment)
        ctx.tx.put(moved(attachment, entity_of(renamed)))
    for membership in memberships(ctx, user):
        ctx.tx.delete(membership)
        id = f"{ctx.account}:{membership.group}/{renamed.name}"
        ctx.tx.put(msgspec.structs.replace(membership, id=id, user=renamed.name))
    for key in ctx.tx.list(StoredKey, account=ctx.account):
        if key.user == user.id:
            ctx.tx.put(msgspec.structs.replace(key, user=renamed.id))
    ctx.tx.delete(user)
    return renamed


def require_alone(ctx: Context, user: User) -> None:
    """DeleteConflict while anything is still the user's."""
    conflicts: tuple[tuple[object, ErrorSpec], ...] = (
        (memberships(ctx, user), USER_IN_GROUP),
        (keys(ctx, user), USER_HAS_KEY),
        (ctx.tx.get(LoginProfile, user.user_id), USER_HAS_PROFILE),
        (device(ctx, user), USER_HAS_DEVICE),
        (attachments(ctx, entity_of(user)), USER_HAS_POLICY),
    )
    for dependants, conflict in conflicts:
        if dependants:
            raise conflict.error(name=user.name)


def strip(ctx: Context, user: User) -> None:
    """Take away what a user in the recycle bin no longer has: rights, groups, password, MFA device."""
    profile = ctx.tx.get(LoginProfile, user.user_id)
    bound = device(ctx, user)
    for dependant in (*memberships(ctx, user), *attachments(ctx, entity_of(user)), profile, bound):
        if dependant is not None:
            ctx.tx.delete(dependant)


def keys(ctx: Context, user: User) -> list[StoredKey]:
    """Those of sessions are none."""
    return [key for key in ctx.tx.list(StoredKey, account=ctx.account) if key.user == user.id and not key.token]


def memberships(ctx: Context, user: User) -> list[Membership]:
    return [item for item in ctx.tx.list(Membership, account=ctx.account) if item.user == user.name]


def moved(attachment: PolicyAttachment, entity: str) -> PolicyAttachment:
    """The same on another entity: on one that has a new name."""
    kind, name = attachment.policy_type, attachment.policy_name
    id = attachment_id(attachment.account, entity, kind, name, attachment.scope)
    return msgspec.structs.replace(attachment, id=id, entity=entity)


def attachments(ctx: Context, entity: str) -> list[PolicyAttachment]:
    """Whatever they count in. `entity` as PolicyAttachment has it."""
    return [item for item in ctx.tx.list(PolicyAttachment, account=ctx.account) if item.entity == entity]


def device(ctx: Context, user: User) -> MfaDevice | None:
    """The MFA device that is bound to the user."""
    found = (item for item in ctx.tx.list(MfaDevice, account=ctx.account) if item.user_id == user.user_id)
    return next(found, None)
