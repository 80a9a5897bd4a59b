"""Todo tasks by the official client: made, done by each and by all, changed, listed, gone."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_dingtalk.todo_1_0 import models as m
from alibabacloud_dingtalk.todo_1_0.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from kowloon.core import limits
from kowloon.dingtalk.work.todo import READ, WRITE
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office
from tests.dingtalk.work.people import check_doors, join, other_office, union_id
from tests.helpers import refused

ADA, BOB, CYD, DAN = (union_id(each) for each in ("ada", "bob", "cyd", "dan"))


class Tasks:
    """Calls by the official client."""

    def __init__(self, cloud: LocalCloud, office: Office) -> None:
        self.cloud = cloud
        self._client = Client(Config(protocol="http", endpoint=cloud.endpoint))
        self._token = office.token

    def create(self, subject: str = "Look at it", union: str = ADA, **fields: Any) -> Any:
        headers = m.CreateTodoTaskHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.CreateTodoTaskRequest(subject=subject, **fields)
        return self._client.create_todo_task_with_options(union, request, headers, RuntimeOptions()).body

    def get(self, id: str, union: str = ADA) -> Any:
        headers = m.GetTodoTaskHeaders(x_acs_dingtalk_access_token=self._token)
        return self._client.get_todo_task_with_options(union, id, headers, RuntimeOptions()).body

    def update(self, id: str, union: str = ADA, **fields: Any) -> Any:
        headers = m.UpdateTodoTaskHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.UpdateTodoTaskRequest(**fields)
        return self._client.update_todo_task_with_options(union, id, request, headers, RuntimeOptions()).body

    def delete(self, id: str, union: str = ADA) -> Any:
        headers = m.DeleteTodoTaskHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.DeleteTodoTaskRequest()
        return self._client.delete_todo_task_with_options(union, id, request, headers, RuntimeOptions()).body

    def done(self, id: str, union: str = ADA, **states: bool) -> Any:
        headers = m.UpdateTodoTaskExecutorStatusHeaders(x_acs_dingtalk_access_token=self._token)
        rows = [
            m.UpdateTodoTaskExecutorStatusRequestExecutorStatusList(id=union_id(who), is_done=done)
            for who, done in states.items()
        ]
        request = m.UpdateTodoTaskExecutorStatusRequest(executor_status_list=rows)
        return self._client.update_todo_task_executor_status_with_options(
            union, id, request, headers, RuntimeOptions()
        ).body

    def list(self, union: str, **fields: Any) -> Any:
        headers = m.QueryOrgTodoTasksHeaders(x_acs_dingtalk_access_token=self._token)
        request = m.QueryOrgTodoTasksRequest(**fields)
        return self._client.query_org_todo_tasks_with_options(union, request, headers, RuntimeOptions()).body


@pytest.fixture
def tasks(cloud: LocalCloud, office: Office) -> Tasks:
    join(cloud, office, "ada", "bob", "cyd", "dan")
    return Tasks(cloud, office)


def test_done_when_all_have_done_it(tasks: Tasks) -> None:
    made = tasks.create(
        executor_ids=[BOB, CYD],
        participant_ids=[DAN],
        description="soon",
        due_time=1_900_000_000_000,
        priority=40,
        source_id="alarm-1",
        detail_url=m.CreateTodoTaskRequestDetailUrl(app_url="https://a/", pc_url="https://p/"),
        is_only_show_executor=False,
    )
    assert (made.subject, made.creator_id, made.executor_ids, made.done) == ("Look at it", ADA, [BOB, CYD], False)
    assert (made.due_time, made.priority, made.source_id) == (1_900_000_000_000, 40, "alarm-1")
    shown = tasks.get(made.id, CYD)
    assert (shown.description, shown.participant_ids, shown.detail_url.pc_url) == ("soon", [DAN], "https://p/")
    assert tasks.done(made.id, BOB, bob=True).result
    assert not tasks.get(made.id).done
    tasks.done(made.id, CYD, cyd=True)
    shown = tasks.get(made.id)
    assert shown.done
    assert shown.finish_time >= made.created_time
    tasks.done(made.id, bob=False)
    assert tasks.get(made.id).finish_time is None


def test_changed(tasks: Tasks) -> None:
    id = tasks.create(executor_ids=[BOB]).id
    assert tasks.update(id, subject="Look again", description="now", due_time=5, executor_ids=[CYD, DAN]).result
    shown = tasks.get(id)
    assert (shown.subject, shown.description, shown.due_time) == ("Look again", "now", 5)
    assert shown.executor_ids == [CYD, DAN]
    refused(lambda: tasks.get(id, BOB), "todo.taskGet.paramError", "task not exist", 400)
    tasks.update(id, done=True)
    assert tasks.get(id).done
    tasks.update(id, done=False)
    assert not tasks.get(id).done
    refused(lambda: tasks.update(id, subject=""), "todo.taskUpdate.paramError", "subject is empty", 400)
    refused(lambda: tasks.update(id, executor_ids=["no"]), "todo.taskUpdate.paramError", "user not exist no", 400)
    refused(lambda: tasks.done(id, bob=True), "todo.taskUpdate.paramError", f"executor not exist {BOB}", 400)
    assert tasks.delete(id).result
    refused(lambda: tasks.delete(id), "todo.taskDelete.paramError", "task not exist", 400)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"subject": ""}, "subject is empty"),
        ({"subject": "s" * 1025}, "subject is oversize"),
        ({"description": "d" * 4097}, "description is oversize"),
        ({"executor_ids": [f"u{place}" for place in range(1001)]}, "executors is oversize"),
        ({"participant_ids": [f"u{place}" for place in range(1001)]}, "participants is oversize"),
        ({"participant_ids": ["no"]}, "user not exist no"),
        ({"creator_id": "no"}, "user not exist no"),
        ({"union": "no"}, "user not exist no"),
        ({"due_time": -1}, "dueTime is invalid"),
        ({"priority": 15}, "priority is invalid"),
        ({"source_id": "taken"}, "task existed sourceId is taken"),
    ],
)
def test_refused(tasks: Tasks, fields: dict[str, Any], message: str) -> None:
    tasks.create(source_id="taken")
    refused(lambda: tasks.create(**fields), "todo.taskCreate.paramError", message, 400)


def test_listed_by_role_and_state(tasks: Tasks) -> None:
    ids = [tasks.create(f"T{place}", executor_ids=[BOB, CYD], participant_ids=[DAN]).id for place in range(25)]
    hidden = tasks.create("Hidden", executor_ids=[BOB], is_only_show_executor=True).id
    first = tasks.list(BOB)
    assert ([each.task_id for each in first.todo_cards], first.next_token) == (ids[:20], "20")
    second = tasks.list(BOB, next_token="20")
    assert ([each.task_id for each in second.todo_cards], second.next_token) == ([*ids[20:], hidden], None)
    assert [each.task_id for each in tasks.list(ADA, next_token="20").todo_cards] == ids[20:]
    tasks.done(ids[3], bob=True)
    (card,) = tasks.list(BOB, is_done=True).todo_cards
    assert (card.task_id, card.is_done, card.subject, card.creator_id) == (ids[3], True, "T3", ADA)
    assert tasks.list(CYD, is_done=True).todo_cards == []
    assert tasks.list(ADA, is_done=True).todo_cards == []
    assert len(tasks.list(DAN, role_types=[["participant"]]).todo_cards) == 20
    assert tasks.list(DAN, role_types=[["executor"], ["creator"]]).todo_cards == []
    own = tasks.create("Own", DAN).id
    assert [each.task_id for each in tasks.list(DAN, role_types=[["executor", "creator"]]).todo_cards] == [own]
    for fields, message in (({"role_types": [["boss"]]}, "roleTypes"), ({"next_token": "x"}, "nextToken")):
        wrong = "todo.taskQuery.paramError"
        refused(lambda fields=fields: tasks.list(DAN, **fields), wrong, f"{message} is invalid", 400)


def test_a_notice_for_each_executor(cloud: LocalCloud, office: Office, tasks: Tasks) -> None:
    notify = m.CreateTodoTaskRequestNotifyConfigs(ding_notify="1")
    tasks.create("Now", executor_ids=[BOB, CYD], notify_configs=notify)
    tasks.create("Quietly", executor_ids=[BOB])
    messenger = cloud.cloud.dingtalk.messenger

    def titles(userid: str) -> list[str]:
        return [
            messenger.read(kept).title
            for each in messenger.of_member(office.account, userid)
            for kept in messenger.log.read(each.id, most=10)
        ]

    assert cloud.call(lambda: [titles(each) for each in ("ada", "bob", "cyd")]) == [[], ["Now"], ["Now"]]


def test_room(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DINGTALK_RECORDS", 2)
    first, second = tasks.create().id, tasks.create().id
    refused(tasks.create, "overLimit.tasks", "tasks 已达上限 2", 400)
    tasks.update(second, done=True)
    tasks.create()
    refused(lambda: tasks.get(second), "todo.taskGet.paramError")
    assert tasks.get(first).id == first


@pytest.mark.parametrize(
    ("method", "path", "body", "scope", "message"),
    [
        ("POST", "", {"subject": "x"}, WRITE, "user not exist"),
        ("GET", "/{id}", None, READ, "task not exist"),
        ("PUT", "/{id}", {"subject": "x"}, WRITE, "task not exist"),
        ("DELETE", "/{id}", None, WRITE, "task not exist"),
        ("PUT", "/{id}/executorStatus", {"executorStatusList": []}, WRITE, "task not exist"),
        ("POST", "{query}", {}, READ, "user not exist"),
    ],
)
def test_of_every_call(
    cloud: LocalCloud, office: Office, tasks: Tasks, method: str, path: str, body: Any, scope: str, message: str
) -> None:
    """Another organisation's is as good as absent, and so is what somebody has nothing to do with."""
    id, other = tasks.create().id, other_office(cloud)
    at = f"/v1.0/todo/users/{ADA}/tasks{path.format(id=id, query='')}"
    if path == "{query}":
        at = f"/v1.0/todo/users/{ADA}/org/tasks/query"
    status, code, told = other.refused(method, at, body)
    assert (status, code.partition(".")[0]) == (400, "todo")
    assert told.startswith(message)
    if "{id}" in path:
        assert office.refused(method, at.replace(ADA, BOB), body)[2] == "task not exist"
    check_doors(office, other, method, at, body, scope)
