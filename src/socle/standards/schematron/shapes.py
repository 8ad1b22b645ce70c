"""Questions about expression trees: is it a path, where does it begin, which template does it ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from socle.standards.schematron import xpath as x
from socle.standards.schematron.forms import Value
from socle.standards.schematron.tree import TEMPLATE_ID

BOOLEAN_CALLS: Final = frozenset(
    ("not", "boolean", "exists", "empty", "true", "false", "contains", "starts-with", "ends-with", "matches",
     "doc-available")
)  # fmt: skip
NUMBER_CALLS: Final = frozenset(("count", "string-length", "number", "position", "last"))
STRING_CALLS: Final = frozenset(
    ("string", "concat", "normalize-space", "substring", "substring-before", "substring-after", "replace", "translate",
     "upper-case", "lower-case", "string-join", "name", "local-name", "namespace-uri", "iri-to-uri",
     "local-name-from-QName", "namespace-uri-from-QName")
)  # fmt: skip
ANY_BELOW: Final = x.Step("descendant-or-self", x.Test("node"))
#: ``string-length(normalize-space(.)) > 0``, as a predicate of ``text()``.
HAS_WORDS: Final = tuple(
    x.Binary(sign, x.Call("string-length", (x.Call("normalize-space", argument),)), x.Literal(0))
    for sign in (">", "gt")
    for argument in ((), (x.ContextItem(),))
)
_TEMPLATE_ROOT: Final = x.Path(
    x.Step("child", x.Test("element", TEMPLATE_ID)), x.Step("attribute", x.Test("attribute", "root"))
)


def is_path(expr: x.Expr) -> bool:
    """Whether an expression is a path."""
    return isinstance(expr, x.Path | x.Step)


def gives_nodes(expr: x.Expr) -> bool:
    """Whether an expression gives nodes, whatever the document."""
    match expr:
        case x.Step() | x.Path(_, x.Step()):
            return True
        case x.Binary("except", left, right):
            return gives_nodes(left) and all(map(gives_nodes, united(right)))
    return False


def is_plain(name: str) -> bool:
    """Whether a name test has no wildcard."""
    return "*" not in name


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
            and not any(is_positional(predicate, {}) for predicate in step.predicates)
        ):
            merged[-1] = x.Step("descendant", step.test, step.predicates)
        elif previous == ANY_BELOW and isinstance(step, x.Step) and step.axis == "descendant":
            merged[-1] = step
        else:
            merged.append(step)
    return expr, merged


def united(expr: x.Expr) -> list[x.Expr]:
    """The parts of a union."""
    if isinstance(expr, x.Binary) and expr.operator == "|":
        return [*united(expr.left), *united(expr.right)]
    return [expr]


def around(expr: x.Expr) -> x.Step | None:
    """The siblings that ``preceding-sibling::a[…] | following-sibling::a[…]`` asks for, as one step."""
    match expr:
        case x.Binary(
            "|", x.Step("preceding-sibling", test, conditions), x.Step("following-sibling", other, again)
        ) if (
            test == other and conditions == again and not any(is_positional(one, {}) for one in conditions)
        ) and test.kind == "element":
            return x.Step("sibling", test, conditions)
    return None


def attributes_spared(expr: x.Binary) -> list[x.Step] | None:
    """The attributes left out by ``@* except (@a | @*:b[…])``; no condition may choose by position."""
    if expr.left != x.Step("attribute", x.Test("attribute")):
        return None
    spared = []
    for step in united(expr.right):
        match step:
            case x.Step("attribute", x.Test("attribute", name), conditions) if (
                is_plain(name) or name.startswith("*:")
            ) and not any(is_positional(condition, {}) for condition in conditions):
                spared.append(step)
            case _:
                return None
    return spared


def carried(expr: x.For) -> str | None:
    """The attribute without which ``every $e in descendant-or-self::* satisfies $e[…]`` says nothing of an element.

    None when the condition reads anything but the element.
    """
    if expr.source != x.Step("descendant-or-self", x.Test("element", "*")):
        return None
    match expr.body:
        case x.Filter(x.Variable(name), (condition,)) if name == expr.variable and not reads_elsewhere(condition):
            while isinstance(condition, x.Binary) and condition.operator == "or":
                condition = condition.left
            match condition:
                case x.Call("not", (x.Step("attribute", x.Test("attribute", carried_name), ()),)):
                    return carried_name if is_plain(carried_name) else None
    return None


def choice(expr: x.Expr) -> tuple[str, tuple[str, ...]] | None:
    """``@a = 'x' or @a = 'y' or …``: the attribute and its values."""
    match expr:
        case x.Binary("or", left, right):
            first, second = choice(left), choice(right)
            return (first[0], first[1] + second[1]) if first and second and first[0] == second[0] else None
        case x.Binary("=", x.Step("attribute", x.Test("attribute", name), ()), x.Literal(value)):
            return (name, (value,)) if isinstance(value, str) and is_plain(name) else None
    return None


def is_document_wide(expr: x.Expr) -> bool:
    """Whether the value is the same wherever it is read: it starts at the root and reads no variable."""
    match expr:
        case x.Path():
            head, steps = flatten(expr)
            return isinstance(head, x.Root) and not any(map(reads_elsewhere, steps))
        case x.Binary(_, left, right):
            sides = [side for side in (left, right) if not isinstance(side, x.Literal)]
            return bool(sides) and all(map(is_document_wide, sides))
        case x.Call("count" | "not" | "exists" | "empty", (argument,)):
            return is_document_wide(argument)
    return False


def reads_elsewhere(expr: object) -> bool:
    """Whether an expression reads a variable or ``current()``."""
    if isinstance(expr, x.Variable) or expr == x.Call("current", ()):
        return True
    if isinstance(expr, tuple):
        return any(map(reads_elsewhere, expr))
    if isinstance(expr, x.Expr):
        return any(reads_elsewhere(getattr(expr, field)) for field in expr.__struct_fields__)
    return False


def claimed(step: x.Step) -> str | None:
    """The template of ``templateId[@root='X']``."""
    match step:
        case x.Step(
            _,
            x.Test("element", name),
            (x.Binary("=", x.Step("attribute", x.Test("attribute", "root"), ()), x.Literal(value)),),
        ) if name == TEMPLATE_ID and isinstance(value, str):
            return value
    return None


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
            return claimed(predicate)
    return None


def is_positional(predicate: x.Expr, variables: Mapping[str, Value]) -> bool:
    """Whether a predicate chooses by position."""
    match predicate:
        case x.Literal(value):
            return not isinstance(value, str)
        case x.Variable(name):
            return variables[name].form in ("num", "items") if name in variables else False
        case x.Call(name):
            return (
                name in NUMBER_CALLS
                or name in ("sum", "max", "min", "round", "floor", "abs")
                or uses_position(predicate)
            )
        case x.Binary(operator) if operator in ("+", "-", "*", "div", "idiv", "mod"):
            return True
    return uses_position(predicate)


def uses_position(expr: object) -> bool:
    """Whether ``position()`` or ``last()`` of this very predicate is read."""
    match expr:
        case x.Call(name, arguments):
            return (name in ("position", "last") and not arguments) or any(map(uses_position, arguments))
        case x.Binary(_, left, right):
            return uses_position(left) or uses_position(right)
        case x.If(a, b, c):
            return any(map(uses_position, (a, b, c)))
    return False


def from_root(steps: list[x.Expr]) -> x.Expr:
    """The path of ``steps`` from the document node."""
    path: x.Expr = x.Root()
    for step in steps:
        path = x.Path(path, step)
    return path


def entered(steps: list[x.Expr]) -> list[x.Expr]:
    """``a[b/c[…]]`` exists when ``a/b/c[…]`` does."""
    match steps:
        case [*before, x.Step(axis, test, (*kept, x.Path() as inner))] if not any(map(reads_elsewhere, kept)):
            head, rest = flatten(inner)
            if isinstance(head, x.Step):
                return entered([*before, x.Step(axis, test, tuple(kept)), head, *rest])
    return steps


def keyed(steps: list[x.Expr]) -> tuple[list[x.Expr], dict[str, x.Expr]] | None:
    """``…//tag[@a = $x and @b = $y]`` in another file: the path without the conditions, and the conditions."""
    if not steps or not isinstance(steps[-1], x.Step) or any(map(reads_elsewhere, steps[:-1])):
        return None
    step = steps[-1]
    conditions: dict[str, x.Expr] = {}
    pending = list(step.predicates)
    while pending:
        match pending.pop():
            case x.Binary("and", left, right):
                pending += [left, right]
            case x.Binary("=", x.Step("attribute", x.Test("attribute", name), ()), other) if not is_path(other):
                conditions["@" + name] = other
            case x.Binary("=", x.Step("child", x.Test("text"), ()), other) if not is_path(other):
                conditions["text()"] = other
            case _:
                return None
    return [*steps[:-1], x.Step(step.axis, step.test)], conditions


def digest(expr: x.Expr) -> str:
    """A short name of an expression."""
    return hashlib.blake2b(repr(expr).encode(), digest_size=9).hexdigest()
