"""What ActionTrail keeps: trails. Events are in the journal."""

from __future__ import annotations

from typing import ClassVar

from kowloon.store.resources import Resource

FRESH, ENABLED, DISABLED = "Fresh", "Enable", "Disable"
ALL_REGIONS = "All"


class Trail(Resource, frozen=True, kw_only=True):
    """id is `<account>:<name>`; `region` is its home. `position`: up to where the journal was delivered."""

    kind: ClassVar[str] = "trail"
    name: str
    event_rw: str = "All"
    trail_region: str = ALL_REGIONS
    bucket: str = ""
    prefix: str = ""
    role: str = ""
    status: str = FRESH
    updated_at: float = 0.0
    started_at: float = 0.0
    stopped_at: float = 0.0
    delivered_at: float = 0.0
    delivery_error: str = ""
    position: int = 0

    @property
    def arn(self) -> str:
        return f"acs:actiontrail:{self.region}:{self.account}:trail/{self.name}"
