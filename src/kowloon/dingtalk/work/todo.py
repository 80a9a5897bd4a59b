"""Todo tasks: who has to do something until when, and who has done it.

Deviations: whoever is neither creator nor executor nor participant finds no such task; pages of a list have 20 rows; a
task that names no executor is its creator's; `dingNotify` sends a notice of the application.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.core import limits
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.platform.call import Call, make_room_of_ended, own_id
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.sending.robots import robot_of
from kowloon.dingtalk.work import errors
from kowloon.dingtalk.work.pages import whole_number
from kowloon.dingtalk.work.resources import Todo
from kowloon.store.store import Transaction

READ, WRITE = "Todo.Todo.Read", "Todo.Todo.Write"
_TASKS: Final = "/v1.0/todo/users/{unionId}/tasks"
_MOST_SUBJECT, _MOST_DESCRIPTION, _MOST_PEOPLE = 1024, 4096, 1000
_PAGE: Final = 20
_PRIORITIES: Final = frozenset({10, 20, 30, 40})
_ROLES: Final = frozenset({"executor", "creator", "participant"})


class NewTodo(msgspec.Struct, kw_only=True, rename="camel"):
    union_id: str
    subject: str
    operator_id: str = ""
    creator_id: str = ""
    description: str = ""
    due_time: int = 0
    executor_ids: list[str] = msgspec.field(default_factory=list)
    participant_ids: list[str] = msgspec.field(default_factory=list)
    detail_url: dict[str, str] = msgspec.field(default_factory=dict)
    is_only_show_executor: bool = False
    priority: int = 10
    notify_configs: dict[str, str] = msgspec.field(default_factory=dict)
    source_id: str = ""
    todo_type: str = "TODO"


class OfTodo(msgspec.Struct, kw_only=True, rename="camel"):
    union_id: str
    task_id: str
    operator_id: str = ""


class Changed(msgspec.Struct, kw_only=True, rename="camel"):
    """None leaves what was there."""

    union_id: str
    task_id: str
    operator_id: str = ""
    subject: str | None = None
    description: str | None = None
    due_time: int | None = None
    done: bool | None = None
    executor_ids: list[str] | None = None
    participant_ids: list[str] | None = None


class ExecutorState(msgspec.Struct, kw_only=True, rename="camel"):
    id: str
    is_done: bool


class States(msgspec.Struct, kw_only=True, rename="camel"):
    union_id: str
    task_id: str
    executor_status_list: list[ExecutorState]
    operator_id: str = ""


class Listing(msgspec.Struct, kw_only=True, rename="camel"):
    """`role_types`: one of the inner lists has to fit, with all of its roles; empty: any role."""

    union_id: str
    next_token: str = ""
    is_done: bool | None = None
    role_types: list[list[str]] = msgspec.field(default_factory=list)
    todo_type: str = ""


@endpoints.newer("POST", _TASKS, scope=WRITE)
async def create_todo(call: Call, req: NewTodo) -> dict[str, Any]:
    if req.priority not in _PRIORITIES:
        raise errors.WRONG_TASK.error(verb="Create", problem="priority is invalid")
    todo = await call.write(lambda tx: _create(call, tx, req))
    if todo.notify.get("dingNotify") == "1":
        await _notify(call, todo)
    return _shown(call, todo)


@endpoints.newer("GET", _TASKS + "/{taskId}", scope=READ)
def get_todo(call: Call, req: OfTodo) -> dict[str, Any]:
    return _shown(call, _find(call, req.union_id, req.task_id, "Get"))


@endpoints.newer("PUT", _TASKS + "/{taskId}", scope=WRITE)
def update_todo(call: Call, req: Changed) -> dict[str, Any]:
    todo = _find(call, req.union_id, req.task_id, "Update")
    executors = todo.executors if req.executor_ids is None else tuple(dict.fromkeys(req.executor_ids))
    participants = todo.participants if req.participant_ids is None else tuple(dict.fromkeys(req.participant_ids))
    changed = msgspec.structs.replace(
        todo,
        subject=todo.subject if req.subject is None else req.subject,
        description=todo.description if req.description is None else req.description,
        due_ms=todo.due_ms if req.due_time is None else req.due_time,
        executors=executors or (todo.creator,),
        participants=participants,
        done={each: at for each, at in todo.done.items() if each in executors},
        modified_at=call.now,
        modifier=req.operator_id or req.union_id,
    )
    if req.done is not None:
        done = {each: changed.done.get(each, call.now) for each in changed.executors} if req.done else {}
        changed = msgspec.structs.replace(changed, done=done)
    _check(call, changed, "Update")
    call.tx.put(changed)
    return {"result": True}


@endpoints.newer("PUT", _TASKS + "/{taskId}/executorStatus", scope=WRITE)
def update_states(call: Call, req: States) -> dict[str, Any]:
    todo = _find(call, req.union_id, req.task_id, "Update")
    if len(req.executor_status_list) > _MOST_PEOPLE:
        raise errors.WRONG_TASK.error(verb="Update", problem="executors is oversize")
    done = dict(todo.done)
    for state in req.executor_status_list:
        if state.id not in todo.executors:
            raise errors.WRONG_TASK.error(verb="Update", problem=f"executor not exist {state.id}")
        if not state.is_done:
            done.pop(state.id, None)
        elif state.id not in done:
            done[state.id] = call.now
    call.tx.put(
        msgspec.structs.replace(todo, done=done, modified_at=call.now, modifier=req.operator_id or req.union_id)
    )
    return {"result": True}


@endpoints.newer("DELETE", _TASKS + "/{taskId}", scope=WRITE)
def delete_todo(call: Call, req: OfTodo) -> dict[str, Any]:
    todo = _find(call, req.union_id, req.task_id, "Delete")
    call.tx.delete(todo)
    return {"result": True, "requestId": call.request_id}


@endpoints.newer("POST", "/v1.0/todo/users/{unionId}/org/tasks/query", scope=READ, reads=True)
def list_todos(call: Call, req: Listing) -> dict[str, Any]:
    """The member's own; of an executor `isDone` is about that member, else about the whole task."""
    person = _person(call, req.union_id, "Query")
    if any(role not in _ROLES for roles in req.role_types for role in roles):
        raise errors.WRONG_TASK.error(verb="Query", problem="roleTypes is invalid")
    start = whole_number(req.next_token or "0")
    if start is None:
        raise errors.WRONG_TASK.error(verb="Query", problem="nextToken is invalid")
    found = [
        each
        for each in call.all(Todo)
        if _in_role(each, person, req.role_types)
        and (req.is_done is None or _is_done(each, person) == req.is_done)
        and (not req.todo_type or each.type == req.todo_type)
    ]
    page = found[start : start + _PAGE]
    following = start + _PAGE
    more = {"nextToken": str(following)} if following < len(found) else {}
    return {**more, "todoCards": [_row(each, person) for each in page]}


