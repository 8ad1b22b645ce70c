"""Operators, conditions, quantifiers and casts turned into Python code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from socle.standards.schematron import paths
from socle.standards.schematron import xpath as x
from socle.standards.schematron.casts import CASTS
from socle.standards.schematron.forms import (
    Scope,
    Value,
    as_texts,
    attribute_of_child,
    items_of,
    single_comparison,
)
from socle.standards.schematron.shapes import (
    around,
    attributes_spared,
    carried,
    claimed_root,
    digest,
    is_path,
    is_plain,
    is_positional,
    united,
)

if TYPE_CHECKING:
    from socle.standards.schematron.codegen import Generator

SIGNS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
GENERAL: Final = frozenset(SIGNS)
VALUED: Final = frozenset(("eq", "ne", "lt", "le", "gt", "ge"))


def binary(g: Generator, expr: x.Binary, operator: str, scope: Scope) -> Value:
    """The value of an operator."""
    if operator in ("and", "or"):
        return Value("bool", g.truth(expr, scope))
    if operator in GENERAL:
        return Value("bool", comparison(g, operator, expr.left, expr.right, scope))
    if operator in VALUED:
        return Value("bool", value_comparison(g, operator, expr.left, expr.right, scope))
    if operator == "|":
        if (step := around(expr)) is not None:
            return g.value(step, scope)
        values = [g.value(part, scope) for part in united(expr)]
        if all(value.form == "nodes" for value in values):
            return Value("nodes", f"in_order([{', '.join('*' + value.code for value in values)}])")
        parts = [f"*{g.items(part, scope)}" for part in united(expr)]
        return Value("items", f"in_order([{', '.join(parts)}])")
    if operator == "except" and scope.form == "node" and (spared := attributes_spared(expr)) is not None:
        return Value("items", other_attributes(g, spared, scope))
    if operator in ("except", "intersect"):
        left, right, name = g.items(expr.left, scope), g.items(expr.right, scope), g.fresh()
        kept = "not in" if operator == "except" else "in"
        return Value("items", f"[{name} for {name} in {left} if {name} {kept} {right}]")
    if operator in ("+", "-", "*", "div", "idiv", "mod"):
        return arithmetic(g, operator, expr.left, expr.right, scope)
    if operator == "to":
        left, right = g.number(expr.left, scope), g.number(expr.right, scope)
        return Value("items", f"list(range(int({left}), int({right}) + 1))")
    raise x.UnsupportedXPath(operator, "operator")


def other_attributes(g: Generator, spared: list[x.Step], scope: Scope) -> str:
    """The attributes of the context node that ``spared`` does not select, told by name where that is enough."""
    name = g.fresh("t")
    inner = scope.at(name, "item")
    plain = tuple(step.test.name for step in spared if not step.predicates and is_plain(step.test.name))
    conditions = [f"{name}.name not in {plain!r}"]
    for step in spared:
        wanted = step.test.name
        if step.predicates or not is_plain(wanted):
            named = f"{name}.name == {wanted!r}" if is_plain(wanted) else f"same_local({name}.name, {wanted[2:]!r})"
            conditions.append(f"not ({' and '.join([named, *(g.truth(one, inner) for one in step.predicates)])})")
    return f"[{name} for {name} in attributes({scope.item}) if {' and '.join(conditions)}]"


def arithmetic(g: Generator, operator: str, left: x.Expr, right: x.Expr, scope: Scope) -> Value:
    """The value of an arithmetic operator."""
    a, b = g.value(left, scope), g.value(right, scope)
    if a.form == b.form == "num" and operator in ("+", "-", "*"):
        return Value("num", f"({a.code} {operator} {b.code})")
    return Value("items", f"arithmetic({operator!r}, {items_of(a)}, {items_of(b)})")


def comparison(g: Generator, sign: str, left: x.Expr, right: x.Expr, scope: Scope) -> str:
    """Code of a general comparison."""
    if sign == "=" and scope.form == "node" and (template := claimed_root(left, right)) is not None:
        return f"({template!r} in {scope.item}.templates)"
    a, b = operand(g, left, scope), operand(g, right, scope)
    textual, python = ("str", "opt", "texts", "nodes"), SIGNS[sign]
    if a.form == b.form == "num" or a.form == b.form == "bool":
        return f"({a.code} {python} {b.code})"
    if a.form in textual and b.form in textual:
        if a.form in ("texts", "nodes") and b.form not in ("texts", "nodes"):
            return some(g, left, sign, b, scope)
        if b.form in ("texts", "nodes") and a.form not in ("texts", "nodes"):
            mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
            return some(g, right, mirrored, a, scope)
        if a.form in ("str", "opt") and b.form in ("str", "opt"):
            return single_comparison(python, a, b)
        first, second = g.fresh(), g.fresh()
        if sign == "=":
            return f"(not set({as_texts(a)}).isdisjoint({as_texts(b)}))"
        return f"any({first} {python} {second} for {second} in {as_texts(b)} for {first} in {as_texts(a)})"
    if a.form in ("opt", "texts", "nodes") and b.form == "num":
        return f"any_number({sign!r}, {as_texts(a)}, {b.code})"
    return f"general({sign!r}, {items_of(a)}, {items_of(b)})"


def operand(g: Generator, expr: x.Expr, scope: Scope) -> Value:
    """A side of a general comparison; a list of string literals is texts."""
    if (
        isinstance(expr, x.Sequence)
        and expr.items
        and all(isinstance(item, x.Literal) and isinstance(item.value, str) for item in expr.items)
    ):
        return Value("texts", repr(tuple(item.value for item in expr.items if isinstance(item, x.Literal))))
    if isinstance(expr, x.ContextItem) and scope.form == "text":
        return Value("str", scope.item)
    return g.value(expr, scope)


def some(g: Generator, path: x.Expr, sign: str, other: Value, scope: Scope) -> str:
    """``path sign other`` where other is one string or an attribute."""
    python = SIGNS[sign]
    if other.form == "opt":
        name = g.fresh("o")
        compared = some(g, path, sign, Value("str", name), scope)
        return f"any({compared} for {name} in ({other.code},) if {name} is not None)"
    if is_path(path) and paths.document_values(g, path, scope) is None:
        loop = paths.walk(g, path, scope)
        if not loop.clauses and loop.form in ("text", "node"):
            read = loop.result if loop.form == "text" else f"{loop.result}.string()"
            return f"({read} {python} {other.code})"
        if loop.form == "text":
            if (quick := attribute_of_child(loop, python, other.code)) is not None:
                return paths.guarded(loop, quick, "") if quick.startswith("any(") else quick
            return paths.guarded(loop, f"any({loop.result} {python} {other.code} {' '.join(loop.clauses)})", "")
        if loop.form == "node":
            compared = f"any({loop.result}.string() {python} {other.code} {' '.join(loop.clauses)})"
            return paths.guarded(loop, compared, "")
    value = g.value(path, scope)
    if sign == "=":
        return f"({other.code} in {as_texts(value)})"
    name = g.fresh()
    return f"any({name} {python} {other.code} for {name} in {as_texts(value)})"


def value_comparison(g: Generator, operator: str, left: x.Expr, right: x.Expr, scope: Scope) -> str:
    """Code of ``eq`` and its kin."""
    a, b = g.value(left, scope), g.value(right, scope)
    python = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[operator]
    if (a.form == b.form == "num") or (a.form == b.form == "str"):
        return f"({a.code} {python} {b.code})"
    return f"valued({operator!r}, {items_of(a)}, {items_of(b)})"


def sequence(g: Generator, items: tuple[x.Expr, ...], scope: Scope) -> Value:
    """The value of ``(a, b)``."""
    values = [g.value(item, scope) for item in items]
    if values and all(value.form == "texts" for value in values):
        if all(value.code.startswith("files.find(") for value in values):
            return Value("texts", f"files.union({', '.join(value.code for value in values)})")
        return Value("texts", f"[{', '.join('*' + value.code for value in values)}]")
    return Value("items", f"[{', '.join('*' + g.items(item, scope) for item in items)}]")


def conditional(g: Generator, condition: x.Expr, consequence: x.Expr, alternative: x.Expr, scope: Scope) -> Value:
    """The value of ``if``."""
    a, b = g.value(consequence, scope), g.value(alternative, scope)
    test = g.truth(condition, scope)
    if a.form == b.form and a.form in ("bool", "num", "str"):
        return Value(a.form, f"({a.code} if {test} else {b.code})")
    return Value("items", f"({items_of(a)} if {test} else {items_of(b)})")


def quantified(g: Generator, expr: x.For, scope: Scope) -> Value:
    """The value of ``for``, ``some`` and ``every``."""
    if expr.kind == "every" and scope.form == "node" and (carrier := carried(expr)) is not None:
        one = g.fresh("q")
        inner = Scope(one, "node", {expr.variable: Value("nodes", f"({one},)")})
        holds = f"lambda {one}: {g.truth(expr.body, inner)}"
        return Value("bool", f"every(d, {scope.item}, {carrier!r}, {digest(expr)!r}, {holds})")
    source = g.value(expr.source, scope)
    name = g.fresh("q")
    form = "nodes" if source.form == "nodes" else "items"
    listed = source.code if form == "nodes" else g.items(expr.source, scope)
    inner = scope._replace(variables={**scope.variables, expr.variable: Value(form, f"({name},)")})
    if expr.kind == "for":
        result = g.fresh()
        body = items_of(g.value(expr.body, inner))
        return Value("items", f"[{result} for {name} in {listed} for {result} in {body}]")
    check = g.truth(expr.body, inner)
    return Value("bool", f"{'any' if expr.kind == 'some' else 'all'}({check} for {name} in {listed})")


def cast(g: Generator, kind: str, operand: x.Expr, target: str, scope: Scope) -> Value:
    """The value of ``cast as`` and ``castable as``."""
    if target.rstrip("?") not in CASTS:
        raise x.UnsupportedXPath(target, "type")
    value = items_of(g.value(operand, scope))
    if kind == "castable":
        return Value("bool", f"castable({value}, {target!r})")
    return Value("items", f"cast({value}, {target!r})")


def filtered(g: Generator, primary: x.Expr, predicates: tuple[x.Expr, ...], scope: Scope) -> Value:
    """The value of ``(primary)[predicates]``."""
    value = g.value(primary, scope)
    if value.form == "nodes":
        code, form, item = value.code, "nodes", "node"
    elif value.form in ("texts", "opt"):
        code, form, item = as_texts(value), "texts", "text"
    else:
        code, form, item = items_of(value), "items", "item"
    for predicate in predicates:
        name = g.fresh()
        inner = scope.at(name, item)
        if is_positional(predicate, scope.variables):
            ordered = f"in_order({code})" if form == "nodes" else f"list({code})"
            code = paths.positioned(g, ordered, predicate, inner, name)
        else:
            code = f"[{name} for {name} in {code} if {g.truth(predicate, inner)}]"
    return Value(form, code)
