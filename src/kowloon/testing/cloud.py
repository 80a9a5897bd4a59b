"""A cloud inside a test process: its own thread and event loop, a real socket, everything gone afterwards."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from kowloon.app import Cloud
from kowloon.core.config import Settings

T = TypeVar("T")
_START_S = 30.0


class LocalCloud:
    """`with LocalCloud() as cloud:` then point any SDK at `cloud.endpoint` with its keys. Paper engine by default."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings(engine="paper", port=0)
        self.cloud: Cloud
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kowloon", daemon=True)

    def __enter__(self) -> LocalCloud:
        self._thread.start()
        try:
            self.run(self._start())
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.run(self.cloud.stop(end_units=True))
        finally:
            self._end_loop()

    async def _start(self) -> None:
        self.cloud = Cloud(self.settings)
        await self.cloud.start()
        await self.cloud.ready()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float = 60.0) -> T:
        """Run a coroutine on the cloud's own loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)

    def call(self, function: Callable[[], T]) -> T:
        """Call a plain function on the cloud's own loop: its objects belong to that thread."""

        async def body() -> T:
            return function()

        return self.run(body())

    @property
    def endpoint(self) -> str:
        return self.cloud.endpoint

    @property
    def access_key_id(self) -> str:
        return self.cloud.identity.access_key_id

    @property
    def access_key_secret(self) -> str:
        return self.cloud.identity.access_key_secret

    @property
    def account_id(self) -> str:
        return self.cloud.identity.account_id

    @property
    def admin_token(self) -> str:
        return self.cloud.identity.admin_token
