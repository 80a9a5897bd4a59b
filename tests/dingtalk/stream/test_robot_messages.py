"""What members say to robots: by Stream, by HTTP, to whom and to whom not, and in which form."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import requests

from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.sending.sessions import PER_MINUTE
from kowloon.testing.cloud import LocalCloud
from kowloon.wire.dingtalk_crypto import robot_signature
from tests.dingtalk.platform import Office, office_of
from tests.dingtalk.push.receiver import Posted, Receiver
from tests.dingtalk.stream.client import EVENTS, ROBOT, StreamClient
from tests.dingtalk.stream.rooms import Room
from tests.helpers import eventually


def test_a_message_of_a_group_that_is_for_the_robot(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", "bob")
    with StreamClient(office, ROBOT) as client:
        room.say("ada", "@ops not for the robot", to_robot=False)
        id = room.say("ada", "@ops 重启 web-01 @bob", at=("bob",))
        frame = client.frame()
        assert (frame["type"], frame["headers"]["topic"]) == ("CALLBACK", "/v1.0/im/bot/messages/get")
        told = frame["data"]
        robot = told["chatbotUserId"]
        fixed = {
            "conversationId": room.id,
            "conversationType": "2",
            "conversationTitle": "运维群",
            "msgId": id,
            "msgtype": "text",
            "text": {"content": " 重启 web-01 @bob"},
            "isInAtList": True,
            "senderStaffId": "ada",
            "senderNick": "Ada",
            "senderCorpId": office.corp_id,
            "isAdmin": True,
            "chatbotCorpId": office.corp_id,
            "robotCode": office.app_key,
        }
        assert {name: told[name] for name in fixed} == fixed
        assert told["atUsers"][0] == {"dingtalkId": robot}
        assert told["atUsers"][1]["staffId"] == "bob"
        for opaque in (robot, told["senderId"], told["atUsers"][1]["dingtalkId"]):
            assert opaque.startswith("$:LWCP_v1:$")
        assert set(told) == {*fixed, "atUsers", "senderId", "chatbotUserId", "createAt"} | {
            "sessionWebhook",
            "sessionWebhookExpiredTime",
        }
        assert told["sessionWebhookExpiredTime"] - told["createAt"] > 3_000_000
        room.say("bob", "@ops again")
        again = client.frame()["data"]
        assert (again["chatbotUserId"], again["senderId"]) == (robot, told["atUsers"][1]["dingtalkId"]), "stable"
        assert again["isAdmin"] is False


TEXT = {"msgtype": "text", "text": {"content": "fine"}}


def test_the_answer_goes_to_the_session(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada")
    with StreamClient(office, ROBOT) as client:
        room.say("ada", "@ops status")
        told = client.frame()["data"]
    assert told["sessionWebhook"].startswith(f"http://{cloud.endpoint}/robot/sendBySession?session=")
    answer = {"msgtype": "text", "text": {"content": "fine @ada"}, "at": {"atUserIds": ["ada"]}}
    assert requests.post(told["sessionWebhook"], json=answer, timeout=10).json() == {"errcode": 0, "errmsg": "ok"}
    said = room.said()[-1]
    assert (said.sender.type, said.sender.id, said.text, said.at) == (
        "application",
        office.app_key,
        "fine @ada",
        ("ada",),
    )


def test_more_than_twenty_answers_a_minute_are_too_fast(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada")
    with StreamClient(office, ROBOT) as client:
        room.say("ada", "@ops status")
        session = client.frame()["data"]["sessionWebhook"]
    answers = [requests.post(session, json=TEXT, timeout=10).json() for _ in range(PER_MINUTE + 1)]
    assert [each["errcode"] for each in answers] == [0] * PER_MINUTE + [130101]
    assert answers[-1]["errmsg"] == "send too fast, exceed 20 times per minute"
    cloud.skip(seconds=60)
    assert requests.post(session, json=TEXT, timeout=10).json()["errcode"] == 0


def test_everything_that_is_said_to_it_alone(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", form="robot")
    with StreamClient(office, ROBOT) as client:
        room.say("ada", "hello", to_robot=False)
        told = client.frame()["data"]
        assert (told["conversationType"], told["text"]) == ("1", {"content": "hello"})
        assert not {"conversationTitle", "atUsers", "isInAtList"} & set(told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {"msgtype": "image", "image": {"mediaId": "@lADP1"}},
            ("picture", {"downloadCode": "@lADP1", "pictureDownloadCode": "@lADP1"}),
        ),
        (
            {"msgtype": "file", "file": {"mediaId": "@lADP2", "fileName": "a.txt"}},
            ("file", {"downloadCode": "@lADP2", "fileId": "@lADP2", "fileName": "a.txt", "spaceId": ""}),
        ),
        (
            {"msgtype": "audio", "audio": {"mediaId": "@lADP3", "duration": 1000}},
            ("audio", {"downloadCode": "@lADP3", "duration": 1000, "recognition": ""}),
        ),
        (
            {"msgtype": "video", "video": {"mediaId": "@lADP4", "duration": 5, "videoType": "mp4"}},
            ("video", {"downloadCode": "@lADP4", "duration": 5, "videoType": "mp4"}),
        ),
        (
            {"msgtype": "markdown", "markdown": {"title": "t", "text": "shown"}},
            ("richText", {"richText": [{"text": "shown"}]}),
        ),
        ({"msgtype": "image", "image": {"picURL": "x"}}, ("unknownMsgType", {"unknownMsgType": "shown"})),
        ({"msgtype": "oa", "oa": {}}, ("unknownMsgType", {"unknownMsgType": "shown"})),
    ],
)
def test_other_types(cloud: LocalCloud, office: Office, body: dict[str, Any], told: tuple[str, Any]) -> None:
    room = Room(cloud, office, "ada", form="robot")
    with StreamClient(office, ROBOT) as client:
        room.post("ada", Content(message_type=body["msgtype"], title="", text="shown", body=body))
        data = client.frame()["data"]
        assert (data["msgtype"], data["content"]) == told


def test_who_did_not_subscribe_hears_nothing(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", form="robot")
    other = office_of(cloud)
    with (
        StreamClient(office, EVENTS) as client,
        StreamClient(other, ROBOT) as stranger,
        StreamClient(office, ROBOT) as subscriber,
    ):
        for _ in range(5):
            room.say("ada", "hello")
            subscriber.frame()
        assert client.silent()
        assert stranger.silent()


def test_messages_keep_their_order_and_come_once(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", form="robot")
    with StreamClient(office, ROBOT) as client:
        for place in range(20):
            room.say("ada", str(place))
        heard = [client.frame() for _ in range(20)]
        assert [frame["data"]["text"]["content"] for frame in heard] == [str(place) for place in range(20)]
        client.acknowledge(heard[0], code=500)
        cloud.skip(seconds=120)
        assert client.silent(), "no robot is told twice"


def test_by_http_signed_and_its_answer_is_said(cloud: LocalCloud, office: Office) -> None:
    answers = [
        b'{"msgtype": "text", "text": {"content": "it is fine"}}',
        b'{"msgtype": "empty"}',
        b"",
        b"[",
        b'{"msgtype": 1}',
    ]

    def answer(posted: Posted) -> tuple[int, bytes]:
        return 200, answers.pop(0)

    with Receiver(answer) as receiver:
        told_by_http = office_of(cloud, robot_url=f"{receiver.url}/robot")
        room = Room(cloud, told_by_http, "ada", "bob")
        for place in range(5):
            room.say("ada", f"@ops {place}")
        eventually(lambda: len(receiver.posted) == 5)
        posted = receiver.posted[0]
        assert posted.path == "/robot"
        assert posted.headers["sign"] == robot_signature(told_by_http.app_secret, posted.headers["timestamp"])
        assert [json.loads(each.body)["text"]["content"] for each in receiver.posted] == [f" {n}" for n in range(5)]
        assert posted.json["sessionWebhook"].startswith(f"http://{cloud.endpoint}/")
        eventually(lambda: len(room.said()) == 6)
        assert [each.text for each in room.said() if each.sender.type == "application"] == ["it is fine"]


def test_stream_goes_before_http(cloud: LocalCloud, office: Office) -> None:
    with Receiver(lambda _: (200, b"")) as receiver:
        both = office_of(cloud, robot_url=f"{receiver.url}/robot")
        room = Room(cloud, both, "ada", form="robot")
        with StreamClient(both, ROBOT) as client:
            room.say("ada", "by stream")
            assert client.frame()["data"]["text"]["content"] == "by stream"
            assert not receiver.posted
        eventually(lambda: not cloud.call(lambda: cloud.cloud.dingtalk.stream.takes(both.app_key, *ROBOT.values())))
        room.say("ada", "by http")
        assert eventually(lambda: receiver.posted)[0].json["text"]["content"] == "by http"


def test_a_robot_that_is_not_reached_holds_nobody_up(
    cloud: LocalCloud, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kowloon.dingtalk")
    nobody = office_of(cloud, robot_url="http://127.0.0.1:1/robot")
    room = Room(cloud, nobody, "ada", form="robot")
    room.say("ada", "first")
    room.say("ada", "second")
    assert [each.text for each in room.said()] == ["first", "second"]
    eventually(lambda: caplog.text.count(f"the robot {nobody.app_key} is not reached") == 2)
    with StreamClient(nobody, ROBOT) as client:
        room.say("ada", "third")
        assert client.frame()["data"]["text"]["content"] == "third"
