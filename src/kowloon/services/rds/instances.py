"""DB instances: reading, changing, releasing."""

from __future__ import annotations

from typing import Annotated

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import invalid
from kowloon.core.clock import iso_seconds
from kowloon.services.rds.errors import NO_STANDBY, NODE, NOT_FOUND, PROTECTED, STATUS
from kowloon.services.rds.logic import check_security_ips
from kowloon.services.rds.product import rds
from kowloon.services.rds.resources import Account, Database, DBInstance
from kowloon.store.units import Unit

# Sizes behind the small classes; others read as the first.
_SIZES = {"1": (1, 2048), "1c": (1, 2048), "2": (2, 4096), "2c": (2, 4096)}


def mine(ctx: Context, id: str) -> DBInstance:
    item = ctx.mine(DBInstance, id)
    if item is None:
        raise NOT_FOUND.error()
    return item


def running(ctx: Context, id: str) -> DBInstance:
    item = mine(ctx, id)
    if item.status != "Running":
        raise STATUS.error()
    return item


class DescribeDBInstancesRequest(Request):
    DBInstanceId: str = ""
    Engine: str = ""
    DBInstanceStatus: str = ""
    ZoneId: str = ""
    VpcId: str = ""
    VSwitchId: str = ""
    SearchKey: str = ""
    ResourceGroupId: str = ""
    Tags: Annotated[dict[str, str], msgspec.Meta(extra={"style": "json"})] = {}
    PageNumber: int = 1
    PageSize: int = 30
    NextToken: str = ""
    MaxResults: int | None = None


class InstanceItem(msgspec.Struct, kw_only=True):
    DBInstanceId: str
    DBInstanceDescription: str
    DBInstanceStatus: str
    DBInstanceType: str
    DBInstanceClass: str
    DBInstanceNetType: str
    DBInstanceStorageType: str
    Engine: str
    EngineVersion: str
    Category: str
    ConnectionString: str
    ConnectionMode: str
    InstanceNetworkType: str
    RegionId: str
    ZoneId: str
    VpcId: str
    VSwitchId: str
    PayType: str
    CreateTime: str
    ExpireTime: str
    LockMode: str
    DeletionProtection: bool
    ResourceGroupId: str


class InstanceList(msgspec.Struct, kw_only=True):
    DBInstance: list[InstanceItem]


