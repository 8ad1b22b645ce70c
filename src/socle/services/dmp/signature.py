"""Checks the signature of a submission against the authorities that the base believes."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509

from socle.services.dmp.context import ReadTree, SignatureCheck
from socle.standards.errors import InvalidContent, NotAuthenticated, Text
from socle.standards.xades import find_signature, verify_submission_signature
from socle.standards.xds.model import Submission


def signature_check(believe: Callable[[x509.Certificate], object]) -> SignatureCheck:
    """The check of ``DmpService``: a signature that comes must hold; whether one must come is the door's to ask.

    ``believe`` raises ``NotAuthenticated`` on a signer that is not believed now.
    """

    def check(submission: Submission, read: ReadTree) -> None:
        entry = find_signature(submission)
        content = None if entry is None else submission.contents.get(entry.entry_uuid)
        if content is None:
            return
        try:
            verify_submission_signature(submission, content, check_certificate=believe, read=read)
        except NotAuthenticated as error:
            raise InvalidContent(
                "XDSRepositoryError",
                Text(
                    f"Signature XAdES du lot ({error.code}) : {error.reason.fr}",
                    f"XAdES signature of the submission ({error.code}): {error.reason.en}",
                ),
                remedy=error.remedy,
                requirement=error.requirement,
            ) from error

    return check


def require_signature(submission: Submission) -> None:
    """Raises ``InvalidContent`` (``XDSRepositoryError``) when ``submission`` has no signature document."""
    if find_signature(submission) is None:
        raise InvalidContent(
            "XDSRepositoryError",
            Text("La soumission n'est pas signée.", "The submission is not signed."),
            remedy=Text(
                "Ajoutez la signature XAdES du lot (document E1762 et association signs).",
                "Add the XAdES signature of the submission (document E1762 and association signs).",
            ),
            requirement="CI-SIS Partage de documents, signature du lot (IHE DSG)",
        )
