"""What the object store has to reach, against what ran beside it; the table, the record and the chart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loads import MIB, Sample
from million import Stage
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

US = "kowloon"
MOST_IDLE_MIB, MOST_LOADED_MIB, MOST_GROWTH_MIB = 80.0, 150.0, 8.0
MOST_COST_GROWTH = 1.3
LEAST_LISTS_PER_S = 300.0
MOST_P99_TIMES_NGINX = 3.0
MOST_OTHERS = 0.3


@dataclass
class Figures:
    """All that one run of the bench found. Not measured: not there."""

    samples: dict[str, dict[str, Sample]] = field(default_factory=dict)
    sizes_bytes: dict[str, int] = field(default_factory=dict)
    growth_mib: dict[str, dict[str, float]] = field(default_factory=dict)
    # What a bare loop of the bench did beside a workload.
    loops_per_s: dict[str, float] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    idle_mib: float | None = None
    soak_growth_mib: float | None = None
    notes: list[str] = field(default_factory=list)

    def per_s(self, workload: str, server: str) -> float | None:
        sample = self.samples.get(workload, {}).get(server)
        return sample and sample.per_s

    def p99_ms(self, workload: str, server: str) -> float | None:
        sample = self.samples.get(workload, {}).get(server)
        return sample and sample.p99_ms


@dataclass(frozen=True)
class Verdict:
    """`least` or `most` is the target; a `stretch` goal is told and never missed."""

    name: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None
    stretch: float | None = None

    @property
    def met(self) -> bool:
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def target(self) -> str:
        stretch = "" if self.stretch is None else f", stretch {self.stretch:g}"
        return f"at least {self.least:g}{stretch}" if self.least is not None else f"at most {self.most:g}"


# Workload, peer, the least times of the peer's rate, the stretch goal.
RATIOS = [
    ("PUT 4 KiB", "moto", 40.0, None),
    ("PUT 4 KiB", "nginx", 1.0, None),
    ("GET 4 KiB", "moto", 70.0, None),
    ("GET 4 KiB", "nginx", 0.25, 0.35),
    ("GET 1 MiB", "nginx", 0.9, None),
    ("GET 64 MiB", "nginx", 0.9, None),
]
# The bare loop beside a workload, and the least times of its rate.
LOOPS = {"PUT 1 MiB": ("MD5 + CRC64", 0.6), "PUT 4 KiB, durable": ("fsync per file", 3.0)}
SAME_P99 = ["PUT 4 KiB", "PUT 4 KiB, new keys", "GET 4 KiB", "GET 1 MiB"]


def verdicts(figures: Figures) -> list[Verdict]:
    """Those of which both sides were measured in this run."""
    found = []

    def judge(name: str, value: float | None, unit: str, other: float | None = 1.0, **target: float | None) -> None:
        if value is not None and other:
            found.append(Verdict(name, value / other, unit, **target))

    for workload, peer, least, stretch in RATIOS:
        ours, theirs = figures.per_s(workload, US), figures.per_s(workload, peer)
        judge(f"{workload}, of {peer}", ours, "x", theirs, least=least, stretch=stretch)
    for workload, (loop, least) in LOOPS.items():
        judge(
            f"{workload}, of {loop}", figures.per_s(workload, US), "x", figures.loops_per_s.get(workload), least=least
        )
    for workload in SAME_P99:
        ours, theirs = figures.p99_ms(workload, US), figures.p99_ms(workload, "nginx")
        judge(f"{workload}, p99 of nginx's", ours, "x", theirs, most=MOST_P99_TIMES_NGINX)
    for workload, growth in figures.growth_mib.items():
        judge(f"{workload}, memory", growth.get(US), "MiB", most=MOST_GROWTH_MIB)
    judge("RssAnon, idle", figures.idle_mib, "MiB", most=MOST_IDLE_MIB)
    if figures.stages:
        first, last = figures.stages[0], figures.stages[-1]
        judge(f"RssAnon, {last.keys:,} objects", last.anonymous_mib, "MiB", most=MOST_LOADED_MIB)
        judge(f"lists of 1,000 of {last.keys:,}", last.samples["LIST"].per_s, "/s", least=LEAST_LISTS_PER_S)
        for operation, sample in last.samples.items() if last is not first else ():
            name = f"{operation}, CPU at {last.keys:,} keys of that at {first.keys:,}"
            judge(name, sample.cpu_us, "x", first.samples[operation].cpu_us, most=MOST_COST_GROWTH)
    judge("soak, memory", figures.soak_growth_mib, "MiB", most=MOST_GROWTH_MIB)
    return found


def show(figures: Figures, console: Console) -> None:
    table = Table(title="Medians of three rounds. others: cores that other programs took meanwhile", box=SIMPLE)
    for column in ("", "server", "per s", "MiB/s", "CPU µs", "p50 ms", "p99 ms", "others"):
        table.add_column(column, justify="left" if column in ("", "server") else "right", no_wrap=True)
    for workload, samples in figures.samples.items():
        for server, sample in samples.items():
            rate = sample.mib_per_s(figures.sizes_bytes[workload])
            row = [f"{sample.per_s:,.0f}", f"{rate:,.0f}", f"{sample.cpu_us:,.0f}"]
            table.add_row(
                workload, server, *row, f"{sample.p50_ms:.2f}", f"{sample.p99_ms:.2f}", f"{sample.others:.1f}"
            )
    for stage in figures.stages:
        for operation, sample in stage.samples.items():
            row = [f"{sample.per_s:,.0f}", "", f"{sample.cpu_us:,.0f}"]
            row += [f"{sample.p50_ms:.2f}", f"{sample.p99_ms:.2f}", f"{sample.others:.1f}"]
            table.add_row(f"{operation}, {stage.keys:,} keys", US, *row)
    for workload, rate in figures.loops_per_s.items():
        table.add_row(
            workload, LOOPS[workload][0], f"{rate:,.0f}", f"{rate * figures.sizes_bytes[workload] / MIB:,.0f}"
        )
    console.print(table)
    judged = Table(title="Targets", box=SIMPLE)
    for column in ("", "found", "target", ""):
        judged.add_column(column, justify="right" if column == "found" else "left")
    for verdict in verdicts(figures):
        mark = "met" if verdict.met else "[bold red]MISSED[/]"
        judged.add_row(verdict.name, f"{verdict.value:,.2f} {verdict.unit}", verdict.target, mark)
    if judged.row_count:
        console.print(judged)
    disturbed = max((each.others for those in figures.samples.values() for each in those.values()), default=0.0)
    if disturbed > MOST_OTHERS:
        console.print(
            f"Other programs took up to {disturbed:.1f} cores: rates are lower bounds, p99 is the scheduler's."
        )
    for note in figures.notes:
        console.print(note, style="yellow", markup=False)


def write(figures: Figures, file: Path) -> None:
    judged = [
        {"name": each.name, "value": each.value, "unit": each.unit, "target": each.target, "met": each.met}
        for each in verdicts(figures)
    ]
    record: dict[str, Any] = {**asdict(figures), "verdicts": judged}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=2) + "\n")


def draw(figures: Figures, file: Path) -> None:
    """CPU per operation over the number of keys, both on logarithmic axes; each line ends with its name."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    keys = [stage.keys for stage in figures.stages]
    for operation in figures.stages[-1].samples:
        costs = [stage.samples[operation].cpu_us for stage in figures.stages]
        (line,) = axes.plot(keys, costs, marker="o")
        label = {"LIST": "LIST 1,000"}.get(operation, operation)
        axes.annotate(f"  {label}  {costs[-1]:,.0f}", (keys[-1], costs[-1]), color=line.get_color(), va="center")
    axes.set(xscale="log", yscale="log", xlabel="objects in the bucket", ylabel="CPU µs per request")
    axes.set_xlim(keys[0] / 1.5, keys[-1] * 6)
    axes.set_xticks(keys, [f"{each:,}" for each in keys])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.set_title("What an operation costs, by how many objects there are", fontsize=10)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, format="svg", metadata={"Date": None})
