"""`ram`: why a call was allowed or denied, what would be, and a policy with the rights that were used."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import typer

from kowloon.cli.home import RunningCloud, fail, show_json

app = typer.Typer(help="Permissions: explain a decision, try one out, write a policy from calls.", no_args_is_help=True)

_AS_JSON = typer.Option(False, "--json", help="For machines.")


@app.command("explain")
def explain(
    request_id: str = typer.Argument(..., help="The RequestId of a call, of an answer or of an error."),
    as_json: bool = _AS_JSON,
) -> None:
    """Why a call was allowed or denied: the statements about it and what each says."""
    answer = RunningCloud().call("GET", f"ram/explain?request={quote(request_id, safe='')}")
    _show(answer, as_json)


@app.command("simulate")
def simulate(
    principal: str = typer.Option(..., help="ARN of a user or role, such as acs:ram::1234:user/alice."),
    action: str = typer.Option(..., help="As in a policy, such as ecs:StopInstance."),
    resource: str = typer.Option("*", help="ARN of a resource, such as acs:ecs:cn-hongkong:1234:instance/i-1."),
    context: list[str] = typer.Option([], help="KEY=VALUE of a condition, such as acs:SourceIp=10.0.0.1."),
    as_json: bool = _AS_JSON,
) -> None:
    """What would be decided, without a call."""
    values: dict[str, str] = {}
    for text in context:
        key, equals, value = text.partition("=")
        if not equals or not key:
            fail(f"--context takes KEY=VALUE, not {text!r}", 2)
        values[key] = value
    body = {"principal": principal, "action": action, "resource": resource, "context": values}
    _show(RunningCloud().call("POST", "ram/simulate", body), as_json)


@app.command("generate")
def generate(
    from_log: bool = typer.Option(False, "--from-log", help="Out of the calls that this cloud has seen."),
    principal: str = typer.Option("", help="Only of this user or role (ARN)."),
    as_json: bool = _AS_JSON,
) -> None:
    """A policy that allows what was used and nothing else, and what it would have denied."""
    if not from_log:
        fail("say --from-log: there is nothing else yet that a policy could be written from", 2)
    generated = RunningCloud().call("GET", f"ram/generate?principal={quote(principal, safe='')}")
    if as_json:
        show_json(generated)
        return
    policies = generated["policies"]
    if not policies:
        fail(f"no call of {principal or 'anybody'} was allowed since the server started; there is no policy in that")
    typer.echo(json.dumps(policies[0] if len(policies) == 1 else policies, indent=2))
    notes = [f"{generated['actions']} actions, out of {generated['calls']} allowed calls"]
    if len(policies) > 1:
        notes.append(f"a list of {len(policies)} policies: one would be too long")
    notes += [
        f"would have denied {row['action']} on {row['resource']} by {row['principal']} ({row['times']} times)"
        for row in generated["denied"]
    ]
    for note in notes:
        typer.echo(note, err=True)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    for decision in answer["decisions"]:
        word = "allowed" if decision["allowed"] else "DENIED"
        typer.echo(f"{word}  {decision['action']} on {decision['resource']}")
        typer.echo(f"  by {decision['principal']}: {decision['reason']}")
        for statement in decision["statements"]:
            typer.echo(f"  {_told(statement)}")
        if decision["others"]:
            typer.echo(f"  {decision['others']} other statements are about other actions")


def _told(statement: dict[str, Any]) -> str:
    mark = "->" if statement["decided"] else "  "
    lines = [f"{mark} {statement['effect']}  statement {statement['number']} of {statement['policy']}"]
    if not statement["resource"]:
        trusts = statement["kind"] == "AssumeRolePolicy"
        lines.append("does not name who asks" if trusts else "not about this resource")
    for condition in statement["conditions"]:
        words = {True: "holds", False: "does not hold", None: "was not looked at"}
        wanted = ", ".join(condition["wanted"])
        value = "absent" if condition["value"] is None else repr(condition["value"])
        told = f"{condition['operator']} {condition['key']} [{wanted}] {words[condition['holds']]}"
        lines.append(told if condition["holds"] is None else f"{told}: it is {value}")
    return "; ".join(lines)
