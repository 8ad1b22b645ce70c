"""The test authority over HTTP: issues, revokes and publishes, in a sandbox alone.

``POST /sandbox/pki/issue`` (``IssueRequest``), ``POST /sandbox/pki/revoke`` (a PEM certificate),
``GET /sandbox/pki/trust.pem``, ``GET /sandbox/pki/crl/{name}.crl``.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from enum import StrEnum

import msgspec
from cryptography import x509
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import Actor
from socle.platform.clock import Clock
from socle.platform.web import json_response, read_body
from socle.sandbox import cast
from socle.sandbox.pki import Credential, KeyPurpose, TestAuthority
from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.directory.service import DirectoryService
from socle.services.identity.situation import Context, actor_of
from socle.standards.errors import InvalidContent, NotFound, Text

_MAX_BYTES = 64 * 1024
_CAST = frozenset(professional.id_nat for professional in cast.PROFESSIONALS)
_RPPS = re.compile(r"8\d{11}")
_G15 = "1.2.250.1.71.1.2.7"


class Kind(StrEnum):
    """What is asked for."""

    PROFESSIONAL = "professional"
    EMPLOYEE = "employee"
    ORGANISATION = "organisation"
    SERVER = "server"


class IssueRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A certificate to issue. A professional of the directory needs his ``rpps`` alone; others say who they are."""

    kind: Kind
    purpose: KeyPurpose = KeyPurpose.SIGNATURE
    #: RPPS (11 digits) or PS_IdNat.
    rpps: str = ""
    family: str = ""
    given: str = ""
    #: Situation of exercise, as in ``X-WorkSituation``; the first one by default.
    situation: str = ""
    profession: str = ""
    speciality: str = ""
    sector: str = ""
    #: Struct_IdNat.
    structure: str = ""
    structure_name: str = ""
    common_name: str = ""
    hosts: tuple[str, ...] = ()
    valid_days: int = 3 * 365


