"""Acting holders: who comes next when somebody is missing, why others do not, and when it ends."""

from __future__ import annotations

from kowloon.duty.resources import PlanRun
from tests.duty.parts import Office

DAY_S = 86400.0


async def test_a_vacant_post_has_an_acting_holder_until_a_successor_is_named(office: Office) -> None:
    holder = await office.ask("GetHolder", PostId="lead")
    assert (holder["PersonId"], holder["Name"], holder["Capacity"], holder["Reason"]) == (
        "omar",
        "Omar",
        "acting",
        "until a successor is named",
    )
    assert (holder["AgeDays"], holder["Until"]) == (0.0, "2025-11-08T08:53:20Z")
    await office.skip(days=3, hours=12)
    assert (await office.ask("GetHolder", PostId="lead"))["AgeDays"] == 3.5
    await office.ask("AppointHolder", PostId="lead", PersonId="ada")
    assert await office.holder("lead") == ("ada", "substantive")


async def test_who_is_away_is_stood_in_for_and_has_it_back(office: Office) -> None:
    absence = await office.ask("CreateAbsence", PersonId="wei-1", Note="ill")
    (tenure,) = (await office.ask("ListTenures", PostId="dba"))["Tenures"]
    assert (tenure["PersonId"], tenure["Why"], tenure["InsteadOf"], tenure["Reason"]) == (
        "lin",
        "absent",
        "wei-1",
        "while Wei is away",
    )
    assert await office.holder() == ("lin", "acting")
    await office.skip(hours=5)
    await office.ask("EndAbsence", AbsenceId=absence["AbsenceId"], PersonId="wei-1")
    assert await office.holder() == ("wei-1", "substantive")
    assert [each.text for each in office.told("dba")] == [
        "from nobody to Wei",
        "from Wei to Lin, acting",
        "from Lin to Wei",
    ]


async def test_who_comes_first_is_passed_over_for_a_reason(empty: Office) -> None:
    await empty.apply(("succession: [lin,", "succession: [ada, lin, wei-1,"))
    await empty.turns("wei-1", "wei-2")
    await empty.ask("CreateAbsence", PersonId="lin")
    await empty.ask("CreateAbsence", PersonId="wei-1")
    (tenure,) = (await empty.ask("ListTenures", PostId="dba"))["Tenures"]
    assert tenure["PersonId"] == "wei-2"
    assert tenure["PassedOver"] == ["Ada (ada) is not in dba", "Lin (lin) is away"]


async def test_nobody_acts_in_more_posts_than_one_may(empty: Office) -> None:
    await empty.apply(("succession: [lin,", "succession: [omar,"), ("eligible: {pools: [dba]}", "eligible: {}"))
    await empty.turns("wei-1", "wei-2")
    assert await empty.holder("lead") == ("omar", "acting")
    await empty.ask("CreateAbsence", PersonId="wei-1")
    (tenure,) = (await empty.ask("ListTenures", PostId="dba"))["Tenures"]
    assert tenure["PassedOver"] == ["Omar (omar) is acting in lead already"]
    assert tenure["PersonId"] == "lin"


async def test_independence_holds_for_who_acts(empty: Office) -> None:
    rules = (
        "rules:\n  separations:\n    - {id: four-eyes, kind: together, posts: [lead, dba]}\n"
        "    - {id: family, kind: kin, people: [wei-2, omar]}\nladders:"
    )
    await empty.apply(
        ("ladders:", rules),
        ("succession: [lin,", "succession: [omar, wei-2, "),
        ("user: omar, pools: [partners]", "user: omar, pools: [dba]"),
    )
    await empty.turns("wei-1", "lin")
    await empty.ask("AppointHolder", PostId="lead", PersonId="omar")
    await empty.ask("CreateAbsence", PersonId="wei-1")
    tenure = (await empty.ask("ListTenures", PostId="dba"))["Tenures"][0]
    assert tenure["PassedOver"] == [
        "Omar (omar) holds lead (four-eyes)",
        "Wei (wei-2) is kin of who holds lead (family)",
    ]


