"""Trails: what is delivered, where to, and since when. A trail delivers after StartLogging."""

from __future__ import annotations

import re

import msgspec

from kowloon.actions import service_roles
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.sessions import trusts_service
from kowloon.core.clock import iso_seconds
from kowloon.services.actiontrail.audit import AuditTrail, caught_up
from kowloon.services.actiontrail.errors import (
    INVALID_PREFIX,
    INVALID_QUERY,
    INVALID_TRAIL_NAME,
    NO_TARGET,
    NOT_DELIVERED_THERE,
    ROLE_NOT_FOUND,
    TOO_MANY_TRAILS,
    TRAIL_EXISTS,
    TRAIL_NOT_FOUND,
)
from kowloon.services.actiontrail.product import actiontrail
from kowloon.services.actiontrail.resources import ALL_REGIONS, DISABLED, ENABLED, FRESH, Trail
from kowloon.store.identity import Role

SERVICE = "actiontrail.aliyuncs.com"
_NAME = re.compile(r"[a-z][a-z0-9_-]{5,35}")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_/-]{5,31}")
_RW = ("Write", "Read", "All")
_MOST_TRAILS = 5
# Of a role that the caller names; the one that ActionTrail makes for itself nobody gives it.
_PASS_ROLE = {"ram:PassRole": "{OssWriteRoleArn}"}


class TrailParameters(Request):
    Name: str
    OssBucketName: str | None = None
    OssKeyPrefix: str | None = None
    OssWriteRoleArn: str | None = None
    SlsProjectArn: str = ""
    SlsWriteRoleArn: str = ""
    MaxComputeProjectArn: str = ""
    MaxComputeWriteRoleArn: str = ""
    EventRW: str | None = None
    TrailRegion: str | None = None


class TrailResponse(Response):
    Name: str
    HomeRegion: str
    TrailRegion: str
    EventRW: str
    OssBucketName: str
    OssKeyPrefix: str
    OssWriteRoleArn: str
    SlsProjectArn: str = ""
    SlsWriteRoleArn: str = ""
    MaxComputeProjectArn: str = ""
    MaxComputeWriteRoleArn: str = ""


def _answer(trail: Trail) -> TrailResponse:
    return TrailResponse(
        Name=trail.name,
        HomeRegion=trail.region,
        TrailRegion=trail.trail_region,
        EventRW=trail.event_rw,
        OssBucketName=trail.bucket,
        OssKeyPrefix=trail.prefix,
        OssWriteRoleArn=trail.role,
    )


def _trail(ctx: Context, name: str) -> Trail:
    trail = ctx.tx.get(Trail, f"{ctx.account}:{name}")
    if trail is None:
        raise TRAIL_NOT_FOUND.error()
    return trail


def _changed(ctx: Context, trail: Trail, req: TrailParameters) -> Trail:
    """The trail with what the request says, checked."""
    for target, wanted in (("Log Service", req.SlsProjectArn), ("MaxCompute", req.MaxComputeProjectArn)):
        if wanted:
            raise NOT_DELIVERED_THERE.error(target=target)
    if req.EventRW is not None and req.EventRW not in _RW:
        raise INVALID_QUERY.error(name="EventRW")
    if req.TrailRegion is not None and req.TrailRegion not in (ALL_REGIONS, *ctx.topology.regions):
        raise INVALID_QUERY.error(name="TrailRegion")
    if req.OssKeyPrefix and not _PREFIX.fullmatch(req.OssKeyPrefix):
        raise INVALID_PREFIX.error()
    given = {
        "bucket": req.OssBucketName,
        "prefix": req.OssKeyPrefix,
        "role": req.OssWriteRoleArn or None,
        "event_rw": req.EventRW,
        "trail_region": req.TrailRegion,
    }
    trail = msgspec.structs.replace(trail, **{name: value for name, value in given.items() if value is not None})
    if not trail.bucket:
        raise NO_TARGET.error()
    if not trail.role:
        trail = msgspec.structs.replace(
            trail, role=service_roles.ensured(ctx.tx, ctx.ids, SERVICE, ctx.account, ctx.now).arn
        )
    elif req.OssWriteRoleArn:
        _check_role(ctx, trail.role)
    return trail


