"""Roles of instances through the official client."""

from __future__ import annotations

import json

import pytest

from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.rights import Rights, statement

TRUST_ECS = {"Service": ["ecs.aliyuncs.com"]}


def make_role(customer: Customer, name: str, principal: object = TRUST_ECS) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    trust = json.dumps({"Version": "1", "Statement": [statement]})
    customer.call("ram", "CreateRole", role_name=name, assume_role_policy_document=trust)
    return name


def attach(customer: Customer, role: str, *ids: str, **more: str) -> object:
    return customer.call("ecs", "AttachInstanceRamRole", ram_role_name=role, instance_ids=json.dumps(ids), **more)


def roles_of(customer: Customer, *ids: str) -> dict[str, str]:
    found = customer.call("ecs", "DescribeInstanceRamRole", instance_ids=json.dumps(ids))
    return {row.instance_id: row.ram_role_name for row in found.instance_ram_role_sets.instance_ram_role_set}


def test_a_role_is_attached_shown_and_detached(customer: Customer) -> None:
    role = make_role(customer, "Attached")
    network = customer.network("b")
    first, second = customer.launch(network, amount=2, wait=False)
    done = attach(customer, role, first)
    assert (done.ram_role_name, done.total_count, done.fail_count) == (role, 1, 0)
    (row,) = done.attach_instance_ram_role_results.attach_instance_ram_role_result
    assert (row.instance_id, row.code, row.message, row.success) == (first, "200", "success", True)
    assert roles_of(customer, first, second) == {first: role, second: ""}

    by_role = customer.call("ecs", "DescribeInstanceRamRole", ram_role_name="attached")
    assert (by_role.total_count, by_role.region_id) == (1, "cn-hongkong")
    assert [row.instance_id for row in by_role.instance_ram_role_sets.instance_ram_role_set] == [first]

    done = customer.call("ecs", "DetachInstanceRamRole", ram_role_name=role, instance_ids=json.dumps([first, second]))
    assert (done.total_count, done.fail_count) == (2, 1)
    rows = {row.instance_id: row for row in done.detach_instance_ram_role_results.detach_instance_ram_role_result}
    assert rows[first].success
    assert [each.ram_role_name for each in rows[first].instance_ram_role_sets.instance_ram_role_set] == [role]
    assert (rows[second].success, rows[second].code) == (False, "InvalidRamRole.NotAttached")
    assert roles_of(customer, first, second) == {first: "", second: ""}


def test_an_instance_keeps_the_role_it_has(customer: Customer) -> None:
    one, other = make_role(customer, "KeepsOne"), make_role(customer, "KeepsOther")
    (id,) = customer.launch(customer.network("b"), ram_role_name=one, wait=False)
    done = attach(customer, other, id)
    (row,) = done.attach_instance_ram_role_results.attach_instance_ram_role_result
    assert (done.fail_count, row.success, row.code) == (1, False, "InvalidRamRole.AlreadyAttached")
    assert row.message == "The instance already has a RAM role."
    assert roles_of(customer, id) == {id: one}


def test_pages(customer: Customer) -> None:
    role = make_role(customer, "Paged")
    ids = customer.launch(customer.network("b"), amount=3, ram_role_name=role, wait=False)
    seen = []
    for number in (1, 2):
        page = customer.call("ecs", "DescribeInstanceRamRole", ram_role_name=role, page_number=number, page_size=2)
        assert page.total_count == 3
        seen += [row.instance_id for row in page.instance_ram_role_sets.instance_ram_role_set]
    assert sorted(seen) == sorted(ids)


@pytest.mark.parametrize("action", ["AttachInstanceRamRole", "DetachInstanceRamRole"])
@pytest.mark.parametrize("ids", [[], ["i-1", "i-1"], [f"i-{number}" for number in range(101)]])
def test_lists_of_instances_that_are_not_valid(customer: Customer, action: str, ids: list[str]) -> None:
    make = {"ram_role_name": make_role(customer, f"Ids{len(ids)}{action[0]}")}
    refused(
        lambda: customer.call("ecs", action, instance_ids=json.dumps(ids), **make),
        "InvalidInstanceIds.Malformed",
        "The specified instanceIds are not valid.",
        400,
    )


