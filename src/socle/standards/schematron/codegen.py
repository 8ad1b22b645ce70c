"""XPath trees turned into Python expressions over ``tree`` nodes.

Shapes that fill rule sets (a child, an attribute equal to a literal, a count, a template claim) become look-ups and
comprehensions; the rest calls ``runtime``. What has no exact translation raises ``UnsupportedXPath``.

A value is one of these forms, so that no type is tested at run time when it is known here:
``bool``, ``num`` (one number), ``str`` (one string), ``opt`` (an attribute or None), ``texts`` (untyped strings),
``nodes`` (elements), ``items`` (anything).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from socle.standards.schematron import xpath as x
from socle.standards.schematron.runtime import CASTS, XPathError, pattern
from socle.standards.schematron.tree import TEMPLATE_ID


class Value(NamedTuple):
    """A Python expression, its form, and the literal it is when known; ``fails`` when reading it may raise."""

    form: str
    code: str
    literal: str | int | float | None = None


class Scope(NamedTuple):
    """Where an expression is evaluated: variable of the context item, its form, its position and size variables."""

    item: str
    form: str  # "node", "text" (value of an attribute or a text) or "item"
    variables: Mapping[str, Value]
    position: str = ""
    size: str = ""

    def at(self, item: str, form: str, position: str = "", size: str = "") -> Scope:
        return self._replace(item=item, form=form, position=position, size=size)


class Loop(NamedTuple):
    """A path as the clauses of a comprehension; ``result`` is its element expression, of form node, text or item."""

    clauses: tuple[str, ...]
    result: str
    form: str
    distinct: bool  # no node twice
    flat: bool  # no node inside another


_ATTRIBUTE_CLAUSE: Final = re.compile(
    r"for \w+ in \(\((\w+)\.attrs\[('[^']*')\],\) if '[^']*' in \w+\.attrs else \(\)\)"
)
_CHILD_CLAUSE: Final = re.compile(r"for \w+ in (\w+)\.kids\.get\(('[^']*'), E\)")
_SIGNS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_GENERAL: Final = frozenset(_SIGNS)
_VALUED: Final = frozenset(("eq", "ne", "lt", "le", "gt", "ge"))
_BOOLEAN_CALLS: Final = frozenset(
    ("not", "boolean", "exists", "empty", "true", "false", "contains", "starts-with", "ends-with", "matches",
     "doc-available")
)  # fmt: skip
_NUMBER_CALLS: Final = frozenset(("count", "string-length", "number", "position", "last"))
_STRING_CALLS: Final = frozenset(
    ("string", "concat", "normalize-space", "substring", "substring-before", "substring-after", "replace", "translate",
     "upper-case", "lower-case", "string-join", "name", "local-name", "namespace-uri", "iri-to-uri",
     "local-name-from-QName", "namespace-uri-from-QName")
)  # fmt: skip


class Generator:
    """Compiles the expressions of one rule set; ``constants`` collects regular expressions and sets to hoist."""

    def __init__(self) -> None:
        self._names = itertools.count()
        #: Regular expressions written in rules, and the name of their search function.
        self.searches: dict[str, str] = {}
        #: Arguments of ``files.find`` for the files that rules name outright.
        self.sites: dict[str, None] = {}

    def fresh(self, stem: str = "a") -> str:
        return f"{stem}{next(self._names)}"

    def search(self, expression: str) -> str:
        """The name of a compiled regular expression's search, or nothing when it is not one."""
        if expression not in self.searches:
            try:
                pattern(expression)
            except XPathError:
                return ""
            self.searches[expression] = f"m{len(self.searches)}"
        return self.searches[expression]

    # -- forms ---------------------------------------------------------------------------------------------------------

    def truth(self, expr: x.Expr, scope: Scope) -> str:
        """Python code of the effective boolean value."""
        match expr:
            case x.Binary("and", left, right):
                return f"({self.truth(left, scope)} and {self.truth(right, scope)})"
            case x.Binary("or", left, right):
                return f"({self.truth(left, scope)} or {self.truth(right, scope)})"
            case x.Binary("|") if all(map(_is_path, parts := _united(expr))):
                return f"({' or '.join(self.truth(part, scope) for part in parts)})"
            case x.Call("not", (argument,)):
                return f"(not {self.truth(argument, scope)})"
            case x.Call("boolean" | "exists" as function, (argument,)) if function == "boolean" or _is_path(argument):
                return self.truth(argument, scope)
            case x.Call("empty", (argument,)) if _is_path(argument):
                return f"(not {self.truth(argument, scope)})"
            case x.Filter(primary, predicates) if not any(_is_positional(one, scope.variables) for one in predicates):
                value = self.value(primary, scope)
                if value.form == "nodes" and (alone := value.code[1:-2]).isidentifier() and value.code[-2:] == ",)":
                    return f"({' and '.join(self.truth(one, scope.at(alone, 'node')) for one in predicates)})"
                if value.form == "nodes":
                    name = self.fresh()
                    inner = scope.at(name, "node")
                    filters = "".join(f" if {self.truth(one, inner)}" for one in predicates)
                    return f"any(True for {name} in {value.code}{filters})"
            case x.Path() | x.Step() if (quick := self.lookup(expr, scope)) is not None:
                return quick
            case x.Path() | x.Step() if (shared := self.document_values(expr, scope)) is not None:
                return truth_of(shared)
            case x.Path() | x.Step():
                return self.once(expr, self.exists(self.loop(expr, scope)))
            case x.Binary(">=" | ">" as sign, x.Call("count", (path,)), x.Literal(limit)) if _is_path(path) and (
                (sign, limit) in ((">=", 1), (">", 0))
            ):
                return self.truth(path, scope)
            case x.Binary(operator) if operator in _GENERAL:
                return self.once(expr, self.comparison(operator, expr.left, expr.right, scope))
            case x.If(condition, consequence, alternative):
                return (
                    f"({self.truth(consequence, scope)} if {self.truth(condition, scope)}"
                    f" else {self.truth(alternative, scope)})"
                )
        return truth_of(self.value(expr, scope))

    def once(self, expr: x.Expr, code: str) -> str:
        """``code`` computed once per document when ``expr`` does not depend on where it is read."""
        if "(" not in code or not _is_document_wide(expr):
            return code
        return f"once(d, {_digest(expr)!r}, lambda: {code})"

    def exists(self, loop: Loop) -> str:
        if loop.form == "item":
            return truth_of(self.gathered(loop))
        if not loop.clauses:
            return "True"
        if (attribute := _ATTRIBUTE_CLAUSE.fullmatch(loop.clauses[-1])) is not None:
            loop = loop._replace(clauses=(*loop.clauses[:-1], f"if {attribute[2]} in {attribute[1]}.attrs"))
            if len(loop.clauses) == 1:
                return f"({attribute[2]} in {attribute[1]}.attrs)"
        first = loop.clauses[0]
        if len(loop.clauses) == 1 and first.startswith("for "):
            return f"bool({first.partition(' in ')[2]})"
        if len(loop.clauses) == 2 and _is_alias(first) and loop.clauses[1].startswith("if "):
            name, _, source = first[4:].partition(" in ")
            return f"({loop.clauses[1][3:].replace(name, source[1:-2])})"
        return self.guarded(loop, f"any(True {' '.join(loop.clauses)})", "")

    def guarded(self, loop: Loop, code: str, otherwise: str) -> str:
        """``code``, run only when the first child it looks for is there: most are not, and a look-up is cheap."""
        found = _CHILD_CLAUSE.match(loop.clauses[0]) if loop.clauses else None
        if found is None:
            return code
        present = f"{found[2]} in {found[1]}.kids"
        return f"({code} if {present} else {otherwise})" if otherwise else f"({present} and {code})"

    def value(self, expr: x.Expr, scope: Scope) -> Value:
        """Python code of the value, in its most precise form."""
        match expr:
            case x.Literal(value):
                return Value("str" if isinstance(value, str) else "num", repr(value), value)
            case x.Variable(name):
                if name not in scope.variables:
                    raise x.UnsupportedXPath(f"${name}", "variable not declared")
                return scope.variables[name]
            case x.ContextItem():
                return {
                    "node": Value("nodes", f"({scope.item},)"),
                    "text": Value("texts", f"({scope.item},)"),
                    "item": Value("items", f"({scope.item},)"),
                }[scope.form]
            case x.Root():
                return Value("nodes", "(d.root,)")
            case x.Binary(operator):
                return self.binary(expr, operator, scope)
            case x.Negate(operand):
                return self.arithmetic("-", x.Literal(0), operand, scope)
            case x.Sequence(items):
                return self.sequence(items, scope)
            case x.If(condition, consequence, alternative):
                return self.conditional(condition, consequence, alternative, scope)
            case x.For():
                return self.quantified(expr, scope)
            case x.Cast(kind, operand, target):
                return self.cast(kind, operand, target, scope)
            case x.Call("not" | "boolean" | "exists" | "empty", (argument,)) if _is_path(argument):
                return Value("bool", self.truth(expr, scope))
            case x.Call(name, arguments):
                return self.call(name, arguments, scope)
            case x.Step("attribute", x.Test("attribute", name), ()) if scope.form == "node" and _is_plain(name):
                return Value("opt", f"{scope.item}.attrs.get({name!r})")
            case x.Filter(primary, predicates):
                return self.filtered(primary, predicates, scope)
            case x.Path() | x.Step():
                if (shared := self.document_values(expr, scope)) is not None:
                    return shared
                return self.gathered(self.loop(expr, scope))
        raise x.UnsupportedXPath(str(expr), "form")

    def gathered(self, loop: Loop) -> Value:
        """A path as a sequence."""
        form = {"node": "nodes", "text": "texts", "item": "items"}[loop.form]
        if len(loop.clauses) == 1 and loop.clauses[0].startswith(f"for {loop.result} in "):
            code = loop.clauses[0].partition(" in ")[2]
        else:
            code = f"[{loop.result} {' '.join(loop.clauses)}]" if loop.clauses else f"({loop.result},)"
            code = self.guarded(loop, code, "E")
        return Value(form, code if loop.distinct or form == "texts" else f"unique({code})")

    def items(self, expr: x.Expr, scope: Scope) -> str:
        """A list of items, atomic values of nodes keeping that they are untyped; attributes stay nodes."""
        if _is_path(expr) and self.document_values(expr, scope) is None:
            loop = self.loop(expr, scope, as_items=True)
            gathered = self.gathered(loop)
            return gathered.code
        return items_of(self.value(expr, scope))

    def text(self, expr: x.Expr, scope: Scope) -> str:
        """One Python ``str``: the argument of a string function."""
        return text_of(self.value(expr, scope))

    def number(self, expr: x.Expr, scope: Scope) -> str:
        """One Python number: the argument of a numeric function."""
        value = self.value(expr, scope)
        return value.code if value.form == "num" else f"number(one({items_of(value)}))"

    # -- paths ---------------------------------------------------------------------------------------------------------

    def loop(self, expr: x.Expr, scope: Scope, *, as_items: bool = False) -> Loop:
        """A path as comprehension clauses."""
        head, steps = flatten(expr)
        loop = self.head(head, scope, last=not steps, as_items=as_items)
        for rank, step in enumerate(steps):
            last = rank == len(steps) - 1
            loop = self.advance(loop, step, scope, last=last, as_items=as_items)
        return loop

    def head(self, head: x.Expr, scope: Scope, *, last: bool, as_items: bool) -> Loop:
        match head:
            case x.Root():
                return Loop((), "d.root", "node", distinct=True, flat=True)
            case x.ContextItem():
                return Loop((), scope.item, scope.form, distinct=True, flat=True)
            case x.Step():
                start = Loop((), scope.item, scope.form, distinct=True, flat=True)
                return self.advance(start, head, scope, last=last, as_items=as_items)
        value = self.value(head, scope)
        name = self.fresh()
        if value.form == "nodes":
            return Loop((f"for {name} in {value.code}",), name, "node", distinct=True, flat=False)
        return Loop((f"for {name} in {items_of(value)}",), name, "item", distinct=True, flat=False)

    def advance(self, loop: Loop, step: x.Expr, scope: Scope, *, last: bool, as_items: bool) -> Loop:
        if not isinstance(step, x.Step):
            return self.mapped(loop, step, scope)
        if loop.form == "item":
            loop = self.only_nodes(loop)
        if loop.form != "node":
            raise x.UnsupportedXPath(str(step.axis), "step from a text")
        node, name = loop.result, self.fresh()
        source, form, flat = self.axis(step, node, as_items=as_items and last)
        distinct = loop.distinct
        if step.axis in ("parent", "ancestor", "ancestor-or-self", "following-sibling", "preceding-sibling"):
            distinct = not loop.clauses
        elif step.axis in ("descendant", "descendant-or-self"):
            distinct = loop.distinct and loop.flat
        flat = flat and loop.flat
        inner = scope.at(name, form)
        filters: list[str] = []
        for predicate in step.predicates:
            if _is_positional(predicate, scope.variables):
                listed = (
                    f"[{name} for {name} in {source}{''.join(' ' + one for one in filters)}]" if filters else source
                )
                filters, source = [], self.positioned(listed, predicate, inner, name)
            else:
                filters.append(f"if {self.truth(predicate, inner)}")
        clauses = (*loop.clauses, f"for {name} in {source}", *filters)
        return Loop(clauses, name, form, distinct, flat)

    def mapped(self, loop: Loop, step: x.Expr, scope: Scope) -> Loop:
        """``left/expression``: the expression on every node of left."""
        inner = scope.at(loop.result, loop.form)
        value, name = self.value(step, inner), self.fresh()
        if value.form == "nodes":
            return Loop((*loop.clauses, f"for {name} in {value.code}"), name, "node", distinct=False, flat=False)
        return Loop((*loop.clauses, f"for {name} in {items_of(value)}"), name, "item", distinct=True, flat=False)

    def only_nodes(self, loop: Loop) -> Loop:
        name = self.fresh()
        return loop._replace(
            clauses=(*loop.clauses, f"for {name} in (node_of({loop.result}),)"), result=name, form="node"
        )

    def positioned(self, source: str, predicate: x.Expr, scope: Scope, name: str) -> str:
        if isinstance(predicate, x.Literal) and isinstance(predicate.value, int) and predicate.value > 0:
            return f"{source}[{predicate.value - 1}:{predicate.value}]"
        if predicate == x.Call("last", ()):
            return f"{source}[-1:]"
        rank, whole = self.fresh("p"), self.fresh("w")
        inner = scope._replace(position=rank, size=f"len({whole})")
        value = self.value(predicate, inner)
        condition = f"{value.code} == {rank}" if value.form == "num" else truth_of(value)
        if value.form == "items":
            condition = f"at_position({value.code}, {rank})"
        return f"[{name} for {whole} in ({source},) for {rank}, {name} in enumerate({whole}, 1) if {condition}]"

    def axis(self, step: x.Step, node: str, *, as_items: bool) -> tuple[str, str, bool]:
        """Code of what an axis gives from ``node``, its form, and whether no result is inside another."""
        test, axis = step.test, step.axis
        if axis == "attribute":
            return self.attribute_axis(test, node, as_items=as_items)
        if test.kind == "text":
            return self.text_axis(axis, node, as_items=as_items)
        if test.kind in ("comment", "pi"):
            return "()", "node", True
        if test.kind == "node" and axis == "child" and as_items:
            return f"[*{node}.children, *text_nodes({node})]", "item", True
        plain, keep = _is_plain(test.name), self.name_filter(test)
        match axis:
            case "child":
                return (f"{node}.kids.get({test.name!r}, E)" if plain else keep(f"{node}.children")), "node", True
            case "descendant" if test.name.startswith("*:"):
                return f"below_any(d, {node}, {test.name[2:]!r})", "node", False
            case "descendant":
                listed = f"below(d, {node}, {test.name!r})" if plain else keep(f"descendants(d, {node})")
                return listed, "node", False
            case "descendant-or-self":
                return keep(f"[{node}, *descendants(d, {node})]", always=True), "node", False
            case "self":
                return keep(f"({node},)", always=True), "node", True
            case "parent":
                return keep(f"parents({node})", always=True), "node", True
            case "ancestor":
                return keep(f"ancestors({node})"), "node", False
            case "ancestor-or-self":
                return keep(f"[{node}, *ancestors({node})]"), "node", False
            case "following-sibling":
                return keep(f"following({node})"), "node", True
            case "preceding-sibling":
                return keep(f"preceding({node})"), "node", True
        raise x.UnsupportedXPath(axis, "axis")

    def attribute_axis(self, test: x.Test, node: str, *, as_items: bool) -> tuple[str, str, bool]:
        name = self.fresh("t")
        if not _is_plain(test.name):
            local = test.name[2:] if test.name.startswith("*:") else ""
            kept = f" if same_local({name}.name, {local!r})" if local else ""
            listed = f"[{name} for {name} in attributes({node}){kept}]"
            return (listed, "item", True) if as_items else (f"[{name}.value for {name} in {listed}]", "text", True)
        if as_items:
            attribute = f"(Attr({node}, {test.name!r}, {node}.attrs[{test.name!r}]),)"
            return f"({attribute} if {test.name!r} in {node}.attrs else ())", "item", True
        return f"(({node}.attrs[{test.name!r}],) if {test.name!r} in {node}.attrs else ())", "text", True

    def text_axis(self, axis: str, node: str, *, as_items: bool) -> tuple[str, str, bool]:
        if axis == "child":
            return (f"text_nodes({node})", "item", True) if as_items else (f"{node}.texts()", "text", True)
        if axis == "descendant" and not as_items:
            return f"{node}.all_texts()", "text", True
        if axis == "descendant":
            owner, name = self.fresh(), self.fresh()
            return (
                f"[{name} for {owner} in ({node}, *descendants(d, {node})) for {name} in text_nodes({owner})]",
                "item",
                True,
            )
        raise x.UnsupportedXPath(f"{axis}::text()", "axis")

    def name_filter(self, test: x.Test) -> _Keep:
        return _Keep(test, self.fresh("k"))

    # -- shapes that indexes answer ------------------------------------------------------------------------------------

    def lookup(self, expr: x.Expr, scope: Scope) -> str | None:
        """Existence answered by an index, for the shapes that fill rule sets."""
        head, chain = flatten(expr)
        node = "d.root" if isinstance(head, x.Root) else scope.item
        if isinstance(head, x.Step):
            chain = [head, *chain]
        elif not isinstance(head, x.Root | x.ContextItem):
            return None
        if scope.form != "node" and node != "d.root":
            return None
        if len(chain) != 1 or not isinstance(chain[0], x.Step):
            return None
        step = chain[0]
        if step.axis == "attribute" and _is_plain(step.test.name) and not step.predicates:
            return f"({step.test.name!r} in {node}.attrs)"
        if step.axis == "self" and step.test.kind == "element" and _is_plain(step.test.name):
            inner = scope.at(node, "node")
            if any(_is_positional(predicate, scope.variables) for predicate in step.predicates):
                return None
            conditions = [f"{node}.tag == {step.test.name!r}", *(self.truth(one, inner) for one in step.predicates)]
            return f"({' and '.join(conditions)})"
        if step.axis == "child" and step.test.kind == "element" and not step.predicates and _is_plain(step.test.name):
            return f"({step.test.name!r} in {node}.kids)"
        if (template := _claimed(step)) is not None:
            if step.axis == "child":
                return f"({template!r} in {node}.templates)"
            if step.axis == "descendant" and node == "d.root":
                return f"({template!r} in d.by_template)"
            if step.axis == "descendant":
                return f"bool(claims_below(d, {node}, {template!r}))"
        return None

    def count(self, expr: x.Expr, scope: Scope) -> str:
        """``count(expr)``."""
        head, steps = flatten(expr)
        if isinstance(head, x.Step) and not steps and head.axis == "child" and scope.form == "node":
            if (template := _claimed(head)) is not None:
                return f"{scope.item}.templates.count({template!r})"
        if isinstance(head, x.ContextItem) and len(steps) == 1 and scope.form == "node":
            step = steps[0]
            if isinstance(step, x.Step) and step.axis == "descendant" and (template := _claimed(step)) is not None:
                return f"claims_below(d, {scope.item}, {template!r})"
        if _is_path(expr) and self.document_values(expr, scope) is None:
            return self.once(expr, f"len({self.gathered(self.loop(expr, scope)).code})")
        return f"len({self.items(expr, scope)})"

    def document_values(self, expr: x.Expr, scope: Scope) -> Value | None:
        """Values read in another file (a value set): gathered once and kept as a set."""
        head, steps = flatten(expr)
        if not isinstance(head, x.Call) or head.name not in ("doc", "document") or len(head.arguments) != 1:
            return None
        address = self.text(head.arguments[0], scope)
        is_named = self.value(head.arguments[0], scope).literal is not None
        if steps and not any(map(_reads_elsewhere, steps)):
            path = _from_root(steps)
            inside = _as_texts(self.value(path, Scope("d.root", "node", {})))
            site = f"{address}, {_digest(path)!r}, lambda d: {inside}"
            self.sites |= {site: None} if is_named else {}
            return Value("texts", f"files.find({site})")
        if (keyed := _keyed(_entered(steps))) is not None:
            nodes, conditions = keyed
            keys = tuple(sorted(conditions))
            wanted = [self.value(conditions[key], scope) for key in keys]
            if all(value.form in ("opt", "str") for value in wanted):
                path, name = _from_root(nodes), self.fresh()
                inside = self.value(path, Scope("d.root", "node", {})).code
                row = f"[r for {name} in {inside} for r in rows({name}, {keys!r})]"
                listed = ", ".join(value.code for value in wanted)
                site = f"{address}, {_digest(path) + ''.join(keys)!r}, lambda d: {row}"
                self.sites |= {site: None} if is_named else {}
                return Value("bool", f"(({listed},) in files.find({site}))")
        raise x.UnsupportedXPath(f"{head.name}()", "path into another document")

    # -- operators -----------------------------------------------------------------------------------------------------

    def binary(self, expr: x.Binary, operator: str, scope: Scope) -> Value:
        if operator in ("and", "or"):
            return Value("bool", self.truth(expr, scope))
        if operator in _GENERAL:
            return Value("bool", self.comparison(operator, expr.left, expr.right, scope))
        if operator in _VALUED:
            return Value("bool", self.value_comparison(operator, expr.left, expr.right, scope))
        if operator == "|":
            values = [self.value(part, scope) for part in _united(expr)]
            if all(value.form == "nodes" for value in values):
                return Value("nodes", f"in_order([{', '.join('*' + value.code for value in values)}])")
            parts = [f"*{self.items(part, scope)}" for part in _united(expr)]
            return Value("items", f"in_order([{', '.join(parts)}])")
        if operator in ("except", "intersect"):
            left, right, name = self.items(expr.left, scope), self.items(expr.right, scope), self.fresh()
            kept = "not in" if operator == "except" else "in"
            return Value("items", f"[{name} for {name} in {left} if {name} {kept} {right}]")
        if operator in ("+", "-", "*", "div", "idiv", "mod"):
            return self.arithmetic(operator, expr.left, expr.right, scope)
        if operator == "to":
            left, right = self.number(expr.left, scope), self.number(expr.right, scope)
            return Value("items", f"list(range(int({left}), int({right}) + 1))")
        raise x.UnsupportedXPath(operator, "operator")

    def arithmetic(self, operator: str, left: x.Expr, right: x.Expr, scope: Scope) -> Value:
        a, b = self.value(left, scope), self.value(right, scope)
        if a.form == b.form == "num" and operator in ("+", "-", "*"):
            return Value("num", f"({a.code} {operator} {b.code})")
        return Value("items", f"arithmetic({operator!r}, {items_of(a)}, {items_of(b)})")

    def comparison(self, sign: str, left: x.Expr, right: x.Expr, scope: Scope) -> str:
        if sign == "=" and scope.form == "node" and (template := claimed_root(left, right)) is not None:
            return f"({template!r} in {scope.item}.templates)"
        a, b = self.operand(left, scope), self.operand(right, scope)
        textual, python = ("str", "opt", "texts", "nodes"), _SIGNS[sign]
        if a.form == b.form == "num" or a.form == b.form == "bool":
            return f"({a.code} {python} {b.code})"
        if a.form in textual and b.form in textual:
            if a.form in ("texts", "nodes") and b.form not in ("texts", "nodes"):
                return self.some(left, sign, b, scope)
            if b.form in ("texts", "nodes") and a.form not in ("texts", "nodes"):
                mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
                return self.some(right, mirrored, a, scope)
            if a.form in ("str", "opt") and b.form in ("str", "opt"):
                return _single_comparison(python, a, b)
            first, second = self.fresh(), self.fresh()
            if sign == "=":
                return f"(not set({_as_texts(a)}).isdisjoint({_as_texts(b)}))"
            return f"any({first} {python} {second} for {second} in {_as_texts(b)} for {first} in {_as_texts(a)})"
        if a.form in ("opt", "texts", "nodes") and b.form == "num":
            return f"any_number({sign!r}, {_as_texts(a)}, {b.code})"
        return f"general({sign!r}, {items_of(a)}, {items_of(b)})"

    def operand(self, expr: x.Expr, scope: Scope) -> Value:
        if (
            isinstance(expr, x.Sequence)
            and expr.items
            and all(isinstance(item, x.Literal) and isinstance(item.value, str) for item in expr.items)
        ):
            return Value("texts", repr(tuple(item.value for item in expr.items if isinstance(item, x.Literal))))
        if isinstance(expr, x.ContextItem) and scope.form == "text":
            return Value("str", scope.item)
        return self.value(expr, scope)

    def some(self, path: x.Expr, sign: str, other: Value, scope: Scope) -> str:
        """``path sign other`` where other is one string or an attribute."""
        python = _SIGNS[sign]
        if other.form == "opt":
            name = self.fresh("o")
            compared = self.some(path, sign, Value("str", name), scope)
            return f"any({compared} for {name} in ({other.code},) if {name} is not None)"
        if _is_path(path) and self.document_values(path, scope) is None:
            loop = self.loop(path, scope)
            if loop.form == "text":
                if (quick := _attribute_of_child(loop, python, other.code)) is not None:
                    return self.guarded(loop, quick, "") if quick.startswith("any(") else quick
                return self.guarded(loop, f"any({loop.result} {python} {other.code} {' '.join(loop.clauses)})", "")
            if loop.form == "node":
                compared = f"any({loop.result}.string() {python} {other.code} {' '.join(loop.clauses)})"
                return self.guarded(loop, compared, "")
        value = self.value(path, scope)
        if sign == "=":
            return f"({other.code} in {_as_texts(value)})"
        name = self.fresh()
        return f"any({name} {python} {other.code} for {name} in {_as_texts(value)})"

    def value_comparison(self, operator: str, left: x.Expr, right: x.Expr, scope: Scope) -> str:
        a, b = self.value(left, scope), self.value(right, scope)
        python = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[operator]
        if (a.form == b.form == "num") or (a.form == b.form == "str"):
            return f"({a.code} {python} {b.code})"
        return f"valued({operator!r}, {items_of(a)}, {items_of(b)})"

    def sequence(self, items: tuple[x.Expr, ...], scope: Scope) -> Value:
        values = [self.value(item, scope) for item in items]
        if values and all(value.form == "texts" for value in values):
            if all(value.code.startswith("files.find(") for value in values):
                return Value("texts", f"files.union({', '.join(value.code for value in values)})")
            return Value("texts", f"[{', '.join('*' + value.code for value in values)}]")
        return Value("items", f"[{', '.join('*' + self.items(item, scope) for item in items)}]")

    def conditional(self, condition: x.Expr, consequence: x.Expr, alternative: x.Expr, scope: Scope) -> Value:
        a, b = self.value(consequence, scope), self.value(alternative, scope)
        test = self.truth(condition, scope)
        if a.form == b.form and a.form in ("bool", "num", "str"):
            return Value(a.form, f"({a.code} if {test} else {b.code})")
        return Value("items", f"({items_of(a)} if {test} else {items_of(b)})")

    def quantified(self, expr: x.For, scope: Scope) -> Value:
        source = self.value(expr.source, scope)
        name = self.fresh("q")
        form = "nodes" if source.form == "nodes" else "items"
        listed = source.code if form == "nodes" else self.items(expr.source, scope)
        inner = scope._replace(variables={**scope.variables, expr.variable: Value(form, f"({name},)")})
        if expr.kind == "for":
            result = self.fresh()
            body = items_of(self.value(expr.body, inner))
            return Value("items", f"[{result} for {name} in {listed} for {result} in {body}]")
        check = self.truth(expr.body, inner)
        return Value("bool", f"{'any' if expr.kind == 'some' else 'all'}({check} for {name} in {listed})")

    def cast(self, kind: str, operand: x.Expr, target: str, scope: Scope) -> Value:
        if target.rstrip("?") not in CASTS:
            raise x.UnsupportedXPath(target, "type")
        value = items_of(self.value(operand, scope))
        if kind == "castable":
            return Value("bool", f"castable({value}, {target!r})")
        return Value("items", f"cast({value}, {target!r})")

    def filtered(self, primary: x.Expr, predicates: tuple[x.Expr, ...], scope: Scope) -> Value:
        value = self.value(primary, scope)
        if value.form == "nodes":
            code, form, item = value.code, "nodes", "node"
        elif value.form in ("texts", "opt"):
            code, form, item = _as_texts(value), "texts", "text"
        else:
            code, form, item = items_of(value), "items", "item"
        for predicate in predicates:
            name = self.fresh()
            inner = scope.at(name, item)
            if _is_positional(predicate, scope.variables):
                ordered = f"in_order({code})" if form == "nodes" else f"list({code})"
                code = self.positioned(ordered, predicate, inner, name)
            else:
                code = f"[{name} for {name} in {code} if {self.truth(predicate, inner)}]"
        return Value(form, code)

    # -- functions -----------------------------------------------------------------------------------------------------

    def call(self, name: str, arguments: tuple[x.Expr, ...], scope: Scope) -> Value:
        if name in _BOOLEAN_CALLS:
            return Value("bool", self.boolean_call(name, arguments, scope))
        if name in _NUMBER_CALLS:
            return Value("num", self.number_call(name, arguments, scope))
        if name in _STRING_CALLS:
            return Value("str", self.string_call(name, arguments, scope))
        if name.startswith("xs:"):
            return self.cast("cast", arguments[0], name + "?", scope)
        listed = [self.items(argument, scope) for argument in arguments]
        match name, arguments:
            case "distinct-values", (argument,):
                value = self.value(argument, scope)
                return Value("texts" if value.form == "texts" else "items", f"distinct({items_of(value)})")
            case "tokenize", (_, _, *_):
                joined = ", ".join(self.text(argument, scope) for argument in arguments)
                return Value("texts", f"tokenize({joined})")
            case "data", (_,):
                return Value("items", f"atoms({listed[0]})")
            case "current", ():
                return Value("nodes", "(n,)")
            case "root", ():
                return Value("nodes", "(d.root,)")
            case "resolve-QName", (_, _):
                element = self.value(arguments[1], scope)
                if element.form == "nodes":
                    return Value("items", f"resolve_name({listed[0]}, {element.code}[0])")
            case "QName", (uri, local):
                return Value("items", f"[make_name({self.text(uri, scope)}, {self.text(local, scope)})]")
            case "sum", (_,):
                return Value("num", f"sum(to_double(i) for i in atoms({listed[0]}))")
            case "max" | "min", (_,):
                return Value("items", f"extreme({name!r}, {listed[0]})")
            case "round" | "floor" | "ceiling" | "abs", (_,):
                return Value("items", f"rounded({name!r}, {listed[0]})")
            case "doc" | "document", _:
                raise x.UnsupportedXPath(name, "document read as a whole")
        raise x.UnsupportedXPath(f"{name}()", "function")

    def boolean_call(self, name: str, arguments: tuple[x.Expr, ...], scope: Scope) -> str:
        match name, arguments:
            case (("true" | "false"), ()):
                return name.capitalize()
            case "not", (argument,):
                return f"(not {self.truth(argument, scope)})"
            case "boolean", (argument,):
                return self.truth(argument, scope)
            case "exists" | "empty", (argument,):
                value = self.value(argument, scope)
                if value.form == "bool" and " in files.find(" in value.code:
                    return value.code if name == "exists" else f"(not {value.code})"
                some = exists_of(value)
                return some if name == "exists" else f"(not {some})"
            case "contains", (whole, part):
                return f"({self.text(part, scope)} in {self.text(whole, scope)})"
            case "starts-with", (whole, part):
                return f"{self.text(whole, scope)}.startswith({self.text(part, scope)})"
            case "ends-with", (whole, part):
                return f"{self.text(whole, scope)}.endswith({self.text(part, scope)})"
            case "matches", (whole, expression):
                literal = self.value(expression, scope).literal
                if isinstance(literal, str) and (search := self.search(literal)):
                    return f"({search}({self.text(whole, scope)}) is not None)"
                return f"matches({self.text(whole, scope)}, {self.text(expression, scope)})"
            case "matches", (_, _, _):
                return f"matches({', '.join(self.text(argument, scope) for argument in arguments)})"
            case "doc-available", (argument,):
                return f"files.available({self.text(argument, scope)})"
        raise x.UnsupportedXPath(f"{name}()", "arguments")

    def number_call(self, name: str, arguments: tuple[x.Expr, ...], scope: Scope) -> str:
        match name, arguments:
            case "count", (argument,):
                return self.count(argument, scope)
            case "string-length", ():
                return f"len({self.text(x.ContextItem(), scope)})"
            case "string-length", (argument,):
                return f"len({self.text(argument, scope)})"
            case "number", ():
                return f"number({self.text(x.ContextItem(), scope)})"
            case "number", (argument,):
                return f"number(one({items_of(self.value(argument, scope))}))"
            case "position", () if scope.position:
                return scope.position
            case "last", () if scope.size:
                return scope.size
        raise x.UnsupportedXPath(f"{name}()", "arguments")

    def string_call(self, name: str, arguments: tuple[x.Expr, ...], scope: Scope) -> str:
        context = arguments or (x.ContextItem(),)
        match name, arguments:
            case "string", _:
                return self.text(context[0], scope)
            case "concat", (_, _, *_):
                return f"({' + '.join(self.text(argument, scope) for argument in arguments)})"
            case "normalize-space", _:
                return f"normalize({self.text(context[0], scope)})"
            case "substring", (whole, start, *rest):
                numbers = ", ".join(self.number(argument, scope) for argument in (start, *rest))
                return f"substring({self.text(whole, scope)}, {numbers})"
            case "substring-before", (whole, mark):
                return f"before({self.text(whole, scope)}, {self.text(mark, scope)})"
            case "substring-after", (whole, mark):
                return f"after({self.text(whole, scope)}, {self.text(mark, scope)})"
            case "replace", (_, _, _, *_):
                return f"replace({', '.join(self.text(argument, scope) for argument in arguments)})"
            case "translate", (_, _, _):
                return f"translate({', '.join(self.text(argument, scope) for argument in arguments)})"
            case "upper-case", (argument,):
                return f"{self.text(argument, scope)}.upper()"
            case "lower-case", (argument,):
                return f"{self.text(argument, scope)}.lower()"
            case "string-join", (listed,):
                return f"join({self.items(listed, scope)})"
            case "string-join", (listed, separator):
                return f"join({self.items(listed, scope)}, {self.text(separator, scope)})"
            case "name", _:
                return f"node_name({self.items(context[0], scope)})"
            case "local-name", () if scope.form == "node":
                return f"{scope.item}.tag.rpartition('}}')[2]"
            case "local-name", _:
                return f"local_name({self.items(context[0], scope)})"
            case "namespace-uri", _:
                return f"namespace_uri({self.items(context[0], scope)})"
            case "iri-to-uri", (argument,):
                return f"iri_to_uri({self.text(argument, scope)})"
            case "local-name-from-QName", (argument,):
                return f"qname_part({self.items(argument, scope)}, 'local')"
            case "namespace-uri-from-QName", (argument,):
                return f"qname_part({self.items(argument, scope)}, 'uri')"
        raise x.UnsupportedXPath(f"{name}()", "arguments")


