"""SAML identity providers, whose assertions roles may trust. STS verifies the assertions."""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import MISSING_PARAMETER
from kowloon.core.clock import iso_seconds
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import (
    INCORRECT,
    INVALID_FORMAT,
    INVALID_LENGTH,
    INVALID_METADATA,
    SAML_PROVIDER_EXISTS,
    SAML_PROVIDER_NOT_FOUND,
    TOO_MANY,
)
from kowloon.services.ram.ims import saml_metadata
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.ims.saml_metadata import ProviderMetadata
from kowloon.services.ram.logic import names
from kowloon.store.identity import SamlProvider

_SIGN_ALGORITHMS: Final = ("rsa-sha256", "rsa-sha1")
_DESCRIPTION_CHARACTERS: Final = 256
_METADATA_CHARACTERS: Final = 100_000


# --- answers ---


class SamlProviderItem(msgspec.Struct, kw_only=True):
    SAMLProviderName: str
    Arn: str
    Description: str
    CreateDate: str
    UpdateDate: str


class SamlProviderDetail(SamlProviderItem, kw_only=True):
    AuthnSignAlgo: str


class SamlProviderResponse(Response):
    SAMLProvider: SamlProviderDetail


def _item(provider: SamlProvider) -> SamlProviderItem:
    return SamlProviderItem(
        SAMLProviderName=provider.name,
        Arn=provider.arn,
        Description=provider.description,
        CreateDate=iso_seconds(provider.created_at),
        UpdateDate=iso_seconds(provider.updated_at),
    )


def _detail(provider: SamlProvider) -> SamlProviderResponse:
    shown = SamlProviderDetail(**msgspec.structs.asdict(_item(provider)), AuthnSignAlgo=provider.sign_algorithm)
    return SamlProviderResponse(SAMLProvider=shown)


# --- rules ---


def _find(ctx: Context, name: str) -> SamlProvider:
    provider = ctx.tx.get(SamlProvider, f"{ctx.account}:{name}")
    if provider is None:
        raise SAML_PROVIDER_NOT_FOUND.error(name=name)
    return provider


def _metadata(encoded: str, parameter: str) -> ProviderMetadata:
    if len(encoded) > _METADATA_CHARACTERS:
        raise INVALID_LENGTH.error(name=parameter)
    try:
        document = base64.b64decode("".join(encoded.split()), validate=True)
    except (ValueError, binascii.Error):
        raise INVALID_FORMAT.error(name=parameter) from None
    try:
        return saml_metadata.read(document)
    except ValueError as problem:
        raise INVALID_METADATA.error(name=parameter, why=problem) from None


def _check_algorithm(name: str) -> str:
    if name not in _SIGN_ALGORITHMS:
        raise INCORRECT.error(name="AuthnSignAlgo")
    return name


# --- actions ---


class CreateSAMLProviderRequest(Request):
    SAMLProviderName: str
    EncodedSAMLMetadataDocument: str
    Description: str = ""
    AuthnSignAlgo: str = "rsa-sha1"


@ims.action(resource="acs:ram:*:{account}:saml-provider/*")
def create_saml_provider(ctx: Context, req: CreateSAMLProviderRequest) -> SamlProviderResponse:
    names.check(req.SAMLProviderName, "SAMLProviderName", names.PROVIDER, names.PROVIDER_CHARACTERS)
    names.check_text(req.Description, "Description", _DESCRIPTION_CHARACTERS)
    metadata = _metadata(req.EncodedSAMLMetadataDocument, "EncodedSAMLMetadataDocument")
    own = ctx.tx.list(SamlProvider, account=ctx.account)
    if any(provider.name == req.SAMLProviderName for provider in own):
        raise SAML_PROVIDER_EXISTS.error(name=req.SAMLProviderName)
    if len(own) >= quotas.SAML_PROVIDERS:
        raise TOO_MANY.error(kind="SAMLProvider", entities="SAML providers")
    provider = SamlProvider(
        id=f"{ctx.account}:{req.SAMLProviderName}",
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        name=req.SAMLProviderName,
        metadata=req.EncodedSAMLMetadataDocument,
        entity_id=metadata.entity_id,
        certificates=metadata.certificates,
        description=req.Description,
        sign_algorithm=_check_algorithm(req.AuthnSignAlgo),
    )
    ctx.tx.put(provider)
    return _detail(provider)


