"""What the base writes is valid for readers of FHIR R4 that are not ours."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from fhirclient.models.bundle import Bundle as OracleBundle
from fhirclient.models.capabilitystatement import CapabilityStatement as OracleStatement
from fhirclient.models.operationoutcome import OperationOutcome as OracleOutcome
from hypothesis import given, settings

from socle.services.dmp.fhir_capability import statement_of
from socle.standards.errors import NotFound, Text
from socle.standards.fhir.json_codec import encode_json
from socle.standards.fhir.outcome import outcome_of
from socle.standards.fhir.pdsm.bundles import bundle_of
from socle.standards.xds.model import Submission


def beside(name: str) -> ModuleType:
    """Another test module of this folder, for its strategies."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pdsm = beside("test_fhir_pdsm")
OLD = {"urn:uuid:00000000-0000-4000-8000-0000000000aa": "DocumentReference/old"}


@settings(max_examples=30, deadline=None)
@given(pdsm.submissions())
def test_a_submission_is_read_and_written_alike_by_another_model(submission: Submission) -> None:
    written = json.loads(encode_json(bundle_of(submission, OLD)))
    assert OracleBundle(written, strict=True).as_json() == written


def test_statements_and_outcomes_are_valid_for_another_model() -> None:
    statement = json.loads(encode_json(statement_of("https://exemple.fr/dmp/fhir", "2026-03-02", 1024)))
    assert OracleStatement(statement, strict=True).as_json() == statement
    outcome = json.loads(encode_json(outcome_of(NotFound("FHIRNotFound", Text("Inconnu.", "Unknown.")))))
    assert OracleOutcome(outcome, strict=True).as_json()["issue"][0]["code"] == "not-found"


SCRIPT = """
const {Fhir} = require('fhir/fhir');
const fhir = new Fhir();
for (const line of require('fs').readFileSync(0, 'utf8').split('\\n').filter(Boolean)) {
  const found = fhir.validate(JSON.parse(line), {errorOnUnexpected: true}).messages;
  for (const one of found.filter(one => ['error', 'fatal'].includes(one.severity))) console.log(JSON.stringify(one));
}
"""


def test_submissions_are_valid_for_a_validator_that_is_not_ours() -> None:
    """``npm install fhir`` in the folder that ``SOCLE_FHIR_ORACLE`` names."""
    folder = os.environ.get("SOCLE_FHIR_ORACLE", "")
    if not folder or shutil.which("node") is None:
        pytest.skip("SOCLE_FHIR_ORACLE names no folder with the npm package fhir, or node is missing")
    lines: list[bytes] = [encode_json(statement_of("https://exemple.fr/dmp/fhir", "2026-03-02", 1024))]

    @settings(max_examples=100, deadline=None, database=None)
    @given(pdsm.submissions())
    def write(submission: Submission) -> None:
        lines.append(encode_json(bundle_of(submission, OLD)))

    write()
    judged = subprocess.run(
        ["node", "-e", SCRIPT], input=b"\n".join(lines), cwd=folder, capture_output=True, check=True
    )
    assert judged.stdout.decode() == ""
