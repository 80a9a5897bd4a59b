"""The messenger stands on the cloud and falls with it, as on 12 November 2023: duty reaches people another way."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from kowloon.duty.resources import Message, Page
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.ops.test_robot import ask_duty
from tests.dingtalk.platform import Office

ORGANISATION = """title: Exchange
time_zone: UTC
people:
  - {{id: wei, name: Wei, reach: [{{by: dingtalk, at: calls}}, {{by: webhook, at: "{url}"}}]}}
posts:
  - {{id: dba, title: Database on call, ladder: calls}}
ladders:
  - {{id: calls, steps: [{{notify: [holder], wait_min: 5}}]}}
paging:
  - {{id: down, event: health, about: ["rds@*"], level: CRITICAL, post: dba}}
"""


class Hook:
    """Another way to somebody: it keeps what it is sent."""

    def __init__(self) -> None:
        hook = self
        self.got: list[dict[str, Any]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.got.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *told: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/duty"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30.0
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return found


def test_chat_falls_with_the_cloud_and_duty_goes_another_way(cloud: LocalCloud, office: Office, hook: Hook) -> None:
    token = office.token
    cloud.run(ask_duty(cloud, "ApplyOrganisation", File=ORGANISATION.format(url=hook.url)))
    cloud.run(ask_duty(cloud, "AppointHolder", PostId="dba", PersonId="wei"))
    drills = cloud.cloud.drills
    drill = cloud.run(drills.create("worldwide-2023", "recorded"))
    try:
        cloud.run(drills.advance(drill.id, 5.0))
        assert office.send("POST", "/topapi/v2/user/count", {}, token=token).status_code == 503
        newer = office.send(
            "POST", "/v1.0/contact/users/search", {"queryWord": "x", "offset": 0, "size": 1}, token=token
        )
        assert (newer.status_code, newer.json()["code"]) == (503, "ServiceUnavailable")
        assert (
            requests.post(f"http://{cloud.endpoint}/robot/send?access_token=x", json={}, timeout=10).status_code == 503
        )
        (page,) = until(lambda: cloud.call(lambda: cloud.cloud.store.list(Page)))
        message = until(lambda: cloud.call(lambda: [each for each in sent(cloud, page.id) if each.state == "sent"]))[0]
        assert message.sent_by == "webhook"
        assert [problem.partition(":")[0] for problem in message.problems] == ["dingtalk"]
        assert "[high]" in hook.got[0]["title"]
        cloud.run(drills.advance(drill.id, 57.0))
        assert office.send("POST", "/topapi/user/count", {}, token=token).json()["errcode"] == 0
    finally:
        cloud.run(drills.abort(drill.id))


def sent(cloud: LocalCloud, page: str) -> list[Message]:
    return [each for each in cloud.cloud.store.list(Message) if each.page == page]


def test_part_of_its_zones_leave_it_working(cloud: LocalCloud, office: Office) -> None:
    token = office.token
    with cloud.zone_down("cn-hangzhou-b"), cloud.zone_down("cn-hangzhou-e"):
        assert office.send("POST", "/topapi/user/count", {}, token=token).json()["errcode"] == 0
