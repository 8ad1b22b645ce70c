"""What the CDA tests share: the real examples, a fictitious frame to build documents in, and a small PDF."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pikepdf
import pytest

from socle.standards.cda.build import Frame, patient_of, professional_of, structure_of
from socle.standards.cda.datatypes import Address, Concept, Identifier, Interval, Moment, Telecom
from socle.standards.cda.header import Encounter
from socle.standards.ids.ins import OID_NIR_TEST, Ins

#: The official kit, as its editor publishes it (ansforge/TestContenuCDA-3-0); nothing of it is in this repository.
KIT = Path(os.environ.get("SOCLE_CDA_KIT", "/nonexistent"))
EXAMPLES = Path(__file__).parents[3] / "shared" / "examples" / "cda"
NAMES = sorted(path.name for path in EXAMPLES.glob("*.xml")) if EXAMPLES.is_dir() else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "example_name" in metafunc.fixturenames:
        skipped = pytest.param("", marks=pytest.mark.skip(reason="../shared/examples/cda is not there"))
        metafunc.parametrize("example_name", NAMES or [skipped])


@pytest.fixture
def example(example_name: str) -> bytes:
    """The bytes of one real example; the test runs once for each."""
    return (EXAMPLES / example_name).read_bytes()


@pytest.fixture(scope="session")
def examples() -> dict[str, bytes]:
    """Every real example by its file name."""
    if not NAMES:
        pytest.skip("../shared/examples/cda is not there")
    return {name: (EXAMPLES / name).read_bytes() for name in NAMES}


@pytest.fixture(scope="session")
def frame() -> Frame:
    """A consultation of a fictitious woman by a fictitious general practitioner."""
    place = structure_of(
        "750987653",
        "HOPITAL DES EXEMPLES",
        setting="ETABLISSEMENT",
        address=Address(parts=(("streetName", "3 AVENUE DU TEST"), ("postalCode", "75014"), ("city", "PARIS"))),
        telecoms=(Telecom("tel:+33639980010", "WP"),),
    )
    doctor = professional_of(
        "10109876549",
        family="MARCHAND",
        given="CAMILLE",
        profession=Concept("G15_10/SM54", "", "Médecin - Médecine générale (SM)"),
        organization=place,
        prefix="MME",
        suffix="DR",
    )
    start, end = Moment("20240405100000+0200"), Moment("20240405113000+0200")
    return Frame(
        id="1.2.250.1.999.1.7.1.1",
        set_id="1.2.250.1.999.1.7.1",
        time=Moment("20240405113000+0200"),
        patient=patient_of(
            Ins("284076938304258", OID_NIR_TEST),
            birth_family="D'ARCY-BELLEC",
            birth_given_names="JEANNE MARIE CECILE",
            sex="F",
            birth_date="19840717",
            birth_place="69383",
            used_family="MOREL",
            used_given="JEANNE",
            local_id=Identifier("1.2.250.1.999.1.1", "IPP-0042"),
            address=Address(lines=("12 RUE DES EXEMPLES", "75014 PARIS"), use="H"),
            telecoms=(Telecom("tel:+33639980001", "MC"),),
        ),
        author=doctor,
        custodian=place,
        encounter=Encounter(
            code=Concept("EXTERNE", "1.2.250.1.213.1.1.4.2.291", "Acte et consultation externe (établissement)"),
            time=Interval(low=start, high=end),
            facility=Concept("SA01", "1.2.250.1.71.4.2.4", "Etablissement public de santé"),
            place_name="HOPITAL DES EXEMPLES",
            responsible=doctor,
        ),
        service=Interval(low=start, high=end),
        attending=doctor,
    )


@pytest.fixture(scope="session")
def small_pdf() -> bytes:
    """A PDF of one blank page."""
    output = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(output)
    return output.getvalue()


@pytest.fixture(scope="session")
def official_findings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes, str], dict[str, list[str]]]:
    """What the official pipeline says of a document, layer by layer, and what our verdict by the same kit says.

    The second argument is the rule set of the document's type, or ``""`` for a level N1 body.
    """
    from lxml import etree

    from socle.services.conformance.judgement import LAYERS, judge
    from socle.services.conformance.kit import install_kit, installed_kit
    from socle.services.conformance.reference import prepared_kit
    from socle.standards.schematron.reference import ReferenceEngine

    if not KIT.is_dir():
        pytest.skip("SOCLE_CDA_KIT does not name the official kit")
    pytest.importorskip("saxonche")
    folder = tmp_path_factory.mktemp("official")
    install_kit(KIT, folder / "store")
    kit = installed_kit(folder / "store")
    assert kit is not None
    assert kit.schema is not None
    prepared = prepared_kit(KIT, folder / "reference")
    engine = ReferenceEngine(prepared.skeleton)

    def run(content: bytes, rule_set: str) -> dict[str, list[str]]:
        path = folder / "document.xml"
        path.write_bytes(content)
        kit.schema.assertValid(etree.parse(str(path), etree.XMLParser(huge_tree=True)))
        found = {
            name: [f"{entry.role or 'error'}: {entry.text.strip()} @ {entry.location}" for entry in entries]
            for name in [*(layer.value for layer in LAYERS), *([rule_set] if rule_set else [])]
            if (entries := engine.run(prepared.rule_set(kit, name), path))
        }
        verdict = judge(content, kit, date(2100, 1, 1))
        ours = [f"{one.severity}: {one.message.fr} @ {one.location}" for one in verdict.findings]
        return found | ({"our verdict": ours} if ours else {})

    return run
