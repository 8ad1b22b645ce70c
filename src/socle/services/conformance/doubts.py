"""Rules of a kit that cannot mean what they say: they are applied as written, and reported as defects.

Source: fact sheet of the official pipeline, "Semantics to reproduce": rules that never fire, tests that always hold,
names and codes that no document can carry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from lxml import etree

from socle.standards import xml
from socle.standards.errors import Text
from socle.standards.schematron import xpath as x
from socle.standards.schematron.schema import Check, Defect, Extension, Let, Schema
from socle.standards.schematron.shapes import BOOLEAN_CALLS, flatten

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_COMPARED: Final = frozenset(("=", "!=", "<", "<=", ">", ">=", "and", "or"))
#: Hyphens that no code has, and spaces around a value or unlike others.
_STRANGE: Final = re.compile("[\u00a0\u2010-\u2015\u2212]|^\\s+\\S|\\S\\s+$")
#: Schemas that other editors publish may name the DTD of XML schemas; it says nothing of names.
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL)


class SchemaNames(msgspec.Struct, frozen=True):
    """The elements (Clark names) and attributes that an XML schema knows."""

    elements: frozenset[str]
    attributes: frozenset[str]


def schema_names(sources: Iterable[bytes]) -> SchemaNames:
    """The names that some XML schema files declare."""
    elements: set[str] = set()
    attributes = {f"{_XSI}{name}" for name in ("type", "nil", "schemaLocation", "noNamespaceSchemaLocation")}
    for source in sources:
        root = xml.parse(_DOCTYPE.sub(b"", source))
        namespace = root.get("targetNamespace", "urn:hl7-org:v3")
        elements |= {f"{{{namespace}}}{name}" for name in _declared(root, "element")}
        attributes |= set(_declared(root, "attribute"))
    return SchemaNames(frozenset(elements), frozenset(attributes))


def _declared(root: etree._Element, kind: str) -> Iterator[str]:
    return (element.get("name", "") for element in root.iter(f"{_XS}{kind}") if element.get("name"))


def doubts(schema: Schema, names: SchemaNames) -> list[Defect]:
    """What in the rules of ``schema`` cannot be meant, each once."""
    found: dict[Defect, None] = dict.fromkeys(_shadowed(schema))
    for pattern, expression in _expressions(schema):
        try:
            tree = x.parse_xpath(expression, {"xs": _XS[1:-1], **schema.namespaces})
        except x.UnsupportedXPath:
            continue  # listed among the rules that were not compiled
        for code, reason in _doubtful(tree, names):
            told = Text(f"{pattern} : {reason.fr}", f"{pattern}: {reason.en}")
            found[Defect(code, schema.path, told)] = None
    return list(found)


def _expressions(schema: Schema) -> Iterator[tuple[str, str]]:
    for pattern in schema.patterns:
        for rule in pattern.rules:
            yield pattern.identifier, rule.context
            yield from ((pattern.identifier, expression) for expression in _body(rule.body))


def _body(body: tuple[Let | Check | Extension, ...]) -> Iterator[str]:
    for item in body:
        if isinstance(item, Extension):
            yield from _body(item.body)
        else:
            yield item.value if isinstance(item, Let) else item.test


def _doubtful(expr: object, names: SchemaNames) -> Iterator[tuple[str, Text]]:
    match expr:
        case x.Call("count", (argument,)) if _is_boolean(argument):
            yield (
                "TestConstant",
                Text("count() compte une condition : toujours 1", "count() counts a condition: always 1"),
            )
        case x.Binary("or", left, right) if _is_word(left) or _is_word(right):
            yield (
                "TestConstant",
                Text("« ou » une valeur constante : toujours vrai", "“or” a constant value: always true"),
            )
        case x.Literal(str() as value) if _STRANGE.search(value):
            shown = value.encode("ascii", "backslashreplace").decode()
            yield (
                "ValueStrange",
                Text(f"espace ou tiret étrange dans la valeur '{shown}'", f"odd space or hyphen in value '{shown}'"),
            )
        case x.Test("element", name) if "*" not in name and name not in names.elements:
            yield "NameUnknown", Text(f"élément inconnu du schéma XML : {name}", f"element not in the schema: {name}")
        case x.Test("attribute", name) if "*" not in name and name not in names.attributes:
            yield "NameUnknown", Text(f"attribut inconnu du schéma XML : @{name}", f"attribute not in it: @{name}")
    if isinstance(expr, x.Path):
        head, _ = flatten(expr)
        if isinstance(head, x.Call) and head.name in ("doc", "document"):
            return  # steps in another file
    for part in expr if isinstance(expr, tuple) else _fields(expr):
        yield from _doubtful(part, names)


def _fields(expr: object) -> Iterator[object]:
    if isinstance(expr, x.Expr | x.Test):
        yield from (getattr(expr, field) for field in expr.__struct_fields__)


def _is_word(expr: x.Expr) -> bool:
    return isinstance(expr, x.Literal) and isinstance(expr.value, str) and expr.value != ""


def _is_boolean(expr: x.Expr) -> bool:
    return (isinstance(expr, x.Binary) and expr.operator in _COMPARED) or (
        isinstance(expr, x.Call) and expr.name in BOOLEAN_CALLS
    )


def _shadowed(schema: Schema) -> Iterator[Defect]:
    """Rules that never fire: an earlier rule of the same pattern has the same context."""
    for pattern in schema.patterns:
        seen: set[str] = set()
        for rule in pattern.rules:
            context = " ".join(rule.context.split())
            if context in seen:
                yield Defect(
                    "RuleShadowed",
                    schema.path,
                    Text(
                        f"{pattern.identifier} : règle sans effet, une autre a le même contexte : {context}",
                        f"{pattern.identifier}: rule without effect, an earlier one has its context: {context}",
                    ),
                )
            seen.add(context)


def missing_sets(schema: Schema, addresses: Iterable[str]) -> list[Defect]:
    """The files that rules ask for and that are not in the kit."""
    return [
        Defect("ValueSetMissing", schema.path, Text(f"fichier absent : {address}", f"file missing: {address}"))
        for address in addresses
    ]


def substituted(vocabularies: Mapping[str, str]) -> list[Defect]:
    """Vocabularies that were made again from a value set of the kit."""
    return [
        Defect(
            "VocabularyMissing",
            name,
            Text(f"vocabulaire absent, refait d'après {path}", f"vocabulary missing, made again from {path}"),
        )
        for name, path in sorted(vocabularies.items())
    ]