class DescribeDBInstancesResponse(Response):
    TotalRecordCount: int
    PageRecordCount: int
    PageNumber: int
    NextToken: str
    Items: InstanceList


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/*")
def describe_dbinstances(ctx: Context, req: DescribeDBInstancesRequest) -> DescribeDBInstancesResponse:
    wanted = [tags.TagParam(Key=key, Value=value) for key, value in req.Tags.items()]
    found = [
        item
        for item in ctx.all(DBInstance)
        if req.DBInstanceId in ("", item.id)
        and req.Engine in ("", item.engine)
        and req.DBInstanceStatus in ("", item.status)
        and req.ZoneId in ("", item.zone)
        and req.VpcId in ("", item.vpc_id)
        and req.VSwitchId in ("", item.vswitch_id)
        and req.ResourceGroupId in ("", item.resource_group)
        and (not req.SearchKey or req.SearchKey in item.id or req.SearchKey in item.description)
        and tags.matches(item.tags, wanted)
    ]
    page = pages.either(found, req.PageNumber, req.PageSize, req.NextToken, req.MaxResults)
    return DescribeDBInstancesResponse(
        TotalRecordCount=page.total,
        PageRecordCount=len(page.items),
        PageNumber=page.number,
        NextToken=page.next_token,
        Items=InstanceList(DBInstance=[_listed(item) for item in page.items]),
    )


def _listed(item: DBInstance) -> InstanceItem:
    return InstanceItem(
        DBInstanceId=item.id,
        DBInstanceDescription=item.description,
        DBInstanceStatus=item.status,
        DBInstanceType="Primary",
        DBInstanceClass=item.db_class,
        DBInstanceNetType="Intranet",
        DBInstanceStorageType=item.storage_type,
        Engine=item.engine,
        EngineVersion=item.engine_version,
        Category=item.category,
        ConnectionString=item.address,
        ConnectionMode="Standard",
        InstanceNetworkType="VPC",
        RegionId=item.region,
        ZoneId=item.node(item.primary).zone,
        VpcId=item.vpc_id,
        VSwitchId=item.vswitch_id,
        PayType=item.pay_type,
        CreateTime=iso_seconds(item.created_at),
        ExpireTime="",
        LockMode="Unlock",
        DeletionProtection=item.deletion_protection,
        ResourceGroupId=item.resource_group,
    )


class SlaveZone(msgspec.Struct, kw_only=True):
    ZoneId: str


class SlaveZones(msgspec.Struct, kw_only=True):
    SlaveZone: list[SlaveZone]


class ReadOnlyIds(msgspec.Struct, kw_only=True):
    ReadOnlyDBInstanceId: list[str] = []


class ClusterNode(msgspec.Struct, kw_only=True):
    NodeId: str
    NodeRole: str
    NodeZoneId: str
    NodeRegionId: str


class ClusterNodes(msgspec.Struct, kw_only=True):
    DBClusterNode: list[ClusterNode]


class AttributeItem(InstanceItem, kw_only=True):
    Port: str
    DBInstanceStorage: int
    DBInstanceCPU: str
    DBInstanceMemory: int
    CreationTime: str
    MasterZone: str
    SlaveZones: SlaveZones
    SecurityIPList: str
    SecurityIPMode: str
    AvailabilityValue: str
    CurrentKernelVersion: str
    MaintainTime: str
    MaxConnections: int
    ReadOnlyDBInstanceIds: ReadOnlyIds
    DBClusterNodes: ClusterNodes
    DBInstanceClassType: str = "x"
    AccountMaxQuantity: int = 500
    DBMaxQuantity: int = 500


class AttributeList(msgspec.Struct, kw_only=True):
    DBInstanceAttribute: list[AttributeItem]


class DescribeDBInstanceAttributeRequest(Request):
    DBInstanceId: str


class DescribeDBInstanceAttributeResponse(Response):
    Items: AttributeList


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def describe_dbinstance_attribute(
    ctx: Context, req: DescribeDBInstanceAttributeRequest
) -> DescribeDBInstanceAttributeResponse:
    item = mine(ctx, req.DBInstanceId)
    cpu, memory_mb = _SIZES.get(item.db_class.rsplit(".", 1)[-1], (2, 4096))
    standby = item.standby
    attribute = AttributeItem(
        **msgspec.structs.asdict(_listed(item)),
        Port=str(item.port),
        DBInstanceStorage=item.storage_gib,
        DBInstanceCPU=str(cpu),
        DBInstanceMemory=memory_mb,
        CreationTime=iso_seconds(item.created_at),
        MasterZone=item.node(item.primary).zone,
        SlaveZones=SlaveZones(SlaveZone=[SlaveZone(ZoneId=standby.zone)] if standby else []),
        SecurityIPList=item.security_ips,
        SecurityIPMode="normal",
        AvailabilityValue="100.0%",
        CurrentKernelVersion="kowloon-postgresql-18",
        MaintainTime="18:00Z-22:00Z",
        MaxConnections=100,
        ReadOnlyDBInstanceIds=ReadOnlyIds(),
        DBClusterNodes=ClusterNodes(
            DBClusterNode=[
                ClusterNode(
                    NodeId=node.id,
                    NodeRole="primary" if node.id == item.primary else "secondary",
                    NodeZoneId=node.zone,
                    NodeRegionId=item.region,
                )
                for node in item.nodes
            ]
        ),
    )
    return DescribeDBInstanceAttributeResponse(Items=AttributeList(DBInstanceAttribute=[attribute]))


class IpGroup(msgspec.Struct, kw_only=True):
    SecurityIPGroupName: str
    SecurityIPs: str


class IpGroups(msgspec.Struct, kw_only=True):
    securityIPGroup: list[IpGroup]


class NetInfo(msgspec.Struct, kw_only=True):
    ConnectionString: str
    ConnectionStringType: str
    IPAddress: str
    IPType: str
    Port: str
    Upgradeable: str
    VPCId: str
    VSwitchId: str
    SecurityIPGroups: IpGroups


class NetInfos(msgspec.Struct, kw_only=True):
    DBInstanceNetInfo: list[NetInfo]


class DescribeDBInstanceNetInfoRequest(Request):
    DBInstanceId: str


class DescribeDBInstanceNetInfoResponse(Response):
    InstanceNetworkType: str
    SecurityIPMode: str
    DBInstanceNetInfos: NetInfos


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def describe_dbinstance_net_info(
    ctx: Context, req: DescribeDBInstanceNetInfoRequest
) -> DescribeDBInstanceNetInfoResponse:
    item = mine(ctx, req.DBInstanceId)
    info = NetInfo(
        ConnectionString=item.address,
        ConnectionStringType="Normal",
        IPAddress=item.address,
        IPType="Private",
        Port=str(item.port),
        Upgradeable="Disabled",
        VPCId=item.vpc_id,
        VSwitchId=item.vswitch_id,
        SecurityIPGroups=IpGroups(
            securityIPGroup=[IpGroup(SecurityIPGroupName="default", SecurityIPs=item.security_ips)]
        ),
    )
    return DescribeDBInstanceNetInfoResponse(
        InstanceNetworkType="VPC", SecurityIPMode="normal", DBInstanceNetInfos=NetInfos(DBInstanceNetInfo=[info])
    )


class ModifyDBInstanceDescriptionRequest(Request):
    DBInstanceId: str
    DBInstanceDescription: str


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def modify_dbinstance_description(ctx: Context, req: ModifyDBInstanceDescriptionRequest) -> Response:
    if not 2 <= len(req.DBInstanceDescription) <= 256 or req.DBInstanceDescription.startswith(("http://", "https://")):
        raise invalid("DBInstanceDescription", "It has 2 to 256 characters and does not begin with http.")
    ctx.tx.put(msgspec.structs.replace(mine(ctx, req.DBInstanceId), description=req.DBInstanceDescription))
    return Response()


class ModifySecurityIpsRequest(Request):
    DBInstanceId: str
    SecurityIps: str
    ModifyMode: str = "Cover"
    DBInstanceIPArrayName: str = "default"


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def modify_security_ips(ctx: Context, req: ModifySecurityIpsRequest) -> Response:
    item = mine(ctx, req.DBInstanceId)
    if req.DBInstanceIPArrayName != "default":
        raise invalid("DBInstanceIPArrayName", "Kowloon keeps the group `default` only.")
    given = check_security_ips(req.SecurityIps).split(",")
    held = item.security_ips.split(",")
    if req.ModifyMode == "Cover":
        merged = given
    elif req.ModifyMode == "Append":
        merged = [*held, *given]
    elif req.ModifyMode == "Delete":
        merged = [entry for entry in held if entry not in given] or ["127.0.0.1"]
    else:
        raise invalid("ModifyMode", "It must be Cover, Append or Delete.")
    ctx.tx.put(msgspec.structs.replace(item, security_ips=",".join(dict.fromkeys(merged))))
    return Response()


class IpArray(msgspec.Struct, kw_only=True):
    DBInstanceIPArrayName: str
    DBInstanceIPArrayAttribute: str
    SecurityIPType: str
    SecurityIPList: str


class IpArrays(msgspec.Struct, kw_only=True):
    DBInstanceIPArray: list[IpArray]


class DescribeDBInstanceIPArrayListRequest(Request):
    DBInstanceId: str


class DescribeDBInstanceIPArrayListResponse(Response):
    Items: IpArrays


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def describe_dbinstance_iparray_list(
    ctx: Context, req: DescribeDBInstanceIPArrayListRequest
) -> DescribeDBInstanceIPArrayListResponse:
    item = mine(ctx, req.DBInstanceId)
    array = IpArray(
        DBInstanceIPArrayName="default",
        DBInstanceIPArrayAttribute="",
        SecurityIPType="IPv4",
        SecurityIPList=item.security_ips,
    )
    return DescribeDBInstanceIPArrayListResponse(Items=IpArrays(DBInstanceIPArray=[array]))


class RestartDBInstanceRequest(Request):
    DBInstanceId: str
    ClientToken: str = ""


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def restart_dbinstance(ctx: Context, req: RestartDBInstanceRequest) -> Response:
    item = running(ctx, req.DBInstanceId)
    unit = ctx.tx.get(Unit, item.primary)
    if unit is None:
        raise STATUS.error()
    ctx.tx.put(msgspec.structs.replace(unit, generation=unit.generation + 1))
    ctx.tx.put(msgspec.structs.replace(item, status="Restarting", restart_generation=unit.generation + 1))
    return Response()


class SwitchDBInstanceHARequest(Request):
    DBInstanceId: str
    NodeId: str
    Force: str = "No"


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def switch_dbinstance_ha(ctx: Context, req: SwitchDBInstanceHARequest) -> Response:
    """NodeId names the node that shall become the primary. Refused while that one may lack writes."""
    item = running(ctx, req.DBInstanceId)
    standby = item.standby
    if standby is None or req.NodeId != standby.id:
        raise NODE.error()
    if not item.synced:
        raise NO_STANDBY.error()
    ctx.tx.put(msgspec.structs.replace(item, status="TRANSING", moving_to=standby.id, graceful_move=True))
    return Response()


class NodeInfo(msgspec.Struct, kw_only=True):
    NodeId: str
    NodeType: str
    RegionId: str
    ZoneId: str
    SyncStatus: str
    DataSyncTime: str = ""
    LogSyncTime: str = ""


class NodeInfos(msgspec.Struct, kw_only=True):
    NodeInfo: list[NodeInfo]


class DescribeDBInstanceHAConfigRequest(Request):
    DBInstanceId: str


class DescribeDBInstanceHAConfigResponse(Response):
    DBInstanceId: str
    HAMode: str
    SyncMode: str
    HostInstanceInfos: NodeInfos


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def describe_dbinstance_haconfig(
    ctx: Context, req: DescribeDBInstanceHAConfigRequest
) -> DescribeDBInstanceHAConfigResponse:
    item = mine(ctx, req.DBInstanceId)
    rows = [
        NodeInfo(
            NodeId=node.id,
            NodeType="Master" if node.id == item.primary else "Slave",
            RegionId=item.region,
            ZoneId=node.zone,
            SyncStatus="Synchronized" if item.synced or not item.is_ha else "NotAvailable",
        )
        for node in item.nodes
    ]
    return DescribeDBInstanceHAConfigResponse(
        DBInstanceId=item.id,
        HAMode="RPO",
        SyncMode="Sync" if item.synced else "Async",
        HostInstanceInfos=NodeInfos(NodeInfo=rows),
    )


class DeleteDBInstanceRequest(Request):
    DBInstanceId: str
    ReleasedKeepPolicy: str = ""


class DeleteDBInstanceResponse(Response):
    RegionId: str


@rds.action(resource="acs:rds:{region}:{account}:dbinstance/{DBInstanceId}")
def delete_dbinstance(ctx: Context, req: DeleteDBInstanceRequest) -> DeleteDBInstanceResponse:
    item = mine(ctx, req.DBInstanceId)
    if item.deletion_protection:
        raise PROTECTED.error()
    for unit_id in (item.endpoint_id, *(node.id for node in item.nodes)):
        unit = ctx.tx.get(Unit, unit_id)
        if unit is not None:
            ctx.tx.put(msgspec.structs.replace(unit, desired="deleted"))
    contents: list[Account | Database] = [*ctx.all(Account), *ctx.all(Database)]
    for row in contents:
        if row.instance_id == item.id:
            ctx.tx.delete(row)
    ctx.tx.delete(item)
    return DeleteDBInstanceResponse(RegionId=item.region)