class GetSAMLProviderRequest(Request):
    SAMLProviderName: str


class SamlProviderWithMetadata(SamlProviderDetail, kw_only=True):
    EncodedSAMLMetadataDocument: str


class GetSAMLProviderResponse(Response):
    SAMLProvider: SamlProviderWithMetadata


@ims.action(resource="acs:ram:*:{account}:saml-provider/{SAMLProviderName}")
def get_saml_provider(ctx: Context, req: GetSAMLProviderRequest) -> GetSAMLProviderResponse:
    provider = _find(ctx, req.SAMLProviderName)
    return GetSAMLProviderResponse(
        SAMLProvider=SamlProviderWithMetadata(
            **msgspec.structs.asdict(_item(provider)),
            AuthnSignAlgo=provider.sign_algorithm,
            EncodedSAMLMetadataDocument=provider.metadata,
        )
    )


class ListSAMLProvidersRequest(Request):
    Marker: str = ""
    MaxItems: int = 100


class SamlProviderList(msgspec.Struct, kw_only=True):
    SAMLProvider: list[SamlProviderItem]


class ListSAMLProvidersResponse(Response):
    IsTruncated: bool
    Marker: str
    SAMLProviders: SamlProviderList


@ims.action(resource="acs:ram:*:{account}:saml-provider/*")
def list_saml_providers(ctx: Context, req: ListSAMLProvidersRequest) -> ListSAMLProvidersResponse:
    page = pages.by_marker(ctx.tx.list(SamlProvider, account=ctx.account), req.Marker, req.MaxItems, 100)
    return ListSAMLProvidersResponse(
        IsTruncated=bool(page.next_token),
        Marker=page.next_token,
        SAMLProviders=SamlProviderList(SAMLProvider=[_item(provider) for provider in page.items]),
    )


class UpdateSAMLProviderRequest(Request):
    SAMLProviderName: str
    NewEncodedSAMLMetadataDocument: str | None = None
    NewDescription: str | None = None
    AuthnSignAlgo: str | None = None


@ims.action(resource="acs:ram:*:{account}:saml-provider/{SAMLProviderName}")
def update_saml_provider(ctx: Context, req: UpdateSAMLProviderRequest) -> SamlProviderResponse:
    provider = _find(ctx, req.SAMLProviderName)
    changes: dict[str, object] = {}
    if req.NewEncodedSAMLMetadataDocument is not None:
        metadata = _metadata(req.NewEncodedSAMLMetadataDocument, "NewEncodedSAMLMetadataDocument")
        changes["metadata"] = req.NewEncodedSAMLMetadataDocument
        changes.update(metadata._asdict())
    if req.NewDescription is not None:
        changes["description"] = names.check_text(req.NewDescription, "NewDescription", _DESCRIPTION_CHARACTERS)
    if req.AuthnSignAlgo is not None:
        changes["sign_algorithm"] = _check_algorithm(req.AuthnSignAlgo)
    if not changes:
        raise MISSING_PARAMETER.error(name="NewEncodedSAMLMetadataDocument")
    changed = msgspec.structs.replace(provider, updated_at=ctx.now, **changes)
    ctx.tx.put(changed)
    return _detail(changed)


class DeleteSAMLProviderRequest(Request):
    SAMLProviderName: str


@ims.action(resource="acs:ram:*:{account}:saml-provider/{SAMLProviderName}")
def delete_saml_provider(ctx: Context, req: DeleteSAMLProviderRequest) -> Response:
    ctx.tx.delete(_find(ctx, req.SAMLProviderName))
    return Response()
