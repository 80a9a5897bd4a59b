"""Object retention and legal hold: versions that must stay. Whether a bucket allows them is not asked here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import (
    INVALID_ARGUMENT,
    MALFORMED_XML,
    NO_RETENTION,
    RETENTION_NOT_SHORTENED,
)
from kowloon.services.oss.objects.guards import COMPLIANCE, GOVERNANCE, Retention, may_bypass
from kowloon.services.oss.objects.reading import answered, wanted
from kowloon.services.oss.product import Answer, Body, oss
from kowloon.services.oss.resources import Meta
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.xml import document, elements


@oss.operation("PutObjectRetention", "object", "PUT", "retention", body=Body.DOCUMENT)
async def put_object_retention(call: Call) -> HttpResponse:
    """COMPLIANCE can only be made longer; GOVERNANCE anything, by who may bypass it."""
    node = call.document("Retention")
    mode, until = node.text("Mode"), _moment(node.text("RetainUntilDate"))
    if mode not in (GOVERNANCE, COMPLIANCE):
        raise MALFORMED_XML.error()
    if until <= call.now:
        raise INVALID_ARGUMENT.error(
            why="The retain until date must be in the future.",
            extra={"ArgumentName": "RetainUntilDate", "ArgumentValue": node.text("RetainUntilDate")},
        )
    bypass = may_bypass(call, call.key)

    def changed(meta: Meta) -> Meta:
        weaker = until < meta.retain_until or (mode == GOVERNANCE and meta.retention_mode == COMPLIANCE)
        if call.now < meta.retain_until and weaker and not (bypass and meta.retention_mode == GOVERNANCE):
            raise RETENTION_NOT_SHORTENED.error(extra={"Key": call.key})
        return msgspec.structs.replace(meta, retention_mode=mode, retain_until=until)

    return await _change(call, changed)


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MALFORMED_XML.error() from None
    if moment.tzinfo is None:
        raise MALFORMED_XML.error()
    return moment.timestamp()


@oss.operation("GetObjectRetention", "object", "GET", "retention")
def get_object_retention(call: Call) -> Answer:
    stored = wanted(call)
    meta = stored.meta
    if not meta.retention_mode:
        raise NO_RETENTION.error(extra={"Key": call.key})
    content = elements({"Mode": meta.retention_mode, "RetainUntilDate": iso_milliseconds(meta.retain_until)})
    return answered(call, answers.document(document("Retention", content)), stored)


@oss.operation("PutObjectLegalHold", "object", "PUT", "legalHold", body=Body.DOCUMENT)
async def put_object_legal_hold(call: Call) -> HttpResponse:
    status = call.document("LegalHold").text("Status")
    if status not in ("ON", "OFF"):
        raise MALFORMED_XML.error()
    return await _change(call, lambda meta: msgspec.structs.replace(meta, legal_hold=status == "ON"))


@oss.operation("GetObjectLegalHold", "object", "GET", "legalHold")
def get_object_legal_hold(call: Call) -> Answer:
    stored = wanted(call)
    content = elements({"Status": "ON" if stored.meta.legal_hold else "OFF"})
    return answered(call, answers.document(document("LegalHold", content)), stored)


async def _change(call: Call, changed: Callable[[Meta], Meta]) -> HttpResponse:
    """The version with what `changed` makes of it; from then on the bucket is one whose writes look first."""
    changed(wanted(call).meta)
    await call.parts.store.run(lambda tx: _mark(call, tx))
    stored = wanted(call)
    await call.space.commit(call.space.replace(stored, changed(stored.meta)))
    return HttpResponse(200)


def _mark(call: Call, tx: Transaction) -> None:
    bucket = call.bucket
    if tx.get(Retention, bucket.id) is None:
        tx.put(Retention(id=bucket.id, account=bucket.account, region=bucket.region, created_at=call.now))
