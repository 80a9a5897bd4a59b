"""Events of an organisation by Stream: in order, acknowledged, again, across restarts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from kowloon.core import limits
from kowloon.core.config import Settings
from kowloon.dingtalk.outbox import PendingEvent
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office, office_of
from tests.dingtalk.stream.client import EVENTS, ROBOT, StreamClient
from tests.helpers import eventually


def department(office: Office, name: str) -> int:
    made: int = office.post("/topapi/v2/department/create", {"name": name})["result"]["dept_id"]
    return made


def pending(cloud: LocalCloud) -> list[PendingEvent]:
    return cloud.call(lambda: cloud.cloud.store.list(PendingEvent))


def test_an_event_is_told_until_it_is_taken(cloud: LocalCloud, office: Office) -> None:
    with StreamClient(office, EVENTS) as client:
        number = department(office, "ops")
        frame = client.frame()
        headers = frame["headers"]
        assert (frame["type"], headers["topic"], headers["eventType"]) == ("EVENT", "*", "org_dept_create")
        assert (headers["appId"], headers["eventCorpId"]) == (office.app_key, office.corp_id)
        assert (headers["contentType"], headers["eventUnifiedAppId"]) == ("application/json", office.app_key)
        assert frame["data"]["deptId"] == [number]
        assert int(headers["eventBornTime"]) == frame["data"]["timeStamp"]
        client.acknowledge(frame)
        eventually(lambda: not pending(cloud))
        assert client.silent()


@pytest.mark.parametrize(
    ("code", "data", "taken"),
    [
        (200, {"status": "SUCCESS", "message": ""}, True),
        (200, {"deptId": [1]}, True),
        (200, {"status": "LATER"}, False),
        (404, {"status": "SUCCESS"}, False),
        (500, {}, False),
    ],
)
def test_acknowledgements(cloud: LocalCloud, office: Office, code: int, data: dict[str, Any], taken: bool) -> None:
    with StreamClient(office, EVENTS) as client:
        department(office, "ops")
        first = client.frame()
        client.acknowledge(first, data, code)
        if taken:
            eventually(lambda: not pending(cloud))
            return
        eventually(lambda: [each.tries for each in pending(cloud)] == [1])
        assert client.silent()
        cloud.skip(seconds=61)
        again = client.frame()
        assert again["headers"]["eventId"] == first["headers"]["eventId"]
        assert again["headers"]["messageId"] != first["headers"]["messageId"]
        client.acknowledge(again)
        eventually(lambda: not pending(cloud))


def test_silence_for_a_minute_is_no_answer(cloud: LocalCloud, office: Office) -> None:
    with StreamClient(office, EVENTS) as client:
        department(office, "ops")
        first = client.frame()
        cloud.skip(seconds=61)
        assert client.frame()["headers"]["eventId"] == first["headers"]["eventId"]


def test_one_that_is_to_come_later_holds_nobody_up(cloud: LocalCloud, office: Office) -> None:
    with StreamClient(office, EVENTS) as client:
        names = ["a", "b", "c"]
        numbers = [department(office, name) for name in names]
        frames = [client.frame() for _ in names]
        assert [frame["data"]["deptId"] for frame in frames] == [[number] for number in numbers], "in order"
        client.acknowledge(frames[0], {"status": "LATER"})
        client.acknowledge(frames[1])
        client.acknowledge(frames[2])
        eventually(lambda: len(pending(cloud)) == 1)
        cloud.skip(seconds=61)
        assert client.frame()["data"]["deptId"] == [numbers[0]]


def test_who_has_connected_once_finds_what_came_meanwhile(cloud: LocalCloud, office: Office) -> None:
    department(office, "before anybody asked")
    with StreamClient(office, EVENTS):
        pass
    numbers = [department(office, name) for name in ("a", "b")]
    with StreamClient(office, ROBOT) as other:
        assert other.silent(), "it did not ask for events"
    with StreamClient(office, EVENTS) as client:
        for number in numbers:
            frame = client.frame()
            assert frame["data"]["deptId"] == [number]
            client.acknowledge(frame)
        eventually(lambda: not pending(cloud))


def test_what_nobody_takes_goes_after_a_day(cloud: LocalCloud, office: Office) -> None:
    with StreamClient(office, EVENTS):
        pass
    department(office, "old")
    cloud.skip(hours=24.1)
    fresh = department(office, "fresh")
    with StreamClient(office, EVENTS) as client:
        assert client.frame()["data"]["deptId"] == [fresh]


def test_the_oldest_of_too_many_go(cloud: LocalCloud, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DINGTALK_EVENTS_KEPT", 2)
    with StreamClient(office, EVENTS):
        pass
    numbers = [department(office, name) for name in ("a", "b", "c", "d")]
    eventually(lambda: [each.data["deptId"] for each in pending(cloud)] == [[numbers[2]], [numbers[3]]])


def test_another_organisation_hears_nothing(cloud: LocalCloud, office: Office) -> None:
    other = office_of(cloud, account=cloud.as_account("other").account_id)
    with StreamClient(other, EVENTS) as client, StreamClient(office, EVENTS) as own:
        department(office, "ops")
        own.frame()
        assert client.silent()


def test_of_several_connections_one_hears_it(cloud: LocalCloud, office: Office) -> None:
    with StreamClient(office, EVENTS) as first, StreamClient(office, EVENTS) as second:
        for place in range(12):
            department(office, f"d{place}")
        heard: list[str] = []

        def all_heard() -> bool:
            frames = [*first.frames_so_far(), *second.frames_so_far()]
            heard.extend(frame["headers"]["eventId"] for frame in frames)
            return len(heard) >= 12

        eventually(all_heard)
        assert first.silent()
        assert second.silent()
        assert len(heard) == len(set(heard)) == 12


def test_a_restart_forgets_no_event(tmp_path: Path) -> None:
    settings = Settings(engine="paper", port=0, home=tmp_path)
    with LocalCloud(settings) as cloud:
        office = office_of(cloud)
        with StreamClient(office, EVENTS) as client:
            numbers = [department(office, name) for name in ("a", "b", "c")]
            frames = [client.frame() for _ in numbers]
            client.acknowledge(frames[0])
            eventually(lambda: len(pending(cloud)) == 2)
    with LocalCloud(settings) as cloud:
        office.cloud = cloud
        with StreamClient(office, EVENTS) as client:
            frames = [client.frame() for _ in numbers[1:]]
            assert [frame["data"]["deptId"] for frame in frames] == [[number] for number in numbers[1:]]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_client_answers_each_event_is_told_until_it_is_taken(
    cloud: LocalCloud, office: Office, seed: int
) -> None:
    chance = random.Random(seed)
    client = StreamClient(office, EVENTS)
    left = [department(office, f"d{place}") for place in range(25)]
    first = [client.frame() for _ in left]
    assert [frame["data"]["deptId"][0] for frame in first] == left, "in order"
    frames = first
    while True:
        silent = 0
        for frame in frames:
            answer = chance.choice(["taken", "later", "failed", "silence"])
            if answer == "taken":
                client.acknowledge(frame)
                left.remove(frame["data"]["deptId"][0])
            elif answer == "silence":
                silent += 1
            else:
                client.acknowledge(frame, {"status": "LATER"}, 200 if answer == "later" else 500)
        eventually(lambda: len(pending(cloud)) == len(left))
        assert client.silent(), "nothing comes at once"
        if not left:
            break
        if chance.random() < 0.3:
            client.socket.close()
            client = StreamClient(office, EVENTS)
            for _ in range(silent):
                client.frame()
        cloud.skip(seconds=61)
        frames = [client.frame() for _ in left]
        assert sorted(frame["data"]["deptId"][0] for frame in frames) == left
    client.socket.close()
