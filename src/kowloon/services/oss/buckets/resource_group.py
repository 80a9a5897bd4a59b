"""The resource group of a bucket. Groups themselves are another product's."""

from __future__ import annotations

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.buckets import change_bucket, group_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.product import Body, oss
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import document, elements


@oss.operation("PutBucketResourceGroup", "bucket", "PUT", "resourceGroup", body=Body.DOCUMENT)
async def put_bucket_resource_group(call: Call) -> HttpResponse:
    """An empty id is the account's default group."""
    group = call.document("BucketResourceGroupConfiguration").text("ResourceGroupId").strip()
    await change_bucket(call, resource_group_id=group_of(call, call.bucket.account, group))
    return HttpResponse(200)


@oss.operation("GetBucketResourceGroup", "bucket", "GET", "resourceGroup")
def get_bucket_resource_group(call: Call) -> HttpResponse:
    content = elements({"ResourceGroupId": call.bucket.resource_group})
    return answers.document(document("BucketResourceGroupConfiguration", content))
