"""Scripts of the user's: when they run, what they are told, and what their failure does."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from kowloon.cli import serving
from kowloon.cli.hooks import HookFailed, Hooks
from kowloon.core.config import Settings
from tests.cli.parts import Served, kowloon
from tests.helpers import eventually

NOTE = """#!/bin/sh
echo "$KOWLOON_HOOK $(basename $0) [$KOWLOON_ENDPOINT] $ALIBABA_CLOUD_ACCESS_KEY_ID" >> "$KOWLOON_HOME/noted"
"""


def script(home: Path, name: str, text: str = NOTE, mode: int = 0o755) -> Path:
    path = home / "hooks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def run(home: Path, stage: str, *, limit_s: float = 30.0, may_fail: bool = False) -> None:
    hooks = Hooks(home / "hooks", limit_s=limit_s, may_fail=may_fail)
    hooks.check()
    asyncio.run(hooks.run(stage, {"KOWLOON_HOME": str(home)}))  # type: ignore[arg-type]


def noted(home: Path) -> list[str]:
    path = home / "noted"
    return path.read_text().splitlines() if path.exists() else []


def test_they_run_in_order_at_their_time(tmp_path: Path) -> None:
    for name in ("boot/1-first", "boot/2-second", "ready/network", "shutdown/last"):
        script(tmp_path, name)
    script(tmp_path, "ready/zz-says", "#!/bin/sh\necho all is made; curl() { :; }; printf 'no end'\n")
    script(tmp_path, "ready/.hidden", mode=0o644)
    with Served(tmp_path) as served:
        key = served.keys["access_key_id"]
        eventually(lambda: "ready/zz-says: no end" in served.log.read_text())
        assert noted(tmp_path) == [
            f"boot 1-first [] {key}",
            f"boot 2-second [] {key}",
            f"ready network [{served.endpoint}] {key}",
        ]
        assert "INFO kowloon.hooks: ready/zz-says: all is made" in served.log.read_text()
    assert noted(tmp_path)[3:] == [f"shutdown last [{served.endpoint}] {key}"]


@pytest.mark.parametrize("stage", ["boot", "ready"])
def test_a_failure_refuses_to_start(tmp_path: Path, stage: str) -> None:
    script(tmp_path, f"{stage}/breaks", "#!/bin/sh\necho it is $KOWLOON_HOOK\nexit 7\n")
    script(tmp_path, f"{stage}/later")
    done = kowloon(tmp_path, "up", "--port", "0", "--engine", "paper")
    assert done.returncode == 2
    assert f"the hook {stage}/breaks failed with exit code 7; its output is in the log" in done.stderr
    assert f"{stage}/breaks: it is {stage}" in done.stderr
    assert noted(tmp_path) == []
    assert not (tmp_path / "server.json").exists()


def test_unless_told_otherwise(tmp_path: Path) -> None:
    script(tmp_path, "boot/breaks", "#!/bin/sh\nexit 7\n")
    script(tmp_path, "boot/later")
    script(tmp_path, "shutdown/breaks", "#!/bin/sh\nexit 8\n")
    script(tmp_path, "shutdown/later")
    with Served(tmp_path, "--hooks-may-fail") as served:
        assert [line.split()[1] for line in noted(tmp_path)] == ["later"]
        assert served.stop() == 0
    assert "ERROR kowloon.hooks: the hook boot/breaks failed with exit code 7" in served.log.read_text()
    assert "ERROR kowloon.hooks: the hook shutdown/breaks failed with exit code 8" in served.log.read_text()
    assert [line.split()[1] for line in noted(tmp_path)] == ["later", "later"]


def test_a_ready_hook_can_call_the_cloud(tmp_path: Path) -> None:
    script(
        tmp_path,
        "ready/asks",
        '#!/usr/bin/env python3\nimport os, urllib.request\nurl = os.environ["KOWLOON_URL"] + "/_kowloon/health"\n'
        "print(urllib.request.urlopen(url, timeout=20).read().decode())\n",
    )
    with Served(tmp_path) as served:
        eventually(lambda: 'ready/asks: {"status":"serving"' in served.log.read_text())


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script(tmp_path, "ready/waits", '#!/bin/sh\nsleep 300 & echo $! > "$KOWLOON_HOME/child"\nwait\n')
    with pytest.raises(HookFailed, match=r"the hook ready/waits did not end within 1 s"):
        run(tmp_path, "ready", limit_s=1.0)
    child = int((tmp_path / "child").read_text())
    eventually(lambda: not _runs(child))


def test_what_it_leaves_running_ends_with_it(tmp_path: Path) -> None:
    script(tmp_path, "ready/leaves", '#!/bin/sh\nsleep 300 & echo $! > "$KOWLOON_HOME/child"\n')
    run(tmp_path, "ready")
    child = int((tmp_path / "child").read_text())
    eventually(lambda: not _runs(child))


def test_a_cloud_that_is_ended_waits_for_no_hook(tmp_path: Path) -> None:
    script(tmp_path, "ready/waits", '#!/bin/sh\ntouch "$KOWLOON_HOME/begun"\nsleep 300\n')
    script(tmp_path, "shutdown/last")
    with Served(tmp_path, "--hook-limit", "250") as served:
        eventually(lambda: (tmp_path / "begun").exists())
        assert served.stop() == 0
    assert len(noted(tmp_path)) == 1


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("name", "text", "mode", "sentence"),
    [
        ("boot/plain", "#!/bin/sh\n", 0o644, "boot/plain cannot be executed: chmod \\+x it, or move it away"),
        ("start/x", "#!/bin/sh\n", 0o755, "hooks/start is no folder of hooks: they are boot, ready, shutdown"),
        ("boot/none", "#!/no/such/program\n", 0o755, "the hook boot/none cannot be run: .*does its first line say"),
        ("boot/text", "echo hello\n", 0o755, "the hook boot/text cannot be run: .*does its first line say"),
    ],
)
def test_what_could_never_run_is_said(tmp_path: Path, name: str, text: str, mode: int, sentence: str) -> None:
    script(tmp_path, name, text, mode)
    with pytest.raises(HookFailed, match=sentence):
        run(tmp_path, "boot")


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ((os, "pipe"), r"the hook {stage}/last cannot be run: Too many open files"),
        ((Path, "iterdir"), r"the hooks in .*/{stage} cannot be read: Too many open files"),
    ],
)
def test_a_machine_that_has_no_files_left(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: tuple[Any, str],
    sentence: str,
) -> None:
    def breaks(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def both() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(*broken, breaks)
            with pytest.raises(HookFailed, match=sentence.format(stage="boot")):
                await hooks.run("boot", {})
            await hooks.run("shutdown", {})

    for stage in ("boot", "shutdown"):
        script(tmp_path, f"{stage}/last")
    hooks = Hooks(tmp_path / "hooks", limit_s=30.0, may_fail=False)
    asyncio.run(both())
    assert re.search(sentence.format(stage="shutdown"), caplog.text)


def test_whatever_a_shutdown_hook_does_the_cloud_stops(tmp_path: Path) -> None:
    class Breaking:
        async def run(self, stage: str, variables: dict[str, str]) -> None:
            if stage == "ready":
                assert (tmp_path / "server.json").exists()
                os.kill(os.getpid(), signal.SIGTERM)
            elif stage == "shutdown":
                raise OSError("it breaks")

    settings = Settings(home=tmp_path, engine="paper", port=0)
    with pytest.raises(OSError, match="it breaks"):
        asyncio.run(serving.run(settings, Breaking(), quiet=True))  # type: ignore[arg-type]
    assert not (tmp_path / "server.json").exists()


def test_much_output_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script(tmp_path, "boot/talks", "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x; echo; echo end\n")
    with caplog.at_level(logging.INFO, "kowloon.hooks"):
        run(tmp_path, "boot")
    assert caplog.messages[-1] == "boot/talks: end"
    assert sum(message.count("x") for message in caplog.messages) == 300_000


def test_without_hooks_nothing_happens(tmp_path: Path) -> None:
    run(tmp_path, "boot")
    run(tmp_path, "shutdown")
    assert noted(tmp_path) == []
