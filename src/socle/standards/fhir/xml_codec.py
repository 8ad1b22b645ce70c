"""FHIR XML to typed resources and back, by one walk driven by the structs' own fields.

Reading turns elements into the plain tree that FHIR JSON would give, then checks it as JSON is checked. Also
refused: an element out of the order of the specification, a foreign namespace, text between elements, an unknown
attribute.

Source: FHIR R4 §2.6.1 XML representation.
"""

from __future__ import annotations

import base64
import decimal
import re
from typing import Any, Final, TypeVar, overload

import msgspec
from lxml import etree

from socle.standards.errors import MalformedInput
from socle.standards.fhir.failures import refusal
from socle.standards.fhir.json_codec import from_tree
from socle.standards.fhir.resources import AnyResource, Resource
from socle.standards.fhir.shape import RESOURCE_TYPES, Kind, Slot, slots
from socle.standards.fhir.types import Element
from socle.standards.xml import MAX_BYTES, parse

R = TypeVar("R", bound=Resource)

NAMESPACE: Final = "http://hl7.org/fhir"
_FHIR: Final = f"{{{NAMESPACE}}}"
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?")
_XHTML: Final = "{http://www.w3.org/1999/xhtml}div"


@overload
def decode_xml(body: bytes, *, max_bytes: int = MAX_BYTES) -> AnyResource: ...
@overload
def decode_xml(body: bytes, kind: type[R], *, max_bytes: int = MAX_BYTES) -> R: ...
def decode_xml(body: bytes, kind: type[Resource] | None = None, *, max_bytes: int = MAX_BYTES) -> Resource:
    """The resource that ``body`` holds, of type ``kind`` if that is given.

    Raises ``MalformedInput`` whose ``location`` is the FHIRPath expression of what is wrong, ``TooLarge``.

    >>> from socle.standards.fhir.resources import Patient
    >>> decode_xml(b'<Patient xmlns="http://hl7.org/fhir"><gender value="female"/></Patient>', Patient).gender
    'female'
    """
    root = parse(body, max_bytes=max_bytes)
    found = _resource_type(root, "")
    if kind is not None and found is not kind:
        wanted = kind.__struct_config__.tag
        raise refusal(
            "FHIRUnknownResource", f"Une ressource {wanted} était attendue.", f"A {wanted} resource was expected."
        )
    return from_tree(_read(root, found, str(found.__struct_config__.tag)), found)


def encode_xml(resource: Resource) -> bytes:
    """FHIR XML of ``resource``, in UTF-8 with its declaration."""
    root = etree.Element(_FHIR + str(resource.__struct_config__.tag), nsmap={None: NAMESPACE})
    _write(root, resource)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _resource_type(element: etree._Element, path: str) -> type[Resource]:
    name = str(element.tag)
    cls = RESOURCE_TYPES.get(name.removeprefix(_FHIR)) if name.startswith(_FHIR) else None
    if cls is None:
        local = etree.QName(element).localname
        raise refusal(
            "FHIRUnknownResource",
            f"« {local} » n'est pas une ressource que ce serveur connaît, dans l'espace de noms {NAMESPACE}.",
            f"'{local}' is not a resource that this server knows, in the namespace {NAMESPACE}.",
            path,
        )
    return cls


def _read(element: etree._Element, cls: type[msgspec.Struct], path: str) -> dict[str, Any]:
    elements = slots(cls)
    tree: dict[str, Any] = {}
    if issubclass(cls, Resource):
        tree["resourceType"] = cls.__struct_config__.tag
    for name, text in element.attrib.items():
        if name not in elements or elements[name].kind is not Kind.ATTRIBUTE:
            raise _unknown(f"@{name}", path)
        tree[name] = text
    last = -1
    for child in _children(element, path):
        name = _XHTML if child.tag == _XHTML else str(child.tag).removeprefix(_FHIR)
        slot = elements.get("div" if child.tag == _XHTML else name) if str(child.tag).startswith("{") else None
        if slot is None or slot.kind is Kind.ATTRIBUTE or (child.tag == _XHTML) != (slot.kind is Kind.XHTML):
            raise _unknown(etree.QName(child).localname, path)
        if not str(child.tag).startswith(_FHIR) and slot.kind is not Kind.XHTML:
            raise _unknown(str(child.tag), path)
        if slot.place < last:
            raise refusal(
                "FHIROrder",
                f"L'élément « {slot.name} » n'est pas à sa place : l'ordre de la spécification est obligatoire en XML.",
                f"The element '{slot.name}' is out of place: XML keeps the order of the specification.",
                f"{path}.{slot.name}",
            )
        if slot.place == last and not slot.is_repeated:
            raise refusal(
                "FHIRRepeated",
                f"L'élément « {slot.name} » est donné deux fois.",
                f"The element '{slot.name}' is given twice.",
                f"{path}.{slot.name}",
            )
        last = slot.place
        count = len(tree.get(slot.name, ())) if slot.is_repeated else 0
        _read_child(tree, slot, child, f"{path}.{slot.name}" + (f"[{count}]" if slot.is_repeated else ""))
    return tree


