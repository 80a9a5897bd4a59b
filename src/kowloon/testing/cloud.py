"""A cloud inside a test process: its own thread and event loop, everything gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop

from kowloon.core.config import Settings
from kowloon.testing import people
from kowloon.testing.callers import Caller

if TYPE_CHECKING:
    from kowloon.app import Cloud

T = TypeVar("T")
_START_S = 30.0


class LocalCloud:
    """`with LocalCloud() as cloud:` then `cloud.client("ecs20140526")`, or any SDK at `cloud.endpoint` with its keys.
    On paper unless the settings say otherwise.

    `sockets=False`: nothing listens. Clients that use `requests` are answered in process, by any of the vendor's host
    names too, and refused every other host but those in `let_through`; one such cloud at a time.
    """

    def __init__(
        self, settings: Settings | None = None, *, sockets: bool = True, let_through: Collection[str] = ()
    ) -> None:
        self.settings = settings or Settings(engine="paper", port=0)
        self.sockets = sockets
        self.cloud: Cloud
        self._let_through = frozenset(let_through)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kowloon", daemon=True)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> LocalCloud:
        self._thread.start()
        try:
            self.run(self._start())
            if not self.sockets:
                from kowloon.testing.in_process import InProcess

                self._open.enter_context(InProcess(self, self._let_through))
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._open.close()
            self.run(self.cloud.stop(end_units=True))
        finally:
            self._end_loop()

    async def _start(self) -> None:
        from kowloon.app import Cloud

        self.cloud = Cloud(self.settings)
        await self.cloud.start(listen=self.sockets)
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

    def begin(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine on the cloud's own loop, and do not wait: from any thread. Where the loop has ended, not."""
        if self._loop.is_closed():
            coroutine.close()
        else:
            asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    # What clients are told --------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """host:port; without sockets a name that leads nowhere else."""
        return self.cloud.endpoint if self.sockets else self.settings.host

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

    @property
    def administrator(self) -> Caller:
        """The first account's administrator, who may everything in it."""
        return Caller(
            endpoint=self.endpoint,
            region=self.settings.region,
            account_id=self.account_id,
            access_key_id=self.access_key_id,
            access_key_secret=self.access_key_secret,
        )

    def client(self, package: str, *, region: str = "", **config: Any) -> Any:
        """The administrator's official client: see `Caller.client`."""
        return self.administrator.client(package, region=region, **config)

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """The administrator's keys where every family's default chain of credentials looks first."""
        with self.administrator.environment():
            yield

    # Other callers ----------------------------------------------------------------------------------------------------

    def as_account(self, name: str) -> Caller:
        """The administrator of another account, which is opened when there is none of that name."""
        return people.account(self, name)

    def as_user(self, name: str, *, allow: Collection[str] = ()) -> Caller:
        """A RAM user of the first account, made when there is none; who may do the actions in `allow`."""
        return people.user(self, name, allow)

    def as_role(self, name: str, *, allow: Collection[str] = ()) -> Caller:
        """A session of a role of the first account: of the role that is there, or of a new one that its account may
        take and that may do the actions in `allow`."""
        return people.role(self, name, allow)

    # Time and faults --------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Everything gone but the account and its keys, the clock back at the wall's, and transitions as the settings
        say. Milliseconds."""
        self.run(self.cloud.reset(clock=True))
        self.set_transitions(self.settings.transitions)

    def save(self, name: str) -> None:
        """The whole state under a name, for `load`; it goes with the cloud."""
        self.run(self.cloud.snapshots.save(name))

    def load(self, name: str) -> None:
        self.run(self.cloud.snapshots.load(name))

    def set_transitions(self, setting: str) -> None:
        """How fast things change from now on: instant, realistic or reads:N. ValueError for anything else."""
        self.call(lambda: self.cloud.transitions.set(setting))

    def skip(self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0) -> None:
        """Move cloud time forward; all that is due meanwhile happens. Tokens and signatures go by the wall's clock."""
        self.run(self.cloud.clock.skip(seconds + 60.0 * minutes + 3600.0 * hours))

    @contextlib.contextmanager
    def fault(self, kind: str, *scope: str, **parameters: Any) -> Iterator[str]:
        """A fault while the block runs, such as `fault("zone-network", "cn-hongkong-c")`; gives its id. Kinds and
        their parameters: `kowloon fault kinds`, docs/coverage.md."""
        fault = self.run(self.cloud.faults.inject(kind, scope, parameters))
        try:
            yield fault.id
        finally:
            self.run(self._end_fault(fault.id))

    async def _end_fault(self, fault_id: str) -> None:
        """Unless the block did it, or reset everything."""
        faults = self.cloud.faults
        if any(fault.id == fault_id for fault in faults.faults(injected_only=True)):
            await faults.recover(fault_id)

    def zone_down(self, zone: str) -> contextlib.AbstractContextManager[str]:
        """No power in a zone while the block runs."""
        return self.fault("zone-power", zone)
