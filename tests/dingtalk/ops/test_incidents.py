"""The incident room: who is in it, how its card lives, who leads, how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from kowloon.dingtalk.cards.view import View
from kowloon.dingtalk.chat.resources import Conversation, Said
from kowloon.dingtalk.ops.incident import QUIET_S, Incident
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.ops.test_robot import ask_duty
from tests.dingtalk.platform import Office

ORGANISATION = """title: Exchange
time_zone: UTC
units:
  - {id: cloud, title: Cloud}
  - {id: rds, title: Databases, parent: cloud}
  - {id: web, title: Web, parent: cloud}
people:
  - {id: wei, name: Wei, user: wei, pools: [dba], reach: [{by: dingtalk, at: databases}]}
  - {id: lin, name: Lin, user: lin, pools: [lead], reach: [{by: dingtalk, at: leads}]}
  - {id: eve, name: Eve, user: eve, pools: [web], reach: [{by: dingtalk, at: web}]}
posts:
  - {id: lead, title: Lead, oversees: [cloud], eligible: {pools: [lead]}}
  - {id: dba, title: Database on call, oversees: [rds], eligible: {pools: [dba]}, ladder: calls}
  - {id: web, title: Web on call, oversees: [web], eligible: {pools: [web]}, ladder: calls}
ladders:
  - {id: calls, steps: [{notify: [holder], wait_min: 5}]}
paging:
  - {id: dark, event: health, about: ["cn-hongkong-*"], level: CRITICAL, post: dba}
"""


class Incidents:
    def __init__(self, cloud: LocalCloud, office: Office) -> None:
        self.cloud = cloud
        self.account = office.account
        self.dingtalk = cloud.cloud.dingtalk
        cloud.as_user("wei", allow=["duty:*"])
        cloud.as_user("lin", allow=["duty:*"])
        cloud.run(ask_duty(cloud, "ApplyOrganisation", File=ORGANISATION))
        for post, person in (("lead", "lin"), ("dba", "wei"), ("web", "eve")):
            cloud.run(ask_duty(cloud, "AppointHolder", PostId=post, PersonId=person))
        self.until(lambda: len([each for each in "wei lin eve".split() if self.is_member(each)]) == 3)

    def is_member(self, person: str) -> bool:
        return self.cloud.call(lambda: self.dingtalk.messenger.member(self.account, person)) is not None

    def until(self, look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 30.0
        while not (found := look()):
            assert time.monotonic() < deadline, "it did not come about"
            time.sleep(0.02)
        return found

    def all(self) -> list[Incident]:
        return self.cloud.call(lambda: self.cloud.cloud.store.list(Incident, account=self.account))

    def only(self) -> Incident:
        found = self.all()
        assert len(found) == 1
        return found[0]

    def room(self) -> Conversation:
        incident = self.only()
        found = self.cloud.call(lambda: self.cloud.cloud.store.get(Conversation, incident.conversation))
        assert found is not None
        return found

    def said(self) -> list[Said]:
        room, messenger = self.room(), self.dingtalk.messenger
        return self.cloud.call(lambda: [messenger.read(kept) for kept in messenger.log.read(room.id, most=500)])

    def card(self) -> View:
        incident = self.only()
        card = self.cloud.call(lambda: self.dingtalk.parts.cards.find(self.account, incident.id))
        assert card is not None
        return card.seen_by()

    def click(self, who: str, action: str) -> View:
        incident = self.only()
        return self.cloud.run(self.dingtalk.parts.cards.click(self.account, who, incident.id, action, {}))


@pytest.fixture
def incidents(cloud: LocalCloud, office: Office) -> Incidents:
    return Incidents(cloud, office)


def test_an_outage_opens_one_room_with_whom_duty_names(incidents: Incidents) -> None:
    with incidents.cloud.zone_down("cn-hongkong-c"):
        incidents.until(lambda: incidents.all() and incidents.only().pages)
        incidents.until(lambda: set(incidents.room().members) == {"lin", "wei"})
        card = incidents.until(lambda: incidents.card() if incidents.only().lead else None)
        fields = dict(card.fields)
        assert (card.level, card.status) == ("critical", "open")
        assert "cn-hongkong-c" in fields["Hit"]
        assert fields["Lead"].startswith("Lin (on duty")
        assert {each.id for each in card.buttons} == {"acknowledge", "lead", "close"}
        assert "cn-hongkong-c hosts: dark" in card.markdown
        assert [each.type for each in incidents.said()] == ["card"]
        assert "eve" not in incidents.room().members, "of what is not hit nobody is called"


def test_the_card_lives_and_the_room_closes_with_a_summary(incidents: Incidents) -> None:
    with incidents.cloud.zone_down("cn-hongkong-c"):
        incidents.until(lambda: incidents.all() and incidents.only().pages and incidents.only().lead)
        incidents.until(lambda: "wei" in incidents.room().members)
        incidents.click("wei", "acknowledge")
        incidents.until(lambda: incidents.only().acknowledged_by == "wei")
        incidents.until(lambda: "Acknowledged" in dict(incidents.card().fields))
        incidents.click("wei", "lead")
        assert [(each.person, each.capacity) for each in incidents.only().leads] == [
            ("lin", "on duty"),
            ("wei", "by own hand"),
        ]
        incidents.cloud.skip(minutes=30)
    page = next(iter(incidents.only().pages))
    incidents.cloud.run(ask_duty(incidents.cloud, "ResolvePage", PageId=page, PersonId="wei"))
    incidents.until(lambda: incidents.only().is_over)
    assert incidents.until(lambda: incidents.card().status == "recovered, watching")
    incidents.cloud.skip(seconds=QUIET_S + 60)
    incidents.until(lambda: incidents.only().state == "closed")
    text = incidents.until(lambda: [each.text for each in incidents.said() if each.type == "markdown"])[-1]
    assert "closed" in text
    assert "by Wei" in text
    assert "led by Lin (on duty)" in text
    assert "led by Wei (by own hand)" in text
    assert incidents.until(lambda: incidents.card().buttons == ())
    assert incidents.card().level == "good"


def test_it_is_closed_by_hand(incidents: Incidents) -> None:
    with incidents.cloud.zone_down("cn-hongkong-c"):
        incidents.until(lambda: incidents.all() and "lin" in incidents.room().members)
        incidents.click("lin", "close")
        assert incidents.only().state == "closed"
    assert [each.type for each in incidents.said()][-1] == "markdown"


def test_an_account_without_duty_has_no_rooms(cloud: LocalCloud, office: Office) -> None:
    with cloud.zone_down("cn-hongkong-c"):
        cloud.skip(minutes=1)
    assert cloud.call(lambda: cloud.cloud.store.list(Incident)) == []
