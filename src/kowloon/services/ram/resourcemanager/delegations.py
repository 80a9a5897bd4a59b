"""Delegated administrators: members that administer a trusted service for the directory, and may look into it."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import tree
from kowloon.services.ram.resourcemanager.errors import (
    DELEGATED_ALREADY,
    DELEGATION_NOT_FOUND,
    INVALID,
    TOO_MANY_DELEGATIONS,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import Delegation, Directory

MOST_PER_SERVICE: Final = 5
_SERVICE: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.aliyuncs\.com")
_ACCOUNT: Final = "acs:resourcemanager:*:{account}:account/{AccountPath}"


def _all(ctx: Context, directory: Directory) -> list[Delegation]:
    return ctx.tx.list(Delegation, account=directory.account)


def _check_service(name: str) -> None:
    if not _SERVICE.fullmatch(name):
        raise INVALID.error(name="ServicePrincipal")


class RegisterDelegatedAdministratorRequest(Request):
    AccountId: str
    ServicePrincipal: str


@resourcemanager.action(resource=_ACCOUNT)
def register_delegated_administrator(ctx: Context, req: RegisterDelegatedAdministratorRequest) -> Response:
    directory = tree.managed(ctx)
    member = tree.member(ctx, directory, req.AccountId)
    _check_service(req.ServicePrincipal)
    id = f"{member.id}:{req.ServicePrincipal}"
    if ctx.tx.get(Delegation, id) is not None:
        raise DELEGATED_ALREADY.error()
    if sum(item.service == req.ServicePrincipal for item in _all(ctx, directory)) >= MOST_PER_SERVICE:
        raise TOO_MANY_DELEGATIONS.error()
    ctx.tx.put(
        Delegation(id=id, account=ctx.account, created_at=ctx.now, member_id=member.id, service=req.ServicePrincipal)
    )
    return Response()


class DeregisterDelegatedAdministratorRequest(Request):
    AccountId: str
    ServicePrincipal: str


@resourcemanager.action(resource=_ACCOUNT)
def deregister_delegated_administrator(ctx: Context, req: DeregisterDelegatedAdministratorRequest) -> Response:
    member = tree.member(ctx, tree.managed(ctx), req.AccountId)
    _check_service(req.ServicePrincipal)
    delegation = ctx.tx.get(Delegation, f"{member.id}:{req.ServicePrincipal}")
    if delegation is None:
        raise DELEGATION_NOT_FOUND.error()
    ctx.tx.delete(delegation)
    return Response()


class ListDelegatedAdministratorsRequest(Request):
    ServicePrincipal: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class DelegatedAccount(msgspec.Struct, kw_only=True):
    AccountId: str
    DisplayName: str
    JoinMethod: str
    ServicePrincipal: str
    DelegationEnabledTime: str


class DelegatedAccountList(msgspec.Struct, kw_only=True):
    Account: list[DelegatedAccount]


class ListDelegatedAdministratorsResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    Accounts: DelegatedAccountList


def _shown(ctx: Context, directory: Directory, item: Delegation) -> DelegatedAccount:
    member = tree.member(ctx, directory, item.member_id)
    return DelegatedAccount(
        AccountId=member.id,
        DisplayName=member.display_name,
        JoinMethod=member.join_method,
        ServicePrincipal=item.service,
        DelegationEnabledTime=iso_seconds(item.created_at),
    )


@resourcemanager.action(resource="acs:resourcemanager:*:{account}:account/*")
def list_delegated_administrators(
    ctx: Context, req: ListDelegatedAdministratorsRequest
) -> ListDelegatedAdministratorsResponse:
    directory = tree.readable(ctx)
    wanted = [item for item in _all(ctx, directory) if req.ServicePrincipal in ("", item.service)]
    page = pages.by_number(wanted, req.PageNumber, req.PageSize)
    return ListDelegatedAdministratorsResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        Accounts=DelegatedAccountList(Account=[_shown(ctx, directory, item) for item in page.items]),
    )


class ListDelegatedServicesForAccountRequest(Request):
    AccountId: str


class DelegatedService(msgspec.Struct, kw_only=True):
    ServicePrincipal: str
    Status: str
    DelegationEnabledTime: str


class DelegatedServiceList(msgspec.Struct, kw_only=True):
    DelegatedService: list[DelegatedService]


class ListDelegatedServicesForAccountResponse(Response):
    DelegatedServices: DelegatedServiceList


@resourcemanager.action(resource=_ACCOUNT)
def list_delegated_services_for_account(
    ctx: Context, req: ListDelegatedServicesForAccountRequest
) -> ListDelegatedServicesForAccountResponse:
    member = tree.member(ctx, tree.readable(ctx), req.AccountId)
    rows = [
        DelegatedService(
            ServicePrincipal=item.service, Status="ENABLED", DelegationEnabledTime=iso_seconds(item.created_at)
        )
        for item in tree.delegations(ctx.tx, member)
    ]
    return ListDelegatedServicesForAccountResponse(DelegatedServices=DelegatedServiceList(DelegatedService=rows))


class ListTrustedServiceStatusRequest(Request):
    AdminAccountId: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class TrustedService(msgspec.Struct, kw_only=True):
    ServicePrincipal: str
    EnableTime: str


class TrustedServiceList(msgspec.Struct, kw_only=True):
    EnabledServicePrincipal: list[TrustedService]


class ListTrustedServiceStatusResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    EnabledServicePrincipals: TrustedServiceList


@resourcemanager.action(resource="acs:resourcemanager:*:{account}:account/*")
def list_trusted_service_status(ctx: Context, req: ListTrustedServiceStatusRequest) -> ListTrustedServiceStatusResponse:
    """A service is trusted once it has an administrator. `AdminAccountId`: the management account, or one of those."""
    directory = tree.readable(ctx)
    since: dict[str, float] = {}
    for item in _all(ctx, directory):
        if req.AdminAccountId in ("", directory.account, item.member_id):
            since.setdefault(item.service, item.created_at)
    page = pages.by_number(list(since.items()), req.PageNumber, req.PageSize)
    rows = [TrustedService(ServicePrincipal=name, EnableTime=iso_seconds(at)) for name, at in page.items]
    return ListTrustedServiceStatusResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        EnabledServicePrincipals=TrustedServiceList(EnabledServicePrincipal=rows),
    )
