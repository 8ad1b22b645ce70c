"""A verdict written for those who read it: JSON, HTML, SVRL, JUnit.

Source: SVRL, ISO/IEC 19757-3 annex D; the JUnit XML that continuous-integration servers read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from lxml import etree

from socle.services.conformance.domain import LAYER_NAMES, SEVERITY_NAMES, Finding, Judged, Severity, Verdict
from socle.standards.schematron.svrl import SvrlEntry, write_svrl

_CONTEXT_LINES = 1
_LINE_CHARACTERS = 300


def to_json(judged: list[Judged]) -> bytes:
    """All verdicts as one JSON list."""
    rows = [
        {
            "file": one.name,
            "conformant": one.is_conformant,
            "severity": one.verdict.severity if one.verdict else None,
            "refusal": one.refusal,
            "code": one.code or None,
            "verdict": one.verdict,
        }
        for one in judged
    ]
    return msgspec.json.format(msgspec.json.encode(rows), indent=2)


def to_svrl(name: str, verdict: Verdict) -> bytes:
    """One verdict as SVRL, a pattern for each rule set."""
    patterns: dict[str, list[SvrlEntry]] = {rules.identifier: [] for rules in verdict.rule_sets}
    for finding in verdict.findings:
        patterns.setdefault(finding.rule_set, []).append(
            SvrlEntry(
                finding.test or finding.requirement,
                finding.location,
                finding.is_report,
                finding.severity.value,
                finding.message.fr,
            )
        )
    return write_svrl(name, patterns)


def to_junit(judged: list[Judged]) -> bytes:
    """A test suite a file, a test case a rule set, which fails once whatever the number of its errors.

    Warnings are told in the output of their case; a file that cannot be judged is one case in error.
    """
    root = etree.Element("testsuites", name="socle validate")
    for one in judged:
        suite = etree.SubElement(root, "testsuite", name=one.name)
        if one.verdict is None:
            case = etree.SubElement(suite, "testcase", name="document", classname=one.name)
            etree.SubElement(case, "error", type=one.code, message=one.refusal.fr if one.refusal else "")
        else:
            for rules in one.verdict.rule_sets:
                case = etree.SubElement(suite, "testcase", name=rules.identifier, classname=one.name)
                _fill_case(case, [finding for finding in one.verdict.findings if finding.rule_set == rules.identifier])
            suite.set("time", f"{one.verdict.duration_ms / 1000:.3f}")
    for counted in (root, *root):
        for name, path in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
            counted.set(name, str(sum(1 for _ in counted.iterfind(f".//{path}"))))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _fill_case(case: etree._Element, findings: list[Finding]) -> None:
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        message = (
            errors[0].message.fr if len(errors) == 1 else f"{len(errors)} erreurs, d'abord : {errors[0].message.fr}"
        )
        failure = etree.SubElement(case, "failure", type=errors[0].requirement, message=_printable(message))
        failure.text = _printable("\n\n".join(map(_told, errors)))
    if told := [finding for finding in findings if finding.severity is not Severity.ERROR]:
        lines = [f"{finding.severity}: {finding.message.fr} ({finding.location})" for finding in told]
        etree.SubElement(case, "system-out").text = _printable("\n".join(lines))


def _told(finding: Finding) -> str:
    return (
        f"{finding.requirement} : {finding.message.fr}\n{finding.location}\n"
        f"ligne {finding.line}, colonne {finding.column}\n{finding.found}"
    )


def _printable(text: str) -> str:
    return "".join(character for character in text if character in "\t\n" or ord(character) >= 32)


def to_html(judged: list[Judged], sources: Mapping[str, bytes], language: str = "fr") -> str:
    """One page with every verdict, each finding beside the lines it speaks of; nothing in it loads or runs."""
    cases = [(one, excerpts(one.verdict, sources.get(one.name, b"")) if one.verdict else {}) for one in judged]
    return (
        environment(language)
        .get_template("report.html")
        .render(cases=cases, layers=LAYER_NAMES, severities=SEVERITY_NAMES)
    )


def excerpts(verdict: Verdict, source: bytes) -> dict[int, list[tuple[int, str]]]:
    """For each line that a finding names, the lines around it: number and text, cut when they are long."""
    lines = source.decode("utf-8", "replace").expandtabs(2).splitlines()
    shown = {}
    for number in {finding.line for finding in verdict.findings if 0 < finding.line <= len(lines)}:
        first, last = max(1, number - _CONTEXT_LINES), min(len(lines), number + _CONTEXT_LINES)
        margin = min(len(line) - len(line.lstrip()) for line in lines[first - 1 : last])
        shown[number] = [(row, _cut(lines[row - 1][margin:])) for row in range(first, last + 1)]
    return shown


def _cut(line: str) -> str:
    return line if len(line) <= _LINE_CHARACTERS else line[:_LINE_CHARACTERS] + "…"


def by_layer(verdict: Verdict) -> dict[str, list[Finding]]:
    """The findings of each layer that has some, heaviest first."""
    layers: dict[str, list[Finding]] = {}
    for finding in sorted(verdict.findings, key=lambda one: (-one.severity.rank, one.line)):
        layers.setdefault(finding.layer, []).append(finding)
    return layers


@cache
def environment(language: str) -> Environment:
    """Templates whose two languages stand side by side."""
    found = Environment(
        loader=PackageLoader("socle.services.conformance"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "t": lambda french, english: english if language == "en" else french,
        "say": lambda text: text.in_language(language),
        "language": language,
        "by_layer": by_layer,
        "Severity": Severity,
    }
    return found
