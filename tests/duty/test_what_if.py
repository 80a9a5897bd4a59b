"""Plans that only answer a what-if, and what would be fair."""

from __future__ import annotations

import pytest

from kowloon.duty.resources import PlanRun
from tests.duty.parts import ORGANISATION, Office, at

HORIZON = {"From": "2025-10-13T09:00:00Z", "To": "2025-11-03T00:00:00Z", "Seconds": 5}
SENIORS = ORGANISATION.replace("eligible: {pools: [dba]}", "eligible: {pools: [seniors]}")


async def _turns(office: Office, plan: str) -> list[dict[str, str]]:
    def outcome() -> object:
        run = office.cloud.store.get(PlanRun, plan)
        return run is not None and run.outcome

    await office.until(outcome, timeout_s=60.0)
    turns: list[dict[str, str]] = (await office.ask("GetPlan", PlanId=plan))["Turns"]
    return turns


async def test_what_if_another_organisation_held(office: Office) -> None:
    made = await office.ask("CreatePlan", PostIds=["dba"], SupposedFile=SENIORS, **HORIZON)
    assert made["WhatIf"] is True
    assert {turn["PersonId"] for turn in await _turns(office, made["PlanId"])} == {"lin"}
    # Neither the organisation nor a turn of it is another one than before.
    assert (await office.ask("GetOrganisation"))["File"] == ORGANISATION
    assert [await office.who("dba", moment) for moment in ("2025-10-13T09:00:00Z", "2025-10-27T09:00:00Z")] == [
        "wei-2",
        "wei-1",
    ]
    refused = await office.refused("AdoptPlan", PlanId=made["PlanId"])
    assert refused == ("PlanIsWhatIf", f"The plan {made['PlanId']!r} answers a what-if; it cannot be adopted.")


async def test_what_is_supposed_is_checked_as_if_it_were_meant(office: Office) -> None:
    refused = await office.refused("CreatePlan", SupposedFile=SENIORS, Adopt="true", **HORIZON)
    assert refused[0] == "InvalidParameter.Adopt"
    assert "What is only supposed cannot be adopted." in refused[1]
    broken = SENIORS.replace("ladder: calls", "ladder: cals")
    code, message = await office.refused("CreatePlan", SupposedFile=broken, **HORIZON)
    line = broken[: broken.index("ladder: cals")].count("\n") + 1
    assert code == "InvalidOrganisation"
    assert message.startswith(f"organisation:{line}: ")
    # Posts and people are those of what is supposed.
    renamed = ORGANISATION.replace("id: dba\n", "id: databases\n")
    assert (await office.refused("CreatePlan", PostIds=["dba"], SupposedFile=renamed, **HORIZON))[0] == "PostNotFound"
    made = await office.ask("CreatePlan", PostIds=["databases"], SupposedFile=renamed, **HORIZON)
    assert {turn["PostId"] for turn in await _turns(office, made["PlanId"])} == {"databases"}


async def test_what_is_fair_is_shared_out_among_all_who_may(office: Office) -> None:
    balance = await office.ask("GetBalance", From="2025-10-06T00:00:00Z", To="2025-11-17T09:00:00Z")
    people = {person["PersonId"]: person for person in balance["People"]}
    hours = sum(person["Hours"] for person in people.values())
    assert hours == pytest.approx((at("2025-11-17T09:00:00+00:00") - at("2025-10-06T09:00:00+00:00")) / 3600)
    for person in ("wei-1", "wei-2", "lin"):
        assert people[person]["FairHours"] == pytest.approx(hours / 3), person
    assert people["ada"]["FairHours"] == 0
    for kind in ("Nights", "Weekends", "Holidays"):
        shared = sum(person[f"Fair{kind}"] for person in people.values())
        assert shared == pytest.approx(sum(person[kind] for person in people.values())), kind
