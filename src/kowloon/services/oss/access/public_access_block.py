"""Block public access, of a whole account or of one bucket: what is public stays as it is set but counts for nothing,
and nothing can be made public."""

from __future__ import annotations

from typing import ClassVar

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.store.resources import Resource
from kowloon.store.store import Store, Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, document, elements


class AccountBlock(Resource, frozen=True, kw_only=True):
    """`id` is the account."""

    kind: ClassVar[str] = "oss-account-block"

    blocked: bool


class BucketBlock(BucketSetting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "oss-bucket-block"

    blocked: bool

    def in_bucket_info(self) -> dict[str, Content]:
        return {"BlockPublicAccess": self.blocked}


oss.keeps(AccountBlock)
oss.setting(BucketBlock)


def is_blocked(store: Store, account: str, bucket: Bucket | None) -> bool:
    """Whether nothing of this bucket, or of a new one of this account, may be public."""
    of_bucket = store.get(BucketBlock, bucket.id) if bucket is not None else None
    if of_bucket is not None and of_bucket.blocked:
        return True
    of_account = store.get(AccountBlock, account)
    return of_account is not None and of_account.blocked


def _asked(call: Call) -> bool:
    return truth(call.document("PublicAccessBlockConfiguration"), "BlockPublicAccess")


def _shown(blocked: bool) -> HttpResponse:
    return answers.document(document("PublicAccessBlockConfiguration", elements({"BlockPublicAccess": blocked})))


@oss.operation("PutBucketPublicAccessBlock", "bucket", "PUT", "publicAccessBlock", body=Body.DOCUMENT)
async def put_bucket_public_access_block(call: Call) -> HttpResponse:
    return await keep(call, new_setting(call, BucketBlock, blocked=_asked(call)))


@oss.operation("GetBucketPublicAccessBlock", "bucket", "GET", "publicAccessBlock")
def get_bucket_public_access_block(call: Call) -> HttpResponse:
    setting = setting_of(call, BucketBlock, call.bucket)
    return _shown(setting is not None and setting.blocked)


@oss.operation("DeleteBucketPublicAccessBlock", "bucket", "DELETE", "publicAccessBlock")
async def delete_bucket_public_access_block(call: Call) -> HttpResponse:
    return await forget(call, BucketBlock)


@oss.operation("PutPublicAccessBlock", "service", "PUT", "publicAccessBlock", body=Body.DOCUMENT)
async def put_public_access_block(call: Call) -> HttpResponse:
    block = AccountBlock(id=call.account, account=call.account, created_at=call.now, blocked=_asked(call))
    await call.parts.store.run(lambda tx: tx.put(block))
    return HttpResponse(200)


@oss.operation("GetPublicAccessBlock", "service", "GET", "publicAccessBlock")
def get_public_access_block(call: Call) -> HttpResponse:
    block = call.parts.store.get(AccountBlock, call.account)
    return _shown(block is not None and block.blocked)


@oss.operation("DeletePublicAccessBlock", "service", "DELETE", "publicAccessBlock")
async def delete_public_access_block(call: Call) -> HttpResponse:
    def body(tx: Transaction) -> None:
        block = tx.get(AccountBlock, call.account)
        if block is not None:
            tx.delete(block)

    await call.parts.store.run(body)
    return HttpResponse(204)
