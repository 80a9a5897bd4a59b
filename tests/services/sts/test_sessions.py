"""Who am I, and keys for a while."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kowloon.store.identity import StoredKey
from tests.helpers import refused
from tests.services.parts import Customer


def _arn(customer: Customer, name: str) -> str:
    return f"acs:ram::{customer.cloud.account_id}:role/{name.lower()}"


def _assume(customer: Customer, name: str, **fields: Any) -> Any:
    request = {"role_arn": _arn(customer, name), "role_session_name": "tester", **fields}
    return customer.call("sts", "AssumeRole", **request)


def test_everyone_may_ask_who_they_are(alone: Customer) -> None:
    me = alone.sts.get_caller_identity().body
    assert me.account_id == alone.cloud.account_id
    assert (me.identity_type, me.arn) == ("RAMUser", f"acs:ram::{me.account_id}:user/admin")
    role = alone.role("Nobody")
    them = role.sts.get_caller_identity().body
    assert (them.identity_type, them.arn) == (
        "AssumedRoleUser",
        f"acs:ram::{me.account_id}:assumed-role/nobody/tester",
    )
    assert them.role_id
    assert them.principal_id == f"{them.role_id}:tester"


def test_keys_of_a_role_last_as_long_as_asked(alone: Customer) -> None:
    alone.role("Worker", "AliyunECSReadOnlyAccess")
    keys = _assume(alone, "Worker", duration_seconds=900).credentials
    assert keys.access_key_id.startswith("STS.")
    ends = datetime.strptime(keys.expiration, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    left_s = (ends - datetime.now(UTC)).total_seconds()
    assert 880 < left_s <= 901


def test_temporary_keys_need_their_token(alone: Customer) -> None:
    keys = alone.role("Worker", "AliyunECSReadOnlyAccess").config
    bare = {name: keys[name] for name in ("access_key_id", "access_key_secret")}
    refused(
        lambda: Customer(alone.cloud, **bare).call("ecs", "DescribeInstances"), "MissingSecurityToken", "SecurityToken"
    )
    wrong = Customer(alone.cloud, **{**keys, "security_token": "CAISwrong"})
    refused(
        lambda: wrong.call("ecs", "DescribeInstances"),
        "InvalidSecurityToken.MismatchWithAccessKey",
        "Specified SecurityToken mismatch with the AccessKey.",
    )
    _expire(alone, keys["access_key_id"])
    worker = Customer(alone.cloud, **keys)
    refused(
        lambda: worker.call("ecs", "DescribeInstances"),
        "InvalidSecurityToken.Expired",
        "Specified SecurityToken is expired.",
        400,
    )


def _expire(customer: Customer, key_id: str) -> None:
    """The life of a key is of the wall's time, so a skip of cloud time does not end it."""
    store = customer.cloud.cloud.store

    async def body() -> None:
        def change(tx: Any) -> None:
            key = tx.get(StoredKey, key_id)
            fields = {name: getattr(key, name) for name in key.__struct_fields__}
            tx.put(StoredKey(**{**fields, "expires_at": 1.0}))

        await store.run(change)

    customer.cloud.run(body())


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"role_arn": "nonsense"}, "InvalidParameter.RoleArn"),
        ({"role_session_name": "a b"}, "InvalidParameter.RoleSessionName"),
        ({"duration_seconds": 60}, "InvalidParameter.DurationSeconds"),
        ({"duration_seconds": 7200}, "InvalidParameter.DurationSeconds"),
        ({"role_arn": "acs:ram::1234567890123456:role/none"}, "EntityNotExist.Role"),
    ],
)
def test_sessions_that_cannot_be(alone: Customer, fields: dict[str, Any], code: str) -> None:
    alone.role("Worker")
    refused(lambda: _assume(alone, "Worker", **fields), code)


def test_a_role_that_does_not_trust_is_not_assumed(alone: Customer) -> None:
    trust = {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1111222233334444:root"]}}
        ],
    }
    alone.call("ram", "CreateRole", role_name="Foreign", assume_role_policy_document=json.dumps(trust))
    refused(lambda: _assume(alone, "Foreign"), "NoPermission", "You are not authorized to do this action.", status=403)
