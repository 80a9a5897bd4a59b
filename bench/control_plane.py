"""`make bench`: what the control plane costs, measured from outside, beside moto in the same run.

start: from the exec of `kowloon up` to the first 200 on health, median of five, on a home that exists.
CPU: user and system time of the server's process per signed DescribeInstances of 10 out of 100, signed ahead.
Targets: 0.5 s, 0.3 ms, 80 MiB. Exit code 1 when one is missed.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

STARTS = 5
INSTANCES = 100
PAGE = 10
REQUESTS = 3_000
MOTO_REQUESTS = 5
MOST_START_S = 0.5
MOST_CPU_MS = 0.3
MOST_IDLE_MIB = 80.0
PATIENCE_S = 60.0
REGION, ZONE = "cn-hongkong", "cn-hongkong-b"
_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A server process with its own home; `port` once it listens."""

    def __init__(self, home: Path, engine: str) -> None:
        environment = {**os.environ, "KOWLOON_HOME": str(home)}
        # As on a user's machine: byte code is kept between starts.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-m", "kowloon.cli.main", "up", "--port", "0", "--engine", engine, "--quiet"]
        self._home = home
        self._began = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment)
        try:
            self.port = self._find_port()
            self.start_s = self._first_answer()
        except BaseException:
            self.close()
            raise

    def _find_port(self) -> int:
        file = self._home / "server.json"
        for _ in self._tries():
            with contextlib.suppress(FileNotFoundError):
                running = json.loads(file.read_bytes())
                if running["pid"] == self.process.pid:
                    return int(running["endpoint"].rpartition(":")[2])
        raise AssertionError("unreachable")

    def _first_answer(self) -> float:
        for _ in self._tries():
            with contextlib.suppress(OSError):
                if call(self.port, "GET", "/_kowloon/health")[0] == 200:
                    return time.perf_counter() - self._began
        raise AssertionError("unreachable")

    def _tries(self) -> Iterator[None]:
        while time.perf_counter() - self._began < PATIENCE_S:
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended with {self.process.returncode}")
            yield
            time.sleep(0.002)
        raise SystemExit(f"the server does not answer within {PATIENCE_S:.0f} s")

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def call(
    port: int, method: str, target: str, body: str = "", headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, target, body or None, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Signer:
    """Targets of signed GETs, each with a nonce of its own."""

    def __init__(self, home: Path) -> None:
        keys = json.loads((home / "credentials.json").read_bytes())
        self._id, self._secret = keys["access_key_id"], keys["access_key_secret"]
        self._count = 0

    def target(self, action: str, version: str, **parameters: str) -> str:
        self._count += 1
        fields = {
            "Action": action,
            "Version": version,
            "Format": "JSON",
            "RegionId": REGION,
            "AccessKeyId": self._id,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": f"bench-{self._count}",
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **parameters,
        }
        query = "&".join(f"{name}={quote(value, safe='~')}" for name, value in sorted(fields.items()))
        text = f"GET&%2F&{quote(query, safe='~')}"
        signature = base64.b64encode(hmac.digest(f"{self._secret}&".encode(), text.encode(), "sha1")).decode()
        return f"/?{query}&Signature={quote(signature, safe='~')}"


def ask(port: int, target: str) -> Any:
    status, body = call(port, "GET", target)
    if status != 200:
        raise SystemExit(f"HTTP {status}: {body[:300]!r}")
    return json.loads(body)


def fill(port: int, signer: Signer) -> None:
    vpc = ask(port, signer.target("CreateVpc", "2016-04-28", CidrBlock="10.0.0.0/8"))["VpcId"]
    vswitch = ask(port, signer.target("CreateVSwitch", "2016-04-28", VpcId=vpc, ZoneId=ZONE, CidrBlock="10.0.0.0/16"))[
        "VSwitchId"
    ]
    group = ask(port, signer.target("CreateSecurityGroup", "2014-05-26", VpcId=vpc))["SecurityGroupId"]
    images = ask(port, signer.target("DescribeImages", "2014-05-26"))["Images"]
    image = images["Image"][0]["ImageId"]
    ask(
        port,
        signer.target(
            "RunInstances",
            "2014-05-26",
            Amount=str(INSTANCES),
            VSwitchId=vswitch,
            SecurityGroupId=group,
            ImageId=image,
            InstanceType="ecs.g6.large",
        ),
    )


def read_answer(stream: BinaryIO) -> bytes:
    """One answer with a length, from a kept-alive connection."""
    status = stream.readline()
    length = 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body: bytes = stream.read(length)
    if b" 200 " not in status:
        raise SystemExit(f"{status!r} {body[:300]!r}")
    return body


def measure_pages(server: Server, signer: Signer) -> tuple[float, float]:
    """CPU ms per request and requests per second, on one kept-alive connection."""
    head = f" HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
    targets = [
        signer.target("DescribeInstances", "2014-05-26", PageSize=str(PAGE), PageNumber=str(number % 10 + 1))
        for number in range(REQUESTS + 200)
    ]
    requests = [f"GET {target}{head}".encode() for target in targets]
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as connection:
        stream = connection.makefile("rb")
        for request in requests[:200]:
            connection.sendall(request)
            read_answer(stream)
        cpu, began = cpu_s(server.process.pid), time.perf_counter()
        for request in requests[200:]:
            connection.sendall(request)
            body = read_answer(stream)
        cpu, took = cpu_s(server.process.pid) - cpu, time.perf_counter() - began
    if len(json.loads(body)["Instances"]["Instance"]) != PAGE:
        raise SystemExit(f"not a page of {PAGE}: {body[:300]!r}")
    return cpu * 1000 / REQUESTS, REQUESTS / took


def measure_moto() -> float:
    """CPU ms of moto_server per DescribeInstances page of 10 of 100."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = f"import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir()
    )
    try:
        wait_for_port(port, process)
        scope = "Credential=testing/20250101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}",
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        }

        def send(body: str) -> None:
            status, answer = call(port, "POST", "/", f"{body}&Version=2016-11-15", headers)
            if status != 200:
                raise SystemExit(f"moto: HTTP {status}: {answer[:300]!r}")

        send(f"Action=RunInstances&ImageId=ami-12c6146b&MinCount={INSTANCES}&MaxCount={INSTANCES}")
        page = f"Action=DescribeInstances&MaxResults={PAGE}"
        send(page)
        before = cpu_s(process.pid)
        for _ in range(MOTO_REQUESTS):
            send(page)
        return (cpu_s(process.pid) - before) * 1000 / MOTO_REQUESTS
    finally:
        process.kill()
        process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise SystemExit("moto_server does not start")


def idle_rss(server: Server) -> float:
    """Once the parts are open and nothing happens: the same twice in a row, a quarter of a second apart."""
    seen = -1.0
    for _ in range(20):
        now = rss_mib(server.process.pid)
        if now == seen:
            break
        seen = now
        time.sleep(0.25)
    return seen


def measure_starts(home: Path, engine: str) -> tuple[float, float, float]:
    """Median start in seconds, the slowest one, idle RSS in MiB. The first start, which makes the home, is left out."""
    starts, rss = [], 0.0
    for number in range(STARTS + 1):
        server = Server(home, engine)
        try:
            if number:
                starts.append(server.start_s)
            if number == STARTS:
                rss = idle_rss(server)
        finally:
            server.close()
    return statistics.median(starts), max(starts), rss


def main() -> int:
    missed = []

    def show(name: str, value: float, unit: str, most: float | None = None) -> None:
        verdict = "" if most is None else f"   target {most:g} {unit}: {'met' if value <= most else 'MISSED'}"
        print(f"{name:<52} {value:9.3f} {unit}{verdict}", flush=True)
        if most is not None and value > most:
            missed.append(name)

    with tempfile.TemporaryDirectory(prefix="kowloon-bench-") as folder:
        for engine in ("paper", "process"):
            home = Path(folder) / engine
            start_s, slowest_s, rss = measure_starts(home, engine)
            show(f"start to first answer, engine {engine}, median of {STARTS}", start_s, "s", MOST_START_S)
            show(f"  the slowest of {STARTS}", slowest_s, "s")
            show(f"idle RSS, engine {engine}", rss, "MiB", MOST_IDLE_MIB)
        home = Path(folder) / "paper"
        server = Server(home, "paper")
        try:
            signer = Signer(home)
            fill(server.port, signer)
            cpu_ms, per_s = measure_pages(server, signer)
            show(f"CPU per signed DescribeInstances, {PAGE} of {INSTANCES}", cpu_ms, "ms", MOST_CPU_MS)
            show("  requests per second, one connection", per_s, "/s")
            show("RSS after load", rss_mib(server.process.pid), "MiB")
        finally:
            server.close()
        moto_ms = measure_moto()
        show(f"moto_server, CPU per DescribeInstances, {PAGE} of {INSTANCES}", moto_ms, "ms")
        show("  ratio of CPU, moto / kowloon", moto_ms / cpu_ms, "x")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
