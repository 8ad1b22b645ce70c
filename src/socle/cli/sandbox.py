"""`socle sandbox`: everything fictitious."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter, validators

app = App(name="sandbox", help="Le bac à sable : population fictive, certificats de test, pannes voulues.")

app.command("socle.cli.sandbox_switches:app", name="switches")
app.command("socle.cli.sandbox_pki:app", name="pki")


@app.command
def populate(
    *,
    patients: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=5_000_000))] = 1000,
    seed: int = 1,
    data: Annotated[str | None, Parameter(help="Dossier des données (par défaut .socle).")] = None,
    json: Annotated[bool, Parameter(help="Écrire le résultat en JSON.")] = False,
) -> None:
    """Crée une population fictive : patients, professionnels, structures. Même graine, mêmes personnes."""
    import asyncio

    import msgspec
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from socle.platform.settings import Settings
    from socle.sandbox.populate import Populated
    from socle.sandbox.populate import populate as fill
    from socle.server.offline import open_services

    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), disable=json)
    steps = {
        "invent": bar.add_task("Invention des personnes", total=patients),
        "load": bar.add_task("Enregistrement", total=patients),
        "open": bar.add_task("Ouverture des DMP", total=patients),
    }

    async def run() -> Populated:
        async with open_services(Settings.from_environment(data=data)) as services:
            return await fill(
                services.base,
                services.ins,
                services.directory,
                services.identity,
                services.dmp,
                patients=patients,
                seed=seed,
                progress=lambda step, done, total: bar.update(steps[step], completed=done, total=total),
            )

    with bar:
        populated = asyncio.run(run())
    if json:
        print(msgspec.json.encode(populated).decode())
    else:
        print(
            f"{populated.patients} patients (dont {populated.new_patients} nouveaux), "
            f"{populated.professionals} professionnels, {populated.situations} situations d'exercice, "
            f"{populated.structures} structures, {populated.mailboxes} boîtes, en {populated.seconds} s."
        )