# --- steps ---


def _create(call: Call, tx: Transaction, req: NewTodo) -> Todo:
    _person(call, req.union_id, "Create")
    creator = req.creator_id or req.union_id
    source = req.source_id or call.ids.request_id()
    kept = call.all(Todo)
    if req.source_id and any(each.source == source and each.application == call.app.id for each in kept):
        raise errors.WRONG_TASK.error(verb="Create", problem=f"task existed sourceId is {source}")
    number = f"task{call.ids.request_id().replace('-', '').lower()}"
    todo = Todo(
        id=own_id(call.account, number),
        account=call.account,
        created_at=call.now,
        number=number,
        application=call.app.id,
        subject=req.subject,
        creator=creator,
        description=req.description,
        due_ms=req.due_time,
        executors=tuple(dict.fromkeys(req.executor_ids)) or (creator,),
        participants=tuple(dict.fromkeys(req.participant_ids)),
        detail_url=req.detail_url,
        only_executors=req.is_only_show_executor,
        priority=req.priority,
        notify=req.notify_configs,
        source=source,
        type=req.todo_type,
        modified_at=call.now,
        modifier=req.operator_id or req.union_id,
    )
    _check(call, todo, "Create")
    most = limits.DINGTALK_RECORDS
    full = errors.FULL.error(name="tasks", most=most)
    make_room_of_ended(tx, kept, lambda each: bool(each.finished_at), most, full)
    tx.put(todo)
    return todo


