"""The same approvals by the older host."""

from __future__ import annotations

import datetime
from typing import Any, Final

import msgspec

from kowloon.dingtalk.approvals import errors, running
from kowloon.dingtalk.approvals.instances import page_of_ids, step_of, waiting_number
from kowloon.dingtalk.approvals.resources import Value
from kowloon.dingtalk.approvals.running import Asked
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.dates import SHANGHAI
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import endpoints

SCOPE: Final = "qyapi_aflow"


class OlderValue(msgspec.Struct, kw_only=True):
    name: str
    value: str
    ext_value: str = ""


class OlderApprovers(msgspec.Struct, kw_only=True):
    user_ids: list[str]
    task_action_type: str = "NONE"


class Create(msgspec.Struct, kw_only=True):
    """`approvers`: one after the other; `approvers_v2` goes before it."""

    process_code: str
    originator_user_id: str
    form_component_values: list[OlderValue]
    dept_id: int | None = None
    approvers: Commas[list[str]] = msgspec.field(default_factory=list)
    approvers_v2: list[OlderApprovers] = msgspec.field(default_factory=list)
    cc_list: Commas[list[str]] = msgspec.field(default_factory=list)
    cc_position: str = "START"


class ById(msgspec.Struct, kw_only=True):
    process_instance_id: str


class Listing(msgspec.Struct, kw_only=True):
    process_code: str
    start_time: int
    end_time: int | None = None
    size: int = 20
    cursor: int = 0
    userid_list: Commas[list[str]] = msgspec.field(default_factory=list)


class OfUser(msgspec.Struct, kw_only=True):
    userid: str


class Decision(msgspec.Struct, kw_only=True):
    process_instance_id: str
    task_id: int
    actioner_userid: str
    result: str
    remark: str = ""


class Execute(msgspec.Struct, kw_only=True):
    request: Decision


class Withdrawal(msgspec.Struct, kw_only=True):
    process_instance_id: str
    is_system: bool = False
    operating_userid: str = ""
    remark: str = ""


class Terminate(msgspec.Struct, kw_only=True):
    request: Withdrawal


@endpoints.older("/topapi/processinstance/create", scope=SCOPE)
async def create(call: Call, req: Create) -> dict[str, Any]:
    if req.cc_position not in ("START", "FINISH", "START_FINISH"):
        raise errors.WRONG_PEOPLE.error(problem="cc_position")
    steps = [step_of(each.task_action_type, each.user_ids) for each in req.approvers_v2] or [
        step_of("NONE", [each]) for each in req.approvers
    ]
    asked = Asked(
        originator=req.originator_user_id,
        code=req.process_code,
        values=tuple(
            [Value(name=each.name, value=each.value, ext_value=each.ext_value) for each in req.form_component_values]
        ),
        steps=tuple(steps),
        department=req.dept_id,
        copies=tuple(dict.fromkeys(req.cc_list)),
        copies_at_start=req.cc_position != "FINISH",
        copies_at_finish=req.cc_position != "START",
        by_application=True,
    )
    return {"process_instance_id": (await running.begin(call, asked)).number}


@endpoints.older("/topapi/processinstance/get", scope=SCOPE, reads=True)
def get(call: Call, req: ById) -> dict[str, Any]:
    approval = running.find(call, req.process_instance_id)
    process = approval.process
    shown: dict[str, Any] = {
        "title": approval.title,
        "status": process.status,
        "result": process.result,
        "business_id": approval.business_id,
        "create_time": _local(process.began_at),
        "originator_userid": approval.originator,
        "originator_dept_id": str(approval.department),
        "originator_dept_name": running.department_name(call, approval.department),
        "approver_userids": list(approval.approvers),
        "cc_userids": list(approval.copies),
        "biz_action": "NONE",
        "attached_process_instance_ids": [],
        "form_component_values": [
            {
                "id": each.id,
                "name": each.name,
                "value": each.value,
                "ext_value": each.ext_value,
                "component_type": each.component_type,
            }
            for each in approval.values
        ],
        "operation_records": [
            {
                "userid": each.person,
                "date": _local(each.at),
                "operation_type": each.type,
                "operation_result": each.result,
                "remark": each.remark,
            }
            for each in process.records
        ],
        "tasks": [
            {
                "taskid": str(each.number),
                "userid": each.person,
                "task_status": each.state,
                "task_result": each.outcome or "NONE",
                "activity_id": f"step-{each.step}",
                "create_time": _local(each.began_at),
                **({"finish_time": _local(each.ended_at)} if each.ended_at else {}),
            }
            for each in process.tasks
        ],
    }
    if process.ended_at:
        shown["finish_time"] = _local(process.ended_at)
    return {"process_instance": shown}


@endpoints.older("/topapi/processinstance/listids", scope=SCOPE, reads=True)
def list_ids(call: Call, req: Listing) -> dict[str, Any]:
    ids, following = page_of_ids(
        call,
        code=req.process_code,
        since_ms=req.start_time,
        until_ms=req.end_time,
        originators=req.userid_list,
        statuses=[],
        offset=req.cursor,
        size=req.size,
        size_name="size",
    )
    return {"result": {"list": ids, **({"next_cursor": following} if following else {})}}


@endpoints.older("/topapi/process/gettodonum", scope=SCOPE, reads=True)
def todo_number(call: Call, req: OfUser) -> dict[str, Any]:
    return {"count": waiting_number(call, req.userid)}


@endpoints.older("/topapi/process/instance/execute", scope=SCOPE)
async def execute(call: Call, req: Execute) -> dict[str, Any]:
    asked = req.request
    await running.decide(
        call, asked.process_instance_id, asked.task_id, asked.actioner_userid, asked.result, asked.remark
    )
    return {"result": True}


@endpoints.older("/topapi/process/instance/terminate", scope=SCOPE)
async def terminate(call: Call, req: Terminate) -> dict[str, Any]:
    asked = req.request
    await running.terminate(
        call, asked.process_instance_id, asked.operating_userid, asked.remark, by_system=asked.is_system
    )
    return {"result": True}


def _local(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
