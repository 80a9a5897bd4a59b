"""Settings and counts of the account."""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import INCORRECT, INVALID_FORMAT, INVALID_LENGTH
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.ims.resources import SsoSettings
from kowloon.services.ram.logic import settings
from kowloon.store.identity import Group, MfaDevice, PasswordPolicy, Policy, Role, SecurityPreference, User

_SUFFIX = ".onaliyun.com"
_DOMAIN_CHARACTERS = 64
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")
_MFA_OPERATIONS = ("mandatory", "independent", "adaptive")
_VERIFICATION_TYPES = ("sms", "email")
_IDLE_DAYS = (90, 180, 365, 730)
_SIGN_ALGORITHMS = ("rsa-sha256", "rsa-sha1")

# --- domain ---


class SetDefaultDomainRequest(Request):
    DefaultDomainName: str


class DomainResponse(Response):
    DefaultDomainName: str


@ims.action(resource="acs:ram:*:{account}:*")
def set_default_domain(ctx: Context, req: SetDefaultDomainRequest) -> DomainResponse:
    """The account's alias in front of the vendor's domain; with the account's id there is none."""
    if len(req.DefaultDomainName) > _DOMAIN_CHARACTERS:
        raise INVALID_LENGTH.error(name="DefaultDomainName")
    alias = req.DefaultDomainName.removesuffix(_SUFFIX)
    if alias == req.DefaultDomainName or not settings.valid_alias(alias):
        raise INVALID_FORMAT.error(name="DefaultDomainName")
    settings.set_alias(ctx, "" if alias == ctx.account else alias)
    return DomainResponse(DefaultDomainName=req.DefaultDomainName)


class GetDefaultDomainRequest(Request):
    pass


@ims.action(resource="acs:ram:*:{account}:*")
def get_default_domain(ctx: Context, req: GetDefaultDomainRequest) -> DomainResponse:
    return DomainResponse(DefaultDomainName=settings.account(ctx).domain)


# --- passwords ---


class SetPasswordPolicyRequest(Request):
    MinimumPasswordLength: int | None = None
    RequireLowercaseCharacters: bool | None = None
    RequireUppercaseCharacters: bool | None = None
    RequireNumbers: bool | None = None
    RequireSymbols: bool | None = None
    MinimumPasswordDifferentCharacter: int | None = None
    PasswordNotContainUserName: bool | None = None
    PasswordReusePrevention: int | None = None
    MaxPasswordAge: int | None = None
    InitialPasswordAge: int | None = None
    HardExpire: bool | None = None
    MaxLoginAttemps: int | None = None
    InterceptRiskPasswordOnApi: bool | None = None


class PasswordPolicyItem(msgspec.Struct, kw_only=True):
    MinimumPasswordLength: int
    RequireLowercaseCharacters: bool
    RequireUppercaseCharacters: bool
    RequireNumbers: bool
    RequireSymbols: bool
    MinimumPasswordDifferentCharacter: int
    PasswordNotContainUserName: bool
    PasswordReusePrevention: int
    MaxPasswordAge: int
    InitialPasswordAge: int
    HardExpire: bool
    MaxLoginAttemps: int
    InterceptRiskPasswordOnApi: bool


class PasswordPolicyResponse(Response):
    PasswordPolicy: PasswordPolicyItem


# Parameter -> field of PasswordPolicy.
_PASSWORD_FIELDS = {
    "MinimumPasswordLength": "minimum_length",
    "RequireLowercaseCharacters": "require_lowercase",
    "RequireUppercaseCharacters": "require_uppercase",
    "RequireNumbers": "require_numbers",
    "RequireSymbols": "require_symbols",
    "MinimumPasswordDifferentCharacter": "minimum_different_characters",
    "PasswordNotContainUserName": "not_contain_user_name",
    "PasswordReusePrevention": "reuse_prevention",
    "MaxPasswordAge": "max_age_days",
    "InitialPasswordAge": "initial_age_days",
    "HardExpire": "hard_expiry",
    "MaxLoginAttemps": "max_login_attempts",
    "InterceptRiskPasswordOnApi": "intercept_risk_on_api",
}


