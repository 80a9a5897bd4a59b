"""Bodies that are JSON and yet nothing that could be kept, told or read again: refused, and nobody else is kept from
anything."""

from __future__ import annotations

import pytest
import requests

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.page.people import Chats
from tests.dingtalk.platform import Office

HUGE = 10**30


def _robot(cloud: LocalCloud, group: str, **settings: object) -> str:
    """Its webhook's address."""
    made = requests.post(
        f"http://{cloud.endpoint}/_kowloon/dingtalk/robots",
        json={"name": "alarms", "group": group, **settings},
        headers={"Authorization": f"Bearer {cloud.cloud.identity.admin_token}"},
        timeout=30,
    )
    assert made.status_code == 201, made.text
    return f"http://{cloud.endpoint}{made.json()['webhook']}"


def _nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    "more",
    [*[f'"n": {_nested(levels)}' for levels in (65, 500, 960, 980, 990, 2000)], f'"n": {HUGE}', '"n": "\udc80"'],
    ids=["65", "500", "960", "980", "990", "2000", "number", "no-text"],
)
def test_no_message_keeps_a_conversation_from_being_read(office: Office, more: str) -> None:
    """What was decoded in few calls cannot be decoded again in many."""
    chats = Chats(office.cloud)
    mei = chats.person("mei")
    group = chats.group(mei, chats.person("omar"))
    body = f'{{"msgtype": "text", "text": {{"content": "alarm"}}, {more}}}'.encode("utf-8", "surrogateescape")
    answer = requests.post(
        _robot(office.cloud, group, keywords=["alarm"]),
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()) == (200, {"errcode": 40035, "errmsg": "缺少参数 json"})
    assert mei.get(f"conversations/{group}/messages")["messages"] == []
    assert mei.conversation(group)["last"] is None


@pytest.mark.parametrize("timestamp", ["²", "1" * 17, "", "x"])
def test_a_time_that_is_none(office: Office, timestamp: str) -> None:
    address = _robot(office.cloud, "ops", signed=True)
    answer = requests.post(address, params={"timestamp": timestamp, "sign": "x"}, json={"msgtype": "text"}, timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"errcode": 310000, "errmsg": "invalid timestamp"})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/topapi/v2/user/create", {"name": "x", "dept_id_list": [1], "hired_date": HUGE}),
        ("/topapi/v2/department/create", {"name": "x", "order": HUGE}),
        ("/topapi/message/corpconversation/asyncsend_v2", {"agent_id": 1, "msg": {"msgtype": HUGE}}),
    ],
)
def test_numbers_that_nobody_could_write_down(office: Office, path: str, body: dict[str, object]) -> None:
    assert office.refused("POST", path, body) == (40035, "", "缺少参数 json")
    assert office.post("/topapi/v2/department/listsub", {})["result"] == []


def test_numbers_in_texts(office: Office) -> None:
    for field in ("order", "dept_permits"):
        query = {"access_token": office.token, "name": "x", field: str(HUGE)}
        answer = requests.post(f"http://{office.cloud.endpoint}/topapi/v2/department/create", query, timeout=30).json()
        assert (answer["errcode"], answer["errmsg"]) == (40035, f"不合法的参数 {field}")
    assert office.post("/topapi/v2/department/listsub", {})["result"] == []


def test_newer_calls_refuse_what_lies_too_deep(office: Office) -> None:
    body = f'{{"queryWord": "a", "offset": 0, "size": 1, "n": {_nested(600)}}}'.encode()
    assert office.refused("POST", "/v1.0/contact/users/search", body) == (400, "InvalidRequestBody", "缺少参数 json")


@pytest.mark.parametrize("token", ["²", "9" * 5000, "x", "-1"])
def test_a_page_that_nobody_gave_is_the_first(office: Office, token: str) -> None:
    chats = Chats(office.cloud)
    group = chats.group(chats.person("mei"), chats.person("omar"), robots=(office.app_key,))
    asked = {"openConversationId": group, "nextToken": token}
    page = office.post("/v1.0/im/sceneGroups/members/batchQuery", asked)
    assert page["memberUserIds"] == ["mei", "omar"]
    param = {"robotCode": office.app_key, "openConversationId": group}
    sent = office.post(
        "/v1.0/robot/groupMessages/send", {**param, "msgKey": "sampleText", "msgParam": '{"content": "x"}'}
    )
    asked = {**param, "processQueryKey": sent["processQueryKey"], "nextToken": token}
    assert office.post("/v1.0/robot/groupMessages/query", asked)["readUserIds"] == []


@pytest.mark.parametrize("form", [5, None, [1], "x"])
def test_rows_that_are_none(office: Office, form: object) -> None:
    Chats(office.cloud).person("mei")
    msg = {"msgtype": "oa", "oa": {"message_url": "x", "head": {}, "body": {"form": form, "title": "told"}}}
    asked = {"agent_id": office.agent_id, "userid_list": "mei", "msg": msg}
    assert office.post("/topapi/message/corpconversation/asyncsend_v2", asked)["task_id"] > 0


def test_nobody_has_read_what_was_not_said(office: Office) -> None:
    chats = Chats(office.cloud)
    mei, omar = chats.person("mei"), chats.person("omar")
    group = chats.group(mei, omar)
    with mei.live() as at_mei, omar.live() as at_omar:
        first = at_omar.say(group, "hello")
        for sequence in (HUGE, 2**62):
            at_mei.send({"type": "read", "conversation": group, "sequence": sequence})
        marks: dict[str, list[float]] = {}
        while marks.keys() != {"mei", "omar"}:
            marks |= at_omar.hear("read")["marks"]
        assert [read for read, _ in marks.values()] == [first["sequence"]] * 2


LARGE = 8 * 1024 * 1024 - 1024
TOO_LARGE = (400, "InvalidRequestBody", "缺少参数 json")


def test_nobody_reads_for_seconds_what_a_stranger_sends(office: Office) -> None:
    address = f"http://{office.cloud.endpoint}"
    form, body = b"a=1&" * (LARGE // 4), b'{"a":[' + b"[]," * (LARGE // 3 - 10) + b"[]]}"
    is_form, is_json = {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "application/json"}
    for data in (form, b"a=1&" * 1_100):
        answer = requests.post(f"{address}/gettoken", data=data, headers=is_form, timeout=30).json()
        assert (answer["errcode"], answer["errmsg"]) == (40035, "缺少参数 json")
    answer = requests.get(f"{address}/gettoken?{'a=1&' * 1_100}", timeout=30).json()
    assert (answer["errcode"], answer["errmsg"]) == (40035, "缺少参数 json")
    response = requests.post(f"{address}/v1.0/oauth2/accessToken", data=body, headers=is_json, timeout=30)
    assert (response.status_code, response.json()["code"], response.json()["message"]) == TOO_LARGE
    answer = requests.post(f"{address}/robot/send?access_token=x", data=body, headers=is_json, timeout=30).json()
    assert (answer["errcode"], answer["errmsg"]) == (40035, "缺少参数 json")
    response = requests.post(f"{address}/oauth2/auth", data=form, headers=is_form, timeout=30)
    assert (response.status_code, "too old" in response.text) == (400, True)
    mei = Chats(office.cloud).person("mei")
    asked = {"title": "x", "members": ["mei"] * 100_000}
    refused = (413, "BodyTooLarge", "A call of the page has 327680 bytes at most.")
    assert mei.refused("POST", "conversations", asked) == refused
