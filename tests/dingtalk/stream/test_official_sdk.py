"""The official Stream SDK, unmodified: robots, cards, clicks, events, and how it comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kowloon.dingtalk.cards.view import View
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office
from tests.dingtalk.stream.rooms import Room
from tests.dingtalk.stream.sdk import SdkClient
from tests.helpers import eventually


@pytest.fixture
def sdk(cloud: LocalCloud, office: Office) -> Iterator[SdkClient]:
    with SdkClient(cloud, office) as sdk:
        yield sdk


def seen(cloud: LocalCloud, office: Office, userid: str, track: str) -> View:
    card = cloud.call(lambda: cloud.cloud.dingtalk.parts.cards.visible(office.account, userid, track))
    assert card is not None
    return card.seen_by(userid)


def test_a_robot_as_its_users_write_one(cloud: LocalCloud, office: Office, sdk: SdkClient) -> None:
    room = Room(cloud, office, "ada", "bob")
    room.say("ada", "@ops text")
    assert sdk.says() == {"heard": " text", "sender": "ada", "type": "2"}
    room.say("ada", "@ops markdown")
    sdk.says()
    eventually(lambda: len(room.said()) == 4)
    text, markdown = (each for each in room.said() if each.sender.type == "application")
    assert (text.type, text.text, text.sender.id) == ("text", "a text", office.app_key)
    assert (markdown.type, markdown.title, markdown.text) == ("markdown", "title", "**bold**")

    room.say("ada", "@ops card")
    sdk.says()
    track = sdk.says()["track"]
    assert track
    assert room.said()[-1].body == {
        "msgtype": "card",
        "outTrackId": track,
        "cardTemplateId": "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema",
    }
    view = seen(cloud, office, "bob", track)
    assert (view.title, view.markdown, view.tips) == ("alarm", "CPU **95%**", "now")
    assert [(each.id, each.text, each.action) for each in view.buttons] == [("claim", "claim", "request")]
    cards = cloud.cloud.dingtalk.parts.cards
    clicked = cloud.run(cards.click(office.account, "bob", track, "claim", {"id": "42"}))
    assert sdk.says() == {"clicked": ["claim"], "by": "bob", "track": track, "corp": office.corp_id}
    assert (clicked.tips, clicked.markdown, clicked.title) == ("claimed by bob", "CPU **95%**", "yours")
    assert seen(cloud, office, "ada", track).title == "alarm", "what is private to bob is his"

    department = office.post("/topapi/v2/department/create", {"name": "ops"})["result"]["dept_id"]
    event = sdk.says()
    assert (event["event"], event["data"]["deptId"]) == ("org_dept_create", [department])


def test_its_other_cards(cloud: LocalCloud, office: Office, sdk: SdkClient) -> None:
    room = Room(cloud, office, "ada", form="robot")

    def sent(word: str) -> str:
        room.say("ada", word)
        assert sdk.says() == {"heard": word, "sender": "ada", "type": "1"}
        return str(sdk.says()["track"])

    view = seen(cloud, office, "ada", sent("markdown card"))
    assert (view.title, view.markdown) == ("t", "second")
    view = seen(cloud, office, "ada", sent("ai"))
    assert (view.title, view.markdown, view.status) == ("ai", "one two", "finished")
    assert [each.id for each in view.buttons] == ["claim"]
    view = seen(cloud, office, "ada", sent("standard"))
    assert (view.title, len(view.images), view.buttons[0].url) == ("钉钉小技巧", 1, "https://www.dingtalk.com")
    assert "四招教你玩转钉钉项目" in view.markdown


def test_it_comes_back_when_it_is_told_to(cloud: LocalCloud, office: Office, sdk: SdkClient) -> None:
    stream = cloud.cloud.dingtalk.stream
    cloud.call(lambda: stream.end_all("persistent connection is timeout"))
    sdk.connected()
    room = Room(cloud, office, "ada", form="robot")
    room.say("ada", "text")
    assert sdk.says()["heard"] == "text"
