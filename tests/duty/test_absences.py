"""Who is away when, and calendars in and out."""

from __future__ import annotations

import icalendar
import pytest

from tests.duty.parts import Office

NOW = "2025-10-09T08:53:20Z"


async def test_an_absence_without_end_lasts_until_it_is_ended(office: Office) -> None:
    made = await office.ask("CreateAbsence", PersonId="wei-2", Note="leave")
    assert {**made, "AbsenceId": ""} == {
        "AbsenceId": "",
        "PersonId": "wei-2",
        "From": NOW,
        "To": "",
        "Note": "leave",
        "By": f"acs:ram::{office.account}:user/admin",
    }
    await office.skip(hours=2)
    await office.ask("EndAbsence", AbsenceId=made["AbsenceId"], PersonId="wei-2")
    (ended,) = (await office.ask("ListAbsences", PersonId="wei-2"))["Absences"]
    assert ended["To"] == "2025-10-09T10:53:20Z"
    # What has ended stays so, however often that is said.
    await office.skip(hours=2)
    await office.ask("EndAbsence", AbsenceId=made["AbsenceId"], PersonId="wei-2")
    assert (await office.ask("ListAbsences", PersonId="wei-2"))["Absences"] == [ended]


async def test_an_absence_to_come_is_forgotten(office: Office) -> None:
    made = await office.ask("CreateAbsence", PersonId="wei-1", From="2025-10-10T00:00:00Z", To="2025-10-11T00:00:00Z")
    assert await office.who("dba", "2025-10-10T12:00:00Z") == ""
    await office.ask("EndAbsence", AbsenceId=made["AbsenceId"], PersonId="wei-1")
    assert (await office.ask("ListAbsences"))["Absences"] == []
    assert await office.who("dba", "2025-10-10T12:00:00Z") == "wei-1"


async def test_what_is_no_absence(office: Office) -> None:
    told = "An absence ends after it begins, and not in the past."
    for times in ({"To": NOW}, {"From": "2025-10-01T00:00:00Z", "To": "2025-10-02T00:00:00Z"}):
        assert await office.refused("CreateAbsence", PersonId="lin", **times) == ("InvalidTime", told)
    assert await office.refused("CreateAbsence", PersonId="lim") == (
        "PersonNotFound",
        "There is no person 'lim'; did you mean lin?.",
    )
    code, message = await office.refused("CreateAbsence")
    assert (code, "PersonId" in message) == ("MissingPersonId", True)
    made = await office.ask("CreateAbsence", PersonId="lin")
    # Another person's is as good as none.
    for person, id in (("wei-1", made["AbsenceId"]), ("lin", "da-x")):
        assert await office.refused("EndAbsence", AbsenceId=id, PersonId=person) == (
            "AbsenceNotFound",
            f"There is no absence '{id}'.",
        )


async def test_absences_are_listed_in_their_order_by_pages(office: Office) -> None:
    for day in (20, 12, 16):
        await office.ask(
            "CreateAbsence", PersonId="lin", From=f"2025-10-{day}T00:00:00Z", To=f"2025-10-{day}T12:00:00Z"
        )
    first = await office.ask("ListAbsences", MaxResults=2)
    assert ([each["From"][8:10] for each in first["Absences"]], first["TotalCount"]) == (["12", "16"], 3)
    second = await office.ask("ListAbsences", MaxResults=2, NextToken=first["NextToken"])
    assert [each["From"][8:10] for each in second["Absences"]] == ["20"]
    assert (await office.ask("ListAbsences", PersonId="wei-1"))["TotalCount"] == 0


# --- calendars ---


async def test_a_schedule_goes_out_as_icalendar(office: Office) -> None:
    await office.ask("CreateAbsence", PersonId="wei-1", To="2025-10-10T00:00:00Z")
    told = await office.ask("ExportCalendar", From="2025-10-09T00:00:00Z", To="2025-10-21T00:00:00Z")
    calendar = icalendar.Calendar.from_ical(told["Calendar"])
    events = calendar.walk("VEVENT")
    assert (calendar["version"], calendar["x-wr-calname"], len(events)) == ("2.0", "Exchange", told["Events"])
    shown = [(event.start.isoformat()[5:16], str(event["summary"])) for event in events if "dba" in event["uid"]]
    assert shown == [
        ("10-09T00:00", "Database on call: Wei"),
        ("10-09T08:53", "Database on call: Lin (acting)"),
        ("10-10T00:00", "Database on call: Wei"),
        ("10-13T09:00", "Database on call: Wei"),
        ("10-20T09:00", "Database on call: Lin"),
    ]
    assert all(line.endswith("\r") and len(line) <= 76 for line in told["Calendar"].split("\n")[:-1])
    # What a shorter time cuts off is the same event.
    again = await office.ask("ExportCalendar", PostId="dba", From="2025-10-14T00:00:00Z", To="2025-10-21T00:00:00Z")
    uids = [str(event["uid"]) for event in icalendar.Calendar.from_ical(again["Calendar"]).walk("VEVENT")]
    assert uids == [str(event["uid"]) for event in events if "dba" in event["uid"]][3:]
    # Also where somebody stood in for a while.
    cut = await office.ask("ExportCalendar", PostId="dba", From="2025-10-11T00:00:00Z", To="2025-10-12T00:00:00Z")
    (event,) = icalendar.Calendar.from_ical(cut["Calendar"]).walk("VEVENT")
    assert event["uid"] == [each["uid"] for each in events if "dba" in each["uid"]][2]
    lins = await office.ask("ExportCalendar", PersonId="lin", From="2025-10-09T00:00:00Z", To="2025-10-21T00:00:00Z")
    assert lins["Events"] == 2
    assert (await office.refused("ExportCalendar", PostId="x"))[0] == "PostNotFound"


