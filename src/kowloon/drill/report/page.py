"""The report as one HTML file: no request leaves it, it reads on a phone, on paper, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kowloon import __version__
from kowloon.drill.measure import HOLD_MOST_S, WINDOW_S
from kowloon.drill.report.chart import drill_chart
from kowloon.drill.report.duty_section import duty_section
from kowloon.drill.report.looks import PALETTE
from kowloon.drill.result import DrillResult, ProbeResult, duration, percent

_TRUTHS = {
    "V": "read in the source",
    "R": "recalled from the source",
    "U": "uncertain or disputed",
    "I": "inferred for the replay",
}


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The headline of one variant in one drill."""

    provider: str
    variant: str
    passed: bool
    availability: str
    longest: str
    note: str
    lost: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded fact, and beside it what each drill measured."""

    at: str
    local: str
    track: str
    text: str
    truth: str
    truth_text: str
    sources: str
    measured: tuple[tuple[str, str], ...]


def html_page(results: Sequence[DrillResult]) -> str:
    """Of drills of one scenario, such as of two provider modes."""
    environment = Environment(
        loader=PackageLoader("kowloon.drill.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(duration=duration, percent=percent, minute=lambda value: f"T+{value:.0f}")
    first = results[0]
    return environment.get_template("page.html.j2").render(
        results=results,
        first=first,
        version=__version__,
        style=Markup(_style(environment)),
        wide=Markup(drill_chart(results)),
        narrow=Markup(drill_chart(results, narrow=True)),
        cards=[card for result in results for card in _cards(result)],
        lines=list(_lines(results)),
        missing=[fact for fact in first.facts if fact.needs],
        truths=_TRUTHS,
        day=_day(first),
        took_s=sum(result.took_s for result in results),
        window_s=WINDOW_S,
        hold_s=HOLD_MOST_S,
        customers=[(result, [probe for probe in result.probes if probe.kind != "api"]) for result in results],
        planes=[(result, [probe for probe in result.probes if probe.kind == "api"]) for result in results],
        moves=[(result, list(_moves(result))) for result in results],
        recovery=_recovery,
        on_duty=[(result, duty_section(result)) for result in results if result.duty is not None],
    )


def _style(environment: Environment) -> str:
    light = "".join(f"{variable}:{colour};" for variable, colour, _ in PALETTE.values())
    dark = "".join(f"{variable}:{colour};" for variable, _, colour in PALETTE.values())
    return environment.get_template("page.css.j2").render(light=light, dark=dark)


def _day(result: DrillResult) -> str:
    moment = datetime.fromisoformat(result.start)
    return f"{moment.day} {moment:%B %Y}, from {moment:%H:%M} ({result.timezone})"


def _cards(result: DrillResult) -> Iterator[Card]:
    for variant in dict.fromkeys(objective.variant for objective in result.objectives):
        probes = [probe for probe in result.probes if probe.variant == variant]
        shown = next((probe for probe in probes if probe.is_ledger), probes[0])
        objectives = [objective for objective in result.objectives if objective.variant == variant]
        text, note = _recovery(shown)
        yield Card(
            provider=result.provider,
            variant=variant,
            passed=all(objective.passed for objective in objectives),
            availability=percent(shown.availability),
            longest=text,
            note=note,
            lost=_lost(shown),
        )


def _lost(probe: ProbeResult) -> str:
    if not probe.is_ledger:
        return "not probed"
    return "not known" if probe.lost is None else f"{probe.lost} of {probe.acknowledged}"


def _recovery(probe: ProbeResult) -> tuple[str, str]:
    """The longest outage, and in which time it is counted."""
    if not probe.outages:
        return "none", ""
    if probe.recovery_s is None:
        return "to the end", "not back within the drill"
    if probe.recovery_measured:
        return duration(probe.recovery_s), "measured, real seconds"
    return duration(probe.recovery_s), "scenario time, in part extrapolated"


def _lines(results: Sequence[DrillResult]) -> Iterator[Line]:
    """The record of the first drill; a drill that does not have a line has nothing measured beside it."""
    beside = [{(fact.at_min, fact.text): fact.measured for fact in result.facts} for result in results]
    for fact in results[0].facts:
        if fact.needs:
            continue
        found: list[tuple[str, str]] = [
            (result.provider, measured[fact.at_min, fact.text])
            for result, measured in zip(results, beside, strict=True)
            if measured.get((fact.at_min, fact.text))
        ]
        # What all drills saw alike is said once.
        if len(found) == len(results) > 1 and len({text for _, text in found}) == 1:
            found = [("both" if len(results) == 2 else "all", found[0][1])]
        yield Line(
            at=f"T+{fact.at_min:g}",
            local=fact.local,
            track=fact.track,
            text=fact.text,
            truth=fact.truth,
            truth_text=_TRUTHS[fact.truth],
            sources=", ".join(fact.source),
            measured=tuple(found),
        )


def _moves(result: DrillResult) -> Iterator[tuple[str, str, str, str]]:
    """What the cloud did with the deployed resources, repeats told once: (T+, local, what, text)."""
    shown = [item for item in result.record.happened if item.kind in ("db-instance", "load-balancer", "instance")]
    for _, same in groupby(shown, key=lambda item: (item.id, item.state, item.text)):
        item = next(same)
        yield f"T+{item.minute:.1f}", result.local(item.minute), f"{item.kind} {item.id}: {item.state}", item.text
