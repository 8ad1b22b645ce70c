"""The refusals of the DMP: each rule of ``rules`` with its code and its sentence, and the registry's own errors.

Codes are those of XDS where XDS has one, else those of fact sheet "dmp-exchange" §5.9.
"""

from __future__ import annotations

from typing import Final

import msgspec

from socle.standards.errors import (
    Conflict,
    Forbidden,
    InvalidContent,
    NotFound,
    SocleError,
    Text,
    Unavailable,
)


class RuleText(msgspec.Struct, frozen=True):
    """How a refusal by one rule is told."""

    error: type[SocleError]
    code: str
    reason: Text
    remedy: Text | None = None
    requirement: str = ""


#: Every rule by which ``rules`` refuses.
REFUSALS: Final[dict[str, RuleText]] = {
    "credential-of-another-patient": RuleText(
        Forbidden,
        "DMPInvalidVIHF",
        Text(
            "L'accès présenté concerne un autre patient que celui de la demande.",
            "The credential is for another patient than the request.",
        ),
        Text(
            "Demandez un VIHF (resource-id) ou un jeton pour le patient de la demande.",
            "Get a VIHF (resource-id) or a token for the patient of the request.",
        ),
        "DMPi §4.5 resource-id",
    ),
    "record-unknown": RuleText(
        NotFound,
        "XDSUnknownPatientId",
        Text("Il n'y a pas de DMP ouvert pour cet INS.", "There is no open DMP for this INS."),
        Text("Vérifiez l'INS par TD0.2 (test d'existence).", "Check the INS with TD0.2 (existence test)."),
        "DMPi EF_DMP12_01",
    ),
    "record-closed": RuleText(
        Conflict,
        "XDSUnknownPatientId",
        Text("Le DMP de ce patient est fermé.", "The DMP of this patient is closed."),
        Text(
            "Il ne peut être ni alimenté ni consulté tant que le patient ne l'a pas rouvert.",
            "It can neither be fed nor read until the patient reopens it.",
        ),
        "DMPi EF_DMP12_01; CSP R1111-40",
    ),
    "identity-not-qualified": RuleText(
        Conflict,
        "DMPInsNotQualified",
        Text("L'INS de ce patient n'est pas qualifiée.", "The INS of this patient is not qualified."),
        Text(
            "Qualifiez l'identité (téléservice INSi et pièce d'identité) avant d'alimenter le DMP.",
            "Qualify the identity (INSi service and identity document) before feeding the DMP.",
        ),
        "DMPi EF_DMP11_01; Référentiel INS",
    ),
    "function-not-for-mode": RuleText(
        Forbidden,
        "DMPRoleNotAllowed",
        Text(
            "Ce mode d'authentification ne donne pas droit à cette fonction du DMP.",
            "This authentication mode does not open this function of the DMP.",
        ),
        Text(
            "Consultez avec une CPS (mode direct) ou par Pro Santé Connect (mode indirect renforcé).",
            "Consult with a CPS (direct mode) or through Pro Santé Connect (AIR mode).",
        ),
        "DMPi §4.5 modes d'authentification",
    ),
    "function-not-for-actor": RuleText(
        Forbidden,
        "DMPRoleNotAllowed",
        Text("Cette fonction du DMP ne vous est pas ouverte.", "This function of the DMP is not open to you."),
        requirement="DMPi §6",
    ),
    "secret-session-of-adult": RuleText(
        Forbidden,
        "DMPInvalidVIHF",
        Text(
            "La connexion secrète n'existe que pour un patient mineur.", "A secret session is for a patient under age."
        ),
        Text("Retirez confidentiality-code du VIHF.", "Remove confidentiality-code from the VIHF."),
        "CSP L1111-5; DMPi connexion secrète",
    ),
    "caller-blocked": RuleText(
        Forbidden,
        "DMPAccessForbidden",
        Text("Le patient a bloqué votre accès à son DMP.", "The patient blocked your access to the DMP."),
        requirement="CSP L1111-19; DMPi TD0.2",
    ),
    "feed-opposed": RuleText(
        Forbidden,
        "DMPAccessForbidden",
        Text(
            "Le patient s'est opposé, pour un motif légitime, à l'alimentation de son DMP par votre structure.",
            "For a legitimate reason the patient opposed the feeding of the DMP by your structure.",
        ),
        requirement="CSP R1111-47",
    ),
    "profession-does-not-deposit": RuleText(
        Forbidden,
        "DMPRoleNotAllowed",
        Text(
            "Cette profession ou ce rôle ne dépose pas de document dans le DMP.",
            "This profession or role does not deposit documents in the DMP.",
        ),
        requirement="Matrice d'habilitation, arrêté du 26 octobre 2023",
    ),
    "profession-does-not-read": RuleText(
        Forbidden,
        "DMPRoleNotAllowed",
        Text(
            "Cette profession ou ce rôle ne consulte pas le DMP.", "This profession or role does not consult the DMP."
        ),
        requirement="Matrice d'habilitation, arrêté du 26 octobre 2023",
    ),
    "type-not-for-profession": RuleText(
        Forbidden,
        "LocalPolicyRestrictionError",
        Text(
            "La matrice d'habilitation ne permet pas à cette profession de déposer ce type de document.",
            "The habilitation matrix does not let this profession deposit this type of document.",
        ),
        Text(
            "Vérifiez typeCode (code et nomenclature) et le rôle présenté.",
            "Check typeCode (code and code system) and the role presented.",
        ),
        "Matrice d'habilitation, arrêté du 26 octobre 2023",
    ),
    "medecin-traitant-only": RuleText(
        Forbidden,
        "DMPRoleNotAllowed",
        Text(
            "Seul le médecin traitant DMP du patient a cette fonction.",
            "Only the patient's médecin traitant DMP has this function.",
        ),
        requirement="CSP L1111-18; DMPi TD1.6",
    ),
    "medecin-traitant-is-a-doctor": RuleText(
        Forbidden,
        "DMPRoleNotAllowed",
        Text("Le médecin traitant est un médecin.", "A médecin traitant is a doctor."),
        requirement="CSS L162-5-3; DMPi TD0.3",
    ),
    "mandate-not-yours-to-give": RuleText(
        Forbidden,
        "DMPRoleNotAllowed",
        Text(
            "Le titulaire désigne ses délégués ; un mandat légal est enregistré par l'opérateur sur justificatif.",
            "The holder names delegates; a legal mandate is recorded by the operator on proof.",
        ),
        requirement="citizen §3",
    ),
    "bris-de-glace-opposed": RuleText(
        Forbidden,
        "DMPAccessForbidden",
        Text("Le patient refuse l'accès en bris de glace.", "The patient refuses emergency (bris de glace) access."),
        requirement="CSP R1111-48",
    ),
    "centre-15-opposed": RuleText(
        Forbidden,
        "DMPAccessForbidden",
        Text("Le patient refuse l'accès du centre 15.", "The patient refuses access by the emergency call centre."),
        requirement="CSP R1111-48",
    ),
    "not-a-regulation-centre": RuleText(
        Forbidden,
        "DMPRoleNotAllowed",
        Text(
            "Le mode centre 15 est réservé aux centres de régulation.",
            "The centre 15 mode is for emergency regulation centres alone.",
        ),
        Text("Utilisez le mode normal ou bris de glace.", "Use the normal or the bris de glace mode."),
        "DMPi §6.2; TRE_R248",
    ),
    "authorization-required": RuleText(
        Forbidden,
        "DMPAuthorizationRequired",
        Text(
            "Le patient ne vous a pas autorisé à consulter son DMP.",
            "The patient has not authorised you to consult the DMP.",
        ),
        Text(
            "Recueillez son consentement, puis enregistrez-le par TD0.3 (AJOUT).",
            "Ask for consent, then record it with TD0.3 (AJOUT).",
        ),
        "CSP R1111-46; DMPi EF_DMP04_01",
    ),
    "authorization-expired": RuleText(
        Forbidden,
        "DMPAccessExpired",
        Text("Votre autorisation d'accès à ce DMP a expiré.", "Your authorisation to this DMP has expired."),
        Text(
            "Recueillez à nouveau le consentement, puis TD0.3 (AJOUT).",
            "Ask for consent again, then TD0.3 (AJOUT).",
        ),
        "CSP R1111-46; DMPi EF_DMP04_01",
    ),
    "mandate-required": RuleText(
        Forbidden,
        "DMPAccessForbidden",
        Text("Vous n'avez pas de mandat en cours pour ce dossier.", "You hold no current mandate for this record."),
        requirement="citizen §3",
    ),
    "mandate-assists-only": RuleText(
        Forbidden,
        "DMPAccessForbidden",
        Text(
            "La curatelle et la sauvegarde de justice assistent la personne sans agir à sa place.",
            "A curator assists the person and does not act in their place.",
        ),
        requirement="Code civil 425 s.; citizen §3",
    ),
    "holder-of-age": RuleText(
        Forbidden,
        "DMPAccessForbidden",
        Text(
            "Le titulaire est majeur : l'accès de ses parents a pris fin.",
            "The holder is of age: the parents' access has ended.",
        ),
        Text("Le titulaire peut vous désigner comme délégué.", "The holder may name you as a delegate."),
        "Code civil 388, 414",
    ),
    "only-author-hides-from-patient": RuleText(
        Forbidden,
        "LocalPolicyRestrictionError",
        Text(
            "Après le dépôt, seul l'auteur du document peut le rendre invisible au patient ou à ses représentants.",
            "After deposit only the document's author may hide it from the patient or their representatives.",
        ),
        requirement="DMPi TD3.3b",
    ),
    "only-professional-announces": RuleText(
        Forbidden,
        "LocalPolicyRestrictionError",
        Text(
            "Un document en attente de consultation d'annonce est rendu visible par un professionnel.",
            "A document awaiting its announcement consultation is released by a professional.",
        ),
        requirement="CSP R1111-53",
    ),
}
#: Codes that the HL7 V3 and habilitation services use where the registry says ``XDSUnknownPatientId``.
RECORD_CODES: Final = {"record-unknown": "DMPNotFound", "record-closed": "DMPClosed"}


