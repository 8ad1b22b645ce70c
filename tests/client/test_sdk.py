"""The SDK against the real door and the real store, in one process: what a vendor's program does in a day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from socle.app import create_services
from socle.client import AsyncDmp, Criteria, Refused, Sandbox, connect_sandbox
from socle.client.xds import XdsDoor
from socle.platform.base import Base
from socle.platform.replays import DatabaseReplays
from socle.platform.vihf import VihfAuthenticator
from socle.platform.web import refuse
from socle.sandbox import admit, pki_http
from socle.sandbox.pki import ensure_authority
from socle.services.dmp import soap
from socle.standards.cda.metadata import document_entry_of
from socle.standards.errors import NotFound, SocleError, Unavailable
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import Status, Visibility


class Place:
    """One base with its SOAP door and the sandbox's doors."""

    def __init__(self, base: Base) -> None:
        services = create_services(base)
        authority = ensure_authority(base.settings.data_path / "pki")
        authenticator = VihfAuthenticator(
            services.trust, DatabaseReplays(base.database), base.clock, requires_client_certificate=False
        )
        self.base = base
        self.app = Starlette(
            routes=[
                *soap.routes(services.dmp, services.ins, authenticator, base),
                *pki_http.routes(authority, services.directory, base.clock),
                *admit.routes(services.ins, services.dmp),
            ],
            exception_handlers={SocleError: refuse},
        )

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://socle")

    async def open(self, rpps: str = "10109876549", **options: Any) -> AsyncDmp:
        return await connect_sandbox("http://socle", rpps=rpps, http=self.http(), clock=self.base.clock, **options)


@pytest.fixture
async def place(base: Base) -> Place:
    return Place(base)


@pytest.fixture(scope="session")
def cda(shared: Path) -> Callable[[str], bytes]:
    return lambda name: (shared / "examples" / "cda" / name).read_bytes()


async def prepared(place: Place, document: bytes) -> tuple[AsyncDmp, Ins]:
    """A doctor connected, the patient of ``document`` admitted and consenting."""
    dmp = await place.open()
    async with place.http() as http:
        await Sandbox("http://socle", http).admit(document)
    patient = document_entry_of(document).patient_id
    assert isinstance(dmp.door, XdsDoor)
    await dmp.door.authorize(patient)
    return dmp, patient


def xds(dmp: AsyncDmp) -> XdsDoor:
    assert isinstance(dmp.door, XdsDoor)
    return dmp.door


async def test_a_document_is_sent_found_and_retrieved_identical(place: Place, cda: Callable[[str], bytes]) -> None:
    document = cda("VSM_1.4_2022.01.xml")
    dmp, patient = await prepared(place, document)
    sent = await dmp.send(document)
    found = await dmp.find(patient)
    assert [entry.unique_id for entry in found] == [sent.unique_id]
    assert found[0].entry_uuid == sent.entry_uuid
    assert hashlib.sha1(await dmp.get(sent.unique_id)).hexdigest() == found[0].hash


async def test_a_document_is_replaced_masked_shown_archived_and_deleted(
    place: Place, cda: Callable[[str], bytes]
) -> None:
    document = cda("VSM_1.4_2022.01.xml")
    dmp, patient = await prepared(place, document)
    first = await dmp.send(document)
    unique_id = first.unique_id.encode()
    second = await dmp.replace(first.unique_id, document.replace(unique_id, unique_id + b"9", 1))
    assert [entry.unique_id for entry in await dmp.find(patient)] == [second.unique_id]
    await dmp.mask(second.unique_id)
    masked = (await dmp.find(patient))[0]
    assert Visibility.MASQUE_PS in {code.code for code in masked.confidentiality_codes}
    assert (masked.version, masked.logical_id != masked.entry_uuid) == (2, True)
    await dmp.unmask(second.unique_id)
    await dmp.archive(second.unique_id)
    assert await dmp.find(patient) == []
    archived = await dmp.find(patient, Criteria(statuses=(Status.ARCHIVED,)))
    assert [entry.unique_id for entry in archived] == [second.unique_id]
    await dmp.unarchive(second.unique_id)
    await dmp.delete(second.unique_id)
    assert await dmp.find(patient) == []
    with pytest.raises(NotFound):
        await dmp.get(second.unique_id)


async def test_the_same_document_twice_is_refused_with_its_code(place: Place, cda: Callable[[str], bytes]) -> None:
    document = cda("VSM_1.4_2022.01.xml")
    dmp, _ = await prepared(place, document)
    await dmp.send(document)
    with pytest.raises(Refused) as refused:
        await dmp.send(document)
    assert refused.value.code == "XDSDuplicateUniqueIdInRegistry"


