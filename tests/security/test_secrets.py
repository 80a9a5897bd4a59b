"""Secrets are where the protocol needs them, for their owner alone, and in no log, event, journal or listing."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from kowloon.core.config import Settings
from kowloon.wire.http import HttpRequest, HttpResponse
from tests.core.parts import Caller, paper_cloud
from tests.pages import Page

RAM = {"Version": "2015-05-01"}
PASSWORD = "Correct-Horse-7"


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    async with paper_cloud(Settings(engine="paper", port=0, home=tmp_path / "home")) as caller:
        yield caller


async def _secrets(caller: Caller) -> list[str]:
    """Makes one of each kind through the API, and fails with some of them, too."""
    account = caller.cloud.identity.account_id
    await caller.ask("CreateUser", UserName="alice", **RAM)
    key = (await caller.ask("CreateAccessKey", UserName="alice", **RAM))["AccessKey"]
    await caller.ask("CreateLoginProfile", UserName="alice", Password=PASSWORD, **RAM)
    device = (await caller.ask("CreateVirtualMFADevice", VirtualMFADeviceName="phone", **RAM))["VirtualMFADevice"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [f"acs:ram::{account}:root"]}}
    document = json.dumps({"Version": "1", "Statement": [trust]})
    await caller.ask("CreateRole", RoleName="worker", AssumeRolePolicyDocument=document, **RAM)
    role = f"acs:ram::{account}:role/worker"
    session = (await caller.ask("AssumeRole", RoleArn=role, RoleSessionName="s1"))["Credentials"]
    await caller.refused("CreateLoginProfile", UserName="nobody", Password="Another-Secret-8", **RAM)
    page = Page(caller)
    await page.not_in(f"alice@{account}", "Wrong-Password-3")
    await page.not_in(f"alice@{account}", PASSWORD, new_password="Unasked-Password-5")
    await page.sign_in(f"alice@{account}", PASSWORD)
    await caller.refused("AssumeRole", RoleArn="nonsense", RoleSessionName="s1", SecurityToken="CAISforged-token-9")
    return [
        caller.secret,
        caller.cloud.identity.admin_token,
        key["AccessKeySecret"],
        PASSWORD,
        "Another-Secret-8",
        "CAISforged-token-9",
        device["Base32StringSeed"],
        session["AccessKeySecret"],
        session["SecurityToken"],
        "Wrong-Password-3",
        "Unasked-Password-5",
        page.cookie.partition(":")[2],
    ]


async def test_no_record_has_a_secret(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = await _secrets(caller)
    await caller.cloud.audit.catch_up()
    records = {
        "the log": caplog.text,
        "events": msgspec.json.encode(list(caller.cloud.bus.recent)).decode(),
        "calls": await _admin(caller, "requests"),
        "resources": await _admin(caller, "resources"),
        "status": await _admin(caller, "status"),
    }
    folder = caller.cloud.settings.home
    assert folder is not None
    for path in (folder / "audit").iterdir():
        records[f"audit/{path.name}"] = path.read_bytes().decode("latin-1")
    assert "CreateLoginProfile" in records["events"]
    for name, text in records.items():
        assert [secret for secret in secrets if secret in text] == [], name


async def _admin(caller: Caller, path: str) -> str:
    token = caller.cloud.identity.admin_token
    headers = [("host", "127.0.0.1:8520"), ("authorization", f"Bearer {token}")]
    answer = caller.cloud.front.handle(HttpRequest(method="GET", target=f"/_kowloon/{path}", headers=headers))
    response = answer if isinstance(answer, HttpResponse) else await answer
    assert response.status == 200
    return response.body.decode()


async def test_what_is_kept_is_the_owners_alone(caller: Caller) -> None:
    await _secrets(caller)
    home = caller.cloud.settings.home
    assert home is not None
    assert stat.S_IMODE(home.stat().st_mode) == 0o711
    private = [home / "credentials.json", *home.glob("state.db*"), home / "audit", *(home / "audit").iterdir()]
    private += [path for path in home.rglob("*") if path.is_file() and "key" in path.name]
    assert len(private) > 5
    for path in private:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_passwords_are_not_kept_at_all(caller: Caller) -> None:
    """Access keys and seeds must be, because they sign; a password is only compared."""
    await _secrets(caller)
    home = caller.cloud.settings.home
    assert home is not None
    for path in home.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path
