"""The programs that the benches compare with, and wrk: from PATH, else fetched once into build/bench.

Debian's packages are unpacked, not installed: no service is started, nothing outside build/ changes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
FETCHED = HERE.parent / "build" / "bench"
LIMIT_S = 180.0
# Per program: where its package has it, and the packages.
DEBIAN = {"wrk": ("usr/bin/wrk", ["wrk", "libluajit-5.1-2"]), "nginx": ("usr/sbin/nginx", ["nginx"])}


class Missing(Exception):
    """Something to measure cannot be had; says why, and what to type."""


def program(name: str) -> str:
    """The path of wrk or nginx."""
    path, packages = DEBIAN[name]
    unpacked = FETCHED / "debian" / path
    found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if found is None and not unpacked.exists():
        _unpack(name, packages)
    return found or str(unpacked)


def environment() -> dict[str, str]:
    """With the libraries of the unpacked packages."""
    libraries = [str(each) for each in sorted((FETCHED / "debian" / "usr" / "lib").glob("*-linux-gnu"))]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)} if libraries else dict(os.environ)


def s3rver() -> list[str]:
    """The command that runs s3rver."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Missing("s3rver needs node and npm")
    folder = FETCHED / "s3rver"
    lock = HERE / "s3rver" / "package-lock.json"
    if not (folder / "ready").exists() or (folder / "ready").read_bytes() != lock.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(HERE / "s3rver", folder)
        _run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", str(folder / ".npm")], folder)
        shutil.rmtree(folder / ".npm")
        shutil.copy(lock, folder / "ready")
    return [node, str(folder / "node_modules" / "s3rver" / "bin" / "s3rver.js")]


def _unpack(name: str, packages: list[str]) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Missing(f"{name} is not on PATH: install it with your package manager")
    archives = FETCHED / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "-q", "download", *packages], archives)
    except Missing as problem:
        raise Missing(f"{problem}\ntype: apt-get update && apt-get install --no-install-recommends {name}") from None
    for package in packages:
        for archive in archives.glob(f"{package}_*.deb"):
            _run(["dpkg-deb", "-x", str(archive), str(FETCHED / "debian")], archives)


def _run(argv: list[str], folder: Path) -> None:
    done = subprocess.run(
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise Missing(f"{' '.join(argv[:3])} failed: {done.stdout[-1000:]}")
