"""`dingtalk`: read what arrives in the messenger's groups."""

from __future__ import annotations

import time
from urllib.parse import quote

import typer

from kowloon.cli.home import RunningCloud, show_json

app = typer.Typer(help="The messenger: robots and what they post.", no_args_is_help=True)

_POLL_S = 1.0


@app.command("tail")
def tail(
    group: str = typer.Option("", help="One group only."),
    follow: bool = typer.Option(True, "--follow/--once", help="Go on until Ctrl-C, or end after what is there."),
    as_json: bool = typer.Option(False, "--json", help="For machines: one message a line."),
) -> None:
    """Show the messages that reach the groups, as they come."""
    cloud = RunningCloud()
    after = 0
    while True:
        for message in cloud.call("GET", f"dingtalk/messages?after={after}&group={quote(group)}")["messages"]:
            after = message["sequence"]
            if as_json:
                show_json(message)
                continue
            moment = time.strftime("%H:%M:%S", time.localtime(message["at"]))
            typer.secho(f"{moment}  [{message['group']}] {message['title']}", bold=True)
            typer.echo(message["text"])
        if not follow:
            return
        try:
            time.sleep(_POLL_S)
        except KeyboardInterrupt:
            return


@app.command("robots")
def robots(as_json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """The custom robots there are, with their webhooks."""
    cloud = RunningCloud()
    rows = cloud.call("GET", "dingtalk/robots")["robots"]
    if as_json:
        show_json(rows)
        return
    for robot in rows:
        typer.echo(f"{robot['name']} in {robot['group']}: http://{cloud.server.endpoint}{robot['webhook']}")


@app.command("app")
def application(
    name: str = typer.Argument(help="How it is called."),
    account: str = typer.Option("", help="Of which account's organisation; the home account's if not said."),
    scopes: str = typer.Option("*", help="The permissions that it has, with commas; * for all."),
    redirect_uri: list[str] = typer.Option([], help="Where people who sign in to it are sent back to; several times."),
    as_json: bool = typer.Option(False, "--json", help="For machines."),
) -> None:
    """Make an internal application with a robot: its keys open the open platform."""
    given = [each.strip() for each in scopes.split(",")]
    body = {"name": name, "account": account, "scopes": given, "redirect_uris": redirect_uri}
    made = RunningCloud().call("POST", "dingtalk/applications", body)
    if as_json:
        show_json(made)
        return
    for field in ("corp_id", "app_key", "app_secret", "agent_id"):
        typer.echo(f"{field}: {made[field]}")


@app.command("apps")
def applications(as_json: bool = typer.Option(False, "--json", help="For machines.")) -> None:
    """The internal applications there are."""
    rows = RunningCloud().call("GET", "dingtalk/applications")["applications"]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['name']} of account {row['account']}: {row['app_key']}")
