"""Where the command finds its cloud: KOWLOON_HOME, the files in it, and HTTP calls to the server that runs there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import typer

from kowloon.core.config import HomeCredentials, HomeFiles

NO_CLOUD = 3
REFUSED = 1


def home_files() -> HomeFiles:
    """The files of KOWLOON_HOME, or of the platform's user data folder."""
    told = os.environ.get("KOWLOON_HOME")
    if told:
        return HomeFiles(Path(told).expanduser().resolve())
    import platformdirs

    return HomeFiles(Path(platformdirs.user_data_dir("kowloon")))


def fail(message: str, code: int = REFUSED) -> NoReturn:
    typer.secho(message, err=True, fg=typer.colors.RED)
    raise typer.Exit(code)


class Server(msgspec.Struct, frozen=True):
    endpoint: str
    pid: int
    engine: str


class RunningCloud:
    """The server of this home, or exit code 3 with a sentence that says how to start one."""

    def __init__(self) -> None:
        self.files = home_files()
        try:
            self.server = msgspec.json.decode(self.files.server.read_bytes(), type=Server)
            self.identity = msgspec.json.decode(self.files.credentials.read_bytes(), type=HomeCredentials)
        except (FileNotFoundError, msgspec.DecodeError):
            fail(f"no cloud is running in {self.files.home}; start one with `kowloon up`", NO_CLOUD)

    def call(
        self, method: str, path: str, body: object = None, timeout_s: float = 60.0, *, unless: str = ""
    ) -> dict[str, Any]:
        """One admin call: the decoded answer, or exit code 1 with the server's own message; an error of the code
        `unless` is an answer, too."""
        import http.client

        host, _, port = self.server.endpoint.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=timeout_s)
        headers = {"Authorization": f"Bearer {self.identity.admin_token}", "Content-Type": "application/json"}
        content = None if body is None else msgspec.json.encode(body)
        try:
            connection.request(method, f"/_kowloon/{path}", content, headers)
            response = connection.getresponse()
            answer = response.read()
            plain: dict[str, Any] = json.loads(answer)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            fail(
                f"the cloud at {self.server.endpoint} does not answer ({problem}); start it with `kowloon up`", NO_CLOUD
            )
        finally:
            connection.close()
        if response.status >= 400 and plain.get("Code") != (unless or None):
            fail(f"{plain.get('Code')}: {plain.get('Message')}")
        return plain


def show_json(body: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