class _Keep(NamedTuple):
    """Keeps of a sequence what a node test accepts."""

    test: x.Test
    variable: str

    def __call__(self, source: str, *, always: bool = False) -> str:
        name = self.variable
        kind, wanted = self.test.kind, self.test.name
        if kind == "node" and always:
            return source
        if wanted == "*" or kind == "node":
            condition = f"{name}.tag" if always else ""
        elif wanted.startswith("*:"):
            condition = f"same_local({name}.tag, {wanted[2:]!r})"
        elif wanted.endswith("}*"):
            condition = f"{name}.tag.startswith({wanted[:-1]!r})"
        else:
            condition = f"{name}.tag == {wanted!r}"
        return f"[{name} for {name} in {source} if {condition}]" if condition else source


def truth_of(value: Value) -> str:
    """The effective boolean value of a value."""
    match value.form:
        case "bool":
            return value.code
        case "num":
            return f"({value.code} == {value.code} and {value.code} != 0)"
        case "str":
            return f"({value.code} != '')"
        case "opt":
            return f"({value.code} is not None)"
        case "nodes" | "texts":
            return f"bool({value.code})"
    return f"truth({value.code})"


def exists_of(value: Value) -> str:
    """Whether a value has any item."""
    match value.form:
        case "bool" | "num" | "str":
            return "True"
        case "opt":
            return f"({value.code} is not None)"
    return f"bool({value.code})"


