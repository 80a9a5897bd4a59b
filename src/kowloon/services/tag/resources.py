"""What the Tag service keeps itself: tags are kept by what carries them."""

from __future__ import annotations

from typing import ClassVar

from kowloon.store.resources import Resource


class MetaTag(Resource, frozen=True, kw_only=True):
    """A key that an account has prepared, with its values and what each is for; id is `<account>:<key>`."""

    kind: ClassVar[str] = "meta-tag"
    name: str
    description: str
    values: dict[str, str]
