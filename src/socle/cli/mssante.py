"""`socle mss`: boxes, queue, white list, traces and indicators of the mail operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from cyclopts import App, Parameter

from socle.cli.answers import answer
from socle.cli.offline import Data, work_offline

if TYPE_CHECKING:
    from socle.services.mssante.domain import Mailbox
    from socle.services.mssante.service import MssanteService

app = App(name="mss", help="L'opérateur MSSanté : boîtes, file d'attente, liste blanche, traces, indicateurs.")

Json = Annotated[bool, Parameter(name="--json", help="Répondre en JSON.")]
T = TypeVar("T")


@app.command
def create(
    address: str,
    *,
    kind: Literal["PER", "ORG", "APP", "CAB"] = "PER",
    person: Annotated[str, Parameter(help="PS_IdNat du titulaire : 8 + RPPS.")] = "",
    structure: Annotated[str, Parameter(help="Struct_IdNat : 1 + FINESS, 3 + SIRET.")] = "",
    name: Annotated[str, Parameter(help="Nom affiché, par exemple Dr_Léa_MARTIN_Cardiologie.")] = "",
    certificate: Annotated[str, Parameter(help="Sujet du certificat client d'une boîte APP.")] = "",
    red_list: bool = False,
    password: Annotated[str, Parameter(help="Bac à sable seulement.")] = "",
    quota_mib: int = 2048,
    data: Data = None,
    json: Json = False,
) -> None:
    """Crée une boîte, publiée dans l'annuaire sauf liste rouge."""
    from datetime import UTC, datetime
    from uuid import UUID

    from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState
    from socle.services.mssante.service import BASE_ACTOR

    box = Mailbox(
        key=UUID(int=0),
        address=address,
        kind=MailboxKind(kind),
        state=MailboxState.ACTIVE,
        quota_bytes=quota_mib * 1024 * 1024,
        created_at=datetime.now(UTC),
        display_name=name,
        person_id=person,
        structure_id=structure,
        certificate_subject=certificate,
        is_red_listed=red_list,
    )
    made = _run(data, lambda service: service.create(BASE_ACTOR, box, password=password))
    answer(_shown(made), f"{made.address} créée ({made.kind}).", json=json)


@app.command(name="list")
def list_boxes(*, contains: str = "", kind: str = "", count: int = 100, data: Data = None, json: Json = False) -> None:
    """Liste les boîtes par adresse."""
    from socle.services.mssante.domain import MailboxKind

    wanted = MailboxKind(kind) if kind else None
    boxes = _run(data, lambda service: service.list_boxes(count=count, kind=wanted, contains=contains))
    lines = [f"{box.address:<50} {box.kind:<6} {box.state:<9} {box.used_bytes / 2**20:8.1f} Mio" for box in boxes]
    answer([_shown(box) for box in boxes], "\n".join(lines) or "Aucune boîte.", json=json)


@app.command
def show(address: str, *, data: Data = None, json: Json = False) -> None:
    """Montre une boîte et qui peut l'ouvrir."""

    async def ask(service: MssanteService) -> tuple[Mailbox, list[Any]]:
        return await service.find(address), await service.rights(address)

    box, rights = _run(data, ask)
    lines = [f"{name} : {value}" for name, value in _shown(box).items() if value not in ("", None)]
    lines += [f"délégation : {right.person_id}{' (écrit)' if right.may_send else ''}" for right in rights]
    answer({**_shown(box), "rights": rights}, "\n".join(lines), json=json)


@app.command
def state(address: str, to: Literal["ACTIVE", "SUSPENDED", "CLOSED"], *, data: Data = None, json: Json = False) -> None:
    """Suspend, rouvre ou ferme une boîte. Fermée, elle est détruite plus tard, et son adresse jamais redonnée."""
    from socle.services.mssante.domain import MailboxState
    from socle.services.mssante.service import BASE_ACTOR

    box = _run(data, lambda service: service.change_state(BASE_ACTOR, address, MailboxState(to)))
    answer(_shown(box), f"{box.address} : {box.state}.", json=json)


