"""Paper databases follow the same rules as real ones."""

from __future__ import annotations

import pytest

from kowloon.engines.base import EngineError
from kowloon.engines.database.base import AccountSpec, NodeStatus
from kowloon.engines.database.paper import PaperDatabase
from kowloon.engines.fabric import InProcessFabric

from .database_parts import Pair


@pytest.fixture
async def pair() -> Pair:
    engine = PaperDatabase(InProcessFabric())
    pair = Pair(engine, {"a": "127.1.1.1", "b": "127.1.1.2"})
    await pair.start_both()
    return pair


async def test_failover_goes_as_with_real_parts(pair: Pair) -> None:
    engine = pair.engine
    assert await engine.status("a") == NodeStatus(reachable=True, streaming=True, synchronous=True, wal_position=3)
    assert await engine.status("b") == NodeStatus(reachable=True, in_recovery=True, streaming=True, wal_position=3)
    await engine.stop("a")
    assert not (await engine.status("b")).streaming
    with pytest.raises(EngineError, match="a promotion to generation 1 is stale and refused"):
        await engine.promote("b", generation=1)
    await engine.promote("b", generation=2)
    await engine.configure("b", pair.spec("b", "primary", 2).payload)
    await engine.stop("b")
    with pytest.raises(EngineError, match="an order to be primary of generation 1 is stale"):
        await engine.start(pair.spec("b", "primary", 1))
    with pytest.raises(EngineError, match=r"The node a cannot reach its primary at 127\.1\.1\.2"):
        await engine.start(pair.spec("a", "standby", 2))
    await engine.start(pair.spec("b", "primary", 2))
    await engine.start(pair.spec("a", "standby", 2))
    assert (await engine.status("a")).streaming
    with pytest.raises(EngineError, match="it must be promoted or restarted to be primary of generation 3"):
        await engine.configure("a", pair.spec("a", "primary", 3).payload)
    with pytest.raises(EngineError, match="only a primary waits for one"):
        await engine.set_synchronous("a", "b")


async def test_faults_and_writes(pair: Pair) -> None:
    engine = pair.engine
    await engine.cut("b")
    assert await engine.status("b") == NodeStatus(reachable=False)
    assert not (await engine.status("a")).streaming
    with pytest.raises(EngineError, match="The node a did not answer within 5 s"):
        await engine.put_account("a", AccountSpec(name="more", password="x"))
    await engine.set_synchronous("a", None)
    await engine.put_account("a", AccountSpec(name="more", password="x"))
    await engine.heal("b")
    with pytest.raises(EngineError, match="it is a standby and takes no writes"):
        await engine.put_account("b", AccountSpec(name="more", password="x"))
    await engine.freeze("a")
    assert await engine.status("a") == NodeStatus(reachable=False)
    await engine.thaw("a")
    with pytest.raises(EngineError, match='role "none_such" does not exist'):
        await engine.grant("a", "none_such", "shop", "ReadOnly")
    with pytest.raises(EngineError, match='database "none" does not exist'):
        await engine.grant("a", "more", "none", "ReadOnly")
    await engine.drop_account("a", "more")
    await engine.drop_database("a", "shop")
    await engine.delete("a")
    with pytest.raises(EngineError, match="has no data yet"):
        await engine.promote("a", generation=9)
