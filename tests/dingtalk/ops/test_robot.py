"""Operating the cloud from the messenger: in whose name, who confirms, who approves, what the audit says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.ops.resources import PendingCommand
from kowloon.dingtalk.ops.robot import CONFIRM, REFUSE, WAITS_S, operations_key
from kowloon.dingtalk.platform.call import own_id
from kowloon.testing.cloud import LocalCloud
from kowloon.wire.http import HttpRequest
from tests.dingtalk.platform import Office

ORGANISATION = """title: Exchange
time_zone: UTC
people:
  - {id: wei, name: Wei, user: wei, pools: [dba]}
  - {id: lin, name: Lin, user: lin, pools: [dba]}
posts:
  - {id: dba, title: Database on call, eligible: {pools: [dba]}}
"""


class Room:
    """A group with the operations robot in it, and people who speak there."""

    def __init__(self, cloud: LocalCloud, office: Office) -> None:
        self.cloud = cloud
        self.account = office.account
        self.dingtalk = cloud.cloud.dingtalk
        self.robot = operations_key(self.account)
        self.group = self._make()

    def _make(self) -> Conversation:
        def body(tx: Any) -> Conversation:
            group = self.dingtalk.messenger.new_group(tx, self.account, title="war room", everyone=True)
            return self.dingtalk.robot.join(tx, group)

        return self.cloud.run(self.cloud.cloud.store.run(body))

    def person(self, name: str, *allow: str) -> str:
        """A RAM user with those permissions, who is a member."""
        if allow:
            self.cloud.as_user(name, allow=allow)
        member = Member(
            id=own_id(self.account, name),
            account=self.account,
            userid=name,
            union_id=f"u-{name}",
            name=name.title(),
            user=name if allow else "",
        )
        self.cloud.run(self.cloud.cloud.store.run(lambda tx: tx.put(member)))
        return name

    def say(self, who: str, text: str, *, to_robot: bool = True) -> str:
        """What the robot answers."""
        before = len(self.said())
        content = Content(message_type="text", title="", text=text, body={"msgtype": "text", "text": {"content": text}})
        sender = Sender("member", who, who.title())
        robots = (self.robot,) if to_robot else ()

        async def post() -> None:
            await self.dingtalk.messenger.post(self.group, sender, content, robots=robots)

        self.cloud.run(post())
        return self.later(lambda: self.said()[before + 1 :])[-1].text if to_robot else ""

    def said(self) -> list[Said]:
        messenger = self.dingtalk.messenger
        return self.cloud.call(lambda: [messenger.read(kept) for kept in messenger.log.read(self.group.id, most=500)])

    def later(self, look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 20.0
        while not (found := look()):
            assert time.monotonic() < deadline, "nothing came"
            time.sleep(0.02)
        return found

    def pending(self) -> PendingCommand:
        def newest() -> list[PendingCommand]:
            return self.cloud.cloud.store.list(PendingCommand, account=self.account)

        found: PendingCommand = self.later(lambda: self.cloud.call(newest))[-1]
        return found

    def click(self, who: str, track: str, action: str = CONFIRM) -> Any:
        return self.cloud.run(self.dingtalk.parts.cards.click(self.account, who, track, action, {}))

    def state(self, track: str) -> str:
        found = self.cloud.call(lambda: self.cloud.cloud.store.get(PendingCommand, track))
        assert found is not None
        return found.state

    def over(self, track: str) -> str:
        """How it ended."""
        ended: str = self.later(lambda: self.state(track) if self.state(track) not in ("waiting", "running") else "")
        return ended


@pytest.fixture
def room(cloud: LocalCloud, office: Office) -> Room:
    return Room(cloud, office)


@pytest.fixture
def duty(cloud: LocalCloud, office: Office) -> None:
    """Wei is on duty."""
    cloud.run(ask_duty(cloud, "ApplyOrganisation", File=ORGANISATION))
    cloud.run(ask_duty(cloud, "AppointHolder", PostId="dba", PersonId="wei"))


async def ask_duty(cloud: LocalCloud, action: str, **fields: Any) -> None:
    headers = [
        ("host", "127.0.0.1"),
        ("authorization", f"Bearer {cloud.cloud.identity.admin_token}"),
        ("content-type", "application/json"),
    ]
    body = json.dumps(fields).encode()
    request = HttpRequest(method="POST", target=f"/_kowloon/call/Duty/{action}", headers=headers, body=body)
    answer = await cloud.cloud.front.handle(request)  # type: ignore[misc]
    assert answer.status == 200, answer.body


def test_questions_are_answered_at_once_and_only_where_it_is_addressed(room: Room) -> None:
    room.person("ada", "ecs:*")
    assert "I understand:" in room.say("ada", "@Kowloon help")
    assert room.say("ada", "status cn-hongkong").startswith("@ada\n\n#### cn-hongkong\nEverything is normal")
    assert "There is no region or zone mars." in room.say("ada", "状态 mars")
    assert "No fault is injected." in room.say("ada", "faults")
    assert "This account has no duty organisation." in room.say("ada", "谁在值班")
    before = len(room.said())
    room.say("ada", "help", to_robot=False)
    assert len(room.said()) == before + 1


def test_who_is_on_duty(room: Room, duty: None) -> None:
    room.person("ada", "ecs:*")
    assert "**Database on call**: Wei" in room.say("ada", "who is on duty for database?")
    assert "There is no post like 'pilot'." in room.say("ada", "who is on duty for pilot")


def test_a_command_has_the_rights_of_who_asks(room: Room) -> None:
    may, may_not = room.person("ada", "ecs:DescribeInstances"), room.person("eve", "oss:GetObject")
    assert "There is no instance i-nothing." in room.say(may, "describe i-nothing")
    assert "`Forbidden.RAM`" in room.say(may_not, "describe i-nothing")
    nobody = room.person("bob")
    assert "You are no RAM user of this account" in room.say(nobody, "describe i-nothing")
    assert "You are no RAM user of this account" in room.say(nobody, "restart i-nothing")
    assert "I know instances" in room.say(may, "describe xyz-1")


def test_a_dangerous_command_waits_for_a_confirmation_and_runs_once(room: Room) -> None:
    ada, eve = room.person("ada", "kowloon:InjectFault", "kowloon:RecoverFault"), room.person("eve", "ecs:*")
    room.say(ada, "inject zone-network cn-hongkong-c")
    pending = room.pending()
    assert (pending.state, pending.asked_by, pending.approvers) == ("waiting", ada, ())
    refused = room.click(eve, pending.id)
    assert refused.tips == "Only who asked can decide this."
    assert room.state(pending.id) == "waiting"
    assert room.click(ada, pending.id).status == "running"
    assert room.over(pending.id) == "done"
    faults = room.cloud.cloud.faults
    assert len(room.cloud.call(lambda: faults.faults(injected_only=True))) == 1
    assert "zone" in room.say(eve, "faults")
    with pytest.raises(Exception, match="action"):
        room.click(ada, pending.id)
    room.say(ada, "recover all")
    later = room.pending()
    room.click(ada, later.id)
    assert room.over(later.id) == "done"
    assert room.cloud.call(lambda: faults.faults(injected_only=True)) == []


def test_what_one_may_not_is_refused_after_the_confirmation_too(room: Room) -> None:
    ada = room.person("ada", "ecs:*")
    room.say(ada, "inject zone-network cn-hongkong-c")
    pending = room.pending()
    room.click(ada, pending.id)
    assert room.over(pending.id) == "failed"
    text = room.later(lambda: [each for each in room.said() if "NoPermission" in each.text])[-1].text
    assert "your RAM user ada may not do kowloon:InjectFault" in text
    assert room.cloud.call(lambda: room.cloud.cloud.faults.faults()) == []


def test_who_is_not_on_duty_needs_somebody_who_is(room: Room, duty: None) -> None:
    eve = room.person("eve", "kowloon:InjectFault")
    wei = room.person("wei", "ecs:*")
    room.say(eve, "inject zone-network cn-hongkong-c")
    pending = room.pending()
    assert pending.approvers == (wei,)
    assert room.click(eve, pending.id).tips == "Only somebody on duty, and not who asked can decide this."
    assert room.state(pending.id) == "waiting"
    assert room.click(wei, pending.id).status == "running"
    assert room.over(pending.id) == "done"
    room.say(eve, "recover all")
    second = room.pending()
    assert room.click(eve, second.id, REFUSE).status == "refused", "who asked may take it back"
    assert room.state(second.id) == "refused"


def test_it_waits_ten_minutes(room: Room) -> None:
    ada = room.person("ada", "kowloon:InjectFault")
    room.say(ada, "inject zone-network cn-hongkong-c")
    pending = room.pending()
    room.cloud.skip(seconds=WAITS_S + 1)
    assert room.click(ada, pending.id).status == "expired"
    assert room.cloud.call(lambda: room.cloud.cloud.faults.faults()) == []


def test_everything_is_in_the_audit_by_the_persons_name(room: Room) -> None:
    ada = room.person("ada", "ecs:DescribeInstances")
    room.say(ada, "describe i-nothing")
    audit = room.cloud.cloud.audit

    async def rows() -> list[Any]:
        await audit.catch_up()
        return audit.index.read_from(room.account, 0, 1000)

    found = {each["eventName"]: each for each in [json.loads(row.body) for row in room.cloud.run(rows())]}
    asked, called = found["ChatOps:describe"], found["DescribeInstances"]
    assert (asked["userIdentity"]["userName"], asked["requestParameters"]) == ("Ada", {"Command": "describe i-nothing"})
    assert (called["userIdentity"]["type"], called["userIdentity"]["userName"]) == ("ram-user", "ada")
    assert called["sourceIpAddress"] == asked["sourceIpAddress"] == "dingtalk.aliyuncs.com"


def test_a_drill_walks_through_its_scenario(room: Room) -> None:
    ada = room.person("ada", "kowloon:RunDrill")
    room.say(ada, "drill hongkong-2022")
    pending = room.pending()
    room.click(ada, pending.id)
    assert room.over(pending.id) == "done"
    ended = room.later(lambda: [each for each in room.said() if "minutes of the record" in each.text])
    assert "finished" in ended[-1].text
