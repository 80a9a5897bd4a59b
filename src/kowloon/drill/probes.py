"""Probes: a customer's view from outside, at least ten times a second, each try bounded in time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

import asyncpg
import httpx
import msgspec

from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.ids import Ids
from kowloon.drill.measure import Sample
from kowloon.drill.objectives import ApiSpec, HttpSpec, LedgerSpec, ProbeSpec, SqlSpec, Workload
from kowloon.drill.sign import Keys, sign_rpc

# Tries of one probe under way at once; with time-outs of a second a dead target keeps ten busy.
_MOST_UNDER_WAY = 40
_IDLE_CONNECTIONS = 4
_MOST_CONNECTIONS = 400
_LEDGER_CHECK_S = 30.0
_LEDGER_RETRY_S = 0.5


class Outcome(msgspec.Struct, frozen=True):
    """`code`: why it was not served, in a word."""

    ok: bool
    code: str = ""


class Probe(Protocol):
    """One target. `attempt` never raises for what the target does."""

    name: str
    kind: str
    variant: str
    zone: str
    every_s: float

    async def attempt(self) -> Outcome: ...
    async def close(self) -> None: ...


@runtime_checkable
class Ledger(Protocol):
    """A probe that also knows which writes were acknowledged."""

    acknowledged: set[str]

    async def missing(self) -> set[str] | None:
        """Acknowledged and not there; None when it could not be asked."""
        ...


class Prober:
    """Tries one probe at its pace, whether earlier tries have ended or not, and keeps every sample."""

    def __init__(self, probe: Probe, now: Callable[[], float]) -> None:
        self.probe = probe
        self.samples: list[Sample] = []
        self._now = now
        self._under_way: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self, delay_s: float = 0.0) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(delay_s))

    async def stop(self) -> None:
        """Waits for the tries under way."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.gather(*self._under_way)
        await self.probe.close()

    def in_order(self) -> list[Sample]:
        """By their start: those that waited in vain come in late."""
        return sorted(self.samples, key=lambda sample: sample.at)

    async def _run(self, delay_s: float) -> None:
        due = self._now() + delay_s
        while True:
            await asyncio.sleep(max(due - self._now(), 0.0))
            if len(self._under_way) < _MOST_UNDER_WAY:
                task = asyncio.get_running_loop().create_task(self._once())
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            else:
                self.samples.append(Sample(self._now(), False, 0.0, "too many tries wait"))
            # After a stall of our own the missed tries are not made up for.
            due = max(due + self.probe.every_s, self._now())

    async def _once(self) -> None:
        began = self._now()
        outcome = await self.probe.attempt()
        self.samples.append(Sample(began, outcome.ok, self._now() - began, outcome.code))


