"""Coding schemes of XDS (OIDs, and the literals ``URN`` and ``ASTM``) and their FHIR canonical URLs.

The table is ``systems.csv``: the first URL of a scheme is the one written, all are read. A scheme outside the table is
written ``urn:oid:…``, or ``urn:socle:scheme:…`` when it is no OID, so that nothing is lost either way.

Source: NOS code systems (``identifier`` of each); HL7 terminology; fact sheet dmp-exchange §2.4, §8.6.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from importlib import resources
from typing import Final
from urllib.parse import quote, unquote

from socle.standards.fhir.types import CodeableConcept, Coding
from socle.standards.xds.model import Code

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_LITERAL: Final = "urn:socle:scheme:"


def _read_table() -> tuple[dict[str, str], dict[str, str]]:
    text = resources.files(__package__).joinpath("systems.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    urls = {row["scheme"]: row["url"] for row in reversed(rows)}
    return urls, {row["url"]: row["scheme"] for row in rows}


_URLS, _SCHEMES = _read_table()


def is_oid(text: str) -> bool:
    """Whether ``text`` is a bare OID."""
    return _OID.fullmatch(text) is not None


def url_of(scheme: str) -> str | None:
    """The FHIR ``system`` of an XDS coding scheme; none for an empty one.

    >>> url_of("2.16.840.1.113883.6.1"), url_of("1.2.3"), url_of("Connect-a-thon codes")
    ('http://loinc.org', 'urn:oid:1.2.3', 'urn:socle:scheme:Connect-a-thon%20codes')
    """
    if not scheme:
        return None
    if scheme in _URLS:
        return _URLS[scheme]
    if is_oid(scheme):
        return f"urn:oid:{scheme}"
    return scheme if "/" in scheme and not re.search(r"\s", scheme) else _LITERAL + quote(scheme, safe="")


def scheme_of(url: str | None) -> str:
    """The XDS coding scheme of a FHIR ``system``.

    >>> scheme_of("http://loinc.org"), scheme_of("urn:oid:2.16.840.1.113883.6.1"), scheme_of("urn:socle:scheme:a%20b")
    ('2.16.840.1.113883.6.1', '2.16.840.1.113883.6.1', 'a b')
    """
    if not url:
        return ""
    if url in _SCHEMES:
        return _SCHEMES[url]
    if url.startswith(_LITERAL):
        return unquote(url.removeprefix(_LITERAL))
    return url.removeprefix("urn:oid:") if is_oid(url.removeprefix("urn:oid:")) else url


@lru_cache(maxsize=4096)
def coding_of(code: Code) -> Coding:
    """``code`` as a ``Coding``."""
    return Coding(system=url_of(code.system), code=code.code, display=code.label or None)


@lru_cache(maxsize=4096)
@lru_cache(maxsize=1024)
def concept_of(code: Code) -> CodeableConcept:
    """``code`` as a ``CodeableConcept``."""
    return CodeableConcept(coding=(coding_of(code),))


def code_of(coding: Coding) -> Code:
    """A ``Coding`` as an XDS code."""
    return Code(coding.code or "", scheme_of(coding.system), coding.display or "")
