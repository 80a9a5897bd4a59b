"""Events by HTTP: the address is checked, what goes there is encrypted, signed, tried again and at last put aside."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from kowloon.core.events import RequestEvent
from kowloon.dingtalk.outbox import FailedEvent
from kowloon.dingtalk.plane import NODE
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office, office_of
from tests.dingtalk.push.receiver import Receiver, Subscriber
from tests.dingtalk.stream.client import EVENTS, StreamClient
from tests.dingtalk.stream.test_events import department, pending
from tests.helpers import eventually

TAGS = ["org_dept_create", "org_dept_remove"]


def callback(receiver: Receiver, subscriber: Subscriber, **changes: Any) -> dict[str, Any]:
    return {
        "call_back_tag": TAGS,
        "token": subscriber.token,
        "aes_key": subscriber.aes_key,
        "url": f"{receiver.url}/events",
        **changes,
    }


@pytest.mark.parametrize("line_breaks", [False, True])
def test_an_address_is_checked_and_then_hears_of_events(cloud: LocalCloud, office: Office, line_breaks: bool) -> None:
    subscriber = Subscriber(line_breaks=line_breaks)
    with Receiver(subscriber.answer) as receiver:
        office.post("/call_back/register_call_back", callback(receiver, subscriber))
        assert subscriber.events == [{"EventType": "check_url"}]
        assert receiver.posted[0].path == "/events"
        kept = office.answer("GET", "/call_back/get_call_back")
        assert {name: kept[name] for name in ("token", "aes_key", "url")} == {
            "token": subscriber.token,
            "aes_key": subscriber.aes_key,
            "url": f"{receiver.url}/events",
        }
        assert kept["call_back_tag"] == TAGS
        numbers = [department(office, name) for name in ("a", "b")]
        eventually(lambda: len(subscriber.events) == 3)
        told = subscriber.events[1]
        assert (told["EventType"], told["CorpId"], told["DeptId"]) == ("org_dept_create", office.corp_id, numbers[:1])
        assert told["TimeStamp"].isdigit()
        assert subscriber.events[2]["DeptId"] == numbers[1:]
        assert subscriber.owners == {office.corp_id}
        eventually(lambda: not pending(cloud))
        person = {"userid": "ada", "name": "Ada", "dept_id_list": "1"}
        office.post("/topapi/v2/user/create", person)
        assert not pending(cloud), "nobody asked for that one"


def test_keys_are_in_no_record(cloud: LocalCloud, office: Office) -> None:
    told: list[RequestEvent] = []
    cloud.call(lambda: cloud.cloud.bus.subscribe(told.append, RequestEvent))
    subscriber = Subscriber()
    with Receiver(subscriber.answer) as receiver:
        office.post("/call_back/register_call_back", callback(receiver, subscriber))
    (event,) = [each for each in told if each.action == "POST /call_back/register_call_back"]
    assert (event.principal_id, event.account) == (office.app_key, office.account)
    assert event.parameters["url"] == f"{receiver.url}/events"
    for secret in (subscriber.token, subscriber.aes_key, office.token):
        assert secret not in str(event.parameters)


def test_it_is_changed_and_removed(cloud: LocalCloud, office: Office) -> None:
    first, second = Subscriber(), Subscriber(token="another9")
    with Receiver(first.answer) as old, Receiver(second.answer) as new:
        missing = (71007, "", "回调地址已不存在")
        assert office.refused("GET", "/call_back/get_call_back") == missing
        assert office.refused("POST", "/call_back/update_call_back", callback(new, second)) == missing
        assert office.refused("GET", "/call_back/delete_call_back") == missing
        office.post("/call_back/register_call_back", callback(old, first))
        again = office.refused("POST", "/call_back/register_call_back", callback(new, second))
        assert again == (71006, "", "回调地址已经存在")
        office.post("/call_back/update_call_back", callback(new, second, call_back_tag=["org_dept_remove"]))
        number = department(office, "a")
        office.post("/topapi/v2/department/delete", {"dept_id": number})
        eventually(lambda: [each["EventType"] for each in second.events] == ["check_url", "org_dept_remove"])
        assert len(first.events) == 1
        office.answer("GET", "/call_back/delete_call_back")
        assert office.refused("GET", "/call_back/get_call_back") == missing


@pytest.mark.parametrize(
    ("changes", "errcode", "message"),
    [
        ({"call_back_tag": []}, 71010, "POST的JSON数据不包含所需要的参数字段或包含的参数格式非法: call_back_tag"),
        ({"call_back_tag": ["no_such_event"]}, 71008, "回调call_back_tag必须在指定的call_back_tag列表中"),
        ({"token": "short"}, 71010, "POST的JSON数据不包含所需要的参数字段或包含的参数格式非法: token"),
        ({"token": "a" * 65}, 71010, "POST的JSON数据不包含所需要的参数字段或包含的参数格式非法: token"),
        ({"aes_key": "a" * 42}, 71010, "POST的JSON数据不包含所需要的参数字段或包含的参数格式非法: aes_key"),
        ({"url": "ftp://127.0.0.1/"}, 71011, "传入的url参数不是合法的url格式"),
        ({"url": ""}, 71011, "传入的url参数不是合法的url格式"),
        ({"url": "http://127.0.0.1:1/"}, 71012, "url地址访问异常,错误原因为:no answer"),
        ({"url": "http://100.100.100.200/"}, 71012, "is not an address that may be called"),
    ],
)
def test_fields_that_are_refused(office: Office, changes: dict[str, Any], errcode: int, message: str) -> None:
    subscriber = Subscriber()
    with Receiver(subscriber.answer) as receiver:
        asked = callback(receiver, subscriber, **changes)
        refused = office.refused("POST", "/call_back/register_call_back", asked)
        assert refused[0] == errcode
        assert message in refused[2]
        assert not receiver.posted


def test_addresses_that_do_not_answer_as_they_should(office: Office) -> None:
    subscriber = Subscriber(says="failure")

    def register() -> str:
        with Receiver(subscriber.answer) as receiver:
            errcode, _, message = office.refused(
                "POST", "/call_back/register_call_back", callback(receiver, subscriber)
            )
            assert errcode == 71009
            return message

    assert register() == "返回文本非success: it answered 'failure', not 'success'"
    subscriber.says = "success"
    subscriber.sign_with("another")
    assert register() == "返回文本非success: its answer is not signed with the token"
    subscriber.takes = False
    assert register() == "返回文本非success: it answered 500"
    assert office.refused("GET", "/call_back/get_call_back")[0] == 71007


def test_an_event_is_tried_three_times_and_put_aside(cloud: LocalCloud, office: Office) -> None:
    subscriber = Subscriber()
    with Receiver(subscriber.answer) as receiver:
        office.post("/call_back/register_call_back", callback(receiver, subscriber))
        subscriber.takes = False
        number = department(office, "a")
        for tries in (1, 2):
            eventually(lambda tries=tries: [each.tries for each in pending(cloud)] == [tries])  # type: ignore[misc]
            cloud.skip(seconds=10.5)
        eventually(lambda: cloud.call(lambda: cloud.cloud.store.list(FailedEvent)))
        assert len(subscriber.events) == 4
        assert not pending(cloud)
        subscriber.takes = True
        other = department(office, "b")
        eventually(lambda: subscriber.events[-1].get("DeptId") == [other])
        path = "/call_back/get_call_back_failed_result"
        told = office.answer("GET", path)
        assert told["has_more"] is False
        (failed,) = told["failed_list"]
        assert (failed["call_back_tag"], failed["corpid"], failed["deptid"]) == (TAGS[0], office.corp_id, [number])
        assert isinstance(failed["event_time"], int)
        assert office.answer("GET", path)["failed_list"] == [], "what was read is gone"


def test_failed_ones_come_so_many_at_a_time(cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.dingtalk.push.callbacks._FAILED_AT_ONCE", 2)
    monkeypatch.setattr("kowloon.dingtalk.push.deliveries.HTTP_TRIES", 1)
    subscriber = Subscriber()
    with Receiver(subscriber.answer) as receiver:
        office.post("/call_back/register_call_back", callback(receiver, subscriber))
        subscriber.takes = False
        numbers = [department(office, name) for name in ("a", "b", "c")]
        eventually(lambda: len(cloud.call(lambda: cloud.cloud.store.list(FailedEvent))) == 3)
    path = "/call_back/get_call_back_failed_result"
    first, second = office.answer("GET", path), office.answer("GET", path)
    assert (first["has_more"], [each["deptid"][0] for each in first["failed_list"]]) == (True, numbers[:2])
    assert (second["has_more"], [each["deptid"][0] for each in second["failed_list"]]) == (False, numbers[2:])


def test_who_is_connected_by_stream_hears_it_there(cloud: LocalCloud, office: Office) -> None:
    subscriber = Subscriber()
    with Receiver(subscriber.answer) as receiver:
        office.post("/call_back/register_call_back", callback(receiver, subscriber))
        with StreamClient(office, EVENTS) as client:
            department(office, "a")
            client.acknowledge(client.frame())
            eventually(lambda: not pending(cloud))
        assert len(subscriber.events) == 1
        eventually(lambda: not cloud.call(lambda: cloud.cloud.dingtalk.stream.takes(office.app_key, "EVENT", "*")))
        department(office, "b")
        eventually(lambda: len(subscriber.events) == 2)


def test_what_failed_while_the_messenger_was_down_goes_out_after(cloud: LocalCloud, office: Office) -> None:
    subscriber = Subscriber()
    with Receiver(subscriber.answer) as receiver:
        office.post("/call_back/register_call_back", callback(receiver, subscriber))
        subscriber.takes = False
        number = department(office, "a")
        eventually(lambda: [each.tries for each in pending(cloud)] == [1])
        subscriber.takes = True
        with cloud.fault("service_stop", NODE):
            cloud.skip(seconds=30)
            assert len(subscriber.events) == 2
        eventually(lambda: subscriber.events[-1].get("DeptId") == [number] and len(subscriber.events) == 3)


def subscribe(cloud: LocalCloud, **body: Any) -> requests.Response:
    return requests.put(
        f"http://{cloud.endpoint}/_kowloon/dingtalk/callbacks",
        json=body,
        headers={"Authorization": f"Bearer {cloud.admin_token}"},
        timeout=30,
    )


def test_the_console_subscribes_in_the_name_of_the_application(cloud: LocalCloud, office: Office) -> None:
    subscriber = Subscriber()
    with Receiver(subscriber.answer) as receiver:
        asked = callback(receiver, subscriber)
        body = {"app_key": office.app_key, "events": asked.pop("call_back_tag"), **asked}
        assert subscribe(cloud, **body).status_code == 200
        number = department(office, "a")
        eventually(lambda: subscriber.events[-1].get("DeptId") == [number])
        assert subscriber.owners == {office.app_key}
        missing = subscribe(cloud, **{**body, "app_key": "dingno"})
        assert (missing.status_code, missing.json()["Code"]) == (404, "ApplicationNotFound")
        wrong = subscribe(cloud, **{**body, "aes_key": "short"}).json()
        assert (wrong["Code"], wrong["Message"][:6]) == ("CallbackRefused", "71010:")
        odd = subscribe(cloud, **body, more=1).json()
        assert odd["Code"] == "InvalidBody"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "register_call_back"),
        ("POST", "update_call_back"),
        ("GET", "get_call_back"),
        ("GET", "delete_call_back"),
        ("GET", "get_call_back_failed_result"),
    ],
)
def test_tokens(office: Office, method: str, path: str) -> None:
    assert office.refused(method, f"/call_back/{path}", token="no") == (40014, "", "不合法的access_token")
    assert office.refused(method, f"/call_back/{path}", token="")[0] == 40000


def test_of_another_organisation_and_application(cloud: LocalCloud, office: Office) -> None:
    subscriber = Subscriber()
    others = (office_of(cloud, account=cloud.as_account("other").account_id), office_of(cloud))
    with Receiver(subscriber.answer) as receiver:
        office.post("/call_back/register_call_back", callback(receiver, subscriber))
        for other in others:
            assert other.refused("GET", "/call_back/get_call_back")[0] == 71007
            assert other.refused("GET", "/call_back/delete_call_back")[0] == 71007
        department(others[0], "a")
        number = department(others[1], "b")
        eventually(lambda: len(subscriber.events) == 2)
        assert subscriber.events[1]["DeptId"] == [number], "of the same organisation"
