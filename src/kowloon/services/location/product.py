"""Location: where older clients ask for the endpoint of a product (API version 2015-06-12)."""

from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION

location = Product(
    "Location",
    "2015-06-12",
    ram_code="location",
    hosts=("location-readonly", "location"),
    central=True,
    denied=NO_PERMISSION,
    published=frozenset({"DescribeEndpoint", "DescribeEndpoints", "DescribeRegions", "DescribeServices"}),
)
