"""Mutated documents: every reader and renderer gives a value or a refusal of the base, nothing else."""

from __future__ import annotations

import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.cda.entries import read_clinical_content
from socle.standards.cda.fhir import to_bundle
from socle.standards.cda.header import read_header
from socle.standards.cda.metadata import check_metadata, document_entry_of
from socle.standards.cda.render import render_page
from socle.standards.errors import SocleError
from socle.standards.fhir.json_codec import decode_json, encode_json

_FUZZED = (
    "LDL-SES_2022.01.xml",
    "BIO-CR-BIO_2021.01_Microbiologie_V1.xml",
    "VAC_2023.01.xml",
    "eDISP-MED_2024.01.xml",
    "VSM_1.4_2022.01.xml",
    "eP-MED-DM_2022.01_PosoNonStruct.xml",
    "CARD-F-PRC-AVK_2022.01.xml",
)
_VALUES = (
    "",
    " ",
    "x",
    "-1",
    "0",
    "99999999999999999999",
    "2024",
    "20240230",
    "1e400",
    "NaN",
    "é\u2028",
    "#",
    "urn:x y",
)


def _mutate(root: etree._Element, seed: int) -> etree._Element:
    """``root`` with some elements removed, moved, doubled, renamed, and attributes and texts changed."""
    chance = random.Random(seed)
    root = copy.deepcopy(root)
    for _ in range(chance.randint(1, 25)):
        elements = [element for element in root.iter(etree.Element) if element is not root]
        element = chance.choice(elements)
        parent = element.getparent()
        match chance.randrange(8):
            case 0 if parent is not None:
                parent.remove(element)
            case 1 if parent is not None:
                parent.append(copy.deepcopy(element))
            case 2:
                element.tag = chance.choice(["{urn:hl7-org:v3}text", "{urn:x}y", "{urn:hl7-org:v3}table", "a"])
            case 3 if element.attrib:
                element.set(chance.choice(list(element.attrib)), chance.choice(_VALUES))
            case 4 if element.attrib:
                del element.attrib[chance.choice(list(element.attrib))]
            case 5:
                element.text = chance.choice(_VALUES)
            case 6:
                element.set("nullFlavor", "UNK")
            case _:
                element.insert(0, etree.SubElement(element, chance.choice(elements).tag))
    return root


@pytest.mark.parametrize("name", _FUZZED)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_mutant_gives_values_or_refusals(examples: dict[str, bytes], name: str, seed: int) -> None:
    root = _mutate(open_document(examples[name]).root, seed)
    content = etree.tostring(root)
    try:
        document = open_document(content)
    except SocleError:
        return
    header = read_header(document)
    read_clinical_content(document)
    assert "<script" not in render_page(document)
    bundle = to_bundle(document)
    assert decode_json(encode_json(bundle)) == bundle
    try:
        entry = document_entry_of(content, document=document, header=header)
    except SocleError:
        return
    assert [each.attribute for each in check_metadata(entry, content)] == []


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_a_document_or_a_refusal(content: bytes) -> None:
    try:
        assert isinstance(open_document(content), CdaDocument)
    except SocleError as refusal:
        assert refusal.code
