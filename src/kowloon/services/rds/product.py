"""RDS: managed databases, PostgreSQL here (API version 2014-08-15)."""

from __future__ import annotations

from kowloon.actions.declare import Product, ResourceType
from kowloon.actions.errors import FORBIDDEN
from kowloon.services.rds.resources import Account, Database, DBInstance
from kowloon.topology.services import Edge, ServiceNode


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    return [ServiceNode(name=f"rds@{region}", places=zones)], []


rds = Product(
    "Rds",
    "2014-08-15",
    ram_code="rds",
    hosts=("rds",),
    resources=(DBInstance, Account, Database),
    types=(ResourceType(name="instance", arn_name="dbinstance", kind=DBInstance, grouped=True),),
    denied=FORBIDDEN,
    plane=_plane,
    condition_keys={
        "rds:engine": "Engine",
        "rds:engineversion": "EngineVersion",
        "rds:dbinstanceclass": "DBInstanceClass",
        "rds:dbinstancestorage": "DBInstanceStorage",
    },
)