@app.command
def grant(address: str, person: str, *, send: bool = False, data: Data = None, json: Json = False) -> None:
    """Délègue une boîte à un professionnel (PS_IdNat) ; avec --send, il peut aussi écrire."""
    from socle.services.mssante.service import BASE_ACTOR

    _run(data, lambda service: service.grant(BASE_ACTOR, address, person, may_send=send))
    granted = {"address": address, "person": person, "status": "granted", "sends": send}
    answer(granted, f"{person} peut ouvrir {address}.", json=json)


@app.command
def revoke(address: str, person: str, *, data: Data = None, json: Json = False) -> None:
    """Retire une délégation."""
    from socle.services.mssante.service import BASE_ACTOR

    _run(data, lambda service: service.revoke(BASE_ACTOR, address, person))
    revoked = {"address": address, "person": person, "status": "revoked"}
    answer(revoked, f"{person} ne peut plus ouvrir {address}.", json=json)


@app.command
def quota(address: str, mib: int, *, data: Data = None, json: Json = False) -> None:
    """Change l'espace d'une boîte, en Mio."""
    from socle.services.mssante.service import BASE_ACTOR

    _run(data, lambda service: service.change_quota(BASE_ACTOR, address, mib * 1024 * 1024))
    answer({"address": address, "quota_mib": mib}, f"{address} : {mib} Mio.", json=json)


@app.command
def incoming(
    address: str,
    *,
    take: Annotated[Path | None, Parameter(help="Écrit chaque document dans ce dossier et le note comme pris.")] = None,
    to_dmp: Annotated[bool, Parameter(help="Verse au DMP ce qui peut l'être, au nom du professionnel.")] = False,
    everything: Annotated[bool, Parameter(name="--all", help="Aussi ce qui est déjà pris ou versé.")] = False,
    as_: Annotated[str, Parameter(name="--as", help="RPPS du professionnel (bac à sable).")] = "",
    url: Annotated[str, Parameter(env_var="SOCLE_URL", help="Adresse de la base.")] = "http://127.0.0.1:8000",
    json: Json = False,
) -> int:
    """Liste les documents reçus d'une boîte, avec leur patient ; les prend, les verse au DMP."""
    from socle.cli.incoming import incoming as work

    return work(address, take=take, to_dmp=to_dmp, everything=everything, rpps=as_, url=url, json=json)


@app.command
def filing(address: str, to: Literal["automatic", "manual"], *, data: Data = None, json: Json = False) -> None:
    """Règle une boîte APP : ce qu'elle reçoit va de lui-même au DMP (automatic), ou jamais sans un acte (manual)."""
    from socle.services.mssante.service import BASE_ACTOR

    _run(data, lambda service: service.change_filing(BASE_ACTOR, address, files_to_dmp=to == "automatic"))
    told = f"{address} : versement {'automatique' if to == 'automatic' else 'manuel'}."
    answer({"address": address, "filing": to}, told, json=json)


