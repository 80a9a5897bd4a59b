"""The open connection: who hears what, what is refused, and that nothing is lost or told twice."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from kowloon.core import limits
from kowloon.core.config import Settings
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import parse
from kowloon.dingtalk.platform.call import own_id
from kowloon.store.identity import StoredKey
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.page.people import PATIENCE_S, Chats, Page, Person

SIGNED_OUT = 4401


def _ends(page: Page) -> int:
    """With which code; whatever is heard before."""
    try:
        while True:
            page.socket.recv(timeout=PATIENCE_S)
    except ConnectionClosed as ended:
        return ended.rcvd.code if ended.rcvd is not None else 0


def _refused(person: Person, **headers: str) -> tuple[int, str]:
    given = {"Cookie": person.cookie, "Origin": person.address} | headers
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"ws://{person.office.cloud.endpoint}/dingtalk/live",
            additional_headers={name: text for name, text in given.items() if text},
            open_timeout=PATIENCE_S,
        )
    answer = refused.value.response
    return answer.status_code, json.loads(answer.body)["Code"]


def test_what_is_said_is_heard_by_those_who_are_in_it(chats: Chats) -> None:
    mei, omar, wei = chats.person("mei"), chats.person("omar"), chats.person("wei")
    group, other = chats.group(mei, omar), chats.group(mei, wei, title="other")
    with mei.live() as at_mei, omar.live() as at_omar, wei.live() as at_wei:
        said = at_mei.say(group, "hello @omar", "u1", at=["omar"])
        assert (said["type"], said["sequence"], said["conversation"]) == ("said", 1, group)
        heard = at_omar.hear("message")
        assert heard == {
            "type": "message",
            "conversation": group,
            "sequence": 1,
            "id": said["id"],
            "at": heard["at"],
            "sender": {"type": "member", "id": "mei", "name": "Mei"},
            "msgtype": "text",
            "text": "hello @omar",
            "mentions": ["omar"],
        }
        # The next that the third one hears is of their own group.
        at_mei.say(other, "for wei", "u2")
        assert at_wei.hear("message")["text"] == "for wei"
    assert omar.conversation(group)["unread"] == 1
    # Who says something has read what was there.
    assert mei.conversation(group)["unread"] == 0


def test_the_same_name_stands_there_once(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    with mei.live() as page, omar.live() as at_omar:
        first = page.say(group, "once", "u1")
        again = page.say(group, "once", "u1")
        assert (again["sequence"], again["id"]) == (first["sequence"], first["id"])
        # Somebody else's name is another.
        assert at_omar.say(group, "mine", "u1")["sequence"] == 2
    assert [each["text"] for each in mei.get(f"conversations/{group}/messages")["messages"]] == ["once", "mine"]


def test_everyone_and_robots_are_addressed(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    robot, other = chats.robot("ops"), chats.robot("other")
    group = chats.group(mei, omar, robots=(robot.id,))
    alone = mei.post("conversations", {"with_robot": robot.id})["id"]
    with mei.live() as page:
        page.say(group, "@ops status", at=[robot.id, other.id, "@all", "nobody"])
        heard = page.hear("message", conversation=group)
        assert (heard["robots"], heard["everyone"], heard.get("mentions", [])) == ([robot.id], True, [])
        page.say(alone, "status")
        assert page.hear("message", conversation=alone)["robots"] == [robot.id]


@pytest.mark.parametrize(
    "names", [("chatBannedType", "mentionAllAuthority"), ("chat_banned_type", "mention_all_authority")]
)
def test_owners_may_keep_others_quiet(chats: Chats, names: tuple[str, str]) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)

    def set_to(**settings: Any) -> None:
        chats.put(msgspec.structs.replace(chats.find(group), settings=settings))

    with mei.live() as at_mei, omar.live() as at_omar:
        set_to(**{names[1]: 1})
        assert at_omar.say(group, "@all look", at=["@all"])["code"] == "EveryoneNotAllowed"
        assert at_omar.say(group, "look")["type"] == "said"
        assert at_mei.say(group, "@all look", at=["@all"])["type"] == "said"
        set_to(**{names[0]: "1"})
        assert at_omar.say(group, "but")["code"] == "SpeakingBanned"
        assert at_mei.say(group, "quiet")["type"] == "said"


def test_how_far_each_has_read(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    with mei.live() as at_mei, omar.live() as at_omar:
        at_mei.say(group, "one", "u1")
        at_mei.say(group, "two", "u2")
        at_omar.send({"type": "read", "conversation": group, "sequence": 1})
        assert _read_by_omar(at_mei, group) == 1
        assert omar.conversation(group)["unread"] == 1
        # Never back, and no further than what is there.
        at_omar.send({"type": "read", "conversation": group, "sequence": 999})
        at_omar.send({"type": "read", "conversation": group, "sequence": 1})
        assert _read_by_omar(at_mei, group) == 2
        assert omar.get(f"conversations/{group}")["marks"]["omar"][0] == 2


def _read_by_omar(page: Page, group: str) -> int:
    while "omar" not in (marks := page.hear("read", conversation=group)["marks"]):
        pass
    sequence: int = marks["omar"][0]
    return sequence


def test_who_comes_and_goes_is_told(chats: Chats) -> None:
    mei, omar, wei = chats.person("mei"), chats.person("omar"), chats.person("wei")
    with mei.live() as at_mei, omar.live() as at_omar, wei.live() as at_wei:
        group = chats.group(mei, omar)
        assert at_omar.hear("conversation", conversation=group)["members"] == 2
        mei.post(f"conversations/{group}/members", {"add": ["wei"], "remove": ["omar"]})
        assert at_wei.hear("conversation", conversation=group)["title"] == "ops"
        assert at_omar.hear("conversation", conversation=group, gone=True) == {
            "type": "conversation",
            "conversation": group,
            "gone": True,
        }
        assert at_omar.say(group, "still here?")["code"] == "ConversationNotFound"
        at_mei.say(group, "without omar", "u1")
        assert at_wei.hear("message")["text"] == "without omar"
        other = chats.group(mei, omar, title="other")
        at_mei.say(other, "with omar", "u2")
        # Of the group they are out of, they have heard nothing meanwhile.
        assert at_omar.hear("message")["text"] == "with omar"


def test_what_is_taken_back_is_told(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    with mei.live() as at_mei, omar.live() as at_omar:
        said = at_mei.say(group, "oops")
        mei.post(f"conversations/{group}/messages/{said['id']}/recall", {})
        told = at_omar.hear("recalled", conversation=group)
        assert (told["id"], told["sequence"]) == (said["id"], 1)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("no json", "InvalidFrame"),
        ("[]", "InvalidFrame"),
        ('{"type": "dance"}', "InvalidFrame"),
        ('{"type": "say"}', "InvalidFrame"),
        ('{"type": "say", "conversation": 7, "unique": "u"}', "InvalidFrame"),
        ('{"type": "say", "conversation": "GROUP", "unique": "u", "at": "mei"}', "InvalidFrame"),
        ("[" * 5000, "InvalidFrame"),
        ('{"type": "say", "conversation": "GROUP", "unique": "u", "text": "\\ud800"}', "InvalidFrame"),
        ('{"type": "say", "conversation": "GROUP", "unique": "", "text": "x"}', "InvalidUnique"),
        ('{"type": "say", "conversation": "GROUP", "unique": "' + "u" * 65 + '", "text": "x"}', "InvalidUnique"),
        ('{"type": "say", "conversation": "GROUP", "unique": "u", "text": " \\n"}', "EmptyMessage"),
        ('{"type": "say", "conversation": "GROUP", "unique": "u", "text": "' + "长" * 7000 + '"}', "MessageTooLong"),
        ('{"type": "say", "conversation": "GROUP", "unique": "u", "text": "x", "msgtype": "card"}', "UnsupportedType"),
        ('{"type": "say", "conversation": "nowhere", "unique": "u", "text": "x"}', "ConversationNotFound"),
        ('{"type": "say", "conversation": "GROUP", "unique": "u", "msgtype": "file"}', "FileNotFound"),
    ],
)
def test_odd_frames_are_refused_and_the_connection_stays(chats: Chats, frame: str, code: str) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    with mei.live() as page:
        page.send(frame.replace("GROUP", group))
        refused = page.hear("refused")
        assert refused["code"] == code
        assert refused["message"]
        assert page.say(group, "and on")["type"] == "said"


def test_frames_that_are_too_large_or_no_text_end_it(chats: Chats) -> None:
    mei = chats.person("mei")
    page = mei.live()
    page.send("x" * (limits.MAX_MESSAGE_BYTES + 1))
    assert _ends(page) == 1009
    page = mei.live()
    page.send(b"\x00\x01")
    assert _ends(page) == 1003


def test_nobody_talks_too_fast(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    count = limits.DINGTALK_SAYS_AT_ONCE * 3
    with mei.live() as page:
        for number in range(count):
            page.send({"type": "say", "conversation": group, "unique": f"u{number}", "text": f"{number}"})
        answers = [_answer(page) for _ in range(count)]
        said = [each for each in answers if each["type"] == "said"]
        refused = {each["code"] for each in answers if each["type"] == "refused"}
        assert refused == {"TooFast"}
        assert limits.DINGTALK_SAYS_AT_ONCE <= len(said) < count
        # What was refused is said later, under the same name.
        deadline = time.monotonic() + PATIENCE_S
        while page.say(group, "later", "later")["type"] == "refused":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_who_makes_noise_is_cut_off(chats: Chats) -> None:
    page = chats.person("mei").live()
    with contextlib.suppress(ConnectionClosed):
        for _ in range(limits.DINGTALK_FRAMES_AT_ONCE + 50):
            page.send("noise")
    assert _ends(page) == 1008


def _answer(page: Page) -> Any:
    while True:
        frame = json.loads(page.socket.recv(timeout=PATIENCE_S))
        if frame["type"] in ("said", "refused"):
            return frame


def test_who_may_open_it(chats: Chats) -> None:
    mei = chats.person("mei")
    assert _refused(mei, Cookie="") == (401, "SignInRequired")
    assert _refused(mei, Cookie="kowloon_session=STS.x:y") == (401, "SignInRequired")
    assert _refused(mei, Origin="") == (403, "OriginRequired")
    assert _refused(mei, Origin="null") == (403, "OriginRefused")
    assert _refused(mei, Origin="http://evil.example") == (403, "OriginRefused")
    assert _refused(chats.person("late", lasts_s=-1.0)) == (401, "SignInRequired")
    with chats.cloud.fault("service-stop", "dingtalk@global"):
        assert _refused(mei) == (503, "ServiceUnavailable")
    pages = [mei.live() for _ in range(limits.DINGTALK_PAGES_OF_ONE)]
    assert _refused(mei) == (429, "TooManyOpen")
    for page in pages:
        page.socket.close()


def test_a_session_that_ends_takes_the_connection_with_it(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    at_mei, at_omar = mei.live(), omar.live()
    chats.remove(StoredKey, mei.session)
    assert _ends(at_mei) == SIGNED_OUT
    chats.remove(Member, own_id(omar.account, "omar"))
    assert _ends(at_omar) == SIGNED_OUT
    brief = chats.person("brief", lasts_s=2.0)
    assert _ends(brief.live()) == SIGNED_OUT


def test_without_its_region_the_messenger_hangs_up(chats: Chats) -> None:
    mei = chats.person("mei")
    page = mei.live()
    with chats.cloud.fault("service-stop", "dingtalk@global"):
        assert _ends(page) == 1013


def test_a_cloud_of_another_state_begins_anew(chats: Chats) -> None:
    page = chats.person("mei").live()
    chats.cloud.reset()
    assert _ends(page) == 1012


def test_a_restart_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = Settings(engine="paper", port=0, home=home)
    with LocalCloud(settings) as cloud:
        chats = Chats(cloud)
        mei, omar = chats.person("mei"), chats.person("omar")
        group = chats.group(mei, omar)
        with mei.live() as page:
            first = page.say(group, "before", "u1")
            # Sent, and the answer never seen.
            page.send({"type": "say", "conversation": group, "unique": "u2", "text": "in between"})
            deadline = time.monotonic() + PATIENCE_S
            while omar.conversation(group)["sequence"] < 2:
                assert time.monotonic() < deadline
    with LocalCloud(settings) as cloud:
        mei.office = omar.office = Chats(cloud)
        with mei.live() as page, omar.live() as at_omar:
            assert page.say(group, "before", "u1")["id"] == first["id"]
            assert page.say(group, "in between", "u2")["sequence"] == 2
            assert page.say(group, "after", "u3")["sequence"] == 3
            assert at_omar.hear("message")["text"] == "after"
        caught_up = omar.get(f"conversations/{group}/messages?after=1")["messages"]
        assert [each["text"] for each in caught_up] == ["in between", "after"]


def test_many_pages_hear_all_of_it_in_order(chats: Chats) -> None:
    """A small sample of what bench/messenger.py measures."""
    people = [chats.person(f"p{number}") for number in range(10)]
    group = chats.group(people[0], *people[1:])
    pages = [each.live() for each in people]
    for number in range(60):
        pages[number % 10].send({"type": "say", "conversation": group, "unique": f"u{number}", "text": f"{number}"})
    for page in pages:
        assert [page.hear("message")["sequence"] for _ in range(60)] == list(range(1, 61))
        page.socket.close()


def test_who_is_no_member_any_more_hears_nothing_from_that_moment_on(chats: Chats) -> None:
    mei, omar = chats.person("mei"), chats.person("omar")
    chats.put(Conversation(id="cid-all", account=mei.account, title="all", everyone=True))
    messenger = chats.cloud.cloud.dingtalk.messenger
    words = parse({"msgtype": "text", "text": {"content": "for members"}})

    async def gone_and_said() -> None:
        member = messenger.member(omar.account, omar.id)
        assert member is not None
        await chats.cloud.cloud.store.run(lambda tx: tx.delete(member))
        await messenger.post(chats.find("cid-all"), Sender("robot", "robot-1", "alarms"), words)

    with mei.live() as at_mei, omar.live() as at_omar:
        chats.cloud.run(gone_and_said())
        assert at_mei.hear("message")["text"] == "for members"
        with pytest.raises(ConnectionClosed) as ended:
            at_omar.hear("message")
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == SIGNED_OUT
