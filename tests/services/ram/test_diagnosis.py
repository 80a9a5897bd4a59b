"""The message of a denial: what it says, and who can open it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.helpers import refused
from tests.services.parts import Customer, other_account
from tests.services.ram.rights import Rights, document, statement

INVALID = ("InvalidParameter.EncodedDiagnosticMessage", 'The parameter - "EncodedDiagnosticMessage" is incorrect.', 400)


@pytest.fixture
def rights(customer: Customer) -> Rights:
    return Rights(customer)


def message_of(caller: Customer, product: str = "ecs", action: str = "DescribeInstances") -> str:
    error = refused(lambda: caller.call(product, action), "Forbidden.RAM", "User not authorized to operate on the")
    return str(error.accessDeniedDetail["EncodedDiagnosticMessage"])


def opened(by: Customer, message: str) -> Any:
    answer = by.call("ram", "DecodeDiagnosticMessage", encoded_diagnostic_message=message)
    return answer.decoded_diagnostic_message.to_map()


def test_an_explicit_denial_names_the_policy_and_the_values(rights: Rights) -> None:
    user = rights.user(system=("AliyunECSFullAccess",))
    condition = {"IpAddress": {"acs:SourceIp": ["127.0.0.0/8", "::1"]}}
    policy = rights.policy(statement("Allow", "vpc:*"), statement("Deny", "ecs:Describe*", **condition))
    user.attach(policy)
    found = opened(rights.admin, message_of(user))
    values = found.pop("AuthConditions")
    assert [value["ConditionKey"] for value in values] == ["acs:SourceIp"]
    assert values[0]["ConditionValues"][0] in ("127.0.0.1", "::1")
    assert found == {
        "ExplicitDeny": True,
        "NoPermissionPolicyType": "AccountLevelIdentityBasedPolicy",
        "AuthAction": "ecs:DescribeInstances",
        "AuthResource": f"acs:ecs:cn-hongkong:{user.cloud.account_id}:instance/*",
        "AuthPrincipal": {
            "AuthPrincipalType": "SubUser",
            "AuthPrincipalOwnerId": user.cloud.account_id,
            "AuthPrincipalDisplayName": user.id,
        },
        "MatchedPolicies": [
            {
                "Effect": "Deny",
                "PolicyIdentifier": policy,
                "PolicyType": "Custom",
                "PolicyVersion": "v1",
                "AttachedEntityType": "RamUser",
                "AttachedScope": "Account",
            }
        ],
    }


def test_groups_roles_and_sessions_are_told_apart(rights: Rights) -> None:
    user = rights.user()
    user.join(rights.group(statement("Deny", "ecs:*")))
    assert opened(rights.admin, message_of(user))["MatchedPolicies"][0]["AttachedEntityType"] == "RamGroup"
    role = rights.role(statement("Deny", "ecs:*"))
    assert (
        opened(rights.admin, message_of(rights.session(role)))["MatchedPolicies"][0]["AttachedEntityType"] == "RamRole"
    )
    narrow = rights.session(rights.role(statement("Allow", "*")), document(statement("Allow", "vpc:*")))
    found = opened(rights.admin, message_of(narrow))
    assert (found["ExplicitDeny"], found["NoPermissionPolicyType"]) == (False, "SessionPolicy")
    assert found.get("MatchedPolicies") == []


def test_the_action_has_a_right_of_its_own(rights: Rights) -> None:
    user = rights.user()
    message = message_of(user)
    refused(lambda: opened(user, message), "NoPermission", "You are not authorized to do this action. You", status=403)
    user.attach(rights.policy(statement("Allow", "ram:DecodeDiagnosticMessage")))
    assert opened(user, message)["AuthAction"] == "ecs:DescribeInstances"


def test_a_message_is_for_its_own_account(alone: Customer) -> None:
    message = message_of(Rights(alone).user())
    stranger = other_account(alone.cloud)
    refused(lambda: opened(stranger, message), *INVALID)


def test_a_denial_keeps_nothing(alone: Customer) -> None:
    user = Rights(alone).user()
    kinds = alone.cloud.cloud.store.kinds()
    message_of(user)
    assert alone.cloud.cloud.store.kinds() == kinds


@pytest.mark.parametrize("change", ["cut", "flipped", "longer", "empty", "plain"])
def test_a_message_that_was_changed_is_refused(rights: Rights, change: str) -> None:
    message = message_of(rights.user())
    raw = bytearray(base64.b64decode(message))
    raw[20] ^= 1
    changed = {
        "cut": message[:-4],
        "flipped": base64.b64encode(bytes(raw)).decode(),
        "longer": message + "AAAA",
        "empty": " ",
        "plain": base64.b64encode(b'\x01{"ExplicitDeny":true}').decode(),
    }
    refused(lambda: opened(rights.admin, changed[change]), *INVALID)


def test_a_message_tells_nothing_to_those_who_cannot_open_it(rights: Rights) -> None:
    raw = base64.b64decode(message_of(rights.user()))
    assert b"ecs" not in raw
    assert rights.admin.cloud.account_id.encode() not in raw
