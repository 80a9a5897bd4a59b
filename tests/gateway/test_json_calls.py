"""Actions as JSON: by who signed in, by the operator, and nobody else; with the rights and the records of any call."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kowloon.core.events import RequestEvent
from kowloon.wire.http import HttpRequest
from tests.core.parts import Caller, answer, get, paper_cloud, told
from tests.pages import RAM, Page, code_now, device, person


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        yield caller


@pytest.fixture
async def page(caller: Caller) -> Page:
    """Alice has signed in, and may nothing."""
    page = Page(caller)
    await page.sign_in(await person(caller))
    return page


async def _allow(caller: Caller, *statements: dict[str, Any]) -> None:
    document = json.dumps({"Version": "1", "Statement": list(statements)})
    await caller.ask("CreatePolicy", PolicyName="hers", PolicyDocument=document, **RAM)
    await caller.ask("AttachPolicyToUser", PolicyName="hers", PolicyType="Custom", UserName="alice", **RAM)


def _statement(action: str, **condition: Any) -> dict[str, Any]:
    made = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {**made, "Condition": condition} if condition else made


def _calls(caller: Caller, action: str) -> list[RequestEvent]:
    return [event for event in caller.cloud.bus.recent if isinstance(event, RequestEvent) and event.action == action]


async def test_a_call_is_made_as_who_signed_in(caller: Caller, page: Page) -> None:
    answered = await page.ask("POST", "/api/Sts/GetCallerIdentity")
    assert answered["Arn"] == f"acs:ram::{caller.cloud.identity.account_id}:user/alice"
    assert answered["IdentityType"] == "RAMUser"
    assert await page.ask("POST", "/api/sts/GetCallerIdentity", b"") | {"RequestId": ""} == answered | {"RequestId": ""}
    event = _calls(caller, "GetCallerIdentity")[-1]
    assert (event.principal_name, event.source, event.user_agent, event.mfa) == (
        "alice",
        "127.0.0.1",
        "a browser",
        False,
    )
    assert (event.product, event.host, event.session_began_at) == ("Sts", "sts.aliyuncs.com", caller.wall.now)
    assert event.access_key_id.startswith("STS.")


async def test_rights_hold_and_a_denial_says_why(caller: Caller, page: Page) -> None:
    response = await page.send("POST", "/api/Ecs/DescribeInstances", {"RegionId": "cn-hongkong"})
    refusal = json.loads(response.body)
    assert (response.status, refusal["Code"]) == (403, "Forbidden.RAM")
    detail = refusal["AccessDeniedDetail"]
    assert (detail["AuthAction"], detail["NoPermissionType"]) == ("ecs:DescribeInstances", "ImplicitDeny")
    assert dict(response.headers)["Cache-Control"] == "no-store"
    await _allow(caller, _statement("ecs:DescribeInstances"))
    answered = await page.ask("POST", "/api/Ecs/DescribeInstances", {"RegionId": "cn-hongkong", "InstanceIds": ["i-1"]})
    assert answered["TotalCount"] == 0
    assert [event.code for event in _calls(caller, "DescribeInstances")] == ["Forbidden.RAM", ""]


async def test_a_policy_can_ask_for_a_device(caller: Caller) -> None:
    page, name = Page(caller), await person(caller)
    await _allow(caller, _statement("ecs:DescribeInstances", Bool={"acs:MFAPresent": "true"}))
    await page.sign_in(name)
    asked = ("POST", "/api/Ecs/DescribeInstances", {"RegionId": "cn-hongkong"})
    assert (await page.refused(*asked))[:2] == (403, "Forbidden.RAM")
    seed = await device(caller)
    await page.sign_in(name, code=code_now(caller, seed))
    await page.ask(*asked)
    assert [event.mfa for event in _calls(caller, "DescribeInstances")] == [False, True]
    # An access key of the same user brings no device along.
    key = (await caller.ask("CreateAccessKey", UserName="alice", **RAM))["AccessKey"]
    plain = caller.key(key["AccessKeyId"], key["AccessKeySecret"])
    assert (await plain.refused("DescribeInstances"))[1] == "Forbidden.RAM"


async def test_lists_objects_numbers_and_text_arrive_as_they_are(caller: Caller, page: Page) -> None:
    await _allow(caller, _statement("vpc:*"), _statement("tag:*"), _statement("ecs:*"))
    region = {"RegionId": "cn-hongkong"}
    tags = [{"Key": "team", "Value": "db & web"}, {"Key": "城", "Value": "九龍=1+1?"}]
    made = await page.ask(
        "POST", "/api/Vpc/CreateVpc", {**region, "CidrBlock": "10.0.0.0/8", "Tag": tags, "DryRun": False}
    )
    asked = {**region, "VpcId": made["VpcId"], "PageSize": 10, "PageNumber": None, "Tag": tags}
    found = await page.ask("POST", "/api/Vpc/DescribeVpcs", asked)
    assert found["PageSize"] == 10
    shown = found["Vpcs"]["Vpc"][0]["Tags"]["Tag"]
    assert [{"Key": tag["Key"], "Value": tag["Value"]} for tag in shown] == tags
    # One whose list travels as JSON text, and one that takes it either way.
    for ids in (["i-1", "i-2"], '["i-1"]', []):
        await page.ask("POST", "/api/Ecs/DescribeInstances", {**region, "InstanceIds": ids})


async def test_what_is_no_call_is_refused_by_name(caller: Caller, page: Page) -> None:
    await _allow(caller, _statement("*"))
    cases: list[tuple[str, Any, tuple[int, str, str]]] = [
        ("Vpc", {}, (404, "NotFound", "Use POST /api/PRODUCT/ACTION.")),
        ("Vpc/A/B", {}, (404, "NotFound", "Use POST /api/PRODUCT/ACTION.")),
        ("Moon/Land", {}, (404, "ProductNotFound", "There is no product 'Moon' here; the products are Ecs, Vpc,")),
        ("Vpc/FlyToTheMoon", {}, (404, "InvalidAction.NotFound", "Specified api is not found")),
        ("Vpc/CreateVpnGateway", {}, (501, "NotBuiltInKowloon", "Vpc 2016-04-28 CreateVpnGateway is a real action")),
        ("Vpc/CreateVpc", {"Cidr": "10.0.0.0/8"}, (400, "UnknownParameter", "Vpc CreateVpc has no parameter 'Cidr'.")),
        (
            "Vpc/CreateVpc",
            {"AccessKeyId": "x"},
            (400, "UnknownParameter", "Vpc CreateVpc has no parameter 'AccessKeyId'."),
        ),
        (
            "Vpc/CreateVpc",
            {"Action": "DeleteVpc"},
            (400, "UnknownParameter", "Vpc CreateVpc has no parameter 'Action'."),
        ),
        ("Vpc/CreateVpc", [1], (400, "InvalidBody", "The body is not as expected:")),
        ("Vpc/CreateVpc", b"{", (400, "InvalidBody", "The body is not as expected:")),
        ("Vpc/CreateVpc", b'{"CidrBlock": "\\ud800"}', (400, "InvalidBody", "The body is not as expected: ")),
        ("Vpc/CreateVpc", b'{"CidrBlock": "\xff"}', (400, "InvalidBody", "The body is not as expected: ")),
        ("Vpc/CreateVpc", b'{"Tag": ' + b"[" * 500 + b"]" * 500 + b"}", (400, "InvalidParameter", "Tag")),
        ("Vpc/CreateVpc", b"[" * 100_000, (400, "InvalidBody", "The body is not as expected:")),
        ("Vpc/DescribeVpcs", {"PageSize": {"a": {"b": 1}}}, (400, "InvalidParameter", "PageSize")),
        ("Ecs/RunInstances", {"Tag": [[[[[[[[[[1]]]]]]]]]]}, (400, "InvalidParameter", "not valid")),
    ]
    for path, body, (status, code, message) in cases:
        answered = await page.refused("POST", f"/api/{path}", body)
        assert answered[:2] == (status, code), (path, body, answered)
        assert message in answered[2], answered
    assert (await page.refused("GET", "/api/Vpc/DescribeVpcs"))[:2] == (405, "MethodNotAllowed")


async def test_other_pages_and_strangers_call_nothing(caller: Caller, page: Page) -> None:
    target = "/api/Sts/GetCallerIdentity"
    refusals: list[tuple[dict[str, str], tuple[int, str]]] = [
        ({"cookie": ""}, (401, "SignInRequired")),
        ({"cookie": "kowloon_session=STS.x:CAISx"}, (401, "SignInRequired")),
        ({"origin": "http://evil.example"}, (403, "OriginRefused")),
        ({"origin": "http://127.0.0.1:3000"}, (403, "OriginRefused")),
        ({"origin": "null"}, (403, "OriginRefused")),
        ({"content_type": "application/x-www-form-urlencoded"}, (415, "JsonRequired")),
        ({"content_type": "text/plain"}, (415, "JsonRequired")),
        ({"content_type": "multipart/form-data; boundary=x"}, (415, "JsonRequired")),
        ({"content_type": ""}, (415, "JsonRequired")),
        ({"host": "sts.aliyuncs.com", "origin": ""}, (403, "HostNotLocal")),
        ({"host": "evil.example", "origin": ""}, (421, "HostNotServed")),
    ]
    for headers, expected in refusals:
        assert (await page.refused("POST", target, **headers))[:2] == expected, headers
    assert _calls(caller, "GetCallerIdentity") == []
    await page.ask("POST", target, origin="", content_type="Application/JSON; charset=utf-8")


async def test_the_operator_calls_as_the_administrator(caller: Caller) -> None:
    token = caller.cloud.identity.admin_token

    async def call(path: str, body: bytes = b"{}", given: str = token) -> Any:
        headers = [("host", "127.0.0.1:8520"), ("authorization", f"Bearer {given}")]
        return await answer(
            caller.cloud, HttpRequest(method="POST", target=f"/_kowloon/call/{path}", headers=headers, body=body)
        )

    answered = await call("Sts/GetCallerIdentity")
    assert json.loads(answered.body)["Arn"] == f"acs:ram::{caller.cloud.identity.account_id}:user/admin"
    assert told(await call("Sts/GetCallerIdentity", given="wrong"))[:2] == (401, "AdminTokenRequired")
    assert told(await call("Sts"))[2] == "Use POST /_kowloon/call/PRODUCT/ACTION."
    assert told(await call("Ram/CreateUser", b'{"UserName": ""}'))[0] == 400
    # Whose key is gone, and who may no more, is told what everybody is.
    await caller.ask(
        "DetachPolicyFromUser", PolicyType="System", PolicyName="AdministratorAccess", UserName="admin", **RAM
    )
    assert told(await call("Ram/CreateUser", b'{"UserName": "bob"}'))[:2] == (403, "NoPermission")


async def test_a_bucket_of_that_name_is_still_signed_for(caller: Caller) -> None:
    """Only what is signed by nothing at all is taken for one of our own routes."""
    for query in ("OSSAccessKeyId=x&Signature=y&Expires=1", "x-oss-signature-version=OSS4-HMAC-SHA256"):
        answered = await answer(caller.cloud, get(f"/api/Sts/GetCallerIdentity?{query}"))
        assert answered.body.startswith(b"<?xml"), query
    signed = get("/signed-in", ("authorization", "OSS x:y"))
    assert (await answer(caller.cloud, signed)).body.startswith(b"<?xml")
