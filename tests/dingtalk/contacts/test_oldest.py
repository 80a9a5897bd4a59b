"""The paths before v2: the same people and departments under their old names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office, office_of


def ask(office: Office, path: str, **query: Any) -> dict[str, Any]:
    code, message, answer = office.get(path, access_token=office.token, **query)
    assert (code, message) == (0, "ok")
    return {name: value for name, value in answer.items() if name not in ("errcode", "errmsg", "request_id")}


def test_people(office: Office) -> None:
    ops = office.post("/department/create", {"name": "ops", "parentid": 1, "createDeptGroup": True})["id"]
    fields = {"position": "DBA", "jobnumber": "7", "mobile": "13800000001", "tel": "1234", "isHide": "false"}
    assert (
        office.post("/user/create", {"userid": "ada", "name": "Ada", "department": [1, ops], **fields})["userid"]
        == "ada"
    )
    office.post("/user/create", {"userid": "bob", "name": "Bob", "department": str(ops)})
    office.post("/department/update", {"id": ops, "deptManagerUseridList": "ada|bob"})
    ada = ask(office, "/user/get", userid="ada")
    assert {name: ada[name] for name in ("name", "department", "position", "jobnumber", "mobile", "tel")} == {
        "name": "Ada",
        "department": [1, ops],
        "position": "DBA",
        "jobnumber": "7",
        "mobile": "13800000001",
        "tel": "1234",
    }
    assert (ada["isLeaderInDepts"], ada["isHide"], ada["roles"]) == (f"{{1:false,{ops}:true}}", False, [])
    assert ask(office, "/user/getUseridByUnionid", unionid=ada["unionid"]) == {"contactType": 0, "userid": "ada"}
    first = ask(office, "/user/simplelist", department_id=ops, offset=0, size=1)
    assert first == {"hasMore": True, "userlist": [{"userid": "ada", "name": "Ada"}]}
    second = ask(office, "/user/list", department_id=ops, offset=1, size=1)
    assert (second["hasMore"], [(each["userid"], each["isLeader"]) for each in second["userlist"]]) == (
        False,
        [("bob", True)],
    )
    assert ask(office, "/user/getDeptMember", deptId=ops) == {"userIds": ["ada", "bob"]}
    office.post("/user/update", {"userid": "ada", "name": "Ada L.", "isHide": True})
    changed = ask(office, "/user/get", userid="ada")
    assert (changed["name"], changed["mobile"], changed["position"]) == ("Ada L.", "", "DBA")
    ask(office, "/user/delete", userid="bob")
    assert office.get("/user/get", access_token=office.token, userid="bob")[:2] == (60121, "找不到该用户")


def test_departments(office: Office) -> None:
    ops = office.post("/department/create", {"name": "ops"})["id"]
    sub = office.post("/department/create", {"name": "sub", "parentid": ops, "order": 3, "deptHiding": True})["id"]
    rows = ask(office, "/department/list")["department"]
    assert rows == [{"id": ops, "name": "ops", "parentid": 1, "createDeptGroup": False, "autoAddUser": False}]
    assert [each["id"] for each in ask(office, "/department/list", fetch_child="true")["department"]] == [ops, sub]
    assert ask(office, "/department/list_ids", id=ops) == {"sub_dept_id_list": [sub]}
    assert ask(office, "/department/list_parent_depts_by_dept", id=sub) == {"parentIds": [sub, ops, 1]}
    office.post("/user/create", {"userid": "ada", "name": "Ada", "department": [sub]})
    assert ask(office, "/department/list_parent_depts", userId="ada") == {"department": [[sub, ops, 1]]}
    office.post("/department/update", {"id": sub, "name": "below", "deptManagerUseridList": "ada"})
    found = ask(office, "/department/get", id=sub)
    assert (found["name"], found["parentid"], found["order"], found["deptHiding"]) == ("below", ops, 3, True)
    assert found["deptManagerUseridList"] == "ada"
    office.post("/department/update", {"id": sub, "deptManagerUseridList": ""})
    assert ask(office, "/department/get", id=sub)["deptManagerUseridList"] == ""
    assert office.get("/department/delete", access_token=office.token, id=sub)[0] == 60005
    ask(office, "/user/delete", userid="ada")
    ask(office, "/department/delete", id=sub)
    assert ask(office, "/department/list_ids", id=ops) == {"sub_dept_id_list": []}


CALLS = [
    ("GET", "/user/get", {"userid": "ada"}, 60121),
    ("POST", "/user/update", {"userid": "ada", "name": "x"}, 60121),
    ("GET", "/user/delete", {"userid": "ada"}, 60121),
    ("POST", "/user/create", {"name": "x", "department": ["DEPT"]}, 60003),
    ("GET", "/user/simplelist", {"department_id": "DEPT"}, 60003),
    ("GET", "/user/list", {"department_id": "DEPT"}, 60003),
    ("GET", "/user/getDeptMember", {"deptId": "DEPT"}, 60003),
    ("GET", "/user/getUseridByUnionid", {"unionid": "UNION"}, 60121),
    ("GET", "/department/list", {"id": "DEPT"}, 60003),
    ("GET", "/department/get", {"id": "DEPT"}, 60003),
    ("POST", "/department/create", {"name": "x", "parentid": "DEPT"}, 60003),
    ("POST", "/department/update", {"id": "DEPT"}, 60003),
    ("GET", "/department/delete", {"id": "DEPT"}, 60003),
    ("GET", "/department/list_ids", {"id": "DEPT"}, 60003),
    ("GET", "/department/list_parent_depts", {"userId": "ada"}, 60121),
    ("GET", "/department/list_parent_depts_by_dept", {"id": "DEPT"}, 60003),
]


@pytest.fixture(scope="module")
def others() -> Iterator[tuple[Office, Office, Office, dict[str, Any]]]:
    """An organisation and what is in it; another one; and an application without permissions."""
    with LocalCloud() as cloud:
        office = office_of(cloud)
        made = office.post("/department/create", {"name": "ops"})["id"]
        office.post("/user/create", {"userid": "ada", "name": "Ada", "department": [made]})
        union_id = ask(office, "/user/get", userid="ada")["unionid"]
        other = office_of(cloud, cloud.as_account("Other").account_id)
        yield office, other, office_of(cloud, scopes=["none"]), {"DEPT": made, "UNION": union_id}


def send(office: Office, method: str, path: str, fields: dict[str, Any], names: dict[str, Any], token: str) -> int:
    filled = {name: _named(value, names) for name, value in fields.items()}
    url = f"http://{office.cloud.endpoint}{path}"
    query = {"access_token": token} if token else {}
    if method == "GET":
        answered = requests.get(url, {**query, **filled}, timeout=30).json()
    else:
        answered = requests.post(url, json=filled, params=query, timeout=30).json()
    code: int = answered["errcode"]
    return code


def _named(value: Any, names: dict[str, Any]) -> Any:
    return [_named(each, names) for each in value] if isinstance(value, list) else names.get(value, value)


@pytest.mark.parametrize(("method", "path", "fields", "code"), CALLS)
def test_who_may_not(
    others: tuple[Office, Office, Office, dict[str, Any]], method: str, path: str, fields: dict[str, Any], code: int
) -> None:
    _, other, without, names = others
    assert send(other, method, path, fields, names, other.token) == code, "of another organisation"
    assert send(without, method, path, fields, names, without.token) == 60011
    assert send(other, method, path, fields, names, "") == 40000
    assert send(other, method, path, fields, names, "0" * 32) == 40014


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"offset": -1}, "分页参数 offset 不合法"),
        ({"size": 0}, "分页参数 size 不合法，应在 1 到 100 之间"),
        ({"size": 101}, "分页参数 size 不合法，应在 1 到 100 之间"),
    ],
)
def test_pages_that_there_are_not(office: Office, query: dict[str, int], message: str) -> None:
    asked = {"access_token": office.token, "department_id": 1, **query}
    assert office.get("/user/simplelist", **asked)[:2] == (400002, message)
