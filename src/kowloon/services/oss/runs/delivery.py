"""Objects that the service itself writes into a customer's bucket: logs and inventories."""

from __future__ import annotations

from typing import Final

from kowloon.services.oss.buckets.encryption import default_encryption, encrypted
from kowloon.services.oss.content import content_of, content_of_blob
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.resources import Bucket, Meta

_PIECE_BYTES: Final = 1024 * 1024


async def deliver(
    parts: Parts, bucket_name: str, key: str, body: bytes, content_type: str, algorithm: str = "", key_id: str = ""
) -> bool:
    """Write an object as any other, encrypted as asked or as its bucket says; False when the bucket is gone. Raises
    ZoneUnavailable."""
    bucket = parts.store.get(Bucket, bucket_name)
    if bucket is None:
        return False
    space = parts.spaces.of(bucket)
    if len(body) <= parts.storage.small_bytes:
        content = content_of(body)
    else:
        writer = space.volume.writer()
        try:
            for offset in range(0, len(body), _PIECE_BYTES):
                writer.write(body[offset : offset + _PIECE_BYTES])
                room = writer.room()
                if room is not None:
                    await room
            content = content_of_blob(await writer.finish())
            # It may have changed meanwhile.
            now = parts.store.get(Bucket, bucket_name)
            if now is None or now.volume != bucket.volume:
                writer.abort()
                return False
            space = parts.spaces.of(now)
        except BaseException:
            writer.abort()
            raise
    meta = Meta(
        etag=content.etag,
        size_bytes=content.size_bytes,
        crc64=content.crc64,
        md5=content.md5_base64,
        modified=parts.clock.now(),
        order=space.next_order(),
        storage_class=space.bucket.storage_class,
        content_type=content_type,
        **(encrypted(space.bucket, algorithm, key_id) if algorithm else default_encryption(parts.store, space.bucket)),
    )
    await space.commit(space.write(key, meta, content.blobs)[0])
    return True
