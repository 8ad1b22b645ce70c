"""`socle demo`: a base with fictitious people in it, and real documents sent through its real doors."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import imaplib
import io
import os
import signal
import ssl
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    import httpx

    from socle.platform.settings import Settings

_PATIENTS = 300
_SEED = 1
_AT_ONCE = 4
#: Password of the demonstration's boxes and operator: in the sandbox alone, where it protects nobody.
_PASSWORD = "demonstration-2026"  # noqa: S105
_DELIVERY_S = 30


def demo(
    *,
    data: Annotated[str | None, Parameter(help="Dossier des données (par défaut .socle/demo).")] = None,
    examples: Annotated[Path | None, Parameter(help="Dossier de documents CDA à envoyer.")] = None,
    port: Annotated[int | None, Parameter(help="Port HTTP.")] = None,
    patients: Annotated[int, Parameter(help="Nombre de patients fictifs.")] = _PATIENTS,
    once: Annotated[bool, Parameter(help="S'arrêter après la démonstration au lieu de servir.")] = False,
) -> int:
    """Démarre la base, la remplit, y envoie des documents, dit ce qui s'est passé, et sert jusqu'à Ctrl-C."""
    from socle.platform.settings import Settings

    settings = Settings.from_environment(data=data or os.environ.get("SOCLE_DATA", ".socle/demo"), port=port)
    settings.data_path.mkdir(parents=True, exist_ok=True)
    with _serving(settings) as server:
        print(f"La base répond sur {settings.base_url}.", flush=True)
        failures = asyncio.run(_play(settings, _documents(examples), patients))
        _say_where(settings)
        print(f"ready {settings.base_url}", flush=True)
        if once:
            return min(failures, 1)
        with contextlib.suppress(KeyboardInterrupt):
            return server.wait()
    return 0


@contextlib.contextmanager
def _serving(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """`socle serve` in a process of its own, ready when the block begins, stopped when it ends."""
    log = settings.data_path / "serve.log"
    with log.open("a") as errors:
        server = subprocess.Popen(
            [sys.executable, "-m", "socle.cli", "serve"],
            env=os.environ | settings.to_environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    stopped = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM,)}
    try:
        assert server.stdout is not None
        if not server.stdout.readline().startswith("ready "):
            from socle.standards.errors import Text, Unavailable

            raise Unavailable(
                "NotStarted", Text("La base n'a pas démarré.", "The base did not start."), location=str(log)
            )
        yield server
    finally:
        for number, handler in stopped.items():
            signal.signal(number, handler)
        server.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            server.wait(30)


def _interrupt(*_signal: object) -> None:
    raise KeyboardInterrupt


def _documents(examples: Path | None) -> list[tuple[str, bytes]]:
    """The files of ``examples``, of ``../shared/examples/cda`` if it is there, else the project's own documents."""
    folder = examples or Path("../shared/examples/cda")
    if folder.is_dir():
        return [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.xml"))]
    return []


async def _play(settings: Settings, documents: list[tuple[str, bytes]], patients: int) -> int:
    import httpx

    from socle.sandbox.documents import named_documents
    from socle.sandbox.populate import populate
    from socle.server.offline import open_services

    async with open_services(settings) as services:
        filled = await populate(
            services.base,
            services.ins,
            services.directory,
            services.identity,
            services.dmp,
            patients=patients,
            seed=_SEED,
            progress=lambda _step, _done, _total: None,
        )
        print(
            f"{filled.patients} patients et {filled.professionals} professionnels fictifs sont là "
            f"({filled.seconds:.1f} s)."
        )
        await _open_boxes(services)
    own = [(document.name, document.content) for document in await asyncio.to_thread(named_documents, _SEED)]
    failures = await _feed(settings.base_url, own, "documents fictifs du projet")
    if documents:
        failures += await _feed(settings.base_url, documents, "documents d'exemple")
    async with httpx.AsyncClient(timeout=60) as http:
        failures += await _send_two_ways(settings, http)
    return failures


async def _feed(url: str, documents: list[tuple[str, bytes]], what: str) -> int:
    """Sends each document by one door and reads it back by the other, the doors in turn; returns how many failed."""
    from socle.standards.errors import SocleError

    started = time.perf_counter()
    await _admit(url, [content for _, content in documents])
    turns = asyncio.Semaphore(_AT_ONCE)
    failures: list[str] = []

    async def one(rank: int, name: str, content: bytes) -> None:
        async with turns:
            try:
                if not await _crosses(url, content, *(("xds", "fhir") if rank % 2 else ("fhir", "xds"))):
                    failures.append(f"{name} : le document relu diffère")
            except SocleError as error:
                if error.code != "XDSDuplicateUniqueIdInRegistry":
                    failures.append(f"{name} : {error.code} {error.sentence()}")

    await asyncio.gather(*(one(rank, name, content) for rank, (name, content) in enumerate(documents)))
    done = len(documents) - len(failures)
    print(
        f"{done} sur {len(documents)} {what} : déposés par une porte (XDS ou FHIR), relus identiques (SHA-1) par "
        f"l'autre, en {time.perf_counter() - started:.1f} s."
    )
    for failure in failures:
        print(f"  échec : {failure}")
    return len(failures)


async def _admit(url: str, documents: list[bytes]) -> None:
    """Registers each patient of the documents, who then agrees to the doctor's access."""
    import httpx

    from socle.client import Sandbox, XdsDoor, connect_sandbox
    from socle.sandbox import cast
    from socle.standards.cda.metadata import document_entry_of

    patients = {document_entry_of(content).patient_id: content for content in documents}
    async with httpx.AsyncClient(timeout=60) as http:
        for content in patients.values():
            await Sandbox(url, http).admit(content)
    async with await connect_sandbox(url, rpps=cast.GENERAL_PRACTITIONER.removeprefix("8")) as dmp:
        assert isinstance(dmp.door, XdsDoor)
        for patient in patients:
            await dmp.door.authorize(patient)


async def _crosses(url: str, content: bytes, way_in: str, way_out: str) -> bool:
    """Whether ``content``, sent by one door, is read back identical by the other."""
    from socle.client import DoorName, Refused, connect_sandbox
    from socle.client.connection import connect_insurer
    from socle.sandbox import cast
    from socle.standards.cda.metadata import document_entry_of

    doctor = cast.GENERAL_PRACTITIONER.removeprefix("8")
    entry = document_entry_of(content)
    async with await connect_sandbox(url, rpps=doctor, door=DoorName(way_in)) as dmp:
        try:
            sent = await dmp.send(content)
        except Refused as error:
            if error.code != "LocalPolicyRestrictionError":
                raise
            # What the health insurance alone deposits.
            async with await connect_insurer(url) as insurance:
                sent = await insurance.send(content)
    async with await connect_sandbox(url, rpps=doctor, door=DoorName(way_out)) as dmp:
        read = await dmp.get(sent.unique_id, entry.patient_id)
    return hashlib.sha1(read, usedforsecurity=False).digest() == hashlib.sha1(content, usedforsecurity=False).digest()


async def _open_boxes(services: object) -> None:
    """Boxes of two doctors and of the cast's citizens, and an operator's account: those that exist stay as they are."""
    from socle.app import Services
    from socle.platform.patient_key import owner_key
    from socle.sandbox import cast
    from socle.sandbox.populate import POPULATOR
    from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState
    from socle.services.mssante.rules import DEFAULT_QUOTA_BYTES
    from socle.standards.errors import Conflict

    assert isinstance(services, Services)
    for person, local, name in (
        (cast.GENERAL_PRACTITIONER, "camille.marchand", "Dr_Camille_MARCHAND"),
        (cast.CARDIOLOGIST, "samir.haddad", "Dr_Samir_HADDAD"),
    ):
        address = f"{local}@{services.base.settings.mail_domain}"
        box = Mailbox(
            key=owner_key("mailbox", address),
            address=address,
            kind=MailboxKind.PERSONAL,
            state=MailboxState.ACTIVE,
            quota_bytes=DEFAULT_QUOTA_BYTES,
            created_at=services.base.clock(),
            display_name=name,
            person_id=person,
        )
        with contextlib.suppress(Conflict):
            await services.mssante.create(POPULATOR, box, password=_PASSWORD)
    for ins in (cast.JEANNE, cast.ROBERT, cast.PAUL, cast.PAT_TROIS):
        traits = (await services.ins.holder(POPULATOR, ins)).traits
        await services.mssante.open_citizen_box(ins, f"{traits.first_given_name} {traits.birth_name}")
    with contextlib.suppress(Conflict):
        await services.identity.accounts.add_operator("exploitant", "Exploitant de démonstration", _PASSWORD)


async def _send_two_ways(settings: Settings, http: httpx.AsyncClient) -> int:
    """One discharge letter, in one act, to the DMP, the doctor's box and the patient's; then read by IMAP."""
    from socle.client import Sandbox
    from socle.sandbox import cast
    from socle.sandbox.documents import named_documents

    letter = next(document for document in named_documents(_SEED + 1) if document.name.startswith("LDL-SES"))
    domain = settings.mail_domain
    token = await Sandbox(settings.base_url, http).token(cast.CARDIOLOGIST.removeprefix("8"))
    asked = await http.post(
        f"{settings.base_url}/deliveries",
        params={"from": f"samir.haddad@{domain}", "to": f"camille.marchand@{domain}", "to-dmp": "1", "to-patient": "1"},
        content=letter.content,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "text/xml"},
    )
    if asked.status_code != 202:
        print(f"La lettre n'est pas partie : {asked.text}")
        return 1
    deadline = time.monotonic() + _DELIVERY_S
    delivery = asked.json()
    while not delivery["is_settled"] and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        token = await Sandbox(settings.base_url, http).token(cast.CARDIOLOGIST.removeprefix("8"))
        answer = await http.get(
            f"{settings.base_url}/deliveries/{delivery['id']}", headers={"Authorization": f"Bearer {token}"}
        )
        delivery = answer.json()
    print("Une lettre de sortie envoyée en un seul geste :")
    for line in delivery["sentence"].splitlines():
        print(f"  {line}")
    is_same = await asyncio.to_thread(_is_in_box, settings, letter.content)
    print(
        "  relue par IMAP : le CDA de son archive XDM est identique." if is_same else "  relue par IMAP : différente !"
    )
    return int(not is_same) + int(not delivery["is_settled"])


