"""Direct reading of archived objects: GetObject of what is of class Archive without a restore, where it is on."""

from __future__ import annotations

from typing import ClassVar

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import BucketSetting, Meta
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import document, elements

_ROOT = "ArchiveDirectReadConfiguration"


class DirectRead(BucketSetting, frozen=True, kw_only=True):
    """There while it is on."""

    kind: ClassVar[str] = "oss-archive-direct-read"


oss.setting(DirectRead)


def is_read_directly(call: Call, meta: Meta) -> bool:
    return meta.storage_class == "Archive" and setting_of(call, DirectRead, call.bucket) is not None


@oss.operation("PutBucketArchiveDirectRead", "bucket", "PUT", "bucketArchiveDirectRead", body=Body.DOCUMENT)
async def put_bucket_archive_direct_read(call: Call) -> HttpResponse:
    if truth(call.document(_ROOT), "Enabled"):
        return await keep(call, new_setting(call, DirectRead))
    await forget(call, DirectRead)
    return HttpResponse(200)


@oss.operation("GetBucketArchiveDirectRead", "bucket", "GET", "bucketArchiveDirectRead")
def get_bucket_archive_direct_read(call: Call) -> HttpResponse:
    enabled = setting_of(call, DirectRead, call.bucket) is not None
    return answers.document(document(_ROOT, elements({"Enabled": enabled})))
