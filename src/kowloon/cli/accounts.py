"""`account`: the customers of this cloud, and keys to work as one of them."""

from __future__ import annotations

import shlex
from urllib.parse import quote

import typer

from kowloon.cli.home import RunningCloud, show_json

app = typer.Typer(help="Accounts: open one, list them, get keys of one.", no_args_is_help=True)

_AS_JSON = typer.Option(False, "--json", help="For machines.")


@app.command("create")
def create(
    name: str = typer.Argument(..., help="What it is called here; ids are given by the cloud."),
    as_json: bool = _AS_JSON,
) -> None:
    """Open an account with an administrator, and show the administrator's key."""
    answer = RunningCloud().call("POST", "accounts", {"name": name})
    if as_json:
        show_json(answer)
        return
    typer.echo(f"account {answer['account']} ({answer['name']})")
    _show_key(answer)


@app.command("list")
def list_accounts(as_json: bool = _AS_JSON) -> None:
    """All accounts, oldest first."""
    rows = RunningCloud().call("GET", "accounts")["accounts"]
    if as_json:
        show_json(rows)
        return
    for row in rows:
        name = row["name"] or row["alias"] or "the first"
        typer.echo(
            f"{row['account']}  {row['created']}  {row['users']:>3} users  {row['resources']:>5} resources  {name}"
        )


@app.command("keys")
def keys(
    account: str = typer.Argument(..., help="Id or name."),
    root: bool = typer.Option(False, "--root", help="Of the account itself instead of its administrator."),
    fresh: bool = typer.Option(False, "--new", help="Another key, whatever there is already."),
    as_json: bool = _AS_JSON,
) -> None:
    """Exports for the shell: eval "$(kowloon account keys NAME)"."""
    answer = RunningCloud().call("POST", f"accounts/{quote(account, safe='')}/keys", {"root": root, "fresh": fresh})
    if as_json:
        show_json(answer)
        return
    _show_key(answer)


@app.command("password")
def password(
    user: str = typer.Argument("admin", help="A RAM user of the home account."),
    password: str = typer.Option(
        ..., prompt=True, hide_input=True, confirmation_prompt=True, envvar="KOWLOON_PASSWORD", help="Asked for."
    ),
) -> None:
    """Set the password that a user signs in with, on the page of duty for one."""
    cloud = RunningCloud()
    profile = {"UserName": user, "Password": password}
    missing = "EntityNotExist.User.LoginProfile"
    if cloud.call("POST", "call/Ram/UpdateLoginProfile", profile, unless=missing).get("Code") == missing:
        cloud.call("POST", "call/Ram/CreateLoginProfile", profile)
    typer.echo(f"sign in as {user}@{cloud.identity.account_id}")


def _show_key(answer: dict[str, str]) -> None:
    for name in ("access_key_id", "access_key_secret"):
        typer.echo(f"export ALIBABA_CLOUD_{name.upper()}={shlex.quote(answer[name])}")
    typer.echo(f"export ALIBABA_CLOUD_ACCOUNT_ID={answer['account']}")
