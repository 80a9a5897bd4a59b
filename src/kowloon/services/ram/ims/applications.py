"""OAuth applications, their secrets and scopes. They are kept; there is no authorisation server behind them."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import (
    APP_EXISTS,
    APP_NOT_FOUND,
    INCORRECT,
    INVALID_FORMAT,
    INVALID_RANGE,
    SECRET_NOT_FOUND,
    TOO_MANY,
)
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.ims.resources import Application, AppSecret
from kowloon.services.ram.logic import names

_TYPES: Final = ("WebApp", "NativeApp", "ServerApp")
_PROTOCOLS: Final = ("2.0", "2.1")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_TITLE_CHARACTERS: Final = 24
_MOST_URIS: Final = 10
# Scope -> what it is for, and the types of application that may have it.
_SCOPES: Final = {
    "openid": ("Obtain the OpenID of the user.", ("WebApp", "NativeApp")),
    "aliuid": ("Obtain the ID of the user.", ("WebApp", "NativeApp")),
    "profile": ("Obtain the profile of the user.", ("WebApp", "NativeApp")),
    "/acs/ccc": ("Call Cloud Call Center.", ("WebApp", "NativeApp")),
    "/acs/alidns": ("Call Alibaba Cloud DNS.", ("WebApp", "NativeApp")),
    "/acs/scim": ("Provision users by SCIM.", ("ServerApp",)),
}
# Seconds: least, most.
_ACCESS_TOKEN_S: Final = (900, 10800)
_REFRESH_TOKEN_S: Final = (7200, 31536000)
_DAY_S: Final = 24 * 3600


# --- answers ---


class ScopeItem(msgspec.Struct, kw_only=True):
    Name: str
    Description: str


class AppScope(ScopeItem, kw_only=True):
    Required: bool


class AppScopeList(msgspec.Struct, kw_only=True):
    PredefinedScope: list[AppScope]


class DelegatedScope(msgspec.Struct, kw_only=True):
    PredefinedScopes: AppScopeList


class UriList(msgspec.Struct, kw_only=True):
    RedirectUri: list[str]


class AppItem(msgspec.Struct, kw_only=True):
    AppId: str
    AppName: str
    AppType: str
    DisplayName: str
    AccountId: str
    AccessTokenValidity: int
    RefreshTokenValidity: int
    IsMultiTenant: bool
    SecretRequired: bool
    ProtocolVersion: str
    RedirectUris: UriList
    DelegatedScope: DelegatedScope
    CreateDate: str
    UpdateDate: str


class AppResponse(Response):
    Application: AppItem


def _shown(app: Application) -> AppItem:
    scopes = [
        AppScope(Name=name, Description=_SCOPES[name][0], Required=name in app.required_scopes) for name in app.scopes
    ]
    return AppItem(
        AppId=app.id,
        AppName=app.name,
        AppType=app.type,
        DisplayName=app.display_name,
        AccountId=app.account,
        AccessTokenValidity=app.access_token_s,
        RefreshTokenValidity=app.refresh_token_s,
        IsMultiTenant=app.multi_tenant,
        SecretRequired=app.secret_required,
        ProtocolVersion=app.protocol_version,
        RedirectUris=UriList(RedirectUri=list(app.redirect_uris)),
        DelegatedScope=DelegatedScope(PredefinedScopes=AppScopeList(PredefinedScope=scopes)),
        CreateDate=iso_seconds(app.created_at),
        UpdateDate=iso_seconds(app.updated_at),
    )


# --- rules ---


def _find(ctx: Context, app_id: str) -> Application:
    app = ctx.tx.get(Application, app_id)
    if app is None or app.account != ctx.account:
        raise APP_NOT_FOUND.error(name=app_id)
    return app


def _parts(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))


def _uris(text: str, parameter: str) -> tuple[str, ...]:
    uris = _parts(text)
    if len(uris) > _MOST_URIS or not all(_URI.fullmatch(uri) for uri in uris):
        raise INVALID_FORMAT.error(name=parameter)
    return uris


def _scopes(text: str, app_type: str, parameter: str) -> tuple[str, ...]:
    """Users are always known by their OpenID: that scope cannot be left out."""
    wanted = _parts(text)
    if any(scope not in _SCOPES or app_type not in _SCOPES[scope][1] for scope in wanted):
        raise INCORRECT.error(name=parameter)
    always = ("openid",) if app_type in _SCOPES["openid"][1] else ()
    return tuple(dict.fromkeys((*always, *wanted)))


def _required(text: str, scopes: tuple[str, ...], parameter: str) -> tuple[str, ...]:
    required = _parts(text)
    if any(scope not in scopes for scope in required):
        raise INCORRECT.error(name=parameter)
    return tuple(dict.fromkeys(("openid", *required))) if "openid" in scopes else required


def _check_validity(seconds: int, bounds: tuple[int, int], parameter: str) -> int:
    least, most = bounds
    if not least <= seconds <= most:
        raise INVALID_RANGE.error(name=parameter, least=least, most=most)
    return seconds


# --- actions ---


class CreateApplicationRequest(Request):
    DisplayName: str
    AppType: str
    AppName: str = ""
    ProtocolVersion: str = "2.0"
    RedirectUris: str = ""
    PredefinedScopes: str = ""
    RequiredScopes: str = ""
    AccessTokenValidity: int = 3600
    RefreshTokenValidity: int | None = None
    IsMultiTenant: bool | None = None
    SecretRequired: bool = False


@ims.action(resource="acs:ram:*:{account}:application/*")
def create_application(ctx: Context, req: CreateApplicationRequest) -> AppResponse:
    if req.AppType not in _TYPES:
        raise INCORRECT.error(name="AppType")
    if req.ProtocolVersion not in _PROTOCOLS:
        raise INCORRECT.error(name="ProtocolVersion")
    name = names.check(req.AppName or req.DisplayName, "AppName", names.USER)
    names.check_title(req.DisplayName, "DisplayName", _TITLE_CHARACTERS)
    own = ctx.tx.list(Application, account=ctx.account)
    if any(app.name == name for app in own):
        raise APP_EXISTS.error(name=name)
    if len(own) >= quotas.APPLICATIONS:
        raise TOO_MANY.error(kind="Application", entities="applications")
    web = req.AppType == "WebApp"
    refresh_s = (90 if web else 30) * _DAY_S if req.RefreshTokenValidity is None else req.RefreshTokenValidity
    scopes = _scopes(req.PredefinedScopes, req.AppType, "PredefinedScopes")
    app = Application(
        id="4" + ctx.ids.digits(18),
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        name=name,
        display_name=req.DisplayName,
        type=req.AppType,
        protocol_version=req.ProtocolVersion,
        redirect_uris=_uris(req.RedirectUris, "RedirectUris"),
        scopes=scopes,
        required_scopes=_required(req.RequiredScopes, scopes, "RequiredScopes"),
        access_token_s=_check_validity(req.AccessTokenValidity, _ACCESS_TOKEN_S, "AccessTokenValidity"),
        refresh_token_s=_check_validity(refresh_s, _REFRESH_TOKEN_S, "RefreshTokenValidity"),
        multi_tenant=not web if req.IsMultiTenant is None else req.IsMultiTenant,
        secret_required=req.SecretRequired if req.AppType == "NativeApp" else True,
    )
    ctx.tx.put(app)
    return AppResponse(Application=_shown(app))


class GetApplicationRequest(Request):
    AppId: str


@ims.action(resource="acs:ram:*:{account}:application/{AppId}")
def get_application(ctx: Context, req: GetApplicationRequest) -> AppResponse:
    return AppResponse(Application=_shown(_find(ctx, req.AppId)))


class ListApplicationsRequest(Request):
    pass


class AppList(msgspec.Struct, kw_only=True):
    Application: list[AppItem]


class ListApplicationsResponse(Response):
    Applications: AppList


@ims.action(resource="acs:ram:*:{account}:application/*")
def list_applications(ctx: Context, req: ListApplicationsRequest) -> ListApplicationsResponse:
    rows = [_shown(app) for app in ctx.tx.list(Application, account=ctx.account)]
    return ListApplicationsResponse(Applications=AppList(Application=rows))


class UpdateApplicationRequest(Request):
    AppId: str
    NewDisplayName: str | None = None
    NewRedirectUris: str | None = None
    NewPredefinedScopes: str | None = None
    NewRequiredScopes: str | None = None
    NewAccessTokenValidity: int | None = None
    NewRefreshTokenValidity: int | None = None
    NewIsMultiTenant: bool | None = None
    NewSecretRequired: bool | None = None


@ims.action(resource="acs:ram:*:{account}:application/{AppId}")
def update_application(ctx: Context, req: UpdateApplicationRequest) -> AppResponse:
    app = _find(ctx, req.AppId)
    changes: dict[str, object] = {}
    if req.NewDisplayName is not None:
        changes["display_name"] = names.check_title(req.NewDisplayName, "NewDisplayName", _TITLE_CHARACTERS)
    if req.NewRedirectUris is not None:
        changes["redirect_uris"] = _uris(req.NewRedirectUris, "NewRedirectUris")
    scopes = app.scopes
    if req.NewPredefinedScopes is not None:
        scopes = _scopes(req.NewPredefinedScopes, app.type, "NewPredefinedScopes")
        kept = tuple(scope for scope in app.required_scopes if scope in scopes)
        changes |= {"scopes": scopes, "required_scopes": kept}
    if req.NewRequiredScopes is not None:
        changes["required_scopes"] = _required(req.NewRequiredScopes, scopes, "NewRequiredScopes")
    if req.NewAccessTokenValidity is not None:
        seconds = _check_validity(req.NewAccessTokenValidity, _ACCESS_TOKEN_S, "NewAccessTokenValidity")
        changes["access_token_s"] = seconds
    if req.NewRefreshTokenValidity is not None:
        seconds = _check_validity(req.NewRefreshTokenValidity, _REFRESH_TOKEN_S, "NewRefreshTokenValidity")
        changes["refresh_token_s"] = seconds
    if req.NewIsMultiTenant is not None:
        changes["multi_tenant"] = req.NewIsMultiTenant
    # Of other types a secret is always required.
    if req.NewSecretRequired is not None and app.type == "NativeApp":
        changes["secret_required"] = req.NewSecretRequired
    changed = msgspec.structs.replace(app, updated_at=ctx.now, **changes)
    ctx.tx.put(changed)
    return AppResponse(Application=_shown(changed))


class DeleteApplicationRequest(Request):
    AppId: str


@ims.action(resource="acs:ram:*:{account}:application/{AppId}")
def delete_application(ctx: Context, req: DeleteApplicationRequest) -> Response:
    ctx.tx.delete(_find(ctx, req.AppId))
    return Response()


class ListPredefinedScopesRequest(Request):
    AppType: str = ""


class ScopeList(msgspec.Struct, kw_only=True):
    PredefinedScope: list[ScopeItem]


class ListPredefinedScopesResponse(Response):
    PredefinedScopes: ScopeList


@ims.action()
def list_predefined_scopes(ctx: Context, req: ListPredefinedScopesRequest) -> ListPredefinedScopesResponse:
    if req.AppType not in ("", *_TYPES):
        raise INCORRECT.error(name="AppType")
    rows = [
        ScopeItem(Name=name, Description=description)
        for name, (description, types) in _SCOPES.items()
        if req.AppType in ("", *types)
    ]
    return ListPredefinedScopesResponse(PredefinedScopes=ScopeList(PredefinedScope=rows))


# --- secrets ---


class SecretIdItem(msgspec.Struct, kw_only=True):
    AppId: str
    AppSecretId: str
    CreateDate: str


class SecretItem(SecretIdItem, kw_only=True):
    AppSecretValue: str


class SecretResponse(Response):
    AppSecret: SecretItem


def _secret(app: Application, secret: AppSecret) -> SecretResponse:
    return SecretResponse(
        AppSecret=SecretItem(
            AppId=app.id,
            AppSecretId=secret.id,
            AppSecretValue=secret.value,
            CreateDate=iso_seconds(secret.created_at),
        )
    )


def _find_secret(app: Application, secret_id: str) -> AppSecret:
    for secret in app.secrets:
        if secret.id == secret_id:
            return secret
    raise SECRET_NOT_FOUND.error(name=secret_id)


class CreateAppSecretRequest(Request):
    AppId: str


@ims.action(resource="acs:ram:*:{account}:application/{AppId}")
def create_app_secret(ctx: Context, req: CreateAppSecretRequest) -> SecretResponse:
    app = _find(ctx, req.AppId)
    if len(app.secrets) >= quotas.SECRETS_PER_APPLICATION:
        raise TOO_MANY.error(kind="AppSecret", entities="secrets of the application")
    secret = AppSecret(id=ctx.ids.request_id().lower(), value=ctx.ids.secret(64), created_at=ctx.now)
    ctx.tx.put(msgspec.structs.replace(app, secrets=(*app.secrets, secret), updated_at=ctx.now))
    return _secret(app, secret)


class GetAppSecretRequest(Request):
    AppId: str
    AppSecretId: str


@ims.action(resource="acs:ram:*:{account}:application/{AppId}")
def get_app_secret(ctx: Context, req: GetAppSecretRequest) -> SecretResponse:
    app = _find(ctx, req.AppId)
    return _secret(app, _find_secret(app, req.AppSecretId))


class ListAppSecretIdsRequest(Request):
    AppId: str


class SecretIdList(msgspec.Struct, kw_only=True):
    AppSecret: list[SecretIdItem]


class ListAppSecretIdsResponse(Response):
    AppSecrets: SecretIdList


@ims.action(resource="acs:ram:*:{account}:application/{AppId}")
def list_app_secret_ids(ctx: Context, req: ListAppSecretIdsRequest) -> ListAppSecretIdsResponse:
    app = _find(ctx, req.AppId)
    rows = [
        SecretIdItem(AppId=app.id, AppSecretId=secret.id, CreateDate=iso_seconds(secret.created_at))
        for secret in app.secrets
    ]
    return ListAppSecretIdsResponse(AppSecrets=SecretIdList(AppSecret=rows))


class DeleteAppSecretRequest(Request):
    AppId: str
    AppSecretId: str


@ims.action(resource="acs:ram:*:{account}:application/{AppId}")
def delete_app_secret(ctx: Context, req: DeleteAppSecretRequest) -> Response:
    app = _find(ctx, req.AppId)
    gone = _find_secret(app, req.AppSecretId)
    kept = tuple(secret for secret in app.secrets if secret is not gone)
    ctx.tx.put(msgspec.structs.replace(app, secrets=kept, updated_at=ctx.now))
    return Response()
