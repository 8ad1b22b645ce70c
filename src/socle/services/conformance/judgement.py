"""One document judged by the rules in force: the pure function behind every door.

Source: fact sheet of the official pipeline: XML schema, then the rule sets of the body, of terminologies, of the
header, then that of the document type; each is a layer of the verdict.
"""

from __future__ import annotations

import time
from datetime import date
from itertools import islice
from typing import Final, Protocol

import msgspec
from lxml import etree

from socle.services.conformance.domain import Finding, Layer, RuleSet, Severity, Uncovered, Verdict
from socle.services.conformance.recognition import Recognized, recognize
from socle.services.conformance.sense import check_sense
from socle.services.conformance.structure import check_structure
from socle.standards.cda.document import open_document
from socle.standards.errors import Text
from socle.standards.schematron.plan import Firing, Plan
from socle.standards.schematron.positions import positions
from socle.standards.schematron.tree import Document, Node, location, opening_tag
from socle.standards.xml import parse

#: Largest document judged: embedded files make documents of tens of megabytes.
MAX_BYTES: Final = 100 * 1024 * 1024
#: A document that breaks everything is told the first findings of each layer; the rest is counted.
MAX_FINDINGS_PER_LAYER: Final = 2_000
_SEVERITIES: Final = {
    "warning": Severity.WARNING,
    "warn": Severity.WARNING,
    "info": Severity.INFORMATION,
    "information": Severity.INFORMATION,
    "hint": Severity.INFORMATION,
}
#: The order of the official pipeline.
LAYERS: Final = (Layer.IHE, Layer.TERMINOLOGY, Layer.FRENCH, Layer.ANS, Layer.HEADER)


class RuleBook(Protocol):
    """The rules of a base: an official kit, or our own packs."""

    @property
    def identifier(self) -> str:
        """What the rule sets are called together."""

    @property
    def version(self) -> str:
        """The version of the whole."""

    def plan(self, rule_set: str) -> Plan | None:
        """The compiled rules of a layer, or of a document schema."""

    @property
    def schema(self) -> etree.XMLSchema | None:
        """The XML schema."""

    @property
    def has_structure(self) -> bool:
        """Whether our own list of children and attributes stands in for the XML schema."""

    def expected(self, firing: Firing) -> Text:
        """What would pass, in words, when the rules know it."""


def judge(content: bytes, book: RuleBook, today: date) -> Verdict:
    """What the rules in force say of ``content``.

    Raises ``MalformedInput`` when it is not XML, ``InvalidContent`` when no CDA is inside, ``TooLarge`` over
    ``MAX_BYTES``: there is nothing to judge then.
    """
    started = time.perf_counter()
    whole = parse(content, max_bytes=MAX_BYTES)
    root = open_document(whole).root
    before = _elements_before(whole, root)
    document = Document(root)
    try:
        court = _Court(book, document, recognize(document))
        court.hear_schema(root)
        for layer in LAYERS:
            court.hear(layer, layer.value)
        if court.recognized.schema:
            court.hear(Layer.DOCUMENT, court.recognized.schema)
        court.hear_sense(today)
        encoding = whole.getroottree().docinfo.encoding or "UTF-8"
        return court.verdict(content, encoding, before, started)
    finally:
        document.release()


def _elements_before(whole: etree._Element, root: etree._Element) -> int:
    if whole is root:
        return 0
    for count, element in enumerate(whole.iter("*")):
        if element is root:
            return count
    return 0


