"""RestoreObject and CleanRestoredObject: archived bytes become readable after a while, for some days, on the cloud's
clock. The vendor names ranges of hours; here a restore takes all of them, as is promised at the latest."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import (
    MALFORMED_XML,
    OPERATION_NOT_SUPPORTED,
    RESTORE_IN_PROGRESS,
    RESTORE_NOT_FINISHED,
    RESTORE_SLOWER,
    RESTORE_STALE,
)
from kowloon.services.oss.objects.reading import wanted
from kowloon.services.oss.objects.writing import ARCHIVED
from kowloon.services.oss.product import Answer, Body, Later, oss
from kowloon.services.oss.resources import Meta
from kowloon.wire.http import HttpResponse

_HOUR_S: Final = 3600.0
_DAY_S: Final = 86400.0
# How long a restore takes by storage class and priority, the fastest first.
_DURATIONS_S: Final = {
    "Archive": {"Standard": 60.0},
    "ColdArchive": {"Expedited": _HOUR_S, "Standard": 5 * _HOUR_S, "Bulk": 12 * _HOUR_S},
    "DeepColdArchive": {"Expedited": 12 * _HOUR_S, "Standard": 48 * _HOUR_S},
}
_MOST_DAYS: Final = {"Archive": 7, "ColdArchive": 365, "DeepColdArchive": 365}


@oss.operation("RestoreObject", "object", "POST", "restore", body=Body.DOCUMENT)
def restore_object(call: Call) -> Answer:
    """202 where it begins (or is made faster), 200 where the days of a restored object are counted anew."""
    days, priority = _asked(call)
    stored = wanted(call)
    meta = stored.meta
    if meta.storage_class not in ARCHIVED:
        raise OPERATION_NOT_SUPPORTED.error()
    durations_s = _DURATIONS_S[meta.storage_class]
    priority = "Standard" if meta.storage_class == "Archive" else priority
    if days > _MOST_DAYS[meta.storage_class] or priority not in durations_s:
        raise MALFORMED_XML.error()
    kept_s = days * _DAY_S
    headers = answers.version_of(call.bucket, stored)
    if meta.restore_ready_at <= call.now < meta.restore_until:
        status = 200
        meta = msgspec.structs.replace(meta, restore_until=max(meta.restore_until, call.now + kept_s))
    else:
        status = 202
        ready_at = call.now + durations_s[priority]
        if call.now < meta.restore_ready_at:
            _check_faster(meta, priority)
            ready_at = min(ready_at, meta.restore_ready_at)
        meta = msgspec.structs.replace(
            meta, restore_ready_at=ready_at, restore_until=ready_at + kept_s, restore_priority=priority
        )
        if meta.storage_class != "Archive":
            headers.append(("x-oss-object-restore-priority", priority))
    return Later(call.space.commit(call.space.replace(stored, meta)), HttpResponse(status, headers=headers))


def _asked(call: Call) -> tuple[int, str]:
    """Days and priority; one day and Standard without a body. 400 MalformedXML."""
    if not call.request.body.strip():
        return 1, "Standard"
    node = call.document("RestoreRequest")
    days, priority = node.text("Days", "1").strip(), "Standard"
    parameters = node.child("JobParameters")
    if parameters is not None:
        priority = parameters.text("Tier", "Standard")
    if not (days.isascii() and days.isdigit() and 1 <= len(days) <= 3 and int(days)):
        raise MALFORMED_XML.error()
    return int(days), priority


def _check_faster(meta: Meta, priority: str) -> None:
    """While it goes on, a restore can be made faster only."""
    priorities = list(_DURATIONS_S[meta.storage_class])
    asked, going_on = priorities.index(priority), priorities.index(meta.restore_priority)
    if asked == going_on:
        raise RESTORE_IN_PROGRESS.error()
    if asked > going_on:
        raise RESTORE_SLOWER.error()


@oss.operation("CleanRestoredObject", "object", "POST", "cleanRestoredObject")
def clean_restored_object(call: Call) -> Answer:
    """Frozen again before its days are over."""
    stored = wanted(call)
    meta = stored.meta
    if meta.storage_class not in ("ColdArchive", "DeepColdArchive"):
        raise OPERATION_NOT_SUPPORTED.error()
    if call.now < meta.restore_ready_at:
        raise RESTORE_NOT_FINISHED.error()
    if call.now >= meta.restore_until:
        raise RESTORE_STALE.error()
    meta = msgspec.structs.replace(meta, restore_ready_at=0.0, restore_until=0.0, restore_priority="")
    response = HttpResponse(200, headers=answers.version_of(call.bucket, stored))
    return Later(call.space.commit(call.space.replace(stored, meta)), response)
