"""Write docs/api from the code: an OpenAPI description of what Kowloon has of its own.

    python scripts/openapi.py [--check]

With --check nothing is written; exit code 1 says that a file is not what the code gives. Every product has one, at
`GET /api/openapi.json?product=`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kowloon.actions.openapi import describe
from kowloon.app import PRODUCTS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "api"
PUBLISHED = ("Duty",)


def pages() -> dict[Path, str]:
    return {
        FOLDER / f"{product.code.lower()}.json": json.dumps(describe(product), indent=1, ensure_ascii=False) + "\n"
        for product in PRODUCTS
        if product.code in PUBLISHED
    }


def main() -> int:
    made = pages()
    if "--check" in sys.argv[1:]:
        return int(any(not path.exists() or path.read_text(encoding="utf-8") != text for path, text in made.items()))
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
