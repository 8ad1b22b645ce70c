"""Expressions compiled to Python give what XPath 2.0 says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from socle.standards.errors import SocleError
from socle.standards.schematron.files import Files, SetKey
from socle.standards.schematron.plan import Plan, compile_schema, load_plan
from socle.standards.schematron.positions import positions
from socle.standards.schematron.schema import Check, Let, Pattern, Piece, Rule, Schema
from socle.standards.schematron.tree import Document, location
from socle.standards.schematron.xpath import UnsupportedXPath, parse_xpath

NAMESPACES = {"h": "urn:hl7-org:v3", "xsi": "http://www.w3.org/2001/XMLSchema-instance"}
DOCUMENT = b"""<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns:s="urn:hl7-org:sdtc">
  <templateId root="1.1"/><templateId root="1.2"/>
  <id root="A" extension="x"/><id nullFlavor="UNK"/>
  <code code="C1" codeSystem="S1"/>
  <title>Un <!-- rien --> titre</title>
  <effectiveTime><low value="20240101"/><high value="20240301"/></effectiveTime>
  <s:code code="C2"/>
  <component><section><templateId root="2.1"/><code code="11"/>
    <entry><observation classCode="OBS" moodCode="EVN"><templateId root="3.1"/>
      <value xsi:type="PQ" value="5.1"/></observation></entry>
    <entry><observation classCode="OBS" moodCode="INT"><templateId root="3.1"/>
      <value xsi:type="PQ" value="7"/></observation></entry>
  </section></component>
