"""The content of a VIHF and the rules that it satisfies by itself.

Source: fact sheet "DMP exchange" §4.2-4.5; fact sheet "identity" §7.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from socle.standards.errors import Text
from socle.standards.ids.ins import Ins

OID_PROFESSION: Final = "1.2.250.1.71.1.2.7"
OID_PROFESSION_IN_TRAINING: Final = "1.2.250.1.71.1.2.8"
OID_KNOW_HOW: Final = "1.2.250.1.71.4.2.5"
OID_PHARMACIST_SECTION: Final = "1.2.250.1.71.4.2.6"
OID_SECTOR: Final = "1.2.250.1.71.4.2.4"
OID_PURPOSE: Final = "1.2.250.1.213.1.1.4.248"
OID_SYSTEM_ROLE: Final = "1.2.250.1.213.1.1.4.6"
#: Value of the confidentiality attribute in a « connexion secrète ».
SECRET_SESSION: Final = "INVISIBLE_REPRESENTANTS_LEGAUX"  # noqa: S105
AUTHN_CONTEXT: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:"

_DOCTOR, _PHARMACIST = "10", "21"
_TRAINEES = frozenset({"10", "21", "40", "50"})
_SYSTEMS = frozenset({"AUTOMATE", "DISPOSITIF", "SECRETARIAT_MEDICAL", "ALIM_AM", "EXP_PATIENT", "SNR", "LOGICIEL_DUI"})
_VERSIONS = frozenset({"3.0", "4.0"})
_PS_ID = re.compile(r"8\d{11}|[01][0-9A-Z]{9}|[1-6][0-9A-Z]{8,15}/[\w.@-]{1,40}")
_STRUCTURE_ID = re.compile(r"[0-6][0-9A-Z]{8,30}")
_SECTOR = re.compile(r"SA\d{2}")


class Mode(StrEnum):
    """``Authentification_Mode``: how the user was authenticated, hence who signs."""

    DIRECTE = "DIRECTE"
    INDIRECTE = "INDIRECTE"
    INDIRECTE_RENFORCEE = "INDIRECTE_RENFORCEE"


class Purpose(StrEnum):
    """Access mode (TRE_R248)."""

    NORMAL = "normal"
    BRIS_DE_GLACE = "bris_de_glace"
    CENTRE_15 = "centre_15"


PURPOSE_LABELS: Final = {
    Purpose.NORMAL: "Accès normal",
    Purpose.BRIS_DE_GLACE: "Accès bris de glace",
    Purpose.CENTRE_15: "Accès centre de régulation",
}


class Role(msgspec.Struct, frozen=True):
    """Profession, know-how or role of the user."""

    code: str
    system: str
    label: str = ""


class Vihf(msgspec.Struct, frozen=True, kw_only=True):
    """What one assertion says. ``issuer`` is the signer's distinguished name; times are aware.

    ``roles`` holds the profession, then the know-how (doctor), section (pharmacist) or role (others).
    """

    id: str
    issued_at: datetime
    issuer: str
    user_id: str
    user_name: str
    roles: tuple[Role, ...]
    mode: Mode
    structure: str
    sector: str
    software: str
    homologation: str
    software_version: str = ""
    software_id: str = ""
    patient: Ins | None = None
    purpose: Purpose = Purpose.NORMAL
    is_secret: bool = False
    version: str = "3.0"
    authn_context: str = f"{AUTHN_CONTEXT}TLSClient"
    authenticated_at: datetime | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    audiences: tuple[str, ...] = ()


class Breach(NamedTuple):
    """One broken rule: code, sentence, attribute."""

    code: str
    reason: Text
    location: str


def check_vihf(vihf: Vihf) -> Iterator[Breach]:
    """The rules that ``vihf`` breaks, whoever signed it and whenever it comes."""
    if vihf.version not in _VERSIONS:
        yield Breach(
            "VihfVersion",
            Text(f"VIHF_Version « {vihf.version} » inconnue.", f"Unknown VIHF_Version “{vihf.version}”."),
            "VIHF_Version",
        )
    if not _PS_ID.fullmatch(vihf.user_id):
        yield Breach(
            "VihfUser",
            Text("NameID n'est pas un PS_IdNat.", "NameID is not a PS_IdNat."),
            "Subject/NameID",
        )
    if not _STRUCTURE_ID.fullmatch(vihf.structure):
        yield Breach(
            "VihfStructure",
            Text("Identifiant_Structure n'est pas un Struct_IdNat.", "Identifiant_Structure is not a Struct_IdNat."),
            "Identifiant_Structure",
        )
    if not _SECTOR.fullmatch(vihf.sector) and vihf.sector not in _SYSTEMS:
        yield Breach(
            "VihfSector",
            Text("Secteur_Activite inconnu (SAxx^OID attendu).", "Unknown Secteur_Activite (SAxx^OID expected)."),
            "Secteur_Activite",
        )
    for name, value in (
        ("urn:oasis:names:tc:xspa:1.0:subject:subject-id", vihf.user_name),
        ("LPS_Nom", vihf.software),
        ("LPS_ID_HOMOLOGATION_DMP", vihf.homologation),
    ):
        if not value:
            yield Breach("VihfAttribute", Text(f"L'attribut {name} manque.", f"The attribute {name} is missing."), name)
    yield from _check_roles(vihf.roles)
    if vihf.mode is Mode.INDIRECTE and vihf.purpose is not Purpose.NORMAL:
        yield Breach(
            "VihfPurpose",
            Text(
                f"Le mode d'accès {vihf.purpose} n'est pas permis en authentification INDIRECTE.",
                f"The access mode {vihf.purpose} is not allowed with INDIRECTE authentication.",
            ),
            "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
        )


def _check_roles(roles: tuple[Role, ...]) -> Iterator[Breach]:
    where = "urn:oasis:names:tc:xacml:2.0:subject:role"
    if not 1 <= len(roles) <= 2:
        yield Breach("VihfRole", Text("Un ou deux rôles sont attendus.", "One or two roles are expected."), where)
        return
    first, second = roles[0], roles[1] if len(roles) == 2 else None
    if first.system == OID_PROFESSION:
        needed = {_DOCTOR: OID_KNOW_HOW, _PHARMACIST: OID_PHARMACIST_SECTION}.get(first.code)
        if not first.code.isdigit():
            yield Breach("VihfRole", Text("Profession inconnue.", "Unknown profession."), where)
        elif needed and (second is None or second.system != needed or not second.code):
            yield Breach(
                "VihfRole",
                Text(
                    f"La profession {first.code} exige un second rôle du système {needed}.",
                    f"The profession {first.code} requires a second role of the system {needed}.",
                ),
                where,
            )
    elif first.system == OID_PROFESSION_IN_TRAINING:
        if first.code not in _TRAINEES:
            yield Breach("VihfRole", Text("Profession en formation inconnue.", "Unknown trainee profession."), where)
    elif first.system == OID_SYSTEM_ROLE:
        if first.code not in _SYSTEMS:
            yield Breach("VihfRole", Text("Rôle de système inconnu.", "Unknown system role."), where)
    elif second is None or not first.code or not second.code:
        yield Breach(
            "VihfRole",
            Text(
                "Un utilisateur caractérisé par son rôle porte une catégorie puis un rôle (TRE_R85).",
                "A user characterised by a role has a category, then a role (TRE_R85).",
            ),
            where,
        )
