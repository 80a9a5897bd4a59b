"""Each rule: the checker sees where it is broken, plans keep it, and where it cannot be kept that is explained."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from kowloon.duty.planning.checker import check
from kowloon.duty.planning.eligible import why_not
from kowloon.duty.planning.problem import (
    Conflict,
    Coverage,
    Eligibility,
    Layer,
    Person,
    Plan,
    Problem,
    RuleName,
    Separation,
    Shift,
    Window,
)
from kowloon.duty.planning.solve import solve

from .small import DAY_S, at, away, layer, outcome_of, people, planned, post, problem, span

MONDAY, END = "2026-03-02T00:00", "2026-03-07T00:00"


def broken(of: Problem, served: Mapping[str, str]) -> set[tuple[str, str]]:
    return {(violation.rule.rule, violation.rule.about) for violation in check(of, served)}


def all_to(of: Problem, person: str) -> dict[str, str]:
    return {shift.id: person for shift in of.shifts}


def in_turn(of: Problem, *names: str) -> dict[str, str]:
    return {shift.id: names[number % len(names)] for number, shift in enumerate(of.shifts)}


def conflict(of: Problem) -> Conflict:
    outcome = outcome_of(of)
    assert isinstance(outcome, Conflict), outcome
    assert outcome.minimal
    assert outcome.smallest
    return outcome


def rules(outcome: Conflict) -> set[tuple[str, str]]:
    return {(rule.rule, rule.about) for rule in outcome.rules}


def kept(of: Problem) -> Plan:
    plan = planned(of)
    assert check(of, plan.served) == []
    assert set(plan.served) == {shift.id for shift in of.shifts}
    return plan


def test_each_shift_has_somebody_eligible() -> None:
    who = (*people("a", skills={"sql": 2}, seniority=3, pools=("dba",)), *people("b", skills={"sql": 1}, seniority=3))
    for wanted, lacking in (
        (Eligibility(pools=("dba", "net")), "is not in dba or net"),
        (Eligibility(skills={"sql": 2}), "has sql 1, not 2"),
        (Eligibility(skills={"sql": 2}, seniority=4), "has seniority 3, not 4"),
    ):
        of = problem(who, [post(eligible=wanted)], MONDAY, END)
        assert broken(of, all_to(of, "b")) == {("eligible", "q")}
        reasons = why_not(who[1], of.posts[0], of.posts[0].layers[0], of.shifts[0].spans)
        assert lacking in [reason.text for reason in reasons]
        assert {reason.rule for reason in reasons} == {RuleName(rule="eligible", about="q")}
    assert set(kept(problem(who, [post(eligible=Eligibility(pools=("dba",)))], MONDAY, END)).served.values()) == {"a"}
    first = of.shifts[0].id
    found = conflict(of)
    assert rules(found) == {("covered", first), ("eligible", "q")}
    assert found.text == "q, l from 2026-03-02 00:00: nobody can serve: 2 others are not eligible."


def test_the_eligibility_of_a_layer_replaces_that_of_the_post() -> None:
    layers = (layer(id="l", eligible=Eligibility(seniority=2)), layer(id="k"))
    who = (*people("a", seniority=2), *people("b", pools=("dba",)))
    of = problem(who, [post("q", *layers, eligible=Eligibility(pools=("dba",)))], MONDAY, END)
    served = kept(of).served
    assert {shift.layer: served[shift.id] for shift in of.shifts} == {"l": "a", "k": "b"}


def test_nobody_unknown_serves_and_nothing_is_left_open() -> None:
    of = problem(people("a"), [post()], MONDAY, END, only=2)
    assert broken(of, {of.shifts[0].id: "nobody"}) == {("eligible", "q"), ("covered", of.shifts[1].id)}


def test_absence() -> None:
    who = away(people("ab"), a=span("2026-03-03T12:00", "2026-03-03T13:00"))
    of = problem(who, [post()], MONDAY, END)
    second = of.shifts[1].id
    assert broken(of, all_to(of, "a")) == {("absence", "a")}
    assert kept(of).served[second] == "b"
    both = msgspec.structs.replace(of, people=away(who, b=span("2026-03-03T23:00", "2026-03-04T00:00")))
    found = conflict(both)
    assert rules(found) == {("covered", second), ("absence", "a"), ("absence", "b")}
    assert found.text == "q, l from 2026-03-03 00:00: nobody can serve: a is away, b is away."
    assert found.shifts == (second,)


def test_short_absences_do_not_matter_where_the_post_says_so() -> None:
    who = away(people("a"), a=span("2026-03-03T12:00", "2026-03-03T15:00"))
    of = problem(who, [post(limits={"most_away_h": 3})], MONDAY, END)
    assert kept(of).moved == ()
    less = problem(who, [post(limits={"most_away_h": 2.5})], MONDAY, END)
    assert broken(less, all_to(less, "a")) == {("absence", "a")}
    assert rules(conflict(less)) == {("covered", less.shifts[1].id), ("absence", "a")}


def test_one_place_at_a_time_unless_neither_post_is_exclusive() -> None:
    two = [post("q"), post("r", exclusive=False)]
    of = problem(people("ab"), two, MONDAY, END)
    assert broken(of, all_to(of, "a")) == {("exclusive", "q")}
    kept(of)
    alone = msgspec.structs.replace(of, people=people("a"), shifts=of.shifts[:2])
    found = conflict(alone)
    assert rules(found) == {("exclusive", "q"), ("covered", of.shifts[0].id), ("covered", of.shifts[1].id)}
    assert "who serves in q serves nowhere else at that time" in found.text
    free = problem(people("a"), [post("q", exclusive=False), post("r", exclusive=False)], MONDAY, END)
    assert set(kept(free).served.values()) == {"a"}


def test_layers_of_one_exclusive_post_are_two_places() -> None:
    of = problem(people("ab"), [post("q", layer(id="primary"), layer(id="secondary"))], MONDAY, END)
    assert broken(of, all_to(of, "a")) == {("exclusive", "q")}
    kept(of)


def test_rest_is_free_time_before_a_shift_after_any_other() -> None:
    day = post("day", layer("FREQ=DAILY", "2026-01-05T08:00", only=(window("08:00", "20:00"),)))
    late = post("late", layer("FREQ=DAILY", "2026-01-05T20:00", only=(window("22:00", "23:00"),)), limits={"rest_h": 6})
    of = problem(people("ab"), [day, late], MONDAY, END)
    assert broken(of, all_to(of, "a")) == {("rest_h", "late")}
    kept(of)
    alone = msgspec.structs.replace(of, people=people("a"))
    first = {shift.post: shift.id for shift in reversed(of.shifts)}
    found = conflict(alone)
    assert ("rest_h", "late") in rules(found)
    assert len(found.rules) == 3
    assert "6 h of rest before each shift of late" in found.text
    assert first["late"].startswith("late/l/20260302T2200")
    # The rest is of the shift after, not of the one before; and two of one's own in a row need it, too.
    other_way = [post("day", *day.layers, limits={"rest_h": 9}), post("late", *late.layers)]
    assert kept(problem(people("a"), other_way, MONDAY, END)).gap == 0.0
    in_a_row = problem(people("a"), [post(limits={"rest_h": 1})], MONDAY, END, only=2)
    assert broken(in_a_row, all_to(in_a_row, "a")) == {("rest_h", "q")}


def test_rest_counts_from_what_was_served_before_the_horizon() -> None:
    night = Shift(id="r/l/20260301T1200", post="r", layer="l", spans=(span("2026-03-01T12:00", "2026-03-01T23:00"),))
    of = problem(people("ab"), [post(limits={"rest_h": 4})], MONDAY, END, only=1, past=(("a", night),))
    assert broken(of, all_to(of, "a")) == {("rest_h", "q")}
    assert list(kept(of).served.values()) == ["b"]


def test_hours_in_any_seven_days_of_all_posts() -> None:
    week = [
        post("q", layer(only=(window("08:00", "16:00"),)), limits={"most_h_per_week": 40}),
        post("r", exclusive=False),
    ]
    of = problem(people("ab"), [week[0]], MONDAY, "2026-03-16T00:00")
    assert broken(of, all_to(of, "a")) == {("most_h_per_week", "q")}
    served = kept(of).served
    starts = [shift.start for shift in of.shifts if served[shift.id] == "a"]
    assert all(sum(start <= other < start + 7 * DAY_S for other in starts) <= 5 for start in starts)
    found = conflict(msgspec.structs.replace(of, people=people("a"), shifts=of.shifts[:7]))
    assert ("most_h_per_week", "q") in rules(found)
    assert len(found.rules) == 7
    assert "at most 40 h in 7 days for whoever serves in q" in found.text
    # Another post's hours count, and its own limit does not apply to those who never serve in the limited one.
    of = problem(people("ab"), week, MONDAY, END, only=2)
    served = {shift.id: "a" if shift.post == "q" else "b" for shift in of.shifts}
    assert broken(of, served) == set()
    assert ("most_h_per_week", "q") in broken(of, all_to(of, "a"))


def test_a_window_of_seven_days_may_begin_within_a_shift() -> None:
    # 60 hours, five days off, 60 hours: in any seven days at most 108, wherever they begin.
    spans = [span("2026-03-02T00:00", "2026-03-04T12:00"), span("2026-03-09T12:00", "2026-03-12T00:00")]
    shifts_ = tuple(Shift(id=f"q/l/{n}", post="q", layer="l", spans=(one,)) for n, one in enumerate(spans))
    for most, expected in ((60, set()), (59.5, {("most_h_per_week", "q")})):
        of = Problem(people=people("a"), posts=(post(limits={"most_h_per_week": most}),), shifts=shifts_)
        assert broken(of, all_to(of, "a")) == expected
        assert isinstance(solve(of, 10), Plan) is not bool(expected)
    nearer = tuple(
        msgspec.structs.replace(one, spans=(late,))
        for one, late in zip(shifts_, (spans[0], span("2026-03-05T00:00", "2026-03-07T12:00")), strict=True)
    )
    of = Problem(people=people("a"), posts=(post(limits={"most_h_per_week": 119}),), shifts=nearer)
    assert broken(of, all_to(of, "a")) == {("most_h_per_week", "q")}
    assert isinstance(solve(of, 10), Conflict)


def test_no_immediate_return() -> None:
    of = problem(people("abc"), [post(limits={"turns_between": 2})], MONDAY, END)
    assert broken(of, in_turn(of, "a", "b")) == {("turns_between", "q")}
    assert broken(of, in_turn(of, "a", "b", "c")) == set()
    kept(of)
    found = conflict(msgspec.structs.replace(of, people=people("ab"), shifts=of.shifts[:3]))
    assert rules(found) == {("turns_between", "q"), *[("covered", shift.id) for shift in of.shifts[:3]]}
    assert "2 shifts of q go to others before one returns" in found.text


def test_no_immediate_return_after_the_past_or_beside_what_is_fixed() -> None:
    last = Shift(id="q/l/20260301T0000", post="q", layer="l", spans=(span("2026-03-01T00:00", MONDAY),))
    of = problem(people("ab"), [post(limits={"turns_between": 1})], MONDAY, END, only=3, past=(("a", last),))
    served = kept(of).served
    assert [served[shift.id] for shift in of.shifts] == ["b", "a", "b"]
    fixed = msgspec.structs.replace(of, past=(), fixed={of.shifts[1].id: "b"})
    served = kept(fixed).served
    assert [served[shift.id] for shift in of.shifts] == ["a", "b", "a"]


def test_what_only_fixed_shifts_break_is_nobodys_fault() -> None:
    of = problem(people("ab"), [post(limits={"turns_between": 1, "rest_h": 5})], MONDAY, END, only=4)
    fixed = {of.shifts[0].id: "a", of.shifts[1].id: "a"}
    plan = kept(msgspec.structs.replace(of, fixed=fixed, people=people("abc")))
    assert plan.served[of.shifts[2].id] != "a"
    changed = {**plan.served, of.shifts[0].id: "b"}
    assert ("fixed", of.shifts[0].id) in broken(msgspec.structs.replace(of, fixed=fixed), changed)


def test_everyone_eligible_serves() -> None:
    who = (*people("abc", pools=("x",)), *people("d"))
    of = problem(who, [post(limits={"everyone_serves": True}, eligible=Eligibility(pools=("x",)))], MONDAY, END, only=3)
    assert broken(of, in_turn(of, "a", "b")) == {("everyone_serves", "q")}
    assert sorted(kept(of).served.values()) == ["a", "b", "c"]
    # Who is not there for any of them is not missed.
    gone = msgspec.structs.replace(of, people=away(who, c=span("2026-03-01T00:00", "2026-04-01T00:00")))
    assert set(kept(gone).served.values()) == {"a", "b"}
    few = msgspec.structs.replace(of, shifts=of.shifts[:2])
    found = conflict(few)
    assert rules(found) == {("everyone_serves", "q")}
    assert found.text == "These rules cannot all hold with that: everyone eligible serves in q at least once."


def test_the_outgoing_holder_stays_beside_the_next() -> None:
    who = away(people("ab"), a=span("2026-03-03T00:00", "2026-03-03T01:00"))
    of = problem(who, [post(limits={"overlap_h": 1})], MONDAY, "2026-03-03T00:00")
    assert broken(of, all_to(of, "a")) == {("overlap_h", "q")}
    assert list(kept(of).served.values()) == ["b"]
    assert ("overlap_h", "q") in rules(conflict(msgspec.structs.replace(of, people=who[:1])))
    # Nor serves elsewhere meanwhile; in the same layer, the next turn may be one's own.
    early, late = (
        post("q", layer(only=(window("08:00", "12:00"),)), limits={"overlap_h": 1}),
        post("r", layer(only=(window("12:00", "13:00"),))),
    )
    of = problem(people("ab"), [early, late], MONDAY, END, only=1)
    assert broken(of, all_to(of, "a")) == {("overlap_h", "q")}
    assert len(set(kept(of).served.values())) == 2
    alone = problem(people("a"), [post(limits={"overlap_h": 1})], MONDAY, END)
    assert set(kept(alone).served.values()) == {"a"}


def test_follow_the_sun() -> None:
    who = (
        *people("c", time_zone="Asia/Shanghai"),
        *people("e", time_zone="Europe/Berlin", country="DE"),
        *people("n", time_zone="America/New_York", country="US"),
    )
    sun = post("q", layer("FREQ=DAILY;BYHOUR=0,8,16"), limits={"daylight": "06:00-22:00"})
    of = problem(who, [sun], "2026-03-02T00:00", "2026-04-13T00:00")
    served = kept(of).served
    by_hour = {shift.id[-5:]: set() for shift in of.shifts}
    for shift in of.shifts:
        by_hour[shift.id[-5:]].add(served[shift.id])
    assert by_hour == {"T0000": {"c"}, "T0800": {"e"}, "T1600": {"n"}}
    assert broken(of, in_turn(of, "e")) == {("daylight", "q")}
    found = conflict(msgspec.structs.replace(of, people=who[1:], shifts=of.shifts[:1]))
    assert rules(found) == {("covered", of.shifts[0].id), ("daylight", "q")}
    assert "e would serve outside of 06:00-22:00, Europe/Berlin" in found.text


def test_daylight_across_midnight_and_around_the_clock() -> None:
    late = post("q", layer("FREQ=DAILY;BYHOUR=4,12,20"), limits={"daylight": "20:00-04:00"})
    of = problem(people("a"), [late], "2026-03-02T20:00", "2026-03-03T04:00")
    assert kept(of).served == {"q/l/20260302T2000": "a"}
    of = problem(people("a"), [late], "2026-03-02T12:00", "2026-03-02T20:00")
    assert broken(of, all_to(of, "a")) == {("daylight", "q")}
    always = problem(people("a"), [post(limits={"daylight": "00:00-24:00"})], MONDAY, END)
    assert kept(always).gap == 0.0


def test_free_on_the_holidays_of_ones_own_country() -> None:
    who = (*people("c", time_zone="Asia/Shanghai", country="CN"), *people("d", time_zone="Asia/Shanghai", country="DE"))
    of = problem(
        who,
        [post("q", time_zone="Asia/Shanghai", limits={"free_on_holidays": True})],
        "2026-09-30T16:00",
        "2026-10-01T16:00",
    )
    assert broken(of, all_to(of, "c")) == {("free_on_holidays", "q")}
    assert list(kept(of).served.values()) == ["d"]
    found = conflict(msgspec.structs.replace(of, people=who[:1]))
    assert rules(found) == {("covered", of.shifts[0].id), ("free_on_holidays", "q")}
    assert "c has a public holiday" in found.text


def test_neighbours_do_not_change_hands_in_one_week() -> None:
    two = [
        post("q", layer("FREQ=WEEKLY;BYDAY=MO"), neighbours=("r",)),
        post("r", layer("FREQ=WEEKLY;BYDAY=WE", "2026-01-07T00:00")),
    ]
    of = problem(people("ab"), two, "2026-03-02T00:00", "2026-03-23T00:00")
    q, r = ([shift.id for shift in of.shifts if shift.post == name] for name in ("q", "r"))
    both = {q[0]: "a", q[1]: "b", q[2]: "b", r[0]: "b", r[1]: "a", r[2]: "a"}
    assert ("neighbours", "q") in broken(of, both)
    assert ("neighbours", "q") not in broken(of, {**both, r[1]: "b"})
    kept(of)
    shifts_ = tuple(shift for shift in of.shifts if shift.id in (q[0], q[1], r[0], r[1]))
    posts = tuple(
        msgspec.structs.replace(one, limits=msgspec.structs.replace(one.limits, turns_between=1)) for one in of.posts
    )
    found = conflict(msgspec.structs.replace(of, people=people("abcd"), shifts=shifts_, posts=posts))
    assert {("neighbours", "q"), ("turns_between", "q"), ("turns_between", "r")} <= rules(found)
    assert "q and its neighbours do not change hands in one week" in found.text


def test_weeks_of_neighbours_are_those_of_the_posts_own_zone() -> None:
    # Sunday 23:00 UTC is Monday in Shanghai.
    two = [
        post("q", layer("FREQ=WEEKLY;BYDAY=SU", "2026-01-04T23:00"), neighbours=("r",), time_zone="UTC"),
        post("r", layer("FREQ=WEEKLY;BYDAY=MO", "2026-01-05T09:00")),
    ]
    of = problem(people("abcd"), two, "2026-03-01T00:00", "2026-03-10T12:00")
    served = {shift.id: name for shift, name in zip(of.shifts, ("a", "c", "b", "d"), strict=True)}
    assert [shift.post for shift in of.shifts] == ["q", "r", "q", "r"]
    assert broken(of, served) == set()
    eastern = tuple(msgspec.structs.replace(one, time_zone="Asia/Shanghai") for one in of.posts)
    assert broken(msgspec.structs.replace(of, posts=eastern), served) == {("neighbours", "q")}


def test_no_change_of_hands_during_an_open_incident() -> None:
    two = [post("q", layer("FREQ=DAILY"), neighbours=("r",)), post("r", layer("FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1"))]
    of = problem(people("ab"), [two[0]], MONDAY, END, only=3)
    of = msgspec.structs.replace(of, posts=tuple(two), frozen=(span("2026-03-02T12:00", "2026-03-04T00:00"),))
    assert broken(of, in_turn(of, "a", "b")) == {("frozen", "q")}
    served = kept(of).served
    assert served[of.shifts[0].id] == served[of.shifts[1].id]
    returning = msgspec.structs.replace(two[0], limits=msgspec.structs.replace(two[0].limits, turns_between=1))
    found = conflict(msgspec.structs.replace(of, posts=(returning, two[1])))
    assert {("frozen", "q"), ("turns_between", "q")} <= rules(found)
    assert "q does not change hands during an open incident" in found.text


def test_separation_of_posts_held_together() -> None:
    two = [post("q", exclusive=False), post("r", exclusive=False)]
    of = problem(
        people("ab"), two, MONDAY, END, separations=(Separation(id="apart", kind="together", posts=("q", "r")),)
    )
    assert broken(of, all_to(of, "a")) == {("apart", "")}
    kept(of)
    assert ("apart", "") in rules(conflict(msgspec.structs.replace(of, people=people("a"))))


def test_who_approved_does_not_audit_within_days() -> None:
    approves = post("approves", layer("FREQ=DAILY"))
    audits = post("audits", layer("FREQ=DAILY"))
    separation = Separation(id="audit", kind="follows", posts=("approves", "audits"), within_days=2)
    of = problem(people("ab"), [approves], MONDAY, END, only=1)
    later = problem(people("ab"), [audits], MONDAY, "2026-03-08T00:00").shifts
    for shift, allowed in ((later[1], False), (later[2], False), (later[3], True)):
        both = Problem(
            people=people("ab"),
            posts=(approves, audits),
            shifts=(of.shifts[0], shift),
            separations=(separation,),
        )
        assert broken(both, all_to(both, "a")) == (set() if allowed else {("audit", "")})
        kept(both)
        alone = solve(msgspec.structs.replace(both, people=people("a")), 10)
        assert isinstance(alone, Plan) is allowed
    # The other way round is no audit of one's own.
    turned = Problem(
        people=people("a"), posts=(approves, audits), shifts=(later[0], of.shifts[0]), separations=(separation,)
    )
    assert ("audit", "") not in broken(turned, all_to(turned, "a"))


def test_kin_neither_together_nor_one_after_the_other() -> None:
    kin = Separation(id="couple", kind="kin", people=("a", "b"))
    two = [post("q"), post("r")]
    of = problem(people("abc"), two, MONDAY, END, only=1, separations=(kin,))
    served = dict(zip([shift.id for shift in of.shifts], "ab", strict=True))
    assert broken(of, served) == {("couple", "")}
    kept(of)
    line = problem(people("abc"), [post()], MONDAY, END, only=2, separations=(kin,))
    assert broken(line, in_turn(line, "a", "b")) == {("couple", "")}
    assert broken(line, in_turn(line, "a", "c")) == set()
    returning = [post(limits={"turns_between": 1})]
    found = conflict(problem(people("ab"), returning, MONDAY, END, only=2, separations=(kin,)))
    assert ("couple", "") in rules(found)
    elsewhere = msgspec.structs.replace(kin, posts=("other",))
    assert kept(problem(people("ab"), returning, MONDAY, END, only=2, separations=(elsewhere,))).gap == 0.0


def test_namesakes_are_two_people() -> None:
    """Ids differ, whatever people are called: both may hold neighbouring posts, and each only their own."""
    who = tuple(Person(id=f"wei-{number}", time_zone="UTC") for number in (1, 2))
    of = problem(who, [post("q"), post("r")], MONDAY, END, only=1)
    assert sorted(kept(of).served.values()) == ["wei-1", "wei-2"]


def test_a_senior_beside_the_juniors_at_every_time() -> None:
    who = (*people("ab", seniority=1), *people("s", seniority=5))
    senior = Coverage(id="senior", posts=("q", "r"), eligible=Eligibility(seniority=5))
    two = [post("q"), post("r", layer("FREQ=DAILY", "2026-01-05T12:00"))]
    of = problem(who, two, MONDAY, END, only=1, coverage=(senior,))
    juniors = dict(zip([shift.id for shift in of.shifts], "ab", strict=True))
    assert broken(of, juniors) == {("senior", "")}
    # One of the two is alone for half a day at both ends: the senior has both, or there is nobody.
    assert rules(conflict(of)) >= {("senior", "")}
    same = problem(who, [post("q"), post("r")], MONDAY, END, only=2, coverage=(senior,))
    served = kept(same).served
    assert [shift.start for shift in same.shifts if served[shift.id] == "s"] == [at(MONDAY), at("2026-03-03T00:00")]


def test_a_yearly_executive_rotation() -> None:
    names = "abcdefg"
    chair = post(
        "chair",
        layer("FREQ=YEARLY;BYMONTH=7;BYMONTHDAY=1", "2026-07-01T00:00"),
        limits={"turns_between": 3, "everyone_serves": True, "most_away_h": 30 * 24},
        time_zone="Asia/Shanghai",
    )
    of = problem(people(names), [chair], "2026-06-01T00:00", "2034-01-01T00:00")
    assert [shift.id for shift in of.shifts][:2] == ["chair/l/20260701T0000", "chair/l/20270701T0000"]
    served = kept(of).served
    held = [served[shift.id] for shift in of.shifts]
    assert len(held) == 8
    assert set(held) == set(names)


def test_times_that_are_not_there_and_shifts_that_are_twice() -> None:
    of = problem(people("a"), [post()], MONDAY, END, only=1)
    with pytest.raises(ValueError, match="is given twice, has no time, or is of no layer"):
        solve(msgspec.structs.replace(of, shifts=(*of.shifts, *of.shifts)), 1)
    with pytest.raises(ValueError, match="two people, or two posts, have one id"):
        solve(msgspec.structs.replace(of, people=people("aa")), 1)
    wrong = Separation(id="audit", kind="follows", posts=("q",))
    with pytest.raises(ValueError, match="`follows` is of two posts"):
        solve(msgspec.structs.replace(of, separations=(wrong,)), 1)


def window(begins: str, ends: str) -> Window:
    return Window(from_time=begins, to_time=ends)


def test_an_acting_holder_is_asked_for_without_a_layer() -> None:
    (one,) = people("a", seniority=1, time_zone="Europe/Berlin")
    of = post("q", Layer(id="l", rotation=layer().rotation, eligible=Eligibility()), eligible=Eligibility(seniority=2))
    then = [span("2026-03-03T00:00", "2026-03-03T08:00")]
    assert [reason.text for reason in why_not(one, of, None, then)] == ["has seniority 1, not 2"]
    assert why_not(one, of, of.layers[0], then) == []
