"""A stand-in for the server that tests kill: starts units like `script` of conftest, says so, and waits.

Arguments: home, lease, and the units as `name:state`, where state is running or frozen.
"""

from __future__ import annotations

import asyncio
import sys

from kowloon.engines.processes import ProcessSpec
from kowloon.engines.supervisor.client import SupervisorClient

# Children in the session, and a daemon that leaves it by forking twice.
UNIT = "sleep 3001 & (setsid sh -c 'sleep 3002 & sleep 3003' &) ; wait"


async def main(home: str, lease_s: str, *units: str) -> None:
    host = SupervisorClient(home, lease_s=float(lease_s))
    await host.connect()
    for unit in units:
        name, _, state = unit.partition(":")
        environment = {"PATH": "/usr/bin:/bin"}
        await host.spawn(
            ProcessSpec(
                unit_id=name, argv=("/bin/sh", "-c", UNIT), environment=environment, cwd="/", log=f"{home}-{name}.log"
            )
        )
        if state == "frozen":
            await asyncio.sleep(0.2)
            await host.freeze(name)
    print(host.supervisor_pid, flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
