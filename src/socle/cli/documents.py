"""`socle send|find|get|replace|mask|delete`: documents of a DMP from the command line, by the SDK."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from dataclasses import replace as with_values
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from cyclopts import Parameter

from socle.cli.answers import errors_of, unreadable

if TYPE_CHECKING:
    from socle.client import AsyncDmp, Sent
    from socle.standards.errors import SocleError
    from socle.standards.ids.ins import Ins
    from socle.standards.xds.model import DocumentEntry

T = TypeVar("T")

# httpx imports its own command line (click, pygments) unless that is not to be had: a third of our start.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

InsOption = Annotated[str, Parameter(name="--ins", help="INS : 15 caractères, ou matricule^^^&oid&ISO^NH.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Access:
    """Which DMP, as whom, and how the answer is written: options of every command."""

    door: Annotated[Literal["xds", "fhir"], Parameter(help="Porte d'entrée du DMP.")] = "xds"
    rpps: Annotated[str, Parameter(name="--as", help="RPPS du professionnel (bac à sable).")] = ""
    url: Annotated[str, Parameter(env_var="SOCLE_URL", help="Adresse de la base.")] = "http://127.0.0.1:8000"
    config: Annotated[
        Path | None, Parameter(env_var="SOCLE_CLIENT_CONFIG", help="Configuration TOML d'un DMP hors bac à sable.")
    ] = None
    json: Annotated[bool, Parameter(help="Écrire le résultat en JSON.")] = False


_BY_DEFAULT = Access()
#: Reimbursement data: the health insurance alone deposits them.
_REIMBURSEMENT = "REMB"
#: How many documents travel at once.
_AT_ONCE = 4
#: Refusals that the patient's consent lifts; in a sandbox it is given at once.
_CONSENT = frozenset({"DMPAuthorizationRequired", "DMPAccessExpired"})


def send(
    *files: Annotated[Path, Parameter(help="Documents CDA, ou dossiers qui en contiennent.", required=True)],
    admit: Annotated[bool, Parameter(help="Admet d'abord le patient du document, qui consent (bac à sable).")] = False,
    masked: Annotated[bool, Parameter(help="Masqué aux professionnels dès le dépôt.")] = False,
    hidden_from_patient: Annotated[bool, Parameter(help="Non visible par le patient avant annonce.")] = False,
    to_dmp: Annotated[bool, Parameter(help="Au DMP (déjà le cas sans destinataire de message).")] = False,
    to: Annotated[list[str] | None, Parameter(help="Aussi par MSSanté, à cette adresse.")] = None,
    to_patient: Annotated[bool, Parameter(help="Aussi dans la messagerie du patient.")] = False,
    from_: Annotated[str, Parameter(name="--from", help="Boîte MSSanté qui envoie.")] = "",
    access: Access = _BY_DEFAULT,
) -> int:
    """Dépose des documents CDA au DMP, chacun dans une soumission signée."""
    from socle.standards.errors import Unavailable
    from socle.standards.xds.model import Visibility

    listed = _expand(files)
    visibility = [
        value
        for value, is_asked in ((Visibility.MASQUE_PS, masked), (Visibility.INVISIBLE_PATIENT, hidden_from_patient))
        if is_asked
    ]
    if to or to_patient:
        from socle.cli.delivery import deliver

        return deliver(
            listed,
            mailbox=from_,
            to_dmp=to_dmp,
            to=to or [],
            to_patient=to_patient,
            visibility=visibility,
            rpps=access.rpps,
            url=access.url,
            json=access.json,
        )

    async def run() -> list[dict[str, Any]]:
        try:
            dmp = await _connect(access)
        except Unavailable as error:
            return [_result(file, errors=errors_of(error)) for file in listed]
        async with dmp:
            insurer = access.url if not access.rpps and access.config is None else ""
            admitting = _admit_to(access) if admit else None
            return await _send_all(dmp, listed, visibility, admitting, insurer=insurer, quiet=access.json)

    results = _run(run())
    if access.json:
        _print_json(results)
    else:
        for result in results:
            _print_result(result)
    if any(error["code"] == "Unreachable" for result in results for error in result["errors"]):
        return 3
    return int(any(result["status"] != "accepted" for result in results))


async def _send_all(
    dmp: AsyncDmp,
    files: list[Path],
    visibility: list[Any],
    admit: Callable[[bytes], Awaitable[None]] | None,
    *,
    insurer: str,
    quiet: bool,
) -> list[dict[str, Any]]:
    import asyncio

    from rich.console import Console
    from rich.progress import Progress

    from socle.standards.errors import SocleError

    turns = asyncio.Semaphore(_AT_ONCE)
    progress = Progress(console=Console(stderr=True), disable=quiet or len(files) < 2, transient=True)
    bar = progress.add_task("Dépôt", total=len(files))

    async def send_one(file: Path) -> dict[str, Any]:
        async with turns:
            try:
                content = await asyncio.to_thread(file.read_bytes)
                if admit is not None:
                    await admit(content)
                sent = await _send_as_may(dmp, content, visibility, insurer)
            except SocleError as error:
                return _result(file, errors=errors_of(error))
            except OSError as error:
                return _result(file, errors=errors_of(unreadable(error)))
            finally:
                progress.advance(bar)
            return _accepted(file, sent)

    with progress:
        return list(await asyncio.gather(*(send_one(file) for file in files)))


async def _send_as_may(dmp: AsyncDmp, content: bytes, visibility: list[Any], insurer: str) -> Sent:
    """Sends as the professional, or as the insurance what it alone deposits when nobody is named (``insurer``: URL)."""
    from socle.client import Refused
    from socle.client.connection import connect_insurer
    from socle.standards.cda.metadata import document_entry_of

    try:
        return await dmp.send(content, visibility=visibility)
    except Refused as error:
        is_reserved = error.code == "LocalPolicyRestrictionError" and insurer
        if not is_reserved or document_entry_of(content).type_code.code != _REIMBURSEMENT:
            raise
    async with await connect_insurer(insurer) as insurance:
        return await insurance.send(content, visibility=visibility)


def find(
    *,
    ins: InsOption,
    type: Annotated[list[str] | None, Parameter(help="Codes de type (LOINC…).")] = None,
    since: Annotated[str, Parameter(help="Actes depuis cette date AAAAMMJJ.")] = "",
    archived: Annotated[bool, Parameter(help="Les documents archivés au lieu des actifs.")] = False,
    access: Access = _BY_DEFAULT,
) -> None:
    """Liste les documents d'un patient visibles pour le professionnel."""
    from functools import partial

    from socle.client import Criteria
    from socle.standards.errors import SocleError
    from socle.standards.xds.model import Status

    criteria = Criteria(
        statuses=(Status.ARCHIVED if archived else Status.APPROVED,),
        type_codes=tuple(_code(text) for text in type or ()),
        service_start_from=since,
    )

    patients = _patients(ins)

    async def run() -> list[DocumentEntry]:
        async with await _connect(access) as dmp:
            unknown: SocleError | None = None
            for patient in patients:
                try:
                    return await _with_consent(partial(dmp.find, patient, criteria), patient, access)
                except SocleError as error:
                    if error.code != "XDSUnknownPatientId":
                        raise
                    unknown = unknown or error
            assert unknown is not None
            raise unknown

    entries = _run(run())
    if access.json:
        _print_json(entries)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("Date", "Type", "Titre", "uniqueId", "Version")
    for entry in entries:
        label = entry.type_code.label or entry.type_code.code
        table.add_row(entry.creation_time[:8], label, entry.title, entry.unique_id, str(entry.version))
    Console().print(table)


