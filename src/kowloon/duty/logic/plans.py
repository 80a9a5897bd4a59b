"""From what is stored to what the planner takes, and from its plan to the rotas."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from kowloon.core.clock import iso_minutes
from kowloon.duty import errors
from kowloon.duty.logic.hand_over import settle_all
from kowloon.duty.logic.state import DutyState
from kowloon.duty.planning import calendar, problem
from kowloon.duty.planning.problem import Conflict, Plan, Problem, Shift, Span, Unknown
from kowloon.duty.resources import Absence, Page, PlanRun, Turn
from kowloon.duty.roster import FOREVER

_DAY_S = 86400.0
_PAST_S = 60 * _DAY_S
_MOST_LINES = 50
# How long what was served counts in fairness.
_FAIR_S = 365 * _DAY_S


def make_problem(state: DutyState, run: PlanRun) -> Problem:
    if run.supposed is not None:
        state = state.supposing(run.supposed)
    chosen = [post for post in state.whole.posts if not run.posts or post.id in run.posts]
    shifts = sorted(
        [shift for post in chosen for shift in state.shifts(post, run.from_at, run.to_at)],
        key=lambda shift: (shift.start, shift.id),
    )
    now_by_shift = {
        turn.shift: turn.person for roster in state.rosters.values() for turn in roster.turns if turn.person
    }
    moved = {
        turn.shift: serves
        for roster in state.rosters.values()
        for turn in roster.turns
        if (serves := roster.serves(turn)) not in ("", turn.person)
    }
    begun = {
        shift.id: now_by_shift[shift.id] for shift in shifts if shift.start <= state.now and shift.id in now_by_shift
    }
    ids = {shift.id for shift in shifts}
    return Problem(
        people=tuple(_people(state, run)),
        posts=tuple([msgspec.structs.replace(post.planned(), left=state.rota(post.id).left) for post in chosen]),
        shifts=tuple(shifts),
        separations=state.whole.rules.separations,
        coverage=state.whole.rules.coverage,
        weights=state.whole.rules.weights,
        fixed={**begun, **{shift: person for shift, person in moved.items() if shift in ids}},
        before={shift: person for shift, person in now_by_shift.items() if shift in ids},
        past=tuple(_past(state, run)),
        served_h=_served(state, run),
        frozen=_frozen(state),
    )


def basis(made: Problem) -> str:
    """Changes with everything that the plan is made from, but not because a turn has begun meanwhile."""
    moved = {shift: person for shift, person in made.fixed.items() if made.before.get(shift) != person}
    lasting = msgspec.structs.replace(made, fixed=moved)
    return hashlib.blake2b(msgspec.json.encode(lasting), digest_size=16).hexdigest()


def finish(state: DutyState, run: PlanRun, outcome: Plan | Conflict | Unknown) -> PlanRun:
    """Keeps what the planner found; adopts it where that was asked for and nothing has changed meanwhile."""
    done = msgspec.structs.replace(run, state="done", outcome=outcome, progress="")
    state.tx.put(done)
    what = outcome.text if not isinstance(outcome, Plan) else f"{len(outcome.served)} turns, {len(outcome.moved)} moved"
    state.happened("planned", text=f"{run.id}: {what}")
    if run.adopt and isinstance(outcome, Plan) and basis(make_problem(state, run)) == run.basis:
        return adopt(state, done)
    return done


def adopt(state: DutyState, run: PlanRun) -> PlanRun:
    """The turns of the horizon become those of the plan, from now on; those that have begun stay. Whoever's duty
    changes is told."""
    if not isinstance(run.outcome, Plan):
        raise errors.NO_PLAN.error(id=repr(run.id), why=run.outcome.text if run.outcome is not None else "none yet")
    served = run.outcome.served
    told: defaultdict[str, list[str]] = defaultdict(list)
    for post in state.whole.posts:
        if run.posts and post.id not in run.posts:
            continue
        roster = state.rosters[post.id]
        # Of one that somebody leaves half-way both parts.
        begun = {turn.shift for turn in roster.turns if turn.start <= state.now}
        kept = [turn for turn in roster.turns if turn.shift in begun or not _touches(turn, run)]
        stay = {turn.shift for turn in kept}
        fresh = [
            Turn(shift=shift.id, layer=shift.layer, person=served[shift.id], spans=spans)
            for shift in state.shifts(post, run.from_at, run.to_at)
            if shift.id in served and shift.id not in stay and (spans := _from(state.now, shift.spans))
        ]
        turns = sorted([*kept, *fresh], key=lambda turn: (turn.start, turn.shift))
        _note_changes(told, post.title, roster.turns, turns, state.now)
        state.tx.put(msgspec.structs.replace(state.rota(post.id), turns=tuple(turns)))
    state.changed()
    for person, lines in told.items():
        # Channels take no more than some thousand characters.
        more = [f"- and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
        state.tell([person], "Your duty has changed", "\n".join([*lines[:_MOST_LINES], *more]))
    adopted = msgspec.structs.replace(run, state="adopted")
    state.tx.put(adopted)
    state.happened("plan-adopted", text=f"{run.id}: {sum(map(len, told.values()))} changes for {len(told)} people")
    settle_all(state)
    return adopted


def _from(now: float, spans: Sequence[Span]) -> tuple[Span, ...]:
    """What of them is to come: nobody has held before what is planned now."""
    return tuple([Span(max(span.start, now), span.end) for span in spans if span.end > now])


def _touches(turn: Turn, run: PlanRun) -> bool:
    return turn.end > run.from_at and turn.start < run.to_at


def _note_changes(
    told: defaultdict[str, list[str]], title: str, old: Sequence[Turn], new: Sequence[Turn], now: float
) -> None:
    before = {turn.shift: turn for turn in old}
    after = {turn.shift: turn for turn in new}
    for shift in sorted(before.keys() | after.keys()):
        was, is_ = before.get(shift), after.get(shift)
        turn = is_ or was
        if turn is None or turn.start <= now or (was is not None and is_ is not None and was.person == is_.person):
            continue
        time = f"{iso_minutes(turn.start)} to {iso_minutes(turn.end)}"
        if was is not None and was.person:
            told[was.person].append(f"- no longer {title}, {time}")
        if is_ is not None:
            told[is_.person].append(f"- {title}, {time}")


def _people(state: DutyState, run: PlanRun) -> list[problem.Person]:
    supposed: defaultdict[str, list[Span]] = defaultdict(list)
    for absence in run.what_if:
        supposed[absence.person].append(_span(absence))
    return [
        person.planned(calendar.merged([*state.away(person.id), *supposed[person.id]])) for person in state.whole.people
    ]


def _span(absence: Absence) -> Span:
    return Span(absence.from_at, FOREVER if absence.to_at is None else absence.to_at)


def _past(state: DutyState, run: PlanRun) -> list[tuple[str, Shift]]:
    """What was served shortly before the horizon; longer where a rule looks back further."""
    longest = max([rule.within_days for rule in state.whole.rules.separations], default=0.0) * _DAY_S
    since = run.from_at - max(_PAST_S, longest)
    return [
        (person, Shift(id=turn.shift, post=post, layer=turn.layer, spans=turn.spans))
        for post, roster in state.rosters.items()
        for turn in roster.turns
        if since < turn.end and turn.start < run.from_at and (person := roster.serves(turn))
    ]


def _served(state: DutyState, run: PlanRun) -> dict[str, dict[str, float]]:
    people = {person.id: person.planned(()) for person in state.whole.people}
    sums = {id: {"hours": 0.0, "nights": 0.0, "weekends": 0.0, "holidays": 0.0} for id in people}
    for post, roster in state.rosters.items():
        for turn in roster.turns:
            person = roster.serves(turn)
            if person in people and run.from_at - _FAIR_S < turn.start < run.from_at:
                shift = Shift(id=turn.shift, post=post, layer=turn.layer, spans=turn.spans)
                for name, hours in calendar.burden(shift, people[person])._asdict().items():
                    sums[person][name] += hours
    return {id: each for id, each in sums.items() if each["hours"]}


def _frozen(state: DutyState) -> tuple[Span, ...]:
    """Each critical page that is open, to the end of its present day."""
    open_ = [
        page
        for page in state.tx.list(Page, account=state.account)
        if page.severity == "critical" and page.state != "resolved"
    ]
    return calendar.merged(
        [
            Span(page.created_at, page.created_at + (1 + (state.now - page.created_at) // _DAY_S) * _DAY_S)
            for page in open_
        ]
    )
