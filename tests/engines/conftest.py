"""Folders and hosts for tests of real parts. Every process they start carries the mark of a home made here."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from kowloon.engines.processes import ProcessSpec
from kowloon.engines.supervisor.client import SupervisorClient
from kowloon.engines.supervisor.folders import cloud_mark

LEASE_S = 1.0
# Two cores shared with other tests: what is promised after the lease is checked with room for a busy machine.
AFTER_LEASE_S = 2.0

Condition = Callable[[], object]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a dropped uid can enter, with a `home`; pytest's own are for the owner alone."""
    folder = Path(tempfile.mkdtemp(prefix="kowloon-test-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "home").mkdir()
    run = f"/tmp/kowloon-{os.geteuid()}-{cloud_mark(folder / 'home')}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    # A supervisor that was killed leaves its run folder for the next one.
    shutil.rmtree(run, ignore_errors=True)


@pytest.fixture(scope="session")
def kept_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PostgreSQL's template of this session; the first that makes one leaves it there."""
    return tmp_path_factory.mktemp("database") / "template"


@pytest.fixture
def database_folder(open_folder: Path, kept_template: Path) -> Iterator[Path]:
    """For the data of a database engine, which finds a template there: making one takes longer than most tests."""
    folder = open_folder / "db"
    template = folder / "template"
    if kept_template.exists():
        folder.mkdir(mode=0o711)
        subprocess.run(["cp", "-a", kept_template, template], check=True)
    yield folder
    if template.exists() and not kept_template.exists():
        subprocess.run(["cp", "-a", template, kept_template], check=True)


@pytest.fixture
async def host(open_folder: Path) -> AsyncIterator[SupervisorClient]:
    client = SupervisorClient(open_folder / "home", lease_s=10.0)
    await client.connect()
    yield client
    await client.shutdown()


@pytest.fixture
def until() -> Callable[[Condition, float], Awaitable[None]]:
    """Waits for a condition; fails with its name when it does not come true in time."""

    async def wait(condition: Condition, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s} s: {condition}"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def script(open_folder: Path) -> Callable[..., ProcessSpec]:
    """The spec of a unit that is a shell script."""

    def make(unit_id: str, text: str, **environment: str) -> ProcessSpec:
        return ProcessSpec(
            unit_id=unit_id,
            argv=("/bin/sh", "-c", text),
            environment={"PATH": "/usr/bin:/bin", **environment},
            cwd="/",
            log=str(open_folder / f"{unit_id}.log"),
        )

    return make
