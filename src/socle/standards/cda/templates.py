"""Prefixes of the templateIds that readers and builders use.

Source: CI-SIS registry of sections and entries; IHE PCC, XD-LAB, Pharmacy; HL7 CCD; DICOM PS3.20.
"""

from __future__ import annotations

from typing import Final

#: CI-SIS entries (FR-Probleme is ``FRE.37``).
FRE: Final = "1.2.250.1.213.1.1.3"
#: IHE PCC entries.
PCC: Final = "1.3.6.1.4.1.19376.1.5.3.1.4"
#: HL7 CCD 1.0.
CCD: Final = "2.16.840.1.113883.10.20.1"
#: IHE XD-LAB.
LAB: Final = "1.3.6.1.4.1.19376.1.3"
#: IHE Pharmacy.
PHM: Final = "1.3.6.1.4.1.19376.1.9.1"
#: DICOM PS3.20 reports.
DIC: Final = "1.2.840.10008.9"
