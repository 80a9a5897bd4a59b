"""Calling whoever is on duty: ladders step by step, answers, quiet hours, and each page's story."""

from __future__ import annotations

import pytest

from kowloon.duty.resources import Message, Page
from tests.duty.parts import ORGANISATION, Office

LADDER = ORGANISATION[ORGANISATION.index("      - {notify: [holder]") :]


async def page(office: Office, **more: str) -> str:
    made = await office.ask("CreatePage", PostId="dba", Title="standby lags", **more)
    return str(made["PageId"])


def kept(office: Office, id: str) -> Page:
    found = office.cloud.store.get(Page, id)
    assert found is not None
    return found


def story(office: Office, id: str) -> list[tuple[float, str, str]]:
    """Minutes after the page was made, what and who; deliveries are left out."""
    found = kept(office, id)
    return [
        (round((each.at - found.created_at) / 60, 3), each.what, each.person)
        for each in found.story
        if each.what != "delivered"
    ]


async def stepped(office: Office, steps: list[str], *people: str, repeat: int = 0) -> str:
    ladder = "".join(f"      - {step}\n" for step in steps)
    await office.apply((LADDER, ladder), ("id: calls\n", f"id: calls\n    repeat: {repeat}\n"))
    await office.turns(*(people or ("wei-1", "wei-2")))
    return await page(office)


async def test_the_holder_is_paged_at_once(office: Office) -> None:
    made = await office.ask("CreatePage", PostId="dba", Title="standby lags", Text="40 s", Severity="critical")
    assert {name: made[name] for name in ("PostId", "Title", "Text", "Severity", "State", "Step", "NextAt")} == {
        "PostId": "dba",
        "Title": "standby lags",
        "Text": "40 s",
        "Severity": "critical",
        "State": "open",
        "Step": 1,
        "NextAt": "2025-10-09T08:58:20Z",
    }
    assert [(each["What"], each["PersonId"]) for each in made["Story"]] == [("opened", ""), ("paged", "wei-1")]
    (message,) = [each for each in office.cloud.store.list(Message) if each.page]
    assert (message.person, message.title) == ("wei-1", "[critical] standby lags")
    assert message.text == f"40 s\n{made['PageId']} for dba"


async def test_who_does_not_answer_is_replaced_and_the_ladder_goes_on(office: Office) -> None:
    id = await page(office)
    await office.skip(minutes=15)
    await office.until(lambda: kept(office, id).state == "exhausted")
    assert story(office, id) == [
        (0, "opened", ""),
        (0, "paged", "wei-1"),
        (5, "acting", "lin"),
        (5, "paged", "omar"),
        (15, "exhausted", ""),
    ]


async def test_an_acknowledged_page_calls_nobody_else(office: Office) -> None:
    id = await page(office)
    wei = await office.user("wei", "duty:AcknowledgePage", "duty:ResolvePage")
    await office.skip(minutes=2)
    answered = await wei.ask("AcknowledgePage", PageId=id, Text="on it")
    assert (answered["State"], answered["AcknowledgedBy"], answered["AcknowledgedAt"], answered["NextAt"]) == (
        "acknowledged",
        "wei-1",
        "2025-10-09T08:55:20Z",
        "",
    )
    await office.skip(hours=2)
    assert story(office, id) == [(0, "opened", ""), (0, "paged", "wei-1"), (2, "acknowledged", "wei-1")]
    resolved = await wei.ask("ResolvePage", PageId=id, Text="replica rebuilt")
    assert (resolved["State"], resolved["Story"][-1]["Text"]) == ("resolved", "replica rebuilt")
    for action, more in (
        ("AcknowledgePage", {"PersonId": "wei-1"}),
        ("ResolvePage", {"PersonId": "wei-1"}),
        ("ReassignPage", {"To": "lin"}),
        ("SilencePage", {"Until": office.iso(60)}),
    ):
        assert await office.refused(action, PageId=id, **more) == ("PageOver", f"The page '{id}' is resolved.")
        assert await office.refused(action, PageId="dp-x", **more) == ("PageNotFound", "There is no page 'dp-x'.")


async def test_people_of_a_step_are_paged_together_or_one_after_the_other(empty: Office) -> None:
    id = await stepped(
        empty, ["{notify: [lin, omar], wait_min: 3}", "{notify: [ada, wei-2], wait_min: 2, order: sequence}"]
    )
    await empty.skip(minutes=10)
    await empty.until(lambda: kept(empty, id).state == "exhausted")
    assert story(empty, id) == [
        (0, "opened", ""),
        (0, "paged", "lin"),
        (0, "paged", "omar"),
        (3, "paged", "ada"),
        (5, "paged", "wei-2"),
        (7, "exhausted", ""),
    ]


