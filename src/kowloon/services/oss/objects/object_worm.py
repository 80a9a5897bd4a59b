"""Retention of single objects as a bucket's default: every new version is kept for so long unless its own is set.

Once on it stays on, and with it versioning.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import bucket_as_it_is, new_setting, setting_of
from kowloon.services.oss.buckets.worm import Worm
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML
from kowloon.services.oss.objects.guards import COMPLIANCE, GOVERNANCE, Retention
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import VERSIONING_ENABLED, BucketSetting
from kowloon.services.oss.runs.effect_errors import INVALID_BUCKET_STATE, NO_SUCH_OBJECT_WORM
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, Node, document, elements

_ROOT: Final = "ObjectWormConfiguration"
_ENABLED: Final = "Enabled"
_DAY_S: Final = 86400.0
_YEAR_DAYS: Final = 365
_MOST_YEARS: Final = 100


class ObjectWorm(BucketSetting, frozen=True, kw_only=True):
    """`mode` is empty where there is no default; either `days` or `years` is set with it."""

    kind: ClassVar[str] = "oss-object-worm"

    mode: str = ""
    days: int = 0
    years: int = 0


oss.setting(ObjectWorm)


def default_retention(call: Call) -> dict[str, Any]:
    """The fields of Meta that keep a new version of the call's bucket."""
    setting = setting_of(call, ObjectWorm, call.bucket)
    if setting is None or not setting.mode:
        return {}
    kept_s = (setting.days + setting.years * _YEAR_DAYS) * _DAY_S
    return {"retention_mode": setting.mode, "retain_until": call.now + kept_s}


@oss.operation("PutBucketObjectWormConfiguration", "bucket", "PUT", "objectWorm", body=Body.DOCUMENT)
async def put_bucket_object_worm_configuration(call: Call) -> HttpResponse:
    """409 InvalidBucketState without versioning, or with a retention policy of the whole bucket."""
    root = call.document(_ROOT)
    if root.text("ObjectWormEnabled").strip() != _ENABLED:
        raise MALFORMED_XML.error()
    rule = root.child("Rule")
    retention = rule.child("DefaultRetention") if rule is not None else None
    setting = new_setting(call, ObjectWorm, **(_parsed(retention) if retention is not None else {}))

    def body(tx: Transaction) -> None:
        bucket = bucket_as_it_is(call, tx)
        if bucket.versioning != VERSIONING_ENABLED:
            raise INVALID_BUCKET_STATE.error(why="Versioning must be enabled for the bucket.")
        if tx.get(Worm, bucket.id) is not None:
            raise INVALID_BUCKET_STATE.error(why="The bucket has a retention policy of its own.")
        tx.put(setting)
        if tx.get(Retention, bucket.id) is None:
            tx.put(new_setting(call, Retention))

    await call.parts.store.run(body)
    return HttpResponse(200)


def _parsed(node: Node) -> dict[str, Any]:
    mode, days, years = (node.text(name).strip() for name in ("Mode", "Days", "Years"))
    count = days or years
    if mode not in (GOVERNANCE, COMPLIANCE) or bool(days) == bool(years):
        raise MALFORMED_XML.error()
    most = _MOST_YEARS * (_YEAR_DAYS if days else 1)
    if not (count.isascii() and count.isdigit() and len(count) < 6 and 1 <= int(count) <= most):
        raise MALFORMED_XML.error()
    return {"mode": mode, "days": int(days or 0), "years": int(years or 0)}


@oss.operation("GetBucketObjectWormConfiguration", "bucket", "GET", "objectWorm")
def get_bucket_object_worm_configuration(call: Call) -> HttpResponse:
    setting = setting_of(call, ObjectWorm, call.bucket)
    if setting is None:
        raise NO_SUCH_OBJECT_WORM.error(extra={"BucketName": call.bucket.id})
    retention: Content = {"Mode": setting.mode, "Days": setting.days or None, "Years": setting.years or None}
    content: dict[str, Content] = {
        "ObjectWormEnabled": _ENABLED,
        "Rule": {"DefaultRetention": retention} if setting.mode else None,
    }
    return answers.document(document(_ROOT, elements(content)))
