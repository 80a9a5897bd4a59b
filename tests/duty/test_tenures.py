"""Holding a post otherwise than by plan: overrides, turns that are given, taking over, appointments, resignations."""

from __future__ import annotations

import msgspec

from kowloon.duty.planning.problem import Span
from kowloon.duty.resources import Rota, Turn
from tests.duty.parts import WEEKS, Office, at

NOW = "2025-10-09T08:53:20Z"


async def test_an_override_of_the_schedule_counts_for_its_time(office: Office) -> None:
    await office.skip(seconds=1)
    made = await office.ask(
        "CreateOverride",
        PostId="dba",
        PersonId="lin",
        From="2025-10-12T00:00:00Z",
        To="2025-10-14T00:00:00Z",
        Reason="fair",
    )
    assert {name: made[name] for name in ("PostId", "PersonId", "Capacity", "Why", "From", "Until", "Reason")} == {
        "PostId": "dba",
        "PersonId": "lin",
        "Capacity": "substantive",
        "Why": "override",
        "From": "2025-10-12T00:00:00Z",
        "Until": "2025-10-14T00:00:00Z",
        "Reason": "fair",
    }
    assert made["By"] == f"acs:ram::{office.account}:user/admin"
    held = [await office.who("dba", f"2025-10-{moment}Z") for moment in ("11T23:59:59", "12T00:00:00", "13T12:00:00")]
    assert [*held, await office.who("dba", "2025-10-14T00:00:00Z")] == ["wei-1", "lin", "lin", "wei-2"]
    # All whose duty is another one are told, each once; nobody else is.
    assert office.messages("wei-1")[-1:] == ["Database on call has changed"]
    assert office.messages("wei-2") == ["Database on call has changed"]
    assert office.messages("lin") == ["Database on call has changed"]
    assert "Database on call has changed" not in office.messages("omar")


async def test_of_overrides_the_last_made_wins(office: Office) -> None:
    """Made in the same second, too."""
    span = {"PostId": "dba", "To": "2025-10-11T00:00:00Z"}
    for person in ("lin", "wei-2", "lin", "wei-2"):
        await office.ask("CreateOverride", PersonId=person, **span)
    assert await office.holder() == ("wei-2", "substantive")
    newest = (await office.ask("ListTenures", PostId="dba"))["Tenures"][0]
    assert newest["PersonId"] == "wei-2"
    await office.ask("EndTenure", TenureId=newest["TenureId"])
    assert await office.holder() == ("lin", "substantive")


async def test_what_is_past_stays_as_it_was(office: Office) -> None:
    made = await office.ask(
        "CreateOverride", PostId="dba", PersonId="lin", From="2025-10-07T00:00:00Z", To="2025-10-10T00:00:00Z"
    )
    assert made["From"] == NOW
    assert await office.who("dba", "2025-10-08T00:00:00Z") == "wei-1"
    await office.ask("CreateAbsence", PersonId="lin", From="2025-10-01T00:00:00Z", To="2025-10-20T00:00:00Z")
    appointed = await office.ask("AppointHolder", PostId="lead", PersonId="ada", From="2025-10-01T00:00:00Z")
    assert appointed["From"] == NOW
    assert await office.who("lead", "2025-10-08T00:00:00Z") == ""


async def test_an_override_of_a_layer(empty: Office) -> None:
    secondary = '\n      - {id: secondary, rotation: {starts: "2025-10-06T09:00", repeats: "FREQ=WEEKLY"}}'
    first = '"FREQ=WEEKLY;BYDAY=MO"}}'
    await empty.apply((first, first + secondary))
    await empty.turns("wei-1", "wei-1")
    await empty.ask("CreateOverride", PostId="dba", PersonId="lin", Layer="secondary", To="2025-10-10T00:00:00Z")
    assert await empty.holder() == ("lin", "substantive")
    assert await empty.who("dba", "2025-10-10T00:00:00Z") == "wei-1"
    wrong = await empty.refused("CreateOverride", PostId="dba", PersonId="lin", Layer="third", To=empty.iso(60))
    assert wrong == ("LayerNotFound", "The post dba has no layer 'third'.")


