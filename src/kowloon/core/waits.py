"""How long to wait, where that is not on the cloud's clock."""

from __future__ import annotations


class RealSeconds(float):
    """A wait in real time, for asking real parts: a skip of the cloud's clock does not ask them thousands of times."""
