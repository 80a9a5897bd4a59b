"""How a call travels: old and new clients, both signatures, both formats, and every way in which it is turned away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from aliyunsdkecs.request.v20140526.DescribeInstancesRequest import DescribeInstancesRequest
from aliyunsdkecs.request.v20140526.DescribeRegionsRequest import DescribeRegionsRequest
from aliyunsdkecs.request.v20140526.StopInstanceRequest import StopInstanceRequest

from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import refused
from tests.services.parts import Customer


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _parameters(cloud: LocalCloud, action: str, **changes: str) -> dict[str, str]:
    """Of a call in the old style, not yet signed; an empty change leaves the parameter out."""
    fields = {
        "Action": action,
        "Version": "2014-05-26",
        "Format": "JSON",
        "AccessKeyId": cloud.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": _stamp(),
        "RegionId": REGION,
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value}


def _stamp(minutes: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signed(cloud: LocalCloud, fields: dict[str, str], method: str = "GET") -> dict[str, str]:
    query = "&".join(f"{_encode(name)}={_encode(fields[name])}" for name in sorted(fields))
    text = f"{method}&{_encode('/')}&{_encode(query)}"
    mac = hmac.new(f"{cloud.access_key_secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return {**fields, "Signature": base64.b64encode(mac).decode()}


def _send(cloud: LocalCloud, fields: dict[str, str], method: str = "GET") -> tuple[int, bytes, str]:
    """Status, body and content type."""
    body = urlencode(fields)
    url = f"http://{cloud.endpoint}/"
    request = urllib.request.Request(f"{url}?{body}" if method == "GET" else url, method=method)
    if method == "POST":
        request.data = body.encode()
        request.add_header("Content-Type", "application/x-www-form-urlencoded")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read(), refusal.headers["Content-Type"]


def _call(cloud: LocalCloud, action: str, method: str = "GET", **changes: str) -> tuple[int, dict[str, Any]]:
    status, body, _ = _send(cloud, _signed(cloud, _parameters(cloud, action, **changes), method), method)
    return status, json.loads(body)


# --- calls that arrive ---


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_old_style_calls_by_query_and_by_form(shared_cloud: LocalCloud, method: str) -> None:
    status, body = _call(shared_cloud, "DescribeInstances", method)
    assert status == 200
    assert {"RequestId", "TotalCount", "PageNumber", "PageSize", "NextToken", "Instances"} == set(body)
    assert len(body["RequestId"]) == 36


def test_xml_answers(shared_cloud: LocalCloud) -> None:
    fields = _signed(shared_cloud, _parameters(shared_cloud, "DescribeRegions", Format="XML"))
    status, body, content_type = _send(shared_cloud, fields)
    root = ElementTree.fromstring(body)
    assert (status, root.tag, content_type) == (200, "DescribeRegionsResponse", "text/xml;charset=utf-8")
    assert REGION in [node.text for node in root.iter("RegionId")]
    assert root.findtext("RequestId")


def test_xml_refusals(shared_cloud: LocalCloud) -> None:
    fields = _signed(shared_cloud, _parameters(shared_cloud, "StopInstance", Format="XML", InstanceId="i-none"))
    status, body, content_type = _send(shared_cloud, fields)
    root = ElementTree.fromstring(body)
    assert (status, root.tag, content_type) == (404, "Error", "text/xml;charset=utf-8")
    assert root.findtext("Code") == "InvalidInstanceId.NotFound"
    assert root.findtext("HostId") == "127.0.0.1"


@pytest.mark.parametrize("algorithm", ["v2", "ACS3-HMAC-SHA256"])
def test_both_signatures_of_the_new_clients(shared_cloud: LocalCloud, algorithm: str) -> None:
    customer = Customer(shared_cloud, signature_algorithm=algorithm)
    assert customer.call("ecs", "DescribeInstances").request_id
    assert customer.call("vpc", "DescribeVpcs", page_size=10).request_id


@pytest.mark.parametrize("algorithm", ["v2", "ACS3-HMAC-SHA256"])
def test_both_signatures_with_a_token(cloud: LocalCloud, algorithm: str) -> None:
    role = Customer(cloud).role("Reader", "AliyunECSReadOnlyAccess")
    again = Customer(cloud, **role.config, signature_algorithm=algorithm)
    assert again.call("ecs", "DescribeInstances").total_count == 0
    refused(
        lambda: again.call("ecs", "StopInstance", instance_id="i-none"),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
    )


def _old_client(cloud: LocalCloud, **credentials: Any) -> AcsClient:
    if credentials:
        client = AcsClient(region_id=REGION, **credentials)
    else:
        client = AcsClient(cloud.access_key_id, cloud.access_key_secret, REGION)
    client.set_verify(False)
    return client


def _to(cloud: LocalCloud, request: Any) -> Any:
    request.set_endpoint(cloud.endpoint)
    request.set_protocol_type("http")
    return request


def test_the_older_client(shared_cloud: LocalCloud) -> None:
    client = _old_client(shared_cloud)
    regions = json.loads(client.do_action_with_exception(_to(shared_cloud, DescribeRegionsRequest())))
    assert REGION in [region["RegionId"] for region in regions["Regions"]["Region"]]
    request = DescribeInstancesRequest()
    request.set_PageSize(5)
    page = json.loads(client.do_action_with_exception(_to(shared_cloud, request)))
    assert page["PageSize"] == 5
    stop = StopInstanceRequest()
    stop.set_InstanceId("i-none")
    with pytest.raises(ServerException) as caught:
        client.do_action_with_exception(_to(shared_cloud, stop))
    assert caught.value.get_error_code() == "InvalidInstanceId.NotFound"
    assert caught.value.get_error_msg() == "The specified InstanceId does not exist."
    assert caught.value.get_http_status() == 404


def test_the_older_client_with_a_token_and_a_common_request(cloud: LocalCloud) -> None:
    keys = Customer(cloud).role("Reader", "AliyunECSReadOnlyAccess").config
    credential = StsTokenCredential(keys["access_key_id"], keys["access_key_secret"], keys["security_token"])
    client = _old_client(cloud, credential=credential)
    request = CommonRequest(domain=cloud.endpoint, version="2014-05-26", action_name="DescribeInstances")
    request.set_method("POST")
    answer = json.loads(client.do_action_with_exception(_to(cloud, request)))
    assert answer["TotalCount"] == 0


# --- calls that are turned away ---


def test_an_unknown_action(shared_cloud: LocalCloud) -> None:
    status, body = _call(shared_cloud, "MakeCoffee")
    assert (status, body["Code"]) == (404, "InvalidAction.NotFound")
    assert body["Message"] == "Specified api is not found, please check your url and method."
    assert body["HostId"] == "127.0.0.1"
    assert "InvalidAction.NotFound" in body["Recommend"]


def test_an_unknown_version(shared_cloud: LocalCloud) -> None:
    status, body = _call(shared_cloud, "DescribeInstances", Version="1999-01-01")
    assert (status, body["Code"]) == (400, "InvalidVersion")
    assert body["Message"] == "Specified parameter Version is not valid."


def test_a_known_action_that_is_not_built(shared_cloud: LocalCloud) -> None:
    status, body = _call(shared_cloud, "CreateAutoSnapshotPolicy")
    assert (status, body["Code"]) == (501, "NotBuiltInKowloon")
    assert "Ecs 2014-05-26 CreateAutoSnapshotPolicy" in body["Message"]


@pytest.mark.parametrize(("field", "code"), [("Action", "MissingParameter"), ("Version", "MissingVersion")])
def test_without_a_name_it_is_no_call(shared_cloud: LocalCloud, field: str, code: str) -> None:
    status, body = _call(shared_cloud, "DescribeInstances", **{field: ""})
    assert (status, body["Code"]) == (400, code)


def test_the_same_nonce_twice(shared_cloud: LocalCloud) -> None:
    fields = _signed(shared_cloud, _parameters(shared_cloud, "DescribeInstances"))
    assert _send(shared_cloud, fields)[0] == 200
    status, body, _ = _send(shared_cloud, fields)
    refusal = json.loads(body)
    assert (status, refusal["Code"]) == (400, "SignatureNonceUsed")
    assert refusal["Message"] == "Specified signature nonce was used already."


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_wrong(shared_cloud: LocalCloud, minutes: int) -> None:
    status, body = _call(shared_cloud, "DescribeInstances", Timestamp=_stamp(minutes))
    assert (status, body["Code"]) == (400, "InvalidTimeStamp.Expired")
    assert body["Message"] == "Specified time stamp or date value is expired."


def test_a_clock_that_cannot_be_read(shared_cloud: LocalCloud) -> None:
    status, body = _call(shared_cloud, "DescribeInstances", Timestamp="yesterday")
    assert (status, body["Code"]) == (400, "InvalidTimeStamp.Format")


def test_a_skip_of_cloud_time_turns_nobody_away(cloud: LocalCloud) -> None:
    cloud.run(cloud.cloud.clock.skip(7200))
    assert _call(cloud, "DescribeInstances")[0] == 200


def test_a_signature_that_is_wrong_says_what_was_signed(shared_cloud: LocalCloud) -> None:
    fields = _signed(shared_cloud, _parameters(shared_cloud, "DescribeInstances"))
    status, body, _ = _send(shared_cloud, {**fields, "PageSize": "5"})
    refusal = json.loads(body)
    assert (status, refusal["Code"]) == (400, "SignatureDoesNotMatch")
    assert "server string to sign is:GET&%2F&" in refusal["Message"]


def test_a_refused_signature_uses_up_no_nonce(shared_cloud: LocalCloud) -> None:
    fields = _signed(shared_cloud, _parameters(shared_cloud, "DescribeInstances"))
    assert _send(shared_cloud, {**fields, "Signature": "bad"})[0] == 400
    assert _send(shared_cloud, fields)[0] == 200


def test_an_unknown_key(shared_cloud: LocalCloud) -> None:
    status, body = _call(shared_cloud, "DescribeInstances", AccessKeyId="LTAInobody")
    assert (status, body["Code"]) == (404, "InvalidAccessKeyId.NotFound")
    assert body["Message"] == "Specified access key is not found."


def test_no_key_at_all(shared_cloud: LocalCloud) -> None:
    status, body = _call(shared_cloud, "DescribeInstances", AccessKeyId="", SignatureMethod="", SignatureVersion="")
    assert (status, body["Code"]) == (400, "MissingAccessKeyId")


def test_bad_secret_through_the_official_client(shared_cloud: LocalCloud) -> None:
    stranger = Customer(shared_cloud, access_key_secret="wrong")
    refused(
        lambda: stranger.call("ecs", "DescribeInstances"),
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. server string",
        status=400,
    )
    unknown = Customer(shared_cloud, access_key_id="LTAInobody")
    refused(
        lambda: unknown.call("ecs", "DescribeInstances"),
        "InvalidAccessKeyId.NotFound",
        "Specified access key is not found.",
        status=404,
    )


def test_a_value_of_the_wrong_kind(shared_cloud: LocalCloud) -> None:
    status, body = _call(shared_cloud, "DescribeInstances", PageSize="many")
    assert (status, body["Code"]) == (400, "InvalidParameter")
    assert "PageSize" in body["Message"]
    status, body = _call(shared_cloud, "StopInstance")
    assert (status, body["Code"], body["Message"]) == (
        400,
        "MissingInstanceId",
        "InstanceId is mandatory for this action.",
    )
