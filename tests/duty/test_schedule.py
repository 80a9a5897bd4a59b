"""Looking at duty: who holds what, the schedule, turns, load, history and notes."""

from __future__ import annotations

import pytest

from kowloon.core import limits
from kowloon.duty.resources import Happening, Message
from kowloon.store.store import Transaction
from tests.duty.accounts import stranger
from tests.duty.parts import WEEKS, Office


async def test_who_holds_a_post_now_and_who_is_next(office: Office) -> None:
    assert await office.ask("GetHolder", PostId="dba") == {
        "PostId": "dba",
        "Title": "Database on call",
        "TitleZh": "",
        "PersonId": "wei-1",
        "Name": "Wei",
        "Capacity": "substantive",
        "Since": "2025-10-06T09:00:00Z",
        "Until": "",
        "AgeDays": 0.0,
        "InsteadOf": "",
        "Reason": "",
        "ShiftId": WEEKS[0],
        "TenureId": "",
        "NextPersonId": "wei-2",
        "NextAt": "2025-10-13T09:00:00Z",
        "Needed": True,
    }
    assert await office.refused("GetHolder", PostId="dbb") == (
        "PostNotFound",
        "There is no post 'dbb'; did you mean dba?.",
    )


async def test_hands_change_at_the_second(office: Office) -> None:
    moments = ("2025-10-06T08:59:59Z", "2025-10-06T09:00:00Z", "2025-10-13T08:59:59Z", "2025-10-13T09:00:00Z")
    assert [await office.who("dba", moment) for moment in moments] == ["", "wei-1", "wei-1", "wei-2"]


async def test_who_held_what_on_a_day(office: Office) -> None:
    holders = await office.ask("ListHolders", At="2025-10-22T00:00:00+08:00")
    assert holders["At"] == "2025-10-21T16:00:00Z"
    assert [(each["PostId"], each["PersonId"], each["Capacity"]) for each in holders["Holders"]] == [
        ("lead", "omar", "acting"),
        ("dba", "lin", "substantive"),
    ]


async def test_the_final_schedule_shows_everything_and_gaps(office: Office) -> None:
    await office.ask("Resign", PostId="dba", PersonId="lin")
    await office.ask(
        "CreateOverride", PostId="dba", PersonId="lin", From="2025-10-14T00:00:00Z", To="2025-10-15T00:00:00Z"
    )
    shown = await office.ask("GetSchedule", PostId="dba", From="2025-10-06T00:00:00Z", To="2025-10-28T00:00:00Z")
    assert [(each["From"][5:13], each["PersonId"]) for each in shown["Segments"]] == [
        ("10-06T09", "wei-1"),
        ("10-13T09", "wei-2"),
        ("10-14T00", "lin"),
        ("10-15T00", "wei-2"),
        ("10-20T09", ""),
        ("10-27T09", "wei-1"),
    ]
    one = await office.ask("GetSchedule", PersonId="lin")
    assert [(each["PostId"], each["Capacity"]) for each in one["Segments"]] == [("dba", "substantive")]
    assert {each["PostId"] for each in (await office.ask("GetSchedule"))["Segments"]} == {"lead", "dba"}
    assert (await office.refused("GetSchedule", PostId="x"))[0] == "PostNotFound"


async def test_before_there_was_an_organisation_nothing_was_missing(office: Office) -> None:
    """A post that is held by appointment has had no gap in the years before."""
    await office.skip(days=1)
    shown = await office.ask("GetSchedule", PostId="lead", From="2025-01-01T00:00:00Z", To="2025-10-12T00:00:00Z")
    assert shown["Segments"][0]["From"][:10] == "2025-10-09"
    assert (await office.ask("GetHolder", PostId="lead", At="2025-06-01T00:00:00Z"))["Needed"] is False
    # Of a post with layers nobody is needed before its first turn, but in the middle of them.
    needed = {}
    for when in ("2025-10-01T00:00:00Z", "2025-10-21T00:00:00Z"):
        holders = (await office.ask("ListHolders", At=when))["Holders"]
        needed |= {(when[8:10], each["PostId"]): each["Needed"] for each in holders}
    assert needed[("01", "dba")] is False
    assert needed[("21", "dba")] is True


