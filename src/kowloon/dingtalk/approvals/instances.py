"""Process instances by the newer host: started, shown, listed, decided, withdrawn, commented on."""

from __future__ import annotations

import datetime
from typing import Any, Final

import msgspec

from kowloon.core.clock import iso_minutes
from kowloon.dingtalk.approvals import errors, running
from kowloon.dingtalk.approvals.logic import Mode, Record, Step, Task
from kowloon.dingtalk.approvals.resources import Approval, Delegation, Value
from kowloon.dingtalk.approvals.running import Asked
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.dingtalk.platform.dates import SHANGHAI
from kowloon.dingtalk.platform.endpoints import endpoints

READ, WRITE = "Workflow.Instance.Read", "Workflow.Instance.Write"
MOST_PAGE, MOST_ORIGINATORS = 20, 10
_DAY_S: Final = 24 * 3600.0
_MOST_SPAN_S, _OLDEST_S = 120 * _DAY_S, 365 * _DAY_S
_STATUSES: Final = frozenset({"RUNNING", "TERMINATED", "COMPLETED"})
_MOST_DELEGATIONS: Final = 1_000


class Approvers(msgspec.Struct, kw_only=True, rename="camel"):
    user_ids: list[str]
    action_type: str = "NONE"


class Chosen(msgspec.Struct, kw_only=True, rename="camel"):
    actioner_user_ids: list[str] = msgspec.field(default_factory=list)


class Start(msgspec.Struct, kw_only=True, rename="camel"):
    """Without `approvers`, those are taken whom the originator chose; without these, heads of the department."""

    originator_user_id: str
    process_code: str
    form_component_values: list[Value]
    dept_id: int | None = None
    approvers: list[Approvers] = msgspec.field(default_factory=list)
    cc_list: list[str] = msgspec.field(default_factory=list)
    cc_position: str = ""
    target_select_actioners: list[Chosen] = msgspec.field(default_factory=list)


class OfInstance(msgspec.Struct, kw_only=True, rename="camel"):
    process_instance_id: str


class Execute(msgspec.Struct, kw_only=True, rename="camel"):
    process_instance_id: str
    task_id: int
    actioner_user_id: str
    result: str
    remark: str = ""


class Terminate(msgspec.Struct, kw_only=True, rename="camel"):
    process_instance_id: str
    is_system: bool = False
    operating_user_id: str = ""
    remark: str = ""


class Listing(msgspec.Struct, kw_only=True, rename="camel"):
    process_code: str
    start_time: int
    next_token: int
    max_results: int
    end_time: int | None = None
    user_ids: list[str] = msgspec.field(default_factory=list)
    statuses: list[str] = msgspec.field(default_factory=list)


class Comment(msgspec.Struct, kw_only=True, rename="camel"):
    process_instance_id: str
    text: str
    comment_user_id: str


class Redirect(msgspec.Struct, kw_only=True, rename="camel"):
    task_id: int
    to_user_id: str
    operate_user_id: str
    remark: str = ""


class Agent(msgspec.Struct, kw_only=True, rename="camel"):
    """Dates are `yyyy-MM-dd`, both included, or moments `yyyy-MM-dd HH:mm`, in Asia/Shanghai."""

    manager_staff_id: str
    from_staff_id: str
    agent_staff_id: str
    start_date: str
    end_date: str
    all: bool
    process_codes: list[str] = msgspec.field(default_factory=list)


class OfUser(msgspec.Struct, kw_only=True, rename="camel"):
    user_id: str


@endpoints.newer("POST", "/v1.0/workflow/processInstances", scope=WRITE)
async def start(call: Call, req: Start) -> dict[str, Any]:
    if req.cc_position not in ("", "START", "FINISH", "START_FINISH"):
        raise errors.WRONG_PEOPLE.error(problem="ccPosition")
    chosen = [each for each in req.target_select_actioners if each.actioner_user_ids]
    steps = [step_of(each.action_type, each.user_ids) for each in req.approvers] or [
        step_of("OR", each.actioner_user_ids) for each in chosen
    ]
    asked = Asked(
        originator=req.originator_user_id,
        code=req.process_code,
        values=tuple(req.form_component_values),
        steps=tuple(steps),
        department=req.dept_id,
        copies=tuple(dict.fromkeys(req.cc_list)),
        copies_at_start=req.cc_position in ("", "START", "START_FINISH"),
        copies_at_finish=req.cc_position in ("FINISH", "START_FINISH"),
        by_application=True,
    )
    return {"instanceId": (await running.begin(call, asked)).number}