def items_of(value: Value) -> str:
    """A value as a list of items."""
    match value.form:
        case "bool" | "num" | "str":
            return f"[{value.code}]"
        case "opt":
            return f"untyped({value.code})"
        case "texts":
            return f"[Untyped(u) for u in {value.code}]"
    return value.code


def text_of(value: Value) -> str:
    """A value as the argument of a string function."""
    match value.form:
        case "str":
            return value.code
        case "num" | "bool":
            return f"string({value.code})"
        case "opt":
            if value.code.endswith(")") and ".attrs.get(" in value.code:
                return f"{value.code[:-1]}, '')"
            return f"({value.code} or '')"
        case "texts":
            return f"only({value.code})"
    return f"text({value.code})"


def _as_texts(value: Value) -> str:
    match value.form:
        case "str":
            return f"({value.code},)"
        case "opt":
            return f"present({value.code})"
        case "nodes":
            return f"[s.string() for s in {value.code}]"
        case "texts":
            return value.code
    return f"[string(atom(s)) for s in {items_of(value)}]"


def _single_comparison(python: str, a: Value, b: Value) -> str:
    if a.form == b.form == "str":
        return f"({a.code} {python} {b.code})"
    if python == "==":
        if a.form == "opt" and b.form == "opt":
            return f"same({a.code}, {b.code})"
        return f"({a.code} == {b.code})"
    return f"both({a.code}, {b.code}, lambda a, b: a {python} b)"


