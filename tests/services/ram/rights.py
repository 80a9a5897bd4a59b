"""Users with exactly the rights that a test gives them."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.services.parts import Customer

_numbers = itertools.count(1)


def statement(effect: str, action: Any, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    """`condition`: operators, such as `IpAddress={"acs:SourceIp": "10.0.0.0/8"}`."""
    made = {"Effect": effect, "Action": action, "Resource": resource}
    return {**made, "Condition": condition} if condition else made


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


class Rights:
    """What an administrator does about rights. Names are new each time."""

    def __init__(self, admin: Customer) -> None:
        self.admin = admin

    def policy(self, *statements: dict[str, Any]) -> str:
        name = f"policy-{next(_numbers)}"
        self.admin.call("ram", "CreatePolicy", policy_name=name, policy_document=document(*statements))
        return name

    def user(self, *statements: dict[str, Any], system: tuple[str, ...] = ()) -> User:
        user = User(self, f"user-{next(_numbers)}")
        if statements:
            user.attach(self.policy(*statements))
        for name in system:
            user.attach(name, "System")
        return user

    def group(self, *statements: dict[str, Any]) -> str:
        name = f"group-{next(_numbers)}"
        self.admin.call("ram", "CreateGroup", group_name=name)
        policy = {"policy_type": "Custom", "policy_name": self.policy(*statements)}
        self.admin.call("ram", "AttachPolicyToGroup", group_name=name, **policy)
        return name

    def role(self, *statements: dict[str, Any]) -> str:
        """Which the whole account may take."""
        name = f"role-{next(_numbers)}"
        root = {"RAM": [f"acs:ram::{self.admin.cloud.account_id}:root"]}
        trust = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root}]}
        self.admin.call("ram", "CreateRole", role_name=name, assume_role_policy_document=json.dumps(trust))
        policy = {"policy_type": "Custom", "policy_name": self.policy(*statements)}
        self.admin.call("ram", "AttachPolicyToRole", role_name=name, **policy)
        return name

    def session(self, role: str, policy: str | None = None) -> Customer:
        arn = f"acs:ram::{self.admin.cloud.account_id}:role/{role}"
        fields = {"role_arn": arn, "role_session_name": "tester", **({"policy": policy} if policy else {})}
        keys = self.admin.call("sts", "AssumeRole", **fields).credentials
        return Customer(
            self.admin.cloud,
            access_key_id=keys.access_key_id,
            access_key_secret=keys.access_key_secret,
            security_token=keys.security_token,
        )


class User(Customer):
    """A user of the account; its clients are its own."""

    def __init__(self, rights: Rights, name: str) -> None:
        self.rights, self.name = rights, name
        admin = rights.admin
        self.id = admin.call("ram", "CreateUser", user_name=name).user.user_id
        key = admin.call("ram", "CreateAccessKey", user_name=name).access_key
        super().__init__(admin.cloud, access_key_id=key.access_key_id, access_key_secret=key.access_key_secret)
        self.arn = f"acs:ram::{admin.cloud.account_id}:user/{name}"

    def attach(self, policy: str, kind: str = "Custom") -> None:
        fields = {"policy_type": kind, "policy_name": policy}
        self.rights.admin.call("ram", "AttachPolicyToUser", user_name=self.name, **fields)

    def detach(self, policy: str, kind: str = "Custom") -> None:
        fields = {"policy_type": kind, "policy_name": policy}
        self.rights.admin.call("ram", "DetachPolicyFromUser", user_name=self.name, **fields)

    def join(self, group: str) -> None:
        self.rights.admin.call("ram", "AddUserToGroup", user_name=self.name, group_name=group)
