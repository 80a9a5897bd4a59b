"""RunInstances: one transaction that takes addresses, places hosts and asks for the units."""

from __future__ import annotations

import base64
import binascii

import msgspec

from kowloon.actions import resource_groups, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.core import limits
from kowloon.engines.compute.base import InstancePayload
from kowloon.services.ecs.errors import (
    ADDRESS_TAKEN,
    AMOUNT_INVALID,
    CLASSIC_UNSUPPORTED,
    GROUP_IN_USE,
    GROUP_NOT_FOUND,
    GROUP_OTHER_VPC,
    INSTANCE_TYPE_INVALID,
    KEY_PAIR_NOT_FOUND,
    NO_STOCK,
    PAYMENT_UNSUPPORTED,
    USER_DATA_INVALID,
    USER_DATA_SIZE,
    VSWITCH_FULL,
    VSWITCH_IN_USE,
    VSWITCH_NOT_FOUND,
    ZONE_MISMATCH,
)
from kowloon.services.ecs.images import bootable
from kowloon.services.ecs.instance_roles import PASS_ROLE, usable_role
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Image, Instance, KeyPair, SecurityGroup
from kowloon.services.ecs.types import InstanceType, instance_types
from kowloon.store.resources import Key, Place, Reference, Resource
from kowloon.store.units import Unit, dialable_address
from kowloon.topology.map import place

# How long an ordinary stop waits for the programs inside.
_STOP_GRACE_S = 5.0


class SystemDisk(msgspec.Struct, kw_only=True):
    Category: str = ""
    Size: str = ""


class RunInstancesRequest(Request):
    ImageId: str = ""
    InstanceType: str = ""
    SecurityGroupId: str = ""
    SecurityGroupIds: list[str] = []
    VSwitchId: str = ""
    ZoneId: str = ""
    InstanceName: str = ""
    Description: str = ""
    HostName: str = ""
    Amount: int = 1
    MinAmount: int | None = None
    UniqueSuffix: bool = False
    KeyPairName: str = ""
    Password: str = ""
    UserData: str = ""
    PrivateIpAddress: str = ""
    InstanceChargeType: str = "PostPaid"
    DeletionProtection: bool = False
    ResourceGroupId: str = ""
    RamRoleName: str = ""
    SystemDisk: SystemDisk | None = None
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""
    DryRun: bool = False


class InstanceIdSet(msgspec.Struct, kw_only=True):
    InstanceIdSet: list[str]


class RunInstancesResponse(Response):
    InstanceIdSets: InstanceIdSet


@ecs.action(
    resource=(
        "acs:ecs:{region}:{account}:instance/*",
        "acs:ecs:{region}:{account}:image/{ImageId}",
        "acs:ecs:{region}:{account}:securitygroup/{SecurityGroupId}",
        "acs:ecs:{region}:{account}:securitygroup/{SecurityGroupIds}",
        "acs:vpc:{region}:{account}:vswitch/{VSwitchId}",
        "acs:ecs:{region}:{account}:keypair/{KeyPairName}",
        "acs:ram:*:{account}:role/{RamRoleName}",
    ),
    also=PASS_ROLE,
)
def run_instances(ctx: Context, req: RunInstancesRequest) -> RunInstancesResponse:
    if not 1 <= req.Amount <= 100:
        raise AMOUNT_INVALID.error()
    if req.InstanceChargeType != "PostPaid":
        raise PAYMENT_UNSUPPORTED.error()
    if req.PrivateIpAddress and req.Amount > 1:
        raise invalid("PrivateIpAddress", "It can be given for one instance at a time.")
    order = _Order(ctx, req)
    ids = [order.create(number) for number in range(1, req.Amount + 1)]
    return RunInstancesResponse(InstanceIdSets=InstanceIdSet(InstanceIdSet=ids))


