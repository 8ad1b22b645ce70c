"""Conformance: our engine against the reference pipeline (ISO skeleton on SaxonC), same documents, same run.

    SOCLE_CDA_KIT=/path/to/TestContenuCDA python -m bench.conformance [--documents 8] [--rounds 5] [--json FILE]

Every example of the sizes that the target speaks of is judged by ours. On ``--documents`` of them both evaluate the
whole official rule set of the type, findings are compared rule by rule, and the ratio of CPU times is printed.
``ratio`` compares like with like: parsing and all Schematron layers; ``ratio_of_whole_verdict`` adds the XML schema,
our own layer, lines and messages to our side alone.
Without ``saxonche`` only our own figures are printed.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from socle.services.conformance.judgement import LAYERS, judge
from socle.services.conformance.kit import OfficialKit, install_kit, installed_kit
from socle.services.conformance.recognition import recognize
from socle.services.conformance.reference import prepared_kit, same_test
from socle.standards.cda.document import open_document
from socle.standards.schematron.tree import Document, location

SMALLEST, LARGEST = 60_000, 230_000
TODAY = datetime(2026, 3, 2, tzinfo=UTC).date()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--documents", type=int, default=8)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--json", type=Path)
    chosen, _ = arguments.parse_known_args()  # `python -m bench` leaves the names of benches there
    kit_path = os.environ.get("SOCLE_CDA_KIT")
    if not kit_path:
        print("SOCLE_CDA_KIT is not set: give the directory of the official kit.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        install_kit(Path(kit_path), Path(folder) / "store")
        installed_s = time.process_time() - started
        kit = installed_kit(Path(folder) / "store")
        assert kit is not None
        sized = documents_of(Path(kit_path))
        every_ms = {path: our_time_ms(path, kit, chosen.rounds) for path in sized}
        documents = sized[:: max(1, len(sized) // chosen.documents)][: chosen.documents]
        row: dict[str, object] = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "documents": len(sized),
            "install_s": round(installed_s, 1),
            "ours_median_ms": round(statistics.median(every_ms.values()), 2),
            "ours_worst_ms": round(max(every_ms.values()), 2),
            "ours_worst_document": max(sized, key=lambda path: every_ms[path]).name,
        }
        rules_ms = [our_rules_ms(path, kit, chosen.rounds) for path in documents]
        row["ours_rules_median_ms"] = round(statistics.median(rules_ms), 2)
        ours_ms = [every_ms[path] for path in documents]
        row |= against_reference(Path(kit_path), Path(folder), kit, documents, (ours_ms, rules_ms))
    print(json.dumps(row, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps(row, indent=2) + "\n")
    return 0


def documents_of(kit: Path) -> list[Path]:
    """Examples of the sizes that the target speaks of, each with its own rules: no style sheet around it."""
    sized = [path for path in sorted(kit.glob("**/ExemplesCDA/*.xml")) if SMALLEST <= path.stat().st_size <= LARGEST]
    return [path for path in sized if b"xsl:stylesheet" not in path.read_bytes()[:4000]]


def our_time_ms(path: Path, kit: OfficialKit, rounds: int) -> float:
    """CPU time of a verdict, warm: parse, XML schema, all layers, findings with their lines."""
    content = path.read_bytes()
    judge(content, kit, TODAY)
    gc.collect()
    gc.freeze()
    gc.disable()
    times = []
    for _ in range(rounds):
        started = time.process_time()
        judge(content, kit, TODAY)
        times.append((time.process_time() - started) * 1000)
    gc.enable()
    gc.unfreeze()
    return min(times)


def our_rules_ms(path: Path, kit: OfficialKit, rounds: int) -> float:
    """CPU time of what the reference does too: parse, every Schematron layer, the place of each finding."""
    content = path.read_bytes()
    times = []
    for _ in range(rounds):
        started = time.process_time()
        document = Document(open_document(content).root)
        for rule_set in rule_sets_of(document, kit):
            plan = kit.plan(rule_set)
            assert plan is not None
            for firing in plan.evaluate(document).firings:
                location(firing.node)
        document.release()
        times.append((time.process_time() - started) * 1000)
    return min(times)


def rule_sets_of(document: Document, kit: OfficialKit) -> list[str]:
    """The rule sets of the official pipeline for a document."""
    schema = recognize(document).schema
    return [*(layer.value for layer in LAYERS), *([schema] if schema in kit.report.documents else [])]


def against_reference(
    kit_path: Path, folder: Path, kit: OfficialKit, documents: list[Path], ours_ms: tuple[list[float], list[float]]
) -> dict[str, object]:
    """The reference's times on the same documents, and whether the findings are the same."""
    try:
        from socle.standards.schematron.reference import ReferenceEngine

        reference_kit = prepared_kit(kit_path, folder / "reference")
        engine = ReferenceEngine(reference_kit.skeleton)
    except ImportError:
        return {"reference": "saxonche is not installed"}
    times, differences = [], 0
    for path in documents:
        document = Document(open_document(path.read_bytes()).root)
        elapsed = 0.0
        for rule_set in rule_sets_of(document, kit):
            schematron = reference_kit.rule_set(kit, rule_set)
            engine.compile(schematron)
            started = time.process_time()
            theirs = engine.run(schematron, path)
            elapsed += (time.process_time() - started) * 1000
            plan = kit.plan(rule_set)
            assert plan is not None
            ours = Counter((same_test(one.check.test), location(one.node)) for one in plan.evaluate(document).firings)
            differences += ours != Counter((same_test(one.test), one.location) for one in theirs)
        times.append(elapsed)
    return {
        "reference_median_ms": round(statistics.median(times), 1),
        "rule_sets_with_different_findings": differences,
        "ratio": round(sum(times) / sum(ours_ms[1]), 1),
        "ratio_of_whole_verdict": round(sum(times) / sum(ours_ms[0]), 1),
    }


if __name__ == "__main__":
    etree.clear_error_log()
    sys.exit(main())