def _password_policy(policy: PasswordPolicy) -> PasswordPolicyResponse:
    fields = {parameter: getattr(policy, field) for parameter, field in _PASSWORD_FIELDS.items()}
    return PasswordPolicyResponse(PasswordPolicy=PasswordPolicyItem(**fields))


@ims.action(resource="acs:ram:*:{account}:*")
def set_password_policy(ctx: Context, req: SetPasswordPolicyRequest) -> PasswordPolicyResponse:
    given = {field: getattr(req, parameter) for parameter, field in _PASSWORD_FIELDS.items()}
    return _password_policy(settings.set_password_policy(ctx, given))


class GetPasswordPolicyRequest(Request):
    pass


@ims.action(resource="acs:ram:*:{account}:*")
def get_password_policy(ctx: Context, req: GetPasswordPolicyRequest) -> PasswordPolicyResponse:
    return _password_policy(settings.password_policy(ctx))


# --- what users may do for themselves ---


class SetSecurityPreferenceRequest(Request):
    AllowUserToManageAccessKeys: bool | None = None
    AllowUserToManageServiceCredentials: bool | None = None
    AllowUserToChangePassword: bool | None = None
    AllowUserToLoginWithPasskey: bool | None = None
    EnableSaveMFATicket: bool | None = None
    LoginNetworkMasks: str | None = None
    LoginSessionDuration: int | None = None
    MFAOperationForLogin: str | None = None
    OperationForRiskLogin: str | None = None
    AllowUserToManageMFADevices: bool | None = None
    AllowUserToManagePersonalDingTalk: bool | None = None
    VerificationTypes: AsJson[list[str]] | None = None
    MaxIdleDaysForUsers: int | None = None
    MaxIdleDaysForAccessKeys: int | None = None


class AccessKeyPreference(msgspec.Struct, kw_only=True):
    AllowUserToManageAccessKeys: bool
    AllowUserToManageServiceCredentials: bool


class LoginProfilePreference(msgspec.Struct, kw_only=True):
    AllowUserToChangePassword: bool
    AllowUserToLoginWithPasskey: bool
    EnableSaveMFATicket: bool
    LoginNetworkMasks: str
    LoginSessionDuration: int
    MFAOperationForLogin: str
    OperationForRiskLogin: str


class MFAPreference(msgspec.Struct, kw_only=True):
    AllowUserToManageMFADevices: bool


class PersonalInfoPreference(msgspec.Struct, kw_only=True):
    AllowUserToManagePersonalDingTalk: bool


class VerificationPreference(msgspec.Struct, kw_only=True):
    VerificationTypes: list[str]


class MaxIdleDays(msgspec.Struct, kw_only=True):
    MaxIdleDaysForUsers: int
    MaxIdleDaysForAccessKeys: int


class SecurityPreferenceItem(msgspec.Struct, kw_only=True):
    AccessKeyPreference: AccessKeyPreference
    LoginProfilePreference: LoginProfilePreference
    MFAPreference: MFAPreference
    PersonalInfoPreference: PersonalInfoPreference
    VerificationPreference: VerificationPreference
    MaxIdleDays: MaxIdleDays


class SecurityPreferenceResponse(Response):
    SecurityPreference: SecurityPreferenceItem


def _security_preference(preference: SecurityPreference) -> SecurityPreferenceResponse:
    return SecurityPreferenceResponse(
        SecurityPreference=SecurityPreferenceItem(
            AccessKeyPreference=AccessKeyPreference(
                AllowUserToManageAccessKeys=preference.manage_access_keys,
                AllowUserToManageServiceCredentials=preference.manage_service_credentials,
            ),
            LoginProfilePreference=LoginProfilePreference(
                AllowUserToChangePassword=preference.change_password,
                AllowUserToLoginWithPasskey=preference.login_with_passkey,
                EnableSaveMFATicket=preference.save_mfa_ticket,
                LoginNetworkMasks=preference.login_network_masks,
                LoginSessionDuration=preference.login_session_h,
                MFAOperationForLogin=preference.mfa_operation,
                OperationForRiskLogin=preference.operation_for_risk_login,
            ),
            MFAPreference=MFAPreference(AllowUserToManageMFADevices=preference.manage_mfa_devices),
            PersonalInfoPreference=PersonalInfoPreference(
                AllowUserToManagePersonalDingTalk=preference.manage_personal_ding_talk
            ),
            VerificationPreference=VerificationPreference(VerificationTypes=list(preference.verification_types)),
            MaxIdleDays=MaxIdleDays(
                MaxIdleDaysForUsers=preference.max_idle_days_for_users,
                MaxIdleDaysForAccessKeys=preference.max_idle_days_for_access_keys,
            ),
        )
    )


