"""Roles of instances: what a program on an instance may do, without keys of its own."""

from __future__ import annotations

from collections import Counter

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.actions.errors import MISSING_PARAMETER
from kowloon.actions.sessions import trusts_service
from kowloon.services.ecs.errors import (
    INSTANCE_IDS_INVALID,
    INSTANCE_NOT_FOUND,
    ROLE_ATTACHED,
    ROLE_NOT_ATTACHED,
    ROLE_NOT_FOR_INSTANCES,
    ROLE_NOT_FOUND,
)
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Instance
from kowloon.store.identity import Role
from kowloon.store.store import Store, Transaction

SERVICE = "ecs.aliyuncs.com"
# Who gives an instance a role gives away what the role may.
PASS_ROLE = {"ram:PassRole": "acs:ram:*:{account}:role/{RamRoleName}"}
_MOST_INSTANCES = 100


class RoleSet(msgspec.Struct, kw_only=True):
    InstanceId: str
    RamRoleName: str


class RoleSets(msgspec.Struct, kw_only=True):
    InstanceRamRoleSet: list[RoleSet]


class AttachInstanceRamRoleRequest(Request):
    RamRoleName: str
    InstanceIds: AsJson[list[str]]
    Policy: str = ""


class AttachResult(msgspec.Struct, kw_only=True):
    InstanceId: str
    Code: str = "200"
    Message: str = "success"
    Success: bool = True


class AttachResults(msgspec.Struct, kw_only=True):
    AttachInstanceRamRoleResult: list[AttachResult]


class AttachInstanceRamRoleResponse(Response):
    RamRoleName: str
    TotalCount: int
    FailCount: int
    AttachInstanceRamRoleResults: AttachResults


@ecs.action(
    resource=(
        "acs:ecs:{region}:{account}:instance/{InstanceIds}",
        "acs:ram:*:{account}:role/{RamRoleName}",
    ),
    also=PASS_ROLE,
)
def attach_instance_ram_role(ctx: Context, req: AttachInstanceRamRoleRequest) -> AttachInstanceRamRoleResponse:
    """An instance that has a role already keeps it, and is told as failed; the others get it."""
    role = usable_role(ctx, req.RamRoleName)
    rows = []
    for instance in _instances(ctx, req.InstanceIds):
        if instance.ram_role:
            refused = ROLE_ATTACHED.error()
            rows.append(AttachResult(InstanceId=instance.id, Code=refused.code, Message=refused.message, Success=False))
            continue
        ctx.tx.put(msgspec.structs.replace(instance, ram_role=role.name, ram_role_policy=req.Policy))
        rows.append(AttachResult(InstanceId=instance.id))
    return AttachInstanceRamRoleResponse(
        RamRoleName=role.name,
        TotalCount=len(rows),
        FailCount=sum(not row.Success for row in rows),
        AttachInstanceRamRoleResults=AttachResults(AttachInstanceRamRoleResult=rows),
    )


class DetachInstanceRamRoleRequest(Request):
    InstanceIds: AsJson[list[str]]
    RamRoleName: str = ""


class DetachResult(msgspec.Struct, kw_only=True):
    InstanceId: str
    Code: str = "200"
    Message: str = "success"
    Success: bool = True
    InstanceRamRoleSets: RoleSets


class DetachResults(msgspec.Struct, kw_only=True):
    DetachInstanceRamRoleResult: list[DetachResult]


class DetachInstanceRamRoleResponse(Response):
    RamRoleName: str
    TotalCount: int
    FailCount: int
    DetachInstanceRamRoleResults: DetachResults


@ecs.action(
    resource=(
        "acs:ecs:{region}:{account}:instance/{InstanceIds}",
        "acs:ram:*:{account}:role/{RamRoleName}",
    )
)
def detach_instance_ram_role(ctx: Context, req: DetachInstanceRamRoleRequest) -> DetachInstanceRamRoleResponse:
    """Of a role that is named only that one is taken away."""
    rows = []
    for instance in _instances(ctx, req.InstanceIds):
        had = instance.ram_role
        sets = RoleSets(InstanceRamRoleSet=[RoleSet(InstanceId=instance.id, RamRoleName=had)] if had else [])
        if not had or req.RamRoleName.lower() not in ("", had.lower()):
            refused = ROLE_NOT_ATTACHED.error()
            rows.append(
                DetachResult(
                    InstanceId=instance.id,
                    Code=refused.code,
                    Message=refused.message,
                    Success=False,
                    InstanceRamRoleSets=sets,
                )
            )
            continue
        ctx.tx.put(msgspec.structs.replace(instance, ram_role="", ram_role_policy=""))
        rows.append(DetachResult(InstanceId=instance.id, InstanceRamRoleSets=sets))
    return DetachInstanceRamRoleResponse(
        RamRoleName=req.RamRoleName,
        TotalCount=len(rows),
        FailCount=sum(not row.Success for row in rows),
        DetachInstanceRamRoleResults=DetachResults(DetachInstanceRamRoleResult=rows),
    )


class DescribeInstanceRamRoleRequest(Request):
    InstanceIds: AsJson[list[str]] | None = None
    RamRoleName: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class DescribeInstanceRamRoleResponse(Response):
    RegionId: str
    TotalCount: int
    InstanceRamRoleSets: RoleSets


@ecs.action(
    resource=(
        "acs:ecs:{region}:{account}:instance/{InstanceIds}",
        "acs:ram:*:{account}:role/{RamRoleName}",
    )
)
def describe_instance_ram_role(ctx: Context, req: DescribeInstanceRamRoleRequest) -> DescribeInstanceRamRoleResponse:
    """The instances that are named, without a role, too; else those with the role that is named."""
    if req.InstanceIds is not None:
        found = _instances(ctx, req.InstanceIds)
    elif req.RamRoleName:
        found = ctx.all(Instance)
    else:
        raise MISSING_PARAMETER.error(name="InstanceIds")
    if req.RamRoleName:
        role_of(ctx.tx, ctx.account, req.RamRoleName)
        found = [item for item in found if item.ram_role.lower() == req.RamRoleName.lower()]
    page = pages.by_number(found, req.PageNumber, req.PageSize, most=50)
    return DescribeInstanceRamRoleResponse(
        RegionId=ctx.region,
        TotalCount=page.total,
        InstanceRamRoleSets=RoleSets(
            InstanceRamRoleSet=[RoleSet(InstanceId=item.id, RamRoleName=item.ram_role) for item in page.items]
        ),
    )


def usable_role(ctx: Context, name: str) -> Role:
    """The role, if it lets instances act as it."""
    role = role_of(ctx.tx, ctx.account, name)
    if not trusts_service(role, SERVICE):
        raise ROLE_NOT_FOR_INSTANCES.error()
    return role


def role_of(found: Store | Transaction, account: str, name: str) -> Role:
    role = found.get(Role, f"{account}:{name.lower()}")
    if role is None:
        raise ROLE_NOT_FOUND.error()
    return role


def _instances(ctx: Context, ids: list[str]) -> list[Instance]:
    """All of them or none; nobody is named twice."""
    if not 1 <= len(ids) <= _MOST_INSTANCES or max(Counter(ids).values()) > 1:
        raise INSTANCE_IDS_INVALID.error()
    found = []
    for id in ids:
        instance = ctx.mine(Instance, id)
        if instance is None:
            raise INSTANCE_NOT_FOUND.error()
        found.append(instance)
    return found
