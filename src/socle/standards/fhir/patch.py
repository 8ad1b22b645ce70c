"""JSON Patch, FHIRPath Patch and XML Patch of one resource, by way of its plain tree.

A patch that does not apply, or whose result is not FHIR, is refused; what may be changed is for the caller to judge, by
comparing what came in with what comes out.

Source: FHIR R4 §3.1.0.9 patch; RFC 6902; RFC 5261.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final, TypeVar

import jsonpatch
import jsonpointer
import msgspec
from lxml import etree

from socle.standards.errors import InvalidContent, SocleError, Text
from socle.standards.fhir.fhirpath import Location, locate
from socle.standards.fhir.json_codec import from_tree, to_tree
from socle.standards.fhir.resources import Parameters, ParametersParameter, Resource
from socle.standards.fhir.shape import Kind, Slot, slot_at, slots
from socle.standards.fhir.xml_codec import NAMESPACE, decode_xml, encode_xml
from socle.standards.xml import parse

R = TypeVar("R", bound=Resource)

MAX_OPERATIONS: Final = 50
#: ``/extension[url:'…']``, as the PDSm examples write although RFC 6902 knows no such pointer.
_BRACKET = re.compile(r"/(?P<name>\w+)\[(?P<field>\w+)[:=]\s*'(?P<value>[^']*)'\]")
_SELECTOR = re.compile(r"/?(?:[\w:.-]+(?:\[[^\]()]{1,300}\])*/)*(?:[\w:.-]+(?:\[[^\]()]{1,300}\])*|@[\w:.-]+)")
#: ``owner.name``, for a list that is not there yet.
_LAST_NAME = re.compile(r"(?P<owner>.+)\.(?P<name>[A-Za-z_]\w*)")
_UNPREFIXED = re.compile(r"""('[^']*'|"[^"]*")|(?<![\w@:.-])([A-Za-z_][\w.-]*)(?![\w:.-])""")


class _JsonOperation(msgspec.Struct, frozen=True):
    op: str
    path: str
    value: Any = msgspec.UNSET
    from_: str | msgspec.UnsetType = msgspec.field(name="from", default=msgspec.UNSET)


def apply_json_patch(resource: R, body: bytes) -> R:
    """``resource`` after the RFC 6902 operations of ``body``: add, remove, replace, move, test."""
    try:
        operations = msgspec.json.decode(body, type=list[_JsonOperation])
    except (ValueError, RecursionError):
        raise refused(
            "Le corps n'est pas un JSON Patch (RFC 6902).", "The body is not a JSON Patch (RFC 6902)."
        ) from None
    _check_count(len(operations))
    tree = to_tree(resource)
    for place, operation in enumerate(operations):
        at = f"[{place}].path"
        if operation.op not in ("add", "remove", "replace", "move", "test"):
            raise refused(f"L'opération {operation.op!r} n'est pas admise.", f"No operation {operation.op!r}.", at)
        pointer = _resolve_brackets(tree, operation.path)
        step = {"op": operation.op, "path": pointer}
        step |= {"value": operation.value} if operation.value is not msgspec.UNSET else {}
        step |= {"from": operation.from_} if operation.from_ is not msgspec.UNSET else {}
        try:
            tree = jsonpatch.apply_patch(tree, [step])
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, ValueError):
            raise refused(
                f"L'opération « {operation.op} {operation.path[:200]} » ne s'applique pas à la ressource.",
                f"The operation '{operation.op} {operation.path[:200]}' does not apply to the resource.",
                at,
            ) from None
    return _rebuilt(tree, resource)


def apply_fhirpath_patch(resource: R, parameters: Parameters) -> R:
    """``resource`` after the ``operation`` parameters: add, insert, delete, replace, move."""
    _check_count(len(parameters.parameter))
    tree = to_tree(resource)
    for place, parameter in enumerate(parameters.parameter):
        at = f"Parameters.parameter[{place}]"
        parts = {part.name: part for part in parameter.part}
        if parameter.name != "operation" or "type" not in parts or "path" not in parts:
            raise refused("Une opération a un type et un path.", "An operation has a type and a path.", at)
        path, kind = parts["path"].value_string or "", parts["type"].value_code or parts["type"].value_string or ""
        _Operation(tree, type(resource), at, path, parts).run(kind)
    return _rebuilt(tree, resource)


