"""What people do on the page: take over, be away, ask each other, page, plan; and what they may not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from kowloon.core.clock import parse_iso_seconds as parse
from tests.duty.page.browsers import ORGANISATION, DutyCloud, Visitor

Visit = Callable[..., Visitor]


def _dialog(page: Page, button: str, **values: str) -> Locator:
    """Fills in the dialog that is open and sends it. `values`: by label, spaces as underscores."""
    dialog = page.get_by_role("dialog")
    for label, value in values.items():
        control = dialog.get_by_label(label.replace("_", " "), exact=True)
        if control.evaluate("(control) => control.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    dialog.get_by_role("button", name=button, exact=True).click()
    return dialog


def _done(page: Page, text: str) -> None:
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#said")).to_contain_text(text)


def _holder(duty: DutyCloud, post: str) -> Any:
    return duty.call("Duty/GetHolder", PostId=post)["Holder"]


def _card(page: Page, title: str) -> Locator:
    return page.get_by_role("article").filter(has=page.get_by_role("heading", name=title, exact=True)).first


def test_taking_over_and_giving_back(visit: Visit, duty: DutyCloud) -> None:
    before = _holder(duty, "dba")
    me = "mei" if before["PersonId"] != "mei" else "lin"
    page = visit().come_in(duty.person(me))
    _card(page, "Database on call").get_by_role("button", name="Take over now").click()
    expect(page.get_by_role("dialog")).to_contain_text("Take over: Database on call")
    _dialog(page, "Take over now", Reason="my change broke it")
    _done(page, "Taken over.")
    expect(_card(page, "Database on call")).to_contain_text("Reason: my change broke it.")
    assert _holder(duty, "dba")["PersonId"] == me
    _card(page, "Database on call").get_by_role("link").click()
    tenures = page.get_by_role("table", name=re.compile("^Appointments, overrides"))
    expect(tenures).to_contain_text("substantive · taken over")
    tenures.get_by_role("button", name="End now").click()
    _dialog(page, "End now")
    _done(page, "Ended.")
    assert _holder(duty, "dba")["PersonId"] == before["PersonId"]


def test_who_is_away_is_stood_in_for_at_once(visit: Visit, duty: DutyCloud) -> None:
    before = _holder(duty, "dba")
    page = visit().come_in(duty.person(before["PersonId"]))
    page.get_by_role("button", name="I am away").click()
    _dialog(page, "Be away", Note="fever")
    _done(page, "Noted; posts without a holder have an acting one.")
    expect(_card(page, "Database on call")).to_contain_text("acting for 1 minute")
    expect(_card(page, "Database on call")).to_contain_text(re.compile(rf"Stands in for {before['Name']}"))
    page.get_by_role("link", name="Swaps").click()
    row = page.get_by_role("row").filter(has_text="fever")
    expect(row).to_contain_text("until it is ended")
    row.get_by_role("button", name="Is back").click()
    _dialog(page, "Is back")
    _done(page, "Noted.")
    expect(row).to_have_count(0)
    assert _holder(duty, "dba")["Capacity"] == "substantive"


def test_an_acting_holder_is_appointed_and_extended_until_there_is_a_successor(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "post?id=president")
    expect(page.locator(".card")).to_contain_text("Ada Novak")
    page.get_by_role("button", name="Appoint acting holder").click()
    _dialog(page, "Appoint", Person="wei2")
    _done(page, "Appointed.")
    expect(page.locator(".card")).to_contain_text("Wei Zhang (wei2)")
    page.get_by_role("button", name="Extend acting").click()
    expect(page.get_by_role("dialog")).to_contain_text("By 90 days more")
    _dialog(page, "Extend acting")
    _done(page, "Extended.")
    page.get_by_role("button", name="Extend acting").click()
    dialog = _dialog(page, "Extend acting")
    expect(dialog.get_by_role("alert")).to_contain_text("was extended 1 times, the most there is.")
    expect(dialog.get_by_role("alert")).to_contain_text("Appoint a holder.")
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Appoint", exact=True).click()
    _dialog(page, "Appoint", Person="ada")
    _done(page, "Appointed.")
    expect(page.locator(".card").get_by_text("on duty")).to_be_visible()
    assert _holder(duty, "president")["Capacity"] == "substantive"


def test_notes_are_left_for_the_next(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "post?id=dba")
    expect(page.get_by_text("Nobody has left a note.")).to_be_visible()
    page.get_by_role("button", name="Leave a note").click()
    _dialog(page, "Leave a note", What_the_next_holder_must_know="rds-3 is slow\nask Omar")
    _done(page, "Note left.")
    note = page.get_by_role("listitem").filter(has_text="rds-3 is slow")
    expect(note).to_contain_text("ask Omar")
    expect(note).to_contain_text("Chen Mei")


def test_an_open_request_is_answered_by_who_is_asked(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "requests")
    _card(page, "Night watch").get_by_role("button", name="Who can take it?").click()
    _dialog(page, "Ask", Note="a concert")
    _done(page, "Asked.")
    (request,) = duty.call("Duty/ListRequests", State="open")["Requests"]
    asked = request["Asked"][0]
    expect(_card(page, "Who can take this?")).to_contain_text("a concert")
    other = visit().come_in(duty.person(asked))
    expect(other.get_by_text("Chen Mei asks about a turn of Night watch")).to_be_visible()
    other.get_by_text("Chen Mei asks about a turn of Night watch").click()
    _card(other, "Who can take this?").get_by_role("button", name="Agree").click()
    _dialog(other, "Agree")
    _done(other, "Agreed.")
    expect(other.get_by_text("Nobody is asked for anything.")).to_be_visible()
    turns = duty.call("Duty/ListTurns", PostId="night", MaxResults=1000)["Turns"]
    assert next(turn for turn in turns if turn["ShiftId"] == request["ShiftId"])["PersonId"] == asked


def test_a_swap_needs_the_other_ones_consent(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "requests")
    _card(page, "Night watch").get_by_role("button", name="Swap").click()
    turns = duty.call("Duty/ListTurns", PostId="night", PersonId="lin", MaxResults=1000)["Turns"]
    wanted = next(turn for turn in reversed(turns))["ShiftId"]
    _dialog(page, "Ask for the swap", For_the_turn=wanted)
    _done(page, "Asked.")
    (request,) = duty.call("Duty/ListRequests", State="open")["Requests"]
    assert (request["OtherShiftId"], request["Asked"]) == (wanted, ["lin"])
    other = visit().come_in(duty.person("lin"), "requests")
    _card(other, "Swap").get_by_role("button", name="Decline").click()
    _dialog(other, "Decline")
    _done(other, "Declined.")
    assert duty.call("Duty/ListRequests")["Requests"][0]["State"] == "declined"
    page.reload()
    expect(page.get_by_role("table", name="The newest first")).to_contain_text("declined")


def test_a_turn_of_the_picture_is_offered_for_a_swap(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "rota")
    page.get_by_label("Post").select_option("night")
    expect(page.locator(".picture .post")).to_have_text(["Night watch"])
    month = page.get_by_role("heading", level=2)
    present = month.inner_text()
    page.get_by_role("button", name="Later").click()
    expect(month).not_to_have_text(present)
    page.get_by_role("button", name=re.compile("^Night watch: 林涛")).first.click()
    page.get_by_role("button", name="Swap for one of mine").click()
    expect(page.get_by_role("dialog").get_by_label("For the turn")).to_contain_text("林涛 · Night watch")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Night watch: Chen Mei")).first.click()
    page.get_by_role("button", name="Give the turn to somebody").click()
    _dialog(page, "Give", Person="omar", Reason="agreed at lunch")
    _done(page, "Given.")


def test_a_page_is_answered_and_its_story_told(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"))
    page.get_by_role("button", name="Page somebody").click()
    _dialog(
        page, "Page now", Post="dba", What_is_wrong="Replication lags", More="rds-1 is 40 s behind", Severity="critical"
    )
    _done(page, "Paged.")
    expect(_card(page, "Database on call")).to_contain_text("1 page")
    page.get_by_role("link", name="Replication lags").click()
    expect(page.get_by_text("rds-1 is 40 s behind").first).to_be_visible()
    story = page.get_by_role("list").filter(has_text="Opened")
    expect(story).to_contain_text("Opened")
    page.get_by_role("button", name="Acknowledge").click()
    _dialog(page, "Acknowledge", Note="looking")
    _done(page, "In hand.")
    expect(story).to_contain_text("In hand: Chen Mei")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    page.get_by_role("button", name="Reassign").click()
    _dialog(page, "Reassign", To="omar")
    _done(page, "Given to somebody else.")
    expect(story).to_contain_text("Given to Omar Haddad")
    page.get_by_role("button", name="Resolve").click()
    _dialog(page, "Resolve")
    _done(page, "Resolved.")
    expect(story).to_contain_text("Resolved by Chen Mei")
    page.get_by_role("link", name="All pages").click()
    expect(page.get_by_text("Nothing is open.")).to_be_visible()


def test_what_may_not_be_done_is_told_with_the_right_that_is_missing(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei", "duty:Get*", "duty:List*"))
    _card(page, "Database on call").get_by_role("button", name="Take over now").click()
    dialog = _dialog(page, "Take over now", Reason="typed once")
    expect(dialog.get_by_role("alert")).to_contain_text("You may not do this.")
    expect(dialog.get_by_role("alert")).to_contain_text("duty:TakeOver")
    # What was typed is still there.
    expect(dialog.get_by_label("Reason")).to_have_value("typed once")
    assert _holder(duty, "dba")["Reason"] == ""


def test_what_may_not_be_seen_keeps_nothing_else_away(visit: Visit, duty: DutyCloud) -> None:
    duty.call("Duty/CreatePage", PostId="dba", Title="Replication lags")
    seen = ("duty:GetOrganisation", "duty:ListHolders", "duty:GetSchedule")
    page = visit().come_in(duty.person("mei", *seen))
    expect(_card(page, "Database on call")).to_be_visible()
    expect(page.get_by_text("Replication lags")).to_have_count(0)
    page.get_by_role("link", name="Pages").click()
    expect(page.get_by_text("Ask an administrator for the right duty:ListPages")).to_be_visible()


def test_somebody_who_is_nobody_here_says_for_whom(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("stranger"))
    page.get_by_role("button", name="I am away").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Be away").click()
    # The browser itself asks for what is missing.
    assert dialog.get_by_label("Who is away").evaluate("(control) => control.validity.valueMissing")
    _dialog(page, "Be away", Who_is_away="omar", Note="told me")
    _done(page, "Noted; posts without a holder have an acting one.")
    (absence,) = duty.call("Duty/ListAbsences")["Absences"]
    assert (absence["PersonId"], absence["Note"]) == ("omar", "told me")


def test_a_plan_is_computed_looked_at_and_adopted(visit: Visit, duty: DutyCloud) -> None:
    duty.call("Duty/CreateAbsence", PersonId="omar", To="2099-01-01T00:00:00Z")
    page = visit().come_in(duty.person("mei"), "plans")
    page.get_by_label("Posts").select_option(["dba"])
    page.get_by_label("Seconds at most").fill("10")
    page.get_by_role("button", name="Compute a plan").click()
    told = page.locator(".told")
    expect(told).to_contain_text(re.compile("No plan is better|At most .* % from the best"), timeout=60_000)
    expect(page.get_by_role("heading", name=re.compile("to somebody else"))).to_be_visible()
    page.get_by_role("button", name="Adopt this plan").click()
    expect(told).to_contain_text("adopted")
    now = duty.cloud.cloud.clock.now()
    coming = [
        turn
        for turn in duty.call("Duty/ListTurns", PostId="dba", MaxResults=1000)["Turns"]
        if parse(turn["From"]) > now
    ]
    assert "omar" not in {turn["PersonId"] for turn in coming}
    page.get_by_role("link", name="All plans").click()
    expect(page.get_by_role("row").filter(has_text="Database on call")).to_contain_text("adopted")


def test_a_what_if_changes_nothing(visit: Visit, duty: DutyCloud) -> None:
    before = duty.call("Duty/ListTurns", PostId="dba", MaxResults=1000)["Turns"]
    page = visit().come_in(duty.person("mei"), "plans")
    page.get_by_label("Posts").select_option(["dba"])
    page.get_by_label("Seconds at most").fill("10")
    page.get_by_role("button", name="Suppose an absence").click()
    page.get_by_label("Away").select_option("omar")
    page.get_by_role("group", name="What if").get_by_label("Until").fill("2099-01-01T00:00")
    expect(page.get_by_role("button", name="Compute and adopt")).to_be_hidden()
    page.get_by_role("button", name="Compute a plan").click()
    expect(page.locator(".told")).to_contain_text("This answers a what-if and cannot be adopted.", timeout=60_000)
    expect(page.get_by_role("button", name="Adopt this plan")).to_have_count(0)
    moves = page.get_by_role("table", name="Turns that change hands")
    expect(moves.get_by_role("row").filter(has_text="Omar Haddad").first).to_be_visible()
    assert duty.call("Duty/ListTurns", PostId="dba", MaxResults=1000)["Turns"] == before


def test_what_if_other_rules_held(visit: Visit, duty: DutyCloud) -> None:
    before = duty.call("Duty/GetOrganisation")["File"]
    page = visit().come_in(duty.person("mei"), "plans")
    page.get_by_label("Seconds at most").fill("10")
    page.get_by_role("button", name="Suppose other rules").click()
    file = page.get_by_label("The organisation, as it might be")
    expect(file).to_have_value(before)
    file.fill(before.replace("ladder: ops", "ladder: oops", 1))
    page.get_by_role("button", name="Compute a plan").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"organisation:\d+: .*oops"))
    file.fill(before.replace("eligible: {pools: [dba]}", "eligible: {pools: [dba], seniority: 3}", 1))
    page.get_by_role("button", name="Compute a plan").click()
    expect(page.locator(".told")).to_contain_text("This answers a what-if and cannot be adopted.", timeout=60_000)
    moves = page.get_by_role("table", name="Turns that change hands")
    expect(moves.get_by_role("row").filter(has_text="Database on call").first).to_contain_text("Wei Zhang (wei)")
    assert duty.call("Duty/GetOrganisation")["File"] == before


def test_no_plan_says_which_rules_conflict(visit: Visit, duty: DutyCloud) -> None:
    text = ORGANISATION.read_text(encoding="utf-8")
    duty.apply(text.replace("eligible: {pools: [dba]}", "eligible: {pools: [dba], seniority: 9}", 1))
    page = visit().come_in(duty.person("mei"), "plans")
    page.get_by_label("Posts").select_option(["dba"])
    page.get_by_label("Seconds at most").fill("10")
    page.get_by_role("button", name="Compute a plan").click()
    told = page.locator(".told")
    expect(told).to_contain_text("no plan", timeout=60_000)
    expect(told.get_by_role("listitem").filter(has_text="who is eligible")).to_be_visible()
    expect(told).to_contain_text("Relax one of them in the organisation's file")


def test_an_organisation_is_applied_or_told_line_by_line(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "organisation")
    expect(page.get_by_text("Version 1 of the file counts.")).to_be_visible()
    text = page.get_by_label("The file")
    good = text.input_value()
    assert good == ORGANISATION.read_text(encoding="utf-8")
    text.fill(good.replace("oversees: [cloud]", "oversees: [clod]"))
    page.get_by_role("button", name="Apply a file").click()
    line = good[: good.index("oversees: [cloud]")].count("\n") + 1
    expect(page.get_by_role("alert")).to_contain_text(f"organisation:{line}: ")
    expect(page.get_by_role("alert")).to_contain_text("Correct these lines and apply again; nothing was changed.")
    text.fill(good.replace("title: Cloud of Kowloon", "title: Another cloud"))
    page.get_by_role("button", name="Apply a file").click()
    _done(page, "Version 2 counts now.")
    page.get_by_role("link", name="Now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Another cloud")


def test_an_account_without_an_organisation_is_told_how_to_begin(visit: Visit, duty: DutyCloud) -> None:
    duty.cloud.reset()
    page = visit().come_in(duty.person("mei"))
    expect(page.get_by_text("Apply a file under Organisation")).to_be_visible()
    page.get_by_role("link", name="Organisation").click()
    page.get_by_label("From this device (.yaml)").set_input_files(ORGANISATION)
    expect(page.get_by_label("The file")).to_have_value(ORGANISATION.read_text(encoding="utf-8"))
    page.get_by_role("button", name="Apply a file").click()
    _done(page, "Version 1 counts now.")
    page.get_by_role("link", name="Now").click()
    expect(_card(page, "President, cloud")).to_be_visible()


def test_a_calendar_becomes_absences(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "requests")
    calendar = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
    )
    calendar += (
        "DTSTART;VALUE=DATE:20990105\r\nDTEND;VALUE=DATE:20990107\r\nSUMMARY:Holiday\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    page.get_by_role("button", name="Import a calendar").click()
    page.get_by_label("File (.ics)").set_input_files(
        {"name": "mine.ics", "mimeType": "text/calendar", "buffer": calendar.encode()}
    )
    _dialog(page, "Import a calendar")
    _done(page, "1 absence taken, 0 skipped.")
    expect(page.get_by_role("row").filter(has_text="Holiday")).to_contain_text("Chen Mei")


def test_a_cloud_that_is_gone_is_told_and_nothing_is_lost(visit: Visit, duty: DutyCloud) -> None:
    visitor = visit()
    page = visitor.come_in(duty.person("mei"), "post?id=dba")
    page.get_by_role("button", name="Leave a note").click()
    visitor.context.set_offline(True)
    dialog = _dialog(page, "Leave a note", What_the_next_holder_must_know="kept")
    expect(dialog.get_by_role("alert")).to_contain_text("The cloud does not answer.")
    visitor.context.set_offline(False)
    dialog.get_by_role("button", name="Leave a note").click()
    _done(page, "Note left.")
    expect(page.get_by_role("listitem").filter(has_text="kept")).to_be_visible()


def test_a_click_that_leads_nowhere_says_why(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei", "duty:Get*", "duty:List*"), "load")
    page.get_by_role("button", name="Export iCalendar").click()
    expect(page.locator("#said")).to_contain_text("You may not do this.")
    expect(page.locator("#said")).to_contain_text("duty:ExportCalendar")


def test_another_file_counts_while_the_page_is_open(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"))
    text = ORGANISATION.read_text(encoding="utf-8")
    duty.apply(text.replace("  - id: president", "  - {id: cto, title: Chief technologist}\n  - id: president"))
    page.get_by_role("link", name="Rota").click()
    page.get_by_role("link", name="Now").click()
    expect(_card(page, "Chief technologist")).to_contain_text("Somebody should hold this post, and nobody does.")


def test_who_may_not_see_the_organisation_is_told_so(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei", "duty:List*"))
    expect(page.get_by_text("Ask an administrator for the right duty:GetOrganisation")).to_be_visible()
    page.get_by_role("link", name="Rota").click()
    expect(page.get_by_text("Ask an administrator for the right duty:GetOrganisation")).to_be_visible()
