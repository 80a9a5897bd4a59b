"""Asking others: swaps by consent, and a turn that everybody eligible is asked to take."""

from __future__ import annotations

import itertools

import pytest

from kowloon.duty.planning.problem import Span
from kowloon.duty.resources import Asking, Rota, Turn
from tests.duty.parts import WEEKS, Office, at

LATER = ("dba/primary/20251027T0900", "dba/primary/20251103T0900", "dba/primary/20251110T0900")


async def test_a_swap_waits_for_consent(office: Office) -> None:
    wei2, lin = await office.user("wei2", "duty:*"), await office.user("lin", "duty:*")
    asked = await wei2.ask("RequestSwap", ShiftId=WEEKS[1], OtherShiftId=WEEKS[2], Note="a wedding")
    assert {name: asked[name] for name in ("Kind", "State", "PersonId", "Asked", "Candidates", "Note")} == {
        "Kind": "Swap",
        "State": "open",
        "PersonId": "wei-2",
        "Asked": ["lin"],
        "Candidates": ["lin"],
        "Note": "a wedding",
    }
    assert (asked["NextAt"], asked["ExpiresAt"]) == ("2025-10-12T08:53:20Z", "2025-10-12T08:53:20Z")
    assert office.messages("lin") == ["A turn is asked of you"]
    assert await office.who("dba", "2025-10-14T00:00:00Z") == "wei-2"
    agreed = await lin.ask("AnswerRequest", RequestId=asked["RequestId"], Agree=True)
    assert (agreed["State"], agreed["TakenBy"]) == ("agreed", "lin")
    assert await office.who("dba", "2025-10-14T00:00:00Z") == "lin"
    assert await office.who("dba", "2025-10-21T00:00:00Z") == "wei-2"
    # Both are told of both turns.
    assert office.messages("wei-2") == ["Database on call has changed"] * 2
    assert await lin.refused("AnswerRequest", RequestId=asked["RequestId"], Agree=True) == (
        "RequestOver",
        f"The request '{asked['RequestId']}' is agreed.",
    )


async def test_a_swapped_turn_can_be_swapped_again(office: Office) -> None:
    for person, mine, other, answers in (("wei-2", WEEKS[1], WEEKS[2], "lin"), ("lin", WEEKS[1], LATER[0], "wei-1")):
        asked = await office.ask("RequestSwap", PersonId=person, ShiftId=mine, OtherShiftId=other)
        await office.ask("AnswerRequest", RequestId=asked["RequestId"], PersonId=answers, Agree=True)
    held = [await office.who("dba", f"2025-10-{day}T00:00:00Z") for day in (14, 21, 28)]
    assert held == ["wei-1", "wei-2", "lin"]


async def test_a_swap_that_is_declined_changes_nothing(office: Office) -> None:
    asked = await office.ask("RequestSwap", PersonId="wei-2", ShiftId=WEEKS[1], OtherShiftId=WEEKS[2])
    declined = await office.ask("AnswerRequest", RequestId=asked["RequestId"], PersonId="lin", Agree=False)
    assert (declined["State"], declined["Declined"]) == ("declined", ["lin"])
    assert office.messages("wei-2") == ["Nobody takes your turn"]
    assert await office.who("dba", "2025-10-14T00:00:00Z") == "wei-2"


async def test_what_cannot_be_swapped(office: Office) -> None:
    def ask(person: str, mine: str, other: str, **more: str) -> object:
        return office.refused("RequestSwap", PersonId=person, ShiftId=mine, OtherShiftId=other, **more)

    assert await ask("lin", WEEKS[1], WEEKS[2]) == ("ShiftNotYours", f"The turn '{WEEKS[1]}' is wei-2's.")
    assert await ask("wei-2", "dba/x", WEEKS[2]) == ("ShiftNotFound", "There is no planned turn 'dba/x'.")
    assert await ask("wei-2", WEEKS[1], "dba/x") == ("ShiftNotFound", "There is no planned turn 'dba/x'.")
    code, message = await ask("wei-2", WEEKS[1], LATER[1])
    assert (code, "It is yours already." in message) == ("InvalidParameter.OtherShiftId", True)
    # One that has begun is no longer for asking.
    assert await ask("wei-1", WEEKS[0], WEEKS[1]) == ("ShiftOver", f"The turn '{WEEKS[0]}' is over.")
    past = await ask("wei-2", WEEKS[1], WEEKS[2], ExpiresAt="2025-10-01T00:00:00Z")
    assert past == ("InvalidTime", "ExpiresAt is in the future.")
    await office.ask("Resign", PostId="dba", PersonId="lin")
    code, message = await ask("wei-2", WEEKS[1], WEEKS[2])
    assert (code, "Nobody has it" in message) == ("InvalidParameter.OtherShiftId", True)


