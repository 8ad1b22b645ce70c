"""`socle validate` and `socle conformance`: output, exit codes, cores."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cda_samples import MINIMAL, write_kit
from lxml import etree

from socle.cli.conformance import install, status
from socle.cli.validate import validate
from socle.standards.errors import NotFound


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_DATA", str(tmp_path / "data"))


def test_a_document_with_errors_gives_code_1_and_a_line_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lettre.xml").write_text(MINIMAL)
    assert validate([tmp_path / "lettre.xml"]) == 1
    told = capsys.readouterr().out
    assert "lettre.xml:2:1: Erreur : " in told
    assert "trouvé : <ClinicalDocument" in told
    assert "attendu : " in told
    assert "non conforme" in told


def test_one_document_is_judged_without_loading_what_draws_tables(tmp_path: Path) -> None:
    (tmp_path / "lettre.xml").write_text(MINIMAL)
    program = "import sys; from socle.cli.validate import validate; from pathlib import Path;"
    program += "validate([Path(sys.argv[1])], own=True); sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program, tmp_path / "lettre.xml"], check=False).returncode == 0


def test_several_documents_are_told_in_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(MINIMAL)
    assert validate([tmp_path], own=True, language="en") == 1
    told = capsys.readouterr().out
    assert " a.xml " in told
    assert "0 / 2 conform" in told


def test_a_conformant_document_gives_code_0(shared: Path) -> None:
    assert validate([shared / "examples" / "cda" / "VSM_1.4_2022.01.xml"], own=True) == 0


def test_a_folder_is_judged_on_all_cores_and_written_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        (tmp_path / f"{number}.xml").write_text(MINIMAL if number else "rien")
    assert validate([tmp_path], json=True) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["code"] for row in rows] == ["XMLMalformed", None, None, None, None]
    assert rows[1]["verdict"]["document_type"] == "LDL-SES"


def test_svrl_reports_go_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "lettre.xml").write_text(MINIMAL)
    validate([tmp_path / "lettre.xml"], svrl=True, output=tmp_path / "rapports")
    assert etree.parse(tmp_path / "rapports" / "lettre.xml.svrl").getroot().tag.endswith("schematron-output")


def test_nothing_to_validate_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        validate([tmp_path])
    with pytest.raises(NotFound):
        validate([tmp_path / "absent.xml"])


def test_a_kit_is_installed_and_its_state_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(json=True) == 1
    assert capsys.readouterr().out == "null\n"
    assert install(write_kit(tmp_path / "kit"), json=True) == 0
    installed = json.loads(capsys.readouterr().out)
    assert status(json=True) == 0
    assert json.loads(capsys.readouterr().out) == installed
    (tmp_path / "lettre.xml").write_text(MINIMAL)
    validate([tmp_path / "lettre.xml"], json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert "ans:LDL-SES_2022.01" in {rules["identifier"] for rules in row["verdict"]["rule_sets"]}


def test_the_documents_of_an_xdm_archive_are_judged(
    tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from socle.standards.cda.metadata import document_entry_of, submission_for
    from socle.standards.xdm.package import write_xdm
    from socle.standards.xdm.readable import Sender

    content = (shared / "examples" / "cda" / "VSM_1.4_2022.01.xml").read_bytes()
    entry = document_entry_of(content)
    wrong = msgspec.structs.replace(entry, title="Un autre titre")
    for described, differs in ((entry, False), (wrong, True)):
        submission = submission_for(
            [(described, content)],
            author=entry.authors[0],
            source_id="1.2.250.1.999.1",
            unique_id="1.2.250.1.999.1.1",
            submission_time="20260302081500",
        )
        (tmp_path / "envoi.zip").write_bytes(write_xdm((submission,), Sender(name="Cabinet")))
        validate([tmp_path / "envoi.zip"], json=True)
        (row,) = json.loads(capsys.readouterr().out)
        assert any(found["layer"] == "metadata" for found in row["verdict"]["findings"]) is differs
    assert row["file"].startswith(f"{(tmp_path / 'envoi.zip').as_posix()}!")
    assert row["verdict"]["document_type"] == "VSM"
