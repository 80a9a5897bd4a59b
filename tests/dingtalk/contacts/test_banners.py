"""Status banners by the official client; tickets; what an application may see. Every call by whom it is not for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from alibabacloud_dingtalk.contact_1_0 import models
from alibabacloud_dingtalk.contact_1_0.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import own_id
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.contacts.people import member
from tests.dingtalk.platform import Office, office_of

START, END = 1_760_000_000_000, 1_760_003_600_000
BANNER = {"ownness_id": 7, "ownenss_type": 1, "text": "代理值班", "start_time": START, "end_time": END}
SHOWN = {"id": 7, "type": 1, "text": "代理值班", "startTime": START, "endTime": END}


@pytest.fixture
def office(office: Office) -> Office:
    member(office, "ada")
    return office


class Banners:
    """The official client's calls."""

    def __init__(self, office: Office) -> None:
        self.client = Client(Config(protocol="http", endpoint=office.cloud.endpoint))
        self.token = office.token

    def add(self, userid: str = "ada", **changes: Any) -> int:
        request = models.AddOrgAccountOwnnessRequest(user_id=userid, **{**BANNER, **changes})
        headers = models.AddOrgAccountOwnnessHeaders(x_acs_dingtalk_access_token=self.token)
        result: int = self.client.add_org_account_ownness_with_options(request, headers, RuntimeOptions()).body.result
        return result

    def modify(self, userid: str = "ada", **changes: Any) -> bool:
        request = models.ModifyOrgAccUserOwnnessRequest(user_id=userid, **{**BANNER, **changes})
        headers = models.ModifyOrgAccUserOwnnessHeaders(x_acs_dingtalk_access_token=self.token)
        body = self.client.modify_org_acc_user_ownness_with_options(request, headers, RuntimeOptions()).body
        result: bool = body.result
        return result

    def delete(self, userid: str = "ada", id: int = 7) -> bool:
        request = models.DelOrgAccUserOwnnessRequest(user_id=userid, ownness_id=id, ownenss_type=1)
        headers = models.DelOrgAccUserOwnnessHeaders(x_acs_dingtalk_access_token=self.token)
        result: bool = self.client.del_org_acc_user_ownness_with_options(request, headers, RuntimeOptions()).body.result
        return result

    def change(self, userid: str = "ada", id: str = "7", **changes: Any) -> str:
        request = models.UpdateUserOwnnessRequest(id=id, **changes)
        headers = models.UpdateUserOwnnessHeaders(x_acs_dingtalk_access_token=self.token)
        body = self.client.update_user_ownness_with_options(userid, request, headers, RuntimeOptions()).body
        result: str = body.result
        return result


def banner(office: Office) -> dict[str, Any]:
    store = office.cloud.cloud.store
    found = office.cloud.call(lambda: store.get(Member, own_id(office.account, "ada")))
    assert found is not None
    return found.banner


def test_a_banner_comes_changes_and_goes(office: Office) -> None:
    calls = Banners(office)
    assert calls.add() == 1
    assert banner(office) == SHOWN
    assert calls.modify(text="值班") is True
    assert banner(office) == {**SHOWN, "text": "值班"}
    assert calls.change(end_time=END + 1) == "true"
    assert banner(office) == {**SHOWN, "text": "值班", "endTime": END + 1}
    assert calls.add(ownness_id=8) == 1
    assert banner(office)["id"] == 8, "one at a time"
    assert calls.delete(id=8) is True
    assert banner(office) == {}
    calls.add()
    assert calls.change(deleted_flag=1) == "true"
    assert banner(office) == {}


def test_what_banners_refuse(office: Office) -> None:
    calls = Banners(office)
    with pytest.raises(TeaException) as refused:
        calls.add(userid="nobody")
    assert (refused.value.code, refused.value.statusCode) == ("invalidParameter.user.notFound", 404)
    for act in (calls.modify, calls.delete, calls.change):
        with pytest.raises(TeaException) as refused:
            act()
        assert (refused.value.code, refused.value.statusCode) == ("invalidParameter.ownness.notFound", 404)
    with pytest.raises(TeaException) as refused:
        calls.add(end_time=START)
    assert refused.value.code == "invalidParameter.endTime.invalid"
    for text in ("", "x" * 65):
        with pytest.raises(TeaException) as refused:
            calls.add(text=text)
        assert refused.value.code == "invalidParameter.name.tooLong"
    assert banner(office) == {}
    path = "/v1.0/contact/orgAccounts/owness"
    assert office.refused("POST", f"{path}?userId=ada", {})[:2] == (400, "invalidParameter.ownnessId.empty")


def test_a_ticket_is_the_same_as_long_as_it_lasts(cloud: LocalCloud, office: Office) -> None:
    newer = office.post("/v1.0/oauth2/jsapiTickets", {})
    code, _, older = office.get("/get_jsapi_ticket", access_token=office.token)
    assert (code, older["ticket"]) == (0, newer["jsapiTicket"])
    assert 7190 <= older["expires_in"] <= 7200
    assert 7190 <= newer["expireIn"] <= 7200
    assert office_of(cloud).post("/v1.0/oauth2/jsapiTickets", {})["jsapiTicket"] != newer["jsapiTicket"]


def test_what_an_application_may_see(office: Office) -> None:
    _, _, told = office.get("/auth/scopes", access_token=office.token)
    assert told["auth_org_scopes"] == {"authed_user": [], "authed_dept": [1]}
    assert "userid" in told["auth_user_field"]
    assert office.get("/auth/scopes")[0] == 40000


