"""The decision: the policies that count for a caller, and what they say of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kowloon.actions.ports import AccessRequest, Decision, Principal, no_group
from kowloon.services.ram.decisions import FREE, DecisionLog, Record, identity_arn
from kowloon.services.ram.diagnosis import DiagnosticSeal, denial_detail
from kowloon.services.ram.self_service import is_own
from kowloon.services.ram.system_policies import system_policies
from kowloon.store.identity import Membership, Policy, PolicyAttachment, Role
from kowloon.store.store import Store
from kowloon.wire.policy import document, evaluate
from kowloon.wire.policy.evaluate import GROUP, IDENTITY, SESSION, Policies, PolicySet, Source, Verdict

_SESSIONS_KEPT: Final = 1024
_GRANTED_KEPT: Final = 4096
_ROOT: Final = "root of the account"
_NO_VALUES: Final[Mapping[str, str | None]] = {}


def no_control(account: str) -> tuple[PolicySet, ...]:
    """Of accounts that are in no resource directory."""
    return ()


class Values:
    """The condition values of one request, each asked for once."""

    __slots__ = ("_asked", "known")

    def __init__(self, asked: AccessRequest) -> None:
        self._asked = asked
        self.known: dict[str, str | None] = {}

    def __call__(self, key: str) -> str | None:
        if key not in self.known:
            self.known[key] = self._value(key)
        return self.known[key]

    def _value(self, key: str) -> str | None:
        principal = self._asked.principal
        if key == "acs:principalarn":
            return identity_arn(principal)
        return (principal.source_identity or None) if key == "acs:sourceidentity" else self._asked.value_of(key)


class _Granted:
    """Whether an action is allowed to a caller on whatever resource, as long as nothing in the store changes.
    `decision` None: it depends on the resource or on the request, or is not allowed."""

    def __init__(
        self, principal: Principal, decision: Decision | None, policies: Policies | None, verdict: Verdict | None
    ) -> None:
        self.principal: Final = principal
        self.arn: Final = principal.arn
        self.decision: Final = decision
        self.reason: Final = decision.reason if decision is not None else ""
        self.policies: Final = policies
        self.verdict: Final = verdict


class AttachedPolicies:
    """An Authorizer: root may all, users what their own policies and those of their groups say, sessions what their
    role's policies say and their own policy does too. `control_of`: the control policies that an account is under, one
    set per level of its resource directory; they bind neither its root nor roles of services. `seal` closes what a
    denial tells."""

    def __init__(
        self, store: Store, seal: DiagnosticSeal, control_of: Callable[[str], tuple[PolicySet, ...]] = no_control
    ) -> None:
        self.log = DecisionLog()
        self._store = store
        self._seal = seal
        self._control_of = control_of
        self._watch = store.watch(Policy, PolicyAttachment, Membership)
        self._attached: dict[tuple[str, str], list[PolicyAttachment]] = {}
        self._groups: dict[tuple[str, str], list[str]] = {}
        # By account, entity and the resource group that they count in.
        self._sets: dict[tuple[str, str, str], PolicySet] = {}
        # By account, the resource groups with policies that count there only.
        self._scopes: dict[str, set[str]] = {}
        self._sessions: dict[str, PolicySet] = {}
        # By who asks and the action: thousands of calls of one kind are decided between two changes of anything.
        self._granted: dict[tuple[int, str], _Granted] = {}
        self._granted_at = -1

    def decide(self, asked: AccessRequest) -> Decision:
        record = self.weigh(asked)
        self.log.note(asked.principal, record)
        if record.allowed or record.policies is None or record.verdict is None:
            return Decision(allowed=record.allowed, reason=record.reason)
        detail = denial_detail(self._seal, asked, record.policies, record.verdict, record.values)
        return Decision(allowed=False, reason=record.reason, final=record.verdict.is_final, detail=detail)

    def granted(self, principal: Principal, action: str, resource: str, request_id: str) -> Decision | None:
        if self._granted_at != self._store.generation:
            self._granted.clear()
            self._granted_at = self._store.generation
        # It is kept with what was found, so that no other one has its number.
        key = (id(principal), action)
        found = self._granted.get(key)
        if found is None:
            if len(self._granted) >= _GRANTED_KEPT:
                self._granted.clear()
            found = self._granted[key] = self._always_granted(principal, action)
        if found.decision is not None:
            record = Record(
                request_id, found.arn, action, resource, found.reason, True, found.policies, found.verdict, _NO_VALUES
            )
            self.log.note(principal, record)
        return found.decision

    def _always_granted(self, principal: Principal, action: str) -> _Granted:
        if principal.is_root:
            return _Granted(principal, Decision(allowed=True, reason=_ROOT), None, None)
        if action in FREE:
            return _Granted(principal, Decision(allowed=True, reason=FREE[action]), None, None)
        policies = self.policies_of(principal)
        # With policies of its resource groups it depends on the group of the resource, too.
        verdict = evaluate.always(policies, action) if principal.account not in self._scopes else None
        if verdict is None or not verdict.allowed or verdict.rule is None:
            return _Granted(principal, None, None, None)
        return _Granted(principal, Decision(allowed=True, reason=verdict.rule.name), policies, verdict)

    def weigh(self, asked: AccessRequest) -> Record:
        """The same, with what it rests on; nobody notes it."""
        values = Values(asked)
        policies: Policies | None = None
        verdict: Verdict | None = None
        if asked.principal.is_root:
            allowed, reason = True, _ROOT
        elif asked.action in FREE:
            allowed, reason = True, FREE[asked.action]
        else:
            policies = self.policies_of(asked.principal, asked.group_of)
            verdict = evaluate.decide(policies, asked.action, asked.resource, values)
            if verdict.allowed and verdict.rule is not None:
                allowed, reason = True, verdict.rule.name
            elif not verdict.is_final and is_own(self._store, asked):
                allowed, reason = True, "the account lets its users do this for themselves"
            else:
                allowed, reason = False, _reason(asked, verdict)
        return Record(
            asked.request_id,
            asked.principal.arn,
            asked.action,
            asked.resource,
            reason,
            allowed,
            policies,
            verdict,
            values.known,
        )

    def policies_of(self, principal: Principal, group_of: Callable[[], str] = no_group) -> Policies:
        """All that counts for a user or a session. `group_of`: the resource group of what is asked for."""
        if self._watch.changed():
            self._read()
        account = principal.account
        entity = f"role/{principal.name.lower()}" if principal.type == "AssumedRoleUser" else f"user/{principal.name}"
        scopes = self._scopes.get(account)
        # A caller may name any group.
        group = group_of() if scopes is not None else ""
        return Policies(
            self._identity_set(account, entity, ""),
            self._session_set(principal.policy) if principal.policy else None,
            self._control(principal),
            self._identity_set(account, entity, group) if scopes is not None and group in scopes else None,
        )

    def _control(self, principal: Principal) -> tuple[PolicySet, ...]:
        control = self._control_of(principal.account)
        if control and principal.role_id:
            role = self._store.get(Role, f"{principal.account}:{principal.name.lower()}")
            if role is not None and role.service:
                return ()
        return control

    def _read(self) -> None:
        for index in (self._attached, self._groups, self._sets, self._scopes):
            index.clear()
        for attachment in self._store.list(PolicyAttachment):
            self._attached.setdefault((attachment.account, attachment.entity), []).append(attachment)
            if attachment.scope:
                self._scopes.setdefault(attachment.account, set()).add(attachment.scope)
        for membership in self._store.list(Membership):
            self._groups.setdefault((membership.account, membership.user), []).append(membership.group)

    def _identity_set(self, account: str, entity: str, scope: str) -> PolicySet:
        """Of the entity and, for a user, its groups. `scope` as PolicyAttachment has it."""
        found = self._sets.get((account, entity, scope))
        if found is None:
            kind, _, name = entity.partition("/")
            groups = self._groups.get((account, name), []) if kind == "user" else []
            entities = [entity, *[f"group/{group}" for group in groups]]
            attachments = [item for each in entities for item in self._attached.get((account, each), [])]
            policies = [self._policy(item) for item in attachments if item.scope == scope]
            found = self._sets[account, entity, scope] = PolicySet(GROUP if scope else IDENTITY, policies)
        return found

    def _policy(self, attachment: PolicyAttachment) -> tuple[Source, document.Policy]:
        name, kind = attachment.policy_name, attachment.policy_type
        entity = f"{attachment.entity} in {attachment.scope}" if attachment.scope else attachment.entity
        if kind == "System":
            system = system_policies()[name]
            return Source(name, kind, system.version, entity), document.parse_policy(system.document)
        custom = self._store.get(Policy, f"{attachment.account}:{name}")
        if custom is None:
            raise LookupError(f"{attachment.id} attaches a policy that does not exist")
        return Source(name, kind, custom.default_version, entity), document.parse_policy(custom.document)

    def _session_set(self, text: str) -> PolicySet:
        found = self._sessions.get(text)
        if found is None:
            if len(self._sessions) >= _SESSIONS_KEPT:
                self._sessions.clear()
            policy = (Source("policy of the session"), document.parse_policy(text))
            found = self._sessions[text] = PolicySet(SESSION, [policy])
        return found


def _reason(asked: AccessRequest, verdict: Verdict) -> str:
    if verdict.rule is not None:
        return f"{verdict.rule.name} denies {asked.action}"
    if verdict.kind == IDENTITY:
        return f"no policy of {identity_arn(asked.principal)} allows {asked.action} on {asked.resource}"
    return f"no {verdict.kind} allows {asked.action} on {asked.resource}"
