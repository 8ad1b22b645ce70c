"""Rendering: nothing of the document can run or load; what it says is there, in accessible form."""

from __future__ import annotations

import base64
import re
import time
from itertools import pairwise

import pytest
from lxml import html as lxml_html

from socle.standards.cda.build import Chapter, Frame, build_cr_bio, build_n1, build_vsm
from socle.standards.cda.clinical import Observation, ReferenceRange
from socle.standards.cda.datatypes import Concept, Interval, Moment, Quantity, QuantityRange
from socle.standards.cda.document import open_document
from socle.standards.cda.entries import read_clinical_content
from socle.standards.cda.render import render_fragment, render_page, render_pdf
from socle.standards.cda.render.pdf import MAX_HTML_BYTES, write_pdf
from socle.standards.errors import TooLarge

_TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "article", "section", "h1", "h2", "h3", "h4", "h5", "h6",
    "div", "dl", "dt", "dd", "details", "summary", "p", "span", "strong", "em", "u", "del", "sub", "sup", "br", "a",
    "ul", "ol", "li", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "img", "pre", "small", "object",
}  # fmt: skip
_ATTRIBUTES = {
    "id", "class", "lang", "href", "rel", "scope", "colspan", "rowspan", "role", "tabindex", "aria-label", "src", "alt",
    "download", "charset", "content", "http-equiv", "name", "open", "data", "type",
}  # fmt: skip

