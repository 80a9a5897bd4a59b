"""The `kowloon` command. It talks HTTP to a running cloud; only `up` runs one.

Exit codes: 0 done, 1 an objective failed or the cloud refused, 2 wrong usage, 3 no cloud is running there.
"""

from __future__ import annotations

import typer

from kowloon import __version__
from kowloon.cli import accounts, clouds, dingtalk, drills, duty, environment, faults, ram, run, snapshots, terraform

app = typer.Typer(
    name="kowloon",
    help="A cloud with zones you can break. `kowloon up` starts it, `kowloon env` points your tools at it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("up")(clouds.up)
app.command("env")(environment.env)
# Options after the command are its own.
app.command("run", context_settings={"allow_interspersed_args": False})(run.run)
app.command("tf", context_settings={"allow_interspersed_args": False})(terraform.tf)
app.command("status")(clouds.status)
app.command("reset")(clouds.reset)
app.command("doctor")(clouds.doctor)
app.add_typer(faults.app, name="fault")
app.add_typer(drills.app, name="drill")
app.add_typer(snapshots.app, name="snapshot")
app.add_typer(dingtalk.app, name="dingtalk")
app.add_typer(accounts.app, name="account")
app.add_typer(ram.app, name="ram")
app.add_typer(duty.app, name="duty")


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", is_eager=True, help="Show the version and end."),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    app()


if __name__ == "__main__":
    main()
