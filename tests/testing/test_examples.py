"""The examples of docs/guides/testing.md, each run by its language's own test runner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ways_in import installs

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "testing"
LIMIT_S = 150.0
pytestmark = pytest.mark.timeout(600)


def run(argv: list[str], folder: Path, home: Path) -> str:
    """As in a user's shell: `kowloon` is on the PATH, and nothing else is set."""
    programs = home / "bin"
    programs.mkdir()
    command = programs / "kowloon"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kowloon.cli.main "$@"\n')
    command.chmod(0o755)
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=LIMIT_S
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def test_pytest(tmp_path: Path) -> None:
    plugin = ["-p", "kowloon.testing.plugin", "-p", "no:cacheprovider", "-p", "no:kowloon"]
    told = run([sys.executable, "-m", "pytest", "-q", *plugin, "."], EXAMPLES / "python", tmp_path)
    assert "4 passed" in told


def test_unittest(tmp_path: Path) -> None:
    assert "Ran 2 tests" in run([sys.executable, "-m", "unittest"], EXAMPLES / "unittest", tmp_path)


def test_mocha(tmp_path: Path) -> None:
    argv, folder = installs.node_example()
    assert "4 passing" in run(argv, folder, tmp_path)


# Compilers take half a minute for what the examples of the other languages show as well.
@pytest.mark.soak
def test_go(tmp_path: Path) -> None:
    told = run([*installs.go_example(), "-test.v"], tmp_path, tmp_path)
    assert told.count("--- PASS") == 3


@pytest.mark.soak
def test_junit(tmp_path: Path) -> None:
    assert "[         3 tests successful      ]" in run(installs.java_example(), tmp_path, tmp_path)
