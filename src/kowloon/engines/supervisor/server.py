"""The supervisor's loop: one thread, one selector, no waiting for anybody.

It owns the keepers, serves one server at a time, and ends everything when no server was heard of for a lease.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

import msgspec

from kowloon.engines.processes import ProcessReport, ProcessSpec
from kowloon.engines.supervisor import protocol, tree
from kowloon.engines.supervisor.units import KeptUnit, Waiter

_READ_BYTES = 256 * 1024
# A server that does not read is as good as gone; a report is about 150 bytes.
_UNSENT_BYTES = 8 * 1024 * 1024
# Ended units that nobody asked to end are remembered for the next server; more would be a leak.
_ENDED_KEPT = 10_000
# A keeper that was itself stopped cannot end its unit: it is killed, and its orphans come to us.
_STUCK_KEEPER_S = 1.0
_ORPHANS_PAUSE_S = 0.005
_ENDING_PAUSE_S = 0.05


class _Connection:
    """One client: whole lines in, buffered bytes out."""

    def __init__(self, stream: socket.socket) -> None:
        stream.setblocking(False)
        self.stream = stream
        self.unsent = bytearray()
        self._received = bytearray()

    def lines(self) -> list[bytes] | None:
        """The complete lines that came, or None when the other side is gone."""
        try:
            received = self.stream.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not received:
            return None
        self._received += received
        *lines, rest = bytes(self._received).split(b"\n")
        self._received = bytearray(rest)
        return lines

    def flush(self) -> bool:
        """False when the other side is gone or does not read."""
        try:
            while self.unsent:
                del self.unsent[: self.stream.send(self.unsent)]
        except BlockingIOError:
            return len(self.unsent) < _UNSENT_BYTES
        except OSError:
            return False
        return True


class Supervisor:
    """`listener` is bound and listening; `lease_s` holds until the first server states its own."""

    def __init__(self, listener: socket.socket, *, mark: str, uid: int, gid: int, lease_s: float) -> None:
        self._listener = listener
        self._mark = mark
        self._uid = uid
        self._gid = gid
        self._lease_s = lease_s
        self._heard_at = time.monotonic()
        self._units: dict[str, KeptUnit] = {}
        self._server: _Connection | None = None
        self._told_to_end = False
        self._ending_since: float | None = None
        # Units whose keeper is gone while orphans of it may live.
        self._bereaved: list[KeptUnit] = []
        self._selector = selectors.DefaultSelector()
        self._encoder = msgspec.json.Encoder()
        self._decoder: msgspec.json.Decoder[protocol.Order] = msgspec.json.Decoder(protocol.Order)
        self._wake, self._wake_end = os.pipe()

    def run(self) -> None:
        """Returns when the supervisor was told to end or the lease ran out, and no unit is left."""
        self._take_signals()
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake, selectors.EVENT_READ, self._on_signal)
        while not self._is_over():
            for key, events in self._selector.select(self._wait_s()):
                handle: Callable[[int], None] = key.data
                handle(events)
            self._collect()
            if self._told_to_end or time.monotonic() >= self._heard_at + self._lease_s:
                self._end_all()

    def _take_signals(self) -> None:
        for end in (self._wake, self._wake_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        # The terminal's signals are for the server: what it started is given up by the lease, not by Ctrl-C.
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)

    def _on_terminate(self, *_: object) -> None:
        self._told_to_end = True

    def _on_signal(self, _events: int) -> None:
        os.read(self._wake, 4096)

    def _is_over(self) -> bool:
        return self._ending_since is not None and all(unit.ended for unit in self._units.values())

    def _wait_s(self) -> float:
        if self._bereaved:
            return _ORPHANS_PAUSE_S
        if self._ending_since is not None:
            return _ENDING_PAUSE_S
        return max(self._heard_at + self._lease_s - time.monotonic(), 0.0)

    def _end_all(self) -> None:
        living = [unit for unit in self._units.values() if not unit.ended]
        if self._ending_since is None:
            self._ending_since = time.monotonic()
            for unit in living:
                unit.successors.clear()
                unit.kill(0.0)
        elif time.monotonic() > self._ending_since + _STUCK_KEEPER_S:
            for unit in living:
                tree.send(unit.keeper_pid, signal.SIGKILL)

    # Keepers

    def _collect(self) -> None:
        """Reaps keepers; a unit has ended when its keeper is gone and no orphan of it lives."""
        codes, _ = tree.reap()
        for unit in self._units.values():
            if unit.keeper_pid in codes and not unit.ended and unit not in self._bereaved:
                self._hear_keeper(unit)
                self._bereaved.append(unit)
        if self._bereaved and not self._kill_orphans():
            bereaved, self._bereaved = self._bereaved, []
            for unit in bereaved:
                self._finish(unit)

    def _kill_orphans(self) -> bool:
        """Our children are keepers; any other came to us because its keeper was killed. Whether there are some."""
        keepers = {unit.keeper_pid for unit in self._units.values() if not unit.ended and unit not in self._bereaved}
        orphans = [pid for pid in tree.children(os.getpid()) if pid not in keepers]
        for pid in orphans:
            for each in (*tree.descendants(pid), pid):
                tree.send(each, signal.SIGKILL)
        return bool(orphans)

    def _hear_keeper(self, unit: KeptUnit) -> None:
        if unit.control is not None:
            while unit.receive():
                pass
            self._selector.unregister(unit.control)

    def _finish(self, unit: KeptUnit) -> None:
        unit.end()
        if unit.ending or not unit.started:
            del self._units[unit.id]
        for spec, waiter in unit.successors:
            self._spawn(spec, waiter)

    def _spawn(self, spec: ProcessSpec, waiter: Waiter) -> None:
        if self._ending_since is not None:
            waiter(0, "the supervisor is ending all units")
            return
        unit = self._units.get(spec.unit_id)
        if unit is not None and not unit.ended:
            if unit.ending:
                unit.successors.append((spec, waiter))
            else:
                unit.when_started(waiter)
            return
        self._forget_oldest()
        unit = KeptUnit(spec, self._report)
        try:
            unit.fork(mark=self._mark, uid=self._uid, gid=self._gid)
        except OSError as error:
            waiter(0, f"{spec.unit_id} could not start: {error}")
            return
        self._units.pop(spec.unit_id, None)
        self._units[spec.unit_id] = unit
        unit.when_started(waiter)
        assert unit.control is not None
        # A closed socket stays readable until the keeper's death is collected, an instant later.
        hear = unit.receive
        self._selector.register(unit.control, selectors.EVENT_READ, lambda _events: hear())

    def _forget_oldest(self) -> None:
        if len(self._units) >= _ENDED_KEPT:
            for unit_id in [unit.id for unit in self._units.values() if unit.ended][: _ENDED_KEPT // 10]:
                del self._units[unit_id]

    # The server

    def _accept(self, _events: int) -> None:
        try:
            stream, _ = self._listener.accept()
        except OSError:
            return
        connection = _Connection(stream)
        self._selector.register(stream, selectors.EVENT_READ, lambda events: self._serve(connection, events))

    def _serve(self, connection: _Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE and not connection.flush():
            self._drop(connection)
            return
        lines = connection.lines() if events & selectors.EVENT_READ else []
        if lines is None:
            self._drop(connection)
            return
        for line in lines:
            try:
                order = self._decoder.decode(line)
            except msgspec.MsgspecError:
                self._drop(connection)
                return
            self._obey(connection, order)
        self._watch_writable(connection)

    def _watch_writable(self, connection: _Connection) -> None:
        if connection.stream.fileno() < 0:
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        self._selector.modify(connection.stream, events, self._selector.get_key(connection.stream).data)

    def _drop(self, connection: _Connection) -> None:
        if connection.stream.fileno() >= 0:
            self._selector.unregister(connection.stream)
            connection.stream.close()
        if connection is self._server:
            self._server = None

    def _obey(self, connection: _Connection, order: protocol.Order) -> None:
        if isinstance(order, protocol.Hello):
            self._welcome(connection, order)
        if connection is not self._server:
            return
        self._heard_at = time.monotonic()
        if isinstance(order, protocol.Spawn):
            self._spawn(order.spec, self._replier(connection, order.request))
        elif isinstance(order, protocol.Kill):
            self._kill(order, self._replier(connection, order.request))
        elif isinstance(order, protocol.Freeze):
            self._change(order.unit_id, KeptUnit.freeze, self._replier(connection, order.request))
        elif isinstance(order, protocol.Thaw):
            self._change(order.unit_id, KeptUnit.thaw, self._replier(connection, order.request))
        elif isinstance(order, protocol.Shutdown):
            self._told_to_end = True

    def _welcome(self, connection: _Connection, hello: protocol.Hello) -> None:
        former = self._server
        if former is not None and former is not connection:
            self._send(former, protocol.Taken())
            self._drop(former)
        self._server = connection
        self._lease_s = hello.lease_s
        units = [unit.report() for unit in self._units.values() if unit.started]
        self._send(connection, protocol.Welcome(protocol.VERSION, os.getpid(), units))

    def _kill(self, order: protocol.Kill, waiter: Waiter) -> None:
        unit = self._units.get(order.unit_id)
        if unit is None or unit.ended:
            self._units.pop(order.unit_id, None)
            waiter(0, "")
            return
        for _, successor in unit.successors:
            successor(0, f"{unit.id} was stopped again before it started")
        unit.successors.clear()
        unit.kill(order.grace_s, waiter)

    def _change(self, unit_id: str, change: Callable[[KeptUnit, Waiter], None], waiter: Waiter) -> None:
        unit = self._units.get(unit_id)
        if unit is None or unit.ended or unit.ending:
            waiter(0, f"{unit_id} is not running")
            return
        change(unit, waiter)

    def _replier(self, connection: _Connection, request: int) -> Waiter:
        return lambda pid, error: self._send(connection, protocol.Reply(request, pid, error))

    def _report(self, report: ProcessReport) -> None:
        if self._server is not None:
            self._send(self._server, protocol.Report(report))

    def _send(self, connection: _Connection, answer: protocol.Answer) -> None:
        if connection.stream.fileno() < 0:
            return
        connection.unsent += self._encoder.encode(answer) + b"\n"
        if connection.flush():
            self._watch_writable(connection)
        else:
            self._drop(connection)
