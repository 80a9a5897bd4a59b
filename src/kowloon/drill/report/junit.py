"""JUnit XML: a suite per drill, a test case per objective, a missed objective is a failure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from kowloon.drill.result import DrillResult


def junit_xml(results: Sequence[DrillResult]) -> bytes:
    root = ElementTree.Element("testsuites", name="kowloon drill")
    for result in results:
        missed = sum(not objective.passed for objective in result.objectives)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"{result.scenario}.{result.provider}",
            tests=str(len(result.objectives)),
            failures=str(missed),
            errors="0",
            skipped="0",
            time=f"{result.took_s:.3f}",
        )
        for objective in result.objectives:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"{result.scenario}.{result.provider}.{objective.variant}",
                name=objective.name,
                time="0",
            )
            if objective.passed:
                ElementTree.SubElement(case, "system-out").text = objective.found
            else:
                failure = ElementTree.SubElement(case, "failure", type="ObjectiveMissed", message=objective.found)
                failure.text = f"{objective.probe}: {objective.found}"
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
