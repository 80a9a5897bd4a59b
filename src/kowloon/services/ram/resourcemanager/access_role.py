"""The role by which a management account gets into the accounts that it created."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.store.identity import PolicyAttachment, Role, attachment_id

NAME: Final = "ResourceDirectoryAccountAccessRole"


def create(ctx: Context, account: str) -> None:
    """In a new account: whoever the caller's account lets may take the role, and may everything there."""
    trust = {
        "Statement": [
            {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {"RAM": [f"acs:ram::{ctx.account}:root"]},
            }
        ],
        "Version": "1",
    }
    role = Role(
        id=f"{account}:{NAME.lower()}",
        account=account,
        created_at=ctx.now,
        updated_at=ctx.now,
        name=NAME,
        role_id="3" + ctx.ids.digits(17),
        description="The management account of the resource directory manages this account with it.",
        trust=msgspec.json.encode(trust).decode(),
    )
    entity = f"role/{NAME.lower()}"
    attachment = PolicyAttachment(
        id=attachment_id(account, entity, "System", "AdministratorAccess"),
        account=account,
        created_at=ctx.now,
        entity=entity,
        policy_type="System",
        policy_name="AdministratorAccess",
    )
    ctx.tx.put(role)
    ctx.tx.put(attachment)
