"""`up`, `status`, `reset`, `doctor`: the cloud as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import typer

from kowloon.cli.home import RunningCloud, fail, home_files, show_json
from kowloon.core.config import DEFAULT_PORT, DEFAULT_REGION, Settings


def up(
    port: int = typer.Option(DEFAULT_PORT, help="Port for HTTP and HTTPS; 0 takes a free one."),
    engine: str = typer.Option(
        "process", help="What stands behind the APIs: process (real parts) or paper (state only)."
    ),
    region: str = typer.Option(DEFAULT_REGION, help="Region of calls that name none."),
    seed: int | None = typer.Option(None, help="Repeatable ids and choices."),
    unsandboxed_user_data: bool = typer.Option(
        False, "--unsandboxed-user-data", help="Run user data even where no sandbox can be made."
    ),
    durable: bool = typer.Option(
        False, "--durable", help="Objects survive the loss of power: every write waits for the disk."
    ),
    reach: list[str] = typer.Option(
        [], "--reach", metavar="CIDR", help="A private network that callbacks of uploads may go to; repeat for more."
    ),
    mail_server: str = typer.Option(
        "", metavar="HOST:PORT", help="The SMTP server that duty's mail goes out by; none if not given."
    ),
    transitions: str = typer.Option(
        "instant", help="How long what was ordered shows as under way: instant, realistic, or reads:N."
    ),
    hook_limit: float = typer.Option(60.0, help="Seconds that a script of KOWLOON_HOME/hooks may take.", min=0.1),
    hooks_may_fail: bool = typer.Option(
        False, "--hooks-may-fail", help="Start although a script of KOWLOON_HOME/hooks fails."
    ),
    quiet: bool = typer.Option(False, "--quiet", help="Print nothing but errors."),
) -> None:
    """Run the cloud in the foreground until Ctrl-C. Its parts outlive a crash of this process for 30 s."""
    if engine not in ("process", "paper"):
        fail(f"there is no engine {engine!r}; use process or paper", 2)
    settings = Settings(
        home=home_files().home,
        port=port,
        engine=cast(Literal["paper", "process"], engine),
        region=region,
        seed=seed,
        unsandboxed_user_data=unsandboxed_user_data,
        durable=durable,
        reach=tuple(reach),
        transitions=transitions,
        mail_server=mail_server,
    )
    from kowloon.cli import serving

    try:
        serving.serve(settings, home_files().hooks, hook_limit_s=hook_limit, hooks_may_fail=hooks_may_fail, quiet=quiet)
    except serving.REFUSALS as problem:
        fail(str(problem), 2)
    except OSError as problem:
        fail(f"cannot serve on port {port}: {problem.strerror}; another cloud? try `kowloon up --port 0`", 2)


def status(as_json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """What runs where: private and real addresses, and whatever is not as it should be."""
    cloud = RunningCloud()
    answer = cloud.call("GET", "status")
    answer["endpoint"] = cloud.server.endpoint
    if as_json:
        show_json(answer)
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]kowloon {answer['version']}[/] on {cloud.server.endpoint}, engine {cloud.server.engine}")
    counts = ", ".join(
        f"{count} {kind}" for kind, count in answer["resources"].items() if kind not in ("counter", "unit")
    )
    console.print(counts or "nothing created yet")
    if answer["units"]:
        table = Table(box=None)
        for heading in ("part", "host", "private address", "real address", "state"):
            table.add_column(heading, overflow="fold")
        for unit in answer["units"]:
            colour = "green" if unit["observed"] == unit["desired"] else "red"
            table.add_row(
                unit["id"],
                unit["host"],
                unit["private_address"],
                unit["real_address"],
                f"[{colour}]{unit['observed']}[/] {unit['message']}",
            )
        console.print(table)
    for zone in answer["storage"]:
        console.print(_storage_line(zone))
    _print_impaired(console, answer["impaired"])


def _storage_line(zone: dict[str, Any]) -> str:
    colour = "green" if zone["mode"] == "serving" else "red"
    mode = zone["mode"].replace("_", " ") + (f" by {zone['delay_s']:g} s" if zone["delay_s"] else "")
    behind = f", {zone['behind']} to be healed" if zone["behind"] else ""
    held = f"{zone['entries']} entries, {zone['stored_bytes'] / 1e6:.1f} MB"
    return f"objects in {zone['zone']}: [{colour}]{mode}[/], {held}{behind}"


def _print_impaired(console: Any, impaired: dict[str, Any]) -> None:
    if not any(impaired.values()):
        console.print("[green]every place and service is healthy[/]")
        return
    zones: dict[str, int] = {}
    for host in impaired["hosts"]:
        zone = host.split("/", 1)[0]
        zones[zone] = zones.get(zone, 0) + 1
    for zone, count in zones.items():
        console.print(f"[red]{zone}: {count} hosts out of service[/]")
    for name, service in impaired["services"].items():
        console.print(f"[red]{name}: {service['state']}, serves {service['share']:.0%} of calls[/]")


def reset(yes: bool = typer.Option(False, "--yes", help="Do not ask.")) -> None:
    """Release everything: resources, faults, data. The account and its keys stay."""
    cloud = RunningCloud()
    if not yes and not typer.confirm(f"Release everything in the cloud at {cloud.server.endpoint}?"):
        raise typer.Exit(1)
    cloud.call("POST", "reset", timeout_s=120.0)
    typer.echo("everything is released")


def doctor(as_json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """What this machine can and cannot do for the process engine, by trying it."""
    import asyncio

    findings = asyncio.run(_examine())
    if as_json:
        show_json([{"check": name, "ok": ok, "advice": advice} for name, ok, advice in findings])
    else:
        for name, ok, advice in findings:
            typer.secho(f"{'ok' if ok else 'NO':>3}  {name}", fg=typer.colors.GREEN if ok else typer.colors.RED)
            if not ok:
                typer.echo(f"     {advice}")
    if not all(ok for _, ok, _ in findings):
        raise typer.Exit(1)


async def _examine() -> list[tuple[str, bool, str]]:
    from kowloon.engines.examine import examine

    files = home_files()
    findings = await examine(files)
    findings.append(
        ("home folder can be written", _writable(files.home), f"make {files.home} writable or set KOWLOON_HOME")
    )
    return findings


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
