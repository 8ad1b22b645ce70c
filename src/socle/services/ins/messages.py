"""The messages of INSi: XML elements <-> domain values, for the door that answers and the client that asks.

Elements are read by name, not by position: official test answers do not follow their own schema's order.

Source: identity fact sheet §2.2 to §2.7; WSDL DESIR_ICIR_EXP 1.5.0 (INS1, INS2). The request of INS3 and the lots of
INS4 are not published: see decision 0022.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

import msgspec
from lxml import etree

from socle.services.ins.domain import (
    Batch,
    BatchState,
    Card,
    Claim,
    FormerIns,
    Person,
    ResultCode,
    SearchResult,
    TraitsQuery,
    Verdict,
)
from socle.standards.errors import MalformedInput, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import Traits
from socle.standards.soap.envelope import Message, text_of

CARD_SEARCH: Final = "http://www.cnamts.fr/INSiRecVit"
TRAITS_SEARCH: Final = "http://www.cnamts.fr/INSiRecSans"
RESULT: Final = "http://www.cnamts.fr/INSiResultat"
VERIFY_REQUEST: Final = "http://www.cnamts.fr/INSiLot2/REQUnitaire"
VERIFY_ANSWER: Final = "http://www.cnamts.fr/INSiLot2/REPUnitaire"
#: Ours, until the national form of lots is known.
LOT: Final = "urn:socle:insi:lot"
CTXLPS: Final = "urn:siram:lps:ctxlps"
CTXBAM: Final = "urn:siram:bam:ctxbam"
SIRAM: Final = "urn:siram"
_ACTION: Final = "urn:ServiceIdentiteCertifiee:1.0.0:"


class Operation(StrEnum):
    """What a request asks, by the Clark name of its body."""

    SEARCH_BY_CARD = f"{{{CARD_SEARCH}}}RECVITALE"
    SEARCH_BY_TRAITS = f"{{{TRAITS_SEARCH}}}RECSANSVITALE"
    VERIFY = f"{{{VERIFY_REQUEST}}}IndividuVerifie"
    SUBMIT_LOT = f"{{{LOT}}}DeposerLot"
    READ_LOT = f"{{{LOT}}}ConsulterLot"


ACTIONS: Final = {
    Operation.SEARCH_BY_CARD: f"{_ACTION}rechercherInsAvecCarteVitale",
    Operation.SEARCH_BY_TRAITS: f"{_ACTION}rechercherInsAvecTraitsIdentite",
    Operation.VERIFY: f"{_ACTION}verifierInsAvecTraitsIdentite",
    Operation.SUBMIT_LOT: f"{_ACTION}deposerLotVerification",
    Operation.READ_LOT: f"{_ACTION}consulterLotVerification",
}


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """A lot as its sender sees it; ``verdicts`` is empty until it is done."""

    number: UUID
    done: int
    total: int
    is_done: bool
    verdicts: tuple[Verdict, ...] = ()


class Software(msgspec.Struct, frozen=True, kw_only=True):
    """The software that calls (``ContexteLPS``). ``sender`` is the Struct_IdNat or PS_IdNat that it states."""

    sender: str = ""
    #: Authorisation number given by the CNDA.
    idam: str = ""
    name: str = ""
    version: str = ""
    instance: str = ""


def operation_of(body: etree._Element) -> Operation:
    """The operation of a request. Raises ``MalformedInput`` (``UnknownOperation``)."""
    try:
        return Operation(str(body.tag))
    except ValueError:
        raise MalformedInput(
            "UnknownOperation",
            Text("Cette opération n'existe pas dans INSi.", "INSi has no such operation."),
            location="/Envelope/Body",
        ) from None


def read_software(message: Message) -> Software:
    """The caller's software. Raises ``MalformedInput`` (``ContextMissing``) without ``ContexteLPS``."""
    context = None if message.header is None else message.header.find(f"{{{CTXLPS}}}ContexteLPS")
    if context is None:
        raise MalformedInput(
            "ContextMissing",
            Text("L'en-tête ContexteLPS manque.", "The header ContexteLPS is missing."),
            location="/Envelope/Header/ContexteLPS",
            requirement="INSi, contexte LPS 01_00",
        )
    return Software(
        sender=_text(context, "Emetteur"),
        idam=_text(context, "LPS", "IDAM"),
        name=_text(context, "LPS", "Nom"),
        version=_text(context, "LPS", "Version"),
        instance=_text(context, "LPS", "Instance"),
    )


