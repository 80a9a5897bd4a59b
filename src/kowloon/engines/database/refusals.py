"""What every database engine refuses, in the same words."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.engines.base import EngineError
from kowloon.engines.database.base import DatabasePayload


def decode_payload(unit_id: str, payload: dict[str, Any]) -> DatabasePayload:
    try:
        return msgspec.convert(payload, DatabasePayload)
    except msgspec.ValidationError as error:
        raise EngineError(f"The node {unit_id} cannot be configured: {error}.") from error


def no_data(unit_id: str) -> EngineError:
    return EngineError(f"The node {unit_id} has no data yet; it must be started first.")


def stale_order(unit_id: str, generation: int, payload: DatabasePayload) -> EngineError:
    return EngineError(
        f"The node {unit_id} is of generation {generation}; "
        f"an order to be {payload.role} of generation {payload.generation} is stale and refused."
    )


def stale_promotion(unit_id: str, role: str, present: int, wanted: int) -> EngineError:
    return EngineError(
        f"The node {unit_id} is {role} of generation {present}; "
        f"a promotion to generation {wanted} is stale and refused."
    )


def not_promoted(unit_id: str, generation: int) -> EngineError:
    return EngineError(
        f"The node {unit_id} is standby of generation {generation}; "
        "it becomes primary only by a promotion to a newer one."
    )


def needs_restart(unit_id: str, role: str, generation: int, payload: DatabasePayload) -> EngineError:
    return EngineError(
        f"The node {unit_id} is {role} of generation {generation}; it must be promoted or restarted "
        f"to be {payload.role} of generation {payload.generation}."
    )


def not_a_primary(unit_id: str) -> EngineError:
    return EngineError(f"The node {unit_id} is a standby; only a primary waits for one.")


def no_primary_in_reach(unit_id: str, upstream: str) -> EngineError:
    return EngineError(f"The node {unit_id} cannot reach its primary at {upstream}.")
