"""Write docs/coverage.md from the code: which actions are built, of how many the vendor publishes.

    python scripts/coverage_page.py [--check]

With --check nothing is written; exit code 1 says that the page is not what the code gives.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kowloon.actions.declare import Registry
from kowloon.app import PRODUCTS
from kowloon.dingtalk.open_platform import endpoints
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
    lines += ["", "## DingTalk's open platform", "", _messenger_counts(), "", "| Part | Calls |", "|---|---|"]
    for part, names in sorted(_messenger().items()):
        lines.append(f"| {part} | {', '.join(names)} |")
    lines += ["", "## Fault kinds", "", "| Kind | Also | Acts on | Does |", "|---|---|---|---|"]
    for kind in KINDS:
        lines.append(f"| `{kind.name}` | {', '.join(kind.short)} | {', '.join(kind.scopes)} | {kind.summary} |")
    return "\n".join(lines) + "\n"


def _messenger() -> dict[str, list[str]]:
    """The calls of the open platform by part of it."""
    found: dict[str, list[str]] = {}
    for endpoint in endpoints.all:
        segments = [each for each in endpoint.path.split("/") if each]
        part = segments[1] if segments[0] in ("v1.0", "v2.0", "topapi") and len(segments) > 1 else segments[0]
        part = segments[2] if part == "v2" and len(segments) > 2 else part
        host = "oapi" if endpoint.older else "api"
        found.setdefault(f"{host} {part}", []).append(f"`{endpoint.methods[0]} {endpoint.path}`")
    return {part: sorted(names) for part, names in found.items()}


def _messenger_counts() -> str:
    older = sum(endpoint.older for endpoint in endpoints.all)
    newer = len(endpoints.all) - older
    return (
        f"{newer} calls of the newer host and {older} of the older one, besides `/robot/send`, `/robot/sendBySession`, "
        "`/oauth2/auth` and Stream's `/connect`."
    )


def main() -> None:
    text = page()
    if "--check" in sys.argv[1:]:
        raise SystemExit(0 if PAGE.read_text(encoding="utf-8") == text else 1)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
