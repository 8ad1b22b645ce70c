"""A rule set compiled once: which nodes each rule looks at, and what it checks there.

Contexts that begin alike share their steps, so a document is walked once whatever the number of rules. Within a pattern
the first rule whose context holds a node fires for it, as ISO Schematron says. What could not be compiled is listed in
``Plan.uncovered``; a rule that an XPath error stops on a document is listed in ``Outcome.stopped``.

A plan can be stored: the tables as MessagePack, the code as ``marshal``, the format of Python's own ``.pyc`` files.
Stored plans deserve the trust of ``.pyc`` files: keep them where only their owner writes.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any, Final, TypeAlias

import msgspec

from socle.standards.errors import InvalidContent, Text
from socle.standards.schematron import casts, comparisons, nodes, strings, values
from socle.standards.schematron import xpath as x
from socle.standards.schematron.bodies import CompiledCheck
from socle.standards.schematron.compiler import Compiler, Uncovered
from socle.standards.schematron.files import Files
from socle.standards.schematron.forms import Scope, Value, text_of
from socle.standards.schematron.schema import Let, Schema
from socle.standards.schematron.tree import Document, Node, shape_of
from socle.standards.schematron.values import E, XPathError

#: Changes whenever generated code changes: a stored plan of another version is not read.
FORMAT: Final = f"9/{sys.implementation.cache_tag}"

Unit: TypeAlias = Callable[[Node, Document, Callable[[tuple[int, Node]], None]], None]
Guard: TypeAlias = Callable[[Mapping[str, str], Mapping[str, Sequence[Node]]], bool]
#: Shapes that a rule remembers: real documents show some hundreds.
_MOST_SHAPES: Final = 4_096


class Firing(msgspec.Struct, frozen=True):
    """A check that failed (or a report that held) on a node, in the rule of ``context`` of ``pattern``."""

    check: CompiledCheck
    node: Node
    pattern: str
    context: str


class Outcome(msgspec.Struct, frozen=True):
    """What a plan found: firings in the order of rules, and the rules that an XPath error stopped."""

    firings: list[Firing]
    stopped: list[tuple[str, str, Node]]  # W3C error code, context of the rule, node
    fired_rules: int


class _Tables(msgspec.Struct, array_like=True):
    format: str
    title: str
    folder: str
    namespaces: dict[str, str]
    globals: list[Let]
    checks: list[CompiledCheck]
    selectors: list[tuple[int, int, str, str]]  # parent, place after those below, element name, template
    patterns: list[tuple[str, list[tuple[list[int], int, str]]]]
    uncovered: list[Uncovered]
    code: bytes


class Plan:
    """A compiled rule set; safe to use from several threads, each with its own documents."""

    def __init__(self, tables: _Tables, files: Files) -> None:
        self._tables = tables
        self.files = files
        self.title = tables.title
        self.checks = tables.checks
        self.uncovered = tables.uncovered
        names: dict[str, Any] = {
            name: getattr(module, name)
            for module in (values, casts, comparisons, strings, nodes)
            for name in dir(module)
            if not name.startswith("__")
        }
        names["files"] = files
        code: CodeType = marshal.loads(tables.code)  # noqa: S302  # see the module's trust note
        exec(code, names)  # noqa: S102  # code that `compile_schema` generated
        self._names = names
        self._selectors: list[Callable[[Sequence[Node], Document], Sequence[Node]]] = names["SELECTORS"]
        self._rules: list[tuple[tuple[Unit, Guard | None], ...]] = names["RULES"]
        #: For each rule, the units that each shape of a node leaves to run.
        self._left: list[dict[int, tuple[Unit, ...]]] = [{} for _ in self._rules]
        self._entries = [(number, *entry) for number, (_, entries) in enumerate(tables.patterns) for entry in entries]
        self._uses: list[list[int]] = [[] for _ in tables.selectors]
        for number, (_, chosen, _, _) in enumerate(self._entries):
            for selector in chosen:
                self._uses[selector].append(number)
        #: Where the branches of selectors begin, by the template or else the element that they look for.
        self._branches: dict[str, list[int]] = {}
        for number, (parent, _, tag, template) in enumerate(tables.selectors):
            if parent < 0:
                self._branches.setdefault(template or tag, []).append(number)
        self._messages: dict[CompiledCheck, Callable[[Node, Document], str]] = {}

    def gather(self) -> list[str]:
        """Reads every other file that the rules name; gives the addresses where there is none."""
        return self.files.gather(self._names["SITES"])

    def evaluate(self, document: Document) -> Outcome:
        """Everything the rule set says about ``document``."""
        found: list[tuple[int, Node]] = []
        origins: list[tuple[int, str]] = []
        stopped: list[tuple[str, str, Node]] = []
        selected, active = self._select(document)
        fired: set[Node] = set()
        fired_rules, current, report = 0, -1, found.append
        for number in active:
            pattern, selectors, rule, context = self._entries[number]
            if pattern != current:
                fired_rules += len(fired)
                fired, current = set(), pattern
            left = self._left[rule]
            for selector in selectors:
                for node in selected[selector]:
                    if node in fired:
                        continue
                    fired.add(node)
                    shape = node.shape or shape_of(node)
                    units = left.get(shape)
                    if units is None:
                        units = self._settle(rule, shape, node)
                    try:
                        for unit in units:
                            unit(node, document, report)
                    except XPathError as error:
                        stopped.append((str(error.args[0]), context, node))
                    if len(found) > len(origins):
                        origins += [(pattern, context)] * (len(found) - len(origins))
        checks = self.checks
        patterns = self._tables.patterns
        firings = [
            Firing(checks[number], node, patterns[pattern][0], context)
            for (number, node), (pattern, context) in zip(found, origins, strict=True)
        ]
        return Outcome(firings, stopped, fired_rules + len(fired))

    def _settle(self, rule: int, shape: int, node: Node) -> tuple[Unit, ...]:
        """The units that the shape of ``node`` leaves to run, kept for the next node of that shape."""
        left = self._left[rule]
        if len(left) > _MOST_SHAPES:
            left.clear()
        attributes, kids = node.attrs, node.kids
        units = left[shape] = tuple(
            unit for unit, guard in self._rules[rule] if guard is None or not guard(attributes, kids)
        )
        return units

    def _select(self, document: Document) -> tuple[list[Sequence[Node]], list[int]]:
        """The nodes of each selector, and the rules that have some, in order."""
        selectors, functions, branches = self._tables.selectors, self._selectors, self._branches
        selected: list[Sequence[Node]] = [E] * len(selectors)
        root, by_tag, by_template = (document.root,), document.by_tag, document.by_template
        active: set[int] = set()
        for key in ("", *by_template, *by_tag):
            for number in branches.get(key, ()):
                end = selectors[number][1]
                while number < end:
                    parent, after, tag, template = selectors[number]
                    if (tag and tag not in by_tag) or (template and template not in by_template):
                        number = after
                        continue
                    try:
                        found = functions[number](selected[parent] if parent >= 0 else root, document)
                    except XPathError:  # a match pattern that fails matches nothing (XSLT 2.0 §5.5.4)
                        found = E
                    if found:
                        selected[number] = found
                        active.update(self._uses[number])
                        number += 1
                    else:
                        number = after  # nothing here: nothing below either
        return selected, sorted(active)

    def message(self, firing: Firing, document: Document) -> str:
        """The sentence of a firing, its values filled in."""
        if all(piece.kind == "text" for piece in firing.check.message):
            return " ".join("".join(piece.text for piece in firing.check.message).split())
        if firing.check not in self._messages:
            self._messages[firing.check] = self._compile_message(firing.check)
        try:
            return " ".join(self._messages[firing.check](firing.node, document).split())
        except XPathError as error:
            return f"({error.args[0]})"

    def _compile_message(self, check: CompiledCheck) -> Callable[[Node, Document], str]:
        compiler = Compiler(self._tables.namespaces)
        compiler.declare_globals(self._tables.globals)
        variables = dict(compiler.globals)
        lines = ["def message(n, d):"]
        used = compiler.used_names([piece.text for piece in check.message if piece.kind != "text"], check.lets)
        for let in check.lets:
            if let.name in used:
                lines += [f"    {line}" for line in compiler.let(let, variables)]
        parts = []
        for piece in check.message:
            if piece.kind == "text":
                parts.append(repr(piece.text))
                continue
            expression = piece.text if piece.kind == "value" else f"name({piece.text})"
            try:
                value = compiler.generator.value(compiler.parse(expression), Scope("n", "node", variables))
                parts.append(f"join({_listed(value)}, ' ')")
            except x.UnsupportedXPath:
                parts.append(repr(f"{{{expression}}}"))
        searches = [
            f"{name} = pattern({expression!r}).search" for expression, name in compiler.generator.searches.items()
        ]
        source = "\n".join([*searches, *compiler.global_lines, *lines, f"    return ({' + '.join(parts)})"])
        names = dict(self._names)
        exec(compile(source, "<message>", "exec"), names)  # noqa: S102  # generated above
        message: Callable[[Node, Document], str] = names["message"]
        return message

    def dump(self) -> bytes:
        """The plan as bytes for ``load_plan``."""
        return msgspec.msgpack.encode(self._tables)


def _listed(value: Value) -> str:
    return value.code if value.form in ("nodes", "texts", "items") else f"[{text_of(value)}]"


def load_plan(content: bytes, files: Files) -> Plan:
    """The plan that ``Plan.dump`` wrote. Raises ``InvalidContent`` when another version wrote it."""
    try:
        tables = msgspec.msgpack.decode(content, type=_Tables)
    except msgspec.DecodeError as error:
        raise _stale() from error
    if tables.format != FORMAT:
        raise _stale()
    return Plan(tables, files)


def _stale() -> InvalidContent:
    return InvalidContent(
        "PlanStale", Text("Le plan compilé vient d'une autre version.", "The compiled plan is of another version.")
    )


def compile_schema(schema: Schema, files: Files) -> Plan:
    """The plan of ``schema``; what cannot be compiled is in ``Plan.uncovered``."""
    compiler = Compiler(schema.namespaces)
    compiler.declare_globals(schema.lets)
    entries = [
        (pattern.identifier, [entry for rule in pattern.rules if (entry := compiler.rule(rule, pattern.identifier))])
        for pattern in schema.patterns
    ]
    order = compiler.selector_order()
    place = {number: index for index, (number, _) in enumerate(order)}
    patterns = [
        (name, [([place[one] for one in chosen], rule, where) for chosen, rule, where in listed])
        for name, listed in entries
    ]
    source = compiler.source([number for number, _ in order])
    parents = compiler.selector_parents
    selectors = [
        (place[parents[number]] if parents[number] >= 0 else -1, after, *compiler.selector_keys[number])
        for number, after in order
    ]
    tables = _Tables(
        FORMAT, schema.title, schema.path.rpartition("/")[0], schema.namespaces, list(schema.lets),
        compiler.bodies.checks, selectors, patterns, compiler.uncovered,
        marshal.dumps(compile(source, f"<{schema.path}>", "exec", optimize=2)),
    )  # fmt: skip
    return Plan(tables, files)
