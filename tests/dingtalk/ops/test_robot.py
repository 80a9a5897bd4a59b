"""Operating the cloud from the messenger: in whose name, who confirms, who approves, what the audit says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kowloon.core import limits
from kowloon.core.config import Settings
from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.ops.grammar import parse
from kowloon.dingtalk.ops.resources import PendingCommand
from kowloon.dingtalk.ops.robot import CONFIRM, REFUSE, WAITS_S, operations_key
from kowloon.dingtalk.platform.call import own_id
from kowloon.testing.cloud import LocalCloud
from kowloon.wire.http import HttpRequest
from tests.dingtalk.platform import Office, office_of

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
        self.put(name, user=name if allow else "")
        return name

    def put(self, userid: str, **fields: Any) -> None:
        member = Member(
            id=own_id(self.account, userid),
            account=self.account,
            userid=userid,
            union_id=f"u-{userid}",
            **{"name": userid.title(), **fields},
        )
        self.cloud.run(self.cloud.cloud.store.run(lambda tx: tx.put(member)))

    def member(self, userid: str) -> Member:
        found = self.cloud.call(lambda: self.dingtalk.messenger.member(self.account, userid))
        assert found is not None
        return found

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


def test_who_is_on_duty_is_who_the_directory_says_and_not_who_is_called_so(room: Room) -> None:
    """Wei of the duty is the member x7, by the RAM user; a member called wei is somebody else."""
    room.cloud.as_user("wei", allow=["ecs:*"])
    room.put("x7", user="wei")
    room.cloud.run(ask_duty(room.cloud, "ApplyOrganisation", File=ORGANISATION))
    room.cloud.run(ask_duty(room.cloud, "AppointHolder", PostId="dba", PersonId="wei"))
    room.later(lambda: room.member("x7").person == "wei")
    room.cloud.as_user("mallory", allow=["kowloon:InjectFault"])
    room.put("wei", user="mallory")
    room.say("wei", "inject zone-network cn-hongkong-c")
    pending = room.pending()
    assert pending.approvers == ("x7",)
    assert room.click("wei", pending.id).tips == "Only somebody on duty, and not who asked can decide this."
    assert room.click("x7", pending.id).status == "running"


def test_where_nobody_can_approve_nothing_is_done(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is on duty is no member of an organisation that is full: who asks does not decide instead."""
    eve = room.person("eve", "kowloon:InjectFault")
    monkeypatch.setattr(limits, "DINGTALK_PEOPLE", 1)
    room.cloud.run(ask_duty(room.cloud, "ApplyOrganisation", File=ORGANISATION))
    room.cloud.run(ask_duty(room.cloud, "AppointHolder", PostId="dba", PersonId="wei"))
    answer = room.say(eve, "inject zone-network cn-hongkong-c")
    assert "Somebody on duty has to approve it, and nobody of them is here." in answer
    assert room.cloud.call(lambda: room.cloud.cloud.store.list(PendingCommand)) == []


def test_who_an_application_made_under_the_name_of_who_is_on_duty_approves_nothing(room: Room, duty: None) -> None:
    """Whoever set its password would decide."""
    eve = room.person("eve", "kowloon:InjectFault")
    room.put("wei", person="wei", password="salt$hash")
    assert "nobody of them is here" in room.say(eve, "inject zone-network cn-hongkong-c")
    assert room.cloud.call(lambda: room.cloud.cloud.store.list(PendingCommand)) == []


def test_who_comes_later_under_the_same_userid_decides_nothing(room: Room, duty: None) -> None:
    eve, wei = room.person("eve", "kowloon:InjectFault"), room.person("wei", "ecs:*")
    room.say(eve, "inject zone-network cn-hongkong-c")
    pending = room.pending()
    room.put(wei, user="wei", created_at=pending.created_at + 1)
    assert room.click(wei, pending.id).tips == "Only somebody on duty, and not who asked can decide this."
    room.put(eve, user="eve", created_at=pending.created_at + 1)
    room.put(wei, user="wei")
    assert room.click(wei, pending.id).tips == "Who asked for it is gone."
    assert room.state(pending.id) == "waiting"


def test_what_ran_when_the_cloud_ended_is_not_done_again_and_says_so(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, engine="paper", port=0)
    with LocalCloud(settings) as cloud:
        room = Room(cloud, office_of(cloud))
        room.person("ada", "kowloon:InjectFault")
        room.say("ada", "inject zone-network cn-hongkong-c")
        running = msgspec.structs.replace(room.pending(), state="running", decided_by="ada")
        cloud.run(cloud.cloud.store.run(lambda tx: tx.put(running)))
        group = room.group
    with LocalCloud(settings) as cloud:
        again = Room(cloud, office_of(cloud))
        again.group = group
        assert again.over(running.id) == "failed"
        assert "Look whether it has happened" in again.later(again.said)[-1].text
        assert cloud.call(lambda: cloud.cloud.faults.faults()) == []


def test_where_all_posts_are_vacant_nobody_can_agree(room: Room, duty: None) -> None:
    eve = room.person("eve", "kowloon:InjectFault")
    room.cloud.run(ask_duty(room.cloud, "Resign", PostId="dba", PersonId="wei"))
    told = room.say(eve, "inject zone-network cn-hongkong-c")
    assert "Somebody on duty has to approve it, and nobody of them is here." in told


def test_faults_are_not_another_accounts(room: Room) -> None:
    stranger = room.cloud.as_account("stranger").account_id
    member = Member(id="x", account=stranger, userid="eve", union_id="u", name="Eve", user="eve", admin=True)

    async def tell(text: str) -> None:
        raise AssertionError(text)

    commands = room.dingtalk.robot._commands
    for text in ("inject zone-power cn-hongkong-c", "recover all", "drill hongkong-2022"):
        good, told = room.cloud.run(commands.perform(parse(text), member, tell))
        assert (good, told) == (False, "`NoPermission`: faults and drills are of this cloud's first account.")


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
