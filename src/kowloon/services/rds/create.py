"""CreateDBInstance: nodes placed in their zones, the stable address, all in one transaction."""

from __future__ import annotations

from kowloon.actions import resource_groups, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import invalid
from kowloon.services.rds.errors import (
    CATEGORY,
    ENGINE,
    ENGINE_VERSION,
    NO_STOCK,
    PAY_TYPE,
    PORT,
    STORAGE,
    VSWITCH,
    VSWITCH_IN_USE,
    VSWITCH_MISSING,
    ZONE,
)
from kowloon.services.rds.logic import VERSIONS, category_of, check_security_ips, endpoint_unit, node_unit
from kowloon.services.rds.product import rds
from kowloon.services.rds.resources import DBInstance, Node
from kowloon.store.resources import Key, Place, Reference, Resource
from kowloon.store.units import dialable_addresses
from kowloon.topology.map import place

_STORAGE_TYPES = ("local_ssd", "general_essd", "cloud_essd", "cloud_essd2", "cloud_essd3", "cloud_ssd", "")


class CreateDBInstanceRequest(Request):
    Engine: str
    EngineVersion: str
    DBInstanceClass: str
    DBInstanceStorage: int
    DBInstanceNetType: str
    PayType: str
    SecurityIPList: str
    DBInstanceDescription: str = ""
    DBInstanceStorageType: str = "cloud_essd"
    Category: str = ""
    ZoneId: str = ""
    ZoneIdSlave1: str = ""
    VPCId: str = ""
    VSwitchId: str = ""
    Port: str = "5432"
    DeletionProtection: bool = False
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""
    DryRun: bool = False


class CreateDBInstanceResponse(Response):
    DBInstanceId: str
    ConnectionString: str
    Port: str
    OrderId: str


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/*")
def create_dbinstance(ctx: Context, req: CreateDBInstanceRequest) -> CreateDBInstanceResponse:
    _check(req)
    category = req.Category or category_of(req.DBInstanceClass)
    category_of(req.DBInstanceClass)
    if category not in ("Basic", "HighAvailability"):
        raise CATEGORY.error()
    vswitch, zones = _zones(ctx, req, ha=category == "HighAvailability")
    instance_id = ctx.ids.resource("pgm", 16)
    hosts = _hosts(ctx, instance_id, zones)
    endpoint, *holders = dialable_addresses(ctx.tx, 1 + len(zones))
    nodes = tuple(
        Node(id=f"{instance_id}-n{number}", zone=zone, address=holder.address)
        for number, (zone, holder) in enumerate(zip(zones, holders, strict=True), start=1)
    )
    instance = DBInstance(
        id=instance_id,
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        references=(
            Reference(kind="vswitch", id=vswitch.id, code=VSWITCH_IN_USE.code, message=VSWITCH_IN_USE.message),
        ),
        place=Place(zones[0]),
        description=req.DBInstanceDescription,
        engine_version=req.EngineVersion,
        category="Basic" if category == "Basic" else "HighAvailability",
        db_class=req.DBInstanceClass,
        storage_gib=req.DBInstanceStorage,
        storage_type=req.DBInstanceStorageType or "cloud_essd",
        vpc_id=vswitch.refers_to("vpc"),
        vswitch_id=vswitch.id,
        address=endpoint.address,
        port=int(req.Port),
        security_ips=check_security_ips(req.SecurityIPList),
        superuser_password=ctx.ids.secret(32),
        nodes=nodes,
        primary=nodes[0].id,
        deletion_protection=req.DeletionProtection,
        pay_type=req.PayType,
        resource_group_id=resource_groups.chosen(ctx, req.ResourceGroupId),
    )
    ctx.tx.put(instance)
    ctx.tx.put(endpoint_unit(instance, Place(zones[0], hosts[0]), endpoint))
    for node, holder, host in zip(nodes, holders, hosts, strict=True):
        ctx.tx.put(node_unit(instance, node, host, holder))
    return CreateDBInstanceResponse(
        DBInstanceId=instance.id,
        ConnectionString=instance.address,
        Port=str(instance.port),
        OrderId=ctx.ids.digits(15),
    )


def _check(req: CreateDBInstanceRequest) -> None:
    if req.Engine != "PostgreSQL":
        raise ENGINE.error(why=f"{req.Engine} is not built yet; Kowloon runs PostgreSQL.")
    if req.EngineVersion not in VERSIONS:
        raise ENGINE_VERSION.error()
    if not 20 <= req.DBInstanceStorage <= 64000:
        raise STORAGE.error()
    if req.PayType != "Postpaid":
        raise PAY_TYPE.error()
    if req.DBInstanceNetType not in ("Intranet", "Internet"):
        raise invalid("DBInstanceNetType", "It must be Intranet or Internet.")
    if req.DBInstanceStorageType not in _STORAGE_TYPES:
        raise invalid("DBInstanceStorageType", f"It must be one of {', '.join(filter(None, _STORAGE_TYPES))}.")
    if not req.Port.isdigit() or not 1000 <= int(req.Port) <= 5999:
        raise PORT.error()


def _zones(ctx: Context, req: CreateDBInstanceRequest, *, ha: bool) -> tuple[Resource, list[str]]:
    """The vSwitch of the primary and the zone of each node. A standby without a zone of its own shares the
    primary's: highly available only until the zone is lost, as the vendor's single-zone deployment is."""
    switch_ids = [id.strip() for id in req.VSwitchId.split(",") if id.strip()]
    if not switch_ids:
        raise VSWITCH_MISSING.error()
    switches = [_vswitch(ctx, id) for id in switch_ids]
    known = ctx.topology.zone_ids(ctx.region)
    zone = req.ZoneId or switches[0].zone
    if zone not in known or zone != switches[0].zone:
        raise ZONE.error()
    if not ha:
        return switches[0], [zone]
    if req.ZoneIdSlave1 and req.ZoneIdSlave1.lower() != "auto":
        second = req.ZoneIdSlave1
    elif req.ZoneIdSlave1:
        second = next((other for other in known if other != zone and ctx.health.in_stock(other)), zone)
    else:
        second = switches[1].zone if len(switches) > 1 else zone
    if second not in known:
        raise ZONE.error()
    return switches[0], [zone, second]


def _vswitch(ctx: Context, id: str) -> Resource:
    found = ctx.tx.find(Key("vswitch", id))
    if found is None or found.account != ctx.account or found.region != ctx.region:
        raise VSWITCH.error()
    return found


def _hosts(ctx: Context, instance_id: str, zones: list[str]) -> list[str]:
    chosen: list[str] = []
    for number, zone in enumerate(zones, start=1):
        host = place(f"{instance_id}-n{number}", ctx.health.in_stock(zone), frozenset(chosen))
        if host is None:
            raise NO_STOCK.error()
        chosen.append(host)
    return chosen
