"""The JSON twin of INSi, and local identities, under ``/ins/api``: for whoever does without SOAP.

Traits and matricules travel in bodies, never in addresses, since addresses are logged. Refusals are RFC 9457 problems.
``docs/reference/ins.md`` lists the paths.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import Actor
from socle.platform.web import Authenticate, json_response, problem, read_body
from socle.services.ins.domain import BASE_DOMAIN, Card, Claim, LinkResult, Merge, Person, TraitsQuery
from socle.services.ins.lots import read_claims, write_verdicts
from socle.services.ins.service import InsService
from socle.services.ins.teleservice import search_as_required
from socle.services.ins.vitale_app import SandboxApcv
from socle.standards.errors import MalformedInput, NotFound, SocleError, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.status import CollectionMethod, IdentityAttribute, ProofDocument
from socle.standards.ids.traits import Traits

_MAX_BYTES: Final = 64 * 1024
_MAX_LOT_BYTES: Final = 16 * 1024 * 1024
_PREFIX: Final = "/ins/api"

_T = TypeVar("_T")
_Answer = Callable[[Request, Actor], Awaitable[Response]]


class TypedTraits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Traits as someone typed them; they are normalised and checked when they come in."""

    birth_name: str
    given_names: str
    sex: str
    birth_date: str
    birth_place: str = ""
    first_given_name: str = ""
    used_name: str = ""
    used_given_name: str = ""

    def check(self) -> Traits:
        """The traits. Raises ``InvalidContent``."""
        return Traits.of(
            self.birth_name,
            self.given_names,
            self.sex,
            self.birth_date,
            self.birth_place,
            first_given_name=self.first_given_name,
            used_name=self.used_name,
            used_given_name=self.used_given_name,
        )


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new identity; ``local_id`` is drawn when it is not given."""

    traits: TypedTraits
    local_id: str = ""
    domain: str = BASE_DOMAIN
    method: CollectionMethod = CollectionMethod.TYPED


class IdentitySearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By birth date and the first letters of names."""

    birth_date: str
    name: str
    given: str = ""
    domain: str = BASE_DOMAIN
    count: int = 20


class AcceptedIns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What INSi returned, compared and accepted by an operator."""

    person: Person
    method: CollectionMethod = CollectionMethod.INSI


class ShownCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the telephone of a patient shows."""

    code: str


class CheckedProof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document that was checked."""

    document: ProofDocument
    date: date


class Marking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An attribute to set, or to lift."""

    attribute: IdentityAttribute
    is_set: bool = True


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person decided of two identities."""

    one: str
    other: str
    result: LinkResult


class MergeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two identities to make one."""

    survivor: str
    absorbed: str


