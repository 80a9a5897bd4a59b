"""What an OSS request claims about its sender."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
V4_ALGORITHM: Final = "OSS4-HMAC-SHA256"
V4_REQUEST: Final = "aliyun_v4_request"


class Scheme(StrEnum):
    V1 = "V1"
    V2 = "V2"
    V4 = "V4"
    ANONYMOUS = "anonymous"


# To look a member up in its class takes longer than most of what is done with it.
V1: Final = Scheme.V1
V2: Final = Scheme.V2
V4: Final = Scheme.V4


class Claim:
    """What a request claims about its sender; nothing here is proven yet.

    `date` is the text that is signed as the date: a Date, the compact stamp of V4, the expiry of V1 and V2 queries.
    `signed_at` is its moment, None where a scheme does not say; `expires_at` is set for query signatures only.
    `date_stamp`, `region`, `product` are the scope of V4. `payload_hash` is UNSIGNED-PAYLOAD or the SHA-256 in hex
    that V4 promises of the body: whoever reads the body compares.
    """

    def __init__(
        self,
        scheme: Scheme,
        *,
        in_query: bool = False,
        access_key_id: str = "",
        signature: str = "",
        security_token: str = "",
        date: str = "",
        signed_at: float | None = None,
        expires_at: float | None = None,
        date_stamp: str = "",
        region: str = "",
        product: str = "",
        additional_headers: tuple[str, ...] = (),
        payload_hash: str = UNSIGNED_PAYLOAD,
    ) -> None:
        self.scheme: Final = scheme
        self.in_query: Final = in_query
        self.access_key_id: Final = access_key_id
        self.signature: Final = signature
        self.security_token: Final = security_token
        self.date: Final = date
        self.signed_at: Final = signed_at
        self.expires_at: Final = expires_at
        self.date_stamp: Final = date_stamp
        self.region: Final = region
        self.product: Final = product
        self.additional_headers: Final = additional_headers
        self.payload_hash: Final = payload_hash


ANONYMOUS: Final = Claim(scheme=Scheme.ANONYMOUS)
