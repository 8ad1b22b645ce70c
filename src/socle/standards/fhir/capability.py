"""CapabilityStatements, built from the very parameter tables by which a door parses its searches.

Source: FHIR R4 CapabilityStatement.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from socle.standards.fhir.resources import (
    CapabilityStatement,
    CapabilityStatementImplementation,
    CapabilityStatementRest,
    CapabilityStatementRestInteraction,
    CapabilityStatementRestResource,
    CapabilityStatementRestResourceInteraction,
    CapabilityStatementRestResourceSearchParam,
    CapabilityStatementRestSecurity,
    CapabilityStatementSoftware,
    SystemRestfulInteractionCode,
    TypeRestfulInteractionCode,
)
from socle.standards.fhir.search import Parameter
from socle.standards.fhir.types import CodeableConcept, Coding


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What a door does with one type of resource."""

    type: str
    interactions: tuple[TypeRestfulInteractionCode, ...]
    parameters: tuple[Parameter, ...] = ()
    profile: str = ""
    supported_profiles: tuple[str, ...] = ()
    documentation: str = ""
    is_versioned: bool = False
    conditional_update: bool = False


def capability_statement(
    *,
    name: str,
    title: str,
    url: str,
    date: str,
    version: str,
    served: Sequence[Served],
    system: Sequence[SystemRestfulInteractionCode] = (),
    instantiates: Sequence[str] = (),
    patch_formats: Sequence[str] = (),
    documentation: str = "",
    key_header: str = "",
) -> CapabilityStatement:
    """The statement of the server at ``url`` (``date`` is an ISO date, ``version`` that of the software).

    ``key_header`` is where the key goes of a server that software calls by key; without it, by an access token.
    """
    security = (
        CapabilityStatementRestSecurity(cors=False, description=f"Clé de l'application (en-tête {key_header}).")
        if key_header
        else CapabilityStatementRestSecurity(
            cors=False,
            service=(
                CodeableConcept(
                    coding=(
                        Coding(system="http://terminology.hl7.org/CodeSystem/restful-security-service", code="OAuth"),
                    )
                ),
            ),
            description="Pro Santé Connect : jeton d'accès (Authorization: Bearer), API Pro Santé Connectée.",
        )
    )
    return CapabilityStatement(
        url=f"{url}/metadata",
        version=version,
        name=name,
        title=title,
        status="active",
        date=date,
        kind="instance",
        instantiates=tuple(instantiates),
        software=CapabilityStatementSoftware(name="Socle", version=version),
        implementation=CapabilityStatementImplementation(description=title, url=url),
        fhir_version="4.0.1",
        format=("application/fhir+json", "application/fhir+xml"),
        patch_format=tuple(patch_formats),
        rest=(
            CapabilityStatementRest(
                mode="server",
                documentation=documentation or None,
                security=security,
                resource=tuple(map(_resource, served)),
                interaction=tuple(CapabilityStatementRestInteraction(code=code) for code in system),
            ),
        ),
    )


def _resource(served: Served) -> CapabilityStatementRestResource:
    # FHIR R4 has no place for chained parameters but this one.
    chained = ", ".join(parameter.name for parameter in served.parameters if "." in parameter.name)
    told = f"{served.documentation} Paramètres chaînés : {chained}." if chained else served.documentation
    return CapabilityStatementRestResource(
        type=served.type,
        profile=served.profile or None,
        supported_profile=served.supported_profiles,
        documentation=told or None,
        interaction=tuple(CapabilityStatementRestResourceInteraction(code=code) for code in served.interactions),
        versioning="versioned-update" if served.is_versioned else "no-version",
        conditional_create=False,
        conditional_update=served.conditional_update,
        search_param=tuple(
            CapabilityStatementRestResourceSearchParam(
                name=parameter.name,
                type=parameter.kind.value,
                definition=parameter.definition or None,
                documentation=parameter.documentation or None,
            )
            for parameter in served.parameters
            if "." not in parameter.name
        ),
    )
