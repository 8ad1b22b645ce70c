"""The matrice d'habilitation: `socle matrix check|diff|show`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

Json = Annotated[bool, Parameter(name="--json", help="Répondre en JSON.")]

app = App(name="matrix", help="La matrice d'habilitation : la vérifier, la comparer, la lire.")


@app.command
def check(file: Path, *, json: Json = False) -> None:
    """Vérifie une matrice avant de la mettre en service (SOCLE_DMP_MATRIX, au démarrage). Sort avec 1 si elle manque
    de types ou de professions que la matrice du projet connaît : ils seraient refusés à tous.
    """
    from socle.services.dmp.matrice import default_matrix, load_matrix, missing_in

    matrix = load_matrix(str(file))
    missing = missing_in(matrix, default_matrix())
    value = {"version": matrix.version, "source": matrix.source, "missing": missing}
    said = [f"Version {matrix.version or '(non dite)'} : {len(matrix.labels)} professions, {len(matrix.types)} types."]
    said += [f"  manque : {one}" for one in missing]
    _print(value, said or ["La matrice est complète."], json)
    sys.exit(1 if missing else 0)


@app.command
def diff(file: Path, other: Path | None = None, *, json: Json = False) -> None:
    """Ce que FILE change à OTHER (par défaut la matrice du projet) : profession, type, avant, après."""
    from socle.services.dmp.matrice import compare, load_matrix

    changes = compare(load_matrix(str(other) if other else ""), load_matrix(str(file)))
    lines = [
        f"{one.label} ({one.column}) — {one.type_label or one.type_key} : {one.before or 'N'} → {one.after or 'N'}"
        for one in changes
    ]
    _print(changes, [*lines, f"{len(changes)} changements."], json)


@app.command
def show(profession: str = "", *, file: Path | None = None, json: Json = False) -> None:
    """Ce que lit et dépose PROFESSION (« G15/10 » ou « médecin ») ; sans elle, toutes les professions."""
    from socle.services.dmp.matrice import load_matrix
    from socle.standards.errors import NotFound, Text

    matrix = load_matrix(str(file) if file else "")
    wanted = profession.casefold()
    columns = [
        key for key, label in matrix.labels.items() if wanted in {"", key.casefold()} or wanted in label.casefold()
    ]
    if not columns:
        raise NotFound(
            "UnknownProfession",
            Text(f"La matrice ne connaît pas « {profession} ».", f"The matrix does not know “{profession}”."),
        )
    value = {
        key: {
            "label": matrix.labels[key],
            "reads": sorted(matrix.readable[key]),
            "deposits": sorted(matrix.writable[key]),
        }
        for key in columns
    }
    lines = [
        f"{key} {matrix.labels[key]} : lit {len(matrix.readable[key])} types, dépose {len(matrix.writable[key])}"
        for key in columns
    ]
    if len(columns) == 1:
        (key,) = columns
        lines += [f"  {matrix.rights(key, kind):2} {matrix.types[kind]} ({kind})" for kind in matrix.types]
    _print(value, lines, json)


def _print(value: object, lines: list[str], as_json: bool) -> None:
    import msgspec

    print(msgspec.json.encode(value).decode() if as_json else "\n".join(lines))
