"""`socle cda` through its real entry: what it writes and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from socle.cli.cda import app
from socle.standards.cda.build import Frame, build_n1, build_vsm
from socle.standards.cda.clinical import Problem
from socle.standards.cda.datatypes import Concept
from socle.standards.errors import InvalidContent


@pytest.fixture
def synthesis(frame: Frame, tmp_path: Path) -> Path:
    problem = Problem(
        kind=Concept("64572001", "2.16.840.1.113883.6.96", "maladie"),
        value=Concept("E11.9", "2.16.840.1.113883.6.3", "Diabète de type 2"),
        text="Diabète de type 2",
    )
    path = tmp_path / "vsm.xml"
    path.write_bytes(build_vsm(frame, problems=[problem]))
    return path


def _run(*arguments: object) -> None:
    app([str(argument) for argument in arguments], result_action="return_value")


def test_a_document_is_described_in_words_and_in_json(synthesis: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run("read", synthesis)
    assert "1 problèmes" in capsys.readouterr().out
    _run("read", synthesis, "--json")
    assert json.loads(capsys.readouterr().out)["content"]["problems"][0]["value"]["code"] == "E11.9"


def test_a_document_is_written_as_page_bundle_and_metadata(
    synthesis: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _run("render", synthesis, "-o", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")
    _run("fhir", synthesis, "-o", tmp_path / "bundle.json")
    assert json.loads((tmp_path / "bundle.json").read_bytes())["type"] == "document"
    _run("metadata", synthesis, "--json")
    assert json.loads(capsys.readouterr().out)["class_code"]["code"] == "11"


def test_an_embedded_pdf_is_extracted_whole(frame: Frame, small_pdf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "n1.xml"
    code = Concept("11502-2", "2.16.840.1.113883.6.1", "CR d'examens biologiques")
    path.write_bytes(build_n1(frame, small_pdf, code=code, title="CR"))
    _run("extract", path, "-o", tmp_path / "corps.pdf")
    assert (tmp_path / "corps.pdf").read_bytes() == small_pdf


def test_what_is_no_cda_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(b"<html/>")
    with pytest.raises(InvalidContent):
        _run("read", path)
