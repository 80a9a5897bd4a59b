"""OpenID Connect providers as they are declared. What their tokens are worth: tests of STS."""

from __future__ import annotations

from typing import Any

import pytest

from kowloon.services.ram import quotas
from kowloon.store.identity import OidcProvider
from tests.helpers import refused
from tests.services.parts import Customer, other_account
from tests.services.ram.parts import put

NAMED = (
    "GetOIDCProvider",
    "UpdateOIDCProvider",
    "DeleteOIDCProvider",
    "AddClientIdToOIDCProvider",
    "RemoveClientIdFromOIDCProvider",
    "AddFingerprintToOIDCProvider",
    "RemoveFingerprintFromOIDCProvider",
)


def _create(customer: Customer, name: str, **fields: Any) -> Any:
    request = {"oidcprovider_name": name, "issuer_url": f"https://{name}.example.com", **fields}
    return customer.call("ims", "CreateOIDCProvider", **request).oidcprovider


def _call(customer: Customer, action: str, name: str, **fields: Any) -> Any:
    more = {"client_id": "c"} if "ClientId" in action else {"fingerprint": "f"} if "Fingerprint" in action else {}
    return customer.call("ims", action, oidcprovider_name=name, **{**more, **fields})


def test_a_provider_lives_from_creation_to_deletion(alone: Customer) -> None:
    made = _create(alone, "okta", client_ids="one,two", fingerprints="AB12", description="text")
    assert made.arn == f"acs:ram::{alone.cloud.account_id}:oidc-provider/okta"
    assert (made.oidcprovider_name, made.issuer_url) == ("okta", "https://okta.example.com")
    assert (made.client_ids, made.fingerprints, made.description) == ("one,two", "AB12", "text")
    assert made.issuance_limit_time == 12
    assert made.create_date == made.update_date
    assert made.gmt_create.isdigit()
    _call(alone, "AddClientIdToOIDCProvider", "okta", client_id="three")
    _call(alone, "AddClientIdToOIDCProvider", "okta", client_id="three")
    assert (
        _call(alone, "RemoveClientIdFromOIDCProvider", "okta", client_id="one").oidcprovider.client_ids == "two,three"
    )
    _call(alone, "AddFingerprintToOIDCProvider", "okta", fingerprint="CD34")
    _call(alone, "AddFingerprintToOIDCProvider", "okta", fingerprint="CD34")
    left = _call(alone, "RemoveFingerprintFromOIDCProvider", "okta", fingerprint="AB12").oidcprovider
    assert left.fingerprints == "CD34"
    changes = {"client_ids": "four", "new_description": "", "issuance_limit_time": 168}
    _call(alone, "UpdateOIDCProvider", "okta", **changes)
    found = _call(alone, "GetOIDCProvider", "okta").oidcprovider
    assert (found.client_ids, found.description, found.issuance_limit_time) == ("four", "", 168)
    assert found.fingerprints == "CD34"
    _call(alone, "DeleteOIDCProvider", "okta")
    for action in NAMED:
        refused(
            lambda action=action: _call(alone, action, "okta"),
            "EntityNotExist.OIDCProvider",
            "The OIDC provider does not exist: okta.",
            404,
        )


def test_pages_of_providers(alone: Customer) -> None:
    for number in range(3):
        _create(alone, f"p{number}")
    first = alone.call("ims", "ListOIDCProviders", max_items=2)
    assert first.is_truncated is True
    second = alone.call("ims", "ListOIDCProviders", max_items=2, marker=first.marker)
    assert second.is_truncated is False
    rows = first.oidcproviders.oidcprovider + second.oidcproviders.oidcprovider
    assert [row.oidcprovider_name for row in rows] == ["p0", "p1", "p2"]
    for most in (0, 101):
        refused(
            lambda most=most: alone.call("ims", "ListOIDCProviders", max_items=most), "InvalidParameter", "MaxItems"
        )


def test_what_is_there_already(customer: Customer) -> None:
    _create(customer, "twice")
    refused(
        lambda: _create(customer, "twice", issuer_url="https://other.example.com"),
        "EntityAlreadyExists.OIDCProvider",
        "The OIDC provider does already EXIST: twice.",
        409,
    )
    refused(
        lambda: _create(customer, "thrice", issuer_url="https://twice.example.com"),
        "EntityAlreadyExists.OIDCProvider.Url",
        "An OIDC provider with this issuer does already EXIST: https://twice.example.com.",
        409,
    )


