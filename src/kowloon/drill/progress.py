"""A drill on the terminal: how far it is, what happens, and what every probe sees, live."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kowloon.drill.runner import Progress

_COLOURS = {"up": "green", "degraded": "yellow", "down": "red"}
_LABEL_CHARACTERS = 70


class LiveProgress:
    """`with LiveProgress(...) as live:` and give `live.show` to the runner. Without a terminal it prints a line for
    each new moment instead. `now`: seconds, for the estimate of the rest."""

    def __init__(self, title: str, now: Callable[[], float], console: Console | None = None) -> None:
        self._title = title
        self._now = now
        self._console = console or Console()
        self._began = now()
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._last_label = ""

    def __enter__(self) -> LiveProgress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        if self._console.is_terminal:
            self._live.update(self._picture(progress))
            return
        line = f"T+{progress.minute:.0f} min of {progress.length_min:.0f}: {progress.label or progress.doing}"
        if line != self._last_label and progress.doing == "holding":
            self._last_label = line
            down = [name for name, state in progress.states.items() if state != "up"]
            self._console.print(f"{self._title}: {line}" + (f"; not up: {', '.join(down)}" if down else ""))

    def _picture(self, progress: Progress) -> RenderableType:
        done = min(progress.minute / progress.length_min, 1.0) if progress.length_min else 0.0
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(self._title, style="bold"),
            ProgressBar(total=1.0, completed=done, width=30),
            f"T+{progress.minute:.0f} of {progress.length_min:.0f} min",
            self._rest(done),
        )
        states = Text()
        for name, state in progress.states.items():
            states.append(" ● ", style=_COLOURS[state])
            states.append(name)
        return Group(head, Text(f"{progress.doing}: {progress.label[:_LABEL_CHARACTERS]}", style="dim"), states)

    def _rest(self, done: float) -> str:
        """Events come thick at first, so early estimates are too long rather than too short."""
        if done < 0.05:
            return ""
        spent_s = self._now() - self._began
        return f"about {max(spent_s / done - spent_s, 0.0) / 60:.0f} min left"
