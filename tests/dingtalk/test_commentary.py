"""The incident's running commentary stays below the robot's limit."""

from __future__ import annotations

import asyncio

from kowloon.core.events import HealthEvent, ResourceEvent
from kowloon.dingtalk.commentary import GROUP
from kowloon.dingtalk.news import MERGE_S, MOST_LINES
from kowloon.dingtalk.robot import PER_MINUTE
from tests.core.parts import START_S, Caller, paper_cloud
from tests.dingtalk.parts import kept_in, messages


async def pass_minutes(caller: Caller, minutes: int) -> None:
    for _ in range(minutes * 10):
        await caller.cloud.clock.skip(6.0)
        for _ in range(20):
            await asyncio.sleep(0)


async def test_the_loss_of_a_zone_with_60_units_is_few_messages() -> None:
    async with paper_cloud() as caller:
        vpc = (await caller.ask("CreateVpc", CidrBlock="10.0.0.0/8"))["VpcId"]
        vswitch = await caller.ask("CreateVSwitch", VpcId=vpc, ZoneId="cn-hongkong-c", CidrBlock="10.0.0.0/16")
        group = await caller.ask("CreateSecurityGroup", Version="2014-05-26", VpcId=vpc)
        images = await caller.ask("DescribeImages", Version="2014-05-26")
        await caller.ask(
            "RunInstances",
            Amount="60",
            VSwitchId=vswitch["VSwitchId"],
            SecurityGroupId=group["SecurityGroupId"],
            ImageId=images["Images"]["Image"][0]["ImageId"],
            InstanceType="ecs.g6.large",
        )
        await pass_minutes(caller, 1)
        before = len(messages(caller, GROUP))
        await caller.cloud.faults.inject("zone-power", ["cn-hongkong-c"], {}, label="the lights go out")
        await pass_minutes(caller, 5)
        told = messages(caller, GROUP)[before:]
        assert 1 <= len(told) <= 5 * PER_MINUTE / 2
        text = "\n".join(message.text for message in told)
        assert "zone_power" in text
        assert "cn-hongkong-c" in text
        assert max(len(message.text.encode()) for message in told) < 20_000
        moments = [kept.at for kept, _ in kept_in(caller.cloud, GROUP)][before:]
        for moment in moments:
            within = [one for one in moments if 0 <= one - moment < 60.0]
            assert len(within) <= PER_MINUTE / 2 + 1


async def test_what_comes_together_is_one_message_and_what_is_too_much_is_counted() -> None:
    async with paper_cloud() as caller:
        before = len(messages(caller, GROUP))
        for number in range(MOST_LINES + 10):
            caller.cloud.bus.emit(
                HealthEvent(at=START_S, node=f"n{number}", aspect="power", state="off", level="CRITICAL")
            )
        caller.cloud.bus.emit(ResourceEvent(at=START_S, kind="instance", id="i-1", state="started"))
        assert len(messages(caller, GROUP)) == before
        await caller.cloud.clock.skip(MERGE_S)
        for _ in range(20):
            await asyncio.sleep(0)
        (message,) = messages(caller, GROUP)[before:]
        lines = message.text.split("\n")
        assert lines[0] == "#### Kowloon"
        assert lines[1] == "- **CRITICAL** n0 power: off"
        assert lines[-1] == "- and 10 more"
        assert len(lines) == MOST_LINES + 2


async def test_a_reset_leaves_nothing_to_be_told_of_what_was_before() -> None:
    async with paper_cloud() as caller:
        caller.cloud.bus.emit(HealthEvent(at=START_S, node="gone", aspect="power", state="off", level="CRITICAL"))
        await caller.cloud.changeover.reset(clock=False)
        await pass_minutes(caller, 1)
        assert [message.text for message in messages(caller, GROUP) if "gone" in message.text] == []
        caller.cloud.bus.emit(HealthEvent(at=START_S, node="fresh", aspect="power", state="off", level="CRITICAL"))
        await pass_minutes(caller, 1)
        assert "fresh" in messages(caller, GROUP)[-1].text


async def test_a_robot_that_somebody_else_used_up_stops_nothing() -> None:
    async with paper_cloud() as caller:
        robot = caller.cloud.dingtalk.commentary.robot()
        assert robot is not None
        body = {"msgtype": "text", "text": {"content": "Kowloon"}}
        for _ in range(PER_MINUTE):
            await caller.cloud.dingtalk.webhook.post(robot, body, size_bytes=50)
        caller.cloud.bus.emit(HealthEvent(at=START_S, node="n", aspect="power", state="off"))
        await caller.cloud.clock.skip(MERGE_S)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(messages(caller, GROUP)) == PER_MINUTE
        assert await caller.ask("DescribeVpcs")
