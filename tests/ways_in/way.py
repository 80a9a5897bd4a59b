"""What every family is tested with: a cloud with a home, the exports of `kowloon env`, and one report to check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from kowloon.cli.main import app
from kowloon.gateway.transport import Handler
from kowloon.services.vpc.resources import Vpc
from kowloon.testing.cloud import LocalCloud
from kowloon.wire.http import HttpRequest
from tests.conftest import REGION

NAME = "香港 network"
# Every character that the signatures encode differently, in one value.
TAG = "a b+c*d~e/ü=&%'(!)"
OFFICIAL = "vpc.cn-hongkong.aliyuncs.com"
LIMIT_S = 60.0
SOURCE = Path(__file__).resolve().parents[2] / "src"


class Way:
    """A cloud, what clients are told about it, and what they sent. `home` is also the home of the client programs:
    no profile of the user's may answer for what the exports leave out."""

    def __init__(self, cloud: LocalCloud, home: Path) -> None:
        self.cloud = cloud
        self.home = home
        self.requests: list[HttpRequest] = []
        self._exports: dict[tuple[str, ...], dict[str, str]] = {}
        self._listen_in()

    def _listen_in(self) -> None:
        server = self.cloud.cloud.server
        assert server is not None
        handler: Handler = server.handler

        def listening(request: HttpRequest) -> Any:
            self.requests.append(request)
            return handler(request)

        server.handler = listening

    def environment(self, family: str, *options: str) -> dict[str, str]:
        """Exactly what a bare shell has after `eval "$(kowloon env --for FAMILY ...)"`."""
        key = (family, *options)
        if key not in self._exports:
            # The command itself, without another interpreter's start.
            command = ["env", "--for", family, "--region", REGION, *options]
            printed = CliRunner().invoke(app, command, env={"KOWLOON_HOME": str(self.home)})
            assert printed.exit_code == 0, printed.output
            bare = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
            shell = ["/bin/sh", "-c", f"{printed.stdout}\nenv -0"]
            done = subprocess.run(shell, env=bare, capture_output=True, encoding="utf-8", check=True, timeout=LIMIT_S)
            self._exports[key] = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
        return self._exports[key]

    def start(self, argv: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        self.requests.clear()
        variables = {**environment, "WAYS_IN_NAME": NAME, "WAYS_IN_TAG": TAG}
        return subprocess.run(
            argv, env=variables, cwd=self.home, capture_output=True, encoding="utf-8", check=False, timeout=LIMIT_S
        )

    def check(
        self,
        argv: list[str],
        family: str,
        *options: str,
        signature: str,
        status: bool = True,
        extra: dict[str, str] | None = None,
    ) -> None:
        """Run a client: it lists regions, makes a tagged network, reads it back and is refused once. Then look at what
        it says, at what the cloud has, and at how the requests came in."""
        environment = self.environment(family, *options)
        proxied = "--proxy" in options
        if proxied:
            environment = {**environment, "WAYS_IN_HOST": OFFICIAL}
        done = self.start(argv, {**environment, **(extra or {})})
        scheme = "https" if "--https" in options else "http"
        self._verify(done, scheme, OFFICIAL if proxied else "127.0.0.1", signature, status)

    def check_run(
        self, argv: list[str], *options: str, signature: str, scheme: str = "https", status: bool = True
    ) -> None:
        """The same under `kowloon run`, by an official name: nothing is told to the program but that name."""
        done = self.run(argv, *options, KOWLOON_URL=f"{scheme}://{OFFICIAL}", WAYS_IN_HOST=OFFICIAL)
        self._verify(done, scheme, OFFICIAL, signature, status)

    def run(self, argv: list[str], *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`kowloon run` in a bare shell."""
        bare = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        known = {"KOWLOON_HOME": str(self.home), "PYTHONPATH": str(SOURCE)}
        command = [sys.executable, "-m", "kowloon.cli.main", "run", "--region", REGION, *options, "--", *argv]
        return self.start(command, {**bare, **known, **variables})

    def _verify(
        self, done: subprocess.CompletedProcess[str], scheme: str, host: str, signature: str, status: bool
    ) -> None:
        assert done.returncode == 0, done.stderr[-3000:]
        report = json.loads(done.stdout)

        assert REGION in report["regions"]
        assert len(report["regions"]) > 20
        assert (report["name"], report["tag"]) == (NAME, TAG)
        assert report["error"]["code"] == "InvalidVpcID.NotFound"
        assert "Specified VPC does not exist." in report["error"]["message"]
        if status:
            assert report["error"]["status"] == 404

        made = self.cloud.call(lambda: self.cloud.cloud.store.get(Vpc, report["vpc"]))
        assert made is not None
        assert (made.name, made.tags) == (NAME, {"way in": TAG})

        assert len(self.requests) == 4, [request.target for request in self.requests]
        assert {request.scheme for request in self.requests} == {scheme}
        assert {request.host for request in self.requests} == {host}
        assert {signature_of(request) for request in self.requests} == {signature}


def signature_of(request: HttpRequest) -> str:
    if (request.header("authorization") or "").startswith("ACS3-HMAC-SHA256 "):
        return "ACS3"
    return "V1" if "SignatureMethod=HMAC-SHA1" in request.query + request.body.decode() else "none"
