"""`socle directory`: imports, exports and searches the directory; keys of its FHIR API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from socle.cli.answers import answer
from socle.cli.offline import Data, work_offline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from socle.services.directory.service import DirectoryService

    T = TypeVar("T")

app = App(name="directory", help="L'annuaire : import, export, recherche, clés de l'API FHIR.")
key = App(name="key", help="Clés de l'API FHIR (en-tête ESANTE-API-KEY).")
app.command(key)

Json = Annotated[bool, Parameter(help="Écrire le résultat en JSON.")]


@app.command(name="import")
def import_file(
    file: Path,
    *,
    mailboxes: Annotated[bool, Parameter(help="Le fichier est celui des boîtes MSSanté.")] = False,
    full: Annotated[bool, Parameter(help="Qui n'est pas dans le fichier devient inactif.")] = True,
    data: Data = None,
    json: Json = False,
) -> None:
    """Charge une extraction publique (Personne_activite, ou Correspondance_MSSante), en une transaction."""
    import msgspec
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=json) as bar:
        task = bar.add_task("Lecture", total=file.stat().st_size)

        async def load(directory: DirectoryService) -> object:
            if mailboxes:
                return await directory.import_mailboxes(file)
            return await directory.import_people(
                file, is_full=full, progress=lambda done: bar.update(task, completed=done)
            )

        done = msgspec.to_builtins(_run(data, load))
    if json:
        print(msgspec.json.encode(done).decode())
    else:
        print(", ".join(f"{value} {name}" for name, value in done.items() if isinstance(value, int)))


@app.command
def export(file: Path, *, data: Data = None, json: Json = False) -> None:
    """Écrit le fichier Personne_activite de tous les professionnels actifs."""
    lines = _run(data, lambda directory: directory.export_people(file))
    answer({"file": str(file), "lines": lines}, f"{lines} lignes écrites dans {file}.", json=json)


@app.command
def search(
    name: str = "",
    /,
    *,
    profession: Annotated[str, Parameter(help="Code TRE_G15, par exemple 10.")] = "",
    skill: Annotated[str, Parameter(help="Savoir-faire, par exemple SM54.")] = "",
    place: Annotated[str, Parameter(help="Département, code postal ou commune.")] = "",
    count: int = 20,
    data: Data = None,
    json: Json = False,
) -> int:
    """Cherche des professionnels, malgré accents, ordre des mots et fautes de frappe."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    found = _run(
        data,
        lambda directory: directory.search(name, profession=profession, skill=skill, place=place, count=count),
    )
    if json:
        print(msgspec.json.encode(found).decode())
    else:
        table = Table("RPPS", "nom", "profession", "structure", "lieu", "messagerie")
        for line in found:
            place_text = f"{line.postal_code} {line.city}".strip()
            table.add_row(
                line.rpps, line.name, line.profession, line.structure_name, place_text, " ".join(line.mailboxes)
            )
        Console().print(table)
    return 0 if found else 1


@key.command
def add(name: str, *, data: Data = None, json: Json = False) -> None:
    """Crée une clé pour une application et la montre, une seule fois."""
    key = _run(data, lambda directory: directory.add_key(name))
    answer({"name": name, "key": key}, key, json=json)


@key.command(name="list")
def list_keys(*, data: Data = None, json: Json = False) -> None:
    """Liste les applications qui ont une clé."""
    import msgspec

    names = _run(data, lambda directory: directory.list_keys())
    print(msgspec.json.encode(names).decode() if json else "\n".join(names) or "Aucune clé.")


@key.command
def remove(name: str, *, data: Data = None, json: Json = False) -> int:
    """Retire la clé d'une application, en trente secondes."""
    is_known = _run(data, lambda directory: directory.remove_key(name))
    status, told = ("removed", f"Clé de {name} retirée.") if is_known else ("unknown", f"{name} n'a pas de clé.")
    answer({"name": name, "status": status}, told, json=json)
    return 0 if is_known else 1


def _run(data: str | None, use: Callable[[DirectoryService], Awaitable[T]]) -> T:
    return work_offline(data, lambda services: use(services.directory))