def _check_role(ctx: Context, arn: str) -> None:
    name = arn.removeprefix(f"acs:ram::{ctx.account}:role/").lower()
    role = ctx.tx.get(Role, f"{ctx.account}:{name}")
    if role is None or not trusts_service(role, SERVICE):
        raise ROLE_NOT_FOUND.error(arn=arn)


class CreateTrailRequest(TrailParameters):
    IsOrganizationTrail: bool = False


@actiontrail.action(resource="acs:actiontrail:*:{account}:trail/{Name}", prepare=caught_up, also=_PASS_ROLE)
def create_trail(ctx: Context, req: CreateTrailRequest) -> TrailResponse:
    """Events from now on are delivered, once logging is started."""
    if not _NAME.fullmatch(req.Name):
        raise INVALID_TRAIL_NAME.error()
    if req.IsOrganizationTrail:
        raise NOT_DELIVERED_THERE.error(target="trails of an organization")
    if ctx.tx.get(Trail, f"{ctx.account}:{req.Name}") is not None:
        raise TRAIL_EXISTS.error()
    if len(ctx.all(Trail)) >= _MOST_TRAILS:
        raise TOO_MANY_TRAILS.error(most=_MOST_TRAILS)
    fresh = Trail(
        id=f"{ctx.account}:{req.Name}",
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        updated_at=ctx.now,
        name=req.Name,
        position=ctx.port(AuditTrail).index.position,
    )
    trail = _changed(ctx, fresh, req)
    ctx.tx.put(trail)
    return _answer(trail)


class UpdateTrailRequest(TrailParameters):
    pass


@actiontrail.action(resource="acs:actiontrail:*:{account}:trail/{Name}", also=_PASS_ROLE)
def update_trail(ctx: Context, req: UpdateTrailRequest) -> TrailResponse:
    trail = msgspec.structs.replace(_changed(ctx, _trail(ctx, req.Name), req), updated_at=ctx.now)
    ctx.tx.put(trail)
    return _answer(trail)


class NameRequest(Request):
    Name: str


class DeleteTrailRequest(NameRequest):
    pass


@actiontrail.action(resource="acs:actiontrail:*:{account}:trail/{Name}")
def delete_trail(ctx: Context, req: DeleteTrailRequest) -> Response:
    ctx.tx.delete(_trail(ctx, req.Name))
    return Response()


class StartLoggingRequest(NameRequest):
    pass


@actiontrail.action(resource="acs:actiontrail:*:{account}:trail/{Name}", prepare=caught_up)
def start_logging(ctx: Context, req: StartLoggingRequest) -> Response:
    trail = _trail(ctx, req.Name)
    if trail.status != ENABLED:
        position = ctx.port(AuditTrail).index.position
        ctx.tx.put(msgspec.structs.replace(trail, status=ENABLED, started_at=ctx.now, position=position))
    return Response()


class StopLoggingRequest(NameRequest):
    pass


@actiontrail.action(resource="acs:actiontrail:*:{account}:trail/{Name}")
def stop_logging(ctx: Context, req: StopLoggingRequest) -> Response:
    trail = _trail(ctx, req.Name)
    if trail.status == ENABLED:
        ctx.tx.put(msgspec.structs.replace(trail, status=DISABLED, stopped_at=ctx.now))
    return Response()


class DescribeTrailsRequest(Request):
    NameList: str = ""
    IncludeShadowTrails: bool = False
    IncludeOrganizationTrail: bool = False


class TrailItem(msgspec.Struct, kw_only=True):
    Name: str
    TrailArn: str
    HomeRegion: str
    Region: str
    TrailRegion: str
    EventRW: str
    Status: str
    CreateTime: str
    UpdateTime: str
    StartLoggingTime: str
    StopLoggingTime: str
    OssBucketName: str
    OssBucketLocation: str
    OssKeyPrefix: str
    OssWriteRoleArn: str
    SlsProjectArn: str = ""
    SlsWriteRoleArn: str = ""
    IsOrganizationTrail: bool = False


