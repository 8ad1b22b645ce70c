"""CDA documents: milliseconds a document to read, map to metadata, check, extract, show, convert, build.

Usage: ``.venv/bin/python -m bench.cda [--rounds N] [FOLDER …]``; without a folder, the project's own documents.
Writes ``bench/results/cda.json``. Metadata is measured on top of parsing, as a feed pays it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from socle.sandbox.documents import named_documents
from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.cda.entries import read_clinical_content
from socle.standards.cda.fhir import to_bundle
from socle.standards.cda.header import read_header
from socle.standards.cda.metadata import check_metadata, document_entry_of
from socle.standards.cda.render import render_fragment

RESULTS = Path(__file__).parent / "results" / "cda.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    files = [path.read_bytes() for folder in arguments.folders for path in sorted(folder.glob("*.xml"))]
    contents = files or [document.content for document in named_documents(1)]
    documents = [(content, open_document(content)) for content in contents]
    steps: dict[str, Callable[[bytes, CdaDocument], object]] = {
        "parse": lambda content, _: open_document(content),
        "header": lambda _, document: read_header(document),
        "metadata and check": _metadata,
        "entries": lambda _, document: read_clinical_content(document),
        "render to HTML": lambda _, document: render_fragment(document),
        "convert to FHIR": lambda _, document: to_bundle(document),
    }
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "documents": len(contents),
        "bytes_mean": round(statistics.mean(map(len, contents))),
        "cpu_ms_per_document": {name: _measure(step, documents, arguments.rounds) for name, step in steps.items()},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(result, indent=2, ensure_ascii=False))


def _metadata(content: bytes, document: CdaDocument) -> object:
    header = read_header(document)
    entry = document_entry_of(content, document=document, header=header)
    return check_metadata(entry, content, document=document, header=header)


def _measure(
    step: Callable[[bytes, CdaDocument], object], documents: list[tuple[bytes, CdaDocument]], rounds: int
) -> dict[str, float]:
    """CPU milliseconds: median and 95th percentile over documents of the best round of each."""
    best = []
    for content, document in documents:
        times = []
        for _ in range(rounds):
            start = time.process_time()
            step(content, document)
            times.append((time.process_time() - start) * 1000)
        best.append(min(times))
    return {
        "median": round(statistics.median(best), 3),
        "p95": round(statistics.quantiles(best, n=20)[-1], 3),
    }


if __name__ == "__main__":
    main()
