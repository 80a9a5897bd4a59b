"""Bounds of the HTTP front end."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.core import limits
from kowloon.wire.framing_limits import FramingLimits

_LONGEST_SWEEP_S: Final = 1.0


class TransportSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the front end. Header and body timeouts are for the whole of either, however many pieces it takes;
    only of a body that is received in pieces, and of an answer out of files, there must be some more in time."""

    framing: FramingLimits = FramingLimits()
    max_connections: int = limits.MAX_CONNECTIONS
    max_pipeline: int = limits.MAX_PIPELINE
    max_discarded_bytes: int = limits.MAX_DISCARDED_BYTES
    header_timeout_s: float = limits.HEADER_TIMEOUT_S
    body_timeout_s: float = limits.BODY_TIMEOUT_S
    keep_alive_timeout_s: float = limits.KEEP_ALIVE_TIMEOUT_S
    # For a client that does not read what it asked for.
    write_timeout_s: float = limits.BODY_TIMEOUT_S
    # How long a closed connection waits for the client to notice, so that its last answer is not lost.
    linger_s: float = 2.0
    # How long `close` waits for running requests.
    drain_s: float = 5.0
    # Of WebSockets. So long nothing may come before a ping is sent; after so many without a sign of life one is
    # dropped, as is one for which more than so much waits to be sent.
    ping_interval_s: float = limits.PING_INTERVAL_S
    max_unanswered_pings: int = limits.MAX_UNANSWERED_PINGS
    max_message_bytes: int = limits.MAX_MESSAGE_BYTES
    max_unsent_bytes: int = limits.MAX_UNSENT_BYTES

    @property
    def sweep_s(self) -> float:
        """How often deadlines are looked at."""
        shortest = min(
            self.header_timeout_s,
            self.body_timeout_s,
            self.keep_alive_timeout_s,
            self.write_timeout_s,
            self.linger_s,
            self.ping_interval_s,
        )
        return min(max(shortest / 4, 0.01), _LONGEST_SWEEP_S)
