"""Programs that run once through the process host and end by themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kowloon.engines.base import EngineError
from kowloon.engines.processes import ProcessHost, ProcessReport, ProcessSpec, ProcessState

TOLD_BYTES = 2000


class OneOffs:
    def __init__(self, host: ProcessHost) -> None:
        self._host = host
        self._ends: dict[str, asyncio.Future[int | None]] = {}
        host.on_report(self._on_report)

    async def run(self, spec: ProcessSpec, timeout_s: float) -> None:
        """`EngineError` with the end of its output when it fails, is interrupted or takes too long."""
        log, program = Path(spec.log), Path(spec.argv[0]).name
        # One that an earlier server left is in the way.
        await self._host.kill(spec.unit_id)
        _remove(log)
        end = self._ends[spec.unit_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await self._host.spawn(spec)
                exit_code = await end
        except TimeoutError:
            raise EngineError(f"{program} did not end within {timeout_s:g} s.") from None
        finally:
            self._ends.pop(spec.unit_id, None)
            await self._host.kill(spec.unit_id)
        if exit_code != 0:
            raise EngineError(f"{program} failed: {_tail(log)}")

    async def interrupt(self, unit_id: str) -> None:
        end = self._ends.get(unit_id)
        if end is not None and not end.done():
            end.set_exception(EngineError("It was stopped while it was being prepared."))
            await self._host.kill(unit_id)

    def _on_report(self, report: ProcessReport) -> None:
        end = self._ends.get(report.unit_id)
        if end is not None and not end.done() and report.state is ProcessState.EXITED:
            end.set_result(report.exit_code)


def _remove(log: Path) -> None:
    log.unlink(missing_ok=True)


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-TOLD_BYTES:].decode(errors="replace").strip() or "it said nothing"
    except OSError:
        return "it said nothing"
