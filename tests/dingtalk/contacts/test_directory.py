"""Departments, people and roles by the older host, and the newer host's search."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from alibabacloud_dingtalk.contact_1_0.client import Client
from alibabacloud_dingtalk.contact_1_0.models import (
    GetUserHeaders,
    SearchDepartmentHeaders,
    SearchDepartmentRequest,
    SearchUserHeaders,
    SearchUserRequest,
)
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.contacts.people import ROOT, department, person
from tests.dingtalk.platform import Office, office_of


def test_a_tree_of_departments(office: Office) -> None:
    operations = department(office, "运维", source_identifier="unit-7")
    databases = department(office, "databases", parent_id=operations, order=2)
    storage = department(office, "storage", parent_id=operations, order=1)
    root = office.post("/topapi/v2/department/get", {"dept_id": ROOT})["result"]
    assert (root["dept_id"], root["parent_id"]) == (ROOT, 0)
    found = office.post("/topapi/v2/department/get", {"dept_id": str(operations), "language": "zh_CN"})["result"]
    assert (found["name"], found["parent_id"], found["source_identifier"]) == ("运维", ROOT, "unit-7")
    assert (found["dept_manager_userid_list"], found["hide_dept"]) == ([], False)
    below = office.post("/topapi/v2/department/listsub", {"dept_id": operations})["result"]
    assert [each["dept_id"] for each in below] == [storage, databases], "by their order"
    assert office.post("/topapi/v2/department/listsub")["result"][0]["dept_id"] == operations
    ids = office.post("/topapi/v2/department/listsubid", {"dept_id": operations})["result"]
    assert ids == {"dept_id_list": [storage, databases]}
    line = office.post("/topapi/v2/department/listparentbydept", {"dept_id": databases})["result"]
    assert line == {"parent_id_list": [databases, operations, ROOT]}
    person(office, "ada", databases)
    of_user = office.post("/topapi/v2/department/listparentbyuser", {"userid": "ada"})["result"]
    assert of_user == {"parent_list": [{"parent_dept_id_list": [databases, operations, ROOT]}]}


def test_managers_are_written_with_commas_and_read_as_a_list(office: Office) -> None:
    number = department(office, "ops")
    person(office, "ada", number), person(office, "bob", number)
    update = "/topapi/v2/department/update"
    office.post(update, {"dept_id": number, "dept_manager_userid_list": "ada,bob"})
    assert managers(office, number) == ["ada", "bob"]
    office.post(update, {"dept_id": number, "dept_manager_userid_list": ""})
    assert managers(office, number) == ["ada", "bob"], "empty only counts where it is said to be meant"
    assert office.post("/topapi/v2/user/get", {"userid": "ada"})["result"]["leader_in_dept"] == [
        {"dept_id": number, "leader": True}
    ]
    cleared = {"dept_id": number, "dept_manager_userid_list": "", "force_update_fields": "dept_manager_userid_list"}
    office.post(update, cleared)
    assert managers(office, number) == []
    assert office.refused("POST", update, {"dept_id": number, "dept_manager_userid_list": "nobody"})[0] == 60121


def managers(office: Office, number: int) -> list[str]:
    found: list[str] = office.post("/topapi/v2/department/get", {"dept_id": number})["result"][
        "dept_manager_userid_list"
    ]
    return found


@pytest.mark.parametrize(
    ("path", "body", "errcode", "message"),
    [
        ("create", {"name": "a-b"}, 60001, "不合法的部门名称"),
        ("create", {"name": "x" * 65}, 60001, "不合法的部门名称"),
        ("create", {"name": "ops"}, 60008, "部门已存在"),
        ("create", {"name": "new", "parent_id": 7}, 60003, "部门不存在"),
        ("create", {}, 40035, "缺少参数 name"),
        ("create", {"name": "new", "order": "first"}, 40035, "不合法的参数 order"),
        ("get", {"dept_id": 7}, 60003, "部门不存在"),
        ("listsub", {"dept_id": 7}, 60003, "部门不存在"),
        ("listsubid", {"dept_id": 7}, 60003, "部门不存在"),
        ("listparentbydept", {"dept_id": 7}, 60003, "部门不存在"),
        ("listparentbyuser", {"userid": "x"}, 60121, "找不到该用户"),
        ("delete", {"dept_id": ROOT}, 60007, "根部门不允许删除"),
        ("delete", {"dept_id": "OPS"}, 60006, "部门下存在子部门，不允许删除"),
        ("delete", {"dept_id": "DBA"}, 60005, "部门下存在员工，不允许删除"),
        ("update", {"dept_id": 7, "name": "x"}, 60003, "部门不存在"),
        ("update", {"dept_id": "OPS", "parent_id": "DBA"}, 60004, "父部门不合法"),
        ("update", {"dept_id": ROOT, "parent_id": "DBA"}, 60004, "父部门不合法"),
        ("update", {"dept_id": "DBA", "name": "net"}, 60008, "部门已存在"),
    ],
)
def test_departments_refuse(office: Office, path: str, body: dict[str, Any], errcode: int, message: str) -> None:
    known = {"OPS": department(office, "ops")}
    known["DBA"] = department(office, "dba", parent_id=known["OPS"])
    department(office, "net", parent_id=known["OPS"])
    person(office, "ada", known["DBA"])
    filled = {name: known.get(str(value), value) for name, value in body.items()}
    assert office.refused("POST", f"/topapi/v2/department/{path}", filled) == (errcode, "", message)


def test_an_empty_department_goes(office: Office) -> None:
    number = department(office, "ops")
    office.post("/topapi/v2/department/delete", {"dept_id": number})
    assert office.refused("POST", "/topapi/v2/department/get", {"dept_id": number})[0] == 60003
    assert department(office, "ops") != number, "a number is never given twice"


def test_a_person_from_first_to_last_day(office: Office) -> None:
    first, second = department(office, "ops"), department(office, "dba")
    person(office, "boss")
    extension = '{"desk":"7"}'
    made = office.post(
        "/topapi/v2/user/create",
        {
            "name": "张三",
            "userid": "zhang",
            "mobile": "13800000000",
            "dept_id_list": f"{first},{second}",
            "title": "DBA",
            "manager_userid": "boss",
            "extension": extension,
        },
    )["result"]
    found = office.post("/topapi/v2/user/get", {"userid": "zhang"})["result"]
    assert (found["unionid"], found["name"], found["mobile"]) == (made["unionId"], "张三", "13800000000")
    assert (found["dept_id_list"], found["manager_userid"]) == ([first, second], "boss")
    assert (found["title"], found["active"], found["admin"], found["extension"]) == ("DBA", True, False, extension)
    office.post("/topapi/v2/user/update", {"userid": "zhang", "dept_id_list": str(second), "hide_mobile": "true"})
    found = office.post("/topapi/v2/user/get", {"userid": "zhang"})["result"]
    assert (found["dept_id_list"], found["mobile"], found["title"]) == ([second], "", "DBA")
    assert office.post("/topapi/v2/user/getbymobile", {"mobile": "13800000000"})["result"] == {"userid": "zhang"}
    by_union = office.post("/topapi/user/getbyunionid", {"unionid": made["unionId"]})["result"]
    assert by_union == {"contact_type": 0, "userid": "zhang"}
    assert office.post("/topapi/user/count", {"only_active": False})["result"] == {"count": 2}
    office.post("/topapi/v2/user/update", {"userid": "zhang", "manager_userid": ""})
    assert office.post("/topapi/v2/user/get", {"userid": "zhang"})["result"]["manager_userid"] == "boss"
    office.post(
        "/topapi/v2/user/update", {"userid": "zhang", "manager_userid": "", "force_update_fields": "manager_userid"}
    )
    assert office.post("/topapi/v2/user/get", {"userid": "zhang"})["result"]["manager_userid"] == ""
    office.post("/topapi/v2/user/delete", {"userid": "zhang"})
    assert office.refused("POST", "/topapi/v2/user/get", {"userid": "zhang"}) == (60121, "", "找不到该用户")


@pytest.mark.parametrize(
    ("path", "body", "errcode", "message"),
    [
        ("v2/user/create", {"userid": "ada", "name": "x", "dept_id_list": "1"}, 60102, "UserID在公司中已存在"),
        ("v2/user/create", {"userid": "a b", "name": "x", "dept_id_list": "1"}, 40003, "不合法的UserID"),
        (
            "v2/user/create",
            {"name": "x", "dept_id_list": "1", "mobile": "13800000000"},
            60104,
            "手机号码在公司中已存在",
        ),
        ("v2/user/create", {"name": "x", "dept_id_list": "1", "mobile": "call me"}, 60103, "手机号码不合法"),
        ("v2/user/create", {"name": "x"}, 400002, "参数 dept_id_list 不能为空"),
        ("v2/user/create", {"name": "x", "dept_id_list": "7"}, 60003, "部门不存在"),
        ("v2/user/create", {"name": "", "dept_id_list": "1"}, 400002, "名称长度不合法，应在 1 到 80 个字符之间"),
        ("v2/user/create", {"dept_id_list": "1"}, 40035, "缺少参数 name"),
        (
            "v2/user/create",
            {"name": "x", "dept_id_list": ",".join(["1"] * 101)},
            400002,
            "参数 dept_id_list 超过最大限制 100",
        ),
        ("v2/user/create", {"name": "x", "dept_id_list": "1", "manager_userid": "no"}, 60121, "找不到该用户"),
        ("v2/user/update", {"userid": "no"}, 60121, "找不到该用户"),
        ("v2/user/delete", {"userid": "no"}, 60121, "找不到该用户"),
        ("v2/user/get", {"userid": "no"}, 60121, "找不到该用户"),
        ("v2/user/getbymobile", {"mobile": "1"}, 60121, "找不到该用户"),
        ("user/getbyunionid", {"unionid": "1"}, 60121, "找不到该用户"),
        ("user/get_admin_scope", {"userid": "no"}, 60121, "找不到该用户"),
        (
            "v2/user/list",
            {"dept_id": 1, "cursor": 0, "size": 101},
            400002,
            "分页参数 size 不合法，应在 1 到 100 之间",
        ),
        ("user/listsimple", {"dept_id": 1, "cursor": -1, "size": 10}, 400002, "分页参数 cursor 不合法"),
        ("user/listid", {"dept_id": 7}, 60003, "部门不存在"),
    ],
)
def test_people_refuse(office: Office, path: str, body: dict[str, Any], errcode: int, message: str) -> None:
    person(office, "ada", mobile="13800000000")
    assert office.refused("POST", f"/topapi/{path}", body) == (errcode, "", message)


def test_a_department_is_listed_by_pages(office: Office) -> None:
    number = department(office, "ops")
    for index in range(5):
        person(office, f"u{index}", number)
    first = office.post("/topapi/v2/user/list", {"dept_id": number, "cursor": 0, "size": 3})["result"]
    assert [each["userid"] for each in first["list"]] == ["u0", "u1", "u2"]
    assert (first["has_more"], first["next_cursor"]) == (True, 3)
    last = office.post("/topapi/user/listsimple", {"dept_id": number, "cursor": 3, "size": 3})["result"]
    assert last == {"has_more": False, "list": [{"userid": "u3", "name": "U3"}, {"userid": "u4", "name": "U4"}]}
    backwards = {"dept_id": number, "cursor": 0, "size": 1, "order_field": "entry_desc"}
    assert office.post("/topapi/v2/user/list", backwards)["result"]["list"][0]["userid"] == "u4"
    ids = office.post("/topapi/user/listid", {"dept_id": number})["result"]["userid_list"]
    assert ids == ["u0", "u1", "u2", "u3", "u4"]


def test_forms_are_taken_as_json_is(office: Office) -> None:
    number = department(office, "ops")
    form = {"userid": "ada", "name": "Ada", "dept_id_list": str(number)}
    form["dept_order_list"] = f'[{{"dept_id":{number},"order":3}}]'
    url = f"http://{office.cloud.endpoint}/topapi/v2/user/create?access_token={office.token}"
    assert requests.post(url, data=form, timeout=10).json()["errcode"] == 0
    found = office.post("/topapi/v2/user/get", {"userid": "ada"})["result"]
    assert found["dept_order_list"] == [{"dept_id": number, "order": 3}]
    assert (found["admin"], office.post("/topapi/user/listadmin")["result"]) == (False, [])
    assert office.post("/topapi/user/get_admin_scope", {"userid": "ada"})["dept_ids"] == []


def test_roles(office: Office) -> None:
    person(office, "ada"), person(office, "bob")
    group = office.post("/role/add_role_group", {"name": "值班"})["groupId"]
    role = office.post("/role/add_role", {"roleName": "dba on duty", "groupId": group})["roleId"]
    form = {"roleIds": str(role), "userIds": "ada,bob"}
    url = f"http://{office.cloud.endpoint}/topapi/role/addrolesforemps?access_token={office.token}"
    assert requests.post(url, data=form, timeout=10).json()["errcode"] == 0
    number = department(office, "ops")
    office.post("/topapi/role/scope/update", {"userid": "ada", "role_id": role, "dept_ids": str(number)})
    holders = office.post("/topapi/role/simplelist", {"role_id": role})["result"]
    assert holders == {
        "hasMore": False,
        "list": [
            {"userid": "ada", "name": "Ada", "manageScopes": [{"dept_id": number, "name": "ops"}]},
            {"userid": "bob", "name": "Bob"},
        ],
    }
    office.post("/topapi/role/scope/update", {"userid": "ada", "role_id": role})
    everywhere = office.post("/topapi/role/simplelist", {"role_id": role})["result"]["list"][0]
    assert everywhere == {"userid": "ada", "name": "Ada"}
    held = office.post("/topapi/v2/user/get", {"userid": "ada"})["result"]["role_list"]
    assert held == [{"id": role, "name": "dba on duty", "group_name": "值班"}]
    page = office.post("/topapi/role/simplelist", {"role_id": role, "size": 1})["result"]
    assert (page["hasMore"], page["nextCursor"]) == (True, 1)
    listed = office.post("/topapi/role/list")["result"]
    assert [each["name"] for each in listed["list"]] == ["默认", "值班"]
    assert listed["list"][1]["roles"] == [{"id": role, "name": "dba on duty"}]
    office.post("/role/update_role", {"roleId": role, "roleName": "dba"})
    assert office.post("/topapi/role/getrole", {"roleId": role})["role"] == {"name": "dba", "groupId": group}
    of_group = office.post("/topapi/role/getrolegroup", {"group_id": group})["role_group"]
    assert of_group == {"group_name": "值班", "roles": [{"role_id": role, "role_name": "dba"}]}
    assert office.refused("POST", "/topapi/role/deleterole", {"role_id": role})[0] == 400002
    office.post("/topapi/role/removerolesforemps", {"roleIds": str(role), "userIds": "ada,bob"})
    office.post("/topapi/role/deleterole", {"role_id": role})
    assert office.refused("POST", "/topapi/role/getrole", {"roleId": role}) == (400002, "", "角色不存在")


def test_built_in_roles_follow_the_departments(office: Office) -> None:
    number = department(office, "ops")
    person(office, "ada", number)
    office.post("/topapi/v2/department/update", {"dept_id": number, "dept_manager_userid_list": "ada"})
    built_in = office.post("/topapi/role/list")["result"]["list"][0]["roles"]
    head = next(each["id"] for each in built_in if each["name"] == "主管")
    assert office.post("/topapi/role/simplelist", {"role_id": head})["result"]["list"][0]["userid"] == "ada"
    grant = {"roleIds": str(head), "userIds": "ada"}
    assert office.refused("POST", "/topapi/role/addrolesforemps", grant) == (400002, "", "默认角色不允许修改")
    office.post("/topapi/v2/user/delete", {"userid": "ada"})
    assert managers(office, number) == []


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/role/add_role", {"roleName": "x", "groupId": 7}, "角色组不存在"),
        ("/role/add_role", {"roleName": "x", "groupId": 1}, "默认角色不允许修改"),
        ("/role/add_role", {"roleName": "dba", "groupId": "GROUP"}, "角色名称已存在"),
        ("/role/add_role", {"roleName": "", "groupId": "GROUP"}, "参数 roleName 不能为空"),
        ("/role/add_role_group", {"name": "值班"}, "角色名称已存在"),
        ("/role/add_role_group", {"name": ""}, "参数 name 不能为空"),
        ("/role/update_role", {"roleId": 7, "roleName": "x"}, "角色不存在"),
        ("/topapi/role/simplelist", {"role_id": 7}, "角色不存在"),
        ("/topapi/role/getrolegroup", {"group_id": 7}, "角色组不存在"),
        ("/topapi/role/deleterole", {"role_id": 7}, "角色不存在"),
        ("/topapi/role/list", {"size": 201}, "分页参数 size 不合法，应在 1 到 200 之间"),
        (
            "/topapi/role/addrolesforemps",
            {"roleIds": "ROLE", "userIds": ",".join(map(str, range(21)))},
            "参数 userIds 超过最大限制 20",
        ),
        ("/topapi/role/addrolesforemps", {"roleIds": "ROLE", "userIds": ""}, "参数 userIds 不能为空"),
        (
            "/topapi/role/removerolesforemps",
            {"roleIds": ",".join(map(str, range(21))), "userIds": "ada"},
            "参数 roleIds 超过最大限制 20",
        ),
    ],
)
def test_roles_refuse(office: Office, path: str, body: dict[str, Any], message: str) -> None:
    person(office, "ada")
    known: dict[str, int] = {"GROUP": office.post("/role/add_role_group", {"name": "值班"})["groupId"]}
    known["ROLE"] = office.post("/role/add_role", {"roleName": "dba", "groupId": known["GROUP"]})["roleId"]
    filled = {name: known.get(str(value), value) for name, value in body.items()}
    assert office.refused("POST", path, filled) == (400002, "", message)


def test_search_and_profile_by_the_newer_host(cloud: LocalCloud, office: Office) -> None:
    client = Client(Config(protocol="http", endpoint=cloud.endpoint))
    person(office, "ada"), person(office, "adam")
    number = department(office, "ops")
    token = {"x_acs_dingtalk_access_token": office.token}
    asked = SearchUserRequest(query_word="ada", offset=0, size=1)
    found = client.search_user_with_options(asked, SearchUserHeaders(**token), RuntimeOptions()).body
    assert (found.list, found.total_count, found.has_more) == (["ada"], 2, True)
    whole = SearchUserRequest(query_word="Ada", offset=0, size=9, full_match_field=1)
    assert client.search_user_with_options(whole, SearchUserHeaders(**token), RuntimeOptions()).body.list == ["ada"]
    departments = SearchDepartmentRequest(query_word="op", offset=0, size=10)
    headers = SearchDepartmentHeaders(**token)
    assert client.search_department_with_options(departments, headers, RuntimeOptions()).body.list == [number]
    union_id = office.post("/topapi/v2/user/get", {"userid": "ada"})["result"]["unionid"]
    profile = client.get_user_with_options(union_id, GetUserHeaders(**token), RuntimeOptions()).body
    assert (profile.nick, profile.union_id, profile.visitor) == ("Ada", union_id, False)
    with pytest.raises(TeaException) as refused:
        client.get_user_with_options("nobody", GetUserHeaders(**token), RuntimeOptions())
    assert (refused.value.code, refused.value.statusCode) == ("invalidParameter.user.notFound", 404)


READS = [
    ("/topapi/v2/department/get", {"dept_id": "DEPT"}),
    ("/topapi/v2/department/update", {"dept_id": "DEPT", "name": "x"}),
    ("/topapi/v2/department/delete", {"dept_id": "DEPT"}),
    ("/topapi/v2/user/get", {"userid": "ada"}),
    ("/topapi/v2/user/update", {"userid": "ada", "name": "x"}),
    ("/topapi/v2/user/delete", {"userid": "ada"}),
    ("/topapi/v2/user/getbymobile", {"mobile": "13800000000"}),
    ("/topapi/role/getrole", {"roleId": "ROLE"}),
    ("/topapi/role/simplelist", {"role_id": "ROLE"}),
    ("/topapi/role/deleterole", {"role_id": "ROLE"}),
    ("/topapi/role/addrolesforemps", {"roleIds": "ROLE", "userIds": "ada"}),
    ("/role/update_role", {"roleId": "ROLE", "roleName": "x"}),
]


@pytest.mark.parametrize(("path", "body"), READS)
def test_another_organisation_is_as_good_as_absent(
    cloud: LocalCloud, office: Office, path: str, body: dict[str, Any]
) -> None:
    known = {"DEPT": department(office, "ops")}
    person(office, "ada", mobile="13800000000")
    group = office.post("/role/add_role_group", {"name": "g"})["groupId"]
    known["ROLE"] = office.post("/role/add_role", {"roleName": "r", "groupId": group})["roleId"]
    stranger = office_of(cloud, cloud.as_account("stranger").account_id)
    filled = {name: known.get(str(value), value) for name, value in body.items()}
    assert stranger.refused("POST", path, filled)[0] in (60003, 60121, 400002)
    assert office.post("/topapi/v2/user/get", {"userid": "ada"})["result"]["name"] == "Ada"
    assert office.post("/topapi/v2/department/get", {"dept_id": known["DEPT"]})["result"]["name"] == "ops"


@pytest.mark.parametrize(("path", "body"), READS)
def test_tokens_and_scopes_are_asked_for(cloud: LocalCloud, office: Office, path: str, body: dict[str, Any]) -> None:
    limited = office_of(cloud, scopes=["nothing"])
    topapi = path.startswith("/topapi/")
    assert limited.refused("POST", path, body)[:2] == ((88, "60011") if topapi else (60011, ""))
    assert office.refused("POST", path, body, token="no")[:2] == ((88, "40014") if topapi else (40014, ""))
    assert office.refused("POST", path, body, token="")[:2] == ((88, "40000") if topapi else (40000, ""))