def apply_xml_patch(resource: R, body: bytes) -> R:
    """``resource`` after the RFC 5261 operations of ``body``: add, replace, remove."""
    diff = parse(body, max_bytes=1024 * 1024)
    operations = [child for child in diff if isinstance(child.tag, str)]
    _check_count(len(operations))
    if etree.QName(diff).localname != "diff":
        raise refused("La racine d'un XML Patch est diff (RFC 5261).", "The root of an XML Patch is diff (RFC 5261).")
    root = parse(encode_xml(resource))
    holder = etree.Element("holder")
    holder.append(root)
    for operation in operations:
        _apply_xml(root, operation)
    order = {name: place for place, name in enumerate(slots(type(resource)))}
    root[:] = sorted(root, key=lambda child: order.get(etree.QName(child).localname, -1))
    return decode_xml(etree.tostring(root), type(resource))


def refused(french: str, english: str, location: str = "") -> SocleError:
    """A patch that is not one, or does not apply."""
    return InvalidContent(
        "FHIRPatch", Text(french, english), location=location, requirement="FHIR R4 §3.1.0.9; RFC 6902; RFC 5261"
    )


def _check_count(count: int) -> None:
    if not 0 < count <= MAX_OPERATIONS:
        raise refused(
            f"Un patch a de 1 à {MAX_OPERATIONS} opérations ; celui-ci en a {count}.",
            f"A patch has 1 to {MAX_OPERATIONS} operations; this one has {count}.",
        )


def _rebuilt(tree: Any, resource: R) -> R:
    if not isinstance(tree, dict) or tree.get("resourceType") != type(resource).__struct_config__.tag:
        raise refused("Un patch ne change pas le type de la ressource.", "A patch keeps the type of the resource.")
    return from_tree(_without_empty(tree), type(resource))


def _without_empty(tree: Any) -> Any:
    if isinstance(tree, dict):
        cleaned = {name: _without_empty(value) for name, value in tree.items()}
        return {name: value for name, value in cleaned.items() if value not in ([], {})}
    return [_without_empty(item) for item in tree] if isinstance(tree, list) else tree


def _resolve_brackets(tree: Any, pointer: str) -> str:
    """``pointer`` with each ``name[field:'value']`` as the index of that item, which is added if missing."""
    while (match := _BRACKET.search(pointer)) is not None:
        parent = jsonpointer.resolve_pointer(tree, pointer[: match.start()], None)
        if not isinstance(parent, dict):
            return pointer
        items = parent.setdefault(match["name"], [])
        if not isinstance(items, list):
            return pointer
        wanted = {match["field"]: match["value"]}
        index = next(
            (n for n, item in enumerate(items) if isinstance(item, dict) and wanted.items() <= item.items()), None
        )
        if index is None:
            items.append(wanted)
            index = len(items) - 1
        pointer = f"{pointer[: match.start()]}/{match['name']}/{index}{pointer[match.end() :]}"
    return pointer


