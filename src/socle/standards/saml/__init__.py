"""VIHF: the SAML 2.0 assertion that says who calls the DMP, from where, for whom and why."""

from socle.standards.saml.builder import build_security_header, sign_vihf
from socle.standards.saml.verifier import VerifiedVihf, VihfRefused, read_vihf, verify_vihf
from socle.standards.saml.vihf import Mode, Purpose, Role, Vihf, check_vihf

__all__ = [
    "Mode",
    "Purpose",
    "Role",
    "VerifiedVihf",
    "Vihf",
    "VihfRefused",
    "build_security_header",
    "check_vihf",
    "read_vihf",
    "sign_vihf",
    "verify_vihf",
]
