"""How long what was ordered shows as under way, once the parts behind it have done it: the one place that decides.

`instant`: not at all; the parts' own time is what there is. `realistic`: as long as such things take with the vendor
(inferred; cloud time, so a skip passes it). `reads:N`: until N calls that would show it have shown it unfinished.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.events import Event, RequestEvent

INSTANT: Final = "instant"
REALISTIC: Final = "realistic"
_READS: Final = re.compile(r"reads:([1-9]\d{0,2})")


class Change(NamedTuple):
    """`product` and `shown_by`: which calls show it, by the beginning of their names."""

    name: str
    typical_s: float
    product: str
    shown_by: str


INSTANCE_START: Final = Change("start", 20.0, "Ecs", "DescribeInstance")
INSTANCE_STOP: Final = Change("stop", 10.0, "Ecs", "DescribeInstance")
IMAGE_COPY: Final = Change("copy", 120.0, "Ecs", "DescribeImages")
DATABASE_CREATION: Final = Change("creation", 300.0, "Rds", "DescribeDBInstance")
DATABASE_RESTART: Final = Change("restart", 30.0, "Rds", "DescribeDBInstance")


def parse_transitions(text: str) -> int | None:
    """How many reads, 0 for `instant`, None for `realistic`. ValueError: it is none of them."""
    if text in (INSTANT, REALISTIC):
        return 0 if text == INSTANT else None
    found = _READS.fullmatch(text)
    if found is None:
        raise ValueError(f"transitions are instant, realistic or reads:N with N from 1 to 999, not {text!r}")
    return int(found[1])


class Held:
    """A change that is done and not shown yet; `due` and `reads_left`: until when."""

    def __init__(self, loop: str, change: Change, due: float, reads: int) -> None:
        self.loop = loop
        self.change = change
        self.due = due
        self.reads_left = reads


class Transitions:
    """Reconcilers ask `wait_s` when a change is done, and show it when the answer is 0. `poke(loop, key)` makes one
    look again. Raises ValueError for a setting that is none. In memory: after a restart what was held is held anew."""

    def __init__(self, setting: str, clock: Clock, bus: EventBus, poke: Callable[[str, str], None]) -> None:
        self.set(setting)
        self._clock = clock
        self._poke = poke
        bus.subscribe(self._count, RequestEvent)

    def set(self, setting: str) -> None:
        self._reads = parse_transitions(setting)
        self.setting = setting
        #: What is done and not shown yet, by what changes.
        self.held: dict[str, Held] = {}

    def forget(self) -> None:
        """Everything, for a reset."""
        self.held.clear()

    def wait_s(self, loop: str, id: str, change: Change) -> float | None:
        """0.0: it may be shown. Else after how many seconds of cloud time to ask again, or None: that loop is poked.
        `id`: of what changes, its key in the loop; another change of it begins anew."""
        if self._reads == 0:
            return 0.0
        now = self._clock.now()
        held = self.held.get(id)
        if held is None or held.change is not change:
            held = self.held[id] = Held(loop, change, now + change.typical_s, self._reads or 0)
        left_s = max(held.due - now, 0.0) if self._reads is None else None if held.reads_left else 0.0
        if left_s == 0.0:
            del self.held[id]
        return left_s

    def drop(self, id: str) -> None:
        """What was held did not last, or is gone: next time it begins anew."""
        self.held.pop(id, None)

    def _count(self, event: Event) -> None:
        if not self.held or not self._reads or not isinstance(event, RequestEvent):
            return
        if not event.reads or event.status >= 400:
            return
        for id, held in self.held.items():
            if held.reads_left and _shows(event, held.change, id):
                held.reads_left -= 1
                if not held.reads_left:
                    self._poke(held.loop, id)


def _shows(event: RequestEvent, change: Change, id: str) -> bool:
    """Not when it asks for others by their ids."""
    if event.product != change.product or not event.action.startswith(change.shown_by):
        return False
    prefix = id.partition("-")[0] + "-"
    asked = [word for value in (event.parameters or {}).values() for word in _words(value) if word.startswith(prefix)]
    return not asked or id in asked


def _words(value: object) -> list[str]:
    """The whole values in one: ids come alone, separated by commas or as a list in JSON."""
    return [word.strip('[]" ') for word in str(value).split(",")]
