"""Settings of the account: its alias, what passwords must be, what users may do for themselves."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.ram.errors import ALIAS_LENGTH, ALIAS_NOT_FOUND, INVALID_FORMAT
from kowloon.services.ram.logic import settings
from kowloon.services.ram.product import ram
from kowloon.store.identity import PasswordPolicy, SecurityPreference

# --- alias ---


class SetAccountAliasRequest(Request):
    AccountAlias: str


@ram.action(resource="acs:ram:*:{account}:*")
def set_account_alias(ctx: Context, req: SetAccountAliasRequest) -> Response:
    if not 3 <= len(req.AccountAlias) <= 63:
        raise ALIAS_LENGTH.error()
    if not settings.valid_alias(req.AccountAlias):
        raise INVALID_FORMAT.error(name="AccountAlias")
    settings.set_alias(ctx, req.AccountAlias)
    return Response()


class GetAccountAliasRequest(Request):
    pass


class GetAccountAliasResponse(Response):
    AccountAlias: str


@ram.action(resource="acs:ram:*:{account}:*")
def get_account_alias(ctx: Context, req: GetAccountAliasRequest) -> GetAccountAliasResponse:
    return GetAccountAliasResponse(AccountAlias=settings.account(ctx).alias or ctx.account)


class ClearAccountAliasRequest(Request):
    pass


@ram.action(resource="acs:ram:*:{account}:*")
def clear_account_alias(ctx: Context, req: ClearAccountAliasRequest) -> Response:
    if not settings.account(ctx).alias:
        raise ALIAS_NOT_FOUND.error()
    settings.set_alias(ctx, "")
    return Response()


# --- passwords ---


class SetPasswordPolicyRequest(Request):
    MinimumPasswordLength: int | None = None
    RequireLowercaseCharacters: bool | None = None
    RequireUppercaseCharacters: bool | None = None
    RequireNumbers: bool | None = None
    RequireSymbols: bool | None = None
    HardExpiry: bool | None = None
    MaxPasswordAge: int | None = None
    PasswordReusePrevention: int | None = None
    MaxLoginAttemps: int | None = None


class PasswordPolicyItem(msgspec.Struct, kw_only=True):
    MinimumPasswordLength: int
    RequireLowercaseCharacters: bool
    RequireUppercaseCharacters: bool
    RequireNumbers: bool
    RequireSymbols: bool
    HardExpiry: bool
    MaxPasswordAge: int
    PasswordReusePrevention: int
    MaxLoginAttemps: int


class PasswordPolicyResponse(Response):
    PasswordPolicy: PasswordPolicyItem


def _password_policy(policy: PasswordPolicy) -> PasswordPolicyResponse:
    return PasswordPolicyResponse(
        PasswordPolicy=PasswordPolicyItem(
            MinimumPasswordLength=policy.minimum_length,
            RequireLowercaseCharacters=policy.require_lowercase,
            RequireUppercaseCharacters=policy.require_uppercase,
            RequireNumbers=policy.require_numbers,
            RequireSymbols=policy.require_symbols,
            HardExpiry=policy.hard_expiry,
            MaxPasswordAge=policy.max_age_days,
            PasswordReusePrevention=policy.reuse_prevention,
            MaxLoginAttemps=policy.max_login_attempts,
        )
    )


@ram.action(resource="acs:ram:*:{account}:*")
def set_password_policy(ctx: Context, req: SetPasswordPolicyRequest) -> PasswordPolicyResponse:
    given = {
        "minimum_length": req.MinimumPasswordLength,
        "require_lowercase": req.RequireLowercaseCharacters,
        "require_uppercase": req.RequireUppercaseCharacters,
        "require_numbers": req.RequireNumbers,
        "require_symbols": req.RequireSymbols,
        "hard_expiry": req.HardExpiry,
        "max_age_days": req.MaxPasswordAge,
        "reuse_prevention": req.PasswordReusePrevention,
        "max_login_attempts": req.MaxLoginAttemps,
    }
    return _password_policy(settings.set_password_policy(ctx, given))


class GetPasswordPolicyRequest(Request):
    pass


@ram.action(resource="acs:ram:*:{account}:*")
def get_password_policy(ctx: Context, req: GetPasswordPolicyRequest) -> PasswordPolicyResponse:
    return _password_policy(settings.password_policy(ctx))


# --- what users may do for themselves ---


class SetSecurityPreferenceRequest(Request):
    AllowUserToManageAccessKeys: bool | None = None
    AllowUserToChangePassword: bool | None = None
    AllowUserToManageMFADevices: bool | None = None
    AllowUserToManagePublicKeys: bool | None = None
    EnableSaveMFATicket: bool | None = None
    LoginNetworkMasks: str | None = None
    LoginSessionDuration: int | None = None


class LoginProfilePreference(msgspec.Struct, kw_only=True):
    AllowUserToChangePassword: bool
    EnableSaveMFATicket: bool
    LoginNetworkMasks: str
    LoginSessionDuration: int


class AccessKeyPreference(msgspec.Struct, kw_only=True):
    AllowUserToManageAccessKeys: bool


class MFAPreference(msgspec.Struct, kw_only=True):
    AllowUserToManageMFADevices: bool


class PublicKeyPreference(msgspec.Struct, kw_only=True):
    AllowUserToManagePublicKeys: bool


class SecurityPreferenceItem(msgspec.Struct, kw_only=True):
    LoginProfilePreference: LoginProfilePreference
    AccessKeyPreference: AccessKeyPreference
    MFAPreference: MFAPreference
    PublicKeyPreference: PublicKeyPreference


class SecurityPreferenceResponse(Response):
    SecurityPreference: SecurityPreferenceItem


def _security_preference(preference: SecurityPreference) -> SecurityPreferenceResponse:
    return SecurityPreferenceResponse(
        SecurityPreference=SecurityPreferenceItem(
            LoginProfilePreference=LoginProfilePreference(
                AllowUserToChangePassword=preference.change_password,
                EnableSaveMFATicket=preference.save_mfa_ticket,
                LoginNetworkMasks=preference.login_network_masks,
                LoginSessionDuration=preference.login_session_h,
            ),
            AccessKeyPreference=AccessKeyPreference(AllowUserToManageAccessKeys=preference.manage_access_keys),
            MFAPreference=MFAPreference(AllowUserToManageMFADevices=preference.manage_mfa_devices),
            PublicKeyPreference=PublicKeyPreference(AllowUserToManagePublicKeys=preference.manage_public_keys),
        )
    )


@ram.action(resource="acs:ram:*:{account}:*")
def set_security_preference(ctx: Context, req: SetSecurityPreferenceRequest) -> SecurityPreferenceResponse:
    given: dict[str, object] = {
        "manage_access_keys": req.AllowUserToManageAccessKeys,
        "change_password": req.AllowUserToChangePassword,
        "manage_mfa_devices": req.AllowUserToManageMFADevices,
        "manage_public_keys": req.AllowUserToManagePublicKeys,
        "save_mfa_ticket": req.EnableSaveMFATicket,
        "login_network_masks": req.LoginNetworkMasks,
        "login_session_h": req.LoginSessionDuration,
    }
    return _security_preference(settings.set_security_preference(ctx, given))


class GetSecurityPreferenceRequest(Request):
    pass


@ram.action(resource="acs:ram:*:{account}:*")
def get_security_preference(ctx: Context, req: GetSecurityPreferenceRequest) -> SecurityPreferenceResponse:
    return _security_preference(settings.security_preference(ctx))
