"""STS (API version 2015-04-01)."""

from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.services.sts.resources import UsedAssertion

sts = Product(
    "Sts",
    "2015-04-01",
    ram_code="sts",
    hosts=("sts",),
    resources=(UsedAssertion,),
    central=True,
    denied=NO_PERMISSION,
    condition_keys={"sts:externalid": "ExternalId", "sts:sourceidentity": "SourceIdentity"},
)
