"""`socle sandbox`: everything fictitious."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

from socle.cli.offline import Data, work_offline

if TYPE_CHECKING:
    from socle.app import Services
    from socle.sandbox.populate import Populated

app = App(name="sandbox", help="Le bac à sable : population fictive, certificats de test, pannes voulues.")

app.command("socle.cli.sandbox_switches:app", name="switches")
app.command("socle.cli.sandbox_pki:app", name="pki")


@app.command
def populate(
    *,
    patients: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=5_000_000))] = 1000,
    seed: int = 1,
    data: Data = None,
    json: Annotated[bool, Parameter(help="Écrire le résultat en JSON.")] = False,
) -> None:
    """Crée une population fictive : patients, professionnels, structures. Même graine, mêmes personnes."""
    import msgspec
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from socle.sandbox.populate import populate as fill

    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), disable=json)
    steps = {
        "invent": bar.add_task("Invention des personnes", total=patients),
        "load": bar.add_task("Enregistrement", total=patients),
        "open": bar.add_task("Ouverture des DMP", total=patients),
    }

    async def run(services: Services) -> Populated:
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
        populated = work_offline(data, run)
    if json:
        print(msgspec.json.encode(populated).decode())
    else:
        print(
            f"{populated.patients} patients (dont {populated.new_patients} nouveaux), "
            f"{populated.professionals} professionnels, {populated.situations} situations d'exercice, "
            f"{populated.structures} structures, {populated.mailboxes} boîtes, en {populated.seconds} s."
        )
