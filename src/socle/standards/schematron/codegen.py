"""XPath trees turned into Python expressions over ``tree`` nodes.

Shapes that fill rule sets (a child, an attribute equal to a literal, a count, a template claim) become look-ups and
comprehensions; the rest calls functions of ``values``, ``strings``, ``nodes``, ``comparisons``, ``casts``. What has no
exact translation raises ``UnsupportedXPath``.

A value is one of these forms, so that no type is tested at run time when it is known here:
``bool``, ``num`` (one number), ``str`` (one string), ``opt`` (an attribute or None), ``texts`` (untyped strings),
``nodes`` (elements), ``items`` (anything).
"""

from __future__ import annotations

import itertools
from typing import Final

from socle.standards.schematron import xpath as x
from socle.standards.schematron.axes import axis
from socle.standards.schematron.casts import CASTS
from socle.standards.schematron.forms import (
    ATTRIBUTE_CLAUSE,
    CHILD_CLAUSE,
    Loop,
    Scope,
    Value,
    as_texts,
    attribute_of_child,
    is_alias,
    items_of,
    single_comparison,
    text_of,
    truth_of,
)
from socle.standards.schematron.functions import call
from socle.standards.schematron.shapes import (
    claimed,
    claimed_root,
    digest,
    entered,
    flatten,
    from_root,
    is_document_wide,
    is_path,
    is_plain,
    is_positional,
    keyed,
    reads_elsewhere,
    united,
)
from socle.standards.schematron.strings import pattern
from socle.standards.schematron.values import XPathError

SIGNS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
GENERAL: Final = frozenset(SIGNS)
VALUED: Final = frozenset(("eq", "ne", "lt", "le", "gt", "ge"))


