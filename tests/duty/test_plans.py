"""Rotation plans: computed beside the calls, looked at, adopted, outdated, conflicting."""

from __future__ import annotations

import json
from typing import Any

from kowloon.duty.logic.plans import make_problem
from kowloon.duty.logic.state import DutyState
from kowloon.duty.logic.succession import served_h
from kowloon.duty.resources import PlanRun
from tests.duty.parts import WEEKS, Office, at

MONTH = {"From": "2025-10-13T09:00:00Z", "To": "2025-11-10T09:00:00Z"}


async def computed(office: Office, **fields: Any) -> dict[str, Any]:
    """The plan, once it is there."""
    made = await office.ask("CreatePlan", **{**MONTH, "Seconds": 5, **fields})
    assert made["State"] == "waiting"

    def over() -> bool:
        run = office.cloud.store.get(PlanRun, made["PlanId"])
        return run is not None and run.state in ("done", "adopted")

    await office.until(over, timeout_s=60.0)
    return await office.ask("GetPlan", PlanId=made["PlanId"])


async def test_a_plan_is_computed_and_adopted(office: Office) -> None:
    await office.turns()
    found = await computed(office)
    plan = found["Plan"]
    assert (plan["State"], plan["Outcome"], plan["Gap"], plan["Moved"], plan["WhatIf"]) == (
        "done",
        "plan",
        0.0,
        0,
        False,
    )
    turns = found["Turns"]
    assert [turn["ShiftId"] for turn in turns] == [*WEEKS[1:], "dba/primary/20251027T0900", "dba/primary/20251103T0900"]
    assert {turn["PersonId"] for turn in turns} == {"wei-1", "wei-2", "lin"}
    # It counts once it is adopted.
    assert await office.who("dba", "2025-10-14T00:00:00Z") == ""
    adopted = await office.ask("AdoptPlan", PlanId=plan["PlanId"])
    assert adopted["State"] == "adopted"
    assert await office.who("dba", "2025-10-14T00:00:00Z") == turns[0]["PersonId"]
    assert "Your duty has changed" in office.messages(turns[0]["PersonId"])
    assert await office.refused("AdoptPlan", PlanId=plan["PlanId"]) == (
        "PlanNotDone",
        f"The plan '{plan['PlanId']}' is adopted; only one that is done can be adopted.",
    )


async def test_a_plan_that_is_to_be_adopted_is_when_it_is_found(office: Office) -> None:
    await office.turns()
    plan = (await computed(office, Adopt=True))["Plan"]
    assert plan["State"] == "adopted"
    assert await office.who("dba", "2025-11-04T00:00:00Z")


async def test_a_new_plan_moves_as_few_as_possible(office: Office) -> None:
    await office.ask("CreateAbsence", PersonId="lin", From="2025-10-20T00:00:00Z", To="2025-10-22T00:00:00Z")
    found = await computed(office)
    assert found["Plan"]["Moved"] == 1
    (moved,) = (await office.ask("GetPlan", PlanId=found["Plan"]["PlanId"], OnlyMoved=True))["Turns"]
    assert (moved["ShiftId"], moved["Before"]) == (WEEKS[2], "lin")
    assert moved["PersonId"] in ("wei-1", "wei-2")
    await office.ask("AdoptPlan", PlanId=found["Plan"]["PlanId"])
    # Who lost the turn and who has it are told; the third is not.
    told = {person for person in ("wei-1", "wei-2", "lin") if "Your duty has changed" in office.messages(person)}
    assert told == {"lin", moved["PersonId"]}


async def test_turns_that_were_swapped_by_consent_stay(office: Office) -> None:
    await office.ask("GiveTurn", ShiftId=WEEKS[1], PersonId="lin")
    found = await computed(office, Adopt=True)
    assert found["Turns"][0]["PersonId"] == "lin"
    assert await office.who("dba", "2025-10-14T00:00:00Z") == "lin"