async def test_times_of_a_schedule_are_in_order_and_bounded(office: Office) -> None:
    for action in ("GetSchedule", "ListTurns", "GetBalance", "ExportCalendar"):
        for times in (
            {"From": "2025-10-10T00:00:00Z", "To": "2025-10-10T00:00:00Z"},
            {"From": "2025-10-10T00:00:00Z", "To": "2029-10-10T00:00:00Z"},
        ):
            assert await office.refused(action, **times) == (
                "InvalidTime",
                "To is after From, by at most 800 days.",
            )
        assert (await office.refused(action, From="x"))[0] == "InvalidParameter.From"


async def test_turns_are_listed_by_pages(office: Office) -> None:
    first = await office.ask("ListTurns", To="2025-12-01T00:00:00Z", MaxResults=4)
    assert (len(first["Turns"]), first["TotalCount"]) == (4, 6)
    rest = await office.ask("ListTurns", To="2025-12-01T00:00:00Z", MaxResults=4, NextToken=first["NextToken"])
    assert [turn["ShiftId"] for turn in rest["Turns"]] == ["dba/primary/20251103T0900", "dba/primary/20251110T0900"]
    mine = await office.ask("ListTurns", PostId="dba", PersonId="wei-2", To="2025-12-01T00:00:00Z")
    assert [(turn["PersonId"], turn["Hours"]) for turn in mine["Turns"]] == [("wei-2", 168.0)] * 2
    assert (await office.refused("ListTurns", MaxResults=0))[0] == "InvalidParameter"


async def test_load_counts_hours_nights_and_weekends(office: Office) -> None:
    await office.ask("GiveTurn", ShiftId=WEEKS[1], PersonId="lin")
    balance = await office.ask("GetBalance", From="2025-10-06T00:00:00Z", To="2025-11-01T00:00:00Z")
    load = {
        each["PersonId"]: (each["Turns"], each["Hours"], each["Nights"], each["Weekends"]) for each in balance["People"]
    }
    assert load["wei-1"] == (2, 336.0, 112.0, 96.0)
    assert load["lin"] == (2, 336.0, 112.0, 96.0)
    assert load["wei-2"] == (0, 0.0, 0.0, 0.0)
    assert (await office.refused("GetBalance", PostId="x"))[0] == "PostNotFound"


async def test_history_tells_what_happened_by_whom(office: Office) -> None:
    await office.ask("TakeOver", PostId="dba", PersonId="lin", Reason="busy")
    told = await office.ask("ListHistory", PostId="dba", MaxResults=2)
    assert [(each["What"], each["PersonId"]) for each in told["Happenings"]] == [
        ("handed-over", "lin"),
        ("changed", "lin"),
    ]
    assert told["Happenings"][1]["By"] == f"acs:ram::{office.account}:user/admin"
    assert told["TotalCount"] == 3
    more = await office.ask("ListHistory", PostId="dba", MaxResults=2, NextToken=told["NextToken"])
    assert [each["What"] for each in more["Happenings"]] == ["handed-over"]
    assert (await office.ask("ListHistory", To="2025-10-09T00:00:00Z"))["TotalCount"] == 0
    assert (await office.ask("ListHistory", From="2025-10-09T00:00:00Z", PersonId="omar"))["TotalCount"] == 2


async def test_the_next_holder_reads_the_note(office: Office) -> None:
    wei = await office.user("wei", "duty:CreateHandOverNote")
    note = await wei.ask("CreateHandOverNote", PostId="dba", Text="The standby lags.")
    assert (note["PersonId"], note["Text"], note["At"]) == ("wei-1", "The standby lags.", "2025-10-09T08:53:20Z")
    await office.ask("CreateHandOverNote", PostId="dba", PersonId="wei-1", Text="It has caught up.")
    notes = await office.ask("ListHandOverNotes", PostId="dba", MaxResults=1)
    assert (notes["Notes"][0]["Text"], notes["TotalCount"]) == ("It has caught up.", 2)
    more = await office.ask("ListHandOverNotes", PostId="dba", NextToken=notes["NextToken"])
    assert [each["Text"] for each in more["Notes"]] == ["The standby lags."]
    await office.skip(days=4, hours=1)
    await office.until(lambda: office.messages("wei-2"))
    sent = [each for each in office.cloud.store.list(Message) if each.person == "wei-2"]
    assert sent[-1].text == "Database on call went from Wei to Wei. Note of Wei: It has caught up."
    for text in ("", "x" * 4001):
        code, message = await office.refused("CreateHandOverNote", PostId="dba", PersonId="wei-1", Text=text)
        assert (code, "1 to 4000" in message or code == "MissingText") in [
            ("InvalidParameter.Text", True),
            ("MissingText", True),
        ]
    assert (await office.refused("ListHandOverNotes", PostId="x"))[0] == "PostNotFound"


