"""The XDS.b door: SOAP 1.2 with MTOM, a VIHF on each call, submissions signed by XAdES.

Source: fact sheet "DMP exchange" §1, §2.7, §4, §5.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import httpx
from lxml import etree
from msgspec.structs import replace

from socle.client.door import Criteria, Door
from socle.client.errors import Refused, refused_by_fault, unreachable
from socle.client.identity import Identity, Signer
from socle.standards.hl7v3 import rights
from socle.standards.hl7v3.names import (
    HL7,
    LIST_AUTHORIZATIONS_ACTION,
    PATIENT_LIST_ACTION,
    PDQ_ACTION,
    SET_AUTHORIZATION_ACTION,
    Interaction,
    Reason,
)
from socle.standards.hl7v3.record import (
    Candidate,
    Person,
    RecordAnswer,
    RecordRequest,
    read_record_answer,
    write_record_request,
)
from socle.standards.ids.ins import Ins
from socle.standards.saml import Purpose, build_security_header
from socle.standards.soap import Message, read_fault, read_message, write_message
from socle.standards.xades import DigestName, sign_submission
from socle.standards.xds.errors import Severity, XdsError
from socle.standards.xds.messages import (
    QueryResponse,
    RegistryResponse,
    ResponseStatus,
    RetrieveRequest,
    read_query_response,
    read_response,
    read_retrieve_response,
    write_provide_request,
    write_retrieve_request,
    write_submit_request,
)
from socle.standards.xds.model import (
    VISIBILITY_SYSTEM,
    Association,
    AssociationType,
    Code,
    DocumentEntry,
    Status,
    Submission,
    SubmissionSet,
    Visibility,
)
from socle.standards.xds.names import Action
from socle.standards.xds.query import Groups, QueryId, ReturnType, StoredQuery, write_code, write_query

PREFIX: Final = "/si-dmp-server/v2/services"
#: An answer lists up to 10,000 entries, of 400 signs each; a server is trusted with more than a stranger.
_MAX_ANSWER_MARKS: Final = 10_000_000
_DE: Final = "$XDSDocumentEntry"


def new_oid() -> str:
    """A new OID, from a random UUID (``2.25.…``)."""
    return f"2.25.{uuid.uuid4().int}"


def system_time() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


class XdsDoor(Door):
    """One user of the national SOAP services under ``url``.

    ``http`` carries TLS (client certificate, authorities); ``signer`` signs VIHF and submissions.
    """

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        identity: Identity,
        signer: Signer,
        *,
        source_id: str,
        purpose: Purpose = Purpose.NORMAL,
        is_secret: bool = False,
        digest: DigestName = DigestName.SHA256,
        signs_submissions: bool = True,
        clock: Callable[[], datetime] = system_time,
    ) -> None:
        self.url = url.rstrip("/") + ("" if PREFIX in url else PREFIX)
        self._http = http
        self._identity = identity
        self._signer = signer
        self._source_id = source_id
        self._purpose = purpose
        self._is_secret = is_secret
        self._digest = digest
        self._signs_submissions = signs_submissions
        self._clock = clock

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._http.aclose()

    # --- documents ---

    async def submit(self, submission: Submission) -> tuple[str, ...]:
        """ITI-41, signed. Returns the warnings."""
        if self._signs_submissions:
            submission = sign_submission(
                submission,
                self._signer.key,
                self._signer.certificate,
                unique_id=new_oid(),
                at=self._clock(),
                digest=self._digest,
            )
        body, attachments = write_provide_request(submission)
        patient = submission.submission_set.patient_id
        message = await self._call("repository", Action.PROVIDE_AND_REGISTER, body, patient, attachments)
        return _check(read_response(message.body))

    async def search(self, patient: Ins, criteria: Criteria) -> list[DocumentEntry]:
        """ITI-18 FindDocuments, LeafClass."""
        groups: dict[str, Groups] = {
            f"{_DE}PatientId": ((patient.to_cx(),),),
            f"{_DE}Status": (tuple(criteria.statuses),),
        }
        for name, codes in (
            ("ClassCode", criteria.class_codes),
            ("TypeCode", criteria.type_codes),
            ("FormatCode", criteria.format_codes),
            ("EventCodeList", criteria.event_codes),
            ("PracticeSettingCode", criteria.practice_setting_codes),
            ("HealthcareFacilityTypeCode", criteria.facility_codes),
        ):
            if codes:
                groups[f"{_DE}{name}"] = (tuple(write_code(code) for code in codes),)
        for name, value in (
            ("AuthorPerson", criteria.author),
            ("ServiceStartTimeFrom", criteria.service_start_from),
            ("ServiceStartTimeTo", criteria.service_start_to),
            ("CreationTimeFrom", criteria.creation_from),
            ("CreationTimeTo", criteria.creation_to),
        ):
            if value:
                groups[f"{_DE}{name}"] = ((value,),)
        query_id = QueryId.FIND_DOCUMENTS
        if criteria.reference_ids:
            query_id = QueryId.FIND_DOCUMENTS_BY_REFERENCE_ID
            groups[f"{_DE}ReferenceIdList"] = (criteria.reference_ids,)
        answer = await self.query(StoredQuery(id=query_id, parameters=groups), patient)
        return list(answer.objects.documents)

    async def query(self, query: StoredQuery, patient: Ins | None = None) -> QueryResponse:
        """Any stored query of ITI-18."""
        message = await self._call("registry", Action.QUERY, write_query(query), patient)
        answer = read_query_response(message.body)
        _check(RegistryResponse(answer.status, answer.errors))
        return answer

    async def locate(self, unique_id: str, patient: Ins | None = None) -> DocumentEntry | None:
        """GetDocuments by uniqueId: the version in force."""
        answer = await self.query(_by_unique_id(unique_id, ReturnType.LEAF_CLASS), patient)
        entries = sorted(
            answer.objects.documents, key=lambda entry: (entry.status is not Status.DEPRECATED, entry.version)
        )
        return entries[-1] if entries else None

    async def entry_uuid_of(self, unique_id: str, patient: Ins | None = None) -> str:
        """TD3.1b."""
        answer = await self.query(_by_unique_id(unique_id, ReturnType.OBJECT_REF), patient)
        return answer.references[-1] if answer.references else ""

    async def retrieve(self, entry: DocumentEntry) -> bytes:
        """ITI-43."""
        request = RetrieveRequest(unique_id=entry.unique_id, repository_unique_id=entry.repository_unique_id)
        body = write_retrieve_request([request])
        message = await self._call("repository", Action.RETRIEVE, body, entry.patient_id)
        response, documents = read_retrieve_response(message.body, message.content_of)
        _check(response)
        return documents[0].content

    async def set_visibility(self, entry: DocumentEntry, visibility: frozenset[Visibility]) -> None:
        """ITI-57: a new version of the metadata (TD3.3a, TD3.3b)."""
        kept = tuple(code for code in entry.confidentiality_codes if code.system != VISIBILITY_SYSTEM)
        hidden = tuple(Code(value, VISIBILITY_SYSTEM) for value in sorted(visibility))
        submission_set = self._submission_set(entry)
        changed = replace(
            entry, entry_uuid="Document01", confidentiality_codes=(*kept, *hidden), status=Status.APPROVED
        )
        membership = Association(
            entry_uuid="Association01",
            type=AssociationType.HAS_MEMBER,
            source=submission_set.entry_uuid,
            target=changed.entry_uuid,
            submission_set_status="Original",
            previous_version=entry.version,
        )
        await self._update(Submission(submission_set=submission_set, documents=(changed,), associations=(membership,)))

    async def set_status(self, entry: DocumentEntry, status: Status) -> None:
        """ITI-57: archives, restores, deletes (TD3.3c, TD3.3d)."""
        submission_set = self._submission_set(entry)
        change = Association(
            entry_uuid="Association01",
            type=AssociationType.UPDATE_AVAILABILITY,
            source=submission_set.entry_uuid,
            target=entry.entry_uuid,
            original_status=entry.status,
            new_status=status,
        )
        await self._update(Submission(submission_set=submission_set, associations=(change,)))

    def _submission_set(self, entry: DocumentEntry) -> SubmissionSet:
        return SubmissionSet(
            entry_uuid="SubmissionSet01",
            unique_id=new_oid(),
            source_id=self._source_id,
            patient_id=entry.patient_id,
            content_type_code=Code("07", "1.2.250.1.213.2.2", "Consultation"),
            submission_time=f"{self._clock():%Y%m%d%H%M%S}",
            author=self._identity.author,
        )

    async def _update(self, submission: Submission) -> None:
        patient = submission.submission_set.patient_id
        message = await self._call("registry", Action.UPDATE, write_submit_request(submission), patient)
        _check(read_response(message.body))

    # --- the record and its rights ---

    async def record_status(self, patient: Ins) -> RecordAnswer:
        """TD0.2: whether the record exists, and the user's authorisation."""
        return await self._manage(_request(Interaction.GET, Reason.TEST_EXISTENCE, patient))

    async def open_record(self, patient: Ins) -> RecordAnswer:
        """TD1.1. Raises ``Refused`` (``DMPFound``) when it is open."""
        return await self._manage(_request(Interaction.ADD, Reason.CREATE, patient))

    async def reopen_record(self, patient: Ins) -> RecordAnswer:
        """TD1.2."""
        return await self._manage(_request(Interaction.REVISE, Reason.REACTIVATE, patient))

    async def close_record(self, patient: Ins, text: str = "", code: str = "FERMETURE_DEMANDE_PATIENT") -> RecordAnswer:
        """TD1.4."""
        request = _request(Interaction.REVISE, Reason.CLOSE, patient)
        return await self._manage(replace(request, closing_code=code, closing_text=text))

    async def find_patients(self, person: Person) -> tuple[Candidate, ...]:
        """TD0.5: patients by name and birth date; first given name and sex narrow it."""
        request = RecordRequest(
            interaction=Interaction.FIND_CANDIDATES,
            reason=None,
            message_id=str(uuid.uuid4()),
            query_id=uuid.uuid4().hex,
            created_at=self._clock(),
            person=person,
        )
        return (await self._manage(request)).candidates

    async def authorize(self, patient: Ins, *, as_medecin_traitant: bool = False) -> None:
        """TD0.3: the patient agrees that the user reads the record."""
        await self._authorize(patient, rights.AuthorizationAction.ADD, as_medecin_traitant)

    async def withdraw(self, patient: Ins, *, as_medecin_traitant: bool = False) -> None:
        """TD0.3: the user's access, or his being médecin traitant, ends."""
        await self._authorize(patient, rights.AuthorizationAction.REMOVE, as_medecin_traitant)

    async def list_authorizations(
        self, patient: Ins, mode: rights.ListMode = rights.ListMode.ALL
    ) -> list[rights.AuthorizedProfessional]:
        """TD1.6."""
        body = rights.write_list_request(mode)
        message = await self._call("habilitations", LIST_AUTHORIZATIONS_ACTION, body, patient)
        _check_rights(message)
        return rights.read_list_answer(message.body)

    async def list_records(self, since: str = "") -> list[rights.ListedPatient]:
        """TD0.4: the records that the user may open; ``since`` is ``ddMMyyyy``."""
        body = rights.write_patient_list_request(rights.PatientListRequest(since))
        message = await self._call("patientsSpecific", PATIENT_LIST_ACTION, body, None)
        _check_rights(message)
        return rights.read_patient_list_answer(message.body)

    async def _authorize(self, patient: Ins, action: rights.AuthorizationAction, as_medecin_traitant: bool) -> None:
        body = rights.write_set_authorization(rights.SetAuthorization(action, as_medecin_traitant))
        message = await self._call("habilitations", SET_AUTHORIZATION_ACTION, body, patient)
        _check_rights(message)

    async def _manage(self, request: RecordRequest) -> RecordAnswer:
        request = replace(
            request, created_at=self._clock(), sender_oid=self._source_id, sender_name=self._identity.software
        )
        is_search = request.interaction is Interaction.FIND_CANDIDATES
        service, action = ("patientsPDQ", PDQ_ACTION) if is_search else ("patients", f"{HL7}:{request.interaction}")
        message = await self._call(service, action, write_record_request(request), request.ins)
        answer = read_record_answer(message.body)
        if not answer.is_accepted:
            raise Refused([XdsError(code=answer.code, context=answer.text)])
        return answer

    # --- transport ---

    async def _call(
        self,
        service: str,
        action: str,
        body: etree._Element,
        patient: Ins | None,
        attachments: dict[str, tuple[str, bytes]] | None = None,
    ) -> Message:
        """One call with a VIHF of its own. Raises ``Refused`` on a fault, ``Unavailable`` on silence."""
        vihf = self._identity.vihf(
            self._signer, self._clock(), patient=patient, purpose=self._purpose, is_secret=self._is_secret
        )
        url = f"{self.url}/{service}"
        content_type, content = write_message(
            action,
            body,
            attachments=attachments,
            to=url,
            security=build_security_header(vihf, self._signer.key, self._signer.certificate),
        )
        try:
            response = await self._http.post(url, content=content, headers={"content-type": content_type})
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        if "xml" not in response.headers.get("content-type", "") and response.status_code >= 400:
            raise unreachable(httpx.HTTPError(f"HTTP {response.status_code}"))
        message = read_message(response.content, response.headers.get("content-type", ""), max_marks=_MAX_ANSWER_MARKS)
        fault = read_fault(message.body)
        if fault is not None:
            raise refused_by_fault(fault)
        return message


def _check(response: RegistryResponse) -> tuple[str, ...]:
    """The warnings of a success. Raises ``Refused`` with every error otherwise."""
    errors = [error for error in response.errors if error.severity is Severity.ERROR]
    if errors or response.status is not ResponseStatus.SUCCESS:
        raise Refused(errors)
    return tuple(error.context for error in response.errors)


def _check_rights(message: Message) -> None:
    answer = rights.read_rights_answer(message.body)
    if answer.code != "DMPOk":
        raise Refused([XdsError(code=answer.code, context=answer.text)])


def _by_unique_id(unique_id: str, return_type: ReturnType) -> StoredQuery:
    return StoredQuery(
        id=QueryId.GET_DOCUMENTS, parameters={f"{_DE}UniqueId": ((unique_id,),)}, return_type=return_type
    )


def _request(interaction: Interaction, reason: Reason, patient: Ins) -> RecordRequest:
    return RecordRequest(
        interaction=interaction,
        reason=reason,
        message_id=str(uuid.uuid4()),
        query_id=uuid.uuid4().hex,
        created_at=datetime.now(UTC),
        ins=patient,
    )
