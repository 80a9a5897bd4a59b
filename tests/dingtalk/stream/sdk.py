"""The official Stream SDK, unmodified, in a process of its own: it reads where its server is when it is imported."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office
from tests.helpers import eventually

PATIENCE_S = 60.0


class SdkClient:
    def __init__(self, cloud: LocalCloud, office: Office) -> None:
        program = Path(__file__).with_name("sdk_client.py")
        environment = {
            **os.environ,
            "DINGTALK_OPENAPI_ENDPOINT": f"http://{cloud.endpoint}",
            "NO_PROXY": "*",
            "no_proxy": "*",
        }
        self._cloud = cloud
        self._office = office
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, str(program), office.app_key, office.app_secret],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> SdkClient:
        self.connected()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def connected(self) -> None:
        """Once it is."""
        stream = self._cloud.cloud.dingtalk.stream
        key = self._office.app_key
        eventually(lambda: self._cloud.call(lambda: stream.takes(key, "EVENT", "*")), PATIENCE_S)

    def says(self) -> dict[str, Any]:
        return self._lines.get(timeout=PATIENCE_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
