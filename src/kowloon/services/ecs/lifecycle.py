"""Instances: start, stop, reboot, change, release."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.services.ecs.errors import (
    GROUP_IN_USE,
    GROUP_NOT_FOUND,
    GROUP_OTHER_VPC,
    INSTANCE_PROTECTED,
    INSTANCE_STATUS,
    NO_STOCK,
)
from kowloon.services.ecs.instances import mine, vpc_of
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Instance, SecurityGroup
from kowloon.store.resources import Reference
from kowloon.store.units import Unit
from kowloon.topology.map import place

_GRACE_S = 5.0


def _change_unit(ctx: Context, instance: Instance, **changes: object) -> None:
    unit = ctx.tx.get(Unit, instance.id)
    if unit is not None:
        ctx.tx.put(msgspec.structs.replace(unit, **changes))


def _start(ctx: Context, instance: Instance) -> None:
    if instance.status != "Stopped":
        raise INSTANCE_STATUS.error()
    spot = instance.place
    if spot is not None and not ctx.health.host(spot.host).serving:
        # A stopped instance may come up on another host of its zone, if there is one.
        hosts = ctx.health.in_stock(spot.zone)
        if not hosts:
            raise NO_STOCK.error()
        spot = msgspec.structs.replace(spot, host=place(instance.id, hosts) or spot.host)
    started = msgspec.structs.replace(instance, status="Starting", place=spot, missing_since=None, boot_since=None)
    ctx.tx.put(started)
    unit = ctx.tx.get(Unit, instance.id)
    generation = unit.generation + 1 if unit is not None else 1
    # One whose disk is not filled yet is started by its checker, once it can be.
    desired = "stopped" if instance.unread_image else "running"
    _change_unit(ctx, instance, desired=desired, generation=generation, place=spot)


def _stop(ctx: Context, instance: Instance, force: bool) -> None:
    if instance.status not in ("Running", "Starting", "Stopped"):
        raise INSTANCE_STATUS.error()
    if instance.status != "Stopped":
        ctx.tx.put(msgspec.structs.replace(instance, status="Stopping", missing_since=None))
    _change_unit(ctx, instance, desired="stopped", stop_grace_s=0.0 if force else _GRACE_S)


def _release(ctx: Context, instance: Instance, force: bool) -> None:
    if instance.deletion_protection:
        raise INSTANCE_PROTECTED.error()
    if instance.status != "Stopped" and not force:
        raise INSTANCE_STATUS.error()
    ctx.tx.delete(instance)
    _change_unit(ctx, instance, desired="deleted")


class StartInstanceRequest(Request):
    InstanceId: str
    InitLocalDisk: bool = False
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def start_instance(ctx: Context, req: StartInstanceRequest) -> Response:
    _start(ctx, mine(ctx, req.InstanceId))
    return Response()


class StopInstanceRequest(Request):
    InstanceId: str
    ForceStop: bool = False
    StoppedMode: str = ""
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def stop_instance(ctx: Context, req: StopInstanceRequest) -> Response:
    _stop(ctx, mine(ctx, req.InstanceId), req.ForceStop)
    return Response()


class RebootInstanceRequest(Request):
    InstanceId: str
    ForceStop: bool = False
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def reboot_instance(ctx: Context, req: RebootInstanceRequest) -> Response:
    instance = mine(ctx, req.InstanceId)
    if instance.status != "Running":
        raise INSTANCE_STATUS.error()
    unit = ctx.tx.get(Unit, instance.id)
    if unit is not None:
        grace_s = 0.0 if req.ForceStop else _GRACE_S
        ctx.tx.put(msgspec.structs.replace(unit, generation=unit.generation + 1, stop_grace_s=grace_s))
    ctx.tx.put(msgspec.structs.replace(instance, status="Stopping"))
    return Response()


class DeleteInstanceRequest(Request):
    InstanceId: str
    Force: bool = False
    TerminateSubscription: bool = False
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def delete_instance(ctx: Context, req: DeleteInstanceRequest) -> Response:
    _release(ctx, mine(ctx, req.InstanceId), req.Force)
    return Response()


class DeleteInstancesRequest(Request):
    InstanceId: list[str]
    Force: bool = False
    TerminateSubscription: bool = False
    ClientToken: str = ""
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def delete_instances(ctx: Context, req: DeleteInstancesRequest) -> Response:
    for instance in _all_mine(ctx, req.InstanceId):
        _release(ctx, instance, req.Force)
    return Response()


def _all_mine(ctx: Context, ids: list[str]) -> list[Instance]:
    """All of them, before anything is done to one: the vendor's batch calls are all or nothing."""
    if not ids:
        raise MISSING_PARAMETER.error(name="InstanceId")
    if len(ids) > 100:
        raise invalid("InstanceId", "At most 100 instances in one call.")
    return [mine(ctx, id) for id in dict.fromkeys(ids)]


