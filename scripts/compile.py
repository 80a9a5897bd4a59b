"""Compile the modules that every request passes (pyproject.toml, tool.kowloon.compiled) into C, beside their sources.

A compiled module is loaded instead of its source, and does the same in a half to a third of the time (ADR 13). Without
a C compiler everything works as it is. `--remove` goes back to the sources.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import shutil
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src"
WORK = ROOT / "build" / "compiled"


class Build(build_ext):
    """The files of an extension on all cores: one holds nearly all of them."""

    def build_extensions(self) -> None:
        compile_one = self.compiler.compile

        def compile_all(sources: Sequence[str], *args: Any, **options: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                return [
                    each
                    for made in pool.map(lambda one: compile_one([one], *args, **options), sources)
                    for each in made
                ]

        self.compiler.compile = compile_all
        super().build_extensions()


def modules() -> list[Path]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names: list[str] = settings["tool"]["kowloon"]["compiled"]
    return [SOURCES / f"{name.replace('.', '/')}.py" for name in names]


def refuse_what_would_change(path: Path) -> None:
    """mypyc drops what a class statement says to its metaclass: a frozen struct would not be frozen."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and node.keywords:
            sys.exit(
                f"compile: {path.relative_to(ROOT)}: class {node.name} has keywords; keep it in a module of its own"
            )


def remove_compiled() -> None:
    for path in SOURCES.rglob("*.so"):
        path.unlink()


def has_compiler() -> bool:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    return shutil.which(compiler) is not None and header.exists()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What compilers say is shown when they fail."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        try:
            yield
        except BaseException:
            output.seek(0)
            os.write(kept[1], output.read()[-20_000:])
            raise
        finally:
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)


def build(paths: list[Path]) -> None:
    os.chdir(ROOT)
    extensions = mypycify(
        ["--cache-dir", str(WORK / "mypy"), *[str(path.relative_to(ROOT)) for path in paths]],
        opt_level="3",
        debug_level="0",
        multi_file=True,
        target_dir=str(WORK),
        group_name="kowloon",
    )
    distribution = Distribution({"name": "kowloon", "ext_modules": extensions, "package_dir": {"": "src"}})
    command = Build(distribution)
    command.inplace = True
    command.build_temp = str(WORK / "objects")
    command.build_lib = str(WORK / "lib")
    command.ensure_finalized()
    command.run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--remove", action="store_true", help="remove what was compiled")
    if parser.parse_args().remove:
        remove_compiled()
        return
    if not has_compiler():
        remove_compiled()
        sys.stderr.write(
            "compile: no C compiler or no Python.h, so requests take twice as long as they could; "
            "type: sudo apt-get install gcc libc6-dev python3-dev   then: make compiled\n"
        )
        return
    paths = modules()
    for path in paths:
        refuse_what_would_change(path)
    sys.stderr.write(f"compile: {len(paths)} modules into C (about a minute the first time)\n")
    with quiet():
        build(paths)
    sources = {path.with_suffix("") for path in paths}
    for compiled in SOURCES.rglob("*.so"):
        if compiled.parent != SOURCES and compiled.with_name(compiled.name.partition(".")[0]) not in sources:
            # Of a module that is not in the list any more: it would be loaded for ever.
            compiled.unlink()
        else:
            # A change that does not reach the C leaves it as it was: it is of these sources all the same.
            compiled.touch()


if __name__ == "__main__":
    main()
