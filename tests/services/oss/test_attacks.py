"""What nobody should get away with: odd names, odd bytes, other ways to the same object, pages that act as ours."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import quote

import httpx
import oss2
import pytest

from tests.services.oss.callers import Anyone, anyone_on, policy, same, statement, stranger, told
from tests.services.oss.parts import Owner, refused

_MOST_SECONDS = 10.0


def spoken(owner: Owner, data: bytes) -> bytes:
    """What the server answers to raw bytes, until it closes or has said all of one answer."""
    host, _, port = owner.cloud.endpoint.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_MOST_SECONDS) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def asked(owner: Owner, target: bytes, host: bytes, method: bytes = b"GET", more: bytes = b"") -> bytes:
    return spoken(
        owner, method + b" " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n" + more + b"\r\n"
    )


@pytest.fixture
def public(bucket: oss2.Bucket) -> oss2.Bucket:
    bucket.put_bucket_acl("public-read-write")
    return bucket


def _host(bucket: oss2.Bucket) -> bytes:
    return f"{bucket.bucket_name}.oss-cn-hongkong.aliyuncs.com".encode()


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    ["..", "../../etc/passwd", "a/../../b", "./x", "a//b", "a/./b", ".hidden", "a\\b", "C:\\x", "con", "a\x00b", "\x01",
     "a\r\nb", "%2e%2e/%2f", "k" * 1023, "ü" * 511, "...", "~root", "a;b|c`d`", "{0}%s"],
)  # fmt: skip
def test_odd_names_are_names(public: oss2.Bucket, owner: Owner, key: str) -> None:
    """Each is an object of its own, in the bucket, whatever a file system would make of it."""
    path = quote(key, safe="").encode()
    for host, target in (
        (_host(public), b"/" + path),
        (b"127.0.0.1", b"/" + public.bucket_name.encode() + b"/" + path),
    ):
        put = asked(owner, target, host, b"PUT", b"Content-Length: 5\r\n\r\nvalue")
        assert put.startswith(b"HTTP/1.1 200"), put
        assert asked(owner, target, host).endswith(b"\r\n\r\nvalue")
        listed = public.list_objects().object_list
        assert [found.key for found in listed] == [key]
        assert asked(owner, target, host, b"DELETE").startswith(b"HTTP/1.1 204")
    assert public.list_objects().object_list == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (b"/" + b"k" * 1024, 400, "InvalidObjectName"),
        (b"/%2Fa", 400, "InvalidObjectName"),
        (b"//a", 400, "InvalidObjectName"),
        (b"/%5Ca", 400, "InvalidObjectName"),
        (b"/%ff%fe", 400, "InvalidURI"),
        (b"/%c0%ae%c0%ae/", 400, "InvalidURI"),
        (b"/%ed%a0%80", 400, "InvalidURI"),
        (b"/a%zz", 400, "InvalidURI"),
        (b"/a?acl=%ff", 400, "InvalidArgument"),
    ],
)
def test_names_that_are_none(public: oss2.Bucket, owner: Owner, path: bytes, status: int, code: str) -> None:
    answer = asked(owner, path, _host(public), b"PUT", b"Content-Length: 1\r\n\r\nx")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert f"<Code>{code}</Code>".encode() in answer
    assert public.list_objects().object_list == []


@pytest.mark.parametrize("name", ["..", "%2e%2e", "_kowloon", "a_b", "A", "a%00b", "a%2Fb", "-a-", "xn--%ff"])
def test_buckets_that_cannot_be(owner: Owner, name: str) -> None:
    answer = asked(owner, f"/{name}/key".encode(), b"127.0.0.1", b"PUT", b"Content-Length: 1\r\n\r\nx")
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), answer
    assert b"HTTP/1.1 500" not in answer


# Headers and documents ------------------------------------------------------------------------------------------


def test_no_header_can_be_smuggled_into_an_answer(owner: Owner, bucket: oss2.Bucket) -> None:
    evil = "x\r\nSet-Cookie: a=b\r\n\r\n<script>"
    bucket.put_object("a", b"1")
    names = ["response-content-type", "response-content-disposition", "response-cache-control", "response-expires"]
    for name in names:
        answer = httpx.get(bucket.sign_url("GET", "a", 60, params={name: evil}))
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert answer.content == b"1"
    target = f"/{bucket.bucket_name}/a?x=".encode() + b"\r\n"
    raw = asked(owner, b"/a%0d%0aSet-Cookie:%20a=b", _host(bucket))
    assert b"\r\nSet-Cookie" not in raw
    assert not asked(owner, target, b"127.0.0.1").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("value", [b"a\rb", b"a\x00b", b"a\nX-Other: b"])
def test_no_header_can_be_stored_that_is_two(owner: Owner, public: oss2.Bucket, value: bytes) -> None:
    more = b"x-oss-meta-a: " + value + b"\r\nContent-Length: 1\r\n\r\nx"
    asked(owner, b"/a", _host(public), b"PUT", more)
    answer = asked(owner, b"/a", _host(public))
    assert b"\r\nX-Other" not in answer
    assert b"\x00" not in answer.partition(b"\r\n\r\n")[0]


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">'
    + b"".join(b'<!ENTITY c%d "%s">' % (at, b"&b;" * 10 if at == 0 else b"&c%d;" % (at - 1) * 10) for at in range(9))
    + b"]><%s>&c8;</%s>"
)
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><%s>&b;</%s>'
DEEP = b"<%s>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</%s>"


@pytest.mark.parametrize("document", [BOMB, OUTSIDE, DEEP, b"<%s></other><%s>", b"\xff\xfe<%s></%s>"])
def test_documents_that_attack_their_reader(bucket: oss2.Bucket, document: bytes) -> None:
    puts: dict[bytes, Callable[[bytes], object]] = {
        b"CORSConfiguration": lambda body: bucket.put_bucket_cors(body.decode("latin-1")),
        b"WebsiteConfiguration": lambda body: bucket.put_bucket_website(body.decode("latin-1")),
        b"RefererConfiguration": lambda body: bucket.put_bucket_referer(body.decode("latin-1")),
        b"Tagging": lambda body: bucket.put_bucket_tagging(body.decode("latin-1")),
        b"RequestPaymentConfiguration": lambda body: bucket._Bucket__do_bucket(
            "PUT", data=body, params={"requestPayment": ""}
        ),
    }
    for root, put in puts.items():
        refused(
            lambda put=put, root=root: put(document % (root, root)),
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against",
        )


def test_a_policy_that_attacks_its_reader(bucket: oss2.Bucket) -> None:
    for text in ("[" * 16_000, '{"a":' * 3_000, "1" * 16_000, "\x00", '"\\ud800"'):
        refused(
            lambda text=text: bucket.put_bucket_policy(text), 400, "InvalidPolicyDocument", "The policy is invalid: it"
        )
    slow = statement("Allow", "oss:GetObject", bucket, Resource=["acs:oss:*:*:" + "*a" * 5000 + "b"])
    bucket.put_bucket_policy(policy(slow))
    with pytest.raises(oss2.exceptions.NoSuchKey) as caught:
        bucket.get_object("a" * 1000)
    assert caught.value.status == 404


def test_more_headers_than_anyone_needs(owner: Owner, public: oss2.Bucket) -> None:
    big = b"x-oss-meta-a: " + b"v" * 9000 + b"\r\nContent-Length: 1\r\n\r\nx"
    answer = asked(owner, b"/a", _host(public), b"PUT", big)
    assert b"<Code>InvalidArgument</Code>" in answer
    huge = b"".join(b"x-oss-meta-%d: %s\r\n" % (at, b"v" * 1000) for at in range(1000))
    assert asked(owner, b"/a", _host(public), b"PUT", huge).startswith(b"HTTP/1.1 431")
    many = b"".join(b"x-%d: 1\r\n" % at for at in range(5000))
    assert asked(owner, b"/a", _host(public), b"PUT", many).startswith(b"HTTP/1.1 431")
    assert public.list_objects().object_list == []


@pytest.mark.parametrize(
    "twice",
    [b"Content-Length: 1\r\nContent-Length: 2\r\n", b"Host: other.oss-cn-hongkong.aliyuncs.com\r\n",
     b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"],
)  # fmt: skip
def test_headers_that_two_readers_could_read_in_two_ways(owner: Owner, public: oss2.Bucket, twice: bytes) -> None:
    answer = asked(owner, b"/a", _host(public), b"PUT", twice + b"\r\nx")
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert public.list_objects().object_list == []


# Ways around a denial ------------------------------------------------------------------------------------------


def test_a_denied_object_is_denied_under_every_address(owner: Owner, bucket: oss2.Bucket) -> None:
    name = bucket.bucket_name
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    version = bucket.put_object("secret/a", b"1").versionid
    bucket.put_object("open/a", b"1")
    bucket.put_bucket_acl("public-read")
    bucket.create_bucket_cname_token("way.f.example")
    bucket.put_bucket_cname(oss2.models.PutBucketCnameRequest("way.f.example"))
    bucket.put_bucket_policy(
        policy(statement("Deny", "oss:GetObject", bucket, Resource=[f"acs:oss:*:*:{name}/secret/*"]))
    )
    hosts = [
        ("", f"/{name}"),
        (f"{name}.oss-cn-hongkong.aliyuncs.com", ""),
        (f"{name}.OSS-CN-HONGKONG.aliyuncs.com", ""),
        (f"{name}.oss-cn-hongkong-internal.aliyuncs.com", ""),
        (f"{name}.s3.oss-cn-hongkong.aliyuncs.com", ""),
        (f"{name}.localhost", ""),
        ("way.f.example", ""),
        ("oss-cn-hongkong.aliyuncs.com", f"/{name}"),
    ]
    for host, prefix in hosts:
        anyone = Anyone(owner, host)
        assert anyone.get(f"{prefix}/open/a").content == b"1"
        for spelled in ("secret/a", "secret%2Fa", "%73ecret/a", "secret/%61", f"secret/a?versionId={version}",
                        "secret/a?objectMeta", "secret/a?acl", "secret/a?tagging"):  # fmt: skip
            answer = anyone.get(f"{prefix}/{spelled}")
            assert (answer.status_code, b"AccessDenied" in answer.content) == (403, True), (host, spelled)
        assert anyone.call("HEAD", f"{prefix}/secret/a").status_code == 403
        # Nothing is normalised: these are other objects, which are not there.
        for other in ("open/../secret/a", "./secret/a", "SECRET/a"):
            answer = Anyone(owner, host)
            raw = asked(owner, f"{prefix}/{other}".encode(), (host or "127.0.0.1").encode())
            assert b"<Code>NoSuchKey</Code>" in raw, (host, other, raw)
    for held in (bucket, same(bucket, stranger(owner))):
        refused(lambda held=held: held.get_object("secret/a"), 403, "AccessDenied", "Access denied by bucket policy.")
    assert httpx.get(bucket.sign_url("GET", "secret/a", 60)).status_code == 403


def test_a_copy_does_not_read_what_its_caller_may_not(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("secret", b"1")
    thief = stranger(owner).bucket()
    refused(
        lambda: thief.copy_object(bucket.bucket_name, "secret", "mine"),
        403,
        "AccessDenied",
        "You have no right to access this object because of bucket acl.",
    )
    upload = thief.init_multipart_upload("parts").upload_id
    refused(
        lambda: thief.upload_part_copy(bucket.bucket_name, "secret", (0, 0), "parts", upload, 1),
        403,
        "AccessDenied",
        "You have no right to access this object because of bucket acl.",
    )
    bucket.put_bucket_policy(policy(statement("Deny", "oss:GetObject", bucket)))
    refused(
        lambda: bucket.copy_object(bucket.bucket_name, "secret", "copy"),
        403,
        "AccessDenied",
        "Access denied by bucket policy.",
    )
    thief.abort_multipart_upload("parts", upload)
    thief.delete_bucket()


def test_a_symlink_opens_nothing(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    bucket.put_bucket_acl("public-read")
    bucket.put_object("secret", b"1", headers={"x-oss-object-acl": "private"})
    link = bucket.put_symlink("secret", "link").versionid
    anyone = Anyone(owner)
    for query in ("", f"?versionId={link}"):
        for method in ("GET", "HEAD"):
            answer = anyone.call(method, f"/{bucket.bucket_name}/link{query}")
            assert answer.status_code == 403
            assert answer.content != b"1"


def test_many_deletions_are_each_decided(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("kept", b"1")
    name = bucket.bucket_name
    bucket.put_bucket_policy(
        policy(statement("Deny", "oss:DeleteObject", bucket, Resource=[f"acs:oss:*:*:{name}/kept"]))
    )
    refused(lambda: bucket.batch_delete_objects(["other", "kept"]), 403, "AccessDenied", "Access denied by bucket")
    assert bucket.get_object("kept").read() == b"1"


def test_a_listing_allowed_under_a_prefix_shows_no_other(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("open/a", b"1")
    bucket.put_object("shut/a", b"1")
    condition = {"StringLike": {"oss:Prefix": ["open/*"]}}
    bucket.put_bucket_policy(policy(statement("Allow", "oss:ListObjects", bucket, Condition=condition)))
    anyone, path = Anyone(owner), f"/{bucket.bucket_name}/"
    shown = anyone.get(f"{path}?prefix=open/")
    assert b"open/a" in shown.content
    assert b"shut/a" not in shown.content
    for query in ("", "?prefix=", "?prefix=shut/", "?prefix=shut/&prefix=open/", "?Prefix=open/", "?list-type=2",
                  "?versions&prefix=open/", "?uploads&prefix=open/"):  # fmt: skip
        assert told(anyone.get(path + query))[:2] == (403, "AccessDenied"), query
    # Of a name that comes twice the first counts, for the decision and for the list.
    twice = anyone.get(f"{path}?prefix=open/&prefix=shut/")
    assert b"shut/a" not in twice.content


def test_without_its_signature_a_request_is_nobodys(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    url = httpx.URL(bucket.sign_url("GET", "a", 60))
    stripped = url.copy_with(query=None)
    assert told(httpx.get(stripped))[:2] == (403, "AccessDenied")
    for name in ("x-oss-signature", "x-oss-credential", "x-oss-date", "x-oss-expires"):
        part = url.copy_remove_param(name)
        status, code, _ = told(httpx.get(part))
        assert (status, code) in ((400, "InvalidArgument"), (403, "AccessDenied")), name
    for version in ("none", "OSS4-HMAC-SHA1", ""):
        changed = url.copy_set_param("x-oss-signature-version", version)
        assert httpx.get(changed).status_code in (400, 403)


# Pages that are not ours ------------------------------------------------------------------------------------------


def test_a_stored_page_cannot_act_as_one_of_ours(owner: Owner, public: oss2.Bucket) -> None:
    page = b"<script>fetch('/_kowloon/reset', {method: 'POST'})</script>"
    public.put_object("page.html", page, headers={"Content-Type": "text/html"})
    answer = Anyone(owner).get(f"/{public.bucket_name}/page.html")
    assert answer.content == page
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    signed = httpx.get(public.sign_url("GET", "page.html", 60, params={"response-content-type": "text/html"}))
    assert signed.headers["content-security-policy"] == "sandbox"
    # An error shows the name as text.
    missing = Anyone(owner).get(f"/{public.bucket_name}/%3Cscript%3Ealert(1)%3C/script%3E")
    assert b"<script>" not in missing.content
    assert missing.headers["content-type"] == "application/xml"
    assert (owner.cloud.cloud.settings.host, missing.status_code) == ("127.0.0.1", 404)


def test_our_own_doors_are_in_no_bucket(owner: Owner, public: oss2.Bucket) -> None:
    token = {"Authorization": f"Bearer {owner.cloud.admin_token}"}
    anyone = anyone_on(public, owner)
    for path in ("/_kowloon/status", "/_kowloon/health", "/_kowloon/reset", "/robot/send"):
        assert told(anyone.get(path))[:2] == (404, "NoSuchKey")
        assert anyone.call("POST", path, token).status_code in (400, 405)
    public.put_object("_kowloon/health", b"mine")
    assert anyone.get("/_kowloon/health").content == b"mine"
    # By path, what is ours stays ours.
    assert Anyone(owner).get("/_kowloon/health").json() != b"mine"


def test_a_bucket_that_is_called_like_one_of_our_doors(owner: Owner) -> None:
    robot = owner.bucket("robot")
    robot.put_object("send", b"mine")
    robot.put_bucket_acl("public-read")
    assert robot.get_object("send").read() == b"mine"
    assert anyone_on(robot, owner).get("/send").content == b"mine"
    assert Anyone(owner).get("/robot/send").content != b"mine"
    robot.delete_object("send")
    robot.delete_bucket()


@pytest.mark.parametrize("host", ["evil.example", "bucket.oss-cn-hongkong.evil.example", "oss.evil.example"])
def test_names_that_somebody_elses_dns_points_here_are_not_served(owner: Owner, host: str) -> None:
    answer = Anyone(owner, host).get("/a")
    assert (answer.status_code, answer.json()["Code"]) == (421, "HostNotServed")