class DescribeTrailsResponse(Response):
    TrailList: list[TrailItem]


def _shown_time(moment: float) -> str:
    return iso_seconds(moment) if moment else ""


@actiontrail.action(resource="acs:actiontrail:*:{account}:trail/*")
def describe_trails(ctx: Context, req: DescribeTrailsRequest) -> DescribeTrailsResponse:
    """Trails at home in this region; with IncludeShadowTrails those of others that take events of this one, too."""
    names = {name for name in req.NameList.split(",") if name}
    trails = ctx.tx.list(Trail, account=ctx.account)
    shown = [
        trail
        for trail in trails
        if (not names or trail.name in names)
        and (
            trail.region == ctx.region or (req.IncludeShadowTrails and trail.trail_region in (ALL_REGIONS, ctx.region))
        )
    ]
    return DescribeTrailsResponse(TrailList=[_item(trail) for trail in shown])


def _item(trail: Trail) -> TrailItem:
    return TrailItem(
        Name=trail.name,
        TrailArn=trail.arn,
        HomeRegion=trail.region,
        Region=trail.region,
        TrailRegion=trail.trail_region,
        EventRW=trail.event_rw,
        Status=trail.status,
        CreateTime=iso_seconds(trail.created_at),
        UpdateTime=iso_seconds(trail.updated_at),
        StartLoggingTime=_shown_time(trail.started_at),
        StopLoggingTime=_shown_time(trail.stopped_at),
        OssBucketName=trail.bucket,
        OssBucketLocation=f"oss-{trail.region}",
        OssKeyPrefix=trail.prefix,
        OssWriteRoleArn=trail.role,
    )


class GetTrailStatusRequest(NameRequest):
    IsOrganizationTrail: bool = False


class GetTrailStatusResponse(Response):
    IsLogging: bool
    StartLoggingTime: str
    StopLoggingTime: str
    LatestDeliveryTime: str
    LatestDeliveryError: str
    OssBucketStatus: bool
    SlsLogStoreStatus: bool = False
    LatestDeliveryLogServiceTime: str = ""
    LatestDeliveryLogServiceError: str = ""


@actiontrail.action(resource="acs:actiontrail:*:{account}:trail/{Name}")
def get_trail_status(ctx: Context, req: GetTrailStatusRequest) -> GetTrailStatusResponse:
    trail = _trail(ctx, req.Name)
    return GetTrailStatusResponse(
        IsLogging=trail.status == ENABLED,
        StartLoggingTime=_shown_time(trail.started_at),
        StopLoggingTime=_shown_time(trail.stopped_at),
        LatestDeliveryTime=_shown_time(trail.delivered_at),
        LatestDeliveryError=trail.delivery_error,
        OssBucketStatus=trail.status != FRESH and not trail.delivery_error,
    )


class DescribeRegionsRequest(Request):
    AcceptLanguage: str = "zh-CN"


class RegionItem(msgspec.Struct, kw_only=True):
    RegionId: str
    RegionEndpoint: str
    LocalName: str


class RegionList(msgspec.Struct, kw_only=True):
    Region: list[RegionItem]


class DescribeRegionsResponse(Response):
    Regions: RegionList


@actiontrail.action(resource="acs:actiontrail:*:{account}:*")
def describe_regions(ctx: Context, req: DescribeRegionsRequest) -> DescribeRegionsResponse:
    if req.AcceptLanguage not in ("zh-CN", "en-US"):
        raise INVALID_QUERY.error(name="AcceptLanguage")
    zh = req.AcceptLanguage == "zh-CN"
    rows = [
        RegionItem(
            RegionId=id,
            RegionEndpoint=f"actiontrail.{id}.aliyuncs.com",
            LocalName=region.name_zh if zh else region.name,
        )
        for id, region in ctx.topology.regions.items()
    ]
    return DescribeRegionsResponse(Regions=RegionList(Region=rows))
