"""Clicks on cards: who may, who is asked, what changes, and what does not when nobody answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kowloon.dingtalk.cards import asking
from kowloon.dingtalk.cards.changes import Change, Click
from kowloon.dingtalk.cards.view import MARKDOWN_BUTTONS, View
from kowloon.dingtalk.chat.resources import Sender
from kowloon.dingtalk.plane import NODE
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.testing.cloud import LocalCloud
from kowloon.wire.dingtalk_crypto import card_signature, robot_signature
from tests.dingtalk.cards.test_cards import create, deliver
from tests.dingtalk.platform import Office, office_of
from tests.dingtalk.push.receiver import Posted, Receiver
from tests.dingtalk.stream.client import CARDS, ROBOT, StreamClient
from tests.dingtalk.stream.rooms import Room

BUTTONS = json.dumps(
    {"msgButtons": [{"id": "claim", "text": "claim", "request": True}, {"text": "u", "url": "https://u/"}]}
)
DATA = {"cardParamMap": {"title": "CPU", "sys_full_json_obj": BUTTONS}}
CHANGE = {
    "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
    "cardData": {"cardParamMap": {"tips": "claimed"}},
    "userPrivateData": {"cardParamMap": {"title": "yours"}},
}


def shown(cloud: LocalCloud, office: Office, *userids: str, **changes: Any) -> Room:
    """A group with a card."""
    room = Room(cloud, office, *userids)
    create(office, cardTemplateId=MARKDOWN_BUTTONS, cardData=DATA, **changes)
    assert deliver(office, f"IM_GROUP.{room.id}")[0]["success"]
    return room


def click(cloud: LocalCloud, office: Office, userid: str, action: str = "claim", track: str = "alarm-1") -> View:
    cards = cloud.cloud.dingtalk.parts.cards
    return cloud.run(cards.click(office.account, userid, track, action, {"id": "42"}))


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(PlatformError) as caught:
        call()
    return caught.value.code, caught.value.message


def test_by_stream(cloud: LocalCloud, office: Office) -> None:
    room = shown(cloud, office, "ada", "bob")
    with StreamClient(office, CARDS) as client, ThreadPoolExecutor(1) as pool:
        clicked = pool.submit(click, cloud, office, "bob")
        frame = client.frame()
        assert (frame["type"], frame["headers"]["topic"]) == ("CALLBACK", "/v1.0/card/instances/callback")
        assert frame["data"] == {
            "type": "actionCallback",
            "outTrackId": "alarm-1",
            "corpId": office.corp_id,
            "userId": "bob",
            "userIdType": 1,
            "spaceType": "IM_GROUP",
            "spaceId": room.id,
            "extension": "{}",
            "content": '{"cardPrivateData":{"actionIds":["claim"],"params":{"id":"42"}}}',
        }
        client.acknowledge(frame, {"response": CHANGE})
        view = clicked.result(30)
    assert (view.title, view.tips) == ("yours", "claimed")
    card = cloud.call(lambda: cloud.cloud.dingtalk.parts.cards.find(office.account, "alarm-1"))
    assert card is not None
    assert (card.data["title"], card.data["tips"], card.private) == ("CPU", "claimed", {"bob": {"title": "yours"}})


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ({"response": "OK"}, 200, ""),
        ({"response": {}}, 200, ""),
        ([1], 200, ""),
        ({"response": {"cardData": 1}}, 200, "Expected"),
        ({}, 404, "it answered 404"),
        ({"response": CHANGE}, 500, "it answered 500"),
    ],
)
def test_answers_that_change_nothing(cloud: LocalCloud, office: Office, data: Any, code: int, message: str) -> None:
    shown(cloud, office, "ada")
    with StreamClient(office, CARDS) as client, ThreadPoolExecutor(1) as pool:
        clicked = pool.submit(click, cloud, office, "ada")
        client.acknowledge(client.frame(), data, code)
        if message:
            told = refused(lambda: clicked.result(30))
            assert told[0] == "card.callback.failed"
            assert message in told[1]
        else:
            assert clicked.result(30).tips == ""


def test_nobody_answers(cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    shown(cloud, office, "ada")
    nobody = ("card.callback.failed", "应用未响应：no Stream connection takes card callbacks")
    assert refused(lambda: click(cloud, office, "ada")) == nobody
    with StreamClient(office, ROBOT):
        assert refused(lambda: click(cloud, office, "ada")) == nobody
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.05)
    with StreamClient(office, CARDS) as client:
        assert refused(lambda: click(cloud, office, "ada"))[1] == "应用未响应：no answer within 0.05 s"
        frame = client.frame()
        client.acknowledge(frame, {"response": CHANGE})
        assert client.silent()
    card = cloud.call(lambda: cloud.cloud.dingtalk.parts.cards.find(office.account, "alarm-1"))
    assert card is not None
    assert "tips" not in card.data, "too late"


def test_the_connection_goes_before_it_answers(cloud: LocalCloud, office: Office) -> None:
    shown(cloud, office, "ada")
    client = StreamClient(office, CARDS)
    with ThreadPoolExecutor(1) as pool:
        clicked = pool.submit(click, cloud, office, "ada")
        client.frame()
        client.socket.close()
        assert refused(lambda: clicked.result(30))[1] == "应用未响应：its connection is gone"


def test_who_may_click(cloud: LocalCloud, office: Office) -> None:
    absent = ("param.cardNotExist", "卡片不存在")
    shown(cloud, office, "ada")
    Room(cloud, office, "eve")
    assert refused(lambda: click(cloud, office, "eve")) == absent, "not of that conversation"
    assert refused(lambda: click(cloud, office, "ada", track="no")) == absent
    other = office_of(cloud, account=cloud.as_account("other").account_id)
    assert refused(lambda: click(cloud, other, "ada")) == absent, "of another organisation"
    for action in ("no", "button2", "", "x" * 300):
        assert refused(lambda action=action: click(cloud, office, "ada", action)) == (  # type: ignore[misc]
            "param.actionId.invalid",
            "卡片上没有该按钮",
        )
    with cloud.fault("service_stop", NODE):
        assert refused(lambda: click(cloud, office, "ada"))[0] == "ServiceUnavailable"


def test_by_http(cloud: LocalCloud, office: Office) -> None:
    with Receiver(lambda _: (200, json.dumps(CHANGE).encode())) as receiver:
        asked = {
            "callbackRouteKey": "alarms",
            "callbackUrl": f"{receiver.url}/cards",
            "apiSecret": "cardApiSecret_demo",
        }
        result = office.post("/v1.0/card/callbacks/register", asked)["result"]
        assert result == {"callbackUrl": f"{receiver.url}/cards", "apiSecret": "cardApiSecret_demo"}
        shown(cloud, office, "ada", callbackType="HTTP", callbackRouteKey="alarms")
        assert click(cloud, office, "ada").tips == "claimed"
        (posted,) = receiver.posted
        assert posted.path == "/cards"
        timestamp = posted.headers["x-ddpaas-signature-timestamp"]
        assert posted.headers["x-ddpaas-signature"] == card_signature("cardApiSecret_demo", timestamp)
        assert json.loads(posted.json["content"])["cardPrivateData"]["actionIds"] == ["claim"]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(500, b"", "it answered 500"), (200, b"[", "its answer is not JSON"), (200, b'{"cardData": 1}', "Expected")],
)
def test_http_answers_that_are_none(cloud: LocalCloud, office: Office, status: int, body: bytes, message: str) -> None:
    with Receiver(lambda _: (status, body)) as receiver:
        office.post("/v1.0/card/callbacks/register", {"callbackRouteKey": "r", "callbackUrl": receiver.url})
        shown(cloud, office, "ada", callbackType="HTTP", callbackRouteKey="r")
        told = refused(lambda: click(cloud, office, "ada"))
        assert told[0] == "card.callback.failed"
        assert message in told[1]


def test_routes(cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/v1.0/card/callbacks/register"
    first = office.post(path, {"callbackRouteKey": "r", "callbackUrl": "http://127.0.0.1:9/a"})
    secret = first["result"]["apiSecret"]
    assert (first["success"], len(secret)) == (True, 32)
    same = office.post(path, {"callbackRouteKey": "r", "callbackUrl": "http://127.0.0.1:9/a"})
    assert same == first
    other = {"callbackRouteKey": "r", "callbackUrl": "http://127.0.0.1:9/b"}
    exists = office.refused("POST", path, other)
    assert exists == (400, "param.callbackRouteKey.exists", "callbackRouteKey 已注册其他回调地址")
    forced = office.post(path, {**other, "forceUpdate": True, "apiSecret": "mine"})
    assert forced["result"] == {"callbackUrl": "http://127.0.0.1:9/b", "apiSecret": "mine"}
    wrong = office.refused("POST", path, {"callbackRouteKey": "r", "callbackUrl": "nowhere"})
    assert wrong == (400, "param.callbackUrl.invalid", "callbackUrl 不是合法的地址")
    monkeypatch.setattr("kowloon.dingtalk.cards.instances._MOST_ROUTES", 1)
    many = office.refused("POST", path, {**other, "callbackRouteKey": "s"})
    assert many == (400, "param.callbackRouteKey.overMax", "callbackRouteKey 超过最大限制 1")
    assert office_of(cloud).post(path, other)["success"], "each application has its own"
    missing = office.refused("POST", path, {"callbackUrl": "http://127.0.0.1:9/"})
    assert missing == (400, "invalidParameter.callbackRouteKey.empty", "缺少参数 callbackRouteKey")


def test_one_of_the_messenger_itself(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", "bob")
    cards = cloud.cloud.dingtalk.parts.cards
    clicks: list[Click] = []

    async def acknowledged(click: Click) -> Change | None:
        clicks.append(click)
        if click.action == "nothing":
            return None
        return Change(data={"status": "acknowledged"}, private={click.userid: {"tips": "you did"}})

    async def send() -> None:
        data = {"title": "zone c", "status": "open"}
        sender = Sender("system", "", "incidents")
        await cards.send(sender, room.conversation, track="incident-1", template="tests.own", data=data)

    cloud.run(send())
    assert room.said()[0].title == "zone c"
    unanswered = refused(lambda: click(cloud, office, "ada", "ack", "incident-1"))
    assert unanswered == ("card.callback.failed", "应用未响应：nobody answers for tests.own")
    cards.on_click("tests.", acknowledged)
    view = click(cloud, office, "ada", "ack", "incident-1")
    assert (view.status, view.tips) == ("acknowledged", "you did")
    assert (clicks[0].userid, clicks[0].action, clicks[0].params) == ("ada", "ack", {"id": "42"})
    assert click(cloud, office, "bob", "nothing", "incident-1").tips == ""
    changed = cloud.run(cards.change(office.account, "incident-1", Change(data={"status": "over"})))
    assert changed.seen_by("bob").status == "over"
    taken = office.refused("PUT", "/v1.0/card/instances", {"outTrackId": "incident-1"})
    assert taken == (400, "param.cardNotExist", "卡片不存在"), "no application's"


def test_a_robots_card_with_an_address_of_its_own(cloud: LocalCloud, office: Office) -> None:
    whole = {
        "header": {"title": {"type": "text", "text": "t"}},
        "contents": [{"type": "button", "id": "go", "label": {"text": "go"}, "actionType": "request"}],
    }
    answers = [{"cardData": json.dumps({"header": {"title": {"text": "done"}}})}]

    def answer(posted: Posted) -> tuple[int, bytes]:
        return 200, json.dumps(answers.pop()).encode()

    with Receiver(answer) as receiver:
        room = Room(cloud, office, "ada")
        body = {
            "cardTemplateId": "StandardCard",
            "cardBizId": "biz-1",
            "robotCode": office.app_key,
            "cardData": json.dumps(whole),
            "openConversationId": room.id,
            "callbackUrl": receiver.url,
        }
        office.post("/v1.0/im/v1.0/robot/interactiveCards/send", body)
        assert click(cloud, office, "ada", "go", "biz-1").title == "done"
        headers = receiver.posted[0].headers
        assert headers["sign"] == robot_signature(office.app_secret, headers["timestamp"])