async def test_a_document_of_an_unknown_patient_is_refused(place: Place, cda: Callable[[str], bytes]) -> None:
    dmp = await place.open()
    with pytest.raises(Refused) as refused:
        await dmp.send(cda("VSM_1.4_2022.01.xml"))
    assert refused.value.code == "XDSUnknownPatientId"


async def test_a_search_filters_as_it_is_asked(place: Place, cda: Callable[[str], bytes]) -> None:
    document = cda("VSM_1.4_2022.01.xml")
    dmp, patient = await prepared(place, document)
    entry = document_entry_of(document)
    await dmp.send(document)
    other = entry.type_code.__class__("11490-0", entry.type_code.system)
    assert len(await dmp.find(patient, Criteria(type_codes=(entry.type_code,)))) == 1
    assert await dmp.find(patient, Criteria(type_codes=(other,))) == []
    assert len(await dmp.find(patient, Criteria(author="8%"))) <= 1
    assert await dmp.find(patient, Criteria(creation_from="20990101")) == []


async def test_without_the_patients_consent_nothing_is_read(place: Place, cda: Callable[[str], bytes]) -> None:
    document = cda("VSM_1.4_2022.01.xml")
    dmp, patient = await prepared(place, document)
    await dmp.send(document)
    other = await place.open("10101234564")
    with pytest.raises(Refused) as refused:
        await other.find(patient)
    assert refused.value.code == "DMPAuthorizationRequired"
    await xds(other).authorize(patient)
    assert len(await other.find(patient)) == 1
    await xds(other).withdraw(patient)
    with pytest.raises(Refused):
        await other.find(patient)


async def test_the_record_is_tested_closed_and_reopened(place: Place, cda: Callable[[str], bytes]) -> None:
    document = cda("VSM_1.4_2022.01.xml")
    dmp, patient = await prepared(place, document)
    status = await xds(dmp).record_status(patient)
    assert (status.is_found, status.candidates[0].state, status.authorization) == (True, "active", "VALIDE")
    assert status.candidates[0].person.birth_name
    with pytest.raises(Refused) as refused:
        await xds(dmp).open_record(patient)
    assert refused.value.code == "DMPFound"
    await xds(dmp).close_record(patient, "à sa demande")
    with pytest.raises(Refused):
        await dmp.send(document)
    await xds(dmp).reopen_record(patient)
    await dmp.send(document)


async def test_an_unknown_record_is_not_found(place: Place) -> None:
    dmp = await place.open()
    status = await xds(dmp).record_status(Ins("200017505612365", "1.2.250.1.213.1.4.10"))
    assert (status.is_found, status.candidates) == (False, ())


async def test_authorisations_and_records_are_listed(place: Place, cda: Callable[[str], bytes]) -> None:
    dmp, patient = await prepared(place, cda("VSM_1.4_2022.01.xml"))
    with pytest.raises(Refused) as refused:
        await xds(dmp).list_authorizations(patient)
    assert refused.value.code == "DMPRoleNotAllowed"
    await xds(dmp).authorize(patient, as_medecin_traitant=True)
    lines = await xds(dmp).list_authorizations(patient)
    assert [(line.national_id, line.status) for line in lines] == [(dmp.identity.user_id, "VALIDE")]
    assert [line.ins for line in await xds(dmp).list_records()] == [patient.to_cx()]


async def test_an_assertion_of_another_time_is_refused(place: Place) -> None:
    dmp = await connect_sandbox(
        "http://socle", http=place.http(), clock=lambda: place.base.clock() - timedelta(minutes=10)
    )
    with pytest.raises(Refused) as refused:
        await xds(dmp).record_status(Ins("200017505612365", "1.2.250.1.213.1.4.10"))
    assert refused.value.code == "VihfExpired"


async def test_a_base_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await connect_sandbox("http://127.0.0.1:9")


async def test_a_professional_that_nobody_knows_needs_a_name(place: Place) -> None:
    with pytest.raises(Refused) as refused:
        await place.open("99700218896")
    assert refused.value.code == "UnknownProfessional"
    named = await place.open("99700218896", family="MARCHAND", given="Camille")
    assert named.identity.author.person.startswith("899700218896^MARCHAND^Camille^")
    # Whoever was given a card is in the directory: the doors that ask it know them, and they need no name any more.
    assert (await place.open("99700218896")).identity == named.identity


async def test_what_is_not_a_sandbox_says_so() -> None:
    http = httpx.AsyncClient(transport=httpx.ASGITransport(Starlette()), base_url="http://socle")
    with pytest.raises(Refused) as refused:
        await connect_sandbox("http://socle", http=http)
    assert refused.value.code == "NotASandbox"