async def test_an_override_has_to_be_possible(office: Office) -> None:
    span = {"PostId": "dba", "To": "2025-10-11T00:00:00Z"}
    assert await office.refused("CreateOverride", PersonId="ada", **span) == (
        "NotPossible",
        "ada cannot hold dba: is not in dba.",
    )
    await office.ask("CreateAbsence", PersonId="lin", From="2025-10-10T23:00:00Z")
    assert await office.refused("CreateOverride", PersonId="lin", **span) == (
        "NotPossible",
        "lin cannot hold dba: is away.",
    )
    assert await office.refused("CreateOverride", PostId="dba", PersonId="wei-2", To=NOW) == (
        "InvalidTime",
        "An override ends after it begins, and not in the past.",
    )
    assert (await office.refused("CreateOverride", PostId="dba", PersonId="wei-2"))[0] == "MissingTo"
    for wrong, told in [
        ("tomorrow", "It is a time such as 2026-01-05T09:00:00Z."),
        ("2026-01-05T09:00:00", "It names its zone"),
        ("0001-01-01T00:00:00+14:00", "It is a time from 1970 to 2999."),
        ("9999-12-31T23:59:59-12:00", "It is a time from 1970 to 2999."),
    ]:
        code, message = await office.refused("CreateOverride", PostId="dba", PersonId="wei-2", To=wrong)
        assert code == "InvalidParameter.To"
        assert told in message


async def test_one_turn_is_given_to_somebody_else(office: Office) -> None:
    made = await office.ask("GiveTurn", ShiftId=WEEKS[1], PersonId="lin")
    assert (made["ShiftId"], made["Layer"], made["Until"]) == (WEEKS[1], "primary", "2025-10-20T09:00:00Z")
    turn = (await office.ask("ListTurns", From="2025-10-13T09:00:00Z", To="2025-10-14T00:00:00Z"))["Turns"][0]
    assert (turn["ShiftId"], turn["Planned"], turn["PersonId"]) == (WEEKS[1], "wei-2", "lin")
    assert [await office.who("dba", f"2025-10-{day}T12:00:00Z") for day in (12, 13, 20, 27)] == [
        "wei-1",
        "lin",
        "lin",
        "wei-1",
    ]
    # Whose turn it was is told, and who has it.
    assert office.messages("wei-2") == office.messages("lin") == ["Database on call has changed"]
    # Taken back before it began, it is again who had it.
    await office.ask("EndTenure", TenureId=made["TenureId"])
    assert await office.who("dba", "2025-10-13T12:00:00Z") == "wei-2"
    turn = (await office.ask("ListTurns", From="2025-10-13T09:00:00Z", To="2025-10-14T00:00:00Z"))["Turns"][0]
    assert turn["PersonId"] == "wei-2"
    assert office.messages("wei-2") == ["Database on call has changed"] * 2


async def test_a_turn_is_not_given_where_a_rule_would_break(empty: Office) -> None:
    await empty.apply(("    manager: lead\n", "    manager: lead\n    limits: {turns_between: 1}\n"))
    await empty.turns("wei-1", "wei-2", "lin", "wei-1")
    code, message = await empty.refused("GiveTurn", ShiftId=WEEKS[1], PersonId="lin")
    assert code == "RuleBroken"
    assert message.startswith("The change would break a rule: ")
    assert "lin" in message.lower()
    assert await empty.refused("GiveTurn", ShiftId="dba/primary/nonsense", PersonId="lin") == (
        "ShiftNotFound",
        "There is no planned turn 'dba/primary/nonsense'.",
    )
    assert await empty.refused("GiveTurn", ShiftId=WEEKS[1], PersonId="ada") == (
        "NotPossible",
        "ada cannot hold dba: is not in dba.",
    )
    await empty.skip(days=14)
    assert await empty.refused("GiveTurn", ShiftId=WEEKS[0], PersonId="lin") == (
        "ShiftOver",
        f"The turn '{WEEKS[0]}' is over.",
    )


