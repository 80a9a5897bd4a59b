"""The settings of listeners: which wire parameter sets which field, within which bounds.

What the balancers cannot do is refused with the reason instead of being kept and ignored: access lists, the PROXY
protocol, consistent hashing, source affinity, connection draining, redirection, further X-Forwarded headers.
Deviations: `Bandwidth` and `Gzip` are kept and shown, and change nothing in the traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from kowloon.actions.decode import Request
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.services.slb.resources import Listener

Check = Callable[[str, object], object]
_CODES = frozenset({"http_2xx", "http_3xx", "http_4xx", "http_5xx"})


def _between(low: int, high: int) -> Check:
    def check(name: str, value: object) -> object:
        if not isinstance(value, int) or not low <= value <= high:
            raise invalid(name, f"It is a number from {low} to {high}.")
        return value

    return check


def _one_of(*allowed: str) -> Check:
    def check(name: str, value: object) -> object:
        if value not in allowed:
            raise invalid(name, f"It is one of {', '.join(allowed)}.")
        return value

    return check


def _bandwidth(name: str, value: object) -> object:
    return value if value == -1 else _between(1, 5120)(name, value)


def _codes(name: str, value: object) -> object:
    if not set(str(value).split(",")) <= _CODES:
        raise invalid(name, f"It lists some of {', '.join(sorted(_CODES))}.")
    return value


def _path(name: str, value: object) -> object:
    if not str(value).startswith("/") or len(str(value)) > 80:
        raise invalid(name, "It has 1 to 80 characters and starts with /.")
    return value


def _text(name: str, value: object) -> object:
    if len(str(value)) > 256:
        raise invalid(name, "It has at most 256 characters.")
    return value


class CommonFields(Request):
    BackendServerPort: int | None = None
    Description: str | None = None
    Scheduler: str | None = None
    VServerGroupId: str | None = None
    AclStatus: str | None = None
    HealthCheckConnectPort: int | None = None
    HealthCheckDomain: str | None = None
    HealthCheckHttpCode: str | None = None
    HealthCheckInterval: int | None = None
    HealthCheckMethod: str | None = None
    HealthCheckURI: str | None = None
    HealthyThreshold: int | None = None
    UnhealthyThreshold: int | None = None


class TcpFields(CommonFields):
    """`healthCheckInterval`: the vendor's spelling in CreateLoadBalancerTCPListener alone."""

    ConnectionDrain: str | None = None
    EstablishedTimeout: int | None = None
    HealthCheckConnectTimeout: int | None = None
    HealthCheckSwitch: str | None = None
    HealthCheckType: str | None = None
    healthCheckInterval: int | None = None
    MasterSlaveServerGroupId: str | None = None
    PersistenceTimeout: int | None = None
    ProxyProtocolV2Enabled: bool | None = None


class HttpFields(CommonFields):
    Cookie: str | None = None
    CookieTimeout: int | None = None
    Gzip: str | None = None
    HealthCheckTimeout: int | None = None
    IdleTimeout: int | None = None
    ListenerForward: str | None = None
    RequestTimeout: int | None = None
    StickySession: str | None = None
    StickySessionType: str | None = None
    XForwardedFor: str | None = None
    XForwardedFor_ClientSrcPort: str | None = None
    XForwardedFor_SLBID: str | None = None
    XForwardedFor_SLBIP: str | None = None
    XForwardedFor_SLBPORT: str | None = None
    XForwardedFor_proto: str | None = None


_ON_OFF = _one_of("on", "off")

# Wire name -> field of the stored listener, and what its value must be.
_SETTINGS: dict[str, tuple[str, Check]] = {
    "BackendServerPort": ("backend_port", _between(1, 65535)),
    "Bandwidth": ("bandwidth", _bandwidth),
    "Description": ("description", _text),
    "Scheduler": ("scheduler", _one_of("wrr", "rr", "wlc")),
    "EstablishedTimeout": ("established_timeout", _between(10, 900)),
    "HealthCheck": ("check", _ON_OFF),
    "HealthCheckSwitch": ("check", _ON_OFF),
    "HealthCheckType": ("check_type", _one_of("tcp", "http")),
    "HealthCheckConnectPort": ("check_port", _between(1, 65535)),
    "HealthCheckConnectTimeout": ("check_timeout", _between(1, 300)),
    "HealthCheckTimeout": ("check_timeout", _between(1, 300)),
    "HealthCheckInterval": ("check_interval", _between(1, 50)),
    "healthCheckInterval": ("check_interval", _between(1, 50)),
    "HealthyThreshold": ("healthy", _between(2, 10)),
    "UnhealthyThreshold": ("unhealthy", _between(2, 10)),
    "HealthCheckDomain": ("check_domain", _text),
    "HealthCheckURI": ("check_uri", _path),
    "HealthCheckHttpCode": ("check_codes", _codes),
    "HealthCheckMethod": ("check_method", _one_of("head", "get")),
    "IdleTimeout": ("idle_timeout", _between(1, 60)),
    "RequestTimeout": ("request_timeout", _between(1, 180)),
    "Gzip": ("gzip", _ON_OFF),
    "XForwardedFor": ("forwarded_for", _ON_OFF),
    "StickySession": ("sticky", _ON_OFF),
    "StickySessionType": ("sticky_type", _one_of("insert", "server")),
    "Cookie": ("cookie", _text),
    "CookieTimeout": ("cookie_timeout", _between(1, 86400)),
}

# Wire name -> the values that ask for nothing, all others being refused.
_UNSUPPORTED: dict[str, tuple[object, ...]] = {
    "AclStatus": ("off",),
    "ConnectionDrain": ("off",),
    "MasterSlaveServerGroupId": (),
    "PersistenceTimeout": (0,),
    "ProxyProtocolV2Enabled": (False,),
    "ListenerForward": ("off",),
    "XForwardedFor_ClientSrcPort": ("off",),
    "XForwardedFor_SLBID": ("off",),
    "XForwardedFor_SLBIP": ("off",),
    "XForwardedFor_SLBPORT": ("off",),
    "XForwardedFor_proto": ("off",),
}


def changes(req: Request) -> dict[str, object]:
    """The fields of a stored listener that a request sets; refused where a value is out of its bounds."""
    given = _given(req)
    for name, nothing in _UNSUPPORTED.items():
        if name in given and given[name] not in nothing:
            raise invalid(name, "Kowloon's load balancers do not do this yet.")
    found: dict[str, object] = {}
    for name, value in given.items():
        if name in _SETTINGS:
            field, check = _SETTINGS[name]
            found[field] = check(name, value)
    return found


def _given(req: Request) -> Mapping[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(req).items() if value not in (None, "")}


def checked(listener: Listener) -> Listener:
    """A listener whose settings also fit each other."""
    if not listener.group_id and not listener.backend_port:
        raise MISSING_PARAMETER.error(name="BackendServerPort")
    if listener.sticky == "on":
        if not listener.sticky_type:
            raise MISSING_PARAMETER.error(name="StickySessionType")
        if listener.sticky_type == "server" and not listener.cookie:
            raise MISSING_PARAMETER.error(name="Cookie")
        if listener.sticky_type == "insert" and not listener.cookie_timeout:
            raise MISSING_PARAMETER.error(name="CookieTimeout")
    return listener
