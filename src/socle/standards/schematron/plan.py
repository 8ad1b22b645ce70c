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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any, Final

import msgspec

from socle.standards.errors import InvalidContent, Text
from socle.standards.schematron import runtime
from socle.standards.schematron import xpath as x
from socle.standards.schematron.codegen import ANY_BELOW, Generator, Scope, Value, claimed_template, flatten, text_of
from socle.standards.schematron.files import Files
from socle.standards.schematron.runtime import E, XPathError
from socle.standards.schematron.schema import Check, Extension, Let, Piece, Rule, Schema
from socle.standards.schematron.tree import Document, Node, location

_PYTHON_SIGNS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_SHORTEST_RUN: Final = 4
#: Changes whenever generated code changes: a stored plan of another version is not read.
FORMAT: Final = f"1/{sys.implementation.cache_tag}"


class CompiledCheck(msgspec.Struct, frozen=True, array_like=True):
    """A check of the plan, and what its message needs."""

    test: str
    is_report: bool
    role: str
    message: tuple[Piece, ...]
    lets: tuple[Let, ...]
    identifier: str


class Uncovered(msgspec.Struct, frozen=True, array_like=True):
    """A check, a context or a variable that could not be compiled: it is reported, never skipped in silence."""

    pattern: str
    expression: str
    reason: Text


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
    selectors: list[tuple[int, int, str]]
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
        names: dict[str, Any] = {name: getattr(runtime, name) for name in dir(runtime) if not name.startswith("__")}
        names["files"] = files
        code: CodeType = marshal.loads(tables.code)  # noqa: S302  # see the module's trust note
        exec(code, names)  # noqa: S102  # code that `compile_schema` generated
        self._names = names
        self._selectors: list[Callable[[Sequence[Node], Document], Sequence[Node]]] = names["SELECTORS"]
        self._rules: list[Callable[[Node, Document, Callable[[tuple[int, Node]], None]], None]] = names["RULES"]
        self._messages: dict[CompiledCheck, Callable[[Node, Document], str]] = {}

    def gather(self) -> list[str]:
        """Reads every other file that the rules name; gives the addresses where there is none."""
        return self.files.gather(self._names["SITES"])

    def evaluate(self, document: Document) -> Outcome:
        """Everything the rule set says about ``document``."""
        found: list[tuple[int, Node]] = []
        origins: list[tuple[str, str]] = []
        stopped: list[tuple[str, str, Node]] = []
        selected = self._select(document)
        fired_rules = 0
        report, rules = found.append, self._rules
        for pattern, entries in self._tables.patterns:
            fired: set[Node] = set()
            for selectors, rule, context in entries:
                for selector in selectors:
                    for node in selected[selector]:
                        if node in fired:
                            continue
                        fired.add(node)
                        fired_rules += 1
                        try:
                            rules[rule](node, document, report)
                        except XPathError as error:
                            stopped.append((str(error.args[0]), context, node))
                        if len(found) > len(origins):
                            origins += [(pattern, context)] * (len(found) - len(origins))
        checks = self.checks
        firings = [Firing(checks[number], node, *origin) for (number, node), origin in zip(found, origins, strict=True)]
        return Outcome(firings, stopped, fired_rules)

    def _select(self, document: Document) -> list[Sequence[Node]]:
        selectors, functions = self._tables.selectors, self._selectors
        count = len(selectors)
        selected: list[Sequence[Node]] = [E] * count
        root, by_tag = (document.root,), document.by_tag
        number = 0
        while number < count:
            parent, after, tag = selectors[number]
            if tag and tag not in by_tag:
                number = after
                continue
            try:
                found = functions[number](selected[parent] if parent >= 0 else root, document)
            except XPathError:  # a match pattern that fails matches nothing (XSLT 2.0 §5.5.4)
                found = E
            if found:
                selected[number] = found
                number += 1
            else:
                number = after  # nothing here: nothing below either
        return selected

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
        compiler = _Compiler(self._tables.namespaces)
        compiler.declare_globals(self._tables.globals)
        variables = dict(compiler.globals)
        lines = ["def message(n, d):"]
        used = compiler.used_names([piece.text for piece in check.message if piece.kind != "text"], check.lets)
        for let in check.lets:
            if let.name in used:
                lines += compiler.let(let, variables)
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
    compiler = _Compiler(schema.namespaces)
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
        (place[parents[number]] if parents[number] >= 0 else -1, after, compiler.selector_tags[number])
        for number, after in order
    ]
    tables = _Tables(
        FORMAT, schema.title, schema.path.rpartition("/")[0], schema.namespaces, list(schema.lets), compiler.checks,
        selectors, patterns, compiler.uncovered,
        marshal.dumps(compile(source, f"<{schema.path}>", "exec", optimize=2)),
    )  # fmt: skip
    return Plan(tables, files)


