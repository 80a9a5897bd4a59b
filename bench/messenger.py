"""`python bench/messenger.py`: the messenger under a full load on one core.

200 Stream clients and 2,000 people with the chat page open, in conversations of 10; 500 messages a second, so 5,000
deliveries, for a minute. The cloud has one core, the people and robots another. Told: how long a message takes from the
hand of its writer to each screen, what was lost or came out of order, and what the cloud used of its core.
Target: p99 at most 250 ms, nothing lost, nothing out of order. Exit code 1 when it is missed.

    python bench/messenger.py [--seconds 60] [--people 2000] [--robots 200] [--rate 500]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

MOST_P99_MS = 250.0
PEOPLE_IN_ONE = 10
ONE_IN_ADDRESSES_A_ROBOT = 10
SETTLE_S = 5.0


# --- the cloud, in a process of its own ---


async def serve(home: Path, people: int, robots: int) -> None:
    """A cloud with that organisation; says where everything is on its first line, and ends with its input."""
    from kowloon.app import Cloud
    from kowloon.core.config import Settings
    from kowloon.dingtalk.contacts.resources import Application, Member, corp_id
    from kowloon.dingtalk.platform.call import own_id
    from kowloon.store.identity import LoginProfile, StoredKey, User
    from kowloon.store.store import Transaction

    cloud = Cloud(Settings(engine="paper", port=0, home=home))
    await cloud.start()
    await cloud.ready()
    account, messenger, wall = cloud.identity.account_id, cloud.dingtalk.messenger, cloud.clock.wall()
    sessions: list[str] = []
    groups: list[str] = []
    applications: list[dict[str, str]] = []

    def person(tx: Transaction, number: int) -> None:
        name = f"p{number}"
        tx.put(User(id=f"{account}:{name}", account=account, name=name, user_id=f"2{number:015d}"))
        tx.put(LoginProfile(id=f"2{number:015d}", account=account, salt="", hashes=()))
        session = StoredKey(
            id=f"STS.bench{number}",
            account=account,
            secret="s" * 44,
            user=f"{account}:{name}",
            token=f"token{number}",
            service="bench",
            expires_at=wall + 86400.0,
        )
        tx.put(session)
        tx.put(Member(id=own_id(account, name), account=account, userid=name, union_id=name, name=name, user=name))
        sessions.append(f"{session.id}:{session.token}")

    def group(tx: Transaction, number: int) -> None:
        keys = tuple([f"dingbench{number}"] if number < robots else [])
        for key in keys:
            tx.put(Application(id=key, account=account, name=key, secret="secret", agent_id=number + 1))
            applications.append({"clientId": key, "clientSecret": "secret"})
        first = number * PEOPLE_IN_ONE
        members = tuple([f"p{each}" for each in range(first, first + PEOPLE_IN_ONE)])
        made = messenger.new_group(tx, account, title=f"g{number}", owner=members[0], members=members, robots=keys)
        groups.append(made.id)

    def fill(tx: Transaction) -> None:
        for number in range(people):
            person(tx, number)
        for number in range(people // PEOPLE_IN_ONE):
            group(tx, number)

    await cloud.store.run(fill)
    told = {
        "port": cloud.port,
        "sessions": sessions,
        "groups": groups,
        "applications": applications,
        "corp": corp_id(account),
    }
    print(json.dumps(told), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    usage = os.times()
    print(json.dumps({"cpu_s": usage.user + usage.system, "rss_mib": rss_mib()}), flush=True)
    await cloud.stop()


def rss_mib() -> float:
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


# --- people and robots ---


class Socket(asyncio.Protocol):
    """A WebSocket's client side, no more of it than this needs: text frames both ways."""

    def __init__(self, request: bytes, take: Callable[[Socket, Any], None]) -> None:
        self._request = request
        self._take = take
        self._data = b""
        self.transport: asyncio.Transport
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.open.done():
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n")[0] + b" ":
                self.open.set_exception(RuntimeError(self._data.decode(errors="replace")[:400]))
                return
            self._data = rest
            self.open.set_result(None)
        self._frames()

    def _frames(self) -> None:
        at, data = 0, self._data
        while len(data) - at >= 2:
            size, start = data[at + 1] & 0x7F, at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if len(data) < start + size:
                break
            opcode, payload = data[at] & 0x0F, data[start : start + size]
            at = start + size
            if opcode == 0x1:
                self._take(self, json.loads(payload))
            elif opcode == 0x9:
                self._write(0xA, payload)
        self._data = data[at:]

    def say(self, message: object) -> None:
        self._write(0x1, json.dumps(message, ensure_ascii=False).encode())

    def _write(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
        # A mask of zeros: it is allowed, and costs the generator nothing.
        self.transport.write(bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


class Load:
    def __init__(self, told: dict[str, Any], rate: float, seconds: float) -> None:
        self.told = told
        self.rate = rate
        self.seconds = seconds
        self.people: list[Socket] = []
        self.robots: list[Socket] = []
        self.took_ms: list[float] = []
        self.robot_ms: list[float] = []
        self.acknowledged = self.refused = self.out_of_order = self.addressed = 0
        # What each person knows of a conversation: the last sequence.
        self.known: dict[tuple[int, str], int] = {}

    async def open(self) -> None:
        for number, session in enumerate(self.told["sessions"]):
            cookie = f"Cookie: kowloon_session={session}\r\nOrigin: http://127.0.0.1:{self.told['port']}\r\n"
            self.people.append(await self._socket("/dingtalk/live", cookie, self._listener(number)))
        for application in self.told["applications"]:
            ticket = await self._ticket(application)
            path = "/" + ticket["endpoint"].split("/", 3)[3]
            self.robots.append(await self._socket(f"{path}?ticket={ticket['ticket']}", "", self._robot))

    async def _socket(self, path: str, headers: str, take: Callable[[Socket, Any], None]) -> Socket:
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.told['port']}\r\nConnection: Upgrade\r\n{headers}"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )
        _, socket = await asyncio.get_running_loop().create_connection(
            lambda: Socket(request.encode(), take), "127.0.0.1", self.told["port"]
        )
        await socket.open
        return socket

    async def _ticket(self, application: dict[str, str]) -> dict[str, str]:
        body = json.dumps(
            {**application, "subscriptions": [{"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}]}
        ).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.told["port"])
        head = "POST /v1.0/gateway/connections/open HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = (await reader.read()).partition(b"\r\n\r\n")[2]
        writer.close()
        ticket: dict[str, str] = json.loads(answer)
        return ticket

    def _listener(self, number: int) -> Callable[[Socket, Any], None]:
        def take(socket: Socket, message: Any) -> None:
            kind = message["type"]
            if kind == "message":
                place = (number, message["conversation"])
                if message["sequence"] != self.known.get(place, 0) + 1:
                    self.out_of_order += 1
                self.known[place] = message["sequence"]
                self.took_ms.append((time.perf_counter() - float(message["text"].split()[0])) * 1e3)
            elif kind == "said":
                self.acknowledged += 1
            elif kind == "refused":
                self.refused += 1

        return take

    def _robot(self, socket: Socket, frame: Any) -> None:
        if frame["type"] == "CALLBACK":
            text = json.loads(frame["data"])["text"]["content"]
            self.robot_ms.append((time.perf_counter() - float(text.split()[0])) * 1e3)
        ack = {"contentType": "application/json", "messageId": frame["headers"]["messageId"]}
        socket.say(
            {"code": 200, "headers": ack, "message": "OK", "data": frame["data"] if frame["type"] == "SYSTEM" else "{}"}
        )

    async def run(self) -> int:
        """How many were sent. Each a little after the one before, whatever the answers."""
        groups, sent = self.told["groups"], 0
        began = time.perf_counter()
        while (now := time.perf_counter()) < began + self.seconds:
            due = int((now - began) * self.rate)
            while sent < due:
                group = sent % len(groups)
                writer = group * PEOPLE_IN_ONE + (sent // len(groups)) % PEOPLE_IN_ONE
                robots = group < len(self.told["applications"]) and sent % ONE_IN_ADDRESSES_A_ROBOT == 0
                at = [self.told["applications"][group]["clientId"]] if robots else []
                self.addressed += bool(at)
                self.people[writer].say(
                    {
                        "type": "say",
                        "conversation": groups[group],
                        "unique": f"b{sent}",
                        "msgtype": "text",
                        "text": f"{time.perf_counter()} {'报警 CPU 95% ' * 4}",
                        "at": at,
                    }
                )
                sent += 1
            await asyncio.sleep(0.002)
        for _ in range(int(SETTLE_S / 0.05)):
            if len(self.took_ms) < sent * PEOPLE_IN_ONE:
                await asyncio.sleep(0.05)
        return sent


async def measure(told: dict[str, Any], asked: argparse.Namespace) -> int:
    load = Load(told, asked.rate, asked.seconds)
    began = time.perf_counter()
    await load.open()
    print(
        f"{len(load.people)} pages and {len(load.robots)} Stream clients open after {time.perf_counter() - began:.1f} s"
    )
    sent = await load.run()
    lost = sent * PEOPLE_IN_ONE - len(load.took_ms)
    ordered = sorted(load.took_ms) or [float("inf")]
    p99 = ordered[int(len(ordered) * 0.99)]
    print(
        f"{sent} messages in {asked.seconds} s, {len(load.took_ms)} deliveries; {load.acknowledged} acknowledged, "
        f"{load.refused} refused"
    )
    print(f"to a screen: p50 {statistics.median(ordered):.1f} ms, p99 {p99:.1f} ms, most {ordered[-1]:.1f} ms")
    robots = sorted(load.robot_ms) or [float("inf")]
    print(f"to a robot: {len(load.robot_ms)} of {load.addressed}, p99 {robots[int(len(robots) * 0.99)]:.1f} ms")
    print(f"lost {lost}, out of order {load.out_of_order}")
    good = p99 <= MOST_P99_MS and not lost and not load.out_of_order and not load.refused
    return 0 if good and len(load.robot_ms) == load.addressed else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--robots", type=int, default=200)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    uvloop.install()
    if asked.serve is not None:
        asyncio.run(serve(asked.serve, asked.people, asked.robots))
        return 0
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with tempfile.TemporaryDirectory() as home:
        command = [
            sys.executable,
            __file__,
            "--serve",
            home,
            "--people",
            str(asked.people),
            "--robots",
            str(asked.robots),
        ]
        server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {cores[0]}),
        )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            told = json.loads(server.stdout.readline())
            before = cpu_s(server.pid)
            began = time.perf_counter()
            code = asyncio.run(measure(told, asked))
            used = (cpu_s(server.pid) - before) / (time.perf_counter() - began)
            server.stdin.close()
            usage = json.loads(server.stdout.readline())
            print(f"the cloud used {used:.0%} of its core, {usage['rss_mib']:.0f} MiB")
            return code
        finally:
            with contextlib.suppress(ProcessLookupError):
                server.terminate()
            server.wait()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    raise SystemExit(main())
