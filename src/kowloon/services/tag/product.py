"""The Tag service (API version 2018-08-28): tags of all products by their ARNs. Its API runs in every zone."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions import arns
from kowloon.actions.declare import Named, Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.services.tag.resources import MetaTag
from kowloon.topology.services import Edge, ServiceNode


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    return [ServiceNode(name=f"tag@{region}", places=zones)], []


def _names(call: Named) -> Mapping[str, str | list[str]]:
    """`Named`: the resources of a call, as RAM writes them; the caller's account where they leave it open."""
    return {"Named": [_canonical(call, arn) for arn in map(arns.parse, call.texts("ResourceARN")) if arn is not None]}


def _canonical(call: Named, arn: arns.Arn) -> str:
    """Of several ways to write a type the one that policies know."""
    types = [type for _, type in call.registry.types_of(arn.service, arn.type)] if arn.type else []
    kind = types[0].arn_name or types[0].name if types else arn.type
    account = call.caller.account if arn.account in ("", "*") else arn.account
    region = call.region if arn.region in ("", "*") else arn.region
    return f"acs:{arn.service.lower()}:{region}:{account}:{kind}/{arn.id}"


tag = Product(
    "Tag",
    "2018-08-28",
    ram_code="tag",
    hosts=("tag",),
    resources=(MetaTag,),
    denied=NO_PERMISSION,
    plane=_plane,
    names=_names,
)
