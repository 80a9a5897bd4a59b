"""Plans are the best there are, and provably; a re-plan moves as few as can be; a job answers in JSON."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest

from kowloon.duty.planning.checker import check
from kowloon.duty.planning.problem import Conflict, Eligibility, Outcome, Person, Plan, Problem, Span, Unknown, Weights
from kowloon.duty.planning.solve import Request, run, solve
from kowloon.engines.jobs import Jobs

from .organisations import assignments, best, cost
from .small import DAY_S, away, layer, people, planned, post, problem, span
from .standings import balance

HOURS_ONLY = Weights(nights=0, weekends=0, holidays=0)


def held(of: Problem, plan: Plan) -> Counter[str]:
    return Counter(plan.served[shift.id] for shift in of.shifts)


def test_shifts_are_shared_evenly_and_by_share() -> None:
    of = problem(people("abc"), [post()], "2026-03-02T00:00", "2026-03-11T00:00", weights=HOURS_ONLY)
    plan = planned(of)
    assert (plan.cost, plan.bound, plan.gap) == (0.0, 0.0, 0.0)
    assert held(of, plan) == {"a": 3, "b": 3, "c": 3}
    half = (*people("ab"), Person(id="c", time_zone="UTC", share=0.5))
    of = problem(half, [post()], "2026-03-02T00:00", "2026-03-12T00:00", weights=HOURS_ONLY)
    assert held(of, planned(of)) == {"a": 4, "b": 4, "c": 2}


def test_what_cannot_be_even_is_as_even_as_it_can_be_and_that_is_proven() -> None:
    of = problem(people("abc"), [post()], "2026-03-02T00:00", "2026-03-12T00:00", weights=HOURS_ONLY)
    plan = planned(of)
    # Ten days for three: 80 hours each are fair; two have 72, one 96.
    assert (plan.cost, plan.bound, plan.gap) == (32.0, 32.0, 0.0)


def test_nights_weekends_and_holidays_are_shared_too() -> None:
    of = problem(
        people("ab", country="CN", time_zone="Asia/Shanghai"),
        [post("q", layer("FREQ=DAILY;BYHOUR=8,20"), time_zone="Asia/Shanghai")],
        "2026-09-28T00:00",
        "2026-10-12T00:00",
    )
    plan = planned(of)
    assert plan.gap == 0.0
    for standing in balance(of, plan.served):
        assert standing.cost <= plan.cost
        assert abs(standing.above_h["nights"]) <= 8.0
        assert abs(standing.above_h["weekends"]) <= 12.0


def test_a_balance_adds_up_to_the_cost() -> None:
    of = problem(
        people("ab"), [post()], "2026-03-02T00:00", "2026-03-07T00:00", served_h={"a": {"hours": 24.0, "nights": 8.0}}
    )
    plan = planned(of)
    standings = balance(of, plan.served)
    assert sum(standing.cost for standing in standings) == pytest.approx(plan.cost)
    assert sum(standing.served_h["hours"] for standing in standings) == 120.0
    assert [standing.earlier_h["hours"] for standing in standings] == [24.0, 0.0]
    assert [standing.fair_h["hours"] for standing in standings] == [72.0, 72.0]
    # Who had more before has less now.
    assert held(of, plan) == {"a": 2, "b": 3}


def test_shifts_that_a_few_may_serve_are_shared_among_those() -> None:
    who = (*people("ab", skills={"sql": 1}), *people("cd"))
    of = problem(
        who,
        [post("q", eligible=Eligibility(skills={"sql": 1})), post("r")],
        "2026-03-02T00:00",
        "2026-03-10T00:00",
        weights=HOURS_ONLY,
    )
    fair = {standing.person: standing.fair_h["hours"] for standing in balance(of, planned(of).served)}
    assert fair == {"a": 144.0, "b": 144.0, "c": 48.0, "d": 48.0}


def test_follow_the_sun_shares_no_nights_that_nobody_needs_to_have() -> None:
    who = (*people("c", time_zone="Asia/Shanghai"), *people("n", time_zone="America/New_York"))
    of = problem(
        who,
        [post("q", layer("FREQ=DAILY;BYHOUR=0,12"))],
        "2026-03-02T00:00",
        "2026-03-06T00:00",
        weights=Weights(weekends=0, holidays=0),
    )
    plan = planned(of)
    assert {standing.fair_h["nights"] for standing in balance(of, plan.served)} == {0.0}
    assert all(plan.served[shift.id] == ("c" if shift.id.endswith("T0000") else "n") for shift in of.shifts)


@pytest.mark.parametrize("number", range(6))
def test_no_assignment_costs_less(number: int) -> None:
    of = problem(
        people("abc"[: 2 + number % 2]),
        [
            post("q", layer("FREQ=DAILY"), limits={"turns_between": number % 2}),
            post("r", layer("FREQ=DAILY;BYHOUR=6,18"), exclusive=number > 3),
        ],
        f"2026-03-0{number + 1}T00:00",
        f"2026-03-0{number + 3}T00:00",
        served_h={"a": {"hours": 5.0 * number}},
    )
    plan = solve(of, 20)
    least = best(of)
    if least is None:
        assert isinstance(plan, Conflict)
        return
    assert isinstance(plan, Plan)
    assert plan.gap == 0.0
    assert plan.cost == pytest.approx(least)


def fewest_moves(of: Problem) -> int:
    return min(
        sum(of.before[shift] != person for shift, person in served.items())
        for served in assignments(of)
        if not check(of, served)
    )


@pytest.mark.parametrize("gone", ["a", "b", "c"])
def test_a_re_plan_moves_as_few_as_can_be(gone: str) -> None:
    of = problem(people("abcd"), [post(limits={"turns_between": 2})], "2026-03-02T00:00", "2026-03-08T00:00")
    plan = planned(of)
    absent = msgspec.structs.replace(
        of, people=away(of.people, **{gone: span("2026-03-04T00:00", "2026-03-06T00:00")}), before=plan.served
    )
    again = planned(absent)
    assert check(absent, again.served) == []
    assert len(again.moved) == fewest_moves(absent)
    assert all(plan.served[shift] != again.served[shift] for shift in again.moved)
    assert again.moved_bound <= len(again.moved)
    assert again.cost == pytest.approx(cost(absent, again.served))


def test_nothing_moves_where_nothing_has_to() -> None:
    of = problem(people("abcd"), [post()], "2026-03-02T00:00", "2026-03-30T00:00")
    plan = planned(of)
    again = planned(msgspec.structs.replace(of, before=plan.served))
    assert (again.moved, again.moved_bound, again.served) == ((), 0, plan.served)


def test_who_has_left_is_replaced_and_new_shifts_are_given_out() -> None:
    of = problem(people("abc"), [post()], "2026-03-02T00:00", "2026-03-09T00:00")
    first = msgspec.structs.replace(of, shifts=of.shifts[:5])
    plan = planned(first)
    without_a = msgspec.structs.replace(of, people=of.people[1:], before=plan.served)
    again = planned(without_a)
    had = [shift for shift, person in plan.served.items() if person == "a"]
    assert sorted(again.moved) == sorted(had)
    assert again.moved_bound == len(had)
    assert set(again.served) == {shift.id for shift in of.shifts}


def test_the_least_moves_are_proven_where_one_would_do_but_for_the_others() -> None:
    """Whoever takes the turn of the one who is away has the turns beside it, so another has to move, too."""
    of = problem(people("abc"), [post(limits={"turns_between": 1})], "2026-03-02T00:00", "2026-03-08T00:00")
    days = [shift.id for shift in of.shifts]
    before = dict(zip(days, "abcacb", strict=True))
    gone = msgspec.structs.replace(
        of, people=away(of.people, b=span("2026-03-03T00:00", "2026-03-04T00:00")), before=before
    )
    plan = planned(gone)
    # On the second day neither a nor c may stand in while both have a day beside it.
    assert (len(plan.moved), plan.moved_bound) == (2, 2)
    assert plan.gap == 0.0


def test_what_stays_counts_against_the_hours_of_who_comes_to_a_post() -> None:
    """In a re-plan that touches one turn only: who has a week of another post has too many hours for this one."""
    weeks = post("w", layer("FREQ=WEEKLY;BYDAY=MO"))
    days = post("d", layer("FREQ=WEEKLY;BYDAY=SU"), limits={"most_h_per_week": 100})
    of = problem(people("ab"), [weeks, days], "2026-03-02T00:00", "2026-03-22T00:00")
    of = msgspec.structs.replace(
        of,
        posts=tuple(msgspec.structs.replace(each, exclusive=False) for each in of.posts),
        before={shift.id: "a" for shift in of.shifts if shift.post == "w"},
        shifts=tuple(
            msgspec.structs.replace(shift, spans=(Span(shift.start, shift.start + DAY_S),))
            if shift.post == "d"
            else shift
            for shift in of.shifts
        ),
    )
    plan = planned(of)
    assert check(of, plan.served) == []
    assert {who for shift, who in plan.served.items() if shift.startswith("d/")} == {"b"}


def test_where_everybody_is_in_two_teams_the_bound_is_near() -> None:
    """Large enough to be counted with fractions."""
    who = tuple(
        msgspec.structs.replace(one, pools=(f"t{place % 4}", f"t{place * place % 3}"))
        for place, one in enumerate(people("abcdefghijkl"))
    )
    posts = [
        post(f"q{team}", layer("FREQ=WEEKLY;BYDAY=MO"), eligible=Eligibility(pools=(f"t{team}",))) for team in range(4)
    ]
    of = problem(who, posts, "2026-01-05T00:00", "2026-12-28T00:00")
    plan = planned(of)
    assert check(of, plan.served) == []
    assert plan.gap <= 0.02


def test_with_no_weight_on_stability_a_re_plan_is_as_fair_as_a_first_one() -> None:
    of = problem(people("abc"), [post()], "2026-03-02T00:00", "2026-03-08T00:00", weights=Weights(moved=0))
    unfair = {shift.id: "a" for shift in of.shifts}
    assert planned(msgspec.structs.replace(of, before=unfair)).cost == pytest.approx(planned(of).cost)


def test_a_problem_without_shifts_has_a_plan() -> None:
    of = Problem(people=people("a"), posts=(post(),), shifts=())
    assert planned(of).served == {}
    fixed = problem(people("a"), [post()], "2026-03-02T00:00", "2026-03-04T00:00")
    everything = msgspec.structs.replace(fixed, fixed={shift.id: "gone" for shift in fixed.shifts})
    assert planned(everything).served == everything.fixed


def test_without_time_it_is_not_known() -> None:
    of = problem(people("abc"), [post(limits={"turns_between": 1})], "2026-03-02T00:00", "2027-03-02T00:00")
    ticks: Iterator[float] = iter(range(0, 10**9, 1000))
    outcome = solve(of, 1.0, stopwatch=lambda: float(next(ticks)))
    assert isinstance(outcome, Unknown | Plan)
    if isinstance(outcome, Unknown):
        assert "no plan was found in" in outcome.text


def test_a_weekly_rota_of_a_team_for_half_a_year_is_proven() -> None:
    of = problem(
        people("abcd", time_zone="Asia/Shanghai"),
        [
            post(
                "db",
                layer("FREQ=WEEKLY;BYDAY=MO", "2026-01-05T10:00"),
                limits={"turns_between": 1},
                time_zone="Asia/Shanghai",
            )
        ],
        "2026-01-05T02:00",
        "2026-07-06T02:00",
    )
    plan = planned(of, 15.0)
    assert check(of, plan.served) == []
    assert plan.gap <= 0.02
    assert set(held(of, plan).values()) <= {6, 7}


def test_a_job_takes_and_gives_json() -> None:
    of = problem(people("ab"), [post()], "2026-03-02T00:00", "2026-03-04T00:00")
    pieces: list[bytes] = []
    run(msgspec.json.encode(Request(problem=of, seconds=5)), io.BytesIO(), pieces.append)
    *progress, last = b"".join(pieces).splitlines()
    outcome = msgspec.json.decode(last, type=Outcome)
    assert isinstance(outcome, Plan)
    assert outcome.gap == 0.0
    assert all(json.loads(line)["cost"] >= json.loads(line)["bound"] for line in progress)


async def test_it_runs_in_a_process_of_its_own() -> None:
    of = problem(people("ab"), [post()], "2026-03-02T00:00", "2026-03-04T00:00")
    jobs = Jobs(most=1)
    try:
        answer = await jobs.run(
            "kowloon.duty.planning.solve:run", msgspec.json.encode(Request(problem=of, seconds=10)), [], timeout_s=100
        )
    finally:
        await jobs.close()
    outcome = msgspec.json.decode(answer.splitlines()[-1], type=Outcome)
    assert isinstance(outcome, Plan)
    assert check(of, outcome.served) == []


def test_the_solver_is_not_loaded_before_it_is_needed() -> None:
    code = "import kowloon.duty.planning.solve, sys; print([m for m in ('ortools', 'numpy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