def _attribute_of_child(loop: Loop, python: str, other: str) -> str | None:
    """``child/@name = other``: the attribute is compared where it is read."""
    if python != "==" or not loop.clauses or (found := _ATTRIBUTE_CLAUSE.fullmatch(loop.clauses[-1])) is None:
        return None
    compared = f"{found[1]}.attrs.get({found[2]}) == {other}"
    rest = loop.clauses[:-1]
    return f"any({compared} {' '.join(rest)})" if rest else f"({compared})"


def _united(expr: x.Expr) -> list[x.Expr]:
    if isinstance(expr, x.Binary) and expr.operator == "|":
        return [*_united(expr.left), *_united(expr.right)]
    return [expr]


def _is_alias(clause: str) -> bool:
    source = clause.partition(" in ")[2]
    return source.startswith("(") and source.endswith(",)") and source[1:-2].isidentifier()


def _is_path(expr: x.Expr) -> bool:
    return isinstance(expr, x.Path | x.Step)


def _is_plain(name: str) -> bool:
    return "*" not in name


def _is_document_wide(expr: x.Expr) -> bool:
    """Whether the value is the same wherever it is read: it starts at the root and reads no variable."""
    match expr:
        case x.Path():
            head, steps = flatten(expr)
            return isinstance(head, x.Root) and not any(map(_reads_elsewhere, steps))
        case x.Binary(_, left, right):
            sides = [side for side in (left, right) if not isinstance(side, x.Literal)]
            return bool(sides) and all(map(_is_document_wide, sides))
        case x.Call("count" | "not" | "exists" | "empty", (argument,)):
            return _is_document_wide(argument)
    return False


