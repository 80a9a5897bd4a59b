"""`snapshot`: the whole state of the cloud by name, and what it was before each fault."""

from __future__ import annotations

from urllib.parse import quote

import typer

from kowloon.cli.home import RunningCloud, show_json

app = typer.Typer(help="Save the whole state by name, and return to it.", no_args_is_help=True)

_AS_JSON = typer.Option(False, "--json", help="For machines.")
_LONGEST_S = 600.0


@app.command("save")
def save(
    name: str = typer.Argument(..., help="Letters, digits, - . _"),
    without_real_data: bool = typer.Option(
        False, "--without-real-data", help="Also where real parts run: their disks and databases are not in it."
    ),
) -> None:
    """Save all resources, objects and the clock."""
    body = {"name": name, "without_real_data": without_real_data}
    row = RunningCloud().call("POST", "snapshots", body, timeout_s=_LONGEST_S)
    typer.echo(f"{name} is saved: {row['resources']} resources")


@app.command("load")
def load(
    name: str = typer.Argument(..., help="A saved one, or @before-FAULT-ID."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Return to a saved state; what is there now goes."""
    cloud = RunningCloud()
    if not yes and not typer.confirm(f"Replace everything in the cloud at {cloud.server.endpoint} by {name}?"):
        raise typer.Exit(1)
    cloud.call("POST", f"snapshots/{quote(name, safe='@')}/load", timeout_s=_LONGEST_S)
    typer.echo(f"{name} is loaded")


@app.command("list")
def list_snapshots(as_json: bool = _AS_JSON) -> None:
    """What can be loaded: those by name, then those before faults, each oldest first."""
    rows = RunningCloud().call("GET", "snapshots")["snapshots"]
    if as_json:
        show_json(rows)
        return
    if not rows:
        typer.echo("nothing is saved")
    for row in rows:
        typer.echo(f"{row['name']:<32}  {row['saved']:<20}  {row['resources']:>6} resources  {row['problem']}")


@app.command("diff")
def diff(
    one: str = typer.Argument(..., help="A snapshot."),
    other: str = typer.Argument("@now", help="Another one; without it, what there is now."),
    as_json: bool = _AS_JSON,
) -> None:
    """The resources that were added (+), removed (-) and changed (~) from one to the other."""
    path = f"snapshots/{quote(one, safe='@')}/diff/{quote(other, safe='@')}"
    rows = RunningCloud().call("GET", path, timeout_s=_LONGEST_S)["differences"]
    if as_json:
        show_json(rows)
        return
    if not rows:
        typer.echo("nothing differs")
    signs = {"added": "+", "removed": "-", "changed": "~"}
    for row in rows:
        fields = f"  {', '.join(row['fields'])}" if row["fields"] else ""
        typer.echo(f"{signs[row['change']]} {row['kind']} {row['id']}{fields}")


@app.command("delete")
def delete(name: str = typer.Argument(..., help="A saved one.")) -> None:
    """Forget a saved state."""
    RunningCloud().call("DELETE", f"snapshots/{quote(name, safe='@')}", timeout_s=_LONGEST_S)
    typer.echo(f"{name} is deleted")
