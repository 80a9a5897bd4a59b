"""`kowloon run` on Linux: a command in a network of its own, in which the vendor's names lead to this cloud.

The parent stays outside. It holds the listening sockets of the inner network, answers its names and carries its
connections; when the command ends, so does everything that it left running, and the network with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from kowloon.ways_in.foreground import in_foreground
from kowloon.ways_in.forwarder import Forwarder
from kowloon.ways_in.resolver import VENDOR_ADDRESS, Resolver
from kowloon.wire.identify import METADATA_HOST
from kowloon.wire.names import is_vendor_name

_INSIDE: Final = Path(__file__).with_name("inside.py")
_READY_S: Final = 30.0
_END_S: Final = 10.0
_PAUSE_S: Final = 0.005
_MESSAGE_BYTES: Final = 64 * 1024
_MOST_SOCKETS: Final = 250
_SUBREAPER: Final = 36
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCONT)
_FROM_TERMINALS: Final = (signal.SIGINT, signal.SIGQUIT)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, object]]


class NamespaceRefused(Exception):
    """This machine makes no such network; the message says why, and what to do instead."""


def available() -> bool:
    return sys.platform == "linux"


def run(
    command: Sequence[str], environment: dict[str, str], *, cloud: tuple[str, int], ports: Sequence[int], identity: str
) -> int:
    """Run `command` and return its exit code, 128 and the signal's number if one ended it.

    `ports`: those of this machine's loopback addresses that shall be reached from inside, besides 80, 443 and the
    cloud's own. `identity`: what the metadata service shall answer for; empty for nobody.
    """
    return asyncio.run(_Run(command, environment, cloud, ports, identity).run())


class _Run:
    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        cloud: tuple[str, int],
        ports: Sequence[int],
        identity: str,
    ) -> None:
        self._command = list(command)
        self._environment = environment
        self._ports = sorted({80, 443, cloud[1], *ports})
        self._forwarder = Forwarder(cloud, identity)
        self._resolver = Resolver(_say_refused)
        self._carried: set[asyncio.Task[object]] = set()
        self._process: subprocess.Popen[bytes]
        self._ended: asyncio.Future[int]

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        # What the command leaves behind becomes a child of this process, and can be ended.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with here:
            try:
                # What is seen inside stays when its name is gone.
                with tempfile.TemporaryDirectory(prefix="kowloon-run-") as folder:
                    self._start(there, _files(Path(folder)))
                    sockets = await loop.run_in_executor(None, self._receive, here)
                servers = [await self._serve(label, listener) for label, listener in sockets]
                for number in (*_PASSED_ON, *_FROM_TERMINALS):
                    loop.add_signal_handler(number, self._pass_on, number)
                here.send(b"!")
                code = await self._ended
            finally:
                await self._end_all()
        for server in servers:
            server.close()
        for task in tuple(self._carried):
            task.cancel()
        await asyncio.gather(*self._carried, return_exceptions=True)
        return code

    def _start(self, there: socket.socket, files: list[tuple[str, str]]) -> None:
        plan = json.dumps({"addresses": [VENDOR_ADDRESS, METADATA_HOST], "ports": self._ports, "files": files})
        with there:
            # Neither the caller's PYTHONPATH nor its site packages: only the command gets to see them.
            interpreter = [sys.executable, "-I", "-S", str(_INSIDE)]
            self._process = subprocess.Popen(
                [*interpreter, str(there.fileno()), plan, *self._command],
                env=self._environment,
                pass_fds=(there.fileno(),),
            )

    def _receive(self, here: socket.socket) -> list[tuple[str, socket.socket]]:
        here.settimeout(_READY_S)
        try:
            message, descriptors, _, _ = socket.recv_fds(here, _MESSAGE_BYTES, _MOST_SOCKETS)
        except TimeoutError:
            message, descriptors = b'{"error": "it is not ready after 30 s"}', []
        told: dict[str, Any] = json.loads(message or b'{"error": "it ended at once"}')
        if "error" in told:
            raise NamespaceRefused(
                f"this machine lets nobody like you make a network of its own ({told['error']}); use --proxy, "
                "or allow unprivileged user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0)"
            )
        return [(label, socket.socket(fileno=each)) for label, each in zip(told["sockets"], descriptors, strict=True)]

    async def _serve(self, label: str, listener: socket.socket) -> asyncio.Server | asyncio.DatagramTransport:
        listener.setblocking(False)
        if label == "dns-udp":
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Names(self._resolver), sock=listener
            )
            return transport
        serve = self._answer_names if label == "dns-tcp" else self._forwarder.carry
        return await asyncio.start_server(functools.partial(self._begin, serve), sock=listener)

    def _begin(self, serve: Serve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        self._carried.add(task)
        task.add_done_callback(self._carried.discard)

    async def _answer_names(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError), contextlib.closing(writer):
            while True:
                size_bytes = int.from_bytes(await reader.readexactly(2), "big")
                answer = self._resolver.answer(await reader.readexactly(size_bytes))
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()

    def _pass_on(self, number: signal.Signals) -> None:
        # A terminal has given it to the command already, as to all that runs in its foreground.
        if number in _FROM_TERMINALS and in_foreground():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._process.pid:
                    self._process.returncode = code = os.waitstatus_to_exitcode(status)
                    self._ended.set_result(code if code >= 0 else 128 - code)

    async def _end_all(self) -> None:
        """Kill the children, then those who become children by that, until there are none."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + _END_S
        while (children := _children()) and loop.time() < ends_s:
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._reap()
            await asyncio.sleep(_PAUSE_S)


class _Names(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._resolver.answer(data)
        if answer:
            self._transport.sendto(answer, addr)


def _files(folder: Path) -> list[tuple[str, str]]:
    """What decides about names, and what stands in its place."""
    contents = {
        "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n",
        "/etc/nsswitch.conf": _switch(),
        "/etc/hosts": _hosts(),
    }
    found = []
    for path, content in contents.items():
        # A link that leads nowhere, or no file: the libraries' own defaults are what we want.
        if os.path.exists(path):
            instead = folder / Path(path).name
            instead.write_text(content)
            found.append((os.path.realpath(path), str(instead)))
    # Its daemon would answer with what it knows from outside.
    if os.path.isdir("/run/nscd"):
        (folder / "nscd").mkdir()
        found.append(("/run/nscd", str(folder / "nscd")))
    return found


def _switch() -> str:
    lines = []
    with contextlib.suppress(OSError):
        lines = Path("/etc/nsswitch.conf").read_text().splitlines()
    return "\n".join([*(line for line in lines if not line.lstrip().startswith("hosts:")), "hosts: files dns", ""])


def _hosts() -> str:
    """The machine's own file, less what leads away from it or to other places than the vendor's names shall."""
    lines = [f"127.0.0.1 localhost {socket.gethostname()}", "::1 localhost"]
    with contextlib.suppress(OSError):
        for line in Path("/etc/hosts").read_text().splitlines():
            words = line.partition("#")[0].split()
            if words and words[0].startswith("127.") and not any(is_vendor_name(name.lower()) for name in words[1:]):
                lines.append(" ".join(words))
    return "\n".join([*lines, ""])


def _children() -> list[int]:
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found


def _say_refused(name: str) -> None:
    print(
        f"kowloon run: {name} is not one of this cloud's names, and nothing else is reached from here", file=sys.stderr
    )
