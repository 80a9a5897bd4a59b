"""Bucket policies: PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus.

Known deviation: since 2026 the vendor refuses new statements with acs:SourceIp but without acs:SourceVpc. Here nobody
calls from a VPC, and such statements are taken.
"""

from __future__ import annotations

from typing import ClassVar

from kowloon.services.oss import answers
from kowloon.services.oss.access.policy_document import Policy, parse_policy
from kowloon.services.oss.access.public_access_block import is_blocked
from kowloon.services.oss.buckets.setting_errors import INVALID_POLICY, NO_SUCH_POLICY, PUBLIC_POLICY
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import BucketSetting
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import document, elements
from kowloon.wire.policy.syntax import PolicyError


class BucketPolicy(BucketSetting, frozen=True, kw_only=True):
    """`document` is the text as it was put: valid, and given back unchanged."""

    kind: ClassVar[str] = "oss-bucket-policy"

    document: str

    @property
    def policy(self) -> Policy:
        return parse_policy(self.document)


oss.setting(BucketPolicy)


@oss.operation("PutBucketPolicy", "bucket", "PUT", "policy", body=Body.DOCUMENT)
async def put_bucket_policy(call: Call) -> HttpResponse:
    try:
        text = call.request.body.decode()
        policy = parse_policy(text)
    except UnicodeDecodeError:
        raise INVALID_POLICY.error(why="it is not UTF-8.") from None
    except PolicyError as problem:
        raise INVALID_POLICY.error(why=str(problem)) from None
    if policy.is_public and is_blocked(call.parts.store, call.bucket.account, call.bucket):
        raise PUBLIC_POLICY.error()
    return await keep(call, new_setting(call, BucketPolicy, document=text))


@oss.operation("GetBucketPolicy", "bucket", "GET", "policy")
def get_bucket_policy(call: Call) -> HttpResponse:
    setting = setting_of(call, BucketPolicy, call.bucket)
    if setting is None:
        raise NO_SUCH_POLICY.error(extra={"BucketName": call.bucket.id})
    # A stored text is never read as a page.
    headers = [("X-Content-Type-Options", "nosniff")]
    return HttpResponse(200, setting.document.encode(), headers=headers, content_type="application/json")


@oss.operation("DeleteBucketPolicy", "bucket", "DELETE", "policy")
async def delete_bucket_policy(call: Call) -> HttpResponse:
    return await forget(call, BucketPolicy)


@oss.operation("GetBucketPolicyStatus", "bucket", "GET", "policyStatus")
def get_bucket_policy_status(call: Call) -> HttpResponse:
    setting = setting_of(call, BucketPolicy, call.bucket)
    public = setting is not None and setting.policy.is_public
    return answers.document(document("PolicyStatus", elements({"IsPublic": public})))
