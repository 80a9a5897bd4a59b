"""What policies say of one request: an explicit denial, else an explicit allowance, else an implicit denial.

In the vendor's order: first the control policies of the account's resource directory, then the policy of the session,
then those of the identity. The first that does not allow decides. Of the identity's, those that count in the resource's
group and those that count in the whole account are one: each may allow, each may deny.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from kowloon.wire.policy.conditions import ValueOf
from kowloon.wire.policy.document import Policy, Statement

CONTROL: Final = "ControlPolicy"
SESSION: Final = "SessionPolicy"
GROUP: Final = "ResourceGroupLevelIdentityBasedPolicy"
IDENTITY: Final = "AccountLevelIdentityBasedPolicy"
# Actions that a set remembers the statements of. There are more names in the world, but not in use.
_ACTIONS_KEPT: Final = 1024


class Source(NamedTuple):
    """Where a policy comes from. `type` is System or Custom; `attached_to` such as `user/alice`, `group/ops`."""

    name: str
    type: str = ""
    version: str = ""
    attached_to: str = ""

    def __str__(self) -> str:
        name = f"{self.type}/{self.name}" if self.type else self.name
        return f"{name} on {self.attached_to}" if self.attached_to else name


class Rule(NamedTuple):
    """A statement and the policy that it is of; `name` tells both to people."""

    source: Source
    statement: Statement
    name: str


class Verdict(NamedTuple):
    """`kind` is the vendor's PolicyType of the policies that decided; `rule` None when no statement did."""

    allowed: bool
    kind: str
    rule: Rule | None = None

    @property
    def is_explicit(self) -> bool:
        return self.rule is not None

    @property
    def is_final(self) -> bool:
        """A denial that no policy of the resource overrules."""
        return not self.allowed and (self.rule is not None or self.kind != IDENTITY)


class PolicySet:
    """Policies of one kind that count together. Made once, asked often: statements are found by their action."""

    def __init__(self, kind: str, policies: Iterable[tuple[Source, Policy]]) -> None:
        self.kind = kind
        self.rules = tuple(
            [
                Rule(source, statement, f"statement {statement.number} of {source}")
                for source, policy in policies
                for statement in policy.statements
            ]
        )
        self._silence = Verdict(False, kind)
        self._by_action: dict[str, tuple[tuple[Rule, Verdict], ...]] = {}

    def decide(self, action: str, resource: str, value_of: ValueOf) -> Verdict:
        for rule, verdict in self._covering(action):
            if rule.statement.applies(resource, value_of):
                return verdict
        return self._silence

    def always(self, action: str) -> Verdict | None:
        """What `decide` says whatever the resource and the request are; None where it depends on them."""
        covering = self._covering(action)
        if not covering:
            return self._silence
        rule, verdict = covering[0]
        return verdict if rule.statement.is_unconditional else None

    def covering(self, action: str) -> Iterator[Rule]:
        """The rules about an action, denials first."""
        return (rule for rule, _ in self._covering(action))

    def _covering(self, action: str) -> tuple[tuple[Rule, Verdict], ...]:
        found = self._by_action.get(action)
        if found is None:
            rules = [rule for rule in self.rules if rule.statement.covers_action(action)]
            rules.sort(key=lambda rule: not rule.statement.denies)
            found = tuple([(rule, Verdict(not rule.statement.denies, self.kind, rule)) for rule in rules])
            if len(self._by_action) >= _ACTIONS_KEPT:
                self._by_action.clear()
            self._by_action[action] = found
        return found


class Policies(NamedTuple):
    """All that counts for one principal. `control`: what each level of the resource directory allows, from the root
    folder to the account; empty for accounts that are in none. `session` None: the session has no policy. `group`: what
    counts in the resource group of the resource; None when nothing does."""

    identity: PolicySet
    session: PolicySet | None = None
    control: tuple[PolicySet, ...] = ()
    group: PolicySet | None = None

    @property
    def sets(self) -> tuple[PolicySet, ...]:
        """In the order in which they are asked."""
        return tuple([each for each in (*self.control, self.session, self.identity, self.group) if each is not None])


def always(policies: Policies, action: str) -> Verdict | None:
    """What `decide` says of an action whatever the resource and the request are; None where it depends on them."""
    for bound in policies.control if policies.session is None else (*policies.control, policies.session):
        verdict = bound.always(action)
        if verdict is None or not verdict.allowed:
            return verdict
    return policies.identity.always(action) if policies.group is None else None


def decide(policies: Policies, action: str, resource: str, value_of: ValueOf) -> Verdict:
    """`action` as in RAM (`ecs:RunInstances`), `resource` an ARN or `*`."""
    for bound in policies.control if policies.session is None else (*policies.control, policies.session):
        verdict = bound.decide(action, resource, value_of)
        if not verdict.allowed:
            return verdict
    verdict = policies.identity.decide(action, resource, value_of)
    if policies.group is None or (verdict.is_explicit and not verdict.allowed):
        return verdict
    in_group = policies.group.decide(action, resource, value_of)
    return in_group if in_group.is_explicit and not (verdict.allowed and in_group.allowed) else verdict
