"""Balancers as real worker processes, each on its own address."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

import kowloon
from kowloon.engines.balancer import mirror
from kowloon.engines.balancer.base import BackendStatus, BalancerPayload
from kowloon.engines.balancer.control import ControlClient, ControlError, Request, Stats
from kowloon.engines.base import EngineError, Fabric, UnitSpec
from kowloon.engines.process_units import ProcessUnits
from kowloon.engines.processes import ProcessHost, ProcessSpec

WORKER_MODULE = "kowloon.engines.balancer.worker"
START_S = 15.0
START_RETRY_S = 0.02
ANSWER_S = 2.0
PUSH_RETRY_S = 0.25
# A unix socket's path, its closing zero included, has 108 bytes on Linux; macOS has 104.
MAX_SOCKET_PATH_BYTES = 103
LOW_PORTS_SETTING = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


class ProcessBalancer(ProcessUnits):
    """`socket_dir` is short and private to the server's user; `data_dir` keeps specs and logs; made if missing.

    Every worker is told its whole wanted state (payload and cut addresses) at start, at adoption, on `configure` and
    whenever the fabric changes. When all backends of a listener fail their checks, TCP clients are reset and HTTP
    clients get a 503.
    """

    kind = "balancer"

    def __init__(self, host: ProcessHost, fabric: Fabric, *, socket_dir: Path, data_dir: Path) -> None:
        super().__init__(host, fabric, data_dir / "units")
        self._socket_dir = socket_dir
        self._log_dir = data_dir / "logs"
        self._controls: dict[str, ControlClient] = {}
        self._stale: set[str] = set()
        self._pushers: dict[str, asyncio.Task[None]] = {}
        fabric.on_change(self._on_fabric_change)

    async def start_unit(self, spec: UnitSpec) -> None:
        self._payload(spec.id)
        self._socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log_dir.mkdir(parents=True, exist_ok=True)
        await self.host.spawn(self._process_spec(spec))
        deadline = asyncio.get_running_loop().time() + START_S
        while True:
            try:
                return await self._push(spec.id)
            except ControlError:
                if not self.is_running(spec.id) or asyncio.get_running_loop().time() > deadline:
                    raise EngineError(f"The worker of {spec.id} did not start: see {self._log(spec.id)}.") from None
            await asyncio.sleep(START_RETRY_S)

    async def configure(self, unit_id: str, payload: dict[str, Any]) -> None:
        """Takes effect when the unit is next heard if it is frozen now."""
        _decode(unit_id, payload)
        self.payload_changed(unit_id, payload)
        if not self.is_running(unit_id):
            return
        try:
            await self._push(unit_id)
        except ControlError as error:
            raise EngineError(f"The worker of {unit_id} does not answer ({error}).") from None

    async def health(self, unit_id: str) -> list[BackendStatus]:
        if not self.is_running(unit_id):
            return []
        try:
            return (await self._control(unit_id).ask(Request(op="health"), ANSWER_S)).health
        except ControlError:
            return []

    async def stats(self, unit_id: str) -> Stats | None:
        """None when it does not answer."""
        if not self.is_running(unit_id):
            return None
        try:
            return (await self._control(unit_id).ask(Request(op="stats"), ANSWER_S)).stats
        except ControlError:
            return None

    def capabilities(self) -> dict[str, bool | str]:
        return {
            "own_address": True,
            "tcp": True,
            "http": True,
            "udp": False,
            "https": False,
            "mirror": mirror.available(),
            "low_ports": _low_ports(),
        }

    async def close(self) -> None:
        """Let go of the workers; they run on for the next server to adopt."""
        pushers = list(self._pushers.values())
        for task in pushers:
            task.cancel()
        await asyncio.gather(*pushers, return_exceptions=True)
        for control in self._controls.values():
            control.close()
        self._controls.clear()

    async def after_thaw(self, unit_id: str) -> None:
        self._push_soon(unit_id)

    async def remove_data(self, unit_id: str) -> None:
        control = self._controls.pop(unit_id, None)
        if control is not None:
            control.close()
        for leftover in (self._socket(unit_id), self._log(unit_id)):
            with contextlib.suppress(FileNotFoundError):
                leftover.unlink()

    def _process_spec(self, spec: UnitSpec) -> ProcessSpec:
        source = str(Path(kowloon.__file__).resolve().parent.parent)
        options = {"address": spec.address, "socket": self._socket(spec.id), "uid": self.host.uid, "gid": self.host.gid}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return ProcessSpec(
            unit_id=spec.id,
            argv=(sys.executable, "-P", "-m", WORKER_MODULE, *arguments),
            environment={"PATH": os.defpath, "PYTHONPATH": source},
            cwd="/",
            log=str(self._log(spec.id)),
            # The worker drops root by itself once it has its modules and its socket, and keeps low ports.
            drop_privileges=False,
        )

    def _payload(self, unit_id: str) -> BalancerPayload:
        return _decode(unit_id, self.spec(unit_id).payload)

    async def _push(self, unit_id: str) -> None:
        request = Request(op="configure", payload=self._payload(unit_id), cut=sorted(self.fabric.cut_addresses()))
        reply = await self._control(unit_id).ask(request, ANSWER_S)
        if reply.errors:
            raise EngineError(" ".join(reply.errors))

    def _on_fabric_change(self) -> None:
        for unit_id in self.specs:
            self._push_soon(unit_id)

    def _push_soon(self, unit_id: str) -> None:
        self._stale.add(unit_id)
        if unit_id not in self._pushers:
            self._pushers[unit_id] = asyncio.get_running_loop().create_task(self._push_while_stale(unit_id))

    async def _push_while_stale(self, unit_id: str) -> None:
        """What a frozen or stopped unit misses it gets at its thaw or start."""
        try:
            while unit_id in self._stale and unit_id in self.specs and self.is_running(unit_id):
                self._stale.discard(unit_id)
                try:
                    await self._push(unit_id)
                except EngineError as error:
                    self.report(unit_id, str(error))
                except ControlError:
                    self._stale.add(unit_id)
                    await asyncio.sleep(PUSH_RETRY_S)
        finally:
            self._stale.discard(unit_id)
            del self._pushers[unit_id]

    def _control(self, unit_id: str) -> ControlClient:
        if unit_id not in self._controls:
            self._controls[unit_id] = ControlClient(self._socket(unit_id))
        return self._controls[unit_id]

    def _socket(self, unit_id: str) -> Path:
        path = self._socket_dir / hashlib.sha256(unit_id.encode()).hexdigest()[:16]
        if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
            raise EngineError(f"The folder {self._socket_dir} is too long for a socket; choose a shorter one.")
        return path

    def _log(self, unit_id: str) -> Path:
        return self._log_dir / f"{unit_id}.log"


def _decode(unit_id: str, payload: dict[str, Any]) -> BalancerPayload:
    try:
        decoded = msgspec.convert(payload, BalancerPayload)
    except msgspec.ValidationError as error:
        raise EngineError(f"The balancer {unit_id} cannot be configured: {error}.") from error
    ports = [listener.port for listener in decoded.listeners]
    if len(ports) != len(set(ports)):
        raise EngineError(f"The balancer {unit_id} cannot be configured: two listeners have the same port.")
    if decoded.mirror and not mirror.available():
        raise EngineError("Mirroring an address needs Linux's /proc/net/tcp, which is missing here.")
    return decoded


def _low_ports() -> bool:
    if os.geteuid() == 0:
        return True
    try:
        return int(LOW_PORTS_SETTING.read_text()) <= 1
    except (OSError, ValueError):
        return sys.platform == "darwin"
