"""Access monitoring: when an object was last read, kept while it is on.

The vendor tells access times to the day; here too an object's is written at most once a day, so that reading stays
cheap. Rules by access time (`lifecycle`) count from it.
"""

from __future__ import annotations

from typing import ClassVar, Final

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import BucketSetting
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, document, elements

_ENABLED: Final = "Enabled"
_DISABLED: Final = "Disabled"


class AccessMonitor(BucketSetting, frozen=True, kw_only=True):
    """There while accesses are noted; what was not read since then counts from `created_at`."""

    kind: ClassVar[str] = "oss-access-monitor"

    def in_bucket_info(self) -> dict[str, Content]:
        return {"AccessMonitor": _ENABLED}


oss.setting(AccessMonitor)


@oss.operation("PutBucketAccessMonitor", "bucket", "PUT", "accessmonitor", body=Body.DOCUMENT)
async def put_bucket_access_monitor(call: Call) -> HttpResponse:
    status = call.document("AccessMonitorConfiguration").text("Status").strip()
    if status not in (_ENABLED, _DISABLED):
        raise MALFORMED_XML.error()
    there = setting_of(call, AccessMonitor, call.bucket)
    if status == _ENABLED and there is None:
        await keep(call, new_setting(call, AccessMonitor))
    if status == _DISABLED and there is not None:
        await forget(call, AccessMonitor)
    return HttpResponse(200)


@oss.operation("GetBucketAccessMonitor", "bucket", "GET", "accessmonitor")
def get_bucket_access_monitor(call: Call) -> HttpResponse:
    status = _ENABLED if setting_of(call, AccessMonitor, call.bucket) is not None else _DISABLED
    return answers.document(document("AccessMonitorConfiguration", elements({"Status": status})))
