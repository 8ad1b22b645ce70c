"""Any bytes: a verdict, or a refusal that says why there is none."""

from __future__ import annotations

import base64
import time
from datetime import date

import msgspec
import pytest
from cda_samples import MINIMAL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from socle.services.conformance.domain import Judged, Severity, Verdict
from socle.services.conformance.judgement import judge
from socle.services.conformance.packs import own_rules
from socle.services.conformance.report import to_html, to_json, to_junit, to_svrl
from socle.standards.errors import SocleError
from socle.standards.schematron.svrl import read_svrl

TODAY = date(2026, 3, 2)


def verdict_on(content: bytes) -> Verdict:
    return judge(content, own_rules(), TODAY)


def test_a_document_in_another_encoding_gets_the_same_findings() -> None:
    def facts(content: bytes) -> list[tuple[str, str, int]]:
        return [(one.requirement, one.location, one.line) for one in verdict_on(content).findings]

    text = MINIMAL.replace("Texte", "Été à Évry")
    latin = text.replace('encoding="UTF-8"', 'encoding="ISO-8859-1"').encode("latin-1")
    wide = text.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")
    assert facts(latin) == facts(text.encode()) == facts(wide)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "XMLMalformed"),
        (b"bonjour", "XMLMalformed"),
        (b"<a/>", "NotCDA"),
        (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "XMLDoctypeRefused"),
        (MINIMAL.encode()[:-40], "XMLMalformed"),
        (MINIMAL.replace("Texte", "\x01").encode(), "XMLMalformed"),
        (
            b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + b"<a>" * 400 + b"</a>" * 400 + b"</ClinicalDocument>",
            "XMLTooDeep",
        ),
        (MINIMAL.replace("Texte", "é").encode("latin-1"), "XMLMalformed"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_reason(content: bytes, code: str) -> None:
    with pytest.raises(SocleError) as refusal:
        verdict_on(content)
    assert refusal.value.code == code
    assert refusal.value.sentence("fr")
    assert refusal.value.sentence("en")


def test_a_document_of_50_megabytes_is_judged_in_seconds() -> None:
    image = base64.b64encode(bytes(37 * 1024 * 1024)).decode()
    value = f'<value mediaType="image/png" representation="B64">{image}</value>'
    media = f'<entry><observationMedia ID="i">{value}</observationMedia></entry>'
    document = MINIMAL.replace("<text>Texte</text>", f"<text>Texte</text>{media}").encode()
    assert len(document) > 49 * 1024 * 1024
    started = time.process_time()
    verdict = verdict_on(document)
    assert verdict.document_type == "LDL-SES"
    assert time.process_time() - started < 20


def test_a_document_of_200_000_elements_has_its_findings_bounded() -> None:
    section = '<section><templateId root="1.3.6.1.4.1.19376.1.5.3.1.3.1"/></section>'
    body = "".join(f"<component>{section}</component>" for _ in range(3000))
    document = MINIMAL.replace("<structuredBody>", f"<structuredBody>{body}").encode()
    verdict = verdict_on(document)
    assert len(verdict.findings) < 10_000
    assert any("non listés" in one.reason.fr for one in verdict.uncovered)


def test_a_self_presentable_document_is_judged_inside_its_style_sheet() -> None:
    inside = MINIMAL.partition("?>")[2]
    wrapped = (
        '<?xml version="1.0"?>\n<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        f'<d:Contenu xmlns:d="urn:asip-sante:ci-sis">{inside}</d:Contenu></xsl:stylesheet>'
    )
    plain, wrapped_verdict = verdict_on(MINIMAL.encode()), verdict_on(wrapped.encode())
    assert [one.location for one in wrapped_verdict.findings] == [one.location for one in plain.findings]
    lines = wrapped.splitlines()
    for finding in wrapped_verdict.findings:
        assert finding.found.partition(" ")[0].rstrip(">") in lines[finding.line - 1]


def level_n1(content: bytes, media_type: str = "application/pdf") -> bytes:
    encoded = base64.b64encode(content).decode()
    body = f'<nonXMLBody><text mediaType="{media_type}" representation="B64">{encoded}</text></nonXMLBody>'
    start, end = MINIMAL.index("<structuredBody>"), MINIMAL.index("</structuredBody>") + len("</structuredBody>")
    document = MINIMAL[:start] + body + MINIMAL[end:]
    return document.replace(
        'root="1.2.250.1.213.1.1.1.29" extension="2022.01"', 'root="1.3.6.1.4.1.19376.1.2.20"'
    ).encode()


@pytest.mark.parametrize(
    ("content", "media_type", "requirement"),
    [
        (b"%PDF-1.4 rien", "application/pdf", "N1-PDF"),
        (b"GIF89a", "application/pdf", "N1-TYPE"),
        (b"%PDF-1.4", "image/jpeg", "N1-TYPE"),
    ],
)
def test_the_file_of_a_level_n1_body_is_opened(content: bytes, media_type: str, requirement: str) -> None:
    found = {one.requirement for one in verdict_on(level_n1(content, media_type)).findings}
    assert requirement in found


def test_base64_that_is_none_is_found() -> None:
    document = level_n1(b"x").replace(base64.b64encode(b"x"), b"@@@")
    assert "N1-BASE64" in {one.requirement for one in verdict_on(document).findings}


def test_keys_and_dates_that_make_no_sense_are_found() -> None:
    patient = (
        '<recordTarget><patientRole><id root="1.2.250.1.213.1.4.8" extension="284076938304259"/>'
        '<patient><birthTime value="20300101"/></patient></patientRole></recordTarget>'
        '<author><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="810000000001"/></assignedAuthor></author>'
        '<componentOf><encompassingEncounter><effectiveTime><low value="20240502"/><high value="20240501"/>'
        "</effectiveTime></encompassingEncounter></componentOf>"
    )
    document = MINIMAL.replace("<component>", f"{patient}<component>", 1)
    found = {one.requirement: one for one in verdict_on(document.encode()).findings}
    assert {"INS-KEY", "DATE-BIRTH", "RPPS-KEY", "DATE-ORDER"} <= set(found)
    assert "284076938304259" not in found["INS-KEY"].found


def test_a_document_of_the_future_is_told() -> None:
    document = MINIMAL.replace("20240405101500", "20270101101500").encode()
    assert "DATE-FUTURE" in {one.requirement for one in verdict_on(document).findings}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_bytes_give_a_verdict_or_a_refusal(data: st.DataObject) -> None:
    content = bytearray(MINIMAL.encode())
    for _ in range(data.draw(st.integers(0, 6))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position : position + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=12))
    try:
        verdict = verdict_on(bytes(content))
    except SocleError as refusal:
        assert refusal.code
    else:
        assert all(finding.message.fr and finding.message.en for finding in verdict.findings)


