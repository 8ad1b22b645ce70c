"""XPath 2.0 expressions read into a tree.

Covers what rule sets use: paths on every axis but ``namespace``, predicates, the three kinds of comparison, arithmetic,
sequences, ``if``, ``for``, ``some``, ``every``, ``castable as``, ``cast as``, functions and variables. Anything else
raises ``UnsupportedXPath``, so that a caller reports it instead of skipping it.

Source: W3C XML Path Language (XPath) 2.0, annex A.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from socle.standards.errors import InvalidContent, Text


class UnsupportedXPath(InvalidContent):
    """The expression is not XPath 2.0, or uses a part of it that is not compiled."""

    def __init__(self, expression: str, why: str) -> None:
        super().__init__(
            "UnsupportedXPath",
            Text(
                f"Expression XPath non prise en charge ({why}) : {expression}",
                f"XPath expression not supported ({why}): {expression}",
            ),
        )


class Expr(msgspec.Struct, frozen=True):
    """A node of the expression tree."""


class Literal(Expr, frozen=True):
    """A string or a number written in the expression."""

    value: str | int | float


class Variable(Expr, frozen=True):
    """``$name``."""

    name: str


class ContextItem(Expr, frozen=True):
    """``.``."""


class Root(Expr, frozen=True):
    """The document node, at the head of ``/…``."""


class Test(msgspec.Struct, frozen=True):
    """What a step selects: ``kind`` is ``element``, ``attribute``, ``text``, ``comment``, ``pi`` or ``node``.

    ``name`` is a Clark name; ``*``, ``{ns}*`` and ``*:local`` are wildcards. Attributes use Clark names too.
    """

    kind: str
    name: str = "*"


class Step(Expr, frozen=True):
    """``axis::test[predicates]``."""

    axis: str
    test: Test
    predicates: tuple[Expr, ...] = ()


class Filter(Expr, frozen=True):
    """``(primary)[predicates]``."""

    primary: Expr
    predicates: tuple[Expr, ...]


class Path(Expr, frozen=True):
    """``left/right`` : right evaluated on every node of left."""

    left: Expr
    right: Expr


class Call(Expr, frozen=True):
    """A function call; ``name`` without the ``fn:`` prefix."""

    name: str
    arguments: tuple[Expr, ...]


class Binary(Expr, frozen=True):
    """``left operator right``; ``operator`` as written (``and``, ``=``, ``eq``, ``|``, ``+``, ``to`` …)."""

    operator: str
    left: Expr
    right: Expr


class Negate(Expr, frozen=True):
    """Unary minus."""

    operand: Expr


class Sequence(Expr, frozen=True):
    """``(a, b, …)``; empty is ``()``."""

    items: tuple[Expr, ...]


class If(Expr, frozen=True):
    """``if (condition) then consequence else alternative``."""

    condition: Expr
    consequence: Expr
    alternative: Expr


class For(Expr, frozen=True):
    """``for``, ``some`` or ``every`` (in ``kind``) with one variable; several variables nest."""

    kind: str
    variable: str
    source: Expr
    body: Expr


class Cast(Expr, frozen=True):
    """``operand cast as type`` or ``castable as type`` (in ``kind``)."""

    kind: str
    operand: Expr
    type: str


_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>\d+\.\d*|\.\d+|\d+)
  | (?P<string>"(?:[^"]|"")*"|'(?:[^']|'')*')
  | (?P<variable>\$\s*[\w][\w.\-]*(?::[\w][\w.\-]*)?)
  | (?P<name>\*:[^\W\d][\w.\-]*|[^\W\d][\w.\-]*:\*|[^\W\d][\w.\-]*(?::(?!:)[^\W\d][\w.\-]*)?)
  | (?P<symbol>//|::|\.\.|<<|>>|<=|>=|!=|[()\[\]@,/|+\-*=<>.?])
    """,
    re.VERBOSE,
)
_AXES: Final = frozenset(
    ("child", "descendant", "attribute", "self", "descendant-or-self", "following-sibling", "following", "parent",
     "ancestor", "preceding-sibling", "preceding", "ancestor-or-self")
)  # fmt: skip
_KIND_TESTS: Final = {
    "text": "text",
    "node": "node",
    "comment": "comment",
    "processing-instruction": "pi",
    "element": "element",
}
_GENERAL: Final = ("=", "!=", "<", "<=", ">", ">=")
_VALUE: Final = ("eq", "ne", "lt", "le", "gt", "ge")
_PRECEDENCE: Final[tuple[tuple[str, ...], ...]] = (
    ("or",),
    ("and",),
    (*_GENERAL, *_VALUE, "is", "<<", ">>"),
    ("to",),
    ("+", "-"),
    ("*", "div", "idiv", "mod"),
    ("|", "union"),
    ("intersect", "except"),
)
_MAX_DEPTH: Final = 200


