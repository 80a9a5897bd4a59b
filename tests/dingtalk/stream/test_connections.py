"""Tickets, handshakes, and how Stream connections end."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from kowloon.core import limits
from kowloon.core.config import Settings
from kowloon.dingtalk.plane import NODE
from kowloon.dingtalk.stream import connections
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office, office_of
from tests.dingtalk.stream.client import CARDS, EVENTS, PATIENCE_S, ROBOT, StreamClient, opened
from tests.dingtalk.stream.rooms import Room
from tests.helpers import eventually


def test_a_ticket_opens_one_connection(cloud: LocalCloud, office: Office) -> None:
    told = opened(office)
    assert told["endpoint"] == f"ws://{cloud.endpoint}/connect"
    assert told["ticket"].isalnum(), "some clients do not encode it"
    address = f"{told['endpoint']}?ticket={told['ticket']}"
    with connect(address, proxy=None):
        with pytest.raises(InvalidStatus) as refused:
            connect(address, proxy=None)
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body or b"") == {"code": "invalidTicket", "message": "无效的ticket"}


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=none", "?other=1"])
def test_without_a_ticket(cloud: LocalCloud, office: Office, query: str) -> None:
    answer = requests.get(f"http://{cloud.endpoint}/connect{query}", timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalidTicket")


def test_a_ticket_is_good_for_a_while(cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TICKET_LIFE_S", 0.0)
    told = opened(office)
    with pytest.raises(InvalidStatus):
        connect(f"{told['endpoint']}?ticket={told['ticket']}", proxy=None)


def test_a_ticket_is_for_a_websocket(cloud: LocalCloud, office: Office) -> None:
    told = opened(office)
    answer = requests.get(f"http://{cloud.endpoint}/connect", {"ticket": told["ticket"]}, timeout=10)
    assert answer.status_code == 426


def test_the_endpoint_is_where_the_caller_is(cloud: LocalCloud, office: Office) -> None:
    asked = {"clientId": office.app_key, "clientSecret": office.app_secret, "subscriptions": [EVENTS]}
    answer = requests.post(
        f"http://{cloud.endpoint}/v1.0/gateway/connections/open",
        json=asked,
        headers={"Host": "api.dingtalk.com"},
        timeout=10,
    )
    assert answer.json()["endpoint"] == "ws://api.dingtalk.com/connect"


def test_in_tls_the_endpoint_is_in_tls(tmp_path: Path) -> None:
    with LocalCloud(Settings(engine="paper", port=0, home=tmp_path)) as cloud:
        files, office = cloud.cloud.files, office_of(cloud)
        assert files is not None
        asked = {"clientId": office.app_key, "clientSecret": office.app_secret, "subscriptions": [ROBOT]}
        answer = requests.post(
            f"https://{cloud.endpoint}/v1.0/gateway/connections/open", json=asked, verify=str(files.bundle), timeout=10
        )
        told = answer.json()
        assert told["endpoint"] == f"wss://{cloud.endpoint}/connect"
        trust = ssl.create_default_context(cafile=str(files.bundle))
        with connect(f"{told['endpoint']}?ticket={told['ticket']}", ssl=trust, proxy=None) as socket:
            Room(cloud, office, "ada", form="robot").say("ada", "hello")
            told = json.loads(json.loads(socket.recv(PATIENCE_S))["data"])
            assert told["sessionWebhook"].startswith(f"https://{cloud.endpoint}/robot/sendBySession?")


@pytest.mark.parametrize(
    ("changes", "status", "code", "message"),
    [
        ({"clientSecret": "no"}, 400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret"),
        ({"clientId": "dingno"}, 400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret"),
        ({"clientId": None}, 400, "invalidParameter.clientId.empty", "缺少参数 clientId"),
        ({"subscriptions": None}, 400, "invalidParameter.subscriptions.empty", "缺少参数 subscriptions"),
        ({"subscriptions": []}, 400, "invalidParameter.subscriptions.empty", "缺少参数 subscriptions"),
        (
            {"subscriptions": [{"type": "EVENT"}]},
            400,
            "invalidParameter.subscriptions[0].topic.empty",
            "缺少参数 subscriptions[0].topic",
        ),
        (
            {"subscriptions": [{"type": "OTHER", "topic": "*"}]},
            400,
            "invalidParameter.subscriptions.type.invalid",
            "不合法的参数 subscriptions.type",
        ),
        (
            {"subscriptions": [{"type": "EVENT", "topic": "org_dept_create"}]},
            400,
            "invalidParameter.subscriptions.topic.invalid",
            "不合法的参数 subscriptions.topic",
        ),
        (
            {"subscriptions": [{"type": "CALLBACK", "topic": "*"}]},
            400,
            "invalidParameter.subscriptions.topic.invalid",
            "不合法的参数 subscriptions.topic",
        ),
        (
            {"subscriptions": [EVENTS] * 101},
            400,
            "invalidParameter.subscriptions.invalid",
            "不合法的参数 subscriptions",
        ),
    ],
)
def test_what_is_refused(office: Office, changes: dict[str, Any], status: int, code: str, message: str) -> None:
    asked = {"clientId": office.app_key, "clientSecret": office.app_secret, "subscriptions": [EVENTS], **changes}
    asked = {name: value for name, value in asked.items() if value is not None}
    refused = office.refused("POST", "/v1.0/gateway/connections/open", asked, token="")
    assert refused == (status, code, message)


def test_so_many_connections_of_an_application(
    cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DINGTALK_STREAM_CONNECTIONS", 1)
    spare = opened(office, EVENTS)
    with StreamClient(office, EVENTS):
        asked = {"clientId": office.app_key, "clientSecret": office.app_secret, "subscriptions": [EVENTS]}
        refused = office.refused("POST", "/v1.0/gateway/connections/open", asked, token="")
        assert refused[:2] == (403, "Forbidden.ConnectionLimitExceeded")
        with pytest.raises(InvalidStatus) as closed:
            connect(f"{spare['endpoint']}?ticket={spare['ticket']}", proxy=None)
        assert closed.value.response.status_code == 403


def test_what_is_no_acknowledgement_is_passed_over(office: Office) -> None:
    with StreamClient(office) as client:
        for text in ("", "{", "[]", "1", '{"headers":1}', '{"headers":{"messageId":"x"},"code":"a"}', "[" * 10_000):
            client.socket.send(text)
        assert client.silent()


def test_a_connection_that_has_lived_for_long_is_told_to_come_again(
    cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StreamClient(office) as client:
        monkeypatch.setattr(connections, "LIFE_S", 0.0)
        monkeypatch.setattr(connections, "GRACE_S", 0.0)
        cloud.call(lambda: cloud.cloud.runtime.poke("dingtalk-stream", "connections"))
        frame = client.frame()
        assert (frame["type"], frame["headers"]["topic"]) == ("SYSTEM", "disconnect")
        assert frame["data"] == {"reason": "persistent connection is timeout"}
        cloud.call(lambda: cloud.cloud.runtime.poke("dingtalk-stream", "connections"))
        with pytest.raises(ConnectionClosed) as closed:
            client.socket.recv(PATIENCE_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000


def test_pings_are_sent_and_answered(cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with StreamClient(office) as client:
        monkeypatch.setattr(connections, "PING_EVERY_S", 0.0)
        cloud.call(lambda: cloud.cloud.runtime.poke("dingtalk-stream", "connections"))
        frame = json.loads(client.socket.recv(PATIENCE_S))
        assert (frame["type"], frame["headers"]["topic"]) == ("SYSTEM", "ping")
        assert json.loads(frame["data"])["opaque"]
        client.acknowledge(frame, json.loads(frame["data"]))
        assert client.silent()


def test_connections_end_with_the_messenger(cloud: LocalCloud, office: Office) -> None:
    told = opened(office)
    with StreamClient(office) as client, cloud.fault("service_stop", NODE):
        cloud.call(lambda: cloud.cloud.runtime.poke("dingtalk-stream", "connections"))
        with pytest.raises(ConnectionClosed):
            client.socket.recv(PATIENCE_S)
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{told['endpoint']}?ticket={told['ticket']}", proxy=None)
        assert refused.value.response.status_code == 503


def test_a_reset_ends_them(cloud: LocalCloud, office: Office) -> None:
    with StreamClient(office) as client:
        cloud.reset()
        assert client.frame()["headers"]["topic"] == "disconnect"
        with pytest.raises(ConnectionClosed):
            client.socket.recv(PATIENCE_S)
    eventually(lambda: not cloud.call(lambda: cloud.cloud.dingtalk.stream.takes(office.app_key, *EVENTS.values())))


def test_the_server_says_goodbye() -> None:
    with LocalCloud() as cloud:
        client = StreamClient(office_of(cloud), ROBOT, CARDS)
    assert client.frame()["headers"]["topic"] == "disconnect"
    with pytest.raises(ConnectionClosed) as closed:
        client.socket.recv(PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
