"""ISO Schematron read into a flat rule set: includes joined, abstract patterns expanded, phase chosen.

Files are asked from a ``Reader``, so that this module does no I/O. What is broken in a rule set (a missing include,
a name in the wrong case, an unknown abstract pattern) is listed in ``Schema.defects`` and never hidden.

Two habits of the ISO skeleton are kept because verdicts depend on them: parameters of abstract patterns are replaced
as text in ``test``, ``context``, ``select`` and messages only; and a ``let`` of a pattern is global to the schema.

Source: ISO/IEC 19757-3:2016 §5 and §6; ISO skeleton, ``iso_dsdl_include``, ``iso_abstract_expand``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final, Protocol

import msgspec
from lxml import etree

from socle.standards import xml
from socle.standards.errors import SocleError, Text

NAMESPACE: Final = "http://purl.oclc.org/dsdl/schematron"
_S: Final = f"{{{NAMESPACE}}}"
_MAX_INCLUDE_DEPTH: Final = 20


class Reader(Protocol):
    """Gives the files of a rule set by their relative path."""

    def resolve(self, path: str) -> str | None:
        """The true path of ``path``, ignoring case where needed; None when there is no such file."""

    def read(self, path: str) -> bytes:
        """The bytes at a path given by ``resolve``."""


class Defect(msgspec.Struct, frozen=True):
    """Something broken in a rule set: ``code`` for programs, ``where`` the file, ``reason`` for people."""

    code: str
    where: str
    reason: Text


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A part of a message: literal text, or an expression to evaluate (``kind`` ``value`` or ``name``)."""

    kind: str
    text: str


class Let(msgspec.Struct, frozen=True, array_like=True):
    """A variable of a rule, a pattern or the schema."""

    name: str
    value: str


class Check(msgspec.Struct, frozen=True, array_like=True):
    """One ``assert``, or ``report`` when ``is_report``."""

    test: str
    is_report: bool
    role: str
    message: tuple[Piece, ...]
    identifier: str = ""


class Extension(msgspec.Struct, frozen=True, array_like=True):
    """The body of the abstract rule ``name``, at the place of an ``extends``."""

    name: str
    body: tuple[Let | Check | Extension, ...]


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """A context and what is checked there; ``body`` keeps lets, checks and extensions in their order."""

    context: str
    body: tuple[Let | Check | Extension, ...]
    identifier: str = ""


class Pattern(msgspec.Struct, frozen=True, array_like=True):
    """Rules of which only the first that matches a node fires for it."""

    identifier: str
    rules: tuple[Rule, ...]


class Schema(msgspec.Struct, frozen=True):
    """A whole rule set, ready to compile."""

    path: str
    title: str
    namespaces: dict[str, str]
    lets: tuple[Let, ...]
    patterns: tuple[Pattern, ...]
    defects: tuple[Defect, ...] = ()


def load_schema(path: str, reader: Reader, phase: str = "#DEFAULT") -> Schema:
    """The rule set whose main file is ``path``. Raises ``SocleError`` when that file itself cannot be read."""
    return _Loader(reader).load(path, phase)


