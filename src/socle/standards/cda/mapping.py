"""Header of a CDA document → values of XDS metadata, from the tables of ``data/xds.toml``.

Source: CI-SIS "Partage de documents", DocumentEntry: CDA to metadata; IHE ITI TF-3 §4.2.
"""

from __future__ import annotations

import hashlib
import tomllib
import uuid
from collections.abc import Iterable
from importlib import resources
from typing import Any, Final

from socle.standards.cda.datatypes import Concept, Identifier, Moment
from socle.standards.cda.document import CdaDocument
from socle.standards.cda.header import Assigned, Header, Organization, Patient
from socle.standards.cda.header import Author as CdaAuthor
from socle.standards.errors import InvalidContent, Text
from socle.standards.ids.hl7 import Cx, Xcn, Xon, escape
from socle.standards.ids.ins import AUTHORITIES
from socle.standards.ids.oids import NON_PROFESSIONAL_PRODUCER, PS_IDNAT, SIREN
from socle.standards.xds.model import Author, Code

_TABLES: Final[dict[str, Any]] = tomllib.loads(
    resources.files("socle.standards.cda").joinpath("data/xds.toml").read_text("utf-8")
)
_CLASS_OF_TYPE: Final = {code: cls for cls, codes in _TABLES["types"].items() for code in codes}
_FORMATS: Final[dict[str, str]] = _TABLES["formats"]
_FORMATS_N1: Final[dict[str, str]] = _TABLES["formats_n1"]

#: Where the header states what metadata needs.
FACILITY: Final = "componentOf/encompassingEncounter/location/healthCareFacility/code"
SETTING: Final = (
    "documentationOf/serviceEvent/performer/assignedEntity/representedOrganization/standardIndustryClassCode"
)
START: Final = "documentationOf/serviceEvent/effectiveTime/low"
STOP: Final = "documentationOf/serviceEvent/effectiveTime/high"

_CLASS_SYSTEM: Final = "1.2.250.1.213.1.1.4.1"
_IHE_FORMATS: Final = "1.3.6.1.4.1.19376.1.2.3"
_FRENCH_FORMATS: Final = "1.2.250.1.213.1.1.4.2.282"
_STAYS: Final = "1.2.250.1.213.2.2"
#: A CDA that follows no model of the CI-SIS.
OUTSIDE_MODELS: Final = Code("urn:asipSante:modelesHorsProfils:2011", _FRENCH_FORMATS, "Modèle hors profils")
#: Systems of which ``eventCodeList`` takes codes: CCAM (two OIDs), CIM-10, DICOM modalities, patient's own codes.
EVENT_SYSTEMS: Final = frozenset(
    {
        "1.2.250.1.213.2.5",
        "1.2.250.1.215.300.1",
        "2.16.840.1.113883.6.3",
        "1.2.840.10008.2.16.4",
        NON_PROFESSIONAL_PRODUCER,
    }
)


def sha1_of(content: bytes) -> str:
    """XDS ``hash``: SHA-1 as 40 lower-case hexadecimal digits. An integrity check of the standard, not a secret."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def class_code_of(type_code: Code | str) -> Code:
    """The class under which documents of this type are filed.

    >>> class_code_of("11502-2").label, class_code_of("SYNTH").code
    ('Compte rendu', '11')
    """
    code = type_code if isinstance(type_code, str) else type_code.code
    class_code = _CLASS_OF_TYPE.get(code, "10")
    return Code(class_code, _CLASS_SYSTEM, _TABLES["classes"][class_code])


def format_code_of(header: Header, document: CdaDocument) -> Code:
    """The format: by media type for a level N1 body, by template otherwise. Never fails."""
    if not document.is_structured:
        text = None if document.body is None else next(document.body.iterchildren("{urn:hl7-org:v3}text"), None)
        media_type = "" if text is None else text.get("mediaType", "").strip().lower()
        return _format(_FORMATS_N1[media_type]) if media_type in _FORMATS_N1 else OUTSIDE_MODELS
    for template in sorted(header.template_ids, key=lambda template: -template.root.count(".")):
        if template.root in _FORMATS:
            return _format(_FORMATS[template.root])
    return OUTSIDE_MODELS


def content_type_of(header: Header) -> Code:
    """The kind of stay that a submission of this document announces."""
    encounter = header.encounter.code if header.encounter else None
    code, label = _TABLES["contents"].get(encounter.code if encounter else "", _TABLES["contents"]["AMB"])
    return Code(code, _STAYS, label)


def unique_id_of(identifier: Identifier) -> str:
    """The XDS ``uniqueId``: the OID, or ``2.25.`` and the number of a UUID, then ``^extension`` when there is one.

    >>> unique_id_of(Identifier("1.2.3")), unique_id_of(Identifier("00000000-0000-0000-0000-0000000000ff"))
    ('1.2.3', '2.25.255')
    """
    try:
        root = f"2.25.{uuid.UUID(identifier.root).int}"
    except ValueError:
        root = identifier.root
    return f"{root}^{identifier.extension}" if identifier.extension else root


def person_of(assigned: Assigned) -> str:
    """XCN of somebody in a role: professional, patient or system; empty when nothing identifies them."""
    identifier = assigned.id
    if identifier is None:
        return Xcn(id="", family=assigned.name.family, given=assigned.name.given).encode() if assigned.name else ""
    name_type, id_type = "D", "EI"
    if identifier.root == PS_IDNAT:
        id_type = "EI" if "/" in identifier.extension and assigned.device is None else "IDNPS"
    elif identifier.root in AUTHORITIES:
        id_type = "NH"
    family, given = assigned.name.family, assigned.name.given
    if assigned.device is not None:
        name_type, id_type = "U", "RI"
        family, given = assigned.device.software, assigned.device.model
    return Xcn(
        id=identifier.extension or identifier.root,
        family=family,
        given=given,
        authority=identifier.root,
        name_type=name_type,
        id_type=id_type,
    ).encode()


def institution_of(organization: Organization | None) -> str:
    """XON of a structure; empty when nothing names it."""
    if organization is None or (organization.id is None and not organization.name):
        return ""
    if organization.id is None:
        return Xon(name=organization.name).encode()
    return Xon(
        name=organization.name,
        id=organization.id.extension,
        authority=organization.id.root,
        id_type="SIREN" if organization.id.root == SIREN else "IDNST",
    ).encode()


def author_of(author: CdaAuthor, *, is_patient_expression: bool = False) -> Author:
    """The XDS author; the institution is left out of what the patient expresses."""
    assigned = author.assigned
    institution = "" if is_patient_expression else institution_of(assigned.organization)
    function = author.function.label or author.function.original_text if author.function else ""
    specialty = specialty_of(assigned.profession)
    return Author(
        person=person_of(assigned),
        institutions=(institution,) if institution else (),
        roles=(function,) if function else (),
        specialties=(specialty,) if specialty else (),
    )


def specialty_of(profession: Concept | None) -> str:
    """``code^label^OID`` of a profession; empty without a code."""
    if profession is None or not profession.code:
        return ""
    return "^".join(escape(part) for part in (profession.code, profession.label, profession.system))


def source_patient_id_of(patient: Patient) -> str:
    """CX of the establishment's own identifier of the patient, else of the INS; empty without either."""
    local = patient.local_id
    if local is not None and local.extension:
        return Cx(id=local.extension, authority=local.root, id_type="PI").encode()
    return patient.ins.to_cx() if patient.ins else ""


