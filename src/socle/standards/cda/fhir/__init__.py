"""CDA documents as FHIR R4 resources, by the mapping of the Core interoperability guide (draft).

>>> from socle.standards.cda.fhir import to_bundle
>>> to_bundle(b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>').entry[0].resource.title
'Document sans titre'
"""

from socle.standards.cda.fhir.bundle import to_bundle
from socle.standards.cda.fhir.resources import clinical_resources

__all__ = ["clinical_resources", "to_bundle"]
