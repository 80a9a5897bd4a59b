"""OpenID Connect identity providers: issuers whose tokens roles may trust. STS verifies the tokens."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.engines.dialler import check_url
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import (
    INVALID_FORMAT,
    INVALID_LENGTH,
    INVALID_RANGE,
    ISSUER_EXISTS,
    OIDC_PROVIDER_EXISTS,
    OIDC_PROVIDER_NOT_FOUND,
    OIDC_PROVIDER_PART_NOT_FOUND,
    TOO_MANY,
)
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.logic import names
from kowloon.store.identity import OidcProvider

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-_:/]*")
_FINGERPRINT: Final = re.compile(r"[A-Za-z0-9]+")
_PART_CHARACTERS: Final = 128
_URL_CHARACTERS: Final = 255
_DESCRIPTION_CHARACTERS: Final = 256
# Hours: least, most.
_ISSUANCE_LIMIT_H: Final = (1, 168)


# --- answers ---


class OidcProviderItem(msgspec.Struct, kw_only=True):
    OIDCProviderName: str
    Arn: str
    IssuerUrl: str
    ClientIds: str
    Fingerprints: str
    Description: str
    IssuanceLimitTime: int
    CreateDate: str
    UpdateDate: str
    GmtCreate: str
    GmtModified: str


class OidcProviderResponse(Response):
    OIDCProvider: OidcProviderItem


def _shown(provider: OidcProvider) -> OidcProviderItem:
    return OidcProviderItem(
        OIDCProviderName=provider.name,
        Arn=provider.arn,
        IssuerUrl=provider.issuer,
        ClientIds=",".join(provider.client_ids),
        Fingerprints=",".join(provider.fingerprints),
        Description=provider.description,
        IssuanceLimitTime=provider.issuance_limit_h,
        CreateDate=iso_seconds(provider.created_at),
        UpdateDate=iso_seconds(provider.updated_at),
        GmtCreate=str(int(provider.created_at * 1000)),
        GmtModified=str(int(provider.updated_at * 1000)),
    )


# --- rules ---


def _find(ctx: Context, name: str) -> OidcProvider:
    provider = ctx.tx.get(OidcProvider, f"{ctx.account}:{name}")
    if provider is None:
        raise OIDC_PROVIDER_NOT_FOUND.error(name=name)
    return provider


def _put(ctx: Context, provider: OidcProvider, **changes: Any) -> OidcProviderResponse:
    changed = msgspec.structs.replace(provider, updated_at=ctx.now, **changes)
    ctx.tx.put(changed)
    return OidcProviderResponse(OIDCProvider=_shown(changed))


def _check_issuer(url: str) -> None:
    """By https; an issuer on this machine may do without."""
    if len(url) > _URL_CHARACTERS:
        raise INVALID_LENGTH.error(name="IssuerUrl")
    try:
        check_url(url)
    except ValueError:
        raise INVALID_FORMAT.error(name="IssuerUrl") from None
    parts = urlsplit(url)
    if "?" in url or "#" in url or "@" in url or (parts.scheme != "https" and not _is_here(parts.hostname or "")):
        raise INVALID_FORMAT.error(name="IssuerUrl")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _client_ids(ids: Iterable[str], parameter: str) -> tuple[str, ...]:
    checked = dict.fromkeys(names.check(id, parameter, _CLIENT_ID, _PART_CHARACTERS) for id in ids)
    if len(checked) > quotas.CLIENT_IDS_PER_PROVIDER:
        raise TOO_MANY.error(kind="OIDCProvider.ClientId", entities="client ids of the OIDC provider")
    return tuple(checked)


def _fingerprints(texts: Iterable[str], parameter: str) -> tuple[str, ...]:
    checked = dict.fromkeys(names.check(text, parameter, _FINGERPRINT, _PART_CHARACTERS) for text in texts)
    if len(checked) > quotas.FINGERPRINTS_PER_PROVIDER:
        raise TOO_MANY.error(kind="OIDCProvider.Fingerprint", entities="fingerprints of the OIDC provider")
    return tuple(checked)


def _check_limit(hours: int) -> int:
    least, most = _ISSUANCE_LIMIT_H
    if not least <= hours <= most:
        raise INVALID_RANGE.error(name="IssuanceLimitTime", least=least, most=most)
    return hours


# --- actions ---


class CreateOIDCProviderRequest(Request):
    OIDCProviderName: str
    IssuerUrl: str
    ClientIds: str = ""
    Fingerprints: str = ""
    Description: str = ""
    IssuanceLimitTime: int = 12


@ims.action(resource="acs:ram:*:{account}:oidc-provider/*")
def create_oidc_provider(ctx: Context, req: CreateOIDCProviderRequest) -> OidcProviderResponse:
    names.check(req.OIDCProviderName, "OIDCProviderName", names.PROVIDER, names.PROVIDER_CHARACTERS)
    names.check_text(req.Description, "Description", _DESCRIPTION_CHARACTERS)
    _check_issuer(req.IssuerUrl)
    own = ctx.tx.list(OidcProvider, account=ctx.account)
    if any(provider.name == req.OIDCProviderName for provider in own):
        raise OIDC_PROVIDER_EXISTS.error(name=req.OIDCProviderName)
    if any(provider.issuer == req.IssuerUrl for provider in own):
        raise ISSUER_EXISTS.error(name=req.IssuerUrl)
    if len(own) >= quotas.OIDC_PROVIDERS:
        raise TOO_MANY.error(kind="OIDCProvider", entities="OIDC providers")
    provider = OidcProvider(
        id=f"{ctx.account}:{req.OIDCProviderName}",
        account=ctx.account,
        created_at=ctx.now,
        name=req.OIDCProviderName,
        issuer=req.IssuerUrl,
        client_ids=_client_ids(_parts(req.ClientIds), "ClientIds"),
        fingerprints=_fingerprints(_parts(req.Fingerprints), "Fingerprints"),
        description=req.Description,
        issuance_limit_h=_check_limit(req.IssuanceLimitTime),
    )
    return _put(ctx, provider)


class GetOIDCProviderRequest(Request):
    OIDCProviderName: str


@ims.action(resource="acs:ram:*:{account}:oidc-provider/{OIDCProviderName}")
def get_oidc_provider(ctx: Context, req: GetOIDCProviderRequest) -> OidcProviderResponse:
    return OidcProviderResponse(OIDCProvider=_shown(_find(ctx, req.OIDCProviderName)))


class ListOIDCProvidersRequest(Request):
    Marker: str = ""
    MaxItems: int = 100


class OidcProviderList(msgspec.Struct, kw_only=True):
    OIDCProvider: list[OidcProviderItem]


class ListOIDCProvidersResponse(Response):
    IsTruncated: bool
    Marker: str
    OIDCProviders: OidcProviderList


@ims.action(resource="acs:ram:*:{account}:oidc-provider/*")
def list_oidc_providers(ctx: Context, req: ListOIDCProvidersRequest) -> ListOIDCProvidersResponse:
    page = pages.by_marker(ctx.tx.list(OidcProvider, account=ctx.account), req.Marker, req.MaxItems, 100)
    return ListOIDCProvidersResponse(
        IsTruncated=bool(page.next_token),
        Marker=page.next_token,
        OIDCProviders=OidcProviderList(OIDCProvider=[_shown(provider) for provider in page.items]),
    )


class UpdateOIDCProviderRequest(Request):
    OIDCProviderName: str
    ClientIds: str | None = None
    NewDescription: str | None = None
    IssuanceLimitTime: int | None = None


@ims.action(resource="acs:ram:*:{account}:oidc-provider/{OIDCProviderName}")
def update_oidc_provider(ctx: Context, req: UpdateOIDCProviderRequest) -> OidcProviderResponse:
    provider = _find(ctx, req.OIDCProviderName)
    changes: dict[str, object] = {}
    if req.ClientIds is not None:
        changes["client_ids"] = _client_ids(_parts(req.ClientIds), "ClientIds")
    if req.NewDescription is not None:
        changes["description"] = names.check_text(req.NewDescription, "NewDescription", _DESCRIPTION_CHARACTERS)
    if req.IssuanceLimitTime is not None:
        changes["issuance_limit_h"] = _check_limit(req.IssuanceLimitTime)
    return _put(ctx, provider, **changes)


class DeleteOIDCProviderRequest(Request):
    OIDCProviderName: str


@ims.action(resource="acs:ram:*:{account}:oidc-provider/{OIDCProviderName}")
def delete_oidc_provider(ctx: Context, req: DeleteOIDCProviderRequest) -> Response:
    ctx.tx.delete(_find(ctx, req.OIDCProviderName))
    return Response()


class AddClientIdToOIDCProviderRequest(Request):
    OIDCProviderName: str
    ClientId: str


@ims.action(resource="acs:ram:*:{account}:oidc-provider/{OIDCProviderName}")
def add_client_id(ctx: Context, req: AddClientIdToOIDCProviderRequest) -> OidcProviderResponse:
    """One that is there already stays."""
    provider = _find(ctx, req.OIDCProviderName)
    return _put(ctx, provider, client_ids=_client_ids([*provider.client_ids, req.ClientId], "ClientId"))


class RemoveClientIdFromOIDCProviderRequest(Request):
    OIDCProviderName: str
    ClientId: str


@ims.action(resource="acs:ram:*:{account}:oidc-provider/{OIDCProviderName}")
def remove_client_id(ctx: Context, req: RemoveClientIdFromOIDCProviderRequest) -> OidcProviderResponse:
    provider = _find(ctx, req.OIDCProviderName)
    if req.ClientId not in provider.client_ids:
        raise OIDC_PROVIDER_PART_NOT_FOUND.error(kind="ClientId", entity="client id", name=req.ClientId)
    return _put(ctx, provider, client_ids=tuple(id for id in provider.client_ids if id != req.ClientId))


class AddFingerprintToOIDCProviderRequest(Request):
    OIDCProviderName: str
    Fingerprint: str


@ims.action(resource="acs:ram:*:{account}:oidc-provider/{OIDCProviderName}")
def add_fingerprint(ctx: Context, req: AddFingerprintToOIDCProviderRequest) -> OidcProviderResponse:
    """One that is there already stays."""
    provider = _find(ctx, req.OIDCProviderName)
    return _put(ctx, provider, fingerprints=_fingerprints([*provider.fingerprints, req.Fingerprint], "Fingerprint"))


class RemoveFingerprintFromOIDCProviderRequest(Request):
    OIDCProviderName: str
    Fingerprint: str


@ims.action(resource="acs:ram:*:{account}:oidc-provider/{OIDCProviderName}")
def remove_fingerprint(ctx: Context, req: RemoveFingerprintFromOIDCProviderRequest) -> OidcProviderResponse:
    provider = _find(ctx, req.OIDCProviderName)
    if req.Fingerprint not in provider.fingerprints:
        raise OIDC_PROVIDER_PART_NOT_FOUND.error(kind="Fingerprint", entity="fingerprint", name=req.Fingerprint)
    return _put(ctx, provider, fingerprints=tuple(text for text in provider.fingerprints if text != req.Fingerprint))