def routes(service: InsService, authenticate: Authenticate) -> list[BaseRoute]:
    """Every path, each for an authenticated caller."""
    insi, batches = service.insi, service.batches

    async def search(request: Request, actor: Actor) -> Response:
        return json_response(await insi.search_by_traits(actor, await _read(request, TraitsQuery)))

    async def search_required(request: Request, actor: Actor) -> Response:
        return json_response(await search_as_required(insi, actor, await _read(request, TraitsQuery)))

    async def search_card(request: Request, actor: Actor) -> Response:
        return json_response(await insi.search_by_card(actor, await _read(request, Card)))

    async def verify(request: Request, actor: Actor) -> Response:
        is_right = await insi.verify(actor, await _read(request, Claim))
        return json_response({"result": "OK" if is_right else "KO"})

    async def submit_lot(request: Request, actor: Actor) -> Response:
        batch = await batches.submit(actor, read_claims(await read_body(request, _MAX_LOT_BYTES)))
        answer = json_response(batch, 202)
        answer.headers["location"] = f"{_PREFIX}/lots/{batch.id}"
        return answer

    async def read_lot(request: Request, actor: Actor) -> Response:
        return json_response(await batches.find(actor, _lot(request)))

    async def read_verdicts(request: Request, actor: Actor) -> Response:
        verdicts = await batches.read_verdicts(actor, _lot(request))
        if "text/csv" in request.headers.get("accept", ""):
            return Response(write_verdicts(verdicts), media_type="text/csv")
        return json_response(verdicts)

    async def register(request: Request, actor: Actor) -> Response:
        asked = await _read(request, Registration)
        identity = await service.register(
            actor, asked.traits.check(), local_id=asked.local_id, domain=asked.domain, method=asked.method
        )
        return json_response(identity, 201)

    async def search_identities(request: Request, actor: Actor) -> Response:
        asked = await _read(request, IdentitySearch)
        found = await service.search(
            actor, asked.birth_date, asked.name, asked.given, domain=asked.domain, count=asked.count
        )
        return json_response(found)

    async def find_by_ins(request: Request, actor: Actor) -> Response:
        return json_response(await service.holder(actor, await _read(request, Ins)))

    async def read_identity(request: Request, actor: Actor) -> Response:
        return json_response(await service.read(actor, *_identity(request)))

    async def read_history(request: Request, actor: Actor) -> Response:
        return json_response(await service.history(actor, *_identity(request)))

    async def read_links(request: Request, actor: Actor) -> Response:
        return json_response(await service.reconciliation.links(actor, *_identity(request)))

    async def accept_ins(request: Request, actor: Actor) -> Response:
        asked = await _read(request, AcceptedIns)
        local_id, domain = _identity(request)
        changed = await service.accept_ins(actor, local_id, asked.person, method=asked.method, domain=domain)
        return json_response(changed)

    async def read_vitale_app(request: Request, actor: Actor) -> Response:
        asked = await _read(request, ShownCode)
        local_id, domain = _identity(request)
        return json_response(await service.read_vitale_app(actor, local_id, asked.code, domain))

    async def show_vitale_app(request: Request, actor: Actor) -> Response:
        code = await SandboxApcv(service.base).show(actor, await _read(request, Ins))
        return json_response(ShownCode(code=code), 201)

    async def check_proof(request: Request, actor: Actor) -> Response:
        asked = await _read(request, CheckedProof)
        local_id, domain = _identity(request)
        return json_response(await service.check_proof(actor, local_id, asked.document, asked.date, domain))

    async def edit_traits(request: Request, actor: Actor) -> Response:
        asked = await _read(request, TypedTraits)
        local_id, domain = _identity(request)
        return json_response(await service.edit_traits(actor, local_id, asked.check(), domain))

    async def mark(request: Request, actor: Actor) -> Response:
        asked = await _read(request, Marking)
        local_id, domain = _identity(request)
        change = service.mark if asked.is_set else service.unmark
        return json_response(await change(actor, local_id, asked.attribute, domain))

    async def verify_identity(request: Request, actor: Actor) -> Response:
        return json_response(await service.verify(actor, *_identity(request)))

    async def read_worklist(_request: Request, actor: Actor) -> Response:
        identities, links = await service.reconciliation.worklist(actor)
        return json_response({"identities": identities, "links": links})

    async def decide(request: Request, actor: Actor) -> Response:
        asked = await _read(request, Decision)
        return json_response(await service.reconciliation.decide(actor, asked.one, asked.other, asked.result))

    async def merge(request: Request, actor: Actor) -> Response:
        asked = await _read(request, MergeRequest)
        done = await service.reconciliation.merge(actor, asked.survivor, asked.absorbed)
        return json_response({"id": done.id if isinstance(done, Merge) else done}, 201)

    async def unmerge(request: Request, actor: Actor) -> Response:
        restored, absorbed = await service.reconciliation.unmerge(actor, _uuid(request.path_params["merge"]))
        return json_response({"survivor": restored, "absorbed": absorbed})

    table: list[tuple[str, str, _Answer]] = [
        ("POST", "/insi/search", search),
        ("POST", "/insi/search-required", search_required),
        ("POST", "/insi/search-card", search_card),
        ("POST", "/insi/verify", verify),
        ("POST", "/lots", submit_lot),
        ("GET", "/lots/{lot}", read_lot),
        ("GET", "/lots/{lot}/verdicts", read_verdicts),
        ("POST", "/identities", register),
        ("POST", "/identities/search", search_identities),
        ("POST", "/identities/by-ins", find_by_ins),
        ("GET", "/identities/{local_id}", read_identity),
        ("GET", "/identities/{local_id}/history", read_history),
        ("GET", "/identities/{local_id}/links", read_links),
        ("POST", "/identities/{local_id}/ins", accept_ins),
        ("POST", "/identities/{local_id}/vitale-app", read_vitale_app),
        ("POST", "/identities/{local_id}/proof", check_proof),
        ("PUT", "/identities/{local_id}/traits", edit_traits),
        ("POST", "/identities/{local_id}/marks", mark),
        ("POST", "/identities/{local_id}/verify", verify_identity),
        ("POST", "/sandbox/vitale-app", show_vitale_app),
        ("GET", "/worklist", read_worklist),
        ("POST", "/decisions", decide),
        ("POST", "/merges", merge),
        ("DELETE", "/merges/{merge}", unmerge),
    ]
    return [Route(_PREFIX + path, _guarded(answer, authenticate), methods=[method]) for method, path, answer in table]


def _guarded(answer: _Answer, authenticate: Authenticate) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            return await answer(request, await authenticate(request))
        except SocleError as error:
            return problem(error, request)

    return respond


async def _read(request: Request, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(await read_body(request, _MAX_BYTES), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        place = str(error).rpartition("`")[0].rpartition("`")[2]
        raise MalformedInput(
            "InvalidJSON",
            Text("Le corps JSON n'est pas celui attendu.", "The JSON body is not what is expected."),
            location=place,
        ) from error


def _identity(request: Request) -> tuple[str, str]:
    return request.path_params["local_id"], request.query_params.get("domain", BASE_DOMAIN)


def _lot(request: Request) -> UUID:
    return _uuid(request.path_params["lot"])


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("NotFound", Text("Cela n'existe pas.", "There is no such thing.")) from None
