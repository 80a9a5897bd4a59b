"""Default encryption of a bucket: what it says, and what new objects say because of it."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account

Rule = oss2.models.ServerSideEncryptionRule


def _rule(algorithm: str, key_id: str = "", data: str = "") -> Rule:
    rule = Rule()
    rule.sse_algorithm = algorithm
    rule.kms_master_keyid = key_id
    rule.kms_data_encryption = data
    return rule


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_it_is_kept_until_it_is_deleted(moving: Owner, signature: str) -> None:
    bucket = moving.bucket(signature=signature)
    details = refused(bucket.get_bucket_encryption, 404, "NoSuchServerSideEncryptionRule", "does not exist")
    assert details["BucketName"] == bucket.bucket_name
    bucket.put_bucket_encryption(_rule("KMS", "key-1", "SM4"))
    found = bucket.get_bucket_encryption()
    assert (found.sse_algorithm, found.kms_master_keyid, found.kms_data_encryption) == ("KMS", "key-1", "SM4")
    bucket.put_bucket_encryption(_rule("AES256"))
    assert bucket.get_bucket_encryption().sse_algorithm == "AES256"
    bucket.delete_bucket_encryption()
    bucket.delete_bucket_encryption()
    refused(bucket.get_bucket_encryption, 404, "NoSuchServerSideEncryptionRule", "The server side encryption")


def test_through_the_second_client(moving: Owner) -> None:
    name, client = moving.bucket().bucket_name, moving.v2()
    rule = oss_v2.ServerSideEncryptionRule(
        apply_server_side_encryption_by_default=oss_v2.ApplyServerSideEncryptionByDefault(sse_algorithm="SM4")
    )
    client.put_bucket_encryption(oss_v2.PutBucketEncryptionRequest(bucket=name, server_side_encryption_rule=rule))
    found = client.get_bucket_encryption(oss_v2.GetBucketEncryptionRequest(bucket=name)).server_side_encryption_rule
    assert found is not None
    assert found.apply_server_side_encryption_by_default.sse_algorithm == "SM4"
    result = client.put_object(oss_v2.PutObjectRequest(bucket=name, key="a", body=b"1"))
    assert result.headers["x-oss-server-side-encryption"] == "SM4"
    client.delete_bucket_encryption(oss_v2.DeleteBucketEncryptionRequest(bucket=name))
    refused_v2(
        lambda: client.get_bucket_encryption(oss_v2.GetBucketEncryptionRequest(bucket=name)),
        404,
        "NoSuchServerSideEncryptionRule",
        "The server side encryption configuration does not exist.",
    )


def test_every_way_to_write_an_object_takes_it(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_object("before", b"1")
    bucket.put_bucket_encryption(_rule("KMS"))
    key_ids = set()
    result = bucket.put_object("put", b"1")
    key_ids.add(result.headers["x-oss-server-side-encryption-key-id"])
    bucket.append_object("appended", 0, b"1")
    bucket.copy_object(bucket.bucket_name, "before", "copied")
    upload_id = bucket.init_multipart_upload("parts").upload_id
    part = bucket.upload_part("parts", upload_id, 1, b"1")
    bucket.complete_multipart_upload("parts", upload_id, [oss2.models.PartInfo(1, part.etag)])
    for key in ("put", "appended", "copied", "parts"):
        headers = bucket.head_object(key).headers
        assert headers["x-oss-server-side-encryption"] == "KMS", key
        key_ids.add(headers["x-oss-server-side-encryption-key-id"])
    assert len(key_ids) == 1
    assert "x-oss-server-side-encryption" not in bucket.head_object("before").headers


def test_what_a_writer_asks_for_comes_first(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_bucket_encryption(_rule("KMS", "key-1"))
    bucket.put_object("own", b"1", headers={"x-oss-server-side-encryption": "AES256"})
    headers = bucket.head_object("own").headers
    assert headers["x-oss-server-side-encryption"] == "AES256"
    assert "x-oss-server-side-encryption-key-id" not in headers


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-oss-server-side-encryption": "DES"}, "InvalidEncryptionAlgorithmError"),
        ({"x-oss-server-side-encryption-key-id": "k"}, "InvalidEncryptionAlgorithmError"),
        (
            {"x-oss-server-side-encryption": "AES256", "x-oss-server-side-encryption-key-id": "k"},
            "InvalidEncryptionRequest",
        ),
    ],
)
def test_what_no_object_can_be_encrypted_with(moving: Owner, headers: dict[str, str], code: str) -> None:
    bucket = moving.bucket()
    refused(lambda: bucket.put_object("a", b"1", headers=headers), 400, code)
    assert not bucket.object_exists("a")


def test_what_no_bucket_can_have(moving: Owner) -> None:
    bucket = moving.bucket()
    refused(lambda: bucket.put_bucket_encryption(_rule("DES")), 400, "InvalidEncryptionAlgorithmError", "not valid")
    refused(lambda: bucket.put_bucket_encryption(_rule("AES256", "key")), 400, "InvalidEncryptionRequest", "KMS")
    stranger = other_account(moving.cloud).config
    theirs = Owner(moving.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    foreign = theirs.bucket(bucket.bucket_name, create=False)
    refused(foreign.get_bucket_encryption, 403, "AccessDenied", "The bucket you access does not belong to you.")
    refused(lambda: foreign.put_bucket_encryption(_rule("AES256")), 403, "AccessDenied", "The bucket you access does")
    refused(foreign.delete_bucket_encryption, 403, "AccessDenied", "The bucket you access does not belong to you.")