async def test_a_swap_that_would_break_a_rule_is_refused_with_it(empty: Office) -> None:
    await empty.apply(("    manager: lead\n", "    manager: lead\n    limits: {turns_between: 1}\n"))
    await empty.turns("lin", "wei-2", "wei-1", "lin")
    code, message = await empty.refused(
        "RequestSwap", PersonId="wei-2", ShiftId=WEEKS[1], OtherShiftId="dba/primary/20251027T0900"
    )
    # Lin would have two weeks in a row.
    assert code == "RuleBroken"
    assert message.startswith("The change would break a rule: ")


async def test_a_swap_that_breaks_a_rule_by_now_is_refused_when_it_is_answered(office: Office) -> None:
    asked = await office.ask("RequestSwap", PersonId="wei-2", ShiftId=WEEKS[1], OtherShiftId=WEEKS[2])
    await office.ask("CreateAbsence", PersonId="lin", From="2025-10-15T00:00:00Z", To="2025-10-16T00:00:00Z")
    assert await office.refused("AnswerRequest", RequestId=asked["RequestId"], PersonId="lin", Agree=True) == (
        "NotPossible",
        "lin cannot hold dba: is away.",
    )
    # It is open still.
    assert (await office.ask("ListRequests"))["Requests"][0]["State"] == "open"


async def test_what_went_to_somebody_else_meanwhile_is_not_theirs_to_swap(office: Office) -> None:
    asked = await office.ask("RequestSwap", PersonId="wei-2", ShiftId=WEEKS[1], OtherShiftId=WEEKS[2])
    await office.ask("GiveTurn", ShiftId=WEEKS[2], PersonId="wei-1")
    code, message = await office.refused("AnswerRequest", RequestId=asked["RequestId"], PersonId="lin", Agree=True)
    assert (code, message) in [
        ("ShiftNotYours", f"The turn '{WEEKS[2]}' is wei-1's."),
        ("RequestOver", f"The request '{asked['RequestId']}' is expired."),
    ]


async def test_everybody_eligible_is_asked_the_least_loaded_first(empty: Office) -> None:
    await empty.apply()
    await empty.turns("wei-1", "wei-2", "lin", "lin")
    asked = await empty.ask("RequestCover", PersonId="wei-2", ShiftId=WEEKS[1], WaitMinutes=30)
    assert (asked["Kind"], asked["Candidates"], asked["Asked"]) == ("Cover", ["wei-1", "lin"], ["wei-1"])
    # Not before one's turn to be asked.
    assert await empty.refused("AnswerRequest", RequestId=asked["RequestId"], PersonId="lin", Agree=True) == (
        "NotAsked",
        f"lin has not been asked by the request '{asked['RequestId']}'.",
    )
    await empty.skip(minutes=30)
    await empty.until(lambda: empty.messages("lin"))
    # Whoever agrees first has it, the first who was asked too.
    agreed = await empty.ask("AnswerRequest", RequestId=asked["RequestId"], PersonId="wei-1", Agree=True)
    assert (agreed["Asked"], agreed["TakenBy"]) == (["wei-1", "lin"], "wei-1")
    assert await empty.refused("AnswerRequest", RequestId=asked["RequestId"], PersonId="lin", Agree=True) == (
        "RequestOver",
        f"The request '{asked['RequestId']}' is agreed.",
    )
    assert await empty.who("dba", "2025-10-14T00:00:00Z") == "wei-1"


async def test_who_declines_is_followed_at_once(office: Office) -> None:
    asked = await office.ask("RequestCover", PersonId="wei-2", ShiftId=WEEKS[1])
    first, second = asked["Candidates"]
    answered = await office.ask("AnswerRequest", RequestId=asked["RequestId"], PersonId=first, Agree=False)
    assert (answered["Asked"], answered["State"]) == ([first, second], "open")
    # Saying so again asks nobody else.
    again = await office.ask("AnswerRequest", RequestId=asked["RequestId"], PersonId=first, Agree=False)
    assert again == answered
    over = await office.ask("AnswerRequest", RequestId=asked["RequestId"], PersonId=second, Agree=False)
    assert over["State"] == "declined"