class _Compiler:
    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self.namespaces = {"xs": "http://www.w3.org/2001/XMLSchema", **namespaces}
        self.generator = Generator()
        self.globals: dict[str, Value] = {}
        self.global_lines: list[str] = []
        self.checks: list[CompiledCheck] = []
        self.uncovered: list[Uncovered] = []
        self.selector_parents: list[int] = []
        #: The element name without which a selector finds nothing.
        self.selector_tags: list[str] = []
        self.selector_lines: list[str] = []
        self.rule_lines: list[str] = []
        self.rule_count = 0
        self._selectors: dict[tuple[int, str], int] = {}
        self._bodies: dict[tuple[Let | Check | Extension, ...], str] = {}
        self._parsed: dict[str, x.Expr] = {}

    def parse(self, expression: str) -> x.Expr:
        if expression not in self._parsed:
            self._parsed[expression] = x.parse_xpath(expression, self.namespaces)
        return self._parsed[expression]

    def selector_order(self) -> list[tuple[int, int]]:
        """Selectors so that each is followed by those below it, with the place where the next branch begins."""
        below: dict[int, list[int]] = {}
        for number, parent in enumerate(self.selector_parents):
            below.setdefault(parent, []).append(number)
        order: list[tuple[int, int]] = []

        def walk(number: int) -> None:
            place = len(order)
            order.append((number, 0))
            for child in below.get(number, ()):
                walk(child)
            order[place] = (number, len(order))

        for top in below.get(-1, ()):
            walk(top)
        return order

    def source(self, order: Sequence[int]) -> str:
        """The whole generated module."""
        selectors = ", ".join(f"s{number}" for number in order)
        searches = [f"{name} = pattern({expression!r}).search" for expression, name in self.generator.searches.items()]
        rules = ", ".join(f"r{number}" for number in range(self.rule_count))
        return "\n".join(
            [
                *searches,
                *self.global_lines,
                *self.selector_lines,
                *self.rule_lines,
                f"SELECTORS = [{selectors}]",
                f"RULES = [{rules}]",
                f"SITES = [{', '.join(f'({site})' for site in self.generator.sites)}]",
            ]
        )

    def miss(self, pattern: str, expression: str, error: x.UnsupportedXPath) -> None:
        self.uncovered.append(Uncovered(pattern, expression, error.reason))

    # -- variables -----------------------------------------------------------------------------------------------------

    def declare_globals(self, lets: Sequence[Let]) -> None:
        for let in lets:
            try:
                value = self.generator.value(self.parse(let.value), Scope("d.root", "node", dict(self.globals)))
            except x.UnsupportedXPath as error:
                self.miss("", f"${let.name} := {let.value}", error)
                self.globals.pop(let.name, None)
                continue
            if value.literal is None:
                name = f"g{len(self.global_lines)}"
                self.global_lines.append(
                    f"def {name}(d): return once(d, {let.name + let.value!r}, lambda: {value.code})"
                )
                value = Value(value.form, f"{name}(d)")
            self.globals[let.name] = value

    def let(self, let: Let, variables: dict[str, Value], *, inline: bool = False) -> list[str]:
        """The line that computes a local variable; nothing when it is a literal, or is read only once."""
        value = self.generator.value(self.parse(let.value), Scope("n", "node", variables))
        if value.literal is not None or inline:
            variables[let.name] = value
            return []
        name = self.generator.fresh("v")
        variables[let.name] = Value(value.form, name)
        return [f"    {name} = {value.code}"]

    def used_names(self, expressions: Sequence[str], lets: Sequence[Let]) -> set[str]:
        """The variables that ``expressions`` need, through other variables too."""
        used = {name for expression in expressions for name in self._names_in(expression)}
        for let in reversed(lets):
            if let.name in used:
                used |= self._names_in(let.value)
        return used

    def _names_in(self, expression: str) -> set[str]:
        return set(self._readings(expression))

    def _readings(self, expression: str) -> list[str]:
        try:
            return list(_variables(self.parse(expression))) if "$" in expression else []
        except x.UnsupportedXPath:
            return []

    # -- rules ---------------------------------------------------------------------------------------------------------

    def rule(self, rule: Rule, pattern: str) -> tuple[list[int], int, str] | None:
        try:
            selectors = self.selectors(self.parse(rule.context))
        except x.UnsupportedXPath as error:
            self.miss(pattern, rule.context, error)
            return None
        name = self.body(rule.body, pattern, rule.context)
        return selectors, int(name[1:]), rule.context

    def body(self, body: tuple[Let | Check | Extension, ...], pattern: str, context: str) -> str:
        """The name of the function that runs ``body``; bodies that are the same share one."""
        if body in self._bodies:
            return self._bodies[body]
        lines = self.statements(body, pattern, context, dict(self.globals), [])
        name = f"r{self.rule_count}"
        self.rule_count += 1
        self.rule_lines += [f"def {name}(n, d, out):", *(lines or ["    pass"])]
        self._bodies[body] = name
        return name

    def statements(
        self,
        body: tuple[Let | Check | Extension, ...],
        pattern: str,
        context: str,
        variables: dict[str, Value],
        lets: list[Let],
    ) -> list[str]:
        used = self.used_names(list(_tests(body)), list(_lets(body)))
        again = _repeated_counts(body, self.parse)
        readings = Counter(name for item in body if not isinstance(item, Extension)
                           for name in self._readings(_expression(item)))  # fmt: skip
        counts: dict[x.Expr, str] = {}
        lines: list[str] = []
        for group in self.grouped(body, used, variables):
            if len(group) > 1:
                lines += self.pure_run(group, used, pattern, context, variables, lets)
                continue
            item = group[0]
            if isinstance(item, Let):
                lets.append(item)
                if item.name in used:
                    try:
                        lines += self.let(item, variables, inline=readings[item.name] == 1)
                    except x.UnsupportedXPath as error:
                        variables.pop(item.name, None)
                        self.miss(pattern, f"${item.name} := {item.value}", error)
            elif isinstance(item, Check):
                path = _counted(item, self.parse)
                if path is not None and path in again and path not in counts:
                    counts[path] = self.generator.fresh("c")
                    lines.append(f"    {counts[path]} = {self.generator.count(path, Scope('n', 'node', variables))}")
                lines += self.check(
                    item, pattern, context, variables, lets, counts.get(path) if path is not None else None
                )
            elif set(_defined(item.body)).isdisjoint(used - set(_defined(tuple(lets)))):
                lines.append(f"    {self.body(item.body, pattern, context)}(n, d, out)")
                lets.extend(_lets(item.body))
            else:
                lines += self.statements(item.body, pattern, context, variables, lets)
        return lines

    def grouped(
        self, body: Sequence[Let | Check | Extension], used: set[str], variables: Mapping[str, Value]
    ) -> Iterator[list[Let | Check | Extension]]:
        """``body``, its runs of items that read nothing but variables put together."""
        run: list[Let | Check | Extension] = []
        for item in body:
            if isinstance(item, Let) and item.name not in used:
                yield from ([[one] for one in run] if len(run) < _SHORTEST_RUN else [run])
                run = []
                yield [item]
            elif not isinstance(item, Extension) and self.is_pure(item):
                run.append(item)
            else:
                yield from ([[one] for one in run] if len(run) < _SHORTEST_RUN else [run])
                run = []
                yield [item]
        yield from ([[one] for one in run] if len(run) < _SHORTEST_RUN else [run])

    def is_pure(self, item: Let | Check) -> bool:
        """Whether an item depends on variables alone, at least on one."""
        expression = item.value if isinstance(item, Let) else item.test
        try:
            return "$" in expression and not _reads_document(self.parse(expression))
        except x.UnsupportedXPath:
            return False

    def pure_run(
        self,
        run: Sequence[Let | Check | Extension],
        used: set[str],
        pattern: str,
        context: str,
        variables: dict[str, Value],
        lets: list[Let],
    ) -> list[str]:
        """A run as one function of the variables it reads, its results kept for the next equal input.

        Timestamps fill headers, and the same ones come back: their twenty variables are computed once.
        """
        own = {item.name for item in run if isinstance(item, Let)}
        read = {name for item in run if not isinstance(item, Extension) for name in self._names_in(_expression(item))}
        seeds = {name: variables[name] for name in sorted(read - own) if name in variables}
        if any(value.form in ("nodes", "items") for value in seeds.values()):
            lines: list[str] = []
            for item in run:
                if isinstance(item, Let):
                    lets.append(item)
                    lines += self.let(item, variables)
                elif isinstance(item, Check):
                    lines += self.check(item, pattern, context, variables, lets)
            return lines
        inner = {name: value if value.literal is not None else Value(value.form, f"i_{number}")
                 for number, (name, value) in enumerate(seeds.items())}  # fmt: skip
        given = [
            f"tuple({value.code})" if value.form == "texts" else value.code
            for value in seeds.values()
            if value.literal is None
        ]
        function, result = self.generator.fresh("p"), self.generator.fresh("x")
        parameters = ", ".join(value.code for value in inner.values() if value.literal is None)
        body, results, after = [], [], []
        for item in run:
            if isinstance(item, Let):
                lets.append(item)
                body += self.let(item, inner)
                results.append(inner[item.name].code)
                variables[item.name] = inner[item.name]._replace(code=f"{result}[{len(results) - 1}]")
            elif isinstance(item, Check):
                (line,) = self.check(item, pattern, context, inner, lets) or ("",)
                condition, _, reported = line.removeprefix("    if ").rpartition(": ")
                if line:
                    results.append(f"({condition})")
                    after.append(f"    if {result}[{len(results) - 1}]: {reported}")
        self.global_lines += [
            f"@cached\ndef {function}({parameters}):", *body, f"    return ({', '.join(results)},)"
        ]  # fmt: skip
        return [f"    {result} = {function}({', '.join(given)})", *after]

    def check(
        self,
        check: Check,
        pattern: str,
        context: str,
        variables: Mapping[str, Value],
        lets: Sequence[Let],
        counted: str | None = None,
    ) -> list[str]:
        try:
            test = self.parse(check.test)
            truth = (
                f"({counted} {_PYTHON_SIGNS[test.operator]} {self.generator.number(test.right, Scope('n', 'node', {}))})"
                if counted and isinstance(test, x.Binary)
                else self.generator.truth(test, Scope("n", "node", variables))
            )
        except x.UnsupportedXPath as error:
            self.miss(pattern, check.test, error)
            return []
        needed = self.used_names([piece.text for piece in check.message if piece.kind != "text"], lets)
        number = len(self.checks)
        self.checks.append(
            CompiledCheck(
                test=" ".join(check.test.split()),
                is_report=check.is_report,
                role=check.role,
                message=check.message,
                lets=tuple(let for let in lets if let.name in needed),
                identifier=check.identifier,
            )
        )
        return [f"    if {truth if check.is_report else f'not {truth}'}: out(({number}, n))"]

    # -- contexts ------------------------------------------------------------------------------------------------------

    def selectors(self, context: x.Expr) -> list[int]:
        if isinstance(context, x.Binary) and context.operator == "|":
            return [*self.selectors(context.left), *self.selectors(context.right)]
        head, steps = flatten(context)
        if not isinstance(head, x.Root):
            head, steps = flatten(_anywhere(context))
        parent = -1
        for step in steps or [x.Step("self", x.Test("node"))]:
            if not isinstance(step, x.Step):
                raise x.UnsupportedXPath(str(step), "context")
            parent = self.selector(parent, step)
        return [parent]

    def selector(self, parent: int, step: x.Step) -> int:
        key = (parent, repr(step))
        if key in self._selectors:
            return self._selectors[key]
        code = self.selected(step, at_root=parent < 0)
        number = len(self.selector_parents)
        self.selector_parents.append(parent)
        named = step.axis in ("child", "descendant") and step.test.kind == "element" and "*" not in step.test.name
        self.selector_tags.append(step.test.name if named else "")
        self.selector_lines.append(f"def s{number}(P, d): return {code}")
        self._selectors[key] = number
        return number

    def selected(self, step: x.Step, *, at_root: bool) -> str:
        from socle.standards.schematron.codegen import Loop

        scope = Scope("n", "node", self.globals)
        if at_root and step.axis == "descendant" and step.test.kind == "element":
            node = self.generator.fresh()
            template = next(filter(None, map(claimed_template, step.predicates)), None)
            keep = self.generator.name_filter(step.test)
            if template is not None:
                source = keep(f"claimants(d, {template!r})")
            elif "*" not in step.test.name:
                source = f"d.by_tag.get({step.test.name!r}, E)"
            else:
                source = keep("d.nodes")
            filters = [f" if {self.generator.truth(one, scope.at(node, 'node'))}" for one in step.predicates]
            return f"[{node} for {node} in {source}{''.join(filters)}]" if filters else source
        if step.axis == "child" and step.test.kind == "element" and "*" not in step.test.name and not step.predicates:
            return f"P[0].kids.get({step.test.name!r}, E) if len(P) == 1 else [a for p in P for a in p.kids.get({step.test.name!r}, E)]"
        start = Loop(("for p in P",), "p", "node", distinct=True, flat=False)
        return self.generator.gathered(self.generator.advance(start, step, scope, last=True, as_items=False)).code


