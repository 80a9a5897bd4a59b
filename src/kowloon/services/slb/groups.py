"""vServer groups: servers with a port each, for the listeners that name the group."""

from __future__ import annotations

import msgspec

from kowloon.actions import tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.slb.errors import GROUP_NOT_FOUND, SERVER_NOT_FOUND
from kowloon.services.slb.load_balancers import mine as my_balancer
from kowloon.services.slb.payload import groups_of, listeners_of, refresh
from kowloon.services.slb.product import BALANCER_AND_SERVERS, slb
from kowloon.services.slb.resources import INSTANCE, LoadBalancer, Server, ServerGroup, server_references
from kowloon.services.slb.servers import members, merged, parse, private_ip
from kowloon.store.resources import Reference


def mine(ctx: Context, id: str) -> ServerGroup:
    item = ctx.mine(ServerGroup, id)
    if item is None:
        raise GROUP_NOT_FOUND.error()
    return item


def with_servers(item: ServerGroup, servers: tuple[Server, ...]) -> ServerGroup:
    kept = tuple(reference for reference in item.references if reference.kind != INSTANCE)
    return msgspec.structs.replace(item, servers=servers, references=(*kept, *server_references(servers)))


def _store(ctx: Context, item: ServerGroup, servers: tuple[Server, ...]) -> ServerGroup:
    changed = with_servers(item, servers)
    ctx.tx.put(changed)
    refresh(ctx.tx, item.refers_to(LoadBalancer.kind))
    return changed


class MemberItem(msgspec.Struct, kw_only=True):
    ServerId: str
    Port: int
    Weight: int
    Type: str = "ecs"
    Description: str = ""


class MemberList(msgspec.Struct, kw_only=True):
    BackendServer: list[MemberItem]


class GroupResponse(Response):
    VServerGroupId: str
    VServerGroupName: str
    BackendServers: MemberList


def _answer(item: ServerGroup) -> GroupResponse:
    rows = [
        MemberItem(ServerId=server.id, Port=server.port, Weight=server.weight, Description=server.description)
        for server in item.servers
    ]
    return GroupResponse(
        VServerGroupId=item.id, VServerGroupName=item.name, BackendServers=MemberList(BackendServer=rows)
    )


class CreateVServerGroupRequest(Request):
    LoadBalancerId: str
    VServerGroupName: str = ""
    BackendServers: str = ""
    Tag: list[tags.TagParam] = []


@slb.action(resource=BALANCER_AND_SERVERS)
def create_vserver_group(ctx: Context, req: CreateVServerGroupRequest) -> GroupResponse:
    balancer = my_balancer(ctx, req.LoadBalancerId)
    servers = merged((), members(ctx, parse(req.BackendServers), ports=True))
    id = ctx.ids.resource("rsp", 17)
    item = ServerGroup(
        id=id,
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        references=(Reference(kind=LoadBalancer.kind, id=balancer.id), *server_references(servers)),
        name=req.VServerGroupName or id,
        servers=servers,
    )
    ctx.tx.put(item)
    return _answer(item)


class AddVServerGroupBackendServersRequest(Request):
    VServerGroupId: str
    BackendServers: str


@slb.action(resource=BALANCER_AND_SERVERS)
def add_vserver_group_backend_servers(ctx: Context, req: AddVServerGroupBackendServersRequest) -> GroupResponse:
    """A server that is in the group with that port already gets the given weight."""
    item = mine(ctx, req.VServerGroupId)
    given = members(ctx, parse(req.BackendServers), ports=True)
    return _answer(_store(ctx, item, merged(item.servers, given)))


class RemoveVServerGroupBackendServersRequest(Request):
    VServerGroupId: str
    BackendServers: str


@slb.action(resource=BALANCER_AND_SERVERS)
def remove_vserver_group_backend_servers(ctx: Context, req: RemoveVServerGroupBackendServersRequest) -> GroupResponse:
    """An entry without a port means the server with all its ports; one that is not in the group is passed over."""
    item = mine(ctx, req.VServerGroupId)
    gone = {(entry.ServerId, entry.Port) for entry in parse(req.BackendServers)}
    kept = tuple(server for server in item.servers if not {(server.id, server.port), (server.id, 0)} & gone)
    return _answer(_store(ctx, item, kept))


class SetVServerGroupAttributeRequest(Request):
    VServerGroupId: str
    VServerGroupName: str | None = None
    BackendServers: str = ""


