"""Robots to people and groups, work notifications, DINGs: sent, read, recalled, refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from alibabacloud_dingtalk.robot_1_0.client import Client
from alibabacloud_dingtalk.robot_1_0.models import (
    BatchOTOQueryHeaders,
    BatchOTOQueryRequest,
    BatchSendOTOHeaders,
    BatchSendOTORequest,
    OrgGroupSendHeaders,
    OrgGroupSendRequest,
)
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

from kowloon.dingtalk.chat.resources import Conversation, Said
from kowloon.dingtalk.sending.sessions import LIFE_S, SessionWebhook
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.contacts.people import department, person
from tests.dingtalk.platform import Office, office_of

TEXT = {"msgKey": "sampleText", "msgParam": '{"content": "告警"}'}
HELLO = {"msgtype": "text", "text": {"content": "hello"}}
DAY_S = 24 * 3600.0


def told(office: Office, userid: str) -> list[Said]:
    """What stands in the conversations of one person."""
    messenger = office.cloud.cloud.dingtalk.messenger

    def body() -> list[Said]:
        mine = messenger.of_member(office.account, userid)
        return [messenger.read(kept) for each in mine for kept in messenger.log.read(each.id)]

    return office.cloud.call(body)


def read_all(office: Office, userid: str) -> None:
    messenger = office.cloud.cloud.dingtalk.messenger

    def body() -> None:
        for each in messenger.of_member(office.account, userid):
            messenger.mark_read(each, userid, messenger.log.last(each.id))

    office.cloud.call(body)


def scene_group(office: Office, *members: str, **fields: Any) -> str:
    body = {"title": "incident", "template_id": "t", "owner_user_id": members[0], "user_ids": ",".join(members)}
    made: str = office.post("/v1.0/im/sceneGroup/create", {**body, **fields})["open_conversation_id"]
    return made


# --- robots ---


def test_a_robot_speaks_to_people_one_by_one(cloud: LocalCloud, office: Office) -> None:
    person(office, "ada"), person(office, "bob")
    client = Client(Config(protocol="http", endpoint=cloud.endpoint))
    token = {"x_acs_dingtalk_access_token": office.token}
    asked = BatchSendOTORequest(
        robot_code=office.app_key,
        user_ids=["ada", "bob", "nobody"],
        msg_key="sampleMarkdown",
        msg_param='{"title": "t", "text": "#### CPU 95%"}',
    )
    sent = client.batch_send_otowith_options(asked, BatchSendOTOHeaders(**token), RuntimeOptions()).body
    assert sent.invalid_staff_id_list == ["nobody"]
    (said,) = told(office, "ada")
    assert (said.type, said.text, said.sender.id) == ("markdown", "#### CPU 95%", office.app_key)
    read_all(office, "ada")
    query = BatchOTOQueryRequest(robot_code=office.app_key, process_query_key=sent.process_query_key)
    status = client.batch_otoquery_with_options(query, BatchOTOQueryHeaders(**token), RuntimeOptions()).body
    assert status.send_status == "SUCCESS"
    rows = {each.user_id: (each.name, each.read_status) for each in status.message_read_info_list}
    assert rows == {"ada": ("Ada", "READ"), "bob": ("Bob", "UNREAD")}
    recall = {"robotCode": office.app_key, "processQueryKeys": [sent.process_query_key, "no"]}
    answer = office.post("/v1.0/robot/otoMessages/batchRecall", recall)
    assert answer == {"successResult": [sent.process_query_key], "failedResult": {"no": "processQueryKey 不存在"}}
    assert [each.recalled for each in told(office, "bob")] == [True]
    assert told(office, "bob")[0].text == ""
    again = office.post("/v1.0/robot/otoMessages/batchRecall", recall)
    assert sorted(again["failedResult"]) == sorted([sent.process_query_key, "no"])


def test_a_robot_speaks_in_its_groups(cloud: LocalCloud, office: Office) -> None:
    person(office, "ada"), person(office, "bob")
    group = scene_group(office, "ada", "bob")
    client = Client(Config(protocol="http", endpoint=cloud.endpoint))
    asked = OrgGroupSendRequest(
        robot_code=office.app_key,
        open_conversation_id=group,
        msg_key=TEXT["msgKey"],
        msg_param=TEXT["msgParam"],
    )
    headers = OrgGroupSendHeaders(x_acs_dingtalk_access_token=office.token)
    key = client.org_group_send_with_options(asked, headers, RuntimeOptions()).body.process_query_key
    read_all(office, "bob")
    query = {"robotCode": office.app_key, "openConversationId": group, "processQueryKey": key}
    status = office.post("/v1.0/robot/groupMessages/query", query)
    assert (status["sendStatus"], status["readUserIds"], status["hasMore"]) == ("SUCCESS", ["bob"], False)
    assert [each["userId"] for each in status["readUsers"]] == ["bob"]
    recall = {"robotCode": office.app_key, "openConversationId": group, "processQueryKeys": [key]}
    assert office.post("/v1.0/robot/groupMessages/recall", recall)["successResult"] == [key]
    assert list(office.post("/v1.0/robot/groupMessages/recall", recall)["failedResult"]) == [key]
    robots = office.post("/v1.0/robot/groups/robots/query", {"openConversationId": group})["chatbotInstanceVOList"]
    assert [each["robotCode"] for each in robots] == [office.app_key]
    other = office_of(cloud)
    asked.robot_code = other.app_key
    headers = OrgGroupSendHeaders(x_acs_dingtalk_access_token=other.token)
    with pytest.raises(TeaException) as refused:
        client.org_group_send_with_options(asked, headers, RuntimeOptions())
    assert (refused.value.code, refused.value.statusCode) == ("resource.unavailable", 400)


def test_what_is_a_day_old_is_not_recalled(cloud: LocalCloud, office: Office) -> None:
    person(office, "ada")
    body = {**TEXT, "robotCode": office.app_key, "userIds": ["ada"]}
    key = office.post("/v1.0/robot/oToMessages/batchSend", body)["processQueryKey"]
    cloud.skip(seconds=DAY_S)
    recall = {"robotCode": office.app_key, "processQueryKeys": [key]}
    assert list(office.post("/v1.0/robot/otoMessages/batchRecall", recall)["failedResult"]) == [key]
    path = f"/v1.0/robot/oToMessages/readStatus?robotCode={office.app_key}&processQueryKey={key}"
    assert office.refused("GET", path)[:2] == (400, "invalidParameter.processQueryKey.invalid")


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        ("oToMessages/batchSend", {"robotCode": ""}, "invalidParameter.robotCode.empty"),
        ("oToMessages/batchSend", {"robotCode": "dingother"}, "invalidParameter.robotCode.auth"),
        ("oToMessages/batchSend", {"userIds": []}, "invalidParameter.userIds.empty"),
        ("oToMessages/batchSend", {"userIds": ["x"] * 21}, "invalidParameter.userIds.overMax"),
        ("oToMessages/batchSend", {"msgKey": ""}, "invalidParameter.msgKey.empty"),
        ("oToMessages/batchSend", {"msgKey": "smoke"}, "invalidParameter.msgKey.invalid"),
        ("oToMessages/batchSend", {"msgParam": "no"}, "invalidParameter.msgParam.invalid"),
        ("groupMessages/send", {"openConversationId": "cidno"}, "invalid.openConversationId"),
        ("privateChatMessages/send", {"openConversationId": "cidno"}, "invalid.openConversationId"),
        ("groupMessages/query", {"openConversationId": "GROUP"}, "invalidParameter.processQueryKey.invalid"),
        ("privateChatMessages/query", {"openConversationId": "GROUP"}, "invalid.openConversationId"),
        ("groupMessages/recall", {"openConversationId": "cidno"}, "invalid.openConversationId"),
        ("privateChatMessages/batchRecall", {"openConversationId": "cidno"}, "invalid.openConversationId"),
        ("otoMessages/batchRecall", {"processQueryKeys": ["x"] * 21}, "invalidParameter.processQueryKeys.overMax"),
        ("groups/robots/query", {"openConversationId": "cidno"}, "invalid.openConversationId"),
        ("ding/send", {"remindType": 4}, "invalidParameter.remindType.invalid"),
        ("ding/send", {"receiverUserIdList": []}, "invalidParameter.receiverUserIdList.empty"),
        ("ding/send", {"receiverUserIdList": ["x"] * 201}, "invalidParameter.receiverUserIdList.overMax"),
        ("ding/send", {"content": ""}, "invalidParameter.content.invalid"),
        ("ding/recall", {"openDingId": "no"}, "invalidParameter.openDingId.invalid"),
        ("ding/readStatuses/query", {"openDingId": "no"}, "invalidParameter.openDingId.invalid"),
    ],
)
def test_robots_refuse(office: Office, path: str, changes: dict[str, Any], code: str) -> None:
    person(office, "ada")
    group = scene_group(office, "ada")
    body: dict[str, Any] = {
        **TEXT,
        "robotCode": office.app_key,
        "userIds": ["ada"],
        "openConversationId": group,
        "processQueryKey": "no",
        "processQueryKeys": ["no"],
        "remindType": 1,
        "receiverUserIdList": ["ada"],
        "content": "wake up",
    }
    body.update({name: group if value == "GROUP" else value for name, value in changes.items()})
    status, found, message = office.refused("POST", f"/v1.0/robot/{path}", body)
    assert (status, found, bool(message)) == (400, code, True)
    assert told(office, "ada") == []


def test_a_ding_insists_and_goes_out_to_no_telephone(office: Office) -> None:
    person(office, "ada")
    body = {"robotCode": office.app_key, "remindType": 3, "receiverUserIdList": ["ada", "no"], "content": "wake up"}
    sent = office.post("/v1.0/robot/ding/send", body)
    assert sent["failedList"] == {"invalidUserIds": ["no"]}
    (said,) = told(office, "ada")
    assert (said.type, said.text, said.body["ding"]["way"]) == ("ding", "wake up", "phone")
    of_ding = {"robotCode": office.app_key, "openDingId": sent["openDingId"]}
    rows = office.post("/v1.0/robot/ding/readStatuses/query", of_ding)["result"]["robotDingReadInfoList"]
    assert rows == [{"userId": "ada", "readStatus": "UNREAD"}]
    assert office.post("/v1.0/robot/ding/recall", of_ding) == {"openDingId": sent["openDingId"]}
    assert told(office, "ada")[0].recalled


# --- work notifications ---


def notify(office: Office, **fields: Any) -> int:
    body = {"agent_id": office.agent_id, "msg": HELLO, **fields}
    made: int = office.post("/topapi/message/corpconversation/asyncsend_v2", body)["task_id"]
    return made


def result(office: Office, task: int) -> dict[str, Any]:
    body = {"agent_id": office.agent_id, "task_id": task}
    found: dict[str, Any] = office.post("/topapi/message/corpconversation/getsendresult", body)["send_result"]
    return found


def test_work_notifications_reach_people_and_departments(office: Office) -> None:
    operations = department(office, "ops")
    databases = department(office, "dba", parent_id=operations)
    person(office, "ada", databases), person(office, "bob"), person(office, "eve")
    task = notify(office, userid_list="bob,nobody", dept_id_list=f"{operations},777")
    assert [told(office, each)[0].text for each in ("ada", "bob")] == ["hello", "hello"]
    assert told(office, "eve") == []
    read_all(office, "ada")
    found = result(office, task)
    assert (found["invalid_user_id_list"], found["invalid_dept_id_list"]) == (["nobody"], [777])
    assert (found["read_user_id_list"], found["unread_user_id_list"]) == (["ada"], ["bob"])
    body = {"agent_id": office.agent_id, "task_id": task}
    progress = office.post("/topapi/message/corpconversation/getsendprogress", body)["progress"]
    assert progress == {"progress_in_percent": 100, "status": 2}
    office.post("/topapi/message/corpconversation/recall", {"agent_id": office.agent_id, "msg_task_id": task})
    assert told(office, "bob")[0].recalled
    again = {"agent_id": office.agent_id, "msg_task_id": task}
    assert office.refused("POST", "/topapi/message/corpconversation/recall", again)[0] == 34008


def test_the_same_content_comes_once_a_day_and_a_form_does(cloud: LocalCloud, office: Office) -> None:
    person(office, "ada")
    notify(office, userid_list="ada")
    url = f"http://{cloud.endpoint}/topapi/message/corpconversation/asyncsend_v2?access_token={office.token}"
    form = {"agent_id": str(office.agent_id), "userid_list": "ada", "msg": json.dumps(HELLO)}
    task = requests.post(url, data=form, timeout=10).json()["task_id"]
    assert len(told(office, "ada")) == 1
    assert result(office, task)["forbidden_list"] == [{"code": "143106", "count": 1, "userid": "ada"}]
    cloud.skip(seconds=DAY_S)
    office._token = ""
    notify(office, userid_list="ada")
    assert len(told(office, "ada")) == 2


def test_everybody_is_told_three_times_a_day(office: Office) -> None:
    person(office, "ada"), person(office, "bob")
    for number in range(3):
        notify(office, to_all_user="true", msg={"msgtype": "text", "text": {"content": str(number)}})
    assert (len(told(office, "ada")), len(told(office, "bob"))) == (3, 3)
    body = {"agent_id": office.agent_id, "msg": HELLO, "to_all_user": True}
    path = "/topapi/message/corpconversation/asyncsend_v2"
    assert office.refused("POST", path, body) == (400005, "", "全员消息每天最多发送 3 次")


def test_the_status_bar_of_a_form_changes(office: Office) -> None:
    person(office, "ada")
    oa = {"message_url": "https://m", "head": {"text": "h"}, "body": {"title": "t"}}
    task = notify(office, userid_list="ada", msg={"msgtype": "oa", "oa": oa})
    path = "/topapi/message/corpconversation/status_bar/update"
    bar = {"agent_id": office.agent_id, "task_id": task, "status_value": "done", "status_bg": "0xFFF65E5E"}
    office.post(path, bar)
    (said,) = told(office, "ada")
    assert said.body["oa"]["status_bar"] == {"status_value": "done", "status_bg": "0xFFF65E5E"}
    plain = notify(office, userid_list="ada")
    assert office.refused("POST", path, {**bar, "task_id": plain})[0] == 34009


@pytest.mark.parametrize(
    ("path", "changes", "errcode"),
    [
        ("asyncsend_v2", {"agent_id": 7}, 40011),
        ("asyncsend_v2", {"userid_list": ""}, 41010),
        ("asyncsend_v2", {"userid_list": ",".join(map(str, range(101)))}, 33014),
        ("asyncsend_v2", {"dept_id_list": ",".join(map(str, range(21)))}, 33014),
        ("asyncsend_v2", {"msg": {"msgtype": "smoke"}}, 400105),
        ("asyncsend_v2", {"msg": "{"}, 40035),
        ("getsendprogress", {"task_id": 7}, 34007),
        ("getsendresult", {"task_id": 7}, 34007),
        ("getsendresult", {"agent_id": 7, "task_id": 7}, 40011),
        ("recall", {"msg_task_id": 7}, 34007),
        ("status_bar/update", {"task_id": 7}, 34007),
    ],
)
def test_work_notifications_refuse(office: Office, path: str, changes: dict[str, Any], errcode: int) -> None:
    person(office, "ada")
    body = {"agent_id": office.agent_id, "msg": HELLO, "userid_list": "ada", "status_value": "x", **changes}
    assert office.refused("POST", f"/topapi/message/corpconversation/{path}", body)[0] == errcode
    assert told(office, "ada") == []


# --- who may ---


def test_nothing_of_another_application_or_organisation_is_there(cloud: LocalCloud, office: Office) -> None:
    person(office, "ada")
    group = scene_group(office, "ada")
    to_ada = {**TEXT, "robotCode": office.app_key, "userIds": ["ada"]}
    one = office.post("/v1.0/robot/oToMessages/batchSend", to_ada)["processQueryKey"]
    in_group = {**TEXT, "robotCode": office.app_key, "openConversationId": group}
    other_key = office.post("/v1.0/robot/groupMessages/send", in_group)["processQueryKey"]
    task = notify(office, userid_list="ada")
    for stranger in (office_of(cloud), office_of(cloud, cloud.as_account("stranger").account_id)):
        mine = {"robotCode": stranger.app_key}
        recalled = stranger.post("/v1.0/robot/otoMessages/batchRecall", {**mine, "processQueryKeys": [one, other_key]})
        assert recalled["successResult"] == []
        path = f"/v1.0/robot/oToMessages/readStatus?robotCode={stranger.app_key}&processQueryKey={one}"
        assert stranger.refused("GET", path)[1] == "invalidParameter.processQueryKey.invalid"
        query = {**mine, "openConversationId": group, "processQueryKey": other_key}
        assert stranger.refused("POST", "/v1.0/robot/groupMessages/query", query)[0] == 400
        of_task = {"agent_id": stranger.agent_id, "task_id": task}
        assert stranger.refused("POST", "/topapi/message/corpconversation/getsendresult", of_task)[0] == 34007
    sent = office_of(cloud, cloud.as_account("stranger").account_id)
    answer = sent.post("/v1.0/robot/oToMessages/batchSend", {**to_ada, "robotCode": sent.app_key})
    assert answer["invalidStaffIdList"] == ["ada"]
    assert [each.recalled for each in told(office, "ada")] == [False, False, False]


@pytest.mark.parametrize(
    "path",
    [
        "oToMessages/batchSend",
        "otoMessages/batchRecall",
        "groupMessages/send",
        "groupMessages/query",
        "groupMessages/recall",
        "ding/send",
        "ding/recall",
    ],
)
def test_scopes_are_asked_for(cloud: LocalCloud, office: Office, path: str) -> None:
    limited = office_of(cloud, scopes=["nothing"])
    answer = limited.answer("POST", f"/v1.0/robot/{path}", {})
    assert answer["code"] == "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    assert answer["accessdenieddetail"]["requiredScopes"][0] in ("qyapi_robot_sendmsg", "Robot.DING.Send")


def test_what_is_said_to_people_is_not_in_the_audit(office: Office) -> None:
    person(office, "lin")
    to_lin = {"robotCode": office.app_key, "userIds": ["lin"]}
    office.post(
        "/v1.0/robot/oToMessages/batchSend", {**to_lin, "msgKey": "sampleText", "msgParam": '{"content": "4711"}'}
    )
    notice = {
        "agent_id": office.agent_id,
        "userid_list": "lin",
        "msg": {"msgtype": "text", "text": {"content": "4712"}},
    }
    office.post("/topapi/message/corpconversation/asyncsend_v2", notice)
    card = {"cardTemplateId": "t", "outTrackId": "card-1", "cardData": {"cardParamMap": {"title": "4713"}}}
    office.post("/v1.0/card/instances", card)
    audit = office.cloud.cloud.audit

    async def rows() -> list[dict[str, Any]]:
        await audit.catch_up()
        return [json.loads(row.body) for row in audit.index.read_from(office.account, 0, 1000)]

    found = [each for each in office.cloud.run(rows()) if "471" in json.dumps(each.get("requestParameters"))]
    assert found == []
    asked = [each for each in office.cloud.run(rows()) if each["eventName"].endswith("/batchSend")]
    assert [each["requestParameters"]["userIds"] for each in asked] == [["lin"]]


def test_session_webhooks_that_have_ended_go(office: Office) -> None:
    cloud = office.cloud.cloud
    person(office, "lin")
    body = {"robotCode": office.app_key, "userIds": ["lin"], **TEXT}
    office.post("/v1.0/robot/oToMessages/batchSend", body)
    (conversation,) = [each for each in cloud.store.list(Conversation) if each.form == "robot"]
    for _ in range(3):
        office.cloud.run(cloud.dingtalk.session_webhooks.open(conversation, office.app_key))
        office.cloud.skip(seconds=LIFE_S + 1)
    assert len(office.cloud.call(lambda: cloud.store.list(SessionWebhook))) == 1
