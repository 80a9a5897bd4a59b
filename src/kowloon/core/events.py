"""What happens in a cloud, as typed events on one bus. Subscribers never slow down who emits."""

from __future__ import annotations

from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=str):
    """`at` is cloud time in seconds."""

    at: float


class RequestEvent(Event, frozen=True, kw_only=True, array_like=True):
    """One call, allowed or not; or, by its `event_type`, somebody who signs in. `wall` is wall time; `latency_ms`
    covers the whole chain. `principal` is an ARN; `resources` are ARNs; `data`: a call for what a resource holds, not
    for the resource. `parameters` and `response` have their secrets masked; `response` is kept of calls that change
    something. Of a session: when it began (cloud time); of a role's its SourceIdentity, and the identity provider that
    it came by and whom that knows; of a user's whether an MFA device vouched.

    In the journal its fields have no names: new ones come last, and other changes need another mark there."""

    wall: float
    request_id: str
    event_type: str = "ApiCall"
    account: str = ""
    principal: str = ""
    principal_type: str = ""
    principal_id: str = ""
    principal_name: str = ""
    session_began_at: float | None = None
    source_identity: str = ""
    provider: str = ""
    subject: str = ""
    access_key_id: str = ""
    mfa: bool = False
    source: str = ""
    host: str = ""
    scheme: str = ""
    user_agent: str = ""
    product: str = ""
    version: str = ""
    action: str = ""
    region: str = ""
    resources: tuple[str, ...] = ()
    data: bool = False
    reads: bool = False
    parameters: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    status: int = 0
    code: str = ""
    message: str = ""
    decision: str = ""
    fault: str = ""
    latency_ms: float = 0.0


class FaultEvent(Event, frozen=True, kw_only=True):
    fault_id: str
    kind: str
    phase: str
    scope: tuple[str, ...]
    text: str = ""


class HealthEvent(Event, frozen=True, kw_only=True):
    """A node changed: `aspect` is power, heat, network, storage, control_plane ...; `state` is for people to read."""

    node: str
    aspect: str
    state: str
    level: str = "INFO"
    fault_id: str = ""


class ResourceEvent(Event, frozen=True, kw_only=True):
    """A change that operators care about: failover, degraded, recovered, boot failed."""

    kind: str
    id: str
    state: str
    text: str = ""
    level: str = "INFO"
    region: str = ""


class ProviderMessage(Event, frozen=True, kw_only=True):
    """What the provider tells its customers; `accuracy` says how true it is."""

    channel: str
    text: str
    accuracy: str = "exact"


class DrillEvent(Event, frozen=True, kw_only=True):
    drill_id: str
    state: str
    text: str = ""
    scenario_minute: float = 0.0


class DutyEvent(Event, frozen=True, kw_only=True):
    """A post changed hands, somebody was paged or answered. `what` is a word such as handed-over, paged, acknowledged;
    `page` is the page's id."""

    account: str
    what: str
    post: str
    person: str = ""
    capacity: str = ""
    page: str = ""
    text: str = ""


class RoomEvent(Event, frozen=True, kw_only=True):
    """Something in an incident's room of the messenger. `what`: opened, joined, lead, acknowledged, said, command,
    closed; `person` is a member's id."""

    account: str
    room: str
    what: str
    person: str = ""
    text: str = ""


def to_plain(event: Event) -> dict[str, Any]:
    """The event as JSON-ready data, its type under `event`."""
    plain: dict[str, Any] = {"event": event.__class__.__name__, **msgspec.structs.asdict(event)}
    return plain
