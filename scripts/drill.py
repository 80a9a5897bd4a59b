"""`make drill`: Hong Kong, 18 December 2022, against the exchange of examples/exchange, in under twelve minutes.

Starts a cloud of its own (its own home under build/drill, its own free port; a cloud that is running already is not
touched), deploys both variants of the exchange side by side, replays the day with the provider as it acted, then on a
fresh cloud with an ideal provider, and writes build/drill/report.html, .json and .xml.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from kowloon.drill.control import ControlError
from kowloon.drill.duty import load_duty
from kowloon.drill.objectives import Workload, load_workload
from kowloon.drill.progress import LiveProgress
from kowloon.drill.rehearsal import rehearse
from kowloon.drill.report import write_reports
from kowloon.drill.result import DrillResult, duration, exit_code, percent
from kowloon.engines.supervisor.folders import data_folder
from kowloon.faults.loader import load
from kowloon.faults.scenario import Provider, Scenario
from kowloon.topology.map import Topology

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "exchange"
DUTY = ROOT / "examples" / "duty" / "hongkong.yaml"
VARIANTS = ("single-zone", "multi-zone")
PROVIDERS: tuple[Provider, ...] = ("recorded", "ideal")
REGION = "cn-hongkong"
# Ids, hosts and turns in the provider's queues follow from it, so two runs tell the same story. With this one the
# multi-zone database loses its primary at T+81, as the record has it, and gets its turn near the middle of the queue
# (T+143 of T+81 to T+214): neither luck nor bad luck.
SEED = 5
START_S = 60.0
STOP_S = 30.0
DEPLOY_S = 180.0


class CloudProcess:
    """A cloud in a child process, in a home of its own that is made anew."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        if home.exists():
            # As root, real parts keep their data outside of a home that they cannot enter.
            shutil.rmtree(data_folder(home), ignore_errors=True)
            shutil.rmtree(home)
        home.mkdir(parents=True)
        self._log = (home.parent / f"{home.name}.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kowloon.cli.main", "up", "--port", "0", "--quiet", "--seed", str(seed)],
            env={**os.environ, "KOWLOON_HOME": str(home)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # A Ctrl-C is for us; we stop the cloud in order.
            start_new_session=True,
        )

    def wait(self) -> dict[str, str]:
        """Until it serves; the environment for its clients."""
        deadline = time.monotonic() + START_S
        while not (self.home / "server.json").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the cloud did not start; see {self._log.name}")
            time.sleep(0.1)
        server = json.loads((self.home / "server.json").read_bytes())
        keys = json.loads((self.home / "credentials.json").read_bytes())
        return {
            "ALIBABA_CLOUD_ENDPOINT": server["endpoint"],
            "ALIBABA_CLOUD_ACCESS_KEY_ID": keys["access_key_id"],
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": keys["access_key_secret"],
            "KOWLOON_ADMIN_TOKEN": keys["admin_token"],
        }

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


@contextlib.contextmanager
def running_cloud(home: Path, seed: int) -> Iterator[dict[str, str]]:
    cloud = CloudProcess(home, seed)
    try:
        yield cloud.wait()
    finally:
        cloud.stop()


def deploy(variant: str, environment: dict[str, str]) -> dict[str, str]:
    """By the example's own script, as a user would."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "deploy.py"), variant],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        timeout=DEPLOY_S,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def workloads(environment: dict[str, str], console: Console) -> list[Workload]:
    found = []
    for variant in VARIANTS:
        console.print(f"  deploying {variant}")
        deployed = deploy(variant, environment)
        found.append(load_workload(EXAMPLE / "objectives.yaml", {**environment, **deployed}, variant))
    found.append(load_workload(EXAMPLE / "provider.yaml", environment, "provider"))
    return found


def play(scenario: Scenario, provider: Provider, build: Path, seed: int, console: Console) -> DrillResult:
    console.print(f"[bold]{scenario.title}[/bold], provider {provider}")
    with running_cloud(build / f"home-{provider}", seed) as environment:
        systems = workloads(environment, console)
        with LiveProgress(f"provider {provider}", time.monotonic, console) as live:
            drill = rehearse(
                scenario,
                provider,
                systems,
                endpoint=environment["ALIBABA_CLOUD_ENDPOINT"],
                token=environment["KOWLOON_ADMIN_TOKEN"],
                duty=load_duty(DUTY),
                on_progress=live.show,
            )
            result = asyncio.run(drill)
    tell(result, console)
    return result


def tell(result: DrillResult, console: Console) -> None:
    """The headline numbers of one drill."""
    for probe in result.probes:
        name = f"{probe.variant}/{probe.name}"
        if probe.kind == "api":
            console.print(f"  {name:28} lowest share served {probe.lowest:.0%}")
            continue
        longest = "no outage" if probe.recovery_s is None else f"longest outage {duration(probe.recovery_s)}"
        if probe.recovery_measured:
            longest += " (measured)"
        lost = f", {probe.lost} of {probe.acknowledged} acknowledged writes lost" if probe.is_ledger else ""
        console.print(f"  {name:28} available {percent(probe.availability)}, {longest}{lost}")
    for page in result.duty.called if result.duty is not None else ():
        answered = "not answered" if page.answered_s is None else f"answered after {duration(page.answered_s)}"
        console.print(f"  page to {page.post}: {answered} {page.answered_by}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scenario", default="hongkong-2022")
    parser.add_argument("--providers", nargs="+", choices=PROVIDERS, default=list(PROVIDERS))
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "drill")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--strict", action="store_true", help="end with 1 when an objective was missed")
    options = parser.parse_args()
    console = Console(highlight=False)
    scenario = load(options.scenario, Topology.vendor())
    began = time.monotonic()
    try:
        results = [play(scenario, name, options.build, options.seed, console) for name in options.providers]
    except (ControlError, subprocess.SubprocessError) as problem:
        console.print(f"[red]the drill failed: {problem}[/red]")
        return 2
    except KeyboardInterrupt:
        console.print("stopped; everything that was started is gone")
        return 130
    paths = write_reports(results, options.build)
    console.print(f"{duration(time.monotonic() - began)} in all. The report: {paths.html}")
    return exit_code(results) if options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
