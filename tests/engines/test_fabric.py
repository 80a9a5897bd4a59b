"""The fabric's cuts and the claim on a network of loopback addresses."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kowloon
from kowloon.core.errors import ConfigurationError
from kowloon.engines.fabric import InProcessFabric, LoopbackAddressSpace

CLAIM = """
import sys

from kowloon.engines.fabric import LoopbackAddressSpace
space = LoopbackAddressSpace("home")
print(space.claim(None), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def fabric() -> InProcessFabric:
    return InProcessFabric()


@pytest.fixture
def other_cloud() -> Iterator[str]:
    """The network that a cloud in another process holds."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM],
        env={"PYTHONPATH": os.pathsep.join((str(Path(kowloon.__file__).parent.parent), *sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.communicate()


async def test_a_cut_is_told_once_and_healed(fabric: InProcessFabric) -> None:
    told: list[frozenset[str]] = []
    fabric.on_change(lambda: told.append(fabric.cut_addresses()))
    for _ in range(2):
        fabric.cut("127.20.0.1")
    assert fabric.is_cut("127.20.0.1")
    for _ in range(2):
        fabric.heal("127.20.0.1")
    assert told == [frozenset({"127.20.0.1"}), frozenset()]


async def test_a_cut_address_times_out_though_it_listens(fabric: InProcessFabric) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        fabric.cut("127.0.0.1")
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            await fabric.dial("127.0.0.1", port, timeout_s=0.2)
        assert time.monotonic() - begun >= 0.19
        dialling = asyncio.create_task(fabric.dial("127.0.0.1", port, timeout_s=5.0))
        await asyncio.sleep(0.05)
        fabric.heal("127.0.0.1")
        _, writer = await dialling
        writer.close()


async def test_nothing_listening_is_a_refusal_not_a_time_out(fabric: InProcessFabric) -> None:
    with pytest.raises(ConnectionRefusedError):
        await fabric.dial("127.0.0.1", 1, timeout_s=5.0)


def test_two_clouds_never_get_the_same_network(other_cloud: str) -> None:
    ours = LoopbackAddressSpace("home")
    try:
        assert ours.claim(None) != other_cloud
        assert ours.claim(None) == ours.claim(None)
        with pytest.raises(ConfigurationError, match="another cloud"):
            LoopbackAddressSpace("home").claim(other_cloud)
    finally:
        ours.release()


def test_a_released_network_can_be_had_again() -> None:
    first = LoopbackAddressSpace("a home of this test")
    network = first.claim(None)
    first.release()
    second = LoopbackAddressSpace()
    assert second.claim(network) == network
    second.release()


@pytest.mark.parametrize("network", ["127.0.0.0/16", "10.20.0.0/16", "127.20.0.0/24", "127.251.0.0/16", "nonsense"])
def test_a_network_that_is_none_of_ours_is_refused(network: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be this cloud's network"):
        LoopbackAddressSpace().claim(network)