async def test_when_nobody_is_left_that_is_told_once(office: Office) -> None:
    for person in ("lin", "wei-2", "wei-1"):
        await office.ask("CreateAbsence", PersonId=person)
    assert await office.holder() == ("", "")
    before = len(office.happened("nobody-left"))
    assert "Nobody acts in Database on call" in office.messages("omar")
    for _ in range(3):
        await office.ask("CreateAbsence", PersonId="ada", To=office.iso(60))
    assert len(office.happened("nobody-left")) == before
    assert office.messages("omar").count("Nobody acts in Database on call") == before
    # Whoever is back first takes it, at once.
    absences = (await office.ask("ListAbsences", PersonId="wei-2"))["Absences"]
    await office.ask("EndAbsence", AbsenceId=absences[0]["AbsenceId"], PersonId="wei-2")
    assert await office.holder() == ("wei-2", "acting")


async def test_after_the_limit_of_days_the_next_in_line_acts(office: Office) -> None:
    await office.skip(days=29, hours=23)
    assert await office.holder("lead") == ("omar", "acting")
    await office.skip(hours=1)
    await office.until(lambda: office.told("lead")[-1].person == "ada")
    told = office.told("lead")[-1]
    assert told.created_at == office.told("lead")[0].created_at + 30 * DAY_S
    assert (await office.ask("ListTenures", PostId="lead"))["Tenures"][0]["PassedOver"] == [
        "Omar (omar) has acted for as long as one may"
    ]


async def test_a_stretch_is_extended_as_often_as_the_post_allows(office: Office) -> None:
    extended = await office.ask("ExtendActing", PostId="lead")
    assert (extended["Extended"], extended["Until"]) == (1, "2025-12-08T08:53:20Z")
    assert await office.refused("ExtendActing", PostId="lead") == (
        "ExtensionLimit",
        f"The acting tenure {extended['TenureId']} was extended 1 times, the most there is.",
    )
    assert await office.refused("ExtendActing", PostId="dba") == ("NotActing", "Nobody acts in dba now.")
    await office.skip(days=31)
    assert await office.holder("lead") == ("omar", "acting")


async def test_somebody_is_appointed_to_act_by_hand(office: Office) -> None:
    made = await office.ask("AppointActing", PostId="lead", Until="2025-10-20T00:00:00Z", Reason="board")
    # Somebody else than who acts now.
    assert (made["PersonId"], made["Until"], made["Reason"]) == ("ada", "2025-10-20T00:00:00Z", "board")
    named = await office.ask("AppointActing", PostId="dba", PersonId="lin")
    assert (named["Why"], named["InsteadOf"]) == ("unanswered", "wei-1")
    assert await office.holder() == ("lin", "acting")
    # In place of who has the turn, until that one is over.
    await office.skip(days=4, hours=1)
    await office.until(lambda: office.told("dba")[-1].person == "wei-2")
    assert office.happened("acting-ends")[-1].text == "the turn is over"


async def test_who_cannot_act_is_refused(office: Office) -> None:
    assert await office.refused("AppointActing", PostId="dba", PersonId="ada") == (
        "NotPossible",
        "ada cannot hold dba: is not in dba.",
    )
    assert await office.refused("AppointActing", PostId="dba", PersonId="wei-1") == (
        "NotPossible",
        "wei-1 cannot hold dba: holds it.",
    )
    assert await office.refused("AppointActing", PostId="dba", Until="2025-10-01T00:00:00Z") == (
        "InvalidTime",
        "Until is in the future.",
    )
    for person in ("lin", "wei-2"):
        await office.ask("CreateAbsence", PersonId=person)
    assert await office.refused("AppointActing", PostId="dba") == (
        "NobodyLeft",
        "Nobody can act in dba: Lin (lin) is away; Wei (wei-2) is away.",
    )
    # Nothing has changed by it.
    assert await office.holder() == ("wei-1", "substantive")


async def test_who_is_relieved_of_acting_is_not_the_next_again(office: Office) -> None:
    (tenure,) = (await office.ask("ListTenures", PostId="lead"))["Tenures"]
    await office.ask("EndTenure", TenureId=tenure["TenureId"])
    assert await office.holder("lead") == ("ada", "acting")
    assert (await office.ask("ListTenures", PostId="lead"))["Tenures"][0]["PassedOver"] == [
        "Omar (omar) has been asked already"
    ]