_SECTION = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xlink="http://www.w3.org/1999/xlink"
  xmlns:x="http://www.w3.org/1999/xhtml" xmlns:svg="http://www.w3.org/2000/svg">
  <title>{title}</title><component><structuredBody><component><section><title>{title}</title>
  <text>{text}</text>{entries}</section></component></structuredBody></component></ClinicalDocument>"""


def _page(text: str, *, title: str = "Titre", entries: str = "") -> str:
    return render_page(_SECTION.format(text=text, title=title, entries=entries).encode())


def _assert_harmless(page: str) -> lxml_html.HtmlElement:
    root = lxml_html.document_fromstring(page)
    for element in root.iter():
        if not isinstance(element.tag, str):
            pytest.fail(f"comment or instruction in the page: {element}")
        assert element.tag in _TAGS, element.tag
        assert set(element.attrib) <= _ATTRIBUTES, element.attrib
        for name in ("href", "src", "data"):
            value = element.get(name)
            if value is not None:
                assert re.match(
                    r"(https?://|mailto:|#|data:(image/(png|jpeg|gif)|application/[a-z-]+|text/rtf);)", value
                ), value
    return root


_ATTACKS = {
    "script": "<script>alert(1)</script>",
    "html script": "<x:script>alert(1)</x:script>",
    "svg": '<svg:svg onload="alert(1)"><svg:script>alert(1)</svg:script></svg:svg>',
    "event handler": '<paragraph onclick="alert(1)" onmouseover="x()">a</paragraph>',
    "handler on a table": '<table onload="alert(1)"><tbody><tr><td onclick="x()">a</td></tr></tbody></table>',
    "javascript link": '<linkHtml href="javascript:alert(1)">a</linkHtml>',
    "javascript link, mixed case": '<linkHtml href="JaVaScRiPt:alert(1)">a</linkHtml>',
    "javascript link, hidden by a tab": '<linkHtml href="java&#9;script:alert(1)">a</linkHtml>',
    "javascript link, leading space": '<linkHtml href="&#32;&#1234;javascript:alert(1)">a</linkHtml>',
    "data link": '<linkHtml href="data:text/html,%3Cscript%3Ealert(1)%3C/script%3E">a</linkHtml>',
    "vbscript link": '<linkHtml href="vbscript:msgbox(1)">a</linkHtml>',
    "relative link": '<linkHtml href="//evil.example">a</linkHtml>',
    "file link": '<linkHtml href="file:///etc/passwd">a</linkHtml>',
    "quote in a link": '<linkHtml href="https://a.example/&quot; onclick=&quot;alert(1)">a</linkHtml>',
    "style url": '<content style="background:url(https://evil.example/x)">a</content>',
    "style code": '<content styleCode="x&quot; style=&quot;color:red">a</content>',
    "style element": "<style>@import url(https://evil.example/x.css)</style>",
    "iframe": '<iframe src="https://evil.example"/>',
    "object": '<object data="https://evil.example/x.swf"/>',
    "image by html": '<img src="https://evil.example/pixel.png" onerror="alert(1)"/>',
    "quote in an id": '<content ID="a&quot;&gt;&lt;script&gt;">a</content>',
    "quote in a span": '<table><tbody><tr><td colspan="2&quot; onclick=&quot;x()">a</td></tr></tbody></table>',
    "form": '<form action="https://evil.example"><input name="a"/></form>',
    "base": '<base href="https://evil.example/"/>',
    "meta refresh": '<meta http-equiv="refresh" content="0;url=https://evil.example"/>',
    "entity text": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "processing instruction": "<?php system('x') ?><!-- <script>alert(1)</script> -->a",
    "xlink": '<content xlink:href="https://evil.example">a</content>',
}


@pytest.mark.parametrize("attack", _ATTACKS)
def test_an_attack_in_the_narrative_comes_out_as_text(attack: str) -> None:
    root = _assert_harmless(_page(_ATTACKS[attack]))
    assert not root.xpath("//*[@*[starts-with(name(), 'on')]]")
    assert not root.xpath("//script | //iframe | //form | //base | //svg")
    assert not root.xpath("//*[contains(@href, 'evil')] | //*[contains(@src, 'evil')]")


def test_an_attack_in_the_title_comes_out_as_text() -> None:
    root = _assert_harmless(_page("a", title="&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;"))
    assert root.findtext(".//h1") == "</title><script>alert(1)</script>"


def test_refused_elements_are_announced_and_their_text_is_kept() -> None:
    page = _page("<blink>Attention au potassium</blink>")
    assert "Attention au potassium" in page
    assert "éléments qui ne sont pas admis" in page
    assert "blink (1)" in page


@pytest.mark.parametrize("href", ["https://www.exemple.fr/a?b=1&amp;c=2", "http://exemple.fr", "mailto:a@exemple.fr"])
def test_a_plain_link_stays_a_link_that_tells_nobody(href: str) -> None:
    root = _assert_harmless(_page(f'<linkHtml href="{href}">lien</linkHtml>'))
    (link,) = root.xpath("//a")
    assert link.get("href") == href.replace("&amp;", "&")
    assert link.get("rel") == "noopener noreferrer nofollow"


def _media(media_type: str, content: bytes) -> str:
    value = base64.b64encode(content).decode()
    return (
        '<entry><observationMedia classCode="OBS" moodCode="EVN" ID="m1">'
        f'<value mediaType="{media_type}" representation="B64">{value}</value></observationMedia></entry>'
    )


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("text/html", b"<script>alert(1)</script>"),
        ("image/svg+xml", b"<svg onload='alert(1)'/>"),
        ("image/png", b"<html>"),
    ],
)
def test_an_embedded_file_that_could_run_is_only_offered_as_bytes(media_type: str, content: bytes) -> None:
    page = _page('<renderMultiMedia referencedObject="m1"/>', entries=_media(media_type, content))
    root = _assert_harmless(page)
    assert root.xpath("string(//a[@download]/@href)").startswith("data:application/octet-stream;base64,")
    assert not root.xpath("//img")


def test_an_embedded_image_is_shown_with_words_for_who_cannot_see_it() -> None:
    gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
    page = _page(
        '<renderMultiMedia referencedObject="m1"><caption>Schéma du genou</caption></renderMultiMedia>',
        entries=_media("image/gif", gif),
    )
    root = _assert_harmless(page)
    assert root.xpath("string(//img/@alt)") == "Schéma du genou"


def test_broken_base64_is_said_and_not_shown() -> None:
    entries = _media("image/gif", b"x").replace(base64.b64encode(b"x").decode(), "%%%")
    assert "Le fichier embarqué n&#x27;est pas lisible." in _page(
        '<renderMultiMedia referencedObject="m1"/>', entries=entries
    )


def test_every_example_is_shown_harmless_with_its_title_and_patient(example: bytes) -> None:
    page = render_page(example)
    root = _assert_harmless(page)
    assert root.findtext(".//h1")
    assert "Nom de naissance" in page
    assert "<script" not in page


def test_headings_never_skip_a_level(example: bytes) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])", render_page(example))]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_header_cell_has_a_scope_and_every_id_is_unique(example: bytes) -> None:
    root = lxml_html.document_fromstring(render_page(example))
    assert not root.xpath("//th[not(@scope)]")
    assert not [cell for cell in root.xpath("//th") if not cell.text_content().strip()]
    identifiers = root.xpath("//@id")
    assert len(identifiers) == len(set(identifiers))


def test_no_narrative_text_is_lost(example: bytes) -> None:
    document = open_document(example)
    shown = "".join(lxml_html.document_fromstring(render_page(document)).text_content().split())
    for text in document.root.iterfind(".//{urn:hl7-org:v3}section/{urn:hl7-org:v3}text"):
        for piece in text.itertext("{*}*"):
            assert "".join(piece.split()) in shown


def _result(name: str, value: str, interpretation: str = "") -> Observation:
    code = Concept(interpretation, "2.16.840.1.113883.5.83") if interpretation else None
    chapter = Concept("18719-5", "2.16.840.1.113883.6.1", "Biochimie")
    return Observation(
        code=Concept("14749-6", "2.16.840.1.113883.6.1", name),
        value=Quantity(value, "mmol/L"),
        time=Interval(value=Moment("20240405083000+0200")),
        interpretation=code,
        reference_ranges=(ReferenceRange(QuantityRange(Quantity("4.1", "mmol/L"), Quantity("6.1", "mmol/L"))),),
        chapter=chapter,
        text=name,
    )


def test_abnormal_results_are_said_in_words(frame: Frame, small_pdf: bytes) -> None:
    results = (
        _result("Glycémie A", "7.4", "H"),
        _result("Glycémie B", "3.2", "LL"),
        _result("Glycémie C", "5.0", "N"),
        _result("Glycémie D", "9.9"),
    )
    chapter = Chapter(Concept("18719-5", "2.16.840.1.113883.6.1", "Biochimie"), results)
    root = lxml_html.document_fromstring(render_page(build_cr_bio(frame, [chapter], pdf=small_pdf)))
    (table,) = root.xpath("//table[@class='cda-results']")
    assert table.findtext("caption") == "Résultats d'examens – Biochimie"
    rows = [[cell.text_content() for cell in row] for row in table.xpath("tbody/tr")]
    assert rows == [
        ["Glycémie A", "7,4 mmol/L", "4,1 – 6,1 mmol/L", "Élevé", "05/04/2024 08:30"],
        ["Glycémie B", "3,2 mmol/L", "4,1 – 6,1 mmol/L", "Très bas, critique", "05/04/2024 08:30"],
        ["Glycémie C", "5,0 mmol/L", "4,1 – 6,1 mmol/L", "Normal", "05/04/2024 08:30"],
        [
            "Glycémie D",
            "9,9 mmol/L",
            "4,1 – 6,1 mmol/L",
            "Élevé (d'après les valeurs de référence)",
            "05/04/2024 08:30",
        ],
    ]


def test_labels_are_in_english_when_asked(frame: Frame) -> None:
    page = render_page(build_vsm(frame), language="en")
    assert "Date of birth" in page
    assert "Date de naissance" not in page


def test_the_caller_serves_attachments_at_its_own_urls(frame: Frame, small_pdf: bytes) -> None:
    code = Concept("11502-2", "2.16.840.1.113883.6.1", "CR d'examens biologiques")
    document = build_n1(frame, small_pdf, code=code, title="Résultats")
    fragment = render_fragment(
        document, attachment_url=lambda reference, kind: f"/pieces/{reference or 'corps'}?t={kind}"
    )
    root = lxml_html.fragment_fromstring(fragment)
    assert root.xpath("string(//object/@data)") == "/pieces/corps?t=application/pdf"
    assert root.xpath("string(//object/@aria-label)") == "Résultats"
    assert "base64" not in fragment


def test_a_document_becomes_a_tagged_pdf_and_an_embedded_pdf_keeps_its_pages(frame: Frame, small_pdf: bytes) -> None:
    import io

    import pikepdf

    with pikepdf.open(io.BytesIO(render_pdf(build_vsm(frame, vigilance="Aucun.")))) as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == "fr"
    code = Concept("11502-2", "2.16.840.1.113883.6.1", "CR d'examens biologiques")
    card_and_page = render_pdf(build_n1(frame, small_pdf, code=code, title="Résultats"))
    with pikepdf.open(io.BytesIO(card_and_page)) as pdf:
        assert len(pdf.pages) == 2


def test_a_page_too_large_to_print_is_refused_before_layout() -> None:
    with pytest.raises(TooLarge) as refusal:
        write_pdf("a" * (MAX_HTML_BYTES + 1))
    assert refusal.value.code == "PageTooLarge"


def test_tables_nested_deep_are_shown_in_linear_time() -> None:
    depth, rows = 60, 3000
    inner = "<table><tbody>" + "<tr><th>a</th><td>b</td></tr>" * rows + "</tbody></table>"
    text = "<table><tbody><tr><td>" * depth + inner + "</td></tr></tbody></table>" * depth
    start = time.process_time()
    page = _page(text)
    assert page.count('scope="row"') == rows
    assert time.process_time() - start < 3


def test_many_entries_that_quote_one_large_text_stay_small() -> None:
    entry = (
        '<entry><observation classCode="OBS" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.3.1.6"/>'
        '<code code="1"><originalText><reference value="#big"/></originalText></code></observation></entry>'
    )
    text = '<content ID="big">' + "mot " * 100_000 + "</content>"
    content = _SECTION.format(text=text, title="t", entries=entry * 2000).encode()
    results = read_clinical_content(content).results
    assert len(results) == 2000
    assert max(len(result.text) for result in results) <= 20_000
    assert len({id(result.text) for result in results}) == 1