async def test_of_a_long_history_the_oldest_goes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(tx: Transaction) -> None:
        for place in range(300):
            tx.put(Happening(id=f"dh-{place}", account=office.account, what="test", text=str(place)))

    await office.cloud.store.run(put)
    monkeypatch.setattr(limits, "DUTY_RECORDS_KEPT", 300)
    before = len(office.happened())
    await office.ask("CreateHandOverNote", PostId="dba", PersonId="wei-1", Text="x")
    kept = office.happened()
    assert len(kept) == before + 1 - 200
    # The newest stay.
    assert [each.text for each in kept if each.what == "test"][-1] == "299"
    assert kept[-1].what == "note"


async def test_a_long_history_takes_no_room_from_another_account(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await stranger(office)
    await other.apply()

    def put(tx: Transaction) -> None:
        for place in range(400):
            tx.put(Happening(id=f"dh-{place}", account=office.account, what="test", text=str(place)))

    await office.cloud.store.run(put)
    monkeypatch.setattr(limits, "DUTY_RECORDS_KEPT", 300)
    before = other.happened()
    await other.ask("CreateHandOverNote", PostId="dba", PersonId="wei-1", Text="x")
    assert other.happened()[: len(before)] == before


async def test_pages_that_are_resolved_make_room(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [(await office.ask("CreatePage", PostId="dba", Title=f"no {place}"))["PageId"] for place in range(3)]
    await office.ask("ResolvePage", PageId=pages[1], PersonId="wei-1")
    monkeypatch.setattr(limits, "DUTY_RECORDS_KEPT", 3)
    fresh = (await office.ask("CreatePage", PostId="dba", Title="one more"))["PageId"]
    kept = (await office.ask("ListPages", PostId="dba"))["Pages"]
    assert [page["PageId"] for page in kept] == [fresh, pages[2], pages[0]]


async def test_what_goes_on_or_is_to_come_makes_no_room(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    day = "2025-10-{}T00:00:00Z"
    for place in (20, 22, 24):
        await office.ask("CreateAbsence", PersonId="lin", From=day.format(place), To=day.format(place + 1))
    monkeypatch.setattr(limits, "DUTY_RECORDS_KEPT", 3)
    one_more = {"PersonId": "lin", "From": day.format(26), "To": day.format(27)}
    assert await office.refused("CreateAbsence", **one_more) == (
        "QuotaExceeded",
        "An account keeps at most 3 of duty-absence that are not over.",
    )
    await office.skip(days=12)
    await office.ask("CreateAbsence", **one_more)
    assert [each["From"] for each in (await office.ask("ListAbsences"))["Absences"]] == [
        day.format(each) for each in (22, 24, 26)
    ]


@pytest.mark.parametrize(
    ("kind", "action", "fields"),
    [
        (
            "tenure",
            "CreateOverride",
            {"PostId": "dba", "PersonId": "lin", "From": "2025-10-{}T00:00:00Z", "To": "2025-10-{}T12:00:00Z"},
        ),
        ("asking", "RequestCover", {"ShiftId": WEEKS[1], "PersonId": "wei-2", "Note": "{}"}),
    ],
)
async def test_every_kind_of_record_has_room_by_account(
    office: Office, monkeypatch: pytest.MonkeyPatch, kind: str, action: str, fields: dict[str, str]
) -> None:
    def of(place: int) -> dict[str, str]:
        return {name: value.format(place, place) for name, value in fields.items()}

    for place in (14, 15):
        await office.ask(action, **of(place))
    monkeypatch.setattr(limits, "DUTY_RECORDS_KEPT", 2)
    assert await office.refused(action, **of(16)) == (
        "QuotaExceeded",
        f"An account keeps at most 2 of duty-{kind} that are not over.",
    )


async def test_the_oldest_notes_make_room(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DUTY_RECORDS_KEPT", 2)
    for text in "abc":
        await office.ask("CreateHandOverNote", PostId="dba", PersonId="wei-1", Text=text)
    assert (await office.ask("ListHandOverNotes", PostId="dba"))["Notes"][0]["Text"] == "c"
    assert (await office.ask("ListHandOverNotes", PostId="dba"))["TotalCount"] <= 2
