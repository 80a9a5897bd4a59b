"""The balancer worker: `python -m kowloon.engines.balancer.worker --address A --socket PATH`.

One process per balancer. It knows nothing but its address until it is configured over its control socket, which only
its own user (and root) can open. It ends by any signal, at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import traceback
from collections.abc import Iterable

import msgspec
import uvloop

from kowloon.engines.balancer import mirror, privileges
from kowloon.engines.balancer.base import Backend, BalancerPayload, Listener
from kowloon.engines.balancer.control import MAX_LINE_BYTES, Reply, Request, Stats
from kowloon.engines.balancer.frontend import Frontend
from kowloon.engines.balancer.proxy_http import HttpFrontend
from kowloon.engines.balancer.proxy_tcp import TcpFrontend
from kowloon.engines.balancer.reach import Reach

MIRROR_INTERVAL_S = 0.5


class Worker:
    """The listeners of one address, brought in line with a payload."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._reach = Reach(address)
        self._payload = BalancerPayload()
        self._frontends: dict[int, Frontend] = {}
        self._retired: list[Frontend] = []
        self._mirrored: set[int] = set()
        self._lock = asyncio.Lock()

    async def answer(self, request: Request) -> Reply:
        if request.op == "configure":
            return Reply(errors=await self.configure(request.payload, frozenset(request.cut)))
        if request.op == "health":
            return Reply(health=[status for frontend in self._frontends.values() for status in frontend.statuses()])
        everything = [*self._frontends.values(), *self._retired]
        return Reply(
            stats=Stats(
                open_connections=sum(len(frontend.connections) for frontend in everything),
                accepted_connections=sum(frontend.accepted for frontend in everything),
            )
        )

    async def configure(self, payload: BalancerPayload, cut: frozenset[str]) -> list[str]:
        """Returns what could not be done; every other listener is as asked."""
        async with self._lock:
            # Cut first: a new listener must not reach for a moment what it should not.
            self._reach.set_cut(cut)
            self._payload = payload
            return await self._bring_in_line()

    async def follow_mirror(self) -> None:
        """Keep the mirrored address's ports; never returns."""
        while True:
            await asyncio.sleep(MIRROR_INTERVAL_S)
            self._retired = [frontend for frontend in self._retired if not self._drained(frontend)]
            if self._payload.mirror:
                async with self._lock:
                    await self._bring_in_line()

    async def _bring_in_line(self) -> list[str]:
        wanted = {spec.port: spec for spec in self._wanted()}
        for port, frontend in tuple(self._frontends.items()):
            if port not in wanted or wanted[port].protocol != frontend.protocol:
                self._remove(port)
        errors = []
        for port, spec in wanted.items():
            if (error := await self._put(spec)) and port not in self._mirrored:
                errors.append(error)
        return errors

    def _wanted(self) -> Iterable[Listener]:
        payload = self._payload
        explicit = {spec.port for spec in payload.listeners}
        ports = mirror.listening_ports(payload.mirror) if payload.mirror else set()
        mirrored = ports - explicit
        self._mirrored = (self._mirrored | mirrored) - explicit
        for port in mirrored:
            backend = Backend(id=f"{payload.mirror}:{port}", address=payload.mirror, port=port)
            yield Listener(protocol="tcp", port=port, backends=(backend,))
        yield from payload.listeners

    async def _put(self, spec: Listener) -> str:
        frontend = self._frontends.get(spec.port)
        drop_on_change = self._payload.drop_on_change
        if frontend is not None:
            frontend.configure(spec, drop_on_change)
            return ""
        kind = HttpFrontend if spec.protocol == "http" else TcpFrontend
        frontend = kind(self._address, spec, self._reach, drop_on_change)
        try:
            await frontend.open()
        except OSError as error:
            frontend.close()
            return f"{self._address}:{spec.port} cannot be listened on: {os.strerror(error.errno or 0)}."
        self._frontends[spec.port] = frontend
        return ""

    def _remove(self, port: int) -> None:
        frontend = self._frontends.pop(port)
        if port in self._mirrored:
            # Its target may have stopped listening and still serve the connections it has.
            self._mirrored.discard(port)
            frontend.retire()
            self._retired.append(frontend)
        else:
            frontend.close()

    def _drained(self, frontend: Frontend) -> bool:
        if frontend.connections:
            return False
        frontend.close()
        return True


async def _serve_control(worker: Worker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            line = await reader.readuntil(b"\n")
            try:
                reply = await worker.answer(msgspec.json.decode(line, type=Request))
            except msgspec.DecodeError as error:
                reply = Reply(errors=[f"The request is not understood: {error}."])
            except Exception as error:
                traceback.print_exc()
                reply = Reply(errors=[f"The worker failed: {error!r}."])
            writer.write(msgspec.json.encode(reply) + b"\n")
            await writer.drain()
    writer.close()


def _control_socket(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.umask(0o177)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(path)
    return control


async def _run(address: str, control: socket.socket) -> None:
    worker = Worker(address)
    await asyncio.start_unix_server(
        lambda reader, writer: _serve_control(worker, reader, writer), sock=control, limit=MAX_LINE_BYTES
    )
    await worker.follow_mirror()


def main() -> None:
    parser = argparse.ArgumentParser(prog="kowloon-balancer")
    parser.add_argument("--address", required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--uid", type=int, default=0)
    parser.add_argument("--gid", type=int, default=0)
    options = parser.parse_args()
    # Bound before root is given away: its folder is the server's alone.
    control = _control_socket(options.socket)
    privileges.become(options.uid, options.gid)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(options.address, control))


if __name__ == "__main__":
    main()
