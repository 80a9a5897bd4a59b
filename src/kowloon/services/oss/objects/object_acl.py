"""The ACL of an object, which goes before that of its bucket unless it is `default`."""

from __future__ import annotations

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MISSING_ARGUMENT
from kowloon.services.oss.objects.reading import answered, wanted
from kowloon.services.oss.objects.writing import object_acl
from kowloon.services.oss.product import Answer, Later, oss
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, document, elements


@oss.operation("PutObjectAcl", "object", "PUT", "acl")
def put_object_acl(call: Call) -> Answer:
    acl = object_acl(call)
    if not acl:
        raise MISSING_ARGUMENT.error(extra={"ArgumentName": "x-oss-object-acl"})
    stored = wanted(call)
    meta = msgspec.structs.replace(stored.meta, acl=acl)
    response = HttpResponse(200, headers=answers.version_of(call.bucket, stored))
    return Later(call.space.commit(call.space.replace(stored, meta)), response)


@oss.operation("GetObjectAcl", "object", "GET", "acl")
def get_object_acl(call: Call) -> Answer:
    stored = wanted(call)
    content: dict[str, Content] = {
        "Owner": answers.owner(call.bucket.account),
        "AccessControlList": {"Grant": stored.meta.acl},
    }
    response = answers.document(document("AccessControlPolicy", elements(content)))
    response.headers += answers.version_of(call.bucket, stored)
    return answered(call, response, stored)
