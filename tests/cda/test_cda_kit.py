"""What the project builds passes the official kit: schema and every Schematron layer, on the reference engine.

Set ``SOCLE_CDA_KIT`` to a checkout of ansforge/TestContenuCDA-3-0 whose includes resolve (names in the right case, and
the header value set ``…5.471`` present); nothing of the kit is in this repository.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from socle.sandbox.documents import named_documents

_KIT = Path(os.environ.get("SOCLE_CDA_KIT", "/nonexistent"))
_PROFILES = "schematrons/profils"
_LAYERS = {
    "header": f"{_PROFILES}/structurationMinimale/ASIP-STRUCT-MIN-StrucMin.sch",
    "IHE": f"{_PROFILES}/IHE.sch",
    "French models": f"{_PROFILES}/CI-SIS_ModelesDeContenusCDA.sch",
    "ANS models": f"{_PROFILES}/CI-SIS_Modeles_ANS.sch",
    "terminologies": f"{_PROFILES}/terminologies/schematron/terminologie.sch",
}
_TYPES = {
    "VSM": "VSM_2023.01",
    "LDL-SES": "LDL-SES_2022.01",
    "LDL-EES": "LDL-EES_2022.01",
    "CR-BIO": "BIO-CR-BIO_2024.01",
    "CR-IMG": "IMG-CR-IMG_2024.01",
    "eP-MED-DM": "EP-MED-DM_2024.01",
    "eDISP-MED": "eDISP-MED_2024.01",
    "VAC": "VAC_2023.01",
    "TLM-CR": "TLM-CR_2022.01",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not _KIT.is_dir(), reason="SOCLE_CDA_KIT does not name the official kit"),
]


@pytest.fixture(scope="module")
def findings() -> Callable[[Path, str], list[str]]:
    """Findings of one Schematron on one file, as ``severity: text @ place``."""
    from socle.standards.schematron.reference import ReferenceEngine

    engine = ReferenceEngine(_KIT / "schematrons/moteur")

    def run(document: Path, schematron: str) -> list[str]:
        entries = engine.run(_KIT / schematron, document)
        return [f"{entry.role or 'error'}: {entry.text.strip()} @ {entry.location}" for entry in entries]

    return run


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(_KIT / "infrastructure/cda/CDA_extended.xsd")))


@pytest.mark.parametrize("rank", range(17))
def test_a_sample_document_has_no_finding(
    rank: int, findings: Callable[[Path, str], list[str]], schema: etree.XMLSchema, tmp_path: Path
) -> None:
    document = named_documents(1)[rank]
    path = tmp_path / document.name
    path.write_bytes(document.content)
    schema.assertValid(etree.parse(str(path), etree.XMLParser(huge_tree=True)))
    layers = dict(_LAYERS)
    kind = document.name.partition("_")[0]
    if kind in _TYPES:
        layers[kind] = f"schematrons/CI-SIS_{_TYPES[kind]}.sch"
    found = {layer: findings(path, schematron) for layer, schematron in layers.items()}
    assert found == {layer: [] for layer in layers}
