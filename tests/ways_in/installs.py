"""Official clients of other languages, installed once into build/ways_in: pinned by their lock files, kept by content.

A folder is made beside its final name and renamed when whole, under a file lock: several test processes share it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples" / "testing"
CACHE = HERE.parents[1] / "build" / "ways_in"
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def node(script: str = "client.js") -> list[str]:
    """The command that runs a Node client; for client.js the library's name follows, for oss.js its options."""
    tools = _tools("Node", "node", "npm")
    return [tools["node"], str(_installed("node", _install_node) / script)]


def node_modules() -> Path:
    """For programs that live elsewhere: their NODE_PATH."""
    return Path(node()[1]).parent / "node_modules"


def axe_core() -> Path:
    """The script that looks for what keeps people out of a page."""
    _tools("Page", "node", "npm")
    folder = _installed("axe", _install_node, HERE.parent / "duty" / "page" / "axe")
    return folder / "node_modules" / "axe-core" / "axe.min.js"


def ossfs() -> list[str]:
    """A Python of its own with ossfs, which wants an older oss2 than the one that is tested here."""
    return [str(_installed("ossfs", _install_ossfs) / "environment" / "bin" / "python")]


def go() -> list[str]:
    _tools("Go", "go")
    return [str(_installed("go", _build_go) / "ways_in")]


def go_oss() -> list[str]:
    """The Go client of the object store; its signature version follows."""
    _tools("Go", "go")
    return [str(_installed("go", _build_go) / "oss")]


def java() -> list[str]:
    tools = _tools("Java", "java", "javac", "mvn")
    folder = _installed("java", _build_java)
    # A short-lived program gains nothing from the second compiler and the parallel collector.
    return [
        tools["java"],
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        f"{folder}/classes:{folder}/lib/*",
        "Client",
    ]


def node_example() -> tuple[list[str], Path]:
    """The command that runs mocha on examples/testing/node, and where."""
    tools = _tools("Node", "node", "npm")
    folder = _installed("testing-node", _install_node, EXAMPLES / "node")
    return [tools["node"], "node_modules/mocha/bin/mocha.js", "--exit", "networks.test.js"], folder


def go_example() -> list[str]:
    """The tests of examples/testing/go as a program."""
    _tools("Go", "go")
    return [str(_installed("testing-go", _build_go_test, EXAMPLES / "go") / "client")]


def java_example() -> list[str]:
    """The command that runs JUnit on examples/testing/java."""
    tools = _tools("Java", "java", "javac", "mvn")
    folder = _installed("testing-java", _build_java, EXAMPLES / "java")
    lean = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{folder}/classes:{folder}/lib/*"]
    launcher = ["org.junit.platform.console.ConsoleLauncher", "execute", "--select-class", "NetworksTest"]
    return [tools["java"], *lean, *launcher, "--disable-banner", "--details=summary", "--fail-if-no-tests"]


def _install_node(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)
    _fetch(
        "Node",
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", str(target / ".npm")],
        target,
        120,
    )
    shutil.rmtree(target / ".npm")


def _install_ossfs(source: Path, target: Path) -> None:
    # The folder is renamed afterwards: scripts of an environment know their place, its interpreter does not need to.
    uv, python = [sys.executable, "-m", "uv"], str(target / "environment" / "bin" / "python")
    _compile([*uv, "venv", "--quiet", "--python", sys.executable, str(target / "environment")], source, 60)
    install = ["pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", "requirements.lock"]
    _fetch("ossfs", [*uv, *install], source, 120)


def _build_go(source: Path, target: Path) -> None:
    # Both programs at once: most of the time goes into the standard library.
    _go(source, target, ["./..."], ["build", "-o", f"{target}/"])


def _build_go_test(source: Path, target: Path) -> None:
    _go(source, target, ["-test", "."], ["test", "-c", "-o", str(target / "client")])


def _go(source: Path, target: Path, listed: list[str], build: list[str]) -> None:
    # The modules take 250 MB, and the compiler's own cache 130 MB: only the program is kept.
    caches = {
        "GOMODCACHE": str(target / "modules"),
        "GOCACHE": str(target / "objects"),
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    # Reading what the program imports fetches those modules and no others.
    listing = ["go", "list", "-mod=readonly", "-modcacherw", "-deps", "-f", "", *listed]
    _fetch("Go", listing, source, 120, caches)
    _compile(
        ["go", *build, "-mod=readonly", "-modcacherw", "-ldflags=-s -w", listed[-1]],
        source,
        360,
        caches,
    )
    shutil.rmtree(target / "modules")
    shutil.rmtree(target / "objects")


def _build_java(source: Path, target: Path) -> None:
    kept = [f"-Dmaven.repo.local={target / 'repository'}", f"-DoutputDirectory={target / 'lib'}"]
    _fetch("Java", ["mvn", "-q", "-B", "-C", "-f", str(source / "pom.xml"), *kept, MAVEN_COPY], target, 180)
    shutil.rmtree(target / "repository")
    flags = ["-proc:none", "-encoding", "UTF-8", "-d", str(target / "classes"), "-cp", f"{target}/lib/*"]
    _compile(["javac", *flags, *map(str, sorted(source.glob("*.java")))], target, 60)


# What could not be had is not tried again for each test: the reason, by family.
_missed: dict[str, str] = {}


class _Unavailable(Exception):
    pass


def _tools(family: str, *names: str) -> dict[str, str]:
    found = {name: shutil.which(name) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        unavailable(f"{family} clients are not tested: {', '.join(missing)} not found on PATH")
    return {name: path for name, path in found.items() if path is not None}


def unavailable(reason: str) -> NoReturn:
    """A skip by name; a failure by name where none is allowed."""
    if os.environ.get("KOWLOON_TEST_ALLOW_SKIPS") == "0":
        pytest.fail(f"{reason} (and KOWLOON_TEST_ALLOW_SKIPS=0)", pytrace=False)
    pytest.skip(reason)


def _installed(family: str, install: Callable[[Path, Path], None], source: Path | None = None) -> Path:
    try:
        if family in _missed:
            raise _Unavailable(_missed[family])
        return _install(family, install, source or HERE / family)
    except _Unavailable as problem:
        _missed[family] = str(problem)
        unavailable(str(problem))


def _install(family: str, install: Callable[[Path, Path], None], source: Path) -> Path:
    digest = hashlib.sha256()
    for path in [Path(__file__), *sorted(each for each in source.rglob("*") if each.is_file())]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    final = CACHE / f"{family}-{digest.hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{family}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            for old in CACHE.glob(f"{family}-*"):
                shutil.rmtree(old)
            fresh = CACHE / f"{family}-new"
            fresh.mkdir()
            install(source, fresh)
            fresh.rename(final)
    return final


def _fetch(family: str, argv: list[str], folder: Path, limit_s: float, variables: dict[str, str] | None = None) -> None:
    code, output = _run(argv, folder, limit_s, variables)
    if code != 0:
        command = " ".join(argv[:3])
        raise _Unavailable(f"{family} clients are not tested: {command} failed within {limit_s:.0f} s: {output}")


def _compile(argv: list[str], folder: Path, limit_s: float, variables: dict[str, str] | None = None) -> None:
    code, output = _run(argv, folder, limit_s, variables)
    assert code == 0, f"{' '.join(argv[:2])} failed within {limit_s:.0f} s: {output}"


def _run(argv: list[str], folder: Path, limit_s: float, variables: dict[str, str] | None) -> tuple[int, str]:
    """The exit code and the end of the output. What outlives the limit is killed with all that it started."""
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return process.returncode, output[-2000:]
