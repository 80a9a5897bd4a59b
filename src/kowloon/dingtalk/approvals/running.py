"""Starting approvals and acting on them: whoever asks, by a call, by a button, or from inside of this cloud. What
happened is told to subscribers in the same transaction, and to people by messages after it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kowloon.core import limits
from kowloon.dingtalk.approvals import command_form, errors, fields, logic
from kowloon.dingtalk.approvals.logic import Making, NotYours, Process, Stale, Step
from kowloon.dingtalk.approvals.resources import Approval, Delegation, Form, Value
from kowloon.dingtalk.contacts.directory import Directory, next_number
from kowloon.dingtalk.contacts.resources import ROOT_DEPARTMENT, Department, Member, corp_id
from kowloon.dingtalk.platform.call import Call, by_itself, make_room_of_ended, own_id
from kowloon.dingtalk.platform.dates import SHANGHAI
from kowloon.store.store import Transaction

if TYPE_CHECKING:
    from kowloon.dingtalk.parts import Parts

ROOT: Final = -1
MOST_STEPS, MOST_APPROVERS, MOST_COPIES = 20, 100, 50
MOST_REMARK_CHARACTERS: Final = 1024
# The vendor lets nobody withdraw what has just been handed in.
_NOT_WITHDRAWN_FOR_S: Final = 15.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody starts. `steps` empty: the heads of the department, or the originator's own. `department` -1: the
    root; None: the originator's first."""

    originator: str
    code: str
    values: tuple[Value, ...]
    steps: tuple[Step, ...] = ()
    department: int | None = None
    copies: tuple[str, ...] = ()
    copies_at_start: bool = False
    copies_at_finish: bool = False
    by_application: bool = False


async def start(
    parts: Parts, account: str, originator: str, code: str, values: Mapping[str, str], steps: tuple[Step, ...]
) -> str:
    """In the name of a member who wants it, from inside of this cloud: the process instance's id. PlatformError."""
    written = tuple([Value(name=name, value=value) for name, value in values.items()])
    asked = Asked(originator=originator, code=code, values=written, steps=steps)
    return (await begin(by_itself(parts, account), asked)).number


async def begin(call: Call, asked: Asked) -> Approval:
    approval = await call.write(lambda tx: _begin(call, tx, asked))
    await call.parts.approvals.tell(call.parts, None, approval)
    return approval


async def decide(
    call: Call, number: str, task: int, person: str, result: str, remark: str, *, in_person: bool = False
) -> Approval:
    """`in_person`: the person clicked; else an application says so."""
    if result not in ("agree", "refuse"):
        raise errors.WRONG_RESULT.error()
    check_remark(remark)

    def change(approval: Approval, making: Making) -> Process:
        _check_in_person(approval, in_person)
        if approval.process.task(task) is None:
            raise errors.NO_TASK.error()
        return logic.decide(approval.process, task, person, agree=result == "agree", remark=remark, making=making)

    return await _act(call, number, change)


async def redirect(call: Call, task: int, person: str, to: str, remark: str) -> Approval:
    check_remark(remark)
    if to == person or call.mine(Member, to) is None:
        raise errors.WRONG_PEOPLE.error(problem="toUserId")
    found = next((each for each in call.all(Approval) if each.process.task(task) is not None), None)
    if found is None:
        raise errors.NO_TASK.error()

    def change(approval: Approval, making: Making) -> Process:
        _check_in_person(approval, False)
        return logic.redirect(approval.process, task, person, to, remark=remark, making=making)

    return await _act(call, found.number, change)


async def terminate(call: Call, number: str, person: str, remark: str, *, by_system: bool) -> Approval:
    """`by_system`: the application does it by itself, whomever it names."""
    if not by_system and not person:
        raise errors.NO_TERMINATOR.error()
    check_remark(remark)

    def change(approval: Approval, making: Making) -> Process:
        member = None if by_system else call.mine(Member, person)
        if not by_system and member is None:
            raise errors.NO_USER.error()
        if member is not None and person != approval.originator and not member.admin:
            raise errors.MAY_NOT.error()
        process = logic.terminate(approval.process, "" if by_system else person, remark=remark, at=call.now)
        if call.now < approval.process.began_at + _NOT_WITHDRAWN_FOR_S:
            raise errors.STALE.error(problem="提交审批后 15 秒内不允许撤销")
        return process

    return await _act(call, number, change)


