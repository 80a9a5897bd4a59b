"""Carry what the tests need from the protocol reference into the repository, compactly.

    python scripts/import_reference.py REFERENCE_FOLDER

Each part is one function of the reference folder; add yours to PARTS. Nothing reads the reference at run time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Of each vector, what a verifier needs; descriptions stay behind.
VECTOR_FIELDS = (
    "id",
    "variant",
    "access_key_id",
    "access_key_secret",
    "request",
    "form_fields",
    "canonical_request",
    "string_to_sign",
    "signature",
)


def import_vectors(source_dir: Path) -> Path:
    """`signature-vectors.json`: recorded requests of official clients with their signatures."""
    source = json.loads((source_dir / "signature-vectors.json").read_text(encoding="utf-8"))
    vectors = [{name: vector[name] for name in VECTOR_FIELDS if name in vector} for vector in source["vectors"]]
    lines = ",\n".join(json.dumps(vector, ensure_ascii=False, separators=(",", ":")) for vector in vectors)
    target = ROOT / "tests" / "data" / "signature-vectors.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return target


PARTS: tuple[Callable[[Path], Path], ...] = (import_vectors,)


def main() -> None:
    parser = argparse.ArgumentParser(description="Import parts of the protocol reference into the repository.")
    parser.add_argument("source_dir", type=Path)
    source_dir = parser.parse_args().source_dir
    for part in PARTS:
        print(part(source_dir).relative_to(ROOT))


if __name__ == "__main__":
    main()
