"""The Tag service (API version 2018-08-28): tags of all products by their ARNs. Its API runs in every zone."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions import arns
from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.actions.ports import Principal
from kowloon.services.tag.resources import MetaTag
from kowloon.store.store import Store
from kowloon.topology.services import Edge, ServiceNode


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    return [ServiceNode(name=f"tag@{region}", places=zones)], []


def _names(store: Store, parameters: Mapping[str, str], principal: Principal) -> Mapping[str, str | list[str]]:
    """`Named`: the resources of a call, as RAM writes them; the caller's account where they leave it open."""
    named = []
    for name, value in parameters.items():
        arn = arns.parse(value) if name.partition(".")[0] == "ResourceARN" else None
        if arn is not None:
            account = principal.account if arn.account in ("", "*") else arn.account
            region = parameters.get("RegionId", "*") if arn.region in ("", "*") else arn.region
            named.append(f"acs:{arn.service}:{region}:{account}:{arn.type}/{arn.id}")
    return {"Named": named}


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
