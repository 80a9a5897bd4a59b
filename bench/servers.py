"""The servers under comparison: each one process, on one core, on loopback, with its data in a folder of its own.

A server signs the heads of requests ahead as its own clients would: Kowloon checks every signature (V1), moto and
s3rver check none, nginx knows none.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import psutil
import tools

BUCKET = "bench"
PATIENCE_S = 60.0
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, GENERATOR_CORE = _CORES[0], _CORES[-1]


class Refused(Exception):
    """A server did not answer as it has to: no figure is worth anything then."""


@dataclass(frozen=True)
class Request:
    """One request for a key of the bucket; an empty key is the bucket itself."""

    method: str
    key: str = ""
    query: str = ""
    size_bytes: int = 0


class Server(ABC):
    name: str
    root = f"/{BUCKET}/"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        command = self.command()
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=self.environment(),
            )
        try:
            self._wait()
            self.prepare()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def command(self) -> list[str]: ...

    def environment(self) -> dict[str, str]:
        # Byte code is kept between starts, as on a user's machine.
        return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def prepare(self) -> None:
        """Make the bucket, where it is not made by the command."""
        return

    def authorization(self, request: Request, date: str) -> str:
        """Header lines, or nothing."""
        return ""

    def heads(self, requests: Iterable[Request]) -> list[bytes]:
        """Signed now, so good for fifteen minutes."""
        date = formatdate(usegmt=True)
        found = []
        for request in requests:
            target = f"{self.root}{request.key}{'?' if request.query else ''}{request.query}"
            length = f"Content-Length: {request.size_bytes}\r\n" if request.method == "PUT" else ""
            found.append(
                f"{request.method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nDate: {date}\r\n"
                f"{self.authorization(request, date)}{length}\r\n".encode()
            )
        return found

    def ask(self, request: Request, body: bytes = b"") -> bytes:
        """The body of the answer. Refused: anything but a 2xx."""
        head = self.heads([request])[0].decode()
        first, *lines = head.strip().split("\r\n")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            headers = dict(line.split(": ", 1) for line in lines)
            connection.request(request.method, first.split(" ")[1], body or None, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status // 100 != 2:
            raise Refused(f"{self.name}: {first}: HTTP {response.status}: {answer[:500]!r}")
        return answer

    def cpu_s(self) -> float:
        """User and system time, children included."""
        times = [each.cpu_times() for each in self._processes()]
        return sum(each.user + each.system for each in times)

    def anonymous_mib(self) -> float:
        """RssAnon: what the process itself holds, without pages of mapped files."""
        return sum(_status_kib(each.pid, "RssAnon") for each in self._processes()) / 1024

    def _processes(self) -> list[psutil.Process]:
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def _wait(self) -> None:
        deadline = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)
        output = (self.folder / "output").read_text(errors="replace")
        raise tools.Missing(f"{self.name} does not start: {output[-1000:]}")

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Kowloon(Server):
    name = "kowloon"
    options: tuple[str, ...] = ()

    def command(self) -> list[str]:
        up = ["-m", "kowloon.cli.main", "up", "--port", str(self.port), "--engine", "paper", "--quiet"]
        return [sys.executable, *up, *self.options]

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "KOWLOON_HOME": str(self.folder / "home")}

    def prepare(self) -> None:
        keys: Any = json.loads((self.folder / "home" / "credentials.json").read_bytes())
        self._id, self._secret = keys["access_key_id"], keys["access_key_secret"].encode()
        self.ask(Request("PUT"))

    def authorization(self, request: Request, date: str) -> str:
        text = f"{request.method}\n\n\n{date}\n{self.root}{request.key}"
        signature = base64.b64encode(hmac.digest(self._secret, text.encode(), "sha1")).decode()
        return f"Authorization: OSS {self._id}:{signature}\r\n"


class DurableKowloon(Kowloon):
    name = "kowloon --durable"
    options = ("--durable",)


class Moto(Server):
    name = "moto"

    def command(self) -> list[str]:
        start = f"import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', '{self.port}'])"
        return [sys.executable, "-c", start]

    def prepare(self) -> None:
        self.ask(Request("PUT"))

    def authorization(self, request: Request, date: str) -> str:
        scope = "Credential=testing/20250101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        return f"Authorization: AWS4-HMAC-SHA256 {scope}\r\n"


class S3rver(Server):
    name = "s3rver"

    def command(self) -> list[str]:
        where = ["-d", str(self.folder / "data"), "-a", "127.0.0.1", "-p", str(self.port)]
        return [*tools.s3rver(), *where, "--silent", "--configure-bucket", BUCKET]


class Nginx(Server):
    """Static GET with sendfile and kept descriptors, PUT by WebDAV; one worker, no log."""

    name = "nginx"

    def command(self) -> list[str]:
        (self.folder / "data").mkdir()
        (self.folder / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.folder}/pid; error_log {self.folder}/errors;
{"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; client_max_body_size 0;
  open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
  fastcgi_temp_path {self.folder}/fastcgi; uwsgi_temp_path {self.folder}/uwsgi; scgi_temp_path {self.folder}/scgi;
  server {{
    listen 127.0.0.1:{self.port};
    location / {{ root {self.folder}/data; dav_methods PUT DELETE; create_full_put_path on; }}
  }}
}}
""")
        return [tools.program("nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]

    def environment(self) -> dict[str, str]:
        return tools.environment()


def _status_kib(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
