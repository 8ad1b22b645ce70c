"""`socle validate`: exact findings on CDA documents, on all cores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from socle.standards.errors import NotFound, Text

if TYPE_CHECKING:
    from socle.services.conformance.domain import Judged, Severity

app = App(name="validate", help="Vérifie des documents CDA : XSD, règles officielles ou les nôtres, cohérence.")

#: Fewer files than this are judged in this process: starting others costs more.
_WORTH_A_POOL = 4


@app.default
def validate(
    paths: Annotated[list[Path], Parameter(help="Fichiers, dossiers (leurs *.xml) ou archives XDM (*.zip).")],
    /,
    *,
    json: bool = False,
    html: bool = False,
    svrl: bool = False,
    junit: bool = False,
    output: Annotated[
        Path | None, Parameter(help="Dossier des rapports SVRL, un par document, rangés comme eux.")
    ] = None,
    own: Annotated[bool, Parameter(help="Nos règles, même si un kit officiel est installé.", negative=())] = False,
    language: str = "fr",
) -> int:
    """Code 0: every document conforms; 1: some does not, or is no CDA document."""
    from socle.services.conformance.domain import Severity

    names = {path.as_posix(): path for path in _documents(paths)}
    if not names:
        raise NotFound(
            "NothingToValidate", Text("Aucun document à vérifier.", "No document to validate.")
        )  # fmt: skip
    judged = _judge_all(list(names.values()), own=own, quiet=json or html or svrl or junit)
    if json or html or junit:
        from socle.services.conformance import report  # loads the templates' engine: only where it serves
    if json:
        print(report.to_json(judged).decode())
    elif html:
        sources = {one.name: names[one.name].read_bytes() for one in judged if one.name in names}
        print(report.to_html(judged, sources, language))
    elif junit:
        print(report.to_junit(judged).decode())
    elif svrl:
        _write_svrl(judged, output)
    else:
        _print_findings(judged, language, Severity.INFORMATION if len(judged) == 1 else Severity.ERROR)
        if len(judged) == 1:
            _print_verdict(judged[0], language)
        else:
            _print_table(judged, language)
    return 0 if all(one.is_conformant for one in judged) else 1


def _documents(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*.xml") if found.is_file())
        elif path.exists():
            yield path
        else:
            raise NotFound("FileNotFound", Text(f"Introuvable : {path}", f"Not found: {path}"))


def _judge_all(paths: list[Path], *, own: bool, quiet: bool) -> list[Judged]:
    from itertools import chain

    from socle.platform.settings import Settings
    from socle.services.conformance.worker import judge_file, open_worker, worker_pool

    store = str(Settings.from_environment().data_path / "conformance")
    if len(paths) < _WORTH_A_POOL:
        open_worker(store, own)
        return list(chain.from_iterable(map(judge_file, paths)))
    from rich.console import Console
    from rich.progress import track

    with worker_pool(store, own, len(paths)) as pool:
        done = pool.map(judge_file, paths, chunksize=max(1, min(16, len(paths) // 16)))
        console = Console(stderr=True, quiet=quiet)
        return list(chain.from_iterable(track(done, "Vérification", total=len(paths), console=console, transient=True)))


def _write_svrl(judged: list[Judged], output: Path | None) -> None:
    from socle.services.conformance import report

    reports = [(one.name, report.to_svrl(one.name, one.verdict)) for one in judged if one.verdict is not None]
    if output is None:
        for _, content in reports:
            print(content.decode())
        return
    folder = _common_folder(judged)
    for name, content in reports:
        target = output / f"{os.path.relpath(name, folder)}.svrl"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _common_folder(judged: list[Judged]) -> str:
    return os.path.commonpath([Path(one.name).absolute().parent for one in judged])


def _print_findings(judged: list[Judged], language: str, least: Severity) -> None:
    """Each finding on a line that editors and terminals open, then its place, what was found and what would pass."""
    from socle.services.conformance.domain import SEVERITY_NAMES

    found, expected = ("found", "expected") if language == "en" else ("trouvé", "attendu")
    for one in judged:
        for finding in one.verdict.findings if one.verdict else ():
            if finding.severity.rank < least.rank:
                continue
            severity = SEVERITY_NAMES[finding.severity].in_language(language)
            print(f"{one.name}:{finding.line}:{finding.column}: {severity} : {finding.message.in_language(language)}")
            print(f"    {finding.requirement} ({finding.layer}, {finding.rule_set} {finding.version})")
            print(f"    {finding.location}")
            if finding.found:
                print(f"    {found} : {finding.found}")
            if wanted := finding.expected.in_language(language):
                print(f"    {expected} : {wanted}")


def _print_verdict(one: Judged, language: str) -> None:
    """The verdict on one document, and the rules that judged it; a table would cost a fifth of the command."""
    from socle.services.conformance.domain import Severity

    if one.verdict is None:
        print(f"{one.name} : {one.refusal.in_language(language) if one.refusal else one.code}")
        return
    verdict = one.verdict
    errors, warnings, notes = (verdict.count(severity) for severity in reversed(Severity))
    judge = ", ".join(rules.identifier for rules in verdict.rule_sets)
    kind = f"{verdict.document_type} {verdict.document_version}".strip()
    if language == "en":
        print(f"{kind}: {'conforms' if one.is_conformant else 'fails'}")
        print(f"errors: {errors}, warnings: {warnings}, information: {notes}, rules not run: {len(verdict.uncovered)}")
        print(f"judged by {judge} (version {verdict.rule_sets[0].version}) in {verdict.duration_ms:.0f} ms")
        return
    print(f"{kind} : {'conforme' if one.is_conformant else 'non conforme'}")
    print(
        f"erreurs : {errors}, avertissements : {warnings}, informations : {notes}, "
        f"règles non évaluées : {len(verdict.uncovered)}"
    )
    print(f"jugé par {judge} (version {verdict.rule_sets[0].version}) en {verdict.duration_ms:.0f} ms")


def _print_table(judged: list[Judged], language: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table

    from socle.services.conformance.domain import Severity

    english = language == "en"
    heads = ("Err.", "Warn", "Info", "Left") if english else ("Err.", "Av.", "Info", "N.é.")
    conforms, fails = ("conforms", "fails") if english else ("conforme", "non conforme")
    table = Table(
        Column("Document", overflow="fold"),
        Column("Type", overflow="fold", max_width=15),
        Column("Verdict", no_wrap=True),
        *(Column(head, justify="right", no_wrap=True) for head in (*heads, "ms")),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    folder = _common_folder(judged)
    for one in judged:
        name = os.path.relpath(one.name, folder)
        if one.verdict is None:
            table.add_row(name, "", f"[red]{'refused' if english else 'refusé'}[/red]", "", "", "", "", "")
            continue
        verdict = one.verdict
        table.add_row(
            name,
            f"{verdict.document_type} {verdict.document_version}".strip(),
            f"[green]{conforms}[/green]" if verdict.is_conformant else f"[red]{fails}[/red]",
            *(str(verdict.count(severity)) for severity in reversed(Severity)),
            str(len(verdict.uncovered)),
            f"{verdict.duration_ms:.0f}",
        )
    Console().print(table)
    passing = sum(one.is_conformant for one in judged)
    print(f"{passing} / {len(judged)} {'conform' if english else 'conformes'}")
    for one in judged:
        if one.refusal is not None:
            print(f"{one.name} : {one.refusal.in_language(language)}")
