"""IHE DSG signature of a submission: XAdES 1.1.1, as the DMP asks for it."""

from socle.standards.xades.builder import sign_submission
from socle.standards.xades.names import DigestName
from socle.standards.xades.verifier import SubmissionSignature, find_signature, verify_submission_signature

__all__ = ["DigestName", "SubmissionSignature", "find_signature", "sign_submission", "verify_submission_signature"]