@endpoints.newer("GET", "/v1.0/workflow/processInstances", scope=READ)
def detail(call: Call, req: OfInstance) -> dict[str, Any]:
    approval = running.find(call, req.process_instance_id)
    process = approval.process
    result: dict[str, Any] = {
        "title": approval.title,
        "status": process.status,
        "result": process.result,
        "businessId": approval.business_id,
        "originatorUserId": approval.originator,
        "originatorDeptId": str(approval.department),
        "originatorDeptName": running.department_name(call, approval.department),
        "createTime": iso_minutes(process.began_at),
        "bizAction": "NONE",
        "attachedProcessInstanceIds": [],
        "approverUserIds": list(approval.approvers),
        "ccUserIds": list(approval.copies),
        "formComponentValues": list(approval.values),
        "operationRecords": [_record(each) for each in process.records],
        "tasks": [_task(approval, each) for each in process.tasks],
    }
    if process.ended_at:
        result["finishTime"] = iso_minutes(process.ended_at)
    return {"success": "true", "result": result}


@endpoints.newer("POST", "/v1.0/workflow/processInstances/execute", scope=WRITE)
async def execute(call: Call, req: Execute) -> dict[str, Any]:
    await running.decide(call, req.process_instance_id, req.task_id, req.actioner_user_id, req.result, req.remark)
    return {"success": True, "result": True}


@endpoints.newer("POST", "/v1.0/workflow/processInstances/terminate", scope=WRITE)
async def terminate(call: Call, req: Terminate) -> dict[str, Any]:
    await running.terminate(call, req.process_instance_id, req.operating_user_id, req.remark, by_system=req.is_system)
    return {"success": True, "result": True}


@endpoints.newer("POST", "/v1.0/workflow/processInstances/comments", scope=WRITE)
async def comment(call: Call, req: Comment) -> dict[str, Any]:
    await running.comment(call, req.process_instance_id, req.comment_user_id, req.text)
    return {"success": True, "result": True}


@endpoints.newer("POST", "/v1.0/workflow/tasks/redirect", scope=WRITE)
async def redirect(call: Call, req: Redirect) -> dict[str, Any]:
    await running.redirect(call, req.task_id, req.operate_user_id, req.to_user_id, req.remark)
    return {"result": True}


@endpoints.newer("POST", "/v1.0/workflow/processes/instanceIds/query", scope=READ, reads=True)
def list_ids(call: Call, req: Listing) -> dict[str, Any]:
    ids, following = page_of_ids(
        call,
        code=req.process_code,
        since_ms=req.start_time,
        until_ms=req.end_time,
        originators=req.user_ids,
        statuses=req.statuses,
        offset=req.next_token,
        size=req.max_results,
        size_name="maxResults",
    )
    return {"success": True, "result": {"list": ids, **({"nextToken": str(following)} if following else {})}}


@endpoints.newer("GET", "/v1.0/workflow/processes/todoTasks/numbers", scope=READ)
def todo_number(call: Call, req: OfUser) -> dict[str, Any]:
    return {"result": waiting_number(call, req.user_id)}


@endpoints.newer("POST", "/v1.0/workflow/tasks/agent", scope=WRITE)
def set_agent(call: Call, req: Agent) -> dict[str, Any]:
    """A later one of the same person and the same forms takes the place of the earlier; one that is over already ends
    it. Tasks that have come up before stay where they are."""
    people = (req.manager_staff_id, req.from_staff_id, req.agent_staff_id)
    manager, person, agent = (call.mine(Member, each) for each in people)
    if manager is None or person is None or agent is None:
        raise errors.NO_USER.error()
    if not manager.admin:
        raise errors.MAY_NOT.error()
    if person.userid == agent.userid:
        raise errors.INVALID.error(name="agentStaffId")
    starts_at = _moment(req.start_date, "startDate", at_end=False)
    ends_at = _moment(req.end_date, "endDate", at_end=True)
    if ends_at <= starts_at:
        raise errors.INVALID.error(name="endDate")
    if not req.all and not req.process_codes:
        raise errors.INVALID.error(name="processCodes")
    for code in () if req.all else req.process_codes:
        running.form_of(call, code)
    codes = () if req.all else tuple(sorted(set(req.process_codes)))
    for each in call.all(Delegation):
        if each.ends_at <= call.now or (each.person == person.userid and each.codes == codes):
            call.tx.delete(each)
    if len(call.all(Delegation)) >= _MOST_DELEGATIONS:
        raise errors.FULL.error(name="agents", most=_MOST_DELEGATIONS)
    call.tx.put(
        Delegation(
            id=own_id(call.account, call.ids.request_id()),
            account=call.account,
            created_at=call.now,
            person=person.userid,
            agent=agent.userid,
            starts_at=starts_at,
            ends_at=ends_at,
            codes=codes,
        )
    )
    return {"success": True, "result": 1, "dingOpenErrcode": 0, "errorMsg": "ok"}


