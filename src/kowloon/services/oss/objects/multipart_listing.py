"""ListMultipartUploads and ListParts."""

from __future__ import annotations

from collections.abc import Iterator

from kowloon.engines.blob.base import Volume
from kowloon.services.oss import keys
from kowloon.services.oss.call import Call
from kowloon.services.oss.objects.listing import Asked, acknowledged, asked_of, encoding_of, number_of
from kowloon.services.oss.objects.multipart import MOST_PARTS, decode_upload, parts_of, upload_of
from kowloon.services.oss.product import Answer, oss
from kowloon.services.oss.resources import Part, Upload
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.headers import url_encode
from kowloon.wire.oss.xml import Content, elements

_MOST = 1000


@oss.operation("ListMultipartUploads", "bucket", "GET", "uploads")
def list_multipart_uploads(call: Call) -> Answer:
    """By key in byte order, of one key by upload id."""
    asked = asked_of(call, "max-uploads", _MOST)
    key_marker, id_marker = call.query.get("key-marker", ""), call.query.get("upload-id-marker", "")
    uploads: list[Upload] = []
    prefixes: list[str] = []
    last, truncated = ("", ""), False
    for name, upload in _uploads(call.space.volume, asked, key_marker, id_marker if key_marker else ""):
        if len(uploads) + len(prefixes) == asked.most:
            truncated = True
            break
        if upload is None:
            prefixes.append(name)
            last = (name, "")
        else:
            uploads.append(upload)
            last = (name, upload.upload_id)
    shown = asked.shown_in_elements
    content: dict[str, Content] = {
        "EncodingType": asked.encoding or None,
        "Bucket": call.bucket.id,
        "KeyMarker": shown(key_marker),
        "UploadIdMarker": id_marker,
        "NextKeyMarker": shown(last[0]) if truncated else "",
        "NextUploadIdMarker": last[1] if truncated else "",
        "Delimiter": shown(asked.delimiter),
        "Prefix": shown(asked.prefix),
        "MaxUploads": asked.most,
        "IsTruncated": truncated,
        "Upload": [
            {
                "Key": shown(upload.key),
                "UploadId": upload.upload_id,
                "StorageClass": upload.meta.storage_class,
                "Initiated": iso_milliseconds(upload.started),
            }
            for upload in uploads
        ],
        "CommonPrefixes": [{"Prefix": shown(prefix)} for prefix in prefixes],
    }
    return acknowledged(call, elements(content), "ListMultipartUploadsResult")


def _uploads(volume: Volume, asked: Asked, key_marker: str, id_marker: str) -> Iterator[tuple[str, Upload | None]]:
    """Uploads behind the markers by key; a common prefix once, with no upload."""
    start, end = keys.span(keys.uploads_under(asked.prefix))
    if key_marker:
        under_marker = asked.delimiter and key_marker.endswith(asked.delimiter) and key_marker.startswith(asked.prefix)
        if id_marker:
            behind = keys.upload(key_marker, id_marker) + b"\x00"
        elif under_marker and key_marker.find(asked.delimiter, len(asked.prefix)) == len(key_marker) - len(
            asked.delimiter
        ):
            behind = keys.after_prefix(keys.uploads_under(key_marker))
        else:
            behind = keys.after_prefix(keys.upload(key_marker, ""))
        start = max(start, behind)
    while start < end:
        entry = next(volume.scan(start, end), None)
        if entry is None:
            return
        upload = decode_upload(entry.value)
        at = upload.key.find(asked.delimiter, len(asked.prefix)) if asked.delimiter else -1
        if at < 0:
            yield upload.key, upload
            start = entry.key + b"\x00"
        else:
            common = upload.key[: at + len(asked.delimiter)]
            yield common, None
            start = keys.after_prefix(keys.uploads_under(common))


@oss.operation("ListParts", "object", "GET", "uploadId")
def list_parts(call: Call) -> Answer:
    upload = upload_of(call)
    encoding = encoding_of(call)
    most = number_of(call, "max-parts", _MOST, least=1, most=_MOST)
    marker = number_of(call, "part-number-marker", 0, least=0, most=2**31)
    parts: list[Part] = []
    truncated = False
    for part in parts_of(call.space.volume, upload.upload_id, min(marker, MOST_PARTS)):
        if len(parts) == most:
            truncated = True
            break
        parts.append(part)
    content: dict[str, Content] = {
        "EncodingType": encoding or None,
        "Bucket": call.bucket.id,
        "Key": url_encode(call.key) if encoding else call.key,
        "UploadId": upload.upload_id,
        "StorageClass": upload.meta.storage_class,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": parts[-1].number if parts else marker,
        "MaxParts": most,
        "IsTruncated": truncated,
        "Part": [
            {
                "PartNumber": part.number,
                "LastModified": iso_milliseconds(part.modified),
                "ETag": f'"{part.etag}"',
                "HashCrc64ecma": str(part.crc64),
                "Size": part.size_bytes,
            }
            for part in parts
        ],
    }
    return acknowledged(call, elements(content), "ListPartsResult")
