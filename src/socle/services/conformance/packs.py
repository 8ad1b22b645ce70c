"""Our own rules, for when no official kit is installed: written in the notation of ``notation``, compiled on demand.

Files of ``data/rules``: a layer each, and ``documents.rules`` with every document type. In them ``[name]`` opens a
pattern, which is also the requirement that findings name (``[name W]``: its findings are warnings); in
``documents.rules`` it opens a document model and ``k)`` numbers its patterns. ``path ∈ SET`` binds a value set of
``data/value_sets.json``; ``∈?`` admits a nullFlavor.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from lxml import etree

from socle import __version__
from socle.services.conformance import notation
from socle.services.conformance.domain import Layer
from socle.services.conformance.seal import NotOurs, read_sealed, write_sealed
from socle.standards.errors import SocleError, Text
from socle.standards.schematron.files import Files
from socle.standards.schematron.plan import FORMAT, Firing, Plan, compile_schema, load_plan
from socle.standards.schematron.schema import Check, Let, Pattern, Piece, Rule, Schema

_SVS: Final = "urn:ihe:iti:svs:2008"
_BOUND: Final = re.compile(r"(?P<path>.+?) (?P<sign>∈\??) (?P<sets>[\w ∪.\-]+)$")
_NUMBERED: Final = re.compile(r"(\d+)\) (.+)$")
_NULL_FLAVORS: Final = ("UNK", "NA", "NASK", "ASKU", "NI", "NAV", "MSK", "OTH", "NINF", "PINF", "TRC")


class _Line(NamedTuple):
    pattern: str
    severity: str
    text: str


class _Stored(msgspec.Struct, array_like=True):
    plan: bytes
    expected: dict[str, Text]


class OwnRules:
    """A rule book of our packs; each rule set is compiled when a document first needs it, then kept in ``cache``."""

    identifier = "socle"
    version = __version__
    schema: etree.XMLSchema | None = None
    has_structure = True

    def __init__(self, cache: Path | None = None) -> None:
        self._plans: dict[str, Plan | None] = {}
        self._expected: dict[str, Text] = {}
        self._cache = cache / _digest() if cache else None

    def plan(self, rule_set: str) -> Plan | None:
        """The plan of a layer, or of a document schema such as ``LDL-SES_2022.01``."""
        if rule_set not in self._plans:
            lines = _documents().get(rule_set) or _layer(rule_set)
            self._plans[rule_set] = (self._load(rule_set) or self._compile(rule_set, lines)) if lines else None
        return self._plans[rule_set]

    def expected(self, firing: Firing) -> Text:
        """What would pass, in the words of the notation."""
        return self._expected.get(firing.check.identifier, Text("", ""))

    def _compile(self, rule_set: str, lines: list[_Line]) -> Plan:
        patterns: dict[str, list[Rule]] = {}
        severities: dict[str, str] = {}
        for number, line in enumerate(lines):
            # A value set is a pattern of its own: it judges nodes that other rules judge too.
            bound = _BOUND.match(line.text)
            name = f"{line.pattern} {number}" if bound else line.pattern
            severities[name] = line.severity
            rule = _bound_rule(bound) if bound else self._rule(line, f"{rule_set}.{number}")
            patterns.setdefault(name, []).append(rule)
        schema = Schema(
            path=rule_set,
            title=rule_set,
            namespaces=notation.NAMESPACES,
            lets=(),
            patterns=tuple(Pattern(name, tuple(rules)) for name, rules in patterns.items()),
        )
        plan = compile_schema(schema, Files("", _ValueSets(), {}))
        self._keep(rule_set, plan)
        return plan

    def _load(self, rule_set: str) -> Plan | None:
        if self._cache is None:
            return None
        try:
            stored = msgspec.msgpack.decode(read_sealed(self._cache / f"{rule_set}.plan"), type=_Stored)
            plan = load_plan(stored.plan, Files("", _ValueSets(), {}))
        except (OSError, msgspec.DecodeError, SocleError):
            return None
        self._expected |= stored.expected
        return plan

    def _keep(self, rule_set: str, plan: Plan) -> None:
        """Keeps a plan for the next process; where nothing can be written, it is compiled again."""
        if self._cache is None:
            return
        expected = {key: text for key, text in self._expected.items() if f"/{rule_set}." in key}
        with suppress(OSError, NotOurs):
            self._cache.mkdir(parents=True, exist_ok=True)
            written = self._cache / f"{rule_set}.{os.getpid()}.new"
            write_sealed(written, msgspec.msgpack.encode(_Stored(plan.dump(), expected)))
            written.replace(self._cache / f"{rule_set}.plan")

    def _rule(self, line: _Line, key: str) -> Rule:
        context, _, constraints = line.text.partition(" :: ")
        checks = []
        for rank, text in enumerate(notation.split(constraints)):
            term = notation.constraint(text)
            identifier = f"{line.pattern}/{key}.{rank}"
            self._expected[identifier] = Text(term.french, term.english)
            french, english = f"Attendu : {term.french}.", f"Expected: {term.english}."
            message = (Piece("text", f"{french} || {english}"),)
            checks.append(Check(term.xpath, False, line.severity, message, identifier))
        return Rule(notation.context(context), tuple(checks))


def _bound_rule(bound: re.Match[str]) -> Rule:
    names = [name.strip() for name in bound["sets"].split("∪")]
    nullable = bound["sign"] == "∈?"
    admitted = " or ".join(f"@nullFlavor='{flavor}'" for flavor in _NULL_FLAVORS)
    untyped = "(@xsi:type and not(@xsi:type = 'CD') and not(@xsi:type = 'CE'))"
    member = " or ".join(
        f"document('{name}')//svs:Concept[@code=$code and @codeSystem=$system]" for name in names
    )  # fmt: skip
    shown = " ∪ ".join(f"{name} ({oid})" if (oid := _value_set_oids().get(name)) else name for name in names)
    found = (Piece("value", "concat(@code, ' (', @codeSystem, ')')"),)
    checks: list[Let | Check] = [Let("code", "@code"), Let("system", "@codeSystem")]
    if not nullable:
        checks.append(_told("not(@nullFlavor)", "nullFlavor n'est pas admis ici.", "nullFlavor is not accepted here."))
    checks.append(
        _told(
            f"(@code and @codeSystem) or {untyped}" + (f" or {admitted}" if nullable else ""),
            f"Attendu : @code et @codeSystem, du jeu de valeurs {shown}.",
            f"Expected: @code and @codeSystem, of the value set {shown}.",
        )
    )
    checks.append(
        Check(
            f"@nullFlavor or {untyped} or {member}",
            False,
            "",
            (
                *found,
                Piece("text", f" n'est pas dans le jeu de valeurs {shown}. || "),
                *found,
                Piece("text", f" is not in the value set {shown}."),
            ),
            f"jeu de valeurs {' ∪ '.join(names)}",
        )
    )
    return Rule(notation.context(bound["path"]), tuple(checks))


def _told(test: str, french: str, english: str) -> Check:
    return Check(test, False, "", (Piece("text", f"{french} || {english}"),))


class _ValueSets:
    """Our value sets as the files that ``document()`` reads."""

    def exists(self, path: str) -> bool:
        return path in value_sets()

    def read(self, path: str) -> bytes | None:
        systems = value_sets().get(path)
        if systems is None:
            return None
        root = etree.Element(f"{{{_SVS}}}ConceptList")
        for system, codes in systems.items():
            for code in codes.split():
                etree.SubElement(root, f"{{{_SVS}}}Concept", code=code, codeSystem=system)
        return etree.tostring(root)


@cache
def value_sets() -> Mapping[str, Mapping[str, str]]:
    """Codes of each value set that our rules need, by code system; labels are left out."""
    text = resources.files(__package__).joinpath("data", "value_sets.json").read_text("utf-8")
    sets: Mapping[str, Mapping[str, str]] = json.loads(text)
    return sets


@cache
def _value_set_oids() -> Mapping[str, str]:
    oids: Mapping[str, str] = json.loads(
        resources.files(__package__).joinpath("data", "value_set_oids.json").read_text("utf-8")
    )
    return oids


def _read(name: str) -> list[str]:
    file = resources.files(__package__).joinpath("data", "rules", f"{name}.rules")
    if not file.is_file():
        return []
    return [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def _headed(lines: list[str]) -> Iterator[tuple[str, str]]:
    head = ""
    for line in lines:
        if line.startswith("[") and line.endswith("]"):
            head = line[1:-1]
        else:
            yield head, line


def _layer(name: str) -> list[_Line]:
    if name not in set(Layer):
        return []
    found = []
    for head, line in _headed(_read(name)):
        is_warning = head.endswith(" W")
        found.append(_Line(head.removesuffix(" W"), "warning" if is_warning else "error", line))
    return found


@cache
def _documents() -> Mapping[str, list[_Line]]:
    models: dict[str, list[_Line]] = {}
    for model, line in _headed(_read("documents")):
        numbered = _NUMBERED.match(line)
        pattern, text = (f"{model} §{numbered[1]}", numbered[2]) if numbered else (model, line)
        models.setdefault(model, []).append(_Line(pattern, "error", text))
    return models


@cache
def _digest() -> str:
    """Changes with our rules and with the compiler."""
    digest = hashlib.blake2b(FORMAT.encode(), digest_size=12)
    for name in (*(layer.value for layer in Layer), "documents"):
        digest.update("\n".join(_read(name)).encode())
    return digest.hexdigest()


@cache
def own_rules(cache: Path | None = None) -> OwnRules:
    """The rule book of this process; plans are kept in ``cache``, read back if this user wrote them."""
    return OwnRules(cache)
