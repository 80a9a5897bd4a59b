"""Trails: declared, started, delivered to OSS as their role may, and told what keeps them from it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from kowloon.gateway.internal import InternalCalls
from kowloon.services.actiontrail import delivery
from kowloon.services.actiontrail.resources import Trail
from kowloon.store.identity import StoredKey
from kowloon.wire.http import HttpResponse
from tests.helpers import eventually, refused
from tests.services.actiontrail.parts import Auditor
from tests.services.oss.parts import Owner
from tests.services.parts import Customer
from tests.services.ram.rights import Rights, statement

INTERVAL_S = 61.0
SERVICE = "actiontrail.aliyuncs.com"


def _trail(customer: Customer, **fields: Any) -> Auditor:
    auditor = Auditor(customer)
    auditor.call("CreateTrail", **{"name": "my-trail", "oss_bucket_name": "audit-logs", **fields})
    return auditor


def _later(customer: Customer) -> None:
    cloud = customer.cloud.cloud
    customer.cloud.run(cloud.clock.skip(INTERVAL_S))


def _status(auditor: Auditor) -> Any:
    return auditor.call("GetTrailStatus", name="my-trail")


def _delivered(customer: Customer) -> list[dict[str, Any]]:
    bucket = Owner(customer.cloud).bucket("audit-logs", create=False)
    events: list[dict[str, Any]] = []
    for item in bucket.list_objects(max_keys=1000).object_list:
        events += json.loads(gzip.decompress(bucket.get_object(item.key).read()))
    return events


def _vpcs(customer: Customer) -> list[str]:
    events = [event for event in _delivered(customer) if event["eventName"] == "CreateVpc"]
    return [event["requestParameters"]["VpcName"] for event in events]


def test_a_trail_is_shown_as_it_was_made(alone: Customer) -> None:
    auditor = Auditor(alone)
    made = auditor.call("CreateTrail", name="my-trail", oss_bucket_name="audit-logs", oss_key_prefix="folder")
    # The call names no region, and neither does the address that it goes to.
    home = alone.cloud.cloud.settings.region
    assert (made.home_region, made.trail_region, made.event_rw) == (home, "All", "All")
    role = f"acs:ram::{alone.cloud.account_id}:role/aliyunserviceroleforactiontrail"
    assert made.oss_write_role_arn == role
    (shown,) = auditor.call("DescribeTrails").trail_list
    assert (shown.name, shown.status, shown.oss_bucket_name) == ("my-trail", "Fresh", "audit-logs")
    assert (shown.oss_key_prefix, shown.oss_write_role_arn) == ("folder", role)
    assert shown.trail_arn == f"acs:actiontrail:{home}:{alone.cloud.account_id}:trail/my-trail"
    assert auditor.call("DescribeTrails", name_list="another").trail_list == []
    assert not _status(auditor).is_logging
    auditor.call("StartLogging", name="my-trail")
    status = _status(auditor)
    assert status.is_logging
    assert status.start_logging_time
    auditor.call("StopLogging", name="my-trail")
    (shown,) = auditor.call("DescribeTrails").trail_list
    assert (shown.status, bool(shown.stop_logging_time)) == ("Disable", True)
    auditor.call("UpdateTrail", name="my-trail", event_rw="Write")
    assert auditor.call("DescribeTrails").trail_list[0].event_rw == "Write"
    auditor.call("DeleteTrail", name="my-trail")
    refused(lambda: _status(auditor), "TrailNotFoundException", "does not exist", 404)


def test_its_own_role_is_a_service_linked_one(alone: Customer) -> None:
    _trail(alone)
    name = "AliyunServiceRoleForActionTrail"
    role = alone.call("ram", "GetRole", role_name=name).role
    assert json.loads(role.assume_role_policy_document)["Statement"][0]["Principal"] == {"Service": [SERVICE]}
    refused(
        lambda: alone.call("ram", "DeleteRole", role_name=name),
        "NoPermission.ServiceLinkedRole",
        "This operation is not allowed on the service-linked role:",
    )
    alone.call("ram", "DeleteServiceLinkedRole", role_name=name)
    refused(
        lambda: alone.call("ram", "GetRole", role_name=name),
        "EntityNotExist.Role",
        "The role not exists: AliyunServiceRoleForActionTrail.",
    )


def test_events_are_delivered_after_logging_is_started(alone: Customer) -> None:
    Owner(alone.cloud).bucket("audit-logs")
    auditor = _trail(alone, oss_key_prefix="folder", event_rw="Write")
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name="before")
    auditor.call("StartLogging", name="my-trail")
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name="within")
    alone.call("vpc", "DescribeVpcs")
    _later(alone)
    assert eventually(lambda: bool(_status(auditor).latest_delivery_time))
    names = [event["eventName"] for event in _delivered(alone)]
    assert "CreateVpc" in names
    assert "DescribeVpcs" not in names
    shown = [event["requestParameters"]["VpcName"] for event in _delivered(alone) if event["eventName"] == "CreateVpc"]
    assert shown == ["within"]
    bucket = Owner(alone.cloud).bucket("audit-logs", create=False)
    keys = [item.key for item in bucket.list_objects().object_list]
    assert all(key.startswith("folder/AliyunLogs/Actiontrail/cn-") and key.endswith(".gz") for key in keys)
    assert _status(auditor).latest_delivery_error == ""
    auditor.call("StopLogging", name="my-trail")
    count = len(_delivered(alone))
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name="after")
    _later(alone)
    assert len(_delivered(alone)) == count


def test_nothing_is_delivered_twice_nor_left_out_over_many_rounds(alone: Customer) -> None:
    Owner(alone.cloud).bucket("audit-logs")
    auditor = _trail(alone, event_rw="Write")
    auditor.call("StartLogging", name="my-trail")
    for round in range(3):
        for number in range(5):
            alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name=f"{round}-{number}")
        _later(alone)
        expected = (round + 1) * 5
        made = [0]

        def all_there(expected: int = expected, made: list[int] = made) -> bool:
            made[0] = sum(event["eventName"] == "CreateVpc" for event in _delivered(alone))
            return made[0] == expected

        assert eventually(all_there), made


def test_a_trail_that_is_behind_catches_up_at_once(alone: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_AT_ONCE", 3)
    Owner(alone.cloud).bucket("audit-logs")
    auditor = _trail(alone, event_rw="Write")
    auditor.call("StartLogging", name="my-trail")
    for number in range(10):
        alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name=f"vpc-{number}")
    _later(alone)
    assert eventually(lambda: len(_vpcs(alone)) == 10)


def test_a_delivery_that_is_repeated_replaces_itself(alone: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object is written, and the trail does not hear of it."""
    call = InternalCalls.object_call
    written: list[Any] = []

    async def unheard(calls: InternalCalls, *told: Any, **more: Any) -> Any:
        answer = await call(calls, *told, **more)
        written.append(told)
        return HttpResponse(503, b"") if len(written) == 1 else answer

    Owner(alone.cloud).bucket("audit-logs")
    auditor = _trail(alone, event_rw="Write")
    auditor.call("StartLogging", name="my-trail")
    monkeypatch.setattr(InternalCalls, "object_call", unheard)
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name="first")
    _later(alone)
    assert eventually(lambda: "OSS answers 503" in _status(auditor).latest_delivery_error)
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", vpc_name="second")
    _later(alone)
    assert eventually(lambda: _status(auditor).latest_delivery_error == "")
    assert sorted(_vpcs(alone)) == ["first", "second"]
    ids = [event["eventId"] for event in _delivered(alone)]
    assert len(ids) == len(set(ids))


