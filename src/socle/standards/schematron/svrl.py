"""SVRL, the report language of Schematron.

Source: ISO/IEC 19757-3:2016, annex D.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from lxml import etree

NAMESPACE: Final = "http://purl.oclc.org/dsdl/svrl"


class SvrlEntry(msgspec.Struct, frozen=True, order=True):
    """One ``failed-assert`` or ``successful-report``."""

    test: str
    location: str
    is_report: bool = False
    role: str = ""
    text: str = ""


def write_svrl(title: str, patterns: Mapping[str, Sequence[SvrlEntry]]) -> bytes:
    """An SVRL report: under each pattern's name, what it found."""
    root = etree.Element(f"{{{NAMESPACE}}}schematron-output", {"title": title}, nsmap={"svrl": NAMESPACE})
    for name, entries in patterns.items():
        etree.SubElement(root, f"{{{NAMESPACE}}}active-pattern", {"name": name})
        for entry in entries:
            kind = "successful-report" if entry.is_report else "failed-assert"
            attributes = {"test": entry.test, "location": entry.location}
            if entry.role:
                attributes["role"] = entry.role
            element = etree.SubElement(root, f"{{{NAMESPACE}}}{kind}", attributes)
            etree.SubElement(element, f"{{{NAMESPACE}}}text").text = entry.text
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def read_svrl(report: etree._Element) -> list[SvrlEntry]:
    """The failed asserts and successful reports of an SVRL document, in its order."""
    return [
        SvrlEntry(
            test=element.get("test", ""),
            location=element.get("location", ""),
            is_report=element.tag == f"{{{NAMESPACE}}}successful-report",
            role=element.get("role", ""),
            text=" ".join("".join(element.itertext()).split()),
        )
        for element in report.iter(f"{{{NAMESPACE}}}failed-assert", f"{{{NAMESPACE}}}successful-report")
    ]