def test_roles_that_instances_cannot_have(customer: Customer) -> None:
    network = customer.network("b")
    (id,) = customer.launch(network, wait=False)
    make_role(customer, "ForPeople", {"RAM": [f"acs:ram::{customer.cloud.account_id}:root"]})
    not_found = ("InvalidRamRole.NotFound", "The specified RAMRoleName does not exist.", 404)
    not_ecs = (
        "InvalidRamRole.NotEcsRole",
        "The specified ram role is not authorized for ecs, please check your role policy.",
        404,
    )
    refused(lambda: attach(customer, "nobody", id), *not_found)
    refused(lambda: attach(customer, "ForPeople", id), *not_ecs)
    refused(lambda: customer.launch(network, ram_role_name="nobody"), *not_found)
    refused(lambda: customer.launch(network, ram_role_name="ForPeople"), *not_ecs)
    refused(lambda: customer.call("ecs", "DescribeInstanceRamRole", ram_role_name="nobody"), *not_found)
    refused(
        lambda: customer.call("ecs", "DescribeInstanceRamRole"),
        "MissingParameter",
        'The input parameter "InstanceIds" that is mandatory for processing this request is not supplied.',
        400,
    )
    role = make_role(customer, "ForNobody")
    missing = ("InvalidInstanceId.NotFound", "The specified InstanceId does not exist.", 404)
    refused(lambda: attach(customer, role, id, "i-missing"), *missing)
    assert roles_of(customer, id) == {id: ""}


def test_who_only_reads_attaches_nothing(customer: Customer) -> None:
    reader = customer.role("RoleReader", "AliyunECSReadOnlyAccess")
    role = make_role(customer, "Denied")
    (id,) = customer.launch(customer.network("b"), wait=False)
    assert roles_of(reader, id) == {id: ""}
    refused(lambda: attach(reader, role, id), "Forbidden.RAM", "User not authorized to operate on the", status=403)
    ids = json.dumps([id])
    refused(
        lambda: reader.call("ecs", "DetachInstanceRamRole", instance_ids=ids),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
        status=403,
    )


def test_who_gives_an_instance_a_role_must_be_allowed_to_pass_it(customer: Customer) -> None:
    passed, other = make_role(customer, "Passed"), make_role(customer, "NotPassed")
    network = customer.network("b")
    (id,) = customer.launch(network, wait=False)
    to_ecs = {"StringEquals": {"acs:Service": "ecs.aliyuncs.com"}}
    rights = Rights(customer)
    launcher = rights.user(statement("Allow", ["ecs:*", "vpc:*"]))
    passer = rights.user(
        statement("Allow", ["ecs:*", "vpc:*"]),
        statement("Allow", "ram:PassRole", f"acs:ram::{customer.cloud.account_id}:role/passed", **to_ecs),
    )
    for user, role in ((launcher, passed), (passer, other), (passer, "NOTPASSED")):
        for call in (
            lambda user=user, role=role: attach(user, role, id),
            lambda user=user, role=role: user.launch(network, ram_role_name=role, wait=False),
        ):
            error = refused(call, "Forbidden.RAM", "not authorized to operate on the specified resource", 403)
            assert error.accessDeniedDetail["AuthAction"] == "ram:PassRole"
            assert error.accessDeniedDetail["NoPermissionType"] == "ImplicitDeny"
    launcher.launch(network, wait=False)
    assert attach(passer, passed, id).fail_count == 0
    (second,) = passer.launch(network, ram_role_name="PASSED", wait=False)
    assert roles_of(customer, id, second) == {id: passed, second: passed}


def test_a_right_to_pass_a_role_to_another_service_is_none(customer: Customer) -> None:
    role = make_role(customer, "ForAnother")
    (id,) = customer.launch(customer.network("b"), wait=False)
    to_another = {"StringEquals": {"acs:Service": "actiontrail.aliyuncs.com"}}
    user = Rights(customer).user(statement("Allow", "ecs:*"), statement("Allow", "ram:PassRole", "*", **to_another))
    refused(lambda: attach(user, role, id), "Forbidden.RAM", "not authorized to operate", 403)


def test_a_denial_to_pass_a_role_holds_in_whatever_case_it_is_named(customer: Customer) -> None:
    role = make_role(customer, "Reserved")
    (id,) = customer.launch(customer.network("b"), wait=False)
    user = Rights(customer).user(
        statement("Deny", "ram:PassRole", "acs:ram:*:*:role/Reserved"), statement("Allow", "*")
    )
    for name in (role, "reserved", "RESERVED"):
        error = refused(lambda name=name: attach(user, name, id), "Forbidden.RAM", "not authorized to operate", 403)
        assert error.accessDeniedDetail["NoPermissionType"] == "ExplicitDeny"