@slb.action(resource=BALANCER_AND_SERVERS)
def set_vserver_group_attribute(ctx: Context, req: SetVServerGroupAttributeRequest) -> GroupResponse:
    """A new name, and new weights and descriptions for members that are named by server and port."""
    item = mine(ctx, req.VServerGroupId)
    given = members(ctx, parse(req.BackendServers), ports=True)
    held = {(server.id, server.port) for server in item.servers}
    if any((server.id, server.port) not in held for server in given):
        raise SERVER_NOT_FOUND.error()
    if req.VServerGroupName is not None:
        item = msgspec.structs.replace(item, name=req.VServerGroupName)
    return _answer(_store(ctx, item, merged(item.servers, given)))


class DeleteVServerGroupRequest(Request):
    VServerGroupId: str


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def delete_vserver_group(ctx: Context, req: DeleteVServerGroupRequest) -> Response:
    """Refused while a listener sends its traffic there."""
    ctx.tx.delete(mine(ctx, req.VServerGroupId))
    return Response()


class ListenerItem(msgspec.Struct, kw_only=True):
    Port: int
    Protocol: str


class ListenerList(msgspec.Struct, kw_only=True):
    Listener: list[ListenerItem]


class RuleList(msgspec.Struct, kw_only=True):
    """Kowloon has no forwarding rules yet."""

    Rule: list[str] = []


class AssociatedObjects(msgspec.Struct, kw_only=True):
    Listeners: ListenerList
    Rules: RuleList


class GroupItem(msgspec.Struct, kw_only=True):
    VServerGroupId: str
    VServerGroupName: str
    ServerCount: int
    CreateTime: str
    Tags: tags.TagList
    AssociatedObjects: AssociatedObjects


class GroupList(msgspec.Struct, kw_only=True):
    VServerGroup: list[GroupItem]


class DescribeVServerGroupsRequest(Request):
    LoadBalancerId: str
    Description: str = ""
    IncludeListener: bool = False
    IncludeRule: bool = False
    Tag: list[tags.TagParam] = []


class DescribeVServerGroupsResponse(Response):
    VServerGroups: GroupList


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def describe_vserver_groups(ctx: Context, req: DescribeVServerGroupsRequest) -> DescribeVServerGroupsResponse:
    balancer = my_balancer(ctx, req.LoadBalancerId)
    rows = [
        _shown(ctx, group, balancer.id, req.IncludeListener)
        for group in groups_of(ctx.tx, balancer.id)
        if tags.matches(group.tags, req.Tag)
    ]
    return DescribeVServerGroupsResponse(VServerGroups=GroupList(VServerGroup=rows))


def _shown(ctx: Context, item: ServerGroup, balancer_id: str, with_listeners: bool) -> GroupItem:
    users = [row for row in listeners_of(ctx.tx, balancer_id) if row.group_id == item.id] if with_listeners else []
    return GroupItem(
        VServerGroupId=item.id,
        VServerGroupName=item.name,
        ServerCount=len(item.servers),
        CreateTime=iso_seconds(item.created_at),
        Tags=tags.shown(item.tags),
        AssociatedObjects=AssociatedObjects(
            Listeners=ListenerList(Listener=[ListenerItem(Port=row.port, Protocol=row.protocol) for row in users]),
            Rules=RuleList(),
        ),
    )


class AddressedMemberItem(MemberItem):
    ServerIp: str


class AddressedMemberList(msgspec.Struct, kw_only=True):
    BackendServer: list[AddressedMemberItem]


class DescribeVServerGroupAttributeRequest(Request):
    VServerGroupId: str


class DescribeVServerGroupAttributeResponse(Response):
    VServerGroupId: str
    VServerGroupName: str
    LoadBalancerId: str
    CreateTime: str
    Tags: tags.TagList
    BackendServers: AddressedMemberList


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def describe_vserver_group_attribute(
    ctx: Context, req: DescribeVServerGroupAttributeRequest
) -> DescribeVServerGroupAttributeResponse:
    item = mine(ctx, req.VServerGroupId)
    rows = [
        AddressedMemberItem(
            ServerId=server.id,
            ServerIp=private_ip(ctx, server.id),
            Port=server.port,
            Weight=server.weight,
            Description=server.description,
        )
        for server in item.servers
    ]
    return DescribeVServerGroupAttributeResponse(
        VServerGroupId=item.id,
        VServerGroupName=item.name,
        LoadBalancerId=item.refers_to(LoadBalancer.kind),
        CreateTime=iso_seconds(item.created_at),
        Tags=tags.shown(item.tags),
        BackendServers=AddressedMemberList(BackendServer=rows),
    )
