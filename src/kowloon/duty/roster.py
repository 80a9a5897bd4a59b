"""Who holds a post at a moment: plan, appointments, overrides and acting holders in one order. Pure.

From the lowest: appointments, the layers of the plan, overrides of a layer, overrides of the schedule (of several, the
one that was made last). An acting holder counts while that leaves nobody, or the one who is stood in for. Who is
absent holds nothing.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from kowloon.duty.organisation import Post
from kowloon.duty.resources import Absence, Capacity, Tenure, Turn

# Why an acting holder counts although the one who is stood in for is there.
DISPLACING: Final = frozenset({"overloaded", "unanswered"})


class Holder(NamedTuple):
    """`since`: when the tenure or turn began. `tenure` is its id, or `shift` the turn's."""

    person: str
    capacity: Capacity
    since: float
    shift: str = ""
    tenure: str = ""


class Segment(NamedTuple):
    """An uninterrupted stretch of the final schedule; `holder` None is a gap."""

    start: float
    end: float
    holder: Holder | None


class _Line:
    """The turns of one layer, spans in order."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        pairs = sorted([(span, turn) for turn in turns for span in turn.spans], key=lambda pair: pair[0].start)
        self.starts = [span.start for span, _ in pairs]
        self.pairs = pairs

    def at(self, moment: float) -> Turn | None:
        place = bisect_right(self.starts, moment) - 1
        if place < 0:
            return None
        span, turn = self.pairs[place]
        return turn if moment < span.end else None

    def edges(self) -> Iterable[float]:
        for span, _ in self.pairs:
            yield span.start
            yield span.end


class PostRoster:
    """Everything that says who holds one post. `away` is asked for the absences of a person."""

    def __init__(
        self, post: Post, turns: Sequence[Turn], tenures: Sequence[Tenure], away: dict[str, list[Absence]]
    ) -> None:
        self.post = post
        self.turns = turns
        order = [layer.id for layer in post.layers]
        layers = sorted({turn.layer for turn in turns}, key=lambda layer: order.index(layer) if layer in order else -1)
        self._lines = {layer: _Line([turn for turn in turns if turn.layer == layer]) for layer in layers}
        self._appointments = [each for each in tenures if each.why == "appointed" and each.capacity == "substantive"]
        self._overrides = [each for each in tenures if each.why != "appointed" and each.capacity == "substantive"]
        self._acting = [each for each in tenures if each.capacity == "acting"]
        self._away = away

    def is_away(self, person: str, moment: float) -> bool:
        return any(absence.covers(moment) for absence in self._away.get(person, ()))

    def meant(self, moment: float) -> Holder | None:
        """Who should hold it by plan, appointment or override, there or not."""
        override = _latest(each for each in self._overrides if not each.layer and each.covers(moment))
        if override is not None:
            return _held(override)
        for layer, line in reversed(self._lines.items()):
            override = _latest(each for each in self._overrides if each.layer == layer and each.covers(moment))
            if override is not None:
                return _held(override)
            turn = line.at(moment)
            if turn is not None:
                return Holder(turn.person, "substantive", turn.start, shift=turn.shift)
        appointed = _latest(each for each in self._appointments if each.covers(moment))
        return _held(appointed) if appointed is not None else None

    def at(self, moment: float) -> Holder | None:
        """Who holds it: the acting holder where the one who should is missing."""
        meant = self.meant(moment)
        if meant is not None and self.is_away(meant.person, moment):
            meant = None
        acting = _latest(
            each
            for each in self._acting
            if each.covers(moment)
            and not self.is_away(each.person, moment)
            and (meant is None or (each.why in DISPLACING and each.instead_of == meant.person))
        )
        return _held(acting) if acting is not None else meant

    def serves(self, turn: Turn) -> str:
        """Who has a turn after swaps and overrides of that very turn."""
        moved = _latest(each for each in self._overrides if each.shift == turn.shift)
        return moved.person if moved is not None else turn.person

    @functools.cached_property
    def edges(self) -> list[float]:
        """Every moment at which the holder may change, in order."""
        found: set[float] = set()
        for line in self._lines.values():
            found.update(line.edges())
        tenures: list[Tenure | Absence] = [*self._appointments, *self._overrides, *self._acting]
        people = {turn.person for line in self._lines.values() for _, turn in line.pairs}
        people |= {tenure.person for tenure in tenures if isinstance(tenure, Tenure)}
        tenures += [absence for person in people for absence in self._away.get(person, ())]
        for each in tenures:
            found.add(each.from_at)
            if each.to_at is not None:
                found.add(each.to_at)
        return sorted(found)

    def segments(self, start: float, end: float) -> list[Segment]:
        """The final schedule of that time, without breaks; neighbours with the same holder are one."""
        found: list[Segment] = []
        edges = [start, *(edge for edge in self.edges if start < edge < end), end]
        for left, right in itertools.pairwise(edges):
            holder = self.at(left)
            if found and found[-1].holder == holder:
                found[-1] = found[-1]._replace(end=right)
            elif right > left:
                found.append(Segment(left, right, holder))
        return found

    def next_edge(self, moment: float) -> float | None:
        place = bisect_right(self.edges, moment)
        return self.edges[place] if place < len(self.edges) else None

    def is_meant(self, moment: float) -> bool:
        """Whether the post should have a holder then: always without layers; else in the spans of its turns, and once
        they have run out."""
        if not self.post.layers:
            return True
        if self.meant(moment) is not None:
            return True
        return bool(self.turns) and moment >= max(turn.end for turn in self.turns)


def _latest(tenures: Iterable[Tenure]) -> Tenure | None:
    return max(tenures, key=lambda each: (each.created_at, each.id), default=None)


def _held(tenure: Tenure) -> Holder:
    return Holder(tenure.person, tenure.capacity, tenure.from_at, shift=tenure.shift, tenure=tenure.id)
