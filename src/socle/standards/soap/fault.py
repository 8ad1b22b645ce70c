"""SOAP 1.2 faults: a refusal <-> ``soap:Fault``, reason in French and English.

Source: SOAP 1.2 part 1 §5.4; WSS SOAP Message Security 1.0 §12; WS-Addressing 1.0 SOAP Binding §6.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from lxml import etree

from socle.standards.errors import MalformedInput, NotAuthenticated, SocleError, Text, TooLarge, Unavailable
from socle.standards.soap.envelope import NotUnderstood, VersionMismatch, text_of, write_message
from socle.standards.soap.names import ERROR, SOAP, WSA, WSSE, XML_LANG


class FaultCode(StrEnum):
    """Who is at fault."""

    SENDER = "Sender"
    RECEIVER = "Receiver"
    VERSION_MISMATCH = "VersionMismatch"
    MUST_UNDERSTAND = "MustUnderstand"


#: Actions of a fault message: addressing's own for its subcodes, the SOAP one otherwise.
_FAULT_ACTION = f"{WSA}/soap/fault"
_ADDRESSING_FAULT_ACTION = f"{WSA}/fault"
_PREFIXES = {WSSE: "wsse", WSA: "wsa", ERROR: "socle"}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. ``subcodes`` are Clark names (``{namespace}local``), outermost first."""

    code: FaultCode
    reason: Text
    subcodes: tuple[str, ...] = ()
    error_code: str = ""
    location: str = ""
    requirement: str = ""
    remedy: Text | None = None


def fault_of(error: SocleError, subcode: str = "") -> Fault:
    """The fault that says ``error``: the sender's unless a part of the base is missing.

    ``subcode`` is a Clark name; without one, an identity that is not established says ``wsse:FailedAuthentication``.
    """
    if isinstance(error, VersionMismatch):
        code = FaultCode.VERSION_MISMATCH
    elif isinstance(error, NotUnderstood):
        code = FaultCode.MUST_UNDERSTAND
    elif isinstance(error, Unavailable) or type(error) is SocleError:
        code = FaultCode.RECEIVER
    else:
        code = FaultCode.SENDER
    if not subcode and isinstance(error, NotAuthenticated):
        subcode = f"{{{WSSE}}}FailedAuthentication"
    return Fault(
        code=code,
        reason=error.reason,
        subcodes=(subcode,) if subcode else (),
        error_code=error.code,
        location=error.location,
        requirement=error.requirement,
        remedy=error.remedy,
    )


def http_status_of(error: SocleError) -> int:
    """500 as the DMP does for every fault, but for what is refused before it is read."""
    if isinstance(error, TooLarge):
        return 413
    return 415 if isinstance(error, MalformedInput) and error.code == "UnsupportedMediaType" else 500


def write_fault(fault: Fault, *, relates_to: str = "") -> tuple[str, bytes]:
    """Content-Type and body of the message that carries ``fault``."""
    element = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soap": SOAP})
    code = etree.SubElement(element, f"{{{SOAP}}}Code")
    etree.SubElement(code, f"{{{SOAP}}}Value").text = f"soap:{fault.code}"
    for subcode in fault.subcodes:
        name = etree.QName(subcode)
        prefix = _PREFIXES.get(name.namespace or "", "sub")
        code = etree.SubElement(code, f"{{{SOAP}}}Subcode")
        value = etree.SubElement(code, f"{{{SOAP}}}Value", nsmap={prefix: name.namespace or ""})
        value.text = f"{prefix}:{name.localname}"
    reason = etree.SubElement(element, f"{{{SOAP}}}Reason")
    for language in ("fr", "en"):
        text = etree.SubElement(reason, f"{{{SOAP}}}Text")
        text.set(XML_LANG, language)
        text.text = fault.reason.in_language(language)
    _write_detail(element, fault)
    is_addressing = any(subcode.startswith(f"{{{WSA}}}") for subcode in fault.subcodes)
    return write_message(_ADDRESSING_FAULT_ACTION if is_addressing else _FAULT_ACTION, element, relates_to=relates_to)


def _write_detail(element: etree._Element, fault: Fault) -> None:
    if not (fault.error_code or fault.location or fault.remedy):
        return
    detail = etree.SubElement(element, f"{{{SOAP}}}Detail")
    error = etree.SubElement(detail, f"{{{ERROR}}}Error", nsmap={"socle": ERROR})
    for name, value in (("code", fault.error_code), ("location", fault.location), ("requirement", fault.requirement)):
        if value:
            error.set(name, value)
    if fault.remedy is not None:
        for language in ("fr", "en"):
            remedy = etree.SubElement(error, f"{{{ERROR}}}Remedy")
            remedy.set(XML_LANG, language)
            remedy.text = fault.remedy.in_language(language)


def read_fault(body: etree._Element) -> Fault | None:
    """The fault that a Body's child is, else ``None``. Lenient, since foreign servers write faults too."""
    if body.tag != f"{{{SOAP}}}Fault":
        return None
    names = {"soap": SOAP, "socle": ERROR}
    value = body.find("soap:Code/soap:Value", names)
    local = text_of(value).rpartition(":")[2] if value is not None else ""
    code = FaultCode(local) if local in FaultCode.__members__.values() else FaultCode.RECEIVER
    texts = {
        (text.get(XML_LANG) or "en")[:2].lower(): text_of(text) for text in body.findall("soap:Reason/soap:Text", names)
    }
    any_text = next(iter(texts.values()), "")
    error = body.find("soap:Detail/socle:Error", names)
    remedies = {
        remedy.get(XML_LANG, "en"): text_of(remedy) for remedy in (() if error is None else error.iterchildren("*"))
    }
    return Fault(
        code=code,
        reason=Text(texts.get("fr", any_text), texts.get("en", any_text)),
        subcodes=tuple(_clark(subcode) for subcode in body.iterfind(".//soap:Subcode/soap:Value", names)),
        error_code=error.get("code", "") if error is not None else "",
        location=error.get("location", "") if error is not None else "",
        requirement=error.get("requirement", "") if error is not None else "",
        remedy=Text(remedies.get("fr", ""), remedies.get("en", "")) if remedies else None,
    )


def _clark(value: etree._Element) -> str:
    prefix, _, local = text_of(value).rpartition(":")
    namespace = value.nsmap.get(prefix or None)
    return f"{{{namespace}}}{local}" if namespace else local
