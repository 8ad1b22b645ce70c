"""What is known of a test from the shape of its node alone: the attributes it has, and how many children of each name.

Most tests of a rule set pass for that reason (``not(@unit) or …``, ``count(x) <= 1``), and documents repeat few shapes.
A guard is a Python expression over ``A``, the attributes of the node, and ``K``, its children by name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Final, NamedTuple

from socle.standards.schematron import xpath as x
from socle.standards.schematron.shapes import ANY_BELOW, carried, flatten, is_plain

_SIGNS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_COMPARE: Final[dict[str, Callable[[int, int], bool]]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip


class Guard(NamedTuple):
    """When a test is certainly true, and when it is certainly false; ``""``: its shape never tells."""

    true: str = ""
    false: str = ""


def guard(expr: x.Expr) -> Guard:
    """What the shape of the context node tells of the effective boolean value of ``expr``.

    Where it tells, evaluation would raise no error before reaching that value.
    """
    match expr:
        case x.Call("true", ()):
            return Guard("True", "")
        case x.Call("false", ()):
            return Guard("", "True")
        case x.Call("not" | "empty", (argument,)):
            inner = guard(argument)
            return Guard(inner.false, inner.true) if expr.name == "not" or _is_path(argument) else Guard()
        case x.Call("boolean" | "exists", (argument,)) if expr.name == "boolean" or _is_path(argument):
            return guard(argument)
        case x.Binary("and", left, right):
            a, b = guard(left), guard(right)
            return Guard(_both(a.true, b.true), _either(a.false, _both(a.true, b.false)))
        case x.Binary("or" | "|", left, right):
            a, b = guard(left), guard(right)
            return Guard(_either(a.true, _both(a.false, b.true)), _both(a.false, b.false))
        case x.Binary(
            sign, x.Call("count", (x.Step("child", x.Test("element", name), ()),)), x.Literal(int() as limit)
        ) if sign in _SIGNS and is_plain(name):
            counted = f"len(K.get({name!r}, ()))"
            return Guard(f"{counted} {_SIGNS[sign]} {limit}", f"not {counted} {_SIGNS[sign]} {limit}")
        case x.Binary(sign, x.Call("count", (counted,)), x.Literal(int() as limit)) if sign in _SIGNS:
            nothing = _absent(counted)
            return Guard(nothing, "") if _COMPARE[sign](0, limit) else Guard("", nothing)
        case x.Binary(sign, left, right) if sign in _SIGNS:
            empty = _absent(left)
            return Guard("", _either(empty, _absent(right)) if _never_fails(left) else empty)
        case x.If(condition, consequence, alternative):
            a, b, c = map(guard, (condition, consequence, alternative))
            return Guard(
                _either(_both(a.true, b.true), _both(a.false, c.true)),
                _either(_both(a.true, b.false), _both(a.false, c.false)),
            )
        case x.For() if expr.kind == "every" and (held := carried(expr)) is not None:
            return Guard(f"(not K and {held!r} not in A)", "")
        case x.Path() | x.Step():
            return Guard(_present(expr), _absent(expr))
    return Guard()


def _is_path(expr: x.Expr) -> bool:
    return isinstance(expr, x.Path | x.Step) or (isinstance(expr, x.Binary) and expr.operator == "|")


def _never_fails(expr: x.Expr) -> bool:
    return isinstance(expr, x.Literal) or (isinstance(expr, x.Step) and not expr.predicates)


def _present(expr: x.Expr) -> str:
    """When a path certainly gives a node."""
    match expr:
        case x.Step("attribute", x.Test("attribute", name), ()) if is_plain(name):
            return f"{name!r} in A"
        case x.Step("child", x.Test("element", "*"), ()):
            return "bool(K)"
        case x.Step("child", x.Test("element", name), ()) if is_plain(name):
            return f"{name!r} in K"
    return ""


def _absent(expr: x.Expr) -> str:
    """When a path certainly gives none, whatever its predicates and later steps."""
    if not isinstance(expr, x.Path | x.Step):
        return ""
    head, steps = flatten(expr)
    first = steps[0] if isinstance(head, x.ContextItem) and steps else head
    match first:
        case x.Step("attribute", x.Test("attribute", name)) if is_plain(name):
            return f"{name!r} not in A"
        case x.Step("child", x.Test("element", name)) if is_plain(name):
            return f"{name!r} not in K"
        case x.Step("child" | "descendant", x.Test("element")) if first != ANY_BELOW:
            return "not K"
    return ""


def _both(a: str, b: str) -> str:
    if not a or not b:
        return ""
    return b if a == "True" else a if b == "True" else f"({a} and {b})"


def _either(a: str, b: str) -> str:
    if not a or not b:
        return a or b
    return "True" if "True" in (a, b) else f"({a} or {b})"
