"""Dangerous commands that wait for a confirmation, or for somebody else's approval."""

from __future__ import annotations

from typing import ClassVar, Literal

from kowloon.dingtalk.ops.grammar import Command
from kowloon.store.resources import Resource

State = Literal["waiting", "running", "done", "failed", "refused", "expired"]


class PendingCommand(Resource, frozen=True, kw_only=True):
    """id is the track of its card. `asked_by` is a userid. `approvers`: the userids of whom one has to agree, never
    who asked; empty: who asked confirms. It runs once: from waiting to running in one transaction."""

    kind: ClassVar[str] = "dingtalk-pending-command"
    conversation: str
    command: Command
    asked_by: str
    approvers: tuple[str, ...] = ()
    expires_at: float
    state: State = "waiting"
    decided_by: str = ""
    outcome: str = ""


RESOURCES: tuple[type[Resource], ...] = (PendingCommand,)