async def test_who_is_still_thinking_keeps_their_time(office: Office) -> None:
    asked = await office.ask("RequestCover", PersonId="wei-2", ShiftId=WEEKS[1], WaitMinutes=10)
    first, second = asked["Candidates"]
    await office.skip(minutes=10)
    await office.until(lambda: office.cloud.store.get(Asking, asked["RequestId"]).asked == 2)  # type: ignore[union-attr]
    answered = await office.ask("AnswerRequest", RequestId=asked["RequestId"], PersonId=first, Agree=False)
    assert answered["State"] == "open"
    agreed = await office.ask("AnswerRequest", RequestId=asked["RequestId"], PersonId=second, Agree=True)
    assert (agreed["State"], agreed["TakenBy"]) == ("agreed", second)


async def test_a_request_ends_when_nobody_answers_in_time(office: Office) -> None:
    asked = await office.ask("RequestCover", PersonId="wei-2", ShiftId=WEEKS[1], WaitMinutes=10)
    assert len(asked["Candidates"]) == 2
    await office.skip(minutes=20)
    await office.until(lambda: office.happened("request-expired"))
    assert office.happened("request-expired")[0].created_at == office.now
    assert office.messages("wei-2") == ["Nobody took your turn"]
    assert (await office.ask("ListRequests", State="expired"))["TotalCount"] == 1


async def test_a_request_ends_when_the_turn_begins(office: Office) -> None:
    asked = await office.ask(
        "RequestCover", PersonId="wei-2", ShiftId=WEEKS[1], WaitMinutes=5000, ExpiresAt="2025-11-01T00:00:00Z"
    )
    assert asked["ExpiresAt"] == "2025-10-13T09:00:00Z"
    await office.skip(days=5)
    await office.until(lambda: office.happened("request-expired"))
    assert (await office.ask("ListRequests", PersonId="wei-2"))["Requests"][0]["State"] == "expired"


async def test_a_request_ends_when_the_turn_is_no_longer_theirs(office: Office) -> None:
    await office.ask("RequestCover", PersonId="wei-2", ShiftId=WEEKS[1], WaitMinutes=10)
    await office.ask("Resign", PostId="dba", PersonId="wei-2")
    await office.skip(minutes=10)
    await office.until(lambda: office.happened("request-expired"))
    assert office.happened("request-expired")[0].text.endswith("has ended: the plan is another one now")


async def test_what_cannot_be_asked(office: Office) -> None:
    for minutes in (0, -1, "nan", 20000):
        code, _ = await office.refused("RequestCover", PersonId="wei-2", ShiftId=WEEKS[1], WaitMinutes=minutes)
        assert code in ("InvalidParameter.WaitMinutes", "InvalidParameter"), minutes
    for person in ("lin", "wei-1"):
        await office.ask("CreateAbsence", PersonId=person)
    assert await office.refused("RequestCover", PersonId="wei-2", ShiftId=WEEKS[1]) == (
        "NobodyLeft",
        "Nobody can act in dba: nobody else may take this turn under the rules.",
    )


async def test_a_request_is_withdrawn_by_who_asked(office: Office) -> None:
    asked = await office.ask("RequestCover", PersonId="wei-2", ShiftId=WEEKS[1])
    id = asked["RequestId"]
    assert await office.refused("WithdrawRequest", RequestId=id, PersonId="lin") == (
        "ShiftNotYours",
        f"The turn '{WEEKS[1]}' is wei-2's.",
    )
    withdrawn = await office.ask("WithdrawRequest", RequestId=id, PersonId="wei-2")
    assert withdrawn["State"] == "withdrawn"
    for action, more in (("WithdrawRequest", {}), ("AnswerRequest", {"Agree": True})):
        assert await office.refused(action, RequestId=id, PersonId="wei-2", **more) == (
            "RequestOver",
            f"The request '{id}' is withdrawn.",
        )
        assert await office.refused(action, RequestId="dq-x", PersonId="wei-2", **more) == (
            "RequestNotFound",
            "There is no request 'dq-x'.",
        )


