"""What may not be removed or replaced: versions under retention or legal hold, or kept by their bucket's policy."""

from __future__ import annotations

from typing import ClassVar

from kowloon.services.oss.access import access
from kowloon.services.oss.buckets.worm import Worm, is_retained
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import FILE_IMMUTABLE
from kowloon.services.oss.product import oss
from kowloon.services.oss.resources import Bucket, BucketSetting, Meta
from kowloon.services.oss.space import Stored
from kowloon.store.store import Store

GOVERNANCE = "GOVERNANCE"
COMPLIANCE = "COMPLIANCE"
_BYPASS = "x-oss-bypass-governance-retention"


class Retention(BucketSetting, frozen=True, kw_only=True):
    """There since some version in the bucket was first put under retention or legal hold, so that writes to all
    other buckets need not look at what they replace."""

    kind: ClassVar[str] = "oss-retention"


oss.setting(Retention)


def is_immutable(store: Store, bucket: Bucket, meta: Meta, now: float, *, bypass: bool = False) -> bool:
    """Whether that version must stay as it is at cloud time `now`. `bypass`: retention of mode GOVERNANCE does not
    count."""
    if meta.legal_hold or is_retained(store, bucket, meta, now):
        return True
    return now < meta.retain_until and not (bypass and meta.retention_mode == GOVERNANCE)


def check_removable(call: Call, key: str, stored: Stored) -> None:
    """409 FileImmutable for a version that may not be deleted for good."""
    _check(call, key, stored, bypass=may_bypass(call, key))


def check_replaceable(call: Call, key: str) -> None:
    """409 FileImmutable where a write, or a delete without a version id, would end what may not be replaced."""
    store, name = call.parts.store, call.bucket.id
    if store.get(Retention, name) is None and store.get(Worm, name) is None:
        return
    stored = call.space.overwritten(key)
    if stored is not None:
        _check(call, key, stored, bypass=False)


def check_current_changeable(call: Call, stored: Stored) -> None:
    """The same for a version that is changed in place."""
    _check(call, call.key, stored, bypass=False)


def _check(call: Call, key: str, stored: Stored, *, bypass: bool) -> None:
    if is_immutable(call.parts.store, call.bucket, stored.meta, call.now, bypass=bypass):
        raise FILE_IMMUTABLE.error(extra={"Key": key})


def may_bypass(call: Call, key: str) -> bool:
    """Whether the caller asks to go past GOVERNANCE; 403 AccessDenied where he may not."""
    if call.headers.get(_BYPASS, "").lower() != "true":
        return False
    access.check(call, "BypassGovernanceRetention", call.bucket, key, "")
    return True
