"""Accounts of their own, with a resource directory or without."""

from __future__ import annotations

import itertools
import json
from typing import Any

from kowloon.testing import people
from kowloon.testing.cloud import LocalCloud
from tests.services.parts import Customer

ACCESS_ROLE = "ResourceDirectoryAccountAccessRole"
_numbers = itertools.count(1)


class Owner(Customer):
    """The administrator of a new account."""

    def __init__(self, cloud: LocalCloud, name: str = "") -> None:
        caller = people.account(cloud, name or f"owner {next(_numbers)}")
        super().__init__(cloud, access_key_id=caller.access_key_id, access_key_secret=caller.access_key_secret)
        self.id = caller.account_id

    def manage(self, action: str, **fields: Any) -> Any:
        """A call of ResourceManager."""
        return self.call("resourcemanager", action, **fields)

    def group(self, name: str) -> str:
        """A new resource group."""
        return str(self.manage("CreateResourceGroup", name=name, display_name=name).resource_group.id)


class Organisation(Owner):
    """One with a resource directory."""

    def __init__(self, cloud: LocalCloud) -> None:
        super().__init__(cloud)
        self.directory = self.manage("InitResourceDirectory").resource_directory

    def folder(self, name: str, parent: str | None = None) -> str:
        return str(self.manage("CreateFolder", folder_name=name, parent_folder_id=parent).folder.folder_id)

    def member(self, name: str, folder: str | None = None) -> str:
        """A new account; the display name is `name`."""
        made = self.manage("CreateResourceAccount", display_name=name, parent_folder_id=folder)
        return str(made.account.account_id)

    def inside(self, account: str) -> Customer:
        """A member, as its access role."""
        arn = f"acs:ram::{account}:role/{ACCESS_ROLE.lower()}"
        keys = self.call("sts", "AssumeRole", role_arn=arn, role_session_name="manager").credentials
        return Customer(
            self.cloud,
            access_key_id=keys.access_key_id,
            access_key_secret=keys.access_key_secret,
            security_token=keys.security_token,
        )

    def control_policy(self, name: str, *statements: dict[str, Any]) -> str:
        text = json.dumps({"Version": "1", "Statement": list(statements)})
        made = self.manage("CreateControlPolicy", policy_name=name, policy_document=text, effect_scope="RAM")
        return str(made.control_policy.policy_id)
