"""What is granted whatever the resource and the request are: found once, and gone with the first change."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kowloon.actions.ports import Principal
from kowloon.services.ram.diagnosis import DiagnosticSeal
from kowloon.services.ram.policies import AttachedPolicies
from kowloon.services.ram.product import ram
from kowloon.store.backend import MemoryBackend
from kowloon.store.codec import Codec
from kowloon.store.identity import Policy, PolicyAttachment, PolicyVersion, attachment_id
from kowloon.store.store import Store
from tests.services.ram.rights import document, statement

ACCOUNT = "1234567890123456"
ALICE = Principal(account=ACCOUNT, type="RAMUser", arn=f"acs:ram::{ACCOUNT}:user/alice", id="2", name="alice")
ROOT = Principal(account=ACCOUNT, type="Account", arn=f"acs:ram::{ACCOUNT}:root", id=ACCOUNT, name="root")
RESOURCE = "acs:oss:cn-hongkong:1:b/k"


class World:
    def __init__(self) -> None:
        self.store = Store(MemoryBackend(), Codec(list(ram.resources)))
        self.policies = AttachedPolicies(self.store, DiagnosticSeal("secret"))

    def attach(self, name: str, *statements: dict[str, Any], scope: str = "") -> None:
        version = PolicyVersion(id="v1", document=document(*statements), created_at=0.0)
        transaction = self.store.begin()
        transaction.put(Policy(id=f"{ACCOUNT}:{name}", account=ACCOUNT, name=name, versions=(version,)))
        transaction.put(self.attachment(name, scope))
        self.store.commit_now(transaction)

    def attach_to_role(self, role: str, *statements: dict[str, Any]) -> None:
        version = PolicyVersion(id="v1", document=document(*statements), created_at=0.0)
        transaction = self.store.begin()
        transaction.put(Policy(id=f"{ACCOUNT}:{role}", account=ACCOUNT, name=role, versions=(version,)))
        entity = f"role/{role}"
        id = attachment_id(ACCOUNT, entity, "Custom", role)
        attachment = PolicyAttachment(
            id=id, account=ACCOUNT, entity=entity, policy_type="Custom", policy_name=role, scope=""
        )
        transaction.put(attachment)
        self.store.commit_now(transaction)

    def detach(self, name: str) -> None:
        transaction = self.store.begin()
        transaction.delete(self.attachment(name))
        self.store.commit_now(transaction)

    def attachment(self, name: str, scope: str = "") -> PolicyAttachment:
        return PolicyAttachment(
            id=attachment_id(ACCOUNT, "user/alice", "Custom", name, scope),
            account=ACCOUNT,
            entity="user/alice",
            policy_type="Custom",
            policy_name=name,
            scope=scope,
        )

    def granted(self, action: str = "oss:GetObject", principal: Principal = ALICE) -> str:
        """The reason, empty when it is not granted."""
        decision = self.policies.granted(principal, action, RESOURCE, "R")
        return decision.reason if decision is not None else ""


@pytest.fixture
def world() -> World:
    return World()


def test_it_comes_and_goes_with_its_policy(world: World) -> None:
    assert world.granted() == ""
    world.attach("all", statement("Allow", "oss:*"))
    reason = "statement 1 of Custom/all on user/alice"
    assert [world.granted(), world.granted(), world.granted("ecs:RunInstances")] == [reason, reason, ""]
    world.attach("but", statement("Deny", "oss:Get*", "acs:oss:*:*:secret/*"))
    assert [world.granted(), world.granted("oss:PutObject")] == ["", reason]
    world.detach("but")
    assert world.granted() == reason
    world.detach("all")
    assert world.granted() == ""


def test_what_one_is_granted_is_nobody_elses(world: World) -> None:
    world.attach("all", statement("Allow", "oss:*"))
    bob = Principal(account=ACCOUNT, type="RAMUser", arn=f"acs:ram::{ACCOUNT}:user/bob", id="3", name="bob")
    assert world.granted() == "statement 1 of Custom/all on user/alice"
    assert world.granted(principal=bob) == ""
    # Of one session what its policy leaves is not what another's does, whichever comes first.
    arn = f"acs:ram::{ACCOUNT}:assumed-role/app/one"
    open_ = Principal(account=ACCOUNT, type="AssumedRoleUser", arn=arn, id="R:one", name="app", role_id="R")
    narrow = msgspec.structs.replace(open_, policy=document(statement("Allow", "oss:Put*")))
    world.attach_to_role("app", statement("Allow", "oss:*"))
    for first, second in ((open_, narrow), (narrow, open_)):
        world.policies = AttachedPolicies(world.store, DiagnosticSeal("secret"))
        found = {who.policy: world.granted(principal=who) for who in (first, second)}
        assert found[""] != ""
        assert found[narrow.policy] == ""
        assert world.granted("oss:PutObject", narrow) != ""


@pytest.mark.parametrize(
    "only",
    [
        statement("Allow", "oss:*", "acs:oss:*:*:b/*"),
        statement("Allow", "oss:*", "*", IpAddress={"acs:SourceIp": "127.0.0.1"}),
        statement("Deny", "oss:*"),
    ],
)
def test_what_depends_on_the_call_is_not_granted(world: World, only: dict[str, Any]) -> None:
    world.attach("only", only)
    assert world.granted() == ""


def test_where_groups_count_nothing_is_granted(world: World) -> None:
    world.attach("all", statement("Allow", "*"))
    assert world.granted()
    world.attach("grouped", statement("Deny", "oss:*"), scope="rg-1")
    assert world.granted() == ""


def test_roots_and_what_everyone_may(world: World) -> None:
    assert world.granted(principal=ROOT) == "root of the account"
    assert world.granted("sts:GetCallerIdentity") == "everyone may ask who they are"


def test_it_is_noted(world: World) -> None:
    world.attach("all", statement("Allow", "*"))
    decision = world.policies.granted(ALICE, "oss:GetObject", RESOURCE, "R-1")
    assert decision is not None
    assert decision.allowed
    (record,) = world.policies.log.of_request("R-1")
    assert (record.principal, record.action, record.resource, record.reason, record.allowed) == (
        ALICE.arn,
        "oss:GetObject",
        RESOURCE,
        decision.reason,
        True,
    )
