"""Conformant CDA documents from typed values.

``people`` makes header values from an INS, an RPPS, a FINESS; ``Frame`` says who, when, where; ``build_…`` gives bytes.
"""

from socle.standards.cda.build.documents import (
    BUILDERS,
    Stay,
    build_cr_bio,
    build_cr_img,
    build_dispensation,
    build_ldl_ees,
    build_ldl_ses,
    build_n1,
    build_prescription,
    build_tlm_cr,
    build_vaccinations,
    build_vsm,
)
from socle.standards.cda.build.frame import Frame
from socle.standards.cda.build.header import write_header
from socle.standards.cda.build.imaging import ImagingReport, ImagingStudy
from socle.standards.cda.build.laboratory import Chapter
from socle.standards.cda.build.pdf import pdf_a_claim, pdf_a_findings
from socle.standards.cda.build.people import patient_of, professional_of, structure_of

__all__ = [
    "BUILDERS",
    "Chapter",
    "Frame",
    "ImagingReport",
    "ImagingStudy",
    "Stay",
    "build_cr_bio",
    "build_cr_img",
    "build_dispensation",
    "build_ldl_ees",
    "build_ldl_ses",
    "build_n1",
    "build_prescription",
    "build_tlm_cr",
    "build_vaccinations",
    "build_vsm",
    "patient_of",
    "pdf_a_claim",
    "pdf_a_findings",
    "professional_of",
    "structure_of",
    "write_header",
]
