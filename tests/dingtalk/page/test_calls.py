"""The page's calls: what they answer, and to whom they do not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import requests

from kowloon.core.events import RequestEvent
from kowloon.dingtalk.cards.changes import Change, Click
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.contacts.resources import Member, Role, RoleGroup
from kowloon.dingtalk.outbox import PendingEvent
from kowloon.dingtalk.platform.call import own_id
from kowloon.store.identity import StoredKey
from tests.dingtalk.page.people import Chats, Person
from tests.dingtalk.platform import office_of

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


def test_who_i_am_and_who_others_are(chats: Chats) -> None:
    mei = chats.person("mei", name="Chen Mei", title="DBA", mobile="13800000000", email="mei@example.com")
    chats.put(
        RoleGroup(id=own_id(mei.account, 5), account=mei.account, number=5, name="值班"),
        Role(
            id=own_id(mei.account, 6),
            account=mei.account,
            number=6,
            name="DBA team",
            group=5,
            members=("mei",),
        ),
    )
    me = mei.get("me")
    assert (me["id"], me["name"], me["title"], me["user"], me["admin"]) == ("mei", "Chen Mei", "DBA", "mei", False)
    assert me["roles"] == [{"name": "DBA team", "duty": False}]
    assert me["corp"].startswith("ding")
    omar = chats.person("omar", settings={"hide_mobile": True}, mobile="13900000000")
    seen = omar.get("people/mei")
    assert (seen["email"], seen["mobile"]) == ("mei@example.com", "13800000000")
    assert mei.get("people/omar")["mobile"] == ""
    assert mei.refused("GET", "people/nobody")[:2] == (404, "PersonNotFound")


def test_an_application_is_told_who_opens_it(chats: Chats) -> None:
    mei = chats.person("mei")
    office = office_of(chats.cloud)
    code = mei.post("me/login-code", {"application": office.app_key})["code"]
    told = office.post("/topapi/v2/user/getuserinfo", {"code": code})["result"]
    assert (told["userid"], told["sys_level"]) == ("mei", 0)
    assert office.refused("POST", "/topapi/v2/user/getuserinfo", {"code": code})[0] == 40078
    assert mei.refused("POST", "me/login-code", {"application": "dingnone"})[:2] == (404, "RobotNotFound")


def test_people_and_robots_are_searched(chats: Chats) -> None:
    mei = chats.person("mei", name="Chen Mei")
    chats.person("omar", name="Omar Haddad")
    chats.robot("helper")
    found = mei.get("people?query=hadd")
    assert [each["id"] for each in found["people"]] == ["omar"]
    assert found["robots"] == []
    assert [each["name"] for each in mei.get("people?query=help")["robots"]] == ["helper"]
    assert {each["id"] for each in mei.get("people")["people"]} == {"mei", "omar"}


def test_a_ram_user_becomes_a_member_by_coming(chats: Chats) -> None:
    person = chats.person("lin")
    chats.remove(Member, own_id(person.account, "lin"))
    assert person.get("me")["user"] == "lin"


def test_a_group_is_made_listed_and_seen(chats: Chats) -> None:
    mei, omar, wei = chats.person("mei"), chats.person("omar"), chats.person("wei")
    robot = chats.robot()
    group = chats.group(mei, omar, title=" Database ", robots=(robot.id,))
    row = omar.conversation(group)
    assert (row["title"], row["form"], row["owner"], row["members"]) == ("Database", "group", "mei", 2)
    assert row["robots"] == [{"id": robot.id, "name": "ops"}]
    assert (row["sequence"], row["unread"], row["last"]) == (0, 0, None)
    detail = omar.get(f"conversations/{group}")
    assert {each["id"] for each in detail["people"]} == {"mei", "omar"}
    assert all(each["id"] != group for each in wei.get("conversations")["conversations"])
    assert mei.refused("POST", "conversations", {"title": "", "members": ["omar"]})[:2] == (400, "InvalidTitle")
    assert mei.refused("POST", "conversations", {"title": "x" * 51, "members": ["omar"]})[:2] == (400, "InvalidTitle")
    assert mei.refused("POST", "conversations", {"title": "x", "members": ["no"]})[:2] == (404, "PersonNotFound")
    assert mei.refused("POST", "conversations", {"title": "x", "robots": ["no"]})[:2] == (404, "RobotNotFound")
    assert mei.refused("POST", "conversations", {"title": "x", "members": ["mei"]})[:2] == (400, "NobodyElse")


def test_the_one_conversation_of_two(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar", name="Omar Haddad")
    one = mei.post("conversations", {"with_person": "omar"})
    assert (one["form"], one["title"], one["with"]) == ("single", "Omar Haddad", "omar")
    other = omar.post("conversations", {"with_person": "mei"})
    assert (other["id"], other["title"]) == (one["id"], "Mei")
    robot = chats.robot("helper")
    assert mei.post("conversations", {"with_robot": robot.id})["title"] == "helper"
    assert mei.refused("POST", "conversations", {"with_person": "mei"})[:2] == (400, "NobodyElse")
    assert mei.refused("POST", "conversations", {"with_person": "omar", "title": "x"})[:2] == (400, "OneOther")
    both = {"with_person": "omar", "with_robot": robot.id}
    assert mei.refused("POST", "conversations", both)[:2] == (400, "OneOther")
    assert mei.refused("POST", f"conversations/{one['id']}/members", {"add": ["omar"]})[:2] == (400, "NotAGroup")


def test_owners_bring_people_in_and_take_them_out(chats: Chats) -> None:
    mei, omar, wei = chats.person("mei"), chats.person("omar"), chats.person("wei")
    group = chats.group(mei, omar)
    path = f"conversations/{group}/members"
    assert omar.refused("POST", path, {"add": ["wei"]}) == (
        403,
        "NotAllowed",
        "Only the group's owner and its administrators may do that.",
    )
    assert wei.refused("POST", path, {"add": ["wei"]})[:2] == (404, "ConversationNotFound")
    assert {each["id"] for each in mei.post(path, {"add": ["wei"]})["people"]} == {"mei", "omar", "wei"}
    assert wei.conversation(group)["members"] == 3
    mei.post(path, {"remove": ["omar"]})
    assert omar.refused("GET", f"conversations/{group}")[:2] == (404, "ConversationNotFound")
    assert mei.refused("POST", path, {"remove": ["mei"]})[:2] == (400, "OwnerStays")
    assert wei.post(path, {"remove": ["wei"]}) == {"left": True}
    assert mei.refused("POST", path, {"add": ["nobody"]})[:2] == (404, "PersonNotFound")


def test_a_group_has_room_for_a_thousand(chats: Chats) -> None:
    mei = chats.person("mei")
    names = [f"m{number}" for number in range(1000)]
    account = mei.account
    chats.put(
        *[Member(id=own_id(account, each), account=account, userid=each, union_id=each, name=each) for each in names]
    )
    assert mei.refused("POST", "conversations", {"title": "all", "members": names})[1] == "group.overMax"
    group = mei.post("conversations", {"title": "all", "members": names[:-1]})["id"]
    assert mei.refused("POST", f"conversations/{group}/members", {"add": names[-1:]})[1] == "group.overMax"


def test_applications_hear_who_comes_and_goes(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    chats.person("wei")
    names = ("chat_add_member", "chat_remove_member", "chat_quit")
    listener = msgspec.structs.replace(chats.robot("listener"), callback_events=names)
    chats.put(listener)
    group = chats.group(mei, omar)
    mei.post(f"conversations/{group}/members", {"add": ["wei"], "remove": ["wei", "nobody"]})
    omar.post(f"conversations/{group}/members", {"remove": ["omar"]})
    told = [(each.name, each.data["userId"]) for each in chats.cloud.cloud.store.list(PendingEvent)]
    assert told == [("chat_add_member", ["wei"]), ("chat_remove_member", ["wei"]), ("chat_quit", ["omar"])]


def test_messages_are_paged_both_ways(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    for number in range(1, 8):
        chats.post(group, {"msgtype": "text", "text": {"content": f"message {number}"}})

    def sequences(query: str) -> list[int]:
        return [each["sequence"] for each in mei.get(f"conversations/{group}/messages{query}")["messages"]]

    assert sequences("") == [1, 2, 3, 4, 5, 6, 7]
    assert sequences("?most=2") == [6, 7]
    assert sequences("?before=6&most=2") == [4, 5]
    assert sequences("?after=3&most=2") == [4, 5]
    assert sequences("?after=99") == []
    first = mei.get(f"conversations/{group}/messages?after=0&before=2")["messages"][0]
    assert (first["text"], first["sender"]) == (
        "message 1",
        {"type": "robot", "id": "robot-1", "name": "alarms"},
    )
    assert mei.conversation(group)["unread"] == 7
    for query in ("most=0", "most=201", "most=x", "after=-1", "before=99999999999999999"):
        assert mei.refused("GET", f"conversations/{group}/messages?{query}")[:2] == (400, "InvalidRange"), query


def test_muting_is_ones_own(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    assert mei.post(f"conversations/{group}/mute", {"muted": True}) == {"muted": True}
    assert (mei.conversation(group)["muted"], omar.conversation(group)["muted"]) == (True, False)
    mei.post(f"conversations/{group}/mute", {"muted": False})
    assert mei.conversation(group)["muted"] is False
    assert mei.refused("POST", f"conversations/{group}/mute", {"muted": "yes"})[:2] == (400, "InvalidBody")


def test_ones_own_message_is_taken_back_for_a_day(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group, other = chats.group(mei, omar), chats.group(mei, omar, title="other")
    with mei.live() as page:
        said, late = page.say(group, "secret"), page.say(group, "late")
    path = f"conversations/{group}/messages/{said['id']}/recall"
    assert omar.refused("POST", path, {}) == (403, "NotYourMessage", "Only who said it can take it back.")
    assert mei.refused("POST", f"conversations/{other}/messages/{said['id']}/recall", {})[:2] == (
        404,
        "MessageNotFound",
    )
    assert mei.refused("POST", f"conversations/{group}/messages/none/recall", {})[:2] == (404, "MessageNotFound")
    assert mei.post(path, {}) == {"recalled": True}
    assert mei.post(path, {}) == {"recalled": True}
    gone = omar.get(f"conversations/{group}/messages")["messages"][0]
    assert (gone["recalled"], gone.get("text", "")) == (True, "")
    robots = chats.post(group, {"msgtype": "text", "text": {"content": "x"}})
    assert mei.refused("POST", f"conversations/{group}/messages/{robots.id}/recall", {})[:2] == (403, "NotYourMessage")
    chats.cloud.skip(hours=25)
    assert mei.refused("POST", f"conversations/{group}/messages/{late['id']}/recall", {})[:2] == (400, "TooLate")


def test_files_are_for_those_who_read_the_message(chats: Chats) -> None:
    mei, omar, wei = chats.person("mei"), chats.person("omar"), chats.person("wei")
    group, other = chats.group(mei, omar), chats.group(mei, wei, title="other")
    media = mei.post("media?type=image&name=plan.png", PNG)["media"]
    with mei.live() as page:
        said = page.say(group, "", "i", msgtype="image", media=media)
        assert page.say(group, "", "j", msgtype="image", media="@lnone")["code"] == "FileNotFound"
        beside = page.say(other, "no file in it")
    shown = omar.get(f"conversations/{group}/messages")["messages"][0]
    assert (shown["msgtype"], shown["body"]) == ("image", {"mediaId": media, "fileName": "plan.png"})
    path = f"conversations/{group}/messages/{said['id']}/media/{media}"
    answer = omar.send("GET", path)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert wei.refused("GET", path)[:2] == (404, "ConversationNotFound")
    there = f"conversations/{other}/messages/{beside['id']}/media/{media}"
    assert wei.refused("GET", there) == (404, "FileNotFound", "There is no such file in this message.")
    mei.post(f"conversations/{group}/messages/{said['id']}/recall", {})
    assert omar.refused("GET", path)[:2] == (404, "FileNotFound")


def test_what_is_no_file(chats: Chats) -> None:
    mei = chats.person("mei")
    assert mei.refused("POST", "media?type=image&name=a.png", b"MZ")[1] == "invalidParameter.media.invalid"
    assert mei.refused("POST", "media?type=file&name=", b"x")[:2] == (400, "InvalidFileKind")
    assert mei.refused("POST", "media?type=exe&name=x", b"x")[:2] == (400, "InvalidFileKind")
    assert mei.refused("POST", "media?type=file&name=x", {"a": 1})[:2] == (415, "FileRequired")
    big = b"\x89PNG\r\n\x1a\n" + b"\0" * (20 * 1024 * 1024)
    assert mei.refused("POST", "media?type=image&name=a.png", big)[1] == "invalidParameter.media.tooLarge"


def test_cards_are_seen_and_clicked_where_they_are_shown(chats: Chats) -> None:
    mei, omar, wei = chats.person("mei"), chats.person("omar"), chats.person("wei")
    group = chats.group(mei, omar)
    cards = chats.cloud.cloud.dingtalk.parts.cards

    async def answer(click: Click) -> Change:
        return Change(data={"status": "taken"}, private={click.userid: {"tips": f"yours, {click.userid}"}})

    async def send() -> None:
        cards.on_click("kowloon.test", answer)
        await cards.send(
            Sender("system", "", "Incidents"),
            chats.find(group),
            track="incident/1",
            template="kowloon.test.v1",
            data={"title": "rds-1", "markdown": "**lags**", "status": "open"},
        )

    chats.cloud.run(send())
    message = omar.get(f"conversations/{group}/messages")["messages"][0]
    assert (message["msgtype"], message["body"]) == ("card", {"outTrackId": "incident/1"})
    with mei.live() as page:
        view = omar.post("cards/incident%2F1/click", {"action": "take"})
        assert (view["status"], view["tips"]) == ("taken", "yours, omar")
        told = page.hear("card", out_track_id="incident/1")
        assert (told["data"]["status"], told["data"]["tips"]) == ("taken", "")
    assert mei.get("cards/incident%2F1")["tips"] == ""
    assert wei.refused("GET", "cards/incident%2F1")[:2] == (400, "param.cardNotExist")
    assert wei.refused("POST", "cards/incident%2F1/click", {"action": "take"})[:2] == (400, "param.cardNotExist")
    assert omar.refused("POST", "cards/incident%2F1/click", {})[:2] == (400, "InvalidBody")


# --- who may not ---


def _of_another(chats: Chats) -> tuple[Person, str, str]:
    """Somebody of another organisation; a conversation and a message of this one."""
    account = chats.cloud.as_account("other").account_id
    stranger = chats.person("mei", account=account)
    own = chats.person("mei")
    chats.person("omar")
    group = chats.group(own, chats.person("wei"))
    kept = chats.post(group, {"msgtype": "text", "text": {"content": "ours"}})
    return stranger, group, kept.id


READS = ["conversations/{id}", "conversations/{id}/messages", "conversations/{id}/messages/{message}/media/@l1"]
CHANGES: list[tuple[str, Any]] = [
    ("conversations/{id}/members", {"remove": ["mei"]}),
    ("conversations/{id}/mute", {"muted": True}),
    ("conversations/{id}/messages/{message}/recall", {}),
]


def test_another_organisation_has_nothing_here(chats: Chats) -> None:
    stranger, group, message = _of_another(chats)
    for path in READS:
        told = stranger.refused("GET", path.format(id=group, message=message))
        assert told[:2] == (404, "ConversationNotFound"), path
    for path, body in CHANGES:
        told = stranger.refused("POST", path.format(id=group, message=message), body)
        assert told[:2] == (404, "ConversationNotFound"), path
    assert [each["title"] for each in stranger.get("conversations")["conversations"]] == []
    assert stranger.refused("GET", "people/omar")[:2] == (404, "PersonNotFound")
    assert [each["id"] for each in stranger.get("people")["people"]] == ["mei"]
    ours = chats.robot("ours")
    assert stranger.refused("POST", "conversations", {"with_robot": ours.id})[:2] == (404, "RobotNotFound")
    assert stranger.refused("POST", "conversations", {"title": "x", "members": ["omar"]})[:2] == (
        404,
        "PersonNotFound",
    )
    with stranger.live() as page:
        assert page.say(group, "hello")["code"] == "ConversationNotFound"


def test_another_group_of_the_same_organisation(chats: Chats) -> None:
    _, group, message = _of_another(chats)
    omar = chats.person("omar")
    for path in READS:
        assert omar.refused("GET", path.format(id=group, message=message))[:2] == (404, "ConversationNotFound")
    for path, body in CHANGES:
        told = omar.refused("POST", path.format(id=group, message=message), body)
        assert told[:2] == (404, "ConversationNotFound"), path


@pytest.mark.parametrize("path", ["me", "conversations", "people", "people/mei", "cards/x"])
def test_nobody_is_answered_without_a_session(chats: Chats, path: str) -> None:
    mei = chats.person("mei")
    mei.cookie = "kowloon_session=STS.none:token"
    assert mei.refused("GET", path)[:2] == (401, "SignInRequired")


def test_sessions_that_are_over(chats: Chats) -> None:
    late = chats.person("late", lasts_s=-1.0)
    assert late.refused("GET", "me")[:2] == (401, "SignInRequired")
    mei = chats.person("mei")
    mei.get("me")
    chats.remove(StoredKey, mei.session)
    assert mei.refused("GET", "me")[:2] == (401, "SignInRequired")


def test_other_pages_may_not(chats: Chats) -> None:
    mei = chats.person("mei")
    asked = {"title": "x", "members": ["mei"]}
    elsewhere = "http://evil.example"
    assert mei.refused("POST", "conversations", asked, Origin=elsewhere)[:2] == (403, "OriginRefused")
    assert mei.refused("GET", "me", Origin=elsewhere)[:2] == (403, "OriginRefused")
    assert mei.refused("POST", "media?type=file&name=x", b"x", Origin=elsewhere)[:2] == (403, "OriginRefused")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert mei.refused("POST", "conversations", asked, Content_Type=kind)[:2] == (415, "JsonRequired"), kind
        assert mei.refused("POST", "media?type=file&name=x", b"x", Content_Type=kind)[:2] == (415, "FileRequired")
    # A name that leads here by somebody else's DNS.
    assert mei.refused("GET", "me", Host="oapi.dingtalk.com", Origin="http://oapi.dingtalk.com")[:2] == (
        403,
        "HostNotLocal",
    )


def test_what_there_is_not(chats: Chats) -> None:
    mei = chats.person("mei")
    assert mei.refused("GET", "secrets") == (404, "NotFound", "The chat page has no call 'secrets'.")
    assert mei.refused("POST", "me", {})[:2] == (405, "MethodNotAllowed")
    answer = requests.put(f"{mei.address}/dingtalk/api/me", headers={"Cookie": mei.cookie}, timeout=30)
    assert answer.status_code == 405
    assert mei.refused("POST", "conversations", {"surprise": 1})[:2] == (400, "InvalidBody")


def test_without_its_region_the_messenger_is_away(chats: Chats) -> None:
    mei = chats.person("mei")
    with chats.cloud.fault("service-stop", "dingtalk@global"):
        assert mei.refused("GET", "me")[:2] == (503, "ServiceUnavailable")
    assert mei.get("me")["id"] == "mei"


def test_what_people_change_is_in_the_audit_under_their_name(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    events: list[Any] = []
    chats.cloud.cloud.bus.subscribe(events.append, RequestEvent)
    group = chats.group(mei, omar)
    omar.refused("POST", f"conversations/{group}/members", {"add": ["x"]})
    told = [(each.action, each.principal_name, each.code) for each in events if each.product == "DingTalk"]
    assert told == [("CreateConversation", "Mei", ""), ("ChangeMembers", "Omar", "NotAllowed")]
    assert events[0].principal == f"acs:ram::{mei.account}:user/mei"
    assert chats.cloud.cloud.store.get(Conversation, group) is not None
