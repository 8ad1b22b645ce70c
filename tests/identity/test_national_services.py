"""A base of a region that is pointed, by settings alone, to national services: another live base stands for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from socle.app import Services
from socle.platform.patient_key import patient_key
from socle.sandbox import cast
from socle.sandbox.pki import KeyPurpose, ensure_authority
from socle.sandbox.populate import POPULATOR
from socle.server.offline import open_services
from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.identity.accounts import citizen_account
from socle.services.identity.domain import (
    GRANT_CODE,
    GRANT_EXCHANGE,
    Account,
    Client,
    ClientAuthentication,
    sha256,
)
from socle.services.identity.personas import Persona

pytestmark = [pytest.mark.blackbox, pytest.mark.timeout(240)]

CLINIC = Structure(id="F590987657", id_nat="1590987657", finess="590987657", name="CLINIQUE", sector="SA04")
DOCTOR = Professional(
    id_nat="810999887762",
    rpps="10999887762",
    family="LEROUX",
    given="ANNE",
    exercises=(
        Exercise(profession="10", category="C", activities=(Activity(id="55", sector="SA04", structure=CLINIC),)),
    ),
)
PATIENT, CITIZEN = cast.INSI_CASES[2], cast.INSI_CASES[0]
SECRET = "secret de la region"


class Region(msgspec.Struct, frozen=True):
    """The base under test and the one that stands for the nation."""

    base: Any
    nation: Any


@pytest.fixture(scope="module")
def region(running_base: Any, new_base: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Region:
    folder = tmp_path_factory.mktemp("region")
    authority = ensure_authority(running_base.data / "pki")
    files = {}
    for use, name in (("insi", "INSI-MANU"), ("psc", "region.example")):
        issued = authority.issue_organisation("1750987653", "REGION", KeyPurpose.AUTHENTICATION, common_name=name)
        files[use] = folder / f"{use}.pem"
        files[use].write_text(issued.certificate + issued.chain + issued.key)
        files[f"{use}-subject"] = Path(issued.subject)
    (folder / "authorities.pem").write_bytes(authority.trust_bundle)
    (folder / "secret").write_text(SECRET)
    base = new_base(
        insi_url=f"{running_base.tls_url}/insi",
        insi_certificate=str(files["insi"]),
        insi_idam="AUTORISATION01",
        psc_issuer=f"{running_base.url}/auth/realms/esante-wallet",
        psc_client_id="region",
        psc_certificate=str(files["psc"]),
        franceconnect_issuer=f"{running_base.url}/franceconnect/api/v2",
        franceconnect_client_id="region",
        franceconnect_client_secret_file=str(folder / "secret"),
        server_authorities=str(folder / "authorities.pem"),
    )
    asyncio.run(_register(running_base, base.url, str(files["psc-subject"])))
    return Region(base, running_base)


async def _register(nation: Any, region_url: str, subject: str) -> None:
    async with open_services(nation.settings) as services:
        await services.directory.load([DOCTOR], [CLINIC])
        await services.ins.teleservice.enrol(POPULATOR, cast.INSI_CASES)
        await services.identity.personas.add([Persona(ins=CITIZEN.ins, traits=CITIZEN.traits)])
        client = Client(client_id="region", name="Région", redirect_uris=(f"{region_url}/connexion/retour/psc",))
        await services.identity.psc.clients.add(
            msgspec.structs.replace(
                client,
                authentication=ClientAuthentication.TLS,
                tls_subject=subject,
                grants=(GRANT_CODE, GRANT_EXCHANGE),
                backchannel_logout_uri=f"{region_url}/connexion/fin/psc",
                logout_redirect_uris=(f"{region_url}/deconnecte",),
            )
        )
        await services.identity.franceconnect.clients.add(
            msgspec.structs.replace(
                client,
                realm="franceconnect",
                secret_sha256=sha256(SECRET),
                redirect_uris=(f"{region_url}/connexion/retour/franceconnect",),
            )
        )


def follow(http: httpx.Client, response: httpx.Response) -> httpx.Response:
    while response.status_code in {302, 303}:
        response = http.get(response.url.join(response.headers["location"]))
    return response


def log_professional_in(http: httpx.Client, region: Region, read_hidden: Any) -> httpx.Response:
    page = follow(http, http.get(f"{region.base.url}/connexion", params={"espace": "professionnel", "retour": "/pro"}))
    assert str(page.url).startswith(region.nation.url), page.text
    form = read_hidden(page.text) | {"identifier": DOCTOR.rpps, "pin": "1234"}
    page = http.post(f"{region.nation.url}/auth/card", data=form)
    if page.status_code == 200:
        page = http.post(f"{region.nation.url}/auth/consent", data=read_hidden(page.text) | {"answer": "yes"})
    return follow(http, page)


def test_a_professional_whom_the_region_does_not_know_logs_in_by_the_nation_s_pro_sante_connect(
    region: Region, read_hidden: Any
) -> None:
    with httpx.Client(timeout=30) as http:
        page = log_professional_in(http, region, read_hidden)
        assert (page.status_code, page.url.path) == (200, "/pro")
        assert str(page.url).startswith(region.base.url)
        assert "LEROUX" in page.text.upper()


def test_a_token_of_the_nation_opens_the_region_s_doors_and_its_insi_is_asked_with_a_certificate(
    region: Region,
) -> None:
    given = httpx.post(f"{region.nation.url}/sandbox/token", json={"rpps": DOCTOR.rpps}).json()
    token = {"Authorization": f"Bearer {given['access_token']}"}
    traits = PATIENT.traits
    query = {
        "birth_name": traits.birth_name,
        "given_names": [traits.first_given_name],
        "sex": traits.sex,
        "birth_date": traits.birth_date,
    }
    with httpx.Client(base_url=f"{region.base.url}/ins/api", headers=token, timeout=30) as http:
        found = http.post("/insi/search", json=query)
        assert found.json()["person"]["ins"]["matricule"] == PATIENT.ins.matricule, found.text
        claim = {
            "matricule": PATIENT.ins.matricule,
            "oid": PATIENT.ins.oid,
            "birth_name": traits.birth_name,
            "given_names": traits.given_names,
            "sex": traits.sex,
            "birth_date": traits.birth_date,
            "birth_place": traits.birth_place,
        }
        assert http.post("/insi/verify", json=claim).json() == {"result": "OK"}
        assert http.post("/insi/verify", json=claim | {"birth_name": "AUTRE"}).json() == {"result": "KO"}
        typed = {**query, "given_names": traits.given_names}
        assert http.post("/identities", json={"local_id": "z", "traits": typed}).status_code == 201
        accepted = http.post("/identities/z/ins", json={"person": found.json()["person"]})
        assert accepted.json()["reliability"]["status"] == "RECUP", accepted.text
        qualified = http.post("/identities/z/proof", json={"document": "CN", "date": "2026-01-02"})
        assert qualified.json()["reliability"]["status"] == "QUAL", qualified.text
    traces = asyncio.run(_traces(region))
    assert {"INS2", "INS3"} <= traces


async def _traces(region: Region) -> set[str]:
    async def read(services: Services) -> set[str]:
        async with services.base.database.connection() as connection:
            traces = await services.base.audit.of_patient(connection, patient_key(PATIENT.ins))
        return {trace.event.transaction for trace in traces}

    async with open_services(region.base.settings) as services:
        return await read(services)


def test_a_citizen_logs_in_by_the_nation_s_franceconnect_into_the_record_of_who_bears_the_same_traits(
    region: Region, read_hidden: Any
) -> None:
    asyncio.run(_qualify(region.base))
    with httpx.Client(timeout=30) as http:
        page = follow(http, http.get(f"{region.base.url}/connexion/vers/franceconnect", params={"retour": "/espace"}))
        persona = Persona(ins=CITIZEN.ins, traits=CITIZEN.traits)
        form = read_hidden(page.text) | {"subject": persona.subject}
        page = http.post(f"{region.nation.url}/franceconnect/api/v2/personne", data=form)
        if page.status_code == 200:
            consent = f"{region.nation.url}/franceconnect/api/v2/authorize/consent"
            page = http.post(consent, data=read_hidden(page.text) | {"answer": "yes"})
        page = follow(http, page)
        assert str(page.url).startswith(f"{region.base.url}/espace"), page.text
    assert asyncio.run(_account_of_patient(region.base)).ins == CITIZEN.ins


async def _qualify(base: Any) -> None:
    async with open_services(base.settings) as services:
        await services.ins.load(POPULATOR, [CITIZEN])


async def _account_of_patient(base: Any) -> Account:
    async with open_services(base.settings) as services:
        return await services.identity.accounts.find(citizen_account(CITIZEN.ins))


def test_logging_out_at_the_nation_closes_the_region_s_session_by_a_notice_between_servers(
    region: Region, read_hidden: Any
) -> None:
    with httpx.Client(timeout=30) as http:
        log_professional_in(http, region, read_hidden)
        assert http.get(f"{region.base.url}/pro").status_code == 200
        logout = f"{region.nation.url}/auth/realms/esante-wallet/protocol/openid-connect/logout"
        form = read_hidden(http.get(logout).text) | {"answer": "yes"}
        assert http.post(logout, data=form).status_code == 200
        deadline = time.monotonic() + 30
        while http.get(f"{region.base.url}/pro").status_code == 200:
            assert time.monotonic() < deadline, "the region was not told"
            time.sleep(0.2)
