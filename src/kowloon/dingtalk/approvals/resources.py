"""Approvals as they are kept."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from kowloon.dingtalk.approvals.logic import Process
from kowloon.store.resources import Resource


class Value(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What somebody wrote into one field, by the name of the field."""

    name: str
    value: str
    id: str = ""
    ext_value: str = ""
    component_type: str = ""
    biz_alias: str = ""


class Form(Resource, frozen=True, kw_only=True):
    """id is `<account>/<code>`. `components` as they were sent: `{componentType, props, children}`, each with an id.
    `settings`: the template's, as it was sent."""

    kind: ClassVar[str] = "dingtalk-approval-form"
    code: str
    name: str
    description: str = ""
    components: tuple[dict[str, Any], ...]
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    application: str = ""
    changed_at: float = 0.0
    # Of this cloud itself: only people decide, each in person.
    in_person: bool = False


class Approval(Resource, frozen=True, kw_only=True):
    """One process instance; id is `<account>/<number>`. `department`: the originator's, -1 for the root."""

    kind: ClassVar[str] = "dingtalk-approval"
    number: str
    code: str
    business_id: str
    title: str
    originator: str
    department: int
    values: tuple[Value, ...]
    approvers: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    copies_at_finish: bool = False
    in_person: bool = False
    process: Process


class Delegation(Resource, frozen=True, kw_only=True):
    """While it lasts, tasks that come up for `person` are `agent`'s. `codes`: only of those forms; empty: of all."""

    kind: ClassVar[str] = "dingtalk-delegation"
    person: str
    agent: str
    starts_at: float
    ends_at: float
    codes: tuple[str, ...] = ()

    def covers(self, person: str, code: str, at: float) -> bool:
        return self.person == person and self.starts_at <= at < self.ends_at and (not self.codes or code in self.codes)


RESOURCES: tuple[type[Resource], ...] = (Form, Approval, Delegation)
