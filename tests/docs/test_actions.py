"""Every built action is named in a test that calls it through the official client."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from kowloon.actions.declare import Product
from kowloon.app import PRODUCTS
from kowloon.services.oss.product import oss

TESTS = Path(__file__).resolve().parents[1]
CLIENTS = {
    "Actiontrail": "actiontrail20200706",
    "Ecs": "ecs20140526",
    "Vpc": "vpc20160428",
    "Slb": "slb20140515",
    "Rds": "rds20140815",
    "Ims": "ims20190815",
    "Ram": "ram20150501",
    "ResourceManager": "resourcemanager20200331",
    "Sts": "sts20150401",
    "Tag": "tag20180828",
}
# Called by the older client alone; and our own, of which there is no client: by name.
OLDER = {"Location"}
OURS = {"Duty": TESTS / "duty"}


@pytest.mark.parametrize("product", [each for each in PRODUCTS if each.actions], ids=lambda product: product.code)
def test_every_action_is_called_by_a_test(product: Product) -> None:
    folder = OURS.get(product.code, TESTS / "services")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))
    methods = {}
    if product.code not in OLDER | OURS.keys():
        client = importlib.import_module(f"alibabacloud_{CLIENTS[product.code]}.client").Client
        methods = {name.replace("_", "").lower(): name for name in dir(client)}
    named = {name: methods[name.lower()] if methods else name for name in product.actions}
    untested = [name for name, method in named.items() if not re.search(rf"\b(?:{method}|{name})\b", text)]
    assert not untested


# What oss2 calls by another name than the API reference does.
OTHER_NAMES = {
    "PutBucketTags": "put_bucket_tagging",
    "GetBucketTags": "get_bucket_tagging",
    "DeleteBucketTags": "delete_bucket_tagging",
    "PutCname": "put_bucket_cname",
    "ListCname": "list_bucket_cname",
    "DeleteCname": "delete_bucket_cname",
    "CreateCnameToken": "create_bucket_cname_token",
    "GetCnameToken": "get_bucket_cname_token",
    "PutStyle": "put_bucket_style",
    "GetStyle": "get_bucket_style",
    "ListStyle": "list_bucket_style",
    "DeleteStyle": "delete_bucket_style",
}


def test_every_operation_of_the_object_store_is_called_by_a_test() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((TESTS / "services" / "oss").rglob("*.py")))
    spelt = text.replace("_", "").lower()
    called = {name for name in oss.built if name.lower() in spelt or OTHER_NAMES.get(name, "?") in text}
    assert set(oss.built) == called


def test_every_operation_of_the_object_store_is_one_of_the_vendors() -> None:
    assert set(oss.built) <= oss.published
