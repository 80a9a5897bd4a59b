"""The chain: which check comes first, and what each one says."""

from __future__ import annotations

import functools
import json
import logging
from typing import Any

import msgspec
import pytest

from kowloon.actions import errors
from kowloon.core import limits
from kowloon.core.clock import iso_seconds
from kowloon.core.events import RequestEvent
from kowloon.store.identity import StoredKey
from tests.core.parts import REGION, START_S, Caller, answer, get, paper_cloud, query_of, signed_fields, told

API = f"ecs@{REGION}"


def last_event(caller: Caller) -> RequestEvent:
    return next(event for event in reversed(caller.cloud.bus.recent) if isinstance(event, RequestEvent))


# --- what is asked for ---


async def test_without_an_action_nothing_can_be_called() -> None:
    async with paper_cloud() as caller:
        for target, code, status in (
            ("/", "MissingParameter", 400),
            ("/?Version=2014-05-26", "MissingParameter", 400),
            ("/?Action=DescribeRegions", "MissingVersion", 400),
            ("/?Action=DescribeRegions&Version=1999-01-01", "InvalidVersion", 400),
            ("/?Action=Describe%20Boats&Version=2014-05-26", "InvalidAction.NotFound", 404),
            ("/?Action=%ff&Version=2014-05-26", "InvalidParameter", 400),
        ):
            response = await caller.cloud.front.handle(get(f"{target}{'&' if '?' in target else '?'}Format=JSON"))
            answer = json.loads(response.body)
            assert (response.status, answer["Code"]) == (status, code)
            assert answer["Message"]
            assert answer["RequestId"] == dict(response.headers)["x-acs-request-id"]


async def test_a_real_action_that_is_not_built_says_so_with_501() -> None:
    async with paper_cloud() as caller:
        status, code, message = await caller.refused("DescribeDedicatedHosts", Version="2014-05-26")
        assert (status, code) == (501, "NotBuiltInKowloon")
        assert message == (
            "Ecs 2014-05-26 DescribeDedicatedHosts is a real action of the vendor that Kowloon has not built yet; "
            "GET /_kowloon/coverage lists what is built."
        )
        assert last_event(caller).code == "NotBuiltInKowloon"


async def test_terraform_is_not_told_to_try_an_unbuilt_action_again() -> None:
    async with paper_cloud() as caller:
        request = caller.request("DescribeNatGatewayAssociateNetworkInterfaces", Version="2016-04-28")
        request = get(request.target, ("user-agent", "HashiCorp-Terraform/1.9 Provider/1.289"))
        response = await caller.cloud.front.handle(request)
        assert told(response)[:2] == (400, "NotBuiltInKowloon")


async def test_other_styles_and_methods_are_refused_in_words() -> None:
    async with paper_cloud() as caller:
        handle = functools.partial(answer, caller.cloud)
        put = await handle(get("/?Action=DescribeRegions&Version=2014-05-26&Format=JSON", method="PUT"))
        assert told(put) == (400, "UnsupportedHTTPMethod", "This http method is not supported.")
        trace = await handle(get("/", method="TRACE"))
        assert told(trace) == (400, "UnsupportedHTTPMethod", "This http method is not supported.")
        logs = await handle(get("/logstores", host="project.cn-hongkong.log.aliyuncs.com"))
        assert told(logs)[:2] == (501, "NotBuiltInKowloon")
        roa = await handle(get("/clusters", ("x-acs-action", "DescribeClusters"), ("x-acs-version", "2015-12-15")))
        assert told(roa)[:2] == (501, "NotBuiltInKowloon")


async def test_an_unknown_region_is_refused_and_a_known_one_is_found_in_many_places() -> None:
    async with paper_cloud() as caller:
        assert await caller.refused("DescribeVpcs", RegionId="cn-atlantis") == (
            404,
            "InvalidRegionId.NotFound",
            "The specified RegionId does not exist.",
        )
        vpc = (await caller.ask("CreateVpc", RegionId="cn-beijing"))["VpcId"]
        assert last_event(caller).region == "cn-beijing"
        await caller.ask("DescribeVpcs", RegionId="-", host="vpc.cn-shanghai.aliyuncs.com")
        assert last_event(caller).region == "cn-shanghai"
        # By the resource that is named, and by default.
        assert (await caller.ask("DescribeVpcs", RegionId="-", VpcId=vpc))["TotalCount"] == 1
        await caller.ask("DescribeVpcs", RegionId="-")
        assert last_event(caller).region == caller.cloud.settings.region


# --- who asks ---


