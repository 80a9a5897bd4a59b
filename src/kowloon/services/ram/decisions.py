"""What was decided lately, for people: each decision with what it rested on, and who called what on which resources.

In memory and bounded; the journal of calls is what lasts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from kowloon.actions.ports import Principal
from kowloon.actions.sessions import ASSUME, TrustDecision
from kowloon.wire.policy.evaluate import Policies, Verdict

# Denials are rare and are asked about: a flood of allowed calls does not push them out.
_KEPT: Final = 1000
_PAIRS_KEPT: Final = 2048
_RESOURCES_KEPT: Final = 20
# What needs no policy, and why.
FREE: Final[Mapping[str, str]] = {
    "sts:GetCallerIdentity": "everyone may ask who they are",
    "location:DescribeEndpoints": "everyone may ask where a product is",
}


class Record:
    """`values`: the condition values that were asked for, by key. `policies` and `verdict` None: no policy was asked,
    such as of a root. `trust`: it was the trust policy of the role that is the resource."""

    def __init__(
        self,
        request_id: str,
        principal: str,
        action: str,
        resource: str,
        reason: str,
        allowed: bool,
        policies: Policies | None,
        verdict: Verdict | None,
        values: Mapping[str, str | None],
        trust: TrustDecision | None = None,
    ) -> None:
        self.request_id: Final = request_id
        self.principal: Final = principal
        self.action: Final = action
        self.resource: Final = resource
        self.reason: Final = reason
        self.allowed: Final = allowed
        self.policies: Final = policies
        self.verdict: Final = verdict
        self.values: Final = values
        self.trust: Final = trust


class Resources:
    """Resources as they come; when they are too many, what they all begin with."""

    __slots__ = ("_names", "_prefix")

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._prefix: str | None = None

    def add(self, resource: str) -> None:
        if self._prefix is not None:
            if not resource.startswith(self._prefix):
                self._prefix = _common(self._prefix, resource)
            return
        self._names.add(resource)
        if len(self._names) > _RESOURCES_KEPT:
            # What the first and the last have in common, all between them have.
            self._prefix = _common(min(self._names), max(self._names))
            self._names.clear()

    @property
    def patterns(self) -> list[str]:
        return sorted(self._names) if self._prefix is None else [f"{self._prefix}*"]


def _common(one: str, other: str) -> str:
    length = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


class Observed:
    """One action of one identity: how often it was allowed and on what, how often not and on what."""

    __slots__ = ("allowed", "allowed_on", "denied", "denied_on")

    def __init__(self) -> None:
        self.allowed = 0
        self.denied = 0
        self.allowed_on = Resources()
        self.denied_on = Resources()

    def note(self, resource: str, allowed: bool) -> None:
        if allowed:
            self.allowed += 1
            self.allowed_on.add(resource)
        else:
            self.denied += 1
            self.denied_on.add(resource)


class DecisionLog:
    def __init__(self) -> None:
        self._allowed: deque[Record] = deque(maxlen=_KEPT)
        self._denied: deque[Record] = deque(maxlen=_KEPT)
        self._observed: dict[tuple[str, str], Observed] = {}

    def note(self, principal: Principal, record: Record) -> None:
        (self._allowed if record.allowed else self._denied).append(record)
        key = (identity_arn(principal), record.action)
        observed = self._observed.get(key)
        if observed is None:
            if len(self._observed) >= _PAIRS_KEPT:
                # The one that has been known longest.
                del self._observed[next(iter(self._observed))]
            observed = self._observed[key] = Observed()
        observed.note(record.resource, record.allowed)

    def note_refusal(self, request_id: str, principal: Principal, decision: TrustDecision) -> None:
        """A role is not given to this principal: its trust policy says no."""
        role, statement = decision.role, decision.verdict.statement
        policy = f"the trust policy of role/{role.name}"
        if statement is None:
            reason = f"no statement of {policy} trusts {principal.arn} here"
        else:
            reason = f"statement {statement.number} of {policy} denies {ASSUME}"
        conditions = [condition for each in decision.trust.statements for condition in each.conditions]
        values = {condition.key: decision.value_of(condition.key) for condition in conditions}
        # What its values come from is the call itself, which nobody has to keep.
        kept = decision._replace(value_of=values.get)
        self._denied.append(
            Record(request_id, principal.arn, ASSUME, role.arn, reason, False, None, None, values, kept)
        )

    def of_request(self, request_id: str) -> list[Record]:
        return [record for record in self._all() if record.request_id == request_id]

    def _all(self) -> Iterator[Record]:
        yield from self._allowed
        yield from self._denied

    def observed(self, principal: str = "") -> Iterable[tuple[str, str, Observed]]:
        """Identity, action and what was seen; of one identity when it is given."""
        for (arn, action), observed in self._observed.items():
            if principal in ("", arn):
                yield arn, action, observed

    def clear(self) -> None:
        self._allowed.clear()
        self._denied.clear()
        self._observed.clear()


def identity_arn(principal: Principal) -> str:
    """Of a session the role's, else the principal's own: whose policies count, and the value of acs:PrincipalARN."""
    if principal.type == "AssumedRoleUser":
        return f"acs:ram::{principal.account}:role/{principal.name.lower()}"
    return principal.arn
