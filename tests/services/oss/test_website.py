"""Static websites: index pages, folders, redirects and error pages for anonymous readers on a bucket's own host."""

from __future__ import annotations

from collections.abc import Callable

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest

from tests.services.oss.callers import Anyone, anyone_on, same, stranger, told
from tests.services.oss.parts import Owner, refused

Put = Callable[[str], None]


@pytest.fixture
def put(bucket: oss2.Bucket) -> Put:
    """Configures the bucket, which is public and has a few pages, from the inside of the document."""
    bucket.put_bucket_acl("public-read")
    for key in ("index.html", "docs/index.html", "docs/a.html", "404.html"):
        bucket.put_object(key, key.encode(), headers={"Content-Type": "text/html"})

    def configure(inside: str) -> None:
        bucket.put_bucket_website(f"<WebsiteConfiguration>{inside}</WebsiteConfiguration>")

    return configure


def _index(sub_dirs: str = "false", kind: int = 0) -> str:
    return (
        f"<IndexDocument><Suffix>index.html</Suffix><SupportSubDir>{sub_dirs}</SupportSubDir>"
        f"<Type>{kind}</Type></IndexDocument>"
    )


ERROR = "<ErrorDocument><Key>404.html</Key><HttpStatus>{}</HttpStatus></ErrorDocument>"


def _rule(condition: str, redirect: str, number: int = 1) -> str:
    return (
        f"<RoutingRules><RoutingRule><RuleNumber>{number}</RuleNumber><Condition>{condition}</Condition>"
        f"<Redirect>{redirect}</Redirect></RoutingRule></RoutingRules>"
    )


def test_a_website_is_kept_shown_and_removed(bucket: oss2.Bucket) -> None:
    refused(bucket.get_bucket_website, 404, "NoSuchWebsiteConfiguration", "does not have a website configuration")
    rule = oss2.models.RoutingRule(
        rule_num=2,
        condition=oss2.models.Condition(key_prefix_equals="old/", http_err_code_return_equals=404),
        redirect=oss2.models.Redirect(redirect_type="External", host_name="a.example", http_redirect_code=302),
    )
    bucket.put_bucket_website(oss2.models.BucketWebsite("index.html", "404.html", [rule]))
    shown = bucket.get_bucket_website()
    assert (shown.index_file, shown.error_file) == ("index.html", "404.html")
    assert shown.rules[0].rule_num == 2
    assert shown.rules[0].condition.key_prefix_equals == "old/"
    assert (shown.rules[0].redirect.redirect_type, shown.rules[0].redirect.host_name) == ("External", "a.example")
    bucket.delete_bucket_website()
    refused(bucket.get_bucket_website, 404, "NoSuchWebsiteConfiguration", "The specified bucket does not have a")


def test_all_of_a_mirroring_rule_is_shown(owner: Owner, bucket: oss2.Bucket) -> None:
    rule = oss_v2.RoutingRule(
        rule_number=1,
        condition=oss_v2.RoutingRuleCondition(key_prefix_equals="m/", http_error_code_returned_equals=404),
        redirect=oss_v2.RoutingRuleRedirect(
            redirect_type="Mirror",
            mirror_url="http://origin.example/",
            mirror_headers=oss_v2.MirrorHeaders(pass_all=True, removes=["a & b"]),
        ),
    )
    config = oss_v2.WebsiteConfiguration(routing_rules=oss_v2.RoutingRules(routing_rules=[rule]))
    client, name = owner.v2(), bucket.bucket_name
    client.put_bucket_website(oss_v2.PutBucketWebsiteRequest(bucket=name, website_configuration=config))
    shown = client.get_bucket_website(oss_v2.GetBucketWebsiteRequest(bucket=name)).website_configuration
    redirect = shown.routing_rules.routing_rules[0].redirect
    assert redirect.mirror_url == "http://origin.example/"
    assert (redirect.mirror_headers.pass_all, redirect.mirror_headers.removes) == (True, ["a & b"])
    bucket.put_bucket_acl("public-read")
    assert told(anyone_on(bucket, owner).get("/m/missing"))[:2] == (501, "NotBuiltInKowloon")


