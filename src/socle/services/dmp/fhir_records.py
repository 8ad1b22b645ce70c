"""``Patient`` as the picture of a DMP (TD0.2): whether it exists, whether it is open, and the caller's authorisation.

Source: PDSm4DMP 0.1.0 TD02; identity fact sheet §4.3; dmp-exchange §3.9, §5.3.
"""

from __future__ import annotations

from typing import Final

from socle.platform.actor import Actor
from socle.services.dmp.domain import Door, RecordState, RecordStatus
from socle.services.dmp.fhir_search import ins_of_patient_id, ins_of_token, patient_id
from socle.services.dmp.service import DmpService
from socle.standards.errors import MalformedInput, NotFound, Text
from socle.standards.fhir.pdsm.vocabulary import FR_IDENTIFIER_TYPE
from socle.standards.fhir.resources import Patient
from socle.standards.fhir.search import Kind, Parameter, Search
from socle.standards.fhir.types import CodeableConcept, Coding, Extension, Identifier
from socle.standards.ids.ins import OID_NIA, OID_NIR, OID_NIR_DEMO, OID_NIR_TEST, Ins

PARAMETERS: Final = (Parameter("identifier", Kind.TOKEN, "urn:oid:{OID de l'INS}|{matricule} ; obligatoire"),)

_DMP: Final = "https://interop.esante.gouv.fr/ig/fhir/dmp"
_TYPES: Final = {
    OID_NIR: "INS-NIR",
    OID_NIA: "INS-NIA",
    OID_NIR_TEST: "INS-NIR-TEST",
    OID_NIR_DEMO: "INS-NIR-DEMO",
}
#: States in which the existence of a record is told.
_TOLD: Final = frozenset({RecordState.ACTIVE, RecordState.CLOSED})


async def find(service: DmpService, actor: Actor, search: Search) -> Patient | None:
    """The patient that ``identifier`` names, if there is a DMP."""
    tokens = [token for clause in search.all("identifier") for token in clause.tokens]
    if len(tokens) != 1:
        raise MalformedInput(
            "FHIRParameterRequired",
            Text("Le paramètre « identifier » est obligatoire.", "The parameter 'identifier' is required."),
            location="identifier",
            remedy=Text("Écrivez urn:oid:{OID de l'INS}|{matricule}.", "Write urn:oid:{OID of the INS}|{matricule}."),
        )
    return await _status(service, actor, ins_of_token(tokens[0]))


async def read(service: DmpService, actor: Actor, name: str) -> Patient | None:
    """The patient whose id is ``name``, if there is a DMP."""
    try:
        ins = ins_of_patient_id(name)
    except MalformedInput:
        return None
    return await _status(service, actor, ins)


async def _status(service: DmpService, actor: Actor, ins: Ins) -> Patient | None:
    try:
        status = await service.record_status(actor, ins, door=Door.FHIR)
    except NotFound:
        return None
    return patient_of(status) if status.state in _TOLD else None


def patient_of(status: RecordStatus) -> Patient:
    """The ``Patient`` that shows ``status``; identity traits are not shown (RG_0320)."""
    ins = status.ins
    return Patient(
        id=patient_id(ins),
        extension=(*_closing(status), *_flags(status)),
        identifier=(
            Identifier(
                use="temp" if ins.oid == OID_NIA else "official",
                type=CodeableConcept(coding=(Coding(system=FR_IDENTIFIER_TYPE, code=_TYPES[ins.oid]),)),
                system=f"urn:oid:{ins.oid}",
                value=ins.matricule,
            ),
        ),
        active=status.state is RecordState.ACTIVE,
    )


def _closing(status: RecordStatus) -> tuple[Extension, ...]:
    if status.state is not RecordState.CLOSED:
        return ()
    parts = []
    if status.closed_at is not None:
        parts.append(Extension(url="dateFermeture", value_date=status.closed_at.date().isoformat()))
    if status.closing_reason is not None:
        coding = Coding(system=f"{_DMP}/CodeSystem/dmp-motif-fermeture", code=status.closing_reason.value)
        parts.append(Extension(url="motifFermeture", value_codeable_concept=CodeableConcept(coding=(coding,))))
    if status.closing_text:
        parts.append(Extension(url="raisonFermeture", value_string=status.closing_text))
    return (Extension(url=f"{_DMP}/StructureDefinition/dmp-fermeture", extension=tuple(parts)),)


def _flags(status: RecordStatus) -> tuple[Extension, ...]:
    stem = f"{_DMP}/StructureDefinition"
    return (
        Extension(url=f"{stem}/dmp-rattachement-mes", value_boolean=status.is_attached_to_mes),
        Extension(url=f"{stem}/dmp-medecin-traitant", value_boolean=status.is_medecin_traitant),
        Extension(url=f"{stem}/dmp-statut-autorisation", value_code=status.authorization.value),
    )
