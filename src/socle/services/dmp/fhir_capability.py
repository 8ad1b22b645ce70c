"""The CapabilityStatement of the DMP's FHIR door, made from the tables by which it works."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from socle.services.dmp import fhir_records
from socle.services.dmp.fhir_changes import PATCH_TYPES
from socle.services.dmp.fhir_search import DOCUMENT_PARAMETERS, LIST_PARAMETERS
from socle.standards.fhir.capability import Served, capability_statement
from socle.standards.fhir.pdsm import vocabulary as v
from socle.standards.fhir.resources import CapabilityStatement

_SERVED: Final = (
    Served(
        type="DocumentReference",
        interactions=("read", "search-type", "create", "patch"),
        parameters=DOCUMENT_PARAMETERS,
        profile=v.PROFILE_DOCUMENT,
        supported_profiles=(v.PROFILE_DOCUMENT, v.PROFILE_SIMPLIFIED),
        documentation="Dépôt simplifié (ITI-105), recherche (ITI-67), PATCH de status, securityLabel, isArchived.",
        is_versioned=True,
        conditional_update=True,
    ),
    Served(
        type="List",
        interactions=("read", "search-type"),
        parameters=LIST_PARAMETERS,
        supported_profiles=(v.PROFILE_SUBMISSION_SET, v.PROFILE_FOLDER),
        documentation="Lots de soumission et classeurs (ITI-66).",
    ),
    Served(type="Binary", interactions=("read",), documentation="ITI-68."),
    Served(
        type="Patient",
        interactions=("read", "search-type"),
        parameters=fhir_records.PARAMETERS,
        documentation="Existence et état du DMP (TD0.2).",
    ),
)


def statement_of(url: str, date: str, max_body_bytes: int) -> CapabilityStatement:
    """What the door at ``url`` does, on the ISO ``date``."""
    return capability_statement(
        name="SocleGestionnaireDePartageDeDocuments",
        title="DMP de Socle : partage de documents de santé (PDSm, MHD)",
        url=url,
        date=date,
        version=version("socle-sante"),
        served=_SERVED,
        system=("transaction",),
        instantiates=(
            "https://profiles.ihe.net/ITI/MHD/CapabilityStatement/IHE.MHD.DocumentResponder",
            "https://profiles.ihe.net/ITI/MHD/CapabilityStatement/IHE.MHD.DocumentRecipient.Comprehensive",
        ),
        patch_formats=PATCH_TYPES,
        documentation=f"Une requête compte au plus {max_body_bytes // (1024 * 1024)} Mio ; une page, 200 ressources.",
    )
