"""What a product's actions take and answer, as an OpenAPI 3.1 description made from their declarations."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from kowloon import __version__
from kowloon.actions import errors
from kowloon.actions.browser import SESSION_COOKIE, SIGN_IN_NEEDED
from kowloon.actions.declare import Action, Product

_REFERENCES = "#/components/schemas/{name}"
_ERROR = {
    "title": "Error",
    "type": "object",
    "description": "`Code` is for programs, `Message` for people; a denial says which policy it comes from.",
    "properties": {
        "RequestId": {"type": "string"},
        "HostId": {"type": "string"},
        "Code": {"type": "string"},
        "Message": {"type": "string"},
        "Recommend": {"type": "string"},
        "AccessDeniedDetail": {"type": "object"},
    },
    "required": ["RequestId", "HostId", "Code", "Message"],
}


def describe(product: Product) -> dict[str, Any]:
    actions = [product.actions[name] for name in sorted(product.actions)]
    answers = [_answer_type(action) for action in actions]
    types = [*(action.request for action in actions), *answers]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCES)
    _tidy(components)
    for schema in schemas[: len(actions)]:
        _close(components[schema["$ref"].rpartition("/")[2]], product)
    paths = {
        f"/api/{product.code}/{action.name}": {"post": _operation(product, action, taken, given)}
        for action, taken, given in zip(actions, schemas[: len(actions)], schemas[len(actions) :], strict=True)
    }
    description = {
        "openapi": "3.1.0",
        "info": {
            "title": f"{product.code} {product.version}",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": (
                "Actions as JSON, for who signed in (`POST /sign-in`). The same actions answer official clients, "
                f"signed with an access key, as version {product.version}."
            ),
        },
        "servers": [{"url": "/"}],
        "security": [{"session": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "responses": {
                "Refused": {
                    "description": _refusals(product),
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
            },
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE}},
        },
    }
    # Defaults that are tuples are lists as JSON has them.
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(description))
    return plain


def _tidy(components: dict[str, Any]) -> None:
    for schema in components.values():
        text = schema.pop("description", "")
        # What msgspec takes from the base of a type without a docstring of its own says nothing of the type.
        if text and not text.startswith("Base of typed "):
            schema["description"] = inspect.cleandoc(text)


def _close(request: dict[str, Any], product: Product) -> None:
    """As JSON no parameter is taken that the action does not have; but all say where they are meant."""
    request["additionalProperties"] = False
    if not product.central:
        request.setdefault("properties", {}).setdefault("RegionId", {"type": "string"})


def _answer_type(action: Action) -> Any:
    return inspect.signature(action.handler, eval_str=True).return_annotation


def _operation(product: Product, action: Action, taken: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    text = inspect.getdoc(action.handler) or action.name
    summary, _, rest = text.partition("\n\n")
    described = {
        "operationId": action.name,
        "summary": " ".join(summary.split()),
        "tags": ["reads" if action.access == "read" else "writes"],
        "x-ram-action": f"{product.ram_code}:{action.name}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": taken}}},
        "responses": {"200": {"description": "Done.", "content": _answered(given)}, "default": _refused()},
    }
    return {**described, "description": rest.strip()} if rest.strip() else described


def _answered(schema: dict[str, Any]) -> dict[str, Any]:
    """The gateway adds the RequestId."""
    with_id = {"type": "object", "properties": {"RequestId": {"type": "string"}}, "required": ["RequestId"]}
    return {"application/json": {"schema": {"allOf": [schema, with_id]}}}


def _refusals(product: Product) -> str:
    """Codes with their messages; what is in braces is filled in."""
    everybodys = (
        errors.MISSING,
        errors.INVALID_VALUE,
        errors.ACTION_NOT_FOUND,
        errors.THROTTLING,
        errors.SERVICE_UNAVAILABLE,
        SIGN_IN_NEEDED,
        product.denied,
    )
    rows = [f"| {each.status} | `{each.code}` | {each.message} |" for each in (*everybodys, *product.errors)]
    return "\n".join(["Refused.", "", "| Status | Code | Message |", "|---|---|---|", *rows])


def _refused() -> dict[str, str]:
    return {"$ref": "#/components/responses/Refused"}
