"""Our engine beside the official pipeline: which findings differ, on examples and on thousands of their mutants.

    SOCLE_CDA_KIT=/path/to/kit python tests/schematron/oracle.py --answers DIR --mutants 5000 [--part 1/2]
    SOCLE_CDA_KIT=/path/to/kit python tests/schematron/oracle.py --answers DIR --kept [--part 1/2]

Needs ``saxonche``. Specimen ``n`` is always the same document: example ``n`` modulo their number, and for each round
after the first, an excerpt of it (header and a few sections, quick to judge) with 1 to 12 mutations, of one kind or of
all. Specimens and what the reference answered are kept in ``--answers``, by the digests of the kit and of the document:
a run can be stopped and continued, and with ``--kept`` our engine alone judges all of them again, in minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from lxml import etree

from socle.services.conformance.judgement import LAYERS
from socle.services.conformance.kit import install_kit, installed_kit
from socle.services.conformance.kit_folder import KitFolder
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


class Judged(msgspec.Struct, frozen=True):
    """A specimen, and what the reference answered for each rule set."""

    specimen: Specimen
    answers: dict[str, Answer]


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


class Answers:
    """What the reference answered on one kit: a file a specimen, named by its digest, in a folder a kit."""

    def __init__(self, folder: Path, kit: Path) -> None:
        self._folder = folder / digest_of(kit)
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, specimen: Specimen) -> Judged | None:
        """What was answered on ``specimen``, if it was asked."""
        path = self._path(specimen)
        return _read(path) if path.exists() else None

    def keep(self, judged: Judged) -> None:
        """Keeps a whole answer, at once or not at all."""
        path = self._path(judged.specimen)
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(zlib.compress(msgspec.msgpack.encode(judged)))
        unfinished.replace(path)

    def all(self, first: int = 0, step: int = 1) -> Iterator[Judged]:
        """Every specimen that was answered, by digest; with ``step``, every ``step``-th of them from ``first``."""
        yield from map(_read, sorted(self._folder.glob("*/*.judged"))[first::step])

    def _path(self, specimen: Specimen) -> Path:
        digest = hashlib.sha256(specimen.content).hexdigest()[:32]
        return self._folder / digest[:2] / f"{digest}.judged"


def _read(path: Path) -> Judged:
    return msgspec.msgpack.decode(zlib.decompress(path.read_bytes()), type=Judged)


def digest_of(kit: Path) -> str:
    """One name for all that the reference reads of ``kit``."""
    folder, digest = KitFolder(kit), hashlib.sha256()
    for path in folder.starting("", ""):
        if path.lower().endswith((".sch", ".xml", ".rdf", ".xsl")) and "exemplescda" not in path.lower():
            digest.update(f"{path}\0{hashlib.sha256(folder.read(path)).hexdigest()}\n".encode())
    return digest.hexdigest()[:32]


class Oracle:
    """Both engines on one kit."""

    def __init__(self, kit: Path, folder: Path) -> None:
        install_kit(kit, folder / "store")
        installed = installed_kit(folder / "store")
        assert installed is not None
        self.kit = installed
        self._path = folder / "specimen.xml"
        self._prepared = prepared_kit(kit, folder / "reference")
        self._engine: ReferenceEngine | None = None

    def judge(self, specimen: Specimen) -> Judged:
        """What the reference says of ``specimen``: each layer, and the rules of its type."""
        document = Document(etree.fromstring(specimen.content))
        schema = recognize(document).schema
        document.release()
        rule_sets = [layer.value for layer in LAYERS] + [schema] * (schema in self.kit.report.documents)
        self._path.write_bytes(specimen.content)
        return Judged(specimen, {rule_set: self._reference(rule_set) for rule_set in rule_sets})

    def compare(self, judged: Judged) -> Iterator[Comparison]:
        """What our engine says beside each answer of the reference."""
        document = Document(etree.fromstring(judged.specimen.content))
        for rule_set, theirs in judged.answers.items():
            ours = self._ours(rule_set, document)
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

    def _ours(self, rule_set: str, document: Document) -> Answer:
        plan = self.kit.plan(rule_set)
        assert plan is not None
        outcome = plan.evaluate(document)
        return Answer(
            [(same_test(one.check.test), location(one.node)) for one in outcome.firings], bool(outcome.stopped)
        )

    def _reference(self, rule_set: str) -> Answer:
        if self._engine is None:
            self._engine = ReferenceEngine(self._prepared.skeleton)
        try:
            entries = self._engine.run(self._prepared.rule_set(self.kit, rule_set), self._path)
        except ReferenceAborted:
            return Answer([], True)
        return Answer([(same_test(entry.test), entry.location) for entry in entries])


def examples_of(kit: Path) -> list[Path]:
    """The documents of the kit that are CDA."""
    return [path for path in sorted(kit.glob("**/ExemplesCDA/*.xml")) if b"ClinicalDocument" in path.read_bytes()]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--answers", type=Path, required=True)
    arguments.add_argument("--mutants", type=int, default=100)
    arguments.add_argument("--kept", action="store_true")
    arguments.add_argument("--part", default="1/1")
    chosen = arguments.parse_args()
    kit = Path(os.environ["SOCLE_CDA_KIT"])
    answers = Answers(chosen.answers, kit)
    part, _, parts = chosen.part.partition("/")
    share = (int(part) - 1, int(parts))
    judged, findings, stopped, unequal = Counter[str](), Counter[str](), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        oracle = Oracle(kit, Path(folder))

        def newly_judged() -> Iterator[Judged]:
            for specimen in specimens(examples_of(kit), chosen.mutants, *share):
                answered = answers.get(specimen)
                if answered is None:
                    answers.keep(answered := oracle.judge(specimen))
                yield answered

        for one in answers.all(*share) if chosen.kept else newly_judged():
            specimen, kind = one.specimen, one.specimen.kind or "as it is"
            judged[kind] += 1
            for compared in oracle.compare(one):
                findings[kind] += compared.found
                stopped += compared.is_stopped
                if not compared.is_equal:
                    unequal += 1
                    print(f"{specimen.name} {specimen.seed} {kind} {compared.rule_set}:", end=" ")
                    print(f"- {compared.missing} + {compared.extra}")
            if judged.total() % 100 == 0:
                print(f"{judged.total()} documents, {findings.total()} findings, {unequal} unequal", flush=True)
    for kind, count in sorted(judged.items()):
        print(f"{kind:20} {count:6} documents {findings[kind]:8} findings")
    print(f"{'all':20} {judged.total():6} documents {findings.total():8} findings {stopped} stopped {unequal} unequal")
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
