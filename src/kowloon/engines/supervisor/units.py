"""The supervisor's side of its keepers: one `KeptUnit` per unit, and who waits for what of it."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable

from kowloon.engines.processes import ProcessReport, ProcessSpec, ProcessState
from kowloon.engines.supervisor.keeper import keep

# Called once with (pid, error); an empty error means that it was done.
Waiter = Callable[[int, str], None]


class KeptUnit:
    """One unit and its keeper. Orders go to the keeper as lines. A change is reported before
    whoever waits for it is answered, so that an answer never overtakes the state that it brought about."""

    def __init__(self, spec: ProcessSpec, on_change: Callable[[ProcessReport], None]) -> None:
        self.id = spec.unit_id
        self.keeper_pid = 0
        self.ended = False
        # Told to end, or never started: in no state that an order could change.
        self.ending = False
        # A spawn that came while the unit was being ended: carried out when nothing is left of it.
        self.successors: list[tuple[ProcessSpec, Waiter]] = []
        self._spec = spec
        self._on_change = on_change
        self._pid = 0
        self._exit_code: int | None = None
        self._state = ProcessState.RUNNING
        self._received = b""
        self._waiters: dict[str, list[Waiter]] = {"spawned": [], "frozen": [], "running": [], "exited": []}
        self.control: socket.socket | None = None

    def fork(self, *, mark: str, uid: int, gid: int) -> None:
        """Starts the keeper; OSError when the system has no room for a process."""
        control, keepers_end = socket.socketpair()
        # What exists now is shared with the copy for good: the collector must not touch (and so copy) it there.
        gc.freeze()
        try:
            self.keeper_pid = os.fork()
        except OSError:
            control.close()
            keepers_end.close()
            raise
        if self.keeper_pid == 0:
            keep(keepers_end, self._spec, mark=mark, uid=uid, gid=gid)
        keepers_end.close()
        control.setblocking(False)
        self.control = control

    def report(self) -> ProcessReport:
        state = ProcessState.EXITED if self.ended else self._state
        return ProcessReport(unit_id=self.id, state=state, pid=self._pid, exit_code=self._exit_code)

    def when_started(self, waiter: Waiter) -> None:
        if self._pid:
            waiter(self._pid, "")
        else:
            self._waiters["spawned"].append(waiter)

    def kill(self, grace_s: float, waiter: Waiter | None = None) -> None:
        self.ending = True
        self._order(f"kill {grace_s}", "exited", waiter)

    def freeze(self, waiter: Waiter) -> None:
        self._order("freeze", "frozen", waiter)

    def thaw(self, waiter: Waiter) -> None:
        self._order("thaw", "running", waiter)

    def _order(self, line: str, answer: str, waiter: Waiter | None) -> None:
        if waiter is not None:
            self._waiters[answer].append(waiter)
        if self.control is not None:
            try:
                self.control.sendall(line.encode() + b"\n")
            except OSError:
                # The keeper is gone; the supervisor notices and settles everybody who waits.
                return

    def receive(self) -> bool:
        """Takes what the keeper says; False when there is nothing more for now or for ever."""
        assert self.control is not None
        try:
            received = self.control.recv(4096)
        except OSError:
            return False
        *lines, self._received = (self._received + received).split(b"\n")
        for line in lines:
            self._on_line(line.decode(errors="replace"))
        return bool(received)

    def _on_line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "spawned":
            self._pid = int(rest)
            self._on_change(self.report())
            self._settle("spawned", "")
        elif word == "failed":
            self.ending = True
            self._settle("spawned", f"{self.id} could not start: {rest}")
        elif word in ("frozen", "running"):
            self._state = ProcessState(word)
            self._on_change(self.report())
            self._settle(word, "")
        elif word == "exited" and rest:
            self._exit_code = int(rest)

    def end(self) -> None:
        """Nothing is left of it: everybody who waits is told."""
        if self.control is not None:
            self.control.close()
            self.control = None
        self.ended = True
        if self._pid:
            self._on_change(self.report())
        self._settle("exited", "")
        for answer in ("spawned", "frozen", "running"):
            self._settle(answer, f"{self.id} has ended")

    @property
    def started(self) -> bool:
        return self._pid != 0

    def _settle(self, answer: str, error: str) -> None:
        waiters, self._waiters[answer] = self._waiters[answer], []
        for waiter in waiters:
            waiter(self._pid, error)
