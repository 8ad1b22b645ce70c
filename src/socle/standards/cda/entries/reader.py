"""One pass over a document: which elements are entries of which kind, then each read by its reader."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib import resources
from typing import Any, Final

from lxml import etree

from socle.standards.cda.clinical import Attachment, ClinicalContent, Section
from socle.standards.cda.datatypes import V3, Concept, child, children, read_concept, text_of
from socle.standards.cda.document import CdaDocument, EmbeddedFile, open_document, read_embedded_file
from socle.standards.cda.entries.conditions import read_allergy, read_family_history, read_problem, read_procedure
from socle.standards.cda.entries.medications import (
    read_device,
    read_dispensation,
    read_medication,
    read_vaccination,
)
from socle.standards.cda.entries.values import read_observation
from socle.standards.cda.narrative import Narrative, plain_lines
from socle.standards.errors import NotFound, Text


def _load_registry() -> dict[str, tuple[int, str]]:
    """TemplateId → (rank of its kind, kind)."""
    table = tomllib.loads(resources.files("socle.standards.cda").joinpath("data/entries.toml").read_text("utf-8"))
    registry: dict[str, tuple[int, str]] = {}
    for rank, kind in enumerate(table["kind"]):
        for template in kind["templates"]:
            prefix, _, rest = template.partition(".")
            registry[f"{table['prefixes'][prefix]}.{rest}"] = (rank, kind["name"])
    return registry


_REGISTRY: Final = _load_registry()

#: Kind → field of ``ClinicalContent`` and the reader. Kinds that are not here are read with their parent.
_READERS: Final[dict[str, tuple[str, Callable[[etree._Element, Narrative, str], Any]]]] = {
    "vaccination": ("vaccinations", read_vaccination),
    "dispensation": ("dispensations", read_dispensation),
    "medication": ("medications", read_medication),
    "allergy": ("allergies", read_allergy),
    "family_history": ("family_history", read_family_history),
    "problem": ("problems", read_problem),
    "result": ("results", read_observation),
    "vital_sign": ("vital_signs", read_observation),
    "social_history": ("social_history", read_observation),
    "pregnancy": ("pregnancies", read_observation),
    "device": ("devices", read_device),
    "procedure": ("procedures", read_procedure),
    "observation": ("observations", read_observation),
}
#: An element of the first kind inside one of the second belongs to it and is no entry of its own.
_NESTED: Final = frozenset(
    {
        ("medication", "dispensation"),
        ("problem", "allergy"),
        ("problem", "vaccination"),
        ("problem", "family_history"),
        ("result", "result"),
        ("observation", "medication"),
        ("observation", "device"),
        ("observation", "allergy"),
        ("observation", "problem"),
        ("observation", "result"),
        ("medication", "medication"),
        ("medication", "vaccination"),
        ("medication", "ignored"),
    }
)


def read_clinical_content(source: bytes | etree._Element | CdaDocument) -> ClinicalContent:
    """All sections and coded entries of the CDA in ``source``. Raises what ``open_document`` raises, nothing else.

    An N1 document has no sections and no entries.
    """
    document = source if isinstance(source, CdaDocument) else open_document(source)
    body = document.body
    if body is None:
        return ClinicalContent()
    narrative = Narrative(body)
    found: dict[str, list[Any]] = {}
    kinds = _kinds(body)
    for element, kind in kinds.items():
        if kind not in _READERS or _belongs_to_another(element, kind, kinds):
            continue
        field, read = _READERS[kind]
        found.setdefault(field, []).append(read(element, narrative, _section_code(element)))
    return ClinicalContent(
        sections=tuple(_read_sections(body, 1)),
        attachments=tuple(_read_attachment_entry(node, narrative) for node in body.iter(V3 + "observationMedia")),
        **{field: tuple(values) for field, values in found.items()},
    )


def read_attachment(source: bytes | etree._Element | CdaDocument, reference: str) -> EmbeddedFile:
    """The file that ``renderMultiMedia`` calls ``reference``; an empty reference is the body of an N1 document.

    Raises ``NotFound`` (code ``NoSuchAttachment``), ``MalformedInput`` on bad base64.
    """
    document = source if isinstance(source, CdaDocument) else open_document(source)
    file = None
    if not reference:
        file = document.embedded_file()
    elif document.body is not None:
        for media in document.body.iter(V3 + "observationMedia"):
            if media.get("ID") == reference:
                file = read_embedded_file(child(media, "value"))
                break
    if file is None:
        raise NotFound(
            "NoSuchAttachment",
            Text("Le document n'a pas de pièce jointe de ce nom.", "The document has no attachment of this name."),
        )
    return file


def _kinds(body: etree._Element) -> dict[etree._Element, str]:
    """Each entry element with its kind, in document order."""
    ranked: dict[etree._Element, tuple[int, str]] = {}
    for template in body.iter(V3 + "templateId"):
        kind = _REGISTRY.get(template.get("root", ""))
        parent = template.getparent()
        if kind is not None and parent is not None and (parent not in ranked or kind < ranked[parent]):
            ranked[parent] = kind
    return {element: kind for element, (_, kind) in ranked.items()}


def _belongs_to_another(element: etree._Element, kind: str, kinds: dict[etree._Element, str]) -> bool:
    return any((kind, kinds.get(ancestor)) in _NESTED for ancestor in element.iterancestors(etree.Element))


def _section_code(element: etree._Element) -> str:
    section = next(element.iterancestors(V3 + "section"), None)
    code = child(section, "code")
    return "" if code is None else code.get("code", "")


def _read_sections(element: etree._Element, level: int) -> list[Section]:
    sections: list[Section] = []
    for component in children(element, "component"):
        section = child(component, "section")
        if section is None:
            continue
        text = child(section, "text")
        sections.append(
            Section(
                code=read_concept(child(section, "code")) or Concept(),
                title=text_of(child(section, "title")),
                level=level,
                template_ids=tuple(node.get("root", "") for node in children(section, "templateId")),
                text="" if text is None else plain_lines(text),
            )
        )
        sections.extend(_read_sections(section, level + 1))
    return sections


def _read_attachment_entry(element: etree._Element, narrative: Narrative) -> Attachment:
    value = child(element, "value")
    kind = None
    for organizer in element.iterancestors(V3 + "organizer"):
        kind = next(
            (
                narrative.concept(child(component, "observation", "value"))
                for component in children(organizer, "component")
                if child(component, "observation") is not None
            ),
            None,
        )
    return Attachment(
        media_type="" if value is None else value.get("mediaType", ""),
        reference=element.get("ID", ""),
        kind=kind,
        section=_section_code(element),
        encoded_size=0 if value is None else len(value.text or ""),
    )
