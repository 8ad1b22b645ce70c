"""A rule set turned into the source of one Python module: selectors for contexts, units for rule bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from socle.standards.errors import Text
from socle.standards.schematron import paths
from socle.standards.schematron import xpath as x
from socle.standards.schematron.axes import name_filter
from socle.standards.schematron.bodies import Bodies
from socle.standards.schematron.codegen import Generator
from socle.standards.schematron.forms import Loop, Scope, Value
from socle.standards.schematron.schema import Let, Rule
from socle.standards.schematron.shapes import ANY_BELOW, claimed_template, flatten


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
        self.uncovered: list[Uncovered] = []
        self.selector_parents: list[int] = []
        #: The element name, or else the template, without which a selector finds nothing.
        self.selector_keys: list[tuple[str, str]] = []
        self.selector_lines: list[str] = []
        self._selectors: dict[tuple[int, str], int] = {}
        self._parsed: dict[str, x.Expr] = {}
        self.bodies = Bodies(self)

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
        rules = ", ".join(f"({''.join(f'{unit}, ' for unit in units)})" for units in self.bodies.rules)
        return "\n".join(
            [
                *searches,
                *self.global_lines,
                *self.selector_lines,
                *self.bodies.lines,
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
        return [f"{name} = {value.code}"]

    def used_names(self, expressions: Sequence[str], lets: Sequence[Let]) -> set[str]:
        """The variables that ``expressions`` need, through other variables too."""
        used = {name for expression in expressions for name in self.names_in(expression)}
        for let in reversed(lets):
            if let.name in used:
                used |= self.names_in(let.value)
        return used

    def names_in(self, expression: str) -> set[str]:
        """The variables that ``expression`` names."""
        return set(self.readings(expression))

    def readings(self, expression: str) -> list[str]:
        """The variables that ``expression`` names, each as often as it does."""
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
        return selectors, self.bodies.compile(rule.body, pattern), rule.context

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
        template = next(filter(None, map(claimed_template, step.predicates)), "")
        self.selector_keys.append((step.test.name if named else "", template))
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
        advanced = paths.advance(self.generator, start, step, scope, last=True, as_items=False)
        return paths.gathered(advanced).code


def _anywhere(context: x.Expr) -> x.Expr:
    """A relative match pattern holds at any depth: ``a/b`` is ``//a/b``."""
    if isinstance(context, x.Path):
        return x.Path(_anywhere(context.left), context.right)
    return x.Path(x.Path(x.Root(), ANY_BELOW), context)


def _variables(expr: object) -> Iterator[str]:
    if isinstance(expr, x.Variable):
        yield expr.name
    elif isinstance(expr, tuple):
        for one in expr:
            yield from _variables(one)
    elif isinstance(expr, x.Expr):
        for field in expr.__struct_fields__:
            yield from _variables(getattr(expr, field))
