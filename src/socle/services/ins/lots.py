"""Lots of a bulk verification as files: semicolon-separated text or JSON lines, UTF-8.

Request line: ``id;matricule;cle;oid;nomNaissance;listePrenoms;sexe;dateNaissance;lieuNaissance``, under a header line.
Answer line: ``id;OK`` or ``id;KO``.

Source: identity fact sheet §2.7 (design); decision 0022.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from socle.services.ins.domain import Claim, Verdict
from socle.standards.errors import MalformedInput, Text

COLUMNS: Final = (
    "id", "matricule", "cle", "oid", "nomNaissance", "listePrenoms", "sexe", "dateNaissance", "lieuNaissance",
)  # fmt: skip


def read_claims(content: bytes) -> list[Claim]:
    """The claims of a file, whichever of the two forms it has.

    Raises ``MalformedInput`` (``LotFile``) with the line in ``location``.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("1", "le fichier n'est pas en UTF-8", "the file is not UTF-8") from None
    return _read_json(text) if text.lstrip().startswith(("{", "[")) else _read_table(text)


def write_claims(claims: Iterable[Claim]) -> bytes:
    """The table that ``read_claims`` reads."""
    output = io.StringIO()
    writer = csv.writer(output, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    for claim in claims:
        writer.writerow(
            (
                claim.id,
                claim.matricule[:13],
                claim.matricule[13:],
                claim.oid,
                claim.birth_name,
                claim.given_names,
                claim.sex,
                claim.birth_date,
                claim.birth_place,
            )
        )
    return output.getvalue().encode()


def write_verdicts(verdicts: Sequence[Verdict]) -> bytes:
    r"""One line for each claim, in their order.

    >>> write_verdicts([Verdict("7", True)])
    b'id;resultat\n7;OK\n'
    """
    output = io.StringIO()
    writer = csv.writer(output, delimiter=";", lineterminator="\n")
    writer.writerow(("id", "resultat"))
    writer.writerows((verdict.id, "OK" if verdict.is_right else "KO") for verdict in verdicts)
    return output.getvalue().encode()


def _read_table(text: str) -> list[Claim]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";", restkey="", restval="")
    try:
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise _refused("1", f"colonnes absentes : {sorted(missing)}", f"missing columns: {sorted(missing)}")
        return [
            Claim(
                id=row["id"].strip(),
                matricule=(row["matricule"] + row["cle"]).replace(" ", "").upper(),
                oid=row["oid"].strip(),
                birth_name=row["nomNaissance"],
                given_names=row["listePrenoms"],
                sex=row["sexe"].strip(),
                birth_date=row["dateNaissance"].strip(),
                birth_place=row["lieuNaissance"].strip(),
            )
            for row in reader
        ]
    except csv.Error:
        raise _refused(str(reader.line_num), "la ligne est illisible", "the line cannot be read") from None


def _read_json(text: str) -> list[Claim]:
    if text.lstrip().startswith("["):
        try:
            return msgspec.json.decode(text, type=list[Claim])
        except msgspec.DecodeError as error:
            raise _refused("1", str(error), str(error)) from None
    claims = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                claims.append(msgspec.json.decode(line, type=Claim))
            except msgspec.DecodeError as error:
                raise _refused(str(number), str(error), str(error)) from None
    return claims


def _refused(line: str, why_fr: str, why_en: str) -> MalformedInput:
    return MalformedInput(
        "LotFile",
        Text(f"Le fichier du lot ne peut être lu : {why_fr}.", f"The file of the lot cannot be read: {why_en}."),
        location=f"line {line}",
        remedy=Text(f"Colonnes : {';'.join(COLUMNS)}.", f"Columns: {';'.join(COLUMNS)}."),
    )
