"""Reports of one or several drills: JSON for programs, JUnit for CI, HTML for people, the chart alone for a README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kowloon.drill.report.chart import drill_chart, standalone
from kowloon.drill.report.junit import junit_xml
from kowloon.drill.report.page import html_page
from kowloon.drill.result import DrillResult


class ReportPaths(msgspec.Struct, frozen=True):
    html: Path
    json: Path
    junit: Path
    svg: Path


def write_reports(results: Sequence[DrillResult], folder: Path, name: str = "report") -> ReportPaths:
    """`name`.html, .json, .xml and .svg in `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = ReportPaths(*(folder / f"{name}.{suffix}" for suffix in ("html", "json", "xml", "svg")))
    paths.json.write_bytes(msgspec.json.format(msgspec.json.encode({"drills": results}), indent=2))
    paths.junit.write_bytes(junit_xml(results))
    paths.html.write_text(html_page(results), encoding="utf-8")
    paths.svg.write_text(standalone(drill_chart(results)), encoding="utf-8")
    return paths
