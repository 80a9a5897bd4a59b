"""Rules of security groups: from the request's two forms to one stored rule, with the vendor's refusals."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.decode import Request
from kowloon.actions.errors import invalid
from kowloon.services.ecs.errors import (
    RULE_CIDR,
    RULE_GROUP_NOT_FOUND,
    RULE_NO_DESTINATION,
    RULE_NO_SOURCE,
    RULE_POLICY,
    RULE_PORTS,
    RULE_PORTS_MISMATCH,
    RULE_PRIORITY,
    RULE_PROTOCOL,
)
from kowloon.services.ecs.resources import SecurityGroup, SecurityRule

Direction = Literal["ingress", "egress"]
_PROTOCOLS = ("TCP", "UDP", "ICMP", "ICMPV6", "GRE", "ALL")
_PORTS = re.compile(r"(-?\d+)/(-?\d+)")
_ALL_PORTS = "-1/-1"


class RuleParam(msgspec.Struct, kw_only=True):
    IpProtocol: str = ""
    PortRange: str = ""
    SourcePortRange: str = ""
    SourceCidrIp: str = ""
    Ipv6SourceCidrIp: str = ""
    SourceGroupId: str = ""
    SourcePrefixListId: str = ""
    DestCidrIp: str = ""
    Ipv6DestCidrIp: str = ""
    DestGroupId: str = ""
    DestPrefixListId: str = ""
    Policy: str = "accept"
    Priority: str = "1"
    NicType: str = ""
    Description: str = ""


class RuleRequest(Request, RuleParam, kw_only=True):
    """`Permissions.N.*`, or one rule in the flat form that older clients send."""

    SecurityGroupId: str
    Permissions: list[RuleParam] = []
    ClientToken: str = ""


def given(req: RuleRequest) -> list[RuleParam]:
    """The rules that a request names, whichever form it has."""
    if req.Permissions:
        return req.Permissions
    names = RuleParam.__struct_fields__
    return [RuleParam(**{name: getattr(req, name) for name in names})] if req.IpProtocol else []


def rule_of(ctx: Context, param: RuleParam, direction: Direction) -> SecurityRule:
    """The rule as it is stored, with a fresh id. Prefix lists and source ports are refused: nothing reads them yet."""
    if param.SourcePortRange not in ("", _ALL_PORTS):
        raise invalid("SourcePortRange", "Kowloon's rules have no source ports yet.")
    protocol = param.IpProtocol.upper()
    if protocol not in _PROTOCOLS:
        raise RULE_PROTOCOL.error()
    cidr, group = _peer(ctx, param, direction)
    return SecurityRule(
        id=ctx.ids.resource("sgr"),
        direction=direction,
        protocol=protocol,
        port_range=_ports(protocol, param.PortRange),
        policy=_policy(param.Policy),
        priority=_priority(param.Priority),
        peer_cidr=cidr,
        peer_group=group,
        description=param.Description,
        created_at=ctx.now,
    )


def same(one: SecurityRule, other: SecurityRule) -> bool:
    """Whether two rules say the same, whatever their ids and descriptions."""
    return _meaning(one) == _meaning(other)


def _meaning(rule: SecurityRule) -> tuple[object, ...]:
    peer = (rule.peer_cidr, rule.peer_group)
    return (rule.direction, rule.protocol, rule.port_range, rule.policy, rule.priority, *peer)


def _ports(protocol: str, text: str) -> str:
    """Ports from 1 to 65535 as `low/high` for TCP and UDP; `-1/-1`, which is all, for the others."""
    if protocol not in ("TCP", "UDP"):
        if text not in ("", _ALL_PORTS):
            raise RULE_PORTS_MISMATCH.error()
        return _ALL_PORTS
    parts = _PORTS.fullmatch(text)
    if parts is None:
        raise RULE_PORTS.error()
    low, high = int(parts[1]), int(parts[2])
    if not 1 <= low <= high <= 65535:
        raise RULE_PORTS.error()
    return f"{low}/{high}"


def _policy(text: str) -> str:
    if text.lower() not in ("accept", "drop"):
        raise RULE_POLICY.error()
    return text.capitalize()


def _priority(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise RULE_PRIORITY.error()
    return int(text)


def _peer(ctx: Context, param: RuleParam, direction: Direction) -> tuple[str, str]:
    """The range or the group at the other end."""
    side = "Source" if direction == "ingress" else "Dest"
    values = msgspec.structs.asdict(param)
    cidr, cidr6, group = values[f"{side}CidrIp"], values[f"Ipv6{side}CidrIp"], values[f"{side}GroupId"]
    if cidr:
        return _range(cidr, f"{side}CidrIp"), ""
    if cidr6:
        return _range(cidr6, f"Ipv6{side}CidrIp"), ""
    if not group:
        raise (RULE_NO_SOURCE if direction == "ingress" else RULE_NO_DESTINATION).error()
    if ctx.mine(SecurityGroup, group) is None:
        raise RULE_GROUP_NOT_FOUND.error(name=f"{side}GroupId")
    return "", group


def _range(text: str, name: str) -> str:
    """As given, like the vendor; a single address stays one. The family must fit the parameter's name."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise RULE_CIDR.error(name=name) from None
    if (network.version == 6) != name.startswith("Ipv6"):
        raise RULE_CIDR.error(name=name)
    return text