def _check(call: Call, todo: Todo, verb: str) -> None:
    if not todo.subject:
        raise errors.WRONG_TASK.error(verb=verb, problem="subject is empty")
    sizes = [
        ("subject", len(todo.subject), _MOST_SUBJECT),
        ("description", len(todo.description), _MOST_DESCRIPTION),
        ("executors", len(todo.executors), _MOST_PEOPLE),
        ("participants", len(todo.participants), _MOST_PEOPLE),
    ]
    for name, size, most in sizes:
        if size > most:
            raise errors.WRONG_TASK.error(verb=verb, problem=f"{name} is oversize")
    if todo.due_ms < 0:
        raise errors.WRONG_TASK.error(verb=verb, problem="dueTime is invalid")
    known = {each.union_id for each in call.all(Member)}
    stranger = next((each for each in (todo.creator, *todo.executors, *todo.participants) if each not in known), None)
    if stranger is not None:
        raise errors.WRONG_TASK.error(verb=verb, problem=f"user not exist {stranger}")


def _person(call: Call, union_id: str, verb: str) -> str:
    if Directory(call.tx, call.account).by_union_id(union_id) is None:
        raise errors.WRONG_TASK.error(verb=verb, problem=f"user not exist {union_id}")
    return union_id


def _find(call: Call, union_id: str, number: str, verb: str) -> Todo:
    todo = call.mine(Todo, number)
    if todo is None or not todo.concerns(union_id):
        raise errors.WRONG_TASK.error(verb=verb, problem="task not exist")
    return todo


def _in_role(todo: Todo, person: str, wanted: list[list[str]]) -> bool:
    held = set()
    if person == todo.creator:
        held.add("creator")
    if person in todo.executors:
        held.add("executor")
    if person in todo.participants:
        held.add("participant")
    if todo.only_executors:
        # Others do not see it in their lists.
        held &= {"executor"}
    return bool(held) and (not wanted or any(set(roles) <= held for roles in wanted))


def _is_done(todo: Todo, person: str) -> bool:
    return person in todo.done if person in todo.executors else bool(todo.finished_at)


async def _notify(call: Call, todo: Todo) -> None:
    """Each executor, once, by the application."""
    members = [each for each in call.all(Member) if each.union_id in todo.executors]
    messenger = call.parts.messenger
    conversations = await call.write(
        lambda tx: [messenger.between(tx, call.account, "notice", each.userid, call.app.id) for each in members]
    )
    text = f"#### {todo.subject}\n{todo.description}"
    body = {"msgtype": "markdown", "markdown": {"title": todo.subject, "text": text}}
    content = Content(message_type="markdown", title=todo.subject, text=text, body=body)
    for conversation in conversations:
        await messenger.post(conversation, robot_of(call), content, unique=f"todo/{todo.number}")


def _shown(call: Call, todo: Todo) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": todo.number,
        "subject": todo.subject,
        "description": todo.description,
        "creatorId": todo.creator,
        "modifierId": todo.modifier,
        "executorIds": list(todo.executors),
        "participantIds": list(todo.participants),
        "detailUrl": todo.detail_url,
        "isOnlyShowExecutor": todo.only_executors,
        "priority": todo.priority,
        "notifyConfigs": todo.notify,
        "source": todo.application,
        "sourceId": todo.source,
        "startTime": int(todo.created_at * 1000),
        "createdTime": int(todo.created_at * 1000),
        "modifiedTime": int(todo.modified_at * 1000),
        "done": bool(todo.finished_at),
        "requestId": call.request_id,
    }
    if todo.due_ms:
        shown["dueTime"] = todo.due_ms
    if todo.finished_at:
        shown["finishTime"] = int(todo.finished_at * 1000)
    return shown


def _row(todo: Todo, person: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "taskId": todo.number,
        "subject": todo.subject,
        "creatorId": todo.creator,
        "detailUrl": todo.detail_url,
        "priority": todo.priority,
        "sourceId": todo.source,
        "todoType": todo.type,
        "createdTime": int(todo.created_at * 1000),
        "modifiedTime": int(todo.modified_at * 1000),
        "isDone": _is_done(todo, person),
    }
    return {**row, "dueTime": todo.due_ms} if todo.due_ms else row
