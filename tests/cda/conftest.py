"""What the CDA tests share: the real examples, a fictitious frame to build documents in, and a small PDF."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest

from socle.standards.cda.build import Frame, patient_of, professional_of, structure_of
from socle.standards.cda.datatypes import Address, Concept, Identifier, Interval, Moment, Telecom
from socle.standards.cda.header import Encounter
from socle.standards.ids.ins import OID_NIR_TEST, Ins

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
