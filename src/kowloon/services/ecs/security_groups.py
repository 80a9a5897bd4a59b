"""Security groups and their rules.

Deviation: what the rules say is kept and shown; whether they hold back traffic is the compute engine's capability
`enforced_security_groups` (not under `paper` and `process`). Rule ids, tags and limits are as the vendor's.
"""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, resource_groups, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.core.clock import iso_seconds
from kowloon.services.ecs.errors import (
    GROUP_IN_USE,
    GROUP_NAME_INVALID,
    GROUP_NOT_FOUND,
    GROUP_TYPE_INVALID,
    RULES_TOO_MANY,
    VPC_IN_USE,
    VPC_NOT_FOUND,
)
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Instance, SecurityGroup, SecurityRule
from kowloon.services.ecs.security_rules import Direction, RuleRequest, given, rule_of, same
from kowloon.store.resources import Reference

# The vendor's bound on the rules of one group.
MOST_RULES = 200


def mine(ctx: Context, id: str) -> SecurityGroup:
    item = ctx.mine(SecurityGroup, id)
    if item is None:
        raise GROUP_NOT_FOUND.error()
    return item


def _check_name(name: str) -> str:
    if name and (not 2 <= len(name) <= 128 or not name[0].isalpha() or name.startswith(("http://", "https://"))):
        raise GROUP_NAME_INVALID.error()
    return name


class CreateSecurityGroupRequest(Request):
    VpcId: str = ""
    SecurityGroupName: str = ""
    Description: str = ""
    SecurityGroupType: str = "normal"
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""


class CreateSecurityGroupResponse(Response):
    SecurityGroupId: str


@ecs.action(
    resource=(
        "acs:ecs:{region}:{account}:securitygroup/*",
        "acs:vpc:{region}:{account}:vpc/{VpcId}",
    )
)
def create_security_group(ctx: Context, req: CreateSecurityGroupRequest) -> CreateSecurityGroupResponse:
    if not req.VpcId:
        raise MISSING_PARAMETER.error(name="VpcId")
    if not ctx.reference("vpc", req.VpcId):
        raise VPC_NOT_FOUND.error()
    if req.SecurityGroupType not in ("normal", "enterprise"):
        raise GROUP_TYPE_INVALID.error()
    item = SecurityGroup(
        id=ctx.ids.resource("sg"),
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        references=(Reference(kind="vpc", id=req.VpcId, code=VPC_IN_USE.code, message=VPC_IN_USE.message),),
        name=_check_name(req.SecurityGroupName),
        description=req.Description,
        group_type=req.SecurityGroupType,
        resource_group_id=resource_groups.chosen(ctx, req.ResourceGroupId),
    )
    ctx.tx.put(item)
    return CreateSecurityGroupResponse(SecurityGroupId=item.id)


class GroupItem(msgspec.Struct, kw_only=True):
    SecurityGroupId: str
    SecurityGroupName: str
    Description: str
    SecurityGroupType: str
    VpcId: str
    CreationTime: str
    EcsCount: int
    RuleCount: int
    GroupToGroupRuleCount: int
    ResourceGroupId: str
    ServiceManaged: bool
    Tags: tags.TagList


class GroupList(msgspec.Struct, kw_only=True):
    SecurityGroup: list[GroupItem]


class DescribeSecurityGroupsRequest(Request):
    SecurityGroupId: str = ""
    SecurityGroupIds: AsJson[list[str]] | None = None
    SecurityGroupName: str = ""
    SecurityGroupType: str = ""
    VpcId: str = ""
    NetworkType: str = ""
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    NextToken: str = ""
    MaxResults: int | None = None
    DryRun: bool = False


class DescribeSecurityGroupsResponse(Response):
    RegionId: str
    TotalCount: int
    PageNumber: int
    PageSize: int
    NextToken: str
    SecurityGroups: GroupList


@ecs.action(resource="acs:ecs:{region}:{account}:securitygroup/*")
def describe_security_groups(ctx: Context, req: DescribeSecurityGroupsRequest) -> DescribeSecurityGroupsResponse:
    found = [item for item in ctx.all(SecurityGroup) if _fits(item, req)]
    page = pages.either(found, req.PageNumber, req.PageSize, req.NextToken, req.MaxResults)
    return DescribeSecurityGroupsResponse(
        RegionId=ctx.region,
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        NextToken=page.next_token,
        SecurityGroups=GroupList(SecurityGroup=[_shown(ctx, item) for item in page.items]),
    )


