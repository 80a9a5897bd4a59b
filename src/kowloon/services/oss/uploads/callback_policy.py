"""Callbacks that a bucket keeps under names: PutBucketCallbackPolicy, GetBucketCallbackPolicy,
DeleteBucketCallbackPolicy. An upload asks for one by `{"callbackPolicy": "its name"}` in place of a callback."""

from __future__ import annotations

import re
from typing import Final

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.uploads.callback import CallbackPolicy, NamedCallback, read_callback, read_variables
from kowloon.services.oss.uploads.post_errors import NO_SUCH_CALLBACK_POLICY
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, Node, document, elements

_MOST_ITEMS: Final = 20
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _item(node: Node) -> NamedCallback:
    """One that uploads can use: what is wrong with it is said now."""
    item = NamedCallback(node.text("PolicyName"), node.text("Callback").strip(), node.text("CallbackVar").strip())
    if _NAME.fullmatch(item.name) is None:
        raise invalid("PolicyName", item.name, "A name has 1 to 64 letters, digits, hyphens and underscores.")
    read_variables(item.variables)
    if not item.callback or read_callback(item.callback, {}) is None:
        raise invalid("Callback", item.callback, "The callback names no URL.")
    return item


@oss.operation("PutBucketCallbackPolicy", "bucket", "PUT", "policy&comp=callback", body=Body.DOCUMENT)
async def put_bucket_callback_policy(call: Call) -> HttpResponse:
    nodes = call.document("BucketCallbackPolicy").children("PolicyItem")
    if len(nodes) > _MOST_ITEMS:
        raise MALFORMED_XML.error()
    items = [_item(node) for node in nodes]
    names = [item.name for item in items]
    for name in names:
        if names.count(name) > 1:
            raise invalid("PolicyName", name, "A name comes twice.")
    return await keep(call, new_setting(call, CallbackPolicy, items=tuple(items)))


@oss.operation("GetBucketCallbackPolicy", "bucket", "GET", "policy&comp=callback")
def get_bucket_callback_policy(call: Call) -> HttpResponse:
    setting = setting_of(call, CallbackPolicy, call.bucket)
    if setting is None:
        raise NO_SUCH_CALLBACK_POLICY.error(extra={"BucketName": call.bucket.id})
    items: list[Content] = [
        {"PolicyName": item.name, "Callback": item.callback, "CallbackVar": item.variables} for item in setting.items
    ]
    return answers.document(document("BucketCallbackPolicy", elements({"PolicyItem": items})))


@oss.operation("DeleteBucketCallbackPolicy", "bucket", "DELETE", "policy&comp=callback")
async def delete_bucket_callback_policy(call: Call) -> HttpResponse:
    return await forget(call, CallbackPolicy)
