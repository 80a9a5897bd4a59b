from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from kowloon.gateway.transport_settings import TransportSettings

from .sockets import Running, serving

_ON_BOTH = {
    "test_transport.py",
    "test_streaming.py",
    "test_sending.py",
    "test_websocket.py",
    "test_websocket_handshake.py",
    "test_websocket_waiting.py",
}


@pytest.hookimpl(tryfirst=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The transport is tested on the loop it is made for and on the standard one; their transports differ."""
    if item.path.name in _ON_BOTH:
        return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    """A server that stops without waiting for open WebSockets."""
    async with serving(TransportSettings(drain_s=0.1)) as server:
        yield server
