"""Cards by the earlier calls, ordinary and advanced, by the official client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alibabacloud_dingtalk.im_1_0 import models as m
from alibabacloud_dingtalk.im_1_0.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from dingtalk_stream import interactive_card

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.cards.test_cards import card
from tests.dingtalk.platform import Office
from tests.dingtalk.stream.rooms import Room

STANDARD = interactive_card.INTERACTIVE_CARD_JSON_SAMPLE_1
ROBOT_SEND = "/v1.0/im/v1.0/robot/interactiveCards/send"
SEND = "/v1.0/im/interactiveCards/send"


def client_of(cloud: LocalCloud) -> Client:
    return Client(Config(protocol="http", endpoint=cloud.endpoint))


def test_a_robots_card_is_sent_and_changed(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", "bob")
    client = client_of(cloud)
    asked = m.SendRobotInteractiveCardRequest(
        card_template_id="StandardCard",
        card_biz_id="biz-1",
        robot_code=office.app_key,
        card_data=json.dumps(STANDARD),
        open_conversation_id=room.id,
        send_options=m.SendRobotInteractiveCardRequestSendOptions(
            at_all=False,
            at_user_list_json=json.dumps([{"nickName": "Ada", "userId": "ada"}]),
            receiver_list_json=json.dumps([{"userId": "bob"}]),
        ),
        user_id_private_data_map=json.dumps({"bob": {"header": {"title": {"text": "yours"}}}}),
    )
    headers = m.SendRobotInteractiveCardHeaders(x_acs_dingtalk_access_token=office.token)
    sent = client.send_robot_interactive_card_with_options(asked, headers, RuntimeOptions()).body
    assert sent.process_query_key
    (said,) = room.said()
    assert (said.type, said.title, said.at) == ("card", "钉钉卡片", ("ada",))
    assert said.body["recipients"] == ["bob"]
    kept = card(cloud, office, "biz-1")
    assert (kept.seen_by("ada").title, kept.seen_by("bob").title) == ("钉钉卡片", "yours")

    update = m.UpdateRobotInteractiveCardRequest(
        card_biz_id="biz-1",
        card_data=json.dumps(interactive_card.INTERACTIVE_CARD_JSON_SAMPLE_3),
        update_options=m.UpdateRobotInteractiveCardRequestUpdateOptions(update_card_data_by_key=False),
    )
    update_headers = m.UpdateRobotInteractiveCardHeaders(x_acs_dingtalk_access_token=office.token)
    changed = client.update_robot_interactive_card_with_options(update, update_headers, RuntimeOptions()).body
    assert changed.process_query_key == "biz-1"
    assert card(cloud, office, "biz-1").seen_by("ada").title == "钉钉小技巧"


def test_a_robots_card_for_one(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", form="robot")
    body = {
        "cardTemplateId": "StandardCard",
        "cardBizId": "biz-1",
        "robotCode": office.app_key,
        "cardData": json.dumps(STANDARD),
        "singleChatReceiver": '{"userId": "ada"}',
        "sendOptions": {"atAll": True},
    }
    first = office.post(ROBOT_SEND, body)
    assert office.post(ROBOT_SEND, body) == first, "the same card again"
    assert [(each.type, each.at_all) for each in room.said()] == [("card", True)]


def test_a_robots_card_of_another_template_has_parameters(cloud: LocalCloud, office: Office) -> None:
    Room(cloud, office, "ada", form="robot")
    body = {
        "cardTemplateId": "mine.schema",
        "cardBizId": "biz-1",
        "robotCode": office.app_key,
        "cardData": '{"title": "t", "cpu": 95}',
        "singleChatReceiver": '{"userId": "ada"}',
        "userIdPrivateDataMap": '{"ada": "{\\"title\\": \\"yours\\"}"}',
    }
    office.post(ROBOT_SEND, body)
    kept = card(cloud, office, "biz-1")
    assert (kept.data, kept.private) == ({"title": "t", "cpu": "95"}, {"ada": {"title": "yours"}})
    changes = {"cardBizId": "biz-1", "cardData": '{"cpu": "20%"}', "updateOptions": {"updateCardDataByKey": True}}
    office.send("PUT", "/v1.0/im/robots/interactiveCards", changes)
    assert card(cloud, office, "biz-1").data == {"title": "t", "cpu": "20%"}


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"robotCode": "other"}, "invalidParameter.robotCode.auth", "机器人不属于该应用"),
        ({"cardData": "no"}, "param.cardData.invalid", "参数 cardData 不是合法的 JSON 对象"),
        ({"cardData": "[]"}, "param.cardData.invalid", "参数 cardData 不是合法的 JSON 对象"),
        (
            {"singleChatReceiver": "ada"},
            "param.singleChatReceiver.invalid",
            "参数 singleChatReceiver 不是合法的 JSON 对象",
        ),
        ({"singleChatReceiver": '{"userId": "no"}'}, "param.receiver.invalid", "接收者不合法"),
        ({"singleChatReceiver": '{"userId": 1}'}, "param.receiver.invalid", "接收者不合法"),
        ({"singleChatReceiver": ""}, "invalidParameter.openConversationId.empty", "缺少参数 openConversationId"),
        ({"openConversationId": "cidno"}, "invalid.openConversationId", "openConversationId 不存在"),
        ({"callbackUrl": "nowhere"}, "param.callbackUrl.invalid", "callbackUrl 不是合法的地址"),
        (
            {"sendOptions": {"atUserListJson": "{}"}},
            "param.atUserListJson.invalid",
            "参数 atUserListJson 不是合法的 JSON 对象",
        ),
        (
            {"userIdPrivateDataMap": "1"},
            "param.userIdPrivateDataMap.invalid",
            "参数 userIdPrivateDataMap 不是合法的 JSON 对象",
        ),
        ({"cardBizId": "x" * 65}, "param.outTrackId.tooLong", "outTrackId 超过最大长度 64"),
    ],
)
def test_what_is_refused(cloud: LocalCloud, office: Office, changes: dict[str, Any], code: str, message: str) -> None:
    Room(cloud, office, "ada")
    body = {
        "cardTemplateId": "StandardCard",
        "cardBizId": "biz-1",
        "robotCode": office.app_key,
        "cardData": "{}",
        "singleChatReceiver": '{"userId": "ada"}',
        **changes,
    }
    assert office.refused("POST", ROBOT_SEND, body) == (400, code, message)


def test_an_advanced_card(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", "bob")
    client = client_of(cloud)
    asked = m.SendInteractiveCardRequest(
        card_template_id="mine.schema",
        out_track_id="card-1",
        conversation_type=1,
        open_conversation_id=room.id,
        robot_code=office.app_key,
        card_data=m.SendInteractiveCardRequestCardData(card_param_map={"title": "t", "cpu": "95%"}),
        private_data={"bob": m.PrivateDataValue(card_param_map={"title": "yours"})},
        at_open_ids={"ada": "Ada"},
        user_id_type=1,
    )
    headers = m.SendInteractiveCardHeaders(x_acs_dingtalk_access_token=office.token)
    sent = client.send_interactive_card_with_options(asked, headers, RuntimeOptions()).body
    assert sent.success is True
    assert sent.result.process_query_key
    assert [(each.type, each.at) for each in room.said()] == [("card", ("ada",))]
    update = m.UpdateInteractiveCardRequest(
        out_track_id="card-1",
        card_data=m.UpdateInteractiveCardRequestCardData(card_param_map={"cpu": "20%"}),
        card_options=m.UpdateInteractiveCardRequestCardOptions(update_card_data_by_key=True),
    )
    update_headers = m.UpdateInteractiveCardHeaders(x_acs_dingtalk_access_token=office.token)
    changed = client.update_interactive_card_with_options(update, update_headers, RuntimeOptions()).body
    assert changed.success == "true"
    seen = card(cloud, office, "card-1").seen_by("bob")
    assert (seen.title, seen.fields) == ("yours", (("cpu", "20%"),))


def test_an_advanced_card_for_several_people(cloud: LocalCloud, office: Office) -> None:
    Room(cloud, office, "ada", "bob")
    body = {
        "cardTemplateId": "mine.schema",
        "outTrackId": "card-1",
        "conversationType": 0,
        "receiverUserIdList": ["union-ada", "union-bob", "nobody"],
        "userIdType": 2,
        "cardData": {"cardParamMap": {}},
    }
    office.post(SEND, body)
    for userid in ("ada", "bob"):
        assert [each.type for each in Room(cloud, office, userid, form="robot").said()] == ["card"]
    nobody = office.refused("POST", SEND, {**body, "receiverUserIdList": ["no"]})
    assert nobody == (400, "param.receiver.invalid", "接收者不合法")
    odd = office.refused("POST", SEND, {**body, "conversationType": 7})
    assert odd == (400, "param.conversationType.invalid", "conversationType 只能是 0 或 1")
    route = office.refused("POST", SEND, {**body, "callbackRouteKey": "no", "outTrackId": "card-2"})
    assert route == (400, "param.callbackRouteKey.notExist", "callbackRouteKey 未注册")
