"""Waiting without sleeping a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL_S = 0.02


def eventually(check: Callable[[], object], timeout_s: float = 15.0) -> None:
    """Return once `check()` is true; AssertionError when it is not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, f"not true within {timeout_s} s"
        time.sleep(_POLL_S)
