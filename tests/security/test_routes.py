"""Who may call each address: a table to be read, and the proof that the base keeps to it.

A new route without a line here fails: decide who may call it. ``Who`` says what a caller must prove; each service then
decides what that caller may see.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import httpx
import pytest
from starlette.applications import Starlette
from whole_app import PRODUCTION, SANDBOX, doors_of, http_to

from socle.services.identity.scopes import scope_for


class Who(StrEnum):
    """What a caller proves."""

    ANYBODY = "anybody: nothing personal is told, nothing is changed"
    LOGIN = "whoever logs in or out: each step checks its own proof (password, code, state, sealed cookie, form token)"
    CLIENT = "a registered OpenID client, or the bearer of a token of this provider"
    PROFESSIONAL_TOKEN = "the bearer of an access token, alive and meant for the base"
    DIRECTORY_KEY = "an application to which the operator gave a key of the directory"
    OPERATOR_KEY = "a key of the mail operator's API"
    SOFTWARE = "a VIHF, or a client certificate; both in production"
    CITIZEN = "a citizen's session; forms with its token"
    PROFESSIONAL = "a professional's session; forms with its token"
    OPERATOR = "an operator's session"
    SANDBOX = "anybody, in a sandbox alone"


_PSC = "/auth/realms/esante-wallet"
_OIDC = f"{_PSC}/protocol/openid-connect"
_FC = "/franceconnect/api/v2"
_SOAP = "/si-dmp-server/v2/services"
_SOAP_SERVICES = ("registry", "repository", "patients", "patientsPDQ", "patientsSpecific", "habilitations")
_DIRECTORY = "/directory/fhir/v2"

#: ``METHOD /path`` where methods differ, else ``/path``.
TABLE: Final[dict[Who, str]] = {
    Who.ANYBODY: f"""
        / /design /accessibilite /langue/{{language}} /static/{{digest}}/{{name}}
        /.well-known/autoconfig/mail/config-v1.1.xml /mail/config-v1.1.xml /health/live /health/ready /metrics
        /conformance /conformance/verdict /conformance/kit /conformance/document.css
        {_PSC}/.well-known/wallet-openid-configuration {_PSC}/.well-known/openid-configuration {_OIDC}/certs
        {_DIRECTORY}/metadata {_DIRECTORY}/{{path:path}} /dmp/fhir/metadata /dmp/fhir/{{path:path}}
        /audit/fhir/metadata /audit/fhir/{{path:path}} /audit/key /bal/fhir/metadata /bal/fhir/{{path:path}}
        GET:/insi {" ".join(f"GET:{_SOAP}/{name}" for name in _SOAP_SERVICES)}
    """,
    Who.LOGIN: f"""
        /auth /auth/consent /auth/carte {_OIDC}/logout
        /connexion /connexion/vers/{{realm}} /connexion/retour/{{realm}} /connexion/fin/{{realm}}
        /connexion/motdepasse /connexion/code /connexion/second-facteur /connexion/activation
        /connexion/compte/{{space}} /connexion/cle.js /connexion/cle/options /connexion/cle/{{space}}
        /connexion/recuperation/{{space}} /connexion/compte/{{space}}/cle /connexion/compte/{{space}}/motdepasse
        /connexion/compte/{{space}}/telephone /connexion/cle/{{space}}/options /connexion/cle/{{space}}/ajout
        /deconnexion/{{space}} /deconnecte
    """,
    Who.CLIENT: f"""
        {_OIDC}/token {_OIDC}/userinfo {_OIDC}/token/introspect {_OIDC}/revoke {_OIDC}/ext/ciba/auth
    """,
    Who.PROFESSIONAL_TOKEN: """
        /dmp/fhir /dmp/fhir/ /dmp/fhir/DocumentReference /dmp/fhir/DocumentReference/_search
        /dmp/fhir/DocumentReference/{id} /dmp/fhir/List /dmp/fhir/List/_search /dmp/fhir/List/{id}
        /dmp/fhir/Binary/{id} /dmp/fhir/Patient /dmp/fhir/Patient/_search /dmp/fhir/Patient/{id}
        /audit/fhir /audit/fhir/ /audit/fhir/AuditEvent /audit/fhir/AuditEvent/_search /audit/fhir/AuditEvent/{id}
        /ins/api/insi/search /ins/api/insi/search-required /ins/api/insi/search-card /ins/api/insi/verify
        /ins/api/lots /ins/api/lots/{lot} /ins/api/lots/{lot}/verdicts
        /ins/api/identities /ins/api/identities/search /ins/api/identities/by-ins /ins/api/identities/{local_id}
        /ins/api/identities/{local_id}/history /ins/api/identities/{local_id}/links
        /ins/api/identities/{local_id}/ins /ins/api/identities/{local_id}/vitale-app
        /ins/api/identities/{local_id}/proof /ins/api/identities/{local_id}/traits
        /ins/api/identities/{local_id}/marks /ins/api/identities/{local_id}/verify /ins/api/sandbox/vitale-app
        /ins/api/worklist /ins/api/decisions /ins/api/merges /ins/api/merges/{merge}
        /deliveries /deliveries/{id}
        /mailboxes/{address}/documents /mailboxes/{address}/documents/{id}
        /mailboxes/{address}/documents/{id}/content /mailboxes/{address}/documents/{id}/dmp
        /mailboxes/{address}/documents/{id}/taken
    """,
    Who.DIRECTORY_KEY: f"{_DIRECTORY}/_page "
    + " ".join(
        f"{_DIRECTORY}/{name}{rest}"
        for name in ("Practitioner", "PractitionerRole", "Organization", "HealthcareService", "Device")
        for rest in ("", "/_search", "/{id}")
    ),
    Who.OPERATOR_KEY: "/bal/fhir /bal/fhir/ "
    + " ".join(
        f"/bal/fhir/{name}{rest}"
        for name in ("Practitioner", "PractitionerRole", "Organization")
        for rest in ("", "/{id}")
    ),
    Who.SOFTWARE: f"POST:/insi {' '.join(f'POST:{_SOAP}/{name}' for name in _SOAP_SERVICES)}",
    Who.CITIZEN: """
        /espace /espace/documents /espace/documents/ajouter /espace/documents/{id:uuid}
        /espace/documents/{id:uuid}/original /espace/documents/{id:uuid}/pdf
        /espace/documents/{id:uuid}/changer /espace/compte/avis /espace/compte/avis/choix /espace/compte/avis/code
        /espace/compte/avis/retirer /espace/compte/ouvrir /espace/compte/opposition
        /espace/messages/fermer /espace/messages/rouvrir /espace/messages/garder/{arrival}
        /espace/messages/{thread}/ranger /espace/messages/garder/{folder:int}/{uid:int}/{number:int}
        /espace/sante /espace/sante/retirer /espace/resultats /espace/resultats/{key}
        /espace/acces /espace/acces/reglages /espace/acces/bloquer /espace/acces/debloquer /espace/acces/proches
        /espace/acces/proches/retirer /espace/traces /espace/traces/signaler
        /espace/compte /espace/compte/dossier /espace/compte/fermer /espace/compte/rouvrir /espace/compte/export.zip
        /espace/messages /espace/messages/{thread} /espace/messages/{thread}/repondre
        /espace/messages/piece/{folder:int}/{uid:int}/{number:int}
    """,
    Who.PROFESSIONAL: """
        /pro /pro/exercice /pro/patients /pro/patients/ouvrir /pro/patients/quitter /pro/dossier/accord
        /pro/dossier/urgence /pro/activite /pro/dossier /pro/dossier/synthese /pro/dossier/analyses
        /pro/dossier/analyses/{key} /pro/dossier/documents/{id:uuid} /pro/dossier/documents/{id:uuid}/original
        /pro/dossier/documents/{id:uuid}/pdf /pro/dossier/documents/{id:uuid}/changer /pro/dossier/alimenter
        /pro/dossier/documents/{id:uuid}/envoyer /pro/envois /pro/envois/{id} /pro/messages/correspondants
        /pro/messages/lu/{folder:int}/{uid:int} /pro/messages/verser/{arrival} /pro/messages/{thread}/ranger
        /pro/messages /pro/messages/ecrire /pro/messages/{thread} /pro/messages/{thread}/repondre
        /pro/messages/piece/{folder:int}/{uid:int}/{number:int}
    """,
    Who.OPERATOR: "/operateur /operateur/taches /operateur/emetteurs /operateur/traces /operateur/signalements",
    Who.SANDBOX: f"""
        /auth/ecps /auth/wait /auth/card
        /sandbox/ecps /sandbox/ecps/{{challenge:uuid}} /sandbox/api/ecps/{{subject:path}} /sandbox/api/ecps
        /sandbox/token /sandbox/switches /sandbox/pannes /sandbox/pki/issue /sandbox/pki/revoke
        /sandbox/pki/trust.pem /sandbox/pki/crl/{{name}}.crl /sandbox/admit
        {_FC}/.well-known/openid-configuration {_FC}/jwks {_FC}/token {_FC}/userinfo {_FC}/introspect {_FC}/revoke
        {_FC}/authorize {_FC}/authorize/consent {_FC}/session/end {_FC}/personne
    """,
}

_BY_DOOR: Final = {door: who for who, doors in TABLE.items() for door in doors.split()}
#: A value for each parameter of a path.
_VALUES: Final = {"id:uuid": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "space": "citoyen", "realm": "psc"}


def who_may(method: str, path: str) -> Who | None:
    return _BY_DOOR.get(f"{method}:{path}") or _BY_DOOR.get(path)


def address_of(path: str) -> str:
    return re.sub(r"\{([^}]+)\}", lambda found: _VALUES.get(found[1], "1"), path)


def is_refusal(who: Who, answer: httpx.Response) -> bool:
    """Whether ``answer`` is how the base refuses somebody who proved nothing."""
    match who:
        case Who.CITIZEN | Who.PROFESSIONAL | Who.OPERATOR:
            return answer.status_code == 303 and answer.headers["location"].startswith("/connexion?")
        case Who.SOFTWARE:
            # SOAP tells refusals in a fault.
            return answer.status_code == 500 and "Fault" in answer.text
        case Who.CLIENT:
            return answer.status_code in {400, 401} and "error" in answer.json()
        case _:
            # What an interaction does not take at all (405), whoever asks.
            return answer.status_code in {401, 405}


@pytest.mark.parametrize("environment", [SANDBOX, PRODUCTION])
async def test_somebody_decided_who_may_call_each_route(application: Starlette, environment: str) -> None:
    doors = set(doors_of(application.routes))
    assert {f"{method} {path}" for method, path in doors if who_may(method, path) is None} == set()
    served = {path for _, path in doors}
    expected = {
        "/" + door.partition(":/")[2] if re.match(r"[A-Z]+:/", door) else door
        for door, who in _BY_DOOR.items()
        if environment == SANDBOX or who is not Who.SANDBOX
    }
    assert served == expected


@pytest.mark.parametrize("environment", [SANDBOX, PRODUCTION])
async def test_whoever_proves_nothing_is_refused_wherever_something_must_be_proven(
    application: Starlette, environment: str
) -> None:
    let_in = []
    async with http_to(application) as http:
        for method, path in sorted(set(doors_of(application.routes))):
            who = who_may(method, path)
            if who in {None, Who.ANYBODY, Who.LOGIN, Who.SANDBOX}:
                continue
            answer = await http.request(method, address_of(path), headers={"X-SSL-Client-Cert": "MIIB", "X-Actor": "8"})
            if who is not None and not is_refusal(who, answer):
                let_in.append(f"{method} {path}: {answer.status_code} {answer.text[:80]}")
    assert let_in == []


@pytest.mark.parametrize("environment", [SANDBOX])
async def test_pages_are_served_with_headers_that_keep_them_safe(application: Starlette) -> None:
    async with http_to(application) as http:
        for path in ("/", "/connexion?espace=citoyen", "/conformance", "/sandbox/ecps", "/sandbox/pannes", "/auth"):
            answer = await http.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy, path
            assert "frame-ancestors" in policy, path
            assert "base-uri 'none'" in policy, path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("environment", [SANDBOX])
@pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", ""])
async def test_choosing_a_language_leads_nowhere_else(application: Starlette, back: str) -> None:
    async with http_to(application) as http:
        answer = await http.get("/langue/fr", params={"retour": back})
    location = answer.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\", "/\t"))


@pytest.mark.parametrize("environment", [PRODUCTION])
@pytest.mark.parametrize("path", [*(f"{_SOAP}/{name}" for name in _SOAP_SERVICES), "/insi"])
async def test_without_its_certificate_a_connection_is_not_even_read(application: Starlette, path: str) -> None:
    sent = 0

    async def flood() -> object:
        nonlocal sent
        for _ in range(64):
            sent += 1
            yield b"x" * 1024 * 1024

    async with http_to(application) as http:
        answer = await http.post(path, content=flood(), headers={"content-type": "application/soap+xml"})  # type: ignore[arg-type]
    assert answer.status_code == 500
    assert sent <= 1


@pytest.mark.parametrize("environment", [SANDBOX])
async def test_a_mail_client_is_never_sent_where_a_request_says(application: Starlette) -> None:
    async with http_to(application) as http:
        answer = await http.get("/mail/config-v1.1.xml", headers={"host": "evil.example", "x-forwarded-host": "evil"})
    assert answer.status_code == 200
    assert "evil" not in answer.text


def test_a_token_obtained_by_exchange_has_a_scope_for_each_door_of_professionals_and_for_no_other() -> None:
    closed = {path for path in TABLE[Who.PROFESSIONAL_TOKEN].split() if scope_for("GET", path) is None}
    others = {path for who in Who if who is not Who.PROFESSIONAL_TOKEN for path in TABLE[who].split()}
    told = {"/dmp/fhir/metadata", "/dmp/fhir/{path:path}", "/audit/fhir/metadata", "/audit/fhir/{path:path}"}
    assert (closed, {path for path in others if scope_for("GET", path) is not None}) == (set(), told)
