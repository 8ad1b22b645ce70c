"""Laboratory results over years, for curves: what is measured, its usual range, how it moves."""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec

from socle.standards.cda.build import Chapter
from socle.standards.cda.clinical import Observation, ReferenceRange
from socle.standards.cda.datatypes import Concept, Interval, Moment, Quantity, QuantityRange

_LOINC: Final = "2.16.840.1.113883.6.1"
_INTERPRETATION: Final = "2.16.840.1.113883.5.83"

HAEMATOLOGY: Final = Concept("18723-7", _LOINC, "Hématologie")
BIOCHEMISTRY: Final = Concept("18719-5", _LOINC, "Biochimie")
BLOOD_COUNT: Final = Concept("58410-2", _LOINC, "Hémogramme")


class Analyte(msgspec.Struct, frozen=True):
    """A test: its LOINC code and labels, its UCUM unit, its range, and its decimals."""

    code: str
    label: str
    name: str
    unit: str
    low: float | None
    high: float | None
    decimals: int = 1
    panel: Concept | None = None


ANALYTES: Final = {
    analyte.code: analyte
    for analyte in (
        Analyte(
            "718-7", "Hémoglobine [Masse/Volume] Sang ; Numérique", "Hémoglobine", "g/dL", 12.0, 16.0, 1, BLOOD_COUNT
        ),
        Analyte(
            "789-8", "Erythrocytes [Nombre/Volume] Sang ; Numérique", "Hématies", "10*12/L", 4.0, 5.7, 2, BLOOD_COUNT
        ),
        Analyte(
            "6690-2", "Leucocytes [Nombre/Volume] Sang ; Numérique", "Leucocytes", "10*9/L", 4.0, 10.0, 1, BLOOD_COUNT
        ),
        Analyte(
            "777-3", "Plaquettes [Nombre/Volume] Sang ; Numérique", "Plaquettes", "10*9/L", 150, 400, 0, BLOOD_COUNT
        ),
        Analyte("14749-6", "Glucose [Moles/Volume] Sérum/Plasma ; Numérique", "Glycémie à jeun", "mmol/L", 4.1, 6.1, 1),
        Analyte("4548-4", "Hémoglobine A1c/Hémoglobine totale [Rapport] Sang", "HbA1c", "%", 4.0, 6.0, 1),
        Analyte("14682-9", "Créatinine [Moles/Volume] Sérum/Plasma ; Numérique", "Créatinine", "umol/L", 62, 106, 0),
        Analyte("2276-4", "Ferritine [Masse/Volume] Sérum/Plasma ; Numérique", "Ferritine", "ug/L", 15, 150, 0),
        Analyte("22748-8", "Cholestérol LDL [Moles/Volume] Sérum/Plasma", "LDL-cholestérol", "mmol/L", None, 3.0, 1),
        Analyte(
            "3016-3", "Thyréostimuline [Arbitraire/Volume] Sérum/Plasma ; Numérique", "TSH", "m[IU]/L", 0.27, 4.2, 2
        ),
    )
}


def chapters(
    values: dict[str, float], time: Moment, random: Random, before: tuple[dict[str, float], Moment] | None = None
) -> list[Chapter]:
    """The chapters of a report of ``values`` by LOINC code, within one percent; ``before`` is the last report."""
    found: dict[Concept, list[Observation]] = {}
    for code, value in values.items():
        analyte = ANALYTES[code]
        chapter = HAEMATOLOGY if analyte.panel else BIOCHEMISTRY
        previous: tuple[Observation, ...] = ()
        if before is not None and code in before[0]:
            previous = (_observation(analyte, before[0][code], before[1], chapter),)
        measured = value * (1 + random.uniform(-0.01, 0.01))
        observation = _observation(analyte, measured, time, chapter)
        found.setdefault(chapter, []).append(
            msgspec.structs.replace(observation, previous=previous, interpretation=_interpretation(analyte, measured))
        )
    return [Chapter(chapter, tuple(results)) for chapter, results in found.items()]


def _observation(analyte: Analyte, value: float, time: Moment, chapter: Concept) -> Observation:
    bounds = QuantityRange(_quantity(analyte.low, analyte), _quantity(analyte.high, analyte))
    return Observation(
        code=Concept(analyte.code, _LOINC, analyte.label),
        value=_quantity(value, analyte),
        time=Interval(value=time),
        reference_ranges=(ReferenceRange(bounds),),
        panel=analyte.panel,
        chapter=chapter,
        text=analyte.name,
        section=chapter.code,
    )


def _quantity(value: float | None, analyte: Analyte) -> Quantity | None:
    return None if value is None else Quantity(f"{value:.{analyte.decimals}f}", analyte.unit)


def _interpretation(analyte: Analyte, value: float) -> Concept:
    if analyte.low is not None and value < analyte.low:
        return Concept("L", _INTERPRETATION, "Anormalement bas")
    if analyte.high is not None and value > analyte.high:
        return Concept("H", _INTERPRETATION, "Anormalement élevé")
    return Concept("N", _INTERPRETATION, "Normal")
