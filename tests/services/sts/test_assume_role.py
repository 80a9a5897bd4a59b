"""Sessions that follow each other: chains, what goes along, when they end, and what the audit says of them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import oss2
import pytest
from alibabacloud_credentials.provider.ram_role_arn import RamRoleArnCredentialsProvider

from tests.helpers import refused
from tests.services.actiontrail.parts import Auditor
from tests.services.oss.callers import of, same
from tests.services.oss.parts import Owner
from tests.services.parts import Customer, other_account
from tests.services.ram.rights import Rights, document, statement
from tests.services.sts.test_oidc import Trusted, issuer, session

__all__ = ["issuer"]

NO_PERMISSION = ("NoPermission", "You are not authorized to do this action. You should be authorized by RAM.", 403)
TAKES = statement("Allow", "sts:AssumeRole")
_numbers = itertools.count(1)


class Roles:
    """Roles of one account that may take others, and by default are open to all of it."""

    def __init__(self, admin: Customer) -> None:
        self.admin = admin
        self.rights = Rights(admin)
        self.root = {"RAM": [f"acs:ram::{admin.cloud.account_id}:root"]}

    def make(self, *statements: dict[str, Any], longest_s: int = 7200, **condition: Any) -> str:
        """Its ARN. `condition`: of its trust."""
        name = self.rights.role(*(statements or (TAKES,)))
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": self.root}
        text = json.dumps({"Version": "1", "Statement": [{**trust, "Condition": condition} if condition else trust]})
        changes = {"new_assume_role_policy_document": text, "new_max_session_duration": longest_s}
        self.admin.call("ram", "UpdateRole", role_name=name, **changes)
        return f"acs:ram::{self.admin.cloud.account_id}:role/{name}"


@pytest.fixture
def roles(customer: Customer) -> Roles:
    return Roles(customer)


def take(caller: Customer, arn: str, **fields: Any) -> Customer:
    return session(caller, answer(caller, arn, **fields).credentials)


def answer(caller: Customer, arn: str, **fields: Any) -> Any:
    return caller.call("sts", "AssumeRole", **{"role_arn": arn, "role_session_name": "tester", **fields})


def test_a_session_that_another_took_lasts_an_hour_at_most(roles: Roles) -> None:
    first, second = roles.make(), roles.make()
    take(roles.admin, second, duration_seconds=7200)
    caller = take(roles.admin, first)
    take(caller, second, duration_seconds=3600)
    message = "The Min/Max value of DurationSeconds is 15min/3600s."
    refused(lambda: take(caller, second, duration_seconds=3601), "InvalidParameter.DurationSeconds", message, 400)


def test_a_source_identity_goes_along(roles: Roles) -> None:
    first, second = roles.make(), roles.make()
    made = answer(roles.admin, first, source_identity="alice@example.com")
    assert made.source_identity == "alice@example.com"
    caller = session(roles.admin, made.credentials)
    assert answer(caller, second).source_identity == "alice@example.com"
    assert answer(caller, second, source_identity="alice@example.com").source_identity == "alice@example.com"
    message = "The SourceIdentity of a role session cannot be changed."
    refused(lambda: answer(caller, second, source_identity="bob"), "NoPermission", message, 403)
    # Who has none may say one on the way.
    assert answer(take(roles.admin, first), second, source_identity="bob").source_identity == "bob"


def test_policies_know_the_source_identity(roles: Roles) -> None:
    demanding = roles.make(
        statement("Allow", "vpc:*", StringEquals={"acs:SourceIdentity": "alice"}),
        StringLike={"sts:SourceIdentity": "*"},
    )
    refused(lambda: take(roles.admin, demanding), *NO_PERMISSION)
    assert take(roles.admin, demanding, source_identity="alice").call("vpc", "DescribeVpcs").request_id
    bob = take(roles.admin, demanding, source_identity="bob")
    refused(lambda: bob.call("vpc", "DescribeVpcs"), "Forbidden.RAM", "User not authorized to operate on", status=403)
    # A role may want to know who began the chain.
    last = roles.make(statement("Allow", "vpc:*"), StringEquals={"acs:SourceIdentity": "alice"})
    first = roles.make()
    take(take(roles.admin, first, source_identity="alice"), last)
    refused(lambda: take(take(roles.admin, first), last, source_identity="alice"), *NO_PERMISSION)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"external_id": "x"}, "ExternalId"),
        ({"external_id": "a b"}, "ExternalId"),
        ({"external_id": "x" * 1225}, "ExternalId"),
        ({"source_identity": "x"}, "SourceIdentity"),
        ({"source_identity": "a/b"}, "SourceIdentity"),
        ({"source_identity": "x" * 65}, "SourceIdentity"),
        ({"role_session_name": "x"}, "RoleSessionName"),
        ({"role_session_name": "x" * 65}, "RoleSessionName"),
        ({"role_arn": "acs:ram::1:user/alice"}, "RoleArn"),
    ],
)
def test_words_that_are_wrongly_formed(roles: Roles, fields: dict[str, Any], name: str) -> None:
    message = f"The parameter {name} is wrongly formed."
    refused(lambda: answer(roles.admin, roles.make(), **fields), f"InvalidParameter.{name}", message, 400)


def test_nobody_here_has_an_mfa_device_at_hand(roles: Roles) -> None:
    refused(lambda: take(roles.admin, roles.make(Bool={"acs:MFAPresent": "true"})), *NO_PERMISSION)
    take(roles.admin, roles.make(Bool={"acs:MFAPresent": "false"}))


def test_who_a_denial_in_the_trust_is_about(roles: Roles) -> None:
    arn = roles.make()
    denial = {"Effect": "Deny", "NotAction": "sts:Other", "Principal": {"RAM": "*"}}
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": roles.root}
    text = json.dumps({"Version": "1", "Statement": [allow, denial]})
    roles.admin.call("ram", "UpdateRole", role_name=arn.rpartition("/")[2], new_assume_role_policy_document=text)
    detail = refused(lambda: take(roles.admin, arn), *NO_PERMISSION).accessDeniedDetail
    assert (detail["PolicyType"], detail["NoPermissionType"]) == ("AssumeRolePolicy", "ExplicitDeny")
    assert detail["AuthPrincipalType"] == "SubUser"


def test_a_role_is_trusted_in_any_letter_case(roles: Roles) -> None:
    account = roles.admin.cloud.account_id
    roles.admin.call(
        "ram",
        "CreateRole",
        role_name="Deployer",
        assume_role_policy_document=json.dumps(
            {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": roles.root}]}
        ),
    )
    policy = {"policy_type": "Custom", "policy_name": roles.rights.policy(TAKES), "role_name": "Deployer"}
    roles.admin.call("ram", "AttachPolicyToRole", **policy)
    target = roles.make()
    trust = {"RAM": [f"acs:ram::{account}:role/Deployer"]}
    text = json.dumps(
        {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trust}]}
    )
    roles.admin.call("ram", "UpdateRole", role_name=target.rpartition("/")[2], new_assume_role_policy_document=text)
    take(take(roles.admin, f"acs:ram::{account}:role/DEPLOYER"), target)
    refused(lambda: take(roles.admin, target), *NO_PERMISSION)


def test_sessions_end_with_their_role(roles: Roles) -> None:
    arn = roles.make(statement("Allow", "vpc:*"))
    name = arn.rpartition("/")[2]
    worker = take(roles.admin, arn)
    assert worker.call("vpc", "DescribeVpcs").request_id
    attached = roles.admin.call("ram", "ListPoliciesForRole", role_name=name).policies.policy
    for policy in attached:
        kept = {"policy_type": policy.policy_type, "policy_name": policy.policy_name}
        roles.admin.call("ram", "DetachPolicyFromRole", role_name=name, **kept)
    refused(lambda: worker.call("vpc", "DescribeVpcs"), "Forbidden.RAM", "User not authorized to operate", status=403)
    trust = roles.admin.call("ram", "GetRole", role_name=name).role.assume_role_policy_document
    roles.admin.call("ram", "DeleteRole", role_name=name)
    refused(
        lambda: worker.call("vpc", "DescribeVpcs"),
        "InvalidAccessKeyId.NotFound",
        "Specified access key is not found.",
        status=404,
    )
    # Another role of that name is another role.
    roles.admin.call("ram", "CreateRole", role_name=name, assume_role_policy_document=trust)
    refused(
        lambda: worker.call("vpc", "DescribeVpcs"),
        "InvalidAccessKeyId.NotFound",
        "Specified access key is not found.",
        status=404,
    )


def test_a_policy_of_the_session_narrows_and_never_widens(roles: Roles) -> None:
    arn = roles.make(statement("Allow", ["vpc:*", "ecs:*"]))
    narrow = document(statement("Allow", ["vpc:DescribeVpcs", "slb:*"]))
    worker = take(roles.admin, arn, policy=narrow)
    assert worker.call("vpc", "DescribeVpcs").request_id
    detail = refused(
        lambda: worker.call("ecs", "DescribeInstances"),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
    ).accessDeniedDetail
    assert (detail["PolicyType"], detail["NoPermissionType"]) == ("SessionPolicy", "ImplicitDeny")
    refused(lambda: worker.call("slb", "DescribeLoadBalancers"), "Forbidden.RAM", "User not authorized to operate on")


def test_a_policy_of_the_session_counts_for_objects_too(roles: Roles) -> None:
    bucket = Owner(roles.admin.cloud).bucket()
    bucket.put_object("in/a", b"1")
    arn = roles.make(statement("Allow", "oss:*"))
    within = f"acs:oss:*:*:{bucket.bucket_name}/in/*"
    narrow = document(statement("Allow", "oss:GetObject", within))
    mine = same(bucket, of(take(roles.admin, arn, policy=narrow)))
    assert mine.get_object("in/a").read() == b"1"
    for call in (lambda: mine.get_object("out/a"), lambda: mine.put_object("in/a", b"2")):
        with pytest.raises(oss2.exceptions.AccessDenied):
            call()
    same(bucket, of(take(roles.admin, arn))).put_object("in/a", b"2")


def test_roots_take_no_role(alone: Customer) -> None:
    root = other_account(alone.cloud)
    message = "Roles may not be assumed by root accounts."
    refused(lambda: answer(root, "acs:ram::1999000011112222:role/any"), "NoPermission", message, 403)
    me = root.sts.get_caller_identity().body
    assert (me.identity_type, me.arn) == ("Account", "acs:ram::1999000011112222:root")
    assert (me.account_id, me.user_id, me.principal_id) == ("1999000011112222",) * 3


def test_the_official_credentials_library_takes_roles(roles: Roles) -> None:
    cloud = roles.admin.cloud
    provider = RamRoleArnCredentialsProvider(
        access_key_id=cloud.access_key_id,
        access_key_secret=cloud.access_key_secret,
        role_arn=roles.make(statement("Allow", "vpc:*")),
        role_session_name="library",
        duration_seconds=900,
        policy=document(statement("Allow", "vpc:DescribeVpcs")),
        sts_endpoint=f"http://{cloud.endpoint}",
    )
    keys = provider.get_credentials()
    worker = Customer(
        cloud,
        access_key_id=keys.get_access_key_id(),
        access_key_secret=keys.get_access_key_secret(),
        security_token=keys.get_security_token(),
    )
    assert worker.call("vpc", "DescribeVpcs").request_id
    refused(lambda: worker.call("vpc", "DescribeVSwitches"), "Forbidden.RAM", "User not authorized to operate on the")


# --- the audit ---


def _events(customer: Customer, name: str) -> list[dict[str, Any]]:
    """Newest first."""
    return Auditor(customer).events(EventName=name)


def test_what_the_audit_says_of_sessions(alone: Customer) -> None:
    roles = Roles(alone)
    arn = roles.make(statement("Allow", "vpc:*"))
    worker = take(alone, arn, source_identity="alice")
    worker.call("vpc", "DescribeVpcs")
    said = _events(alone, "DescribeVpcs")[0]["userIdentity"]
    taken = _events(alone, "AssumeRole")[0]
    assert said["type"] == "assumed-role"
    assert said["userName"] == f"{arn.rpartition('/')[2]}:tester"
    context = said["sessionContext"]
    assert context["sourceIdentity"] == "alice"
    assert context["attributes"] == {"mfaAuthenticated": "false", "creationDate": taken["eventTime"]}


def test_what_the_audit_says_of_federated_callers(alone: Customer, issuer: Any) -> None:
    trusted = Trusted(alone, issuer)
    pod = session(alone, trusted.take().credentials)
    pod.call("vpc", "DescribeVpcs")
    refused(
        lambda: trusted.take(role_arn="acs:ram::1:role/none"),
        "EntityNotExist.Role",
        "The role not exists: acs:ram::1:role/none.",
    )
    failed, taken = _events(alone, "AssumeRoleWithOIDC")
    assert (taken["userIdentity"]["type"], taken["userIdentity"]["userName"]) == ("oidc-user", "alice")
    assert taken["recipientAccountId"] == alone.cloud.account_id
    assert failed["errorCode"] == "EntityNotExist.Role"
    federated = {"provider": trusted.arn, "subject": "alice"}
    assert _events(alone, "DescribeVpcs")[0]["additionalEventData"]["federated"] == federated
    text = json.dumps([failed, taken])
    assert issuer.token()[:20] not in text
    assert '"OIDCToken": "******"' in text