class IssuedHolder(msgspec.Struct, frozen=True, kw_only=True):
    """Who the certificate is for: what a VIHF says of him."""

    id: str
    family: str = ""
    given: str = ""
    profession: str = ""
    profession_system: str = _G15
    speciality: str = ""
    structure: str = ""
    structure_name: str = ""
    sector: str = ""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate, its key, and who holds them."""

    credential: Credential
    holder: IssuedHolder


def routes(authority: TestAuthority, directory: DirectoryService, clock: Clock) -> list[BaseRoute]:
    """The doors of ``authority``. Mounted in a sandbox alone."""

    async def issue(request: Request) -> Response:
        asked = await _decode(request)
        holder, professional = await _holder_of(asked, directory)
        issued = await asyncio.to_thread(_issue, authority, asked, holder, professional, clock)
        return json_response(Issued(credential=issued, holder=holder))

    async def revoke(request: Request) -> Response:
        body = await read_body(request, _MAX_BYTES)
        try:
            certificate = x509.load_pem_x509_certificate(body)
        except ValueError as error:
            raise InvalidContent(
                "CertificateUnreadable", Text("Un certificat PEM est attendu.", "A PEM certificate is expected.")
            ) from error
        await asyncio.to_thread(authority.revoke, certificate, clock())
        return json_response({"revoked": f"{certificate.serial_number:x}"})

    async def trust(_request: Request) -> Response:
        return Response(authority.trust_bundle, media_type="application/x-pem-file")

    async def revocation_list(request: Request) -> Response:
        file = authority.trust_directory / "crls" / f"{request.path_params['name']}.crl"
        if not file.is_file():
            raise NotFound("CrlUnknown", Text("Cette liste n'existe pas.", "There is no such list."))
        return Response(file.read_bytes(), media_type="application/pkix-crl")

    return [
        Route("/sandbox/pki/issue", issue, methods=["POST"]),
        Route("/sandbox/pki/revoke", revoke, methods=["POST"]),
        Route("/sandbox/pki/trust.pem", trust),
        Route("/sandbox/pki/crl/{name}.crl", revocation_list),
    ]


async def _decode(request: Request) -> IssueRequest:
    try:
        return msgspec.json.decode(await read_body(request, _MAX_BYTES), type=IssueRequest)
    except msgspec.DecodeError as error:
        raise InvalidContent(
            "IssueRequest", Text(f"Demande illisible : {error}", f"Unreadable request: {error}")
        ) from error


async def _holder_of(asked: IssueRequest, directory: DirectoryService) -> tuple[IssuedHolder, Professional | None]:
    """Who is asked for, completed from the directory. Raises ``NotFound`` for a professional that nobody names."""
    if asked.kind in (Kind.ORGANISATION, Kind.SERVER):
        return IssuedHolder(
            id=asked.structure,
            structure=asked.structure,
            structure_name=asked.structure_name,
            sector=asked.sector,
        ), None
    id_nat = f"8{asked.rpps}" if len(asked.rpps) == 11 and asked.rpps.isdigit() else asked.rpps
    professional = await directory.professional(id_nat)
    if professional is None and id_nat in _CAST:
        await directory.load(cast.PROFESSIONALS, cast.STRUCTURES)
        professional = await directory.professional(id_nat)
    if professional is None:
        if not (asked.family and asked.given and id_nat):
            raise NotFound(
                "UnknownProfessional",
                Text("Ce professionnel n'est pas dans l'annuaire.", "This professional is not in the directory."),
                location="rpps",
                remedy=Text(
                    "Donnez aussi family, given et profession, ou un RPPS de la population fictive.",
                    "Also give family, given and profession, or an RPPS of the fictitious population.",
                ),
            )
        if asked.kind is Kind.EMPLOYEE or _RPPS.fullmatch(id_nat) is None:
            return IssuedHolder(
                id=id_nat,
                family=asked.family,
                given=asked.given,
                profession=asked.profession or "10",
                speciality=asked.speciality,
                structure=asked.structure,
                structure_name=asked.structure_name,
                sector=asked.sector,
            ), None
        # A card makes nobody known to the doors that ask the directory: who holds one is written there too.
        await directory.load(*_newcomer(asked, id_nat))
        professional = await directory.professional(id_nat)
        assert professional is not None
    actor = actor_of(professional, Context(work_situation=asked.situation))
    return _of_actor(actor, professional), professional


def _newcomer(asked: IssueRequest, id_nat: str) -> tuple[list[Professional], list[Structure]]:
    """Who is asked for by RPPS and names, in a practice of their own unless the request says where they exercise."""
    rpps = id_nat[1:]
    structure = Structure(
        id=f"S{asked.structure or rpps}",
        id_nat=asked.structure or f"4{rpps}001",
        name=asked.structure_name or f"CABINET {asked.family}",
        sector=asked.sector or "SA07",
    )
    profession = asked.profession or "10"
    exercise = Exercise(
        profession=profession,
        family=asked.family,
        given=asked.given,
        skill_type="S" if profession == "10" else "",
        skill=asked.speciality or ("SM26" if profession == "10" else ""),
        activities=(Activity(id=f"S{rpps}", mode="L", sector=structure.sector, genre="GENR01", structure=structure),),
    )
    person = Professional(id_nat=id_nat, rpps=rpps, family=asked.family, given=asked.given, exercises=(exercise,))
    return [person], [structure]


def _of_actor(actor: Actor, professional: Professional) -> IssuedHolder:
    return IssuedHolder(
        id=actor.id,
        family=professional.family,
        given=professional.given,
        profession=actor.profession,
        profession_system=actor.profession_system,
        speciality=actor.speciality,
        structure=actor.structure,
        structure_name=actor.structure_name,
        sector=actor.sector,
    )


def _issue(
    authority: TestAuthority,
    asked: IssueRequest,
    holder: IssuedHolder,
    professional: Professional | None,
    clock: Clock,
) -> Credential:
    validity = timedelta(days=asked.valid_days)
    family, given = (professional.family, professional.given) if professional else (asked.family, asked.given)
    if asked.kind is Kind.SERVER:
        if not asked.hosts:
            raise InvalidContent("IssueRequest", Text("hosts est attendu.", "hosts is expected."), location="hosts")
        return authority.issue_server(asked.hosts, at=clock())
    if asked.kind is Kind.ORGANISATION:
        if not asked.structure:
            raise InvalidContent(
                "IssueRequest", Text("structure est attendu.", "structure is expected."), location="structure"
            )
        return authority.issue_organisation(
            asked.structure,
            asked.structure_name or asked.structure,
            asked.purpose,
            common_name=asked.common_name,
            at=clock(),
            valid_for=validity,
        )
    if asked.kind is Kind.EMPLOYEE:
        return authority.issue_employee(
            holder.id,
            family,
            given,
            holder.structure,
            holder.structure_name,
            asked.purpose,
            at=clock(),
            valid_for=validity,
        )
    profession = int(holder.profession) if holder.profession.isdigit() and int(holder.profession) < 128 else 10
    return authority.issue_professional(
        holder.id, family, given, asked.purpose, profession=profession, at=clock(), valid_for=validity
    )
