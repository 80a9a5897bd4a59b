"""Commands through the official client; what would run them is a stand-in here (real ones: tests/engines)."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from kowloon.engines.base import EngineError
from kowloon.engines.compute.base import CommandResult
from kowloon.services.ecs.resources import Invocation, InvocationResult
from tests.helpers import eventually, refused
from tests.services.parts import Customer


def _text(content: str) -> str:
    return base64.b64encode(content.encode()).decode()


class _Answers:
    """Answers scripts by their first word; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, float, str]] = []

    async def __call__(
        self, unit_id: str, script: str, *, timeout_s: float, working_dir: str = "", environment: Any = None
    ) -> CommandResult:
        self.asked.append((unit_id, script, timeout_s, working_dir))
        word = script.split()[0]
        if word == "broken":
            raise EngineError("the sandbox is gone")
        if word == "slow":
            return CommandResult(exit_code=None, output=b"half", timed_out=True)
        return CommandResult(exit_code=7 if word == "false" else 0, output=script.encode(), dropped_bytes=3)


@pytest.fixture
def answers(alone: Customer, monkeypatch: pytest.MonkeyPatch) -> _Answers:
    stand_in = _Answers()
    monkeypatch.setattr(alone.cloud.cloud.parts.compute, "run", stand_in)
    return stand_in


def _results(customer: Customer, invoke_id: str) -> list[Any]:
    answer = customer.call("ecs", "DescribeInvocationResults", invoke_id=invoke_id)
    return answer.invocation.invocation_results.invocation_result


def _ended(customer: Customer, invoke_id: str) -> list[Any]:
    return eventually(
        lambda: [row for row in _results(customer, invoke_id) if row.invoke_record_status != "Running"] or None
    )


def test_a_command_is_kept_and_invoked(alone: Customer, answers: _Answers) -> None:
    ids = alone.launch(alone.network("b"), amount=2)
    command = alone.call(
        "ecs",
        "CreateCommand",
        name="greet",
        type="RunShellScript",
        command_content=_text("echo {{name}} {{ other }}"),
        enable_parameter=True,
        timeout=30,
        working_dir="/srv",
    ).command_id
    shown = alone.call("ecs", "DescribeCommands", command_id=command).commands.command[0]
    assert (shown.name, shown.timeout, shown.parameter_names.parameter_name) == ("greet", 30, ["name", "other"])
    plain = alone.call("ecs", "DescribeCommands", name="greet", content_encoding="PlainText")
    assert plain.commands.command[0].command_content == "echo {{name}} {{ other }}"
    refused(
        lambda: alone.call("ecs", "InvokeCommand", command_id=command, instance_id=ids, parameters={"name": "x"}),
        "MissingParameter",
        "Parameters.other",
    )
    invoked = alone.call(
        "ecs", "InvokeCommand", command_id=command, instance_id=ids, parameters={"name": "a", "other": "b"}
    ).invoke_id
    eventually(lambda: len(_ended(alone, invoked)) == 2)
    rows = _results(alone, invoked)
    assert {row.instance_id for row in rows} == set(ids)
    assert {(row.invocation_status, row.invoke_record_status, row.exit_code, row.dropped) for row in rows} == {
        ("Success", "Finished", 0, 3)
    }
    assert base64.b64decode(rows[0].output) == b"echo a b"
    assert sorted(answers.asked) == sorted((id, "echo a b", 30.0, "/srv") for id in ids)
    item = alone.call("ecs", "DescribeInvocations", invoke_id=invoked, include_output=True).invocations.invocation[0]
    assert (item.invocation_status, item.invoke_status, item.command_name) == ("Success", "Finished", "greet")
    assert {row.output for row in item.invoke_instances.invoke_instance} == {_text("echo a b")}
    assert alone.call("ecs", "DescribeCommands", command_id=command).commands.command[0].invoke_times == 1
    alone.call("ecs", "DeleteCommand", command_id=command)
    refused(
        lambda: alone.call("ecs", "DeleteCommand", command_id=command),
        "InvalidCmdId.NotFound",
        "The specified command ID does not exist.",
        404,
    )
    assert len(_results(alone, invoked)) == 2


