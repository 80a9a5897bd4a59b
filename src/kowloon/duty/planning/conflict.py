"""Why there is no plan: rules that cannot all hold, and none of which can be left out.

Each rule has a switch. A solver says which switches it needed; then each is tried without; and if time is left, sets
that are smaller are ruled out one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from kowloon.duty.planning import calendar, eligible
from kowloon.duty.planning.ground import Ground
from kowloon.duty.planning.problem import Conflict, Outcome, RuleName, Unknown
from kowloon.duty.planning.rules import Rules
from kowloon.duty.planning.sat import Model

Stopwatch = Callable[[], float]

_MOST_TOLD = 12
# Nobody waits longer to hear that no fewer rules conflict.
_SMALLEST_S = 5.0


def explain(
    ground: Ground, turns: Sequence[int], seconds: float, workers: int, stopwatch: Stopwatch, began: float
) -> Outcome:
    """Of free turns that are known to have no plan. `began`: since when time counts."""
    until = stopwatch() + seconds
    lonely = [turn for turn in turns if not ground.candidates[turn]]
    if lonely:
        switches = _Switches(ground, lonely[:1], everybody=True)
    else:
        posts = {ground.turns[turn].post for turn in turns}
        turns = [turn for turn in ground.free if ground.turns[turn].post in posts]
        switches = _Switches(ground, turns, everybody=False)
        core, _ = _shrunk(switches, until, workers, stopwatch)
        if core is None:
            return Unknown(
                text="there is no plan; which rules conflict was not found in time", took_s=stopwatch() - began
            )
        switches = _Switches(ground, switches.turns_of(core), everybody=True)
    found, minimal = _shrunk(switches, until, workers, stopwatch)
    if found is None:
        found, minimal = switches.names, False
    until = min(until, stopwatch() + _SMALLEST_S)
    smallest = minimal and _is_smallest(switches, found, until, workers, stopwatch)
    if isinstance(smallest, list):
        found, smallest = smallest, True
    shifts = switches.turns_of(found)
    return Conflict(
        rules=tuple(sorted(found)),
        text=_text(ground, sorted(found), shifts),
        shifts=tuple(ground.turns[turn].id for turn in shifts),
        minimal=minimal,
        smallest=bool(smallest),
        took_s=round(stopwatch() - began, 3),
    )


class _Switches:
    """A model in which every rule holds only while its switch is on. `everybody`: also those that a rule keeps from
    serving, by that rule; else candidates only."""

    def __init__(self, ground: Ground, turns: Sequence[int], *, everybody: bool) -> None:
        self.ground = ground
        self.turns = list(turns)
        self.holds = False
        people = range(len(ground.people))
        choices = {turn: people if everybody else ground.candidates[turn] for turn in self.turns}
        self.rules = Rules(ground, choices, ground.held, apart=True)
        self.model = Model()
        self.model.booleans(self.rules.count)
        self._switch: dict[RuleName, int] = {}
        if everybody:
            self._add_unfit()
        self._add_rules()
        self._add_covered(choices)
        partial = self._partial()
        self.names = [name for name in self._switch if name not in partial]
        self._names = {switch: name for name, switch in self._switch.items()}

    def core(self, names: Sequence[RuleName], seconds: float, workers: int) -> list[RuleName] | None:
        """Some of the names that cannot hold together; None when all can (`holds`), or it is not known."""
        self.holds = False
        if seconds <= 0:
            return None
        self.model.assume([self._switch[name] for name in names])
        answer = self.model.solve(seconds, 1)
        if answer.status == "infeasible":
            needed = {self._names[switch] for switch in answer.core}
            return [name for name in names if name in needed]
        self.holds = answer.status in ("optimal", "feasible")
        return None

    def turns_of(self, names: Iterable[RuleName]) -> list[int]:
        """Turns that the rules are about; of rules that ask for somebody, all there could be."""
        ground, found = self.ground, set()
        coverage = {each.id: each.posts for each in ground.problem.coverage}
        for name in names:
            if name.rule == "covered":
                found.add(ground.by_shift[name.about])
            posts = (name.about,) if name.rule == "everyone_serves" else coverage.get(name.rule, ())
            found |= {turn for turn in ground.free if ground.turns[turn].post in posts}
        return sorted(found)

    def _of(self, rule: RuleName) -> int:
        if rule not in self._switch:
            self._switch[rule] = self.model.booleans(1)
        return self._switch[rule]

    def _add_unfit(self) -> None:
        ground = self.ground
        for turn in self.turns:
            post, layer = ground.posts[ground.turns[turn].post], ground.layer(turn)
            for number, person in enumerate(ground.people):
                for reason in eligible.why_not(person, post, layer, ground.turns[turn].spans):
                    self.model.any_of([-self.rules.serves[(turn, number)] - 1, -self._of(reason.rule) - 1])

    def _add_rules(self) -> None:
        for pair in self.rules.pairs:
            self.model.any_of([-pair.one - 1, -pair.other - 1, -self._of(pair.rule) - 1])
        for never in self.rules.never:
            self.model.any_of([-never.variable - 1, -self._of(never.rule) - 1])
        for limit in self.rules.limits:
            only_if = [] if limit.rule is None else [self._of(limit.rule)]
            self.model.limit(limit.variables, limit.factors, most=limit.most, only_if=only_if)

    def _add_covered(self, choices: Mapping[int, Sequence[int]]) -> None:
        for turn, people in choices.items():
            serves = [self.rules.serves[(turn, person)] for person in people]
            self.model.at_most_one(serves)
            switch = self._of(RuleName(rule="covered", about=self.ground.turns[turn].id))
            self.model.any_of([*serves, -switch - 1])

    def _partial(self) -> set[RuleName]:
        """Rules that ask for somebody in turns that are not all here: what they ask for may be elsewhere."""
        ground, here = self.ground, set(self.turns)
        missing = {ground.turns[turn].post for turn in ground.free if turn not in here}
        partial = {RuleName(rule="everyone_serves", about=post) for post in missing}
        return partial | {RuleName(rule=each.id) for each in ground.problem.coverage if missing & set(each.posts)}


def _shrunk(
    switches: _Switches, until: float, workers: int, stopwatch: Stopwatch
) -> tuple[list[RuleName] | None, bool]:
    """Names that conflict, and whether none of them can be left out; None: not known in time."""
    found = switches.core(switches.names, until - stopwatch(), workers)
    if found is None:
        return None, False
    minimal = True
    # Those that ask for somebody in many turns first: without them, few turns are left to look at.
    for name in sorted(found, key=lambda name: name.rule == "covered"):
        if name in found:
            core = switches.core([other for other in found if other != name], until - stopwatch(), workers)
            minimal = minimal and (core is not None or switches.holds)
            found = found if core is None else core
    return found, minimal


def _is_smallest(
    switches: _Switches, found: Sequence[RuleName], until: float, workers: int, stopwatch: Stopwatch
) -> bool | list[RuleName]:
    """Whether no fewer rules conflict; or those that do. Any conflict has a rule out of each set whose rest can hold:
    the fewest rules that have are no conflict unless they are the smallest one."""
    position = {name: index for index, name in enumerate(switches.names)}
    hitting = Model()
    hitting.booleans(len(position))
    hitting.minimise(list(position.values()), [1] * len(position))
    while (left_s := until - stopwatch()) > 0:
        answer = hitting.solve(left_s, workers)
        if answer.status != "optimal":
            return False
        if answer.cost >= len(found):
            return True
        fewest = [name for name, index in position.items() if answer.values[index]]
        if switches.core(fewest, until - stopwatch(), workers) is not None:
            return fewest
        if not switches.holds:
            return False
        # Grown to as much as can hold: what that leaves out is a small set.
        kept = _grown(
            switches, fewest, [name for name in switches.names if name not in fewest], until, workers, stopwatch
        )
        hitting.any_of([index for name, index in position.items() if name not in kept])
    return False


def _grown(
    switches: _Switches,
    kept: list[RuleName],
    more: list[RuleName],
    until: float,
    workers: int,
    stopwatch: Stopwatch,
) -> list[RuleName]:
    """`kept`, and as many of `more` as can hold with it, halves at a time."""
    if not more:
        return kept
    if switches.core([*kept, *more], until - stopwatch(), workers) is None and switches.holds:
        return [*kept, *more]
    if len(more) == 1:
        return kept
    half = len(more) // 2
    kept = _grown(switches, kept, more[:half], until, workers, stopwatch)
    return _grown(switches, kept, more[half:], until, workers, stopwatch)


def _text(ground: Ground, rules: Sequence[RuleName], turns: Sequence[int]) -> str:
    lines = []
    for turn in [turn for turn in turns if RuleName(rule="covered", about=ground.turns[turn].id) in rules][:_MOST_TOLD]:
        shift = ground.turns[turn]
        when = datetime.isoformat(calendar.local_time(shift.start, ground.posts[shift.post].time_zone), " ", "minutes")
        lines.append(f"{shift.post}, {shift.layer} from {when}: {_people(ground, rules, turn)}.")
    phrases = [_phrase(ground, rule) for rule in rules if rule.rule not in ("covered", "eligible", "absence")]
    if phrases:
        lines.append(f"These rules cannot all hold with that: {'; '.join(phrases)}.")
    return " ".join(lines)


def _people(ground: Ground, rules: Sequence[RuleName], turn: int) -> str:
    """What keeps each from serving; those who are not eligible are only counted."""
    post, layer = ground.posts[ground.turns[turn].post], ground.layer(turn)
    told, others, no_candidates = [], [], 0
    for person in ground.people:
        reasons = [r for r in eligible.why_not(person, post, layer, ground.turns[turn].spans) if r.rule in rules]
        if any(reason.rule.rule == "eligible" for reason in reasons):
            no_candidates += 1
        elif reasons:
            told.append(f"{person.id} {reasons[0].text}")
        else:
            others.append(person.id)
    listed = told[:_MOST_TOLD] + ([f"{len(told) - _MOST_TOLD} more cannot either"] if len(told) > _MOST_TOLD else [])
    if not others:
        listed += [f"{no_candidates} others are not eligible"] if no_candidates else []
        return f"nobody can serve: {', '.join(listed)}"
    who = ", ".join(others[:_MOST_TOLD])
    return f"only {who} could serve" + (f" ({', '.join(listed)})" if listed else "")


def _phrase(ground: Ground, name: RuleName) -> str:
    limits = ground.posts[name.about].limits if name.about in ground.posts else None
    match name.rule:
        case "rest_h" if limits:
            return f"{limits.rest_h:g} h of rest before each shift of {name.about}"
        case "most_h_per_week" if limits:
            return f"at most {limits.most_h_per_week:g} h in 7 days for whoever serves in {name.about}"
        case "turns_between" if limits:
            return f"{limits.turns_between} shifts of {name.about} go to others before one returns"
        case "everyone_serves":
            return f"everyone eligible serves in {name.about} at least once"
        case "overlap_h" if limits:
            return f"the outgoing holder of {name.about} stays {limits.overlap_h:g} h"
        case "daylight" if limits:
            return f"{name.about} only within {limits.daylight} of whoever serves"
        case "free_on_holidays":
            return f"nobody serves in {name.about} on a public holiday"
        case "exclusive":
            return f"who serves in {name.about} serves nowhere else at that time"
        case "neighbours":
            return f"{name.about} and its neighbours do not change hands in one week"
        case "frozen":
            return f"{name.about} does not change hands during an open incident"
        case _:
            return f"the rule {name.rule}"