@app.command
def queue(
    *,
    retry: Annotated[bool, Parameter(help="Tout retenter maintenant.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Montre ce qui attend un autre opérateur."""
    rows = _run(data, lambda service: service.upkeep.queue(retry=retry))
    lines = [
        f"{row['recipient']:<45} depuis {row['queued_at']:%d/%m %H:%M}, essai {row['attempts']} : {row['last_reply']}"
        for row in rows
    ]
    answer(rows, "\n".join(lines) or "La file est vide.", json=json)


@app.command
def whitelist(
    source: Annotated[
        str, Parameter(help="Adresse https ou fichier à charger ; vide : montrer la liste en vigueur.")
    ] = "",
    *,
    data: Data = None,
    json: Json = False,
) -> None:
    """Charge la liste blanche (signature vérifiée) ou montre celle en vigueur."""

    async def ask(service: MssanteService) -> Any:
        if source:
            return await service.trust_list.refresh(source, by_operator=True)
        return await service.trust_list.current()

    found = _run(data, ask)
    domains = found.domains if found else {}
    lines = [f"{entry.name:<45} {entry.certificate_dn}" for entry in domains.values()]
    answer(list(domains.values()), "\n".join(lines) or "Aucune liste en vigueur.", json=json)


@app.command
def peer(
    file: Annotated[
        Path | None, Parameter(help="Certificat d'un autre opérateur à enregistrer ; sans : les lister.")
    ] = None,
    *,
    data: Data = None,
    json: Json = False,
) -> None:
    """Enregistre le certificat d'un autre opérateur, qu'un front Postfix ne montre que par son empreinte."""
    if file is not None:
        content = file.read_bytes()
        subject = _run(data, lambda service: service.peers.remember(content))
        answer({"subject": subject}, f"{subject} est connu.", json=json)
        return
    known = _run(data, lambda service: service.peers.list_subjects())
    answer(known, "\n".join(f"{mark}  {subject}" for mark, subject in known) or "Aucun certificat.", json=json)


@app.command
def dns(
    host: Annotated[str, Parameter(help="Nom public de la machine, par exemple mail.ch-exemple.fr.")],
    *,
    data: Data = None,
    json: Json = False,
) -> None:
    """Écrit les enregistrements DNS à publier : MX, SRV et autoconfiguration des logiciels de messagerie."""
    from socle.platform.settings import Settings
    from socle.services.mssante.autoconfig import dns_records

    records = dns_records(Settings.from_environment(data=data), host)
    answer(records, "\n".join(records), json=json)


@app.command
def traces(
    *, mailbox: str = "", since: date | None = None, count: int = 100, data: Data = None, json: Json = False
) -> None:
    """Montre les traces de l'opérateur, les plus récentes d'abord. Jamais de contenu."""
    rows = _run(data, lambda service: service.upkeep.traces(mailbox=mailbox, since=since, count=count))
    lines = [
        f"{row['happened_at']:%d/%m/%Y %H:%M:%S} {row['action']:<8} {row['mailbox']} {row['peer']} {row['reply']}"
        for row in rows
    ]
    answer(rows, "\n".join(lines) or "Aucune trace.", json=json)


@app.command
def indicators(
    month: Annotated[str, Parameter(help="AAAA-MM")], *, csv: Path | None = None, data: Data = None, json: Json = False
) -> None:
    """Calcule les indicateurs d'un mois ; avec --csv, les écrit dans un fichier."""
    from socle.services.mssante.indicators import compute, to_csv

    found = _run(data, lambda service: compute(service, date.fromisoformat(f"{month}-01")))
    text = to_csv(found)
    if csv is not None:
        csv.write_text(text, "utf-8")
    answer(found, text.rstrip() if csv is None else f"Indicateurs de {month} dans {csv}.", json=json)


@app.command
def connections(*, data: Data = None, json: Json = False) -> None:
    """Donne la dernière connexion de chaque boîte."""
    from socle.services.mssante.indicators import last_connections

    found = _run(data, last_connections)
    lines = [
        f"{item.address:<50} {item.last_used_at:%d/%m/%Y}" if item.last_used_at else f"{item.address:<50} inconnue"
        for item in found
    ]
    answer(found, "\n".join(lines) or "Aucune boîte.", json=json)


@app.command
def quarantine(*, count: int = 100, data: Data = None, json: Json = False) -> None:
    """Liste les messages infectés gardés à part."""
    rows = _run(data, lambda service: service.upkeep.quarantine(count=count))
    lines = [f"{row['found_at']:%d/%m/%Y %H:%M} {row['signature']} de {row['sender']}" for row in rows]
    answer(rows, "\n".join(lines) or "Rien en quarantaine.", json=json)


@app.command
def sweep(*, data: Data = None, json: Json = False) -> None:
    """Fait maintenant le travail du jour : suspensions, destructions, oubli des traces anciennes."""
    done = _run(data, lambda service: service.upkeep.sweep())
    answer(done, ", ".join(f"{name} : {value}" for name, value in done.items()), json=json)


@app.command(name="api-key")
def api_key(name: str, *, data: Data = None, json: Json = False) -> None:
    """Crée une clé ESANTE-API-KEY pour l'API BAL ; elle n'est montrée qu'une fois."""
    from socle.services.mssante.fhir import create_api_key

    key = _run(data, lambda service: create_api_key(service, name))
    answer({"name": name, "key": key}, key, json=json)


def _run(data: str | None, ask: Callable[[MssanteService], Awaitable[T]]) -> T:
    return work_offline(data, lambda services: ask(services.mssante))


def _shown(box: Mailbox) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(box)
    for secret in ("password_hash", "key"):
        shown.pop(secret)
    return shown
