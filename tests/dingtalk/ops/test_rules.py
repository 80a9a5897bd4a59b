"""Rules: which events come into which conversation, merged; and what operators are told of rules."""

from __future__ import annotations

import functools
import time
from typing import Any

import pytest
import requests

from kowloon.core.events import HealthEvent, ProviderMessage, ResourceEvent
from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.news import MERGE_S
from kowloon.dingtalk.ops.rules import MOST_RULES
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.page.people import Chats
from tests.dingtalk.parts import standing
from tests.dingtalk.platform import Office


def call(cloud: LocalCloud, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    answer = requests.request(
        method,
        f"http://{cloud.endpoint}/_kowloon/dingtalk/rules{path}",
        json=body,
        headers={"Authorization": f"Bearer {cloud.cloud.identity.admin_token}"},
        timeout=30,
    )
    return answer.status_code, answer.json()


def emit(cloud: LocalCloud, *events: Any) -> None:
    def body() -> None:
        for event in events:
            cloud.cloud.bus.emit(event)

    cloud.call(body)
    cloud.skip(seconds=MERGE_S + 1)


def told(cloud: LocalCloud, group: str, count: int) -> list[str]:
    deadline = time.monotonic() + 20.0
    while len(found := cloud.call(lambda: standing(cloud.cloud, group))) < count:
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.02)
    return [each.text for each in found]


def health(node: str, level: str) -> HealthEvent:
    return HealthEvent(at=0.0, node=node, aspect="hosts", state="dark", level=level)


def test_what_fits_a_rule_comes_in_one_message(cloud: LocalCloud, office: Office) -> None:
    rule = {"name": "Hong Kong", "conversation": "alarms", "events": ["health"], "about": ["cn-hongkong*"]}
    status, made = call(cloud, "POST", "", rule)
    assert (status, made["title"], made["level"]) == (201, "alarms", "WARN")
    emit(
        cloud,
        health("cn-hongkong-c", "CRITICAL"),
        health("slb@cn-hongkong", "WARN"),
        health("cn-hongkong-b", "INFO"),
        health("cn-hangzhou-b", "CRITICAL"),
        ResourceEvent(at=0.0, kind="instance", id="i-1", state="lost", level="CRITICAL", region="cn-hongkong"),
    )
    (text,) = told(cloud, "alarms", 1)
    assert text.startswith("#### Hong Kong\n- **CRITICAL** cn-hongkong-c hosts: dark\n- **WARN** slb@cn-hongkong")
    assert "cn-hongkong-b" not in text
    assert "cn-hangzhou" not in text
    assert "i-1" not in text
    assert all(word in text for word in ("告警", "alert", "云监控", "CloudMonitor"))


def test_a_flood_is_counted(cloud: LocalCloud, office: Office) -> None:
    call(cloud, "POST", "", {"name": "all", "conversation": "alarms", "at_all": True})
    emit(cloud, *[health(f"n{number}", "CRITICAL") for number in range(60)])
    (text,) = told(cloud, "alarms", 1)
    assert "- and 35 more" in text
    assert cloud.call(lambda: standing(cloud.cloud, "alarms"))[0].at_all
    emit(cloud, ProviderMessage(at=0.0, channel="status-page", text="we are looking"))
    assert "provider (status-page): we are looking" in told(cloud, "alarms", 2)[1]


def test_rules_are_listed_and_removed(cloud: LocalCloud, office: Office) -> None:
    _, made = call(cloud, "POST", "", {"name": "all", "conversation": "alarms"})
    assert [each["id"] for each in call(cloud, "GET", "")[1]["rules"]] == [made["id"]]
    assert call(cloud, "DELETE", f"/{made['id']}")[0] == 200
    assert call(cloud, "GET", "")[1] == {"rules": []}
    status, refused = call(cloud, "DELETE", f"/{made['id']}")
    assert (status, refused["Code"]) == (404, "RuleNotFound")
    emit(cloud, health("n", "CRITICAL"))
    assert cloud.call(lambda: standing(cloud.cloud, "alarms")) == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "x"}, 400, "InvalidBody"),
        ({"name": "x", "conversation": "a", "events": ["smoke"]}, 400, "InvalidBody"),
        ({"name": "x", "conversation": "a", "level": "BAD"}, 400, "InvalidBody"),
        ({"name": "x", "conversation": "a", "more": 1}, 400, "InvalidBody"),
        ({"name": "", "conversation": "a"}, 400, "InvalidRule"),
        ({"name": "x", "conversation": "cidnothing=="}, 404, "ConversationNotFound"),
    ],
)
def test_rules_are_refused(cloud: LocalCloud, office: Office, body: dict[str, Any], status: int, code: str) -> None:
    found, answer = call(cloud, "POST", "", body)
    assert (found, answer["Code"], bool(answer["Message"])) == (status, code, True)


def test_there_is_a_bound(cloud: LocalCloud, office: Office) -> None:
    for number in range(MOST_RULES):
        assert call(cloud, "POST", "", {"name": f"r{number}", "conversation": "alarms"})[0] == 201
    assert call(cloud, "POST", "", {"name": "x", "conversation": "alarms"})[1]["Code"] == "QuotaExceeded.Rule"


def test_resources_of_one_account_are_nobody_elses_news(cloud: LocalCloud, office: Office) -> None:
    other = cloud.as_account("other").account_id
    chats = Chats(cloud)
    chats.put(Application(id="i-of-other", account=other, name="", secret="", agent_id=1))
    groups = []
    for account in ("", other):
        status, made = call(cloud, "POST", "", {"name": "all", "conversation": "all", "account": account})
        assert status == 201
        groups.append(made["conversation"])
    for id in ("i-of-other", "i-of-nobody"):
        emit(cloud, ResourceEvent(at=0.0, kind="instance", id=id, state="lost", level="CRITICAL"))
    messenger = cloud.cloud.dingtalk.messenger

    def said(group: str) -> list[str]:
        return [messenger.read(kept).text for kept in messenger.log.read(group)]

    deadline = time.monotonic() + 20.0
    while not all(cloud.call(functools.partial(said, group)) for group in groups):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.02)
    own, theirs = ["".join(cloud.call(functools.partial(said, group))) for group in groups]
    assert ("i-of-nobody" in own, "i-of-other" in own) == (True, False)
    assert ("i-of-nobody" in theirs, "i-of-other" in theirs) == (False, True)
