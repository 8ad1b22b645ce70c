"""`socle cda`: read, show, map and extract CDA documents, without any base running."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.types import ExistingFile

app = App(name="cda", help="Les documents CDA : lire, montrer, convertir, extraire. Rien n'est envoyé.")

Json = Annotated[bool, Parameter(name="--json", help="Écrire le résultat en JSON.")]
Output = Annotated[Path | None, Parameter(name=("-o", "--output"), help="Fichier à écrire ; sinon la sortie standard.")]

_KINDS = (
    ("results", "résultats de biologie"),
    ("vital_signs", "signes vitaux"),
    ("problems", "problèmes"),
    ("allergies", "allergies"),
    ("medications", "traitements"),
    ("dispensations", "dispensations"),
    ("vaccinations", "vaccinations"),
    ("procedures", "actes"),
    ("family_history", "antécédents familiaux"),
    ("social_history", "habitudes de vie"),
    ("pregnancies", "observations de grossesse"),
    ("devices", "dispositifs médicaux"),
    ("observations", "autres observations"),
    ("attachments", "pièces jointes"),
)


@app.command
def read(file: ExistingFile, /, *, json: Json = False) -> None:
    """Dit ce que contient un document : en-tête, sections, entrées codées."""
    from socle.standards.cda.document import open_document
    from socle.standards.cda.entries import read_clinical_content
    from socle.standards.cda.header import read_header
    from socle.standards.cda.words import say_concept, say_moment, say_person

    document = open_document(file.read_bytes())
    header, content = read_header(document), read_clinical_content(document)
    if json:
        _print_json({"header": header, "content": content})
        return
    print(f"{header.title} ({say_concept(header.code)})")
    print(f"  patient : {say_person(header.patient.name)}, né(e) le {say_moment(header.patient.birth_time)}")
    print(f"  créé le : {say_moment(header.effective_time)}")
    for author in header.authors:
        print(f"  auteur  : {say_person(author.assigned.name)}")
    for section in content.sections:
        print(f"{'  ' * section.level}- {section.title or say_concept(section.code)}")
    for kind, words in _KINDS:
        if values := getattr(content, kind):
            print(f"  {len(values)} {words}")


@app.command
def render(
    file: ExistingFile,
    /,
    *,
    output: Output = None,
    format: Annotated[Literal["html", "pdf"], Parameter(help="html, ou pdf balisé (PDF/UA).")] = "html",
    language: Annotated[Literal["fr", "en"], Parameter(help="Langue des libellés.")] = "fr",
) -> None:
    """Montre un document : page HTML sans script, ou PDF."""
    from socle.standards.cda.render import render_page, render_pdf

    content = file.read_bytes()
    if format == "pdf":
        _write(render_pdf(content, language=language), output)
    else:
        _write(render_page(content, language=language).encode(), output)


@app.command
def fhir(file: ExistingFile, /, *, output: Output = None) -> None:
    """Convertit un document en Bundle FHIR R4 de type document (JSON)."""
    from socle.standards.cda.fhir import to_bundle
    from socle.standards.fhir.json_codec import encode_json

    _write(encode_json(to_bundle(file.read_bytes())), output)


@app.command
def metadata(file: ExistingFile, /, *, json: Json = False) -> None:
    """Montre les métadonnées XDS que donne l'en-tête d'un document."""
    from socle.standards.cda.metadata import document_entry_of

    entry = document_entry_of(file.read_bytes())
    if json:
        _print_json(entry)
        return
    for name in entry.__struct_fields__:
        if value := getattr(entry, name):
            print(f"{name:32} {value}")


@app.command
def extract(
    file: ExistingFile,
    reference: Annotated[str, Parameter(help="ID de la pièce ; vide pour le corps N1.")] = "",
    /,
    *,
    output: Output = None,
) -> None:
    """Extrait un fichier embarqué (corps d'un document N1, ou pièce jointe)."""
    from socle.standards.cda.entries import read_attachment

    _write(read_attachment(file.read_bytes(), reference).content, output)


@app.command
def samples(directory: Path, /, *, seed: int = 1, json: Json = False) -> None:
    """Écrit les documents fictifs du bac à sable dans un dossier."""
    from rich.progress import track

    from socle.sandbox.documents import named_documents

    directory.mkdir(parents=True, exist_ok=True)
    names = []
    for document in track(named_documents(seed), description="Documents", disable=json or not sys.stderr.isatty()):
        (directory / document.name).write_bytes(document.content)
        names.append(document.name)
    if json:
        _print_json({"directory": str(directory), "files": names})
    else:
        print(f"{len(names)} documents dans {directory}")


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
    else:
        output.write_bytes(content)


def _print_json(value: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