def refusal(rule: str, *, location: str = "", of_record: bool = False) -> SocleError:
    """The error for a refusal by ``rule``. ``of_record``: with the codes of the record-management services.

    >>> refusal("record-closed").code, refusal("record-closed", of_record=True).code
    ('XDSUnknownPatientId', 'DMPClosed')
    """
    text = REFUSALS[rule]
    code = RECORD_CODES.get(rule, text.code) if of_record else text.code
    requirement = f"{rule}: {text.requirement}"
    return text.error(code, text.reason, location=location, remedy=text.remedy, requirement=requirement)


def rule_of(error: SocleError) -> str:
    """The rule that refused, or the code of any other error: what the trace of a refusal names.

    >>> rule_of(refusal("caller-blocked"))
    'caller-blocked'
    """
    rule = error.requirement.partition(":")[0]
    return rule if rule in REFUSALS else error.code


def invalid(code: str, fr: str, en: str, *, location: str = "", remedy: Text | None = None) -> InvalidContent:
    """Metadata that breaks a rule of the registry (fact sheet §1.9)."""
    return InvalidContent(code, Text(fr, en), location=location, remedy=remedy, requirement="IHE ITI TF-3 §4.2")


def conflict(code: str, fr: str, en: str, *, location: str = "", remedy: Text | None = None) -> Conflict:
    """The registry is in another state than the message supposes."""
    return Conflict(code, Text(fr, en), location=location, remedy=remedy, requirement="IHE ITI TF-2 §3.42, §3.57")


def no_such_document(location: str = "") -> NotFound:
    """There is no such document, or none for this caller: one sentence for both."""
    return NotFound(
        "XDSDocumentUniqueIdError",
        Text("Il n'y a pas de document de cet identifiant.", "There is no document of this identifier."),
        location=location,
        requirement="IHE ITI TF-2 §3.43",
    )


def rights_changed() -> Unavailable:
    """The holder changed something about the caller's rights while the request ran."""
    return Unavailable(
        "XDSRegistryBusy",
        Text("Les droits sur ce dossier viennent de changer.", "The rights on this record have just changed."),
        remedy=Text("Refaites la demande.", "Make the request again."),
        requirement="CSP R1111-46",
    )