async def test_who_acts_and_goes_away_is_followed_by_the_next(office: Office) -> None:
    await office.ask("CreateAbsence", PersonId="omar", From=office.iso(3600), To=office.iso(7200))
    await office.skip(hours=1)
    await office.until(lambda: office.told("lead")[-1].person == "ada")
    assert [each.text for each in office.happened("acting-ends")] == ["is away"]
    # Who acts stays, although the first in line is back.
    await office.skip(hours=2)
    assert await office.holder("lead") == ("ada", "acting")


async def test_too_many_open_pages_bring_an_acting_holder(empty: Office) -> None:
    await empty.apply(("most_days: 10", "most_days: 10, overload_pages: 2"))
    await empty.turns("wei-1", "wei-2")
    pages = [(await empty.ask("CreatePage", PostId="dba", Title=f"no {place}"))["PageId"] for place in range(3)]
    await empty.until(lambda: empty.told("dba")[-1].person == "lin")
    (tenure,) = (await empty.ask("ListTenures", PostId="dba"))["Tenures"]
    assert (tenure["Why"], tenure["InsteadOf"], tenure["Reason"]) == ("overloaded", "wei-1", "more than 2 open pages")
    for page in pages:
        await empty.ask("ResolvePage", PageId=page, PersonId="lin")
    await empty.until(lambda: empty.told("dba")[-1].person == "wei-1")
    assert empty.happened("acting-ends")[-1].text == "the load is over"


async def test_pages_of_another_post_do_not_relieve_who_holds_this_one(empty: Office) -> None:
    await empty.apply(("most_days: 30", "most_days: 30, overload_pages: 1"))
    await empty.turns("wei-1", "wei-2")
    await empty.ask("AppointHolder", PostId="lead", PersonId="wei-1")
    for place in range(3):
        await empty.ask("CreatePage", PostId="dba", Title=f"no {place}")
    await empty.skip(seconds=1)
    assert await empty.holder("lead") == ("wei-1", "substantive")
    assert [each.post for each in empty.happened("acting-begins") if each.text.startswith("overloaded")] == []


async def test_nobody_acts_where_no_turn_runs(empty: Office) -> None:
    await empty.apply(
        (
            'repeats: "FREQ=WEEKLY;BYDAY=MO"}',
            'repeats: "FREQ=WEEKLY;BYDAY=MO", only: [{from_time: "20:00", to_time: "22:00"}]}',
        )
    )
    plan = {"From": "2025-10-09T09:00:00Z", "To": "2025-10-20T09:00:00Z"}
    made = await empty.ask("CreatePlan", Adopt=True, Seconds=5, **plan)
    await empty.until(lambda: empty.cloud.store.get(PlanRun, made["PlanId"]).state == "adopted", 60.0)  # type: ignore[union-attr]
    assert await empty.refused("AppointActing", PostId="dba", PersonId="lin") == (
        "NotNeeded",
        "dba needs nobody now: none of its turns runs.",
    )


async def test_pools_are_asked_by_load(empty: Office) -> None:
    await empty.apply(('succession: [lin, "pool:dba"]', 'succession: ["pool:dba"]'))
    await empty.turns("wei-1", "lin", "lin")
    await empty.ask("CreateAbsence", PersonId="wei-1")
    assert await empty.holder() == ("wei-2", "acting")


async def test_the_holder_of_another_post_can_be_next(empty: Office) -> None:
    await empty.apply(
        ('succession: [lin, "pool:dba"]', 'succession: ["post:lead"]'), ("eligible: {pools: [dba]}", "eligible: {}")
    )
    await empty.turns("wei-1", "lin", "lin")
    await empty.ask("AppointHolder", PostId="lead", PersonId="ada")
    await empty.ask("CreateAbsence", PersonId="wei-1")
    # On top of her own.
    assert await empty.holder() == ("ada", "acting")
    assert await empty.holder("lead") == ("ada", "substantive")
