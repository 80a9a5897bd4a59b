"""Transfer acceleration: whether a bucket answers under the acceleration endpoints. Nothing is faster there."""

from __future__ import annotations

from typing import ClassVar

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.setting_errors import ACCELERATION_DISABLED, NO_SUCH_ACCELERATION
from kowloon.services.oss.buckets.settings import keep, new_setting, setting_of, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.store.store import Store
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, document, elements

_ENDPOINT = ".oss-accelerate"


class Acceleration(BucketSetting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "oss-acceleration"

    enabled: bool

    def in_bucket_info(self) -> dict[str, Content]:
        return {"TransferAcceleration": "Enabled" if self.enabled else "Disabled"}


oss.setting(Acceleration)


def check_endpoint(store: Store, host: str, bucket: Bucket) -> None:
    """403 TransferAccelerationDisabled for a host that the bucket does not answer under."""
    if _ENDPOINT not in host:
        return
    setting = store.get(Acceleration, bucket.id)
    if setting is None or not setting.enabled:
        raise ACCELERATION_DISABLED.error(extra={"BucketName": bucket.id})


@oss.operation("PutBucketTransferAcceleration", "bucket", "PUT", "transferAcceleration", body=Body.DOCUMENT)
async def put_bucket_transfer_acceleration(call: Call) -> HttpResponse:
    enabled = truth(call.document("TransferAccelerationConfiguration"), "Enabled")
    return await keep(call, new_setting(call, Acceleration, enabled=enabled))


@oss.operation("GetBucketTransferAcceleration", "bucket", "GET", "transferAcceleration")
def get_bucket_transfer_acceleration(call: Call) -> HttpResponse:
    setting = setting_of(call, Acceleration, call.bucket)
    if setting is None:
        raise NO_SUCH_ACCELERATION.error(extra={"BucketName": call.bucket.id})
    return answers.document(document("TransferAccelerationConfiguration", elements({"Enabled": setting.enabled})))