</ClinicalDocument>"""


class Nothing:
    def exists(self, path: str) -> bool:
        return path == "sets/one.xml"

    def read(self, path: str) -> bytes | None:
        content = b'<s><concept code="C1" codeSystem="S1"/><concept code="C9" codeSystem="S1"/></s>'
        return content if self.exists(path) else None


def plan_of(test: str, context: str = "/h:ClinicalDocument", lets: tuple[Let, ...] = (), report: bool = False) -> Plan:
    check = Check(test, report, "", (Piece("text", "dit "), Piece("value", "@code")))
    schema = Schema("main.sch", "t", NAMESPACES, (), (Pattern("p", (Rule(context, (*lets, check)),)),))
    return compile_schema(schema, Files("", Nothing(), {}))


def holds(test: str, context: str = "/h:ClinicalDocument", lets: tuple[Let, ...] = ()) -> bool:
    plan = plan_of(test, context, lets)
    assert plan.uncovered == []
    outcome = plan.evaluate(Document(etree.fromstring(DOCUMENT)))
    assert outcome.stopped == []
    return not outcome.firings


@pytest.mark.parametrize(
    "test",
    [
        "h:templateId/@root = '1.1'",
        "count(h:templateId) = 2",
        "count(h:templateId[@root='1.1']) <= 1",
        "h:id/@extension != 'y'",
        "not(h:code[@code='C1'][not(@codeSystem)])",
        ".//h:templateId[@root='3.1']",
        "count(.//h:templateId[@root='3.1']) = 2",
        "h:title = 'Un  titre'",
        "normalize-space(h:title) = 'Un titre'",
        "string-length(h:title/text()[1]) = 3",
        "h:effectiveTime/h:low/@value < h:effectiveTime/h:high/@value",
        "number(h:effectiveTime/h:low/@value) > 20230000",
        "every $v in .//h:value satisfies number($v/@value) > 5",
        "some $v in .//h:value satisfies $v/@value = '7'",
        "(//h:observation)[2]/@moodCode = 'INT'",
        "//h:entry[1]/h:observation/@moodCode = 'EVN'",
        "//h:entry[last()]/h:observation/@moodCode = 'INT'",
        "//h:entry[position() > 1]/h:observation/@moodCode = 'INT'",
        "*:code[@code='C2']",
        "count(*:code) = 2",
        "self::h:ClinicalDocument",
        "h:component/h:section/../../h:code",
        "matches(h:code/@code, '^[A-Z]\\d$')",
        "string-join(for $c in *:code return $c/@code, '+') = 'C1+C2'",
        "h:code/@code = ('C0', 'C1')",
        "if (h:id[@nullFlavor]) then count(h:id) = 2 else false()",
        "count(@* | h:id/@*) = 3",
        "not(h:id/@* except h:id/(@root | @extension | @nullFlavor))",
        "substring('abcde', 2, 3) = 'bcd'",
        "replace('2024-01', '-', '') castable as xs:integer",
        "empty(h:nothing) and exists(h:id)",
        "document('sets/one.xml')//concept[@code = 'C9' and @codeSystem = 'S1']",
        "h:code/@code = doc('sets/one.xml')/s/concept/@code",
        "doc-available('sets/one.xml') and not(doc-available('sets/two.xml'))",
        "following-sibling::* or not(preceding-sibling::*)",
        "h:code/following-sibling::h:title",
        "count(descendant-or-self::*) = 23",
        "-1 < 0 and 2 * 3 = 6 and 7 mod 4 = 3",
        "xs:dateTime('2024-01-01T00:00:00') < xs:dateTime('2024-01-02T00:00:00')",
        "distinct-values(//h:observation/@classCode) = 'OBS'",
    ],
)
def test_an_expression_that_is_true_in_xpath_2_is_true_here(test: str) -> None:
    assert holds(test)


@pytest.mark.parametrize(
    "test",
    [
        "h:templateId/@root = '9'",
        "h:effectiveTime/h:low/@value > h:effectiveTime/h:high/@value",
        "h:title/@code = ''",
        "count(h:id[@root]) = 2",
        "'20240230' castable as xs:date",
        "'2024-02-30T00:00:00' castable as xs:dateTime",
        "matches('a\n', '^a$')",
        "h:id/@extension != 'x'",
        "document('sets/one.xml')//concept[@code = 'C9' and @codeSystem = 'S2']",
    ],
)
def test_an_expression_that_is_false_in_xpath_2_is_false_here(test: str) -> None:
    assert not holds(test)


@pytest.mark.parametrize(
    "test", ["h:id/@root > 1", "contains(.//h:value/@value, '5')", "doc('sets/two.xml')/s/a/@b = 'x'"]
)
def test_a_type_error_stops_the_rule_and_is_told(test: str) -> None:
    outcome = plan_of(test).evaluate(Document(etree.fromstring(DOCUMENT)))
    assert len(outcome.stopped) == 1
    assert outcome.firings == []


def test_what_is_not_compiled_is_listed_and_never_skipped() -> None:
    plan = plan_of("unknown-function(h:id)")
    assert [one.expression for one in plan.uncovered] == ["unknown-function(h:id)"]


def test_variables_are_read_where_they_are_declared() -> None:
    lets = (Let("code", "@code"), Let("pattern", "'^C'"), Let("unused", "nothing-known()"))
    assert holds("matches($code, $pattern)", "//h:ClinicalDocument/h:code", lets)


def test_the_first_rule_whose_context_matches_fires_alone() -> None:
    first = Rule("h:entry/h:observation[@moodCode='EVN']", (Check("false()", False, "", ()),))
    second = Rule("h:observation", (Check("false()", False, "", ()),))
    schema = Schema("m.sch", "t", NAMESPACES, (), (Pattern("p", (first, second)),))
    outcome = compile_schema(schema, Files("", Nothing(), {})).evaluate(Document(etree.fromstring(DOCUMENT)))
    assert [(firing.context, firing.node.attrs["moodCode"]) for firing in outcome.firings] == [
        ("h:entry/h:observation[@moodCode='EVN']", "EVN"),
        ("h:observation", "INT"),
    ]


def test_a_stored_plan_gives_the_same_findings() -> None:
    plan = plan_of("@code = 'C2'", "//h:code")
    again = load_plan(plan.dump(), plan.files)
    document = Document(etree.fromstring(DOCUMENT))
    messages = [again.message(firing, document) for firing in again.evaluate(document).firings]
    assert messages == ["dit C1", "dit 11"]


def test_a_stored_plan_of_another_version_is_refused() -> None:
    with pytest.raises(SocleError):
        load_plan(b"\x80", Files("", Nothing(), {}))


def test_a_location_has_an_index_only_after_a_sibling_of_the_same_name() -> None:
    document = Document(etree.fromstring(DOCUMENT))
    places = [location(node) for node in document.by_tag["{urn:hl7-org:v3}entry"]]
    assert places == [
        "/ClinicalDocument/component/section/entry",
        "/ClinicalDocument/component/section/entry[2]",
    ]


def test_positions_are_those_of_the_source() -> None:
    document = Document(etree.fromstring(DOCUMENT))
    title = document.by_tag["{urn:hl7-org:v3}title"][0]
    assert positions(DOCUMENT, {title}) == {title.index: (6, 3)}


def test_a_set_is_read_once() -> None:
    class Counted(Nothing):
        reads = 0

        def read(self, path: str) -> bytes | None:
            Counted.reads += 1
            return super().read(path)

    sets: dict[SetKey, frozenset[object]] = {}
    check = Check("@code = doc('sets/one.xml')//concept/@code", False, "", ())
    schema = Schema("m.sch", "t", NAMESPACES, (), (Pattern("p", (Rule("//h:code", (check,)),)),))
    plan = compile_schema(schema, Files("", Counted(), sets))
    for _ in range(3):
        plan.evaluate(Document(etree.fromstring(DOCUMENT)))
    assert (Counted.reads, len(sets)) == (1, 1)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_a_refusal(text: str) -> None:
    try:
        parse_xpath(text, NAMESPACES)
    except UnsupportedXPath as refusal:
        assert refusal.code == "UnsupportedXPath"


STEPS = st.sampled_from(["h:id", "h:code", "@root", "@code", "..", ".", "h:component", "*", "h:section", "h:entry"])
PATHS = st.lists(STEPS, min_size=1, max_size=4).map("/".join)
TESTS = st.one_of(
    PATHS,
    st.tuples(PATHS, st.sampled_from(["=", "!="]), st.sampled_from(["'A'", "'C1'"])).map(" ".join),
    PATHS.map(lambda path: f"not({path})"),
    PATHS.map(lambda path: f"count({path}) >= 1"),
    st.tuples(PATHS, PATHS).map(lambda both: f"{both[0]} or {both[1]}"),
    st.tuples(PATHS, PATHS).map(lambda both: f"count({both[0]}) <= count({both[1]})"),
)


@settings(max_examples=200, deadline=None)
@given(TESTS)
def test_what_xpath_1_and_2_both_say_is_what_libxml2_says(test: str) -> None:
    root = etree.fromstring(DOCUMENT)
    plan = plan_of(test)
    if plan.uncovered:  # a step from an attribute has no use
        return
    outcome = plan.evaluate(Document(root))
    expected = bool(root.xpath(f"boolean({test})", namespaces=NAMESPACES))
    assert (not outcome.firings) == expected