async def test_requests_are_listed_for_who_asks_or_is_asked(office: Office) -> None:
    for shift in (WEEKS[1], LATER[1]):
        await office.ask("RequestCover", PersonId="wei-2", ShiftId=shift)
    first = await office.ask("ListRequests", MaxResults=1)
    assert (first["Requests"][0]["ShiftId"], first["TotalCount"]) == (LATER[1], 2)
    more = await office.ask("ListRequests", MaxResults=1, NextToken=first["NextToken"])
    assert more["Requests"][0]["ShiftId"] == WEEKS[1]
    asked = first["Requests"][0]["Asked"][0]
    assert (await office.ask("ListRequests", PersonId=asked))["TotalCount"] >= 1
    assert (await office.ask("ListRequests", PersonId="ada"))["TotalCount"] == 0
    assert (await office.ask("ListRequests", State="agreed"))["TotalCount"] == 0


@pytest.mark.parametrize("limits", ["{rest_h: 24}", "{most_h_per_week: 168}"])
async def test_rules_are_looked_at_around_the_turn(empty: Office, limits: str) -> None:
    await empty.apply(("    manager: lead\n", f"    manager: lead\n    limits: {limits}\n"))
    await empty.turns("wei-1", "wei-2", "lin", "wei-1")
    answer = await empty.caller.send("GiveTurn", Version="2026-11-22", ShiftId=WEEKS[1], PersonId="lin")
    assert (answer.status, b"RuleBroken" in answer.body) == ((400, True) if "rest_h" in limits else (200, False))


async def test_turns_of_others_count_between_ones_own(empty: Office) -> None:
    await empty.apply(("    manager: lead\n", "    manager: lead\n    limits: {turns_between: 1}\n"))
    await empty.turns("wei-1", "lin", "wei-2", "lin")
    # Lin's week lies between.
    assert (await empty.ask("GiveTurn", ShiftId=WEEKS[2], PersonId="wei-1"))["PersonId"] == "wei-1"
    assert (await empty.refused("GiveTurn", ShiftId=WEEKS[1], PersonId="wei-1"))[0] == "RuleBroken"


async def test_a_rule_that_looks_back_far_is_kept(empty: Office) -> None:
    """Two turns of months between: what was served in spring counts in summer."""
    await empty.apply(
        ("    manager: lead\n", "    manager: lead\n    limits: {turns_between: 2}\n"),
        ("FREQ=WEEKLY;BYDAY=MO", "FREQ=MONTHLY;BYMONTHDAY=6"),
    )
    edges = [at(f"2025-{month:02}-06T09:00Z") for month in range(7, 13)]
    people = ("lin", "wei-1", "wei-2", "lin", "wei-1")
    turns = tuple(
        Turn(shift=f"dba/primary/{place}", layer="primary", person=person, spans=(Span(start, end),))
        for place, (person, (start, end)) in enumerate(zip(people, itertools.pairwise(edges), strict=True))
    )
    rota = Rota(id=f"{empty.account}:dba", account=empty.account, post="dba", turns=turns)
    await empty.cloud.store.run(lambda tx: tx.put(rota))
    assert (await empty.refused("GiveTurn", ShiftId="dba/primary/4", PersonId="wei-2"))[0] == "RuleBroken"


async def test_neighbours_do_not_change_hands_in_one_week(empty: Office) -> None:
    """By hand as little as by plan."""
    second = (
        "  - id: web\n    title: Web on call\n    neighbours: [dba]\n"
        '    layers: [{id: primary, rotation: {starts: "2025-10-06T09:00", repeats: "FREQ=WEEKLY"}}]\nladders:'
    )
    await empty.apply(("ladders:", second))
    await empty.turns("ada", "ada", "omar", post="web")
    await empty.turns("wei-1", "wei-1", "wei-1", "wei-1", "wei-1")
    code, message = await empty.refused("GiveTurn", ShiftId=WEEKS[2], PersonId="lin")
    assert (code, message) == (
        "RuleBroken",
        "The change would break a rule: web and dba change hands in one week",
    )
    # In weeks in which nothing else changes they may.
    assert (await empty.ask("GiveTurn", ShiftId=LATER[1], PersonId="lin"))["PersonId"] == "lin"