async def comment(call: Call, number: str, person: str, text: str) -> Approval:
    if not text.strip():
        raise errors.NO_COMMENT.error()
    check_remark(text)
    if call.mine(Member, person) is None:
        raise errors.NO_USER.error()
    return await _act(
        call, number, lambda approval, making: logic.comment(approval.process, person, remark=text, at=call.now)
    )


def find(call: Call, number: str) -> Approval:
    found = call.mine(Approval, number)
    if found is None:
        raise errors.NO_INSTANCE.error()
    return found


def form_of(call: Call, code: str) -> Form:
    """The organisation's, or the one that every organisation has."""
    found = command_form.form(call.account) if code == command_form.CODE else call.mine(Form, code)
    if found is None:
        raise errors.NO_FORM.error()
    return found


def check_remark(remark: str) -> None:
    if len(remark) > MOST_REMARK_CHARACTERS:
        raise errors.TOO_MANY.error(name="remark", most=MOST_REMARK_CHARACTERS)


# --- steps ---


def _begin(call: Call, tx: Transaction, asked: Asked) -> Approval:
    directory = Directory(tx, call.account)
    originator = directory.find_member(asked.originator)
    if originator is None:
        raise errors.WRONG_PEOPLE.error(problem="originatorUserId")
    form = form_of(call, asked.code)
    values = fields.check(
        form.components,
        asked.values,
        lambda userid: directory.find_member(userid) is not None,
        directory.has_department,
    )
    department = _department(directory, originator, asked.department)
    steps = asked.steps or _heads(directory, originator, department)
    _check_people(directory, steps, asked.copies)
    if form.in_person:
        command_form.check(values, asked.originator, steps)
        if asked.by_application:
            # Nobody can be made to ask by an application: who is said to ask has to say so first.
            steps = (Step("NONE", (asked.originator,)), *steps)
    _make_room(call, tx)
    process = logic.begin(steps, asked.originator, _making(call, tx, form.code, form.in_person))
    if asked.copies and asked.copies_at_start:
        process = logic.copied(process, asked.originator, asked.copies, call.now)
    number = call.ids.request_id().lower()
    moment = datetime.datetime.fromtimestamp(call.now, SHANGHAI)
    approval = Approval(
        id=own_id(call.account, number),
        account=call.account,
        created_at=call.now,
        number=number,
        code=form.code,
        business_id=f"{moment:%Y%m%d%H%M}{next_number(tx, call.account, 'approval'):09d}",
        title=f"{originator.name}提交的{form.name}",
        originator=asked.originator,
        department=department,
        values=values,
        approvers=tuple(dict.fromkeys([each for step in steps for each in step.people])),
        copies=asked.copies,
        copies_at_finish=asked.copies_at_finish,
        in_person=form.in_person,
        process=process,
    )
    tx.put(approval)
    _emit(call, None, approval)
    return approval


async def _act(call: Call, number: str, change: Callable[[Approval, Making], Process]) -> Approval:
    """Whoever is too late, or is not asked, is told so; of two who act at once one is too late."""

    def body(tx: Transaction) -> tuple[Approval, Approval]:
        before = find(call, number)
        try:
            process = change(before, _making(call, tx, before.code, before.in_person))
        except Stale:
            raise errors.STALE.error(problem="任务已处理或审批单已结束") from None
        except NotYours:
            raise errors.NOT_YOURS.error() from None
        if process.status == "COMPLETED" and before.process.status == "RUNNING" and before.copies_at_finish:
            process = logic.copied(process, before.originator, before.copies, call.now)
        after = msgspec.structs.replace(before, process=process)
        tx.put(after)
        _emit(call, before, after)
        return before, after

    before, after = await call.write(body)
    await call.parts.approvals.tell(call.parts, before, after)
    return after


def _making(call: Call, tx: Transaction, code: str, in_person: bool) -> Making:
    delegations = [] if in_person else tx.list(Delegation, account=call.account)

    def acting(person: str) -> str:
        agents = [each.agent for each in delegations if each.covers(person, code, call.now)]
        there = [each for each in agents if tx.get(Member, own_id(call.account, each)) is not None]
        return there[-1] if there else person

    return Making(call.now, lambda: next_number(tx, call.account, "approval-task"), acting)


