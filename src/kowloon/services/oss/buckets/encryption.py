"""Default encryption of a bucket: what its new objects say of themselves when their writers say nothing.

Known deviation: bytes at rest are as they were sent. They lie on the user's own machine, and a key beside them would
hide them from nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import forget, keep, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import INVALID_ENCRYPTION, MALFORMED_XML
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.services.oss.runs.effect_errors import INVALID_ENCRYPTION_REQUEST, NO_SUCH_ENCRYPTION
from kowloon.store.store import Store
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, document, elements

_ALGORITHMS: Final = ("AES256", "KMS", "SM4")
_KMS: Final = "KMS"
_HEADER: Final = "x-oss-server-side-encryption"
_KEY_HEADER: Final = "x-oss-server-side-encryption-key-id"
_DATA_HEADER: Final = "x-oss-server-side-data-encryption"


class Encryption(BucketSetting, frozen=True, kw_only=True):
    """`key_id` and `data_algorithm` go with KMS; without a key id the account's default key is meant."""

    kind: ClassVar[str] = "oss-encryption"

    algorithm: str
    key_id: str = ""
    data_algorithm: str = ""

    def in_bucket_info(self) -> dict[str, Content]:
        rule: Content = {
            "SSEAlgorithm": self.algorithm,
            "KMSMasterKeyID": self.key_id or None,
            "KMSDataEncryption": self.data_algorithm or None,
        }
        return {"ServerSideEncryptionRule": rule}


oss.setting(Encryption)


def default_key_id(account: str) -> str:
    """The key that the vendor keeps for every account that uses KMS without one of its own."""
    text = hashlib.sha256(f"oss-default-key:{account}".encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


def encryption_fields(call: Call) -> dict[str, str]:
    """The fields of Meta that say how a new object of the call's bucket is encrypted: as its writer asks, else as the
    bucket says."""
    headers = call.headers
    if _HEADER in headers or _KEY_HEADER in headers or _DATA_HEADER in headers:
        return _asked(headers, call.bucket)
    return default_encryption(call.parts.store, call.bucket)


def default_encryption(store: Store, bucket: Bucket) -> dict[str, Any]:
    """The same of a writer that asks for nothing."""
    setting = store.get(Encryption, bucket.id)
    return encrypted(bucket, setting.algorithm, setting.key_id) if setting is not None else {}


def _asked(headers: Mapping[str, str], bucket: Bucket) -> dict[str, str]:
    algorithm, key_id = headers.get(_HEADER, ""), headers.get(_KEY_HEADER, "")
    data_algorithm = headers.get(_DATA_HEADER, "")
    if algorithm not in _ALGORITHMS or data_algorithm not in ("", "SM4"):
        raise INVALID_ENCRYPTION.error()
    if (key_id or data_algorithm) and algorithm != _KMS:
        raise INVALID_ENCRYPTION_REQUEST.error()
    return encrypted(bucket, algorithm, key_id)


def encrypted(bucket: Bucket, algorithm: str, key_id: str) -> dict[str, Any]:
    """The fields of Meta for an object that is encrypted so."""
    if algorithm == _KMS:
        key_id = key_id or default_key_id(bucket.account)
    return {"encryption": algorithm, "encryption_key": key_id}


@oss.operation("PutBucketEncryption", "bucket", "PUT", "encryption", body=Body.DOCUMENT)
async def put_bucket_encryption(call: Call) -> HttpResponse:
    node = call.document("ServerSideEncryptionRule").child("ApplyServerSideEncryptionByDefault")
    if node is None:
        raise MALFORMED_XML.error()
    algorithm, key_id = node.text("SSEAlgorithm").strip(), node.text("KMSMasterKeyID").strip()
    data_algorithm = node.text("KMSDataEncryption").strip()
    if algorithm not in _ALGORITHMS or data_algorithm not in ("", "SM4"):
        raise INVALID_ENCRYPTION.error()
    if (key_id or data_algorithm) and algorithm != _KMS:
        raise INVALID_ENCRYPTION_REQUEST.error()
    setting = new_setting(call, Encryption, algorithm=algorithm, key_id=key_id, data_algorithm=data_algorithm)
    return await keep(call, setting)


@oss.operation("GetBucketEncryption", "bucket", "GET", "encryption")
def get_bucket_encryption(call: Call) -> HttpResponse:
    setting = setting_of(call, Encryption, call.bucket)
    if setting is None:
        raise NO_SUCH_ENCRYPTION.error(extra={"BucketName": call.bucket.id})
    content: dict[str, Content] = {
        "ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": setting.algorithm,
            "KMSMasterKeyID": setting.key_id if setting.algorithm == _KMS else None,
            "KMSDataEncryption": setting.data_algorithm or None,
        }
    }
    return answers.document(document("ServerSideEncryptionRule", elements(content)))


@oss.operation("DeleteBucketEncryption", "bucket", "DELETE", "encryption")
async def delete_bucket_encryption(call: Call) -> HttpResponse:
    return await forget(call, Encryption)