@ims.action(resource="acs:ram:*:{account}:*")
def set_security_preference(ctx: Context, req: SetSecurityPreferenceRequest) -> SecurityPreferenceResponse:
    if req.MFAOperationForLogin not in (None, *_MFA_OPERATIONS):
        raise INCORRECT.error(name="MFAOperationForLogin")
    if set(req.VerificationTypes or ()) - set(_VERIFICATION_TYPES):
        raise INCORRECT.error(name="VerificationTypes")
    for name, days in (
        ("MaxIdleDaysForUsers", req.MaxIdleDaysForUsers),
        ("MaxIdleDaysForAccessKeys", req.MaxIdleDaysForAccessKeys),
    ):
        if days not in (None, *_IDLE_DAYS):
            raise INCORRECT.error(name=name)
    given: dict[str, object] = {
        "manage_access_keys": req.AllowUserToManageAccessKeys,
        "manage_service_credentials": req.AllowUserToManageServiceCredentials,
        "change_password": req.AllowUserToChangePassword,
        "login_with_passkey": req.AllowUserToLoginWithPasskey,
        "save_mfa_ticket": req.EnableSaveMFATicket,
        "login_network_masks": req.LoginNetworkMasks,
        "login_session_h": req.LoginSessionDuration,
        "mfa_operation": req.MFAOperationForLogin,
        "operation_for_risk_login": req.OperationForRiskLogin,
        "manage_mfa_devices": req.AllowUserToManageMFADevices,
        "manage_personal_ding_talk": req.AllowUserToManagePersonalDingTalk,
        "verification_types": tuple(req.VerificationTypes) if req.VerificationTypes is not None else None,
        "max_idle_days_for_users": req.MaxIdleDaysForUsers,
        "max_idle_days_for_access_keys": req.MaxIdleDaysForAccessKeys,
    }
    return _security_preference(settings.set_security_preference(ctx, given))


class GetSecurityPreferenceRequest(Request):
    pass


@ims.action(resource="acs:ram:*:{account}:*")
def get_security_preference(ctx: Context, req: GetSecurityPreferenceRequest) -> SecurityPreferenceResponse:
    return _security_preference(settings.security_preference(ctx))


# --- sign-on of users from elsewhere ---


class SetUserSsoSettingsRequest(Request):
    SsoEnabled: bool | None = None
    MetadataDocument: str | None = None
    AuxiliaryDomain: str | None = None
    SsoLoginWithDomain: bool | None = None
    AuthnSignAlgo: str | None = None


class SsoItem(msgspec.Struct, kw_only=True):
    SsoEnabled: bool
    MetadataDocument: str
    AuxiliaryDomain: str
    SsoLoginWithDomain: bool
    AuthnSignAlgo: str


class SsoResponse(Response):
    UserSsoSettings: SsoItem


def _sso(sso: SsoSettings) -> SsoResponse:
    return SsoResponse(
        UserSsoSettings=SsoItem(
            SsoEnabled=sso.enabled,
            MetadataDocument=sso.metadata,
            AuxiliaryDomain=sso.auxiliary_domain,
            SsoLoginWithDomain=sso.login_with_domain,
            AuthnSignAlgo=sso.sign_algorithm,
        )
    )


def _check_sso(sso: SsoSettings) -> None:
    if sso.sign_algorithm not in _SIGN_ALGORITHMS:
        raise INCORRECT.error(name="AuthnSignAlgo")
    if sso.auxiliary_domain and not _DOMAIN.fullmatch(sso.auxiliary_domain):
        raise INVALID_FORMAT.error(name="AuxiliaryDomain")
    try:
        base64.b64decode(sso.metadata, validate=True)
    except (ValueError, binascii.Error):
        raise INVALID_FORMAT.error(name="MetadataDocument") from None
    # Without the provider's metadata nobody could be believed.
    if sso.enabled and not sso.metadata:
        raise INCORRECT.error(name="MetadataDocument")


