"""Clouds and official clients for all tests."""

from __future__ import annotations

import contextlib
import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_tea_openapi.models import Config

import kowloon
from kowloon.engines.supervisor.folders import OWNER_NAME
from kowloon.testing.cloud import LocalCloud

REGION = "cn-hongkong"

# The SDKs' models are a million objects that always stay: looking for garbage among them took a quarter of the time.
gc.set_threshold(50_000, 20, 50)


def pytest_configure() -> None:
    """A compiled module that is older than its source would be tested in its place."""
    for compiled in Path(kowloon.__file__).parent.rglob("*.so"):
        source = compiled.with_name(f"{compiled.name.partition('.')[0]}.py")
        if not source.exists() or source.stat().st_mtime > compiled.stat().st_mtime:
            pytest.exit(f"{compiled} is older than its source; type: make compiled   or: make plain", 4)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _nothing_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What real parts keep outside of a test's folder, which their user cannot enter, goes with the session."""
    yield
    ours = tmp_path_factory.getbasetemp().resolve()
    for owner in Path("/var/lib").glob(f"kowloon-*/{OWNER_NAME}"):
        # Another session, or another worker of this one, may be removing what is its own.
        with contextlib.suppress(FileNotFoundError):
            if Path(owner.read_text().strip()).is_relative_to(ours):
                shutil.rmtree(owner.parent)


@pytest.fixture(scope="session")
def shared_cloud() -> Iterator[LocalCloud]:
    """One paper cloud for tests that make what they need and look only at that."""
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    """A paper cloud of its own."""
    with LocalCloud() as cloud:
        yield cloud


def sdk_config(cloud: LocalCloud, **changes: Any) -> Config:
    settings: dict[str, Any] = {
        "access_key_id": cloud.access_key_id,
        "access_key_secret": cloud.access_key_secret,
        "region_id": REGION,
        "endpoint": cloud.endpoint,
        "protocol": "http",
        "connect_timeout": 5000,
        "read_timeout": 15000,
    }
    return Config(**{**settings, **changes})


@pytest.fixture
def client_of() -> Callable[..., Any]:
    """`client_of(cloud, "ecs20140526")`: the official client of a product, pointed at the cloud."""

    def make(cloud: LocalCloud, package: str, **changes: Any) -> Any:
        module = __import__(f"alibabacloud_{package}.client", fromlist=["Client"])
        return module.Client(sdk_config(cloud, **changes))

    return make