def _reads_elsewhere(expr: object) -> bool:
    if isinstance(expr, x.Variable) or expr == x.Call("current", ()):
        return True
    if isinstance(expr, tuple):
        return any(map(_reads_elsewhere, expr))
    if isinstance(expr, x.Expr):
        return any(_reads_elsewhere(getattr(expr, field)) for field in expr.__struct_fields__)
    return False


def flatten(expr: x.Expr) -> tuple[x.Expr, list[x.Expr]]:
    """Head and steps of a path; ``//name`` becomes one descendant step where that is the same."""
    steps: list[x.Expr] = []
    while isinstance(expr, x.Path):
        steps.append(expr.right)
        expr = expr.left
    steps.reverse()
    merged: list[x.Expr] = []
    for step in steps:
        previous = merged[-1] if merged else None
        if (
            previous == ANY_BELOW
            and isinstance(step, x.Step)
            and step.axis == "child"
            and not any(_is_positional(predicate, {}) for predicate in step.predicates)
        ):
            merged[-1] = x.Step("descendant", step.test, step.predicates)
        elif previous == ANY_BELOW and isinstance(step, x.Step) and step.axis == "descendant":
            merged[-1] = step
        else:
            merged.append(step)
    return expr, merged


ANY_BELOW: Final = x.Step("descendant-or-self", x.Test("node"))


