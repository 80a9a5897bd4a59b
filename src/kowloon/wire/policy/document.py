"""Documents of identity policies and of trust policies. Parsed once per text."""

from __future__ import annotations

import functools
import re
from collections.abc import Set
from typing import Any, NamedTuple

from kowloon.wire.policy.conditions import Condition, ValueOf, parse_conditions
from kowloon.wire.policy.globs import expression, glob
from kowloon.wire.policy.syntax import PolicyError, either, read_statements, texts

_IDENTITY_ELEMENTS = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})
_TRUST_ELEMENTS = frozenset({"Sid", "Effect", "Action", "NotAction", "Principal", "Condition"})
_PRINCIPALS = ("RAM", "Service", "Federated")
_ACTION = re.compile(r"\*|[A-Za-z0-9*?_-]+:[A-Za-z0-9*?_./-]+")
_RESOURCE = re.compile(r"acs:([^:]+):([^:]*):([^:]*):(.+)", re.DOTALL)
_RAM_NAME = re.compile(r"acs:ram:[^:]*:(\d+):((?:assumed-)?role/[^/]+)?(.*)", re.DOTALL)


class Statement(NamedTuple):
    """One statement; `number` counts from 1. `actions` and `resources` (None: everything) are what it is about, or
    with `but_actions` and `but_resources` all others."""

    number: int
    denies: bool
    actions: tuple[re.Pattern[str], ...]
    but_actions: bool
    resources: re.Pattern[str] | None
    but_resources: bool
    conditions: tuple[Condition, ...]

    def covers_action(self, action: str) -> bool:
        return any(pattern.match(action) for pattern in self.actions) != self.but_actions

    def covers_resource(self, resource: str) -> bool:
        return (self.resources is None or self.resources.match(resource) is not None) != self.but_resources

    @property
    def is_unconditional(self) -> bool:
        """Whether it is about every resource, whatever the request is like."""
        return self.resources is None and not self.but_resources and not self.conditions

    def applies(self, resource: str, value_of: ValueOf) -> bool:
        """Whether it is about this resource under these conditions; the action is known to be covered."""
        if (self.resources is None or self.resources.match(resource) is not None) == self.but_resources:
            return False
        for condition in self.conditions:  # noqa: SIM110 (a third of the time)
            if not condition.holds(value_of):
                return False
        return True


class Policy(NamedTuple):
    statements: tuple[Statement, ...]


@functools.lru_cache(maxsize=4096)
def parse_policy(document: str) -> Policy:
    """An identity policy (also of a session, or a control policy). Raises PolicyError, which says what is wrong."""
    statements = read_statements(document, _IDENTITY_ELEMENTS)
    return Policy(tuple([_statement(number, statement) for number, statement in enumerate(statements, 1)]))


def _statement(number: int, statement: dict[str, Any]) -> Statement:
    actions, but_actions = either(statement, "Action", "NotAction")
    resources, but_resources = either(statement, "Resource", "NotResource")
    return Statement(
        number=number,
        denies=statement["Effect"] == "Deny",
        actions=tuple([_action(action) for action in actions]),
        but_actions=but_actions,
        resources=_resources(resources),
        but_resources=but_resources,
        conditions=parse_conditions(statement.get("Condition", {})),
    )


def _action(action: str) -> re.Pattern[str]:
    if _ACTION.fullmatch(action) is None:
        raise PolicyError(f"{action!r} is no action.")
    return glob(action, ignore_case=True)


def _resources(resources: list[str]) -> re.Pattern[str] | None:
    """One expression for all of them: a statement is asked for every request, and read once."""
    expressions = [_resource(resource) for resource in resources if resource != "*"]
    return None if "*" in resources else re.compile(f"(?:{'|'.join(expressions)})\\Z", re.DOTALL)


