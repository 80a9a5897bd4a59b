"""Custom domains: proved by a token, bound to one bucket, and really leading to it."""

from __future__ import annotations

import datetime

import httpx
import oss2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from oss2.models import CertInfo, PutBucketCnameRequest

from tests.services.oss.callers import Anyone, same, stranger, told
from tests.services.oss.parts import Owner, refused


def _bind(bucket: oss2.Bucket, domain: str) -> None:
    bucket.create_bucket_cname_token(domain)
    bucket.put_bucket_cname(PutBucketCnameRequest(domain))


def test_a_domain_is_proved_bound_listed_and_released(bucket: oss2.Bucket) -> None:
    domain = "files.a.example"
    refused(
        lambda: bucket.put_bucket_cname(PutBucketCnameRequest(domain)),
        403,
        "NeedVerifyDomainOwnership",
        "Please verify domain ownership by CreateCnameToken and try again.",
    )
    refused(lambda: bucket.get_bucket_cname_token(domain), 404, "NoSuchCnameToken", "There is no token")
    made = bucket.create_bucket_cname_token(domain)
    assert (made.bucket, made.cname, len(made.token)) == (bucket.bucket_name, domain, 32)
    assert bucket.create_bucket_cname_token(domain.upper()).token == made.token
    assert bucket.get_bucket_cname_token(domain).expire_time == made.expire_time
    bucket.put_bucket_cname(PutBucketCnameRequest(domain))
    listed = bucket.list_bucket_cname()
    assert (listed.bucket, [(row.domain, row.status) for row in listed.cname]) == (
        bucket.bucket_name,
        [(domain, "Enabled")],
    )
    bucket.delete_bucket_cname(domain)
    assert bucket.list_bucket_cname().cname == []
    refused(lambda: bucket.delete_bucket_cname(domain), 404, "NoSuchCname", "The specified cname does not exist.")


def test_a_token_expires(alone: Owner) -> None:
    bucket = alone.bucket()
    bucket.create_bucket_cname_token("a.example")
    alone.cloud.run(alone.cloud.cloud.clock.skip(73 * 3600.0))
    refused(
        lambda: bucket.put_bucket_cname(PutBucketCnameRequest("a.example")), 403, "NeedVerifyDomainOwnership", "verify"
    )


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "com",
        "a..example",
        "-a.example",
        "127.0.0.1",
        "a.localhost",
        "oapi.dingtalk.com",
        "b.oss-cn-x.aliyuncs.com",
        "a b.example",
        "a.example/x",
        "a" * 64 + ".example",
        "ex\nample.com",
    ],
)
def test_names_that_nobody_can_bind(bucket: oss2.Bucket, domain: str) -> None:
    refused(lambda: bucket.create_bucket_cname_token(domain), 400, "InvalidArgument", "The domain name is invalid.")


def test_a_domain_leads_to_its_bucket(owner: Owner, bucket: oss2.Bucket) -> None:
    domain = "www.b.example"
    anyone = Anyone(owner, domain)
    assert anyone.get("/a").status_code == 421
    _bind(bucket, domain)
    bucket.put_object("dir/a", b"1")
    assert told(anyone.get("/dir/a"))[:2] == (403, "AccessDenied")
    bucket.put_bucket_acl("public-read")
    assert anyone.get("/dir/a").content == b"1"
    # Signed as the bucket's, whatever the host is called.
    for signature in ("v1", "v4"):
        url = httpx.URL(same(bucket, owner, signature).sign_url("GET", "dir/a", 60, slash_safe=True))
        target = url.raw_path.decode().replace(f"/{bucket.bucket_name}/", "/", 1)
        assert anyone.get(target).content == b"1"
        assert told(anyone.get(target.replace("dir/a", "dir/b")))[:2] == (403, "SignatureDoesNotMatch")
    # Not even what is open to all of ours is there.
    assert told(anyone.get("/_kowloon/health"))[:2] == (404, "NoSuchKey")
    assert told(anyone.get("/robot/send"))[:2] == (404, "NoSuchKey")
    bucket.delete_bucket_cname(domain)
    assert anyone.get("/dir/a").status_code == 421


def test_a_domain_has_one_bucket(owner: Owner, bucket: oss2.Bucket) -> None:
    domain = "one.c.example"
    _bind(bucket, domain)
    other = owner.bucket()
    refused(lambda: _bind(other, domain), 409, "CnameAlreadyExists", "already been bound")
    theirs = stranger(owner).bucket()
    refused(lambda: _bind(theirs, domain), 403, "CnameDenied", "The cname belongs to another user.")
    refused(lambda: theirs.delete_bucket_cname(domain), 404, "NoSuchCname", "does not exist")
    refused(same(bucket, stranger(owner)).list_bucket_cname, 403, "AccessDenied", "does not belong to you")
    other.delete_bucket()
    theirs.delete_bucket()


def test_a_domain_does_not_outlive_its_bucket(owner: Owner) -> None:
    domain, bucket = "gone.d.example", owner.bucket()
    _bind(bucket, domain)
    bucket.delete_bucket()
    taker = stranger(owner).bucket(bucket.bucket_name)
    taker.put_object("a", b"1")
    taker.put_bucket_acl("public-read")
    assert Anyone(owner, domain).get("/a").status_code == 421
    assert taker.list_bucket_cname().cname == []
    refused(lambda: taker.put_bucket_cname(PutBucketCnameRequest(domain)), 403, "NeedVerifyDomainOwnership", "verify")
    taker.delete_object("a")
    taker.delete_bucket()


def _certificate() -> str:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "e.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 0xABC, now, now + datetime.timedelta(days=30))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_the_certificate_of_a_domain_is_described(bucket: oss2.Bucket) -> None:
    domain = "e.example"
    bucket.create_bucket_cname_token(domain)
    wrong = PutBucketCnameRequest(domain, CertInfo(certificate="no certificate", private_key="x"))
    refused(lambda: bucket.put_bucket_cname(wrong), 400, "InvalidArgument", "The certificate is invalid.")
    bucket.put_bucket_cname(PutBucketCnameRequest(domain, CertInfo(certificate=_certificate(), private_key="secret")))
    shown = bucket.list_bucket_cname().cname[0].certificate
    assert (shown.type, shown.cert_id, shown.status) == ("Upload", "abc", "Enabled")
    assert shown.valid_end_date == "Fri, 31 Jan 2025 00:00:00 GMT"
    assert len(shown.fingerprint) == 59
    bucket.put_bucket_cname(PutBucketCnameRequest(domain, CertInfo(cert_id="493****-cn-hangzhou")))
    assert bucket.list_bucket_cname().cname[0].certificate.type == "CAS"
    bucket.put_bucket_cname(PutBucketCnameRequest(domain, CertInfo(delete_certificate=True)))
    assert bucket.list_bucket_cname().cname[0].certificate is None
