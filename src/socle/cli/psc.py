"""`socle psc`: clients and keys of the base's own Pro Santé Connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from socle.cli.answers import answer
from socle.cli.offline import Data, work_offline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from socle.services.identity.service import IdentityService

    T = TypeVar("T")

app = App(name="psc", help="Pro Santé Connect de la base : logiciels clients, clés, jetons d'essai.")
client = App(name="client", help="Registre des logiciels clients.")
keys = App(name="keys", help="Clés de signature.")
app.command(client)
app.command(keys)

Json = Annotated[bool, Parameter(help="Écrire le résultat en JSON.")]
Realm = Annotated[str, Parameter(help="psc ou franceconnect.")]
_GRANTS = {
    "code": "authorization_code",
    "refresh": "refresh_token",
    "ciba": "urn:openid:params:grant-type:ciba",
    "exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
}


@client.command
def add(
    client_id: str,
    *,
    name: Annotated[str, Parameter(help="Nom montré aux personnes.")],
    redirect_uri: Annotated[list[str] | None, Parameter(help="Adresse de retour exacte ; peut se répéter.")] = None,
    logout_uri: Annotated[list[str] | None, Parameter(help="Adresse de retour après déconnexion.")] = None,
    backchannel_logout_uri: Annotated[str, Parameter(help="Adresse prévenue des fins de session.")] = "",
    tls_subject: Annotated[str, Parameter(help="Sujet RFC 4514 du certificat : authentification par TLS.")] = "",
    jwks: Annotated[str, Parameter(help="Fichier de clés publiques (JWK Set) : private_key_jwt.")] = "",
    grant: Annotated[list[str] | None, Parameter(help="code, refresh, ciba, exchange ; peut se répéter.")] = None,
    exchange_scope: Annotated[
        list[str] | None,
        Parameter(help="Portée d'échange, par exemple dmp.read."),
    ] = None,
    es256: Annotated[bool, Parameter(help="Signer l'id_token en ES256 au lieu de RS256.")] = False,
    pkce: Annotated[bool, Parameter(help="Exiger PKCE.")] = True,
    realm: Realm = "psc",
    data: Data = None,
    json: Json = False,
) -> None:
    """Enregistre un logiciel (ou remplace son enregistrement) et montre son secret, une seule fois."""
    from pathlib import Path

    import msgspec

    from socle.services.identity.domain import Client, ClientAuthentication, new_secret, sha256
    from socle.standards.errors import InvalidContent, Text

    unknown = [item for item in grant or () if item not in _GRANTS]
    if unknown:
        raise InvalidContent(
            "UnknownGrant", Text("grant vaut code, refresh, ciba ou exchange.", "grant: code, refresh, ciba, exchange.")
        )
    secret = "" if tls_subject or jwks else new_secret()
    authentication = ClientAuthentication.BASIC
    if jwks:
        authentication = ClientAuthentication.PRIVATE_KEY
    elif tls_subject:
        authentication = ClientAuthentication.TLS
    registered = Client(
        realm=realm,
        client_id=client_id,
        name=name,
        authentication=authentication,
        secret_sha256=sha256(secret) if secret else b"",
        tls_subject=tls_subject,
        jwks=msgspec.json.decode(Path(jwks).read_bytes()) if jwks else {},
        redirect_uris=tuple(redirect_uri or ()),
        logout_redirect_uris=tuple(logout_uri or ()),
        backchannel_logout_uri=backchannel_logout_uri,
        id_token_alg="ES256" if es256 else "RS256",
        requires_pkce=pkce,
        grants=tuple(_GRANTS[item] for item in grant or ("code", "refresh")),
        exchange_scopes=tuple(exchange_scope or ()),
    )
    _run(data, lambda identity: identity.provider(realm).clients.add(registered))
    result = {"client_id": client_id, "client_secret": secret, "authentication": authentication.value}
    if json:
        print(msgspec.json.encode(result).decode())
    else:
        print("\n".join(f"{key} : {value}" for key, value in result.items() if value))


@client.command(name="list")
def list_clients(*, realm: Realm = "psc", data: Data = None, json: Json = False) -> None:
    """Liste les logiciels enregistrés, sans leurs secrets."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    found = _run(data, lambda identity: identity.provider(realm).clients.list())
    rows = [
        {
            "client_id": item.client_id,
            "name": item.name,
            "authentication": item.authentication.value,
            "redirect_uris": item.redirect_uris,
            "grants": [short for short, grant in _GRANTS.items() if grant in item.grants],
        }
        for item in found
    ]
    if json:
        print(msgspec.json.encode(rows).decode())
        return
    table = Table("client_id", "nom", "authentification", "retours", "grants")
    for row in rows:
        values = (" ".join(value) if isinstance(value, list | tuple) else str(value) for value in row.values())
        table.add_row(*values)
    Console().print(table)


@client.command
def remove(client_id: str, *, realm: Realm = "psc", data: Data = None, json: Json = False) -> None:
    """Retire un logiciel et met fin à tout ce qui lui était accordé."""
    _run(data, lambda identity: identity.provider(realm).clients.remove(client_id))
    answer({"client_id": client_id, "status": "removed"}, f"{client_id} retiré.", json=json)


@keys.command
def rotate(
    *,
    algorithm: Annotated[str, Parameter(help="RS256 ou ES256.")] = "RS256",
    at_once: Annotated[bool, Parameter(help="La nouvelle clé signe aussitôt, l'ancienne est retirée.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Crée une clé : publiée aussitôt, elle signe cinq minutes plus tard ; l'ancienne vérifie encore cinq heures."""
    kid = _run(data, lambda identity: identity.keys.rotate(algorithm, at_once=at_once))
    answer({"kid": kid, "algorithm": algorithm}, f"Nouvelle clé {algorithm} : {kid}", json=json)


@app.command
def token(rpps: str, *, data: Data = None, json: Json = False) -> None:
    """Bac à sable : donne un jeton d'accès (deux minutes) pour un professionnel de l'annuaire."""
    import msgspec

    tokens = _run(data, lambda identity: identity.sandbox_token(rpps))
    print(msgspec.json.encode(tokens).decode() if json else tokens.access_token)


def _run(data: str | None, use: Callable[[IdentityService], Awaitable[T]]) -> T:
    return work_offline(data, lambda services: use(services.identity))
