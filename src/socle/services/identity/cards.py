"""Cards: the certificate of a real CPS shown by TLS; in the sandbox, a card chosen by its holder and a PIN.

Both are readers of the same thing, the PS_IdNat of who holds the card; a deployment opens the login page with either.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from cryptography import x509

from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.switches import Switches
from socle.platform.trust import TrustStore, Usage
from socle.services.directory.service import DirectoryService
from socle.services.identity.errors import LoginRefused
from socle.standards.certificates import HolderKind
from socle.standards.errors import NotAuthenticated, Text

QUERIES = Queries("socle.services.identity")

#: PIN of every simulated card, as on the national test cards.
SANDBOX_PIN: Final = "1234"
_TRIES = 3
_BLOCKED_FOR = timedelta(minutes=15)


class CardReader:
    """Says whose card it is, or raises ``LoginRefused``."""

    def __init__(self, base: Base, directory: DirectoryService, trust: TrustStore | None, switches: Switches) -> None:
        self._base = base
        self._directory = directory
        self._trust = trust
        self._switches = switches

    def read_certificate(self, certificate: bytes | None) -> str:
        """The PS_IdNat in the certificate (DER) of a card that TLS has proven to be there."""
        if certificate is None or self._trust is None:
            raise LoginRefused(
                "NoCard",
                Text("Aucune carte n'a été lue.", "No card was read."),
                remedy=Text("Insérez votre carte et réessayez.", "Insert your card and try again."),
            )
        presented = x509.load_der_x509_certificate(certificate)
        if self._switches().is_certificate_revoked(presented.serial_number):
            raise _card_revoked()
        try:
            holder = self._trust.verify(presented, Usage.TLS_CLIENT, self._base.clock())
        except NotAuthenticated as error:
            raise LoginRefused(error.code, error.reason, remedy=error.remedy) from error
        if holder.kind is not HolderKind.PROFESSIONAL:
            raise LoginRefused(
                "NotACard",
                Text("Ce certificat n'est pas celui d'une personne.", "This certificate is not a person's."),
            )
        self._refuse_expired(holder.id)
        return holder.id

    async def read_simulated(self, id_nat: str, pin: str) -> str:
        """``id_nat`` when ``pin`` is right and the card is in its dates; three wrong PINs block it fifteen minutes."""
        now = self._base.clock()
        async with self._base.database.connection() as connection:
            failed = await QUERIES["count_pin_failures"].row(connection, id_nat=id_nat)
            if failed is not None and failed["failures"] >= _TRIES:
                if failed["failed_at"] > now - _BLOCKED_FOR:
                    raise LoginRefused(
                        "CardBlocked",
                        Text("La carte est bloquée après trois codes faux.", "The card is blocked: three wrong PINs."),
                        remedy=Text("Réessayez dans quinze minutes.", "Try again in fifteen minutes."),
                    )
                await QUERIES["clear_pin_failures"].execute(connection, id_nat=id_nat)
            if not secrets.compare_digest(pin.encode(), SANDBOX_PIN.encode()):
                await QUERIES["add_pin_failure"].execute(connection, id_nat=id_nat, now=now)
                raise LoginRefused(
                    "WrongPin",
                    Text("Le code de la carte est faux.", "The card's PIN is wrong."),
                    location="pin",
                    remedy=Text(
                        "Dans le bac à sable, le code de toutes les cartes est 1234.",
                        "In the sandbox, the PIN of all cards is 1234.",
                    ),
                )
            await QUERIES["clear_pin_failures"].execute(connection, id_nat=id_nat)
        self._refuse_expired(id_nat)
        cards = await self._directory.smartcards(id_nat)
        if cards and not any(card.valid_from <= now.date() <= card.valid_to for card in cards):
            raise _card_expired()
        return id_nat

    def _refuse_expired(self, id_nat: str) -> None:
        if self._switches().is_card_expired(id_nat):
            raise _card_expired()


def _card_expired() -> LoginRefused:
    return LoginRefused(
        "CardExpired",
        Text("La carte a expiré.", "The card has expired."),
        remedy=Text("Demandez une nouvelle carte, ou utilisez e-CPS.", "Ask for a new card, or use e-CPS."),
        requirement="IGC-Santé, dates de validité",
    )


def _card_revoked() -> LoginRefused:
    return LoginRefused(
        "CertificateRevoked",
        Text("Le certificat de la carte est révoqué.", "The card's certificate is revoked."),
        remedy=Text("Demandez une nouvelle carte, ou utilisez e-CPS.", "Ask for a new card, or use e-CPS."),
        requirement="IGC-Santé, révocation",
    )
