"""Invitations of accounts that exist already into a resource directory."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import NOT_BUILT
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import accounts, tree
from kowloon.services.ram.resourcemanager.directory import account_name
from kowloon.services.ram.resourcemanager.errors import (
    HANDSHAKE_EXISTS,
    HANDSHAKE_MISMATCH,
    HANDSHAKE_NOT_FOUND,
    IN_A_DIRECTORY,
    INVALID,
    INVITED_NOT_FOUND,
    TOO_MANY_HANDSHAKES,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import Directory, Handshake, Member
from kowloon.store.identity import Account

_DAY_S: Final = 24 * 3600.0
LIFETIME_S: Final = 14 * _DAY_S
# The vendor's: so many in a day that are not accepted, and how long one is shown when it is over.
MOST_A_DAY: Final = 20
SHOWN_S: Final = 30 * _DAY_S
# Accepted ones do not count; nor are they without end.
MOST_KEPT: Final = 1000
_ALL: Final = "acs:resourcemanager:*:{account}:handshake/*"
_ONE: Final = "acs:resourcemanager:*:{account}:handshake/{HandshakeId}"


class HandshakeItem(msgspec.Struct, kw_only=True):
    HandshakeId: str
    ResourceDirectoryId: str
    MasterAccountId: str
    MasterAccountName: str
    TargetEntity: str
    TargetType: str
    Note: str
    Status: str
    CreateTime: str
    ModifyTime: str
    ExpireTime: str


class HandshakeResponse(Response):
    Handshake: HandshakeItem


def _shown(ctx: Context, handshake: Handshake) -> HandshakeItem:
    return HandshakeItem(
        HandshakeId=handshake.id,
        ResourceDirectoryId=handshake.directory_id,
        MasterAccountId=handshake.account,
        MasterAccountName=account_name(ctx, handshake.account),
        TargetEntity=handshake.target_id,
        TargetType="Account",
        Note=handshake.note,
        Status=handshake.status_at(ctx.now),
        CreateTime=iso_seconds(handshake.created_at),
        ModifyTime=iso_seconds(handshake.updated_at),
        ExpireTime=iso_seconds(handshake.expires_at),
    )


def _is_taken(ctx: Context, account: str) -> bool:
    """Whether it is in a directory, or has its own."""
    return ctx.tx.get(Member, account) is not None or tree.directory_of(ctx.tx, account) is not None


def _pending(ctx: Context, id: str, *, invited: bool) -> Handshake:
    """One that may still be answered: by whom it invites, or by who invited."""
    handshake = ctx.tx.get(Handshake, id)
    if handshake is None or ctx.account != (handshake.target_id if invited else handshake.account):
        raise HANDSHAKE_NOT_FOUND.error()
    if handshake.status_at(ctx.now) != "Pending":
        raise HANDSHAKE_MISMATCH.error()
    return handshake


def _answered(ctx: Context, handshake: Handshake, status: str) -> HandshakeResponse:
    changed = msgspec.structs.replace(handshake, status=status, updated_at=ctx.now)
    ctx.tx.put(changed)
    return HandshakeResponse(Handshake=_shown(ctx, changed))


class InviteAccountToResourceDirectoryRequest(Request):
    TargetEntity: str
    TargetType: str
    Note: str = ""
    Tag: list[tags.TagParam] = []


@resourcemanager.action(resource=_ALL)
def invite_account_to_resource_directory(
    ctx: Context, req: InviteAccountToResourceDirectoryRequest
) -> HandshakeResponse:
    """By account id: accounts have no mail addresses here."""
    directory = tree.managed(ctx)
    if req.TargetType == "Email":
        raise NOT_BUILT.error(
            product="ResourceManager", version="2020-03-31", action="InviteAccountToResourceDirectory by Email"
        )
    if req.TargetType != "Account":
        raise INVALID.error(name="TargetType")
    if len(req.Note) > 1024:
        raise INVALID.error(name="Note")
    if ctx.tx.get(Account, req.TargetEntity) is None:
        raise INVITED_NOT_FOUND.error()
    if _is_taken(ctx, req.TargetEntity):
        raise IN_A_DIRECTORY.error()
    earlier = ctx.tx.list(Handshake, account=ctx.account)
    if any(item.target_id == req.TargetEntity and item.status_at(ctx.now) == "Pending" for item in earlier):
        raise HANDSHAKE_EXISTS.error()
    today = [item for item in earlier if item.created_at > ctx.now - _DAY_S and item.status != "Accepted"]
    if len(today) >= MOST_A_DAY:
        raise TOO_MANY_HANDSHAKES.error()
    _drop_old(ctx, earlier)
    handshake = Handshake(
        id="h-" + ctx.ids.token(16),
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        tags=tags.checked(req.Tag),
        directory_id=directory.id,
        target_id=req.TargetEntity,
        note=req.Note,
        expires_at=ctx.now + LIFETIME_S,
    )
    ctx.tx.put(handshake)
    return HandshakeResponse(Handshake=_shown(ctx, handshake))


def _drop_old(ctx: Context, handshakes: list[Handshake]) -> None:
    """What was over long ago, and of very many the first ones that are over."""
    over = sorted((item.over_at, item.id, item) for item in handshakes if item.status_at(ctx.now) != "Pending")
    surplus = len(handshakes) + 1 - MOST_KEPT
    for place, (over_at, _, item) in enumerate(over):
        if place < surplus or over_at + SHOWN_S <= ctx.now:
            ctx.tx.delete(item)


class GetHandshakeRequest(Request):
    HandshakeId: str


@resourcemanager.action(resource=_ONE)
def get_handshake(ctx: Context, req: GetHandshakeRequest) -> HandshakeResponse:
    """Whom it invites sees it while they can answer."""
    handshake = ctx.tx.get(Handshake, req.HandshakeId)
    if handshake is None or handshake.account != ctx.account:
        handshake = _pending(ctx, req.HandshakeId, invited=True)
    return HandshakeResponse(Handshake=_shown(ctx, handshake))


class AcceptHandshakeRequest(Request):
    HandshakeId: str


@resourcemanager.action(resource=_ONE)
def accept_handshake(ctx: Context, req: AcceptHandshakeRequest) -> HandshakeResponse:
    """The account joins at the root folder, by the name that it has; a name that is taken there gets its id."""
    handshake = _pending(ctx, req.HandshakeId, invited=True)
    directory = ctx.tx.get(Directory, handshake.directory_id)
    if directory is None:
        raise HANDSHAKE_NOT_FOUND.error()
    if _is_taken(ctx, ctx.account):
        raise IN_A_DIRECTORY.error()
    name = account_name(ctx, ctx.account)
    taken = {member.display_name for member in tree.members(ctx.tx, directory)}
    member = Member(
        id=ctx.account,
        account=directory.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        tags=handshake.tags,
        directory_id=directory.id,
        folder_id=directory.root_folder_id,
        name=name,
        display_name=ctx.account if name in taken else name,
        type=accounts.CLOUD,
        join_method="invited",
        status="InviteSuccess",
    )
    accounts.admit(ctx, directory, member)
    return _answered(ctx, handshake, "Accepted")


class DeclineHandshakeRequest(Request):
    HandshakeId: str


@resourcemanager.action(resource=_ONE)
def decline_handshake(ctx: Context, req: DeclineHandshakeRequest) -> HandshakeResponse:
    return _answered(ctx, _pending(ctx, req.HandshakeId, invited=True), "Declined")


class CancelHandshakeRequest(Request):
    HandshakeId: str


@resourcemanager.action(resource=_ONE)
def cancel_handshake(ctx: Context, req: CancelHandshakeRequest) -> HandshakeResponse:
    return _answered(ctx, _pending(ctx, req.HandshakeId, invited=False), "Cancelled")


class ListHandshakesRequest(Request):
    PageNumber: int = 1
    PageSize: int = 10


class HandshakeList(msgspec.Struct, kw_only=True):
    Handshake: list[HandshakeItem]


class ListHandshakesResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    Handshakes: HandshakeList


def _listed(ctx: Context, found: list[Handshake], req: ListHandshakesRequest) -> ListHandshakesResponse:
    page = pages.by_number(found, req.PageNumber, req.PageSize)
    fields: dict[str, Any] = {"TotalCount": page.total, "PageNumber": page.number, "PageSize": page.size}
    rows = [_shown(ctx, handshake) for handshake in page.items]
    return ListHandshakesResponse(**fields, Handshakes=HandshakeList(Handshake=rows))


class ListHandshakesForResourceDirectoryRequest(ListHandshakesRequest):
    pass


@resourcemanager.action(resource=_ALL)
def list_handshakes_for_resource_directory(
    ctx: Context, req: ListHandshakesForResourceDirectoryRequest
) -> ListHandshakesResponse:
    directory = tree.readable(ctx)
    return _listed(ctx, ctx.tx.list(Handshake, account=directory.account), req)


class ListHandshakesForAccountRequest(ListHandshakesRequest):
    pass


@resourcemanager.action(resource=_ALL)
def list_handshakes_for_account(ctx: Context, req: ListHandshakesForAccountRequest) -> ListHandshakesResponse:
    """Those that invite the caller."""
    return _listed(ctx, [item for item in ctx.tx.list(Handshake) if item.target_id == ctx.account], req)
