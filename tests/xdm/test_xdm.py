"""IHE_XDM archives: round trip on real documents, hostile archives."""

import contextlib
import io
import struct
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.errors import MalformedInput, SocleError, TooLarge
from socle.standards.xdm.archive import Bounds, is_iso_name, pack, unpack
from socle.standards.xdm.package import Action, FindingCode, XdmPackage, action_of, read_xdm, with_action, write_xdm
from socle.standards.xdm.readable import Sender
from socle.standards.xds.model import Author, Submission

SENDER = Sender(name="Dr Léa MARTIN <b>", organization="CH Test", telephone="0102030405", version="1")


def a_submission(shared: Path, name: str = "LDL-SES_2022.01.xml") -> tuple[Submission, bytes]:
    content = (shared / "examples/cda" / name).read_bytes()
    entry = document_entry_of(content)
    submission = submission_for(
        [(entry, content)],
        author=Author(person="899999999991^MARTIN^Léa^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"),
        source_id="1.2.250.1.999.1",
        unique_id="1.2.250.1.999.1.1",
        submission_time="20260302081500",
    )
    return submission, content


def test_a_document_comes_out_byte_identical(shared: Path) -> None:
    submission, content = a_submission(shared)
    package = read_xdm(write_xdm((submission,), SENDER))
    assert package.findings == ()
    [(entry, read)] = package.documents
    assert read == content
    assert (entry.unique_id, entry.patient_id) == (
        submission.documents[0].unique_id,
        submission.documents[0].patient_id,
    )
    assert package.submissions[0].submission_set == submission.submission_set


def test_names_are_iso_9660_and_the_front_pages_are_there(shared: Path) -> None:
    submission, _ = a_submission(shared)
    files = unpack(write_xdm((submission, submission), SENDER))
    assert list(files) == [
        "INDEX.HTM",
        "README.TXT",
        "IHE_XDM/SUBSET01/METADATA.XML",
        "IHE_XDM/SUBSET01/DOC00001.XML",
        "IHE_XDM/SUBSET02/METADATA.XML",
        "IHE_XDM/SUBSET02/DOC00001.XML",
    ]
    assert all(is_iso_name(name) for path in files for name in path.split("/"))
    assert b"&lt;b&gt;" in files["INDEX.HTM"]
    assert "IHE_XDM/SUBSET02/DOC00001.XML" in files["README.TXT"].decode()


@pytest.mark.parametrize("action", list(Action))
def test_the_action_is_read_back(shared: Path, action: Action) -> None:
    submission, _ = a_submission(shared)
    marked = msgspec.structs.replace(submission, documents=(with_action(submission.documents[0], action),))
    read = read_xdm(write_xdm((marked,), SENDER)).submissions[0]
    assert action_of(read.documents[0], read) is action


def altered(archive: bytes, path: str, content: bytes | None) -> XdmPackage:
    files = unpack(archive)
    if content is None:
        del files[path]
    else:
        files[path] = content
    return read_xdm(pack(files))


def test_each_defect_is_found_and_named(shared: Path) -> None:
    submission, content = a_submission(shared)
    archive = write_xdm((submission,), SENDER)
    path = "IHE_XDM/SUBSET01/DOC00001.XML"
    assert [f.code for f in altered(archive, path, None).findings] == [FindingCode.DOCUMENT_MISSING]
    assert [f.code for f in altered(archive, path, content[:-1] + b" ").findings] == [FindingCode.WRONG_HASH]
    assert [f.code for f in altered(archive, path, content + b" ").findings] == [
        FindingCode.WRONG_SIZE,
        FindingCode.WRONG_HASH,
    ]
    broken = altered(archive, "IHE_XDM/SUBSET01/METADATA.XML", b"<a/>")
    assert ([f.code for f in broken.findings], broken.documents) == ([FindingCode.METADATA], ())


def test_a_lower_case_archive_of_another_maker_is_read(shared: Path) -> None:
    submission, content = a_submission(shared)
    files = unpack(write_xdm((submission,), SENDER))
    renamed = {path.lower().replace("subset01", "ss000001"): data for path, data in files.items()}
    assert [read for _, read in read_xdm(pack(renamed)).documents] == [content]


def zip_of(*names: str, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in names:
            opened.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "C:/a", "..\\a", "a//b", "a\x01b"])
def test_a_path_that_leaves_the_archive_is_refused(name: str) -> None:
    with pytest.raises(MalformedInput) as refusal:
        unpack(zip_of(name))
    assert refusal.value.code == "XDMUnsafePath"


def test_bombs_are_refused_whatever_they_declare() -> None:
    with pytest.raises(TooLarge):
        unpack(zip_of("A", content=bytes(20 * 1024 * 1024)))
    with pytest.raises(TooLarge):
        unpack(zip_of("A", "B", content=b"abcdefgh" * 100), Bounds(total_bytes=1000))
    with pytest.raises(TooLarge):
        unpack(zip_of(*(f"F{n}" for n in range(50))), Bounds(files=10))
    lying = bytearray(zip_of("A", content=bytes(5 * 1024 * 1024)))
    directory = lying.rindex(b"PK\x01\x02")
    struct.pack_into("<I", lying, directory + 24, 10)
    with pytest.raises(SocleError):
        unpack(bytes(lying), Bounds(total_bytes=1024 * 1024))


def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = zip_of("A", "A")
    with pytest.raises(MalformedInput):
        unpack(archive)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_are_an_archive_or_a_refusal(noise: bytes, position: int, value: int) -> None:
    damaged = bytearray(zip_of("IHE_XDM/SUBSET01/METADATA.XML", "INDEX.HTM", content=b"<a/>" + noise[:20]))
    damaged[position % len(damaged)] = value
    for archive in (noise, b"PK\x03\x04" + noise, bytes(damaged)):
        with contextlib.suppress(SocleError):
            read_xdm(archive)


@given(st.dictionaries(st.from_regex(r"[A-Z0-9_]{1,8}\.[A-Z]{3}", fullmatch=True), st.binary(max_size=100), max_size=5))
def test_packed_files_unpack_the_same_and_packing_is_stable(files: dict[str, bytes]) -> None:
    assert unpack(pack(files)) == files
    assert pack(files) == pack(files)