@pytest.mark.parametrize(
    ("script", "status", "record", "code", "exit_code"),
    [
        ("true", "Success", "Finished", "", 0),
        ("false", "Failed", "Finished", "ExitCodeNonzero", 7),
        ("slow", "Timeout", "Failed", "ExecutionTimeout", None),
        ("broken", "Failed", "Failed", "ExecutionException", None),
    ],
)
def test_how_a_run_ends(
    alone: Customer, answers: _Answers, script: str, status: str, record: str, code: str, exit_code: int | None
) -> None:
    (id,) = alone.launch(alone.network("b"))
    made = alone.call("ecs", "RunCommand", type="RunShellScript", command_content=script, instance_id=[id])
    (row,) = _ended(alone, made.invoke_id)
    assert (row.invocation_status, row.invoke_record_status, row.error_code) == (status, record, code)
    assert row.exit_code == exit_code
    assert alone.call("ecs", "DescribeCommands", command_id=made.command_id).total_count == 0
    assert len(answers.asked) == 1


def test_an_instance_that_does_not_run_gets_no_command(alone: Customer, answers: _Answers) -> None:
    running, stopped = alone.launch(alone.network("b"), amount=2)
    alone.call("ecs", "StopInstance", instance_id=stopped)
    eventually(lambda: alone.statuses([stopped]) == {"Stopped"})
    made = alone.call(
        "ecs", "RunCommand", type="RunShellScript", command_content="true", instance_id=[running, stopped]
    )
    eventually(lambda: len(_ended(alone, made.invoke_id)) == 2)
    by_id = {row.instance_id: row for row in _results(alone, made.invoke_id)}
    assert by_id[running].invocation_status == "Success"
    assert (by_id[stopped].invocation_status, by_id[stopped].error_code) == ("Aborted", "InstanceNotRunning")
    item = alone.call("ecs", "DescribeInvocations", invoke_id=made.invoke_id).invocations.invocation[0]
    assert item.invocation_status == "PartialFailed"


def test_on_paper_nothing_can_run_and_that_is_said(customer: Customer) -> None:
    (id,) = customer.launch(customer.network("b"))
    made = customer.call("ecs", "RunCommand", type="RunShellScript", command_content="true", instance_id=[id])
    (row,) = _ended(customer, made.invoke_id)
    assert (row.invocation_status, row.error_code) == ("Failed", "ExecutionException")
    assert "on paper" in row.error_info


def test_a_run_cut_off_by_a_restart_is_failed_and_not_run_again(alone: Customer, answers: _Answers) -> None:
    (id,) = alone.launch(alone.network("b"))
    left_over = Invocation(
        id="t-left",
        account=alone.cloud.account_id,
        region="cn-hongkong",
        command_id="c-x",
        command_name="x",
        command_type="RunShellScript",
        content=_text("true"),
        script="true",
        working_dir="",
        timeout_s=60,
        results=(InvocationResult(instance_id=id, status="Running", started_at=1.0),),
    )

    async def put() -> None:
        await alone.cloud.cloud.store.run(lambda tx: tx.put(left_over))

    alone.cloud.run(put())
    (row,) = _ended(alone, "t-left")
    assert (row.invocation_status, row.error_code) == ("Failed", "ExecutionInterrupted")
    assert answers.asked == []
    stored = alone.cloud.call(lambda: alone.cloud.cloud.store.get(Invocation, "t-left"))
    assert stored is not None
    assert msgspec.structs.replace(stored, results=()) == msgspec.structs.replace(left_over, results=())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "RunNothing"}, "InvalidCmdType.NotFound"),
        ({"type": "RunBatScript"}, "InvalidInstance.NotMatch"),
        ({"command_content": "%%%", "content_encoding": "Base64"}, "CmdContent.DecodeError"),
        ({"command_content": "x" * 30000}, "CmdContent.ExceedLimit"),
        ({"timeout": 5}, "InvalidParam.Timeout"),
        ({"instance_id": ["i-none"]}, "InvalidInstance.NotFound"),
        ({"instance_id": None}, "MissingParameter"),
        ({"repeat_mode": "EveryReboot"}, "InvalidParam.RepeatMode"),
        ({"username": "root"}, "InvalidParameter.Username"),
        ({"parameters": {"a": "b"}}, "Parameter.Disabled"),
    ],
)
def test_runs_that_cannot_be(customer: Customer, changes: dict[str, object], code: str) -> None:
    (id,) = customer.launch(customer.network("b"))
    fields = {"type": "RunShellScript", "command_content": "true", "instance_id": [id], **changes}
    refused(lambda: customer.call("ecs", "RunCommand", **fields), code)