async def test_a_turn_that_somebody_leaves_half_way_stays_open_in_a_plan(office: Office) -> None:
    await office.ask("Resign", PostId="dba", PersonId="wei-1", At="2025-10-10T00:00:00Z")
    assert (await computed(office, From="2025-10-09T09:00:00Z", Adopt=True))["Plan"]["State"] == "adopted"
    segments = (await office.ask("GetSchedule", PostId="dba", To="2025-10-13T09:00:00Z"))["Segments"]
    held = [(each["From"], each["PersonId"]) for each in segments]
    assert held == [("2025-10-09T08:53:20Z", "wei-1"), ("2025-10-10T00:00:00Z", "")]
    # When it comes somebody acts.
    await office.skip(days=1)
    await office.until(lambda: office.told("dba")[-1].person == "lin")


async def test_what_was_swapped_counts_for_who_served_it(office: Office) -> None:
    await office.ask("GiveTurn", ShiftId=WEEKS[1], PersonId="lin")
    cloud = office.cloud
    state = DutyState(cloud.store.begin(), office.account, office.now, cloud.ids, cloud.rosters)
    run = PlanRun(id="later", account=office.account, from_at=at(MONTH["To"]), to_at=at(MONTH["To"]) + 1.0, posts=())
    made = make_problem(state, run)
    past = {shift.id: person for person, shift in made.past}
    assert (past[WEEKS[1]], past[WEEKS[2]]) == ("lin", "lin")
    assert made.served_h["lin"]["hours"] >= 336.0
    # Four weeks around now: two turns of lin's, one of wei-2's.
    assert (served_h(state, "lin"), served_h(state, "wei-2")) == (336.0, 168.0)


async def test_what_has_begun_stays_and_nobody_held_it_before_it_was_planned(office: Office) -> None:
    await office.turns()
    plan = await computed(office, From="2025-10-06T09:00:00Z", Adopt=True)
    assert plan["Turns"][0]["ShiftId"] == WEEKS[0]
    assert await office.who("dba", "2025-10-08T00:00:00Z") == ""
    holder = await office.ask("GetHolder", PostId="dba")
    assert (holder["PersonId"], holder["Since"]) == (plan["Turns"][0]["PersonId"], "2025-10-09T08:53:20Z")
    again = await computed(office, From="2025-10-06T09:00:00Z", Adopt=True)
    assert again["Plan"]["Moved"] == 0
    assert (await office.ask("GetHolder", PostId="dba"))["Since"] == "2025-10-09T08:53:20Z"


async def test_a_plan_is_outdated_by_what_it_was_made_from(office: Office) -> None:
    plan = (await computed(office))["Plan"]
    absence = await office.ask("CreateAbsence", PersonId="wei-2", From="2025-10-15T00:00:00Z")
    refused = await office.refused("AdoptPlan", PlanId=plan["PlanId"])
    assert refused == (
        "PlanOutdated",
        f"What the plan '{plan['PlanId']}' was made from has changed since; make another with `kowloon duty plan`.",
    )
    await office.ask("EndAbsence", AbsenceId=absence["AbsenceId"], PersonId="wei-2")
    # As it was; and that time goes on does not count.
    await office.skip(hours=1)
    assert (await office.ask("AdoptPlan", PlanId=plan["PlanId"]))["State"] == "adopted"


async def test_what_if_somebody_were_away(office: Office) -> None:
    supposed = [{"PersonId": "wei-2", "From": "2025-10-13T00:00:00Z", "To": "2025-10-14T00:00:00Z"}]
    plan = (await computed(office, SupposedAbsences=json.dumps(supposed)))["Plan"]
    assert (plan["WhatIf"], plan["Moved"]) == (True, 1)
    assert await office.refused("AdoptPlan", PlanId=plan["PlanId"]) == (
        "PlanIsWhatIf",
        f"The plan '{plan['PlanId']}' answers a what-if; it cannot be adopted.",
    )
    assert (await office.ask("ListAbsences"))["TotalCount"] == 0


