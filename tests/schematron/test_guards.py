"""What the shape of a node settles is what evaluation would have said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from socle.standards.schematron.files import Files
from socle.standards.schematron.guards import guard
from socle.standards.schematron.plan import compile_schema
from socle.standards.schematron.schema import Check, Pattern, Rule, Schema
from socle.standards.schematron.tree import Document, shape_of
from socle.standards.schematron.xpath import parse_xpath

_ATOMS = st.sampled_from(
    ["@a", "@b", "x", "y", "*", "x/@a", "x[y]", ".//y", "count(x) <= 1", "count(x) >= 2", "count(*[self::x][@a]) = 0",
     "@a = 'v'", "x = @b", "text()[string-length(normalize-space(.)) > 0]", "true()", "false()",
     "(every $e in descendant-or-self::* satisfies $e[not(@a) or @b])", "count(.//y) > 0", "exists(x/y)"]
)  # fmt: skip
_TESTS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        inner.map("not({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: "({} {} {})".format(*parts)),
        st.tuples(inner, inner, inner).map(lambda parts: "(if ({}) then {} else {})".format(*map(_truth, parts))),
    ),
    max_leaves=5,
)
_ELEMENTS = st.recursive(
    st.builds(lambda name, attributes: etree.Element(name, attributes), st.sampled_from("xyz"),
              st.dictionaries(st.sampled_from("abc"), st.sampled_from(["v", ""]), max_size=2)),
    lambda inner: st.builds(lambda element, kids: _with(element, kids), inner, st.lists(inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip


def _truth(test: str) -> str:
    return f"boolean({test})"


def _with(element: etree._Element, kids: list[etree._Element]) -> etree._Element:
    for kid in kids:
        element.append(etree.fromstring(etree.tostring(kid)))
    return element


@settings(max_examples=200, deadline=None)
@given(_TESTS, _ELEMENTS)
def test_a_guard_never_contradicts_the_test(test: str, element: etree._Element) -> None:
    known = guard(parse_xpath(test, {}))
    document = Document(element)
    node = document.root.children[0]
    names = {"A": node.attrs, "K": node.kids}
    # The same test behind a variable has no guard: it is evaluated.
    rule = Rule("/*", (Check(f"(//*)[1][{test}]", False, "", ()),))
    plan = compile_schema(Schema("t", "", {}, (), (Pattern("p", (rule,)),)), Files("", None, {}))  # type: ignore[arg-type]
    holds = plan.evaluate(document).firings == []
    if known.true and eval(known.true, {}, names):
        assert holds
    if known.false and eval(known.false, {}, names):
        assert not holds


@pytest.mark.parametrize(
    ("test", "passes_on"),
    [("not(@unit) or @unit = 'g'", "<x/>"), ("count(y) <= 1", "<x><y/></x>"), ("@nullFlavor | *", "<x><z/></x>")],
)
def test_the_shapes_that_fill_headers_need_no_evaluation(test: str, passes_on: str) -> None:
    node = Document(etree.fromstring(passes_on)).root.children[0]
    assert eval(guard(parse_xpath(test, {})).true, {}, {"A": node.attrs, "K": node.kids})


def test_nodes_of_one_shape_share_its_number() -> None:
    first, second, third = Document(etree.fromstring("<r><x a='1'><y/></x><x a='2'><y/></x><x a='1'/></r>")).nodes[1::2]
    assert shape_of(first) == shape_of(second) != 0
    assert shape_of(third) != shape_of(first)