class _Loader:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.defects: list[Defect] = []

    def load(self, path: str, phase: str) -> Schema:
        root = xml.parse(self.reader.read(path))
        self.include(root, path, 0)
        declared = {pattern.get("id", ""): pattern for pattern in root.iter(f"{_S}pattern")}
        active = self.active_patterns(root, phase, declared, path)
        abstract_rules = {rule.get("id", ""): rule for rule in root.iter(f"{_S}rule") if rule.get("abstract") == "true"}
        lets = [self.let(let, path) for let in root.findall(f"{_S}let")]
        patterns = []
        for element in self.concrete_patterns(root, declared, path):
            if active is not None and element.get("id") not in active:
                continue
            lets += [self.let(let, path) for let in element.findall(f"{_S}let")]
            patterns.append(self.pattern(element, abstract_rules, path))
        return Schema(
            path=path,
            title=" ".join((root.findtext(f"{_S}title") or "").split()),
            namespaces={ns.get("prefix", ""): ns.get("uri", "") for ns in root.iter(f"{_S}ns")},
            lets=tuple(lets),
            patterns=tuple(pattern for pattern in patterns if pattern.rules),
            defects=tuple(dict.fromkeys(self.defects)),
        )

    def report(self, code: str, where: str, french: str, english: str) -> None:
        self.defects.append(Defect(code, where, Text(french, english)))

    def include(self, root: etree._Element, path: str, depth: int) -> None:
        for element in list(root.iter(f"{_S}include")):
            href = element.get("href", "").partition("#")[0]
            wanted = posixpath.normpath(posixpath.join(posixpath.dirname(path), href))
            found = self.reader.resolve(wanted)
            parent = element.getparent()
            if parent is None:
                continue
            if found is None or depth >= _MAX_INCLUDE_DEPTH:
                self.report("IncludeMissing", path, f"inclusion introuvable : {href}", f"include not found: {href}")
                _remove(element)
                continue
            if found != wanted:
                self.report(
                    "NameCase",
                    path,
                    f"nom dans une autre casse : {href} demandé, {found} présent",
                    f"name in another case: {href} asked, {found} present",
                )
            try:
                included = xml.parse(self.reader.read(found))
            except SocleError as error:
                self.report("IncludeUnreadable", found, error.reason.fr, error.reason.en)
                _remove(element)
                continue
            self.include(included, found, depth + 1)
            joined = list(included) if included.tag == f"{_S}schema" else [included]
            position = parent.index(element)
            _remove(element)
            for offset, node in enumerate(joined):
                parent.insert(position + offset, node)

    def active_patterns(
        self, root: etree._Element, phase: str, declared: dict[str, etree._Element], path: str
    ) -> set[str] | None:
        wanted = (root.get("defaultPhase") or "#ALL") if phase == "#DEFAULT" else phase
        if wanted == "#ALL":
            return None
        active: set[str] = set()
        for element in root.findall(f"{_S}phase"):
            if element.get("id") == wanted:
                active |= {chosen.get("pattern", "") for chosen in element.findall(f"{_S}active")}
        if not active:
            self.report("PhaseMissing", path, f"phase inconnue ou vide : {wanted}", f"unknown or empty phase: {wanted}")
        for name in sorted(active - set(declared)):
            self.report(
                "PatternMissing", path, f"motif activé mais absent : {name}", f"pattern active but absent: {name}"
            )
        unused = sorted(name for name, element in declared.items() if name not in active and _is_concrete(element))
        for name in unused:
            self.report(
                "PatternInactive",
                path,
                f"motif inclus mais non activé : {name}",
                f"pattern included, not active: {name}",
            )
        return active

    def concrete_patterns(
        self, root: etree._Element, declared: dict[str, etree._Element], path: str
    ) -> Iterator[etree._Element]:
        for element in root.findall(f"{_S}pattern"):
            if element.get("abstract") == "true":
                continue
            model_name = element.get("is-a")
            if model_name is None:
                yield element
                continue
            model = declared.get(model_name)
            if model is None:
                self.report(
                    "AbstractMissing",
                    path,
                    f"motif abstrait absent : {model_name}",
                    f"no abstract pattern {model_name}",
                )
                continue
            yield _expand(model, element)

    def pattern(self, element: etree._Element, abstract: dict[str, etree._Element], path: str) -> Pattern:
        local = {rule.get("id", ""): rule for rule in element.findall(f"{_S}rule") if rule.get("abstract") == "true"}
        rules = []
        for rule in element.findall(f"{_S}rule"):
            if rule.get("abstract") == "true":
                continue
            if not rule.get("context"):
                self.report("ContextMissing", path, "règle sans contexte", "rule without context")
                continue
            body = tuple(self.body(rule, {**abstract, **local}, path, 0))
            rules.append(Rule(rule.get("context", ""), body, rule.get("id", "")))
        return Pattern(element.get("id", "") or (element.findtext(f"{_S}title") or "").strip(), tuple(rules))

    def let(self, element: etree._Element, path: str) -> Let:
        """A variable; XSLT takes the spaces around its name away, other engines call it undeclared."""
        name = element.get("name", "")
        if name != name.strip():
            self.report("NameStrange", path, f"variable « {name} » : espaces", f"variable “{name}”: spaces")
        return Let(name.strip(), element.get("value", ""))

    def body(
        self, rule: etree._Element, abstract: dict[str, etree._Element], path: str, depth: int
    ) -> Iterator[Let | Check | Extension]:
        for child in rule:
            if child.tag == f"{_S}let":
                yield self.let(child, path)
            elif child.tag in (f"{_S}assert", f"{_S}report"):
                yield Check(
                    test=child.get("test", ""),
                    is_report=child.tag == f"{_S}report",
                    role=child.get("role", ""),
                    message=tuple(_pieces(child)),
                    identifier=child.get("id", ""),
                )
            elif child.tag == f"{_S}extends":
                name = child.get("rule", "")
                if name not in abstract or depth >= _MAX_INCLUDE_DEPTH:
                    self.report("RuleMissing", path, f"règle abstraite absente : {name}", f"no abstract rule {name}")
                    continue
                yield Extension(name, tuple(self.body(abstract[name], abstract, path, depth + 1)))


def _is_concrete(element: etree._Element) -> bool:
    has_rules = element.find(f"{_S}rule") is not None or element.get("is-a") is not None
    return element.get("abstract") != "true" and has_rules


def _expand(model: etree._Element, instance: etree._Element) -> etree._Element:
    copied = etree.fromstring(etree.tostring(model, with_tail=False))
    copied.set("id", instance.get("id", model.get("id", "")))
    copied.attrib.pop("abstract", None)
    for parameter in instance.findall(f"{_S}param"):
        name, value = "$" + parameter.get("name", ""), parameter.get("value", "")
        for element in copied.iter():
            if not isinstance(element.tag, str):
                continue
            for attribute in ("test", "context", "select"):
                if name in (text := element.get(attribute, "")):
                    element.set(attribute, text.replace(name, value))
            if element.text and name in element.text:
                element.text = element.text.replace(name, value)
            if element.tail and name in element.tail:
                element.tail = element.tail.replace(name, value)
    return copied


def _pieces(check: etree._Element) -> Iterator[Piece]:
    if check.text:
        yield Piece("text", check.text)
    for child in check:
        if child.tag == f"{_S}value-of":
            yield Piece("value", child.get("select", "."))
        elif child.tag == f"{_S}name":
            yield Piece("name", child.get("path", "."))
        elif isinstance(child.tag, str):
            yield Piece("text", "".join(child.itertext()))
        if child.tail:
            yield Piece("text", child.tail)


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        element.tail = None
        parent.remove(element)