def read_traits_query(body: etree._Element) -> TraitsQuery:
    """``RECSANSVITALE``."""
    return TraitsQuery(
        birth_name=_text(body, "NomNaissance"),
        given_names=tuple(text_of(name) for name in body.iterchildren("{*}Prenom") if text_of(name)),
        sex=_text(body, "Sexe"),
        birth_date=_text(body, "DateNaissance"),
        birth_place=_text(body, "LieuNaissance"),
    )


def read_card(body: etree._Element) -> Card:
    """``RECVITALE``: the holder is the insured (``MatriculeOD``), or the person when the card has no other."""
    rank = _text(body, "RangNaissance")
    holder = _matricule(body, "MatriculeOD") or _matricule(body, "MatriculeIndividu")
    born = _text(body, "DateNaissance")
    if not holder or (rank and not (rank.isascii() and rank.isdigit() and len(rank) < 3)):
        raise MalformedInput(
            "CardData",
            Text("Les données de carte Vitale sont incomplètes.", "The carte Vitale data are incomplete."),
            location="RECVITALE",
        )
    return Card(holder, born, int(rank or "1"))


def read_claim(body: etree._Element) -> Claim:
    """``IndividuVerifie``; in a lot its attribute ``id`` is the sender's reference."""
    number = _find(body, "INSFourni", "IdIndividu")
    return Claim(
        id=body.get("id", ""),
        matricule=_text(number, "NumIdentifiant") + _text(number, "Cle"),
        oid=_text(body, "INSFourni", "OID"),
        birth_name=_text(body, "TraitsIdentiteIndividu", "NomNaissance"),
        given_names=_text(body, "TraitsIdentiteIndividu", "ListePrenom")
        or _text(body, "TraitsIdentiteIndividu", "Prenom"),
        sex=_text(body, "TraitsIdentiteIndividu", "Sexe"),
        birth_date=_text(body, "TraitsIdentiteIndividu", "DateNaissance"),
        birth_place=_text(body, "TraitsIdentiteIndividu", "LieuNaissance"),
    )


def read_lot(body: etree._Element) -> list[Claim]:
    """``DeposerLot``: one ``IndividuVerifie`` a line."""
    return [read_claim(line) for line in body.iterchildren("{*}IndividuVerifie")]


def read_lot_number(body: etree._Element) -> UUID:
    """``ConsulterLot``. Raises ``MalformedInput`` (``LotNumber``)."""
    try:
        return UUID(_text(body, "NumeroLot"))
    except ValueError:
        raise MalformedInput(
            "LotNumber", Text("Le numéro de lot est mal formé.", "The number of the lot is malformed.")
        ) from None


def write_traits_query(query: TraitsQuery) -> etree._Element:
    """``RECSANSVITALE``."""
    body = etree.Element(Operation.SEARCH_BY_TRAITS, nsmap={None: TRAITS_SEARCH})
    _add(body, TRAITS_SEARCH, "NomNaissance", query.birth_name)
    for name in query.given_names:
        _add(body, TRAITS_SEARCH, "Prenom", name)
    _add(body, TRAITS_SEARCH, "Sexe", query.sex)
    _add(body, TRAITS_SEARCH, "DateNaissance", query.birth_date)
    _add(body, TRAITS_SEARCH, "LieuNaissance", query.birth_place)
    return body


def write_card(card: Card) -> etree._Element:
    """``RECVITALE``."""
    body = etree.Element(Operation.SEARCH_BY_CARD, nsmap={None: CARD_SEARCH})
    holder = etree.SubElement(body, f"{{{CARD_SEARCH}}}MatriculeOD")
    _add(holder, CARD_SEARCH, "NumIdentifiant", card.holder[:13])
    _add(holder, CARD_SEARCH, "Cle", card.holder[13:])
    _add(body, CARD_SEARCH, "DateNaissance", card.birth_date)
    _add(body, CARD_SEARCH, "RangNaissance", str(card.birth_rank))
    return body


