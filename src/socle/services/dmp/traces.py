"""« Qui a accédé à mon dossier » and a professional's own activity: traces in plain sentences.

A line that speaks only of documents which its reader may not know of is left out; what was done in a secret session is
left out for representatives and delegates.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from socle.platform.actor import Actor, ActorKind, Purpose
from socle.platform.audit import BEGINNING, END, Action, AuditEvent, Outcome, Trace
from socle.platform.audit_proof import ChainExport
from socle.platform.database import Connection
from socle.services.dmp import search_store
from socle.services.dmp.context import DmpContext, Visit
from socle.services.dmp.domain import AccessLine, Door, Function
from socle.services.dmp.errors import REFUSALS
from socle.services.dmp.matrice import Matrix, column_of
from socle.standards.errors import Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.naming import person_name, place_name

_WHOLE_CHAIN: Final = 2**31
_SEE_NO_SECRETS: Final = frozenset({ActorKind.REPRESENTATIVE, ActorKind.DELEGATE})


class Phrase(msgspec.Struct, frozen=True):
    """What a transaction is called when it was done, and when it was only tried (``{what}`` is the documents)."""

    done: Text
    tried: Text


def _phrase(done_fr: str, tried_fr: str, done_en: str, tried_en: str) -> Phrase:
    return Phrase(Text(done_fr, done_en), Text(tried_fr, tried_en))


_ADDED: Final = _phrase("a ajouté {what}", "ajouter {what}", "added {what}", "add {what}")
_LISTED: Final = _phrase(
    "a consulté la liste des documents",
    "consulter la liste des documents",
    "listed the documents",
    "list the documents",
)
_READ: Final = _phrase("a lu {what}", "lire {what}", "read {what}", "read {what}")
_CHANGED: Final = _phrase(
    "a modifié la visibilité ou l'état {of_what}",
    "modifier la visibilité ou l'état {of_what}",
    "changed the visibility or status of {what}",
    "change the visibility or status of {what}",
)
_IDENTITY: Final = _phrase("a consulté l'identité", "consulter l'identité", "looked at the identity", "look at it")
_MESSAGES: Final = _phrase(
    "a consulté une messagerie de santé", "consulter une messagerie", "looked into a health mailbox", "look into it"
)
PHRASES: Final = {
    "portal.deposit": _ADDED,
    "portal.keep": _ADDED,
    "portal.profile": _phrase(
        "a modifié le profil médical", "modifier le profil médical", "changed the medical profile", "change it"
    ),
    "delivery.send": _phrase("a envoyé {what}", "envoyer {what}", "sent {what}", "send {what}"),
    "traces.own": _phrase(
        "a consulté sa propre activité", "consulter sa propre activité", "read their own activity", "read it"
    ),
    "ins.read": _IDENTITY,
    "ins.search": _IDENTITY,
    "ins.history": _IDENTITY,
    "ins.admit": _phrase("a enregistré l'identité", "enregistrer l'identité", "recorded the identity", "record it"),
    "ins.change": _phrase("a modifié l'identité", "modifier l'identité", "changed the identity", "change it"),
    "mss.open": _MESSAGES,
    "mss.list": _MESSAGES,
    "mss.search": _MESSAGES,
    "mss.read": _phrase("a lu un message", "lire un message", "read a message", "read a message"),
    "mss.send": _phrase("a envoyé un message", "envoyer un message", "sent a message", "send a message"),
    "report.answer": _phrase(
        "a répondu à votre signalement", "répondre à votre signalement", "answered your report", "answer your report"
    ),
    "ITI-41": _ADDED,
    "ITI-42": _ADDED,
    "ITI-65": _ADDED,
    "ITI-105": _ADDED,
    "ITI-18": _LISTED,
    "ITI-66": _LISTED,
    "ITI-67": _LISTED,
    "ITI-43": _READ,
    "ITI-68": _READ,
    "ITI-57": _CHANGED,
    "TD0.2": _phrase(
        "a vérifié l'existence du dossier",
        "vérifier l'existence du dossier",
        "checked that the record exists",
        "check it",
    ),
    "TD0.3": _phrase(
        "a modifié une autorisation d'accès", "modifier une autorisation", "changed an authorisation", "change one"
    ),
    "TD1.1": _phrase("a ouvert le dossier", "ouvrir le dossier", "opened the record", "open the record"),
    "TD1.2": _phrase("a rouvert le dossier", "rouvrir le dossier", "reopened the record", "reopen the record"),
    "TD1.3": _phrase("a lu les données administratives", "les lire", "read the administrative data", "read them"),
    "TD1.4": _phrase("a fermé le dossier", "fermer le dossier", "closed the record", "close the record"),
    "TD1.6": _phrase(
        "a consulté la liste des personnes autorisées ou bloquées",
        "consulter cette liste",
        "listed who is authorised or blocked",
        "list them",
    ),
    "block": _phrase(
        "a bloqué ou débloqué un professionnel",
        "bloquer un professionnel",
        "blocked or unblocked someone",
        "block someone",
    ),
    "settings": _phrase("a modifié les réglages", "modifier les réglages", "changed the settings", "change them"),
    "mandate": _phrase(
        "a modifié les personnes qui agissent sur le dossier",
        "modifier ces personnes",
        "changed who acts on the record",
        "change who acts on it",
    ),
    "traces": _phrase(
        "a consulté l'historique des accès",
        "consulter l'historique",
        "read the history of accesses",
        "read the history",
    ),
    "contact": _phrase(
        "a modifié où être prévenu", "modifier où être prévenu", "changed where to be told", "change where to be told"
    ),
    "announce": _phrase(
        "a annoncé l'ouverture du dossier", "annoncer l'ouverture", "announced the opening", "announce the opening"
    ),
    "oppose": _phrase("s'est opposé à l'ouverture", "s'opposer à l'ouverture", "opposed the opening", "oppose it"),
    "login": _phrase("s'est connecté", "se connecter", "logged in", "log in"),
    "index": _phrase("a indexé {what}", "indexer {what}", "indexed {what}", "index {what}"),
    "dmp.merge": _phrase("a réuni deux dossiers", "réunir deux dossiers", "merged two records", "merge two records"),
    "dmp.destroy": _phrase("a détruit le dossier", "détruire le dossier", "destroyed the record", "destroy the record"),
}
_BY_SUFFIX: Final = {"search": _LISTED, "read": _READ, "mask": _CHANGED}
_OTHER: Final = _phrase("a utilisé le dossier", "utiliser le dossier", "used the record", "use the record")
_EMERGENCIES: Final = {
    Purpose.BRIS_DE_GLACE: Text(" en urgence (bris de glace)", " in an emergency (bris de glace)"),
    Purpose.CENTRE_15: Text(" en urgence (SAMU – centre 15)", " in an emergency (SAMU – centre 15)"),
}
_KINDS: Final = {
    ActorKind.PATIENT: Text("Le titulaire du dossier", "The holder of the record"),
    ActorKind.OPERATOR: Text("L'opérateur du service", "The operator of the service"),
    ActorKind.BASE: Text("Le service (traitement automatique)", "The service (automatic processing)"),
}
_QUALITIES: Final = {
    ActorKind.REPRESENTATIVE: Text("représentant légal", "legal representative"),
    ActorKind.DELEGATE: Text("délégué", "delegate"),
}


async def access_history(
    ctx: DmpContext,
    actor: Actor,
    ins: Ins,
    *,
    before: int,
    since: datetime | None,
    until: datetime | None,
    count: int,
    without: Sequence[str],
    door: Door,
) -> list[AccessLine]:
    """Newest first, but for what ``without`` did. See ``DmpService.access_history``."""
    async with (
        ctx.attempt(actor, Action.READ, Function.READ_TRACES, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.READ_TRACES, actor, ins, of_record=True)
        lines: list[AccessLine] = []
        while len(lines) < count and (
            found := await ctx.base.audit.of_patient(
                connection,
                visit.key,
                before=before,
                since=since or BEGINNING,
                until=until or END,
                count=count,
                without=without,
            )
        ):
            lines += await _lines_for(connection, visit, found)
            before = found[-1].sequence
        await ctx.trace(connection, visit, Action.READ, Function.READ_TRACES, door)
    return lines[:count]


async def _lines_for(connection: Connection, visit: Visit, found: Sequence[Trace]) -> list[AccessLine]:
    """Those of ``found`` that the reader may know of, as lines."""
    if visit.actor.kind in _SEE_NO_SECRETS:
        found = [trace for trace in found if not trace.event.is_secret]
    titles, hidden = await _titles(connection, visit, found)
    return [
        line_of(trace, visit.policy.matrix, titles)
        for trace in found
        if not (documents := documents_of(trace.event)) or set(documents) - hidden
    ]


async def export_traces(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> ChainExport:
    """All traces of the record, signed, to be checked without the base. See ``DmpService.export_traces``."""
    async with (
        ctx.attempt(actor, Action.READ, Function.READ_TRACES, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.READ_TRACES, actor, ins, of_record=True)
        found = await ctx.base.audit.of_patient(connection, visit.key, count=_WHOLE_CHAIN)
        _, hidden = await _titles(connection, visit, found)
        sees_secrets = actor.kind not in _SEE_NO_SECRETS

        def may_show(trace: Trace) -> bool:
            return (sees_secrets or not trace.event.is_secret) and hidden.isdisjoint(documents_of(trace.event))

        await ctx.trace(connection, visit, Action.READ, Function.READ_TRACES, door)
        return await ctx.base.audit.export(connection, visit.key, may_show)


async def own_activity(
    ctx: DmpContext, actor: Actor, *, since: datetime | None, until: datetime | None, count: int
) -> list[AccessLine]:
    """What ``actor`` did, newest first. Document titles are not given: the right to see them may have ended."""
    async with ctx.base.database.transaction() as connection:
        found = await ctx.base.audit.of_actor(
            connection, actor.id, since=since or BEGINNING, until=until or END, count=count
        )
        await ctx.trace_alone(connection, actor, Action.READ, "traces.own", Door.PORTAL, "own-traces")
    return [line_of(trace, ctx.policy.matrix, {}) for trace in found]


async def _titles(
    connection: Connection, visit: Visit, traces: Sequence[Trace]
) -> tuple[dict[str, str], frozenset[str]]:
    """Titles of the documents that the reader may know of, and the uniqueIds of the others."""
    unique_ids = {unique_id for trace in traces for unique_id in documents_of(trace.event)}
    if not unique_ids:
        return {}, frozenset()
    known = await search_store.find_titles(connection, visit.key, visit.sight, unique_ids)
    titles = {unique_id: title for unique_id, title in known.items() if title is not None}
    return titles, frozenset(known.keys() - titles.keys())


def documents_of(event: AuditEvent) -> tuple[str, ...]:
    """The uniqueIds of the documents that a trace names."""
    return tuple(subject.id for subject in event.subjects if subject.type == "document")


def line_of(trace: Trace, matrix: Matrix, titles: dict[str, str]) -> AccessLine:
    """One trace as a line; only the documents in ``titles`` are named."""
    event = trace.event
    documents = tuple(one for one in documents_of(event) if one in titles)
    is_refusal = event.outcome is not Outcome.SUCCESS
    names = [titles[one] for one in documents]
    who = _who(event.actor, matrix)
    return AccessLine(
        sequence=trace.sequence,
        at=event.recorded or BEGINNING,
        who=who.fr,
        actor=event.actor,
        transaction=event.transaction,
        sentence_fr=_sentence(event, who.fr, names, "fr"),
        sentence_en=_sentence(event, who.en, names, "en"),
        right=event.right,
        is_refusal=is_refusal,
        is_emergency=event.actor.purpose in _EMERGENCIES,
        documents=documents,
    )


def _sentence(event: AuditEvent, who: str, titles: Sequence[str], language: str) -> str:
    phrase = PHRASES.get(event.transaction) or _BY_SUFFIX.get(event.transaction.rpartition(".")[2], _OTHER)
    named = _named(titles, language)
    emergency = _EMERGENCIES.get(event.actor.purpose, Text("", "")).in_language(language)
    if event.outcome is Outcome.SUCCESS:
        return f"{who} {phrase.done.in_language(language).format_map(named)}{emergency}."
    tried = phrase.tried.in_language(language).format_map(named)
    why = REFUSALS[event.right].reason.in_language(language).rstrip(".") if event.right in REFUSALS else event.right
    if language == "en":
        return f"{who} tried to {tried}{emergency} and was refused: “{why}”."
    return f"{who} a voulu {tried}{emergency}, ce qui a été refusé : « {why} »."


def _named(titles: Sequence[str], language: str) -> dict[str, str]:
    if not titles:
        return {"what": "un document", "of_what": "d'un document"} if language == "fr" else {"what": "a document"}
    quoted = ", ".join(f"« {title} »" if language == "fr" else f"“{title}”" for title in titles)
    return {"what": quoted, "of_what": f"de {quoted}"}


def _who(actor: Actor, matrix: Matrix) -> Text:
    if actor.kind in _KINDS:
        return _KINDS[actor.kind]
    name = person_name(actor.name)
    quality = _QUALITIES.get(actor.kind)
    if quality is not None:
        return Text(f"{name} ({quality.fr})", f"{name} ({quality.en})")
    facts = ", ".join(filter(None, (matrix.labels.get(column_of(actor), ""), place_name(actor.structure_name))))
    name = f"{name} ({facts})" if facts else name
    return Text(name, name)
