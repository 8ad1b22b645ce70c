from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.trust import TrustStore
from socle.sandbox import cast
from socle.sandbox.pki import KeyPurpose, ensure_authority
from socle.services.ins import messages, rest, soap
from socle.services.ins.domain import ResultCode, TraitsQuery
from socle.services.ins.messages import ACTIONS, Operation, Software
from socle.services.ins.remote import RemoteInsi
from socle.services.ins.rules import claim_of
from socle.services.ins.service import InsService
from socle.services.ins.teleservice import search_as_required
from socle.standards.errors import Forbidden, NotAuthenticated, Text, Unavailable
from socle.standards.ids.traits import Traits
from socle.standards.soap import read_message, write_message

DOCTOR = Actor(
    kind=ActorKind.PROFESSIONAL, id="810109876549", name="MARCHAND", authentication=AuthenticationMode.DIRECTE
)
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Cellule", authentication=AuthenticationMode.OPERATOR)
SOFTWARE = Software(sender="1750987653", idam="AUTORISATION01", name="urn:lps:demo:1.0", version="1.0", instance="i")
ADRUN = TraitsQuery(birth_name="ADRUN", given_names=("ZOE",), sex="F", birth_date="1975-12-31")


@pytest.fixture
async def service(base):
    service = InsService(base)
    await service.teleservice.enrol(OPERATOR, cast.INSI_CASES)
    return service


