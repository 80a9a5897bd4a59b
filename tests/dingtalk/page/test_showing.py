"""What the page shows: every type of message, nothing of what somebody hides in one; on all screens, for everybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from kowloon.dingtalk.cards.changes import Change, Click
from kowloon.dingtalk.cards.view import INCIDENT, MARKDOWN_BUTTONS
from kowloon.dingtalk.chat.resources import Sender
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.sending.content import from_msg
from tests.dingtalk.page.people import Chats
from tests.dingtalk.page.screens import Screen
from tests.ways_in.installs import axe_core

Screens = Callable[..., Screen]

MARKDOWN = """#### Alarm of **rds-1**
> @13800000000 look *now*

1. one
2. two
   - inner
- [the console](https://console.example/rds)

`code` and <font color="#FF0000">red</font> <font color=info>green</font>  \nnext line

![a chart](https://img.example/chart.png)

```
SELECT 1
```
"""


def _content(kind: str, part: dict[str, Any], text: str = "", title: str = "") -> Content:
    return Content(message_type=kind, title=title, text=text, body={"msgtype": kind, kind: part})


@pytest.mark.parametrize(
    "text",
    ["# a{}b", "# a {} ##", "- {}\u2028b", "a{}b", "#{}", "**{}"],
    ids=["heading", "end", "item", "line", "no", "bold"],
)
def test_no_text_keeps_the_page_busy(chats: Chats, screen: Screens, text: str) -> None:
    """However often a mark could begin in it: whoever looks at the conversation would have to wait for it."""
    mei = chats.person("mei")
    group = chats.group(mei, chats.person("omar"))
    chats.post(group, {"msgtype": "markdown", "markdown": {"title": "Wide", "text": text.format(" " * 15_000)}})
    chats.post(group, {"msgtype": "text", "text": {"content": "after it"}})
    at_mei = screen()
    at_mei.come_in(mei, group)
    expect(at_mei.bubbles.last).to_have_text("after it")


def test_markdown(chats: Chats, screen: Screens) -> None:
    mei = chats.person("mei")
    group = chats.group(mei, chats.person("omar", mobile="13800000000"))
    body = {"title": "Alarm", "text": MARKDOWN}
    chats.post(group, {"msgtype": "markdown", "markdown": body, "at": {"atMobiles": ["13800000000"]}})
    at_mei = screen()
    page = at_mei.come_in(mei, group)
    shown = at_mei.bubbles.first
    expect(shown.locator("p.heading.level-4")).to_have_text("Alarm of rds-1")
    expect(shown.locator("p.heading strong")).to_have_text("rds-1")
    expect(shown.locator("blockquote")).to_have_text("@Omar look now")
    expect(shown.locator("blockquote .mention")).to_have_text("@Omar")
    expect(shown.locator("blockquote em")).to_have_text("now")
    expect(shown.locator("ol > li")).to_have_count(2)
    expect(shown.locator("ol li ul li")).to_have_text("inner")
    link = shown.get_by_role("link", name="the console")
    expect(link).to_have_attribute("href", "https://console.example/rds")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")
    expect(shown.locator("code").first).to_have_text("code")
    expect(shown.locator(".tone.bad")).to_have_text("red")
    expect(shown.locator(".tone.good")).to_have_text("green")
    expect(shown.locator("br")).to_have_count(1)
    expect(shown.locator("pre")).to_have_text("SELECT 1")
    # An image from elsewhere would tell its owner who looks.
    expect(shown.locator("img")).to_have_count(0)
    expect(shown.get_by_role("link", name="a chart")).to_have_attribute("href", "https://img.example/chart.png")
    assert all(each.startswith(mei.address) for each in at_mei.asked)
    row = page.get_by_role("navigation").get_by_role("link").first
    expect(row).to_contain_text("alarms: Alarm")


def test_cards_with_links_and_buttons(chats: Chats, screen: Screens) -> None:
    mei = chats.person("mei")
    group = chats.group(mei, chats.person("omar"))
    wrapped = "dingtalk://dingtalkclient/page/link?pc_slide=false&url=" + quote("https://wiki.example/a?b=c", safe="")
    post = "dtmd://dingtalkclient/sendMessage?content=" + quote("/status rds-1", safe="")
    buttons = [
        {"title": "Runbook", "actionURL": wrapped},
        {"title": "Status", "actionURL": post},
        {"title": "Odd", "actionURL": "javascript:alert(1)"},
    ]
    card = {"title": "rds-1 lags", "text": "**40 s** behind", "btnOrientation": "1", "btns": buttons}
    chats.post(group, {"msgtype": "actionCard", "actionCard": card})
    single = {"title": "t", "text": "x", "singleTitle": "Read", "singleURL": "https://one.example/"}
    chats.post(group, {"msgtype": "actionCard", "actionCard": single})
    link = {"title": "A page", "text": "what it says", "messageUrl": "https://two.example/", "picUrl": ""}
    chats.post(group, {"msgtype": "link", "link": link})
    feed = [
        {"title": f"news {number}", "messageURL": "https://n.example/", "picURL": "https://p/"} for number in (1, 2)
    ]
    chats.post(group, {"msgtype": "feedCard", "feedCard": {"links": feed}})
    at_mei = screen()
    at_mei.come_in(mei, group)
    first = at_mei.bubbles.nth(0)
    expect(first.get_by_role("link", name="Runbook")).to_have_attribute("href", "https://wiki.example/a?b=c")
    expect(first.get_by_role("button", name="Odd")).to_be_disabled()
    expect(at_mei.bubbles.nth(1).get_by_role("link", name="Read")).to_have_attribute("href", "https://one.example/")
    expect(at_mei.bubbles.nth(2).get_by_role("link", name="A page")).to_have_attribute("href", "https://two.example/")
    expect(at_mei.bubbles.nth(3).get_by_role("link")).to_have_text(["news 1", "news 2"])
    first.get_by_role("button", name="Status").click()
    expect(at_mei.bubbles.last).to_have_text("/status rds-1")
    assert all(each.startswith(mei.address) for each in at_mei.asked)


def test_the_other_types(chats: Chats, screen: Screens) -> None:
    mei = chats.person("mei")
    group = chats.group(mei, chats.person("omar"))
    oa = {
        "msgtype": "oa",
        "oa": {
            "message_url": "https://oa.example/",
            "head": {"bgcolor": "FFBBBBBB", "text": "Expenses"},
            "body": {
                "title": "Claim 7",
                "form": [{"key": "Amount:", "value": "12.30"}],
                "rich": {"num": "15.6", "unit": "CNY"},
                "content": "for the train",
                "author": "Lin",
            },
        },
    }
    chats.say(group, from_msg(oa))
    chats.say(group, _content("image", {"picURL": "https://img.example/x.png"}))
    chats.say(group, _content("audio", {"mediaId": "@lnone", "duration": "4000"}, text="[语音]"))
    chats.say(group, _content("video", {"mediaId": "@lnone"}, text="[视频]"))
    chats.say(group, _content("ding", {"content": "Come now", "way": "phone"}, text="Come now"))
    chats.say(group, _content("hologram", {"x": 1}, text="something newer"))
    at_mei = screen()
    page = at_mei.come_in(mei, group)
    shown = at_mei.bubbles.nth(0)
    for text in ("Expenses", "Amount:", "12.30", "15.6 CNY", "for the train", "Lin"):
        expect(shown).to_contain_text(text)
    expect(shown.get_by_role("link", name="Claim 7")).to_have_attribute("href", "https://oa.example/")
    expect(at_mei.bubbles.nth(1).get_by_role("link")).to_have_attribute("href", "https://img.example/x.png")
    expect(page.locator("audio")).to_have_attribute("aria-label", "Voice message 4″")
    expect(page.locator("video")).to_have_count(1)
    expect(at_mei.bubbles.nth(4)).to_have_text("DING urgent, as a call to telephonesCome now")
    expect(at_mei.bubbles.nth(4)).to_have_class("bubble urgent")
    expect(at_mei.bubbles.nth(5)).to_have_text("something newer")


def test_a_card_lives_and_its_buttons_work(chats: Chats, screen: Screens) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    cards = chats.cloud.cloud.dingtalk.parts.cards

    async def answer(click: Click) -> Change:
        return Change(
            data={"status": "acknowledged", "level": "warning", "buttons": "[]"},
            private={click.userid: {"tips": "You lead."}},
        )

    async def send() -> None:
        cards.on_click(INCIDENT, answer)
        data = {
            "title": "Zone C is dark",
            "status": "open",
            "level": "critical",
            "markdown": "**3** databases",
            "fields": json.dumps([["Since", "10:00"], ["Hit", "rds-1"]]),
            "buttons": json.dumps([{"id": "ack", "text": "Acknowledge", "color": "blue"}]),
        }
        await cards.send(
            Sender("system", "", "Incidents"), chats.find(group), track="i/1", template=INCIDENT, data=data
        )

    chats.cloud.run(send())
    at_mei, at_omar = screen(), screen()
    page = at_mei.come_in(mei, group)
    at_omar.come_in(omar, group)
    shown = at_mei.bubbles.first
    expect(shown.locator(".badge.bad")).to_have_text("open")
    expect(shown.locator("dd")).to_have_text(["10:00", "rds-1"])
    shown.get_by_role("button", name="Acknowledge").click()
    expect(shown.locator(".badge.warn")).to_have_text("acknowledged")
    expect(shown).to_contain_text("You lead.")
    expect(at_omar.bubbles.first.locator(".badge.warn")).to_have_text("acknowledged")
    expect(at_omar.bubbles.first).not_to_contain_text("You lead.")
    expect(at_omar.bubbles.first.get_by_role("button")).to_have_count(0)
    page.reload()
    expect(shown).to_contain_text("You lead.")


# --- what somebody hides in it ---

HIDDEN = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    '"><b onmouseover=alert(1)>x</b>',
    "{{constructor.constructor('alert(1)')()}}",
)
SCHEMES = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "dingtalk://dingtalkclient/page/link?url=javascript%3Aalert(1)",
    "dingtalk://dingtalkclient/page/link?url=dingtalk%3A%2F%2Fdingtalkclient%2Fpage%2Flink%3Furl%3Djavascript%253Aalert(1)",
    "file:///etc/passwd",
    "blob:http://x/y",
)
X, URL = "".join(HIDDEN), SCHEMES[0]


def _everything(url: str) -> list[Content]:
    """Each field of each type."""
    button = {"title": X, "actionURL": url}
    parts: list[tuple[str, dict[str, Any]]] = [
        ("text", {"content": X}),
        ("markdown", {"title": X, "text": X}),
        ("link", {"title": X, "text": X, "messageUrl": url, "picUrl": url}),
        ("actionCard", {"title": X, "text": X, "singleTitle": X, "singleURL": url, "btnOrientation": X}),
        ("actionCard", {"title": X, "text": f"[{X}]({url}) ![{X}]({url})", "btns": [button]}),
        ("feedCard", {"links": [{"title": X, "messageURL": url, "picURL": url}, X, None]}),
        ("image", {"picURL": url, "fileName": X}),
        ("image", {"mediaId": "@l/../../x", "fileName": X}),
        ("file", {"mediaId": url, "fileName": X, "fileType": X}),
        ("audio", {"mediaId": url, "duration": X, "recognition": X}),
        ("video", {"mediaId": url}),
        (
            "oa",
            {
                "message_url": url,
                "head": {"text": X, "bgcolor": X},
                "status_bar": {"status_value": X, "status_bg": X},
                "body": {
                    "title": X,
                    "form": [{"key": X, "value": X}, X],
                    "rich": {"num": X, "unit": X},
                    "content": X,
                    "image": url,
                    "file_count": X,
                    "author": X,
                },
            },
        ),
        ("ding", {"content": X, "way": X}),
        ("card", {"outTrackId": X}),
        ("constructor", {"x": X}),
        ("__proto__", {"x": X}),
        ("oa", {"body": X, "head": 7}),
        ("feedCard", {"links": {"title": X}}),
    ]
    texts = [
        f"[{X}]({url})",
        f"![{X}]({url})",
        f'<font color="{X}">{X}</font><font color="red" onclick=alert(1)>x</font>',
        f"# {X}\n> {X}\n- {X}\n1. {X}\n```\n{X}\n```\n`{X}` **{X}** *{X}*",
        f"{url} https://x.example/{X}",
    ]
    contents = [_content(kind, part, text=X, title=X) for kind, part in parts]
    contents += [_content("markdown", {}, text=text) for text in texts]
    return contents


def test_what_is_hidden_in_messages_stays_text(chats: Chats, screen: Screens) -> None:
    """No script runs, nothing is asked for, and no element is there that the page does not make itself."""
    mei = chats.person("mei", name=X[:80], title=X[:80], banner={"content": X})
    group = chats.group(mei, chats.person("omar", name=HIDDEN[0]), title=HIDDEN[0], robots=(chats.robot(HIDDEN[1]).id,))
    cards = chats.cloud.cloud.dingtalk.parts.cards

    async def send(template: str, track: str) -> None:
        buttons = [{"id": X, "text": X, "url": URL, "color": X}, {"id": "b", "text": X, "request": True}]
        data = dict.fromkeys(("title", "markdown", "tips", "status", "level", X), X)
        data |= {
            "logo": URL,
            "fields": json.dumps([[X, X]]),
            "buttons": json.dumps(buttons),
            "sys_full_json_obj": json.dumps({"msgButtons": buttons}),
        }
        await cards.send(Sender("system", "", X), chats.find(group), track=track, template=template, data=data)

    for template, track in ((INCIDENT, "a"), (MARKDOWN_BUTTONS, "b"), ("some.template", "c")):
        chats.cloud.run(send(template, track))
    count = 3
    for url in SCHEMES:
        for content in _everything(url):
            chats.say(group, content, sender=HIDDEN[2])
            count += 1
    at_mei = screen()
    page = at_mei.come_in(mei, group, "people")
    while page.locator(".earlier").is_visible():
        shown = at_mei.bubbles.count()
        page.locator(".scroll").evaluate("(each) => { each.scrollTop = 200; each.scrollTop = 0 }")
        expect(at_mei.bubbles).not_to_have_count(shown)
    expect(at_mei.bubbles).to_have_count(count)
    expect(page.locator("[data-track] .heading")).to_have_count(3)
    tags = set(page.evaluate("[...new Set([...document.querySelectorAll('main *')].map((each) => each.localName))]"))
    assert tags <= {
        *("nav", "section", "aside", "div", "p", "span", "a", "ul", "ol", "li", "h1", "h2", "button", "input", "time"),
        *("form", "textarea", "strong", "em", "code", "pre", "br", "blockquote", "dl", "dt", "dd", "audio", "video"),
        # Of what was uploaded here.
        *("img", "svg", "path"),
    }
    attributes = page.evaluate(
        """[...new Set([...document.querySelectorAll('main *')].flatMap((each) => each.getAttributeNames()))]"""
    )
    assert [each for each in attributes if each.startswith("on") or each in ("style", "srcdoc", "srcset")] == []
    addresses = page.evaluate(
        """[...document.querySelectorAll('main [href], main [src]')].map((each) => each.href || each.src)"""
    )
    assert {each.partition(":")[0] for each in addresses} <= {"http", "https"}
    sources = page.evaluate("[...document.querySelectorAll('main [src]')].map((each) => each.src)")
    assert [each for each in sources if not each.startswith(f"{mei.address}/dingtalk/api/conversations/")] == []
    assert [each for each in at_mei.asked if not each.startswith(mei.address)] == []
    assert page.title().endswith(f"{HIDDEN[0]} · DingTalk")


# --- on all screens, for everybody ---


def _furnished(chats: Chats) -> tuple[Any, str]:
    mei = chats.person("mei", name="Chen Mei", title="DBA")
    omar = chats.person("omar", name="Omar Haddad")
    group = chats.group(mei, omar, title="Database", robots=(chats.robot("helper").id,))
    chats.post(group, {"msgtype": "markdown", "markdown": {"title": "Alarm", "text": MARKDOWN}})
    card = {"title": "rds-1", "text": "lags", "singleTitle": "Read", "singleURL": "https://one.example/"}
    chats.post(group, {"msgtype": "actionCard", "actionCard": card})
    chats.say(group, _content("ding", {"content": "Come now", "way": "app"}, text="Come now"))
    with mei.live() as page, omar.live() as other:
        page.say(group, "I am on it, @omar", at=["omar"])
        other.say(group, "@mei thank you", at=["mei"])
        recalled = page.say(group, "oops")
        mei.post(f"conversations/{group}/messages/{recalled['id']}/recall", {})
    return mei, group


def _places(page: Page, at: Screen, group: str) -> Any:
    yield "list"
    at.open(group)
    yield "conversation"
    at.open(group, "people")
    yield "people"
    at.open(group, "person:omar")
    yield "person"
    at.open(group)
    page.locator("#composer").press_sequentially("@")
    yield "offers"
    page.locator("#composer").fill("")
    page.evaluate("location.hash = '#/'")
    page.get_by_role("button").filter(has_text="New").or_(page.get_by_role("button", name="新建")).first.click()
    expect(page.get_by_role("dialog").get_by_role("listitem").first).to_be_visible()
    yield "dialog"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(chats: Chats, screen: Screens, scheme: str) -> None:
    """Names, roles, contrast and all else that axe knows; by night only colours differ, so a phone looks then."""
    mei, group = _furnished(chats)
    rules = axe_core().read_text(encoding="utf-8")
    at_mei = screen(color_scheme=scheme, width=390 if scheme == "dark" else 1200)
    at_mei.page.goto(f"{mei.address}/dingtalk")
    expect(at_mei.page.get_by_role("heading", name="Sign in")).to_be_visible()
    _look(at_mei.page, rules, "door")
    page = at_mei.come_in(mei)
    for name in _places(page, at_mei, group):
        _look(page, rules, name)


def _look(page: Page, rules: str, name: str) -> None:
    if not page.evaluate("'axe' in window"):
        page.evaluate(rules)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    told = [
        (each["id"], [node["target"] for node in each["nodes"]], each["nodes"][0]["failureSummary"])
        for each in found["violations"]
    ]
    assert told == [], name


def test_on_a_phone_one_thing_is_seen_at_a_time(chats: Chats, screen: Screens) -> None:
    mei, group = _furnished(chats)
    at_mei = screen(width=360)
    page = at_mei.come_in(mei)
    expect(page.get_by_role("navigation", name="Conversations")).to_be_visible()
    expect(page.locator("#chat")).to_be_hidden()
    page.get_by_role("link", name="Database").click()
    expect(page.get_by_role("heading", name="Database", level=2)).to_be_visible()
    expect(page.get_by_role("navigation", name="Conversations")).to_be_hidden()
    at_mei.open(group, "people")
    expect(page.get_by_role("heading", name="People", exact=True)).to_be_visible()
    expect(page.locator("#chat")).to_be_hidden()
    page.get_by_role("link", name="Close").click()
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_role("navigation", name="Conversations")).to_be_visible()
    for name in _places(page, at_mei, group):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_in_chinese(chats: Chats, screen: Screens) -> None:
    mei, group = _furnished(chats)
    at_mei = screen(locale="zh-CN")
    page = at_mei.come_in(mei, group)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("button", name="发送")).to_be_visible()
    expect(at_mei.bubbles.last).to_have_text("该消息已撤回。")
    expect(page).to_have_title("Database · 钉钉")
    page.get_by_label("语言").select_option("en")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def _address(conversation: str) -> str:
    return f"#/chat?id={quote(conversation, safe='')}"


# Each address is on its way when the next one comes.
_AT_ONCE = """async (addresses) => {
  for (const address of addresses) {
    location.hash = address;
    await new Promise((follow) => addEventListener("hashchange", follow, { once: true }));
  }
}"""


def test_an_address_that_changes_before_what_it_says_is_there(chats: Chats, screen: Screens) -> None:
    mei, group = _furnished(chats)
    other = chats.group(mei, chats.person("zoe", name="Zoe Li"), title="Network")
    at_mei = screen()
    page = at_mei.come_in(mei)
    ways = (("Network", [group, other]), ("Database", [group, other, group]), ("Network", [other, group, other]))
    for title, conversations in ways:
        page.evaluate(_AT_ONCE, [_address(each) for each in conversations])
        expect(page.get_by_role("heading", name=title, level=2)).to_be_visible()
        expect(page.locator("#composer")).to_be_focused()
        page.keyboard.type(f"typed in {title}")
        page.keyboard.press("Enter")
        expect(at_mei.bubbles.last).to_have_text(f"typed in {title}")
    # A skipped navigation and a conversation in one go: both events find the same address.
    page.evaluate("location.hash = '#/'")
    expect(page.locator("#composer")).to_have_count(0)
    page.evaluate("(address) => { location.hash = '#main'; location.hash = address; }", _address(group))
    expect(page.get_by_role("heading", name="Database", level=2)).to_be_visible()
    expect(page.locator("#composer")).to_be_focused()
    page.keyboard.type("and again")
    page.keyboard.press("Enter")
    expect(at_mei.bubbles.last).to_have_text("and again")


def test_by_keyboard_alone(chats: Chats, screen: Screens) -> None:
    mei, group = _furnished(chats)
    at_mei = screen()
    page = at_mei.come_in(mei)
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Filter conversations")).to_be_focused()
    page.keyboard.type("data")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#composer")).to_be_focused()
    page.keyboard.type("typed")
    page.keyboard.press("Enter")
    expect(at_mei.bubbles.last).to_have_text("typed")
    expect(page.locator("#composer")).to_be_focused()
    assert mei.get(f"conversations/{group}/messages")["messages"][-1]["text"] == "typed"
