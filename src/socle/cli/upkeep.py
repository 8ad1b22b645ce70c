"""Upkeep of a base: `socle verify`, `socle audit`, `socle keys`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from socle.cli.answers import answer
from socle.cli.offline import Data, work_offline

if TYPE_CHECKING:
    from socle.app import Services

Json = Annotated[bool, Parameter(name="--json", help="Répondre en JSON.")]

audit = App(name="audit", help="Les traces : les vérifier, en signer les têtes.")
keys = App(name="keys", help="Les clés maîtresses.")


def verify(*, data: Data = None, sweep: bool = False, json: Json = False) -> None:
    """Relit et recalcule chaque objet et chaque chaîne de traces ; sort avec 1 si quelque chose manque ou diffère."""
    from socle.server.verification import verify_base

    report = work_offline(data, lambda services: verify_base(services, sweep=sweep, progress=_progress()))
    answer(
        report,
        f"{report.documents} documents relus, {report.orphans} objets orphelins"
        f"{' (retirés)' if sweep else ''}, {report.chains} chaînes de traces. "
        + ("Tout est intact." if report.is_clean else f"{len(report.faults)} défauts."),
        json=json,
    )
    for fault in report.faults if not json else ():
        print(f"  {fault}")
    sys.exit(0 if report.is_clean else 1)


@audit.command(name="verify")
def verify_audit(file: Path | None = None, *, data: Data = None, key: str = "", json: Json = False) -> None:
    """Vérifie les traces de la base, ou hors ligne celles d'un export (FILE, archive ou traces.json).

    --key est la clé publique de la base, obtenue ailleurs que dans le fichier (/audit/key) : sans elle, la vérification
    prouve que le fichier n'a pas changé depuis sa signature, pas qui l'a signé.
    """
    from socle.platform.audit_proof import check_export, read_export

    if file is not None:
        check = check_export(read_export(_export_in(file)), key)
        said = (
            f"{check.traces} traces, dont {check.hidden} que ce lecteur ne peut pas lire ; "
            f"{check.vouched} garanties par la signature du {check.day or '(aucune)'}."
        )
        if check.forgotten_on is not None:
            said += (
                f" Les traces d'avant la signature du {check.forgotten_on} ont été oubliées (durée de conservation)."
            )
        answer(check, "\n".join([said, *(check.faults or ["Les traces sont intactes."])]), json=json)
        sys.exit(1 if check.faults or not check.vouched else 0)
    faults = work_offline(data, _chain_faults)
    answer({"faults": faults}, "Les traces sont intactes." if not faults else "\n".join(faults), json=json)
    sys.exit(1 if faults else 0)


def _export_in(file: Path) -> bytes:
    """The export itself, or the one in the archive that a citizen takes away. Raises ``MalformedInput``."""
    import zipfile

    from socle.standards.errors import MalformedInput, Text

    try:
        if not zipfile.is_zipfile(file):
            return file.read_bytes()
        with zipfile.ZipFile(file) as archive:
            return archive.read("traces.json")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise MalformedInput(
            "InvalidAuditExport",
            Text("Ce fichier ne contient pas de traces.json.", "There is no traces.json in this file."),
            location=str(file),
        ) from error


@audit.command(name="key")
def show_key(*, data: Data = None, json: Json = False) -> None:
    """Dit la clé publique qui vérifie les exports ; publiez-la là où les citoyens la trouvent."""
    from socle.platform.audit import load_signing_key
    from socle.platform.settings import Settings

    settings = Settings.from_environment(data=data)
    public = load_signing_key(settings.data_path / "keys" / "audit.pem").public_key().public_bytes_raw().hex()
    answer({"key": public}, public, json=json)


@audit.command(name="export")
def export_audit(
    since: str, until: str = "", *, output: Path | None = None, operator: str = "cli", data: Data = None
) -> None:
    """Écrit les traces de SINCE à UNTIL (AAAA-MM-JJ, UTC) en AuditEvents FHIR, une par ligne. L'export est tracé."""
    from socle.services.audit.export import export_events, read_days

    span = read_days(since, until)

    async def export(services: Services) -> int:
        with output.open("wb") if output else nullcontext(sys.stdout.buffer) as target:
            return await export_events(services.base, services.dmp, operator, span, target.write)

    count = work_offline(data, export)
    print(f"{count} traces.", file=sys.stderr)


@audit.command(name="forget")
def forget_traces(*, data: Data = None, json: Json = False) -> None:
    """Oublie dès maintenant les traces plus vieilles que SOCLE_AUDIT_YEARS (le service le fait chaque jour)."""
    forgotten = work_offline(data, lambda services: services.base.audit.forget())
    answer({"forgotten": forgotten}, f"{forgotten} traces oubliées.", json=json)


@audit.command(name="sign")
def sign_heads(*, data: Data = None, json: Json = False) -> None:
    """Signe dès maintenant la tête des chaînes qui ont grandi (le service le fait chaque jour)."""
    signed = work_offline(data, lambda services: services.base.audit.sign_heads())
    answer({"signed": signed}, f"{signed} têtes signées.", json=json)


@keys.command(name="rotate")
def rotate_keys(*, data: Data = None, json: Json = False) -> None:
    """Ajoute une clé maîtresse et réemballe avec elle toutes les clés des patients. Redémarrez ensuite le service."""
    from socle.platform.keys import KeyRings, MasterKeys

    async def rotate(services: Services) -> tuple[str, int]:
        masters = MasterKeys.rotate(services.base.settings.master_keys_path)
        return masters.active.id, await KeyRings(services.base.database, masters).rewrap()

    active, wrapped = work_offline(data, rotate)
    answer({"active": active, "rewrapped": wrapped}, f"Clé active : {active} ; {wrapped} clés réemballées.", json=json)


async def _chain_faults(services: Services) -> list[str]:
    return [f"{chain}: {fault}" for chain, fault in (await services.base.audit.verify_all()).faults.items()]


def _progress() -> bool:
    return sys.stderr.isatty()