class _Operation:
    """One operation of a FHIRPath Patch."""

    def __init__(
        self, tree: dict[str, Any], cls: type[Resource], at: str, path: str, parts: dict[str, ParametersParameter]
    ) -> None:
        self.tree, self.cls, self.at, self.path, self.parts = tree, cls, at, path, parts

    def run(self, kind: str) -> None:
        if kind == "add":
            self.add()
        elif kind == "insert":
            items, names = self.items()
            items.insert(self.index("index", len(items)), self.value(self.slot(names))[1])
        elif kind == "move":
            items, _ = self.items()
            item = items.pop(self.index("source", len(items) - 1))
            items.insert(self.index("destination", len(items)), item)
        elif kind == "delete":
            for place in self.one(required=False):
                del place.container[place.key]
        elif kind == "replace":
            for place in self.one(required=True):
                self.replace(place)
        else:
            raise refused(f"L'opération « {kind} » n'existe pas.", f"There is no operation '{kind}'.", self.at)

    def replace(self, place: Location) -> None:
        name, value = self.value(self.slot(place.names))
        # A choice ``value[x]`` is written under the name of its type; ContactPoint.value is no choice.
        if (
            isinstance(place.key, str)
            and place.key.startswith("value")
            and self.slot((*place.names[:-1], "value")) is None
        ):
            del place.container[place.key]
            place.container[name] = value
        else:
            place.container[place.key] = value

    def add(self) -> None:
        (place,) = self.one(required=True)
        part = self.parts.get("name")
        name = (part.value_string or part.value_code or "") if part is not None else ""
        slot = self.slot((*place.names, name))
        field, value = self.value(slot)
        if slot is None and name == "value":
            name, slot = field, self.slot((*place.names, field))
        if not isinstance(place.value, dict) or slot is None:
            raise refused(f"L'élément « {name} » n'existe pas ici.", f"There is no element '{name}' here.", self.at)
        if slot.is_repeated:
            place.value.setdefault(name, []).append(value)
        else:
            place.value[name] = value

    def items(self) -> tuple[list[Any], tuple[str, ...]]:
        """The list that the path selects, made if it is empty, and its element names."""
        places = locate(self.tree, self.path)
        if places and isinstance(places[0].container, list):
            return places[0].container, places[0].names
        parent = _LAST_NAME.fullmatch(self.path)
        owners = locate(self.tree, parent["owner"]) if parent is not None and not places else []
        if parent is not None and len(owners) == 1 and isinstance(owners[0].value, dict):
            names = (*owners[0].names, parent["name"])
            slot = self.slot(names)
            if slot is not None and slot.is_repeated:
                items: list[Any] = owners[0].value.setdefault(parent["name"], [])
                return items, names
        raise refused("Le path ne désigne pas une liste.", "The path does not select a list.", self.at)

    def one(self, *, required: bool) -> list[Location]:
        places = locate(self.tree, self.path)
        if len(places) > 1 or (required and not places):
            raise refused(
                f"« {self.path[:200]} » désigne {len(places)} éléments ; il en faut un.",
                f"'{self.path[:200]}' selects {len(places)} elements; one is needed.",
                self.at,
            )
        return places

    def index(self, name: str, most: int) -> int:
        part = self.parts.get(name)
        number = part.value_integer if part is not None else None
        if number is None or not 0 <= number <= most:
            raise refused(f"« {name} » est hors de la liste.", f"'{name}' is out of the list.", self.at)
        return number

    def value(self, slot: Slot | None) -> tuple[str, Any]:
        """The name of the ``value[x]`` and its tree; parts are the elements of the anonymous type of ``slot``."""
        part = self.parts.get("value")
        if part is None:
            raise refused("L'opération n'a pas de valeur.", "The operation has no value.", self.at)
        return self.tree_of(part, slot)

    def tree_of(self, part: ParametersParameter, slot: Slot | None) -> tuple[str, Any]:
        for name, value in to_tree(part).items():
            if name.startswith("value"):
                return name, copy.deepcopy(value)
        if not part.part:
            raise refused("L'opération n'a pas de valeur.", "The operation has no value.", self.at)
        known = slots(slot.type) if slot is not None and slot.kind is Kind.COMPLEX else {}
        elements: dict[str, Any] = {}
        for inner in part.part:
            field, value = self.tree_of(inner, known.get(inner.name))
            elements[field if inner.name == "value" and "value" not in known else inner.name] = value
        return "", elements

    def slot(self, names: tuple[str, ...]) -> Slot | None:
        return slot_at(self.cls, names)


def _apply_xml(root: etree._Element, operation: etree._Element) -> None:
    kind, selector = etree.QName(operation).localname, operation.get("sel", "")
    if kind not in ("add", "replace", "remove") or not _SELECTOR.fullmatch(selector) or len(selector) > 500:
        raise refused(
            f"L'opération « {kind} {selector[:200]} » n'est pas de celles que le serveur lit.",
            f"The operation '{kind} {selector[:200]}' is not one that the server reads.",
        )
    owner, attribute = _select(root, operation, selector)
    children = [child for child in operation if isinstance(child.tag, str)]
    if attribute:
        if kind == "remove":
            owner.attrib.pop(attribute, None)
        else:
            owner.set(attribute, (operation.text or "").strip())
        return
    parent = owner.getparent()
    if kind == "add" and (name := operation.get("type", "")).startswith("@"):
        owner.set(name[1:], (operation.text or "").strip())
    elif kind == "add" and operation.get("pos") in ("before", "after") and owner is not root and parent is not None:
        place = parent.index(owner) + (operation.get("pos") == "after")
        parent[place:place] = children
    elif kind == "add":
        place = 0 if operation.get("pos") == "prepend" else len(owner)
        owner[place:place] = children
    elif owner is not root and parent is not None:
        place = parent.index(owner)
        parent[place : place + 1] = children if kind == "replace" else []
    else:
        raise refused("La ressource elle-même ne se remplace pas.", "The resource itself cannot be replaced.")


def _select(root: etree._Element, operation: etree._Element, selector: str) -> tuple[etree._Element, str]:
    namespaces = {prefix: uri for prefix, uri in operation.nsmap.items() if prefix}
    namespaces["default-ns"] = operation.nsmap.get(None) or NAMESPACE
    path, _, attribute = selector.rpartition("/@")
    path, attribute = (path, attribute) if path else (selector, "")
    qualified = _UNPREFIXED.sub(lambda m: m[1] or f"default-ns:{m[2]}", path.removeprefix("/"))
    try:
        holder = root.getparent()
        assert holder is not None
        found = holder.xpath(qualified, namespaces=namespaces)
    except etree.XPathError:
        found = []
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], etree._Element):
        raise refused(
            f"« {selector[:200]} » ne désigne pas un élément et un seul.",
            f"'{selector[:200]}' does not select exactly one element.",
        )
    return found[0], attribute