def _check_in_person(approval: Approval, in_person: bool) -> None:
    if approval.in_person and not in_person:
        raise errors.NOT_YOURS.error()


def _department(directory: Directory, originator: Member, asked: int | None) -> int:
    if asked is None:
        first = next(iter(originator.departments), ROOT_DEPARTMENT)
        return ROOT if first == ROOT_DEPARTMENT else first
    if asked in (ROOT, ROOT_DEPARTMENT):
        return ROOT
    if asked not in originator.departments:
        raise errors.WRONG_PEOPLE.error(problem="deptId")
    return asked


def _heads(directory: Directory, originator: Member, department: int) -> tuple[Step, ...]:
    """Where no approvers are named: the department's heads (any of them), else the originator's own."""
    unit = directory.department(ROOT_DEPARTMENT if department == ROOT else department)
    heads = tuple([each for each in unit.managers if each != originator.userid and directory.find_member(each)])
    if heads:
        return (Step("OR", heads),)
    if originator.manager and originator.manager != originator.userid:
        return (Step("NONE", (originator.manager,)),)
    raise errors.WRONG_PEOPLE.error(problem="approvers")


def _check_people(directory: Directory, steps: tuple[Step, ...], copies: tuple[str, ...]) -> None:
    if len(steps) > MOST_STEPS:
        raise errors.TOO_MANY.error(name="approvers", most=MOST_STEPS)
    if len(copies) > MOST_COPIES:
        raise errors.TOO_MANY.error(name="ccList", most=MOST_COPIES)
    people = [each for step in steps for each in step.people]
    if len(people) > MOST_APPROVERS:
        raise errors.TOO_MANY.error(name="approvers", most=MOST_APPROVERS)
    for step in steps:
        if (
            not step.people
            or len(set(step.people)) != len(step.people)
            or (step.mode == "NONE" and len(step.people) > 1)
        ):
            raise errors.WRONG_PEOPLE.error(problem="approvers")
    for name, userids in (("approvers", people), ("ccList", copies)):
        stranger = next((each for each in userids if directory.find_member(each) is None), None)
        if stranger is not None:
            raise errors.WRONG_PEOPLE.error(problem=f"{name} {stranger}")


def _make_room(call: Call, tx: Transaction) -> None:
    """The oldest that are over go; none that is not."""
    kept, most = tx.list(Approval, account=call.account), limits.DINGTALK_RECORDS
    full = errors.FULL.error(name="processInstances", most=most)
    make_room_of_ended(tx, kept, lambda each: each.process.status != "RUNNING", most, full)


def _emit(call: Call, before: Approval | None, after: Approval) -> None:
    process = after.process
    common: dict[str, Any] = {
        "corpId": corp_id(call.account),
        "processInstanceId": after.number,
        "processCode": after.code,
        "businessId": after.business_id,
        "title": after.title,
        "createTime": int(process.began_at * 1000),
        "url": f"/dingtalk#/approvals/{after.number}",
    }
    for change in logic.changes(before.process if before is not None else None, process):
        told: dict[str, Any] = {**common, "type": change.type}
        task = change.task
        if task is None:
            told["staffId"] = after.originator
            if process.ended_at:
                told["finishTime"] = int(process.ended_at * 1000)
            if process.result:
                told["result"] = process.result
            call.emit("bpms_instance_change", **told)
            continue
        told |= {"taskId": task.number, "staffId": task.person, "createTime": int(task.began_at * 1000)}
        if task.ended_at:
            told["finishTime"] = int(task.ended_at * 1000)
        if task.outcome:
            told["result"] = {"AGREE": "agree", "REFUSE": "refuse", "REDIRECTED": "redirect"}[task.outcome]
        if task.remark:
            told["remark"] = task.remark
        call.emit("bpms_task_change", **told)


def department_name(call: Call, department: int) -> str:
    """Empty where it is gone since."""
    if department == ROOT:
        return Directory(call.store, call.account).department(ROOT_DEPARTMENT).name
    found = call.mine(Department, str(department))
    return found.name if found is not None else ""