class InstanceResponse(msgspec.Struct, kw_only=True):
    InstanceId: str
    PreviousStatus: str
    CurrentStatus: str
    Code: str = "200"
    Message: str = "success"


class InstanceResponses(msgspec.Struct, kw_only=True):
    InstanceResponse: list[InstanceResponse]


class BatchResponse(Response):
    InstanceResponses: InstanceResponses


class StartInstancesRequest(Request):
    InstanceId: list[str]
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def start_instances(ctx: Context, req: StartInstancesRequest) -> BatchResponse:
    instances = _all_mine(ctx, req.InstanceId)
    for instance in instances:
        _start(ctx, instance)
    return _batch(ctx, instances)


class StopInstancesRequest(Request):
    InstanceId: list[str]
    ForceStop: bool = False
    StoppedMode: str = ""
    DryRun: bool = False


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def stop_instances(ctx: Context, req: StopInstancesRequest) -> BatchResponse:
    instances = _all_mine(ctx, req.InstanceId)
    for instance in instances:
        _stop(ctx, instance, req.ForceStop)
    return _batch(ctx, instances)


def _batch(ctx: Context, before: list[Instance]) -> BatchResponse:
    rows = [
        InstanceResponse(
            InstanceId=instance.id,
            PreviousStatus=instance.status,
            CurrentStatus=mine(ctx, instance.id).status,
        )
        for instance in before
    ]
    return BatchResponse(InstanceResponses=InstanceResponses(InstanceResponse=rows))


class ModifyInstanceAttributeRequest(Request):
    InstanceId: str
    InstanceName: str | None = None
    Description: str | None = None
    HostName: str | None = None
    DeletionProtection: bool | None = None
    SecurityGroupIds: list[str] = []


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def modify_instance_attribute(ctx: Context, req: ModifyInstanceAttributeRequest) -> Response:
    instance = mine(ctx, req.InstanceId)
    given = {
        "name": req.InstanceName,
        "description": req.Description,
        "hostname": req.HostName,
        "deletion_protection": req.DeletionProtection,
    }
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if req.SecurityGroupIds:
        changes["references"] = _with_groups(ctx, instance, req.SecurityGroupIds)
    ctx.tx.put(msgspec.structs.replace(instance, **changes))
    return Response()


def _with_groups(ctx: Context, instance: Instance, ids: list[str]) -> tuple[Reference, ...]:
    kept = [reference for reference in instance.references if reference.kind != SecurityGroup.kind]
    for id in dict.fromkeys(ids):
        group = ctx.mine(SecurityGroup, id)
        if group is None:
            raise GROUP_NOT_FOUND.error()
        if group.refers_to("vpc") != vpc_of(ctx, instance):
            raise GROUP_OTHER_VPC.error()
        kept.append(Reference(kind=SecurityGroup.kind, id=id, code=GROUP_IN_USE.code, message=GROUP_IN_USE.message))
    return tuple(kept)