def _claimed(step: x.Step) -> str | None:
    """The template of ``templateId[@root='X']``."""
    match step:
        case x.Step(
            _,
            x.Test("element", name),
            (x.Binary("=", x.Step("attribute", x.Test("attribute", "root"), ()), x.Literal(value)),),
        ) if name == TEMPLATE_ID and isinstance(value, str):
            return value
    return None


_TEMPLATE_ROOT: Final = x.Path(
    x.Step("child", x.Test("element", TEMPLATE_ID)), x.Step("attribute", x.Test("attribute", "root"))
)


def claimed_root(left: x.Expr, right: x.Expr) -> str | None:
    """The template of ``templateId/@root = 'X'``."""
    if left == _TEMPLATE_ROOT and isinstance(right, x.Literal) and isinstance(right.value, str):
        return right.value or None
    return None


def claimed_template(predicate: x.Expr) -> str | None:
    """The template that an element must claim for ``predicate`` to hold, when it says so."""
    match predicate:
        case x.Binary("and", left, right):
            return claimed_template(left) or claimed_template(right)
        case x.Binary("=", left, right):
            return claimed_root(left, right)
        case x.Step("child"):
            return _claimed(predicate)
    return None


def _is_positional(predicate: x.Expr, variables: Mapping[str, Value]) -> bool:
    match predicate:
        case x.Literal(value):
            return not isinstance(value, str)
        case x.Variable(name):
            return variables[name].form in ("num", "items") if name in variables else False
        case x.Call(name):
            return (
                name in _NUMBER_CALLS
                or name in ("sum", "max", "min", "round", "floor", "abs")
                or _uses_position(predicate)
            )
        case x.Binary(operator) if operator in ("+", "-", "*", "div", "idiv", "mod"):
            return True
    return _uses_position(predicate)


