"""The message of the INS datamatrix: 26 characters of header, then zones ``S1`` to ``S7``.

A reading is a candidate identity, never a proof: INSi verifies it, and a person checks a document, before it is used.

Source: identity fact sheet §3; 2D-Doc v4 for the layout of the header.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

import msgspec

from socle.standards.errors import InvalidContent, MalformedInput, Text
from socle.standards.ids.ins import AUTHORITIES, Ins, is_valid_matricule
from socle.standards.ids.traits import Traits

GROUP: Final = "\x1d"
UNIT: Final = "\x1f"
#: Header of a code without signature.
UNSIGNED_HEADER: Final = "IS01" + "0" * 22
#: Longest message read: all zones at their longest, a signature, and room for what is not known yet.
MAX_CHARACTERS: Final = 2000

_HEADER_LENGTH: Final = 26
#: Zone → length, and whether it ends there whatever follows.
_ZONES: Final = {
    "S1": (15, True),
    "S2": (20, False),
    "S3": (100, False),
    "S4": (100, False),
    "S5": (1, True),
    "S6": (10, True),
    "S7": (5, True),
}
_REQUIRED: Final = ("S1", "S2", "S3", "S4", "S5", "S6")
_HEADER = re.compile(r"IS[0-9]{2}[0-9A-Z ]{22}")
#: What scanners that type send in place of the separators.
_SPELT: Final = (("<GS>", GROUP), ("^]", GROUP), ("<US>", UNIT), ("^_", UNIT))
_NEXT_ZONE = re.compile(r"S[1-7]")
_MATRICULE = re.compile(r"[0-9][0-9AB]{14}")
_FRENCH_DATE = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})")
_EPOCH: Final = date(2000, 1, 1)


class InsDatamatrix(msgspec.Struct, frozen=True, kw_only=True):
    """What the code carries. ``header`` is that of an unsigned code unless a reader found another."""

    ins: Ins
    traits: Traits
    header: str = UNSIGNED_HEADER

    @property
    def version(self) -> int:
        """Version of the message format."""
        return int(self.header[2:4])

    @property
    def issued_on(self) -> date | None:
        """Issue date of the document, when it is told (days since 2000-01-01, hexadecimal)."""
        try:
            days = int(self.header[12:16], 16)
        except ValueError:
            return None
        return _EPOCH + timedelta(days=days) if days else None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A message read. ``warnings`` says what was mended or looks wrong; ``signature`` is kept raw, unchecked."""

    content: InsDatamatrix
    warnings: tuple[Text, ...] = ()
    signature: str = ""
    #: What followed the known zones.
    rest: str = ""


def write_datamatrix(content: InsDatamatrix) -> str:
    """The message to print, zones in order ``S1`` to ``S7``.

    Raises ``InvalidContent`` when a zone is too long: the code would be cut.

    >>> traits = Traits.of("D'ARCY-BELLEC", "JEANNE", "F", "1984-07-17", "69383")
    >>> message = write_datamatrix(InsDatamatrix(ins=Ins("284076938304258", "1.2.250.1.213.1.4.10"), traits=traits))
    >>> message.replace(GROUP, "<GS>")[26:]
    "S1284076938304258S21.2.250.1.213.1.4.10S3JEANNE<GS>S4D'ARCY-BELLEC<GS>S5FS617-07-1984S769383"
    """
    traits = content.traits
    year, month, day = traits.birth_date.split("-")
    values = {
        "S1": content.ins.matricule,
        "S2": content.ins.oid,
        "S3": traits.given_names,
        "S4": traits.birth_name,
        "S5": traits.sex.value,
        "S6": f"{day}-{month}-{year}",
        "S7": traits.birth_place or "",
    }
    written = content.header
    for zone, value in values.items():
        length, is_fixed = _ZONES[zone]
        if not value and zone not in _REQUIRED:
            continue
        if len(value) > length or (is_fixed and len(value) != length) or not value:
            raise InvalidContent(
                "DatamatrixZone",
                Text(f"La zone {zone} n'a pas la longueur voulue.", f"Zone {zone} does not have the right length."),
                location=zone,
                requirement="Datamatrix INS",
            )
        written += zone + value + ("" if len(value) == length else GROUP)
    return written


def read_datamatrix(message: str) -> Reading:
    """What a scanned or typed message says, zones in any order, separators however they were sent.

    Raises ``MalformedInput`` (``InsDatamatrix``) when it is no INS code or lacks a zone, ``InvalidContent`` when a
    trait is not one.
    """
    if len(message) > MAX_CHARACTERS:
        raise _refused("le message est trop long", "the message is too long")
    for spelt, separator in _SPELT:
        message = message.replace(spelt, separator)
    message = message.strip("\r\n\t ")
    header, zones = message[:_HEADER_LENGTH], message[_HEADER_LENGTH:]
    if _HEADER.fullmatch(header) is None:
        raise _refused("l'en-tête n'est pas celui d'un code INS", "the header is not that of an INS code")
    zones, _, signature = zones.partition(UNIT)
    values, rest, warnings = _read_zones(zones)
    missing = [zone for zone in _REQUIRED if not values.get(zone)]
    if missing:
        raise _refused(f"zones absentes : {', '.join(missing)}", f"missing zones: {', '.join(missing)}")
    born = _FRENCH_DATE.fullmatch(values["S6"])
    if born is None or values["S2"] not in AUTHORITIES:
        raise _refused("la date ou l'OID n'en est pas", "the date or the OID is not one")
    if _MATRICULE.fullmatch(values["S1"]) is None:
        raise _refused("le matricule n'en est pas un", "the matricule is not one")
    if not is_valid_matricule(values["S1"]):
        warnings.append(Text("La clé du matricule est fausse.", "The key of the matricule is wrong."))
    traits = Traits.of(values["S4"], values["S3"], values["S5"], f"{born[3]}-{born[2]}-{born[1]}", values.get("S7", ""))
    content = InsDatamatrix(ins=Ins(values["S1"], values["S2"]), traits=traits, header=header)
    return Reading(content=content, warnings=tuple(warnings), signature=signature, rest=rest)


def _read_zones(text: str) -> tuple[dict[str, str], str, list[Text]]:
    """Zones by id, what followed them unknown, and what had to be mended."""
    values: dict[str, str] = {}
    warnings: list[Text] = []
    while text:
        zone = text[:2].upper()
        if zone not in _ZONES or zone in values:
            return values, text, warnings
        value, text = _take(zone, text[2:], warnings)
        values[zone] = value.upper()
    return values, "", warnings


def _take(zone: str, text: str, warnings: list[Text]) -> tuple[str, str]:
    length, is_fixed = _ZONES[zone]
    if is_fixed:
        # A separator is not due here; one that is there is forgiven.
        return text[:length], text[length:].removeprefix(GROUP)
    end = text.find(GROUP, 0, length + 1)
    if end >= 0:
        return text[:end], text[end + 1 :]
    cut = _NEXT_ZONE.search(text, 0, length + 2)
    if cut is None or cut.start() == length:
        return text[:length], text[length:]
    # No name and no OID holds a letter followed by a digit: the separator was lost on the way.
    warnings.append(Text(f"Séparateur perdu après la zone {zone}.", f"The separator after zone {zone} was lost."))
    return text[: cut.start()], text[cut.start() :]


def _refused(why_fr: str, why_en: str) -> MalformedInput:
    return MalformedInput(
        "InsDatamatrix",
        Text(f"Ce n'est pas un datamatrix INS : {why_fr}.", f"This is not an INS datamatrix: {why_en}."),
        requirement="Datamatrix INS, EXI REC 02",
    )
