"""What is named like a secret is never shown."""

from __future__ import annotations

import pytest

from kowloon.core.masking import MASK, is_secret, masked


@pytest.mark.parametrize(
    "name",
    [
        "Password",
        "AccountPassword",
        "AccessKeySecret",
        "SecurityToken",
        "x-oss-security-token",
        "OIDCToken",
        "SAMLAssertion",
        "UserData",
        "File",
        "SupposedFile",
        "Base32StringSeed",
        "AuthenticationCode1",
        "superuser_password",
        "Nested.1.Secret",
    ],
)
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["NextToken", "ClientToken", "SignatureMethod", "UserName", "Tag.1.Value", "AccessKeyId"]
)
def test_what_only_sounds_like_one_is_shown(name: str) -> None:
    assert not is_secret(name)


def test_they_are_masked_however_deep_they_are_and_nothing_else() -> None:
    given = {
        "UserName": "alice",
        "Password": "p",
        "Empty": {"Password": ""},
        "Keys": [{"AccessKeySecret": "s", "AccessKeyId": "id"}],
        "hashes": ["h1", "h2"],
        "PasswordResetRequired": True,
        "secret_count": 3,
        "PasswordPolicy": {"MinimumPasswordLength": 8},
    }
    assert masked(given) == {
        "UserName": "alice",
        "Password": MASK,
        "Empty": {"Password": ""},
        "Keys": [{"AccessKeySecret": MASK, "AccessKeyId": "id"}],
        "hashes": MASK,
        "PasswordResetRequired": True,
        "secret_count": 3,
        "PasswordPolicy": {"MinimumPasswordLength": 8},
    }
