"""RPC calls signed as the official SDKs sign them (signature version 1, HMAC-SHA1): a customer's own client."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import msgspec


class Keys(msgspec.Struct, frozen=True):
    access_key_id: str
    access_key_secret: str


def sign_rpc(
    parameters: Mapping[str, str], keys: Keys, *, timestamp: str, nonce: str, method: str = "GET"
) -> dict[str, str]:
    """The parameters with everything that makes a signed call of them. `timestamp`: 2025-01-01T00:00:00Z."""
    complete = {
        **parameters,
        "Format": "JSON",
        "AccessKeyId": keys.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": nonce,
        "Timestamp": timestamp,
    }
    canonical = urlencode(sorted(complete.items()), quote_via=quote, safe="~")
    text = "&".join((method, quote("/", safe=""), quote(canonical, safe="~")))
    digest = hmac.new(f"{keys.access_key_secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return {**complete, "Signature": base64.b64encode(digest).decode()}


def target_of(signed: Mapping[str, str]) -> str:
    """The request target of a signed GET."""
    return "/?" + urlencode(signed, quote_via=quote, safe="~")