class _Order:
    """What is checked once for all instances of one call."""

    def __init__(self, ctx: Context, req: RunInstancesRequest) -> None:
        self.ctx = ctx
        self.req = req
        self.type = _instance_type(req.InstanceType)
        self.image = bootable(ctx, req.ImageId, self.type.arch)
        self.vswitch = _vswitch(ctx, req.VSwitchId)
        self.zone = self.vswitch.zone
        if req.ZoneId and req.ZoneId != self.zone:
            raise ZONE_MISMATCH.error()
        self.groups = _groups(ctx, req, self.vswitch.refers_to("vpc"))
        self.user_data = _user_data(req.UserData)
        self.tags = tags.checked(req.Tag)
        if req.KeyPairName and ctx.tx.get(KeyPair, f"{ctx.account}:{ctx.region}:{req.KeyPairName}") is None:
            raise KEY_PAIR_NOT_FOUND.error()
        self.role = usable_role(ctx, req.RamRoleName).name if req.RamRoleName else ""
        self.hosts = ctx.health.in_stock(self.zone, self.type.family)
        if not self.hosts:
            raise NO_STOCK.error()

    def create(self, number: int) -> str:
        ctx, req = self.ctx, self.req
        id = ctx.ids.resource("i")
        name = req.InstanceName or id
        if req.InstanceName and req.UniqueSuffix:
            name = f"{req.InstanceName}{number:03d}"
        # Spread one customer's instances over hosts as far as there are hosts.
        neighbours = frozenset(item.place.host for item in ctx.all(Instance) if item.place and item.zone == self.zone)
        spot = Place(self.zone, place(id, self.hosts, neighbours) or self.hosts[0])
        private_ip = ctx.tx.take_address(self.vswitch, req.PrivateIpAddress)
        if private_ip is None:
            raise (ADDRESS_TAKEN if req.PrivateIpAddress else VSWITCH_FULL).error()
        instance = Instance(
            id=id,
            account=ctx.account,
            region=ctx.region,
            created_at=ctx.now,
            tags=self.tags,
            references=(
                Reference(
                    kind=self.vswitch.kind,
                    id=self.vswitch.id,
                    code=VSWITCH_IN_USE.code,
                    message=VSWITCH_IN_USE.message,
                    address=private_ip,
                ),
                *(
                    Reference(
                        kind=SecurityGroup.kind, id=group.id, code=GROUP_IN_USE.code, message=GROUP_IN_USE.message
                    )
                    for group in self.groups
                ),
            ),
            place=spot,
            name=name,
            description=req.Description,
            hostname=req.HostName or "iZ" + id.removeprefix("i-") + "Z",
            instance_type=self.type.id,
            image_id=self.image.id,
            unread_image=self.image.id if isinstance(self.image, Image) else "",
            private_ip=private_ip,
            network_interface_id=ctx.ids.resource("eni"),
            mac=_mac(ctx),
            key_pair=req.KeyPairName,
            user_data=req.UserData,
            status="Pending",
            deletion_protection=req.DeletionProtection,
            serial_number=ctx.ids.request_id().lower(),
            resource_group_id=resource_groups.chosen(ctx, req.ResourceGroupId),
            ram_role=self.role,
        )
        ctx.tx.put(instance)
        ctx.tx.put(self._unit(instance))
        return id

    def _unit(self, instance: Instance) -> Unit:
        address = dialable_address(self.ctx.tx)
        payload = InstancePayload(
            instance_id=instance.id,
            hostname=instance.hostname,
            private_ip=instance.private_ip,
            zone=self.zone,
            image_id=instance.image_id,
            user_data=self.user_data,
            captured=instance.unread_image,
        )
        return Unit(
            id=instance.id,
            account=instance.account,
            region=instance.region,
            created_at=self.ctx.now,
            references=(address,),
            place=instance.place,
            owner_kind=Instance.kind,
            owner_id=instance.id,
            engine="compute",
            address=address.address,
            # A disk that is to be filled from image data cannot run before it is (see reconcile).
            desired="stopped" if instance.unread_image else "running",
            payload=msgspec.to_builtins(payload),
            stop_grace_s=_STOP_GRACE_S,
        )


def _instance_type(name: str) -> InstanceType:
    if not name:
        raise MISSING_PARAMETER.error(name="InstanceType")
    found = instance_types().get(name)
    if found is None:
        raise INSTANCE_TYPE_INVALID.error()
    return found


def _vswitch(ctx: Context, id: str) -> Resource:
    if not id:
        raise CLASSIC_UNSUPPORTED.error()
    vswitch = ctx.tx.find(Key("vswitch", id))
    if vswitch is None or vswitch.account != ctx.account or vswitch.region != ctx.region:
        raise VSWITCH_NOT_FOUND.error()
    return vswitch


def _groups(ctx: Context, req: RunInstancesRequest, vpc_id: str) -> list[SecurityGroup]:
    ids = req.SecurityGroupIds or ([req.SecurityGroupId] if req.SecurityGroupId else [])
    if not ids:
        raise MISSING_PARAMETER.error(name="SecurityGroupId")
    groups = []
    for id in dict.fromkeys(ids):
        group = ctx.mine(SecurityGroup, id)
        if group is None:
            raise GROUP_NOT_FOUND.error()
        if group.refers_to("vpc") != vpc_id:
            raise GROUP_OTHER_VPC.error()
        groups.append(group)
    return groups


def _user_data(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise USER_DATA_INVALID.error() from None
    if len(raw) > limits.USER_DATA_BYTES:
        raise USER_DATA_SIZE.error()
    return raw.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()


def _mac(ctx: Context) -> str:
    tail = ctx.ids.random.getrandbits(32).to_bytes(4, "big")
    return "00:16:" + ":".join(f"{byte:02x}" for byte in tail)