def _fits(item: SecurityGroup, req: DescribeSecurityGroupsRequest) -> bool:
    return (
        req.SecurityGroupId in ("", item.id)
        and (req.SecurityGroupIds is None or item.id in req.SecurityGroupIds)
        and req.SecurityGroupName in ("", item.name)
        and req.SecurityGroupType in ("", item.group_type)
        and req.VpcId in ("", item.refers_to("vpc"))
        and req.NetworkType in ("", "vpc")
        and req.ResourceGroupId in ("", item.resource_group)
        and tags.matches(item.tags, req.Tag)
    )


def _shown(ctx: Context, item: SecurityGroup) -> GroupItem:
    return GroupItem(
        SecurityGroupId=item.id,
        SecurityGroupName=item.name,
        Description=item.description,
        SecurityGroupType=item.group_type,
        VpcId=item.refers_to("vpc"),
        CreationTime=iso_seconds(item.created_at),
        EcsCount=sum(1 for holder in ctx.tx.referrers(item.key) if isinstance(holder, Instance)),
        RuleCount=len(item.rules),
        GroupToGroupRuleCount=sum(1 for rule in item.rules if rule.peer_group),
        ResourceGroupId=item.resource_group,
        ServiceManaged=False,
        Tags=tags.shown(item.tags),
    )


class PermissionItem(msgspec.Struct, kw_only=True):
    """The other direction's fields are empty text, as the vendor sends them."""

    SecurityGroupRuleId: str
    Direction: str
    IpProtocol: str
    PortRange: str
    Policy: str
    Priority: str
    Description: str
    CreateTime: str
    NicType: str = "intranet"
    SourcePortRange: str = ""
    SourceCidrIp: str = ""
    Ipv6SourceCidrIp: str = ""
    SourceGroupId: str = ""
    SourceGroupName: str = ""
    SourceGroupOwnerAccount: str = ""
    SourcePrefixListId: str = ""
    DestCidrIp: str = ""
    Ipv6DestCidrIp: str = ""
    DestGroupId: str = ""
    DestGroupName: str = ""
    DestGroupOwnerAccount: str = ""
    DestPrefixListId: str = ""


class PermissionList(msgspec.Struct, kw_only=True):
    Permission: list[PermissionItem]


class DescribeSecurityGroupAttributeRequest(Request):
    SecurityGroupId: str
    Direction: str = "all"
    NicType: str = ""
    NextToken: str = ""
    MaxResults: int = 500


class DescribeSecurityGroupAttributeResponse(Response):
    RegionId: str
    VpcId: str
    SecurityGroupId: str
    SecurityGroupName: str
    Description: str
    InnerAccessPolicy: str
    NextToken: str
    Permissions: PermissionList


@ecs.action(resource="acs:ecs:{region}:{account}:securitygroup/{SecurityGroupId}")
def describe_security_group_attribute(
    ctx: Context, req: DescribeSecurityGroupAttributeRequest
) -> DescribeSecurityGroupAttributeResponse:
    item = mine(ctx, req.SecurityGroupId)
    if req.Direction not in ("", "all", "ingress", "egress"):
        raise invalid("Direction", "It is one of all, ingress, egress.")
    rules = [rule for rule in item.rules if req.Direction in ("", "all", rule.direction)]
    page = pages.by_token(rules, req.NextToken, req.MaxResults, most=1000)
    return DescribeSecurityGroupAttributeResponse(
        RegionId=item.region,
        VpcId=item.refers_to("vpc"),
        SecurityGroupId=item.id,
        SecurityGroupName=item.name,
        Description=item.description,
        InnerAccessPolicy="Drop" if item.group_type == "enterprise" else "Accept",
        NextToken=page.next_token,
        Permissions=PermissionList(Permission=[_permission(ctx, rule) for rule in page.items]),
    )


def _permission(ctx: Context, rule: SecurityRule) -> PermissionItem:
    side = "Source" if rule.direction == "ingress" else "Dest"
    peer = ctx.mine(SecurityGroup, rule.peer_group) if rule.peer_group else None
    family = "Ipv6" if ":" in rule.peer_cidr else ""
    return PermissionItem(
        SecurityGroupRuleId=rule.id,
        Direction=rule.direction,
        IpProtocol=rule.protocol,
        PortRange=rule.port_range,
        Policy=rule.policy,
        Priority=str(rule.priority),
        Description=rule.description,
        CreateTime=iso_seconds(rule.created_at),
        **{
            f"{family}{side}CidrIp": rule.peer_cidr,
            f"{side}GroupId": rule.peer_group,
            f"{side}GroupName": peer.name if peer is not None else "",
        },
    )


