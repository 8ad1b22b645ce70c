import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from socle.standards.ddoc import InsDatamatrix, draw_png, draw_svg, read_datamatrix, scan, write_datamatrix
from socle.standards.errors import InvalidContent, MalformedInput, SocleError, TooLarge
from socle.standards.ids.ins import OID_NIR, OID_NIR_TEST, Ins, key_of
from socle.standards.ids.traits import Traits

EXAMPLE = (
    "IS010000000000000000000000S1284076938304258S21.2.250.1.213.1.4.10S3JEANNE MARIE CECILE\x1d"
    "S4D'ARCY-BELLEC\x1dS5FS617-07-1984S769383"
)
JEANNE = InsDatamatrix(
    ins=Ins("284076938304258", OID_NIR_TEST),
    traits=Traits.of("D'ARCY-BELLEC", "JEANNE MARIE CECILE", "F", "1984-07-17", "69383"),
)
names = st.from_regex(r"[A-Z]{1,12}([-' ][A-Z]{1,12}){0,5}", fullmatch=True)
contents = st.builds(
    lambda number, oid, name, given_names, sex, born, place: InsDatamatrix(
        ins=Ins(number + key_of(number), oid),
        traits=Traits.of(name, given_names, sex, born, place),
    ),
    st.from_regex(r"[12][0-9]{12}", fullmatch=True),
    st.sampled_from([OID_NIR, OID_NIR_TEST]),
    names,
    names,
    st.sampled_from("MF"),
    st.dates().filter(lambda day: day.year >= 1850).map(str) | st.just("1936-00-00"),
    st.sampled_from(["69383", "2A004", "99131", ""]),
)


def test_the_published_example_is_written_and_read_character_for_character():
    assert write_datamatrix(JEANNE) == EXAMPLE
    reading = read_datamatrix(EXAMPLE)
    assert (reading.content, reading.warnings, reading.rest) == (JEANNE, (), "")


@settings(max_examples=40, deadline=None)
@given(contents)
def test_a_message_written_then_read_is_the_same(content):
    reading = read_datamatrix(write_datamatrix(content))
    assert reading.content == content
    assert reading.warnings == ()


@settings(max_examples=40, deadline=None)
@given(contents, st.permutations(range(7)))
def test_zones_are_read_in_any_order(content, order):
    message = write_datamatrix(content)
    header, body = message[:26], message[26:]
    zones = [f"S1{body[2:17]}", f"S2{content.ins.oid}\x1d", f"S3{content.traits.given_names}\x1d"]
    zones += [f"S4{content.traits.birth_name}\x1d", f"S5{content.traits.sex}"]
    year, month, day = content.traits.birth_date.split("-")
    zones += [f"S6{day}-{month}-{year}", f"S7{content.traits.birth_place}" if content.traits.birth_place else ""]
    assert read_datamatrix(header + "".join(zones[index] for index in order)).content == content


@pytest.mark.parametrize("spelling", ["<GS>", "^]", "\x1d"])
def test_separators_are_read_as_scanners_that_type_send_them(spelling):
    assert read_datamatrix(EXAMPLE.replace("\x1d", spelling) + "\r\n").content == JEANNE


def test_a_lost_separator_is_mended_and_told():
    reading = read_datamatrix(EXAMPLE.replace("\x1d", ""))
    assert reading.content == JEANNE
    assert len(reading.warnings) == 2
    production = EXAMPLE.replace("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8\x1d").replace("\x1d", "")
    assert read_datamatrix(production).content.ins.oid == OID_NIR


def test_a_wrong_key_is_told_and_not_refused():
    reading = read_datamatrix(EXAMPLE.replace("284076938304258", "284076938304200"))
    assert "clé" in reading.warnings[0].fr


def test_a_signature_and_what_is_not_known_are_kept_and_not_refused():
    reading = read_datamatrix(EXAMPLE + "ZZ1234\x1fMFRGGZDF")
    assert (reading.content, reading.rest, reading.signature) == (JEANNE, "ZZ1234", "MFRGGZDF")
    signed = "IS02FR0AAAAA15F615F60701FR" + EXAMPLE[26:]
    content = read_datamatrix(signed).content
    assert (content.version, str(content.issued_on)) == (2, "2015-05-24")


@pytest.mark.parametrize("message", ["", "DC03", EXAMPLE[:26], EXAMPLE.replace("S5F", ""), "A" * 2001, EXAMPLE[26:]])
def test_what_is_no_ins_code_is_refused(message):
    with pytest.raises(MalformedInput):
        read_datamatrix(message)


@given(
    st.text(max_size=150)
    | st.text("IS0123456789-.AB'\x1d\x1f<>G", max_size=150).map("IS010000000000000000000000".__add__)
    | st.tuples(st.integers(0, len(EXAMPLE)), st.text(max_size=4)).map(
        lambda cut: EXAMPLE[: cut[0]] + cut[1] + EXAMPLE[cut[0] + len(cut[1]) :]
    )
)
def test_any_text_is_a_code_or_a_refusal(message):
    try:
        reading = read_datamatrix(message)
    except SocleError:
        return
    assert read_datamatrix(write_datamatrix(reading.content)).content == reading.content


def test_a_name_longer_than_its_zone_is_refused_rather_than_cut():
    import msgspec

    long = msgspec.structs.replace(JEANNE, traits=msgspec.structs.replace(JEANNE.traits, birth_name="A" * 101))
    with pytest.raises(InvalidContent):
        write_datamatrix(long)


def test_the_symbol_is_found_in_a_picture_at_any_angle_and_among_other_things():
    code = Image.open(io.BytesIO(draw_png(EXAMPLE)))
    page = Image.new("L", (900, 700), 230)
    ImageDraw.Draw(page).text((20, 20), "HOPITAL DES EXEMPLES", fill=0)
    page.paste(code.rotate(23, expand=True, fillcolor=255), (300, 200))
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        output = io.BytesIO()
        page.save(output, kind)
        assert [read_datamatrix(text).content for text in scan(output.getvalue())] == [JEANNE]


@given(content=contents)
@settings(max_examples=30, deadline=None)
def test_any_content_survives_being_drawn_and_scanned(content):
    message = write_datamatrix(content)
    assert scan(draw_png(message)) == [message]


def test_the_drawing_scales_and_says_what_it_is():
    svg = draw_svg(EXAMPLE)
    assert svg.startswith("<svg viewBox=")
    assert 'role="img" aria-label="Datamatrix INS"' in svg
    assert "DOCTYPE" not in svg
    assert "desc" not in svg


@given(st.binary(max_size=200) | st.tuples(st.integers(8, 400), st.binary(max_size=3)))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_picture_or_a_refusal(content):
    if isinstance(content, tuple):
        picture = draw_png(EXAMPLE, scale=2)
        content = picture[: content[0]] + content[1] + picture[content[0] + len(content[1]) :]
    try:
        scan(content)
    except MalformedInput as refusal:
        assert refusal.code == "Picture"


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked():
    output = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(output, "PNG")
    with pytest.raises(TooLarge):
        scan(output.getvalue())


def test_a_picture_without_a_code_gives_none():
    output = io.BytesIO()
    Image.new("L", (100, 100), 255).save(output, "PNG")
    assert scan(output.getvalue()) == []
