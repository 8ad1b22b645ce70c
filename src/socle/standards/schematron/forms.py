"""What generated code handles: a value, the scope where it is read, a path as the clauses of a comprehension."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from socle.standards.schematron import xpath as x

ATTRIBUTE_CLAUSE: Final = re.compile(
    r"for \w+ in \(\((\w+)\.attrs\[('[^']*')\],\) if '[^']*' in \w+\.attrs else \(\)\)"
)
BELOW_CLAUSE: Final = re.compile(r"for \w+ in below\(d, \w+(?:\.root)?, ('[^']*')\)")
CHILD_CLAUSE: Final = re.compile(r"for \w+ in (\w+)\.kids\.get\(('[^']*'), E\)")


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
        """The scope inside a predicate or a step."""
        return self._replace(item=item, form=form, position=position, size=size)


class Loop(NamedTuple):
    """A path as the clauses of a comprehension; ``result`` is its element expression, of form node, text or item."""

    clauses: tuple[str, ...]
    result: str
    form: str
    distinct: bool  # no node twice
    flat: bool  # no node inside another


class Keep(NamedTuple):
    """Keeps of a sequence what a node test accepts."""

    test: x.Test
    variable: str

    def __call__(self, source: str, *, always: bool = False) -> str:
        """Code of the kept nodes; ``always`` when the document node may be among them."""
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
        case "texts" if value.code.endswith(",)") and value.code[1:-2].isidentifier():
            return value.code[1:-2]
        case "texts":
            return f"only({value.code})"
    return f"text({value.code})"


def as_texts(value: Value) -> str:
    """A value as texts."""
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


def single_comparison(python: str, a: Value, b: Value) -> str:
    """Code that compares two single values."""
    if a.form == b.form == "str":
        return f"({a.code} {python} {b.code})"
    if python == "==":
        if a.form == "opt" and b.form == "opt":
            return f"same({a.code}, {b.code})"
        return f"({a.code} == {b.code})"
    return f"both({a.code}, {b.code}, lambda a, b: a {python} b)"


def attribute_of_child(loop: Loop, python: str, other: str) -> str | None:
    """``child/@name = other``: the attribute is compared where it is read."""
    if python != "==" or not loop.clauses or (found := ATTRIBUTE_CLAUSE.fullmatch(loop.clauses[-1])) is None:
        return None
    compared = f"{found[1]}.attrs.get({found[2]}) == {other}"
    rest = loop.clauses[:-1]
    return f"any({compared} {' '.join(rest)})" if rest else f"({compared})"


def is_alias(clause: str) -> bool:
    """Whether a clause only gives another name to a variable."""
    source = clause.partition(" in ")[2]
    return source.startswith("(") and source.endswith(",)") and source[1:-2].isidentifier()
