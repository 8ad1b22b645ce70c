"""Namespaces, UUIDs and actions of XDS.b.

Source: IHE ITI TF-3 §4.2, TF-2 3.18, 3.41, 3.42, 3.43, 3.57; fact sheet "DMP exchange" §1.1, §1.2, §1.4.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

RIM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
LCM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
QUERY: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
XDSB: Final = "urn:ihe:iti:xds-b:2007"
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"

_OBJECT_TYPE: Final = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject"
ASSOCIATION_OBJECT: Final = f"{_OBJECT_TYPE}:Association"
CLASSIFICATION_OBJECT: Final = f"{_OBJECT_TYPE}:Classification"
IDENTIFIER_OBJECT: Final = f"{_OBJECT_TYPE}:ExternalIdentifier"
PACKAGE_OBJECT: Final = f"{_OBJECT_TYPE}:RegistryPackage"

STABLE_DOCUMENT: Final = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
ON_DEMAND_DOCUMENT: Final = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
SUBMISSION_SET_NODE: Final = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
FOLDER_NODE: Final = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
#: Markers of objects with limited metadata, which the DMP refuses.
LIMITED_METADATA: Final = frozenset(
    {
        "urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85",
        "urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707",
        "urn:uuid:2c144a76-29a9-4b7c-af54-b25409fe7d03",
    }
)


class Scheme(StrEnum):
    """Classification and identification schemes."""

    DOCUMENT_AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
    DOCUMENT_CLASS = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
    DOCUMENT_CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
    DOCUMENT_EVENT = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
    DOCUMENT_FORMAT = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
    DOCUMENT_FACILITY = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
    DOCUMENT_PRACTICE = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
    DOCUMENT_TYPE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
    DOCUMENT_PATIENT = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
    DOCUMENT_UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
    SET_AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
    SET_CONTENT_TYPE = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
    SET_PATIENT = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
    SET_UNIQUE_ID = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"
    SET_SOURCE = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
    FOLDER_CODE = "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5"
    FOLDER_PATIENT = "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a"
    FOLDER_UNIQUE_ID = "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a"
    ASSOCIATION_DOCUMENTATION = "urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3"


#: ``rim:Name`` of each external identifier.
IDENTIFIER_NAMES: Final = {
    Scheme.DOCUMENT_PATIENT: "XDSDocumentEntry.patientId",
    Scheme.DOCUMENT_UNIQUE_ID: "XDSDocumentEntry.uniqueId",
    Scheme.SET_PATIENT: "XDSSubmissionSet.patientId",
    Scheme.SET_UNIQUE_ID: "XDSSubmissionSet.uniqueId",
    Scheme.SET_SOURCE: "XDSSubmissionSet.sourceId",
    Scheme.FOLDER_PATIENT: "XDSFolder.patientId",
    Scheme.FOLDER_UNIQUE_ID: "XDSFolder.uniqueId",
}


class Action(StrEnum):
    """``wsa:Action`` of requests."""

    PROVIDE_AND_REGISTER = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
    REGISTER = "urn:ihe:iti:2007:RegisterDocumentSet-b"
    QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
    RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSet"
    UPDATE = "urn:ihe:iti:2010:UpdateDocumentSet"

    @property
    def response(self) -> str:
        """``wsa:Action`` of the answer."""
        return f"{self}Response"
