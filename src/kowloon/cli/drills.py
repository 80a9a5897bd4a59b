"""`drill`: rehearse an outage against what is deployed in the running cloud, and read the report."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from kowloon.cli.home import RunningCloud, fail, show_json
from kowloon.core.errors import ConfigurationError

if TYPE_CHECKING:
    from kowloon.drill.result import DrillResult

app = typer.Typer(help="Rehearse an outage against what you have deployed.", no_args_is_help=True)

_PROVIDERS = ("recorded", "ideal")


@app.command("run")
def run(
    scenario: str = typer.Argument(..., help="A shipped scenario such as hongkong-2022, or the path of a .yaml file."),
    probes: list[Path] = typer.Option(..., "--probes", help="Probe and objective file; several are variants."),
    provider: str = typer.Option("recorded", help="recorded (as the provider acted) or ideal."),
    duty: Path | None = typer.Option(
        None, "--duty", help="Who answers for it: an organisation and a cast, such as examples/duty/hongkong.yaml."
    ),
    out: Path = typer.Option(Path("drill-report"), help="Folder for report.html, .json and .xml (JUnit)."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON instead of a summary."),
) -> None:
    """Run a drill. Exit code 1 when an objective is missed. Placeholders ${NAME} in FILE come from the environment."""
    if provider not in _PROVIDERS:
        fail(f"there is no provider {provider!r}; use {' or '.join(_PROVIDERS)}", 2)
    cloud = RunningCloud()
    from kowloon.drill.control import ControlError
    from kowloon.drill.report import write_reports
    from kowloon.drill.result import exit_code

    try:
        result = _rehearse(cloud, scenario, probes, provider, duty, quiet=as_json)
    except ConfigurationError as problem:
        fail(str(problem), 2)
    except ControlError as problem:
        fail(str(problem))
    paths = write_reports([result], out)
    if as_json:
        typer.echo(paths.json.read_text(encoding="utf-8"))
    else:
        for objective in result.objectives:
            mark = "met   " if objective.passed else "MISSED"
            typer.echo(f"{mark}  {objective.variant}: {objective.name} ({objective.found})")
        typer.echo(f"report: {paths.html}")
    raise typer.Exit(exit_code([result]))


def _rehearse(
    cloud: RunningCloud, scenario: str, probes: list[Path], provider: str, duty: Path | None, *, quiet: bool
) -> DrillResult:
    import asyncio

    from kowloon.drill.duty import load_duty
    from kowloon.drill.objectives import load_workload
    from kowloon.drill.progress import LiveProgress
    from kowloon.drill.rehearsal import rehearse
    from kowloon.faults.loader import load
    from kowloon.faults.scenario import Provider
    from kowloon.topology.map import Topology

    loaded = load(scenario, Topology.vendor())
    path = Path(scenario)
    text = path.read_text(encoding="utf-8") if path.suffix in (".yaml", ".yml") else ""
    environment = {
        **os.environ,
        "ALIBABA_CLOUD_ENDPOINT": cloud.server.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": cloud.identity.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": cloud.identity.access_key_secret,
    }
    workloads = [load_workload(file, environment, file.stem) for file in probes]
    with LiveProgress(loaded.title, time.monotonic) as live:
        return asyncio.run(
            rehearse(
                loaded,
                cast(Provider, provider),
                workloads,
                endpoint=cloud.server.endpoint,
                token=cloud.identity.admin_token,
                text=text,
                duty=load_duty(duty) if duty is not None else None,
                on_progress=(lambda progress: None) if quiet else live.show,
            )
        )


@app.command("list")
def list_drills(as_json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """The scenarios there are, and the drills that ran in this cloud."""
    from kowloon.faults.scenario import list_scenarios

    drills = RunningCloud().call("GET", "drills")["drills"]
    if as_json:
        show_json({"scenarios": list_scenarios(), "drills": drills})
        return
    for name in list_scenarios():
        typer.echo(f"scenario  {name}")
    for drill in drills:
        typer.echo(
            f"{drill['id']}  {drill['scenario']} ({drill['provider']})  {drill['state']}  "
            f"T+{drill['scenario_minute']:.0f} min"
        )


@app.command("show")
def show(drill_id: str = typer.Argument(..., help="As `kowloon drill list` gives it.")) -> None:
    """One drill, whole, as JSON."""
    show_json(RunningCloud().call("GET", f"drills/{drill_id}"))
