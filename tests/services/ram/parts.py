"""People of an account."""

from __future__ import annotations

import json
from typing import Any

from tests.services.parts import Customer

PASSWORD = "Correct-Horse-7"
TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1:root"]}}],
    }
)


def document(action: str = "ecs:Describe*", effect: str = "Allow", resource: str = "*") -> str:
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return json.dumps({"Version": "1", "Statement": [statement]})


def person(customer: Customer, name: str, *policies: str) -> Customer:
    """A new user of the account who carries system policies, with keys."""
    customer.call("ram", "CreateUser", user_name=name)
    for policy in policies:
        customer.call("ram", "AttachPolicyToUser", user_name=name, policy_type="System", policy_name=policy)
    return with_key(customer, name)


def with_key(customer: Customer, name: str) -> Customer:
    key = customer.call("ram", "CreateAccessKey", user_name=name).access_key
    return Customer(customer.cloud, access_key_id=key.access_key_id, access_key_secret=key.access_key_secret)


def grant(customer: Customer, user: str, policy: str, text: str) -> None:
    """A custom policy of that text, attached to a user."""
    customer.call("ram", "CreatePolicy", policy_name=policy, policy_document=text)
    customer.call("ram", "AttachPolicyToUser", user_name=user, policy_type="Custom", policy_name=policy)


def login_name(customer: Customer, name: str) -> str:
    return f"{name}@{customer.call('ims', 'GetDefaultDomain').default_domain_name}"


def put(customer: Customer, *items: Any) -> None:
    """Into the store, for tests of limits."""
    store = customer.cloud.cloud.store

    async def body() -> None:
        def write(tx: Any) -> None:
            for item in items:
                tx.put(item)

        await store.run(write)

    customer.cloud.run(body())
