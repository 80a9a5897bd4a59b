"""The resource group that a request tells a new resource, once for all products."""

from __future__ import annotations

from kowloon.actions.context import Context
from kowloon.core.errors import ErrorSpec
from kowloon.store.resource_groups import ResourceGroup
from kowloon.store.resources import default_group_id
from kowloon.store.store import Store, Transaction

GROUP_NOT_FOUND = ErrorSpec(
    "InvalidResourceGroup.NotFound", 404, "The ResourceGroup provided does not exist in our records."
)


def exists(reader: Store | Transaction, account: str, id: str) -> bool:
    group = reader.get(ResourceGroup, id)
    return id == default_group_id(account) or (group is not None and group.account == account)


def kept(account: str, id: str) -> str:
    """As resources keep it: empty for the default group."""
    return "" if id == default_group_id(account) else id


def chosen(ctx: Context, id: str) -> str:
    """As a new resource keeps it; `id` empty asks for the default group."""
    if id and not exists(ctx.tx, ctx.account, id):
        raise GROUP_NOT_FOUND.error()
    return kept(ctx.account, id)
