"""Write docs/coverage.md from the code: which actions are built, of how many the vendor publishes.

    python scripts/coverage_page.py [--check]

With --check nothing is written; exit code 1 says that the page is not what the code gives.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kowloon.actions.declare import Registry
from kowloon.app import PRODUCTS
from kowloon.faults.kinds import KINDS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "coverage.md"


def page() -> str:
    registry = Registry(PRODUCTS)
    lines = [
        "# What is built",
        "",
        "Generated from the code by `scripts/coverage_page.py`; a test keeps it true. Everything else that the vendor",
        "publishes answers 501 `NotBuiltInKowloon`, by name.",
        "",
        "## Actions",
        "",
        "| Product | Version | Built | Published | Actions |",
        "|---|---|---:|---:|---|",
    ]
    for product in registry.products:
        published = len(registry.published_by(product))
        names = ", ".join(product.built)
        lines.append(f"| {product.code} | {product.version} | {len(product.built)} | {published} | {names} |")
    lines += ["", "## Fault kinds", "", "| Kind | Also | Acts on | Does |", "|---|---|---|---|"]
    for kind in KINDS:
        lines.append(f"| `{kind.name}` | {', '.join(kind.short)} | {', '.join(kind.scopes)} | {kind.summary} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    text = page()
    if "--check" in sys.argv[1:]:
        raise SystemExit(0 if PAGE.read_text(encoding="utf-8") == text else 1)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