def _uses_position(expr: object) -> bool:
    """Whether ``position()`` or ``last()`` of this very predicate is read."""
    match expr:
        case x.Call(name, arguments):
            return (name in ("position", "last") and not arguments) or any(map(_uses_position, arguments))
        case x.Binary(_, left, right):
            return _uses_position(left) or _uses_position(right)
        case x.If(a, b, c):
            return any(map(_uses_position, (a, b, c)))
    return False


def _from_root(steps: list[x.Expr]) -> x.Expr:
    path: x.Expr = x.Root()
    for step in steps:
        path = x.Path(path, step)
    return path


def _entered(steps: list[x.Expr]) -> list[x.Expr]:
    """``a[b/c[…]]`` exists when ``a/b/c[…]`` does."""
    match steps:
        case [*before, x.Step(axis, test, (*kept, x.Path() as inner))] if not any(map(_reads_elsewhere, kept)):
            head, rest = flatten(inner)
            if isinstance(head, x.Step):
                return _entered([*before, x.Step(axis, test, tuple(kept)), head, *rest])
    return steps


def _keyed(steps: list[x.Expr]) -> tuple[list[x.Expr], dict[str, x.Expr]] | None:
    """``…//tag[@a = $x and @b = $y]`` in another file: the path without the conditions, and the conditions."""
    if not steps or not isinstance(steps[-1], x.Step) or any(map(_reads_elsewhere, steps[:-1])):
        return None
    step = steps[-1]
    conditions: dict[str, x.Expr] = {}
    pending = list(step.predicates)
    while pending:
        match pending.pop():
            case x.Binary("and", left, right):
                pending += [left, right]
            case x.Binary("=", x.Step("attribute", x.Test("attribute", name), ()), other) if not _is_path(other):
                conditions["@" + name] = other
            case x.Binary("=", x.Step("child", x.Test("text"), ()), other) if not _is_path(other):
                conditions["text()"] = other
            case _:
                return None
    return [*steps[:-1], x.Step(step.axis, step.test)], conditions


def _digest(expr: x.Expr) -> str:
    return hashlib.blake2b(repr(expr).encode(), digest_size=9).hexdigest()