@ims.action(resource="acs:ram:*:{account}:*")
def set_user_sso_settings(ctx: Context, req: SetUserSsoSettingsRequest) -> SsoResponse:
    given = {
        "enabled": req.SsoEnabled,
        "metadata": req.MetadataDocument,
        "auxiliary_domain": req.AuxiliaryDomain,
        "login_with_domain": req.SsoLoginWithDomain,
        "sign_algorithm": req.AuthnSignAlgo,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    sso = msgspec.structs.replace(_sso_settings(ctx), **changes)
    _check_sso(sso)
    ctx.tx.put(sso)
    return _sso(sso)


def _sso_settings(ctx: Context) -> SsoSettings:
    return ctx.tx.get(SsoSettings, ctx.account) or SsoSettings(id=ctx.account, account=ctx.account)


class GetUserSsoSettingsRequest(Request):
    pass


@ims.action(resource="acs:ram:*:{account}:*")
def get_user_sso_settings(ctx: Context, req: GetUserSsoSettingsRequest) -> SsoResponse:
    return _sso(_sso_settings(ctx))


# --- counts ---


class GetAccountMFAInfoRequest(Request):
    pass


class GetAccountMFAInfoResponse(Response):
    IsMFAEnable: bool


@ims.action(resource="acs:ram:*:{account}:*")
def get_account_mfa_info(ctx: Context, req: GetAccountMFAInfoRequest) -> GetAccountMFAInfoResponse:
    """Devices are bound to users only: no action binds one to the root."""
    return GetAccountMFAInfoResponse(IsMFAEnable=False)


class GetAccountSummaryRequest(Request):
    pass


class Summary(msgspec.Struct, kw_only=True):
    Users: int
    UsersQuota: int = quotas.USERS
    Groups: int
    GroupsQuota: int = quotas.GROUPS
    Roles: int
    RolesQuota: int = quotas.ROLES
    Policies: int
    PoliciesQuota: int = quotas.POLICIES
    MFADevices: int
    MFADevicesInUse: int
    VirtualMFADevicesQuota: int = quotas.MFA_DEVICES
    GroupsPerUserQuota: int = quotas.GROUPS_PER_USER
    AccessKeysPerUserQuota: int = quotas.KEYS_PER_USER
    AccountAccessKeysPerAccountQuota: int = quotas.KEYS_PER_ACCOUNT
    AttachedPoliciesPerUserQuota: int = quotas.CUSTOM_POLICIES_PER_ENTITY
    AttachedPoliciesPerGroupQuota: int = quotas.CUSTOM_POLICIES_PER_ENTITY
    AttachedPoliciesPerRoleQuota: int = quotas.CUSTOM_POLICIES_PER_ENTITY
    AttachedSystemPoliciesPerUserQuota: int = quotas.SYSTEM_POLICIES_PER_ENTITY
    AttachedSystemPoliciesPerGroupQuota: int = quotas.SYSTEM_POLICIES_PER_ENTITY
    AttachedSystemPoliciesPerRoleQuota: int = quotas.SYSTEM_POLICIES_PER_ENTITY
    VersionsPerPolicyQuota: int = quotas.VERSIONS_PER_POLICY
    PolicySizeQuota: int = quotas.POLICY_CHARACTERS


class GetAccountSummaryResponse(Response):
    SummaryMap: Summary


@ims.action(resource="acs:ram:*:{account}:*")
def get_account_summary(ctx: Context, req: GetAccountSummaryRequest) -> GetAccountSummaryResponse:
    devices = ctx.tx.list(MfaDevice, account=ctx.account)
    return GetAccountSummaryResponse(
        SummaryMap=Summary(
            Users=len(ctx.tx.list(User, account=ctx.account)),
            Groups=len(ctx.tx.list(Group, account=ctx.account)),
            Roles=len(ctx.tx.list(Role, account=ctx.account)),
            Policies=len(ctx.tx.list(Policy, account=ctx.account)),
            MFADevices=len(devices),
            MFADevicesInUse=sum(bool(device.user_id) for device in devices),
        )
    )
