"""The resource group of a bucket: a label that ListBuckets filters by. Groups themselves are another product's."""

from __future__ import annotations

import re

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.buckets import change_bucket
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import invalid
from kowloon.services.oss.product import Body, oss
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import document, elements

_GROUP = re.compile(r"(rg-[A-Za-z0-9]{1,32})?")


@oss.operation("PutBucketResourceGroup", "bucket", "PUT", "resourceGroup", body=Body.DOCUMENT)
async def put_bucket_resource_group(call: Call) -> HttpResponse:
    """An empty id is the account's default group."""
    group = call.document("BucketResourceGroupConfiguration").text("ResourceGroupId").strip()
    if _GROUP.fullmatch(group) is None:
        raise invalid("ResourceGroupId", group)
    await change_bucket(call, resource_group=group)
    return HttpResponse(200)


@oss.operation("GetBucketResourceGroup", "bucket", "GET", "resourceGroup")
def get_bucket_resource_group(call: Call) -> HttpResponse:
    content = elements({"ResourceGroupId": call.bucket.resource_group})
    return answers.document(document("BucketResourceGroupConfiguration", content))
