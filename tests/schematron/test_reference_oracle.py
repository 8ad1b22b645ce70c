"""Our engine against the official pipeline: same test on the same node, on examples and mutants.

Needs the official kit (``SOCLE_CDA_KIT``: its directory) and ``saxonche``; a bounded sample: the reference takes a
second a document and half a minute to compile.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from socle.services.conformance.judgement import LAYERS
from socle.services.conformance.kit import OfficialKit, install_kit, installed_kit
from socle.services.conformance.recognition import recognize
from socle.services.conformance.reference import PreparedKit, prepared_kit, same_test
from socle.standards.schematron.reference import ReferenceAborted, ReferenceEngine
from socle.standards.schematron.tree import Document, location

sys.path.insert(0, str(Path(__file__).parent))
from mutator import mutate

KIT = os.environ.get("SOCLE_CDA_KIT", "")
EXAMPLES = ("VSM_1.4_2022.01.xml", "LDL-SES_2022.01.xml", "VAC_2023.01.xml")
MUTANTS_PER_EXAMPLE = 2
MUTATIONS = 12

pytestmark = [
    pytest.mark.skipif(not KIT, reason="SOCLE_CDA_KIT is not set"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


class Both:
    """The two engines on one kit."""

    def __init__(self, kit: OfficialKit, prepared: PreparedKit, engine: ReferenceEngine) -> None:
        self.kit, self.prepared, self.engine = kit, prepared, engine

    def findings(self, rule_set: str, path: Path) -> tuple[object, object]:
        plan = self.kit.plan(rule_set)
        assert plan is not None
        outcome = plan.evaluate(Document(etree.parse(path).getroot()))
        ours = Counter((same_test(firing.check.test), location(firing.node)) for firing in outcome.firings)
        try:
            entries = self.engine.run(self.prepared.rule_set(self.kit, rule_set), path)
        except ReferenceAborted:
            return bool(outcome.stopped), True
        return ours, Counter((same_test(entry.test), entry.location) for entry in entries)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    pytest.importorskip("saxonche")
    folder = tmp_path_factory.mktemp("kit")
    install_kit(Path(KIT), folder / "store")
    kit = installed_kit(folder / "store")
    assert kit is not None
    prepared = prepared_kit(Path(KIT), folder / "reference")
    return Both(kit, prepared, ReferenceEngine(prepared.skeleton))


def test_every_rule_of_the_official_kit_is_compiled(both: Both) -> None:
    assert both.kit.report.uncovered == []
    assert both.kit.report.checks > 6000


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_and_mutants_get_the_findings_of_the_official_pipeline(both: Both, name: str, tmp_path: Path) -> None:
    source = next(Path(KIT).rglob(name)).read_bytes()
    schema = recognize(Document(etree.fromstring(source))).schema
    found = 0
    for seed in range(MUTANTS_PER_EXAMPLE + 1):
        path = tmp_path / f"{seed}.xml"
        path.write_bytes(mutate(source, seed, MUTATIONS) if seed else source)
        for rule_set in [*(layer.value for layer in LAYERS), schema]:
            ours, theirs = both.findings(rule_set, path)
            assert ours == theirs, (name, seed, rule_set)
            found += sum(theirs.values()) if isinstance(theirs, Counter) else 0
    assert found > 0
