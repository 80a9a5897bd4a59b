"""Documents of bucket policies: what they may say, and what they say of one request. Pure, and parsed once per text."""

from __future__ import annotations

import functools
import re
from enum import Enum
from typing import Any, NamedTuple

from kowloon.actions.ports import Principal
from kowloon.services.oss.access.policy_conditions import parse_known_conditions, pins
from kowloon.wire.policy.conditions import Condition, ValueOf
from kowloon.wire.policy.globs import glob
from kowloon.wire.policy.syntax import PolicyError, either, read_statements, texts

MOST_DOCUMENT_BYTES = 16 * 1024
_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Principal", "NotPrincipal", "Resource", "Condition"}
_ACTION = re.compile(r"oss:[A-Za-z*?]+|\*")
_RESOURCE = re.compile(r"acs:oss:([^:]*):([^:]*):(.+)", re.DOTALL)
_ROLE = "arn:sts::"


class Stance(Enum):
    SILENT = "silent"
    ALLOWS = "allows"
    DENIES = "denies"


class Asked(NamedTuple):
    """One request as policies see it. `path` is `bucket` or `bucket/key`; `value` gives what a condition is about."""

    action: str
    region: str
    account: str
    path: str
    principal: Principal | None
    value: ValueOf

    @property
    def by_owner(self) -> bool:
        """By the account that has the bucket itself, not by one of its users."""
        principal = self.principal
        return principal is not None and principal.is_root and principal.account == self.account


class _Resource(NamedTuple):
    region: str
    account: re.Pattern[str]
    path: re.Pattern[str]

    def covers(self, asked: Asked) -> bool:
        return (
            self.region in ("*", asked.region, f"oss-{asked.region}")
            and self.account.match(asked.account) is not None
            and self.path.match(asked.path) is not None
        )


class _Principals(NamedTuple):
    """Ids of accounts, users and sessions, and patterns of roles' sessions. `everyone`: a `*` is among them."""

    everyone: bool
    ids: frozenset[str]
    sessions: tuple[re.Pattern[str], ...]

    def names(self, principal: Principal | None) -> bool:
        if principal is None:
            return False
        if principal.id in self.ids:
            return True
        if not self.sessions or principal.type != "AssumedRoleUser":
            return False
        arn = _ROLE + principal.arn.removeprefix("acs:ram::")
        return any(session.match(arn) for session in self.sessions)


class Statement(NamedTuple):
    """`actions` and `principals` are what it is about, or with `but_actions` and `but_principals` all others."""

    denies: bool
    actions: tuple[re.Pattern[str], ...]
    but_actions: bool
    principals: _Principals
    but_principals: bool
    resources: tuple[_Resource, ...]
    conditions: tuple[Condition, ...]

    @property
    def is_public(self) -> bool:
        """Whether it opens the bucket to people whom it does not name, from no fixed place."""
        open_to_all = self.but_principals or self.principals.everyone
        return not self.denies and open_to_all and not any(pins(condition) for condition in self.conditions)

    def covers(self, asked: Asked) -> bool:
        if any(action.match(asked.action) for action in self.actions) == self.but_actions:
            return False
        if not any(resource.covers(asked) for resource in self.resources):
            return False
        if not self._is_about(asked):
            return False
        return all(condition.holds(asked.value) for condition in self.conditions)

    def _is_about(self, asked: Asked) -> bool:
        """As the vendor has it, a statement about everyone is about the owner too only where it has a condition."""
        named = self.principals.names(asked.principal)
        if self.but_principals:
            return not named and not self.principals.everyone and (bool(self.conditions) or not asked.by_owner)
        return named or (self.principals.everyone and (bool(self.conditions) or not asked.by_owner))


class Policy(NamedTuple):
    statements: tuple[Statement, ...]

    @property
    def is_public(self) -> bool:
        return any(statement.is_public for statement in self.statements)

    def stance(self, asked: Asked, *, ignore_public: bool = False) -> tuple[Stance, int]:
        """A denial is final; and the number of the statement that decided, from 1. `ignore_public`: what opens the
        bucket to everyone does not count."""
        stance, number = Stance.SILENT, 0
        for at, statement in enumerate(self.statements, 1):
            if stance is Stance.ALLOWS and not statement.denies:
                continue
            if ignore_public and statement.is_public:
                continue
            if statement.covers(asked):
                if statement.denies:
                    return Stance.DENIES, at
                stance, number = Stance.ALLOWS, at
        return stance, number


# Reading --------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def parse_policy(document: str) -> Policy:
    """Raises PolicyError, which says what is wrong."""
    if len(document.encode()) > MOST_DOCUMENT_BYTES:
        raise PolicyError(f"it is longer than {MOST_DOCUMENT_BYTES} bytes.")
    return Policy(tuple([_statement(statement) for statement in read_statements(document, _ELEMENTS)]))


def _statement(statement: dict[str, Any]) -> Statement:
    actions, but_actions = either(statement, "Action", "NotAction")
    principals, but_principals = either(statement, "Principal", "NotPrincipal")
    resources = texts(statement.get("Resource"), "Resource")
    return Statement(
        denies=statement["Effect"] == "Deny",
        actions=tuple([_action(action) for action in actions]),
        but_actions=but_actions,
        principals=_principals(principals),
        but_principals=but_principals,
        resources=tuple([_resource(resource) for resource in resources]),
        conditions=parse_known_conditions(statement.get("Condition", {})),
    )


def _action(action: str) -> re.Pattern[str]:
    if _ACTION.fullmatch(action) is None:
        raise PolicyError(f"{action!r} is no action.")
    return glob(action, ignore_case=True)


def _principals(principals: list[str]) -> _Principals:
    ids: set[str] = set()
    sessions: list[re.Pattern[str]] = []
    for principal in principals:
        if principal.startswith(_ROLE):
            sessions.append(glob(principal, ignore_case=True))
        elif principal != "*" and not re.fullmatch(r"\d{1,32}(:\S{1,64})?", principal, re.ASCII):
            raise PolicyError(f"{principal!r} is no principal.")
        else:
            ids.add(principal)
    return _Principals("*" in ids, frozenset(ids), tuple(sessions))


def _resource(resource: str) -> _Resource:
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise PolicyError(f"{resource!r} is no resource of OSS.")
    region, account, path = match.groups()
    return _Resource(region, glob(account), glob(path))
