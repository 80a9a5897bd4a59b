"""A bucket at a glance: GetBucketInfo, and GetBucketStat, which counts what is in it."""

from __future__ import annotations

import asyncio
import itertools

from kowloon.services.oss import answers, keys
from kowloon.services.oss.call import Call
from kowloon.services.oss.objects.multipart import decode_part, decode_upload
from kowloon.services.oss.product import oss
from kowloon.services.oss.resources import BucketSetting
from kowloon.services.oss.space import read_meta
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.xml import Content, document, elements

# So many entries are counted before others get their turn.
_SLICE = 500
# The colder classes are billed for this much per object at least.
_LEAST_BILLED_BYTES = 64 * 1024
_CLASSES = {
    "Standard": "Standard",
    "IA": "InfrequentAccess",
    "Archive": "Archive",
    "ColdArchive": "ColdArchive",
    "DeepColdArchive": "DeepColdArchive",
}


@oss.operation("GetBucketInfo", "bucket", "GET", "bucketInfo")
def get_bucket_info(call: Call) -> HttpResponse:
    bucket = call.bucket
    content: dict[str, Content] = {
        "AccessMonitor": "Disabled",
        "BlockPublicAccess": False,
        "Comment": "",
        "CreationDate": iso_milliseconds(bucket.created_at),
        "CrossRegionReplication": "Disabled",
        "DataRedundancyType": bucket.redundancy,
        "ExtranetEndpoint": f"{bucket.location}.aliyuncs.com",
        "IntranetEndpoint": f"{bucket.location}-internal.aliyuncs.com",
        "Location": bucket.location,
        "Name": bucket.id,
        "ResourceGroupId": bucket.resource_group,
        "StorageClass": bucket.storage_class,
        "TransferAcceleration": "Disabled",
        "Versioning": bucket.versioning or None,
        "Owner": answers.owner(bucket.account),
        "AccessControlList": {"Grant": bucket.acl},
        "ServerSideEncryptionRule": {"SSEAlgorithm": "None"},
        "BucketPolicy": {"LogBucket": "", "LogPrefix": ""},
    }
    for kind in oss.resources:
        setting = call.parts.store.get(kind, bucket.id)
        if isinstance(setting, BucketSetting):
            content |= setting.in_bucket_info()
    return answers.document(document("BucketInfo", elements({"Bucket": content})))


class _Count:
    """What is in a bucket: bytes and numbers, by storage class."""

    def __init__(self) -> None:
        self.objects = dict.fromkeys(_CLASSES, 0)
        self.real_bytes = dict.fromkeys(_CLASSES, 0)
        self.billed_bytes = dict.fromkeys(_CLASSES, 0)
        self.markers = 0
        self._uploads: set[str] = set()
        self._parts_bytes: dict[str, list[int]] = {}

    def add(self, key: bytes, value: bytes) -> None:
        kind = key[:1]
        if kind in (keys.CURRENT, keys.OLDER):
            meta = read_meta(value)
            if meta.marker:
                self.markers += 1
                return
            size_bytes, storage_class = meta.size_bytes, meta.storage_class
            least_bytes = 0 if storage_class == "Standard" else _LEAST_BILLED_BYTES
            self.objects[storage_class] += 1
            self.real_bytes[storage_class] += size_bytes
            self.billed_bytes[storage_class] += max(size_bytes, least_bytes)
        elif kind == keys.UPLOAD:
            self._uploads.add(decode_upload(value).upload_id)
        elif kind == keys.PART:
            self._parts_bytes.setdefault(keys.upload_of_part(key), []).append(decode_part(value).size_bytes)

    @property
    def uploads(self) -> int:
        return len(self._uploads)

    @property
    def parts_bytes(self) -> list[int]:
        """Sizes of the parts of uploads; there are those of objects, too."""
        return [size for upload_id in self._uploads for size in self._parts_bytes.get(upload_id, ())]


@oss.operation("GetBucketStat", "bucket", "GET", "stat")
async def get_bucket_stat(call: Call) -> HttpResponse:
    """All versions and unfinished parts count, as they take room. The vendor's figures are up to an hour old; these
    are of now."""
    count = _Count()
    start = b""
    while True:
        page = list(itertools.islice(call.space.volume.scan(start), _SLICE))
        for entry in page:
            count.add(entry.key, entry.value)
        if len(page) < _SLICE:
            break
        start = page[-1].key + b"\x00"
        await asyncio.sleep(0)
        call.look_again()
    return answers.document(document("BucketStat", elements(_figures(call, count))))


def _figures(call: Call, count: _Count) -> dict[str, Content]:
    figures: dict[str, Content] = {
        "Storage": sum(count.real_bytes.values()) + sum(count.parts_bytes),
        "ObjectCount": sum(count.objects.values()),
        "MultipartUploadCount": count.uploads,
        "LiveChannelCount": 0,
        "LastModifiedTime": int(call.now),
    }
    for storage_class, name in _CLASSES.items():
        figures[f"{name}Storage"] = count.billed_bytes[storage_class]
        if storage_class != "Standard":
            figures[f"{name}RealStorage"] = count.real_bytes[storage_class]
        figures[f"{name}ObjectCount"] = count.objects[storage_class]
    return figures | {"MultipartPartCount": len(count.parts_bytes), "DeleteMarkerCount": count.markers}