def write_claim(claim: Claim) -> etree._Element:
    """``IndividuVerifie``."""
    body = etree.Element(Operation.VERIFY, nsmap={None: VERIFY_REQUEST})
    if claim.id:
        body.set("id", claim.id)
    given = etree.SubElement(body, f"{{{VERIFY_REQUEST}}}INSFourni")
    number = etree.SubElement(given, f"{{{VERIFY_REQUEST}}}IdIndividu")
    _add(number, VERIFY_REQUEST, "NumIdentifiant", claim.matricule[:13])
    _add(number, VERIFY_REQUEST, "Cle", claim.matricule[13:])
    _add(given, VERIFY_REQUEST, "OID", claim.oid)
    traits = etree.SubElement(body, f"{{{VERIFY_REQUEST}}}TraitsIdentiteIndividu")
    _add(traits, VERIFY_REQUEST, "NomNaissance", claim.birth_name)
    _add(traits, VERIFY_REQUEST, "ListePrenom", claim.given_names)
    _add(traits, VERIFY_REQUEST, "Sexe", claim.sex)
    _add(traits, VERIFY_REQUEST, "DateNaissance", claim.birth_date)
    _add(traits, VERIFY_REQUEST, "LieuNaissance", claim.birth_place)
    return body


def write_result(result: SearchResult) -> etree._Element:
    """``RESULTAT`` of a search."""
    root = _report(RESULT, result.code.value, result.code.label)
    if result.person is None:
        return root
    individual = etree.SubElement(root, f"{{{RESULT}}}INDIVIDU")
    _add_ins(individual, "INSACTIF", FormerIns(result.person.ins, result.person.since))
    for line in result.person.former:
        _add_ins(individual, "INSHISTO", line)
    traits = result.person.traits
    identity = etree.SubElement(individual, f"{{{RESULT}}}TIQ")
    _add(identity, RESULT, "NomNaissance", traits.birth_name)
    _add(identity, RESULT, "Prenom", traits.first_given_name)
    _add(identity, RESULT, "ListePrenom", traits.given_names)
    _add(identity, RESULT, "Sexe", traits.sex)
    _add(identity, RESULT, "DateNaissance", traits.birth_date)
    _add(identity, RESULT, "LieuNaissance", traits.birth_place or "")
    return root


def write_verdict(verdict: Verdict) -> etree._Element:
    """``RESULTAT`` of a verification: no trait is told."""
    return _report(VERIFY_ANSWER, "00" if verdict.is_right else "01", "OK" if verdict.is_right else "KO")


def write_lot_receipt(batch: Batch) -> etree._Element:
    """``LotDepose``."""
    root = etree.Element(f"{{{LOT}}}LotDepose", nsmap={None: LOT})
    _add(root, LOT, "NumeroLot", str(batch.id))
    return root


def write_lot(batch: Batch, verdicts: list[Verdict]) -> etree._Element:
    """``Lot``: how far it is, and once it is done one line for each claim."""
    root = etree.Element(f"{{{LOT}}}Lot", nsmap={None: LOT})
    _add(root, LOT, "NumeroLot", str(batch.id))
    _add(root, LOT, "Etat", batch.state)
    _add(root, LOT, "Total", str(batch.total))
    _add(root, LOT, "Traites", str(batch.done))
    for verdict in verdicts:
        line = etree.SubElement(root, f"{{{LOT}}}Ligne")
        line.set("id", verdict.id)
        line.text = "OK" if verdict.is_right else "KO"
    return root


def write_claims(claims: list[Claim]) -> etree._Element:
    """``DeposerLot``."""
    root = etree.Element(Operation.SUBMIT_LOT, nsmap={None: LOT})
    root.extend(write_claim(claim) for claim in claims)
    return root


def write_lot_number(number: UUID) -> etree._Element:
    """``ConsulterLot``."""
    root = etree.Element(Operation.READ_LOT, nsmap={None: LOT})
    _add(root, LOT, "NumeroLot", str(number))
    return root


def read_lot_state(body: etree._Element) -> Lot:
    """``Lot``, as a client reads it. Raises ``MalformedInput``."""
    done, total = _text(body, "Traites") or "0", _text(body, "Total")
    if not (done + total).isdecimal():
        raise _incomplete("Lot")
    return Lot(
        number=read_lot_number(body),
        done=int(done),
        total=int(total),
        is_done=_text(body, "Etat") == BatchState.DONE,
        verdicts=tuple(Verdict(line.get("id", ""), text_of(line) == "OK") for line in body.iterchildren("{*}Ligne")),
    )


