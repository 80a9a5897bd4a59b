"""`fault`: break places by hand, mend them, see what is broken."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import typer

from kowloon.cli.home import RunningCloud, fail, show_json

app = typer.Typer(help="Break places by hand, mend them, see what is broken.", no_args_is_help=True)


@app.command("inject")
def inject(
    kind: str = typer.Argument(..., help="Such as zone-power; `kowloon fault kinds` lists them."),
    scope: list[str] = typer.Argument(..., help="Places or services, such as cn-hongkong-c or cn-hongkong-c/hall-1."),
    parameter: list[str] = typer.Option([], "--set", help="NAME=VALUE, the value as JSON or plain text."),
    label: str = typer.Option("", help="A name for people."),
    as_json: bool = typer.Option(False, "--json", help="For machines."),
) -> None:
    """Inject a fault: kowloon fault inject zone-power cn-hongkong-c."""
    body = {"kind": kind, "scope": scope, "parameters": _parameters(parameter), "label": label}
    fault = RunningCloud().call("POST", "faults", body)
    if as_json:
        show_json(fault)
    else:
        typer.echo(f"{fault['id']}  {fault['fault_kind']} on {', '.join(fault['scope'])} is injected")


def _parameters(given: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            fail(f"--set takes NAME=VALUE, not {text!r}", 2)
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    return parameters


@app.command("recover")
def recover(
    fault_id: str = typer.Argument("", help="One fault; without it, with --all, every fault."),
    everything: bool = typer.Option(False, "--all", help="Recover every fault."),
) -> None:
    """Recover one fault, or all of them."""
    if bool(fault_id) == everything:
        fail("name one fault, or use --all", 2)
    cloud = RunningCloud()
    if everything:
        recovered = cloud.call("POST", "faults/recover")["recovered"]
        typer.echo(f"{len(recovered)} faults are recovered")
        return
    cloud.call("POST", f"faults/{quote(fault_id, safe='')}/recover")
    typer.echo(f"{fault_id} is recovered")


@app.command("undo")
def undo(
    fault_id: str = typer.Argument(..., help="A fault, or a drill, that was injected since this cloud started."),
) -> None:
    """Return the control plane to what it was before a fault or a drill; objects, data and time stay as they are."""
    RunningCloud().call("POST", f"snapshots/@before-{quote(fault_id, safe='')}/load", timeout_s=120.0)
    typer.echo(f"everything is as it was before {fault_id}")


@app.command("list")
def list_faults(
    everything: bool = typer.Option(False, "--all", help="Recovered ones too."),
    as_json: bool = typer.Option(False, "--json", help="For machines."),
) -> None:
    """What is injected now."""
    faults = RunningCloud().call("GET", "faults" if everything else "faults?phase=injected")["faults"]
    if as_json:
        show_json(faults)
        return
    if not faults:
        typer.echo("nothing is injected")
    for fault in faults:
        typer.echo(
            f"{fault['id']}  {fault['phase']:<9}  {fault['fault_kind']} on "
            f"{', '.join(fault['scope'])}  {fault['label']}"
        )


@app.command("kinds")
def kinds(as_json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """The kinds of fault there are."""
    rows = RunningCloud().call("GET", "faults/kinds")["kinds"]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        names = ", ".join([row["kind"].replace("_", "-"), *row["short"]])
        typer.echo(f"{names}\n    {row['summary']}")
