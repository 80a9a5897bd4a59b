"""Carry facts from the protocol reference into the repository, compactly, as data.

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
TYPE_FIELDS = (
    "id",
    "family",
    "vcpu",
    "memory_gib",
    "arch",
    "category",
    "eni",
    "private_ipv4_per_eni",
    "bandwidth_gbps",
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


def _data_file(name: str, body: object) -> Path:
    target = ROOT / "src" / "kowloon" / "data" / name
    target.write_text(json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True), encoding="utf-8")
    return target


def import_regions(source_dir: Path) -> Path:
    """`regions.json`: the vendor's open regions and their zones. Finance, government and retired ones stay out."""
    source = json.loads((source_dir / "regions.json").read_text(encoding="utf-8"))
    regions = [
        {
            "id": region["region_id"],
            "name": region["local_name"],
            "name_zh": region.get("local_name_zh") or region["local_name"],
            "endpoint": region.get("ecs_endpoint") or f"ecs.{region['region_id']}.aliyuncs.com",
            "zones": [{"id": zone["zone_id"], "name": zone["local_name"]} for zone in region["zones"]],
        }
        for region in source["regions"]
        if region.get("zones") and region["status"] != "retired" and region["kind"] not in ("finance", "government")
    ]
    return _data_file("regions.json", regions)


def import_instance_types(source_dir: Path) -> Path:
    """`instance-types.json`: the ECS instance types on sale."""
    source = json.loads((source_dir / "instance-types.json").read_text(encoding="utf-8"))
    rows = [{name: row[name] for name in TYPE_FIELDS if name in row} for row in source["instance_types"]]
    return _data_file("instance_types.json", rows)


def import_action_names(source_dir: Path) -> Path:
    """`catalogue/*.json`: which actions the vendor publishes per version and product, to answer 501 by name."""
    table: dict[str, dict[str, str]] = {}
    for path in sorted((source_dir / "catalogue").glob("*.json")):
        catalogue = json.loads(path.read_text(encoding="utf-8"))
        if "actions" in catalogue and "version" in catalogue:
            code = catalogue.get("code") or catalogue["product"]
            table.setdefault(catalogue["version"], {})[code] = " ".join(sorted(catalogue["actions"]))
    return _data_file("action_names.json", table)


PARTS: tuple[Callable[[Path], Path], ...] = (
    import_vectors,
    import_regions,
    import_instance_types,
    import_action_names,
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Import parts of the protocol reference into the repository.")
    parser.add_argument("source_dir", type=Path)
    source_dir = parser.parse_args().source_dir
    for part in PARTS:
        print(part(source_dir).relative_to(ROOT))


if __name__ == "__main__":
    main()
