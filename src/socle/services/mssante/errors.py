"""Refusals of the mail service. Each knows the SMTP reply that says it."""

from __future__ import annotations

from socle.standards.errors import Conflict, Forbidden, InvalidContent, NotAuthenticated, NotFound, SocleError, Text


def mailbox_not_found() -> NotFound:
    """No such box, or not one of this person."""
    return NotFound(
        "MSSMailboxNotFound",
        Text("Cette boîte aux lettres n'existe pas.", "This mailbox does not exist."),
        remedy=Text("Cherchez l'adresse dans l'annuaire.", "Look the address up in the directory."),
    )


def message_not_found() -> NotFound:
    """No such message in this box."""
    return NotFound("MSSMessageNotFound", Text("Ce message n'existe pas.", "This message does not exist."))


def folder_not_found() -> NotFound:
    """No such folder in this box."""
    return NotFound("MSSFolderNotFound", Text("Ce dossier n'existe pas.", "This folder does not exist."))


def not_allowed(requirement: str = "Référentiel MSSanté #1, contrôle des accès") -> Forbidden:
    """The person is known and holds no right on the box."""
    return Forbidden(
        "MSSNotAllowed",
        Text("Vous n'êtes pas autorisé sur cette boîte.", "You are not authorised on this mailbox."),
        remedy=Text("Demandez au responsable de la boîte.", "Ask the person responsible for the mailbox."),
        requirement=requirement,
    )


def not_authenticated() -> NotAuthenticated:
    """The credential is wrong or too old."""
    return NotAuthenticated(
        "MSSNotAuthenticated",
        Text("L'authentification a échoué.", "Authentication failed."),
        remedy=Text("Renouvelez votre jeton Pro Santé Connect.", "Renew your Pro Santé Connect token."),
        requirement="ECO.1.2.1",
    )


def address_taken() -> Conflict:
    """The address exists or existed: it is never given again."""
    return Conflict(
        "MSSAddressTaken",
        Text("Cette adresse est ou a été attribuée.", "This address is or was attributed."),
        remedy=Text("Choisissez une autre adresse.", "Choose another address."),
    )


def wrong_state(state: str) -> Conflict:
    """The life cycle has no such step from here."""
    return Conflict(
        "MSSWrongState",
        Text(f"La boîte est dans l'état {state} : cette action est impossible.", f"The mailbox is {state}."),
    )


def missing_holder(fr: str, en: str) -> InvalidContent:
    """The kind of box needs an identifier that was not given."""
    return InvalidContent("MSSMissingHolder", Text(fr, en), requirement="Annuaire Santé, champs d'une BAL")


class MailRefused(SocleError):
    """A refusal that travels as an SMTP reply: ``smtp_code`` and ``enhanced`` come before the sentence."""

    http_status = 422

    def __init__(self, smtp_code: int, enhanced: str, code: str, reason: Text, requirement: str = "") -> None:
        super().__init__(code, reason, requirement=requirement)
        self.smtp_code = smtp_code
        self.enhanced = enhanced

    @property
    def is_temporary(self) -> bool:
        """Whether trying again later may succeed."""
        return self.smtp_code < 500

    @property
    def reply(self) -> str:
        """The reply line: code, enhanced code, sentence in English (SMTP clients expect ASCII)."""
        return f"{self.smtp_code} {self.enhanced} {self.reason.en}"
