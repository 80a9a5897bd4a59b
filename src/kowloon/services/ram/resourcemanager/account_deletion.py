"""The end of a member account: all of its identities go with it, and it may have nothing else any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Registry, Response
from kowloon.actions.decode import AsJson, Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import accounts, tree
from kowloon.services.ram.resourcemanager.errors import (
    ACCOUNT_MISMATCH,
    DELETION_CONFLICT,
    DELETION_DISABLED,
    DELETION_NOT_FOUND,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import Member, MemberDeletion
from kowloon.store.resources import Resource

_ACCOUNT: Final = "acs:resourcemanager:*:{account}:account/{AccountPath}"
# Deletions that can still be asked for.
MOST_KEPT: Final = 100
# What is an account's without being anything: identities, groups of resources, tags, sessions.
_IDENTITY: Final = frozenset({"ram", "sts", "resourcemanager", "tag"})


def _kinds(ctx: Context, *, identity: bool) -> Iterator[type[Resource]]:
    for product in ctx.port(Registry).products:
        if (product.ram_code in _IDENTITY) == identity:
            yield from product.resources


def _left(ctx: Context, account: str) -> dict[str, int]:
    """How many resources of which kinds an account has."""
    found = {kind.kind: len(ctx.tx.list(kind, account=account)) for kind in _kinds(ctx, identity=False)}
    return {kind: count for kind, count in found.items() if count}


def _deletable(ctx: Context, id: str) -> Member:
    """A member that can be deleted at all: one that was created."""
    member = tree.member(ctx, tree.managed(ctx), id)
    if member.type != accounts.RESOURCE:
        raise ACCOUNT_MISMATCH.error()
    return member


class CheckAccountDeleteRequest(Request):
    AccountId: str


@resourcemanager.action(resource=_ACCOUNT)
def check_account_delete(ctx: Context, req: CheckAccountDeleteRequest) -> Response:
    """The check takes no time: its result is that of the moment in which it is asked for."""
    _deletable(ctx, req.AccountId)
    return Response()


class GetAccountDeletionCheckResultRequest(Request):
    AccountId: str


class DeletionCheck(msgspec.Struct, kw_only=True):
    CheckId: str
    CheckName: str
    Description: str


class DeletionCheckResult(msgspec.Struct, kw_only=True):
    Status: str
    AllowDelete: str
    NotAllowReason: list[DeletionCheck]
    AbandonableChecks: list[DeletionCheck]


class GetAccountDeletionCheckResultResponse(Response):
    AccountDeletionCheckResultInfo: DeletionCheckResult


@resourcemanager.action(resource=_ACCOUNT)
def get_account_deletion_check_result(
    ctx: Context, req: GetAccountDeletionCheckResultRequest
) -> GetAccountDeletionCheckResultResponse:
    left = _left(ctx, _deletable(ctx, req.AccountId).id)
    reasons = [
        DeletionCheck(CheckId=kind, CheckName=kind, Description=f"The account has {count} of {kind}.")
        for kind, count in left.items()
    ]
    return GetAccountDeletionCheckResultResponse(
        AccountDeletionCheckResultInfo=DeletionCheckResult(
            Status="PreCheckComplete",
            AllowDelete="false" if reasons else "true",
            NotAllowReason=reasons,
            AbandonableChecks=[],
        )
    )


class DeleteAccountRequest(Request):
    AccountId: str
    AbandonableCheckId: AsJson[list[str]] = []


class DeleteAccountResponse(Response):
    DeletionType: str


@resourcemanager.action(resource=_ACCOUNT)
def delete_account(ctx: Context, req: DeleteAccountRequest) -> DeleteAccountResponse:
    """At once, without days of silence before."""
    member = _deletable(ctx, req.AccountId)
    if not tree.managed(ctx).member_deletion_enabled:
        raise DELETION_DISABLED.error()
    left = _left(ctx, member.id)
    if left:
        raise DELETION_CONFLICT.error(kinds=", ".join(left))
    accounts.release(ctx, member)
    for kind in _kinds(ctx, identity=True):
        for item in ctx.tx.list(kind, account=member.id):
            ctx.tx.delete(item)
    earlier = sorted(ctx.tx.list(MemberDeletion, account=ctx.account), key=lambda deletion: deletion.created_at)
    for forgotten in earlier[: 1 - MOST_KEPT]:
        ctx.tx.delete(forgotten)
    ctx.tx.put(MemberDeletion(id=member.id, account=ctx.account, created_at=ctx.now))
    return DeleteAccountResponse(DeletionType="0")


class GetAccountDeletionStatusRequest(Request):
    AccountId: str


class DeletionStatus(msgspec.Struct, kw_only=True):
    AccountId: str
    CreateTime: str
    DeletionTime: str
    DeletionType: str
    Status: str
    FailReasonList: list[DeletionCheck]


class GetAccountDeletionStatusResponse(Response):
    RdAccountDeletionStatus: DeletionStatus


@resourcemanager.action(resource=_ACCOUNT)
def get_account_deletion_status(ctx: Context, req: GetAccountDeletionStatusRequest) -> GetAccountDeletionStatusResponse:
    deletion = ctx.mine(MemberDeletion, req.AccountId)
    if deletion is None:
        raise DELETION_NOT_FOUND.error()
    when = iso_seconds(deletion.created_at)
    return GetAccountDeletionStatusResponse(
        RdAccountDeletionStatus=DeletionStatus(
            AccountId=deletion.id,
            CreateTime=when,
            DeletionTime=when,
            DeletionType="0",
            Status="Success",
            FailReasonList=[],
        )
    )