def get(
    unique_id: str,
    *,
    output: Annotated[Path | None, Parameter(alias="-o", help="Fichier à écrire (sinon la sortie standard).")] = None,
    ins: InsOption = "",
    access: Access = _BY_DEFAULT,
) -> None:
    """Récupère un document, identique à l'octet près."""
    import hashlib

    content = _act(lambda dmp, patient: dmp.get(unique_id, patient), ins, access)
    if output is not None:
        output.write_bytes(content)
    elif not access.json:
        sys.stdout.buffer.write(content)
        return
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    written = {"unique_id": unique_id, "file": str(output or ""), "size": len(content), "hash": digest}
    if access.json:
        _print_json(written)


def replace(
    unique_id: str,
    file: Path,
    *,
    ins: InsOption = "",
    access: Access = _BY_DEFAULT,
) -> None:
    """Remplace le document UNIQUE_ID par FILE."""
    content = file.read_bytes()
    sent = _act(lambda dmp, _patient: dmp.replace(unique_id, content), ins, access)
    result = _accepted(file, sent)
    if access.json:
        _print_json({**result, "replaces": unique_id})
    else:
        _print_result(result)


def mask(
    unique_id: str,
    *,
    undo: Annotated[bool, Parameter(help="Démasquer.")] = False,
    ins: InsOption = "",
    access: Access = _BY_DEFAULT,
) -> None:
    """Masque un document aux professionnels (ou le démasque)."""
    _act(
        lambda dmp, patient: dmp.unmask(unique_id, patient) if undo else dmp.mask(unique_id, patient),
        ins,
        access,
    )
    _print_done(unique_id, "unmasked" if undo else "masked", "démasqué" if undo else "masqué", access.json)


def delete(
    unique_id: str,
    *,
    ins: InsOption = "",
    access: Access = _BY_DEFAULT,
) -> None:
    """Supprime un document : son auteur seul le peut, et c'est définitif."""
    _act(lambda dmp, patient: dmp.delete(unique_id, patient), ins, access)
    _print_done(unique_id, "deleted", "supprimé", access.json)


# --- connection ---------------------------------------------------------------------------------------------------


