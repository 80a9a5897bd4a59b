"""The same approvals by the older host."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.approvals.people import Organisation
from tests.dingtalk.platform import Office, office_of


@pytest.fixture
def org(cloud: LocalCloud, office: Office) -> Organisation:
    return Organisation(cloud, office, "ada", "bob", "cyd")


def create(org: Organisation, **fields: Any) -> str:
    body = {
        "process_code": org.code,
        "originator_user_id": "ada",
        "dept_id": -1,
        "form_component_values": [{"name": "Reason", "value": "rest"}],
        **fields,
    }
    made: str = org.office.post("/topapi/processinstance/create", body)["process_instance_id"]
    return made


def get(org: Organisation, id: str) -> dict[str, Any]:
    body = {"process_instance_id": id}
    shown: dict[str, Any] = org.office.post("/topapi/processinstance/get", body)["process_instance"]
    return shown


def execute(org: Organisation, id: str, userid: str, result: str = "agree") -> dict[str, Any]:
    request = {
        "process_instance_id": id,
        "task_id": org.task(id, userid),
        "actioner_userid": userid,
        "result": result,
        "remark": "fine",
    }
    return org.office.post("/topapi/process/instance/execute", {"request": request})


def test_from_beginning_to_end(org: Organisation) -> None:
    id = create(org, approvers="bob,cyd", cc_list="cyd", cc_position="FINISH")
    shown = get(org, id)
    assert (shown["title"], shown["status"], shown["result"]) == ("Ada提交的Leave", "RUNNING", "")
    assert (shown["originator_userid"], shown["originator_dept_id"]) == ("ada", "-1")
    assert (shown["approver_userids"], shown["cc_userids"]) == (["bob", "cyd"], ["cyd"])
    assert shown["form_component_values"][0].items() >= {"name": "Reason", "value": "rest"}.items()
    assert "finish_time" not in shown
    assert org.office.post("/topapi/process/gettodonum", {"userid": "bob"})["count"] == 1
    assert execute(org, id, "bob")["result"] is True
    assert execute(org, id, "cyd")["result"] is True
    shown = get(org, id)
    assert (shown["status"], shown["result"], len(shown["finish_time"])) == ("COMPLETED", "agree", 19)
    assert [(each["userid"], each["task_status"], each["task_result"]) for each in shown["tasks"]] == [
        ("bob", "COMPLETED", "AGREE"),
        ("cyd", "COMPLETED", "AGREE"),
    ]
    assert [(each["operation_type"], each["operation_result"]) for each in shown["operation_records"]] == [
        ("START_PROCESS_INSTANCE", "NONE"),
        ("EXECUTE_TASK_NORMAL", "AGREE"),
        ("EXECUTE_TASK_NORMAL", "AGREE"),
        ("PROCESS_CC", "NONE"),
    ]
    assert org.detail(id).result == "agree", "the same one as the newer host's"


def test_as_a_form_with_json_in_it(org: Organisation) -> None:
    form = {
        "process_code": org.code,
        "originator_user_id": "ada",
        "approvers_v2": json.dumps([{"task_action_type": "OR", "user_ids": ["bob", "cyd"]}]),
        "form_component_values": json.dumps([{"name": "Reason", "value": "rest"}]),
    }
    url = f"http://{org.cloud.endpoint}/topapi/processinstance/create"
    answer = requests.post(url, data=form, params={"access_token": org.office.token}, timeout=30).json()
    assert (answer["errcode"], answer["errmsg"]) == (0, "ok")
    assert [each["userid"] for each in get(org, answer["process_instance_id"])["tasks"]] == ["bob", "cyd"]


def test_withdrawn(org: Organisation) -> None:
    id = create(org, approvers="bob")
    path = "/topapi/process/instance/terminate"
    request = {"process_instance_id": id, "operating_userid": "ada"}
    early = (820005, "", "审批单状态异常：提交审批后 15 秒内不允许撤销")
    assert org.office.refused("POST", path, {"request": request}) == early
    org.cloud.skip(seconds=16)
    assert org.office.post(path, {"request": request})["result"] is True
    assert get(org, id)["status"] == "TERMINATED"
    assert org.office.refused("POST", path, {"request": request})[0] == 820005
    nobody = (820007, "", "撤销审批实例，当isSystem为false时，操作人的userId不能为空")
    assert org.office.refused("POST", path, {"request": {"process_instance_id": id}}) == nobody


def test_listed_page_by_page(org: Organisation) -> None:
    ids = [create(org, approvers="bob") for _ in range(3)]
    now = org.cloud.call(org.cloud.cloud.dingtalk.parts.clock.now)

    def page(**fields: Any) -> dict[str, Any]:
        body = {"process_code": org.code, "start_time": int((now - 3600) * 1000), "size": 2, **fields}
        found: dict[str, Any] = org.office.post("/topapi/processinstance/listids", body)["result"]
        return found

    assert page() == {"list": ids[:2], "next_cursor": 2}
    assert page(cursor=2) == {"list": ids[2:]}
    assert page(userid_list="bob") == {"list": []}
    shown = org.office.post("/topapi/process/listbyuserid", {"userid": "ada", "size": 1})["result"]
    assert ([each["process_code"] for each in shown["process_list"]], shown["next_cursor"]) == (
        ["PROC-KOWLOON-COMMAND"],
        1,
    )


CALLS: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    (
        "/topapi/processinstance/create",
        {"process_code": "{code}", "originator_user_id": "zed", "form_component_values": []},
        (830001, "审批模板不存在或已删除"),
    ),
    ("/topapi/processinstance/get", {"process_instance_id": "{id}"}, (820004, "审批实例不存在")),
    (
        "/topapi/processinstance/listids",
        {"process_code": "{code}", "start_time": "{now}"},
        (830001, "审批模板不存在或已删除"),
    ),
    ("/topapi/process/listbyuserid", {"userid": "bob"}, (830002, "用户不存在")),
    ("/topapi/process/gettodonum", {"userid": "bob"}, (830002, "用户不存在")),
    (
        "/topapi/process/instance/execute",
        {"request": {"process_instance_id": "{id}", "task_id": 1, "actioner_userid": "bob", "result": "agree"}},
        (820004, "审批实例不存在"),
    ),
    (
        "/topapi/process/instance/terminate",
        {"request": {"process_instance_id": "{id}", "is_system": True}},
        (820004, "审批实例不存在"),
    ),
]


@pytest.mark.parametrize(("path", "body", "absent"), CALLS, ids=[call[0] for call in CALLS])
def test_of_every_call(org: Organisation, path: str, body: dict[str, Any], absent: tuple[int, str]) -> None:
    """Another organisation's is as good as absent; without the permission or a token there is nothing."""
    now = int(org.cloud.call(org.cloud.cloud.dingtalk.parts.clock.now) * 1000)
    names = {"{id}": create(org, approvers="bob"), "{code}": org.code, "{now}": now}
    asked: dict[str, Any] = {}
    for name, value in body.items():
        inner = value if isinstance(value, dict) else {name: value}
        known = {key: names.get(each, each) if isinstance(each, str) else each for key, each in inner.items()}
        asked |= {name: known} if isinstance(value, dict) else known
    other = office_of(org.cloud, account=org.cloud.as_account("other").account_id)
    Organisation(org.cloud, other, "zed")
    code, _, message = other.refused("POST", path, asked)
    assert (code, message) == absent
    poor = office_of(org.cloud, scopes=["none"])
    told = poor.answer("POST", path, asked)
    assert (told["errcode"], told["sub_code"], told["sub_msg"]) == (88, "60011", "没有调用该接口的权限")
    told = other.answer("POST", path, asked, token="no")
    assert (told["errcode"], told["sub_code"]) == (88, "40014")
    if path != "/topapi/process/listbyuserid":
        told = org.office.answer("POST", path, {})
        assert told["errcode"] == 40035
        assert told["errmsg"].startswith("缺少参数 ")
