"""MSSanté addresses and display names.

Source: ANS BAL FHIR IG (address pattern); Référentiel socle MSSanté #2 §3.5 ECO.2.2.7 (display name), §3.4.2 ECO.2.2.6
(citizen's address).
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

from socle.standards.errors import InvalidContent, MalformedInput, Text
from socle.standards.ids.ins import is_valid_matricule

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NOT_NAME = re.compile(r"[^a-z0-9]+")
#: Where national mail lives: any sub-domain of ``mssante.fr``, and the Apicrypt gateway.
NATIONAL = re.compile(r"(?:[a-z0-9_-]+\.)+mssante\.fr|interop-mssante\.apicrypt\.org")


class Address(msgspec.Struct, frozen=True, order=True):
    """A mailbox address. ``local`` is lower case, ``domain`` is in A-label form, lower case.

    >>> str(parse_address("Lea.Martin@Exemple.MSSante.fr"))
    'lea.martin@exemple.mssante.fr'
    """

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def is_national(self) -> bool:
        """Whether the domain belongs to the MSSanté trust space by its name."""
        return NATIONAL.fullmatch(self.domain) is not None


def parse_address(text: str) -> Address:
    """Reads ``local@domain`` (dot-atoms only, no quoted local part). Raises ``MalformedInput`` (``InvalidAddress``)."""
    local, at, domain = text.strip().rpartition("@")
    if not at or len(local) > 64 or _LOCAL.fullmatch(local) is None:
        raise _invalid(text)
    return Address(local.lower(), parse_domain(domain))


def parse_domain(text: str) -> str:
    """``text`` as an A-label domain, lower case. Raises ``MalformedInput`` (``InvalidAddress``).

    >>> parse_domain("Hôpital.mssante.fr")
    'xn--hpital-ixa.mssante.fr'
    """
    try:
        domain = text.strip().rstrip(".").lower().encode("idna").decode("ascii")
    except (UnicodeError, IndexError) as error:
        raise _invalid(text) from error
    labels = domain.split(".")
    if len(domain) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid(text)
    return domain


def citizen_address(matricule: str, domain: str) -> Address:
    """The box of the citizen of ``matricule``. Raises ``InvalidContent`` when its key is wrong.

    >>> str(citizen_address("279035121518989", "patient.mssante.fr"))
    '279035121518989@patient.mssante.fr'
    """
    if not is_valid_matricule(matricule):
        raise InvalidContent(
            "MSSInvalidMatricule",
            Text("Le matricule INS n'est pas valide.", "The INS matricule is not valid."),
            requirement="ECO.2.2.6",
        )
    return Address(matricule.lower(), domain)


def display_name(*, family: str, given: str, title: str = "", entity: str = "") -> str:
    """The name shown before the address of a personal box: ``Titre_Prénom_NOM_Entité``.

    >>> display_name(family="Martin", given="Marie", title="Dr", entity="Cabinet Medical")
    'Dr_Marie_MARTIN_Cabinet Medical'
    """
    return "_".join(part for part in (title, given, family.upper(), entity) if part)


def without_accents(text: str) -> str:
    """``text`` in the nearest ASCII letters.

    >>> without_accents("Lettre de liaison à la sortie, cœur")
    'Lettre de liaison a la sortie, coeur'
    """
    spelt = text.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae").replace("Æ", "AE").replace("’", "'")
    return unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode("ascii")


def local_part_of(*names: str) -> str:
    """The local part that names make: lower case, no accent, dots between names, hyphens inside.

    >>> local_part_of("Zoé", "D'Albert Le-Grand")
    'zoe.d-albert-le-grand'
    """
    slugs = (_NOT_NAME.sub("-", without_accents(name).lower()).strip("-") for name in names)
    return ".".join(slug for slug in slugs if slug)


def _invalid(text: str) -> MalformedInput:
    del text  # an address may name a person: it is not repeated
    return MalformedInput(
        "InvalidAddress",
        Text("Cette adresse de messagerie n'est pas valide.", "This mail address is not valid."),
        remedy=Text("Écrivez nom@domaine.mssante.fr.", "Write name@domain.mssante.fr."),
    )
