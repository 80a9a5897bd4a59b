"""The OpenAPI descriptions: valid, complete, and of what is really there."""

from __future__ import annotations

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from kowloon.actions.declare import Product
from kowloon.actions.openapi import describe
from kowloon.app import PRODUCTS
from tests.core.parts import answer, get, paper_cloud, told


@pytest.mark.parametrize("product", [product for product in PRODUCTS if product.actions], ids=lambda each: each.code)
def test_every_action_is_described_and_the_description_is_valid(product: Product) -> None:
    description = describe(product)
    OpenAPIV31SpecValidator(description).validate()
    assert set(description["paths"]) == {f"/api/{product.code}/{name}" for name in product.actions}
    schemas = description["components"]["schemas"]
    for path, item in description["paths"].items():
        operation = item["post"]
        assert operation["summary"], path
        taken = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        fields = product.actions[path.rpartition("/")[2]].request.__struct_fields__
        region = set() if product.central else {"RegionId"}
        assert set(schemas[taken].get("properties", {})) == set(fields) | region, path
        assert schemas[taken]["additionalProperties"] is False


def test_refusals_are_refusalswith_their_codes() -> None:
    duty = next(product for product in PRODUCTS if product.code == "Duty")
    refusals = describe(duty)["components"]["responses"]["Refused"]["description"]
    assert "| 404 | `PostNotFound` | There is no post {id}{hint}. |" in refusals
    assert "| 401 | `SignInRequired` | " in refusals
    assert "| 403 | `NoPermission` | You are not authorized to do this action." in refusals


async def test_it_is_served_to_everybody() -> None:
    async with paper_cloud() as caller:
        response = await answer(caller.cloud, get("/api/openapi.json?product=vpc"))
        assert response.status == 200
        served = json.loads(response.body)
        assert served == json.loads(json.dumps(describe(caller.cloud.registry.products[1])))
        assert served["info"]["title"] == "Vpc 2016-04-28"
        for target in ("/api/openapi.json", "/api/openapi.json?product=Oss"):
            refusal = told(await answer(caller.cloud, get(target)))
            assert refusal[:2] == (404, "ProductNotFound")