async def test_taking_over_lasts_to_the_end_of_the_turn(office: Office) -> None:
    lin = await office.user("lin", "duty:TakeOver")
    made = await lin.ask("TakeOver", PostId="dba", Reason="wei-1 is in the air")
    assert (made["PersonId"], made["Why"], made["From"], made["Until"]) == (
        "lin",
        "taken over",
        NOW,
        "2025-10-13T09:00:00Z",
    )
    assert await office.holder() == ("lin", "substantive")
    assert "Database on call: hand-over" in office.messages("wei-1")
    # From who has taken over, too: as long as the turn itself.
    again = await office.ask("TakeOver", PostId="dba", PersonId="wei-2", Until="2025-10-10T00:00:00Z")
    assert again["Until"] == "2025-10-10T00:00:00Z"
    assert await office.who("dba", "2025-10-10T00:00:00Z") == "lin"


async def test_taking_over_a_turn_leaves_the_other_layers_alone(empty: Office) -> None:
    nights = """
      - id: nights
        rotation: {starts: "2025-10-06T00:00", repeats: FREQ=WEEKLY, only: [{from_time: "22:00", to_time: "06:00"}]}"""
    await empty.apply(('repeats: "FREQ=WEEKLY;BYDAY=MO"}}', 'repeats: "FREQ=WEEKLY;BYDAY=MO"}}' + nights))
    await empty.turns("wei-1", "wei-2")
    rota = empty.cloud.store.get(Rota, f"{empty.account}:dba")
    assert rota is not None
    night = Turn(
        shift="dba/nights/20251009T2200",
        layer="nights",
        person="wei-2",
        spans=(Span(at("2025-10-09T22:00Z"), at("2025-10-10T06:00Z")),),
    )
    with_night = msgspec.structs.replace(rota, turns=(rota.turns[0], night, *rota.turns[1:]))
    await empty.cloud.store.run(lambda tx: tx.put(with_night))
    made = await empty.ask("TakeOver", PostId="dba", PersonId="lin")
    assert (made["Layer"], made["Until"]) == ("primary", "2025-10-13T09:00:00Z")
    held = [await empty.who("dba", f"2025-10-{time}:00:00Z") for time in ("09T12", "09T23", "10T12")]
    assert held == ["lin", "wei-2", "lin"]


async def test_taking_over_where_nobody_has_a_turn_is_for_half_a_day(empty: Office) -> None:
    await empty.apply()
    made = await empty.ask("TakeOver", PostId="dba", PersonId="wei-2")
    assert made["Until"] == "2025-10-09T20:53:20Z"


async def test_what_is_ended_is_over_at_once(office: Office) -> None:
    made = await office.ask("TakeOver", PostId="dba", PersonId="lin")
    await office.skip(hours=1)
    ended = await office.ask("EndTenure", TenureId=made["TenureId"])
    assert ended["Until"] == "2025-10-09T09:53:20Z"
    assert await office.holder() == ("wei-1", "substantive")
    assert await office.who("dba", "2025-10-09T09:00:00Z") == "lin"
    assert await office.refused("EndTenure", TenureId=made["TenureId"]) == (
        "TenureOver",
        f"The tenure '{made['TenureId']}' has ended.",
    )
    assert await office.refused("EndTenure", TenureId="dt-x") == ("TenureNotFound", "There is no tenure 'dt-x'.")


async def test_tenures_are_listed_newest_first_by_pages(office: Office) -> None:
    for person in ("lin", "wei-2", "wei-1"):
        await office.ask("TakeOver", PostId="dba", PersonId=person)
    first = await office.ask("ListTenures", PostId="dba", MaxResults=2)
    assert ([each["PersonId"] for each in first["Tenures"]], first["TotalCount"]) == (["wei-1", "wei-2"], 3)
    second = await office.ask("ListTenures", PostId="dba", MaxResults=2, NextToken=first["NextToken"])
    assert ([each["PersonId"] for each in second["Tenures"]], second["NextToken"]) == (["lin"], "")
    assert [each["PostId"] for each in (await office.ask("ListTenures", Capacity="acting"))["Tenures"]] == ["lead"]
    assert len((await office.ask("ListTenures", PersonId="lin"))["Tenures"]) == 1
    code, message = await office.refused("ListTenures", NextToken="nonsense")
    assert (code, "NextToken" in message) == ("InvalidParameter", True)


