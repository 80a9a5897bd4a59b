"""What a client adds to an object call so that it is its own: V1 in the header."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping


def sign(
    key_id: str, secret: str, method: str, bucket: str, key: str, headers: Mapping[str, str], date: str
) -> dict[str, str]:
    """`headers` (names in lower case) with Date and Authorization. `bucket` and `key` as they are, not encoded; the
    query must be empty."""
    own = "".join([f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-oss-")])
    text = (
        f"{method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{date}\n{own}/{bucket}/{key}"
    )
    signature = base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()
    return {**headers, "date": date, "authorization": f"OSS {key_id}:{signature}"}