async def test_rules_that_conflict_are_named(office: Office) -> None:
    for person in ("wei-1", "wei-2", "lin"):
        await office.ask("CreateAbsence", PersonId=person, From="2025-10-20T00:00:00Z", To="2025-10-21T00:00:00Z")
    plan = (await computed(office))["Plan"]
    assert (plan["Outcome"], plan["State"], plan["SmallestConflict"]) == ("conflict", "done", True)
    assert {(rule["Rule"], rule["About"]) for rule in plan["Rules"]} >= {
        ("absence", "wei-1"),
        ("absence", "wei-2"),
        ("absence", "lin"),
    }
    assert plan["Text"]
    code, message = await office.refused("AdoptPlan", PlanId=plan["PlanId"])
    assert (code, message.startswith(f"The plan '{plan['PlanId']}' has no turns: ")) == ("NoPlan", True)


async def test_what_cannot_be_planned(office: Office) -> None:
    for seconds in (0, 601, "nan"):
        code, _ = await office.refused("CreatePlan", Seconds=seconds)
        assert code in ("InvalidParameter.Seconds", "InvalidParameter"), seconds
    one = json.dumps([{"PersonId": "lin", "From": "2025-10-13T00:00:00Z"}])
    code, message = await office.refused("CreatePlan", SupposedAbsences=one, Adopt=True)
    assert (code, "only supposed" in message) == ("InvalidParameter.Adopt", True)
    for wrong, expected in (
        ("[", "InvalidParameter"),
        (json.dumps([{"PersonId": "x", "From": "2025-10-13T00:00:00Z"}]), "PersonNotFound"),
        (json.dumps([{"PersonId": "lin", "From": "x"}]), "InvalidParameter.SupposedAbsences"),
        (
            json.dumps([{"PersonId": "lin", "From": "2025-10-13T00:00:00Z", "To": "2025-10-12T00:00:00Z"}]),
            "InvalidTime",
        ),
    ):
        assert (await office.refused("CreatePlan", SupposedAbsences=wrong))[0].startswith(expected), wrong
    assert (await office.refused("CreatePlan", To="2029-10-09T00:00:00Z")) == (
        "InvalidTime",
        "To is after From, by at most 1100 days.",
    )


async def test_the_last_fifty_plans_are_kept(office: Office) -> None:
    def put(tx: Any) -> None:
        for place in range(55):
            tx.put(
                PlanRun(
                    id=f"plan-{place}", account=office.account, from_at=0.0, to_at=1.0, posts=("dba",), state="done"
                )
            )

    await office.cloud.store.run(put)
    made = (await computed(office))["Plan"]["PlanId"]
    first = await office.ask("ListPlans", MaxResults=2)
    assert ([each["PlanId"] for each in first["Plans"]], first["TotalCount"]) == ([made, "plan-54"], 50)
    more = await office.ask("ListPlans", MaxResults=2, NextToken=first["NextToken"])
    assert [each["PlanId"] for each in more["Plans"]] == ["plan-53", "plan-52"]


async def test_a_plan_that_a_restart_cut_off_begins_again(office: Office) -> None:
    await office.cloud.runtime.stop()
    made = await office.ask("CreatePlan", **MONTH, Seconds=5)
    run = office.cloud.store.get(PlanRun, made["PlanId"])
    assert run is not None
    office.cloud.runtime.start()

    def state() -> str:
        kept = office.cloud.store.get(PlanRun, made["PlanId"])
        return kept.state if kept is not None else ""

    await office.until(lambda: state() == "done", timeout_s=60.0)


async def test_who_has_resigned_is_planned_no_more_unless_appointed_again(office: Office) -> None:
    async def planned(**fields: Any) -> set[str]:
        found = await computed(office, **{"To": "2025-12-15T09:00:00Z", **fields})
        return {turn["PersonId"] for turn in found["Turns"] if turn["From"] > "2025-11-10"}

    assert await planned() == {"wei-1", "wei-2", "lin"}
    await office.ask("Resign", PostId="dba", PersonId="lin", At="2025-11-10T09:00:00Z")
    # Adopting a plan does not bring them back either.
    for fields in ({"Adopt": True}, {}):
        assert await planned(**fields) == {"wei-1", "wei-2"}
    await office.ask("AppointHolder", PostId="dba", PersonId="lin")
    # In turns that nobody has yet.
    assert "lin" in await planned(From="2025-12-15T09:00:00Z", To="2026-02-16T09:00:00Z")
