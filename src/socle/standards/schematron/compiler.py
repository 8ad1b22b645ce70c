"""A rule set turned into the source of one Python module: selectors for contexts, a function for each rule body."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from socle.standards.errors import Text
from socle.standards.schematron import xpath as x
from socle.standards.schematron.axes import name_filter
from socle.standards.schematron.codegen import Generator
from socle.standards.schematron.forms import Loop, Scope, Value
from socle.standards.schematron.schema import Check, Extension, Let, Piece, Rule
from socle.standards.schematron.shapes import ANY_BELOW, claimed_template, flatten

_PYTHON_SIGNS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
#: Items that depend on variables alone are put in one function when they are as many.
_SHORTEST_RUN: Final = 4


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


class Compiler:
    """Compiles the parts of one rule set, and keeps what it made of them."""

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
        """The tree of an expression, read once."""
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
        """Lists what could not be compiled."""
        self.uncovered.append(Uncovered(pattern, expression, error.reason))

    # -- variables -----------------------------------------------------------------------------------------------------

    def declare_globals(self, lets: Sequence[Let]) -> None:
        """Variables of the schema and of its patterns: they are global, as the skeleton makes them."""
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
        """Selectors, function and context of a rule; None when its context cannot be compiled."""
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
        """The lines of a rule body."""
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
        """The line of a check."""
        try:
            test = self.parse(check.test)
            truth = (
                _counting(counted, test)
                if counted and isinstance(test, x.Binary) and isinstance(test.right, x.Literal)
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
        """The selectors of a context, one for each part of a union."""
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
        """The selector of a step after another selector, made once."""
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
        """The code of a selector."""
        scope = Scope("n", "node", self.globals)
        if at_root and step.axis == "descendant" and step.test.kind == "element":
            node = self.generator.fresh()
            template = next(filter(None, map(claimed_template, step.predicates)), None)
            keep = name_filter(step.test, self.generator.fresh)
            if template is not None:
                source = keep(f"claimants(d, {template!r})")
            elif "*" not in step.test.name:
                source = f"d.by_tag.get({step.test.name!r}, E)"
            else:
                source = keep("d.nodes")
            filters = [f" if {self.generator.truth(one, scope.at(node, 'node'))}" for one in step.predicates]
            return f"[{node} for {node} in {source}{''.join(filters)}]" if filters else source
        if step.axis == "child" and step.test.kind == "element" and "*" not in step.test.name and not step.predicates:
            named = repr(step.test.name)
            return f"P[0].kids.get({named}, E) if len(P) == 1 else [a for p in P for a in p.kids.get({named}, E)]"
        start = Loop(("for p in P",), "p", "node", distinct=True, flat=False)
        return self.generator.gathered(self.generator.advance(start, step, scope, last=True, as_items=False)).code


def _anywhere(context: x.Expr) -> x.Expr:
    """A relative match pattern holds at any depth: ``a/b`` is ``//a/b``."""
    if isinstance(context, x.Path):
        return x.Path(_anywhere(context.left), context.right)
    return x.Path(x.Path(x.Root(), ANY_BELOW), context)


def _counting(counted: str, test: x.Binary) -> str:
    """``count(path) >= 1`` where the count is already in a variable."""
    limit = test.right.value if isinstance(test.right, x.Literal) else 0
    return f"({counted} {_PYTHON_SIGNS[test.operator]} {limit!r})"


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
