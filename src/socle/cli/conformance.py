"""`socle conformance`: the official kit, dropped in as it was downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

if TYPE_CHECKING:
    from socle.services.conformance.domain import KitReport

app = App(name="conformance", help="Le kit officiel de vérification : installation, état.")


@app.command
def install(kit: Path, /, *, json: bool = False) -> int:
    """Compile le kit (dossier ou ZIP) et le met en service ; dit ce qui y est cassé ou manque."""
    from rich.console import Console

    from socle.platform.settings import Settings
    from socle.services.conformance.kit import install_kit

    console = Console(stderr=True, quiet=json)
    with console.status("Compilation du kit…") as status:
        report = install_kit(
            kit,
            Settings.from_environment().data_path / "conformance",
            lambda step: status.update(f"Compilation : {step}"),
        )
    _show(report, as_json=json)
    return 0


@app.command
def status(*, json: bool = False) -> int:
    """Dit quel kit est en service, et ses défauts. Code 1 : aucun."""
    from socle.platform.settings import Settings
    from socle.services.conformance.kit import installed_kit

    kit = installed_kit(Settings.from_environment().data_path / "conformance")
    if kit is None:
        print("null" if json else "Aucun kit officiel : les règles du projet s'appliquent.")
        return 1
    _show(kit.report, as_json=json)
    return 0


def _show(report: KitReport, *, as_json: bool) -> None:
    import msgspec

    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        return
    print(
        f"Kit {report.digest[:12]}, installé le {report.installed_at} : {len(report.layers)} couches, "
        f"{len(report.documents)} volets, {report.rules} règles, {report.checks} vérifications compilées, "
        f"{report.value_sets} ensembles de valeurs."
    )
    for title, lines in (
        ("défauts du kit", [f"{one.code} {one.where} : {one.reason.fr}" for one in report.defects]),
        ("règles non compilées", [f"{one.layer} {one.rule} : {one.reason.fr}" for one in report.uncovered]),
    ):
        print(f"{len(lines)} {title}" + (" :" if lines else "."))
        for line in lines:
            print(f"  {line}")
