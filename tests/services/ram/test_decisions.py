"""Who may do what: decided for calls of the official clients."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from alibabacloud_ram20150501 import models as ram_models
from alibabacloud_rds20140815 import models as rds_models

from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import TRUST
from tests.services.ram.rights import Rights, document, statement

FORBIDDEN = "User not authorized to operate on the specified resource, or this API doesn't support RAM."


@pytest.fixture
def rights(customer: Customer) -> Rights:
    return Rights(customer)


@pytest.fixture(scope="module")
def network(shared_cloud: LocalCloud) -> SimpleNamespace:
    return Customer(shared_cloud).network("b")


def denied(call: Callable[[], Any], code: str = "Forbidden.RAM", message: str = FORBIDDEN) -> dict[str, Any]:
    """The AccessDeniedDetail of a refusal."""
    detail: dict[str, Any] = refused(call, code, message, 403).accessDeniedDetail
    return detail


def test_a_user_may_nothing_until_a_policy_says_so(rights: Rights) -> None:
    user = rights.user()
    assert user.call("sts", "GetCallerIdentity").arn == user.arn
    detail = denied(lambda: user.call("ecs", "DescribeInstances"))
    message = detail.pop("EncodedDiagnosticMessage")
    assert len(message) > 100
    assert detail == {
        "AuthAction": "ecs:DescribeInstances",
        "AuthPrincipalType": "SubUser",
        "AuthPrincipalOwnerId": user.cloud.account_id,
        "AuthPrincipalDisplayName": user.id,
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }
    user.attach("AliyunECSReadOnlyAccess", "System")
    user.call("ecs", "DescribeInstances")
    user.detach("AliyunECSReadOnlyAccess", "System")
    denied(lambda: user.call("ecs", "DescribeInstances"))


def test_every_product_asks(rights: Rights, client_of: Callable[..., Any]) -> None:
    user = rights.user()
    denied(lambda: user.call("vpc", "DescribeVpcs"))
    denied(lambda: user.call("slb", "DescribeLoadBalancers"))
    denied(lambda: user.call("ram", "ListUsers"), "NoPermission", "You are not authorized to do this action.")
    arn = f"acs:ram::{user.cloud.account_id}:role/any"
    taking = {"role_arn": arn, "role_session_name": "tester"}
    denied(lambda: user.call("sts", "AssumeRole", **taking), "NoPermission", "You are not authorized")
    rds = client_of(user.cloud, "rds20140815", **user.config)
    request = rds_models.DescribeDBInstancesRequest(region_id=REGION)
    denied(lambda: rds.describe_dbinstances(request))
    user.attach(rights.policy(statement("Allow", ["vpc:*", "slb:Describe*", "ram:List*", "rds:DescribeDB*"])))
    user.call("vpc", "DescribeVpcs")
    user.call("slb", "DescribeLoadBalancers")
    user.call("ram", "ListUsers")
    rds.describe_dbinstances(request)


def test_a_denial_wins_wherever_it_stands(rights: Rights, network: SimpleNamespace) -> None:
    user = rights.user(system=("AliyunECSFullAccess",))
    group = rights.group(statement("Deny", "ecs:DescribeInstance*"))
    user.call("ecs", "DescribeInstances")
    user.join(group)
    detail = denied(lambda: user.call("ecs", "DescribeInstances"))
    assert detail["NoPermissionType"] == "ExplicitDeny"
    user.call("ecs", "DescribeSecurityGroups")


def test_groups_lend_their_policies_to_members(rights: Rights) -> None:
    user = rights.user()
    group = rights.group(statement("Allow", "vpc:Describe*"))
    denied(lambda: user.call("vpc", "DescribeVpcs"))
    user.join(group)
    user.call("vpc", "DescribeVpcs")
    rights.admin.call("ram", "RemoveUserFromGroup", user_name=user.name, group_name=group)
    denied(lambda: user.call("vpc", "DescribeVpcs"))


def test_the_default_version_of_a_policy_counts(rights: Rights) -> None:
    policy = rights.policy(statement("Allow", "vpc:DescribeVpcs"))
    user = rights.user()
    user.attach(policy)
    user.call("vpc", "DescribeVpcs")
    other = document(statement("Allow", "vpc:DescribeVSwitches"))
    rights.admin.call("ram", "CreatePolicyVersion", policy_name=policy, policy_document=other)
    user.call("vpc", "DescribeVpcs")
    rights.admin.call("ram", "SetDefaultPolicyVersion", policy_name=policy, version_id="v2")
    denied(lambda: user.call("vpc", "DescribeVpcs"))
    user.call("vpc", "DescribeVSwitches")


def test_a_session_may_what_its_role_and_its_policy_allow(rights: Rights) -> None:
    role = rights.role(statement("Allow", ["ecs:Describe*", "vpc:*"]))
    rights.session(role).call("ecs", "DescribeInstances")
    narrow = rights.session(role, document(statement("Allow", ["vpc:Describe*", "slb:*"])))
    narrow.call("vpc", "DescribeVpcs")
    detail = denied(lambda: narrow.call("ecs", "DescribeInstances"))
    assert (detail["AuthPrincipalType"], detail["PolicyType"]) == ("AssumedRoleUser", "SessionPolicy")
    assert detail["AuthPrincipalDisplayName"].endswith(":tester")
    # A session's policy gives no right that the role does not have.
    detail = denied(lambda: narrow.call("slb", "DescribeLoadBalancers"))
    assert detail["PolicyType"] == "AccountLevelIdentityBasedPolicy"
    barred = rights.session(role, document(statement("Allow", "*"), statement("Deny", "vpc:*")))
    detail = denied(lambda: barred.call("vpc", "DescribeVpcs"))
    assert (detail["NoPermissionType"], detail["PolicyType"]) == ("ExplicitDeny", "SessionPolicy")


def test_rights_to_single_resources(rights: Rights, network: SimpleNamespace) -> None:
    admin = rights.admin
    other = admin.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc).security_group_id
    account = admin.cloud.account_id
    mine = f"acs:ecs:{REGION}:{account}:securitygroup/{network.group}"
    user = rights.user(statement("Allow", "ecs:*SecurityGroup*", mine))
    user.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=network.group)
    denied(lambda: user.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=other))
    elsewhere = rights.user(statement("Allow", "ecs:*", f"acs:ecs:cn-shanghai:{account}:*"))
    denied(lambda: elsewhere.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=network.group))


def test_all_resources_of_a_call_must_be_allowed(rights: Rights, network: SimpleNamespace) -> None:
    account = rights.admin.cloud.account_id
    parts = {
        "ecs": ["instance/*", "image/*", f"securitygroup/{network.group}"],
        "vpc": [f"vswitch/{network.switches[0]}"],
    }
    resources = [f"acs:{product}:*:{account}:{name}" for product, names in parts.items() for name in names]
    launcher = rights.user(statement("Allow", "ecs:RunInstances", resources))
    ids = launcher.launch(network, wait=False)
    for missing in resources:
        kept = [resource for resource in resources if resource != missing]
        lesser = rights.user(statement("Allow", "ecs:RunInstances", kept))
        denied(lambda lesser=lesser: lesser.launch(network, wait=False))
    one = f"acs:ecs:*:{account}:instance/{ids[0]}"
    second = launcher.launch(network, wait=False)[0]
    stopper = rights.user(statement("Allow", "ecs:StopInstances", one))
    denied(lambda: stopper.call("ecs", "StopInstances", instance_id=[ids[0], second]))
    deleter = rights.user(statement("Allow", "ecs:DeleteInstances", f"acs:ecs:*:{account}:instance/*"))
    deleter.call("ecs", "DeleteInstances", instance_id=[ids[0], second], force=True)


def test_a_server_group_counts_as_its_load_balancer(rights: Rights) -> None:
    admin = rights.admin
    balancer = admin.call("slb", "CreateLoadBalancer", address_type="internet").load_balancer_id
    group = admin.call("slb", "CreateVServerGroup", load_balancer_id=balancer).vserver_group_id
    resource = f"acs:slb:*:*:loadbalancer/{balancer}"
    user = rights.user(statement("Allow", "slb:*", resource))
    user.call("slb", "DescribeVServerGroupAttribute", vserver_group_id=group)
    stranger = rights.user(statement("Allow", "slb:*", "acs:slb:*:*:loadbalancer/lb-other"))
    denied(lambda: stranger.call("slb", "DescribeVServerGroupAttribute", vserver_group_id=group))
    servers = json.dumps([{"ServerId": "i-mine", "Port": 80}])
    adding = {"vserver_group_id": group, "backend_servers": servers}
    denied(lambda: user.call("slb", "AddVServerGroupBackendServers", **adding))
    user.attach(rights.policy(statement("Allow", "slb:*", "acs:ecs:*:*:instance/i-mine")))
    refused(
        lambda: user.call("slb", "AddVServerGroupBackendServers", **adding),
        "InvalidServerId.NotFound",
        "The specified ServerId does not exist.",
    )


# Conditions -----------------------------------------------------------------------------------------------------------


def test_where_a_call_comes_from(rights: Rights) -> None:
    here = rights.user(statement("Allow", "vpc:*", IpAddress={"acs:SourceIp": ["127.0.0.0/8", "::1"]}))
    here.call("vpc", "DescribeVpcs")
    away = rights.user(statement("Allow", "vpc:*", NotIpAddress={"acs:SourceIp": ["127.0.0.0/8", "::1"]}))
    denied(lambda: away.call("vpc", "DescribeVpcs"))


def test_how_a_call_comes(rights: Rights) -> None:
    sealed = rights.user(statement("Allow", "vpc:*", Bool={"acs:SecureTransport": "true"}))
    denied(lambda: sealed.call("vpc", "DescribeVpcs"))
    plain = rights.user(statement("Allow", "vpc:*", Bool={"acs:SecureTransport": False}))
    plain.call("vpc", "DescribeVpcs")
    second = rights.user(statement("Allow", "vpc:*", Bool={"acs:MFAPresent": "true"}))
    denied(lambda: second.call("vpc", "DescribeVpcs"))


def test_when_a_call_comes(alone: Customer) -> None:
    rights = Rights(alone)
    early = rights.user(statement("Allow", "vpc:*", DateLessThan={"acs:CurrentTime": "2020-01-01T00:00:00Z"}))
    denied(lambda: early.call("vpc", "DescribeVpcs"))
    # It follows the cloud's clock.
    now = alone.cloud.cloud.clock.now()
    moment = Rights(alone).user(statement("Allow", "vpc:*", DateLessThan={"acs:CurrentTime": _iso(now + 3600.0)}))
    moment.call("vpc", "DescribeVpcs")
    alone.cloud.run(alone.cloud.cloud.clock.skip(7200.0))
    denied(lambda: moment.call("vpc", "DescribeVpcs"))


def _iso(moment: float) -> str:
    from kowloon.core.clock import iso_seconds

    return iso_seconds(moment)


def test_who_calls(rights: Rights) -> None:
    role = rights.role(statement("Allow", "vpc:*", StringLike={"acs:PrincipalARN": "acs:ram:*:*:role/role-*"}))
    rights.session(role).call("vpc", "DescribeVpcs")
    user = rights.user(statement("Allow", "vpc:*", StringLike={"acs:PrincipalARN": "acs:ram:*:*:role/*"}))
    denied(lambda: user.call("vpc", "DescribeVpcs"))


def test_tags_of_resources_and_requests(rights: Rights, network: SimpleNamespace) -> None:
    admin = rights.admin
    dev = [{"key": "team", "value": "dev"}]
    tagged = admin.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc, tag=_ecs_tags(dev)).security_group_id
    user = rights.user(statement("Allow", "ecs:*", StringEquals={"acs:ResourceTag/team": "dev"}))
    user.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=tagged)
    denied(lambda: user.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=network.group))
    # Lists are for those who ask for what they may see.
    denied(lambda: user.call("ecs", "DescribeSecurityGroups"))
    from alibabacloud_ecs20140526 import models

    wanted = [models.DescribeSecurityGroupsRequestTag(key="team", value="dev")]
    rows = user.call("ecs", "DescribeSecurityGroups", tag=wanted).security_groups.security_group
    assert [row.security_group_id for row in rows] == [tagged]
    older = rights.user(statement("Allow", "ecs:*", StringEquals={"ecs:tag/team": "dev"}))
    older.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=tagged)
    maker = rights.user(statement("Allow", "ecs:*", StringLike={"acs:RequestTag/team": "d*"}))
    made = maker.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc, tag=_ecs_tags(dev)).security_group_id
    denied(lambda: maker.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc))
    for id in (tagged, made):
        admin.call("ecs", "DeleteSecurityGroup", security_group_id=id)


def test_tags_of_identities(alone: Customer) -> None:
    rights = Rights(alone)
    dev = [ram_models.TagResourcesRequestTag(key="team", value="dev")]
    for kind, create in (("user", "CreateUser"), ("group", "CreateGroup")):
        alone.call("ram", create, **{f"{kind}_name": "alice"})
        alone.call("ram", create, **{f"{kind}_name": "bob"})
    alone.call("ram", "CreateRole", role_name="Admin", assume_role_policy_document=TRUST)
    alone.call("ram", "TagResources", resource_type="user", resource_names=["alice"], tag=dev)
    alone.call("ram", "TagResources", resource_type="role", resource_names=["Admin"], tag=dev)
    user = rights.user(statement("Allow", "ram:*", StringEquals={"acs:ResourceTag/team": "dev"}))
    assert user.call("ram", "GetUser", user_name="alice").user.user_name == "alice"
    refused(
        lambda: user.call("ram", "GetUser", user_name="bob"),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
        status=403,
    )
    # The group has the user's name, and none of its tags.
    refused(
        lambda: user.call("ram", "GetGroup", group_name="alice"),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
        status=403,
    )
    for name in ("Admin", "admin"):
        assert user.call("ram", "GetRole", role_name=name).role.role_name == "Admin"


def test_tags_of_a_request_that_come_as_json(rights: Rights) -> None:
    def tags(value: str) -> list[Any]:
        return [ram_models.CreateRoleRequestTag(key="team", value=value)]

    maker = rights.user(statement("Allow", "ram:CreateRole", StringEquals={"acs:RequestTag/team": "dev"}))
    trust = {"assume_role_policy_document": TRUST}
    maker.call("ram", "CreateRole", role_name="made-by-tag", tag=tags("dev"), **trust)
    refused(
        lambda: maker.call("ram", "CreateRole", role_name="other", tag=tags("prod"), **trust),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
        status=403,
    )
    refused(
        lambda: maker.call("ram", "CreateRole", role_name="other", **trust),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
        status=403,
    )
    rights.admin.call("ram", "DeleteRole", role_name="made-by-tag")


def _ecs_tags(tags: list[dict[str, str]]) -> list[Any]:
    from alibabacloud_ecs20140526 import models

    return [models.CreateSecurityGroupRequestTag(**tag) for tag in tags]


def test_what_a_product_knows_of_a_call(rights: Rights, network: SimpleNamespace) -> None:
    small = rights.user(statement("Allow", "ecs:*", StringEquals={"ecs:InstanceType": "ecs.g7.large"}))
    ids = small.launch(network, wait=False)
    denied(lambda: small.launch(network, wait=False, instance_type="ecs.g7.xlarge"))
    rights.admin.call("ecs", "DeleteInstance", instance_id=ids[0], force=True)


def test_tags_are_given_to_resources_that_one_may_change(rights: Rights, network: SimpleNamespace) -> None:
    admin = rights.admin
    from alibabacloud_ecs20140526 import models

    other = admin.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc).security_group_id
    user = rights.user(statement("Allow", "ecs:TagResources", f"acs:ecs:*:*:securitygroup/{network.group}"))
    tag = [models.TagResourcesRequestTag(key="a", value="b")]

    def tagging(*ids: str) -> Any:
        return user.call("ecs", "TagResources", resource_type="securitygroup", resource_id=list(ids), tag=tag)

    tagging(network.group)
    denied(lambda: tagging(network.group, other))
    admin.call("ecs", "DeleteSecurityGroup", security_group_id=other)
