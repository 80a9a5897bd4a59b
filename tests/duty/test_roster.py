"""Who holds a post at a moment: the order of what counts, against a slow and plain reading of the same rules."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.duty.organisation import Post
from kowloon.duty.planning.problem import Layer, Rotation, Span
from kowloon.duty.resources import Absence, Tenure, Turn
from kowloon.duty.roster import DISPLACING, Away, Holder, Planned, PostRoster

DAILY = Rotation(starts="2026-01-05T00:00", repeats="FREQ=DAILY")
POST = Post(id="ic", title="", layers=(Layer(id="low", rotation=DAILY), Layer(id="high", rotation=DAILY)))


def turn(shift: str, layer: str, person: str, *spans: tuple[float, float]) -> Turn:
    return Turn(shift=shift, layer=layer, person=person, spans=tuple(Span(*span) for span in spans))


def tenure(id: str, person: str, from_at: float, to_at: float | None, **more: Any) -> Tenure:
    return Tenure(id=id, post="ic", person=person, from_at=from_at, to_at=to_at, **{"why": "override", **more})


def roster(turns: Sequence[Turn] = (), tenures: Sequence[Tenure] = (), absences: Sequence[Absence] = ()) -> PostRoster:
    return PostRoster(Planned(POST, turns), tenures, Away(absences))


def line(found: PostRoster, moments: Sequence[float]) -> str:
    """Who holds it at each of them, `-` for nobody, upper case for who acts."""
    holders = [found.at(moment) for moment in moments]
    return "".join(
        "-" if each is None else each.person.upper() if each.capacity == "acting" else each.person for each in holders
    )


TURNS = (turn("l1", "low", "a", (0, 4)), turn("l2", "low", "b", (4, 8)), turn("h1", "high", "c", (2, 3), (5, 6)))


@pytest.mark.parametrize(
    ("tenures", "holders"),
    [
        ([], "aacabcbb-"),
        # An appointment counts where the plan has nobody.
        ([tenure("1", "d", 0, None, why="appointed")], "aacabcbbd"),
        # An override of a layer: later layers still cover it.
        ([tenure("1", "d", 1, 5, layer="low")], "adcddcbb-"),
        ([tenure("1", "d", 1, 7, layer="high")], "addddddb-"),
        # Of the schedule: above all layers.
        ([tenure("1", "d", 1, 7), tenure("2", "e", 0, 9, layer="high")], "eddddddee"),
        # Of one turn: only in its spans, not in the gap between them.
        ([tenure("1", "d", 2, 6, shift="h1", layer="high", why="swap")], "aadabdbb-"),
        # The one that was made last wins, whatever is longer, and whichever is of the turn or of its layer.
        ([tenure("1", "d", 0, 8), tenure("2", "e", 2, 4)], "ddeedddd-"),
        ([tenure("2", "e", 2, 4), tenure("1", "d", 0, 8)], "dddddddd-"),
        (
            [tenure("1", "d", 4, 8, shift="l2", layer="low"), tenure("2", "e", 5, 7, layer="low")],
            "aacadced"[:5] + "ced-",
        ),
        ([tenure("2", "e", 5, 7, layer="low"), tenure("1", "d", 4, 8, shift="l2", layer="low")], "aacadcdd-"),
        # One that was taken back before it began never counts.
        ([tenure("1", "d", 5, 5)], "aacabcbb-"),
        # Who acts for nobody gives way to whoever is there.
        ([tenure("1", "d", 0, None, capacity="acting", why="vacant")], "aacabcbbD"),
        # Who acts for one who did not answer goes before that one alone.
        ([tenure("1", "d", 3, None, capacity="acting", why="unanswered", instead_of="b")], "aacaDcDDD"),
    ],
)
def test_what_counts_before_what(tenures: list[Tenure], holders: str) -> None:
    assert line(roster(TURNS, tenures), range(9)) == holders


def test_who_is_away_holds_nothing_and_is_back_at_the_second() -> None:
    away = [Absence(id="1", person="a", from_at=1, to_at=2), Absence(id="2", person="c", from_at=5, to_at=None)]
    acting = [tenure("1", "d", 0, 9, capacity="acting", why="absent", instead_of="a")]
    assert line(roster(TURNS, (), away), [0, 1, 1.999, 2, 5]) == "a--c-"
    assert line(roster(TURNS, acting, away), [0, 1, 1.999, 2, 3, 5, 8]) == "aDDcaDD"
    gone = [*away, Absence(id="3", person="d", from_at=0, to_at=None)]
    assert line(roster(TURNS, acting, gone), [1, 5]) == "--"


def test_a_chain_of_swaps_ends_with_the_last() -> None:
    given_away = tenure("1", "d", 4, 8, shift="l2", layer="low", why="swap")
    again = tenure("2", "e", 4, 8, shift="l2", layer="low", why="swap")
    assert roster(TURNS, [given_away, again]).serves(TURNS[1]) == "e"
    # What was taken back, or ended early, leaves it with who had it before.
    assert roster(TURNS, [given_away, tenure("2", "e", 4, 4, shift="l2", layer="low")]).serves(TURNS[1]) == "d"
    assert roster(TURNS, [given_away, tenure("2", "e", 4, 6, shift="l2", layer="low")]).serves(TURNS[1]) == "d"
    assert roster(TURNS).serves(TURNS[1]) == "b"
    # Of one that was left half-way the rest can be somebody else's.
    left = (turn("l2", "low", "b", (4, 6)), turn("l2", "low", "", (6, 8)))
    rest = roster(left, [tenure("1", "d", 6, 8, shift="l2", layer="low")])
    assert ([rest.serves(each) for each in left], line(rest, range(4, 9))) == (["b", "d"], "bbdd-")


def test_a_post_is_meant_to_be_held_in_its_turns_and_once_they_have_run_out() -> None:
    nights = roster([turn("n1", "low", "a", (0, 1), (2, 3))])
    assert [nights.is_meant(moment) for moment in (-1, 0, 1, 2, 3)] == [False, True, False, True, True]
    assert not roster().is_meant(0)
    assert PostRoster(Planned(Post(id="x", title=""), ()), (), Away(())).is_meant(0)


def test_a_look_up_reads_what_covers_the_moment_and_nothing_else() -> None:
    """A year by the hour, and a thousand overrides."""

    class Counted(Tenure, frozen=True, kw_only=True):
        def covers(self, moment: float) -> bool:
            raise AssertionError("it was looked through")

    turns = [turn(f"s{hour}", "low", "a", (hour, hour + 1)) for hour in range(8760)]
    overrides = [
        Counted(id=str(place), post="ic", person="b", from_at=place * 8, to_at=place * 8 + 4, why="override")
        for place in range(1000)
    ]
    found = roster(turns, overrides)
    assert line(found, [0, 3.5, 4, 800, 804, 7992, 8759]) == "bbababa"
    assert found.next_edge(8759) == 8760


# --- against a plain reading ---

_PEOPLE = "abcd"
_MOMENTS = st.integers(0, 12).map(float)
_ENDS = st.one_of(st.none(), _MOMENTS)
_WHY = st.sampled_from(["override", "swap", "taken over"])


@st.composite
def _turns(draw: st.DrawFn) -> list[Turn]:
    """Of two layers, whose spans do not overlap."""
    found = []
    for layer in ("low", "high"):
        edges = sorted(draw(st.sets(_MOMENTS, max_size=8)))
        for place, (start, end) in enumerate(itertools.pairwise(edges)):
            if draw(st.booleans()):
                middle = (start + end) / 2
                spans = ((start, middle), (end - 0.25, end)) if draw(st.booleans()) else ((start, end),)
                found.append(turn(f"{layer}{place}", layer, draw(st.sampled_from(_PEOPLE)), *spans))
    return found


@st.composite
def _tenures(draw: st.DrawFn, turns: list[Turn]) -> list[Tenure]:
    made = []
    for place in range(draw(st.integers(0, 6))):
        # Ids are random, and say nothing about what was made first.
        id, person = f"{draw(st.integers(0, 9))}{place}", draw(st.sampled_from(_PEOPLE))
        kind = draw(st.sampled_from(["appointed", "override", "turn", "acting"]))
        start, end = draw(_MOMENTS), draw(_ENDS)
        if kind == "turn" and turns:
            of = draw(st.sampled_from(turns))
            made.append(tenure(id, person, of.start, of.end, layer=of.layer, shift=of.shift, why=draw(_WHY)))
        elif kind == "acting":
            why = draw(st.sampled_from(["vacant", "absent", "unanswered", "overloaded"]))
            other = draw(st.sampled_from(_PEOPLE))
            made.append(tenure(id, person, start, end, capacity="acting", why=why, instead_of=other))
        elif kind == "appointed":
            made.append(tenure(id, person, start, end, why="appointed"))
        else:
            made.append(tenure(id, person, start, end, layer=draw(st.sampled_from(["", "low", "high"]))))
    return made


@st.composite
def _rosters(draw: st.DrawFn) -> tuple[list[Turn], list[Tenure], list[Absence]]:
    turns = draw(_turns())
    absences = [
        Absence(id=str(place), person=draw(st.sampled_from(_PEOPLE)), from_at=draw(_MOMENTS), to_at=draw(_ENDS))
        for place in range(draw(st.integers(0, 3)))
    ]
    return turns, draw(_tenures(turns)), absences


def _plainly(turns: list[Turn], tenures: list[Tenure], absences: list[Absence], now: float) -> Holder | None:
    """The rules of the module's docstring, read from the top."""

    def last(*chosen: Tenure) -> Holder | None:
        live = [each for each in tenures if each in chosen and _covers(each, now)]
        return _as_holder(live[-1]) if live else None

    def away(person: str) -> bool:
        return any(each.person == person and _covers(each, now) for each in absences)

    ordinary = [each for each in tenures if each.capacity == "substantive"]
    meant = last(*[each for each in ordinary if each.why != "appointed" and not each.layer])
    for layer in ("high", "low"):
        if meant is None:
            running = [
                each
                for each in turns
                if each.layer == layer and any(span.start <= now < span.end for span in each.spans)
            ]
            shifts = {each.shift for each in running}
            meant = last(
                *[each for each in ordinary if each.layer == layer and (not each.shift or each.shift in shifts)]
            )
            if meant is None and running:
                meant = Holder(running[0].person, "substantive", running[0].start, shift=running[0].shift)
    meant = meant or last(*[each for each in ordinary if each.why == "appointed"])
    if meant is not None and away(meant.person):
        meant = None
    able = [
        each
        for each in tenures
        if each.capacity == "acting"
        and not away(each.person)
        and (meant is None or (each.why in DISPLACING and each.instead_of == meant.person))
    ]
    return last(*able) or meant


