"""One drill with real instances, balancers and databases: zone C goes dark, the multi-zone exchange stays whole."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kowloon.core.config import Settings
from kowloon.drill.objectives import load_workload
from kowloon.drill.rehearsal import rehearse
from kowloon.faults.loader import parse
from kowloon.testing.cloud import LocalCloud

from .parts import POWER_LOSS, TOPOLOGY

EXAMPLE = Path(__file__).parents[2] / "examples" / "exchange"
READY_S = 30.0

# Power stays off until the drill's end: only what stands in zone B can serve.
SHORT = POWER_LOSS[: POWER_LOSS.index("  - at: T+15m")].replace("T+5m", "T+1m").replace("12:05", "12:01") + (
    "  - {at: T+5m, local: '12:05', track: hosts, text: Still dark, source: [model], truth: I}\n"
)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(Settings(home=tmp_path / "home", engine="process", port=0, seed=1)) as cloud:
        if not cloud.cloud.parts.compute.capabilities()["sandboxed_user_data"]:
            pytest.skip("no sandbox can be made here, so user data is off")
        yield cloud


def deploy(cloud: LocalCloud) -> dict[str, str]:
    environment = {
        "ALIBABA_CLOUD_ENDPOINT": cloud.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": cloud.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": cloud.access_key_secret,
    }
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "deploy.py"), "multi-zone"],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=60,
        check=True,
    )
    deployed: dict[str, str] = json.loads(done.stdout)
    return {**environment, **deployed}


def wait_until_served(url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/accounts/alice", timeout=1, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} does not serve")


@pytest.mark.timeout(90)
def test_losing_a_zone_loses_no_acknowledged_write(cloud: LocalCloud) -> None:
    environment = deploy(cloud)
    wait_until_served(environment["EXCHANGE_URL"])
    workload = load_workload(EXAMPLE / "objectives.yaml", environment, "multi-zone")
    result = asyncio.run(
        rehearse(
            parse(SHORT, "power.yaml", TOPOLOGY),
            "ideal",
            [workload],
            endpoint=cloud.endpoint,
            token=cloud.admin_token,
            text=SHORT,
        )
    )
    ledger = next(probe for probe in result.probes if probe.is_ledger)
    assert ledger.acknowledged is not None
    assert ledger.acknowledged > 20
    assert ledger.lost == 0
    # On a machine that is busy otherwise a fail-over may take longer than a drill waits; then its end is carried on.
    assert all(outage.end_min is not None for outage in ledger.outages)
    assert ledger.phases[-1].state == "up"
    statements = next(probe for probe in result.probes if probe.name == "statements")
    assert statements.tries > 20
    assert (statements.outages, statements.availability) == ((), 1.0)
    states = [item.state for item in result.record.happened if item.kind == "db-instance"]
    assert states[:2] == ["failing over", "failed over"]
    assert not cloud.call(lambda: cloud.cloud.faults.faults(injected_only=True))
