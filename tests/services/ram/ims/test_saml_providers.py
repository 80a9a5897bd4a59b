"""SAML providers as they are declared. What their assertions are worth: tests of STS."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kowloon.services.ram import quotas
from kowloon.store.identity import SamlProvider
from tests.helpers import refused
from tests.services.parts import Customer, other_account
from tests.services.ram.parts import put
from tests.services.sts.issuers import SamlIssuer, encoded

NAMED = ("GetSAMLProvider", "UpdateSAMLProvider", "DeleteSAMLProvider")


def _create(customer: Customer, name: str, **fields: Any) -> Any:
    request = {"samlprovider_name": name, "encoded_samlmetadata_document": SamlIssuer().metadata, **fields}
    return customer.call("ims", "CreateSAMLProvider", **request).samlprovider


def test_a_provider_lives_from_creation_to_deletion(alone: Customer) -> None:
    idp, renewed = SamlIssuer(), SamlIssuer(key="renewed")
    made = _create(alone, "adfs", encoded_samlmetadata_document=idp.metadata, description="text")
    assert made.arn == f"acs:ram::{alone.cloud.account_id}:saml-provider/adfs"
    assert (made.samlprovider_name, made.description, made.authn_sign_algo) == ("adfs", "text", "rsa-sha1")
    found = alone.call("ims", "GetSAMLProvider", samlprovider_name="adfs").samlprovider
    assert found.encoded_samlmetadata_document == idp.metadata
    changes = {
        "new_encoded_samlmetadata_document": renewed.metadata,
        "new_description": "new",
        "authn_sign_algo": "rsa-sha256",
    }
    changed = alone.call("ims", "UpdateSAMLProvider", samlprovider_name="adfs", **changes).samlprovider
    assert (changed.description, changed.authn_sign_algo) == ("new", "rsa-sha256")
    found = alone.call("ims", "GetSAMLProvider", samlprovider_name="adfs").samlprovider
    assert found.encoded_samlmetadata_document == renewed.metadata
    alone.call("ims", "DeleteSAMLProvider", samlprovider_name="adfs")
    for action in NAMED:
        refused(
            lambda action=action: alone.call("ims", action, samlprovider_name="adfs"),
            "EntityNotExist.SAMLProviderError",
            "The SAML provider does not exist: adfs.",
            404,
        )


def test_pages_of_providers(alone: Customer) -> None:
    for number in range(3):
        _create(alone, f"p{number}")
    first = alone.call("ims", "ListSAMLProviders", max_items=2)
    assert first.is_truncated is True
    second = alone.call("ims", "ListSAMLProviders", max_items=2, marker=first.marker)
    assert second.is_truncated is False
    rows = first.samlproviders.samlprovider + second.samlproviders.samlprovider
    assert [row.samlprovider_name for row in rows] == ["p0", "p1", "p2"]
    refused(lambda: alone.call("ims", "ListSAMLProviders", max_items=101), "InvalidParameter", "MaxItems")


def _document(text: str) -> str:
    """The metadata with one thing replaced: `old>new`."""
    old, new = text.split(">>")
    return encoded(base64.b64decode(SamlIssuer().metadata).decode().replace(old, new).encode())


DOCUMENT = "InvalidParameter.EncodedSAMLMetadataDocument"


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"samlprovider_name": "-x"}, "InvalidParameter.SAMLProviderName.InvalidChars", "contains invalid chars."),
        ({"samlprovider_name": "x" * 129}, "InvalidParameter.SAMLProviderName.Length", "beyond the length limit."),
        ({"samlprovider_name": None}, "MissingSAMLProviderName", "mandatory"),
        ({"description": "x" * 257}, "InvalidParameter.Description.Length", "beyond the length limit."),
        ({"authn_sign_algo": "md5"}, "InvalidParameter.AuthnSignAlgo", "is incorrect."),
        ({"encoded_samlmetadata_document": None}, "MissingEncodedSAMLMetadataDocument", "mandatory"),
        ({"encoded_samlmetadata_document": "!"}, f"{DOCUMENT}.Format", "is incorrect."),
        ({"encoded_samlmetadata_document": encoded(b"text")}, DOCUMENT, "it is not XML."),
        (
            {"encoded_samlmetadata_document": encoded(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')},
            DOCUMENT,
            "it must not have a document type.",
        ),
        (
            {"encoded_samlmetadata_document": encoded(b"<a/>")},
            DOCUMENT,
            "it describes no identity provider of SAML 2.0.",
        ),
        ({"encoded_samlmetadata_document": _document("IDPSSO>>SPSSO")}, DOCUMENT, "no identity provider"),
        ({"encoded_samlmetadata_document": _document("SAML:2.0:protocol>>SAML:1.1:protocol")}, DOCUMENT, "SAML 2.0"),
        ({"encoded_samlmetadata_document": _document('use="signing">>use="encryption"')}, DOCUMENT, "no certificate"),
        ({"encoded_samlmetadata_document": _document("X509Certificate>M>>X509Certificate>N")}, DOCUMENT, "is none."),
    ],
)
def test_providers_that_cannot_be(customer: Customer, fields: dict[str, Any], code: str, message: str) -> None:
    refused(lambda: _create(customer, "impossible", **fields), code, message)


def test_metadata_is_not_endless(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.services.ram.ims.saml_providers._METADATA_CHARACTERS", 1000)
    message = 'The parameter - "EncodedSAMLMetadataDocument" beyond the length limit.'
    refused(lambda: _create(customer, "long"), f"{DOCUMENT}.Length", message, 400)


def test_changes_that_cannot_be(customer: Customer) -> None:
    _create(customer, "changing")

    def change(**fields: Any) -> Any:
        return customer.call("ims", "UpdateSAMLProvider", samlprovider_name="changing", **fields)

    refused(change, "MissingParameter", "NewEncodedSAMLMetadataDocument", 400)
    document = "InvalidParameter.NewEncodedSAMLMetadataDocument"
    refused(lambda: change(new_encoded_samlmetadata_document="!"), f"{document}.Format", "The format of the parameter")
    refused(
        lambda: change(new_encoded_samlmetadata_document=encoded(b"<a/>")),
        document,
        'The parameter - "NewEncodedSAMLMetadataDocument" is incorrect: it',
    )
    refused(
        lambda: change(new_description="x" * 257),
        "InvalidParameter.NewDescription.Length",
        'The parameter - "NewDescription" beyond the length limit.',
    )
    refused(lambda: change(authn_sign_algo="md5"), "InvalidParameter.AuthnSignAlgo", 'The parameter - "AuthnSignAlgo"')


def test_names_are_taken_once_and_so_many(alone: Customer) -> None:
    _create(alone, "twice")
    message = "The SAML provider does already EXIST: twice."
    refused(lambda: _create(alone, "twice"), "EntityAlreadyExists.SAMLProvider", message, 409)
    account = alone.cloud.account_id
    providers = [
        SamlProvider(id=f"{account}:p{n}", account=account, name=f"p{n}", metadata="", entity_id="x", certificates=())
        for n in range(quotas.SAML_PROVIDERS - 1)
    ]
    put(alone, *providers)
    message = "The count of SAML providers beyond the current limits."
    refused(lambda: _create(alone, "more"), "LimitExceeded.SAMLProvider", message, 409)


def test_accounts_have_their_own(alone: Customer) -> None:
    _create(alone, "mine")
    stranger = other_account(alone.cloud)
    assert stranger.call("ims", "ListSAMLProviders").samlproviders.samlprovider == []
    for action in NAMED:
        refused(
            lambda action=action: stranger.call("ims", action, samlprovider_name="mine"),
            "EntityNotExist.SAMLProviderError",
            "The SAML provider does not exist: mine.",
        )
    _create(stranger, "mine")
