"""The matrice d'habilitation: which profession reads and deposits which type of document.

The table is ``matrice_habilitation.csv``, written to be read by a lawyer; an operator puts another file in its place.
What the table does not hold is refused.

Source: arrêtés of 26 October 2023; fact sheet "dmp-exchange" §6.3. Which cells are established is told by their case.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from socle.platform.actor import Actor, ActorKind
from socle.standards.errors import MalformedInput, Text

#: Short names of the nomenclatures in the head of the table.
NOMENCLATURES: Final = {
    "1.2.250.1.71.1.2.7": "G15",
    "1.2.250.1.71.1.2.8": "G16",
    "1.2.250.1.213.1.1.4.6": "A00",
    "1.2.250.1.213.1.6.1.4": "R94",
    "1.2.250.1.213.1.6.1.109": "R95",
    "1.2.250.1.213.1.6.1.107": "R85",
}
#: The columns under which the citizen's side and software without a person deposit.
CITIZEN: Final = "A00/EXP_PATIENT"
SOFTWARE: Final = "A00/AUTOMATE"
_CELLS: Final = frozenset({"l", "e", "le", "n", "ne"})
_FIXED_COLUMNS: Final = 4


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """The table, by column: sets of document types as ``code^^system``."""

    version: str
    source: str
    labels: dict[str, str]
    #: Labels of the document types, in the order of the file.
    types: dict[str, str]
    readable: dict[str, frozenset[str]]
    writable: dict[str, frozenset[str]]

    def may_read(self, column: str, type_key: str) -> bool:
        """Whether the profession ``column`` reads documents of the type.

        >>> default_matrix().may_read("G15/10", "11502-2^^2.16.840.1.113883.6.1")
        True
        """
        return type_key in self.readable.get(column, frozenset())

    def may_deposit(self, column: str, type_key: str) -> bool:
        """Whether the profession ``column`` deposits documents of the type."""
        return type_key in self.writable.get(column, frozenset())

    def rights(self, column: str, type_key: str) -> str:
        """What the profession may do with the type: ``L``, ``E``, ``LE`` or nothing."""
        return "L" * self.may_read(column, type_key) + "E" * self.may_deposit(column, type_key)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What another matrix says otherwise of one profession and one type."""

    column: str
    label: str
    type_key: str
    type_label: str
    before: str
    after: str


def compare(before: Matrix, after: Matrix) -> list[Change]:
    """What ``after`` changes, in the order of its professions and types; what it lost comes last."""
    columns, types = before.labels | after.labels, after.types | before.types
    order = list(dict.fromkeys([*after.labels, *before.labels]))
    return [
        Change(column=column, label=columns[column], type_key=kind, type_label=types[kind], before=was, after=now)
        for column in order
        for kind in types
        if (was := before.rights(column, kind)) != (now := after.rights(column, kind))
    ]


def missing_in(matrix: Matrix, reference: Matrix) -> list[str]:
    """Professions and types of ``reference`` that ``matrix`` does not hold: refused to everybody, or to all of them."""
    return [
        *(f"{column} {label}" for column, label in reference.labels.items() if column not in matrix.labels),
        *(f"{label} ({kind})" for kind, label in reference.types.items() if kind not in matrix.types),
    ]


def column_of(actor: Actor) -> str:
    """The column of ``actor``, as ``G15/10``; one that is in no table for a profession that is unknown."""
    if actor.kind in {ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.DELEGATE}:
        return CITIZEN
    if actor.kind is ActorKind.SYSTEM and not actor.profession:
        return SOFTWARE
    return f"{NOMENCLATURES.get(actor.profession_system, '?')}/{actor.profession}"


def read_matrix(text: str) -> Matrix:
    """Reads the table. Raises ``MalformedInput`` (``InvalidMatrix``) naming the line that is wrong."""
    comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    told = {key: value.strip() for key, _, value in (line.partition(":") for line in comments)}
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line and not line.startswith("#")]
    rows = list(csv.reader((line for _, line in lines), delimiter=";"))
    if not rows or len(rows[0]) < _FIXED_COLUMNS + 2:
        raise _wrong_line(1, "l'en-tête", "the header")
    heads = rows[0][_FIXED_COLUMNS:-1]
    columns = [head.partition(" ")[0] for head in heads]
    readable: dict[str, set[str]] = {column: set() for column in columns}
    writable: dict[str, set[str]] = {column: set() for column in columns}
    for (number, _), row in zip(lines[1:], rows[1:], strict=True):
        cells = [cell.lower() for cell in row[_FIXED_COLUMNS:-1]]
        if len(cells) != len(columns) or not _CELLS.issuperset(cells):
            raise _wrong_line(number, "chaque case vaut L, E, LE, N ou NE", "each cell is L, E, LE, N or NE")
        for column, cell in zip(columns, cells, strict=True):
            if "l" in cell:
                readable[column].add(f"{row[0]}^^{row[1]}")
            if "e" in cell:
                writable[column].add(f"{row[0]}^^{row[1]}")
    return Matrix(
        version=told.get("Version", ""),
        source=told.get("Source", ""),
        types={f"{row[0]}^^{row[1]}": row[2] for row in rows[1:]},
        labels={column: head.partition(" ")[2] for column, head in zip(columns, heads, strict=True)},
        readable={column: frozenset(types) for column, types in readable.items()},
        writable={column: frozenset(types) for column, types in writable.items()},
    )


def load_matrix(path: str = "") -> Matrix:
    """The table of the file ``path``, or the project's own if empty. Raises ``MalformedInput``."""
    if not path:
        return default_matrix()
    try:
        return read_matrix(Path(path).read_text("utf-8-sig"))
    except (OSError, UnicodeError) as error:
        raise MalformedInput(
            "InvalidMatrix",
            Text("Le fichier de la matrice ne se lit pas (UTF-8).", "The file of the matrix cannot be read (UTF-8)."),
            location=path,
        ) from error


@cache
def default_matrix() -> Matrix:
    """The project's own table."""
    file = resources.files("socle.services.dmp").joinpath("matrice_habilitation.csv")
    return read_matrix(file.read_text("utf-8"))


def _wrong_line(number: int, french: str, english: str) -> MalformedInput:
    return MalformedInput(
        "InvalidMatrix",
        Text(f"Matrice d'habilitation, ligne {number} : {french}.", f"Habilitation matrix, line {number}: {english}."),
        location=f"line {number}",
    )
