import pytest
from msgspec.structs import replace

from socle.sandbox import cast
from socle.services.ins.labels import datamatrix_of, write_label
from socle.services.ins.rules import marked, qualified_identity
from socle.standards.ddoc import read_datamatrix
from socle.standards.errors import Conflict
from socle.standards.ids.status import IdentityAttribute

JEANNE = qualified_identity(cast.PATIENTS[0].person)


def test_the_code_of_a_qualified_identity_says_its_ins_and_five_traits():
    content = read_datamatrix(datamatrix_of(JEANNE)).content
    assert content.ins == cast.JEANNE
    assert content.traits.five == JEANNE.traits.five


def test_only_a_qualified_active_identity_is_printed():
    for identity in (marked(JEANNE, IdentityAttribute.DOUBTFUL), replace(JEANNE, is_active=False)):
        with pytest.raises(Conflict) as refusal:
            write_label(identity)
        assert refusal.value.code == "IdentityNotQualified"


def test_the_label_is_a_one_page_pdf():
    import io

    import pikepdf

    with pikepdf.open(io.BytesIO(write_label(JEANNE))) as pdf:
        assert len(pdf.pages) == 1
        width = float(pdf.pages[0].mediabox[2]) / 72 * 25.4
        assert round(width) == 89
