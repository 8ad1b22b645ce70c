"""Rule bodies turned into units: functions that run some checks of a rule, each with the guard that makes it needless.

Lines that share a variable are one unit, and so are checks that the same guard covers, and all that none does. A rule
runs, on a node, the units that the shape of the node does not settle; a shape is asked once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from socle.standards.schematron import paths
from socle.standards.schematron import xpath as x
from socle.standards.schematron.forms import Scope, Value
from socle.standards.schematron.guards import guard
from socle.standards.schematron.schema import Check, Extension, Let, Piece

if TYPE_CHECKING:
    from socle.standards.schematron.compiler import Compiler

_PYTHON_SIGNS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
#: Items that depend on variables alone are put in one function when they are as many.
_SHORTEST_RUN: Final = 4
#: Names of variables in generated lines: values of ``let``, counts, results of runs.
_LOCAL: Final = re.compile(r"(?<![:\w])[vcx]\d+\b")  # not the v3 of a namespace
Body: TypeAlias = tuple[Let | Check | Extension, ...]


class CompiledCheck(msgspec.Struct, frozen=True, array_like=True):
    """A check of the plan, and what its message needs."""

    test: str
    is_report: bool
    role: str
    message: tuple[Piece, ...]
    lets: tuple[Let, ...]
    identifier: str


class _Line(NamedTuple):
    """A line of a rule, and when it is needless (``""``: never known)."""

    code: str
    guard: str = "True"


class Bodies:
    """Compiles the rule bodies of one rule set, and keeps what it made of them."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._generator = compiler.generator
        self._parse = compiler.parse
        self.checks: list[CompiledCheck] = []
        #: Source of the units and of their guards.
        self.lines: list[str] = []
        #: The units of each body, as the source of a tuple.
        self.rules: list[tuple[str, ...]] = []
        self._numbers: dict[Body, int] = {}

    def compile(self, body: Body, pattern: str) -> int:
        """The number of ``body`` in ``rules``; bodies that are the same share one."""
        if body not in self._numbers:
            units = self._units(body, pattern)
            self._numbers[body] = len(self.rules)
            self.rules.append(units)
        return self._numbers[body]

    def _units(self, body: Body, pattern: str) -> tuple[str, ...]:
        inherited: list[str] = []
        lines = self._statements(body, _Place(pattern, dict(self._compiler.globals), []), inherited)
        return (*inherited, *(self._unit(group) for group in _grouped(lines)))

    def _unit(self, lines: Sequence[_Line]) -> str:
        name = self._generator.fresh("u")
        conditions = dict.fromkeys(line.guard for line in lines if line.guard != "True")
        self.lines += [f"def {name}(n, d, out):", *(f"    {line.code}" for line in lines)]
        if "" in conditions:
            return f"({name}, None)"
        return f"({name}, lambda A, K: {' and '.join(conditions) or 'True'})"

    def _statements(self, body: Body, place: _Place, inherited: list[str]) -> list[_Line]:
        """The lines of a body; units of abstract rules that share no variable with it go to ``inherited``."""
        compiler = self._compiler
        used = compiler.used_names(list(_tests(body)), list(_lets(body)))
        again = self._repeated_counts(body)
        readings = Counter(name for item in body if not isinstance(item, Extension)
                           for name in compiler.readings(_expression(item)))  # fmt: skip
        counts: dict[x.Expr, str] = {}
        lines: list[_Line] = []
        for group in self._runs(body, used):
            item = group[0]
            if len(group) > 1:
                lines += self._pure_run(group, place)
            elif isinstance(item, Let):
                place.lets.append(item)
                if item.name in used:
                    lines += self._let(item, place, inline=readings[item.name] == 1)
            elif isinstance(item, Check):
                path = self._counted(item)
                if path is not None and path in again and path not in counts:
                    counts[path] = self._generator.fresh("c")
                    scope = Scope("n", "node", place.variables)
                    lines.append(_Line(f"{counts[path]} = {paths.count(self._generator, path, scope)}"))
                lines += self._check(item, place, counts.get(path) if path is not None else None)
            elif set(_defined(item.body)).isdisjoint(used - set(_defined(tuple(place.lets)))):
                inherited += self.rules[self.compile(item.body, place.pattern)]
                place.lets.extend(_lets(item.body))
            else:
                lines += self._statements(item.body, place, inherited)
        return lines

    def _let(self, item: Let, place: _Place, *, inline: bool = False) -> list[_Line]:
        try:
            return list(map(_Line, self._compiler.let(item, place.variables, inline=inline)))
        except x.UnsupportedXPath as error:
            place.variables.pop(item.name, None)
            self._compiler.miss(place.pattern, f"${item.name} := {item.value}", error)
            return []

    def _runs(self, body: Body, used: set[str]) -> Iterator[Sequence[Let | Check | Extension]]:
        """``body``, its runs of items that read nothing but variables put together."""
        run: list[Let | Check | Extension] = []
        for item in body:
            is_needless = isinstance(item, Let) and item.name not in used
            if not is_needless and not isinstance(item, Extension) and self._is_pure(item):
                run.append(item)
                continue
            yield from ([[one] for one in run] if len(run) < _SHORTEST_RUN else [run])
            run = []
            yield [item]
        yield from ([[one] for one in run] if len(run) < _SHORTEST_RUN else [run])

    def _is_pure(self, item: Let | Check) -> bool:
        """Whether an item depends on variables alone, at least on one."""
        expression = _expression(item)
        try:
            return "$" in expression and not _reads_document(self._parse(expression))
        except x.UnsupportedXPath:
            return False

    def _pure_run(self, run: Sequence[Let | Check | Extension], place: _Place) -> list[_Line]:
        """A run as one function of the variables it reads, its results kept for the next equal input.

        Timestamps fill headers, and the same ones come back: their twenty variables are computed once.
        """
        compiler = self._compiler
        own = {item.name for item in run if isinstance(item, Let)}
        read = {
            name for item in run if not isinstance(item, Extension) for name in compiler.names_in(_expression(item))
        }
        seeds = {name: place.variables[name] for name in sorted(read - own) if name in place.variables}
        if any(value.form in ("nodes", "items") for value in seeds.values()):
            lines: list[_Line] = []
            for item in run:
                if isinstance(item, Let):
                    place.lets.append(item)
                    lines += self._let(item, place)
                elif isinstance(item, Check):
                    lines += self._check(item, place)
            return lines
        inner = {name: value if value.literal is not None else Value(value.form, f"i_{number}")
                 for number, (name, value) in enumerate(seeds.items())}  # fmt: skip
        given = [
            f"tuple({value.code})" if value.form == "texts" else value.code
            for value in seeds.values()
            if value.literal is None
        ]
        function, result = self._generator.fresh("p"), self._generator.fresh("x")
        parameters = ", ".join(value.code for value in inner.values() if value.literal is None)
        computed, results, after = [], [], []
        for item in run:
            if isinstance(item, Let):
                place.lets.append(item)
                computed += compiler.let(item, inner)
                results.append(inner[item.name].code)
                place.variables[item.name] = inner[item.name]._replace(code=f"{result}[{len(results) - 1}]")
            elif isinstance(item, Check):
                for line in self._check(item, place._replace(variables=inner)):
                    condition, _, reported = line.code.removeprefix("if ").rpartition(": ")
                    results.append(f"({condition})")
                    after.append(_Line(f"if {result}[{len(results) - 1}]: {reported}", ""))
        compiler.global_lines += [
            f"@cached\ndef {function}({parameters}):",
            *(f"    {line}" for line in computed),
            f"    return ({', '.join(results)},)",
        ]
        return [_Line(f"{result} = {function}({', '.join(given)})"), *after]

    def _check(self, check: Check, place: _Place, counted: str | None = None) -> list[_Line]:
        """The line of a check."""
        try:
            test = self._parse(check.test)
            truth = (
                _counting(counted, test)
                if counted and isinstance(test, x.Binary) and isinstance(test.right, x.Literal)
                else self._generator.truth(test, Scope("n", "node", place.variables))
            )
        except x.UnsupportedXPath as error:
            self._compiler.miss(place.pattern, check.test, error)
            return []
        texts = [piece.text for piece in check.message if piece.kind != "text"]
        needed = self._compiler.used_names(texts, place.lets)
        number = len(self.checks)
        self.checks.append(
            CompiledCheck(
                test=" ".join(check.test.split()),
                is_report=check.is_report,
                role=check.role,
                message=check.message,
                lets=tuple(let for let in place.lets if let.name in needed),
                identifier=check.identifier,
            )
        )
        known = guard(test)
        if check.is_report:
            return [_Line(f"if {truth}: out(({number}, n))", known.false)]
        return [_Line(f"if not {truth}: out(({number}, n))", known.true)]

    def _counted(self, check: Check) -> x.Expr | None:
        """The path of ``count(path) >= 1`` and its kin."""
        try:
            test = self._parse(check.test)
        except x.UnsupportedXPath:
            return None
        match test:
            case x.Binary(sign, x.Call("count", (x.Path() | x.Step() as path,)), x.Literal(int())) if (
                sign in _PYTHON_SIGNS
            ):
                return path
        return None

    def _repeated_counts(self, body: Body) -> set[x.Expr]:
        """The paths that several checks of ``body`` count: they are counted once."""
        counted = [path for item in body if isinstance(item, Check) and (path := self._counted(item)) is not None]
        return {path for path, times in Counter(counted).items() if times > 1}


