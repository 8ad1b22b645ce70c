"""Record management and rights by SOAP: one message in, one use case, one message out.

Source: fact sheet "DMP exchange" §5.2-5.4, §5.9.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Final

from lxml import etree
from msgspec.structs import replace

from socle.platform.actor import Actor
from socle.platform.clock import Clock
from socle.services.dmp.domain import (
    AuthorizationAction,
    AuthorizationLine,
    AuthorizationStatus,
    ClosingReason,
    Record,
    RecordSettings,
    RecordState,
)
from socle.services.dmp.service import DmpService
from socle.services.ins.domain import Identity
from socle.services.ins.service import InsService
from socle.standards.errors import InvalidContent, MalformedInput, NotFound, SocleError, Text
from socle.standards.hl7v3 import rights
from socle.standards.hl7v3.names import HABILITATIONS, PATIENTS, Consent, Interaction, Reason
from socle.standards.hl7v3.record import (
    Candidate,
    Person,
    RecordAnswer,
    RecordRequest,
    read_record_request,
    write_record_answer,
)
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import BirthDate, to_calendar

_STATES: Final = {RecordState.ACTIVE: "active", RecordState.CLOSED: "terminated"}
#: Interaction of the answer, when done and when refused.
_ANSWERS: Final = {
    Interaction.GET: (Interaction.GET_ANSWER, Interaction.GET_ANSWER),
    Interaction.ADD: (Interaction.ADDED, Interaction.NOT_ADDED),
    Interaction.REVISE: (Interaction.REVISED, Interaction.NOT_REVISED),
    Interaction.FIND_CANDIDATES: (Interaction.CANDIDATES, Interaction.CANDIDATES),
}
_LISTED: Final = {
    rights.ListMode.ACTIVE: {AuthorizationStatus.VALIDE},
    rights.ListMode.FORBIDDEN: {AuthorizationStatus.INTERDIT},
    rights.ListMode.ALL: set(AuthorizationStatus),
}


class RecordDoor:
    """The transactions TD0.2-0.5, TD1.1-1.4 and TD1.6 on the two services."""

    def __init__(self, dmp: DmpService, people: InsService, clock: Clock) -> None:
        self._dmp = dmp
        self._people = people
        self._clock = clock

    async def answer(self, actor: Actor, body: etree._Element) -> etree._Element:
        """The body that answers ``body``. A refusal of the DMP is an answer too; ``MalformedInput`` is raised."""
        name = etree.QName(body)
        handler = {
            (HABILITATIONS, "setAuthorization"): self._set_authorization,
            (HABILITATIONS, "listAuthorizationByPatient"): self._list_authorizations,
            (PATIENTS, "patientList"): self._list_records,
        }.get((name.namespace or "", name.localname))
        if handler is not None:
            try:
                return await handler(actor, body)
            except MalformedInput:
                raise
            except SocleError as error:
                text = f"{error.sentence('fr')} / {error.sentence('en')}"
                return rights.write_rights_answer(rights.RightsAnswer(error.code, text), body)
        request = read_record_request(body)
        refused = _answers_of(request.interaction)[1]
        try:
            answer = await self._handle(actor, request)
        except SocleError as error:
            answer = RecordAnswer(
                interaction=refused,
                to_message_id=request.message_id,
                is_accepted=False,
                code=error.code,
                text=f"{error.sentence('fr')} / {error.sentence('en')}",
                is_found=False,
            )
        return write_record_answer(answer, request, self._clock())

    async def _handle(self, actor: Actor, request: RecordRequest) -> RecordAnswer:
        if request.interaction is Interaction.FIND_CANDIDATES:
            return await self._find_candidates(actor, request)
        handlers: dict[Reason | None, Callable[[Actor, RecordRequest, Ins], Awaitable[RecordAnswer]]] = {
            Reason.TEST_EXISTENCE: self._test_existence,
            Reason.READ_IDENTITY: self._read_identity,
            Reason.CREATE: self._create,
            Reason.REACTIVATE: self._reactivate,
            Reason.UPDATE_IDENTITY: self._update,
            Reason.CLOSE: self._close,
        }
        handler = handlers.get(request.reason)
        if handler is None or request.ins is None:
            raise InvalidContent(
                "DMPMalformedMessage",
                Text("reasonCode et un identifiant INS sont attendus.", "reasonCode and an INS are expected."),
                location="controlActProcess",
            )
        return await handler(actor, request, request.ins)

    # --- TD0.2, TD1.3a, TD0.5 ---

    async def _test_existence(self, actor: Actor, request: RecordRequest, ins: Ins) -> RecordAnswer:
        try:
            status = await self._dmp.record_status(actor, ins)
        except NotFound as error:
            return replace(
                _done(request, code=error.code, text=f"{error.sentence('fr')} / {error.sentence('en')}"), is_found=False
            )
        state = _STATES.get(status.state, "")
        return RecordAnswer(
            interaction=Interaction.GET_ANSWER,
            to_message_id=request.message_id,
            is_accepted=True,
            is_found=bool(state),
            candidates=(Candidate(ins=ins, person=await self._person(actor, ins), state=state),) if state else (),
            authorization=status.authorization,
            is_medecin_traitant=status.is_medecin_traitant,
            is_attached_to_mes=status.is_attached_to_mes,
            is_minor=status.is_minor,
            closed_at=status.closed_at,
            closing_code=status.closing_reason or "",
            closing_text=status.closing_text,
        )

    async def _read_identity(self, actor: Actor, request: RecordRequest, ins: Ins) -> RecordAnswer:
        record = await self._dmp.record_status(actor, ins)
        candidate = Candidate(ins=ins, person=await self._person(actor, ins), state=_STATES.get(record.state, ""))
        return replace(_done(request), candidates=(candidate,))

    async def _find_candidates(self, actor: Actor, request: RecordRequest) -> RecordAnswer:
        person = request.person
        name = person.birth_name or person.usage_name
        if not name or person.birth_date is None:
            raise InvalidContent(
                "DMPMalformedMessage",
                Text("Nom et date de naissance sont obligatoires.", "Name and birth date are required."),
                location="parameterList",
            )
        given = person.given_names[0] if person.given_names else ""
        found = await self._people.search(actor, person.birth_date.isoformat(), name, given)
        candidates = tuple(
            Candidate(ins=identity.sendable_ins, person=_person_of(identity), state="active")
            for identity in found
            if identity.sendable_ins is not None and person.sex in ("", identity.traits.sex)
        )
        return replace(_done(request), candidates=candidates, is_found=bool(candidates))

    async def _person(self, actor: Actor, ins: Ins) -> Person:
        return _person_of(await self._people.holder(actor, ins))

    # --- TD1.1, TD1.2, TD1.3b, TD1.4 ---

    async def _create(self, actor: Actor, request: RecordRequest, ins: Ins) -> RecordAnswer:
        settings = _settings(request, RecordSettings()) if request.consents else None
        return _done(request, await self._dmp.open_record(actor, ins, settings))

    async def _reactivate(self, actor: Actor, request: RecordRequest, ins: Ins) -> RecordAnswer:
        record = await self._dmp.reopen_record(actor, ins)
        if request.consents:
            record = await self._dmp.change_settings(actor, ins, _settings(request, record.settings))
        return _done(request, record)

    async def _update(self, actor: Actor, request: RecordRequest, ins: Ins) -> RecordAnswer:
        """Changes the consents. The traits of a person come from the INS and are not changed from here."""
        record = await self._dmp.read_record(actor, ins)
        if request.consents:
            record = await self._dmp.change_settings(actor, ins, _settings(request, record.settings))
        return _done(request, record)

    async def _close(self, actor: Actor, request: RecordRequest, ins: Ins) -> RecordAnswer:
        if request.closing_code not in ClosingReason.__members__.values():
            raise InvalidContent(
                "DMPMalformedMessage",
                Text("Motif de fermeture inconnu.", "Unknown closing reason."),
                location="reasonOf/detectedIssueEvent/code",
                remedy=Text(f"Motifs : {', '.join(ClosingReason)}.", f"Reasons: {', '.join(ClosingReason)}."),
            )
        reason = ClosingReason(request.closing_code)
        return _done(request, await self._dmp.close_record(actor, ins, reason, request.closing_text))

    # --- TD0.3, TD1.6, TD0.4 ---

    async def _set_authorization(self, actor: Actor, body: etree._Element) -> etree._Element:
        request = rights.read_set_authorization(body)
        await self._dmp.set_authorization(
            actor,
            _patient_of(actor),
            AuthorizationAction(request.action),
            is_medecin_traitant=request.is_medecin_traitant,
        )
        return rights.write_rights_answer(rights.RightsAnswer("DMPOk"))

    async def _list_authorizations(self, actor: Actor, body: etree._Element) -> etree._Element:
        mode = rights.read_list_request(body)
        lines = await self._dmp.list_authorizations(actor, _patient_of(actor))
        return rights.write_list_answer([_line(line) for line in lines if line.status in _LISTED[mode]])

    async def _list_records(self, actor: Actor, body: etree._Element) -> etree._Element:
        request = rights.read_patient_list_request(body)
        since = request.since
        lines = []
        for record in await self._dmp.authorized_records(actor):
            last = record.granted_at if request.type == "LASTAUTORIZATION" else record.last_document_at
            if since is None or (last is not None and last >= since):
                person = await self._person(actor, record.ins)
                lines.append(
                    rights.ListedPatient(
                        ins=record.ins.to_cx(),
                        last_name=person.birth_name,
                        first_name=person.given_names[0] if person.given_names else "",
                        date_of_birth=_day(person.birth_date),
                        authorized_on=_day(record.granted_at),
                        last_document_on=_day(record.last_document_at),
                    )
                )
        return rights.write_patient_list_answer(lines)


def _answers_of(interaction: Interaction) -> tuple[Interaction, Interaction]:
    if interaction not in _ANSWERS:
        raise MalformedInput(
            "DMPMalformedMessage",
            Text(f"{interaction} n'est pas une demande.", f"{interaction} is not a request."),
            location="/",
        )
    return _ANSWERS[interaction]


def _done(request: RecordRequest, record: Record | None = None, code: str = "DMPOk", text: str = "") -> RecordAnswer:
    candidates: tuple[Candidate, ...] = ()
    if record is not None and request.ins is not None:
        candidates = (Candidate(ins=request.ins, state=_STATES.get(record.state, "")),)
    return RecordAnswer(
        interaction=_ANSWERS[request.interaction][0],
        to_message_id=request.message_id,
        is_accepted=True,
        code=code,
        text=text,
        candidates=candidates,
    )


def _settings(request: RecordRequest, current: RecordSettings) -> RecordSettings:
    """``current`` with the oppositions that the message states."""
    consents = request.consents
    return replace(
        current,
        allows_bris_de_glace=not consents.get(Consent.REFUSES_BRIS_DE_GLACE, not current.allows_bris_de_glace),
        allows_centre_15=not consents.get(Consent.REFUSES_EMERGENCY, not current.allows_centre_15),
    )


def _patient_of(actor: Actor) -> Ins:
    if actor.patient is None:
        raise InvalidContent(
            "DMPInvalidVIHF",
            Text("Le VIHF doit désigner le patient (resource-id).", "The VIHF must name the patient (resource-id)."),
            location="urn:oasis:names:tc:xacml:2.0:resource:resource-id",
        )
    return actor.patient


def _person_of(identity: Identity) -> Person:
    traits = identity.traits
    return Person(
        birth_name=traits.birth_name,
        usage_name=traits.used_name,
        given_names=tuple(traits.given_names.split()),
        sex="U" if traits.sex == "I" else traits.sex,
        birth_date=_calendar(traits.birth_date),
        birth_place=traits.birth_place or "",
    )


def _calendar(text: BirthDate | None) -> date | None:
    return to_calendar(text) if text else None


def _line(line: AuthorizationLine) -> rights.AuthorizedProfessional:
    last, _, first = line.name.partition(" ")
    return rights.AuthorizedProfessional(
        national_id=line.holder_id,
        last_name=last,
        first_name=first,
        date=_day(line.since),
        status=line.status,
        role=rights.MEDECIN_TRAITANT if line.is_medecin_traitant else "",
    )


def _day(moment: date | datetime | None) -> str:
    return f"{moment:%d%m%Y}" if moment else ""
