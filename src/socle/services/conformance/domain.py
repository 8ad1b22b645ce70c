"""What conformance speaks of: findings, verdicts, document types, the state of an installed kit."""

from __future__ import annotations

import tomllib
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from socle.standards.errors import SocleError, Text
from socle.standards.schematron.schema import Defect

#: Short names of the template prefixes, as the fact sheets and our rule packs write them.
PREFIXES: Final = {
    "HL7FR": "2.16.840.1.113883.2.8.2.1",
    "CISIS": "1.2.250.1.213.1.1.1.1",
    "N1": "1.3.6.1.4.1.19376.1.2.20",
    "DOC.": "1.2.250.1.213.1.1.1.",
    "FRS.": "1.2.250.1.213.1.1.2.",
    "FRE.": "1.2.250.1.213.1.1.3.",
    "PCC.": "1.3.6.1.4.1.19376.1.5.3.1.",
    "CCD.": "2.16.840.1.113883.10.20.1.",
    "LAB.": "1.3.6.1.4.1.19376.1.3.",
    "PLM.": "1.3.6.1.4.1.19376.1.3.10.",
    "PAT.": "1.3.6.1.4.1.19376.1.8.1.",
    "PHM.": "1.3.6.1.4.1.19376.1.9.1.",
    "QRP.": "1.3.6.1.4.1.19376.1.7.3.1.",
    "EYE.": "1.3.6.1.4.1.19376.1.12.1.",
    "CAR.": "1.3.6.1.4.1.19376.1.4.1.",
    "DIC.": "1.2.840.10008.9.",
    "IPS.": "2.16.840.1.113883.10.22.",
}


def oid_of(short: str) -> str:
    """The OID of a short template name; an OID stays as it is.

    >>> oid_of("FRS.75")
    '1.2.250.1.213.1.1.2.75'
    """
    if short in PREFIXES:
        return PREFIXES[short]
    prefix, dot, rest = short.partition(".")
    return PREFIXES[prefix + dot] + rest if prefix + dot in PREFIXES else short


class Severity(StrEnum):
    """How much a finding weighs; ``rank`` orders them."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 information, 1 warning, 2 error."""
        return list(Severity).index(self)


class Layer(StrEnum):
    """The part of the rules that a finding comes from."""

    XSD = "xsd"
    HEADER = "header"
    IHE = "ihe"
    FRENCH = "french"
    ANS = "ans"
    TERMINOLOGY = "terminology"
    DOCUMENT = "document"
    SENSE = "sense"
    METADATA = "metadata"


LAYER_NAMES: Final = {
    Layer.XSD: Text("Structure XML (schéma)", "XML structure (schema)"),
    Layer.HEADER: Text("En-tête", "Header"),
    Layer.IHE: Text("Sections et entrées IHE", "IHE sections and entries"),
    Layer.FRENCH: Text("Modèles français et jeux de valeurs", "French models and value sets"),
    Layer.ANS: Text("Modèles de l'ANS", "ANS models"),
    Layer.TERMINOLOGY: Text("Terminologies", "Terminologies"),
    Layer.DOCUMENT: Text("Volet", "Document type"),
    Layer.SENSE: Text("Cohérence", "Good sense"),
    Layer.METADATA: Text("Métadonnées XDS", "XDS metadata"),
}

SEVERITY_NAMES: Final = {
    Severity.ERROR: Text("Erreur", "Error"),
    Severity.WARNING: Text("Avertissement", "Warning"),
    Severity.INFORMATION: Text("Information", "Information"),
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that does not conform, and what would."""

    layer: Layer
    severity: Severity
    rule_set: str
    version: str
    requirement: str
    message: Text
    location: str = ""
    line: int = 0
    column: int = 0
    found: str = ""
    expected: Text = Text("", "")
    test: str = ""
    is_report: bool = False


class Uncovered(msgspec.Struct, frozen=True):
    """A rule that was not evaluated, and why: a verdict never hides it."""

    layer: Layer
    rule: str
    reason: Text


class RuleSet(msgspec.Struct, frozen=True, order=True):
    """A rule set that judged the document."""

    layer: str
    identifier: str
    version: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules in force say of one document."""

    document_type: str
    document_version: str
    rule_sets: list[RuleSet]
    findings: list[Finding]
    uncovered: list[Uncovered] = msgspec.field(default_factory=list)
    duration_ms: float = 0.0

    @property
    def is_conformant(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    @property
    def severity(self) -> Severity | None:
        """The heaviest finding, None when there is none."""
        return max((finding.severity for finding in self.findings), key=lambda one: one.rank, default=None)

    def count(self, severity: Severity) -> int:
        """How many findings have that severity."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def remark(self) -> Text | None:
        """One sentence for whoever sent the document; none when no finding is an error or a warning."""
        errors, warnings = self.count(Severity.ERROR), self.count(Severity.WARNING)
        if not errors and not warnings:
            return None
        first = max(self.findings, key=lambda finding: finding.severity.rank)
        judged = f"{self.document_type} {self.document_version}".strip()
        return Text(
            f"Conformité ({judged}) : {errors} erreur(s), {warnings} avertissement(s) ; d'abord {first.requirement}, "
            f"ligne {first.line} : {first.message.fr}",
            f"Conformance ({judged}): {errors} error(s), {warnings} warning(s); first {first.requirement}, "
            f"line {first.line}: {first.message.en}",
        )


class Judged(msgspec.Struct, frozen=True):
    """A file and what became of it: a verdict, or the refusal that says why there is none."""

    name: str
    verdict: Verdict | None
    refusal: Text | None = None
    code: str = ""

    @property
    def is_conformant(self) -> bool:
        """Whether there is a verdict without error."""
        return self.verdict is not None and self.verdict.is_conformant


def refused(name: str, error: SocleError) -> Judged:
    """A file that could not be judged."""
    return Judged(name, None, Text(error.sentence("fr"), error.sentence("en")), error.code)


class DocumentType(msgspec.Struct, frozen=True):
    """A type of document of the CI-SIS."""

    name: str
    title: Text
    codes: tuple[str, ...]
    templates: tuple[str, ...]
    versions: tuple[str, ...]
    extensions: dict[str, str]

    def version_for(self, extension: str, day: date | None) -> str:
        """The model version a document is judged by.

        The one its ``templateId`` names; else the newest in force on the document's ``day``; else the oldest.
        """
        named = self.extensions.get(extension, extension)
        if named in self.versions or not self.versions:
            return named if self.versions else ""
        in_force = [version for version in self.versions if day is None or _year(version) <= day.year]
        return in_force[-1] if in_force else self.versions[0]


def _year(version: str) -> int:
    return int(version.rpartition("_")[2][:4])


@cache
def document_types() -> dict[str, DocumentType]:
    """Every known type, by name."""
    text = resources.files(__package__).joinpath("data", "document_types.toml").read_text("utf-8")
    return {
        name: DocumentType(
            name=name,
            title=Text(row["fr"], row["en"]),
            codes=tuple(row["codes"]),
            templates=tuple(map(oid_of, row["templates"])),
            versions=tuple(row["versions"]),
            extensions=row.get("extensions", {}),
        )
        for name, row in tomllib.loads(text).items()
    }


class KitReport(msgspec.Struct, frozen=True, kw_only=True):
    """An installed official kit: what it holds, what in it is broken, what could not be compiled."""

    digest: str
    installed_at: str
    layers: dict[str, str]
    documents: dict[str, str]
    rules: int
    checks: int
    value_sets: int
    defects: list[Defect]
    uncovered: list[Uncovered]
