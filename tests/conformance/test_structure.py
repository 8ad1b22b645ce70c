"""Without an XML schema, the order and number of elements are judged all the same."""

from __future__ import annotations

import pytest
from cda_samples import MINIMAL
from lxml import etree

from socle.services.conformance.structure import check_structure
from socle.standards.cda.document import open_document
from socle.standards.schematron.tree import Document


def told(xml: str) -> list[str]:
    document = Document(etree.fromstring(xml.encode()))
    return [finding.message.fr for finding, _ in check_structure(document, "1")]


def section(inside: str) -> list[str]:
    return told(
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><typeId/><id/><code/><effectiveTime/><confidentialityCode/>'
        "<recordTarget nullFlavor='NI'/><author nullFlavor='NI'/><custodian nullFlavor='NI'/>"
        f"<component><structuredBody><component><section>{inside}</section></component></structuredBody></component>"
        "</ClinicalDocument>"
    )


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("<text/><title/>", ["title n'est pas attendu à cette place."]),
        ("<title/><title/>", ["title n'est pas attendu à cette place."]),
        ("<entry/>", ["Il manque act | encounter | observation | observationMedia | organizer | procedure"
                      " | regionOfInterest | substanceAdministration | supply."]),
        ("<entry><observation moodCode='EVN'><code/></observation></entry>", ["L'attribut classCode manque."]),
        ("<text colour='red'><colour/></text>", []),
        ("<wrong/>", ["wrong n'est pas attendu à cette place."]),
        ("<title colour='red'/><entry colour='red'><act classCode='ACT' moodCode='EVN'><code/></act></entry>",
         ["L'attribut colour n'est pas admis ici."]),
    ],
)  # fmt: skip
def test_what_a_schema_would_refuse_is_told(inside: str, message: list[str]) -> None:
    assert section(inside) == message


def test_what_is_missing_is_named() -> None:
    assert told(MINIMAL) == ["Il manque confidentialityCode."]


def test_the_examples_are_in_order(shared_examples: dict[str, bytes]) -> None:
    found = {
        name: [finding.message.fr for finding, _ in check_structure(Document(open_document(content).root), "1")]
        for name, content in shared_examples.items()
    }
    assert found == {name: [] for name in found}


@pytest.fixture
def shared_examples(shared: object) -> dict[str, bytes]:
    from pathlib import Path

    return {path.name: path.read_bytes() for path in (Path(str(shared)) / "examples" / "cda").glob("*.xml")}