def _covers(each: Tenure | Absence, now: float) -> bool:
    return each.from_at <= now and (each.to_at is None or now < each.to_at)


def _as_holder(found: Tenure) -> Holder:
    return Holder(found.person, found.capacity, found.from_at, shift=found.shift, tenure=found.id)


@settings(max_examples=150, deadline=None)
@given(_rosters())
def test_at_is_what_a_plain_reading_says(given: tuple[list[Turn], list[Tenure], list[Absence]]) -> None:
    turns, tenures, absences = given
    found = roster(turns, tenures, absences)
    for quarter in range(-1, 54):
        assert found.at(quarter / 4) == _plainly(turns, tenures, absences, quarter / 4), quarter / 4


@settings(max_examples=100, deadline=None)
@given(_rosters())
def test_segments_and_edges_agree_with_at_everywhere(given: tuple[list[Turn], list[Tenure], list[Absence]]) -> None:
    found = roster(*given)
    segments = found.segments(1.0, 11.0)
    assert (segments[0].start, segments[-1].end) == (1.0, 11.0)
    for left, right in itertools.pairwise(segments):
        assert left.end == right.start
        assert left.holder != right.holder
    for segment in segments:
        moment = segment.start
        while moment < segment.end:
            assert found.at(moment) == segment.holder, moment
            moment += 0.25
    # Between two edges nothing changes.
    moment, walked = 0.0, []
    while (edge := found.next_edge(moment)) is not None and edge < 12.0:
        walked.append(edge)
        moment = edge
    assert walked == found.edges(0.0, 12.0)
