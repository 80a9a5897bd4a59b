"""Tags of buckets, which ListBuckets filters by and policies ask for."""

from __future__ import annotations

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.buckets import change_bucket
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML
from kowloon.services.oss.product import Body, oss
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.errors import DUPLICATE_TAG_KEY, INVALID_TAG_KEY, INVALID_TAG_VALUE, TOO_MANY_TAGS
from kowloon.wire.oss.xml import Content, document, elements

_MOST_TAGS = 20
_MOST_KEY_BYTES = 64
_MOST_VALUE_BYTES = 128
_RESERVED = ("http://", "https://", "aliyun")


def checked_bucket_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Within the limits for buckets, which are not those for objects. 400 InvalidTag."""
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not 1 <= len(key.encode()) <= _MOST_KEY_BYTES or key.lower().startswith(_RESERVED):
            raise INVALID_TAG_KEY.error(extra={"TagKey": key})
        if len(value.encode()) > _MOST_VALUE_BYTES:
            raise INVALID_TAG_VALUE.error(extra={"TagValue": value})
        if key in tags:
            raise DUPLICATE_TAG_KEY.error(extra={"TagKey": key})
        tags[key] = value
    if len(tags) > _MOST_TAGS:
        raise TOO_MANY_TAGS.error(most=_MOST_TAGS)
    return tags


@oss.operation("PutBucketTags", "bucket", "PUT", "tagging", action="PutBucketTagging", body=Body.DOCUMENT)
async def put_bucket_tags(call: Call) -> HttpResponse:
    """Replaces all of them."""
    tag_set = call.document("Tagging").child("TagSet")
    if tag_set is None:
        raise MALFORMED_XML.error()
    pairs = [(tag.text("Key"), tag.text("Value")) for tag in tag_set.children("Tag")]
    await change_bucket(call, tags=checked_bucket_tags(pairs))
    return HttpResponse(200)


@oss.operation("GetBucketTags", "bucket", "GET", "tagging", action="GetBucketTagging")
def get_bucket_tags(call: Call) -> HttpResponse:
    tags: list[Content] = [{"Key": key, "Value": value} for key, value in call.bucket.tags.items()]
    return answers.document(document("Tagging", elements({"TagSet": {"Tag": tags}})))


@oss.operation("DeleteBucketTags", "bucket", "DELETE", "tagging", action="DeleteBucketTagging")
async def delete_bucket_tags(call: Call) -> HttpResponse:
    """All of them, or those that `tagging=key1,key2` names."""
    named = set(filter(None, call.query["tagging"].split(",")))
    kept = {key: value for key, value in call.bucket.tags.items() if named and key not in named}
    await change_bucket(call, tags=kept)
    return HttpResponse(204)
