"""Whose fair share is how much, and what it costs to be above or below it. Whole minutes, so that sums are exact.

A shift counts as what it costs whoever is best placed for it (fewest nights, for example), shared out among all who
may serve it by their `share`. What was served in earlier periods is shared out in the same way, by the mix of shifts
that its holder may serve now: then nobody owes for what they could never have done.
"""

from __future__ import annotations

from collections import defaultdict

from kowloon.duty.planning.ground import Ground, Minutes
from kowloon.duty.planning.problem import Weights

KINDS = ("hours", "nights", "weekends", "holidays")
_NOTHING: Minutes = (0, 0, 0, 0)


class Fairness:
    """`fair`: by person, the share of each kind; `earlier`: what they had before, and by fixed shifts."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.weights = weights(ground.problem.weights)
        people = range(len(ground.people))
        before = [self.before_of(person) for person in people]
        fair = self._fair(before)
        self.fair = [tuple(round(value) for value in fair[person]) for person in people]
        self.earlier = [list(minutes) for minutes in before]
        for turn in ground.horizon:
            for person in ground.held.get(turn, ()):
                if person < len(ground.people):
                    add(self.earlier[person], ground.minutes(turn, person))

    def before_of(self, person: int) -> list[int]:
        """Minutes of earlier periods."""
        served = self.ground.problem.served_h.get(self.ground.people[person].id, {})
        return [round(served.get(kind, 0.0) * 60) for kind in KINDS]

    def cost(self, loads: list[list[int]]) -> int:
        """Of what everybody has, in weighted minutes."""
        return sum(self.cost_of(person, load) for person, load in enumerate(loads))

    def cost_of(self, person: int, load: list[int]) -> int:
        fair = self.fair[person]
        return sum(weight * abs(has - due) for weight, has, due in zip(self.weights, load, fair, strict=True))

    def loads(self, served: dict[int, int]) -> list[list[int]]:
        """Minutes of everybody, when these free turns are theirs."""
        loads = [list(minutes) for minutes in self.earlier]
        for turn, person in served.items():
            add(loads[person], self.ground.minutes(turn, person))
        return loads

    def _fair(self, before: list[list[int]]) -> list[list[float]]:
        groups = self._groups()
        fair = [[0.0] * len(KINDS) for _ in before]
        shares = {group: self._shares(group) for group in groups}
        for group, minutes in groups.items():
            for person, share in zip(group, shares[group], strict=True):
                for kind in range(len(KINDS)):
                    fair[person][kind] += minutes[kind] * share
        if any(any(minutes) for minutes in before):
            self._share_out(before, groups, shares, fair)
        return fair

    def _share_out(
        self,
        before: list[list[int]],
        groups: dict[tuple[int, ...], list[int]],
        shares: dict[tuple[int, ...], list[float]],
        fair: list[list[float]],
    ) -> None:
        now = [list(values) for values in fair]
        for kind in range(len(KINDS)):
            rest = [float(minutes[kind]) for minutes in before]
            for group, minutes in groups.items():
                pot = 0.0
                for person, share in zip(group, shares[group], strict=True):
                    if now[person][kind]:
                        part = before[person][kind] * minutes[kind] * share / now[person][kind]
                        pot += part
                        rest[person] -= part
                for person, share in zip(group, shares[group], strict=True):
                    fair[person][kind] += pot * share
            # Of a kind that is not to be had now: neither credit nor debt.
            for person, minutes_left in enumerate(rest):
                fair[person][kind] += minutes_left

    def _groups(self) -> dict[tuple[int, ...], list[int]]:
        """Minutes to share out, by who may serve."""
        ground = self.ground
        groups: dict[tuple[int, ...], list[int]] = defaultdict(lambda: list(_NOTHING))
        for turn in ground.horizon:
            group = ground.candidates.get(turn) or ground.held.get(turn, ())
            if group and group[0] < len(ground.people):
                found = {ground.minutes(turn, person) for person in group}
                least = (
                    next(iter(found)) if len(found) == 1 else tuple(min(values) for values in zip(*found, strict=True))
                )
                add(groups[group], least)
        return groups

    def _shares(self, group: tuple[int, ...]) -> list[float]:
        shares = [max(self.ground.people[person].share, 0.0) for person in group]
        total = sum(shares)
        return [share / total for share in shares] if total else [1 / len(group)] * len(group)


def weights(of: Weights) -> Minutes:
    return of.hours, of.nights, of.weekends, of.holidays


def add(sums: list[int], minutes: tuple[int, ...]) -> None:
    for kind, value in enumerate(minutes):
        sums[kind] += value
