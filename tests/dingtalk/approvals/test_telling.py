"""What people are told of approvals: cards with buttons for who decides, the outcome for who asked."""

from __future__ import annotations

import asyncio

import pytest

from kowloon.dingtalk.approvals import running, telling
from kowloon.dingtalk.approvals.logic import Step
from kowloon.dingtalk.approvals.resources import Approval
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.approvals.people import Organisation, text
from tests.dingtalk.platform import Office
from tests.helpers import eventually


@pytest.fixture
def org(cloud: LocalCloud, office: Office) -> Organisation:
    return Organisation(cloud, office, "ada", "bob", "cyd", "dan")


def test_decided_on_cards(org: Organisation) -> None:
    id = org.start(("NONE", ["bob"]), ("NONE", ["cyd"]), cc_list=["dan"], cc_position="START_FINISH")
    (card,) = org.said_to("bob")
    assert (card.type, card.title, card.sender.type, card.at) == ("card", "Ada提交的Leave", "system", ("bob",))
    assert "Reason: rest" in card.text
    assert org.said_to("cyd") == []
    assert [each.title for each in org.said_to("dan")] == ["Copy: Ada提交的Leave"]
    view = org.click("bob", "agree", remark="fine")
    assert (view.status, view.level, view.buttons) == ("agreed", "good", ())
    assert ("Remark", "fine") in view.fields
    view = org.click("cyd", "refuse")
    assert (view.status, view.buttons) == ("refused", ())
    (outcome,) = org.said_to("ada")
    assert outcome.title == "Ada提交的Leave: refused"
    assert "- Reason: rest" in outcome.text
    assert len(org.said_to("dan")) == 2
    assert org.detail(id).operation_records[2].remark == "fine"


def test_cards_of_tasks_that_others_ended(org: Organisation) -> None:
    id = org.start(("OR", ["bob", "cyd"]))
    org.decide(id, "bob", remark="ok")
    cards = org.cloud.cloud.dingtalk.parts.cards
    track = org.said_to("cyd")[0].body["outTrackId"]
    card = org.cloud.call(lambda: cards.find(org.office.account, track))
    assert card is not None
    assert (card.seen_by("cyd").status, card.seen_by("cyd").buttons) == ("no longer needed", ())
    assert "> ok" in org.said_to("ada")[0].text


def test_who_clicks_too_late_is_told(org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card of a task that was decided a moment ago still has buttons where it is looked at."""

    async def nothing(*args: object) -> None: ...

    id = org.start(("NONE", ["bob"]))
    monkeypatch.setattr(telling, "_show_ended", nothing)
    org.decide(id, "bob")
    assert org.click("bob", "refuse").tips == "审批单状态异常：任务已处理或审批单已结束"
    assert org.detail(id).result == "agree"


def test_an_agent_sees_for_whom(org: Organisation) -> None:
    org.join("eve", admin=True)
    org.workflow(
        "set_workflow_task_agent",
        manager_staff_id="eve",
        from_staff_id="bob",
        agent_staff_id="cyd",
        start_date="2020-01-01",
        end_date="2099-01-01",
        all=True,
    )
    org.start(("NONE", ["bob"]))
    assert org.said_to("bob") == []
    assert "Acting for: Bob" in org.said_to("cyd")[0].text
    assert org.click("cyd", "agree").status == "agreed"


def test_started_and_waited_for_from_inside(org: Organisation) -> None:
    parts, code = org.cloud.cloud.dingtalk.parts, org.code
    ended: list[Approval] = []

    async def hear(approval: Approval) -> None:
        ended.append(approval)
        raise RuntimeError("the log has it")

    org.cloud.call(lambda: parts.approvals.on_finish(code, hear))
    steps = (Step("OR", ("bob", "cyd")),)
    ids = [
        org.cloud.run(running.start(parts, org.office.account, "ada", code, {"Reason": "x"}, steps)) for _ in range(2)
    ]
    org.click("bob", "agree", place=0)
    org.click("cyd", "refuse", place=1)
    eventually(lambda: len(ended) == 2)
    assert [(each.number, each.process.result) for each in ended] == list(zip(ids, ("agree", "refuse"), strict=True))
    other = org.form("Other", text("Reason"))
    org.decide(org.start(("NONE", ["bob"]), code=other), "bob")
    assert len(ended) == 2


def test_what_waits_for_an_end_ends_with_the_state_of_the_cloud(org: Organisation) -> None:
    parts, code = org.cloud.cloud.dingtalk.parts, org.code
    seen: list[str] = []

    async def wait(approval: Approval) -> None:
        seen.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    org.cloud.call(lambda: parts.approvals.on_finish(code, wait))
    org.decide(org.start(("NONE", ["bob"])), "bob")
    eventually(lambda: seen == ["begun"])
    org.cloud.reset()
    eventually(lambda: seen == ["begun", "cancelled"])
