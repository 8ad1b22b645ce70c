"""FHIR JSON to typed resources and back: strict, bounded, without loss.

Refused, beside what the types refuse: a key given twice, ``null`` outside an array, an empty array, object or string,
``NaN``, and nesting so deep that it can only be an attack.

Source: FHIR R4 §2.6.2 JSON representation.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar, overload

import msgspec

from socle.standards.errors import MalformedInput, Text, TooLarge
from socle.standards.fhir.failures import explain, refusal
from socle.standards.fhir.resources import AnyResource, Resource
from socle.standards.fhir.types import Element

R = TypeVar("R", bound=Resource)
S = TypeVar("S", bound=Resource | Element)

#: Signs ``{`` and ``,`` in one body: what is small on the wire is large in memory. A set of a thousand documents has
#: 150,000.
MAX_MARKS = 1_000_000

_ENCODER = msgspec.json.Encoder(decimal_format="number")


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@overload
def decode_json(body: bytes) -> AnyResource: ...
@overload
def decode_json(body: bytes, kind: type[R]) -> R: ...
def decode_json(body: bytes, kind: type[Resource] | None = None) -> Resource:
    """The resource that ``body`` holds, of type ``kind`` if that is given.

    Raises ``TooLarge`` above ``MAX_MARKS``, ``MalformedInput`` whose ``location`` is the FHIRPath expression of what is
    wrong.

    >>> from socle.standards.fhir.resources import Patient
    >>> decode_json(b'{"resourceType":"Patient","gender":"female"}', Patient).gender
    'female'
    """
    resource_type = _check_plain(body)
    try:
        resource: Resource = _decoder(kind if kind is not None else AnyResource).decode(body)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise explain(error, resource_type) from None
    return resource


def encode_json(resource: Resource | Element) -> bytes:
    """FHIR JSON of ``resource``, in the element order of the specification."""
    return _ENCODER.encode(resource)


def to_tree(resource: Resource | Element) -> dict[str, Any]:
    """``resource`` as plain JSON values (dict, list, str, int, Decimal, bool; bytes as base64 text), to be patched."""
    tree: dict[str, Any] = json.loads(encode_json(resource), parse_float=Decimal)
    return tree


def from_tree(tree: dict[str, Any], kind: type[S]) -> S:
    """The ``kind`` that plain JSON values describe. Raises ``MalformedInput`` as ``decode_json`` does."""
    try:
        return msgspec.convert(tree, kind)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise explain(error, kind.__name__) from None


class _NotPlain(ValueError):
    """A JSON object that FHIR forbids."""


def _checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _NotPlain(twice, "est donné deux fois", "is given twice")
    for key, value in pairs:
        if not value and value is not False:
            raise _NotPlain(key, "est vide ou null", "is empty or null")
    return content


def _refuse_constant(name: str) -> None:
    raise _NotPlain(name, "n'est pas un nombre JSON", "is not a JSON number")


# Numbers are left to msgspec: here they only pass by, as text, so that a million digits cost nothing.
_PLAIN = json.JSONDecoder(object_pairs_hook=_checked, parse_int=str, parse_float=str, parse_constant=_refuse_constant)


def _check_plain(body: bytes) -> str:
    if len(body) > MAX_MARKS and body.count(b"{") + body.count(b",") > MAX_MARKS:
        raise TooLarge(
            "FHIRTooManyValues",
            Text(
                f"Le corps a trop de valeurs : plus de {MAX_MARKS} signes {{ et virgules.",
                f"The body has too many values: over {MAX_MARKS} signs {{ and commas.",
            ),
            requirement="FHIR R4 (4.0.1)",
        )
    try:
        tree = _PLAIN.decode(body.decode("utf-8"))
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError as error:
        raise refusal(
            "FHIREncoding",
            f"Le corps n'est pas de l'UTF-8 (octet {error.start}).",
            f"The body is not UTF-8 (byte {error.start}).",
        ) from None
    except _NotPlain as error:
        name, french, english = error.args
        raise refusal("FHIRJson", f"« {name} » {french}.", f"'{name}' {english}.", name) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise refusal(
            "FHIRJson",
            f"Ce n'est pas du JSON (ligne {error.lineno}, colonne {error.colno}).",
            f"This is not JSON ({place}): {error.msg}.",
            place,
        ) from None
    return str(tree.get("resourceType", "")) if isinstance(tree, dict) else ""


def _too_deep() -> MalformedInput:
    return refusal("FHIRTooDeep", "Les objets sont trop profondément imbriqués.", "Objects are nested too deep.")
