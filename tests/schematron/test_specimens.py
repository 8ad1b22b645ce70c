"""The specimens of the oracle are the same documents in every process."""

from __future__ import annotations

import sys
from pathlib import Path

from lxml import etree

sys.path.insert(0, str(Path(__file__).parent))
from mutator import MUTATIONS, V3, excerpt, mutate

SECTION = (
    "<component><section><code code='{0}'/><text>{0}</text><entry><act classCode='ACT'/></entry></section></component>"
)
DOCUMENT = (
    "<ClinicalDocument xmlns='urn:hl7-org:v3'><title>x</title><component><structuredBody>"
    + "".join(SECTION.format(rank) for rank in range(20))
    + "</structuredBody></component></ClinicalDocument>"
).encode()


def test_an_excerpt_keeps_as_many_sections_as_asked() -> None:
    for seed in range(50):
        assert len(list(etree.fromstring(excerpt(DOCUMENT, seed)).iter(f"{V3}section"))) == 3


def test_a_seed_is_always_the_same_mutant() -> None:
    def mutants() -> list[bytes]:
        return [mutate(excerpt(DOCUMENT, seed), seed, 12) for seed in range(50)]

    first = mutants()
    in_the_way = list(etree.fromstring(DOCUMENT).iter())
    assert mutants() == first
    assert len(set(first)) == 50
    assert in_the_way


def test_every_kind_of_mutation_leaves_well_formed_xml() -> None:
    for kind in MUTATIONS:
        for seed in range(20):
            etree.fromstring(mutate(DOCUMENT, seed, 12, (kind,)))
