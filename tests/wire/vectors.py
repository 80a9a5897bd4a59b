"""The recorded requests of official clients, as the gateway would see them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from kowloon.wire.http import HttpRequest

Vector = dict[str, Any]


def load() -> list[Vector]:
    path = Path(__file__).parent.parent / "data" / "signature-vectors.json"
    vectors: list[Vector] = json.loads(path.read_text(encoding="utf-8"))
    return vectors


def body_of(vector: Vector) -> bytes:
    recorded = vector["request"]
    text = recorded.get("body") or ""
    return base64.b64decode(text) if recorded.get("body_encoding") == "base64" else text.encode()


def request_of(
    vector: Vector,
    *,
    target: str | None = None,
    headers: list[tuple[str, str]] | None = None,
    body: bytes | None = None,
) -> HttpRequest:
    recorded = vector["request"]
    return HttpRequest(
        method=recorded["method"],
        target=recorded["target"] if target is None else target,
        headers=headers or [(name.lower(), value) for name, value in recorded["headers"].items()],
        body=body_of(vector) if body is None else body,
    )