def _is_in_box(settings: Settings, letter: bytes) -> bool:
    """Whether the doctor's box, read by IMAP, holds a mail whose XDM archive holds this very letter."""
    context = ssl.create_default_context(cafile=str(settings.data_path / "pki" / "authorities.pem"))
    with imaplib.IMAP4_SSL(settings.host, settings.imaps_port, ssl_context=context) as box:
        box.login(f"camille.marchand@{settings.mail_domain}", _PASSWORD)
        box.select("INBOX", readonly=True)
        _, found = box.search(None, "ALL")
        for number in reversed(found[0].split()):
            _, parts = box.fetch(number.decode(), "(RFC822)")
            part = parts[0]
            if isinstance(part, tuple) and _holds(part[1], letter):
                return True
    return False


def _holds(mail: bytes, letter: bytes) -> bool:
    for attachment in message_from_bytes(mail).walk():
        if attachment.get_content_type() in {"application/zip", "application/x-zip-compressed"}:
            content = attachment.get_payload(decode=True)
            assert isinstance(content, bytes)
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return any(archive.read(name) == letter for name in archive.namelist())
    return False


def _say_where(settings: Settings) -> None:
    url, domain = settings.base_url, settings.mail_domain
    print(
        f"""
Où aller (toutes les personnes sont fictives)
  citoyen        {url}/espace        FranceConnect simulé : choisissez D'ARCY-BELLEC (Jeanne) ou PAT-TROIS
  professionnel  {url}/pro           Pro Santé Connect simulé : Dr Camille Marchand, RPPS 10109876549
  exploitant     {url}/operateur     exploitant / {_PASSWORD}
  conformité     {url}/conformance   déposez un CDA, lisez le verdict
  bac à sable    {url}/sandbox/pannes
Portes
  XDS.b          {url}/si-dmp-server/v2/services/registry?wsdl
  FHIR           {url}/dmp/fhir/metadata
  HTTPS mutuel   https://{settings.host}:{settings.tls_port}
  IMAP, SMTP     {settings.host}:{settings.imap_port}, {settings.host}:{settings.submission_port}
                 camille.marchand@{domain} / {_PASSWORD}
Données : {settings.data_path}
""",
        flush=True,
    )