async def _connect(access: Access) -> AsyncDmp:
    from socle.client import Configuration, DoorName, connect, connect_sandbox
    from socle.client.connection import DEFAULT_RPPS

    if access.config is not None:
        return connect(Configuration.load(access.config))
    # Names of one who is in no directory; the directory's own prevail.
    return await connect_sandbox(
        access.url, rpps=access.rpps or DEFAULT_RPPS, door=DoorName(access.door), family="PROFESSIONNEL", given="Test"
    )


def _admit_to(access: Access) -> Callable[[bytes], Awaitable[None]]:
    """Admits the patient of a document, who agrees that the professional reads the record."""
    import asyncio

    from socle.standards.errors import Forbidden, Text

    if access.config is not None:
        raise Forbidden(
            "SandboxOnly", Text("--admit n'existe que dans un bac à sable.", "--admit exists in a sandbox alone.")
        )
    agreed: set[Ins] = set()
    turn = asyncio.Lock()

    async def admit(document: bytes) -> None:
        import httpx

        from socle.client import Sandbox
        from socle.standards.cda.header import read_header

        patient = read_header(document).patient.ins
        # One at a time, and each patient once: rights that change under a submission make it start again.
        async with turn:
            if patient in agreed:
                return
            async with httpx.AsyncClient(timeout=60) as http:
                await Sandbox(access.url, http).admit(document)
            if patient is not None:
                agreed.add(patient)
                await _consent(patient, access)

    return admit


async def _consent(patient: Ins, access: Access) -> None:
    """The patient agrees (TD0.3)."""
    from socle.client import XdsDoor

    async with await _connect(with_values(access, door="xds")) as dmp:
        assert isinstance(dmp.door, XdsDoor)
        await dmp.door.authorize(patient)


def _act(
    action: Callable[[AsyncDmp, Ins | None], Awaitable[T]],
    ins: str,
    access: Access,
) -> T:
    """Runs one action on one document, and again with the patient's consent when it was that which lacked."""

    async def run() -> T:
        patient = _patients(ins)[0] if ins else None
        async with await _connect(access) as dmp:
            return await _with_consent(lambda: action(dmp, patient), patient, access)

    return _run(run())


async def _with_consent(action: Callable[[], Awaitable[T]], patient: Ins | None, access: Access) -> T:
    from socle.standards.errors import SocleError

    try:
        return await action()
    except SocleError as error:
        if error.code not in _CONSENT or patient is None or access.config is not None:
            raise
    await _consent(patient, access)
    return await action()


def _run(call: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(call)


def _patients(text: str) -> list[Ins]:
    """The INS that ``text`` may write. A bare matricule is looked for under each authority, test ones first."""
    from socle.standards.ids.ins import OID_NIA, OID_NIR, OID_NIR_DEMO, OID_NIR_TEST, Ins

    if "^" in text:
        return [Ins.from_cx(text)]
    return [Ins.from_cx(f"{text}^^^&{oid}&ISO^NH") for oid in (OID_NIR_TEST, OID_NIR, OID_NIA, OID_NIR_DEMO)]


def _code(text: str) -> Any:
    from socle.standards.xds.query import read_code

    return read_code(text)


# --- what is printed ----------------------------------------------------------------------------------------------


def _expand(files: tuple[Path, ...]) -> list[Path]:
    """The files, and those of the folders, in order."""
    from socle.standards.errors import NotFound, Text

    listed: list[Path] = []
    for file in files:
        listed += sorted(item for item in file.rglob("*") if item.suffix.lower() == ".xml") if file.is_dir() else [file]
    if not listed:
        raise NotFound("NoDocument", Text("Aucun document à déposer.", "No document to send."))
    return listed


def _result(file: Path, *, status: str = "refused", **values: Any) -> dict[str, Any]:
    empty = {"unique_id": "", "entry_uuid": "", "submission_set_id": "", "patient": "", "errors": []}
    return {"file": str(file), "status": status, **empty, **values}


def _accepted(file: Path, sent: Sent) -> dict[str, Any]:
    result = _result(
        file,
        status="accepted",
        unique_id=sent.unique_id,
        entry_uuid=sent.entry_uuid,
        submission_set_id=sent.submission_set_id,
        patient=sent.patient,
    )
    return result | ({"warnings": sent.warnings} if sent.warnings else {})


def _print_json(value: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _print_result(result: dict[str, Any]) -> None:
    if result["status"] == "accepted":
        print(f"déposé   {result['file']}  {result['unique_id']}")
        for warning in result.get("warnings", ()):
            print(f"         attention : {warning}")
        return
    print(f"refusé   {result['file']}")
    for error in result["errors"]:
        print(f"         {error['code']} {error['location']} : {error['reason']}")


def _print_done(unique_id: str, status: str, word: str, json: bool) -> None:
    if json:
        _print_json({"unique_id": unique_id, "status": status})
    else:
        print(f"{word} {unique_id}")
