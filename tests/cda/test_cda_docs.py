"""The reference page says what the code does."""

from __future__ import annotations

from pathlib import Path

from socle.standards.cda.build.frame import DOCUMENT_MODELS
from socle.standards.cda.metadata import RULES

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cda.md"


def test_every_metadata_rule_is_in_the_reference_with_its_code_and_severity() -> None:
    text = _PAGE.read_text("utf-8")
    for rule in RULES:
        assert f"| `{rule.attribute}` | {rule.severity.value} | `{rule.code}` |" in text


def test_every_document_that_can_be_built_is_in_the_reference() -> None:
    text = _PAGE.read_text("utf-8")
    for name in DOCUMENT_MODELS:
        assert f"| {name}" in text
