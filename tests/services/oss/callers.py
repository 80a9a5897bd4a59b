"""Those who call a bucket that is not theirs: strangers, roles, and people without any key."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import httpx
import oss2

from tests.services.oss.parts import Owner
from tests.services.parts import Customer, other_account

STRANGER = "1999000011112222"


def of(customer: Customer) -> Owner:
    """The object store of a customer."""
    keys = customer.config
    return Owner(customer.cloud, keys["access_key_id"], keys["access_key_secret"], keys.get("security_token", ""))


def stranger(owner: Owner) -> Owner:
    """The root of another account of the same cloud."""
    return of(other_account(owner.cloud, STRANGER))


def role(owner: Owner, name: str, *policies: str) -> Owner:
    """A role of the same account, assumed."""
    return of(Customer(owner.cloud).role(name, *policies))


def root(owner: Owner) -> Owner:
    """The root of the owner's own account, which owns the buckets."""
    return of(other_account(owner.cloud, owner.cloud.account_id))


def same(bucket: oss2.Bucket, who: Owner, signature: str = "v4") -> oss2.Bucket:
    """The same bucket through somebody else."""
    return who.bucket(bucket.bucket_name, create=False, signature=signature)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def statement(effect: str, action: str, bucket: oss2.Bucket, **more: Any) -> dict[str, Any]:
    """About everyone, the bucket and everything in it."""
    name = bucket.bucket_name
    return {
        "Effect": effect,
        "Action": [action],
        "Principal": ["*"],
        "Resource": [f"acs:oss:*:*:{name}", f"acs:oss:*:*:{name}/*"],
        **more,
    }


class Anyone:
    """Calls without a signature. `host`: how the bucket is addressed, else by path."""

    def __init__(self, owner: Owner, host: str = "") -> None:
        self.url = owner.url
        self.host = host

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> httpx.Response:
        headers = dict(headers or {})
        if self.host:
            headers["Host"] = self.host
        return httpx.request(method, self.url + path, headers=headers, content=body, timeout=15.0, verify=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.call("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})


def anyone_on(bucket: oss2.Bucket, owner: Owner) -> Anyone:
    """On the bucket's own host."""
    return Anyone(owner, f"{bucket.bucket_name}.oss-cn-hongkong.aliyuncs.com")


def told(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    document = ElementTree.fromstring(response.content)
    assert document.tag == "Error", response.text
    return response.status_code, document.findtext("Code") or "", document.findtext("Message") or ""
