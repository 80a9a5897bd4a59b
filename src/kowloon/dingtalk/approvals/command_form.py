"""The form that every organisation has: an operations command of this cloud, carried out in the name of who asked for
it once it is agreed to. Only people decide about it, each in person."""

from __future__ import annotations

from typing import Final

from kowloon.dingtalk.approvals import errors
from kowloon.dingtalk.approvals.logic import Step
from kowloon.dingtalk.approvals.resources import Form, Value
from kowloon.dingtalk.ops.grammar import Command, NotUnderstood, parse
from kowloon.dingtalk.platform.call import own_id

CODE: Final = "PROC-KOWLOON-COMMAND"
FIELD: Final = "Command"


def form(account: str) -> Form:
    """It is there before anybody asks for it, and nobody can change it."""
    field = {
        "componentType": "TextField",
        "props": {"label": FIELD, "required": True, "componentId": "TextField-COMMAND", "placeholder": "restart i-..."},
    }
    return Form(id=own_id(account, CODE), account=account, code=CODE, name=FIELD, components=(field,), in_person=True)


def command_of(values: tuple[Value, ...]) -> Command:
    """NotUnderstood."""
    return parse(next((each.value for each in values if each.name == FIELD), ""))


def check(values: tuple[Value, ...], originator: str, steps: tuple[Step, ...]) -> None:
    """It is a command, and somebody else has to agree. PlatformError."""
    try:
        command_of(values)
    except NotUnderstood as problem:
        raise errors.WRONG_FORM_VALUES.error(names=f"{FIELD} {problem}") from None
    if any(originator in step.people for step in steps):
        raise errors.WRONG_PEOPLE.error(problem="approvers")
