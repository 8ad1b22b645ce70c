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

from socle.standards.schematron import operators, paths, shapes
from socle.standards.schematron import xpath as x
from socle.standards.schematron.forms import Scope, Value, items_of, text_of, truth_of
from socle.standards.schematron.functions import call
from socle.standards.schematron.shapes import (
    digest,
    gives_nodes,
    is_document_wide,
    is_path,
    is_plain,
    is_positional,
    united,
)
from socle.standards.schematron.strings import pattern
from socle.standards.schematron.values import XPathError


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

    def truth(self, expr: x.Expr, scope: Scope) -> str:
        """Python code of the effective boolean value."""
        match expr:
            case x.Binary("and", left, right):
                return f"({self.truth(left, scope)} and {self.truth(right, scope)})"
            case x.Binary("or", left, right) if (choice := shapes.choice(expr)) is not None and scope.form == "node":
                name, values = choice
                return f"({scope.item}.attrs.get({name!r}) in {values!r})"
            case x.Binary("or", left, right):
                return f"({self.truth(left, scope)} or {self.truth(right, scope)})"
            case x.Binary("|") if all(map(gives_nodes, parts := united(expr))):
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
            case x.Step("child", x.Test("text"), (condition,)) if (
                scope.form == "node" and condition in shapes.HAS_WORDS
            ):
                return f"{scope.item}.has_words()"
            case x.Path() | x.Step() if (quick := paths.lookup(self, expr, scope)) is not None:
                return quick
            case x.Path() | x.Step() if (shared := paths.document_values(self, expr, scope)) is not None:
                return truth_of(shared)
            case x.Path() | x.Step():
                return self.once(expr, paths.exists(paths.walk(self, expr, scope)))
            case x.Binary(">=" | ">" as sign, x.Call("count", (path,)), x.Literal(limit)) if is_path(path) and (
                (sign, limit) in ((">=", 1), (">", 0))
            ):
                return self.truth(path, scope)
            case x.Binary(">" | "gt", x.Call("string-length", (x.Call("normalize-space", argument),)), x.Literal(0)):
                return f"({self.text((argument or (x.ContextItem(),))[0], scope)}.strip(SPACES) != '')"
            case x.Binary(operator) if operator in operators.GENERAL:
                return self.once(expr, operators.comparison(self, operator, expr.left, expr.right, scope))
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
                return operators.binary(self, expr, operator, scope)
            case x.Negate(operand):
                return operators.arithmetic(self, "-", x.Literal(0), operand, scope)
            case x.Sequence(items):
                return operators.sequence(self, items, scope)
            case x.If(condition, consequence, alternative):
                return operators.conditional(self, condition, consequence, alternative, scope)
            case x.For():
                return operators.quantified(self, expr, scope)
            case x.Cast(kind, operand, target):
                return operators.cast(self, kind, operand, target, scope)
            case x.Call("not" | "boolean" | "exists" | "empty", (argument,)) if is_path(argument):
                return Value("bool", self.truth(expr, scope))
            case x.Call(name, arguments):
                return call(self, name, arguments, scope)
            case x.Step("attribute", x.Test("attribute", name), ()) if scope.form == "node" and is_plain(name):
                return Value("opt", f"{scope.item}.attrs.get({name!r})")
            case x.Filter(primary, predicates):
                return operators.filtered(self, primary, predicates, scope)
            case x.Path() | x.Step():
                if (shared := paths.document_values(self, expr, scope)) is not None:
                    return shared
                return paths.gathered(paths.walk(self, expr, scope))
        raise x.UnsupportedXPath(str(expr), "form")

    def items(self, expr: x.Expr, scope: Scope) -> str:
        """A list of items, atomic values of nodes keeping that they are untyped; attributes stay nodes."""
        if is_path(expr) and paths.document_values(self, expr, scope) is None:
            loop = paths.walk(self, expr, scope, as_items=True)
            gathered = paths.gathered(loop)
            return gathered.code
        return items_of(self.value(expr, scope))

    def text(self, expr: x.Expr, scope: Scope) -> str:
        """One Python ``str``: the argument of a string function."""
        return text_of(self.value(expr, scope))

    def number(self, expr: x.Expr, scope: Scope) -> str:
        """One Python number: the argument of a numeric function."""
        value = self.value(expr, scope)
        return value.code if value.form == "num" else f"number(one({items_of(value)}))"
