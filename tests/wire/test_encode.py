from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kowloon.core.errors import ApiError
from kowloon.wire.encode import encode_error, encode_success, xml_document
from kowloon.wire.identify import Format

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
# Includes lone surrogates, which no encoding can hold.
ANY_TEXT = st.text(alphabet=st.characters())


class Vpc(msgspec.Struct):
    VpcId: str
    IsDefault: bool = False


def test_json_success() -> None:
    response = encode_success("DescribeVpcs", {"Vpcs": {"Vpc": [Vpc("vpc-1")]}, "TotalCount": 1}, "ID-1")
    assert response.status == 200
    assert dict(response.headers) == {"Content-Type": "application/json;charset=utf-8", "x-acs-request-id": "ID-1"}
    assert response.body == b'{"RequestId":"ID-1","Vpcs":{"Vpc":[{"VpcId":"vpc-1","IsDefault":false}]},"TotalCount":1}'
    assert encode_success("A", {}, "ID-1").body == b'{"RequestId":"ID-1"}'
    with pytest.raises(TypeError):
        encode_success("A", [1], "ID-1")


def test_xml_success() -> None:
    body = {"Vpcs": {"Vpc": [Vpc("vpc-1"), Vpc("<&>")]}, "Tags": {"Tag": []}, "Absent": None, "TotalCount": 2}
    response = encode_success("DescribeVpcs", body, "ID-1", Format.XML)
    assert dict(response.headers)["Content-Type"] == "text/xml;charset=utf-8"
    assert response.body.decode() == (
        "<?xml version='1.0' encoding='UTF-8'?><DescribeVpcsResponse><RequestId>ID-1</RequestId><Vpcs>"
        "<Vpc><VpcId>vpc-1</VpcId><IsDefault>false</IsDefault></Vpc>"
        "<Vpc><VpcId>&lt;&amp;&gt;</VpcId><IsDefault>false</IsDefault></Vpc></Vpcs>"
        "<Tags></Tags><TotalCount>2</TotalCount></DescribeVpcsResponse>"
    )


def test_json_error() -> None:
    error = ApiError("Forbidden.RAM", 403, "no", headers={"x-acs-retry-after": "5"}, detail={"AuthAction": "ecs:Run"})
    response = encode_error(error, request_id="ID-1", host_id="ecs.aliyuncs.com", product="Ecs")
    assert response.status == 403
    assert ("x-acs-retry-after", "5") in response.headers
    assert json.loads(response.body) == {
        "RequestId": "ID-1",
        "HostId": "ecs.aliyuncs.com",
        "Code": "Forbidden.RAM",
        "Message": "no",
        "Recommend": "https://api.aliyun.com/troubleshoot?q=Forbidden.RAM&product=Ecs",
        "AccessDeniedDetail": {"AuthAction": "ecs:Run"},
    }


def test_xml_error_and_empty_code() -> None:
    response = encode_error(ApiError("", 400, "a<b"), request_id="ID-1", host_id="h", body_format=Format.XML)
    assert response.body.decode() == (
        "<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>ID-1</RequestId><HostId>h</HostId>"
        "<Code>InternalError</Code><Message>a&lt;b</Message>"
        "<Recommend><![CDATA[https://api.aliyun.com/troubleshoot?q=InternalError&product=]]></Recommend></Error>"
    )


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_errors_are_well_formed_whatever_the_text(code: str, message: str, host_id: str) -> None:
    error = ApiError(code, 400, message)
    assert json.loads(encode_error(error, request_id="r", host_id=host_id).body)["Code"]
    document = encode_error(error, request_id="r", host_id=host_id, product=code, body_format=Format.XML).body
    assert ElementTree.fromstring(document).tag == "Error"


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_xml_is_well_formed_whatever_the_data(payload: dict[str, object]) -> None:
    assert ElementTree.fromstring(xml_document("AResponse", payload)).tag == "AResponse"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_xml_text_survives(text: str) -> None:
    read = ElementTree.fromstring(xml_document("R", {"Value": text + "\r\n\t"})).findtext("Value")
    assert read == text.replace("\ufffe", "").replace("\uffff", "") + "\r\n\t"
