"""SVRL, the report language of Schematron.

Source: ISO/IEC 19757-3:2016, annex D.
"""

from __future__ import annotations

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
