"""Tags of an object: put, get, delete."""

from __future__ import annotations

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML
from kowloon.services.oss.objects.reading import answered, wanted
from kowloon.services.oss.product import Answer, Body, Later, oss
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.headers import checked_tags
from kowloon.wire.oss.xml import document, elements


@oss.operation("PutObjectTagging", "object", "PUT", "tagging", body=Body.DOCUMENT)
def put_object_tagging(call: Call) -> Answer:
    tag_set = call.document("Tagging").child("TagSet")
    if tag_set is None:
        raise MALFORMED_XML.error()
    tags = checked_tags([(tag.text("Key"), tag.text("Value")) for tag in tag_set.children("Tag")])
    return _change(call, tags, 200)


@oss.operation("DeleteObjectTagging", "object", "DELETE", "tagging")
def delete_object_tagging(call: Call) -> Answer:
    return _change(call, {}, 204)


def _change(call: Call, tags: dict[str, str], status: int) -> Later:
    stored = wanted(call)
    meta = msgspec.structs.replace(stored.meta, tags=tags)
    response = HttpResponse(status, headers=answers.version_of(call.bucket, stored))
    return Later(call.space.commit(call.space.replace(stored, meta)), response)


@oss.operation("GetObjectTagging", "object", "GET", "tagging")
def get_object_tagging(call: Call) -> Answer:
    stored = wanted(call)
    tags = [{"Key": key, "Value": value} for key, value in stored.meta.tags.items()]
    response = answers.document(document("Tagging", elements({"TagSet": {"Tag": tags}})))
    response.headers += answers.version_of(call.bucket, stored)
    return answered(call, response, stored)