def parse_xpath(expression: str, namespaces: dict[str, str]) -> Expr:
    """The tree of ``expression``, its prefixes resolved by ``namespaces``. Raises ``UnsupportedXPath``.

    >>> parse_xpath("count(h:id) = 1", {"h": "urn:hl7-org:v3"}).operator
    '='
    """
    return _Parser(expression, namespaces).parse()


class _Parser:
    def __init__(self, expression: str, namespaces: dict[str, str]) -> None:
        self.expression = expression
        self.namespaces = namespaces
        self.tokens = self._tokenize()
        self.at = 0
        self.depth = 0

    def _tokenize(self) -> list[tuple[str, str]]:
        source, position, tokens = _without_comments(self.expression), 0, []
        while position < len(source):
            match = _TOKEN.match(source, position)
            if match is None:
                raise self.refuse(f"character {source[position]!r}")
            if match.lastgroup != "space":
                tokens.append((str(match.lastgroup), match.group()))
            position = match.end()
        return [*tokens, ("end", "")]

    def refuse(self, why: str) -> UnsupportedXPath:
        return UnsupportedXPath(self.expression, why)

    @property
    def word(self) -> str:
        return self.tokens[self.at][1] if self.tokens[self.at][0] in ("symbol", "name") else ""

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    def after(self, offset: int = 1) -> str:
        index = min(self.at + offset, len(self.tokens) - 1)
        return self.tokens[index][1] if self.tokens[index][0] in ("symbol", "name") else ""

    def take(self, *words: str) -> str:
        if self.word in words:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return ""

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise self.refuse(f"{word!r} expected, {self.tokens[self.at][1]!r} found")

    def parse(self) -> Expr:
        result = self.sequence()
        if self.kind != "end":
            raise self.refuse(f"{self.tokens[self.at][1]!r} not expected")
        return result

    def sequence(self) -> Expr:
        items = [self.single()]
        while self.take(","):
            items.append(self.single())
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def single(self) -> Expr:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.refuse("nested too deep")
        try:
            if self.word == "if" and self.after() == "(":
                return self.conditional()
            if self.word in ("for", "some", "every") and self.tokens[self.at + 1][0] == "variable":
                return self.quantified()
            return self.binary(0)
        finally:
            self.depth -= 1

    def conditional(self) -> Expr:
        self.expect("if")
        self.expect("(")
        condition = self.sequence()
        self.expect(")")
        self.expect("then")
        consequence = self.single()
        self.expect("else")
        return If(condition, consequence, self.single())

    def quantified(self) -> Expr:
        kind = self.take("for", "some", "every")
        bindings = [self.binding()]
        while self.take(","):
            bindings.append(self.binding())
        self.expect("return" if kind == "for" else "satisfies")
        result = self.single()
        for name, source in reversed(bindings):
            result = For(kind, name, source, result)
        return result

    def binding(self) -> tuple[str, Expr]:
        if self.kind != "variable":
            raise self.refuse("variable expected")
        name = self.tokens[self.at][1][1:].strip()
        self.at += 1
        self.expect("in")
        return name, self.single()

    def binary(self, level: int) -> Expr:
        if level == len(_PRECEDENCE):
            return self.cast()
        left = self.binary(level + 1)
        while operator := self.take(*_PRECEDENCE[level]):
            left = Binary("|" if operator == "union" else operator, left, self.binary(level + 1))
            if level == 2 and self.word in _PRECEDENCE[2]:
                raise self.refuse("chained comparison")
        return left

    def cast(self) -> Expr:
        operand = self.unary()
        while self.word in ("cast", "castable") and self.after() == "as":
            kind = self.take("cast", "castable")
            self.expect("as")
            target = self.tokens[self.at][1]
            self.at += 1
            operand = Cast(kind, operand, target + self.take("?"))
        if self.word in ("instance", "treat") and self.after() in ("of", "as"):
            raise self.refuse(self.word)
        return operand

    def unary(self) -> Expr:
        if self.take("-"):
            return Negate(self.unary())
        while self.take("+"):
            pass
        return self.path()

    def path(self) -> Expr:
        if self.take("//"):
            return self.steps(Path(Root(), Step("descendant-or-self", Test("node"))))
        if self.take("/"):
            return self.steps(Root()) if self.starts_step() else Root()
        return self.more_steps(self.step())

    def starts_step(self) -> bool:
        return self.kind in ("name", "string", "number", "variable") or self.word in ("*", "@", ".", "..", "(")

    def steps(self, left: Expr) -> Expr:
        return self.more_steps(Path(left, self.step()))

    def more_steps(self, left: Expr) -> Expr:
        while separator := self.take("//", "/"):
            if separator == "//":
                left = Path(left, Step("descendant-or-self", Test("node")))
            left = Path(left, self.step())
        return left

    def predicates(self) -> tuple[Expr, ...]:
        found = []
        while self.take("["):
            found.append(self.sequence())
            self.expect("]")
        return tuple(found)

    def step(self) -> Expr:
        if self.take(".."):
            return Step("parent", Test("node"), self.predicates())
        if self.take("@"):
            return Step("attribute", self.node_test("attribute"), self.predicates())
        if self.word in _AXES and self.after() == "::":
            axis = self.take(self.word)
            self.expect("::")
            kind = "attribute" if axis == "attribute" else "element"
            return Step(axis, self.node_test(kind), self.predicates())
        is_call = self.kind == "name" and self.after() == "(" and self.word not in _KIND_TESTS
        if self.word == "*" or (self.kind == "name" and not is_call):
            return _named(Step("child", self.node_test("element"), self.predicates()))
        primary = self.primary()
        predicates = self.predicates()
        return Filter(primary, predicates) if predicates else primary

    def node_test(self, kind: str) -> Test:
        if self.word in _KIND_TESTS and self.after() == "(":
            found = _KIND_TESTS[self.take(self.word)]
            self.expect("(")
            name = "*"
            if self.kind == "name" or self.word == "*":
                name = self.clark(self.take(self.word), "element")
            self.expect(")")
            return Test(found, name)
        if self.kind != "name" and self.word != "*":
            raise self.refuse("name expected")
        return Test(kind, self.clark(self.take(self.word), kind))

    def clark(self, name: str, kind: str) -> str:
        if name == "*" or name.startswith("*:"):
            return name
        prefix, colon, local = name.rpartition(":")
        if not colon:
            return name
        if prefix == "xml":
            return f"{{http://www.w3.org/XML/1998/namespace}}{local}"
        if prefix not in self.namespaces:
            raise self.refuse(f"prefix {prefix!r} is not declared")
        return f"{{{self.namespaces[prefix]}}}{local}"

    def primary(self) -> Expr:
        kind, text = self.tokens[self.at]
        if kind == "string":
            self.at += 1
            return Literal(text[1:-1].replace(text[0] * 2, text[0]))
        if kind == "number":
            self.at += 1
            return Literal(float(text) if "." in text else int(text))
        if kind == "variable":
            self.at += 1
            return Variable(text[1:].strip())
        if self.take("."):
            return ContextItem()
        if self.take("("):
            if self.take(")"):
                return Sequence(())
            inner = self.sequence()
            self.expect(")")
            return inner
        if kind == "name" and self.after() == "(":
            return self.call()
        raise self.refuse(f"{text!r} not expected")

    def call(self) -> Expr:
        name = self.take(self.word).removeprefix("fn:")
        self.expect("(")
        arguments: list[Expr] = []
        if not self.take(")"):
            arguments.append(self.single())
            while self.take(","):
                arguments.append(self.single())
            self.expect(")")
        return Call(name, tuple(arguments))


def _named(step: Step) -> Step:
    """``*[self::a]`` is ``a``, which indexes answer."""
    match step:
        case Step(axis, Test("element", "*"), (Step("self", Test("element", name), ()), *rest)):
            return Step(axis, Test("element", name), tuple(rest))
    return step


def _without_comments(expression: str) -> str:
    if "(:" not in expression:
        return expression
    return re.sub(r"\(:.*?:\)", " ", expression, flags=re.DOTALL)