@pytest.mark.parametrize(
    ("inside", "code", "message"),
    [
        ("", "MalformedXML", "not well-formed"),
        ("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>", "InvalidArgument", "The value of Suffix"),
        ("<IndexDocument><Suffix>i</Suffix><Type>3</Type></IndexDocument>", "InvalidArgument", "The value of Type"),
        (ERROR.format(500), "InvalidArgument", "The value of HttpStatus"),
        (_rule("", "<RedirectType>Lua</RedirectType>"), "MalformedXML", "not well-formed"),
        (_rule("", "<RedirectType>External</RedirectType>", 0), "MalformedXML", "not well-formed"),
        (_rule("", "<RedirectType>Mirror</RedirectType>"), "MalformedXML", "not well-formed"),
        (
            _rule("", "<RedirectType>External</RedirectType><HostName>a&#13;&#10;Set-Cookie: b</HostName>"),
            "InvalidArgument",
            "The value of HostName",
        ),
        (
            _rule("", "<RedirectType>External</RedirectType><Protocol>javascript</Protocol>"),
            "InvalidArgument",
            "The value of Protocol",
        ),
        (
            _rule("", "<RedirectType>External</RedirectType><HttpRedirectCode>200</HttpRedirectCode>"),
            "InvalidArgument",
            "The value of HttpRedirectCode",
        ),
    ],
)
def test_websites_that_are_none(put: Put, inside: str, code: str, message: str) -> None:
    refused(lambda: put(inside), 400, code, message)


def test_the_root_is_the_index_for_readers_and_a_list_for_the_owner(
    owner: Owner, bucket: oss2.Bucket, put: Put
) -> None:
    put(_index())
    reader = anyone_on(bucket, owner)
    page = reader.get("/")
    assert (page.status_code, page.content, page.headers["content-type"]) == (200, b"index.html", "text/html")
    assert reader.get("/docs/a.html").content == b"docs/a.html"
    # Folders without pages of their own lead to the one there is.
    assert reader.get("/docs/").content == b"index.html"
    assert told(reader.get("/docs"))[:2] == (404, "NoSuchKey")
    assert told(reader.get("/?list-type=2"))[:2] == (403, "AccessDenied")
    assert len(bucket.list_objects().object_list) == 4
    # By path it is the API's answer, not the website's.
    assert told(Anyone(owner).get(f"/{bucket.bucket_name}/"))[:2] == (403, "AccessDenied")
    assert told(Anyone(owner).get(f"/{bucket.bucket_name}/docs/"))[:2] == (404, "NoSuchKey")


@pytest.mark.parametrize(("kind", "status"), [(0, 302), (1, 404), (2, 200)])
def test_a_folder_without_its_slash(owner: Owner, bucket: oss2.Bucket, put: Put, kind: int, status: int) -> None:
    put(_index("true", kind) + ERROR.format(404))
    reader = anyone_on(bucket, owner)
    assert reader.get("/docs/").content == b"docs/index.html"
    answer = reader.get("/docs")
    assert answer.status_code == status
    if status == 302:
        assert answer.headers["location"] == "/docs/"
    else:
        assert answer.content == (b"docs/index.html" if status == 200 else b"404.html")
    missing = reader.get("/nothing")
    assert (missing.status_code, missing.content) == (404, b"404.html")


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_missing_has_a_page(owner: Owner, bucket: oss2.Bucket, put: Put, status: int) -> None:
    put(_index() + ERROR.format(status))
    reader = anyone_on(bucket, owner)
    page = reader.get("/missing", Range="bytes=0-1")
    assert (page.status_code, page.content, page.headers["content-type"]) == (status, b"404.html", "text/html")
    head = reader.call("HEAD", "/missing")
    assert (head.status_code, head.headers["content-length"], head.content) == (status, "8", b"")
    # Who signs is told the truth.
    refused(lambda: bucket.get_object("missing"), 404, "NoSuchKey", "The specified key does not exist.")
    bucket.delete_object("404.html")
    assert told(reader.get("/missing"))[:2] == (404, "NoSuchKey")