class _Court:
    """Collects what each layer finds; places are turned into lines and columns at the end, all at once."""

    def __init__(self, book: RuleBook, document: Document, recognized: Recognized) -> None:
        self.book = book
        self.document = document
        self.recognized = recognized
        self.found: list[tuple[Finding, Node | None]] = []
        self.uncovered: list[Uncovered] = []
        self.rule_sets: list[RuleSet] = []

    def hear_schema(self, root: etree._Element) -> None:
        schema = self.book.schema
        if schema is None and not self.book.has_structure:
            return
        if schema is None:
            self.rule_sets.append(RuleSet(Layer.XSD, "socle:structure", self.book.version))
            self.found += islice(check_structure(self.document, self.book.version), MAX_FINDINGS_PER_LAYER)
            return
        self.rule_sets.append(RuleSet(Layer.XSD, self.book.identifier, self.book.version))
        if schema.validate(root):
            return
        nodes = {node.element: node for node in self.document.nodes}
        for error in list(schema.error_log)[:MAX_FINDINGS_PER_LAYER]:
            element = _at_path(root, error.path)
            node = nodes.get(element) if element is not None else None
            self.found.append(
                (
                    Finding(
                        layer=Layer.XSD,
                        severity=Severity.ERROR,
                        rule_set=self.book.identifier,
                        version=self.book.version,
                        requirement=error.type_name,
                        message=Text(_french_schema_message(error.message), error.message),
                        location=location(node) if node else error.path or "",
                        line=error.line,
                        found=opening_tag(node) if node else "",
                    ),
                    node,
                )
            )

    def hear(self, layer: Layer, rule_set: str) -> None:
        plan = self.book.plan(rule_set)
        if plan is None:
            if layer is Layer.DOCUMENT:
                self.uncovered.append(
                    Uncovered(
                        layer,
                        rule_set,
                        Text("Pas de règles pour cette version du volet.", "No rules for this version of the model."),
                    )
                )
            return
        version = rule_set.rpartition("_")[2] if layer is Layer.DOCUMENT else self.book.version
        identifier = f"{self.book.identifier}:{rule_set}"
        self.rule_sets.append(RuleSet(layer, identifier, version))
        outcome = plan.evaluate(self.document)
        for firing in outcome.firings[:MAX_FINDINGS_PER_LAYER]:
            check, message = firing.check, plan.message(firing, self.document)
            french, _, english = message.partition(" || ")
            finding = Finding(
                layer=layer,
                severity=_SEVERITIES.get(check.role.lower(), Severity.ERROR),
                rule_set=identifier,
                version=version,
                requirement=check.identifier or firing.pattern,
                message=Text(french, english or french),
                location=location(firing.node),
                found=opening_tag(firing.node),
                expected=self.book.expected(firing),
                test=check.test,
                is_report=check.is_report,
            )
            self.found.append((finding, firing.node))
        if len(outcome.firings) > MAX_FINDINGS_PER_LAYER:
            hidden = len(outcome.firings) - MAX_FINDINGS_PER_LAYER
            self.uncovered.append(
                Uncovered(layer, rule_set, Text(f"{hidden} autres constats non listés.", f"{hidden} more not listed."))
            )
        for one in plan.uncovered:
            self.uncovered.append(Uncovered(layer, one.expression, one.reason))
        for code, context, node in outcome.stopped:
            place = location(node)
            self.uncovered.append(
                Uncovered(
                    layer,
                    context,
                    Text(
                        f"Règle arrêtée par l'erreur XPath {code} sur {place} ; la chaîne officielle s'arrête là.",
                        f"Rule stopped by XPath error {code} on {place}; the official pipeline stops there.",
                    ),
                )
            )

    def hear_sense(self, today: date) -> None:
        self.rule_sets.append(RuleSet(Layer.SENSE, "socle:sense", "1"))
        self.found += check_sense(self.document, self.recognized, today)

    def verdict(self, content: bytes, encoding: str, before: int, started: float) -> Verdict:
        root = self.document.nodes[0]
        told = [root if node is self.document.root else node for _, node in self.found]
        places = positions(content, {node for node in told if node is not None}, before, encoding) if told else {}
        findings = []
        for (finding, _), node in zip(self.found, told, strict=True):
            line, column = places.get(node.index, (finding.line, 0)) if node else (finding.line, 0)
            findings.append(msgspec.structs.replace(finding, line=line, column=column))
        return Verdict(
            document_type=self.recognized.name,
            document_version=self.recognized.version,
            rule_sets=self.rule_sets,
            findings=findings,
            uncovered=self.uncovered,
            duration_ms=round((time.perf_counter() - started) * 1000, 2),
        )


def _at_path(root: etree._Element, path: str | None) -> etree._Element | None:
    if not path:
        return None
    prefixes = {prefix: uri for prefix, uri in _prefixes(root).items() if prefix}
    try:
        found = root.xpath(path, namespaces=prefixes) or root.xpath(path.replace("/*", ".", 1), namespaces=prefixes)
    except etree.XPathError:
        return None
    return found[0] if isinstance(found, list) and found and isinstance(found[0], etree._Element) else None


def _prefixes(root: etree._Element) -> dict[str | None, str]:
    found: dict[str | None, str] = {}
    for element in root.iter("*"):
        if len(element.nsmap) > len(found):
            found |= element.nsmap
    return found


_SCHEMA_WORDS: Final = (
    ("This element is not expected.", "Cet élément n'est pas attendu."),
    ("Missing child element(s).", "Il manque un élément enfant."),
    ("Expected is one of (", "Attendu, l'un de ("),
    ("Expected is (", "Attendu : ("),
    ("The attribute ", "L'attribut "),
    (" is required but missing.", " est obligatoire et absent."),
    (" is not allowed.", " n'est pas admis."),
    ("is not a valid value of the", "n'est pas une valeur du"),
    ("atomic type", "type simple"),
    ("Element ", "Élément "),
    ("attribute ", "attribut "),
    ("{urn:hl7-org:v3}", ""),
)


def _french_schema_message(message: str) -> str:
    for english, french in _SCHEMA_WORDS:
        message = message.replace(english, french)
    return message