def step_of(mode: str, people: list[str]) -> Step:
    if mode not in ("AND", "OR", "NONE"):
        raise errors.WRONG_PEOPLE.error(problem="actionType")
    known: Mode = "AND" if mode == "AND" else "OR" if mode == "OR" else "NONE"
    return Step(known, tuple(people))


def waiting_number(call: Call, userid: str) -> int:
    if call.mine(Member, userid) is None:
        raise errors.NO_USER.error()
    return sum(task.person == userid for each in call.all(Approval) for task in each.process.open_tasks)


def page_of_ids(
    call: Call,
    *,
    code: str,
    since_ms: int,
    until_ms: int | None,
    originators: list[str],
    statuses: list[str],
    offset: int,
    size: int,
    size_name: str,
) -> tuple[list[str], int]:
    """In the order in which they were started. The second: where the next page begins; 0: there is none."""
    if not 0 < size <= MOST_PAGE:
        raise errors.TOO_MANY.error(name=size_name, most=MOST_PAGE)
    if len(originators) > MOST_ORIGINATORS:
        raise errors.TOO_MANY.error(name="userIds", most=MOST_ORIGINATORS)
    if offset < 0:
        raise errors.INVALID.error(name="nextToken")
    unknown = next((each for each in statuses if each not in _STATUSES), None)
    if unknown is not None:
        raise errors.INVALID.error(name="statuses")
    since = since_ms / 1000
    until = until_ms / 1000 if until_ms is not None else call.now
    if until < since or until - since > _MOST_SPAN_S:
        raise errors.INVALID.error(name="endTime")
    if since < call.now - _OLDEST_S:
        raise errors.INVALID.error(name="startTime")
    running.form_of(call, code)
    found = [
        each.number
        for each in call.all(Approval)
        if each.code == code
        and since <= each.created_at <= until
        and (not originators or each.originator in originators)
        and (not statuses or each.process.status in statuses)
    ]
    following = offset + size
    return found[offset:following], following if following < len(found) else 0


def _record(record: Record) -> dict[str, Any]:
    told: dict[str, Any] = {
        "userId": record.person,
        "date": iso_minutes(record.at),
        "type": record.type,
        "result": record.result,
    }
    if record.step >= 0:
        told["activityId"] = f"step-{record.step}"
    if record.remark:
        told["remark"] = record.remark
    if record.people:
        told["ccUserIds"] = list(record.people)
    return told


def _task(approval: Approval, task: Task) -> dict[str, Any]:
    address = f"/dingtalk#/approvals/{approval.number}"
    told: dict[str, Any] = {
        "taskId": task.number,
        "userId": task.person,
        "status": task.state,
        "result": task.outcome or "NONE",
        "activityId": f"step-{task.step}",
        "processInstanceId": approval.number,
        "createTime": iso_minutes(task.began_at),
        "pcUrl": address,
        "mobileUrl": address,
    }
    if task.ended_at:
        told["finishTime"] = iso_minutes(task.ended_at)
    return told


def _moment(text: str, name: str, *, at_end: bool) -> float:
    """In seconds since the epoch; of a day its beginning or its end."""
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        try:
            moment = datetime.datetime.strptime(text, form).replace(tzinfo=SHANGHAI)
        except ValueError:
            continue
        try:
            return moment.timestamp() + (_DAY_S if at_end and form == "%Y-%m-%d" else 0.0)
        except OverflowError:
            break
    raise errors.INVALID.error(name=name)
