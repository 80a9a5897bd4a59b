"""The operator's API, route by route, over a socket."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kowloon import __version__
from kowloon.testing.cloud import LocalCloud
from tests.core.parts import query_of, signed_fields

ZONE = "cn-hongkong-c"


class Admin:
    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.headers = {"Authorization": f"Bearer {cloud.admin_token}"}

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.cloud.cloud.port, timeout=30.0)

    def call(self, method: str, path: str, body: object = None, status: int = 200) -> dict[str, Any]:
        connection = self.connection()
        try:
            content = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, f"/_kowloon/{path}", content, self.headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        assert response.status == status, answer
        return answer

    def refused(self, method: str, path: str, body: object = None, status: int = 400) -> tuple[str, str]:
        answer = self.call(method, path, body, status)
        return answer["Code"], answer["Message"]

    def api(self, action: str, **fields: str) -> dict[str, Any]:
        wall = self.cloud.cloud.clock.wall()
        signed = signed_fields(self.cloud.access_key_id, self.cloud.access_key_secret, action, wall=wall, **fields)
        connection = self.connection()
        try:
            connection.request("GET", f"/?{query_of(signed)}")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


@pytest.fixture
def admin(cloud: LocalCloud) -> Admin:
    return Admin(cloud)


def test_health_says_little_and_status_says_all(admin: Admin) -> None:
    assert admin.call("GET", "health") == {"status": "serving", "version": __version__}
    admin.api("CreateVpc")
    status = admin.call("GET", "status")
    assert (status["version"], status["skipped_s"], status["resources"]["vpc"]) == (__version__, 0.0, 1)
    assert set(status["capabilities"]) == {"compute", "balancer", "database"}
    assert status["capabilities"]["compute"]["engine"] == "paper"
    assert status["units"] == []
    assert status["impaired"] == {"hosts": {}, "temperature_c": {}, "services": {}}


def test_resources_are_narrowed_and_their_secrets_masked(admin: Admin) -> None:
    vpc = admin.api("CreateVpc")["VpcId"]
    admin.api("CreateVpc", RegionId="cn-beijing")
    answer = admin.call("GET", "resources?kind=vpc&region=cn-hongkong")
    assert (answer["total"], [row["id"] for row in answer["resources"]]) == (1, [vpc])
    everything = admin.call("GET", "resources")
    text = json.dumps(everything)
    assert admin.cloud.access_key_id in text
    for secret in (admin.cloud.access_key_secret, admin.cloud.admin_token):
        assert secret not in text
    (key,) = (row for row in everything["resources"] if row["kind"] == "access-key")
    assert key["secret"] == "******"


def test_coverage_lists_what_is_built(admin: Admin) -> None:
    rows = {row["product"]: row for row in admin.call("GET", "coverage")["products"]}
    assert {"Ecs", "Vpc", "Rds", "Ram", "Sts", "Slb"} <= rows.keys()
    assert "RunInstances" in rows["Ecs"]["built"]
    assert rows["Ecs"]["published"] > len(rows["Ecs"]["built"])


def test_requests_are_listed_by_action_and_code(admin: Admin) -> None:
    admin.api("CreateVpc", VpcName="a")
    admin.api("DescribeVpcs", PageSize="0")
    rows = admin.call("GET", "requests?action=CreateVpc")["requests"]
    assert [(row["action"], row["status"], row["code"]) for row in rows] == [("CreateVpc", 200, "")]
    rows = admin.call("GET", "requests?code=InvalidParameter")["requests"]
    assert [(row["action"], row["status"], row["code"]) for row in rows] == [("DescribeVpcs", 400, "InvalidParameter")]
    assert admin.cloud.access_key_secret not in json.dumps(admin.call("GET", "requests"))


def test_requests_live(admin: Admin) -> None:
    with listening(admin, "requests/live") as events:
        request_id = admin.api("CreateVpc")["RequestId"]
        event = next(events)
        assert (event["event"], event["action"], event["request_id"]) == ("RequestEvent", "CreateVpc", request_id)


def test_events_live_leave_the_calls_out(admin: Admin) -> None:
    with listening(admin, "events/live") as events:
        admin.api("CreateVpc")
        fault = admin.call("POST", "faults", {"kind": "zone-power", "scope": [ZONE]}, 201)
        event = next(events)
        assert event["event"] != "RequestEvent"
        seen = [event]
        while seen[-1]["event"] != "FaultEvent":
            seen.append(next(events))
        assert (seen[-1]["fault_id"], seen[-1]["phase"]) == (fault["id"], "injected")


class listening:  # noqa: N801 (reads as a verb)
    """The events of a stream, once it has said that it listens; nobody waits longer than 30 s."""

    def __init__(self, admin: Admin, path: str) -> None:
        self._connection = admin.connection()
        self._connection.request("GET", f"/_kowloon/{path}", headers=admin.headers)
        self._response = self._connection.getresponse()
        assert self._response.getheader("Content-Type") == "text/event-stream"
        assert self._response.readline() == b": listening\n"

    def __enter__(self) -> Iterator[dict[str, Any]]:
        return self._events()

    def _events(self) -> Iterator[dict[str, Any]]:
        while line := self._response.readline():
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    def __exit__(self, *exc: object) -> None:
        self._response.close()
        self._connection.close()


def test_a_listener_that_leaves_is_forgotten(admin: Admin) -> None:
    from tests.helpers import eventually

    bus = admin.cloud.cloud.bus
    before = len(bus._listeners)
    with listening(admin, "requests/live"):
        assert len(bus._listeners) == before + 1
    eventually(lambda: len(bus._listeners) == before)
    assert len(bus._listeners) == before


def test_the_life_of_a_fault(admin: Admin) -> None:
    kinds = {row["kind"]: row for row in admin.call("GET", "faults/kinds")["kinds"]}
    assert kinds["zone_power_loss"]["summary"]
    assert "zone" in kinds["zone_power_loss"]["scopes"]
    fault = admin.call("POST", "faults", {"kind": "zone-power", "scope": [ZONE], "label": "mine"}, 201)
    assert (fault["fault_kind"], fault["scope"], fault["label"]) == ("zone_power_loss", [ZONE], "mine")
    assert admin.call("GET", f"faults/{fault['id']}")["id"] == fault["id"]
    assert [one["id"] for one in admin.call("GET", "faults?phase=injected")["faults"]] == [fault["id"]]
    hosts = admin.call("GET", "status")["impaired"]["hosts"]
    assert len(hosts) == 24
    assert all(not state["power"] for state in hosts.values())
    brownout = {"kind": "brownout", "scope": ["ecs@cn-hongkong"], "parameters": {"error_share": 0.5}}
    second = admin.call("POST", "faults", brownout, 201)
    changed = admin.call("POST", f"faults/{second['id']}/change", {"values": {"error_share": 0.9}})
    assert changed["changes"][0][1] == {"error_share": 0.9}
    assert admin.call("POST", f"faults/{fault['id']}/recover")["id"] == fault["id"]
    assert admin.call("POST", "faults/recover") == {"recovered": [second["id"]]}
    assert admin.call("GET", "faults?phase=injected") == {"faults": []}
    assert len(admin.call("GET", "faults")["faults"]) == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "words"),
    [
        ("faults", b"{", 400, "InvalidBody", "The body is not as expected: Input data was truncated."),
        ("faults", b"[" * 100_000, 400, "InvalidBody", "The body is not as expected: "),
        ("faults", {"kind": "zone-power"}, 400, "InvalidBody", "missing required field `scope`"),
        ("faults", {"kind": "x", "scope": [], "more": 1}, 400, "InvalidBody", "unknown field `more`"),
        (
            "faults",
            {"kind": "earthquake", "scope": [ZONE]},
            404,
            "InvalidFaultKind.NotFound",
            "no fault kind 'earthquake'",
        ),
        ("faults", {"kind": "zone-power", "scope": ["cn-atlantis-a"]}, 400, "", "cn-atlantis-a"),
        (
            "faults",
            {"kind": "brownout", "scope": ["ecs@cn-hongkong"], "parameters": {"error_share": 7}},
            400,
            "",
            "share",
        ),
        ("faults/f-no/recover", None, 404, "", "f-no"),
        ("faults/f-no/other", None, 404, "NotFound", "Use GET /faults/ID, POST /faults/ID/recover"),
        ("clock/skip", {"seconds": -1}, 400, "InvalidParameter.seconds", "seconds must be from 0 to a year"),
        ("clock/skip", {"seconds": 1e12}, 400, "InvalidParameter.seconds", "seconds must be from 0 to a year"),
        ("clock/skip", {"seconds": "soon"}, 400, "InvalidBody", "Expected `float`"),
        ("dingtalk/robots", {"name": "a", "group": "g"}, 400, "InvalidBody", "a robot needs keywords"),
    ],
)
def test_what_is_refused(admin: Admin, path: str, body: object, status: int, code: str, words: str) -> None:
    said_code, said = admin.refused("POST", path, body, status)
    assert said_code == code if code else said_code
    assert words in said


def test_the_clock_skips_ahead(admin: Admin) -> None:
    before = admin.call("GET", "status")["cloud_time"]
    answer = admin.call("POST", "clock/skip", {"seconds": 86400})
    assert answer["cloud_time"] - before > 86399
    assert admin.call("GET", "status")["skipped_s"] > 86399


def test_reset_releases_everything(admin: Admin) -> None:
    admin.api("CreateVpc")
    assert admin.call("POST", "reset") == {"status": "reset"}
    assert admin.api("DescribeVpcs")["TotalCount"] == 0


def test_robots_and_their_messages(admin: Admin) -> None:
    made = admin.call(
        "POST", "dingtalk/robots", {"name": "alarms", "group": "ops", "keywords": ["disk"], "signed": False}, 201
    )
    assert made["webhook"].startswith("/robot/send?access_token=")
    assert made["webhook"] in {row["webhook"] for row in admin.call("GET", "dingtalk/robots")["robots"]}
    connection = admin.connection()
    body = json.dumps({"msgtype": "text", "text": {"content": "disk full"}})
    connection.request("POST", made["webhook"], body, {"Content-Type": "application/json"})
    assert json.loads(connection.getresponse().read()) == {"errcode": 0, "errmsg": "ok"}
    connection.close()
    (message,) = admin.call("GET", "dingtalk/messages?group=ops")["messages"]
    assert (message["text"], message["type"], message["group"]) == ("disk full", "text", "ops")
    assert admin.call("GET", f"dingtalk/messages?group=ops&after={message['sequence']}") == {"messages": []}
    assert admin.refused("GET", "dingtalk/messages?after=x") == (
        "InvalidParameter.after",
        "after is the sequence number of a message.",
    )


def test_every_admin_route_but_health_asks_for_the_token(admin: Admin) -> None:
    routes = admin.cloud.cloud.routes
    every = [*(route for routes_of in routes._exact.values() for route in routes_of), *routes._prefixes]
    inside = [route for route in every if route.path.startswith("/_kowloon/")]
    assert len(inside) > 15
    # A program's chain of credentials can send no token: there, a sealed word in the path says who asks.
    others = {(route.path, route.access) for route in inside if route.access != "admin"}
    assert others == {("/_kowloon/health", "open"), ("/_kowloon/ecs/credentials/", "own")}
    for route in inside:
        if route.access != "admin":
            continue
        connection = admin.connection()
        connection.request(route.methods[0], route.path)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        assert (response.status, answer["Code"]) == (401, "AdminTokenRequired"), route.path
        assert answer["Message"].startswith("Admin routes need the token kept in KOWLOON_HOME")


def test_many_listeners_hear_the_same(admin: Admin) -> None:
    heard: list[str] = []
    streams = [listening(admin, "requests/live") for _ in range(10)]
    threads = [
        threading.Thread(target=lambda stream=stream: heard.append(next(stream._events())["action"]))  # type: ignore[misc]
        for stream in streams
    ]
    for thread in threads:
        thread.start()
    admin.api("CreateVpc")
    for thread in threads:
        thread.join(30.0)
    for stream in streams:
        stream.__exit__()
    assert heard == ["CreateVpc"] * 10


def test_the_status_page_is_late_when_its_policy_says_so(admin: Admin) -> None:
    def shown() -> str:
        lines = admin.call("GET", "status-page?region=cn-hongkong")["lines"]
        return next(str(line["shown"]) for line in lines if line["name"] == ZONE)

    admin.call("POST", "faults", {"kind": "zone-power", "scope": [ZONE]}, 201)
    assert shown() == "interrupted"
    lag = {"kind": "status_page_lag", "scope": ["cn-hongkong"], "parameters": {"first_post_after_min": 30.0}}
    admin.call("POST", "faults", lag, 201)
    assert shown() == "normal"
    admin.call("POST", "clock/skip", {"seconds": 1801.0})
    assert shown() == "anomaly"
    code, message = admin.refused("GET", "status-page?region=nowhere")
    assert code == "InvalidParameter.region"
    assert "cn-hongkong" in message
