"""Every call is an event: who, from where, what, about what, and what became of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from Tea.exceptions import TeaException

from kowloon.core.config import Settings
from kowloon.testing.cloud import LocalCloud
from tests.helpers import refused
from tests.services.actiontrail.parts import Auditor
from tests.services.parts import Customer, other_account


def test_a_change_is_an_event_with_all_that_is_known_of_it(alone: Customer) -> None:
    vpc = alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name="audited")
    (event,) = Auditor(alone).events(EventName="CreateVpc")
    assert event["serviceName"] == "Vpc"
    assert (event["eventRW"], event["eventType"], event["eventCategory"]) == ("Write", "ApiCall", "Management")
    assert event["eventId"] == event["requestId"] == vpc.request_id
    assert (event["acsRegion"], event["isGlobal"]) == ("cn-hongkong", False)
    assert event["requestParameters"]["VpcName"] == "audited"
    assert json.loads(event["requestParameterJson"]) == event["requestParameters"]
    assert event["responseElements"]["VpcId"] == vpc.vpc_id
    assert event["referencedResources"] == {"ACS::VPC::VPC": [vpc.vpc_id]}
    assert (event["resourceType"], event["resourceName"]) == ("ACS::VPC::VPC", vpc.vpc_id)
    assert event["sourceIpAddress"] == "127.0.0.1"
    assert "AlibabaCloud" in event["userAgent"]
    identity = event["userIdentity"]
    assert (identity["type"], identity["userName"]) == ("ram-user", "admin")
    assert identity["accountId"] == event["recipientAccountId"] == alone.cloud.account_id
    assert identity["accessKeyId"] == alone.cloud.access_key_id
    assert "errorCode" not in event


def test_a_refused_call_is_an_event_too(alone: Customer) -> None:
    role = alone.role("Looker", "AliyunVPCReadOnlyAccess")
    refused(lambda: role.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8"), "Forbidden.RAM", "User not authorized to")
    (event,) = Auditor(alone).events(EventName="CreateVpc")
    assert event["errorCode"] == "Forbidden.RAM"
    assert event["userIdentity"]["type"] == "assumed-role"
    assert event["userIdentity"]["userName"] == "Looker:tester"
    assert "allows vpc:CreateVpc" in event["additionalEventData"]["decision"]


def test_secrets_are_never_in_an_event(alone: Customer) -> None:
    keys = alone.role("Worker", "AliyunECSReadOnlyAccess").config
    (event,) = Auditor(alone).events(EventName="AssumeRole")
    given = event["responseElements"]["Credentials"]
    assert given["AccessKeyId"] == keys["access_key_id"]
    assert (given["AccessKeySecret"], given["SecurityToken"]) == ("******", "******")
    text = json.dumps(event)
    assert keys["access_key_secret"] not in text
    assert keys["security_token"] not in text


def test_events_are_looked_up_by_attribute(alone: Customer) -> None:
    auditor = Auditor(alone)
    vpc = alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8").vpc_id
    alone.call("vpc", "DescribeVpcs")
    alone.call("vpc", "DeleteVpc", vpc_id=vpc)

    def names(**wanted: str) -> list[str]:
        return [event["eventName"] for event in auditor.events(**wanted) if event["serviceName"] == "Vpc"]

    assert names(ServiceName="Vpc") == ["DeleteVpc", "DescribeVpcs", "CreateVpc"]
    assert names(EventRW="Write") == ["DeleteVpc", "CreateVpc"]
    assert names(EventRW="All") == ["DeleteVpc", "DescribeVpcs", "CreateVpc"]
    assert names(ResourceName=vpc) == ["DeleteVpc", "CreateVpc"]
    assert names(ResourceType="ACS::VPC::VPC", EventName="DeleteVpc") == ["DeleteVpc"]
    assert names(User="admin", EventName="CreateVpc") == ["CreateVpc"]
    assert names(User="nobody") == []
    assert names(EventAccessKeyId=alone.cloud.access_key_id, EventName="CreateVpc") == ["CreateVpc"]
    (found,) = auditor.events(EventName="DeleteVpc")
    assert [event["eventName"] for event in auditor.events(EventId=found["eventId"])] == ["DeleteVpc"]


def test_pages_follow_one_another_both_ways(alone: Customer) -> None:
    auditor = Auditor(alone)
    ids = [alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name=f"n{n}").request_id for n in range(7)]
    for direction, expected in (("FORWARD", ids), ("BACKWARD", ids[::-1])):
        seen: list[str] = []
        token: str | None = None
        while token is None or token:
            page = auditor.call("LookupEvents", direction=direction, max_results="3", next_token=token)
            seen += [event["eventId"] for event in page.events if event["eventName"] == "CreateVpc"]
            token = page.next_token or ""
        assert seen == expected


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"direction": "SIDEWAYS"}, "InvalidQueryParameter", "Direction"),
        ({"max_results": "51"}, "InvalidQueryParameter", "MaxResults"),
        ({"start_time": "yesterday"}, "InvalidQueryParameter", "StartTime"),
        ({"next_token": "bm9uZQ=="}, "InvalidQueryParameter", "NextToken"),
        (
            {"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"},
            "InvalidTimeRangeException",
            "StartTime is after EndTime",
        ),
    ],
)
def test_bad_questions_are_refused(customer: Customer, fields: dict[str, str], code: str, message: str) -> None:
    refused(lambda: Auditor(customer).call("LookupEvents", **fields), code, message, 400)


def test_an_unknown_attribute_is_refused(customer: Customer) -> None:
    refused(lambda: Auditor(customer).events(Colour="red"), "InvalidQueryParameter", "LookupAttribute")
    refused(lambda: Auditor(customer).events(EventRW="Sideways"), "InvalidQueryParameter", "LookupAttribute")


def test_nobody_sees_the_events_of_another_account(alone: Customer) -> None:
    other = other_account(alone.cloud)
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    assert Auditor(other).events(EventName="CreateVpc") == []
    other.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    assert len(Auditor(other).events(EventName="CreateVpc")) == 1
    assert len(Auditor(alone).events(EventName="CreateVpc")) == 1
    refused(
        lambda: Auditor(other).call("GetAccessKeyLastUsedInfo", access_key=alone.cloud.access_key_id),
        "InvalidQueryParameter",
        "AccessKey",
    )


def test_looking_needs_permission(alone: Customer) -> None:
    role = alone.role("Nobody")
    refused(lambda: Auditor(role).call("LookupEvents"), "NoPermission", "You are not authorized to do", status=403)
    assert Auditor(alone.role("Looker", "AliyunActionTrailReadOnlyAccess")).events(EventName="CreateRole")


def test_what_an_access_key_was_last_used_for(alone: Customer) -> None:
    auditor = Auditor(alone)
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    alone.call("ecs", "DescribeInstances")
    key = alone.cloud.access_key_id
    info = auditor.call("GetAccessKeyLastUsedInfo", access_key=key)
    assert (info.service_name, info.detail, info.user_name) == ("Ecs", "DescribeInstances", "admin")
    assert info.used_timestamp > 1_700_000_000_000
    products = auditor.call("GetAccessKeyLastUsedProducts", access_key=key).products
    assert [each.service_name for each in products][-2:] == ["Ecs", "Vpc"]
    events = auditor.call("GetAccessKeyLastUsedEvents", access_key=key, service_name="Vpc")
    assert [each.event_name for each in events.events] == ["CreateVpc"]
    ips = auditor.call("GetAccessKeyLastUsedIps", access_key=key, service_name="Vpc")
    assert [each.ip for each in ips.ips] == ["127.0.0.1"]
    refused(
        lambda: auditor.call("GetAccessKeyLastUsedIps", access_key=key, service_name="Vpc", page_size="101"),
        "InvalidQueryParameter",
        "PageSize",
    )
    first = auditor.call("GetAccessKeyLastUsedEvents", access_key=key, service_name="Actiontrail", page_size="2")
    assert (len(first.events), first.next_token) == (2, "2")


def test_events_outlive_the_server_and_a_lost_index(tmp_path: Any) -> None:
    settings = Settings(engine="paper", port=0, home=tmp_path / "home")
    with LocalCloud(settings) as cloud:
        Customer(cloud).call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    for lost in ((), ("index.db", "index.db-wal", "index.db-shm")):
        for name in lost:
            (tmp_path / "home" / "audit" / name).unlink(missing_ok=True)
        with LocalCloud(settings) as cloud:
            assert len(Auditor(Customer(cloud)).events(EventName="CreateVpc")) == 1


def test_an_event_says_which_fault_acted(alone: Customer) -> None:
    """A throttled call is known by its caller, and says what made the control plane slow."""
    faults = alone.cloud.cloud.faults
    fault = alone.cloud.run(faults.inject("control_plane_brownout", ["vpc@cn-hongkong"], {"error_share": 0.9}))
    codes = [_code(alone) for _ in range(30)]
    alone.cloud.run(faults.recover(fault.id))
    assert "Throttling" in codes
    events = Auditor(alone).events(EventName="DescribeVpcs")
    throttled = [event for event in events if event.get("errorCode") == "Throttling"]
    assert len(throttled) == codes.count("Throttling")
    assert all(fault.id in event["additionalEventData"]["fault"] for event in throttled)


def _code(customer: Customer) -> str:
    try:
        customer.call("vpc", "DescribeVpcs")
    except TeaException as refusal:
        return str(refusal.code)
    return ""
