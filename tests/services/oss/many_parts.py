"""Uploads of so many parts that objects are assembled of them."""

from __future__ import annotations

from collections.abc import Sequence

import oss2
from oss2.models import PartInfo

from kowloon.engines.blob.base import Put, Volume
from kowloon.services.oss import keys
from kowloon.services.oss.content import content_of
from kowloon.services.oss.objects.completing import MOST_OWN_PARTS
from kowloon.services.oss.objects.multipart import encode
from kowloon.services.oss.resources import Bucket, Part
from kowloon.testing.cloud import LocalCloud
from tests.helpers import eventually
from tests.services.oss.parts import Owner

LEAST = 100 * 1024
MANY = MOST_OWN_PARTS + 4
ALL = {"x-oss-complete-all": "yes"}


def body_of(number: int) -> bytes:
    return b"%05d " % number * (LEAST // 6 + 1)


def part_put(upload_id: str, number: int, body: bytes, *, size_bytes: int = 0) -> Put:
    """A part as it is kept. `size_bytes`: what is said of it where that is more than there is."""
    content = content_of(body)
    part = Part(number=number, etag=content.etag, size_bytes=size_bytes or len(body), crc64=content.crc64, modified=0.0)
    return Put(keys.part(upload_id, number), encode(part), (body,))


def volume_of(cloud: LocalCloud, name: str) -> Volume:
    stored = cloud.cloud.store.get(Bucket, name)
    assert stored is not None
    return cloud.cloud.storage.volume(stored.volume, stored.layout)


def fill(owner: Owner, bucket: oss2.Bucket, upload_id: str, numbers: Sequence[int], *, real: bool = True) -> None:
    """Written straight into the store: sending them would take the test's time. If not `real`, they are a few bytes
    that are said to be more."""

    async def body() -> None:
        volume = volume_of(owner.cloud, bucket.bucket_name)
        for first in range(0, len(numbers), 100):
            some = numbers[first : first + 100]
            if real:
                await volume.commit([part_put(upload_id, number, body_of(number)) for number in some])
            else:
                await volume.commit([part_put(upload_id, number, b"%d" % number, size_bytes=LEAST) for number in some])

    owner.cloud.run(body())


def begun(owner: Owner, bucket: oss2.Bucket, key: str, numbers: Sequence[int], *, real: bool = True) -> str:
    upload_id: str = bucket.init_multipart_upload(key).upload_id
    fill(owner, bucket, upload_id, numbers, real=real)
    return upload_id


def assembled(owner: Owner, bucket: oss2.Bucket, key: str, numbers: Sequence[int] = range(1, MANY + 1)) -> bytes:
    """Makes the object; its bytes."""
    upload_id = begun(owner, bucket, key, numbers)
    parts = [PartInfo(number, content_of(body_of(number)).etag) for number in numbers]
    bucket.complete_multipart_upload(key, upload_id, parts)
    return b"".join(map(body_of, numbers))


def parts_left(owner: Owner, bucket: oss2.Bucket) -> tuple[int, int]:
    """How many parts there are in the bucket, and uploads whose parts are still to be removed."""

    def look() -> tuple[int, int]:
        volume = volume_of(owner.cloud, bucket.bucket_name)
        return len(list(volume.values(*keys.span(keys.PART)))), len(list(volume.values(*keys.span(keys.GONE))))

    return owner.cloud.call(look)


def until_left(owner: Owner, bucket: oss2.Bucket, parts: int) -> None:
    eventually(lambda: parts_left(owner, bucket) == (parts, 0))