def _anywhere(context: x.Expr) -> x.Expr:
    """A relative match pattern holds at any depth: ``a/b`` is ``//a/b``."""
    if isinstance(context, x.Path):
        return x.Path(_anywhere(context.left), context.right)
    return x.Path(x.Path(x.Root(), ANY_BELOW), context)


def _expression(item: Let | Check) -> str:
    return item.value if isinstance(item, Let) else item.test


def _counted(check: Check, parse: Callable[[str], x.Expr]) -> x.Expr | None:
    """The path of ``count(path) >= 1`` and its kin."""
    try:
        test = parse(check.test)
    except x.UnsupportedXPath:
        return None
    match test:
        case x.Binary(sign, x.Call("count", (x.Path() | x.Step() as path,)), x.Literal(int())) if sign in _PYTHON_SIGNS:
            return path
    return None


def _repeated_counts(body: Sequence[Let | Check | Extension], parse: Callable[[str], x.Expr]) -> set[x.Expr]:
    """The paths that several checks of ``body`` count: they are counted once."""
    paths = [path for item in body if isinstance(item, Check) and (path := _counted(item, parse)) is not None]
    return {path for path, times in Counter(paths).items() if times > 1}


def _reads_document(expr: object) -> bool:
    """Whether an expression reads anything but variables."""
    if isinstance(expr, x.Step | x.Path | x.ContextItem | x.Root):
        return True
    if isinstance(expr, x.Call) and (not expr.arguments or expr.name in ("doc", "document", "doc-available")):
        return True
    if isinstance(expr, tuple):
        return any(map(_reads_document, expr))
    if isinstance(expr, x.Expr):
        return any(_reads_document(getattr(expr, field)) for field in expr.__struct_fields__)
    return False


def _tests(body: Sequence[Let | Check | Extension]) -> Iterator[str]:
    for item in body:
        if isinstance(item, Check):
            yield item.test


def _lets(body: Sequence[Let | Check | Extension]) -> Iterator[Let]:
    for item in body:
        if isinstance(item, Let):
            yield item
        elif isinstance(item, Extension):
            yield from _lets(item.body)


def _defined(body: Sequence[Let | Check | Extension]) -> Iterator[str]:
    return (let.name for let in _lets(body))


def _variables(expr: object) -> Iterator[str]:
    if isinstance(expr, x.Variable):
        yield expr.name
    elif isinstance(expr, tuple):
        for one in expr:
            yield from _variables(one)
    elif isinstance(expr, x.Expr):
        for field in expr.__struct_fields__:
            yield from _variables(getattr(expr, field))


def svrl_location(node: Node) -> str:
    """The ``location`` of a node in an SVRL report."""
    return location(node)
