"""`socle sandbox switches`: makes the sandbox fail on purpose, and sets its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from socle.sandbox.switches import Change

app = App(name="switches", help="Pannes voulues (INSi, Pro Santé Connect, cartes, certificats) et horloge.")

Url = Annotated[str, Parameter(help="Adresse de la base qui tourne.")]
Json = Annotated[bool, Parameter(help="Écrire le résultat en JSON.")]
_URL = "http://127.0.0.1:8000"


@app.command
def show(*, url: Url = _URL, json: Json = False) -> None:
    """Montre ce qui est commuté et l'heure du bac à sable."""
    _send("GET", url, None, as_json=json)


@app.command
def change(
    *,
    insi: Annotated[str | None, Parameter(help="normal, slow, down ou refuse.")] = None,
    psc: Annotated[str | None, Parameter(help="normal, slow, down ou refuse.")] = None,
    delay_ms: Annotated[int | None, Parameter(help="Délai d'un service lent, en millisecondes.")] = None,
    wrong_traits: Annotated[bool | None, Parameter(help="INSi répond des traits faux.")] = None,
    expired_card: Annotated[list[str] | None, Parameter(help="PS_IdNat dont la carte a expiré ; * : toutes.")] = None,
    revoked_certificate: Annotated[list[str] | None, Parameter(help="Série (hexadécimal) ; * : tous.")] = None,
    clock: Annotated[str | None, Parameter(help="2026-12-24T10:00:00Z ; vide : l'heure réelle.")] = None,
    url: Url = _URL,
    json: Json = False,
) -> None:
    """Commute ce qui est nommé ; le reste ne change pas."""
    import msgspec

    from socle.platform.switches import Health
    from socle.sandbox.switches import Change
    from socle.standards.errors import InvalidContent, Text

    try:
        wanted = Change(
            insi=Health(insi) if insi is not None else None,
            psc=Health(psc) if psc is not None else None,
            delay_ms=delay_ms,
            wrong_traits=wrong_traits,
            expired_cards=tuple(expired_card) if expired_card is not None else None,
            revoked_certificates=tuple(revoked_certificate) if revoked_certificate is not None else None,
            clock=clock,
        )
    except ValueError as error:
        raise InvalidContent(
            "InvalidSwitch", Text("Un état vaut normal, slow, down ou refuse.", "A state: normal, slow, down, refuse.")
        ) from error
    _send("PATCH", url, msgspec.structs.replace(wanted), as_json=json)


@app.command
def reset(*, url: Url = _URL, json: Json = False) -> None:
    """Remet tout en marche, à l'heure réelle."""
    _send("DELETE", url, None, as_json=json)


def _send(method: str, url: str, change: Change | None, *, as_json: bool) -> None:
    import httpx
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from socle.standards.errors import Forbidden, Text, Unavailable

    content = msgspec.json.encode(change) if change is not None else None
    try:
        answer = httpx.request(method, f"{url}/sandbox/switches", content=content, timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        raise Unavailable(
            "BaseUnreachable", Text(f"Aucune base ne répond à {url}.", f"No base answers at {url}.")
        ) from error
    if answer.status_code != 200:
        raise Forbidden("SwitchRefused", Text(f"La base a refusé : {answer.text}", f"The base refused: {answer.text}"))
    if as_json:
        print(answer.text)
        return
    table = Table("commutateur", "état")
    for name, value in answer.json().items():
        table.add_row(name, " ".join(map(str, value)) if isinstance(value, list) else str(value))
    Console().print(table)