async def test_a_ladder_repeats_and_then_says_that_nobody_has_answered(empty: Office) -> None:
    id = await stepped(empty, ["{notify: [holder], wait_min: 4}", '{notify: ["post:lead"], wait_min: 4}'], repeat=2)
    await empty.skip(hours=1)
    await empty.until(lambda: kept(empty, id).state == "exhausted")
    paged = [(at, who) for at, what, who in story(empty, id) if what == "paged"]
    assert paged == [(0, "wei-1"), (4, "omar"), (8, "wei-1"), (12, "omar"), (16, "wei-1"), (20, "omar")]
    assert story(empty, id)[-1] == (24, "exhausted", "")
    assert [each.what for each in empty.happened("page-unanswered")] == ["page-unanswered"]
    # It can be answered still.
    assert (await empty.ask("AcknowledgePage", PageId=id, PersonId="ada"))["State"] == "acknowledged"


async def test_pools_are_paged_and_who_is_nobody_is_passed_over_at_once(empty: Office) -> None:
    id = await stepped(empty, ['{notify: ["post:lead"], wait_min: 9}', '{notify: ["pool:partners", ada], wait_min: 9}'])
    assert story(empty, id)[1:] == [(0, "paged", "omar")]
    for person in ("ada", "omar"):
        await empty.ask("CreateAbsence", PersonId=person)
    id = await page(empty)
    await empty.until(lambda: len(story(empty, id)) == 4)
    # Nobody leads now: the next step follows without a wait.
    assert story(empty, id)[1:] == [(0, "nobody", ""), (0, "paged", "ada"), (0, "paged", "omar")]


async def test_the_acting_holder_is_paged_at_once(empty: Office) -> None:
    id = await stepped(empty, ["{notify: [holder], wait_min: 5, acting: true}", "{notify: [holder], wait_min: 5}"])
    await empty.skip(minutes=5)
    await empty.until(lambda: len(story(empty, id)) == 4)
    assert story(empty, id)[1:] == [(0, "paged", "wei-1"), (5, "acting", "lin"), (5, "paged", "lin")]
    assert await empty.holder() == ("lin", "acting")
    (tenure,) = (await empty.ask("ListTenures", PostId="dba"))["Tenures"]
    assert (tenure["Why"], tenure["InsteadOf"], tenure["Reason"]) == (
        "unanswered",
        "wei-1",
        "standby lags: no answer from Wei",
    )
    # Until the turn is over.
    await empty.skip(days=4, hours=1)
    await empty.until(lambda: empty.told("dba")[-1].person == "wei-2")


async def test_whoever_acts_and_does_not_answer_is_replaced_too(empty: Office) -> None:
    step = "{notify: [holder], wait_min: 5, acting: true}"
    id = await stepped(empty, [step, step, step])
    await empty.skip(minutes=20)
    await empty.until(lambda: kept(empty, id).state == "exhausted")
    told = story(empty, id)
    assert told[1:6] == [
        (0, "paged", "wei-1"),
        (5, "acting", "lin"),
        (5, "paged", "lin"),
        (10, "acting", "wei-2"),
        (10, "paged", "wei-2"),
    ]
    assert [what for _, what, _ in told[6:]] == ["nobody-acts", "exhausted"]
    reason = next(each.text for each in kept(empty, id).story if each.what == "nobody-acts")
    assert reason == "Lin (lin) has been asked already; Wei (wei-2) has been asked already"
    # Better than nobody.
    assert await empty.holder() == ("wei-2", "acting")


async def test_a_page_goes_to_somebody_else(office: Office) -> None:
    id = await page(office)
    moved = await office.ask("ReassignPage", PageId=id, To="ada", Text="knows the standby")
    assert (moved["State"], moved["AssignedTo"]) == ("open", "ada")
    assert story(office, id)[-2:] == [(0, "reassigned", "ada"), (0, "paged", "ada")]
    assert (await office.refused("ReassignPage", PageId=id, To="nobody"))[0] == "PersonNotFound"
    await office.skip(minutes=5)
    await office.until(lambda: story(office, id)[-1][1:] == ("paged", "omar"))


async def test_a_page_is_silent_for_a_while(office: Office) -> None:
    id = await page(office)
    silenced = await office.ask("SilencePage", PageId=id, Until=office.iso(3600), Text="known")
    assert (silenced["State"], silenced["NextAt"]) == ("silenced", "2025-10-09T09:53:20Z")
    await office.skip(minutes=59)
    assert len(story(office, id)) == 3
    await office.skip(minutes=1)
    await office.until(lambda: story(office, id)[-1][1:] == ("paged", "omar"))
    assert (60, "silence-over", "") in story(office, id)
    assert await office.refused("SilencePage", PageId=id, Until=office.iso()) == (
        "InvalidTime",
        "Until is in the future.",
    )


