"""INSi asked by zeep, a SOAP client that is not ours, through a live base."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import requests
import zeep
from zeep.exceptions import Fault

from socle.sandbox import cast
from socle.sandbox.pki import KeyPurpose, ensure_authority
from socle.sandbox.populate import POPULATOR
from socle.server.offline import open_offline
from socle.services.ins.service import InsService

pytestmark = pytest.mark.blackbox


@pytest.fixture(scope="module")
def insi(running_base):
    async def enrol():
        async with open_offline(running_base.settings) as base:
            await InsService(base).teleservice.enrol(POPULATOR, cast.INSI_CASES)

    asyncio.run(enrol())
    return zeep.Client(f"{running_base.url}/insi?wsdl")


def contexts(client, idam="AUTORISATION01"):
    now = datetime.now(UTC)
    common = {"Id": str(uuid4()), "Temps": now, "Emetteur": "1750987653"}
    lps = client.get_element("{urn:siram:lps:ctxlps}ContexteLPS")(
        **common,
        Version="01_00",
        LPS={"IDAM": {"_value_1": idam, "R": "4"}, "Version": "1.0", "Instance": str(uuid4()), "Nom": "urn:lps:zeep:1"},
    )
    bam = client.get_element("{urn:siram:bam:ctxbam}ContexteBAM")(**common, Version="01_02", COUVERTURE={})
    return [lps, bam]


def test_the_contract_loads_without_a_network_and_names_the_national_service(insi):
    service = insi.wsdl.services["ICIR-v1"]
    operations = service.ports["ICIRService"].binding._operations
    assert {"rechercherInsAvecCarteVitale", "rechercherInsAvecTraitsIdentite"} <= set(operations)


def test_search_by_traits_then_verification(insi):
    found = insi.service.rechercherInsAvecTraitsIdentite(
        NomNaissance="ADRTROIS",
        Prenom=["DOMINIQUE"],
        Sexe="F",
        DateNaissance="1997-02-26",
        _soapheaders=contexts(insi),
    )
    assert (found.CR.CodeCR, found.CR.LibelleCR) == ("00", "OK")
    active = found.INDIVIDU.INSACTIF
    assert (active.IdIndividu.NumIdentifiant, active.IdIndividu.Cle) == ("297022A020778", "78")
    traits = found.INDIVIDU.TIQ
    verdict = insi.service.verifierInsAvecTraitsIdentite(
        INSFourni={"IdIndividu": {"NumIdentifiant": "297022A020778", "Cle": "78"}, "OID": active.OID},
        TraitsIdentiteIndividu={
            "NomNaissance": traits.NomNaissance,
            "ListePrenom": traits.ListePrenom,
            "Sexe": traits.Sexe,
            "DateNaissance": traits.DateNaissance,
            "LieuNaissance": traits.LieuNaissance,
        },
        _soapheaders=contexts(insi),
    )
    assert verdict.CodeCR == "00"


def test_search_by_card_and_nobody_found(insi):
    found = insi.service.rechercherInsAvecCarteVitale(
        MatriculeIndividu={"NumIdentifiant": "1600112B02077"[:13], "Cle": "13"},
        DateNaissance="1960-01-01",
        _soapheaders=contexts(insi),
    )
    assert (found.CR.CodeCR, found.INDIVIDU) == ("01", None)
    found = insi.service.rechercherInsAvecCarteVitale(
        MatriculeIndividu={"NumIdentifiant": "160012B020777", "Cle": "13"},
        DateNaissance="1960-01-01",
        RangNaissance="1",
        _soapheaders=contexts(insi),
    )
    assert found.INDIVIDU.TIQ.ListePrenom == "TOUSSAINT"


def test_an_unknown_software_gets_a_siram_fault(insi):
    with pytest.raises(Fault) as refusal:
        insi.service.rechercherInsAvecTraitsIdentite(
            NomNaissance="ADRUN",
            Prenom=["ZOE"],
            Sexe="F",
            DateNaissance="1975-12-31",
            _soapheaders=contexts(insi, "INCONNU"),
        )
    told = refusal.value.detail.find("{urn:siram}Erreur")
    assert (told.get("code"), told.get("severite")) == ("desir_550", "erreur")
    assert [name.localname for name in refusal.value.subcodes] == ["siram_100"]


def test_a_certificate_proves_the_caller_and_must_bear_the_right_name(running_base, insi, tmp_path):
    authority = ensure_authority(running_base.data / "pki")
    (tmp_path / "bundle.pem").write_bytes(authority.trust_bundle)

    def search_with(common_name):
        issued = authority.issue_organisation(
            "1750987653", "HOPITAL DES EXEMPLES", KeyPurpose.AUTHENTICATION, common_name=common_name
        )
        (tmp_path / f"{common_name}.pem").write_text(issued.chain + issued.key)
        session = requests.Session()
        session.trust_env = False
        session.verify = str(tmp_path / "bundle.pem")
        session.cert = str(tmp_path / f"{common_name}.pem")
        client = zeep.Client(f"{running_base.tls_url}/insi?wsdl", transport=zeep.Transport(session=session))
        service = client.create_service(
            "{http://www.cnamts.fr/webservice}ICIRServiceBinding", f"{running_base.tls_url}/insi"
        )
        return service.rechercherInsAvecTraitsIdentite(
            NomNaissance="ADRUN",
            Prenom=["ZOE"],
            Sexe="F",
            DateNaissance="1975-12-31",
            _soapheaders=contexts(client),
        )

    assert search_with("INSI-AUTO").CR.CodeCR == "00"
    with pytest.raises(Fault) as refusal:
        search_with("dmp-client")
    assert refusal.value.detail.find("{urn:siram}Erreur").get("code") == "desir_560"


def test_a_lot_is_verified_by_the_job_worker(insi):
    person = {
        "id": "a",
        "INSFourni": {"IdIndividu": {"NumIdentifiant": "2751263220749", "Cle": "74"}, "OID": "1.2.250.1.213.1.4.8"},
        "TraitsIdentiteIndividu": {
            "NomNaissance": "ADRUN",
            "ListePrenom": "ZOE",
            "Sexe": "F",
            "DateNaissance": "1975-12-31",
            "LieuNaissance": "63220",
        },
    }
    wrong = person | {"id": "b", "TraitsIdentiteIndividu": person["TraitsIdentiteIndividu"] | {"Sexe": "M"}}
    number = insi.service.deposerLotVerification(IndividuVerifie=[person, wrong], _soapheaders=contexts(insi))
    deadline = time.monotonic() + 30
    while True:
        lot = insi.service.consulterLotVerification(NumeroLot=number, _soapheaders=contexts(insi))
        if lot.Etat == "done" or time.monotonic() > deadline:
            break
        time.sleep(0.3)
    assert [(line.id, line._value_1) for line in lot.Ligne] == [("a", "OK"), ("b", "KO")]
