"""Our own rules: every line compiles, official examples pass, what is broken is found and explained."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from cda_samples import MINIMAL
from mutator import mutate

from socle.services.conformance.domain import Layer, Severity, Verdict, document_types
from socle.services.conformance.judgement import judge
from socle.services.conformance.notation import NotationError, constraint, context
from socle.services.conformance.packs import OwnRules, _documents, own_rules, value_sets

TODAY = date(2026, 3, 2)
#: Faults of the examples themselves, by file and requirement; each is also found by the official kit.
KNOWN = {
    "01_Modèles_contenus_CDA.xml",  # a showcase under a template that is not its own
    "BIO-CR-BIO_2024.01_TSH_1.xml",  # dated 2021: judged by the model of 2021
    "eDISP-MED_2024.01.xml",  # family name qualified SP
    "TLM-DA_2022.01_TCG.xml",  # profession codes that are not in J01
    "TLM-DA_2022.01_TCG_anamnèse-non-structurée.xml",
}


def verdict_on(content: bytes) -> Verdict:
    return judge(content, own_rules(), TODAY)


@pytest.mark.parametrize("rule_set", ["header", "ihe", "french", "ans", *sorted(_documents())])
def test_every_rule_of_ours_is_compiled_whole(rule_set: str) -> None:
    plan = own_rules().plan(rule_set)
    assert plan is not None
    assert plan.uncovered == []
    assert len(plan.checks) > 0


def test_every_document_model_of_ours_belongs_to_a_known_type() -> None:
    known = {f"{kind.name}_{version}" for kind in document_types().values() for version in kind.versions}
    assert set(_documents()) <= known


def test_every_value_set_that_rules_name_is_there() -> None:
    for rule_set in ["header", "french", *_documents()]:
        plan = own_rules().plan(rule_set)
        assert plan is not None
        assert plan.gather() == []
    assert len(value_sets()) > 250


def test_official_examples_have_no_error_but_the_known_ones(shared: Path) -> None:
    wrong = {}
    for path in sorted((shared / "examples" / "cda").glob("*.xml")):
        errors = [finding for finding in verdict_on(path.read_bytes()).findings if finding.severity is Severity.ERROR]
        if errors:
            wrong[path.name] = errors[0].message.fr
    assert set(wrong) == KNOWN


@pytest.mark.parametrize(
    ("before", "after", "requirement", "expected"),
    [
        ('code="FR"', 'code="BE"', "H-001", "exactement 1 realmCode=FR"),
        ('qualifier="BR"', 'qualifier="XX"', "H-036", ""),
        ("<section>", "<section nullFlavor='NI'>", "", ""),
    ],
)
def test_a_broken_header_is_found(shared: Path, before: str, after: str, requirement: str, expected: str) -> None:
    source = (shared / "examples" / "cda" / "LDL-SES_2022.01.xml").read_text("utf-8")
    found = verdict_on(source.replace(before, after).encode()).findings
    named = [finding for finding in found if finding.requirement.startswith(requirement + "/")]
    if requirement:
        assert named
        assert named[0].layer is Layer.HEADER
        assert named[0].line > 0
        assert expected in named[0].expected.fr


def test_a_missing_section_is_found_by_the_rules_of_the_document_type() -> None:
    found = [finding for finding in verdict_on(MINIMAL.encode()).findings if finding.layer is Layer.DOCUMENT]
    assert {"le modèle FRS.35.1 en dessous", "le modèle PCC.3.22 en dessous"} <= {one.expected.fr for one in found}
    assert {"template FRS.35.1 below", "template PCC.3.22 below"} <= {one.expected.en for one in found}


def test_a_code_outside_its_value_set_names_the_set() -> None:
    document = MINIMAL.replace('code="11490-0"', 'code="11490-9"')
    messages = [finding.message.fr for finding in verdict_on(document.encode()).findings]
    assert (
        "11490-9 (2.16.840.1.113883.6.1) n'est pas dans le jeu de valeurs J07_XdsTypeCode (1.2.250.1.213.1.1.5.471)."
        in messages
    )


@pytest.mark.parametrize(
    ("extension", "written", "version"),
    [("2024.01", "2021", "2024.01"), ("", "2021", "2021.01"), ("", "2030", "2024.01"), ("", "1999", "2021.01")],
)
def test_a_document_is_judged_by_the_version_in_force_on_its_date(extension: str, written: str, version: str) -> None:
    document = (
        MINIMAL.replace(
            'root="1.2.250.1.213.1.1.1.29" extension="2022.01"',
            f'root="1.2.250.1.213.1.1.1.55" extension="{extension}"',
        )
        .replace("11490-0", "11502-2")
        .replace("20240405", f"{written}0405")
    )
    verdict = verdict_on(document.encode())
    assert (verdict.document_type, verdict.document_version) == ("BIO-CR-BIO", version)


def test_mutants_are_judged_and_most_are_found(shared: Path) -> None:
    source = (shared / "examples" / "cda" / "VSM_1.4_2022.01.xml").read_bytes()
    before = len(verdict_on(source).findings)
    found = sum(len(verdict_on(mutate(source, seed, 12)).findings) > before for seed in range(15))
    assert found > 9


@pytest.mark.parametrize("text", ["", "count(id)#1", "[", "a=b=c d", "<>"])
def test_what_is_not_the_notation_is_refused(text: str) -> None:
    with pytest.raises((NotationError, ValueError)):
        constraint(text)


def test_a_context_is_a_match_pattern() -> None:
    assert context("CDOC/RT") == "h:ClinicalDocument/h:recordTarget/h:patientRole"


def test_plans_kept_on_disk_give_the_same_findings_and_words(tmp_path: Path) -> None:
    first = judge(MINIMAL.encode(), OwnRules(tmp_path), TODAY)
    again = judge(MINIMAL.encode(), OwnRules(tmp_path), TODAY)
    assert list(tmp_path.glob("*/*.plan"))
    assert again.findings == first.findings


@pytest.mark.parametrize(
    ("template", "code", "model"), [("30", "34133-9", "SDM-MR_2022.01"), ("55", "11502-2", "BIO-CR-BIO_2023.01")]
)
def test_a_version_between_two_others_has_rules_of_ours(template: str, code: str, model: str) -> None:
    version = model.rpartition("_")[2]
    document = MINIMAL.replace(
        'root="1.2.250.1.213.1.1.1.29" extension="2022.01"',
        f'root="1.2.250.1.213.1.1.1.{template}" extension="{version}"',
    ).replace("11490-0", code)
    verdict = verdict_on(document.encode())
    assert f"socle:{model}" in {rules.identifier for rules in verdict.rule_sets}
    assert any(one.requirement.startswith(model) for one in verdict.findings)
