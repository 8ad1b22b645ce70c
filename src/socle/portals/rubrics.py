"""The chapters under which people look for documents, and what each type is called there.

Source: fact sheet "citizen" §4.2; types of JDV_J07.
"""

from __future__ import annotations

from typing import Final

import msgspec

from socle.standards.xds.model import DocumentEntry


class Rubric(msgspec.Struct, frozen=True):
    """One chapter: its name (French, a key of the catalogue) and the types of document in it."""

    key: str
    name: str
    types: frozenset[str]


def _rubric(key: str, name: str, types: str) -> Rubric:
    return Rubric(key, name, frozenset(types.split()))


RUBRICS: Final = (
    _rubric(
        "ordonnances",
        "Ordonnances et soins",
        "57833-6 57832-8 57828-6 PRESC-BIO PRESC-KINE PRESC-INF PRESC-PEDI PRESC-ORTHOPHO PRESC-ORTHOPTIE PRESC-AAT "
        "55115-0 75496-0 60593-1 DISP_AUT PROT_ALD 77604-7 DOCPAT02",
    ),
    _rubric(
        "comptes-rendus",
        "Comptes rendus",
        "11488-4 11490-0 18761-7 34112-3 34874-8 34875-5 15507-7 60280-5 78341-5 15508-5 34749-2 77436-4 34794-8 "
        "11505-5 70004-7 11506-3 85208-7 78513-9 60568-3 67851-6 96349-6 DOCPAT03",
    ),
    _rubric("biologie", "Biologie", "11502-2 51969-4 96173-0 DOCPAT05"),
    _rubric("imagerie", "Imagerie", "18748-4 IMG-KOS 52040-3 DOCPAT04"),
    _rubric(
        "syntheses",
        "Synthèses",
        "60591-5 SYNTH 34133-9 68599-0 74207-2 28617-9 34120-6 18776-5 80788-3 DOCPAT01 DOCPAT08",
    ),
    _rubric("vaccination", "Vaccination", "11369-6 87273-9 96874-3"),
    _rubric("enfance", "Enfance", "59283-2 68817-6 CERT_DECL 29274-8 80771-9 78489-2 57075-4"),
    _rubric("prevention", "Prévention", "83869-8 75482-0 75492-9 DOCPAT06"),
    _rubric("social", "Social et médico-social", "28653-4 34842-5 BIL_AUTO 47420-5 88348-8 83981-1"),
    _rubric("volontes", "Mes volontés", "EXPPAT_1 EXPPAT_2 EXPPAT_3 59284-0"),
    _rubric(
        "administratif",
        "Administratif",
        "51851-4 ATTEST-DROITS-AM ATTEST-ASS-COMPL ATTEST-RESID ATTEST-HEBGT AUTORIS-SOINS PIECE-IDENTITE "
        "FICHE-CONTACTS 89601-9 86531-1 56446-8 DOCPAT07 DOCPAT09 101881-1",
    ),
    _rubric("remboursements", "Remboursements", "REMB"),
)
OTHER: Final = Rubric("autres", "Autres documents", frozenset())
BY_KEY: Final = {rubric.key: rubric for rubric in (*RUBRICS, OTHER)}
_BY_TYPE: Final = {code: rubric for rubric in RUBRICS for code in rubric.types}

#: What a citizen may add, with the words of the page.
CITIZEN_TYPES: Final = (
    ("DOCPAT05", "Un résultat d'analyse"),
    ("DOCPAT03", "Un compte rendu"),
    ("DOCPAT02", "Une ordonnance ou un soin"),
    ("DOCPAT04", "Une imagerie"),
    ("DOCPAT06", "De la prévention"),
    ("DOCPAT07", "Un certificat"),
    ("DOCPAT01", "Une synthèse"),
    ("DOCPAT09", "Un document administratif"),
    ("EXPPAT_3", "Mes directives anticipées"),
    ("EXPPAT_1", "Mes volontés et mes droits"),
    ("EXPPAT_2", "Autre chose"),
)


def rubric_of(entry: DocumentEntry) -> Rubric:
    """The chapter of ``entry``.

    >>> BY_KEY["biologie"].name
    'Biologie'
    """
    return _BY_TYPE.get(entry.type_code.code, OTHER)