def read_result(body: etree._Element) -> SearchResult:
    """``RESULTAT``, as a client reads it; the first first name is derived when the answer does not tell it.

    Raises ``MalformedInput`` (``IncompleteResult``) when code ``00`` comes without one of the eight values.
    """
    code = _text(body, "CR", "CodeCR")
    if code not in {"00", "01", "02"}:
        raise _incomplete("CR/CodeCR")
    individual = _find(body, "INDIVIDU")
    if code != ResultCode.OK:
        return SearchResult(ResultCode(code))
    active = _read_ins(_find(individual, "INSACTIF"))
    traits = _find(individual, "TIQ")
    values = [_text(traits, name) for name in ("NomNaissance", "ListePrenom", "Sexe", "DateNaissance", "LieuNaissance")]
    if active is None or traits is None or individual is None or not all(values):
        raise _incomplete("INDIVIDU")
    former = (_read_ins(line) for line in individual.iterchildren("{*}INSHISTO"))
    person = Person(
        ins=active.ins,
        since=active.start,
        former=tuple(line for line in former if line),
        traits=Traits.of(*values),
    )
    return SearchResult(ResultCode.OK, person)


def read_verdict(body: etree._Element, claim: Claim) -> Verdict:
    """``RESULTAT`` of a verification, as a client reads it."""
    return Verdict(claim.id, _text(body, "CR", "CodeCR") == "00")


def write_contexts(software: Software, now: datetime) -> list[etree._Element]:
    """The headers ``ContexteBAM`` and ``ContexteLPS`` of a request."""
    moment = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    headers = []
    for namespace, name, nature, version in (
        (CTXBAM, "ContexteBAM", "CTXBAM", "01_02"),
        (CTXLPS, "ContexteLPS", "CTXLPS", "01_00"),
    ):
        header = etree.Element(f"{{{namespace}}}{name}", nsmap={name[-3:].lower(): namespace})
        header.set("Nature", nature)
        header.set("Version", version)
        _add(header, namespace, "Id", str(uuid4()))
        _add(header, namespace, "Temps", moment)
        _add(header, namespace, "Emetteur", software.sender)
        headers.append(header)
    etree.SubElement(headers[0], f"{{{CTXBAM}}}COUVERTURE")
    lps = etree.SubElement(headers[1], f"{{{CTXLPS}}}LPS")
    if software.idam:
        etree.SubElement(lps, f"{{{CTXLPS}}}IDAM", R="4").text = software.idam
    _add(lps, CTXLPS, "Version", software.version)
    _add(lps, CTXLPS, "Instance", software.instance)
    _add(lps, CTXLPS, "Nom", software.name)
    return headers


def _report(namespace: str, code: str, label: str) -> etree._Element:
    root = etree.Element(f"{{{namespace}}}RESULTAT", nsmap={None: namespace})
    report = etree.SubElement(root, f"{{{namespace}}}CR")
    _add(report, namespace, "CodeCR", code)
    _add(report, namespace, "LibelleCR", label)
    return root


def _add_ins(parent: etree._Element, name: str, line: FormerIns) -> None:
    element = etree.SubElement(parent, f"{{{RESULT}}}{name}")
    number = etree.SubElement(element, f"{{{RESULT}}}IdIndividu")
    _add(number, RESULT, "NumIdentifiant", line.ins.matricule[:13])
    _add(number, RESULT, "Cle", line.ins.matricule[13:])
    _add(element, RESULT, "OID", line.ins.oid)
    _add(element, RESULT, "DateDeb", line.start.isoformat() if line.start else "")
    _add(element, RESULT, "DateFin", line.end.isoformat() if line.end else "")


def _read_ins(element: etree._Element | None) -> FormerIns | None:
    if element is None:
        return None
    matricule = _text(element, "IdIndividu", "NumIdentifiant") + _text(element, "IdIndividu", "Cle")
    oid = _text(element, "OID")
    if not matricule or not oid:
        return None
    return FormerIns(Ins(matricule, oid), _date(_text(element, "DateDeb")), _date(_text(element, "DateFin")))


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise _incomplete("DateDeb") from None


def _matricule(body: etree._Element, name: str) -> str:
    return _text(body, name, "NumIdentifiant") + _text(body, name, "Cle")


def _find(element: etree._Element | None, *path: str) -> etree._Element | None:
    for name in path:
        element = None if element is None else next(element.iterchildren(f"{{*}}{name}"), None)
    return element


def _text(element: etree._Element | None, *path: str) -> str:
    found = _find(element, *path)
    return "" if found is None else text_of(found)


def _add(parent: etree._Element, namespace: str, name: str, text: str) -> None:
    """Adds a child, unless there is nothing to say."""
    if text:
        etree.SubElement(parent, f"{{{namespace}}}{name}").text = text


def _incomplete(location: str) -> MalformedInput:
    return MalformedInput(
        "IncompleteResult",
        Text("La réponse d'INSi est incomplète.", "The answer of INSi is incomplete."),
        location=location,
        requirement="INSi, RESULTAT",
    )
