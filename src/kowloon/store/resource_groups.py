"""Resource groups: every product tells its resources one, ResourceManager keeps them."""

from __future__ import annotations

from typing import ClassVar

from kowloon.store.resources import Resource


class ResourceGroup(Resource, frozen=True, kw_only=True):
    """An account's default group is there without being kept, until something of it is changed."""

    kind: ClassVar[str] = "resource-group"
    name: str
    display_name: str
