"""Made-up people and documents for the DMP's tests."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from socle.platform.actor import Actor, ActorKind, AuthenticationMode, Purpose
from socle.platform.base import Base
from socle.platform.outgoing import OutgoingMessage
from socle.services.dmp.domain import Door
from socle.services.dmp.service import DmpService
from socle.standards.errors import SocleError
from socle.standards.ids.ins import OID_NIR_TEST, Ins, key_of
from socle.standards.ids.status import Reliability
from socle.standards.xds.model import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Folder,
    Status,
    Submission,
    SubmissionSet,
    Visibility,
)

NUMBERS = itertools.count(1)
LOINC = "2.16.840.1.113883.6.1"
VISIBILITY = "1.2.250.1.213.1.1.4.13"


class FakeIdentities:
    """Everybody is qualified, but those in ``unqualified``. Birth dates by INS, else 1 January 1980."""

    def __init__(self) -> None:
        self.unqualified: set[Ins] = set()
        self.birth_dates: dict[Ins, date] = {}
        self.moved: dict[tuple[str, str], list[str]] = {}

    async def find(self, connection: object, ins: Ins) -> Any:
        born = self.birth_dates.get(ins, date(1980, 1, 1))
        return SimpleNamespace(
            ins=ins,
            sendable_ins=None if ins in self.unqualified else ins,
            traits=SimpleNamespace(birth_date=born.isoformat()),
            reliability=Reliability(),
        )

    async def note_moved(self, connection: object, merge: Any, kind: str, object_ids: Sequence[str]) -> None:
        self.moved.setdefault((str(merge.id), kind), []).extend(object_ids)

    async def take_moved(self, connection: object, merge: Any, kind: str) -> list[str]:
        return self.moved.pop((str(merge.id), kind), [])


class World:
    """Factories of actors, patients and submissions."""

    def __init__(self) -> None:
        self.visibility = Visibility

    def oid(self) -> str:
        return f"1.2.250.1.999.1.7.{next(NUMBERS)}"

    def patient(self) -> Ins:
        number = f"28407693{next(NUMBERS):05d}"
        return Ins(number + key_of(number), OID_NIR_TEST)

    def doctor(self, number: int = 1, **changes: Any) -> Actor:
        actor = Actor(
            kind=ActorKind.PROFESSIONAL,
            id=f"8100000{number:05d}",
            name=f"MARTIN Claire{number}",
            authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
            profession="10",
            speciality="SM26",
            structure=f"1{number:09d}",
            structure_name=f"CABINET {number}",
            sector="SA07",
            software="OpenLPS",
        )
        return msgspec.structs.replace(actor, **changes)

    def holder(self, ins: Ins) -> Actor:
        return Actor(
            kind=ActorKind.PATIENT,
            id=f"account-{ins.matricule}",
            name="DURAND Lea",
            authentication=AuthenticationMode.CITIZEN,
            patient=ins,
        )

    def agent(self, kind: ActorKind, agent_id: str) -> Actor:
        return Actor(kind=kind, id=agent_id, name="DURAND Paul", authentication=AuthenticationMode.CITIZEN)

    def system(self, number: int = 1) -> Actor:
        return Actor(
            kind=ActorKind.SYSTEM,
            id=f"375010012{number}/77",
            name="DPI",
            authentication=AuthenticationMode.INDIRECTE,
            profession="AUTOMATE",
            profession_system="1.2.250.1.213.1.1.4.6",
            structure=f"1{number:09d}",
            software="DPI",
        )

    def operator(self) -> Actor:
        return Actor(
            kind=ActorKind.OPERATOR, id="operator", name="Operator", authentication=AuthenticationMode.OPERATOR
        )

    def emergency(self, actor: Actor, purpose: Purpose = Purpose.BRIS_DE_GLACE) -> Actor:
        return msgspec.structs.replace(actor, purpose=purpose, reason="inconscient")

    def entry(self, ins: Ins, author: Actor, content: bytes, rank: int = 1, **changes: Any) -> DocumentEntry:
        visibility = changes.pop("visibility", ())
        person = f"{author.id}^MARTIN^Claire^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
        values: dict[str, Any] = {
            "entry_uuid": f"Document{rank:02d}",
            "unique_id": self.oid(),
            "patient_id": ins,
            "class_code": Code("10", "1.2.250.1.213.1.1.4.1", "Compte rendu"),
            "type_code": Code("11488-4", LOINC, "CR de consultation"),
            "format_code": Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
            "healthcare_facility_type_code": Code("SA07", "1.2.250.1.71.4.2.4"),
            "practice_setting_code": Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9"),
            "confidentiality_codes": (
                Code("N", "2.16.840.1.113883.5.25", "Normal"),
                *(Code(one.value, VISIBILITY) for one in visibility),
            ),
            "creation_time": "20260302080000",
            "service_start_time": "20260302073000",
            "language_code": "fr-FR",
            "mime_type": "application/pdf",
            "authors": (Author(person=person),),
            "legal_authenticator": person,
            "title": "CR de consultation",
            "source_patient_id": ins.to_cx(),
            "hash": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "size": len(content),
        }
        return DocumentEntry(**(values | changes))

    def submission(
        self,
        ins: Ins,
        author: Actor,
        *,
        contents: Sequence[bytes] = (b"%PDF-1.7 made up",),
        links: Sequence[tuple[AssociationType, str, str]] = (),
        entries: Sequence[DocumentEntry] | None = None,
        folders: Sequence[Folder] = (),
        **changes: Any,
    ) -> Submission:
        """One document for each content, in one set; ``links`` are (type, source, target)."""
        if entries is None:
            entries = [self.entry(ins, author, content, rank, **changes) for rank, content in enumerate(contents, 1)]
        submission_set = SubmissionSet(
            entry_uuid="SubmissionSet01",
            unique_id=self.oid(),
            source_id="1.2.250.1.999.1.7",
            patient_id=ins,
            content_type_code=Code("07", "1.2.250.1.213.2.2"),
            submission_time="20260302081500",
            author=Author(person=f"{author.id}^MARTIN^Claire^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"),
        )
        associations = [
            Association(
                entry_uuid=f"Member{rank:02d}",
                type=AssociationType.HAS_MEMBER,
                source="SubmissionSet01",
                target=entry.entry_uuid,
                submission_set_status="Original",
            )
            for rank, entry in enumerate(entries, 1)
        ]
        associations += [
            Association(entry_uuid=f"Link{rank:02d}", type=kind, source=source, target=target)
            for rank, (kind, source, target) in enumerate(links, 1)
        ]
        return Submission(
            submission_set=submission_set,
            documents=tuple(entries),
            folders=tuple(folders),
            associations=tuple(associations),
            contents={entry.entry_uuid: content for entry, content in zip(entries, contents, strict=True)},
        )

    def status_change(self, ins: Ins, author: Actor, target: str, old: Status, new: Status) -> Submission:
        change = Association(
            entry_uuid="u1",
            type=AssociationType.UPDATE_AVAILABILITY,
            source="SubmissionSet01",
            target=target,
            original_status=old,
            new_status=new,
        )
        empty = self.submission(ins, author, contents=())
        return msgspec.structs.replace(empty, associations=(change,))

    def new_version(self, author: Actor, entry: DocumentEntry, visibility: Sequence[Visibility]) -> Submission:
        codes = (
            Code("N", "2.16.840.1.113883.5.25", "Normal"),
            *(Code(one.value, VISIBILITY) for one in visibility),
        )
        changed = msgspec.structs.replace(entry, entry_uuid="Document01", confidentiality_codes=codes)
        member = Association(
            entry_uuid="m1",
            type=AssociationType.HAS_MEMBER,
            source="SubmissionSet01",
            target="Document01",
            submission_set_status="Original",
            previous_version=entry.version,
        )
        empty = self.submission(entry.patient_id, author, contents=())
        return msgspec.structs.replace(empty, documents=(changed,), associations=(member,))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def identities() -> FakeIdentities:
    return FakeIdentities()


class FakeMail:
    """Mail that leaves, unless ``failure`` says why not."""

    def __init__(self) -> None:
        self.sent: list[OutgoingMessage] = []
        self.failure: SocleError | None = None

    async def send(self, message: OutgoingMessage) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(message)

    def code(self) -> str:
        """The code of the last message."""
        (code,) = re.findall(r"\d{6}", self.sent[-1].text)
        return str(code)


@pytest.fixture
def mail() -> FakeMail:
    return FakeMail()


@pytest.fixture
def dmp(base: Base, identities: FakeIdentities, mail: FakeMail) -> DmpService:
    return DmpService(base, identities, send=mail.send)


@pytest.fixture
def opened(dmp: DmpService, world: World) -> Callable[..., Any]:
    """Opens a record for a new patient, authorising the doctors given."""

    async def open_for(*doctors: Actor, ins: Ins | None = None) -> Ins:
        from socle.services.dmp.domain import AuthorizationAction

        ins = ins or world.patient()
        await dmp.open_record(world.operator(), ins, door=Door.SANDBOX)
        for doctor in doctors:
            await dmp.set_authorization(doctor, ins, AuthorizationAction.AJOUT)
        return ins

    return open_for
