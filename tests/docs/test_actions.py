"""Every built action is named in a test that calls it through the official client."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from kowloon.actions.declare import Product
from kowloon.app import PRODUCTS

TESTS = Path(__file__).resolve().parents[1]
CLIENTS = {
    "Ecs": "ecs20140526",
    "Vpc": "vpc20160428",
    "Slb": "slb20140515",
    "Rds": "rds20140815",
    "Ram": "ram20150501",
    "Sts": "sts20150401",
}


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.code)
def test_every_action_is_called_by_a_test(product: Product) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((TESTS / "services").rglob("*.py")))
    client = importlib.import_module(f"alibabacloud_{CLIENTS[product.code]}.client").Client
    methods = {name.replace("_", "").lower(): name for name in dir(client)}
    untested = [name for name in product.actions if not re.search(rf"\b(?:{methods[name.lower()]}|{name})\b", text)]
    assert not untested
