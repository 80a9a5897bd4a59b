"""Tokens of applications, by both generations of clients; what the platform refuses before a call is looked at."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from alibabacloud_dingtalk.oauth2_1_0.client import Client
from alibabacloud_dingtalk.oauth2_1_0.models import GetAccessTokenRequest
from alibabacloud_tea_openapi.models import Config
from Tea.exceptions import TeaException

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office


def test_both_ways_give_the_same_token_with_a_renewed_life(cloud: LocalCloud, office: Office) -> None:
    client = Client(Config(protocol="http", endpoint=cloud.endpoint))
    asked = GetAccessTokenRequest(app_key=office.app_key, app_secret=office.app_secret)
    newer = client.get_access_token(asked).body
    older = requests.get(
        f"http://{cloud.endpoint}/gettoken", {"appkey": office.app_key, "appsecret": office.app_secret}, timeout=10
    ).json()
    assert (older["errcode"], older["errmsg"], older["expires_in"]) == (0, "ok", 7200)
    assert (newer.access_token, newer.expire_in) == (older["access_token"], 7200)
    corp = office.post(f"/v1.0/oauth2/{office.corp_id}/token", office.client_credentials, token="")
    assert corp == {"access_token": older["access_token"], "expires_in": 7200}


def test_wrong_credentials(cloud: LocalCloud, office: Office) -> None:
    assert office.get("/gettoken", appkey=office.app_key, appsecret="no")[:2] == (40096, "不合法的appKey或appSecret")
    assert office.get("/gettoken", appkey="dingno", appsecret="no")[:2] == (40096, "不合法的appKey或appSecret")
    assert office.get("/gettoken")[:2] == (40035, "缺少参数 corpid or appkey")
    client = Client(Config(protocol="http", endpoint=cloud.endpoint))
    with pytest.raises(TeaException) as refused:
        client.get_access_token(GetAccessTokenRequest(app_key=office.app_key, app_secret="no"))
    assert (refused.value.code, refused.value.statusCode) == ("invalidClientIdOrSecret", 400)
    assert "无效的clientId或者clientSecret" in refused.value.message


@pytest.mark.parametrize(
    ("changes", "corp", "status", "code"),
    [
        ({"grant_type": "password"}, "", 400, "unsupported.grant.type"),
        ({"client_id": "dingno"}, "", 400, "invalid.client"),
        ({"client_secret": "no"}, "", 400, "invalid.client"),
        ({}, "dingother", 500, "unknownError"),
    ],
)
def test_wrong_client_credentials(office: Office, changes: dict[str, str], corp: str, status: int, code: str) -> None:
    body = {**office.client_credentials, **changes}
    assert office.refused("POST", f"/v1.0/oauth2/{corp or office.corp_id}/token", body, token="")[:2] == (status, code)


def test_what_is_refused_before_a_call_is_looked_at(office: Office) -> None:
    unknown = office.answer("POST", "/topapi/v2/user/notexist", {})
    assert unknown["errcode"] == 22
    assert unknown["sub_msg"] == "不合法ApiName，ApiName = dingtalk.oapi.v2.user.notexist"
    assert office.answer("POST", "/v2.0/notexist", {})["code"] == "NotFound"
    status, code, message = office.refused("POST", "/v1.0/yida/forms/instances", {})
    assert (status, code) == (501, "NotImplemented")
    assert "yida_1_0 SaveFormData is not built in Kowloon." in message
    assert office.get("/gettoken", appkey=["["])[:1] == (40096,)


def test_a_body_that_is_none(office: Office) -> None:
    answer: dict[str, Any] = office.answer("POST", "/v1.0/oauth2/accessToken", b"[1]", token="")
    assert (answer["code"], answer["message"]) == ("InvalidRequestBody", "缺少参数 json")
