"""Cards by the official client: made, delivered, changed, streamed to."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_dingtalk.card_1_0 import models as m
from alibabacloud_dingtalk.card_1_0.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from kowloon.core import limits
from kowloon.dingtalk.cards.resources import Card
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office, office_of
from tests.dingtalk.stream.rooms import Room
from tests.helpers import refused

MARKDOWN = "589420e2-c1e2-46ef-a5ed-b8728e654da9.schema"
AI = "382e4302-551d-4880-bf29-a30acfab2e71.schema"


def client_of(cloud: LocalCloud) -> Client:
    return Client(Config(protocol="http", endpoint=cloud.endpoint))


def create(office: Office, track: str = "alarm-1", **changes: Any) -> dict[str, Any]:
    body = {
        "cardTemplateId": MARKDOWN,
        "outTrackId": track,
        "cardData": {"cardParamMap": {"title": "CPU", "markdown": "95%"}},
        "callbackType": "STREAM",
        **changes,
    }
    return office.post("/v1.0/card/instances", body)


def deliver(office: Office, space: str, track: str = "alarm-1", **changes: Any) -> list[dict[str, Any]]:
    body = {"outTrackId": track, "openSpaceId": f"dtv1.card//{space}", "userIdType": 1, **changes}
    rows: list[dict[str, Any]] = office.post("/v1.0/card/instances/deliver", body)["result"]
    return rows


def card(cloud: LocalCloud, office: Office, track: str = "alarm-1") -> Card:
    found = cloud.call(lambda: cloud.cloud.dingtalk.parts.cards.find(office.account, track))
    assert found is not None
    return found


def test_one_that_is_made_and_delivered_at_once(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada", "bob")
    asked = m.CreateAndDeliverRequest(
        card_template_id=MARKDOWN,
        out_track_id="alarm-1",
        callback_type="STREAM",
        card_data=m.CreateAndDeliverRequestCardData(card_param_map={"title": "CPU", "markdown": "95%"}),
        open_space_id=f"dtv1.card//IM_GROUP.{room.id};IM_ROBOT.bob",
        im_group_open_space_model=m.CreateAndDeliverRequestImGroupOpenSpaceModel(support_forward=True),
        im_group_open_deliver_model=m.CreateAndDeliverRequestImGroupOpenDeliverModel(
            robot_code=office.app_key, at_user_ids={"ada": "Ada", "nobody": "x"}, recipients=["ada"]
        ),
        im_robot_open_deliver_model=m.CreateAndDeliverRequestImRobotOpenDeliverModel(space_type="IM_ROBOT"),
        private_data={"ada": m.PrivateDataValue(card_param_map={"title": "yours"})},
        user_id_type=1,
    )
    headers = m.CreateAndDeliverHeaders(x_acs_dingtalk_access_token=office.token)
    body = client_of(cloud).create_and_deliver_with_options(asked, headers, RuntimeOptions()).body
    assert (body.success, body.result.out_track_id) == (True, "alarm-1")
    rows = body.result.deliver_results
    assert [(row.space_type, row.space_id, row.success, row.error_msg) for row in rows] == [
        ("IM_GROUP", room.id, True, ""),
        ("IM_ROBOT", "bob", True, ""),
    ]
    (said,) = room.said()
    assert (said.type, said.title, said.text, said.at) == ("card", "CPU", "95%", ("ada",))
    assert said.body == {
        "msgtype": "card",
        "outTrackId": "alarm-1",
        "cardTemplateId": MARKDOWN,
        "recipients": ["ada"],
    }
    assert rows[0].carrier_id
    own = Room(cloud, office, "bob", form="robot")
    assert [each.type for each in own.said()] == ["card"]
    kept = card(cloud, office)
    assert (kept.seen_by("ada").title, kept.seen_by("bob").title) == ("yours", "CPU")
    again = client_of(cloud).create_and_deliver_with_options(asked, headers, RuntimeOptions()).body
    assert [row.carrier_id for row in again.result.deliver_results] == [row.carrier_id for row in rows]
    assert len(room.said()) == 1


def test_everybody_is_notified(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada")
    create(office)
    deliver(office, f"IM_GROUP.{room.id}", imGroupOpenDeliverModel={"atUserIds": {"@ALL": "@ALL"}})
    assert room.said()[0].at_all


def test_people_by_union_ids(cloud: LocalCloud, office: Office) -> None:
    Room(cloud, office, "ada")
    private = {"union-ada": {"cardParamMap": {"title": "yours"}}}
    create(office, userIdType=2, privateData=private)
    assert card(cloud, office).private == {"ada": {"title": "yours"}}
    assert deliver(office, "IM_ROBOT.union-ada", userIdType=2)[0]["success"]
    assert [each.type for each in Room(cloud, office, "ada", form="robot").said()] == ["card"]


def test_changes_by_key_and_whole(cloud: LocalCloud, office: Office) -> None:
    room = Room(cloud, office, "ada")
    create(office)
    deliver(office, f"IM_GROUP.{room.id}")
    told: list[tuple[Conversation, dict[str, Any]]] = []
    cloud.call(
        lambda: cloud.cloud.dingtalk.messenger.listen_to_changes(
            lambda conversation, change: told.append((conversation, change))
        )
    )
    headers = m.UpdateCardHeaders(x_acs_dingtalk_access_token=office.token)

    def update(by_key: bool, **data: str) -> None:
        asked = m.UpdateCardRequest(
            out_track_id="alarm-1",
            card_data=m.UpdateCardRequestCardData(card_param_map=data),
            card_update_options=m.UpdateCardRequestCardUpdateOptions(
                update_card_data_by_key=by_key, update_private_data_by_key=by_key
            ),
            private_data={"ada": m.PrivateDataValue(card_param_map=data)},
        )
        body = client_of(cloud).update_card_with_options(asked, headers, RuntimeOptions()).body
        assert (body.success, body.result) == (True, True)

    update(True, tips="now")
    assert card(cloud, office).data == {"title": "CPU", "markdown": "95%", "tips": "now"}
    update(True, markdown="20%")
    assert card(cloud, office).private == {"ada": {"tips": "now", "markdown": "20%"}}
    update(False, title="done")
    kept = card(cloud, office)
    assert (kept.data, kept.private) == ({"title": "done"}, {"ada": {"title": "done"}})
    assert [change["data"]["markdown"] for _, change in told] == ["95%", "20%", ""]
    conversation, change = told[-1]
    assert conversation.id == room.id
    assert (change["change"], change["out_track_id"], change["private"]) == ("card", "alarm-1", ["ada"])


def test_a_stream_of_pieces(cloud: LocalCloud, office: Office) -> None:
    create(office, cardTemplateId=AI, cardData={"cardParamMap": {"flowStatus": 1}})
    headers = m.StreamingUpdateHeaders(x_acs_dingtalk_access_token=office.token)

    def stream(guid: str, content: str, **flags: bool) -> tuple[str, str]:
        asked = m.StreamingUpdateRequest(out_track_id="alarm-1", guid=guid, key="msgContent", content=content, **flags)
        body = client_of(cloud).streaming_update_with_options(asked, headers, RuntimeOptions()).body
        assert (body.success, body.result) == (True, True)
        seen = card(cloud, office).seen_by()
        return seen.markdown, seen.status

    assert card(cloud, office).seen_by().status == "processing"
    assert stream("1", "one", is_full=True) == ("one", "inputting")
    assert stream("2", " two", is_full=False) == ("one two", "inputting")
    assert stream("2", " two", is_full=False) == ("one two", "inputting"), "the same piece again"
    assert stream("3", "all", is_full=True, is_finalize=True) == ("all", "finished")
    create(office, "other", cardTemplateId=AI, cardData={"cardParamMap": {"flowStatus": "1"}})
    office.send(
        "PUT", "/v1.0/card/streaming", {"outTrackId": "other", "guid": "1", "key": "k", "content": "", "isError": True}
    )
    assert card(cloud, office, "other").seen_by().status == "failed"


def test_values_that_are_no_texts_become_some(cloud: LocalCloud, office: Office) -> None:
    create(office, cardData={"cardParamMap": {"a": 1, "b": True, "c": {"d": []}, "e": None, "f": "g"}})
    assert card(cloud, office).data == {"a": "1", "b": "true", "c": '{"d":[]}', "f": "g"}


def test_the_same_track_is_the_same_card(cloud: LocalCloud, office: Office) -> None:
    assert create(office)["result"] == "alarm-1"
    assert create(office, cardData={"cardParamMap": {"title": "another"}})["result"] == "alarm-1"
    assert card(cloud, office).data["title"] == "CPU"
    other = office_of(cloud)
    body = {"cardTemplateId": MARKDOWN, "outTrackId": "alarm-1", "cardData": {"cardParamMap": {}}}
    taken = other.refused("POST", "/v1.0/card/instances", body)
    assert taken == (400, "param.outTrackId.exists", "outTrackId 已被其他应用使用")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("IM_GROUP.cidnone==", "openConversationId 不存在"),
        ("IM_ROBOT.nobody", "接收者不合法"),
        ("IM_SINGLE.cidnone==", "openConversationId 不存在"),
        ("ONE_BOX.cidnone==", "The space ONE_BOX is not built in Kowloon."),
    ],
)
def test_places_that_do_not_take_it(cloud: LocalCloud, office: Office, space: str, message: str) -> None:
    room = Room(cloud, office, "ada")
    create(office)
    bad, good = deliver(office, f"{space};IM_GROUP.{room.id}")
    assert (bad["success"], bad["errorMsg"]) == (False, message)
    assert good["success"] is True


def test_a_group_that_its_robot_is_not_in(cloud: LocalCloud, office: Office) -> None:
    other = office_of(cloud)
    room = Room(cloud, other, "ada")
    create(office)
    assert deliver(office, f"IM_GROUP.{room.id}")[0]["errorMsg"] == "机器人不在该群中"
    named = {"robotCode": other.app_key}
    row = deliver(office, f"IM_GROUP.{room.id}", imGroupOpenDeliverModel=named)[0]
    assert row["errorMsg"] == "机器人不属于该应用"


CREATE = {"cardTemplateId": "t", "outTrackId": "x", "cardData": {"cardParamMap": {}}}


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "message"),
    [
        ("POST", "", {**CREATE, "outTrackId": ""}, "param.outTrackId.tooLong", "outTrackId 超过最大长度 64"),
        ("POST", "", {**CREATE, "outTrackId": "x" * 65}, "param.outTrackId.tooLong", "outTrackId 超过最大长度 64"),
        (
            "POST",
            "",
            {**CREATE, "callbackType": "SMS"},
            "param.callbackType.invalid",
            "callbackType 只能是 STREAM 或 HTTP",
        ),
        ("POST", "", {**CREATE, "callbackType": "HTTP"}, "param.callbackRouteKey.notExist", "callbackRouteKey 未注册"),
        (
            "POST",
            "",
            {**CREATE, "callbackType": "HTTP", "callbackRouteKey": "no"},
            "param.callbackRouteKey.notExist",
            "callbackRouteKey 未注册",
        ),
        (
            "POST",
            "",
            {**CREATE, "cardData": {"cardParamMap": {"a": "x" * 131_072}}},
            "param.cardData.tooLong",
            "卡片数据超过最大长度 131072 字节",
        ),
        ("POST", "", {"outTrackId": "x"}, "invalidParameter.cardTemplateId.empty", "缺少参数 cardTemplateId"),
        ("POST", "", {**CREATE, "cardData": 1}, "invalidParameter.cardData.invalid", "不合法的参数 cardData"),
        (
            "POST",
            "/createAndDeliver",
            {**CREATE, "openSpaceId": "nowhere"},
            "param.openSpaceId.invalid",
            "openSpaceId 不合法",
        ),
        ("POST", "/createAndDeliver", CREATE, "invalidParameter.openSpaceId.empty", "缺少参数 openSpaceId"),
        ("POST", "/deliver", {"outTrackId": "no", "openSpaceId": "IM_ROBOT.a"}, "param.cardNotExist", "卡片不存在"),
        ("PUT", "", {"outTrackId": "no"}, "param.cardNotExist", "卡片不存在"),
        ("PUT", "", {}, "invalidParameter.outTrackId.empty", "缺少参数 outTrackId"),
    ],
)
def test_what_is_refused(office: Office, method: str, path: str, body: dict[str, Any], code: str, message: str) -> None:
    assert office.refused(method, f"/v1.0/card/instances{path}", body) == (400, code, message)


def test_a_refusal_through_the_client(cloud: LocalCloud, office: Office) -> None:
    asked = m.UpdateCardRequest(out_track_id="no")
    headers = m.UpdateCardHeaders(x_acs_dingtalk_access_token=office.token)
    refused(
        lambda: client_of(cloud).update_card_with_options(asked, headers, RuntimeOptions()),
        "param.cardNotExist",
        "卡片不存在",
        400,
    )


def test_the_oldest_of_too_many_go(cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DINGTALK_RECORDS", 2)
    for place in range(3):
        create(office, f"card-{place}")
    kept = cloud.call(lambda: [each.track for each in cloud.cloud.store.list(Card)])
    assert kept == ["card-1", "card-2"]


STREAMING = {"outTrackId": "x", "guid": "1", "key": "k", "content": "c"}
ROUTE = {"callbackRouteKey": "r", "callbackUrl": "http://127.0.0.1:9/"}
ROBOT_CARD = {"cardTemplateId": "StandardCard", "cardBizId": "x", "robotCode": "r", "cardData": "{}"}
ADVANCED = {**CREATE, "conversationType": 1, "openConversationId": "cid"}
CALLS = [
    ("POST", "/v1.0/card/instances", CREATE, "Card.Instance.Write"),
    ("POST", "/v1.0/card/instances/deliver", {"outTrackId": "x", "openSpaceId": "IM_ROBOT.a"}, "Card.Instance.Write"),
    ("POST", "/v1.0/card/instances/createAndDeliver", {**CREATE, "openSpaceId": "IM_ROBOT.a"}, "Card.Instance.Write"),
    ("PUT", "/v1.0/card/instances", {"outTrackId": "x"}, "Card.Instance.Write"),
    ("PUT", "/v1.0/card/streaming", STREAMING, "Card.Streaming.Write"),
    ("POST", "/v1.0/card/callbacks/register", ROUTE, "Card.Instance.Write"),
    ("POST", "/v1.0/im/v1.0/robot/interactiveCards/send", ROBOT_CARD, "qyapi_robot_sendmsg"),
    ("PUT", "/v1.0/im/robots/interactiveCards", {"cardBizId": "x"}, "qyapi_robot_sendmsg"),
    ("POST", "/v1.0/im/interactiveCards/send", ADVANCED, "Card.Instance.Write"),
    ("PUT", "/v1.0/im/interactiveCards", {"outTrackId": "x"}, "Card.Instance.Write"),
]


@pytest.mark.parametrize(("method", "path", "body", "scope"), CALLS)
def test_tokens_and_scopes(
    cloud: LocalCloud, office: Office, method: str, path: str, body: dict[str, Any], scope: str
) -> None:
    assert office.refused(method, path, body, token="no")[:2] == (400, "InvalidAuthentication")
    assert office.refused(method, path, body, token="")[:2] == (400, "AuthenticationFailed.MissingParameter")
    poor = office_of(cloud, scopes=["other"])
    answer = poor.answer(method, path, body)
    assert answer["code"] == "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    assert answer["accessdenieddetail"] == {"requiredScopes": [scope]}


@pytest.mark.parametrize("same_organisation", [True, False])
def test_cards_of_others_are_as_good_as_absent(cloud: LocalCloud, office: Office, same_organisation: bool) -> None:
    room = Room(cloud, office, "ada")
    create(office)
    account = "" if same_organisation else cloud.as_account("other").account_id
    other = office_of(cloud, account=account)
    absent = (400, "param.cardNotExist", "卡片不存在")
    space = {"openSpaceId": f"IM_GROUP.{room.id}"}
    assert other.refused("POST", "/v1.0/card/instances/deliver", {"outTrackId": "alarm-1", **space}) == absent
    assert other.refused("PUT", "/v1.0/card/instances", {"outTrackId": "alarm-1"}) == absent
    assert other.refused("PUT", "/v1.0/card/streaming", {**STREAMING, "outTrackId": "alarm-1"}) == absent
    assert other.refused("PUT", "/v1.0/im/robots/interactiveCards", {"cardBizId": "alarm-1"}) == absent
    assert other.refused("PUT", "/v1.0/im/interactiveCards", {"outTrackId": "alarm-1"}) == absent
    if not same_organisation:
        rows = other.post("/v1.0/card/instances/createAndDeliver", {**CREATE, **space})["result"]["deliverResults"]
        assert rows[0]["errorMsg"] == "openConversationId 不存在"
        rows = other.post("/v1.0/card/instances/createAndDeliver", {**CREATE, "openSpaceId": "IM_ROBOT.ada"})
        assert rows["result"]["deliverResults"][0]["errorMsg"] == "接收者不合法"
