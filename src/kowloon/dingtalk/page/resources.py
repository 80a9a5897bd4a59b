"""What people set for themselves on the chat page."""

from __future__ import annotations

from typing import ClassVar

from kowloon.store.resources import Resource


class Preferences(Resource, frozen=True, kw_only=True):
    """Of one member; id is the member's. `muted`: conversations that do not call for attention."""

    kind: ClassVar[str] = "dingtalk-preferences"
    muted: tuple[str, ...] = ()


RESOURCES: tuple[type[Resource], ...] = (Preferences,)
