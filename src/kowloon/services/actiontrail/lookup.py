"""LookupEvents, and what an access key was last used for.

Deviation: the vendor shows an event some minutes after it happened; here it is there at once.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.engines.audit.index import Found, Wanted
from kowloon.services.actiontrail.audit import KEPT_S, AuditTrail, caught_up
from kowloon.services.actiontrail.errors import INVALID_QUERY, INVALID_TIME
from kowloon.services.actiontrail.product import actiontrail
from kowloon.store.identity import Account, StoredKey, User

_WEEK_S = 7 * 24 * 3600.0
_COLUMNS = {
    "ServiceName": "service",
    "EventName": "name",
    "User": "user",
    "EventId": "id",
    "ResourceType": "resource_kind",
    "ResourceName": "resource_name",
    "EventRW": "rw",
    "EventAccessKeyId": "access_key",
}
_RW = ("Read", "Write", "All")


class LookupAttribute(msgspec.Struct, kw_only=True):
    Key: str
    Value: str


class LookupEventsRequest(Request):
    StartTime: str = ""
    EndTime: str = ""
    Direction: str = "BACKWARD"
    MaxResults: int = 20
    NextToken: str = ""
    LookupAttribute: list[LookupAttribute] = []


class LookupEventsResponse(Response):
    Events: list[dict[str, Any]]
    StartTime: str
    EndTime: str
    NextToken: str = ""


@actiontrail.action(resource="acs:actiontrail:*:{account}:*", access="read", prepare=caught_up)
def lookup_events(ctx: Context, req: LookupEventsRequest) -> LookupEventsResponse:
    if req.Direction not in ("FORWARD", "BACKWARD"):
        raise INVALID_QUERY.error(name="Direction")
    if not 0 <= req.MaxResults <= 50:
        raise INVALID_QUERY.error(name="MaxResults")
    last = _moment(req.EndTime, "EndTime") if req.EndTime else ctx.now
    first = _moment(req.StartTime, "StartTime") if req.StartTime else last - _WEEK_S
    if first > last:
        raise INVALID_TIME.error(why="StartTime is after EndTime.")
    wanted = Wanted(
        ctx.account,
        max(first, ctx.now - KEPT_S),
        last,
        _matches(req.LookupAttribute),
        req.Direction == "BACKWARD",
        _from_token(req.NextToken) if req.NextToken else None,
    )
    most = req.MaxResults or 20
    found = ctx.port(AuditTrail).index.find(wanted, most + 1)
    more = len(found) > most
    return LookupEventsResponse(
        Events=[_record(each) for each in found[:most]],
        StartTime=iso_seconds(first),
        EndTime=iso_seconds(last),
        NextToken=_token(found[most - 1]) if more else "",
    )


def _matches(attributes: list[LookupAttribute]) -> tuple[tuple[str, str], ...]:
    matches = []
    for attribute in attributes:
        column = _COLUMNS.get(attribute.Key)
        if column is None or (column == "rw" and attribute.Value not in _RW):
            raise INVALID_QUERY.error(name="LookupAttribute")
        if (column, attribute.Value) != ("rw", "All"):
            matches.append((column, attribute.Value))
    return tuple(matches)


def _moment(text: str, name: str) -> float:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise INVALID_QUERY.error(name=name) from None
    return moment.replace(tzinfo=UTC).timestamp()


def _token(last: Found) -> str:
    return base64.urlsafe_b64encode(f"{last.at!r}/{last.position}".encode()).decode()


def _from_token(token: str) -> tuple[float, int]:
    try:
        at, _, position = base64.urlsafe_b64decode(token.encode()).decode().partition("/")
        return float(at), int(position)
    except ValueError:
        raise INVALID_QUERY.error(name="NextToken") from None


def _record(found: Found) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.json.decode(found.body)
    return record


# Access keys ----------------------------------------------------------------------------------------------------------


class AccessKeyRequest(Request):
    AccessKey: str


class GetAccessKeyLastUsedInfoRequest(AccessKeyRequest):
    pass


class GetAccessKeyLastUsedInfoResponse(Response):
    AccessKeyId: str
    AccountId: str
    AccountType: str
    OwnerId: str
    UserName: str = ""
    ServiceName: str = ""
    ServiceNameEn: str = ""
    ServiceNameCn: str = ""
    Source: str = ""
    Detail: str = ""
    UsedTimestamp: int = 0


def _own_key(ctx: Context, id: str) -> StoredKey:
    key = ctx.tx.get(StoredKey, id)
    if key is None or key.account != ctx.account:
        raise INVALID_QUERY.error(name="AccessKey")
    return key


def _latest(ctx: Context, key: StoredKey, column: str, service: str = "") -> list[dict[str, Any]]:
    found = ctx.port(AuditTrail).index.latest_by(column, ctx.account, key.id, ctx.now - KEPT_S, service)
    return [{**_record(each), "usedAt": int(each.at * 1000)} for each in found]


@actiontrail.action(resource="acs:actiontrail:*:{account}:*", prepare=caught_up)
def get_access_key_last_used_info(
    ctx: Context, req: GetAccessKeyLastUsedInfoRequest
) -> GetAccessKeyLastUsedInfoResponse:
    key = _own_key(ctx, req.AccessKey)
    user = ctx.tx.get(User, key.user) if key.user else None
    account = ctx.tx.get(Account, key.account)
    latest = _latest(ctx, key, "service")
    last = latest[0] if latest else {}
    return GetAccessKeyLastUsedInfoResponse(
        AccessKeyId=key.id,
        AccountId=key.account,
        AccountType="ram-user" if user is not None else "root-account",
        OwnerId=user.user_id if user is not None else key.account,
        UserName=user.name if user is not None else (account.alias if account is not None else ""),
        ServiceName=last.get("serviceName", ""),
        ServiceNameEn=last.get("serviceName", ""),
        ServiceNameCn=last.get("serviceName", ""),
        Source="ManagementEvent" if last else "",
        Detail=last.get("eventName", ""),
        UsedTimestamp=last.get("usedAt", 0),
    )


class GetAccessKeyLastUsedProductsRequest(AccessKeyRequest):
    pass


class ProductItem(msgspec.Struct, kw_only=True):
    ServiceName: str
    ServiceNameEn: str
    ServiceNameCn: str
    Detail: str
    UsedTimestamp: int
    Source: str = "ManagementEvent"


class GetAccessKeyLastUsedProductsResponse(Response):
    Products: list[ProductItem]


@actiontrail.action(resource="acs:actiontrail:*:{account}:*", prepare=caught_up)
def get_access_key_last_used_products(
    ctx: Context, req: GetAccessKeyLastUsedProductsRequest
) -> GetAccessKeyLastUsedProductsResponse:
    rows = _latest(ctx, _own_key(ctx, req.AccessKey), "service")
    return GetAccessKeyLastUsedProductsResponse(
        Products=[
            ProductItem(
                ServiceName=row["serviceName"],
                ServiceNameEn=row["serviceName"],
                ServiceNameCn=row["serviceName"],
                Detail=row["eventName"],
                UsedTimestamp=row["usedAt"],
            )
            for row in rows
        ]
    )


class OfServiceRequest(AccessKeyRequest):
    ServiceName: str
    PageSize: int = 20
    NextToken: str = ""


def _page(ctx: Context, req: OfServiceRequest, column: str) -> tuple[list[dict[str, Any]], str]:
    if not 0 <= req.PageSize <= 100:
        raise INVALID_QUERY.error(name="PageSize")
    if req.NextToken and not (req.NextToken.isascii() and req.NextToken.isdigit()):
        raise INVALID_QUERY.error(name="NextToken")
    rows = _latest(ctx, _own_key(ctx, req.AccessKey), column, req.ServiceName)
    start, size = int(req.NextToken or 0), req.PageSize or 20
    return rows[start : start + size], str(start + size) if start + size < len(rows) else ""


class GetAccessKeyLastUsedEventsRequest(OfServiceRequest):
    pass


class EventItem(msgspec.Struct, kw_only=True):
    EventName: str
    Detail: str
    UsedTimestamp: int
    Source: str = "ManagementEvent"


class GetAccessKeyLastUsedEventsResponse(Response):
    Events: list[EventItem]
    NextToken: str = ""


@actiontrail.action(resource="acs:actiontrail:*:{account}:*", prepare=caught_up)
def get_access_key_last_used_events(
    ctx: Context, req: GetAccessKeyLastUsedEventsRequest
) -> GetAccessKeyLastUsedEventsResponse:
    rows, token = _page(ctx, req, "name")
    items = [EventItem(EventName=row["eventName"], Detail=row["eventId"], UsedTimestamp=row["usedAt"]) for row in rows]
    return GetAccessKeyLastUsedEventsResponse(Events=items, NextToken=token)


class GetAccessKeyLastUsedIpsRequest(OfServiceRequest):
    pass


class IpItem(msgspec.Struct, kw_only=True):
    Ip: str
    Detail: str
    UsedTimestamp: int
    Source: str = "ManagementEvent"


class GetAccessKeyLastUsedIpsResponse(Response):
    Ips: list[IpItem]
    NextToken: str = ""


@actiontrail.action(resource="acs:actiontrail:*:{account}:*", prepare=caught_up)
def get_access_key_last_used_ips(ctx: Context, req: GetAccessKeyLastUsedIpsRequest) -> GetAccessKeyLastUsedIpsResponse:
    rows, token = _page(ctx, req, "source")
    items = [IpItem(Ip=row["sourceIpAddress"], Detail=row["eventName"], UsedTimestamp=row["usedAt"]) for row in rows]
    return GetAccessKeyLastUsedIpsResponse(Ips=items, NextToken=token)
