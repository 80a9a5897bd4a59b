"""How an approval goes: steps one after the other, tasks in each, who may decide, and when it is over. Pure: a process
and what somebody does become the next process, or `Stale` or `NotYours`.

Of a step AND all have to agree, of OR and NONE one; whoever refuses ends all of it, as the vendor's do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import msgspec

Mode = Literal["AND", "OR", "NONE"]
# CANCELED: somebody else has decided. TERMINATED: the process was withdrawn.
State = Literal["RUNNING", "COMPLETED", "CANCELED", "TERMINATED"]
Outcome = Literal["", "AGREE", "REFUSE", "REDIRECTED"]
Status = Literal["RUNNING", "COMPLETED", "TERMINATED"]
Result = Literal["", "agree", "refuse"]

STARTED, CC, COMMENTED = "START_PROCESS_INSTANCE", "PROCESS_CC", "ADD_REMARK"
DECIDED, DECIDED_BY_AGENT = "EXECUTE_TASK_NORMAL", "EXECUTE_TASK_AGENT"
REDIRECTED, WITHDRAWN = "REDIRECT_TASK", "TERMINATE_PROCESS_INSTANCE"


class Stale(Exception):
    """What is to be done was done already, or is too late."""


class NotYours(Exception):
    """The task is somebody else's."""


class Step(msgspec.Struct, frozen=True):
    """`people`: userids. NONE has one person."""

    mode: Mode
    people: tuple[str, ...]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What one person has to decide. `principal`: whose agent the person is."""

    number: int
    step: int
    person: str
    principal: str = ""
    state: State = "RUNNING"
    outcome: Outcome = ""
    remark: str = ""
    began_at: float
    ended_at: float = 0.0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody did. `result` is AGREE, REFUSE or NONE."""

    at: float
    type: str
    person: str
    result: str = "NONE"
    remark: str = ""
    step: int = -1
    people: tuple[str, ...] = ()


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """`step` is the place of the one that is going on."""

    steps: tuple[Step, ...]
    step: int = 0
    status: Status = "RUNNING"
    result: Result = ""
    tasks: tuple[Task, ...] = ()
    records: tuple[Record, ...] = ()
    began_at: float
    ended_at: float = 0.0

    def task(self, number: int) -> Task | None:
        return next((each for each in self.tasks if each.number == number), None)

    @property
    def open_tasks(self) -> tuple[Task, ...]:
        return tuple([each for each in self.tasks if each.state == "RUNNING"])


class Making(NamedTuple):
    """What new tasks need: when it is, their numbers, and who acts for somebody now (themselves, or an agent)."""

    at: float
    number: Callable[[], int]
    acting: Callable[[str], str]


def begin(steps: tuple[Step, ...], originator: str, making: Making) -> Process:
    """With the tasks of the first step. There is at least one step, and somebody in each."""
    started = Record(at=making.at, type=STARTED, person=originator)
    return _with_tasks(Process(steps=steps, records=(started,), began_at=making.at), making)


def decide(process: Process, number: int, person: str, *, agree: bool, remark: str, making: Making) -> Process:
    task = _own(process, number, person)
    outcome: Outcome = "AGREE" if agree else "REFUSE"
    process = _ended(process, task, "COMPLETED", outcome, making.at, remark)
    kind = DECIDED_BY_AGENT if task.principal else DECIDED
    done = Record(at=making.at, type=kind, person=person, result=outcome, remark=remark, step=task.step)
    process = _recorded(process, done)
    if not agree:
        return _over(process, "COMPLETED", "refuse", making.at)
    if process.steps[task.step].mode == "AND" and any(each.step == task.step for each in process.open_tasks):
        return process
    for other in process.open_tasks:
        process = _ended(process, other, "CANCELED", "", making.at)
    if task.step + 1 == len(process.steps):
        return _over(process, "COMPLETED", "agree", making.at)
    return _with_tasks(msgspec.structs.replace(process, step=task.step + 1), making)


def redirect(process: Process, number: int, person: str, to: str, *, remark: str, making: Making) -> Process:
    """Somebody else has to decide in the person's place."""
    task = _own(process, number, person)
    process = _ended(process, task, "COMPLETED", "REDIRECTED", making.at, remark)
    handed = Task(number=making.number(), step=task.step, person=to, began_at=making.at)
    process = msgspec.structs.replace(process, tasks=(*process.tasks, handed))
    record = Record(at=making.at, type=REDIRECTED, person=person, remark=remark, step=task.step, people=(to,))
    return _recorded(process, record)


def terminate(process: Process, person: str, *, remark: str, at: float) -> Process:
    """Withdrawn: nobody has to decide any more. `person` is empty where the system does it."""
    if process.status != "RUNNING":
        raise Stale
    process = _recorded(process, Record(at=at, type=WITHDRAWN, person=person, remark=remark))
    return _over(process, "TERMINATED", "", at)


def comment(process: Process, person: str, *, remark: str, at: float) -> Process:
    """Also when it is over."""
    return _recorded(process, Record(at=at, type=COMMENTED, person=person, remark=remark))


def copied(process: Process, originator: str, people: tuple[str, ...], at: float) -> Process:
    """Those people were told of it."""
    return _recorded(process, Record(at=at, type=CC, person=originator, people=people))


class Change(NamedTuple):
    """What is new of a process. `task` is empty where it is about all of it."""

    type: Literal["start", "finish", "cancel", "terminate"]
    task: Task | None = None


def changes(before: Process | None, after: Process) -> Iterator[Change]:
    """In the order in which they are told: the beginning, tasks that ended, tasks that began, the end."""
    known = {each.number: each for each in before.tasks} if before is not None else {}
    if before is None:
        yield Change("start")
    for task in after.tasks:
        was = known.get(task.number)
        if was is not None and was.state == "RUNNING" and task.state != "RUNNING":
            yield Change("finish" if task.state == "COMPLETED" else "cancel", task)
    for task in after.tasks:
        if task.number not in known:
            yield Change("start", task)
    if after.status != "RUNNING" and (before is None or before.status == "RUNNING"):
        yield Change("finish" if after.status == "COMPLETED" else "terminate")


def _own(process: Process, number: int, person: str) -> Task:
    task = process.task(number)
    if process.status != "RUNNING" or task is None or task.state != "RUNNING":
        raise Stale
    if task.person != person:
        raise NotYours
    return task


def _with_tasks(process: Process, making: Making) -> Process:
    tasks = []
    for person in process.steps[process.step].people:
        acting = making.acting(person)
        tasks.append(
            Task(
                number=making.number(),
                step=process.step,
                person=acting,
                principal=person if acting != person else "",
                began_at=making.at,
            )
        )
    return msgspec.structs.replace(process, tasks=(*process.tasks, *tasks))


def _ended(process: Process, task: Task, state: State, outcome: Outcome, at: float, remark: str = "") -> Process:
    over = msgspec.structs.replace(task, state=state, outcome=outcome, ended_at=at, remark=remark)
    return msgspec.structs.replace(
        process, tasks=tuple([over if each.number == task.number else each for each in process.tasks])
    )


def _over(process: Process, status: Status, result: Result, at: float) -> Process:
    state: State = "CANCELED" if status == "COMPLETED" else "TERMINATED"
    for task in process.open_tasks:
        process = _ended(process, task, state, "", at)
    return msgspec.structs.replace(process, status=status, result=result, ended_at=at)


def _recorded(process: Process, record: Record) -> Process:
    return msgspec.structs.replace(process, records=(*process.records, record))