async def test_repeats_of_the_same_trouble_belong_to_the_open_page(office: Office) -> None:
    first = await page(office, About="standby")
    assert await page(office, About="standby", Text="60 s") == first
    assert kept(office, first).story[-1].what in ("repeated", "delivered")
    assert await page(office, About="other") != first
    assert await page(office) != first
    await office.ask("ResolvePage", PageId=first, PersonId="wei-1")
    assert await page(office, About="standby") != first


async def test_pages_of_low_severity_wait_for_the_end_of_quiet_hours(empty: Office) -> None:
    """Through the night in which the clock is put back: 02:30 comes twice."""
    night = 'name: Wei, user: wei, time_zone: Europe/Berlin, quiet: "22:00-07:00"'
    await empty.apply(("name: Wei, user: wei,", f"{night},"))
    await empty.turns("wei-1", "wei-1", "wei-1")
    # Saturday, 25 October, 22:30 in Berlin.
    await empty.skip(days=16, hours=11, minutes=36, seconds=40)
    assert empty.iso() == "2025-10-25T20:30:00Z"
    loud, low = await page(empty, Severity="high"), await page(empty, Severity="low")
    waits = {each.page: each.not_before for each in empty.cloud.store.list(Message) if each.page}
    assert waits[loud] == 0.0
    # 07:00 of a night that has an hour more.
    assert kept(empty, low).story[1].text == "quiet hours: not before 2025-10-26T06:00:00Z"
    assert waits[low] == empty.now + 9.5 * 3600

    def sent(id: str) -> float:
        return next(each.sent_at for each in empty.cloud.store.list(Message) if each.page == id)

    await empty.until(lambda: sent(loud))
    assert not sent(low)
    await empty.skip(hours=9, minutes=30)
    await empty.until(lambda: sent(low))
    assert sent(low) == waits[low]


async def test_who_cannot_be_reached_is_said_so(empty: Office) -> None:
    await empty.apply((", reach: [{by: dingtalk, at: wei-1}]", ""))
    await empty.turns("wei-1", "wei-2")
    id = await page(empty)
    assert story(empty, id)[1] == (0, "unreachable", "wei-1")


async def test_what_cannot_be_paged(office: Office) -> None:
    assert await office.refused("CreatePage", PostId="lead", Title="x") == (
        "NoLadder",
        "The post lead has no ladder; name one in the organisation's file.",
    )
    assert (await office.refused("CreatePage", PostId="x", Title="x"))[0] == "PostNotFound"
    for fields in ({"Title": "x" * 201}, {"Title": "x", "Text": "y" * 4001}):
        code, message = await office.refused("CreatePage", PostId="dba", **fields)
        assert (code, "1 to 200" in message) == ("InvalidParameter.Title", True)
    assert (await office.refused("CreatePage", PostId="dba", Title="x", Severity="huge"))[0] == "InvalidParameter"


async def test_pages_are_listed_newest_first(office: Office) -> None:
    ids = [await page(office) for _ in range(3)]
    first = await office.ask("ListPages", MaxResults=2)
    assert ([each["PageId"] for each in first["Pages"]], first["TotalCount"]) == ([ids[2], ids[1]], 3)
    more = await office.ask("ListPages", MaxResults=2, NextToken=first["NextToken"])
    assert [each["PageId"] for each in more["Pages"]] == [ids[0]]
    await office.ask("AcknowledgePage", PageId=ids[0], PersonId="wei-1")
    assert (await office.ask("ListPages", State="acknowledged", PostId="dba"))["TotalCount"] == 1
    assert (await office.ask("ListPages", PostId="lead"))["TotalCount"] == 0
    assert (await office.ask("GetPage", PageId=ids[0]))["AssignedTo"] == "wei-1"
    assert await office.refused("GetPage", PageId="dp-x") == ("PageNotFound", "There is no page 'dp-x'.")


@pytest.mark.parametrize("gone", ["post", "ladder"])
async def test_a_page_whose_post_is_no_more_ends(office: Office, gone: str) -> None:
    id = await page(office)
    if gone == "post":
        start, end = ORGANISATION.index("  - id: dba\n"), ORGANISATION.index("ladders:")
        await office.apply((ORGANISATION[start:end], ""))
    else:
        await office.apply(("    ladder: calls\n", ""), (ORGANISATION[ORGANISATION.index("ladders:") :], ""))
    await office.skip(minutes=5)
    await office.until(lambda: kept(office, id).state == "exhausted")
    assert kept(office, id).story[-1].text == "its post or ladder is no more"
