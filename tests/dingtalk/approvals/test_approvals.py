"""Approvals by the official client: started, decided, handed over, withdrawn, listed; who may, and who is too late."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alibabacloud_dingtalk.workflow_1_0 import models as m
from Tea.exceptions import TeaException

from kowloon.core import limits
from kowloon.dingtalk.approvals import instances
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.approvals.people import Organisation, text
from tests.dingtalk.platform import Office, office_of
from tests.helpers import refused

STALE = "aflowProcessInstStatusException"
ABSENT = ("aflowProcessInstNotExist", "审批实例不存在", 400)
VALUE = [m.StartProcessInstanceRequestFormComponentValues(name="Reason", value="rest")]


@pytest.fixture
def org(cloud: LocalCloud, office: Office) -> Organisation:
    return Organisation(cloud, office, "ada", "bob", "cyd", "dan")


def now_ms(org: Organisation) -> int:
    return int(org.cloud.call(org.cloud.cloud.dingtalk.parts.clock.now) * 1000)


def test_one_after_the_other(org: Organisation) -> None:
    id = org.start(("NONE", ["bob"]), ("NONE", ["cyd"]), cc_list=["dan"], cc_position="START", dept_id=-1)
    shown = org.detail(id)
    assert (shown.status, shown.result, shown.title) == ("RUNNING", "", "Ada提交的Leave")
    assert (shown.originator_user_id, shown.originator_dept_id) == ("ada", "-1")
    assert (shown.approver_user_ids, shown.cc_user_ids, shown.finish_time) == (["bob", "cyd"], ["dan"], None)
    assert shown.business_id.isdigit()
    assert [(each.name, each.value, each.component_type) for each in shown.form_component_values] == [
        ("Reason", "rest", "TextField")
    ]
    assert [(each.user_id, each.status, each.result) for each in shown.tasks] == [("bob", "RUNNING", "NONE")]
    assert (org.waiting("bob"), org.waiting("cyd")) == (1, 0)

    assert org.decide(id, "bob", remark="fine").success
    assert (org.waiting("bob"), org.waiting("cyd")) == (0, 1)
    assert org.decide(id, "cyd").result
    shown = org.detail(id)
    assert (shown.status, shown.result) == ("COMPLETED", "agree")
    assert shown.finish_time.endswith("Z")
    assert [(each.user_id, each.status, each.result) for each in shown.tasks] == [
        ("bob", "COMPLETED", "AGREE"),
        ("cyd", "COMPLETED", "AGREE"),
    ]
    assert [(each.type, each.user_id, each.result, each.remark) for each in shown.operation_records] == [
        ("START_PROCESS_INSTANCE", "ada", "NONE", None),
        ("PROCESS_CC", "ada", "NONE", None),
        ("EXECUTE_TASK_NORMAL", "bob", "AGREE", "fine"),
        ("EXECUTE_TASK_NORMAL", "cyd", "AGREE", None),
    ]
    assert shown.operation_records[1].cc_user_ids == ["dan"]


def test_refused(org: Organisation) -> None:
    id = org.start(("AND", ["bob", "cyd"]), ("OR", ["dan"]))
    org.decide(id, "cyd", "refuse", "too long")
    shown = org.detail(id)
    assert (shown.status, shown.result) == ("COMPLETED", "refuse")
    assert [(each.user_id, each.status) for each in shown.tasks] == [("bob", "CANCELED"), ("cyd", "COMPLETED")]


def test_what_is_too_late_or_not_yours_changes_nothing(org: Organisation) -> None:
    id = org.start(("OR", ["bob", "cyd"]))
    task = org.task(id, "bob")
    refused(lambda: org.decide(id, "cyd", task=task), "needAuth", "没有同意拒绝审批的权限", 400)
    refused(lambda: org.decide(id, "ada", task=task), "needAuth")
    refused(lambda: org.decide(id, "bob", task=9), "aflowTaskNotExist", "审批任务不存在", 400)
    wrong = "审批操作取值必填 且值必须为agree或refuse"
    refused(lambda: org.decide(id, "bob", "maybe"), "invalidInstanceExecuteResult", wrong, 400)
    refused(lambda: org.decide(id, "bob", remark="r" * 1025), "invalidParameter", "参数 remark 超过最大限制 1024", 400)
    org.decide(id, "bob", task=task)
    late = "审批单状态异常：任务已处理或审批单已结束"
    refused(lambda: org.decide(id, "bob", task=task), STALE, late, 400)
    other = org.detail(id).tasks[1].task_id
    refused(lambda: org.decide(id, "cyd", "refuse", task=other), STALE, late)
    assert org.detail(id).result == "agree"


def test_withdrawn(org: Organisation) -> None:
    org.join("eve", admin=True)

    def terminate(id: str, **fields: Any) -> Any:
        return org.workflow("terminate_process_instance", process_instance_id=id, **fields)

    id = org.start(("NONE", ["bob"]))
    refused(lambda: terminate(id), "invalidInstanceTerminateOperatingUserId", "操作人的userId不能为空", 400)
    refused(lambda: terminate(id, operating_user_id="zoe"), "userNotExist", "用户不存在", 400)
    refused(lambda: terminate(id, operating_user_id="bob"), "internalError", "您没有任务处理的权限", 400)
    refused(lambda: terminate(id, operating_user_id="ada"), STALE, "提交审批后 15 秒内不允许撤销", 400)
    org.cloud.skip(seconds=16)
    assert terminate(id, operating_user_id="ada", remark="better").result
    shown = org.detail(id)
    assert (shown.status, shown.result, shown.tasks[0].status) == ("TERMINATED", "", "TERMINATED")
    assert (shown.operation_records[-1].type, shown.operation_records[-1].remark) == (
        "TERMINATE_PROCESS_INSTANCE",
        "better",
    )
    refused(lambda: terminate(id, operating_user_id="ada"), STALE, "审批单已结束")
    assert org.waiting("bob") == 0
    second, third = org.start(("NONE", ["bob"])), org.start(("NONE", ["bob"]))
    org.cloud.skip(seconds=16)
    terminate(second, operating_user_id="eve")
    terminate(third, is_system=True)
    assert [org.detail(each).status for each in (second, third)] == ["TERMINATED", "TERMINATED"]


def test_comments(org: Organisation) -> None:
    id = org.start(("NONE", ["bob"]))

    def comment(**fields: Any) -> Any:
        return org.workflow("add_process_instance_comment", **{"process_instance_id": id, "text": "hm", **fields})

    assert comment(comment_user_id="cyd").result
    assert org.detail(id).operation_records[-1].remark == "hm"
    refused(lambda: comment(comment_user_id="zoe"), "userNotExist", "用户不存在", 400)
    refused(lambda: comment(comment_user_id="cyd", text=" "), "invalidInstanceCommentText", "评论内容不能为空", 400)
    refused(lambda: comment(comment_user_id="cyd", process_instance_id="no"), *ABSENT)


def test_handed_over(org: Organisation) -> None:
    id = org.start(("NONE", ["bob"]))
    task = org.task(id, "bob")

    def redirect(**fields: Any) -> Any:
        asked = {"task_id": task, "to_user_id": "cyd", "operate_user_id": "bob", **fields}
        return org.workflow("redirect_workflow_task", **asked)

    refused(lambda: redirect(operate_user_id="dan"), "needAuth", "没有同意拒绝审批的权限", 400)
    refused(lambda: redirect(to_user_id="zoe"), "processInstanceInvalidParameter", "审批实例参数错误：toUserId", 400)
    refused(lambda: redirect(to_user_id="bob"), "processInstanceInvalidParameter")
    refused(lambda: redirect(task_id=9), "aflowTaskNotExist", "审批任务不存在", 400)
    assert redirect(remark="away").result
    refused(redirect, STALE)
    assert [(each.user_id, each.result) for each in org.detail(id).tasks] == [("bob", "REDIRECTED"), ("cyd", "NONE")]
    org.decide(id, "cyd")
    assert org.detail(id).result == "agree"


def delegate(org: Organisation, **fields: Any) -> Any:
    asked = {
        "manager_staff_id": "eve",
        "from_staff_id": "bob",
        "agent_staff_id": "cyd",
        "start_date": "2020-01-01",
        "end_date": "2099-12-31",
        "all": True,
        **fields,
    }
    return org.workflow("set_workflow_task_agent", **asked)


def test_an_agent_acts_while_it_lasts(org: Organisation) -> None:
    org.join("eve", admin=True)
    earlier = org.start(("NONE", ["bob"]))
    assert delegate(org).success
    id = org.start(("NONE", ["bob"]))
    assert (org.waiting("bob"), org.waiting("cyd")) == (1, 1), "what has come up before stays where it is"
    org.decide(id, "cyd")
    assert org.detail(id).operation_records[-1].type == "EXECUTE_TASK_AGENT"
    org.decide(earlier, "bob")
    delegate(org, end_date="2020-02-01")
    org.start(("NONE", ["bob"]))
    assert (org.waiting("bob"), org.waiting("cyd")) == (1, 0), "ended by one that is over"


def test_an_agent_for_some_forms_and_for_a_time(org: Organisation) -> None:
    org.join("eve", admin=True)
    other = org.form("Travel", text("Reason"))
    delegate(org, all=False, process_codes=[other])
    org.start(("NONE", ["bob"]))
    org.start(("NONE", ["bob"]), code=other)
    assert (org.waiting("bob"), org.waiting("cyd")) == (1, 1)
    delegate(org, all=False, process_codes=[other], start_date="2098-01-01 08:30")
    org.start(("NONE", ["bob"]), code=other)
    assert org.waiting("bob") == 2, "not yet"


def test_there_is_room_for_so_many_agents(org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    org.join("eve", admin=True)
    monkeypatch.setattr(instances, "_MOST_DELEGATIONS", 1)
    delegate(org)
    delegate(org, agent_staff_id="dan")
    refused(lambda: delegate(org, from_staff_id="ada"), "overLimit", "agents 已达上限 1", 400)
    org.start(("NONE", ["bob"]))
    assert org.waiting("dan") == 1


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"manager_staff_id": "ada"}, "internalError", "您没有任务处理的权限"),
        ({"agent_staff_id": "zoe"}, "userNotExist", "用户不存在"),
        ({"agent_staff_id": "bob"}, "invalidParameter", "参数 agentStaffId 不合法"),
        ({"start_date": "soon"}, "invalidParameter", "参数 startDate 不合法"),
        ({"end_date": "2019-12-30"}, "invalidParameter", "参数 endDate 不合法"),
        ({"all": False}, "invalidParameter", "参数 processCodes 不合法"),
        ({"all": False, "process_codes": ["PROC-NO"]}, "processCodeError", "审批模板不存在或已删除"),
    ],
)
def test_agents_refused(org: Organisation, fields: dict[str, Any], code: str, message: str) -> None:
    org.join("eve", admin=True)
    refused(lambda: delegate(org, **fields), code, message, 400)


def test_heads_of_the_department_where_nobody_is_named(org: Organisation) -> None:
    made = org.office.post("/topapi/v2/department/create", {"name": "ops"})["result"]["dept_id"]
    org.office.post("/topapi/v2/department/update", {"dept_id": made, "dept_manager_userid_list": "bob,cyd"})
    org.join("eli", departments=(made,), manager="dan")
    id = org.start(originator="eli", dept_id=made)
    shown = org.detail(id)
    assert (shown.originator_dept_id, shown.originator_dept_name) == (str(made), "ops")
    assert [each.user_id for each in shown.tasks] == ["bob", "cyd"]
    assert [each.user_id for each in org.detail(org.start(originator="eli", dept_id=-1)).tasks] == ["dan"]
    chosen = [m.StartProcessInstanceRequestTargetSelectActioners(actioner_key="k", actioner_user_ids=["ada"])]
    own = org.detail(org.start(originator="eli", dept_id=made, target_select_actioners=chosen))
    assert [each.user_id for each in own.tasks] == ["ada"]
    wrong = "processInstanceInvalidParameter"
    refused(lambda: org.start(originator="ada", dept_id=made), wrong, "审批实例参数错误：deptId", 400)
    refused(lambda: org.start(originator="ada"), wrong, "审批实例参数错误：approvers", 400)


@pytest.mark.parametrize(
    ("steps", "fields", "message"),
    [
        ([("NONE", ["zoe"])], {}, "approvers zoe"),
        ([("NONE", ["bob", "cyd"])], {}, "approvers"),
        ([("AND", ["bob", "bob"])], {}, "approvers"),
        ([("AND", [])], {}, "approvers"),
        ([("ALL", ["bob"])], {}, "actionType"),
        ([("NONE", ["bob"])], {"originator": "zoe"}, "originatorUserId"),
        ([("NONE", ["bob"])], {"cc_list": ["zoe"]}, "ccList zoe"),
        ([("NONE", ["bob"])], {"cc_position": "MIDDLE"}, "ccPosition"),
    ],
)
def test_people_who_are_wrong(org: Organisation, steps: Any, fields: dict[str, Any], message: str) -> None:
    refused(lambda: org.start(*steps, **fields), "processInstanceInvalidParameter", f"审批实例参数错误：{message}", 400)


def test_too_many_of_everything(org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    too_many = "invalidParameter"
    refused(lambda: org.start(*[("NONE", ["bob"])] * 21), too_many, "参数 approvers 超过最大限制 20", 400)
    refused(
        lambda: org.start(("NONE", ["bob"]), cc_list=[f"p{place}" for place in range(51)]),
        too_many,
        "参数 ccList 超过最大限制 50",
        400,
    )
    monkeypatch.setattr(limits, "DINGTALK_RECORDS", 2)
    first, second = org.start(("NONE", ["bob"])), org.start(("NONE", ["bob"]))
    refused(lambda: org.start(("NONE", ["bob"])), "overLimit", "processInstances 已达上限 2", 400)
    org.decide(second, "bob")
    org.start(("NONE", ["bob"]))
    refused(lambda: org.detail(second), *ABSENT)
    assert org.detail(first).status == "RUNNING", "what is not over stays"


def listed(org: Organisation, **fields: Any) -> Any:
    now = now_ms(org)
    asked = {
        "process_code": org.code,
        "start_time": now - 3_600_000,
        "end_time": now + 1000,
        "next_token": 0,
        "max_results": 20,
        **fields,
    }
    return org.workflow("list_process_instance_ids", **asked).result


def test_listed_page_by_page(org: Organisation) -> None:
    ids = [org.start(("NONE", ["bob"])) for _ in range(5)]
    org.decide(ids[1], "bob")
    first = listed(org, max_results=2)
    assert (first.list, first.next_token) == (ids[:2], "2")
    second = listed(org, max_results=2, next_token=int(first.next_token))
    last = listed(org, max_results=2, next_token=int(second.next_token))
    assert (second.list + last.list, last.next_token) == (ids[2:], None)
    assert listed(org, statuses=["COMPLETED"]).list == [ids[1]]
    assert listed(org, user_ids=["bob"]).list == []
    assert listed(org, user_ids=["ada"]).list == ids
    org.cloud.skip(hours=2)
    assert listed(org).list == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_results": 21}, "参数 maxResults 超过最大限制 20"),
        ({"max_results": 0}, "参数 maxResults 超过最大限制 20"),
        ({"next_token": -1}, "参数 nextToken 不合法"),
        ({"end_time": 0}, "参数 endTime 不合法"),
        ({"end_time": 9_999_999_999_999}, "参数 endTime 不合法"),
        ({"start_time": 1000, "end_time": 2000}, "参数 startTime 不合法"),
        ({"statuses": ["DONE"]}, "参数 statuses 不合法"),
        ({"user_ids": [f"u{place}" for place in range(11)]}, "参数 userIds 超过最大限制 10"),
    ],
)
def test_listings_refused(org: Organisation, fields: dict[str, Any], message: str) -> None:
    refused(lambda: listed(org, **fields), "invalidParameter", message, 400)


def test_listing_of_no_form(org: Organisation) -> None:
    refused(lambda: listed(org, process_code="PROC-NO"), "processCodeError", "审批模板不存在或已删除", 400)
    refused(lambda: org.waiting("zoe"), "userNotExist", "用户不存在", 400)


def test_subscribers_hear_of_it(org: Organisation) -> None:
    id = org.start(("OR", ["bob", "cyd"]))
    org.listen()
    org.decide(id, "bob", remark="fine")
    second = org.start(("NONE", ["bob"]))
    told = org.events()
    task, _, instance = told[:3]
    assert [(name, data["type"], data["staffId"]) for name, data in told] == [
        ("bpms_task_change", "finish", "bob"),
        ("bpms_task_change", "cancel", "cyd"),
        ("bpms_instance_change", "finish", "ada"),
        ("bpms_instance_change", "start", "ada"),
        ("bpms_task_change", "start", "bob"),
    ]
    common = {"processInstanceId": id, "processCode": org.code, "title": "Ada提交的Leave", "corpId": org.office.corp_id}
    assert common.items() <= task[1].items()
    assert (task[1]["result"], task[1]["remark"]) == ("agree", "fine")
    assert common.items() <= instance[1].items()
    assert instance[1]["result"] == "agree"
    assert instance[1]["finishTime"] >= instance[1]["createTime"]
    assert told[3][1]["processInstanceId"] == second
    assert "finishTime" not in told[3][1]


READ, WRITE = "Workflow.Instance.Read", "Workflow.Instance.Write"
FORM_READ, FORM_WRITE = "Workflow.Form.Read", "Workflow.Form.Write"
_OF_INSTANCE = {"processInstanceId": "{id}"}
_VALUES = {"formComponentValues": [{"name": "Reason", "value": "x"}]}
#: Every call: where, its permission, what it is asked with, and what it says where that is another organisation's.
CALLS: list[tuple[str, str, str, dict[str, Any], str]] = [
    (
        "POST",
        "/v1.0/workflow/processInstances",
        WRITE,
        {"originatorUserId": "zed", "processCode": "{code}", **_VALUES},
        "processCodeError",
    ),
    ("GET", "/v1.0/workflow/processInstances?processInstanceId={id}", READ, {}, ABSENT[0]),
    (
        "POST",
        "/v1.0/workflow/processInstances/execute",
        WRITE,
        {**_OF_INSTANCE, "taskId": "{task}", "actionerUserId": "bob", "result": "agree"},
        ABSENT[0],
    ),
    (
        "POST",
        "/v1.0/workflow/processInstances/terminate",
        WRITE,
        {**_OF_INSTANCE, "isSystem": True},
        ABSENT[0],
    ),
    (
        "POST",
        "/v1.0/workflow/processInstances/comments",
        WRITE,
        {**_OF_INSTANCE, "text": "x", "commentUserId": "zed"},
        ABSENT[0],
    ),
    (
        "POST",
        "/v1.0/workflow/tasks/redirect",
        WRITE,
        {"taskId": "{task}", "toUserId": "zed", "operateUserId": "bob"},
        "aflowTaskNotExist",
    ),
    (
        "POST",
        "/v1.0/workflow/tasks/agent",
        WRITE,
        {
            "managerStaffId": "zed",
            "fromStaffId": "ada",
            "agentStaffId": "bob",
            "startDate": "2020-01-01",
            "endDate": "2099-01-01",
            "all": True,
        },
        "userNotExist",
    ),
    (
        "POST",
        "/v1.0/workflow/processes/instanceIds/query",
        READ,
        {"processCode": "{code}", "startTime": "{now}", "nextToken": 0, "maxResults": 20},
        "processCodeError",
    ),
    ("GET", "/v1.0/workflow/processes/todoTasks/numbers?userId=bob", READ, {}, "userNotExist"),
    (
        "POST",
        "/v1.0/workflow/forms",
        FORM_WRITE,
        {
            "name": "x",
            "processCode": "{code}",
            "formComponents": [{"componentType": "TextField", "props": {"label": "x"}}],
        },
        "processCodeError",
    ),
    ("GET", "/v1.0/workflow/forms/schemas/processCodes?processCode={code}", FORM_READ, {}, "processCodeError"),
    (
        "GET",
        "/v1.0/workflow/processes/userVisibilities/templates?userId=bob&maxResults=9&nextToken=0",
        FORM_READ,
        {},
        "userNotExist",
    ),
]


@pytest.mark.parametrize(("method", "path", "scope", "body", "absent"), CALLS, ids=[call[1] for call in CALLS])
def test_of_every_call(
    org: Organisation, method: str, path: str, scope: str, body: dict[str, Any], absent: str
) -> None:
    """Another organisation's is as good as absent; without the permission or a token there is nothing; no fields."""
    id = org.start(("NONE", ["bob"]))
    names: dict[str, Any] = {"id": id, "code": org.code, "task": org.task(id, "bob"), "now": now_ms(org)}
    asked = {name: value.format(**names) if isinstance(value, str) else value for name, value in body.items()}
    path = path.format(**names)
    other = office_of(org.cloud, account=org.cloud.as_account("other").account_id)
    Organisation(org.cloud, other, "zed")
    assert other.refused(method, path, asked)[1] == absent
    poor = office_of(org.cloud, scopes=["none"])
    status, code, message = poor.refused(method, path, asked)
    assert (status, code) == (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied")
    assert message == "没有调用该接口的权限"
    assert poor.answer(method, path, asked)["accessdenieddetail"] == {"requiredScopes": [scope]}
    assert other.refused(method, path, asked, token="no")[:2] == (400, "InvalidAuthentication")
    status, code, message = org.office.refused(method, path.partition("?")[0], {})
    assert (status, code.rpartition(".")[2]) == (400, "empty")
    assert message.startswith("缺少参数 ")


def test_it_outlives_the_process(org: Organisation) -> None:
    id = org.start(("AND", ["bob", "cyd"]), cc_list=["dan"])
    org.decide(id, "bob")
    before = org.detail(id).to_map()
    org.cloud.save("approvals")
    org.cloud.load("approvals")
    assert org.detail(id).to_map() == before
    org.decide(id, "cyd")
    assert org.detail(id).result == "agree"


def test_of_all_who_decide_at_once_one_does(org: Organisation) -> None:
    id = org.start(("OR", ["bob", "cyd", "dan"]))
    tasks = {userid: org.task(id, userid) for userid in ("bob", "cyd", "dan")}

    def decide(userid: str) -> str:
        try:
            org.decide(id, userid, "agree" if userid == "bob" else "refuse", task=tasks[userid])
        except TeaException as late:
            return str(late.code)
        return "done"

    with ThreadPoolExecutor(3) as pool:
        answers = sorted(pool.map(decide, tasks))
    assert answers == [STALE, STALE, "done"]
    assert sum(each.result in ("AGREE", "REFUSE") for each in org.detail(id).tasks) == 1
    assert len([each for each in org.said_to("ada") if each.type == "markdown"]) == 1