def test_what_keeps_a_trail_from_delivering_is_told_and_made_up_for(alone: Customer) -> None:
    auditor = _trail(alone)
    auditor.call("StartLogging", name="my-trail")
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    _later(alone)
    assert eventually(lambda: "NoSuchBucket" in _status(auditor).latest_delivery_error)
    assert not _status(auditor).oss_bucket_status
    Owner(alone.cloud).bucket("audit-logs")
    _later(alone)
    assert eventually(lambda: _status(auditor).latest_delivery_error == "")
    assert "CreateVpc" in [event["eventName"] for event in _delivered(alone)]


TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": ["actiontrail.aliyuncs.com"]},
            }
        ],
    }
)


def test_a_trail_writes_only_what_its_role_may(alone: Customer) -> None:
    Owner(alone.cloud).bucket("audit-logs")
    alone.call("ram", "CreateRole", role_name="Weak", assume_role_policy_document=TRUST)
    role = f"acs:ram::{alone.cloud.account_id}:role/weak"
    auditor = _trail(alone, oss_write_role_arn=role)
    auditor.call("StartLogging", name="my-trail")
    _later(alone)
    assert eventually(lambda: "AccessDenied" in _status(auditor).latest_delivery_error)
    assert _delivered(alone) == []
    alone.call("ram", "AttachPolicyToRole", policy_type="System", policy_name="AliyunOSSFullAccess", role_name="Weak")
    _later(alone)
    assert eventually(lambda: _status(auditor).latest_delivery_error == "")
    assert _delivered(alone)


def test_sessions_that_have_ended_go_when_a_trail_begins_one(alone: Customer) -> None:
    store = alone.cloud.cloud.store
    ended = StoredKey(id="STS.ended", account=alone.cloud.account_id, secret="x", expires_at=1.0)
    alone.cloud.run(store.run(lambda tx: tx.put(ended)))
    Owner(alone.cloud).bucket("audit-logs")
    auditor = _trail(alone)
    auditor.call("StartLogging", name="my-trail")
    _later(alone)
    assert eventually(lambda: _delivered(alone))
    assert store.get(StoredKey, ended.id) is None


