"""Service-linked roles: what the role of a service is called, who takes it and what it may do. RAM makes them when
asked, and products when they need theirs."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources

import msgspec

from kowloon.core.ids import Ids
from kowloon.store.identity import PolicyAttachment, Role, attachment_id
from kowloon.store.store import Transaction


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """`policy` is a system policy."""

    service: str
    role: str
    policy: str
    description: str


@functools.cache
def templates() -> Mapping[str, Template]:
    """By the service's name (`actiontrail.aliyuncs.com`)."""
    raw = resources.files("kowloon.data").joinpath("service_linked_roles.json").read_bytes()
    return {template.service: template for template in msgspec.json.decode(raw, type=list[Template])}


def role_id(account: str, template: Template) -> str:
    return f"{account}:{template.role.lower()}"


def new_role(ids: Ids, template: Template, account: str, now: float) -> Role:
    """One that is not kept yet, and carries nothing."""
    trust = {
        "Statement": [
            {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": [template.service]}},
        ],
        "Version": "1",
    }
    return Role(
        id=role_id(account, template),
        account=account,
        created_at=now,
        updated_at=now,
        name=template.role,
        role_id="3" + ids.digits(17),
        description=template.description,
        trust=msgspec.json.encode(trust).decode(),
        service=template.service,
    )


def ensured(tx: Transaction, ids: Ids, service: str, account: str, now: float) -> Role:
    """The role by which a service works in that account, made with its policy when it is not there."""
    template = templates()[service]
    role = tx.get(Role, role_id(account, template))
    if role is None:
        role = new_role(ids, template, account, now)
        entity = f"role/{role.name.lower()}"
        tx.put(role)
        tx.put(
            PolicyAttachment(
                id=attachment_id(account, entity, "System", template.policy),
                account=account,
                created_at=now,
                entity=entity,
                policy_type="System",
                policy_name=template.policy,
            )
        )
    return role