def _read_child(tree: dict[str, Any], slot: Slot, child: etree._Element, path: str) -> None:
    value: Any
    extra: dict[str, Any] = {}
    if slot.kind is Kind.COMPLEX:
        value = _read(child, slot.type, path)
        if not value:
            raise _empty(path)
    elif slot.kind is Kind.XHTML:
        child.tail = None
        value = etree.tostring(child, method="c14n", exclusive=True, with_comments=False).decode()
    elif slot.kind is Kind.RESOURCE:
        wrapped = _children(child, path)
        if len(wrapped) != 1 or child.attrib:
            raise refusal("FHIRValue", "Une seule ressource est attendue ici.", "One resource is expected here.", path)
        value = _read(wrapped[0], _resource_type(wrapped[0], path), path)
    else:
        text = child.attrib.pop("value", None)
        value = None if text is None else _value(text, slot.type)
        if len(child) or child.attrib or child.text:
            extra = _read(child, Element, path)
        if value is None and not extra:
            raise _empty(path)
    if not slot.is_repeated:
        if value is not None:
            tree[slot.name] = value
        if extra:
            tree["_" + slot.name] = extra
        return
    values = tree.setdefault(slot.name, [])
    values.append(value)
    if extra:
        extras = tree.setdefault("_" + slot.name, [])
        extras += [None] * (len(values) - 1 - len(extras)) + [extra]


def _children(element: etree._Element, path: str) -> list[etree._Element]:
    texts = [element.text, *(child.tail for child in element)]
    if any(text and text.strip() for text in texts):
        raise refusal(
            "FHIRText",
            "Du texte est écrit entre les éléments ; les valeurs vont dans l'attribut value.",
            "There is text between elements; values go in the value attribute.",
            path,
        )
    return [child for child in element if isinstance(child.tag, str)]


def _empty(path: str) -> MalformedInput:
    return refusal("FHIREmpty", "L'élément est vide.", "The element is empty.", path)


def _unknown(name: str, path: str) -> MalformedInput:
    return refusal(
        "FHIRUnknownElement",
        f"L'élément « {name} » n'existe pas ici.",
        f"There is no element '{name}' here.",
        f"{path}.{name}",
    )


def _value(text: str, kind: Any) -> Any:
    """``text`` as what JSON would hold; what does not fit stays text, and the type check refuses it."""
    if kind is bool:
        return {"true": True, "false": False}.get(text, text)
    if kind is bytes:
        return "".join(text.split())
    if kind is int and len(text) < 20 and text.lstrip("-").isdecimal() and text.isascii():
        return int(text)
    if kind is decimal.Decimal and _DECIMAL.fullmatch(text):
        return decimal.Decimal(text)
    return text


def _write(element: etree._Element, value: msgspec.Struct) -> None:
    for slot in slots(type(value)).values():
        content = getattr(value, slot.field)
        extra = getattr(value, slot.extra) if slot.extra else None
        if content is None and extra is None:
            continue
        if slot.kind is Kind.ATTRIBUTE:
            element.set(slot.name, content)
        elif slot.is_repeated:
            extras = extra or ()
            for place, item in enumerate(content):
                _write_child(element, slot, item, extras[place] if place < len(extras) else None)
        else:
            _write_child(element, slot, content, extra)


def _write_child(parent: etree._Element, slot: Slot, content: Any, extra: Element | None) -> None:
    if slot.kind is Kind.XHTML:
        parent.append(parse(content.encode()))
        return
    child = etree.SubElement(parent, _FHIR + slot.name)
    if slot.kind is Kind.COMPLEX:
        _write(child, content)
    elif slot.kind is Kind.RESOURCE:
        _write(etree.SubElement(child, _FHIR + str(content.__struct_config__.tag)), content)
    else:
        if content is not None:
            child.set("value", _text(content))
        if extra is not None:
            _write(child, extra)


def _text(content: Any) -> str:
    if isinstance(content, bool):
        return "true" if content else "false"
    return base64.b64encode(content).decode() if isinstance(content, bytes) else str(content)
