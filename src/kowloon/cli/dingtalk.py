"""`dingtalk`: what arrives in the messenger's groups; its robots, applications, people and rules."""

from __future__ import annotations

import time
from urllib.parse import quote

import msgspec
import typer

from kowloon.cli.home import RunningCloud, show_json

app = typer.Typer(help="The messenger: its robots, applications, people and rules.", no_args_is_help=True)
member_app = typer.Typer(help="People: which RAM user somebody is, which role a department has.", no_args_is_help=True)
app.add_typer(member_app, name="member")
rule_app = typer.Typer(help="Which events of the cloud come into which conversation.", no_args_is_help=True)
app.add_typer(rule_app, name="rule")

_POLL_S = 1.0
_ACCOUNT = typer.Option("", help="Of which account's organisation; the home account's if not said.")
_AS_JSON = typer.Option(False, "--json", help="For machines.")


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
                typer.echo(msgspec.json.encode(message).decode())
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
def robots(as_json: bool = _AS_JSON) -> None:
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
    account: str = _ACCOUNT,
    scopes: str = typer.Option("*", help="The permissions that it has, with commas; * for all."),
    redirect_uri: list[str] = typer.Option([], help="Where people who sign in to it are sent back to; several times."),
    as_json: bool = _AS_JSON,
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
def applications(as_json: bool = _AS_JSON) -> None:
    """The internal applications there are."""
    rows = RunningCloud().call("GET", "dingtalk/applications")["applications"]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['name']} of account {row['account']}: {row['app_key']}")


@rule_app.command("add")
def add_rule(
    name: str = typer.Argument(help="How it is called; it heads the messages."),
    conversation: str = typer.Argument(help="The title of a group, or a conversation's id."),
    events: str = typer.Option(
        "", help="fault, health, resource, provider, drill, duty, with commas; all if not said."
    ),
    about: str = typer.Option("", help="Patterns with * of nodes, regions, kinds and ids, with commas."),
    level: str = typer.Option("WARN", help="INFO, WARN or CRITICAL: that, and what is worse."),
    at_all: bool = typer.Option(False, "--at-all", help="Notify everybody in the conversation."),
    account: str = _ACCOUNT,
    as_json: bool = _AS_JSON,
) -> None:
    """Let events of the cloud come into a conversation."""
    body = {
        "name": name,
        "conversation": conversation,
        "events": [each.strip() for each in events.split(",") if each.strip()],
        "about": [each.strip() for each in about.split(",") if each.strip()],
        "level": level,
        "at_all": at_all,
        "account": account,
    }
    made = RunningCloud().call("POST", "dingtalk/rules", body)
    if as_json:
        show_json(made)
        return
    typer.echo(f"{made['id']}: {made['name']} into {made['title']}")


@rule_app.command("list")
def rules(account: str = _ACCOUNT, as_json: bool = _AS_JSON) -> None:
    """The rules there are."""
    rows = RunningCloud().call("GET", f"dingtalk/rules?account={quote(account)}")["rules"]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        what = ", ".join(row["events"]) or "all events"
        about = f" about {', '.join(row['about'])}" if row["about"] else ""
        typer.echo(f"{row['id']}: {row['name']} into {row['title']}: {what}{about}, {row['level']} and worse")


@rule_app.command("remove")
def remove_rule(id: str = typer.Argument(help="The rule's id."), account: str = _ACCOUNT) -> None:
    """Remove a rule."""
    RunningCloud().call("DELETE", f"dingtalk/rules/{quote(id)}?account={quote(account)}")
    typer.echo(f"{id} is gone")


@member_app.command("list")
def members(account: str = _ACCOUNT, as_json: bool = _AS_JSON) -> None:
    """The members of an organisation, and its departments."""
    answer = RunningCloud().call("GET", f"dingtalk/members?account={quote(account)}")
    if as_json:
        show_json(answer)
        return
    for row in answer["members"]:
        user = f", RAM user {row['user']}" if row["user"] else ""
        typer.echo(f"{row['userid']}: {row['name']}{user}")
    for row in answer["departments"]:
        role = f", role {row['role']}" if row["role"] else ""
        typer.echo(f"department {row['number']}: {row['name']}{role}")


@member_app.command("link")
def link(
    userid: str = typer.Argument(help="The member."),
    user: str = typer.Argument("", help="The RAM user who that is; left out: none."),
    account: str = _ACCOUNT,
    as_json: bool = _AS_JSON,
) -> None:
    """Say which RAM user a member is: by that they may open the console from the messenger."""
    row = RunningCloud().call("POST", "dingtalk/members/link", {"userid": userid, "user": user, "account": account})
    if as_json:
        show_json(row)
        return
    typer.echo(f"{row['userid']} is {('the RAM user ' + row['user']) if row['user'] else 'no RAM user'}")


@member_app.command("role")
def give_role(
    department: int = typer.Argument(help="The department's number."),
    role: str = typer.Argument("", help="The RAM role that its members may use; left out: none."),
    account: str = _ACCOUNT,
    as_json: bool = _AS_JSON,
) -> None:
    """Let the members of a department use a RAM role that trusts dingtalk.aliyuncs.com."""
    body = {"department": department, "role": role, "account": account}
    row = RunningCloud().call("POST", "dingtalk/departments/role", body)
    if as_json:
        show_json(row)
        return
    typer.echo(f"{row['name']} has {('the role ' + row['role']) if row['role'] else 'no role'}")
