"""Headers as a mapping, for code that reads several."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.wire.http import HttpRequest


def first_headers(request: HttpRequest) -> Mapping[str, str]:
    """Lower-case name to first value."""
    return request.fields
