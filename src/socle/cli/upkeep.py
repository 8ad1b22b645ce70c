"""Upkeep of a base: `socle verify`, `socle audit`, `socle keys`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

Data = Annotated[str | None, Parameter(help="Dossier des données (par défaut .socle).")]
Json = Annotated[bool, Parameter(name="--json", help="Répondre en JSON.")]

audit = App(name="audit", help="Les traces : les vérifier, en signer les têtes.")
keys = App(name="keys", help="Les clés maîtresses.")


def verify(*, data: Data = None, sweep: bool = False, json: Json = False) -> None:
    """Relit et recalcule chaque objet et chaque chaîne de traces ; sort avec 1 si quelque chose manque ou diffère."""
    from socle.platform.settings import Settings
    from socle.server.offline import open_services
    from socle.server.verification import Report, verify_base

    async def run() -> Report:
        async with open_services(Settings.from_environment(data=data)) as services:
            return await verify_base(services, sweep=sweep, progress=_progress())

    report = asyncio.run(run())
    _print(
        report,
        f"{report.documents} documents relus, {report.orphans} objets orphelins"
        f"{' (retirés)' if sweep else ''}, {report.chains} chaînes de traces. "
        + ("Tout est intact." if report.is_clean else f"{len(report.faults)} défauts."),
        json,
    )
    for fault in report.faults if not json else ():
        print(f"  {fault}")
    sys.exit(0 if report.is_clean else 1)


@audit.command(name="verify")
def verify_audit(file: Path | None = None, *, data: Data = None, key: str = "", json: Json = False) -> None:
    """Vérifie les traces de la base, ou hors ligne celles d'un export (FILE) contre la clé publique --key."""
    import msgspec

    from socle.platform.audit import ChainExport, check_export

    if file is not None:
        faults = check_export(msgspec.json.decode(file.read_bytes(), type=ChainExport), key)
    else:
        faults = asyncio.run(_chain_faults(data))
    _print({"faults": faults}, "Les traces sont intactes." if not faults else "\n".join(faults), json)
    sys.exit(1 if faults else 0)


@audit.command(name="sign")
def sign_heads(*, data: Data = None, json: Json = False) -> None:
    """Signe dès maintenant la tête des chaînes qui ont grandi (le service le fait chaque jour)."""
    from socle.platform.settings import Settings
    from socle.server.offline import open_services

    async def run() -> int:
        async with open_services(Settings.from_environment(data=data)) as services:
            return await services.base.audit.sign_heads()

    signed = asyncio.run(run())
    _print({"signed": signed}, f"{signed} têtes signées.", json)


@keys.command(name="rotate")
def rotate_keys(*, data: Data = None, json: Json = False) -> None:
    """Ajoute une clé maîtresse et réemballe avec elle toutes les clés des patients. Redémarrez ensuite le service."""
    from socle.platform.keys import KeyRings, MasterKeys
    from socle.platform.settings import Settings
    from socle.server.offline import open_services

    settings = Settings.from_environment(data=data)

    async def run() -> tuple[str, int]:
        async with open_services(settings) as services:
            masters = MasterKeys.rotate(settings.master_keys_path)
            return masters.active.id, await KeyRings(services.base.database, masters).rewrap()

    active, wrapped = asyncio.run(run())
    _print({"active": active, "rewrapped": wrapped}, f"Clé active : {active} ; {wrapped} clés réemballées.", json)


async def _chain_faults(data: str | None) -> list[str]:
    from socle.platform.settings import Settings
    from socle.server.offline import open_services

    async with open_services(Settings.from_environment(data=data)) as services:
        return [f"{chain}: {fault}" for chain, fault in (await services.base.audit.verify_all()).faults.items()]


def _progress() -> bool:
    return sys.stderr.isatty()


def _print(value: object, sentence: str, as_json: bool) -> None:
    import msgspec

    print(msgspec.json.encode(value).decode() if as_json else sentence)
