"""`socle account`: local accounts of operators, and the letters that open or give back a citizen's space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from socle.cli.answers import answer
from socle.cli.offline import Data, work_offline

if TYPE_CHECKING:
    from typing import TypeVar

    from socle.app import Services

    T = TypeVar("T")

app = App(name="account", help="Comptes locaux : exploitants de la base, courriers aux citoyens.")
operator = App(name="operator", help="Comptes des exploitants de la base.")
citizen = App(name="citizen", help="Espaces des citoyens.")
app.command(operator)
app.command(citizen)

Json = Annotated[bool, Parameter(help="Écrire le résultat en JSON.")]


@operator.command(name="add")
def add_operator(login: str, *, name: str, data: Data = None, json: Json = False) -> None:
    """Crée le compte d'un exploitant ; le mot de passe est demandé, le second facteur à la première connexion."""
    password = _ask_password()
    work_offline(data, lambda services: services.identity.accounts.add_operator(login, name, password))
    answer({"login": login, "status": "added"}, f"Compte {login} créé : /connexion?espace=operateur", json=json)


@operator.command(name="list")
def list_operators(*, data: Data = None, json: Json = False) -> None:
    """Liste les comptes des exploitants."""
    import msgspec

    found = work_offline(data, lambda services: services.identity.accounts.list_operators())
    if json:
        print(msgspec.json.encode([{"login": login, "name": name} for login, name in found]).decode())
    else:
        print("\n".join(f"{login} : {name}" for login, name in found) or "Aucun compte.")


@operator.command(name="recover")
def recover_operator(login: str, *, data: Data = None, json: Json = False) -> None:
    """Rend son compte à un exploitant qui a tout perdu : nouveau mot de passe, second facteur à enrôler de nouveau."""
    password = _ask_password()
    work_offline(data, lambda services: services.identity.accounts.reset_operator(login, password))
    told = f"Compte {login} rendu : ses connexions et ses clés d'accès sont fermées."
    answer({"login": login, "status": "recovered"}, told, json=json)


@operator.command(name="remove")
def remove_operator(login: str, *, data: Data = None, json: Json = False) -> None:
    """Ferme le compte d'un exploitant, et ses connexions avec lui."""
    work_offline(data, lambda services: services.identity.accounts.close_operator(login))
    answer({"login": login, "status": "removed"}, f"Compte {login} fermé.", json=json)


@citizen.command(name="invite")
def invite_citizen(matricule: str, *, oid: str = "", data: Data = None, json: Json = False) -> None:
    """Donne le code du courrier qui ouvre l'espace d'une personne, ou le lui rend : six semaines, une fois.

    MATRICULE est l'INS d'une identité qualifiée de la base.
    """
    import msgspec

    from socle.platform.actor import Actor, ActorKind, AuthenticationMode
    from socle.standards.ids.ins import OID_NIR, OID_NIR_TEST, Ins

    clerk = Actor(kind=ActorKind.OPERATOR, id="cli", name="Exploitant", authentication=AuthenticationMode.OPERATOR)

    async def invite(services: Services) -> tuple[str, str]:
        authority = oid or (OID_NIR_TEST if services.base.settings.is_sandbox else OID_NIR)
        ins = Ins.typed(matricule, authority)
        traits = (await services.ins.holder(clerk, ins)).traits
        name = f"{traits.first_given_name} {traits.used_name or traits.birth_name}"
        return name, await services.identity.accounts.invite(ins, name)

    name, code = work_offline(data, invite)
    shown = "-".join(code[start : start + 4] for start in range(0, len(code), 4))
    if json:
        print(msgspec.json.encode({"name": name, "code": shown}).decode())
    else:
        print(f"{name} : {shown}\nÀ saisir sur /connexion/activation, avec le numéro de sécurité sociale.")


def _ask_password() -> str:
    import getpass

    return getpass.getpass("Mot de passe (12 caractères ou plus) : ")
