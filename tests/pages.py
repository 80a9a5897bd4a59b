"""A web page's side of a cloud without a socket: JSON over HTTP with a cookie."""

from __future__ import annotations

import json
from typing import Any

from kowloon.services.ram.logic.mfa import code_at
from kowloon.wire.http import HttpRequest, HttpResponse
from tests.core.parts import Caller, answer

HOST = "127.0.0.1:8520"
RAM = {"Version": "2015-05-01"}
PASSWORD = "Correct-Horse-7"


class Page:
    """Keeps the cookie that it was given, as a browser does."""

    def __init__(self, caller: Caller, *, scheme: str = "http", peer: str = "127.0.0.1") -> None:
        self.cloud = caller.cloud
        self.scheme = scheme
        self.peer = peer
        self.cookie = ""
        self.set_cookie = ""

    async def send(self, method: str, target: str, body: Any = None, **headers: str) -> HttpResponse:
        """`headers`: those that differ, underscores for dashes; an empty one is left out."""
        sent = {"host": HOST, "user-agent": "a browser", "cookie": self.cookie}
        if method == "POST":
            sent |= {"content-type": "application/json", "origin": f"{self.scheme}://{HOST}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        pairs = [(name, value) for name, value in sent.items() if value]
        content = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        response = await answer(
            self.cloud,
            HttpRequest(
                method=method,
                target=target,
                headers=pairs,
                body=content if method == "POST" else b"",
                scheme=self.scheme,
                peer=self.peer,
            ),
        )
        given = dict(response.headers).get("Set-Cookie", "")
        if given:
            self.set_cookie = given
            self.cookie = given.partition(";")[0]
        return response

    async def ask(self, method: str, target: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """The answer of what succeeds."""
        response = await self.send(method, target, body, **headers)
        told: dict[str, Any] = json.loads(response.body)
        assert response.status == 200, told
        return told

    async def refused(self, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, str, str]:
        """Status, code and message of what fails."""
        response = await self.send(method, target, body, **headers)
        told = json.loads(response.body)
        return response.status, told["Code"], told["Message"]

    async def sign_in(self, name: str, password: str = PASSWORD, **more: str) -> dict[str, Any]:
        return await self.ask("POST", "/sign-in", {"name": name, "password": password, **more})

    async def not_in(self, name: str, password: str = PASSWORD, **more: str) -> tuple[int, str, str]:
        return await self.refused("POST", "/sign-in", {"name": name, "password": password, **more})

    async def who(self) -> dict[str, Any]:
        return await self.ask("GET", "/signed-in")


async def person(caller: Caller, name: str = "alice", **profile: str) -> str:
    """A user who can sign in; gives the logon name."""
    await caller.ask("CreateUser", UserName=name, **RAM)
    await caller.ask("CreateLoginProfile", UserName=name, Password=PASSWORD, **RAM, **profile)
    return f"{name}@{caller.cloud.identity.account_id}"


async def device(caller: Caller, name: str = "alice") -> str:
    """Binds an MFA device to a user; gives its seed. That uses up the codes before the present one."""
    made = await caller.ask("CreateVirtualMFADevice", VirtualMFADeviceName=f"{name}-phone", **RAM)
    seed: str = made["VirtualMFADevice"]["Base32StringSeed"]
    step = int(caller.wall.now) // 30
    await caller.ask(
        "BindMFADevice",
        UserName=name,
        SerialNumber=made["VirtualMFADevice"]["SerialNumber"],
        AuthenticationCode1=code_at(seed, step - 2),
        AuthenticationCode2=code_at(seed, step - 1),
        **RAM,
    )
    return seed


def code_now(caller: Caller, seed: str, steps: int = 0) -> str:
    return code_at(seed, int(caller.wall.now) // 30 + steps)
