"""Rules that cannot mean what they say are reported as defects of the kit, whatever the verdict does with them."""

from __future__ import annotations

import pytest

from socle.services.conformance.doubts import doubts, schema_names
from socle.standards.schematron.schema import Check, Pattern, Rule, Schema

XSD = b"""<!DOCTYPE xs:schema PUBLIC "-//W3C//DTD XMLSCHEMA 200102//EN" "XMLSchema.dtd" [ <!ATTLIST a b CDATA "c"> ]>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3">
<xs:element name="code"/><xs:element name="addr"/><xs:attribute name="moodCode"/></xs:schema>"""


def codes_of(test: str, context: str = "h:code") -> set[str]:
    rule = Rule(context, (Check(test, False, "", ()),))
    schema = Schema("k.sch", "", {"h": "urn:hl7-org:v3", "p": "urn:ihe:pharm"}, (), (Pattern("P", (rule,)),))
    return {defect.code for defect in doubts(schema, schema_names([XSD]))}


@pytest.mark.parametrize(
    ("test", "code"),
    [
        ("count(h:addr and h:code) = 1", "TestConstant"),
        ("@moodCode = 'EVN' or 'INT'", "TestConstant"),
        ("h:code = '38227\u20115'", "ValueStrange"),
        ("h:code = ' 1.2.3'", "ValueStrange"),
        ("h:Addr", "NameUnknown"),
        ("count(p:code) <= 1", "NameUnknown"),
        ("@determineCode", "NameUnknown"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_a_defect(test: str, code: str) -> None:
    assert codes_of(test) == {code}


@pytest.mark.parametrize(
    "test",
    ["count(h:addr) = 1", "@moodCode = 'EVN' or @moodCode = 'INT'", "@xsi", "document('a.xml')//svs", "@moodCode or 1"],
)
def test_a_plain_rule_is_none(test: str) -> None:
    assert codes_of(test.replace("@xsi", "*")) == set()


def test_a_second_rule_with_the_same_context_is_a_defect() -> None:
    twice = (Rule("h:code", ()), Rule(" h:code ", ()))
    schema = Schema("k.sch", "", {"h": "urn:hl7-org:v3"}, (), (Pattern("P", twice),))
    assert [defect.code for defect in doubts(schema, schema_names([XSD]))] == ["RuleShadowed"]
