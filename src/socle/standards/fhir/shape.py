"""What the structs say of themselves: the elements of each type, for the codecs and patches that walk any resource."""

from __future__ import annotations

import types
import typing
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from socle.standards.fhir import resources
from socle.standards.fhir.primitives import ELEMENT_SUFFIX
from socle.standards.fhir.resources import Resource
from socle.standards.fhir.types import Element

#: Resource structs by ``resourceType``.
RESOURCE_TYPES: Final[dict[str, type[Resource]]] = {
    str(cls.__struct_config__.tag): cls for cls in typing.get_args(resources.AnyResource)
}


class Kind(Enum):
    """How an element is written in XML."""

    ATTRIBUTE = auto()
    PRIMITIVE = auto()
    XHTML = auto()
    COMPLEX = auto()
    RESOURCE = auto()


class Slot(NamedTuple):
    """One element of a struct: ``place`` is its rank, ``extra`` the field of a primitive's id and extensions."""

    field: str
    name: str
    kind: Kind
    type: Any
    is_repeated: bool
    extra: str
    place: int


@lru_cache(maxsize=1024)
def slots(cls: type[msgspec.Struct]) -> dict[str, Slot]:
    """The elements of ``cls`` by FHIR name, in the order of the specification."""
    hints = typing.get_type_hints(cls, include_extras=True)
    wire = dict(zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True))
    found: dict[str, Slot] = {}
    for field in cls.__struct_fields__:
        if field.endswith(ELEMENT_SUFFIX):
            continue
        kind, inner, is_repeated = _classify(cls, field, hints[field])
        extra = field + ELEMENT_SUFFIX
        extra = extra if extra in hints else ""
        found[wire[field]] = Slot(field, wire[field], kind, inner, is_repeated, extra, len(found))
    return found


def slot_at(cls: type[msgspec.Struct], names: tuple[str, ...]) -> Slot | None:
    """The element of ``cls`` at the path ``names``; none if there is no such path outside contained resources."""
    slot = None
    for name in names:
        if slot is not None and slot.kind is not Kind.COMPLEX:
            return None
        slot = slots(slot.type if slot is not None else cls).get(name)
        if slot is None:
            return None
    return slot


def _classify(cls: type[msgspec.Struct], field: str, hint: Any) -> tuple[Kind, Any, bool]:
    is_repeated = typing.get_origin(hint) is tuple
    inner = typing.get_args(hint)[0] if is_repeated else hint
    if typing.get_origin(inner) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(inner) if option is not types.NoneType]
        inner = options[0] if len(options) == 1 else resources.AnyResource
    if inner == resources.AnyResource:
        return Kind.RESOURCE, None, is_repeated
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return Kind.COMPLEX, inner, is_repeated
    if issubclass(cls, Element) and (field == "id" or (cls.__name__ == "Extension" and field == "url")):
        return Kind.ATTRIBUTE, str, is_repeated
    if typing.get_origin(inner) is typing.Annotated:
        constraint = inner.__metadata__[0]
        if constraint.extra and constraint.extra.get("xhtml"):
            return Kind.XHTML, str, is_repeated
        inner = inner.__origin__
    return Kind.PRIMITIVE, str if typing.get_origin(inner) is typing.Literal else inner, is_repeated
