"""Nobody sees or changes what they may not: every action, with names that are made up, of another account, without the
permission, and for somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from kowloon.duty.actions import duty
from tests.duty.accounts import stranger
from tests.duty.parts import WEEKS, Office

SOON = "2025-10-09T12:00:00Z"
NOW = "2025-10-09T08:53:20Z"
# What each action needs, and what is said where its first name is made up.
CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "AcknowledgePage": ({"PageId": "dp-x", "PersonId": "lin"}, "PageNotFound"),
    "AdoptPlan": ({"PlanId": "plan-x"}, "PlanNotFound"),
    "AnswerRequest": ({"RequestId": "dq-x", "Agree": True, "PersonId": "lin"}, "RequestNotFound"),
    "ApplyOrganisation": ({"File": "title: ["}, "InvalidOrganisation"),
    "AppointActing": ({"PostId": "x"}, "PostNotFound"),
    "AppointHolder": ({"PostId": "x", "PersonId": "lin"}, "PostNotFound"),
    "CreateAbsence": ({"PersonId": "x"}, "PersonNotFound"),
    "CreateHandOverNote": ({"PostId": "x", "Text": "y", "PersonId": "lin"}, "PostNotFound"),
    "CreateOverride": ({"PostId": "x", "To": SOON, "PersonId": "lin"}, "PostNotFound"),
    "CreatePage": ({"PostId": "x", "Title": "y"}, "PostNotFound"),
    "CreatePlan": ({"PostIds": ["x"]}, "PostNotFound"),
    "EndAbsence": ({"AbsenceId": "da-x", "PersonId": "lin"}, "AbsenceNotFound"),
    "EndTenure": ({"TenureId": "dt-x"}, "TenureNotFound"),
    "ExportCalendar": ({"PostId": "x"}, "PostNotFound"),
    "ExtendActing": ({"PostId": "x"}, "PostNotFound"),
    "GetBalance": ({"PostId": "x"}, "PostNotFound"),
    "GetHolder": ({"PostId": "x"}, "PostNotFound"),
    "GetOrganisation": ({}, ""),
    "GetPage": ({"PageId": "dp-x"}, "PageNotFound"),
    "GetPlan": ({"PlanId": "plan-x"}, "PlanNotFound"),
    "GetSchedule": ({"PostId": "x"}, "PostNotFound"),
    "GiveTurn": ({"ShiftId": "dba/x", "PersonId": "lin"}, "ShiftNotFound"),
    "ImportCalendar": ({"Calendar": "x", "PersonId": "x"}, "PersonNotFound"),
    "ListAbsences": ({}, ""),
    "ListHandOverNotes": ({"PostId": "x"}, "PostNotFound"),
    "ListHistory": ({}, ""),
    "ListHolders": ({}, ""),
    "ListPages": ({}, ""),
    "ListPlans": ({}, ""),
    "ListRequests": ({}, ""),
    "ListTenures": ({}, ""),
    "ListTurns": ({"PostId": "x"}, "PostNotFound"),
    "ReassignPage": ({"PageId": "dp-x", "To": "lin"}, "PageNotFound"),
    "RequestCover": ({"ShiftId": "dba/x", "PersonId": "lin"}, "ShiftNotFound"),
    "RequestSwap": ({"ShiftId": "dba/x", "OtherShiftId": "dba/y", "PersonId": "lin"}, "ShiftNotFound"),
    "Resign": ({"PostId": "x", "PersonId": "lin"}, "PostNotFound"),
    "ResolvePage": ({"PageId": "dp-x", "PersonId": "lin"}, "PageNotFound"),
    "SilencePage": ({"PageId": "dp-x", "Until": SOON}, "PageNotFound"),
    "TakeOver": ({"PostId": "x", "PersonId": "lin"}, "PostNotFound"),
    "WithdrawRequest": ({"RequestId": "dq-x", "PersonId": "lin"}, "RequestNotFound"),
}
# Whose PersonId is for whom it is done.
FOR_OTHERS = sorted(name for name, action in duty.actions.items() if "duty:ActForOthers" in action.also)


def test_every_action_is_here() -> None:
    assert sorted(CALLS) == duty.built


async def test_what_is_made_up_is_not_found(office: Office) -> None:
    for action, (fields, code) in CALLS.items():
        if code:
            assert (await office.refused(action, **fields))[0] == code, action


async def test_nobody_may_anything_without_a_permission(office: Office) -> None:
    nobody = await office.user("lin")
    all_but_one = await office.user("wei2", "duty:*", deny="duty:GetHolder")
    for action, (fields, _) in CALLS.items():
        code, message = await nobody.refused(action, **fields)
        assert (code, "not authorized" in message) == ("NoPermission", True), action
    assert (await all_but_one.refused("GetHolder", PostId="dba"))[0] == "NoPermission"
    assert (await all_but_one.ask("ListHolders"))["At"]


async def test_another_account_finds_nothing_of_this_one(office: Office) -> None:
    other = await stranger(office)
    await other.apply()
    page = (await office.ask("CreatePage", PostId="dba", Title="x"))["PageId"]
    absence = (await office.ask("CreateAbsence", PersonId="lin", To=SOON))["AbsenceId"]
    asking = (await office.ask("RequestCover", ShiftId=WEEKS[1], PersonId="wei-2"))["RequestId"]
    tenure = (await office.ask("ListTenures"))["Tenures"][0]["TenureId"]
    plan = (await office.ask("CreatePlan", To=SOON, Seconds=1))["PlanId"]
    named = {"PageId": page, "AbsenceId": absence, "RequestId": asking, "TenureId": tenure, "PlanId": plan}
    for action, (fields, code) in CALLS.items():
        mine = {name: named.get(name, value) for name, value in fields.items()}
        if mine != fields:
            assert (await other.refused(action, **mine))[0] == code, action
    for action, field in (("ListPages", "Pages"), ("ListAbsences", "Absences"), ("ListRequests", "Requests")):
        assert (await other.ask(action))[field] == []
    await office.until(lambda: office.happened("planned"))


@pytest.mark.parametrize("action", FOR_OTHERS)
async def test_a_person_acts_for_themself_but_not_for_others(empty: Office, action: str) -> None:
    await empty.apply()
    lin = await empty.user("lin", "duty:*", deny="duty:ActForOthers")
    fields = {**CALLS[action][0], **({"To": NOW} if action == "CreateAbsence" else {})}
    denied, message = await lin.refused(action, **{**fields, "PersonId": "wei-1"})
    assert (denied, "duty:ActForOthers" in message or "not authorized" in message) == ("NoPermission", True)
    # Themself, whether named or not: it is the rest of the call that is wrong.
    answers = {(await lin.refused(action, **{**fields, "PersonId": "lin"}))[0]}
    unnamed = {name: value for name, value in fields.items() if name != "PersonId"}
    answers.add((await lin.refused(action, **unnamed))[0])
    assert "NoPermission" not in answers


async def test_somebody_may_act_for_one_other_person(office: Office) -> None:
    here = f"acs:duty:*:{office.account}:"
    ada = await office.user("ada", "duty:CreateAbsence", "duty:ActForOthers", resource=f"{here}person/wei-2")
    assert (await ada.ask("CreateAbsence", PersonId="wei-2", To=SOON))["By"].endswith("user/ada")
    assert (await ada.refused("CreateAbsence", PersonId="lin", To=SOON))[0] == "NoPermission"


async def test_permissions_are_of_posts_and_people(office: Office) -> None:
    here = f"acs:duty:*:{office.account}:"
    wei = await office.user("wei", "duty:*", resource=f"{here}post/dba")
    assert (await wei.ask("GetHolder", PostId="dba"))["PersonId"] == "wei-1"
    assert (await wei.refused("GetHolder", PostId="lead"))[0] == "NoPermission"
    assert (await wei.refused("ListHolders"))[0] == "NoPermission"
    # What an id stands for counts, not how it looks.
    page = (await office.ask("CreatePage", PostId="dba", Title="x"))["PageId"]
    assert (await wei.ask("AcknowledgePage", PageId=page))["AcknowledgedBy"] == "wei-1"
    lead = (await office.ask("ListTenures", PostId="lead"))["Tenures"][0]["TenureId"]
    assert (await wei.refused("EndTenure", TenureId=lead))[0] == "NoPermission"
    mine = await office.user("lin", "duty:*", resource=f"{here}person/lin")
    assert (await mine.ask("CreateAbsence", To=SOON))["PersonId"] == "lin"
    assert (await mine.refused("ListAbsences"))[0] == "NoPermission"


async def test_who_is_nobody_here_says_for_whom(office: Office) -> None:
    guest = await office.user("guest", "duty:*")
    for action in FOR_OTHERS:
        fields, _ = CALLS[action]
        unnamed = {name: value for name, value in fields.items() if name != "PersonId"}
        code, message = await guest.refused(action, **{**unnamed, **({"PostId": "dba"} if "PostId" in unnamed else {})})
        assert (code, "PersonId" in message) == ("MissingPersonId", True) or code.endswith("NotFound"), action


async def test_calls_without_an_organisation_say_how_to_have_one(empty: Office) -> None:
    for action, (fields, _) in CALLS.items():
        if action in ("ListAbsences", "ListHistory", "ListPages", "ListPlans", "ListRequests", "ListTenures"):
            assert (await empty.ask(action, **fields))["TotalCount"] == 0
        elif action != "ApplyOrganisation":
            code, message = await empty.refused(action, **fields)
            assert (code, "kowloon duty apply FILE" in message) == ("OrganisationNotFound", True), action