def test_reports_say_what_the_verdict_says() -> None:
    verdict = verdict_on(MINIMAL.encode())
    judged = [Judged("a.xml", verdict)]
    entries = read_svrl(etree.fromstring(to_svrl("a.xml", verdict)))
    assert [entry.location for entry in entries] != []
    assert sorted(entry.location for entry in entries) == sorted(one.location for one in verdict.findings)
    junit = etree.fromstring(to_junit(judged))
    failing = {one.rule_set for one in verdict.findings if one.severity is Severity.ERROR}
    assert {case.get("name") for case in junit.iterfind(".//testcase[failure]")} == failing
    assert {suite.get("failures") for suite in junit.iter("testsuites", "testsuite")} == {str(len(failing))}
    assert {suite.get("tests") for suite in junit.iter("testsuites", "testsuite")} == {str(len(verdict.rule_sets))}
    assert to_json(judged).startswith(b"[")
    for language, word in (("fr", "Non conforme"), ("en", "Not conformant")):
        page = to_html(judged, {"a.xml": MINIMAL.encode()}, language)
        assert word in page
        assert "<script" not in page


def test_a_report_escapes_what_the_document_says() -> None:
    document = MINIMAL.replace('code="42349-1"', 'code="&lt;script&gt;alert(1)&lt;/script&gt;"').encode()
    page = to_html([Judged("<b>.xml", verdict_on(document))], {"<b>.xml": document})
    assert "<script>alert" not in page
    assert "<b>.xml" not in page


def test_the_sender_is_told_in_a_sentence_what_a_verdict_found() -> None:
    verdict = judge(MINIMAL.encode(), own_rules(), TODAY)
    assert verdict.remark.fr.startswith("Conformité (LDL-SES 2022.01) : ")
    assert "erreur(s)" in verdict.remark.fr
    assert ", ligne 2 : " in verdict.remark.fr
    assert ", line 2: " in verdict.remark.en


def test_a_verdict_without_findings_says_nothing() -> None:
    verdict = judge(MINIMAL.encode(), own_rules(), TODAY)
    assert msgspec.structs.replace(verdict, findings=[]).remark is None
