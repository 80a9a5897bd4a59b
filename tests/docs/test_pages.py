"""What the documentation promises is what the code has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_coverage_page_is_generated_from_this_code() -> None:
    done = subprocess.run([sys.executable, "scripts/coverage_page.py", "--check"], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 0, "run: .venv/bin/python scripts/coverage_page.py"


def test_the_openapi_descriptions_are_generated_from_this_code() -> None:
    done = subprocess.run([sys.executable, "scripts/openapi.py", "--check"], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 0, "run: .venv/bin/python scripts/openapi.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`make (\w+)`", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_command_is_in_the_readme() -> None:
    from kowloon.cli.main import app

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert f"kowloon {command.name}" in readme, command.name
    for group in app.registered_groups:
        assert f"kowloon {group.name}" in readme, group.name
