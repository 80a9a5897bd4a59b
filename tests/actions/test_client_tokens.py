"""ClientToken: one answer per token, for a day of cloud time."""

from __future__ import annotations

import asyncio

import pytest

from kowloon.actions.idempotency import ClientTokenRecord
from kowloon.core import limits
from tests.core.parts import paper_cloud

REUSED = "IdempotentParameterMismatch"


async def test_the_same_token_and_request_answer_as_the_first_time() -> None:
    async with paper_cloud() as caller:
        first = await caller.ask("CreateVpc", ClientToken="t", VpcName="a")
        again = await caller.ask("CreateVpc", ClientToken="t", VpcName="a")
        as_xml = await caller.send("CreateVpc", ClientToken="t", VpcName="a", Format="XML")
        assert again["VpcId"] == first["VpcId"]
        assert again["RequestId"] != first["RequestId"]
        assert f"<VpcId>{first['VpcId']}</VpcId>".encode() in as_xml.body
        assert (await caller.ask("DescribeVpcs"))["TotalCount"] == 1


async def test_many_at_once_make_one() -> None:
    async with paper_cloud() as caller:
        answers = await asyncio.gather(*(caller.ask("CreateVpc", ClientToken="t") for _ in range(20)))
        assert len({answer["VpcId"] for answer in answers}) == 1


async def test_another_request_under_the_same_token_is_refused() -> None:
    async with paper_cloud() as caller:
        await caller.ask("CreateVpc", ClientToken="t", VpcName="a")
        status, code, message = await caller.refused("CreateVpc", ClientToken="t", VpcName="b")
        assert (status, code) == (400, REUSED)
        assert message == TOKEN_MESSAGE
        # A token is one action's, and one region's.
        other = await caller.ask("CreateVpc", ClientToken="t", VpcName="b", RegionId="cn-hangzhou")
        assert other["VpcId"]
        assert (await caller.ask("DescribeVpcs"))["TotalCount"] == 1


TOKEN_MESSAGE = "The request uses the same client token as a previous, but non-identical request."


async def test_a_token_is_free_again_after_a_day() -> None:
    async with paper_cloud() as caller:
        first = (await caller.ask("CreateVpc", ClientToken="t"))["VpcId"]
        await caller.cloud.clock.skip(limits.CLIENT_TOKEN_LIFETIME_S - 1)
        assert (await caller.ask("CreateVpc", ClientToken="t"))["VpcId"] == first
        await caller.cloud.clock.skip(1)
        assert (await caller.ask("CreateVpc", ClientToken="t"))["VpcId"] != first


@pytest.mark.parametrize("token", ["x" * 65, "中文"])
async def test_tokens_are_up_to_64_ascii_characters(token: str) -> None:
    async with paper_cloud() as caller:
        assert await caller.refused("CreateVpc", ClientToken=token) == (
            400,
            "InvalidParameter.ClientToken",
            'The specified parameter "ClientToken" is not valid. It can be up to 64 ASCII characters in length.',
        )


async def test_a_failed_call_keeps_no_token() -> None:
    async with paper_cloud() as caller:
        await caller.refused("CreateVpc", ClientToken="t", CidrBlock="10.0.0.0/40")
        assert (await caller.ask("CreateVpc", ClientToken="t"))["VpcId"]


async def test_kept_tokens_are_bounded_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CLIENT_TOKENS_KEPT", 20)
    async with paper_cloud() as caller:
        first: dict[int, str] = {}
        for number in range(60):
            caller.wall.now += 1
            first[number] = (await caller.ask("CreateVpc", ClientToken=f"t{number}"))["VpcId"]
            assert caller.cloud.store.count(ClientTokenRecord) <= 20
        assert (await caller.ask("CreateVpc", ClientToken="t59"))["VpcId"] == first[59]
        assert (await caller.ask("CreateVpc", ClientToken="t0"))["VpcId"] != first[0]
