"""Our engine beside the official pipeline: which findings differ, on examples and on thousands of their mutants.

    SOCLE_CDA_KIT=/path/to/kit python tests/schematron/oracle.py --mutants 5000 --answers DIR [--part 1/2]

Needs ``saxonche``. Specimen ``n`` is always the same document: example ``n`` modulo their number, and for each round
after the first, an excerpt of it (header and a few sections, quick to judge) with 1 to 12 mutations, of one kind or of
all. What the reference answered is kept in ``--answers``: a run can be stopped, continued, and repeated against another
version of our engine.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from lxml import etree

from socle.services.conformance.judgement import LAYERS
from socle.services.conformance.kit import install_kit, installed_kit
from socle.services.conformance.recognition import recognize
from socle.services.conformance.reference import prepared_kit, same_test
from socle.standards.cda.document import open_document
from socle.standards.schematron.reference import ReferenceAborted, ReferenceEngine
from socle.standards.schematron.tree import Document, location

sys.path.insert(0, str(Path(__file__).parent))
from mutator import MUTATIONS, excerpt, mutate

MOST_MUTATIONS = 12


class Specimen(msgspec.Struct, frozen=True):
    """A document to judge: an example as it is (``kind`` empty), or a mutant of it."""

    name: str
    seed: int
    kind: str
    content: bytes


class Answer(msgspec.Struct, frozen=True):
    """What an engine found: how often each (test, place); or that it stopped on an XPath error."""

    findings: list[tuple[str, str]]
    is_stopped: bool = False


class Comparison(msgspec.Struct, frozen=True):
    """One rule set on one specimen: findings of the reference, and those that only one of both has."""

    rule_set: str
    found: int
    is_stopped: bool
    missing: list[tuple[str, str]]
    extra: list[tuple[str, str]]

    @property
    def is_equal(self) -> bool:
        """Whether both engines say the same."""
        return not self.missing and not self.extra


def specimens(examples: list[Path], count: int, first: int = 0, step: int = 1) -> Iterator[Specimen]:
    """Every example once, then ``count`` mutants; with ``step``, every ``step``-th of them from ``first``."""
    kinds = sorted({kind.__name__: kind for kind in MUTATIONS}.items())
    for number in range(first, len(examples) + count, step):
        path = examples[number % len(examples)]
        content = etree.tostring(open_document(path.read_bytes()).root)
        if number < len(examples):
            yield Specimen(path.name, 0, "", content)
            continue
        chance = random.Random(number)
        name, kind = chance.choice(kinds)
        is_mixed = chance.random() < 0.5
        mutations = chance.randint(1, MOST_MUTATIONS)
        mutant = mutate(excerpt(content, number), number, mutations, () if is_mixed else (kind,))
        yield Specimen(path.name, number, "mixed" if is_mixed else name, mutant)


class Oracle:
    """Both engines on one kit; answers of the reference are kept in ``answers``."""

    def __init__(self, kit: Path, folder: Path, answers: Path | None = None) -> None:
        install_kit(kit, folder / "store")
        installed = installed_kit(folder / "store")
        assert installed is not None
        self.kit = installed
        self.answers = answers or folder / "answers"
        self.answers.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"specimen-{os.getpid()}.xml"
        self._prepared = prepared_kit(kit, folder / "reference")
        self._engine: ReferenceEngine | None = None

    def compare(self, content: bytes) -> Iterator[Comparison]:
        """Each rule set of the official pipeline on ``content``, judged by both engines."""
        document = Document(etree.fromstring(content))
        schema = recognize(document).schema
        for rule_set in [
            *(layer.value for layer in LAYERS),
            *([schema] if schema in self.kit.report.documents else []),
        ]:
            theirs, ours = self.reference(rule_set, content), self.ours(rule_set, document)
            if theirs.is_stopped or ours.is_stopped:
                same = theirs.is_stopped == ours.is_stopped
                stopped = [] if same else [("stopped", str(theirs.is_stopped))]
                yield Comparison(rule_set, 0, True, stopped, [])
                continue
            left, right = Counter(theirs.findings), Counter(ours.findings)
            yield Comparison(
                rule_set, left.total(), False, sorted((left - right).elements()), sorted((right - left).elements())
            )
        document.release()

    def ours(self, rule_set: str, document: Document) -> Answer:
        """What our engine says."""
        plan = self.kit.plan(rule_set)
        assert plan is not None
        outcome = plan.evaluate(document)
        return Answer(
            [(same_test(one.check.test), location(one.node)) for one in outcome.firings], bool(outcome.stopped)
        )

    def reference(self, rule_set: str, content: bytes) -> Answer:
        """What the ISO skeleton on SaxonC says, now or when it was first asked."""
        digest = hashlib.sha256(f"{self.kit.report.digest} {rule_set} ".encode() + content).hexdigest()[:32]
        kept = self.answers / digest[:2] / f"{digest}.json"
        if kept.exists():
            return msgspec.json.decode(kept.read_bytes(), type=Answer)
        self._path.write_bytes(content)
        if self._engine is None:
            self._engine = ReferenceEngine(self._prepared.skeleton)
        try:
            entries = self._engine.run(self._prepared.rule_set(self.kit, rule_set), self._path)
            answer = Answer([(same_test(entry.test), entry.location) for entry in entries])
        except ReferenceAborted:
            answer = Answer([], True)
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(msgspec.json.encode(answer))
        return answer


def examples_of(kit: Path) -> list[Path]:
    """The documents of the kit that are CDA."""
    return [path for path in sorted(kit.glob("**/ExemplesCDA/*.xml")) if b"ClinicalDocument" in path.read_bytes()]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mutants", type=int, default=100)
    arguments.add_argument("--answers", type=Path)
    arguments.add_argument("--part", default="1/1")
    chosen = arguments.parse_args()
    kit = Path(os.environ["SOCLE_CDA_KIT"])
    part, _, parts = chosen.part.partition("/")
    judged, findings, stopped, unequal = Counter[str](), Counter[str](), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        oracle = Oracle(kit, Path(folder), chosen.answers)
        for specimen in specimens(examples_of(kit), chosen.mutants, int(part) - 1, int(parts)):
            kind = specimen.kind or "as it is"
            judged[kind] += 1
            for one in oracle.compare(specimen.content):
                findings[kind] += one.found
                stopped += one.is_stopped
                if not one.is_equal:
                    unequal += 1
                    print(f"{specimen.name} {specimen.seed} {kind} {one.rule_set}: - {one.missing} + {one.extra}")
            if judged.total() % 100 == 0:
                print(f"{judged.total()} documents, {findings.total()} findings, {unequal} unequal", flush=True)
    for kind, count in sorted(judged.items()):
        print(f"{kind:20} {count:6} documents {findings[kind]:8} findings")
    print(f"{'all':20} {judged.total():6} documents {findings.total():8} findings {stopped} stopped {unequal} unequal")
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
