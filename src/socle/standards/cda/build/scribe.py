"""Sections: codes and templates from ``data/sections.toml``, narrative tables whose cells entries point to."""

from __future__ import annotations

import re
import tomllib
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Final

import msgspec
from lxml import etree

from socle.standards.cda.build.writer import Nodes, cda, concept, identifier, templates
from socle.standards.cda.datatypes import Concept, Identifier

LOINC: Final = "2.16.840.1.113883.6.1"


class SectionModel(msgspec.Struct, frozen=True):
    """What the content model fixes of a section."""

    code: str
    label: str
    title: str
    templates: tuple[str, ...]
    system: str = LOINC


def _load_models() -> dict[str, SectionModel]:
    table = tomllib.loads(resources.files("socle.standards.cda").joinpath("data/sections.toml").read_text("utf-8"))
    prefixes = table.pop("prefixes")
    return {
        name: SectionModel(
            code=row["code"],
            label=row["label"],
            title=row["title"],
            templates=tuple(expand(template, prefixes) for template in row["templates"]),
            system=row.get("system", LOINC),
        )
        for name, row in table.items()
    }


def expand(template: str, prefixes: dict[str, str]) -> str:
    """``FRS.29`` → its OID; a whole OID is left as it is."""
    prefix, _, rest = template.partition(".")
    return f"{prefixes[prefix]}.{rest}" if prefix in prefixes else template


MODELS: Final = _load_models()


class Cell(msgspec.Struct, frozen=True):
    """A narrative cell that entries refer to by ``anchor``."""

    text: str
    anchor: str


Row = Sequence[str | Cell]


class Scribe:
    """Gives out narrative anchors and identifiers while one document is written: the same input, the same document."""

    def __init__(self, document_id: str) -> None:
        self._namespace = uuid.uuid5(uuid.NAMESPACE_OID, document_id)
        self._anchors: Counter[str] = Counter()
        self._identifiers = 0

    def anchor(self, kind: str) -> str:
        """A new narrative id such as ``problem-2``."""
        self._anchors[kind] += 1
        return f"{kind}-{self._anchors[kind]}"

    def identifier(self, given: Identifier | None = None) -> etree._Element:
        """``id``: the one given, else a new UUID that only depends on the document."""
        if given is None:
            self._identifiers += 1
            given = Identifier(str(uuid.uuid5(self._namespace, str(self._identifiers))).upper())
        written = identifier(given)
        assert written is not None
        return written

    def section(
        self,
        model: SectionModel | str,
        text: Nodes | str,
        *,
        entries: Iterable[etree._Element] = (),
        subsections: Iterable[etree._Element] = (),
        title: str = "",
        with_text: bool = True,
    ) -> etree._Element:
        """``component/section`` of a model by its name in ``data/sections.toml``."""
        if isinstance(model, str):
            model = MODELS[model]
        return cda(
            "component",
            cda(
                "section",
                templates(*model.templates),
                self.identifier(),
                concept("code", Concept(model.code, model.system, model.label)),
                cda("title", title or model.title),
                cda("text", *(text if isinstance(text, list) else [text])) if with_text else None,
                entries,
                subsections,
            ),
        )


def reference(anchor: str) -> etree._Element:
    """``text`` of an entry: a pointer to the narrative."""
    return cda("text", cda("reference", value=f"#{anchor}"))


def table(columns: Sequence[str], rows: Iterable[Row]) -> etree._Element:
    """A narrative table with its header row; a ``Cell`` is written with its ``ID``, an empty column left out."""
    rows = list(rows)
    kept = [rank for rank in range(len(columns)) if any(row[rank] for row in rows)]
    columns = [columns[rank] for rank in kept]
    rows = [[row[rank] for rank in kept] for row in rows]
    return cda(
        "table",
        cda("thead", cda("tr", [cda("th", column) for column in columns])),
        cda("tbody", [cda("tr", [_cell(cell) for cell in row]) for row in rows]),
        border="0",
    )


def facts(title: Cell, pairs: Iterable[tuple[str, str | Cell]]) -> etree._Element:
    """A narrative table of one thing: its title as header, then a labelled row for each fact that is stated."""
    rows = [
        cda("tr", cda("th", label), _cell(value))
        for label, value in pairs
        if (value.text if isinstance(value, Cell) else value)
    ]
    head = cda("tr", cda("th", cda("content", printable(title.text), ID=title.anchor), colspan="2"))
    return cda(
        "table", cda("thead", head), cda("tbody", rows) if rows else cda("tbody", cda("tr", cda("td"))), border="0"
    )


def paragraphs(text: str) -> list[etree._Element]:
    """One ``paragraph`` a line of ``text``."""
    return [cda("paragraph", line.strip()) for line in text.splitlines() if line.strip()]


def _cell(cell: str | Cell) -> etree._Element:
    if isinstance(cell, Cell):
        return cda("td", cda("content", printable(cell.text), ID=cell.anchor))
    return cda("td", printable(cell))


_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def printable(text: str) -> str:
    """``text`` without the characters that XML cannot hold."""
    return _CONTROL.sub("", text)
