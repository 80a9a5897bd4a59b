"""The organisation of an account: applied, looked at, applied again; nobody else's."""

from __future__ import annotations

import pytest

from kowloon.duty.resources import StoredOrganisation
from tests.duty.accounts import stranger
from tests.duty.parts import ORGANISATION, Office

NONE = ("OrganisationNotFound", "This account has no organisation; apply a file with `kowloon duty apply FILE`.")


async def test_an_organisation_is_applied_and_shown(empty: Office) -> None:
    assert await empty.refused("GetOrganisation") == NONE
    applied = await empty.apply()
    assert applied == {"Version": 1, "Units": 2, "People": 5, "Posts": 2}
    shown = await empty.ask("GetOrganisation")
    assert (shown["Version"], shown["File"], shown["Caller"]) == (1, ORGANISATION, "")
    # Namesakes are two people.
    assert [(each["id"], each["name"]) for each in shown["Organisation"]["people"]][:2] == [
        ("wei-1", "Wei"),
        ("wei-2", "Wei"),
    ]
    assert (await empty.apply(("title: Exchange", "title: Other")))["Version"] == 2
    assert (await empty.ask("GetOrganisation"))["Organisation"]["title"] == "Other"


async def test_a_user_is_told_who_they_are(office: Office) -> None:
    wei = await office.user("wei2", "duty:*")
    assert (await wei.ask("GetOrganisation"))["Caller"] == "wei-2"


async def test_a_wrong_file_changes_nothing_and_tells_every_mistake(office: Office) -> None:
    wrong = ORGANISATION.replace("parent: cloud", "parent: clowd").replace("[seniors]", "[]")
    code, message = await office.refused(
        "ApplyOrganisation", File=wrong.replace("succession: [omar", "succession: [oma")
    )
    assert code == "InvalidOrganisation"
    assert message.splitlines() == [
        "organisation:5: there is no unit 'clowd'; did you mean cloud?",
        "organisation:17: there is no person 'oma'; did you mean omar?",
    ]
    assert (await office.ask("GetOrganisation"))["Version"] == 1


async def test_of_many_mistakes_the_first_twenty_are_told(empty: Office) -> None:
    people = "\n".join(f"  - {{id: p{place}, name: P, country: XX}}" for place in range(30))
    code, message = await empty.refused("ApplyOrganisation", File=f"title: Many\npeople:\n{people}\n")
    assert code == "InvalidOrganisation"
    assert len(message.splitlines()) == 21
    assert message.endswith("and 10 more")


async def test_a_dry_run_keeps_nothing(empty: Office) -> None:
    status, code, _ = await empty.caller.refused(
        "ApplyOrganisation", Version="2026-11-22", File=ORGANISATION, DryRun="true"
    )
    assert (status, code) == (400, "DryRunOperation")
    assert await empty.refused("GetOrganisation") == NONE
    code, _ = await empty.refused("ApplyOrganisation", File="title: [", DryRun=True)
    assert code == "InvalidOrganisation"


async def test_a_file_that_is_missing_is_asked_for(empty: Office) -> None:
    assert (await empty.refused("ApplyOrganisation"))[0] == "MissingFile"


async def test_a_post_that_pages_needs_a_ladder(empty: Office) -> None:
    paging = "paging:\n  - {id: zones, post: lead, event: fault}\n"
    code, message = await empty.refused("ApplyOrganisation", File=ORGANISATION + paging)
    assert (code, message) == ("InvalidOrganisation", "organisation:34: the post 'lead' has no ladder to page by")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("FREQ=WEEKLY;BYDAY=MO", "FREQ=HOURLY;BYMINUTE=0,30", "repeats: a layer changes hands once an hour at most"),
        ("{by: dingtalk, at: ada}", "{by: email, at: ada}", "10: 'ada' is no mail address"),
        ("{by: dingtalk, at: ada}", "{by: email, at: ada@}", "10: 'ada@' is no mail address"),
        ("{by: dingtalk, at: ada}", "{by: email, at: 'ada@['}", "10: 'ada@[' is no mail address"),
        ("{by: dingtalk, at: ada}", "{by: webhook, at: 'ftp://x'}", "10: 'ftp://x' is not a URL of http or https"),
        ("{by: dingtalk, at: ada}", "{by: dingtalk, at: ''}", "10: a group of the messenger has a name"),
        ("wait_min: 10", "wait_min: 1e9", "wait_min is above 0, and a week at most"),
        ("[manager]", "[]", "a step notifies somebody"),
        ("most_days: 30", "most_days: 0", "most_days is above 0, and ten years at most"),
        ("id: calls", "id: calls\n    repeat: 1000000", "30: repeat is 0 to 100"),
        ("wait_min: 10", "wait_min: .inf", "32: '.inf' is no number that is taken here"),
        ("seniority: 5", "seniority: 08", "10: '08' is no number that is taken here"),
        ("title: Exchange", "title: &t [*t]", "1: it is nested too deeply, or in itself"),
        ("title: Exchange", "title: " + "[" * 1000, "1: it is nested too deeply, or in itself"),
        ("title: Exchange", "title: a\x07", "1: not YAML: "),
    ],
)
async def test_numbers_have_bounds(empty: Office, old: str, new: str, told: str) -> None:
    assert old in ORGANISATION
    code, message = await empty.refused("ApplyOrganisation", File=ORGANISATION.replace(old, new, 1))
    assert code == "InvalidOrganisation"
    assert told in message


async def test_who_is_no_more_in_it_holds_nothing(office: Office) -> None:
    without = "  - {id: wei-1, name: Wei, user: wei, pools: [dba], reach: [{by: dingtalk, at: wei-1}]}\n"
    assert await office.holder() == ("wei-1", "substantive")
    await office.apply((without, ""))
    # Nobody has the turn now, so that the succession's first acts.
    assert await office.holder() == ("lin", "acting")
    turns = (await office.ask("ListTurns", To=office.iso(40 * 86400.0)))["Turns"]
    assert {turn["PersonId"] for turn in turns if turn["From"] > office.iso()} == {"", "wei-2", "lin"}
    # What was stays: it says who held it on that day.
    assert await office.who("dba", "2025-10-07T00:00:00Z") == "wei-1"
    assert [each.person for each in office.happened("left")] == ["wei-1"]


async def test_another_account_sees_nothing(office: Office) -> None:
    """Nor can it be told apart from what is not there."""

    other = await stranger(office)
    assert await other.refused("GetOrganisation") == NONE
    assert await other.refused("ListHolders") == NONE
    assert (await other.apply())["Version"] == 1
    assert (await other.ask("GetHolder", PostId="dba"))["PersonId"] == ""
    assert len(office.cloud.store.list(StoredOrganisation)) == 2