def source_patient_info_of(patient: Patient) -> tuple[str, ...]:
    """The PID fields that the document states: PID-3 identifier, PID-5 names, PID-7 birth date, PID-8 sex.

    Source: CI-SIS Partage de documents, sourcePatientInfo.
    """
    given = patient.first_birth_given or patient.name.given
    fields = [f"PID-3|{identifier}"] if (identifier := source_patient_id_of(patient)) else []
    for part in patient.name.families:
        use = {"BR": "L", "CL": "S", "SP": "D"}.get(part.qualifier, "U")
        first = patient.used_given or given if use in "SD" else given
        fields.append(f"PID-5|{escape(part.text)}^{escape(first)}^^^^^{use}")
    if patient.birth_time is not None:
        fields.append(f"PID-7|{escape(patient.birth_time.text[:8])}")
    if patient.gender is not None and patient.gender.code:
        fields.append(f"PID-8|{patient.gender.code if patient.gender.code in ('M', 'F') else 'U'}")
    return tuple(fields)


def event_codes_of(header: Header) -> tuple[Code, ...]:
    """The acts, diagnoses and modalities of the service events, translations included, each once."""
    concepts = (event.code for event in header.service_events if event.code is not None)
    codings = (coding for concept in concepts for coding in concept.codings())
    return tuple(
        dict.fromkeys(
            Code(coding.code, coding.system, coding.label) for coding in codings if coding.system in EVENT_SYSTEMS
        )
    )


def reference_ids_of(header: Header) -> tuple[str, ...]:
    """CXi of the orders and imaging accession numbers that the document answers."""
    return tuple(
        reference
        for order in header.orders
        for identifiers, kind in ((order.accession_numbers, "accession"), (order.ids, "order"))
        for reference in _references(identifiers, kind)
    )


def dtm_of(moment: Moment | None) -> str:
    """XDS DTM of a moment; empty without one."""
    return "" if moment is None else moment.to_dtm()


def code_of(concept: Concept | None, attribute: str, location: str) -> Code:
    """The XDS code of a concept. Raises ``InvalidContent`` when ``attribute``, which is required, has no code."""
    if concept is None or not concept.code or not concept.system:
        raise missing(attribute, location)
    return Code(concept.code, concept.system, concept.label)


def missing(attribute: str, location: str) -> InvalidContent:
    """The refusal of a document whose header does not state what the metadata ``attribute`` needs."""
    return InvalidContent(
        "XDSRepositoryMetadataError",
        Text(
            f"L'en-tête du document ne dit pas {attribute}, qui est requis.",
            f"The document's header does not state {attribute}, which is required.",
        ),
        location=location,
        remedy=Text(f"Renseignez {location}.", f"Fill in {location}."),
        requirement="CI-SIS Partage de documents, DocumentEntry",
    )


def _references(identifiers: Iterable[Identifier], kind: str) -> list[str]:
    return [
        Cx(
            id=identifier.extension or identifier.root,
            authority=identifier.root if identifier.extension else "",
            id_type=f"urn:ihe:iti:xds:2013:{kind}",
        ).encode()
        for identifier in identifiers
    ]


def _format(urn: str) -> Code:
    return Code(urn, _IHE_FORMATS if urn.startswith("urn:ihe:") else _FRENCH_FORMATS, urn)
