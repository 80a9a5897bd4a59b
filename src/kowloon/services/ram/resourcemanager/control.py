"""What control policies say of an account: one set for every level of its resource directory."""

from __future__ import annotations

from typing import Final

from kowloon.services.ram.resourcemanager import tree
from kowloon.services.ram.resourcemanager.resources import (
    ControlAttachment,
    ControlPolicy,
    Directory,
    Folder,
    Member,
)
from kowloon.store.store import Store
from kowloon.wire.policy import document
from kowloon.wire.policy.evaluate import CONTROL, PolicySet, Source

# The vendor's only system policy of this kind. It belongs to nobody and is never kept.
FULL_ACCESS: Final = ControlPolicy(
    id="cp-FullAliyunAccess",
    name="FullAliyunAccess",
    description="Allows all operations on all resources.",
    document='{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    updated_at=0.0,
)


class ControlPolicies:
    """`of(account)` is what AttachedPolicies asks for: from the root folder down to the member itself. Nothing for the
    management account, for accounts in no directory, and where control policies do not count."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watch = store.watch(Directory, Folder, Member, ControlPolicy, ControlAttachment)
        self._by_account: dict[str, tuple[PolicySet, ...]] = {}

    def of(self, account: str) -> tuple[PolicySet, ...]:
        if self._watch.changed():
            self._by_account.clear()
        found = self._by_account.get(account)
        if found is None:
            found = self._by_account[account] = self._sets(account)
        return found

    def _sets(self, account: str) -> tuple[PolicySet, ...]:
        member = self._store.get(Member, account)
        directory = self._store.get(Directory, member.directory_id) if member is not None else None
        if member is None or directory is None or not directory.control_policies_enabled:
            return ()
        attachments = self._store.list(ControlAttachment, account=directory.account)
        levels = [f"folder/{folder.id}" for folder in tree.line(self._store, member.folder_id)]
        return tuple([self._set(level, attachments) for level in (*levels, f"account/{member.id}")])

    def _set(self, level: str, attachments: list[ControlAttachment]) -> PolicySet:
        target = level.partition("/")[2]
        return PolicySet(CONTROL, [self._policy(item, level) for item in attachments if item.target_id == target])

    def _policy(self, attachment: ControlAttachment, level: str) -> tuple[Source, document.Policy]:
        policy = FULL_ACCESS
        if attachment.policy_id != FULL_ACCESS.id:
            custom = self._store.get(ControlPolicy, attachment.policy_id)
            if custom is None:
                raise LookupError(f"{attachment.id} attaches a control policy that does not exist")
            policy = custom
        source = Source(policy.name, "System" if policy is FULL_ACCESS else "Custom", "v1", level)
        return source, document.parse_policy(policy.document)
