"""An official kit dropped in: what it finds, what in it is broken, what a hostile one does."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import pytest
from cda_samples import MINIMAL, write_kit

from socle.services.conformance.domain import Layer, Severity
from socle.services.conformance.judgement import judge
from socle.services.conformance.kit import install_kit, installed_kit
from socle.standards.errors import SocleError, Unavailable

TODAY = date(2026, 3, 2)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    install_kit(write_kit(tmp_path / "kit"), tmp_path / "store")
    return tmp_path / "store"


def findings_on(store: Path, document: str) -> list[tuple[str, str, str, str]]:
    kit = installed_kit(store)
    assert kit is not None
    verdict = judge(document.encode(), kit, TODAY)
    return [
        (finding.layer.value, finding.severity.value, finding.requirement, finding.message.fr)
        for finding in verdict.findings
    ]


def test_findings_are_those_of_the_rules_in_the_kit(store: Path) -> None:
    assert findings_on(store, MINIMAL) == [("document", "error", "entete", "sans setId")]


def test_a_message_holds_the_values_of_the_document(store: Path) -> None:
    broken = MINIMAL.replace('code="42349-1"', 'code="99999-9"')
    assert ("ihe", "error", "S_reason", "Le code 99999-9 est faux.") in findings_on(store, broken)


def test_a_code_outside_its_value_set_is_found_with_the_severity_of_the_rule(store: Path) -> None:
    broken = MINIMAL.replace('code="11490-0"', 'code="00000-0"')
    assert ("document", "warning", "code", "hors du jeu") in findings_on(store, broken)


def test_every_finding_names_place_line_and_column(store: Path) -> None:
    kit = installed_kit(store)
    assert kit is not None
    (finding,) = judge(MINIMAL.encode(), kit, TODAY).findings
    assert (finding.location, finding.line, finding.column) == ("/ClinicalDocument", 2, 1)
    assert (finding.rule_set, finding.version) == ("ans:LDL-SES_2022.01", "2022.01")


def test_the_defects_of_the_kit_are_reported(tmp_path: Path) -> None:
    report = install_kit(write_kit(tmp_path / "kit"), tmp_path / "store")
    assert {(defect.code, defect.where.rpartition("/")[2]) for defect in report.defects} >= {
        ("NameCase", "IHE.sch"),
        ("IncludeMissing", "IHE.sch"),
        ("PatternMissing", "IHE.sch"),
        ("ValueSetMissing", "CI-SIS_LDL-SES_2022.01.sch"),
        ("RuleShadowed", "CI-SIS_LDL-SES_2022.01.sch"),
        ("LayerMissing", "asip-struct-min-strucmin.sch"),
        ("SchemaMissing", "cda_extended.xsd"),
    }


def test_a_zip_gives_the_same_kit_as_its_directory(tmp_path: Path) -> None:
    kit = write_kit(tmp_path / "kit")
    with zipfile.ZipFile(tmp_path / "kit.zip", "w") as archive:
        for path in kit.rglob("*"):
            archive.write(path, f"TestContenuCDA/{path.relative_to(kit)}")
    from_folder = install_kit(kit, tmp_path / "one")
    from_zip = install_kit(tmp_path / "kit.zip", tmp_path / "two")
    assert (from_zip.rules, from_zip.checks) == (from_folder.rules, from_folder.checks)


def test_a_new_kit_replaces_the_one_before(store: Path, tmp_path: Path) -> None:
    other = write_kit(tmp_path / "other")
    (other / "schematrons" / "CI-SIS_LDL-SES_2022.01.sch").unlink()
    install_kit(other, store)
    kit = installed_kit(store)
    assert kit is not None
    assert kit.report.documents == {}
    assert [path.name for path in store.iterdir() if path.is_dir()] == [kit.report.digest[:24]]


def test_a_rule_set_that_is_not_xml_is_a_defect_and_no_crash(tmp_path: Path) -> None:
    kit = write_kit(tmp_path / "kit")
    (kit / "schematrons" / "CI-SIS_VAC_2023.01.sch").write_text("<schema")
    report = install_kit(kit, tmp_path / "store")
    assert "RuleSetUnreadable" in {defect.code for defect in report.defects}


def test_a_rule_that_cannot_be_compiled_is_listed_in_every_verdict(tmp_path: Path) -> None:
    kit = write_kit(tmp_path / "kit")
    path = kit / "schematrons" / "include" / "S_reason.sch"
    path.write_text(path.read_text().replace("cda:code[@code='42349-1']", "saxon:line-number(.)"))
    report = install_kit(kit, tmp_path / "store")
    installed = installed_kit(tmp_path / "store")
    assert installed is not None
    verdict = judge(MINIMAL.encode(), installed, TODAY)
    assert [one.rule for one in report.uncovered] == ["saxon:line-number(.)"]
    assert [(one.layer, one.rule) for one in verdict.uncovered] == [(Layer.IHE, "saxon:line-number(.)")]


def test_a_version_of_a_model_that_the_kit_lacks_is_told(store: Path) -> None:
    kit = installed_kit(store)
    assert kit is not None
    other = MINIMAL.replace("1.2.250.1.213.1.1.1.29", "1.2.250.1.213.1.1.1.37").replace("11490-0", "11369-6")
    verdict = judge(other.encode(), kit, TODAY)
    assert [one.rule for one in verdict.uncovered] == ["VAC_2023.01"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nothing", b"<schema/>"])
def test_what_is_no_kit_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(SocleError) as refusal:
        install_kit(tmp_path / "file", tmp_path / "store")
    assert refusal.value.code == "NotAKit"


def test_an_empty_directory_is_no_kit(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SocleError):
        install_kit(tmp_path / "empty", tmp_path / "store")
    assert installed_kit(tmp_path / "store") is None


def test_an_archive_that_climbs_out_of_its_directory_writes_nothing_outside(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "kit.zip", "w") as archive:
        archive.writestr("../../evil.sch", "<schema/>")
        archive.writestr("IHE.sch", '<schema xmlns="http://purl.oclc.org/dsdl/schematron"/>')
    install_kit(tmp_path / "kit.zip", tmp_path / "deep" / "store")
    assert not (tmp_path.parent / "evil.sch").exists()
    assert not (tmp_path / "evil.sch").exists()


def test_a_damaged_store_is_refused_and_other_rules_do_not_judge_instead(store: Path) -> None:
    next(store.glob("*/manifest.json")).write_text("{")
    with pytest.raises(Unavailable) as refused:
        installed_kit(store)
    assert refused.value.code == "KitStale"


def test_a_report_that_holds_is_a_finding_of_severity_error(store: Path) -> None:
    kit = installed_kit(store)
    assert kit is not None
    (finding,) = judge(MINIMAL.encode(), kit, TODAY).findings
    assert (finding.is_report, finding.severity, finding.expected.fr) == (True, Severity.ERROR, "not not(cda:setId)")
