"""Console passwords: the policy, the history, the user's own change, and what is stored."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kowloon.services.ram.logic import passwords
from kowloon.store.identity import LoginProfile
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import PASSWORD, login_name, person


def test_a_login_profile_lives_from_creation_to_deletion(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="login")
    which = {"user_name": "login"}
    for action, more in (("GetLoginProfile", {}), ("UpdateLoginProfile", {}), ("DeleteLoginProfile", {})):
        refused(
            lambda action=action, more=more: customer.call("ram", action, **which, **more),
            "EntityNotExist.User.LoginProfile",
            "The user login profile does not exist: login.",
            404,
        )
    made = customer.call(
        "ram", "CreateLoginProfile", password=PASSWORD, password_reset_required=True, **which
    ).login_profile
    assert (made.user_name, made.password_reset_required, made.mfabind_required) == ("login", True, False)
    refused(
        lambda: customer.call("ram", "CreateLoginProfile", password=PASSWORD, **which),
        "EntityAlreadyExists.User.LoginProfile",
        "The user login profile does already EXIST: login.",
        409,
    )
    customer.call("ram", "UpdateLoginProfile", password_reset_required=False, mfabind_required=True, **which)
    shown = customer.call("ram", "GetLoginProfile", **which).login_profile
    assert (shown.password_reset_required, shown.mfabind_required, shown.create_date) == (False, True, made.create_date)
    customer.call("ram", "DeleteLoginProfile", **which)
    refused(
        lambda: customer.call("ram", "GetLoginProfile", **which),
        "EntityNotExist.User.LoginProfile",
        "The user login profile does not exist: login.",
    )
    for action in ("CreateLoginProfile", "GetLoginProfile", "UpdateLoginProfile", "DeleteLoginProfile"):
        more = {"password": PASSWORD} if action == "CreateLoginProfile" else {}
        refused(
            lambda action=action, more=more: customer.call("ram", action, user_name="nobody", **more),
            "EntityNotExist.User",
            "The user does not exist: nobody.",
        )


RULES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"minimum_password_length": 12}, "Short-7x", "It needs 12 characters.", "Long-enough-7"),
    ({"require_lowercase_characters": True}, "UPPER-777", "It needs a lowercase letter.", "UPPER-77x"),
    ({"require_uppercase_characters": True}, "lower-777", "It needs an uppercase letter.", "lower-77X"),
    ({"require_numbers": True}, "letters-only", "It needs a digit.", "letters-0nly"),
    ({"require_symbols": True}, "letters777", "It needs a symbol.", "letters-777"),
    ({"minimum_password_different_character": 5}, "abababab", "It needs 5 different characters.", "abcdefgh"),
    ({"password_not_contain_user_name": True}, "xxRULEDxx", "It must not contain the user name.", "xxFREExx"),
]


@pytest.mark.parametrize(("policy", "bad", "why", "good"), RULES)
def test_passwords_are_held_to_the_policy(
    alone: Customer, policy: dict[str, Any], bad: str, why: str, good: str
) -> None:
    alone.call("ims", "SetPasswordPolicy", **policy)
    alone.call("ram", "CreateUser", user_name="ruled")
    refused(
        lambda: alone.call("ram", "CreateLoginProfile", user_name="ruled", password=bad),
        "InvalidParameter.Password.TooWeak",
        f'The parameter - "Password" is not compliant with the password policy. {why}',
        400,
    )
    alone.call("ram", "CreateLoginProfile", user_name="ruled", password=good)
    refused(
        lambda: alone.call("ram", "UpdateLoginProfile", user_name="ruled", password=bad),
        "InvalidParameter.Password.TooWeak",
        'The parameter - "Password" is not compliant with the password policy. It',
    )


def test_eight_characters_are_the_least(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="brief")
    refused(
        lambda: customer.call("ram", "CreateLoginProfile", user_name="brief", password="Seven-7"),
        "InvalidParameter.Password.TooWeak",
        "It needs 8 characters.",
    )
    refused(
        lambda: customer.call("ram", "CreateLoginProfile", user_name="brief", password="x" * 129),
        "InvalidParameter.Password.TooWeak",
        "It may have 128 characters at most.",
    )


def test_the_policy_is_kept(alone: Customer) -> None:
    default = alone.call("ram", "GetPasswordPolicy").password_policy
    assert (default.minimum_password_length, default.max_password_age, default.hard_expiry) == (8, 0, False)
    changed = alone.call(
        "ram", "SetPasswordPolicy", max_password_age=90, hard_expiry=True, max_login_attemps=5, require_symbols=True
    ).password_policy
    assert (changed.max_password_age, changed.hard_expiry, changed.max_login_attemps) == (90, True, 5)
    # What is not said stays.
    again = alone.call("ram", "SetPasswordPolicy", minimum_password_length=10).password_policy
    assert (again.minimum_password_length, again.max_password_age, again.require_symbols) == (10, 90, True)
    same = alone.call("ims", "GetPasswordPolicy").password_policy
    assert (same.minimum_password_length, same.hard_expire, same.initial_password_age) == (10, True, 14)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"minimum_password_length": 7}, 'The parameter - "MinimumPasswordLength" MUST be in the range of 8 and 32.'),
        ({"minimum_password_length": 33}, '"MinimumPasswordLength" MUST be'),
        ({"max_password_age": 1096}, '"MaxPasswordAge" MUST be in the range of 0 and 1095.'),
        ({"password_reuse_prevention": 25}, '"PasswordReusePrevention" MUST be in the range of 0 and 24.'),
        ({"max_login_attemps": -1}, '"MaxLoginAttemps" MUST be in the range of 0 and 32.'),
    ],
)
def test_policies_of_passwords_that_cannot_be(customer: Customer, fields: dict[str, int], message: str) -> None:
    code = f"InvalidParameter.{message.split(chr(34))[1]}.Range"
    for product in ("ram", "ims"):
        refused(lambda product=product: customer.call(product, "SetPasswordPolicy", **fields), code, message, 400)


def test_old_passwords_do_not_come_back(alone: Customer) -> None:
    alone.call("ram", "SetPasswordPolicy", password_reuse_prevention=2)
    them = person(alone, "changing")
    passwords = [f"Password-number-{number}" for number in range(4)]
    alone.call("ram", "CreateLoginProfile", user_name="changing", password=passwords[0])

    def change(old: int, new: int) -> None:
        them.call("ram", "ChangePassword", old_password=passwords[old], new_password=passwords[new])

    change(0, 1)
    for used in (0, 1):
        refused(
            lambda used=used: change(1, used),
            "InvalidParameter.NewPassword.TooWeak",
            "It was one of the last 2.",
        )
    change(1, 2)
    change(2, 0)
    refused(
        lambda: alone.call("ram", "UpdateLoginProfile", user_name="changing", password=passwords[2]),
        "InvalidParameter.Password.TooWeak",
        'The parameter - "Password" is not compliant with the password policy.',
    )


def test_a_user_changes_the_password(customer: Customer) -> None:
    them = person(customer, "changer")
    customer.call("ram", "CreateLoginProfile", user_name="changer", password=PASSWORD, password_reset_required=True)
    refused(
        lambda: them.call("ram", "ChangePassword", old_password="Wrong-Horse-7", new_password="Next-Horse-8"),
        "InvalidParameter.OldPassword",
        "The old password is incorrect.",
        400,
    )
    which = {"user_principal_name": login_name(customer, "changer")}
    assert customer.call("ims", "GetLoginProfile", **which).login_profile.password_status == "InitialValid"
    them.call("ims", "ChangePassword", old_password=PASSWORD, new_password="Next-Horse-8")
    shown = customer.call("ims", "GetLoginProfile", **which).login_profile
    assert (shown.password_status, shown.password_reset_required) == ("NotInitial", False)
    them.call("ram", "ChangePassword", old_password="Next-Horse-8", new_password="Last-Horse-9")
    other = person(customer, "nopassword")
    refused(
        lambda: other.call("ram", "ChangePassword", old_password=PASSWORD, new_password="Next-Horse-8"),
        "EntityNotExist.User.LoginProfile",
        "The user login profile does not exist: nopassword.",
    )


def test_only_hashes_are_stored(alone: Customer) -> None:
    for name in ("one", "two"):
        alone.call("ram", "CreateUser", user_name=name)
        alone.call("ram", "CreateLoginProfile", user_name=name, password=PASSWORD)
    store = alone.cloud.cloud.store
    one, two = alone.cloud.call(lambda: store.list(LoginProfile))
    assert one.hashes != two.hashes
    assert PASSWORD not in repr((one, two))


def test_an_initial_password_ages(alone: Customer) -> None:
    alone.call("ram", "CreateUser", user_name="ageing")
    which = {"user_principal_name": login_name(alone, "ageing")}
    alone.call("ims", "CreateLoginProfile", password=PASSWORD, **which)
    alone.cloud.run(alone.cloud.cloud.clock.skip(15 * 24 * 3600))
    assert alone.call("ims", "GetLoginProfile", **which).login_profile.password_status == "InitialExpired"
    disabled = alone.call("ims", "UpdateLoginProfile", status="Inactive", **which).login_profile
    assert disabled.status == "Inactive"
    enabled = alone.call("ims", "UpdateLoginProfile", status="Active", **which).login_profile
    assert (enabled.status, enabled.password_status) == ("Active", "InitialValid")
    refused(
        lambda: alone.call("ims", "UpdateLoginProfile", status="Odd", **which),
        "InvalidParameter.Status",
        'The parameter - "Status" is incorrect.',
    )
    alone.call("ims", "DeleteLoginProfile", **which)
    refused(
        lambda: alone.call("ims", "DeleteLoginProfile", **which),
        "EntityNotExist.User.LoginProfile",
        "The user login profile does not exist: ageing.",
    )


def test_no_password_is_hashed_on_the_clouds_own_thread(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    original = passwords.hash_of

    def noting(password: str, salt: str) -> str:
        threads.append(threading.current_thread().name)
        return original(password, salt)

    monkeypatch.setattr(passwords, "hash_of", noting)
    them = person(customer, "hashed")
    customer.call("ram", "CreateLoginProfile", user_name="hashed", password=PASSWORD)
    customer.call("ram", "UpdateLoginProfile", user_name="hashed", password=f"{PASSWORD}1")
    name = login_name(customer, "hashed")
    customer.call("ims", "UpdateLoginProfile", user_principal_name=name, password=f"{PASSWORD}2")
    them.call("ram", "ChangePassword", old_password=f"{PASSWORD}2", new_password=f"{PASSWORD}3")
    them.call("ims", "ChangePassword", old_password=f"{PASSWORD}3", new_password=f"{PASSWORD}4")
    assert len(threads) == 7
    assert "kowloon" not in threads


def test_a_password_that_was_set_meanwhile_is_another_one() -> None:
    """The profile has got another salt between the hashing and the transaction."""
    hashes = passwords.Hashes("before", {PASSWORD: passwords.hash_of(PASSWORD, "before")})
    assert hashes.of(PASSWORD, "before") == hashes.made[PASSWORD]
    assert hashes.of(PASSWORD, "after") == passwords.hash_of(PASSWORD, "after") != hashes.made[PASSWORD]