class ModifySecurityGroupAttributeRequest(Request):
    SecurityGroupId: str
    SecurityGroupName: str | None = None
    Description: str | None = None


@ecs.action(resource="acs:ecs:{region}:{account}:securitygroup/{SecurityGroupId}")
def modify_security_group_attribute(ctx: Context, req: ModifySecurityGroupAttributeRequest) -> Response:
    item = mine(ctx, req.SecurityGroupId)
    changed = msgspec.structs.replace(
        item,
        name=item.name if req.SecurityGroupName is None else _check_name(req.SecurityGroupName),
        description=item.description if req.Description is None else req.Description,
    )
    ctx.tx.put(changed)
    return Response()


class DeleteSecurityGroupRequest(Request):
    SecurityGroupId: str


@ecs.action(resource="acs:ecs:{region}:{account}:securitygroup/{SecurityGroupId}")
def delete_security_group(ctx: Context, req: DeleteSecurityGroupRequest) -> Response:
    """Refused while instances are in it or other groups' rules name it."""
    item = mine(ctx, req.SecurityGroupId)
    named = any(
        rule.peer_group == item.id for other in ctx.all(SecurityGroup) if other.id != item.id for rule in other.rules
    )
    if named or any(isinstance(holder, Instance) for holder in ctx.tx.referrers(item.key)):
        raise GROUP_IN_USE.error()
    ctx.tx.delete(item)
    return Response()


class AuthorizeSecurityGroupRequest(RuleRequest):
    pass


@ecs.action(resource="acs:ecs:{region}:{account}:securitygroup/{SecurityGroupId}")
def authorize_security_group(ctx: Context, req: AuthorizeSecurityGroupRequest) -> Response:
    return _authorize(ctx, req, "ingress")


class AuthorizeSecurityGroupEgressRequest(RuleRequest):
    pass


@ecs.action(resource="acs:ecs:{region}:{account}:securitygroup/{SecurityGroupId}")
def authorize_security_group_egress(ctx: Context, req: AuthorizeSecurityGroupEgressRequest) -> Response:
    return _authorize(ctx, req, "egress")


def _authorize(ctx: Context, req: RuleRequest, direction: Direction) -> Response:
    """A rule that is there already is accepted and changes nothing."""
    item = mine(ctx, req.SecurityGroupId)
    params = given(req)
    if not params:
        raise MISSING_PARAMETER.error(name="IpProtocol")
    rules = list(item.rules)
    for param in params:
        rule = rule_of(ctx, param, direction)
        if not any(same(rule, held) for held in rules):
            rules.append(rule)
    if len(rules) > MOST_RULES:
        raise RULES_TOO_MANY.error()
    ctx.tx.put(msgspec.structs.replace(item, rules=tuple(rules)))
    return Response()


class RevokeSecurityGroupRequest(RuleRequest):
    SecurityGroupRuleId: list[str] = []


@ecs.action(resource="acs:ecs:{region}:{account}:securitygroup/{SecurityGroupId}")
def revoke_security_group(ctx: Context, req: RevokeSecurityGroupRequest) -> Response:
    return _revoke(ctx, req, req.SecurityGroupRuleId, "ingress")


class RevokeSecurityGroupEgressRequest(RuleRequest):
    SecurityGroupRuleId: list[str] = []


@ecs.action(resource="acs:ecs:{region}:{account}:securitygroup/{SecurityGroupId}")
def revoke_security_group_egress(ctx: Context, req: RevokeSecurityGroupEgressRequest) -> Response:
    return _revoke(ctx, req, req.SecurityGroupRuleId, "egress")


def _revoke(ctx: Context, req: RuleRequest, ids: list[str], direction: Direction) -> Response:
    """By id or by what the rule says; taking away a rule that is not there succeeds."""
    item = mine(ctx, req.SecurityGroupId)
    params = given(req)
    if not params and not ids:
        raise MISSING_PARAMETER.error(name="IpProtocol")
    gone = [rule_of(ctx, param, direction) for param in params]
    kept = tuple(
        rule
        for rule in item.rules
        if not (rule.direction == direction and rule.id in ids) and not any(same(rule, other) for other in gone)
    )
    ctx.tx.put(msgspec.structs.replace(item, rules=kept))
    return Response()