def test_pages_that_may_not_be_read_are_not_served(owner: Owner, bucket: oss2.Bucket, put: Put) -> None:
    put(_index("true", 2) + ERROR.format(404))
    bucket.put_object_acl("404.html", "private")
    bucket.put_object_acl("docs/index.html", "private")
    reader = anyone_on(bucket, owner)
    assert told(reader.get("/missing"))[:2] == (404, "NoSuchKey")
    assert told(reader.get("/docs"))[:2] == (404, "NoSuchKey")
    assert told(reader.get("/docs/"))[:2] == (403, "AccessDenied")
    bucket.put_bucket_acl("private")
    assert told(reader.get("/"))[:2] == (403, "AccessDenied")
    assert told(reader.get("/missing"))[:2] == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("condition", "redirect", "asked", "status", "location"),
    [
        (
            "<KeyPrefixEquals>old/</KeyPrefixEquals>",
            "<RedirectType>External</RedirectType><Protocol>https</Protocol><HostName>a.example</HostName>"
            "<ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith><PassQueryString>true</PassQueryString>",
            "/old/a%20b?x=1",
            302,
            "https://a.example/new/a%20b?x=1",
        ),
        (
            "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>",
            "<RedirectType>External</RedirectType><HostName>a.example</HostName>"
            "<ReplaceKeyWith>find/${key}.html</ReplaceKeyWith><HttpRedirectCode>301</HttpRedirectCode>",
            "/missing",
            301,
            "http://a.example/find/missing.html",
        ),
        (
            "<KeySuffixEquals>.php</KeySuffixEquals>",
            "<RedirectType>AliCDN</RedirectType><HostName>cdn.example</HostName>"
            "<HttpRedirectCode>307</HttpRedirectCode>",
            "/a.php",
            307,
            "http://cdn.example/a.php",
        ),
        (
            "<KeyPrefixEquals>in/</KeyPrefixEquals>",
            "<RedirectType>External</RedirectType><ReplaceKeyWith>a&#13;&#10;Set-Cookie: b</ReplaceKeyWith>"
            "<HostName>a.example</HostName>",
            "/in/",
            302,
            "http://a.example/a%0A%0ASet-Cookie%3A%20b",
        ),
    ],
)
def test_rules_that_send_readers_elsewhere(
    owner: Owner, bucket: oss2.Bucket, put: Put, condition: str, redirect: str, asked: str, status: int, location: str
) -> None:
    put(_rule(condition, redirect))
    answer = anyone_on(bucket, owner).get(asked)
    assert answer.status_code == status
    assert answer.headers["location"].replace("%0D%0A", "%0A%0A") == location
    assert "set-cookie" not in answer.headers


def test_rules_that_stay_inside(owner: Owner, bucket: oss2.Bucket, put: Put) -> None:
    internal = "<RedirectType>Internal</RedirectType><ReplaceKeyWith>docs/a.html</ReplaceKeyWith>"
    put(_rule("<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>", internal))
    reader = anyone_on(bucket, owner)
    assert reader.get("/missing").content == b"docs/a.html"
    assert reader.get("/index.html").content == b"index.html"
    put(_rule("<KeyPrefixEquals>docs/</KeyPrefixEquals>", internal.replace("docs/a.html", "docs/none")))
    assert told(reader.get("/docs/a.html"))[:2] == (404, "NoSuchKey")
    bucket.put_object("secret", b"1", headers={"x-oss-object-acl": "private"})
    for condition in (
        "<KeyPrefixEquals>x</KeyPrefixEquals>",
        "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>",
    ):
        put(_rule(condition, internal.replace("docs/a.html", "secret")))
        assert told(reader.get("/x"))[:2] == (403, "AccessDenied")


def test_a_rule_can_ask_for_a_header(owner: Owner, bucket: oss2.Bucket, put: Put) -> None:
    put(
        _rule(
            "<IncludeHeader><Key>X-Old</Key><Equals>yes</Equals></IncludeHeader>",
            "<RedirectType>External</RedirectType><HostName>a.example</HostName>",
        )
    )
    reader = anyone_on(bucket, owner)
    assert reader.get("/index.html").status_code == 200
    assert reader.get("/index.html", X_Old="yes").headers["location"] == "http://a.example/index.html"


def test_the_website_is_the_owners(owner: Owner, bucket: oss2.Bucket) -> None:
    refused(same(bucket, stranger(owner)).get_bucket_website, 403, "AccessDenied", "does not belong to you")


def test_a_website_under_a_browsers_own_name(owner: Owner, bucket: oss2.Bucket, put: Put) -> None:
    put(_index())
    response = httpx.get(owner.url, headers={"Host": f"{bucket.bucket_name}.localhost"})
    assert response.content == b"index.html"
