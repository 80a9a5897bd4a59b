"""Create the project's private environment from the hashed lock. Standard library only.

Works with or without python3-venv and pip: whatever is missing is installed (as root on Debian or Ubuntu)
or named exactly, with the command to type.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINIMUM = (3, 11)


def fail(message: str) -> None:
    sys.stderr.write(f"setup: {message}\n")
    raise SystemExit(1)


def run(*argv: str, quiet: bool = True) -> bool:
    completed = subprocess.run(argv, cwd=ROOT, capture_output=quiet, text=True, check=False)
    return completed.returncode == 0


def can_make_venv() -> bool:
    return run(sys.executable, "-c", "import venv, ensurepip")


def install_debian_packages(names: list[str]) -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    sys.stderr.write(f"setup: installing {' '.join(names)}\n")
    return run("apt-get", "update") and run("apt-get", "install", "-y", "--no-install-recommends", *names)


def create_venv(venv: Path) -> None:
    if not can_make_venv() and not install_debian_packages(["python3-venv"]):
        fail("this Python has no venv module; type: sudo apt-get install python3-venv   then the same command again")
    if not run(sys.executable, "-m", "venv", "--clear", str(venv)):
        fail(f"could not create {venv}; is the disk full or the folder read-only?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, required=True)
    venv = parser.parse_args().venv
    if sys.version_info < MINIMUM:
        found = ".".join(map(str, sys.version_info[:2]))
        fail(f"Python {found} is too old, 3.11 or newer is needed; type: sudo apt-get install python3")
    python = venv / "bin" / "python"
    if not python.exists() or not run(str(python), "-m", "pip", "--version"):
        create_venv(venv)
    sys.stderr.write("setup: installing the locked packages (a few minutes the first time)\n")
    pip = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes")
    if not run(*pip, "-r", "requirements/uv.lock", quiet=False):
        fail("could not install uv; check that this machine reaches its Python package index")
    uv = str(venv / "bin" / "uv")
    if not run(
        uv, "pip", "sync", "-q", "--python", str(python), "--require-hashes", "requirements/dev.lock", quiet=False
    ):
        fail("could not install the locked packages; the lines above name the one that failed")
    if not run(
        uv, "pip", "install", "-q", "--python", str(python), "--no-deps", "--no-build-isolation", "-e", ".", quiet=False
    ):
        fail("could not install kowloon itself into the environment")
    offer_compiler()
    offer_browser()


def offer_compiler() -> None:
    """For the modules that every request passes; without one `compile.py` says what is missing."""
    if shutil.which("cc") is None:
        install_debian_packages(["gcc", "libc6-dev", "python3-dev"])


def offer_browser() -> None:
    """Only the tests of the page need one; without it they are skipped by name."""
    if any(map(shutil.which, ("chromium", "chromium-browser"))) or install_debian_packages(["chromium"]):
        return
    sys.stderr.write(
        "setup: no browser found, so the page of duty is not tested; type: sudo apt-get install chromium\n"
    )


if __name__ == "__main__":
    main()
