"""RAM: roles and their policies (API version 2015-05-01). Account-wide, not regional."""

from __future__ import annotations

from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.store.identity import Account, Group, Membership, Policy, PolicyAttachment, Role, StoredKey, User

ram = Product(
    "Ram",
    "2015-05-01",
    ram_code="ram",
    hosts=("ram",),
    resources=(Account, User, Group, Membership, Role, Policy, PolicyAttachment, StoredKey),
    central=True,
    denied=NO_PERMISSION,
)