class Generator:
    """Compiles the expressions of one rule set; ``constants`` collects regular expressions and sets to hoist."""

    def __init__(self) -> None:
        self._names = itertools.count()
        #: Regular expressions written in rules, and the name of their search function.
        self.searches: dict[str, str] = {}
        #: Arguments of ``files.find`` for the files that rules name outright.
        self.sites: dict[str, None] = {}

    def fresh(self, stem: str = "a") -> str:
        """A variable name that no other expression uses."""
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
            case x.Binary("|") if all(map(is_path, parts := united(expr))):
                return f"({' or '.join(self.truth(part, scope) for part in parts)})"
            case x.Call("not", (argument,)):
                return f"(not {self.truth(argument, scope)})"
            case x.Call("boolean" | "exists" as function, (argument,)) if function == "boolean" or is_path(argument):
                return self.truth(argument, scope)
            case x.Call("empty", (argument,)) if is_path(argument):
                return f"(not {self.truth(argument, scope)})"
            case x.Filter(primary, predicates) if not any(is_positional(one, scope.variables) for one in predicates):
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
            case x.Binary(">=" | ">" as sign, x.Call("count", (path,)), x.Literal(limit)) if is_path(path) and (
                (sign, limit) in ((">=", 1), (">", 0))
            ):
                return self.truth(path, scope)
            case x.Binary(operator) if operator in GENERAL:
                return self.once(expr, self.comparison(operator, expr.left, expr.right, scope))
            case x.If(condition, consequence, alternative):
                return (
                    f"({self.truth(consequence, scope)} if {self.truth(condition, scope)}"
                    f" else {self.truth(alternative, scope)})"
                )
        return truth_of(self.value(expr, scope))

    def once(self, expr: x.Expr, code: str) -> str:
        """``code`` computed once per document when ``expr`` does not depend on where it is read."""
        if "(" not in code or not is_document_wide(expr):
            return code
        return f"once(d, {digest(expr)!r}, lambda: {code})"

    def exists(self, loop: Loop) -> str:
        """Code that tells whether a path gives any node."""
        if loop.form == "item":
            return truth_of(self.gathered(loop))
        if not loop.clauses:
            return "True"
        if (attribute := ATTRIBUTE_CLAUSE.fullmatch(loop.clauses[-1])) is not None:
            loop = loop._replace(clauses=(*loop.clauses[:-1], f"if {attribute[2]} in {attribute[1]}.attrs"))
            if len(loop.clauses) == 1:
                return f"({attribute[2]} in {attribute[1]}.attrs)"
        first = loop.clauses[0]
        if len(loop.clauses) == 1 and first.startswith("for "):
            return f"bool({first.partition(' in ')[2]})"
        if len(loop.clauses) == 2 and is_alias(first) and loop.clauses[1].startswith("if "):
            name, _, source = first[4:].partition(" in ")
            return f"({loop.clauses[1][3:].replace(name, source[1:-2])})"
        return self.guarded(loop, f"any(True {' '.join(loop.clauses)})", "")

    def guarded(self, loop: Loop, code: str, otherwise: str) -> str:
        """``code``, run only when the first child it looks for is there: most are not, and a look-up is cheap."""
        found = CHILD_CLAUSE.match(loop.clauses[0]) if loop.clauses else None
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
            case x.Call("not" | "boolean" | "exists" | "empty", (argument,)) if is_path(argument):
                return Value("bool", self.truth(expr, scope))
            case x.Call(name, arguments):
                return call(self, name, arguments, scope)
            case x.Step("attribute", x.Test("attribute", name), ()) if scope.form == "node" and is_plain(name):
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
        if is_path(expr) and self.document_values(expr, scope) is None:
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
        """The first step of a path."""
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
        """A path one step further."""
        if isinstance(step, x.ContextItem):
            return loop
        if not isinstance(step, x.Step):
            return self.mapped(loop, step, scope)
        if loop.form == "item":
            loop = self.only_nodes(loop)
        if loop.form != "node":
            raise x.UnsupportedXPath(str(step.axis), "step from a text")
        node, name = loop.result, self.fresh()
        source, form, flat = axis(step, node, self.fresh, as_items=as_items and last)
        distinct = loop.distinct
        if step.axis in ("parent", "ancestor", "ancestor-or-self", "following-sibling", "preceding-sibling"):
            distinct = not loop.clauses
        elif step.axis in ("descendant", "descendant-or-self"):
            distinct = loop.distinct and loop.flat
        flat = flat and loop.flat
        inner = scope.at(name, form)
        filters: list[str] = []
        for predicate in step.predicates:
            if is_positional(predicate, scope.variables):
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
        """A path whose items must be nodes, since a step follows."""
        name = self.fresh()
        return loop._replace(
            clauses=(*loop.clauses, f"for {name} in (node_of({loop.result}),)"), result=name, form="node"
        )

    def positioned(self, source: str, predicate: x.Expr, scope: Scope, name: str) -> str:
        """What a positional predicate keeps of ``source``."""
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
        if step.axis == "attribute" and is_plain(step.test.name) and not step.predicates:
            return f"({step.test.name!r} in {node}.attrs)"
        if step.axis == "self" and step.test.kind == "element" and is_plain(step.test.name):
            inner = scope.at(node, "node")
            if any(is_positional(predicate, scope.variables) for predicate in step.predicates):
                return None
            conditions = [f"{node}.tag == {step.test.name!r}", *(self.truth(one, inner) for one in step.predicates)]
            return f"({' and '.join(conditions)})"
        if step.axis == "child" and step.test.kind == "element" and not step.predicates and is_plain(step.test.name):
            return f"({step.test.name!r} in {node}.kids)"
        if (template := claimed(step)) is not None:
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
        is_child = isinstance(head, x.Step) and not steps and head.axis == "child" and scope.form == "node"
        if is_child and isinstance(head, x.Step) and (template := claimed(head)) is not None:
            return f"{scope.item}.templates.count({template!r})"
        if isinstance(head, x.ContextItem) and len(steps) == 1 and scope.form == "node":
            step = steps[0]
            if isinstance(step, x.Step) and step.axis == "descendant" and (template := claimed(step)) is not None:
                return f"claims_below(d, {scope.item}, {template!r})"
        if is_path(expr) and self.document_values(expr, scope) is None:
            return self.once(expr, f"len({self.gathered(self.loop(expr, scope)).code})")
        return f"len({self.items(expr, scope)})"

    def document_values(self, expr: x.Expr, scope: Scope) -> Value | None:
        """Values read in another file (a value set): gathered once and kept as a set."""
        head, steps = flatten(expr)
        if not isinstance(head, x.Call) or head.name not in ("doc", "document") or len(head.arguments) != 1:
            return None
        address = self.text(head.arguments[0], scope)
        is_named = self.value(head.arguments[0], scope).literal is not None
        if steps and not any(map(reads_elsewhere, steps)):
            path = from_root(steps)
            inside = as_texts(self.value(path, Scope("d.root", "node", {})))
            site = f"{address}, {digest(path)!r}, lambda d: {inside}"
            self.sites |= {site: None} if is_named else {}
            return Value("texts", f"files.find({site})")
        if (found := keyed(entered(steps))) is not None:
            nodes, conditions = found
            keys = tuple(sorted(conditions))
            wanted = [self.value(conditions[key], scope) for key in keys]
            if all(value.form in ("opt", "str") for value in wanted):
                path, name = from_root(nodes), self.fresh()
                inside = self.value(path, Scope("d.root", "node", {})).code
                row = f"[r for {name} in {inside} for r in rows({name}, {keys!r})]"
                listed = ", ".join(value.code for value in wanted)
                site = f"{address}, {digest(path) + ''.join(keys)!r}, lambda d: {row}"
                self.sites |= {site: None} if is_named else {}
                return Value("bool", f"(({listed},) in files.find({site}))")
        raise x.UnsupportedXPath(f"{head.name}()", "path into another document")

    # -- operators -----------------------------------------------------------------------------------------------------

    def binary(self, expr: x.Binary, operator: str, scope: Scope) -> Value:
        """The value of an operator."""
        if operator in ("and", "or"):
            return Value("bool", self.truth(expr, scope))
        if operator in GENERAL:
            return Value("bool", self.comparison(operator, expr.left, expr.right, scope))
        if operator in VALUED:
            return Value("bool", self.value_comparison(operator, expr.left, expr.right, scope))
        if operator == "|":
            values = [self.value(part, scope) for part in united(expr)]
            if all(value.form == "nodes" for value in values):
                return Value("nodes", f"in_order([{', '.join('*' + value.code for value in values)}])")
            parts = [f"*{self.items(part, scope)}" for part in united(expr)]
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
        """The value of an arithmetic operator."""
        a, b = self.value(left, scope), self.value(right, scope)
        if a.form == b.form == "num" and operator in ("+", "-", "*"):
            return Value("num", f"({a.code} {operator} {b.code})")
        return Value("items", f"arithmetic({operator!r}, {items_of(a)}, {items_of(b)})")

    def comparison(self, sign: str, left: x.Expr, right: x.Expr, scope: Scope) -> str:
        """Code of a general comparison."""
        if sign == "=" and scope.form == "node" and (template := claimed_root(left, right)) is not None:
            return f"({template!r} in {scope.item}.templates)"
        a, b = self.operand(left, scope), self.operand(right, scope)
        textual, python = ("str", "opt", "texts", "nodes"), SIGNS[sign]
        if a.form == b.form == "num" or a.form == b.form == "bool":
            return f"({a.code} {python} {b.code})"
        if a.form in textual and b.form in textual:
            if a.form in ("texts", "nodes") and b.form not in ("texts", "nodes"):
                return self.some(left, sign, b, scope)
            if b.form in ("texts", "nodes") and a.form not in ("texts", "nodes"):
                mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
                return self.some(right, mirrored, a, scope)
            if a.form in ("str", "opt") and b.form in ("str", "opt"):
                return single_comparison(python, a, b)
            first, second = self.fresh(), self.fresh()
            if sign == "=":
                return f"(not set({as_texts(a)}).isdisjoint({as_texts(b)}))"
            return f"any({first} {python} {second} for {second} in {as_texts(b)} for {first} in {as_texts(a)})"
        if a.form in ("opt", "texts", "nodes") and b.form == "num":
            return f"any_number({sign!r}, {as_texts(a)}, {b.code})"
        return f"general({sign!r}, {items_of(a)}, {items_of(b)})"

    def operand(self, expr: x.Expr, scope: Scope) -> Value:
        """A side of a general comparison; a list of string literals is texts."""
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
        python = SIGNS[sign]
        if other.form == "opt":
            name = self.fresh("o")
            compared = self.some(path, sign, Value("str", name), scope)
            return f"any({compared} for {name} in ({other.code},) if {name} is not None)"
        if is_path(path) and self.document_values(path, scope) is None:
            loop = self.loop(path, scope)
            if not loop.clauses and loop.form in ("text", "node"):
                read = loop.result if loop.form == "text" else f"{loop.result}.string()"
                return f"({read} {python} {other.code})"
            if loop.form == "text":
                if (quick := attribute_of_child(loop, python, other.code)) is not None:
                    return self.guarded(loop, quick, "") if quick.startswith("any(") else quick
                return self.guarded(loop, f"any({loop.result} {python} {other.code} {' '.join(loop.clauses)})", "")
            if loop.form == "node":
                compared = f"any({loop.result}.string() {python} {other.code} {' '.join(loop.clauses)})"
                return self.guarded(loop, compared, "")
        value = self.value(path, scope)
        if sign == "=":
            return f"({other.code} in {as_texts(value)})"
        name = self.fresh()
        return f"any({name} {python} {other.code} for {name} in {as_texts(value)})"

    def value_comparison(self, operator: str, left: x.Expr, right: x.Expr, scope: Scope) -> str:
        """Code of ``eq`` and its kin."""
        a, b = self.value(left, scope), self.value(right, scope)
        python = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[operator]
        if (a.form == b.form == "num") or (a.form == b.form == "str"):
            return f"({a.code} {python} {b.code})"
        return f"valued({operator!r}, {items_of(a)}, {items_of(b)})"

    def sequence(self, items: tuple[x.Expr, ...], scope: Scope) -> Value:
        """The value of ``(a, b)``."""
        values = [self.value(item, scope) for item in items]
        if values and all(value.form == "texts" for value in values):
            if all(value.code.startswith("files.find(") for value in values):
                return Value("texts", f"files.union({', '.join(value.code for value in values)})")
            return Value("texts", f"[{', '.join('*' + value.code for value in values)}]")
        return Value("items", f"[{', '.join('*' + self.items(item, scope) for item in items)}]")

    def conditional(self, condition: x.Expr, consequence: x.Expr, alternative: x.Expr, scope: Scope) -> Value:
        """The value of ``if``."""
        a, b = self.value(consequence, scope), self.value(alternative, scope)
        test = self.truth(condition, scope)
        if a.form == b.form and a.form in ("bool", "num", "str"):
            return Value(a.form, f"({a.code} if {test} else {b.code})")
        return Value("items", f"({items_of(a)} if {test} else {items_of(b)})")

    def quantified(self, expr: x.For, scope: Scope) -> Value:
        """The value of ``for``, ``some`` and ``every``."""
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
        """The value of ``cast as`` and ``castable as``."""
        if target.rstrip("?") not in CASTS:
            raise x.UnsupportedXPath(target, "type")
        value = items_of(self.value(operand, scope))
        if kind == "castable":
            return Value("bool", f"castable({value}, {target!r})")
        return Value("items", f"cast({value}, {target!r})")

    def filtered(self, primary: x.Expr, predicates: tuple[x.Expr, ...], scope: Scope) -> Value:
        """The value of ``(primary)[predicates]``."""
        value = self.value(primary, scope)
        if value.form == "nodes":
            code, form, item = value.code, "nodes", "node"
        elif value.form in ("texts", "opt"):
            code, form, item = as_texts(value), "texts", "text"
        else:
            code, form, item = items_of(value), "items", "item"
        for predicate in predicates:
            name = self.fresh()
            inner = scope.at(name, item)
            if is_positional(predicate, scope.variables):
                ordered = f"in_order({code})" if form == "nodes" else f"list({code})"
                code = self.positioned(ordered, predicate, inner, name)
            else:
                code = f"[{name} for {name} in {code} if {self.truth(predicate, inner)}]"
        return Value(form, code)
