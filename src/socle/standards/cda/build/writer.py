"""CDA elements from typed values: one function a data type, the inverse of the ``read_…`` functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lxml import etree

from socle.standards.cda.clinical import Ratio, Value
from socle.standards.cda.datatypes import (
    V3,
    XSI_TYPE,
    Address,
    Concept,
    Identifier,
    Interval,
    Moment,
    PersonName,
    Quantity,
    QuantityRange,
    Telecom,
)

NAMESPACES: Final = {
    None: "urn:hl7-org:v3",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "sdtc": "urn:hl7-org:sdtc",
    "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2",
    "pharm": "urn:ihe:pharm:medication",
    "ps3-20": "urn:dicom-org:ps3-20",
}
#: OID of a code system → the name that ``codeSystemName`` carries.
SYSTEM_NAMES: Final = {
    "2.16.840.1.113883.6.1": "LOINC",
    "2.16.840.1.113883.6.96": "SNOMED CT",
    "2.16.840.1.113883.6.3": "CIM-10",
    "2.16.840.1.113883.6.73": "ATC",
    "1.2.250.1.215.300.1": "CCAM",
    "1.2.250.1.213.2.3.1": "CIS",
    "1.2.250.1.213.2.3.2": "CIP",
    "1.2.250.1.213.2.59": "MV",
    "1.2.250.1.213.2.68": "EMDN",
    "1.2.250.1.213.1.1.4.322": "TA_ASIP",
    "0.4.0.127.0.16.1.1.2.1": "EDQM",
    "1.2.840.10008.2.16.4": "DCM",
    "2.16.840.1.113883.5.4": "HL7:ActCode",
    "1.3.6.1.4.1.19376.1.5.3.2": "IHEActCode",
}

Node = etree._Element | None
Nodes = Node | Iterable[Node]


def cda(name: str, *content: Nodes | str, **attributes: str | None) -> etree._Element:
    """The element ``name`` with ``content`` in order: elements, iterables of elements, text. ``None`` is left out.

    Names of another namespace are written ``{uri}name``; an attribute with value ``None`` is left out.

    >>> etree.tostring(cda("id", root="1.2.3", extension=None)).decode()[:4]
    '<id '
    """
    element = etree.Element(name if name.startswith("{") else V3 + name, nsmap=NAMESPACES)
    for key, value in attributes.items():
        if value is not None:
            element.set(XSI_TYPE if key == "xsi_type" else key, value)
    for item in content:
        _append(element, item)
    return element


def _append(element: etree._Element, item: Nodes | str) -> None:
    if item is None:
        return
    if isinstance(item, str):
        if len(element):
            element[-1].tail = (element[-1].tail or "") + item
        else:
            element.text = (element.text or "") + item
    elif isinstance(item, etree._Element):
        element.append(item)
    else:
        for each in item:
            _append(element, each)


def templates(*roots: str) -> list[etree._Element]:
    """A ``templateId`` for each root."""
    return [cda("templateId", root=root) for root in roots]


def identifier(value: Identifier | None, name: str = "id") -> Node:
    """``II``."""
    return None if value is None else cda(name, root=value.root, extension=value.extension or None)


def concept(name: str, value: Concept | None, *, anchor: str = "", xsi_type: str | None = None) -> Node:
    """``CD``; ``anchor`` is the narrative id that it points back to. Without one, words are written in place."""
    if value is None:
        return None
    if not value:
        return cda(name, nullFlavor=value.null_flavor or "UNK", xsi_type=xsi_type)
    original = None
    if anchor:
        original = cda("originalText", cda("reference", value=f"#{anchor}"))
    elif value.original_text:
        original = cda("originalText", value.original_text)
    return cda(
        name,
        original,
        [
            cda("qualifier", concept("name", label), concept("value", found, xsi_type=None))
            for label, found in value.qualifiers
        ],
        [concept("translation", translation) for translation in value.translations],
        code=value.code or None,
        displayName=value.label or None,
        codeSystem=value.system or None,
        codeSystemName=(value.system_name or SYSTEM_NAMES.get(value.system)) if value.code else None,
        xsi_type=xsi_type,
    )


def moment(name: str, value: Moment | None) -> Node:
    """``TS``."""
    return None if value is None else cda(name, value=value.text)


def interval(name: str, value: Interval | None, *, xsi_type: str | None = None, with_both_bounds: bool = False) -> Node:
    """``IVL_TS`` or ``TS``; null when it says nothing. ``with_both_bounds`` writes an unknown bound as null."""
    if value is None:
        return None
    if value.value is not None:
        return cda(name, value=value.value.text, xsi_type=xsi_type)
    if value.low is None and value.high is None and value.width is None:
        return cda(name, nullFlavor=value.null_flavor or "UNK", xsi_type=xsi_type)
    unknown = with_both_bounds and value.width is None
    low = moment("low", value.low)
    high = moment("high", value.high) if value.width is None else None
    return cda(
        name,
        cda("low", nullFlavor="UNK") if low is None and unknown else low,
        cda("high", nullFlavor="UNK") if high is None and unknown else high,
        quantity("width", value.width),
        xsi_type=xsi_type,
    )


def quantity(name: str, value: Quantity | None, *, xsi_type: str | None = None) -> Node:
    """``PQ``."""
    return None if value is None else cda(name, value=value.value, unit=value.unit or None, xsi_type=xsi_type)


def quantity_range(
    name: str, value: QuantityRange | None, *, xsi_type: str | None = None, with_both_bounds: bool = False
) -> Node:
    """``IVL_PQ``. ``with_both_bounds`` writes an unknown bound as null."""
    if value is None:
        return None
    low, high = quantity("low", value.low), quantity("high", value.high)
    if with_both_bounds:
        low = cda("low", nullFlavor="UNK") if low is None else low
        high = cda("high", nullFlavor="UNK") if high is None else high
    return cda(name, low, high, xsi_type=xsi_type)


def ratio(name: str, value: Ratio) -> etree._Element:
    """``RTO``."""
    return cda(
        name, quantity("numerator", value.numerator), quantity("denominator", value.denominator or Quantity("1"))
    )


def observed_value(value: Value | None, *, anchor: str = "") -> Node:
    """``value`` of an observation, with its ``xsi:type``."""
    match value:
        case None:
            return None
        case bool():
            return cda("value", value="true" if value else "false", xsi_type="BL")
        case int():
            return cda("value", value=str(value), xsi_type="INT")
        case str():
            return cda("value", value, xsi_type="ST")
        case Quantity():
            return quantity("value", value, xsi_type="PQ")
        case QuantityRange():
            return quantity_range("value", value, xsi_type="IVL_PQ")
        case Concept():
            return concept("value", value, anchor=anchor, xsi_type="CD")
        case Moment():
            return cda("value", value=value.text, xsi_type="TS")


def person_name(name: str, value: PersonName) -> etree._Element:
    """``PN``."""
    return cda(
        name,
        [cda("prefix", value.prefix)] if value.prefix else None,
        [cda("given", part.text, qualifier=part.qualifier or None) for part in value.givens],
        [cda("family", part.text, qualifier=part.qualifier or None) for part in value.families],
        [cda("suffix", value.suffix)] if value.suffix else None,
    )


def address(value: Address, *, is_required: bool = False) -> Node:
    """``AD``; null when it is required and empty."""
    if not value:
        return cda("addr", nullFlavor="UNK") if is_required else None
    return cda(
        "addr",
        [cda("streetAddressLine", line) for line in value.lines],
        [cda(name, text) for name, text in value.parts],
        use=value.use or None,
    )


def telecoms(values: Iterable[Telecom], *, is_required: bool = False) -> list[etree._Element]:
    """``TEL`` elements; a null one when it is required and there is none."""
    written = [cda("telecom", value=value.value, use=value.use or None) for value in values]
    return written or ([cda("telecom", nullFlavor="UNK")] if is_required else [])


def to_bytes(root: etree._Element) -> bytes:
    """The document as UTF-8 with an XML declaration, indented, unused namespaces left out."""
    etree.cleanup_namespaces(root, keep_ns_prefixes=["xsi"])
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
