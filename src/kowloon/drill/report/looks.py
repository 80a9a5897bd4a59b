"""What all pictures of a report look like: colours that follow the page's (CSS variables), frames, axes of time."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kowloon.drill.result import DrillResult

# What is drawn in one of these colours takes the variable's instead; the second pair is light, dark.
PALETTE = {
    "#010203": ("--ink", "#1d2530", "#e6e9ee"),
    "#010204": ("--faint", "#5d6877", "#98a2b0"),
    "#010205": ("--line", "#d7dce2", "#333b46"),
    "#010206": ("--up", "#1f7a5a", "#3fb489"),
    "#010207": ("--degraded", "#d08c1d", "#e0a73d"),
    "#010208": ("--down", "#c03630", "#ea6a62"),
    "#010209": ("--one", "#2f6fb3", "#6ca8e6"),
    "#01020a": ("--two", "#8a4fb0", "#bb8be0"),
    "#01020b": ("--heat", "#b5533c", "#e58a6f"),
}
BY_NAME = {variable.removeprefix("--"): colour for colour, (variable, _, _) in PALETTE.items()}
INK, FAINT, LINE = BY_NAME["ink"], BY_NAME["faint"], BY_NAME["line"]


@contextlib.contextmanager
def looks() -> Iterator[None]:
    """Around everything that is drawn."""
    settings: Any = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9.5, "svg.hashsalt": "kowloon"}
    with matplotlib.rc_context(settings):
        yield


def as_svg(figure: Figure) -> str:
    """An `<svg>` element for a page that defines the palette's variables."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_pages(text.getvalue())


def _for_pages(text: str) -> str:
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, (variable, _, _) in PALETTE.items():
        svg = svg.replace(colour, f"var({variable})")
    # Its size is the page's business; the view box keeps its proportions.
    svg = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*pt"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*pt"', r"\1", svg, count=1)
    return svg.replace("font-family: 'sans-serif'", "font-family: inherit").replace("sans-serif", "inherit")


def frame(axes: Axes) -> None:
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(colors=FAINT, labelcolor=INK, length=0)


def title(axes: Axes, text: str) -> None:
    frame(axes)
    axes.set_title(text, loc="left", color=INK, fontsize="medium", fontweight="bold")
    axes.grid(visible=True, color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)


def percent(axes: Axes) -> None:
    axes.set_ylim(-4, 104)
    axes.set_yticks([0, 50, 100])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")


def legend(axes: Axes, *, columns: int, gap: float = 0.12) -> None:
    axes.legend(
        ncols=columns,
        frameon=False,
        labelcolor=INK,
        fontsize="small",
        handlelength=1.6,
        loc="upper center",
        bbox_to_anchor=(0.5, -gap),
    )


def time_axis(axes: Axes, result: DrillResult, *, narrow: bool) -> None:
    """Local time on the hours, as on the wall there."""
    start = datetime.fromisoformat(result.start)
    step = _hours_between_marks(result.length_min, narrow=narrow)
    first = start.replace(minute=0, second=0)
    marks = []
    moment = first
    while moment <= start + timedelta(minutes=result.length_min):
        if moment >= start and (moment.hour * 60 + moment.minute) % step == 0:
            marks.append(moment)
        moment += timedelta(minutes=min(step, 60))
    axes.set_xlim(0, result.length_min)
    axes.set_xticks([(mark - start).total_seconds() / 60 for mark in marks], [f"{mark:%H:%M}" for mark in marks])
    axes.tick_params(axis="x", labelcolor=INK)


def _hours_between_marks(length_min: float, *, narrow: bool) -> int:
    """Minutes between marks, so that there are at most eight of them (four on a phone)."""
    most = 4 if narrow else 8
    return next((step for step in (5, 10, 30, 60, 120, 180, 240, 360) if length_min / step <= most), 720)
