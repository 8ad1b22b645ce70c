"""What no schema tests and every reader expects: keys that add up, dates that make sense, files that open.

Source: Référentiel INS (key of the NIR); RPPS and FINESS check digits; CI-SIS Structuration minimale §3.1 (PDF/A-1).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias

from socle.services.conformance.domain import Finding, Layer, Severity
from socle.services.conformance.recognition import Recognized
from socle.standards.cda.datatypes import Moment
from socle.standards.errors import SocleError, Text
from socle.standards.ids.ins import KEYED_AUTHORITIES, is_valid_matricule
from socle.standards.ids.luhn import is_luhn
from socle.standards.schematron.tree import Document, Node, location

_V3: Final = "{urn:hl7-org:v3}"
_PROFESSIONAL: Final = "1.2.250.1.71.4.2.1"
_STRUCTURE: Final = "1.2.250.1.71.4.2.2"
_OLDEST: Final = 130
Place: TypeAlias = tuple[Finding, Node | None]


def check_sense(document: Document, recognized: Recognized, today: date) -> list[Place]:
    """The findings of the layer ``sense``, each with its node."""
    return [place for check in _CHECKS for place in check(document, recognized, today)]


def _finding(
    node: Node, requirement: str, severity: Severity, message: Text, found: str, expected: Text
) -> tuple[Finding, Node]:
    finding = Finding(
        layer=Layer.SENSE,
        severity=severity,
        rule_set="socle:sense",
        version="1",
        requirement=requirement,
        message=message,
        location=location(node),
        found=found,
        expected=expected,
    )
    return finding, node


def _ids(document: Document, roots: Collection[str]) -> Iterator[tuple[str, Node]]:
    for node in document.by_tag.get(_V3 + "id", ()):
        if node.attrs.get("root") in roots and (extension := node.attrs.get("extension")):
            yield extension, node


def check_matricule(document: Document, _recognized: Recognized, _today: date) -> Iterator[Place]:
    """A matricule INS has 15 characters and the key of its number."""
    for extension, node in _ids(document, KEYED_AUTHORITIES):
        if not is_valid_matricule(extension):
            yield _finding(
                node,
                "INS-KEY",
                Severity.WARNING,
                Text("La clé du matricule INS est fausse.", "The check key of the INS matricule is wrong."),
                # A matricule is personal data: only its length is told.
                f"{len(extension)} caractères",
                Text("13 caractères et leur clé (97 − N mod 97)", "13 characters and their key (97 − N mod 97)"),
            )


def check_professional(document: Document, _recognized: Recognized, _today: date) -> Iterator[Place]:
    """An RPPS number, after its type digit 8, passes the Luhn check."""
    is_real = _is_about_a_real_person(document)
    for extension, node in _ids(document, (_PROFESSIONAL,)):
        if extension.startswith("8") and len(extension) == 12:
            yield from _key(node, "RPPS", extension[1:], is_real)


def check_structure(document: Document, _recognized: Recognized, _today: date) -> Iterator[Place]:
    """A FINESS number, after its type digit 1, passes the Luhn check; Corsica's letters have none."""
    is_real = _is_about_a_real_person(document)
    for extension, node in _ids(document, (_STRUCTURE,)):
        if extension.startswith("1") and len(extension) == 10:
            yield from _key(node, "FINESS", extension[1:], is_real)


def _is_about_a_real_person(document: Document) -> bool:
    return any(True for _ in _ids(document, KEYED_AUTHORITIES))


def _key(node: Node, name: str, number: str, is_real: bool) -> Iterator[Place]:
    if number.isascii() and number.isdigit() and not is_luhn(number):
        yield _finding(
            node,
            f"{name}-KEY",
            # Documents about test persons name test professionals too, whose numbers are often made up.
            Severity.WARNING if is_real else Severity.INFORMATION,
            Text(f"La clé du numéro {name} est fausse.", f"The check digit of the {name} number is wrong."),
            number,
            Text(f"un numéro {name} dont la clé de Luhn est juste", f"a {name} number with a right Luhn digit"),
        )


