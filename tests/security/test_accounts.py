"""No account sees, changes or uses what is another's: every action of every product is tried."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from kowloon.core.config import Settings
from kowloon.services.oss.actions import oss
from kowloon.services.rds.resources import DBInstance
from tests.core.parts import Caller, paper_cloud
from tests.security.accounts import (
    STRANGER,
    Signed,
    Vocabulary,
    belongings,
    filled,
    furnish,
    learn,
    stranger_of,
    told_of,
)


@pytest.fixture
async def owner() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        await furnish(caller)
        await _settle(caller)
        yield caller


async def _settle(owner: Caller) -> None:
    """Until all is there that was asked for; then nothing happens by itself any more."""
    async with asyncio.timeout(30):
        while {item.status for item in owner.cloud.store.list(DBInstance)} != {"Running"}:
            await owner.cloud.clock.skip(30.0)
            await asyncio.sleep(0.01)
    await owner.cloud.runtime.stop()


async def test_no_action_reaches_over_to_another_account(owner: Caller) -> None:
    account = owner.cloud.identity.account_id
    vocabulary = Vocabulary()
    await learn(owner, vocabulary)
    stranger = await stranger_of(owner)
    owned = belongings(owner, account)
    tried, named = 0, set[str]()
    for product in owner.cloud.registry.products:
        for action in product.actions.values():
            for turn in range(3):
                fields = filled(action, vocabulary, turn)
                # What a stranger brought along may be in any later answer.
                named |= set(fields.values())
                response = await stranger.send(action.name, **{"Version": product.version, **fields})
                tried += 1
                asked = f"{product.code} {action.name} {fields}"
                assert response.status < 500 or b"NotBuilt" in response.body, (asked, response.body)
                assert told_of(response.body, owned, named) == [], asked
                after = belongings(owner, account)
                assert after == owned, (asked, _differences(owned, after))
                for item in belongings(owner, STRANGER).values():
                    refers = {reference.key for reference in item.references} & set(owned)
                    assert not refers, (asked, item)
    assert tried > 500


def _differences(before: dict, after: dict) -> list[object]:  # type: ignore[type-arg]
    return [
        (key, before.get(key), after.get(key))
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key)
    ]


async def test_no_object_call_reaches_over_to_another_account(owner: Caller) -> None:
    mine, theirs = Signed(owner), Signed(await stranger_of(owner))
    assert (await mine.send("PUT", "/my-own-bucket/")).status == 200
    assert (await mine.send("PUT", "/my-own-bucket/secret", body=b"for me alone")).status == 200
    account = owner.cloud.identity.account_id
    owned = belongings(owner, account)
    volume = owner.cloud.storage.volume(1, next(item for key, item in owned.items() if key[0] == "oss-bucket").layout)  # type: ignore[attr-defined]
    entries = {entry.key: entry for entry in volume.scan(b"")}
    tried = 0
    for operation in oss.operations:
        if operation.open_to_all or operation.receives is not None or operation.level == "service":
            continue
        path = "/my-own-bucket/secret" if operation.level == "object" else "/my-own-bucket/"
        query = "&".join(
            name if value is None else f"{name}={value}" for name, value in sorted(operation.markers.items())
        )
        headers = {operation.header: "/my-own-bucket/secret"} if operation.header else {}
        answer = await theirs.send(operation.method, path, query, b"", headers)
        tried += 1
        asked = (operation.name, operation.method, path, query, answer.status, answer.body)
        assert answer.status in (400, 403, 404, 405, 409, 411, 501), asked
        assert b"for me alone" not in answer.body, asked
        assert answer.files is None, asked
        if answer.status == 404:
            assert b"NoSuchKey" not in answer.body, asked
        assert belongings(owner, account) == owned, asked
    assert {entry.key: entry for entry in volume.scan(b"")} == entries
    assert tried > 100


async def test_a_listing_of_buckets_shows_ones_own(owner: Caller) -> None:
    mine, theirs = Signed(owner), Signed(await stranger_of(owner))
    await mine.send("PUT", "/my-own-bucket/")
    assert b"my-own-bucket" in (await mine.send("GET", "/")).body
    answer = await theirs.send("GET", "/")
    assert answer.status == 200
    assert b"my-own-bucket" not in answer.body
    taken = await theirs.send("PUT", "/my-own-bucket/")
    assert (taken.status, b"BucketAlreadyExists" in taken.body) == (409, True)


async def test_two_clouds_in_one_process_share_nothing() -> None:
    async with (
        paper_cloud(Settings(engine="paper", port=0, seed=1)) as first,
        paper_cloud(Settings(engine="paper", port=0, seed=2)) as second,
    ):
        await furnish(first)
        other = second.key(first.key_id, first.secret)
        status, code, _ = await other.refused("DescribeVpcs")
        assert (status, code) == (404, "InvalidAccessKeyId.NotFound")
        assert json.loads((await second.send("DescribeVpcs")).body)["TotalCount"] == 0
        assert msgspec.json.encode(list(second.cloud.bus.recent)).find(b"my-instance") < 0
