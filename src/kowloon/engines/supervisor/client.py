"""The server's side of the supervisor: a `ProcessHost` whose processes outlive the server for a lease."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

import kowloon
from kowloon.core import limits
from kowloon.core.errors import ConfigurationError
from kowloon.engines.base import EngineError
from kowloon.engines.processes import ProcessReport, ProcessSpec, ProcessState
from kowloon.engines.supervisor import folders, protocol

_BUSY = 75
_START_S = 20.0
_RETRY_PAUSE_S = 0.05
_LINE_BYTES = 16 * 1024 * 1024
# Several beats fit into a lease, so that one slow moment of the server costs nothing.
_BEATS_PER_LEASE = 5


class SupervisorClient:
    """One per cloud. `connect` starts the supervisor of `home`, or adopts it with its units when it runs.

    `close` leaves the units to the lease; `shutdown` ends them all. When the supervisor dies, every unit is reported
    EXITED, and the next call starts a new one. When another server of the same home connects, this one's calls raise.
    `exit_code` in reports is the process's own, or the negative number of the signal that ended it.
    """

    def __init__(self, home: str | Path, *, lease_s: float = limits.LEASE_S) -> None:
        folders.require_linux()
        self.uid, self.gid = folders.unit_ids(os.geteuid())
        self.mark = folders.cloud_mark(home)
        self.supervisor_pid = 0
        self._home = home
        self._lease_s = lease_s
        self._units: dict[str, ProcessReport] = {}
        self._listeners: list[Callable[[ProcessReport], None]] = []
        self._requests = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._connecting = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._taken = False
        self._closed = False
        self._encoder = msgspec.json.Encoder()
        self._decoder: msgspec.json.Decoder[protocol.Answer] = msgspec.json.Decoder(protocol.Answer)

    # ProcessHost

    async def spawn(self, spec: ProcessSpec) -> int:
        if not os.path.isabs(spec.argv[0]):
            raise EngineError(f"{spec.unit_id}: the program {spec.argv[0]!r} is not an absolute path")
        return await self._request(lambda request: protocol.Spawn(request, spec))

    async def kill(self, unit_id: str, *, grace_s: float = 0.0) -> None:
        await self._request(lambda request: protocol.Kill(request, unit_id, grace_s), extra_s=grace_s)
        self._units.pop(unit_id, None)

    async def freeze(self, unit_id: str) -> None:
        await self._request(lambda request: protocol.Freeze(request, unit_id))

    async def thaw(self, unit_id: str) -> None:
        await self._request(lambda request: protocol.Thaw(request, unit_id))

    def state(self, unit_id: str) -> ProcessState | None:
        """None: never started, or ended because it was told to."""
        report = self._units.get(unit_id)
        return report.state if report else None

    def running(self) -> dict[str, ProcessReport]:
        """All units that live, frozen ones too."""
        return {unit_id: report for unit_id, report in self._units.items() if report.state != ProcessState.EXITED}

    def on_report(self, listener: Callable[[ProcessReport], None]) -> None:
        self._listeners.append(listener)

    # The supervisor's life

    async def connect(self) -> None:
        """Returns with the units that were adopted in `running()`. ConfigurationError when it cannot be."""
        async with self._connecting:
            if self._writer is not None:
                return
            if self._closed:
                raise EngineError("the connection to the supervisor was closed")
            if self._taken:
                raise EngineError("another server of this home has taken the units over: stop one of the two")
            await self._connect()

    async def close(self) -> None:
        """Leaves the supervisor and its units running for the lease."""
        self._closed = True
        await self._disconnect()

    async def shutdown(self) -> None:
        """Ends all units and the supervisor; returns when it is gone."""
        self._closed = True
        if self._writer is not None:
            self._send(protocol.Shutdown())
            reader = self._tasks[0]
            await asyncio.wait([reader], timeout=limits.SUPERVISOR_REPLY_S)
        await self._disconnect()
        self._units.clear()

    async def _disconnect(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._fail_waiting("the connection to the supervisor was closed")

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(_START_S):
                reader, writer, welcome = await self._open()
        except TimeoutError:
            raise ConfigurationError(
                f"the supervisor of {self._home} does not answer; its log is in {folders.run_folder(self._home)}"
            ) from None
        self._writer = writer
        self.supervisor_pid = welcome.supervisor_pid
        self._units = {report.unit_id: report for report in welcome.units}
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read(reader)), loop.create_task(self._beat())]

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, protocol.Welcome]:
        while True:
            # A supervisor that ends takes the folder with it, so it is made anew each time.
            run_dir = folders.run_folder(self._home)
            path = str(run_dir / folders.SOCKET_NAME)
            try:
                reader, writer = await asyncio.open_unix_connection(path, limit=_LINE_BYTES)
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.to_thread(_start_supervisor, run_dir, self.mark, self._lease_s)
                continue
            writer.write(self._encoder.encode(protocol.Hello(protocol.VERSION, self._lease_s)) + b"\n")
            line = await reader.readline()
            if line:
                welcome = self._decoder.decode(line)
                if isinstance(welcome, protocol.Welcome) and welcome.version == protocol.VERSION:
                    return reader, writer, welcome
                writer.write(self._encoder.encode(protocol.Shutdown()) + b"\n")
                await reader.read()
            # It was just ending, or is of another version and ends now: start one of ours.
            writer.close()
            await asyncio.sleep(_RETRY_PAUSE_S)

    async def _request(self, order: Callable[[int], protocol.Order], *, extra_s: float = 0.0) -> int:
        await self.connect()
        request = next(self._requests)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[request] = answer
        try:
            self._send(order(request))
            async with asyncio.timeout(limits.SUPERVISOR_REPLY_S + extra_s):
                return await answer
        except TimeoutError:
            raise EngineError(f"the supervisor (pid {self.supervisor_pid}) did not answer in time") from None
        finally:
            self._waiting.pop(request, None)

    def _send(self, order: protocol.Order) -> None:
        if self._writer is not None:
            self._writer.write(self._encoder.encode(order) + b"\n")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / _BEATS_PER_LEASE)
            self._send(protocol.Beat())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, msgspec.MsgspecError):
            while line := await reader.readline():
                self._take(self._decoder.decode(line))
        self._on_lost()

    def _take(self, answer: protocol.Answer) -> None:
        if isinstance(answer, protocol.Report):
            self._units[answer.report.unit_id] = answer.report
            self._tell(answer.report)
        elif isinstance(answer, protocol.Reply):
            waiting = self._waiting.pop(answer.request, None)
            if waiting is None or waiting.done():
                return
            if answer.error:
                waiting.set_exception(EngineError(answer.error))
            else:
                waiting.set_result(answer.pid)
        elif isinstance(answer, protocol.Taken):
            self._taken = True

    def _on_lost(self) -> None:
        """The supervisor is gone, and with it all units; or it belongs to another server now."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._tasks[1].cancel()
        if self._taken:
            self._units.clear()
            self._fail_waiting("another server of this home has taken the units over")
            return
        self._fail_waiting("the supervisor ended")
        for unit_id, report in self.running().items():
            gone = ProcessReport(unit_id=unit_id, state=ProcessState.EXITED, pid=report.pid)
            self._units[unit_id] = gone
            if not self._closed:
                self._tell(gone)

    def _fail_waiting(self, reason: str) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(EngineError(reason))

    def _tell(self, report: ProcessReport) -> None:
        for listener in tuple(self._listeners):
            listener(report)


def _start_supervisor(run_dir: Path, mark: str, lease_s: float) -> None:
    """Returns when a supervisor listens in `run_dir`, this one or another that was faster."""
    # The server may have been given its packages by other means than its interpreter's own folders.
    packages = dict.fromkeys(str(Path(module.__file__ or "").resolve().parent.parent) for module in (kowloon, msgspec))
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(packages)}
    package = folders.__name__.rpartition(".")[0]
    started = subprocess.run(
        [sys.executable, "-P", "-m", package, "--run-dir", str(run_dir), "--mark", mark, "--lease-s", str(lease_s)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        timeout=_START_S,
        check=False,
    )
    if started.returncode == _BUSY:
        return
    if started.returncode != 0:
        reason = started.stderr.decode(errors="replace").strip()
        raise ConfigurationError(f"the supervisor could not start: {reason}")
