"""Settings of an account: alias, domain, preferences, sign-on from elsewhere, counts."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.helpers import refused
from tests.services.parts import Customer, other_account


def test_an_alias_names_the_domain(alone: Customer) -> None:
    account = alone.cloud.account_id
    assert alone.call("ram", "GetAccountAlias").account_alias == account
    assert alone.call("ims", "GetDefaultDomain").default_domain_name == f"{account}.onaliyun.com"
    refused(lambda: alone.call("ram", "ClearAccountAlias"), "EntityNotExist.AccountAlias", "does not exist", 404)
    alone.call("ram", "SetAccountAlias", account_alias="harbour")
    assert alone.call("ram", "GetAccountAlias").account_alias == "harbour"
    user = alone.call("ims", "GetUser", user_principal_name="admin@harbour.onaliyun.com").user
    assert (user.user_name, user.user_principal_name) == ("admin", "admin@harbour.onaliyun.com")
    # The account's id always does.
    same = alone.call("ims", "GetUser", user_principal_name=f"admin@{account}.onaliyun.com").user
    assert same.user_id == user.user_id
    alone.call("ram", "ClearAccountAlias")
    refused(
        lambda: alone.call("ims", "GetUser", user_principal_name="admin@harbour.onaliyun.com"),
        "EntityNotExist.User",
        "The user does not exist: admin@harbour.onaliyun.com.",
    )
    alone.call("ims", "SetDefaultDomain", default_domain_name="pier.onaliyun.com")
    assert alone.call("ram", "GetAccountAlias").account_alias == "pier"
    alone.call("ims", "SetDefaultDomain", default_domain_name=f"{account}.onaliyun.com")
    assert alone.call("ram", "GetAccountAlias").account_alias == account


def test_an_alias_is_one_accounts(alone: Customer) -> None:
    other = other_account(alone.cloud)
    other.call("ram", "SetAccountAlias", account_alias="taken")
    for call in (
        lambda: alone.call("ram", "SetAccountAlias", account_alias="taken"),
        lambda: alone.call("ims", "SetDefaultDomain", default_domain_name="taken.onaliyun.com"),
        lambda: other.call("ram", "SetAccountAlias", account_alias=alone.cloud.account_id),
    ):
        refused(call, "EntityAlreadyExists.AccountAlias", "The account alias does already exist.", 409)


@pytest.mark.parametrize(
    ("alias", "code", "message"),
    [
        (
            "ab",
            "InvalidParameter.AccountAlias.Length",
            'The parameter - "AccountAlias" MUST be in the range of 3 and 63.',
        ),
        ("x" * 64, "InvalidParameter.AccountAlias.Length", "MUST be in the range"),
        ("Upper", "InvalidParameter.AccountAlias.Format", 'The format of the parameter - "AccountAlias" is incorrect.'),
        ("-edge", "InvalidParameter.AccountAlias.Format", "incorrect"),
        ("two--dashes", "InvalidParameter.AccountAlias.Format", "incorrect"),
    ],
)
def test_aliases_that_cannot_be(customer: Customer, alias: str, code: str, message: str) -> None:
    refused(lambda: customer.call("ram", "SetAccountAlias", account_alias=alias), code, message, 400)


@pytest.mark.parametrize(
    ("domain", "code"),
    [
        ("pier.example.com", "InvalidParameter.DefaultDomainName.Format"),
        ("Pier.onaliyun.com", "InvalidParameter.DefaultDomainName.Format"),
        ("x" * 60 + ".onaliyun.com", "InvalidParameter.DefaultDomainName.Length"),
    ],
)
def test_domains_that_cannot_be(customer: Customer, domain: str, code: str) -> None:
    refused(lambda: customer.call("ims", "SetDefaultDomain", default_domain_name=domain), code, status=400)


def test_the_preference_is_one_for_both_apis(alone: Customer) -> None:
    shown = alone.call("ram", "GetSecurityPreference").security_preference
    assert shown.login_profile_preference.allow_user_to_change_password is True
    assert shown.login_profile_preference.login_session_duration == 6
    assert shown.access_key_preference.allow_user_to_manage_access_keys is False
    assert shown.mfapreference.allow_user_to_manage_mfadevices is True
    changed = alone.call(
        "ram",
        "SetSecurityPreference",
        allow_user_to_manage_access_keys=True,
        login_network_masks="10.0.0.0/8;2001:db8::/32",
        login_session_duration=8,
        enable_save_mfaticket=True,
        allow_user_to_manage_public_keys=True,
    ).security_preference
    assert changed.login_profile_preference.login_network_masks == "10.0.0.0/8;2001:db8::/32"
    assert changed.public_key_preference.allow_user_to_manage_public_keys is True
    other = alone.call("ims", "GetSecurityPreference").security_preference
    assert other.access_key_preference.allow_user_to_manage_access_keys is True
    assert other.login_profile_preference.login_session_duration == 8
    assert other.max_idle_days.max_idle_days_for_users == 730
    more = alone.call(
        "ims",
        "SetSecurityPreference",
        mfaoperation_for_login="mandatory",
        verification_types=["sms", "email"],
        max_idle_days_for_users=90,
        max_idle_days_for_access_keys=180,
        allow_user_to_login_with_passkey=False,
        allow_user_to_manage_personal_ding_talk=False,
        allow_user_to_manage_service_credentials=True,
        login_network_masks="",
    ).security_preference
    assert more.login_profile_preference.mfaoperation_for_login == "mandatory"
    assert more.login_profile_preference.allow_user_to_login_with_passkey is False
    assert (
        more.login_profile_preference.login_network_masks,
        more.login_profile_preference.login_session_duration,
    ) == (
        "",
        8,
    )
    assert more.verification_preference.verification_types == ["sms", "email"]
    assert (more.max_idle_days.max_idle_days_for_users, more.max_idle_days.max_idle_days_for_access_keys) == (90, 180)
    assert more.personal_info_preference.allow_user_to_manage_personal_ding_talk is False
    assert more.access_key_preference.allow_user_to_manage_service_credentials is True


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"login_session_duration": 25}, "InvalidParameter.LoginSessionDuration.Range"),
        ({"login_network_masks": "10.0.0.0/40"}, "InvalidParameter.LoginNetworkMasks.Format"),
        ({"login_network_masks": ";".join(["10.0.0.0/8"] * 41)}, "InvalidParameter"),
        ({"mfaoperation_for_login": "odd"}, "InvalidParameter.MFAOperationForLogin"),
        ({"verification_types": ["carrier pigeon"]}, "InvalidParameter.VerificationTypes"),
        ({"max_idle_days_for_users": 91}, "InvalidParameter.MaxIdleDaysForUsers"),
    ],
)
def test_preferences_that_cannot_be(customer: Customer, fields: dict[str, Any], code: str) -> None:
    refused(lambda: customer.call("ims", "SetSecurityPreference", **fields), code, status=400)


def test_sign_on_from_elsewhere_is_kept(alone: Customer) -> None:
    shown = alone.call("ims", "GetUserSsoSettings").user_sso_settings
    assert (shown.sso_enabled, shown.metadata_document, shown.authn_sign_algo) == (False, "", "rsa-sha1")
    metadata = base64.b64encode(b"<EntityDescriptor/>").decode()
    changed = alone.call(
        "ims",
        "SetUserSsoSettings",
        sso_enabled=True,
        metadata_document=metadata,
        auxiliary_domain="login.example.com",
        sso_login_with_domain=False,
        authn_sign_algo="rsa-sha256",
    ).user_sso_settings
    assert (changed.sso_enabled, changed.metadata_document, changed.sso_login_with_domain) == (True, metadata, False)
    again = alone.call("ims", "SetUserSsoSettings", sso_enabled=False).user_sso_settings
    assert (again.sso_enabled, again.auxiliary_domain, again.authn_sign_algo) == (
        False,
        "login.example.com",
        "rsa-sha256",
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sso_enabled": True}, "InvalidParameter.MetadataDocument"),
        ({"metadata_document": "not base64!"}, "InvalidParameter.MetadataDocument.Format"),
        ({"auxiliary_domain": "no domain"}, "InvalidParameter.AuxiliaryDomain.Format"),
        ({"authn_sign_algo": "md5"}, "InvalidParameter.AuthnSignAlgo"),
    ],
)
def test_sign_on_that_cannot_be(alone: Customer, fields: dict[str, Any], code: str) -> None:
    refused(lambda: alone.call("ims", "SetUserSsoSettings", **fields), code, '" is incorrect.', status=400)


def test_an_account_is_counted(alone: Customer) -> None:
    alone.call("ram", "CreateUser", user_name="counted")
    alone.call("ram", "CreateGroup", group_name="counted")
    alone.call("ram", "CreateVirtualMFADevice", virtual_mfadevice_name="counted")
    summary = alone.call("ims", "GetAccountSummary").summary_map
    assert (summary.users, summary.groups, summary.roles, summary.policies) == (2, 1, 0, 0)
    assert (summary.mfadevices, summary.mfadevices_in_use) == (1, 0)
    assert (summary.access_keys_per_user_quota, summary.versions_per_policy_quota) == (2, 5)
