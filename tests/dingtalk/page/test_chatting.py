"""People chat in browsers: live, by keyboard, with robots; across broken connections and restarts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from kowloon.core.config import Settings
from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.messages import parse
from kowloon.engines.messages.log import Kept
from kowloon.store.identity import StoredKey
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.page.people import PATIENCE_S, Chats
from tests.dingtalk.page.screens import Screen
from tests.dingtalk.platform import office_of
from tests.duty.page.browsers import PASSWORD, DutyCloud

Screens = Callable[..., Screen]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def test_two_people_talk(chats: Chats, screen: Screens) -> None:
    mei, omar = chats.person("mei", name="Chen Mei"), chats.person("omar", name="Omar Haddad")
    at_mei, at_omar = screen(), screen()
    page, other = at_mei.come_in(mei), at_omar.come_in(omar)
    page.get_by_role("button", name="New").click()
    page.get_by_label("Search people and robots").fill("oma")
    page.get_by_label("Omar Haddad").check()
    page.get_by_label("Title of the group").fill("Database")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", name="Database", level=2)).to_be_visible()
    expect(page.locator("#composer")).to_be_focused()
    # It is there for the other one without loading anything anew.
    row = other.get_by_role("navigation", name="Conversations").get_by_role("link", name=re.compile("Database"))
    expect(row).to_be_visible()
    at_mei.write("Is rds-1 back?")
    expect(row).to_contain_text("Chen Mei: Is rds-1 back?")
    expect(row.locator(".count")).to_contain_text("1")
    expect(other).to_have_title("(1) DingTalk")
    expect(other.locator("#heard")).to_have_text("Chen Mei in Database: Is rds-1 back?")
    expect(page.locator(".message .state")).to_have_text("1 has not read it")
    row.click()
    expect(at_omar.bubbles).to_have_text(["Is rds-1 back?"])
    expect(other).to_have_title("Database · DingTalk")
    expect(row.locator(".count")).to_have_count(0)
    expect(page.locator(".message .state")).to_have_text("Read by all")
    other.locator("#composer").press_sequentially("Yes")
    other.keyboard.press("Shift+Enter")
    other.locator("#composer").press_sequentially("since ten")
    other.keyboard.press("Enter")
    expect(at_mei.bubbles).to_have_text(["Is rds-1 back?", "Yes\nsince ten"])
    expect(page.locator("#heard p").last).to_have_text("Omar Haddad: Yes since ten")


def test_one_to_one_and_who_somebody_is(chats: Chats, screen: Screens) -> None:
    mei = chats.person("mei", name="Chen Mei")
    chats.person("omar", name="Omar Haddad", title="Shift lead", banner={"content": "Travelling until Friday"})
    group = chats.group(mei, chats.person("wei"), chats.person("omar", name="Omar Haddad", title="Shift lead"))
    at_mei = screen()
    page = at_mei.come_in(mei, group)
    page.get_by_role("link", name="People (3)").click()
    expect(page.get_by_role("heading", name="People", exact=True)).to_be_focused()
    page.get_by_role("complementary").get_by_role("link", name="Omar Haddad").click()
    expect(page.get_by_role("complementary")).to_contain_text("Shift lead")
    page.get_by_role("button", name="Send a message").click()
    expect(page.get_by_role("heading", name="Omar Haddad", level=2)).to_be_visible()
    at_mei.write("Lunch?")
    expect(page.locator(".message .state")).to_have_text("Unread")


def test_people_are_brought_in_and_taken_out(chats: Chats, screen: Screens) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    wei = chats.person("wei")
    group = chats.group(mei, omar)
    at_mei, at_omar, at_wei = screen(), screen(), screen()
    page, other, third = at_mei.come_in(mei, group, "people"), at_omar.come_in(omar, group), at_wei.come_in(wei)
    expect(third.get_by_role("link", name=re.compile("ops"))).to_have_count(0)
    page.get_by_role("button", name="Add people").click()
    page.get_by_role("dialog").get_by_label("Wei").check()
    page.get_by_role("dialog").get_by_role("button", name="Add people").click()
    expect(third.get_by_role("link", name=re.compile("ops"))).to_be_visible()
    page.get_by_role("button", name="Take Omar out").click()
    page.get_by_role("dialog").get_by_role("button", name="Take out").click()
    expect(other.get_by_text("There is no such conversation, or you are no longer in it.")).to_be_visible()
    expect(other.get_by_role("link", name=re.compile("ops"))).to_have_count(0)
    expect(page.get_by_role("complementary").get_by_role("listitem")).to_have_count(2)


def test_somebody_is_addressed_by_keyboard(chats: Chats, screen: Screens) -> None:
    mei, omar = chats.person("mei", name="Chen Mei"), chats.person("omar", name="Omar Haddad")
    # A namesake.
    group = chats.group(mei, omar, chats.person("omar2", name="Omar Haddad"))
    at_mei, at_omar = screen(), screen()
    page = at_mei.come_in(mei, group)
    other = at_omar.come_in(omar, group)
    area = page.locator("#composer")
    area.press_sequentially("look, @oma")
    options = page.locator("#offers").get_by_role("option")
    expect(options).to_have_count(2)
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(area).to_have_attribute("aria-activedescendant", "offer-1")
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    area.press_sequentially("r")
    expect(options).to_have_count(2)
    page.keyboard.press("Enter")
    expect(area).to_have_value("look, @Omar Haddad (omar) ")
    area.press_sequentially("please")
    page.keyboard.press("Enter")
    expect(at_omar.bubbles).to_have_text(["look, @Omar Haddad (omar) please"])
    expect(other.locator(".mention.own")).to_have_text("@Omar Haddad (omar)")
    kept = omar.get(f"conversations/{group}/messages")["messages"][0]
    assert (kept["text"], kept["mentions"]) == ("look, @omar please", ["omar"])
    area.press_sequentially("@every")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(other.locator(".mention.own").last).to_have_text("@Everyone")


def test_a_robot_is_asked_and_answers(chats: Chats, screen: Screens) -> None:
    mei, robot = chats.person("mei"), chats.robot("helper")
    messenger = chats.cloud.cloud.dingtalk.messenger

    def hear(conversation: Conversation, kept: Kept, said: Said) -> None:
        if robot.id in said.robots:
            body = {"msgtype": "markdown", "markdown": {"title": "Status", "text": "### All **well**"}}
            messenger.post(conversation, Sender("application", robot.id, robot.name), parse(body))

    chats.cloud.call(lambda: messenger.listen(hear))
    group = chats.group(mei, chats.person("omar"), robots=(robot.id,))
    at_mei = screen()
    page = at_mei.come_in(mei, group)
    at_mei.write("nobody is meant")
    page.locator("#composer").press_sequentially("@hel")
    page.keyboard.press("Enter")
    page.locator("#composer").press_sequentially("status")
    page.keyboard.press("Enter")
    expect(at_mei.bubbles).to_have_text(["nobody is meant", "@helper status", "All well"])
    expect(at_mei.bubbles.last.locator(".heading strong")).to_have_text("well")
    expect(page.locator(".message .sender").last).to_contain_text("helper")
    # Alone with it, it need not be named.
    page.get_by_role("button", name="New").click()
    page.get_by_role("dialog").get_by_label("helper").check()
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", name="helper", level=2)).to_be_visible()
    at_mei.write("status")
    expect(at_mei.bubbles).to_have_text(["status", "All well"])


def test_a_message_is_taken_back(chats: Chats, screen: Screens) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    at_mei, at_omar = screen(), screen()
    page = at_mei.come_in(mei, group)
    at_omar.come_in(omar, group)
    at_mei.write("the password is swordfish")
    expect(at_omar.bubbles).to_have_text(["the password is swordfish"])
    page.get_by_role("button", name="Take back").click()
    page.get_by_role("dialog").get_by_role("button", name="Take back").click()
    expect(at_omar.bubbles).to_have_text(["This message was taken back."])
    expect(at_omar.page.get_by_text("swordfish")).to_have_count(0)
    expect(at_mei.bubbles).to_have_text(["This message was taken back."])


def test_files_and_images(chats: Chats, screen: Screens) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    at_mei, at_omar = screen(), screen()
    page, other = at_mei.come_in(mei, group), at_omar.come_in(omar, group)
    page.locator("input[type=file]").set_input_files(
        [
            {"name": "plan.png", "mimeType": "image/png", "buffer": PNG},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"},
        ]
    )
    image = other.get_by_role("img", name="plan.png")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 1)
    with other.expect_download() as told:
        other.get_by_role("link", name="notes.txt", exact=True).click()
    assert told.value.suggested_filename == "notes.txt"
    assert told.value.path().read_bytes() == b"hello"


def test_older_messages_come_when_one_goes_up(chats: Chats, screen: Screens) -> None:
    mei = chats.person("mei")
    group = chats.group(mei, chats.person("omar"))
    for number in range(1, 131):
        chats.post(group, {"msgtype": "text", "text": {"content": f"message {number}"}})
    at_mei = screen()
    page = at_mei.come_in(mei, group)
    expect(at_mei.bubbles).to_have_count(50)
    expect(at_mei.bubbles.last).to_be_in_viewport()
    expect(page.get_by_text("message 80", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Earlier messages").click()
    expect(page.get_by_text("message 80", exact=True)).to_have_count(1)
    page.locator(".scroll").evaluate("(each) => { each.scrollTop = 0 }")
    expect(at_mei.bubbles).to_have_count(130)
    assert at_mei.bubbles.first.inner_text() == "message 1"
    expect(page.get_by_role("button", name="Earlier messages")).to_be_hidden()
    # Who reads above is not torn away, but told.
    page.locator(".scroll").evaluate("(each) => { each.scrollTop = 0 }")
    chats.post(group, {"msgtype": "text", "text": {"content": "the newest"}})
    page.get_by_role("button", name="New messages below").click()
    expect(page.get_by_text("the newest", exact=True).last).to_be_in_viewport()


def test_a_broken_connection_loses_nothing(chats: Chats, screen: Screens) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group, other = chats.group(mei, omar), chats.group(mei, omar, title="other")
    at_mei = screen()
    page = at_mei.come_in(mei, group)
    at_mei.write("one")
    expect(at_mei.bubbles).to_have_text(["one"])
    live = chats.cloud.cloud.dingtalk.page.live

    def break_all() -> None:
        for each in live.pages:
            each.socket.close(1012)

    with chats.cloud.fault("service-stop", "dingtalk@global"):
        expect(page.locator("#top .badge.warn")).to_have_text("connecting …")
        at_mei.write("two")
        at_mei.write("three")
        expect(page.locator(".message.waiting")).to_have_count(2)
        # It outlives the page as well.
        page.reload()
    expect(page.locator("#top .badge.good")).to_have_text("online")
    expect(at_mei.bubbles).to_have_text(["one", "two", "three"])
    expect(page.locator(".message.waiting")).to_have_count(0)
    chats.cloud.call(break_all)
    chats.post(group, {"msgtype": "text", "text": {"content": "meanwhile"}})
    chats.post(other, {"msgtype": "text", "text": {"content": "elsewhere"}})
    expect(at_mei.bubbles).to_have_text(["one", "two", "three", "meanwhile"])
    row = page.get_by_role("navigation").get_by_role("link", name=re.compile("other"))
    expect(row).to_contain_text("alarms: elsewhere")
    assert [each["text"] for each in omar.get(f"conversations/{group}/messages")["messages"]] == [
        "one",
        "two",
        "three",
        "meanwhile",
    ]


def test_a_restart_of_the_server_loses_nothing_and_doubles_nothing(screen: Screens, tmp_path: Path) -> None:
    at_mei, at_omar = screen(), screen()
    with LocalCloud(Settings(engine="paper", port=0, home=tmp_path / "home")) as cloud:
        chats = Chats(cloud)
        mei, omar = chats.person("mei"), chats.person("omar")
        group = chats.group(mei, omar)
        page = at_mei.come_in(mei, group)
        at_omar.come_in(omar, group)
        at_mei.write("before")
        expect(at_omar.bubbles).to_have_text(["before"])
        port = cloud.cloud.port
    expect(page.locator("#top .badge.warn")).to_have_text("connecting …")
    for text in ("while it is away 1", "while it is away 2"):
        at_mei.write(text)
    expect(page.locator(".message.waiting")).to_have_count(2)
    with LocalCloud(Settings(engine="paper", port=port, home=tmp_path / "home")) as cloud:
        said = ["before", "while it is away 1", "while it is away 2"]
        expect(at_mei.bubbles).to_have_text(said)
        expect(at_omar.bubbles).to_have_text(said)
        omar.office = Chats(cloud)
        deadline = time.monotonic() + PATIENCE_S
        while page.locator(".message.waiting").count():
            assert time.monotonic() < deadline
        assert [each["text"] for each in omar.get(f"conversations/{group}/messages")["messages"]] == said


def test_what_is_refused_says_why(chats: Chats, screen: Screens) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    at_omar = screen()
    page = at_omar.come_in(omar, group)
    # Too fast is not refused to people, but waits.
    for number in range(30):
        at_omar.write(f"{number}")
    expect(at_omar.bubbles).to_have_text([str(number) for number in range(30)])
    # A page that has not heard of it yet.
    page.evaluate("""() => {
      const send = WebSocket.prototype.send;
      WebSocket.prototype.send = function (frame) { send.call(this, frame.replace("doomed", " ")); };
    }""")
    at_omar.write("doomed")
    failed = page.locator(".message.waiting")
    expect(failed).to_contain_text("Not sent: There is nothing in it.")
    failed.get_by_role("button", name="Delete").click()
    expect(failed).to_have_count(0)


def test_a_session_that_ends_leads_to_the_door(chats: Chats, screen: Screens) -> None:
    mei = chats.person("mei")
    at_mei = screen()
    page = at_mei.come_in(mei)
    chats.remove(StoredKey, mei.session)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_role("navigation", name="Conversations")).to_have_count(0)


def test_signing_in_and_out(chats: Chats, screen: Screens) -> None:
    call = DutyCloud(chats.cloud).call
    call("Ram/CreateUser", UserName="lin", DisplayName="Lin Tao")
    call("Ram/CreateLoginProfile", UserName="lin", Password=PASSWORD)
    page = screen().page
    page.goto(f"http://{chats.cloud.endpoint}/dingtalk")
    page.get_by_label("Logon name").fill(f"lin@{chats.cloud.account_id}")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="Name or password is wrong")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Lin Tao")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signing_in_with_a_password_of_the_messenger(chats: Chats, screen: Screens) -> None:
    office = office_of(chats.cloud)
    wanted = {"name": "Wei Zhang", "mobile": "13800000001", "dept_id_list": "1", "login_id": "wei@kowloon"}
    made = office.post("/topapi/v2/user/create", {**wanted, "exclusive_account": True, "init_password": PASSWORD})
    page = screen().page
    page.goto(f"http://{chats.cloud.endpoint}/dingtalk")
    page.get_by_text("With a password of the messenger").click()
    page.get_by_label("Login id or mobile number").fill("wei@kowloon")
    page.get_by_label("Password of the messenger").fill("no")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("alert").filter(has_text="Name or password is wrong")).to_be_visible()
    page.get_by_label("Password of the messenger").fill(PASSWORD)
    page.get_by_label("Organisation").fill(office.corp_id)
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("link", name="Wei Zhang")).to_be_visible()
    expect(page.locator("#top .badge.good")).to_have_text("online")
    # Who leaves the organisation leaves the page.
    office.post("/topapi/v2/user/delete", {"userid": made["result"]["userid"]})
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