class _Place(NamedTuple):
    """Where an item of a body is compiled: its pattern, the variables it may read, those declared before it."""

    pattern: str
    variables: dict[str, Value]
    lets: list[Let]


def _grouped(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Lines that share a variable, or that are needless in the same cases, together; each group in order."""
    groups: list[list[int]] = []
    owner: dict[str, int] = {}
    for number, line in enumerate(lines):
        names = {*_LOCAL.findall(line.code), *([] if line.guard == "True" else [line.guard])}
        touched = sorted({owner[name] for name in names if name in owner})
        if touched:
            first, *others = touched
            for other in others:
                groups[first] += groups[other]
                groups[other] = []
        else:
            first = len(groups)
            groups.append([])
        groups[first].append(number)
        owner = {name: first if group in touched else group for name, group in owner.items()}
        owner |= dict.fromkeys(names, first)
    return [[lines[number] for number in sorted(group)] for group in groups if group]


def _counting(counted: str, test: x.Binary) -> str:
    """``count(path) >= 1`` where the count is already in a variable."""
    limit = test.right.value if isinstance(test.right, x.Literal) else 0
    return f"({counted} {_PYTHON_SIGNS[test.operator]} {limit!r})"


def _expression(item: Let | Check) -> str:
    return item.value if isinstance(item, Let) else item.test


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


def _tests(body: Body) -> Iterator[str]:
    return (item.test for item in body if isinstance(item, Check))


def _lets(body: Body) -> Iterator[Let]:
    for item in body:
        if isinstance(item, Let):
            yield item
        elif isinstance(item, Extension):
            yield from _lets(item.body)


def _defined(body: Body) -> Iterator[str]:
    return (let.name for let in _lets(body))
