"""Errors that a caller can cause: a code and a message from a catalogue, never a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class ApiError(Exception):
    """One documented failure of an API call. `code` and `message` are the vendor's, `status` is the HTTP status."""

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        # `AccessDeniedDetail` of a RAM denial, keys as the vendor's.
        self.detail = dict(detail or {})


class ErrorSpec(msgspec.Struct, frozen=True):
    """A row of an error catalogue; `message` is a format template, fields are given when it is raised."""

    code: str
    status: int
    message: str

    def error(self, **fields: object) -> ApiError:
        return ApiError(self.code.format(**fields), self.status, self.message.format(**fields))


class ConfigurationError(Exception):
    """The program cannot start as asked; the message says what to change."""


class CapabilityError(Exception):
    """The chosen engine cannot do this here; the message says which one could."""