class _Timed:
    """A try: attempts in turn, each within the time-out, until one is served."""

    def __init__(self, spec: ProbeSpec, kind: str, variant: str) -> None:
        self.name = spec.name
        self.kind = kind
        self.variant = variant
        self.zone = spec.zone
        self.every_s = spec.every_ms / 1000
        self._timeout_s = spec.timeout_ms / 1000
        self._attempts = 1 + spec.retries

    async def _try(self, ask: Callable[[], Awaitable[Outcome]]) -> Outcome:
        outcome = Outcome(False)
        for _ in range(self._attempts):
            try:
                async with asyncio.timeout(self._timeout_s):
                    outcome = await ask()
            except (TimeoutError, httpx.TimeoutException):
                outcome = Outcome(False, "timeout")
            except (httpx.ConnectError, ConnectionRefusedError):
                outcome = Outcome(False, "refused")
            except (httpx.HTTPError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                outcome = Outcome(False, "broken off")
            except asyncpg.PostgresError as problem:
                outcome = Outcome(False, type(problem).__name__)
            if outcome.ok:
                break
        return outcome

    async def close(self) -> None:
        """Nothing is kept open; probes that keep something say so."""


class HttpProbe(_Timed):
    def __init__(self, spec: HttpSpec, variant: str, client: httpx.AsyncClient) -> None:
        super().__init__(spec, "http", variant)
        self._spec = spec
        self._client = client

    async def attempt(self) -> Outcome:
        return await self._try(self._ask)

    async def _ask(self) -> Outcome:
        answer = await self._client.request(self._spec.method, self._spec.url, timeout=self._timeout_s)
        return Outcome(answer.status_code == self._spec.expect_status, str(answer.status_code))


class SqlProbe(_Timed):
    """Connections that work are used again, as a pool does; one that fails is dropped at once."""

    def __init__(self, spec: SqlSpec, variant: str) -> None:
        super().__init__(spec, "sql", variant)
        self._spec = spec
        self._idle: list[asyncpg.Connection] = []

    async def attempt(self) -> Outcome:
        return await self._try(self._ask)

    async def _ask(self) -> Outcome:
        connection = self._idle.pop() if self._idle else await asyncpg.connect(self._spec.dsn, timeout=self._timeout_s)
        try:
            await connection.fetch(self._spec.statement)
        except BaseException:
            connection.terminate()
            raise
        if len(self._idle) < _IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.terminate()
        return Outcome(True)

    async def close(self) -> None:
        for connection in self._idle:
            connection.terminate()
        self._idle.clear()


class ApiProbe(_Timed):
    def __init__(self, spec: ApiSpec, variant: str, client: httpx.AsyncClient, clock: Clock, ids: Ids) -> None:
        super().__init__(spec, "api", variant)
        self._spec = spec
        self._client = client
        self._clock = clock
        self._ids = ids
        self._keys = Keys(spec.access_key_id, spec.access_key_secret)
        scheme = "" if "://" in spec.endpoint else "http://"
        self._url = f"{scheme}{spec.endpoint}/"

    async def attempt(self) -> Outcome:
        return await self._try(self._ask)

    async def _ask(self) -> Outcome:
        spec = self._spec
        asked = {**spec.parameters, "Action": spec.action, "Version": spec.version, "RegionId": spec.region}
        timestamp, nonce = iso_seconds(self._clock.wall()), self._ids.request_id()
        signed = sign_rpc(asked, self._keys, timestamp=timestamp, nonce=nonce)
        answer = await self._client.get(self._url, params=signed, timeout=self._timeout_s)
        return read_api_answer(answer.status_code, answer.content)


def read_api_answer(status: int, body: bytes) -> Outcome:
    if status == 200:
        return Outcome(True)
    try:
        code = str(msgspec.json.decode(body)["Code"])
    except (msgspec.DecodeError, KeyError, TypeError):
        code = str(status)
    return Outcome(False, code)


class LedgerProbe(_Timed):
    """Writes with ids of their own; `run_id` keeps those of two drills apart."""

    def __init__(self, spec: LedgerSpec, variant: str, client: httpx.AsyncClient, run_id: str) -> None:
        super().__init__(spec, "ledger", variant)
        self.acknowledged: set[str] = set()
        self._spec = spec
        self._client = client
        self._run_id = run_id
        self._written = 0

    async def attempt(self) -> Outcome:
        self._written += 1
        id = f"{self._run_id}-{self._written}"
        outcome = await self._try(lambda: self._write(id))
        if outcome.ok:
            self.acknowledged.add(id)
        return outcome

    async def _write(self, id: str) -> Outcome:
        body = msgspec.json.encode(_with_id(self._spec.body, id))
        headers = {"Content-Type": "application/json"}
        answer = await self._client.post(self._spec.url, content=body, headers=headers, timeout=self._timeout_s)
        return Outcome(answer.status_code == self._spec.expect_status, str(answer.status_code))

    async def missing(self) -> set[str] | None:
        """Asks until it is answered: what was lost is known only from a system that serves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEDGER_CHECK_S):
                while True:
                    with contextlib.suppress(httpx.HTTPError, msgspec.DecodeError, msgspec.ValidationError):
                        answer = await self._client.get(self._spec.check_url, timeout=_LEDGER_CHECK_S)
                        if answer.status_code == 200:
                            return self.acknowledged - set(msgspec.json.decode(answer.content, type=list[str]))
                    await asyncio.sleep(_LEDGER_RETRY_S)
        return None


def _with_id(body: object, id: str) -> object:
    if isinstance(body, dict):
        return {key: _with_id(value, id) for key, value in body.items()}
    return body.replace("{id}", id) if isinstance(body, str) else body


def outside_client() -> httpx.AsyncClient:
    """A connection per try: what a new customer would meet. Proxies of the environment are not asked."""
    limits = httpx.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=0)
    return httpx.AsyncClient(limits=limits, trust_env=False, verify=False, follow_redirects=False)


def make_probes(
    workload: Workload, client: httpx.AsyncClient, *, clock: Clock, ids: Ids, run_id: str
) -> list[HttpProbe | SqlProbe | ApiProbe | LedgerProbe]:
    found: list[HttpProbe | SqlProbe | ApiProbe | LedgerProbe] = []
    for spec in workload.probes:
        if isinstance(spec, HttpSpec):
            found.append(HttpProbe(spec, workload.variant, client))
        elif isinstance(spec, SqlSpec):
            found.append(SqlProbe(spec, workload.variant))
        elif isinstance(spec, ApiSpec):
            found.append(ApiProbe(spec, workload.variant, client, clock, ids))
        else:
            found.append(LedgerProbe(spec, workload.variant, client, run_id))
    return found