@pytest.fixture
async def client(base, service):
    async def authenticate(request):
        return {"doctor": DOCTOR, "operator": OPERATOR}[request.headers.get("authorization", "doctor")]

    identify = soap.identify_caller(None, base.clock, is_sandbox=True)
    app = Starlette(routes=[*soap.routes(service, identify, "http://base"), *rest.routes(service, authenticate)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://base") as client:
        yield client


def envelope(operation, body, software=SOFTWARE):
    media_type, content = write_message(ACTIONS[operation], body, to="http://base/insi")
    root = etree.fromstring(content)
    root[0].extend(messages.write_contexts(software, datetime(2026, 3, 2, tzinfo=UTC)))
    return {"content": etree.tostring(root), "headers": {"content-type": media_type}}


async def ask(client, operation, body, **more):
    response = await client.post("/insi", **envelope(operation, body, **more))
    return response, read_message(response.content, response.headers["content-type"])


async def test_the_national_client_code_qualifies_through_the_door_as_it_would_with_the_state(client, service, base):
    remote = RemoteInsi("http://base/insi", client, SOFTWARE, base.clock)
    assert (await remote.search_by_traits(DOCTOR, ADRUN)).person.ins.matricule == "275126322074974"
    several = TraitsQuery(
        birth_name="TCHITCHI", given_names=("OLA", "CATARINA", "BELLA"), sex="F", birth_date="1936-06-21"
    )
    found = await search_as_required(remote, DOCTOR, several)
    assert found.person.traits.given_names == "CATARINA BELLA"
    local = InsService(base, remote)
    await local.register(DOCTOR, Traits.of("ADRUN", "ZOE", "F", "1975-12-31"), local_id="z")
    identity = await local.accept_ins(DOCTOR, "z", (await remote.search_by_traits(DOCTOR, ADRUN)).person)
    assert await remote.verify(DOCTOR, claim_of(identity))
    wrong = msgspec.structs.replace(claim_of(identity), birth_name="ADRDEUX")
    assert not await remote.verify(DOCTOR, wrong)


async def test_history_of_the_test_identities_is_answered_as_published(client):
    body = messages.write_traits_query(
        TraitsQuery(birth_name="ECETINSI", given_names=("PIERRE-ALAIN",), sex="M", birth_date="2009-07-14")
    )
    _, message = await ask(client, Operation.SEARCH_BY_TRAITS, body)
    assert message.action == "urn:ServiceIdentiteCertifiee:1.0.0:rechercherInsAvecTraitsIdentiteResponse"
    histories = [line.findtext("{*}IdIndividu/{*}NumIdentifiant") for line in message.body.iter("{*}INSHISTO")]
    assert histories == ["2090763220834", "2090663220123"]


async def test_a_nia_is_told_by_its_authority(client, base):
    remote = RemoteInsi("http://base/insi", client, SOFTWARE, base.clock)
    query = TraitsQuery(birth_name="PROVISOIRE", given_names=("MATRICULE",), sex="M", birth_date="2009-07-01")
    assert (await remote.search_by_traits(DOCTOR, query)).person.ins.oid == "1.2.250.1.213.1.4.9"


async def test_a_card_leads_to_the_person(client):
    body = etree.fromstring(
        b"""<RECVITALE xmlns="http://www.cnamts.fr/INSiRecVit"><MatriculeIndividu>
        <NumIdentifiant>2770763220829</NumIdentifiant><Cle>10</Cle></MatriculeIndividu>
        <DateNaissance>1977-07-14</DateNaissance></RECVITALE>"""
    )
    _, message = await ask(client, Operation.SEARCH_BY_CARD, body)
    assert messages.read_result(message.body).person.traits.given_names == "RUTH"


@pytest.mark.parametrize(
    ("software", "code", "subcode"),
    [
        (Software(sender="1750987653", idam="INCONNU1"), "desir_550", "soap:siram_100"),
        (Software(sender="1750987653"), "desir_550", "soap:siram_100"),
        (Software(idam="A"), "InsiCertificateMissing", "soap:siram_100"),
    ],
)
async def test_refusals_are_siram_faults(client, software, code, subcode):
    response, message = await ask(
        client, Operation.SEARCH_BY_TRAITS, messages.write_traits_query(ADRUN), software=software
    )
    assert response.status_code == 500
    told = message.body.find(".//{urn:siram}Erreur")
    assert (told.get("code"), told.get("severite")) == (code, "erreur")
    assert message.body.findtext(".//{*}Subcode/{*}Value") == subcode
    assert told.get("messageID")


async def test_a_missing_context_an_unknown_operation_and_a_missing_trait_are_the_senders_fault(client):
    media_type, content = write_message("x", messages.write_traits_query(ADRUN), to="http://base/insi")
    response = await client.post("/insi", content=content, headers={"content-type": media_type})
    assert b"ContextMissing" in response.content
    response, _ = await ask(client, Operation.VERIFY, etree.Element("{urn:x}y"))
    assert b"UnknownOperation" in response.content
    incomplete = messages.write_traits_query(msgspec.structs.replace(ADRUN, given_names=()))
    response, _ = await ask(client, Operation.SEARCH_BY_TRAITS, incomplete)
    assert b'code="MissingGivenName"' in response.content
    assert b"siram_20" in response.content


async def test_insi_down_is_the_receivers_fault_and_the_client_says_unavailable(client, service, base):
    async def down(_operation):
        raise Unavailable("siram_40", Text("Panne voulue.", "Rehearsed failure."))

    service.teleservice._rehearse = down
    response, _ = await ask(client, Operation.SEARCH_BY_TRAITS, messages.write_traits_query(ADRUN))
    assert b"soap:Receiver" in response.content
    assert b'severite="fatale"' in response.content
    remote = RemoteInsi("http://base/insi", client, SOFTWARE, base.clock)
    with pytest.raises(Unavailable):
        await remote.search_by_traits(DOCTOR, ADRUN)


async def test_the_client_says_unavailable_when_nobody_answers_or_answers_nonsense(base):
    def nonsense(_request):
        return httpx.Response(200, content=b"<html/>", headers={"content-type": "text/html"})

    def silence(request):
        raise httpx.ConnectTimeout("late", request=request)

    for handler in (nonsense, silence):
        client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
        remote = RemoteInsi("https://insi.example/lps", client, SOFTWARE, base.clock)
        with pytest.raises(Unavailable):
            await remote.search_by_traits(DOCTOR, ADRUN)


async def test_the_client_says_forbidden_when_the_software_is_unknown(client, base):
    remote = RemoteInsi("http://base/insi", client, Software(sender="1", idam="INCONNU"), base.clock)
    with pytest.raises(Forbidden):
        await remote.search_by_traits(DOCTOR, ADRUN)


async def test_a_lot_goes_through_both_doors(client, service, base):
    found = await service.teleservice.search_by_traits(DOCTOR, ADRUN)
    claim = messages.write_claim(claim_of(await service.admit(OPERATOR, found.person)))
    lot = etree.Element(Operation.SUBMIT_LOT)
    for number in range(3):
        line = etree.fromstring(etree.tostring(claim))
        line.set("id", str(number))
        if number == 1:
            next(line.iter("{*}NomNaissance")).text = "AUTRE"
        lot.append(line)
    _, message = await ask(client, Operation.SUBMIT_LOT, lot)
    number = message.body.findtext("{*}NumeroLot")
    question = etree.Element(Operation.READ_LOT)
    etree.SubElement(question, "{urn:socle:insi:lot}NumeroLot").text = number
    _, message = await ask(client, Operation.READ_LOT, question)
    assert message.body.findtext("{*}Etat") == "waiting"
    await service.batches.run(UUID(number))
    _, message = await ask(client, Operation.READ_LOT, question)
    assert [line.text for line in message.body.iter("{*}Ligne")] == ["OK", "KO", "OK"]

    table = (
        "id;matricule;cle;oid;nomNaissance;listePrenoms;sexe;dateNaissance;lieuNaissance\n"
        "a;2751263220749;74;1.2.250.1.213.1.4.8;ADRUN;ZOE;F;1975-12-31;63220\n"
        "b;2751263220749;74;1.2.250.1.213.1.4.8;ADRUN;ZOE;M;1975-12-31;63220\n"
    )
    submitted = await client.post("/ins/api/lots", content=table)
    assert submitted.status_code == 202
    await service.batches.run(UUID(submitted.json()["id"]))
    place = submitted.headers["location"]
    assert (await client.get(place)).json()["wrong"] == 1
    assert (await client.get(f"{place}/verdicts", headers={"accept": "text/csv"})).text == "id;resultat\na;OK\nb;KO\n"
    stranger = await client.get(place, headers={"authorization": "operator"})
    assert stranger.status_code == 404


async def test_the_json_twin_answers_as_the_soap_door(client):
    answer = await client.post("/ins/api/insi/search", json=msgspec.to_builtins(ADRUN))
    assert answer.json()["code"] == "00"
    assert answer.json()["person"]["ins"] == {"matricule": "275126322074974", "oid": "1.2.250.1.213.1.4.8"}
    nobody = msgspec.structs.replace(ADRUN, birth_name="PERSONNE")
    assert (await client.post("/ins/api/insi/search", json=msgspec.to_builtins(nobody))).json()["code"] == "01"
    wrong = await client.post("/ins/api/insi/search", json={"birth_name": 1})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "InvalidJSON")
    digit = await client.post(
        "/ins/api/insi/search", json=msgspec.to_builtins(msgspec.structs.replace(ADRUN, birth_name="R2D2"))
    )
    assert (digit.status_code, digit.json()["location"]) == (422, "NomNaissance")


async def test_an_identity_lives_through_the_json_door(client):
    typed = {"birth_name": "Adrun", "given_names": "Zoé", "sex": "F", "birth_date": "1975-12-31"}
    created = await client.post("/ins/api/identities", json={"traits": typed, "local_id": "ipp1"})
    assert (created.status_code, created.json()["reliability"]["status"]) == (201, "PROV")
    required = (await client.post("/ins/api/insi/search-required", json=msgspec.to_builtins(ADRUN))).json()
    accepted = await client.post("/ins/api/identities/ipp1/ins", json={"person": required["person"]})
    assert accepted.json()["reliability"]["status"] == "RECUP"
    proven = await client.post("/ins/api/identities/ipp1/proof", json={"document": "CN", "date": "2026-03-02"})
    assert proven.json()["reliability"]["status"] == "QUAL"
    found = await client.post("/ins/api/identities/search", json={"birth_date": "1975-12-31", "name": "adr"})
    assert [one["local_id"] for one in found.json()] == ["ipp1"]
    by_ins = await client.post("/ins/api/identities/by-ins", json=proven.json()["ins"])
    assert by_ins.json() == proven.json()
    unknown = await client.post("/ins/api/identities/by-ins", json={"matricule": "1", "oid": "2"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "INSUnknown")
    history = (await client.get("/ins/api/identities/ipp1/history")).json()
    assert [line["event"] for line in history] == ["check_proof", "accept_ins", "register"]
    verified = await client.post("/ins/api/identities/ipp1/verify")
    assert verified.json()["verified_at"].startswith("2026-03-02")
    shown = await client.post("/ins/api/sandbox/vitale-app", json=accepted.json()["ins"])
    read = await client.post("/ins/api/identities/ipp1/vitale-app", json=shown.json())
    assert read.json()["method"] == "AV"
    again = await client.post("/ins/api/identities/ipp1/vitale-app", json=shown.json())
    assert (again.status_code, again.json()["code"]) == (422, "VitaleContext")
    await client.post("/ins/api/identities", json={"traits": typed, "local_id": "ipp2"})
    links = (await client.get("/ins/api/identities/ipp2/links")).json()
    assert links[0]["result"] == "possible"
    refused = await client.post("/ins/api/merges", json={"survivor": "ipp1", "absorbed": "ipp2"})
    assert refused.status_code == 403
    cell = {"authorization": "operator"}
    merged = await client.post("/ins/api/merges", json={"survivor": "ipp1", "absorbed": "ipp2"}, headers=cell)
    assert (await client.get("/ins/api/identities/ipp2")).json()["replaced_by"] == "ipp1"
    undone = await client.delete(f"/ins/api/merges/{merged.json()['id']}", headers=cell)
    assert undone.json()["absorbed"]["local_id"] == "ipp2"
    marked = await client.post("/ins/api/identities/ipp1/marks", json={"attribute": "DOUT"})
    assert marked.json()["reliability"] == {"status": "PROV", "attributes": ["DOUT"]}


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
async def test_any_bytes_get_a_refusal_in_the_form_of_the_door(client, content):
    response = await client.post("/insi", content=content, headers={"content-type": "application/soap+xml"})
    assert response.status_code in (413, 415, 500)
    assert b"Fault" in response.content
    response = await client.post("/ins/api/insi/search", content=content)
    assert response.status_code in (400, 413, 422)


async def test_production_refuses_a_caller_without_certificate(base):
    identify = soap.identify_caller(None, base.clock, is_sandbox=False)
    with pytest.raises(NotAuthenticated):
        await identify(Request({"type": "http", "headers": []}), SOFTWARE)


async def test_certificates_are_checked_and_must_bear_the_right_name(base, tmp_path):
    authority = ensure_authority(tmp_path / "pki")
    trust = TrustStore.load(authority.trust_directory)
    identify = soap.identify_caller(trust, lambda: datetime.now(UTC) + timedelta(minutes=1), is_sandbox=True)

    def request_with(credential):
        der = x509.load_pem_x509_certificate(credential.certificate.encode()).public_bytes(Encoding.DER)
        return Request({"type": "http", "headers": [], "extensions": {"tls": {"client_cert_der": der}}})

    def issue(name):
        return authority.issue_organisation("1750987653", "HOPITAL", KeyPurpose.AUTHENTICATION, common_name=name)

    good = issue("INSI-AUTO")
    actor = await identify(request_with(good), SOFTWARE)
    assert (actor.kind, actor.id) == (ActorKind.SYSTEM, "1750987653")
    with pytest.raises(Forbidden) as refusal:
        await identify(request_with(issue("dmp-client")), SOFTWARE)
    assert refusal.value.code == "desir_560"


def test_result_codes_have_the_labels_of_insi():
    assert [code.label for code in ResultCode] == ["OK", "Aucune identite trouvee", "Plusieurs identites trouvees"]


texts = st.text(max_size=20) | st.sampled_from(["\x00", "a\x00b", "' OR 1=1 --", "%", "_" * 500, "１２"])


@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(values=st.lists(texts, min_size=8, max_size=8), number=st.integers(-(2**70), 2**70))
async def test_any_text_in_any_field_gets_an_answer_and_never_a_failure(client, values, number):
    one, two, three, four, five, six, seven, eight = values
    traits = {"birth_name": one, "given_names": two, "sex": three, "birth_date": four, "birth_place": five}
    claim = traits | {"id": six, "matricule": seven, "oid": eight}
    cell = {"authorization": "operator"}
    ins = {"matricule": seven, "oid": eight}
    person = {"ins": ins, "traits": {**traits, "first_given_name": six}}
    for path, body in (
        ("/insi/search", traits | {"given_names": [two, six]}),
        ("/insi/search-card", {"holder": one, "birth_date": two, "birth_rank": number}),
        ("/insi/verify", claim),
        ("/identities", {"traits": traits, "local_id": six, "domain": seven}),
        ("/identities", {"traits": {**traits, **GOOD}, "local_id": six, "domain": seven}),
        (
            "/identities/search",
            {"birth_date": "1984-07-17", "name": one, "given": two, "domain": three, "count": number},
        ),
        ("/identities/by-ins", ins),
        ("/sandbox/vitale-app", ins),
        ("/decisions", {"one": one, "other": two, "result": "distinct"}),
        ("/merges", {"survivor": one, "absorbed": two}),
        ("/lots", [claim]),
    ):
        response = await client.post(f"/ins/api{path}", json=body, headers=cell)
        assert response.status_code < 500, (path, body)
    for path, body in (("ins", {"person": person}), ("vitale-app", {"code": one}), ("verify", {})):
        address = httpx.URL("http://base/ins/api/identities/").join(f"{quote(one, safe='')}/{path}")
        response = await client.post(address, params={"domain": two}, json=body, headers=cell)
        assert response.status_code < 500, (path, body)


GOOD = {
    "birth_name": "MARTIN",
    "given_names": "PAUL",
    "sex": "M",
    "birth_date": "1984-07-17",
    "birth_place": "69383",
}