def _resource(resource: str) -> str:
    """A region or an account that is left out is any. Wildcards of one part do not reach into the next. Names of roles
    know no letter case."""
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise PolicyError(f"{resource!r} is no resource.")
    product, region, account, path = match.groups()
    # Buckets are said to be in `oss-cn-hongkong` as well.
    if product == "oss":
        region = region.removeprefix("oss-")
    parts = [expression(part or "*", character="[^:]") for part in (product, region, account)]
    wanted = expression(path)
    if product == "ram" and path.startswith("role/"):
        wanted = f"(?i:{wanted})"
    return f"acs:{':'.join(parts)}:{wanted}"


# Trust ----------------------------------------------------------------------------------------------------------------


class TrustStatement(NamedTuple):
    """`principals`: names by kind (RAM, Service, Federated). It is about `actions`, or with `but_actions` about
    all others."""

    number: int
    denies: bool
    actions: tuple[re.Pattern[str], ...]
    but_actions: bool
    principals: dict[str, frozenset[str]]
    conditions: tuple[Condition, ...]

    def covers(self, kind: str, names: Set[str], action: str, value_of: ValueOf) -> bool:
        if not self.names(kind, names) or not self.covers_action(action):
            return False
        return all(condition.holds(value_of) for condition in self.conditions)

    def names(self, kind: str, names: Set[str]) -> bool:
        trusted = self.principals.get(kind, frozenset())
        return "*" in trusted or not trusted.isdisjoint(names)

    def covers_action(self, action: str) -> bool:
        return any(pattern.match(action) for pattern in self.actions) != self.but_actions


class TrustVerdict(NamedTuple):
    """`statement`: the one that decided; None when none is about it, which is a denial."""

    allowed: bool
    statement: TrustStatement | None


class Trust(NamedTuple):
    """Who may take a role."""

    statements: tuple[TrustStatement, ...]

    def decide(self, kind: str, names: Set[str], action: str, value_of: ValueOf) -> TrustVerdict:
        """`kind`: RAM, Service or Federated. `names`: what such a principal may be called; of a RAM user its ARN and
        that of its account's root. A denial is final."""
        allowing: TrustStatement | None = None
        for statement in self.statements:
            if statement.covers(kind, names, action, value_of):
                if statement.denies:
                    return TrustVerdict(False, statement)
                allowing = allowing or statement
        return TrustVerdict(allowing is not None, allowing)

    def allows(self, kind: str, names: Set[str], action: str, value_of: ValueOf) -> bool:
        return self.decide(kind, names, action, value_of).allowed


@functools.lru_cache(maxsize=1024)
def parse_trust(document: str) -> Trust:
    """The trust policy of a role (AssumeRolePolicyDocument). Raises PolicyError."""
    statements = read_statements(document, _TRUST_ELEMENTS)
    return Trust(tuple([_trust_statement(number, statement) for number, statement in enumerate(statements, 1)]))


def _trust_statement(number: int, statement: dict[str, Any]) -> TrustStatement:
    named = statement.get("Principal")
    if not isinstance(named, dict) or not named or set(named) - set(_PRINCIPALS):
        raise PolicyError("Principal must be an object of RAM, Service or Federated.")
    actions, but_actions = either(statement, "Action", "NotAction")
    return TrustStatement(
        number=number,
        denies=statement["Effect"] == "Deny",
        actions=tuple([_action(action) for action in actions]),
        but_actions=but_actions,
        principals={kind: _names(kind, values) for kind, values in named.items()},
        conditions=parse_conditions(statement.get("Condition", {})),
    )


def _names(kind: str, values: Any) -> frozenset[str]:
    names = texts(values, kind)
    if kind == "RAM":
        for name in names:
            if name != "*" and _RESOURCE.fullmatch(name) is None:
                raise PolicyError(f"{name!r} is no principal.")
        names = [_canonical(name) for name in names]
    return frozenset(names)


def _canonical(name: str) -> str:
    """`acs:ram:*:1234:root` is the same as `acs:ram::1234:root`, and the names of roles know no letter case."""
    match = _RAM_NAME.fullmatch(name)
    if match is None:
        return name
    account, role, rest = match.groups()
    return f"acs:ram::{account}:{(role or '').lower()}{rest}"