CALLS = [
    (
        "POST",
        "/v1.0/contact/orgAccounts/owness?userId=ada",
        {
            "ownnessId": 7,
            "ownenssType": 1,
            "text": "x",
            "startTime": START,
            "endTime": END,
        },
    ),
    (
        "PUT",
        "/v1.0/contact/orgAccounts/owness?userId=ada",
        {
            "ownnessId": 7,
            "ownenssType": 1,
            "text": "x",
            "startTime": START,
            "endTime": END,
        },
    ),
    ("DELETE", "/v1.0/contact/orgAccounts/ownness?userId=ada&ownnessId=7&ownenssType=1", None),
    ("PUT", "/v1.0/contact/user/ada/ownness", {"id": "7", "deletedFlag": 1}),
    ("POST", "/topapi/v2/department/update", {"dept_id": "DEPT", "name": "x"}),
    ("POST", "/topapi/v2/department/get", {"dept_id": "DEPT"}),
    ("POST", "/topapi/v2/department/listsub", {"dept_id": "DEPT"}),
    ("POST", "/topapi/v2/department/listsubid", {"dept_id": "DEPT"}),
    ("POST", "/topapi/v2/department/listparentbydept", {"dept_id": "DEPT"}),
    ("POST", "/topapi/v2/department/listparentbyuser", {"userid": "ada"}),
    ("POST", "/topapi/v2/department/delete", {"dept_id": "DEPT"}),
    ("POST", "/topapi/v2/user/update", {"userid": "ada", "name": "x"}),
    ("POST", "/topapi/v2/user/delete", {"userid": "ada"}),
    ("POST", "/topapi/v2/user/get", {"userid": "ada"}),
    ("POST", "/topapi/v2/user/list", {"dept_id": "DEPT", "cursor": 0, "size": 1}),
    ("POST", "/topapi/user/listsimple", {"dept_id": "DEPT", "cursor": 0, "size": 1}),
    ("POST", "/topapi/user/listid", {"dept_id": "DEPT"}),
    ("POST", "/topapi/v2/user/getbymobile", {"mobile": "13800000001"}),
    ("POST", "/topapi/user/getbyunionid", {"unionid": "UNION"}),
    ("POST", "/topapi/user/get_admin_scope", {"userid": "ada"}),
    ("GET", "/v1.0/contact/users/UNION", None),
    ("POST", "/topapi/role/simplelist", {"role_id": "ROLE"}),
    ("POST", "/topapi/role/getrole", {"roleId": "ROLE"}),
    ("POST", "/topapi/role/getrolegroup", {"group_id": "GROUP"}),
    ("POST", "/topapi/role/addrolesforemps", {"roleIds": "ROLE", "userIds": "ada"}),
    ("POST", "/topapi/role/removerolesforemps", {"roleIds": "ROLE", "userIds": "ada"}),
    ("POST", "/topapi/role/deleterole", {"role_id": "ROLE"}),
    ("POST", "/topapi/role/scope/update", {"userid": "ada", "role_id": "ROLE"}),
    ("POST", "/role/update_role", {"roleId": "ROLE", "roleName": "x"}),
    ("POST", "/role/add_role", {"roleName": "x", "groupId": "GROUP"}),
]


@pytest.fixture(scope="module")
def everything() -> Iterator[tuple[Office, Office, Office, dict[str, str]]]:
    """An organisation with one of everything and what it is called; another organisation; and an application without
    permissions."""
    with LocalCloud() as cloud:
        office = office_of(cloud)
        made = office.post("/topapi/v2/department/create", {"name": "ops"})["result"]["dept_id"]
        member(office, "ada", made, mobile="13800000001")
        group = office.post("/role/add_role_group", {"name": "g"})["groupId"]
        role = office.post("/role/add_role", {"roleName": "r", "groupId": group})["roleId"]
        union_id = office.post("/topapi/v2/user/get", {"userid": "ada"})["result"]["unionid"]
        # Numbers are given by organisation: the other one's own come later.
        names = {"DEPT": str(made), "GROUP": str(group), "ROLE": str(role), "UNION": union_id}
        yield office, office_of(cloud, cloud.as_account("Other").account_id), office_of(cloud, scopes=["none"]), names


def filled(names: dict[str, str], path: str, body: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    return path.replace("UNION", names["UNION"]), body and {
        key: names.get(str(each), each) for key, each in body.items()
    }


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_of_another_organisation_nothing_is_there(
    everything: tuple[Office, Office, Office, dict[str, str]], method: str, path: str, body: dict[str, Any] | None
) -> None:
    _, other, _, names = everything
    told = refused(other, method, *filled(names, path, body))
    assert told in (
        (60003, "部门不存在"),
        (60121, "找不到该用户"),
        (404, "找不到该用户"),
        (400002, "角色不存在"),
        (400002, "角色组不存在"),
    )


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_without_the_permission(
    everything: tuple[Office, Office, Office, dict[str, str]], method: str, path: str, body: dict[str, Any] | None
) -> None:
    _, _, without, names = everything
    code, message = refused(without, method, *filled(names, path, body))
    assert code in (88, 403, 60011)
    assert "没有调用该接口的权限" in message


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("token", ["", "0" * 32])
def test_without_a_token(
    everything: tuple[Office, Office, Office, dict[str, str]],
    method: str,
    path: str,
    body: dict[str, Any] | None,
    token: str,
) -> None:
    office, _, _, names = everything
    code, message = refused(office, method, *filled(names, path, body), token=token)
    assert code in (88, 400, 40000, 40014)
    assert ("access_token is blank" in message or "x-acs-dingtalk-access-token" in message) == (not token)


def refused(
    office: Office, method: str, path: str, body: dict[str, Any] | None, token: str | None = None
) -> tuple[int, str]:
    response: requests.Response = office.send(method, path, body, token=token)
    answered = response.json()
    if "errcode" in answered:
        return answered["errcode"], answered["errmsg"]
    return response.status_code, answered["message"]
