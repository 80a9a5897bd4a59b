"""One drill against a running cloud, from the admin API to the result: what `kowloon drill` and `make drill` call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.drill.control import HttpControl
from kowloon.drill.duty import DutyDesk, DutyFile
from kowloon.drill.objectives import Workload
from kowloon.drill.probes import Prober, make_probes, outside_client
from kowloon.drill.result import DrillResult, assemble
from kowloon.drill.runner import Progress, Runner
from kowloon.faults.scenario import Provider, Scenario


async def rehearse(
    scenario: Scenario,
    provider: Provider,
    workloads: Sequence[Workload],
    *,
    endpoint: str,
    token: str,
    text: str = "",
    duty: DutyFile | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> DrillResult:
    """`endpoint` and `token` are of KOWLOON_HOME; `text` is the scenario's YAML when it is none of the shipped ones.
    `duty`: who answers for the workloads, played by a cast.
    Raises ControlError when the cloud refuses. Cancelled, it aborts the drill and leaves no fault behind."""
    clock, ids = Clock(), Ids()
    now = asyncio.get_running_loop().time
    control, client = HttpControl(endpoint, token), outside_client()
    try:
        run_id = ids.token(8).lower()
        probes = [
            probe
            for workload in workloads
            for probe in make_probes(workload, client, clock=clock, ids=ids, run_id=run_id)
        ]
        runner = Runner(control, [Prober(probe, now) for probe in probes], now=now, on_progress=on_progress)
        desk = DutyDesk(control.ask, duty) if duty is not None else None
        if desk is None:
            return assemble(await runner.run(scenario, provider, text=text), scenario, workloads)
        await desk.prepare()
        try:
            result = assemble(await runner.run(scenario, provider, text=text), scenario, workloads)
            found = await desk.result(
                result.record.duty, result.record.rooms, result.first_outage_min, result.length_min
            )
            return msgspec.structs.replace(result, duty=found)
        finally:
            await desk.close()
    finally:
        await client.aclose()
        await control.close()