def test_what_is_not_there(customer: Customer) -> None:
    _create(customer, "bare")
    refused(
        lambda: _call(customer, "RemoveClientIdFromOIDCProvider", "bare"),
        "EntityNotExist.OIDCProvider.ClientId",
        "The client id of the OIDC provider does not exist: c.",
        404,
    )
    refused(
        lambda: _call(customer, "RemoveFingerprintFromOIDCProvider", "bare"),
        "EntityNotExist.OIDCProvider.Fingerprint",
        "The fingerprint of the OIDC provider does not exist: f.",
        404,
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"oidcprovider_name": "-x"}, "InvalidParameter.OIDCProviderName.InvalidChars"),
        ({"oidcprovider_name": "x."}, "InvalidParameter.OIDCProviderName.InvalidChars"),
        ({"oidcprovider_name": "x" * 129}, "InvalidParameter.OIDCProviderName.Length"),
        ({"oidcprovider_name": None}, "MissingOIDCProviderName"),
        ({"issuer_url": None}, "MissingIssuerUrl"),
        ({"issuer_url": "okta"}, "InvalidParameter.IssuerUrl.Format"),
        ({"issuer_url": "http://example.com"}, "InvalidParameter.IssuerUrl.Format"),
        ({"issuer_url": "ftp://127.0.0.1"}, "InvalidParameter.IssuerUrl.Format"),
        ({"issuer_url": "https://example.com?a=b"}, "InvalidParameter.IssuerUrl.Format"),
        ({"issuer_url": "https://example.com#a"}, "InvalidParameter.IssuerUrl.Format"),
        ({"issuer_url": "https://user@example.com"}, "InvalidParameter.IssuerUrl.Format"),
        ({"issuer_url": "https://example.com:port"}, "InvalidParameter.IssuerUrl.Format"),
        ({"issuer_url": "https://example.com/" + "x" * 255}, "InvalidParameter.IssuerUrl.Length"),
        ({"client_ids": ".x"}, "InvalidParameter.ClientIds.InvalidChars"),
        ({"client_ids": "x" * 129}, "InvalidParameter.ClientIds.Length"),
        ({"client_ids": ",".join(map(str, range(51)))}, "LimitExceeded.OIDCProvider.ClientId"),
        ({"fingerprints": "a b"}, "InvalidParameter.Fingerprints.InvalidChars"),
        ({"fingerprints": "a,b,c,d,e,f"}, "LimitExceeded.OIDCProvider.Fingerprint"),
        ({"description": "x" * 257}, "InvalidParameter.Description.Length"),
        ({"issuance_limit_time": 0}, "InvalidParameter.IssuanceLimitTime.Range"),
        ({"issuance_limit_time": 169}, "InvalidParameter.IssuanceLimitTime.Range"),
    ],
)
def test_providers_that_cannot_be(customer: Customer, fields: dict[str, Any], code: str) -> None:
    refused(lambda: _create(customer, "impossible", **fields), code)


@pytest.mark.parametrize(
    ("action", "fields", "code"),
    [
        ("UpdateOIDCProvider", {"client_ids": ".x"}, "InvalidParameter.ClientIds.InvalidChars"),
        ("UpdateOIDCProvider", {"new_description": "x" * 257}, "InvalidParameter.NewDescription.Length"),
        ("UpdateOIDCProvider", {"issuance_limit_time": 169}, "InvalidParameter.IssuanceLimitTime.Range"),
        ("AddClientIdToOIDCProvider", {"client_id": "/x"}, "InvalidParameter.ClientId.InvalidChars"),
        ("AddClientIdToOIDCProvider", {"client_id": "a51"}, "LimitExceeded.OIDCProvider.ClientId"),
        ("AddFingerprintToOIDCProvider", {"fingerprint": "a:b"}, "InvalidParameter.Fingerprint.InvalidChars"),
        ("AddFingerprintToOIDCProvider", {"fingerprint": "a6"}, "LimitExceeded.OIDCProvider.Fingerprint"),
    ],
)
def test_changes_that_cannot_be(alone: Customer, action: str, fields: dict[str, Any], code: str) -> None:
    _create(alone, "full", client_ids=",".join(f"a{n}" for n in range(50)), fingerprints="a1,a2,a3,a4,a5")
    refused(lambda: _call(alone, action, "full", **fields), code)


def test_an_account_has_a_hundred(alone: Customer) -> None:
    account = alone.cloud.account_id
    providers = [
        OidcProvider(id=f"{account}:p{n}", account=account, name=f"p{n}", issuer=str(n), client_ids=(), fingerprints=())
        for n in range(quotas.OIDC_PROVIDERS)
    ]
    put(alone, *providers)
    message = "The count of OIDC providers beyond the current limits."
    refused(lambda: _create(alone, "more"), "LimitExceeded.OIDCProvider", message, 409)


def test_an_issuer_on_this_machine_may_do_without_tls(customer: Customer) -> None:
    for number, host in enumerate(("127.0.0.1:1234", "localhost", "[::1]:99")):
        assert _create(customer, f"local{number}", issuer_url=f"http://{host}/x").issuer_url == f"http://{host}/x"


def test_accounts_have_their_own(alone: Customer) -> None:
    _create(alone, "mine")
    stranger = other_account(alone.cloud)
    assert stranger.call("ims", "ListOIDCProviders").oidcproviders.oidcprovider == []
    for action in NAMED:
        refused(
            lambda action=action: _call(stranger, action, "mine"),
            "EntityNotExist.OIDCProvider",
            "The OIDC provider does not exist: mine.",
        )
    _create(stranger, "mine")
