"""How approvals go, whatever people do: nothing ends twice, every task ends, AND and OR mean what they say."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.dingtalk.approvals import logic
from kowloon.dingtalk.approvals.logic import Making, NotYours, Process, Stale, Step

PEOPLE = ["ada", "bob", "cyd", "dan"]
STEPS = st.lists(
    st.one_of(
        st.builds(
            Step, st.sampled_from(["AND", "OR"]), st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True).map(tuple)
        ),
        st.builds(Step, st.just("NONE"), st.sampled_from(PEOPLE).map(lambda each: (each,))),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
# What somebody tries: which of the tasks there ever were, who, and what.
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["agree", "agree", "agree", "refuse", "redirect", "terminate", "comment"]),
        st.integers(0, 15),
        st.one_of(st.none(), st.sampled_from(PEOPLE)),
    ),
    max_size=30,
)


class Run:
    """`agents`: who acts for whom."""

    def __init__(self, steps: tuple[Step, ...], agents: dict[str, str] | None = None) -> None:
        numbers = itertools.count(1)
        self.clock = 0.0
        self.making = lambda: Making(self.clock, lambda: next(numbers), lambda each: (agents or {}).get(each, each))
        self.process = logic.begin(steps, "eve", self.making())

    def act(self, what: str, place: int, who: str | None) -> Process:
        self.clock += 1.0
        task = self.process.tasks[place % len(self.process.tasks)]
        person = who or task.person
        if what == "terminate":
            return logic.terminate(self.process, "eve", remark="", at=self.clock)
        if what == "comment":
            return logic.comment(self.process, person, remark="so", at=self.clock)
        if what == "redirect":
            return logic.redirect(self.process, task.number, person, "zoe", remark="", making=self.making())
        return logic.decide(self.process, task.number, person, agree=what == "agree", remark="r", making=self.making())

    def do(self, what: str, who: str) -> None:
        number = next(each.number for each in self.process.open_tasks if each.person == who)
        self.process = self.act(what, number - 1, None)


@settings(max_examples=150, deadline=None)
@given(STEPS, ACTS, st.dictionaries(st.sampled_from(PEOPLE), st.just("max")))
def test_whatever_people_do(steps: tuple[Step, ...], acts: list[Any], agents: dict[str, str]) -> None:
    run = Run(steps, agents)
    endings = 0
    for what, place, who in acts:
        before = run.process
        task = before.tasks[place % len(before.tasks)]
        try:
            after = run.act(what, place, who)
        except Stale:
            assert before.status != "RUNNING" or task.state != "RUNNING"
            continue
        except NotYours:
            assert who != task.person
            continue
        told = list(logic.changes(before, after))
        endings += sum(each.task is None and each.type in ("finish", "terminate") for each in told)
        ended = {each.number for each in before.open_tasks} - {each.number for each in after.open_tasks}
        assert sorted(each.task.number for each in told if each.task and each.type != "start") == sorted(ended)
        assert after.records[: len(before.records)] == before.records, "what was done stays on record"
        over = [each for each in before.tasks if each.state != "RUNNING"]
        assert all(after.task(each.number) == each for each in over), "what has ended does not change"
        run.process = after
        check(after)
    assert endings == (run.process.status != "RUNNING")


def check(process: Process) -> None:
    open_tasks = process.open_tasks
    assert (process.status == "RUNNING") == bool(open_tasks), "somebody has to decide until it is over"
    assert all(each.step == process.step for each in open_tasks)
    assert (process.ended_at > 0) == (process.status != "RUNNING")
    assert (process.result != "") == (process.status == "COMPLETED")
    agreed = [
        [each for each in process.tasks if each.step == place and each.outcome == "AGREE"]
        for place in range(len(process.steps))
    ]
    passed = process.step if process.status == "RUNNING" or process.result != "agree" else len(process.steps)
    for place, step in enumerate(process.steps[:passed]):
        assert len(agreed[place]) == (len(step.people) if step.mode == "AND" else 1)
    refused = [each for each in process.tasks if each.outcome == "REFUSE"]
    assert len(refused) == (process.result == "refuse")


def test_all_of_a_step_agree_before_the_next_begins() -> None:
    run = Run((Step("AND", ("ada", "bob")), Step("NONE", ("cyd",))))
    run.do("agree", "bob")
    assert [each.person for each in run.process.open_tasks] == ["ada"]
    run.do("agree", "ada")
    assert [each.person for each in run.process.open_tasks] == ["cyd"]
    run.do("agree", "cyd")
    assert (run.process.status, run.process.result) == ("COMPLETED", "agree")


def test_one_of_or_is_enough() -> None:
    run = Run((Step("OR", ("ada", "bob", "cyd")),))
    run.do("agree", "bob")
    assert [each.state for each in run.process.tasks] == ["CANCELED", "COMPLETED", "CANCELED"]
    assert run.process.result == "agree"


@pytest.mark.parametrize("mode", ["AND", "OR"])
def test_one_refusal_ends_it(mode: Any) -> None:
    run = Run((Step(mode, ("ada", "bob")), Step("NONE", ("cyd",))))
    run.do("refuse", "ada")
    assert (run.process.status, run.process.result) == ("COMPLETED", "refuse")
    assert [each.state for each in run.process.tasks] == ["COMPLETED", "CANCELED"]


def test_whoever_it_was_handed_to_counts_for_all_of_a_step() -> None:
    run = Run((Step("AND", ("ada", "bob")),))
    run.do("redirect", "ada")
    assert [each.person for each in run.process.open_tasks] == ["bob", "zoe"]
    run.do("agree", "bob")
    run.do("agree", "zoe")
    assert run.process.result == "agree"


def test_an_agent_of_two_decides_for_each() -> None:
    run = Run((Step("AND", ("ada", "bob")),), {"ada": "max", "bob": "max"})
    assert [(each.person, each.principal) for each in run.process.tasks] == [("max", "ada"), ("max", "bob")]
    run.do("agree", "max")
    assert run.process.status == "RUNNING"
    run.do("agree", "max")
    assert run.process.result == "agree"
    assert {each.type for each in run.process.records} == {logic.STARTED, logic.DECIDED_BY_AGENT}
