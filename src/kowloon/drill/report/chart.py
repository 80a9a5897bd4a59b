"""The chart of one or several drills of a scenario: facility, control plane and customers on the scenario's time.

An SVG to stand in a page, with colours that follow the page's (CSS variables), or alone with colours of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kowloon.drill.measure import Class, classify
from kowloon.drill.report.looks import (
    BY_NAME,
    FAINT,
    PALETTE,
    as_svg,
    frame,
    legend,
    looks,
    percent,
    time_axis,
    title,
)
from kowloon.drill.result import DrillResult, ProbeResult

_STATE_COLOURS: dict[Class, str] = {"up": BY_NAME["up"], "degraded": BY_NAME["degraded"], "down": BY_NAME["down"]}
_SERIES_COLOURS = (BY_NAME["one"], BY_NAME["two"])
# A hold of seconds would not be seen on an axis of hours.
_TICK_SHARE = 0.0025
_EXTRAPOLATED_ALPHA = 0.38
_ROW_HEIGHT = 0.72


def drill_chart(results: Sequence[DrillResult], *, narrow: bool = False) -> str:
    """An `<svg>` element for a page that defines the palette's variables. `narrow`: for a phone."""
    rows = list(_rows(results))
    with looks():
        width, top = (4.3, 1.5) if narrow else (10.4, 1.7)
        heights = [top, top, 0.3 * len(rows) + 0.3]
        figure = Figure(figsize=(width, sum(heights) + (2.0 if narrow else 1.5)), layout="constrained")
        facility, plane, customers = figure.subplots(3, 1, sharex=True, height_ratios=heights)
        _facility(facility, results[0], narrow=narrow)
        _control_plane(plane, results, narrow=narrow)
        _customers(customers, rows, results[0], narrow=narrow)
        time_axis(customers, results[0], narrow=narrow)
        return as_svg(figure)


def standalone(svg: str) -> str:
    """The same chart as a file of its own, readable on light and dark grounds."""
    light = "".join(f"{variable}:{colour};" for variable, colour, _ in PALETTE.values())
    dark = "".join(f"{variable}:{colour};" for variable, _, colour in PALETTE.values())
    family = "font-family:system-ui,-apple-system,'Segoe UI',sans-serif"
    style = f"<style>:root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}text{{{family}}}</style>"
    opening = svg.index(">") + 1
    return '<?xml version="1.0" encoding="utf-8"?>\n' + svg[:opening] + style + svg[opening:]


# --- the three tracks ---


def _facility(axes: Axes, result: DrillResult, *, narrow: bool) -> None:
    """Hosts up in the zone that suffered most, and its hottest aisle."""
    title(axes, "Facility: hosts up, and the hottest aisle")
    samples = result.record.facility
    if not samples:
        return
    worst = min(result.zones, key=lambda zone: sum(sample.zones[zone].hosts_up for sample in samples))
    minutes = [sample.minute for sample in samples]
    for zone in result.zones:
        shares = [100 * sample.zones[zone].hosts_up / sample.zones[zone].hosts for sample in samples]
        suffered = zone == worst
        axes.step(
            minutes,
            shares,
            where="post",
            color=_SERIES_COLOURS[0] if suffered else FAINT,
            linewidth=1.8 if suffered else 1.0,
            label=f"hosts up, {zone}" if suffered else None,
        )
    axes.plot([], [], color=FAINT, linewidth=1.0, label="hosts up, other zones")
    percent(axes)
    heated = [(sample.minute, sample.zones[worst].temperature_c) for sample in samples]
    heat = [(minute, degrees) for minute, degrees in heated if degrees is not None]
    if heat:
        beside = axes.twinx()
        frame(beside)
        beside.plot(*zip(*heat, strict=True), color=BY_NAME["heat"], linewidth=1.4, linestyle=(0, (4, 2)))
        beside.set_ylim(0, 100)
        beside.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} °C")
        axes.plot([], [], color=BY_NAME["heat"], linewidth=1.4, linestyle=(0, (4, 2)), label="hottest aisle")
    legend(axes, columns=2 if narrow else 3)


def _control_plane(axes: Axes, results: Sequence[DrillResult], *, narrow: bool) -> None:
    """The share of API calls served: all probes of a drill together, dots where measured, lines between."""
    title(axes, "Control plane: share of ECS API calls served")
    for result, colour in zip(results, _SERIES_COLOURS, strict=False):
        points = list(_api_shares(result))
        if not points:
            continue
        line: list[tuple[float, float]] = []
        for start, end, share in points:
            line += [(start, share), (end, share)]
        axes.plot(*zip(*line, strict=True), color=colour, linewidth=1.2, linestyle=(0, (2, 1.5)), alpha=0.8)
        dots = [(start, share) for start, _, share in points]
        axes.plot(
            *zip(*dots, strict=True),
            linestyle="none",
            marker="o",
            markersize=3.6,
            markeredgewidth=0,
            color=colour,
            label=f"provider {result.provider}, measured",
        )
    axes.plot([], [], color=FAINT, linewidth=1.2, linestyle=(0, (2, 1.5)), label="extrapolated")
    percent(axes)
    legend(axes, columns=2 if narrow else 3)


def _api_shares(result: DrillResult) -> Iterator[tuple[float, float, float]]:
    """(minute, minute up to which it is carried, share in percent) for each phase."""
    probes = [probe for probe in result.probes if probe.kind == "api"]
    for phases in zip(*(probe.phases for probe in probes), strict=True):
        tries = sum(phase.tries for phase in phases)
        share = sum(phase.share * phase.tries for phase in phases) / tries if tries else phases[0].settled
        yield phases[0].minute, phases[0].minute + phases[0].skipped_min, 100 * share


def _rows(results: Sequence[DrillResult]) -> Iterator[tuple[str, str, ProbeResult]]:
    """(provider, variant, probe): one row for each variant of each drill, by the probe that stands for its service."""
    for result in results:
        for variant in dict.fromkeys(probe.variant for probe in result.probes if probe.kind != "api"):
            mine = [probe for probe in result.probes if probe.variant == variant]
            shown = next((probe for probe in mine if probe.is_ledger), mine[0])
            yield result.provider, variant, shown


def _customers(axes: Axes, rows: Sequence[tuple[str, str, ProbeResult]], result: DrillResult, *, narrow: bool) -> None:
    title(axes, "Customers: what the probes saw" + ("" if narrow else " (bright ticks measured, pale extrapolated)"))
    width = result.length_min * _TICK_SHARE * (2 if narrow else 1)
    for row, (_, _, probe) in enumerate(rows):
        for phase in probe.phases:
            start = phase.minute
            _bar(axes, row, start, start + phase.skipped_min + phase.measured_s / 60, phase.settled, carried=True)
            _bar(axes, row, start, start + max(phase.measured_s / 60, width), phase.share, carried=False)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [f"{variant}\n{provider}" for provider, variant, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for state, colour in _STATE_COLOURS.items():
        axes.add_patch(Rectangle((0, 0), 0, 0, color=colour, linewidth=0, label=state))
    legend(axes, columns=3, gap=0.22)


def _bar(axes: Axes, row: int, start: float, end: float, share: float, *, carried: bool) -> None:
    state = classify(share)
    height = _ROW_HEIGHT if state != "down" else _ROW_HEIGHT * 0.62
    axes.add_patch(
        Rectangle(
            (start, row - height / 2),
            end - start,
            height,
            facecolor=_STATE_COLOURS[state],
            alpha=_EXTRAPOLATED_ALPHA if carried else 1.0,
            linewidth=0,
        )
    )
