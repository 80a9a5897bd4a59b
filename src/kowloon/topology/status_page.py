"""The provider's status page: what customers are shown of a region, which may be late and less than there is."""

from __future__ import annotations

from typing import Literal

import msgspec

from kowloon.topology.effects import Aspect
from kowloon.topology.health import HealthBoard

Shown = Literal["normal", "anomaly", "interrupted"]


class StatusLine(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: a zone, or a product's control plane. `shown` is what the page says, `true_state` what holds."""

    name: str
    shown: Shown
    true_state: Shown


def status_page(board: HealthBoard, region: str, now: float) -> list[StatusLine]:
    """Every zone and control plane of the region. Under a STATUS_PAGE policy nothing is shown before `first_post_at`,
    and with `understate` an interruption is called an anomaly and a browned-out control plane normal."""
    view = board.view(now)
    zones = board.topology.zone_ids(region)
    lines = {zone: _share(len(view.hosts_up(zone)) / len(board.topology.hosts(zone))) for zone in zones}
    names = [name for name in board.nodes(now) if name.endswith(f"@{region}")]
    lines |= {name: _share(view.service(name).share) for name in sorted(names)}
    policy = view.policy(f"status-page@{region}", Aspect.STATUS_PAGE)
    if policy is None:
        return [StatusLine(name=name, shown=state, true_state=state) for name, state in lines.items()]
    silent = now < float(policy.value["first_post_at"])
    understate = bool(policy.value["understate"])
    return [
        StatusLine(name=name, shown=_told(name in zones, state, silent, understate), true_state=state)
        for name, state in lines.items()
    ]


def _share(share: float) -> Shown:
    if share >= 0.999:
        return "normal"
    return "anomaly" if share > 0.0 else "interrupted"


def _told(is_zone: bool, state: Shown, silent: bool, understate: bool) -> Shown:
    if silent or (understate and not is_zone and state == "anomaly"):
        return "normal"
    return "anomaly" if understate and state == "interrupted" else state