async def test_an_unknown_key_a_disabled_key_and_no_key() -> None:
    async with paper_cloud() as caller:
        stranger = caller.key("LTAInobody", "secret")
        assert await stranger.refused("DescribeVpcs") == (
            404,
            "InvalidAccessKeyId.NotFound",
            "Specified access key is not found.",
        )
        disable(caller)
        assert await caller.refused("DescribeVpcs") == (
            400,
            "InvalidAccessKeyId.Inactive",
            "Specified access key is disabled.",
        )
        unsigned = await caller.cloud.front.handle(get("/?Action=DescribeVpcs&Version=2016-04-28&Format=JSON"))
        assert told(unsigned) == (400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")


def disable(caller: Caller) -> None:
    store = caller.cloud.store
    key = store.get(StoredKey, caller.key_id)
    assert key is not None
    transaction = store.begin()
    transaction.put(msgspec.structs.replace(key, active=False))
    store.commit_now(transaction)


async def test_a_wrong_signature_shows_the_servers_string_to_sign() -> None:
    async with paper_cloud() as caller:
        status, code, message = await caller.key(caller.key_id, "wrong").refused("DescribeVpcs", VpcName="a b")
        assert (status, code) == (400, "SignatureDoesNotMatch")
        start = "Specified signature is not matched with our calculation. server string to sign is:GET&%2F&"
        assert message.startswith(start)
        assert "VpcName%3Da%2520b" in message


@pytest.mark.parametrize("skew", [limits.TIMESTAMP_WINDOW_S + 1, -limits.TIMESTAMP_WINDOW_S - 1])
async def test_a_time_stamp_outside_the_window_is_refused(skew: float) -> None:
    async with paper_cloud() as caller:
        assert await caller.refused("DescribeVpcs", Timestamp=iso_seconds(START_S + skew)) == (
            400,
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
        )
        assert await caller.ask("DescribeVpcs", Timestamp=iso_seconds(START_S + skew * 0.99))


@pytest.mark.parametrize("stamp", ["yesterday", "", "2025-13-01T00:00:00Z", "1760000000", "Wed, 99 Jan 2025 GMT"])
async def test_a_malformed_time_stamp_is_refused(stamp: str) -> None:
    async with paper_cloud() as caller:
        assert await caller.refused("DescribeVpcs", Timestamp=stamp) == (
            400,
            "InvalidTimeStamp.Format",
            "Specified time stamp or date value is not well formatted.",
        )


async def test_the_window_is_of_wall_time_whatever_the_cloud_has_skipped() -> None:
    async with paper_cloud() as caller:
        await caller.cloud.clock.skip(30 * 24 * 3600.0)
        assert await caller.ask("DescribeVpcs")


async def test_a_nonce_is_good_once_and_only_who_signs_uses_it_up() -> None:
    async with paper_cloud() as caller:
        forged = await caller.key(caller.key_id, "wrong").refused("DescribeVpcs", SignatureNonce="n")
        assert forged[1] == "SignatureDoesNotMatch"
        await caller.ask("DescribeVpcs", SignatureNonce="n")
        caller.wall.now += limits.TIMESTAMP_WINDOW_S
        assert await caller.refused("DescribeVpcs", SignatureNonce="n") == (
            400,
            "SignatureNonceUsed",
            "Specified signature nonce was used already.",
        )
        caller.wall.now += limits.TIMESTAMP_WINDOW_S + 1
        await caller.ask("DescribeVpcs", SignatureNonce="n")


async def test_a_replayed_request_makes_nothing() -> None:
    async with paper_cloud() as caller:
        request = caller.request("CreateVpc")
        assert (await caller.cloud.front.handle(request)).status == 200
        assert told(await caller.cloud.front.handle(request))[1] == "SignatureNonceUsed"
        assert (await caller.ask("DescribeVpcs"))["TotalCount"] == 1


async def test_nonces_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NONCES_KEPT", 10)
    async with paper_cloud() as caller:
        for number in range(30):
            await caller.ask("DescribeVpcs", SignatureNonce=f"n{number}")
        assert (await caller.refused("DescribeVpcs", SignatureNonce="n29"))[1] == "SignatureNonceUsed"
        assert await caller.ask("DescribeVpcs", SignatureNonce="n0")


# --- temporary keys ---


async def session(caller: Caller) -> tuple[Caller, str]:
    trust = {
        "Version": "1",
        "Statement": [
            {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {"RAM": [f"acs:ram::{caller.cloud.identity.account_id}:root"]},
            }
        ],
    }
    role = await caller.ask(
        "CreateRole", Version="2015-05-01", RoleName="ops", AssumeRolePolicyDocument=json.dumps(trust)
    )
    await caller.ask(
        "AttachPolicyToRole",
        Version="2015-05-01",
        PolicyType="System",
        PolicyName="AdministratorAccess",
        RoleName="ops",
    )
    answer = await caller.ask("AssumeRole", RoleArn=role["Role"]["Arn"], RoleSessionName="s1", DurationSeconds="900")
    given: dict[str, Any] = answer["Credentials"]
    return caller.key(given["AccessKeyId"], given["AccessKeySecret"]), given["SecurityToken"]


async def test_a_temporary_key_needs_its_own_token_until_its_end() -> None:
    async with paper_cloud() as caller:
        temporary, token = await session(caller)
        assert await temporary.ask("DescribeVpcs", SecurityToken=token)
        assert await temporary.refused("DescribeVpcs") == (
            400,
            "MissingSecurityToken",
            "SecurityToken is mandatory for this action.",
        )
        mismatch = (
            400,
            "InvalidSecurityToken.MismatchWithAccessKey",
            "Specified SecurityToken mismatch with the AccessKey.",
        )
        assert await temporary.refused("DescribeVpcs", SecurityToken="CAISother") == mismatch
        assert await caller.refused("DescribeVpcs", SecurityToken=token) == mismatch
        # Its life is of wall time: a skip of the cloud's does not end it.
        await caller.cloud.clock.skip(3600.0)
        assert await temporary.ask("DescribeVpcs", SecurityToken=token)
        caller.wall.now += 900
        assert await temporary.refused("DescribeVpcs", SecurityToken=token) == (
            400,
            "InvalidSecurityToken.Expired",
            "Specified SecurityToken is expired.",
        )


# --- the order ---


async def test_checks_come_in_their_order() -> None:
    """Each call has every later mistake, too; the first one is what is said."""
    async with paper_cloud() as caller:
        stranger = caller.key("LTAInobody", "wrong")
        wrong = caller.key(caller.key_id, "wrong")
        old = {"Timestamp": "2001-01-01T00:00:00Z"}
        await caller.ask("DescribeVpcs", SignatureNonce="used")
        bad_input = {"PageSize": "many"}
        told_codes = [
            (await stranger.refused("Nothing", Version="1", RegionId="x", **old))[1],
            (await stranger.refused("DescribeNothing", RegionId="x", **old))[1],
            (await stranger.refused("DescribeVpcs", RegionId="x", **old))[1],
            (await stranger.refused("DescribeVpcs", **old, **bad_input))[1],
            (await wrong.refused("DescribeVpcs", SignatureNonce="used", **old, **bad_input))[1],
            (await wrong.refused("DescribeVpcs", SignatureNonce="used", **bad_input))[1],
            (await caller.refused("DescribeVpcs", SignatureNonce="used", SecurityToken="x", **bad_input))[1],
            (await caller.refused("DescribeVpcs", SecurityToken="x", **bad_input))[1],
            (await caller.refused("DescribeVpcs", **bad_input))[1],
        ]
        assert told_codes == [
            "InvalidVersion",
            "InvalidAction.NotFound",
            "InvalidRegionId.NotFound",
            "InvalidAccessKeyId.NotFound",
            "InvalidTimeStamp.Expired",
            "SignatureDoesNotMatch",
            "SignatureNonceUsed",
            "InvalidSecurityToken.MismatchWithAccessKey",
            "InvalidParameter",
        ]
        await stop_the_plane(caller)
        # A control plane that cannot be reached checks no key.
        assert (await stranger.refused("DescribeInstances", **old))[1] == "ServiceUnavailable"
        assert (await stranger.refused("DescribeInstances", RegionId="x"))[1] == "InvalidRegionId.NotFound"


async def stop_the_plane(caller: Caller) -> str:
    zones = list(caller.cloud.board.topology.zone_ids(REGION))
    return (await caller.cloud.faults.inject("zone-power", zones, {}, label="")).id


# --- a control plane with troubles ---


async def test_a_plane_whose_zones_are_all_dark_is_unreachable_until_they_are_back() -> None:
    async with paper_cloud() as caller:
        fault = await stop_the_plane(caller)
        status, code, message = await caller.refused("DescribeInstances")
        assert (status, code, message) == (
            errors.SERVICE_UNAVAILABLE.status,
            "ServiceUnavailable",
            errors.SERVICE_UNAVAILABLE.message,
        )
        assert status == 503
        assert last_event(caller).fault == fault
        # Another region is not touched, nor is a central service.
        assert await caller.ask("DescribeInstances", RegionId="cn-beijing")
        assert await caller.ask("GetCallerIdentity")
        await caller.cloud.faults.recover(fault)
        await caller.cloud.clock.skip(24 * 3600.0)
        assert await caller.ask("DescribeInstances")


@pytest.mark.parametrize("share", [0.2, 0.8])
async def test_a_brownout_refuses_its_share_of_the_calls(share: float) -> None:
    calls = 2000
    async with paper_cloud() as caller:
        await caller.cloud.faults.inject("brownout", [API], {"error_share": share}, label="")
        refused = 0
        for _ in range(calls):
            response = await caller.send("DescribeRegions")
            if response.status != 200:
                status, code, message = told(response)
                assert (status, code, message) == (
                    errors.THROTTLING.status,
                    "Throttling",
                    errors.THROTTLING.message,
                )
                refused += 1
        # Four standard deviations.
        assert abs(refused / calls - share) < 4 * (share * (1 - share) / calls) ** 0.5
        assert await caller.ask("DescribeVpcs")


# --- the end ---


async def test_a_mistake_of_ours_is_500_without_a_traceback_and_found_by_its_request_id(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with paper_cloud() as caller:
        action = caller.cloud.registry.find("2016-04-28", "DescribeVpcs", "")
        assert action is not None

        def broken(ctx: object, req: object) -> Any:
            raise ZeroDivisionError("a secret of the house")

        monkeypatch.setattr(action, "handler", broken)
        with caplog.at_level(logging.ERROR, "kowloon.gateway"):
            response = await caller.send("DescribeVpcs")
        answer = json.loads(response.body)
        assert (response.status, answer["Code"], answer["Message"]) == (
            500,
            "InternalError",
            errors.INTERNAL_ERROR.message,
        )
        assert b"secret of the house" not in response.body
        assert b"Traceback" not in response.body
        assert answer["RequestId"] in caplog.text
        assert "a secret of the house" in caplog.text


async def test_every_call_leaves_one_event_that_says_what_happened() -> None:
    async with paper_cloud() as caller:
        answer = await caller.ask("CreateVpc")
        event = last_event(caller)
        assert (event.request_id, event.action, event.product, event.version) == (
            answer["RequestId"],
            "CreateVpc",
            "Vpc",
            "2016-04-28",
        )
        assert (event.status, event.code, event.region, event.source) == (200, "", REGION, "127.0.0.1")
        assert event.account == caller.cloud.identity.account_id
        assert event.principal.endswith(":user/admin")
        assert event.decision
        before = len([one for one in caller.cloud.bus.recent if isinstance(one, RequestEvent)])
        await caller.refused("DescribeVpcs", PageSize="0")
        assert last_event(caller).code == "InvalidParameter"
        after = len([one for one in caller.cloud.bus.recent if isinstance(one, RequestEvent)])
        assert after == before + 1


async def test_a_dry_run_of_a_write_writes_nothing() -> None:
    async with paper_cloud() as caller:
        assert await caller.refused("CreateVpc", DryRun="true") == (
            errors.DRY_RUN_PASSED.status,
            "DryRunOperation",
            "Request validation has been passed with DryRun flag set.",
        )
        assert (await caller.ask("DescribeVpcs"))["TotalCount"] == 0


async def test_answers_come_in_the_form_that_is_asked_for() -> None:
    async with paper_cloud() as caller:
        xml = await caller.send("DescribeVpcs", Format="XML")
        assert dict(xml.headers)["Content-Type"] == "text/xml;charset=utf-8"
        assert b"<DescribeVpcsResponse><RequestId>" in xml.body
        old_style = await caller.send("DescribeVpcs", Format="-")
        assert old_style.body.startswith(b"<?xml version='1.0' encoding='UTF-8'?><DescribeVpcsResponse>")
        error = await caller.send("DescribeVpcs", Format="XML", PageSize="0")
        assert b"<Error><RequestId>" in error.body
        assert b"<Code>InvalidParameter</Code>" in error.body


async def test_a_form_is_as_good_as_a_query() -> None:
    async with paper_cloud() as caller:
        signed = signed_fields(
            caller.key_id, caller.secret, "CreateVpc", wall=caller.wall.now, method="POST", VpcName="by form"
        )
        request = get("/", ("content-type", "application/x-www-form-urlencoded"), method="POST")
        request.body = query_of(signed).encode()
        assert (await caller.cloud.front.handle(request)).status == 200
        assert (await caller.ask("DescribeVpcs"))["Vpcs"]["Vpc"][0]["VpcName"] == "by form"
