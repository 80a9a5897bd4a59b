"""Who pays for requests. Nobody does here, but where the requester would, others than the owner must say that they
know it."""

from __future__ import annotations

from typing import ClassVar

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.setting_errors import DENIED_TO_PAY
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import document, elements

_OWNER, _REQUESTER = "BucketOwner", "Requester"
_HEADER = "x-oss-request-payer"


class RequesterPays(BucketSetting, frozen=True, kw_only=True):
    """There while the requester pays."""

    kind: ClassVar[str] = "oss-requester-pays"


oss.setting(RequesterPays)


def check_payer(call: Call, bucket: Bucket) -> None:
    """403 AccessDenied for strangers who do not say that they pay, and for all who are not known."""
    if call.account == bucket.account or call.parts.store.get(RequesterPays, bucket.id) is None:
        return
    said = call.headers.get(_HEADER) or call.query.get(_HEADER, "")
    if call.principal is None or said.lower() != "requester":
        call.reason = f"the requester pays for {bucket.id}"
        raise DENIED_TO_PAY.error(extra={"BucketName": bucket.id})
    call.more_headers = (*call.more_headers, ("x-oss-request-charged", "requester"))


@oss.operation("PutBucketRequestPayment", "bucket", "PUT", "requestPayment", body=Body.DOCUMENT)
async def put_bucket_request_payment(call: Call) -> HttpResponse:
    payer = call.document("RequestPaymentConfiguration").text("Payer")
    if payer == _REQUESTER:
        return await keep(call, new_setting(call, RequesterPays))
    if payer != _OWNER:
        raise MALFORMED_XML.error()
    await forget(call, RequesterPays)
    return HttpResponse(200)


@oss.operation("GetBucketRequestPayment", "bucket", "GET", "requestPayment")
def get_bucket_request_payment(call: Call) -> HttpResponse:
    payer = _OWNER if setting_of(call, RequesterPays, call.bucket) is None else _REQUESTER
    return answers.document(document("RequestPaymentConfiguration", elements({"Payer": payer})))
