"""Operations commands by approval: done once when all agree in person, never when not."""

from __future__ import annotations

from typing import Any

import pytest

from kowloon.dingtalk.approvals import running
from kowloon.dingtalk.approvals.command_form import CODE
from kowloon.dingtalk.approvals.logic import Step
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.approvals.people import Organisation, text
from tests.dingtalk.platform import Office
from tests.helpers import eventually, refused

COMMAND = "inject zone-network cn-hongkong-c"
STEP = ("NONE", ["bob"])


@pytest.fixture
def org(cloud: LocalCloud, office: Office) -> Organisation:
    made = Organisation(cloud, office, "bob", "cyd")
    cloud.as_user("ada", allow=["kowloon:InjectFault"])
    made.join("ada", user="ada")
    return made


def faults(org: Organisation) -> list[Any]:
    return org.cloud.call(lambda: list(org.cloud.cloud.faults.faults(injected_only=True)))


def start(org: Organisation, **fields: Any) -> str:
    return org.start(STEP, **{"code": CODE, "values": {"Command": COMMAND}, **fields})


def heard(org: Organisation, title: str) -> str:
    found = eventually(lambda: [each.text for each in org.said_to("ada") if each.title == title])
    return str(found[0])


def test_agreed_to_it_is_done_once(org: Organisation) -> None:
    id = start(org)
    assert org.said_to("bob") == [], "who is said to ask has to say so first"
    org.click("ada", "agree")
    assert faults(org) == []
    org.click("bob", "agree")
    assert "`recover " in heard(org, COMMAND)
    assert len(faults(org)) == 1
    assert org.detail(id).result == "agree"
    refused(lambda: org.decide(id, "bob", task=org.detail(id).tasks[1].task_id), "needAuth")
    assert len(faults(org)) == 1


@pytest.mark.parametrize("who", ["ada", "bob"])
def test_refused_it_is_not_done(org: Organisation, who: str) -> None:
    id = start(org)
    if who == "bob":
        org.click("ada", "agree")
    org.click(who, "refuse")
    assert org.detail(id).result == "refuse"
    heard(org, "Ada提交的Command: refused")
    assert faults(org) == []


def test_withdrawn_it_is_not_done(org: Organisation) -> None:
    id = start(org)
    org.click("ada", "agree")
    org.cloud.skip(seconds=16)
    org.workflow("terminate_process_instance", process_instance_id=id, operating_user_id="ada")
    heard(org, "Ada提交的Command: withdrawn")
    assert faults(org) == []


def test_applications_decide_nothing_here(org: Organisation) -> None:
    """Else whoever has an application's secret could do what any member may."""
    org.join("eve", admin=True)
    agent = {"manager_staff_id": "eve", "agent_staff_id": "cyd", "start_date": "2020-01-01", "end_date": "2099-01-01"}
    org.workflow("set_workflow_task_agent", from_staff_id="ada", all=True, **agent)
    org.workflow("set_workflow_task_agent", from_staff_id="bob", all=True, **agent)
    id = start(org)
    task = org.task(id, "ada")
    refused(lambda: org.decide(id, "ada"), "needAuth", "没有同意拒绝审批的权限", 400)
    asked = {"task_id": task, "to_user_id": "cyd", "operate_user_id": "ada"}
    refused(lambda: org.workflow("redirect_workflow_task", **asked), "needAuth")
    org.click("ada", "agree")
    assert org.waiting("bob") == 1
    assert org.waiting("cyd") == 0, "agents do not act here"


def test_with_the_rights_of_who_asked(org: Organisation) -> None:
    org.join("dan")
    start(org, originator="dan")
    org.click("dan", "agree")
    org.click("bob", "agree")
    found = eventually(lambda: [each.text for each in org.said_to("dan") if each.title == COMMAND])
    assert "You are no RAM user of this account" in found[0]
    assert faults(org) == []


def test_from_inside_of_the_cloud_who_asks_is_known(org: Organisation) -> None:
    parts = org.cloud.cloud.dingtalk.parts
    steps = (Step("NONE", ("bob",)),)
    org.cloud.run(running.start(parts, org.office.account, "ada", CODE, {"Command": COMMAND}, steps))
    org.click("bob", "agree")
    heard(org, COMMAND)
    assert len(faults(org)) == 1


def test_what_is_no_command_is_refused_at_once(org: Organisation) -> None:
    wrong = {"values": {"Command": "make me rich"}}
    refused(lambda: start(org, **wrong), "formConverterError", "I understand:", 400)
    people = "processInstanceInvalidParameter"
    refused(lambda: org.start(("OR", ["ada", "bob"]), code=CODE, values={"Command": COMMAND}), people, "approvers", 400)


def test_nobody_changes_the_form(org: Organisation) -> None:
    refused(lambda: org.form("x", text("y"), process_code=CODE), "processCodeError", "审批模板不存在或已删除", 400)
    shown = org.workflow("query_schema_by_process_code", process_code=CODE).result
    assert [each.props.label for each in shown.schema_content.items] == ["Command"]