def test_a_trail_goes_on_with_a_role_that_was_made_again(alone: Customer) -> None:
    Owner(alone.cloud).bucket("audit-logs")
    policy = {"policy_type": "System", "policy_name": "AliyunOSSFullAccess", "role_name": "writer"}

    def make_role() -> None:
        alone.call("ram", "CreateRole", role_name="writer", assume_role_policy_document=TRUST)
        alone.call("ram", "AttachPolicyToRole", **policy)

    make_role()
    auditor = _trail(alone, oss_write_role_arn=f"acs:ram::{alone.cloud.account_id}:role/writer")
    auditor.call("StartLogging", name="my-trail")
    _later(alone)
    assert eventually(lambda: _delivered(alone))
    alone.call("ram", "DetachPolicyFromRole", **policy)
    alone.call("ram", "DeleteRole", role_name="writer")
    make_role()
    alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    _later(alone)
    assert eventually(lambda: "CreateVpc" in [event["eventName"] for event in _delivered(alone)])
    assert _status(auditor).latest_delivery_error == ""


@pytest.mark.parametrize(
    ("fields", "code", "message", "status"),
    [
        ({"name": "Short"}, "InvalidTrailNameException", "6 to 36 characters", 400),
        ({"oss_bucket_name": ""}, "InvalidDeliveryTarget", "needs an OSS bucket", 400),
        ({"event_rw": "Sideways"}, "InvalidQueryParameter", "EventRW", 400),
        ({"trail_region": "moon"}, "InvalidQueryParameter", "TrailRegion", 400),
        ({"oss_key_prefix": "a"}, "InvalidPrefixException", "6 to 32", 400),
        ({"oss_write_role_arn": "acs:ram::1:role/none"}, "InvalidRoleArnException", "acs:ram::1:role/none", 400),
        ({"sls_project_arn": "acs:log:x:1:project/p"}, "NotBuiltInKowloon", "Log Service", 501),
        ({"is_organization_trail": True}, "NotBuiltInKowloon", "organization", 501),
    ],
)
def test_bad_trails_are_refused(
    customer: Customer, fields: dict[str, Any], code: str, message: str, status: int
) -> None:
    refused(lambda: _trail(customer, **fields), code, message, status)


def test_names_are_taken_once_and_five_are_the_most(alone: Customer) -> None:
    auditor = _trail(alone)
    refused(lambda: _trail(alone), "TrailAlreadyExistsException", "already exists", 409)
    for number in range(4):
        auditor.call("CreateTrail", name=f"trail-{number}", oss_bucket_name="audit-logs")
    refused(
        lambda: auditor.call("CreateTrail", name="one-more", oss_bucket_name="audit-logs"),
        "MaximumNumberOfTrailsExceededException",
        "limit of 5",
    )


def test_trails_need_permission_and_are_nobody_elses(alone: Customer) -> None:
    reader = alone.role("Looker", "AliyunActionTrailReadOnlyAccess")
    refused(lambda: _trail(reader), "NoPermission", "You are not authorized to do this action. You should", status=403)
    _trail(alone)
    assert len(Auditor(reader).call("DescribeTrails").trail_list) == 1
    refused(
        lambda: Auditor(reader).call("DeleteTrail", name="my-trail"),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
        status=403,
    )
    store = alone.cloud.cloud.store
    assert [trail.name for trail in store.list(Trail)] == ["my-trail"]


def test_who_gives_a_trail_a_role_must_be_allowed_to_pass_it(alone: Customer) -> None:
    alone.call("ram", "CreateRole", role_name="writer", assume_role_policy_document=TRUST)
    role = f"acs:ram::{alone.cloud.account_id}:role/writer"
    rights = Rights(alone)
    auditor = Auditor(rights.user(statement("Allow", "actiontrail:*")))
    named = {"name": "my-trail", "oss_bucket_name": "audit-logs"}
    auditor.call("CreateTrail", **named)
    for action, name in (("UpdateTrail", "my-trail"), ("CreateTrail", "another")):
        fields = {**named, "name": name, "oss_write_role_arn": role}
        error = refused(
            lambda action=action, fields=fields: auditor.call(action, **fields),
            "NoPermission",
            "You are not authorized to do this action. You should be authorized by RAM.",
            403,
        )
        assert error.accessDeniedDetail["AuthAction"] == "ram:PassRole"
    # The vendor's own policy lets it be passed to ActionTrail alone.
    full = Auditor(rights.user(system=("AliyunActionTrailFullAccess",)))
    assert full.call("UpdateTrail", **named, oss_write_role_arn=role).oss_write_role_arn == role


def test_regions_are_told(customer: Customer) -> None:
    rows = Auditor(customer).call("DescribeRegions", accept_language="en-US").regions.region
    names = {row.region_id: row.local_name for row in rows}
    assert names["cn-hongkong"]
    refused(
        lambda: Auditor(customer).call("DescribeRegions", accept_language="xx"),
        "InvalidQueryParameter",
        "AcceptLanguage",
    )
