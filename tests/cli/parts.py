"""A real `kowloon up` in a process of its own, the command line beside it, and a tiny signing client."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.cli.forking import Forked
from tests.core.parts import query_of, signed_fields

ROOT = Path(__file__).parents[2]
START_S = 60.0
COMMAND = (sys.executable, "-m", "kowloon.cli.main")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The test's own, without anything that leads a client elsewhere."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith("_PROXY") and not name.startswith(("ALIBABA", "ALICLOUD", "KOWLOON"))
    }
    return {**mine, "KOWLOON_HOME": str(home), "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1", **more}


def kowloon(
    home: Path,
    *arguments: str,
    cwd: Path | None = None,
    stdin: str = "",
    timeout_s: float = 60.0,
    own_interpreter: bool = False,
    **more: str,
) -> subprocess.CompletedProcess[str]:
    """`more`: of its environment."""
    if own_interpreter:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=cwd,
            env=environment(home, **more),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    with tempfile.TemporaryDirectory(prefix="kowloon-test-") as folder:
        given, out, err = (Path(folder, name) for name in ("in", "out", "err"))
        given.write_text(stdin)
        process = Forked(arguments, environment(home, **more), cwd=cwd, stdin=str(given), stdout=out, stderr=err)
        try:
            code = process.wait(timeout_s)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


class Served:
    """`kowloon up --port 0` on a home; `with` ends it."""

    def __init__(self, home: Path, *options: str, own_interpreter: bool = False) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.log = home / "server.log"
        arguments = ("up", "--port", "0", "--engine", "paper", *options)
        self.process: Forked | subprocess.Popen[bytes]
        if own_interpreter:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen([*COMMAND, *arguments], env=environment(home), stdout=log, stderr=log)
        else:
            self.log.touch()
            self.process = Forked(arguments, environment(home), stdin=os.devnull, stdout=self.log, stderr=self.log)
        try:
            self.port = self._wait()
        except BaseException:
            self.kill()
            raise
        self.keys: dict[str, str] = json.loads((home / "credentials.json").read_bytes())

    def _wait(self) -> int:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                running = json.loads((self.home / "server.json").read_bytes())
                port = int(running["endpoint"].rpartition(":")[2])
                if running["pid"] == self.process.pid and http_call(port, "GET", "/_kowloon/health")[0] == 200:
                    return port
            except (FileNotFoundError, ConnectionError):
                pass
            time.sleep(0.01)
        raise AssertionError(f"not serving within {START_S} s: {self.log.read_text()}")

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(30.0)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30.0)

    def target(self, action: str, **fields: str) -> str:
        signed = signed_fields(
            self.keys["access_key_id"],
            self.keys["access_key_secret"],
            action,
            wall=time.time(),
            SignatureNonce=f"{os.getpid()}-{time.monotonic_ns()}",
            **fields,
        )
        return f"/?{query_of(signed)}"

    def ask(self, action: str, **fields: str) -> dict[str, Any]:
        status, answer = http_call(self.port, "GET", self.target(action, **fields))
        assert status == 200, answer
        return answer

    def admin(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.keys['admin_token']}"}
        return http_call(self.port, method, f"/_kowloon/{path}", None if body is None else json.dumps(body), headers)


def http_call(
    port: int, method: str, target: str, body: str | bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
    try:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        answer = response.read()
        return response.status, json.loads(answer) if answer else {}
    finally:
        connection.close()
