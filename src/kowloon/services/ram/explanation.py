"""Decisions explained: which statements are about a call, what each says of it, and which one decided."""

from __future__ import annotations

import msgspec

from kowloon.actions.sessions import TrustDecision
from kowloon.services.ram.decisions import Record
from kowloon.wire.policy.conditions import Condition
from kowloon.wire.policy.document import TrustStatement
from kowloon.wire.policy.evaluate import PolicySet, Rule


class ConditionView(msgspec.Struct, kw_only=True):
    """`holds` None: nobody had to look."""

    operator: str
    key: str
    wanted: tuple[str, ...]
    value: str | None
    holds: bool | None


class StatementView(msgspec.Struct, kw_only=True):
    """A statement about the action. `resource`: whether it is about the resource, too; of a trust policy: whether it
    names who asks."""

    policy: str
    kind: str
    number: int
    effect: str
    resource: bool
    conditions: list[ConditionView]
    decided: bool


class Explanation(msgspec.Struct, kw_only=True):
    """`others`: how many statements are about other actions."""

    request_id: str
    principal: str
    action: str
    resource: str
    allowed: bool
    reason: str
    statements: list[StatementView]
    others: int


def explain(record: Record) -> Explanation:
    if record.trust is not None:
        found = [each for each in record.trust.trust.statements if each.covers_action(record.action)]
        statements = [_trust_statement(record, record.trust, each) for each in found]
        return _explanation(record, statements, len(record.trust.trust.statements))
    sets = record.policies.sets if record.policies is not None else ()
    statements = [
        _statement(record, policy_set, rule) for policy_set in sets for rule in policy_set.covering(record.action)
    ]
    return _explanation(record, statements, sum(len(policy_set.rules) for policy_set in sets))


def _explanation(record: Record, statements: list[StatementView], all_statements: int) -> Explanation:
    return Explanation(
        request_id=record.request_id,
        principal=record.principal,
        action=record.action,
        resource=record.resource,
        allowed=record.allowed,
        reason=record.reason,
        statements=statements,
        others=all_statements - len(statements),
    )


def _trust_statement(record: Record, trust: TrustDecision, statement: TrustStatement) -> StatementView:
    return StatementView(
        policy=f"the trust policy of role/{trust.role.name}",
        kind="AssumeRolePolicy",
        number=statement.number,
        effect="Deny" if statement.denies else "Allow",
        resource=statement.names(trust.kind, trust.names),
        conditions=[_condition(record, condition) for condition in statement.conditions],
        decided=trust.verdict.statement is statement,
    )


def _statement(record: Record, policy_set: PolicySet, rule: Rule) -> StatementView:
    statement = rule.statement
    return StatementView(
        policy=str(rule.source),
        kind=policy_set.kind,
        number=statement.number,
        effect="Deny" if statement.denies else "Allow",
        resource=statement.covers_resource(record.resource),
        conditions=[_condition(record, condition) for condition in statement.conditions],
        decided=record.verdict is not None and record.verdict.rule is rule,
    )


def _condition(record: Record, condition: Condition) -> ConditionView:
    known = condition.key in record.values
    return ConditionView(
        operator=condition.operator,
        key=condition.name,
        wanted=condition.wanted,
        value=record.values.get(condition.key),
        holds=condition.holds(record.values.get) if known else None,
    )
