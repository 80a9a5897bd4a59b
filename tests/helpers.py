"""Waiting for what happens later, and calling what should fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from Tea.exceptions import TeaException

T = TypeVar("T")
_POLL_S = 0.02


def eventually(check: Callable[[], T], timeout_s: float = 15.0) -> T:
    """The first truthy answer of `check`; an assertion in it, or a falsy answer, is asked again until the end."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while True:
        try:
            answer = check()
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout_s} s; the last answer was {answer!r}")
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        pause.wait(_POLL_S)


def refused(call: Callable[[], Any], code: str, message: str = "", status: int = 0) -> TeaException:
    """The refusal of a call through an official SDK, its code (and message and HTTP status) being as said."""
    with pytest.raises(TeaException) as caught:
        call()
    error = caught.value
    assert error.code == code, (error.code, error.message)
    if message:
        assert message in error.message, error.message
    if status:
        assert error.statusCode == status, error.statusCode
    return error
