"""Headers as a mapping, for code that reads several."""

from __future__ import annotations

from kowloon.wire.http import HttpRequest


def first_headers(request: HttpRequest) -> dict[str, str]:
    """Lower-case name to first value."""
    headers = dict(request.headers)
    if len(headers) != len(request.headers):
        headers = dict(reversed(request.headers))
    return headers
