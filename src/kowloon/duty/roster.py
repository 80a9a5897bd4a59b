"""Who holds a post at a moment: plan, appointments, overrides and acting holders in one order. Pure.

From the lowest: appointments, the layers of the plan, overrides of a layer or of one turn of it, overrides of the
schedule (of several, the one that was made last). An acting holder counts while that leaves nobody, or the one who is
stood in for. Who is absent holds nothing.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from kowloon.duty.organisation import Post
from kowloon.duty.planning.calendar import merged
from kowloon.duty.planning.problem import Span
from kowloon.duty.resources import Absence, Capacity, Tenure, Turn

# Why an acting holder counts although the one who is stood in for is there.
DISPLACING: Final = frozenset({"overloaded", "unanswered"})
FOREVER: Final = 32503680000.0


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


class Away:
    """When who is absent."""

    def __init__(self, absences: Sequence[Absence]) -> None:
        self.absences = absences
        by_person: defaultdict[str, list[Span]] = defaultdict(list)
        for each in absences:
            by_person[each.person].append(Span(each.from_at, FOREVER if each.to_at is None else each.to_at))
        self._spans = {person: merged(spans) for person, spans in by_person.items()}

    def spans(self, person: str) -> tuple[Span, ...]:
        """Merged and in order."""
        return self._spans.get(person, ())

    def covers(self, person: str, moment: float) -> bool:
        spans = self._spans.get(person)
        if not spans:
            return False
        place = bisect_right(spans, (moment, FOREVER)) - 1
        return place >= 0 and moment < spans[place].end


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


class Planned:
    """The planned turns of one post by layer, those that count more first. Made once for each rota."""

    def __init__(self, post: Post, turns: Sequence[Turn]) -> None:
        self.post = post
        self.turns = turns
        order = {layer.id: place for place, layer in enumerate(post.layers)}
        layers = sorted({*order, *[turn.layer for turn in turns]}, key=lambda layer: order.get(layer, -1), reverse=True)
        self.lines = {layer: _Line([turn for turn in turns if turn.layer == layer]) for layer in layers}
        self.people = frozenset([turn.person for turn in turns])
        self.edges = sorted({moment for turn in turns for span in turn.spans for moment in span})
        self.end = max([turn.end for turn in turns], default=0.0)


class _Made:
    """Tenures, each with the number of its making: those that cover a moment, the one that was made last first."""

    def __init__(self, numbered: Iterable[tuple[int, Tenure]]) -> None:
        changes: defaultdict[float, list[tuple[int, Tenure]]] = defaultdict(list)
        for number, tenure in numbered:
            if tenure.to_at is None or tenure.from_at < tenure.to_at:
                changes[tenure.from_at].append((number, tenure))
                if tenure.to_at is not None:
                    changes[tenure.to_at].append((number, tenure))
        self.edges = sorted(changes)
        self._covering: list[tuple[tuple[int, Tenure], ...]] = []
        running: dict[int, Tenure] = {}
        for edge in self.edges:
            for number, tenure in changes[edge]:
                if tenure.from_at == edge:
                    running[number] = tenure
                else:
                    running.pop(number)
            self._covering.append(tuple(sorted(running.items(), reverse=True)))

    def at(self, moment: float) -> tuple[tuple[int, Tenure], ...]:
        place = bisect_right(self.edges, moment) - 1
        return self._covering[place] if place >= 0 else ()


class PostRoster:
    """Everything that says who holds one post. `tenures` in the order in which they were made."""

    def __init__(self, planned: Planned, tenures: Sequence[Tenure], away: Away) -> None:
        self.planned = planned
        self.post = planned.post
        self.turns = planned.turns
        self.tenures = tenures
        self.away = away

    @functools.cached_property
    def _acting(self) -> _Made:
        return _Made((place, each) for place, each in enumerate(self.tenures) if each.capacity == "acting")

    @functools.cached_property
    def _appointed(self) -> _Made:
        return _Made((place, each) for place, each in self._substantive() if each.why == "appointed")

    @functools.cached_property
    def _overrides(self) -> dict[str, _Made]:
        """By layer; `""`: of the whole schedule."""
        found: defaultdict[str, list[tuple[int, Tenure]]] = defaultdict(list)
        for place, each in self._substantive():
            if each.why != "appointed" and not each.shift:
                found[each.layer].append((place, each))
        return {layer: _Made(numbered) for layer, numbered in found.items()}

    @functools.cached_property
    def _of_turns(self) -> dict[str, list[tuple[int, Tenure]]]:
        """Overrides by the one turn that they are of, the one that was made last first."""
        found: defaultdict[str, list[tuple[int, Tenure]]] = defaultdict(list)
        for place, each in self._substantive():
            if each.shift:
                found[each.shift].insert(0, (place, each))
        return found

    def _substantive(self) -> Iterable[tuple[int, Tenure]]:
        return ((place, each) for place, each in enumerate(self.tenures) if each.capacity == "substantive")

    def is_away(self, person: str, moment: float) -> bool:
        return self.away.covers(person, moment)

    def acting(self, moment: float) -> list[Tenure]:
        """The acting tenures that run then, whether they count or not."""
        return [tenure for _, tenure in self._acting.at(moment)]

    def meant(self, moment: float) -> Holder | None:
        """Who should hold it by plan, appointment or override, there or not."""
        whole = self._overrides.get("")
        covering = whole.at(moment) if whole is not None else ()
        if covering:
            return _held(covering[0][1])
        for layer, line in self.planned.lines.items():
            turn = line.at(moment)
            override = self._override(layer, turn, moment)
            if override is not None:
                return _held(override)
            if turn is not None and turn.person:
                return Holder(turn.person, "substantive", turn.start, shift=turn.shift)
        appointed = self._appointed.at(moment)
        return _held(appointed[0][1]) if appointed else None

    def _override(self, layer: str, turn: Turn | None, moment: float) -> Tenure | None:
        """Of the layer then, or of the turn that runs in it: the one that was made last."""
        made = self._overrides.get(layer)
        covering = list(made.at(moment)[:1]) if made is not None else []
        if turn is not None:
            covering += [pair for pair in self._of_turns.get(turn.shift, ()) if pair[1].covers(moment)][:1]
        return max(covering)[1] if covering else None

    def at(self, moment: float) -> Holder | None:
        """Who holds it: the acting holder where the one who should is missing."""
        meant = self.meant(moment)
        if meant is not None and self.is_away(meant.person, moment):
            meant = None
        for _, acting in self._acting.at(moment):
            stands_in = meant is None or (acting.why in DISPLACING and acting.instead_of == meant.person)
            if stands_in and not self.is_away(acting.person, moment):
                return _held(acting)
        return meant

    def serves(self, turn: Turn) -> str:
        """Who has a turn, to its end, after swaps and overrides of that very turn; '' for nobody."""
        for _, moved in self._of_turns.get(turn.shift, ()):
            begins = moved.from_at < turn.end
            if begins and (moved.to_at is None or (moved.from_at < moved.to_at and moved.to_at >= turn.end)):
                return moved.person
        return turn.person

    def edges(self, start: float, end: float) -> list[float]:
        """Every moment between the two at which the holder may change, in order."""
        found: set[float] = set()
        for edges in self._all_edges:
            found.update(edges[bisect_right(edges, start) : bisect_left(edges, end)])
        return sorted(found)

    @functools.cached_property
    def _all_edges(self) -> list[list[float]]:
        people = self.planned.people.union([tenure.person for tenure in self.tenures])
        absences = sorted({moment for person in people for span in self.away.spans(person) for moment in span})
        made = [self._acting, self._appointed, *self._overrides.values()]
        turns = [each for moved in self._of_turns.values() for _, each in moved]
        moved_at = {each.from_at for each in turns} | {each.to_at for each in turns if each.to_at is not None}
        return [self.planned.edges, absences, sorted(moved_at), *[each.edges for each in made]]

    def segments(self, start: float, end: float) -> list[Segment]:
        """The final schedule of that time, without breaks; neighbours with the same holder are one."""
        found: list[Segment] = []
        for left, right in itertools.pairwise([start, *self.edges(start, end), end]):
            holder = self.at(left)
            if found and found[-1].holder == holder:
                found[-1] = found[-1]._replace(end=right)
            else:
                found.append(Segment(left, right, holder))
        return found

    def turns_between(self, start: float, end: float) -> list[Turn]:
        """Those that touch that time, in order."""
        found: dict[int, Turn] = {}
        for line in self.planned.lines.values():
            first = max(bisect_right(line.starts, start) - 1, 0)
            for span, turn in line.pairs[first : bisect_left(line.starts, end)]:
                if span.end > start:
                    found[id(turn)] = turn
        return sorted(found.values(), key=lambda turn: (turn.start, turn.shift))

    def next_edge(self, moment: float) -> float | None:
        following = [edges[place] for edges in self._all_edges if (place := bisect_right(edges, moment)) < len(edges)]
        return min(following, default=None)

    def is_meant(self, moment: float) -> bool:
        """Whether the post should have a holder then: always without layers; else in the spans of its turns, and once
        they have run out."""
        if not self.post.layers or self.meant(moment) is not None:
            return True
        if any(line.at(moment) is not None for line in self.planned.lines.values()):
            return True
        return bool(self.turns) and moment >= self.planned.end


def _held(tenure: Tenure) -> Holder:
    return Holder(tenure.person, tenure.capacity, tenure.from_at, shift=tenure.shift, tenure=tenure.id)