def check_dates(document: Document, recognized: Recognized, _today: date) -> Iterator[Place]:
    """Birth is before the document, a birth is not more than 130 years old, a stay ends after it begins."""
    day = recognized.day
    patients = document.by_tag.get(_V3 + "patient", ())
    for node in patients:
        for birth in node.kids.get(_V3 + "birthTime", ()):
            born = _day(birth)
            if born and day and born > day:
                yield _ordered(
                    birth, "DATE-BIRTH", "La naissance est après le document.", "Birth is after the document."
                )
            elif born and day and day.year - born.year > _OLDEST:
                yield _ordered(
                    birth, "DATE-AGE", f"Le patient aurait plus de {_OLDEST} ans.", f"The patient is over {_OLDEST}."
                )
    for node in document.by_tag.get(_V3 + "effectiveTime", ()):
        low, high = node.kids.get(_V3 + "low"), node.kids.get(_V3 + "high")
        if low and high:
            if _is_plainly_ordered(low[0].attrs.get("value", ""), high[0].attrs.get("value", "")):
                continue
            start, end = _moment(low[0]), _moment(high[0])
            if start and end and end < start:
                yield _ordered(node, "DATE-ORDER", "La fin est avant le début.", "The end is before the beginning.")


def _is_plainly_ordered(low: str, high: str) -> bool:
    """Whether two times of one precision and one zone are in order: no need to read them."""
    return len(low) == len(high) and low <= high and (low[-5:] == high[-5:] or (low + high).isdigit())


def check_future(document: Document, recognized: Recognized, today: date) -> Iterator[Place]:
    """A document is not written in the future."""
    root = document.root.children[0]
    for node in root.kids.get(_V3 + "effectiveTime", ()):
        if recognized.day and recognized.day > today + timedelta(days=1):
            yield _ordered(
                node, "DATE-FUTURE", "Le document est daté du futur.", "The document is dated in the future."
            )


def _ordered(node: Node, requirement: str, french: str, english: str) -> Place:
    expected = Text("des dates qui se suivent", "dates in order")
    return _finding(node, requirement, Severity.WARNING, Text(french, english), node.attrs.get("value", ""), expected)


def _day(node: Node) -> date | None:
    moment = _moment(node)
    return moment.date() if moment else None


def _moment(node: Node) -> datetime | None:
    try:
        return Moment(node.attrs.get("value", "")).bounds()[0]
    except SocleError:
        return None


def check_embedded(document: Document, _recognized: Recognized, _today: date) -> Iterator[Place]:
    """The file of a level N1 body opens and is what it says; a PDF is PDF/A-1."""
    for body in document.by_tag.get(_V3 + "nonXMLBody", ()):
        for node in body.kids.get(_V3 + "text", ()):
            yield from _embedded(node)


def _embedded(node: Node) -> Iterator[Place]:
    media_type = node.attrs.get("mediaType", "")
    if node.attrs.get("representation") != "B64":
        return
    try:
        content = base64.b64decode("".join(node.string().split()), validate=True)
    except (binascii.Error, ValueError):
        yield _finding(
            node,
            "N1-BASE64",
            Severity.ERROR,
            Text("Le contenu n'est pas du base64.", "The content is not base64."),
            media_type,
            Text("du base64", "base64"),
        )
        return
    starts = {
        "application/pdf": (b"%PDF",),
        "image/jpeg": (b"\xff\xd8",),
        "image/tiff": (b"II", b"MM"),
        "text/rtf": (b"{\\rtf",),
    }
    if media_type in starts and not content.lstrip()[:8].startswith(starts[media_type]):
        yield _finding(
            node,
            "N1-TYPE",
            Severity.ERROR,
            Text(f"Le fichier n'est pas du type {media_type}.", f"The file is not of type {media_type}."),
            content[:8].hex(" "),
            Text(f"un fichier {media_type}", f"a {media_type} file"),
        )
    elif media_type == "application/pdf":
        from socle.standards.cda.build.pdf import pdf_a_findings  # loads a PDF library: only where there is a PDF

        try:
            lacks = pdf_a_findings(content)
        except SocleError as error:
            yield _finding(node, "N1-PDF", Severity.ERROR, error.reason, "", Text("un PDF lisible", "a readable PDF"))
            return
        for lack in lacks:
            yield _finding(
                node, "N1-PDFA", Severity.WARNING, lack.reason, lack.code, Text("un PDF/A-1", "a PDF/A-1")
            )  # fmt: skip


_CHECKS: Final = (check_matricule, check_professional, check_structure, check_dates, check_future, check_embedded)