async def test_an_appointment_ends_acting_and_the_one_before(office: Office) -> None:
    assert await office.holder("lead") == ("omar", "acting")
    made = await office.ask("AppointHolder", PostId="lead", PersonId="ada")
    assert (made["Why"], made["Until"]) == ("appointed", "")
    assert await office.holder("lead") == ("ada", "substantive")
    assert [each.text for each in office.happened("acting-ends")] == ["the post has its holder"]
    # One to come: the one before goes on until then.
    await office.ask("AppointHolder", PostId="lead", PersonId="omar", From="2025-12-01T00:00:00Z")
    assert await office.who("lead", "2025-11-30T23:59:59Z") == "ada"
    assert await office.who("lead", "2025-12-01T00:00:00Z") == "omar"
    assert "Lead, cloud has changed" in office.messages("ada")
    # One for a while before that leaves the one to come.
    await office.ask(
        "AppointHolder", PostId="lead", PersonId="lin", From="2025-11-01T00:00:00Z", Until="2025-11-15T00:00:00Z"
    )
    assert await office.who("lead", "2025-11-02T00:00:00Z") == "lin"
    assert await office.who("lead", "2025-12-01T00:00:00Z") == "omar"


async def test_an_appointment_has_to_be_possible(office: Office) -> None:
    assert await office.refused("AppointHolder", PostId="dba", PersonId="ada") == (
        "NotPossible",
        "ada cannot hold dba: is not in dba.",
    )
    assert await office.refused("AppointHolder", PostId="lead", PersonId="ada", Until="2025-10-01T00:00:00Z") == (
        "InvalidTime",
        "A tenure ends after it begins.",
    )
    assert await office.refused("AppointHolder", PostId="leed", PersonId="ada") == (
        "PostNotFound",
        "There is no post 'leed'; did you mean lead?.",
    )
    assert (await office.refused("AppointHolder", PostId="lead", PersonId="ad"))[0] == "PersonNotFound"


async def test_who_resigns_leaves_one_post_and_keeps_others(office: Office) -> None:
    await office.ask("AppointHolder", PostId="lead", PersonId="wei-1")
    await office.ask("Resign", PostId="dba", PersonId="wei-1", At="2025-10-10T00:00:00Z")
    assert await office.who("dba", "2025-10-09T23:59:59Z") == "wei-1"
    assert await office.who("dba", "2025-10-10T00:00:00Z") == ""
    assert await office.holder("lead") == ("wei-1", "substantive")
    turns = (await office.ask("ListTurns", To="2025-12-01T00:00:00Z"))["Turns"]
    assert [(turn["PersonId"], turn["To"]) for turn in turns][:3] == [
        ("wei-1", "2025-10-10T00:00:00Z"),
        ("", "2025-10-13T09:00:00Z"),
        ("wei-2", "2025-10-20T09:00:00Z"),
    ]
    assert "wei-1" not in {turn["PersonId"] for turn in turns[1:]}
    # At that second the succession's first acts.
    await office.skip(days=1)
    assert await office.until(lambda: [each for each in office.told("dba") if each.person == "lin"])
    assert office.told("dba")[-1].created_at == 1_760_054_400.0
    # What is open can be given.
    await office.ask("GiveTurn", ShiftId=WEEKS[0], PersonId="wei-2")
    assert await office.holder() == ("wei-2", "substantive")
    assert await office.refused("Resign", PostId="dba", PersonId="ada") == (
        "NotHolding",
        "ada neither holds dba nor has a turn of it to come.",
    )


async def test_turns_that_were_given_away_stay_with_who_took_them(office: Office) -> None:
    await office.ask("GiveTurn", ShiftId=WEEKS[1], PersonId="lin")
    await office.ask("Resign", PostId="dba", PersonId="wei-2")
    assert await office.who("dba", "2025-10-14T00:00:00Z") == "lin"
    # And who took one and resigns leaves it open: it is not its first owner's again.
    await office.ask("Resign", PostId="dba", PersonId="lin")
    assert await office.who("dba", "2025-10-14T00:00:00Z") == ""
