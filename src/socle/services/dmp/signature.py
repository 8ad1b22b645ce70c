"""Checks the signature of a submission against the authorities that the base believes."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509

from socle.services.dmp.context import SignatureCheck
from socle.standards.errors import InvalidContent, NotAuthenticated, Text
from socle.standards.xades import verify_submission_signature
from socle.standards.xds.model import Submission


def signature_check(believe: Callable[[x509.Certificate], object]) -> SignatureCheck:
    """The check of ``DmpService``: ``believe`` raises ``NotAuthenticated`` on a signer that is not believed now."""

    def check(submission: Submission, content: bytes) -> None:
        try:
            verify_submission_signature(submission, content, check_certificate=believe)
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