async def test_marks_of_the_format_in_names_break_nothing(empty: Office) -> None:
    await empty.apply(("title: Database on call", 'title: "a, b; c\\\\d: \\u2192 x"'))
    await empty.turns("wei-1")
    told = await empty.ask("ExportCalendar", PostId="dba", To="2025-10-10T00:00:00Z")
    (event,) = icalendar.Calendar.from_ical(told["Calendar"]).walk("VEVENT")
    assert event["summary"] == "a, b; c\\d: → x: Wei"


def _calendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\r\nUID:{place}\r\n{event}END:VEVENT\r\n" for place, event in enumerate(events))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{body}END:VCALENDAR\r\n"


async def test_absences_come_in_from_a_calendar(empty: Office) -> None:
    await empty.apply(("name: Lin, user: lin", "name: Lin, user: lin, time_zone: Asia/Shanghai"))
    file = _calendar(
        # A whole day is one where the person is.
        "DTSTART;VALUE=DATE:20251015\r\nDTEND;VALUE=DATE:20251017\r\nSUMMARY:leave\r\n",
        "DTSTART;TZID=Europe/Berlin:20251020T090000\r\nDTEND;TZID=Europe/Berlin:20251020T170000\r\n",
        "DTSTART:20251022T090000Z\r\nDURATION:PT90M\r\n",
        # Its own clock where it names none.
        "DTSTART:20251023T090000\r\nDTEND:20251023T100000\r\n",
        # Free time, and what is over.
        "DTSTART:20251024T090000Z\r\nDTEND:20251024T100000Z\r\nTRANSP:TRANSPARENT\r\n",
        "DTSTART:20250101T090000Z\r\nDTEND:20250101T100000Z\r\n",
        # It has begun, and what is past of it stays as it was.
        "DTSTART:20251009T000000Z\r\nDTEND:20251009T120000Z\r\nSUMMARY:ill\r\n",
    )
    assert await empty.ask("ImportCalendar", PersonId="lin", Calendar=file) == {"Absences": 5, "Skipped": 1}
    absences = (await empty.ask("ListAbsences", PersonId="lin"))["Absences"]
    assert [(each["From"][5:16], each["To"][5:16], each["Note"]) for each in absences] == [
        ("10-09T08:53", "10-09T12:00", "ill"),
        ("10-14T16:00", "10-16T16:00", "leave"),
        ("10-20T07:00", "10-20T15:00", ""),
        ("10-22T09:00", "10-22T10:30", ""),
        ("10-23T01:00", "10-23T02:00", ""),
    ]
    # Once more it brings nothing.
    assert await empty.ask("ImportCalendar", PersonId="lin", Calendar=file) == {"Absences": 0, "Skipped": 6}


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("nonsense", ""),
        ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n", ""),
        (_calendar("SUMMARY:when?\r\n"), ""),
        (_calendar("DTSTART:20251345T990000Z\r\n"), ""),
        (_calendar("DTSTART:20251020T090000Z\r\nDTEND:20251019T090000Z\r\n"), "an event ends before it begins"),
        (
            _calendar("DTSTART:20251020T090000Z\r\nDTEND:20251020T100000Z\r\nRRULE:FREQ=DAILY\r\n"),
            "it has repeating events; absences are given one by one",
        ),
        (_calendar("DTSTART;VALUE=DATE:99991231\r\n"), ""),
        (_calendar("DTSTART:20251020T090000Z\r\nDURATION:P999999999D\r\n"), ""),
        (_calendar("DTSTART:20251020T090000Z\r\nDTEND:90000101T000000Z\r\n"), "an event ends too far in the future"),
        (_calendar(*["DTSTART:20251020T090000Z\r\n"] * 501), "it has more than 500 events"),
        ("x" * ((1 << 20) + 1), "it has more than 1048576 bytes"),
        (_calendar("DTSTART:00010101T000000\r\nDTEND:00010102T000000\r\n") + _calendar(), ""),
    ],
)
async def test_what_is_no_calendar_of_absences(empty: Office, file: str, why: str) -> None:
    await empty.apply()
    code, message = await empty.refused("ImportCalendar", PersonId="lin", Calendar=file)
    assert code == "InvalidCalendar"
    assert message.startswith(f"This is no iCalendar that can be read: {why}")
    assert (await empty.ask("ListAbsences"))["TotalCount"] == 0
