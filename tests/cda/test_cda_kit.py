"""What the project builds passes the official kit: XML schema and every Schematron layer, on both engines.

Set ``SOCLE_CDA_KIT`` to a checkout of ansforge/TestContenuCDA-3-0, as it is; nothing of the kit is in this repository.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from socle.sandbox.documents import named_documents

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
    pytest.mark.timeout(900),
]


@pytest.mark.parametrize("rank", range(17))
def test_a_sample_document_has_no_finding(
    rank: int, official_findings: Callable[[bytes, str], dict[str, list[str]]]
) -> None:
    document = named_documents(1)[rank]
    assert official_findings(document.content, _TYPES.get(document.name.partition("_")[0], "")) == {}
