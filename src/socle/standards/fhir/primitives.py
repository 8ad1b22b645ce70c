"""The primitive types of FHIR R4, as constrained Python types, and the naming rule between Python and FHIR.

Source: FHIR R4 §2.24 Data types (regular expressions of each primitive).
"""

from __future__ import annotations

import decimal
import re
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta, Struct

_YEAR: Final = r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_MM: Final = "(0[1-9]|1[0-2])"
_DD: Final = "(0[1-9]|[12][0-9]|3[01])"
_TIME: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE: Final = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
#: Inside a character class: what XML can carry, white space apart.
_VISIBLE: Final = "!-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff"

Boolean = bool
Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
UnsignedInt = Annotated[int, Meta(ge=0, le=2**31 - 1)]
PositiveInt = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Decimal = decimal.Decimal
String = Annotated[str, Meta(pattern=rf"^[\t\n\r {_VISIBLE}]+\Z", max_length=1024 * 1024)]
Markdown = String
Code = Annotated[str, Meta(pattern=rf"^[{_VISIBLE}]+( [{_VISIBLE}]+)*\Z")]
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9\-.]{1,64}\Z")]
Uri = Annotated[str, Meta(pattern=rf"^[{_VISIBLE}]+\Z")]
Url = Annotated[str, Meta(pattern=rf"^[{_VISIBLE}]+\Z")]
Canonical = Annotated[str, Meta(pattern=rf"^[{_VISIBLE}]+\Z")]
Oid = Annotated[str, Meta(pattern=r"^urn:oid:[0-2](\.(0|[1-9][0-9]*))+\Z")]
Uuid = Annotated[str, Meta(pattern=r"^urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")]
Date = Annotated[str, Meta(pattern=rf"^{_YEAR}(-{_MM}(-{_DD})?)?\Z")]
DateTime = Annotated[str, Meta(pattern=rf"^{_YEAR}(-{_MM}(-{_DD}(T{_TIME}{_ZONE})?)?)?\Z")]
Instant = Annotated[str, Meta(pattern=rf"^{_YEAR}-{_MM}-{_DD}T{_TIME}{_ZONE}\Z")]
Time = Annotated[str, Meta(pattern=rf"^{_TIME}\Z")]
#: Bytes in Python; base64 without line breaks in JSON, with or without them in XML.
Base64Binary = bytes
#: A ``<div xmlns="http://www.w3.org/1999/xhtml">`` as text.
Xhtml = Annotated[str, Meta(min_length=1, extra={"xhtml": True})]

#: Suffix of the Python field that carries ``_name`` (id and extensions of a primitive).
ELEMENT_SUFFIX: Final = "_element"

_HUMP = re.compile(r"_([a-z0-9])")
_BOUNDARY = re.compile(r"(?<=[a-z0-9])([A-Z])")


def fhir_name(python_name: str) -> str:
    """The FHIR name of a Python field name.

    >>> fhir_name("birth_date"), fhir_name("birth_date_element"), fhir_name("class_")
    ('birthDate', '_birthDate', 'class')
    """
    if python_name.endswith(ELEMENT_SUFFIX):
        return "_" + fhir_name(python_name.removesuffix(ELEMENT_SUFFIX))
    return _HUMP.sub(lambda match: match[1].upper(), python_name.rstrip("_"))


def python_name(name: str) -> str:
    """The Python field name of a FHIR name, before reserved words get their trailing underscore.

    >>> python_name("birthDate"), python_name("valueBase64Binary")
    ('birth_date', 'value_base64_binary')
    """
    return _BOUNDARY.sub(lambda match: "_" + match[1], name).lower()


@lru_cache(maxsize=4096)
def choice_fields(cls: type[Struct], choice: str) -> tuple[str, ...]:
    """The Python fields of ``cls`` that hold the types of a choice element (``value`` for ``value[x]``)."""
    return tuple(
        field
        for field in cls.__struct_fields__
        if field.startswith(choice + "_") and not field.endswith(ELEMENT_SUFFIX)
    )


def check_choices(value: Struct, /, **choices: bool) -> None:
    """Raises ``ValueError`` where a choice has two types, or none though it is required (``name=True``)."""
    for choice, is_required in choices.items():
        present = [field for field in choice_fields(type(value), choice) if getattr(value, field) is not None]
        if len(present) > 1:
            raise ValueError(f"Only one of {', '.join(map(fhir_name, present))} may be present")
        if is_required and not present:
            raise ValueError(f"Object missing required field `{fhir_name(choice)}[x]`")


def check_finite(*values: decimal.Decimal | None) -> None:
    """Raises ``ValueError`` on a decimal that is no number (``NaN``, ``Infinity``)."""
    for value in values:
        if value is not None and not value.is_finite():
            raise ValueError("Expected `decimal`")
