"""The WSDL of each national service, written from one table of operations and the schemas in ``schemas/xds.xml``."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple

from socle.standards.hl7v3.names import (
    HABILITATIONS,
    HL7,
    LIST_AUTHORIZATIONS_ACTION,
    PATIENT_LIST_ACTION,
    PATIENTS,
    PDQ_ACTION,
    SET_AUTHORIZATION_ACTION,
)
from socle.standards.xds.names import LCM, QUERY, RIM, RS, XDSB, Action


class _Operation(NamedTuple):
    """One operation: name, action, and the elements of both bodies.

    The action is the ``soapAction``, that addressing uses too: stated twice, some clients send it twice.
    """

    name: str
    action: str
    request: str
    response: str


def _xds(name: str, action: Action, request: str, response: str = "rs:RegistryResponse") -> _Operation:
    return _Operation(name, action, request, response)


def _record(name: str, request: str, response: str) -> _Operation:
    return _Operation(name, f"{HL7}:{request}", f"hl7:{request}", f"hl7:{response}")


_SERVICES: Final[dict[str, tuple[_Operation, ...]]] = {
    "registry": (
        _xds("RegistryStoredQuery", Action.QUERY, "query:AdhocQueryRequest", "query:AdhocQueryResponse"),
        _xds("RegisterDocumentSet-b", Action.REGISTER, "lcm:SubmitObjectsRequest"),
        _xds("UpdateDocumentSet", Action.UPDATE, "lcm:SubmitObjectsRequest"),
    ),
    "repository": (
        _xds(
            "ProvideAndRegisterDocumentSet-b", Action.PROVIDE_AND_REGISTER, "xdsb:ProvideAndRegisterDocumentSetRequest"
        ),
        _xds(
            "RetrieveDocumentSet",
            Action.RETRIEVE,
            "xdsb:RetrieveDocumentSetRequest",
            "xdsb:RetrieveDocumentSetResponse",
        ),
    ),
    "patients": (
        _record("getDemographics", "PRPA_IN201307UV02", "PRPA_IN201308UV02"),
        _record("addRecord", "PRPA_IN201311UV02", "PRPA_IN201312UV02"),
        _record("reviseRecord", "PRPA_IN201314UV02", "PRPA_IN201315UV02"),
    ),
    "patientsPDQ": (
        _Operation(
            "findCandidatesQuery",
            PDQ_ACTION,
            "hl7:PRPA_IN201305UV02",
            "hl7:PRPA_IN201306UV02",
        ),
    ),
    "patientsSpecific": (
        _Operation(
            "patientList",
            PATIENT_LIST_ACTION,
            "pat:patientList",
            "pat:patientListResponse",
        ),
    ),
    "habilitations": (
        _Operation(
            "setAuthorization",
            SET_AUTHORIZATION_ACTION,
            "hab:setAuthorization",
            "hab:setAuthorizationResponse",
        ),
        _Operation(
            "listAuthorizationByPatient",
            LIST_AUTHORIZATIONS_ACTION,
            "hab:listAuthorizationByPatient",
            "hab:listAuthorizationByPatientResponse",
        ),
    ),
}
_PREFIXES: Final = {
    "rim": RIM,
    "rs": RS,
    "lcm": LCM,
    "query": QUERY,
    "xdsb": XDSB,
    "hl7": HL7,
    "hab": HABILITATIONS,
    "pat": PATIENTS,
}
_NAMESPACE: Final = "urn:socle:dmp"


@lru_cache
def write_wsdl(service: str, location: str) -> str:
    """The WSDL 1.1 of ``service`` (last segment of its path), SOAP 1.2, at the address ``location``."""
    operations = _SERVICES[service]
    prefixes = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _PREFIXES.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<wsdl:definitions name="{service}" targetNamespace="{_NAMESPACE}" xmlns:tns="{_NAMESPACE}"\n'
        '  xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/"\n'
        '  xmlns:xsd="http://www.w3.org/2001/XMLSchema"\n'
        f"  {prefixes}>\n"
        f"<wsdl:types>{_schemas(operations)}</wsdl:types>\n"
        + "".join(_messages(operation) for operation in operations)
        + f'<wsdl:portType name="{service}_PortType">{"".join(map(_port_operation, operations))}</wsdl:portType>\n'
        f'<wsdl:binding name="{service}_Binding" type="tns:{service}_PortType">'
        '<soap12:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
        f"{''.join(map(_binding_operation, operations))}</wsdl:binding>\n"
        f'<wsdl:service name="{service}_Service"><wsdl:port name="{service}_Port" binding="tns:{service}_Binding">'
        f'<soap12:address location="{location}"/></wsdl:port></wsdl:service>\n</wsdl:definitions>\n'
    )


def _schemas(operations: tuple[_Operation, ...]) -> str:
    """The XDS schemas, or for the other standards elements of any content."""
    elements = {element for operation in operations for element in (operation.request, operation.response)}
    prefix = min(elements).partition(":")[0]
    if prefix not in ("hl7", "hab", "pat"):
        return (resources.files("socle.services.dmp") / "schemas" / "xds.xml").read_text("utf-8")
    content = (
        '<xsd:complexType><xsd:sequence><xsd:any minOccurs="0" maxOccurs="unbounded" processContents="lax"/>'
        '</xsd:sequence><xsd:anyAttribute processContents="lax"/></xsd:complexType>'
    )
    declared = "".join(
        f'<xsd:element name="{element.partition(":")[2]}">{content}</xsd:element>' for element in sorted(elements)
    )
    return f'<xsd:schema targetNamespace="{_PREFIXES[prefix]}" elementFormDefault="qualified">{declared}</xsd:schema>'


def _messages(operation: _Operation) -> str:
    return "".join(
        f'<wsdl:message name="{operation.name}{kind}"><wsdl:part name="body" element="{element}"/></wsdl:message>\n'
        for kind, element in (("Request", operation.request), ("Response", operation.response))
    )


def _port_operation(operation: _Operation) -> str:
    return (
        f'<wsdl:operation name="{operation.name}">'
        f'<wsdl:input message="tns:{operation.name}Request"/>'
        f'<wsdl:output message="tns:{operation.name}Response"/>'
        "</wsdl:operation>"
    )


def _binding_operation(operation: _Operation) -> str:
    return (
        f'<wsdl:operation name="{operation.name}">'
        f'<soap12:operation soapAction="{operation.action}" soapActionRequired="false"/>'
        '<wsdl:input><soap12:body use="literal"/></wsdl:input><wsdl:output><soap12:body use="literal"/></wsdl:output>'
        "</wsdl:operation>"
    )
