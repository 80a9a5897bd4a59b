"""What only STS keeps."""

from __future__ import annotations

from typing import ClassVar

from kowloon.store.resources import Resource


class UsedAssertion(Resource, frozen=True, kw_only=True):
    """A SAML assertion that somebody came with: nobody does so again. id is a digest of its provider and ID; after
    `ends_at` (wall time) it is of no use anyway."""

    kind: ClassVar[str] = "sts-used-assertion"
    ends_at: float
